#include "transport/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"

#define LOG "transport"

/* The first error is the cause; those after it say who met it. */
static const char *first_cause(void)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);

    if (ERR_SYSTEM_ERROR(error))
        return strerror(ERR_GET_REASON(error));
    if ((ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) ||
        ERR_GET_LIB(error) == ERR_LIB_OSSL_DECODER)
        return "nothing of the right kind in PEM is there";
    return reason ? reason : "unknown cause";
}

/* It is served all the same: a clock may be wrong. But clients will not take it. */
static void warn_of_dates(const SSL_CTX *ctx, const char *cert_file,
                          const struct chat_logger *logger)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);

    if (!cert)
        return;
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        log_write(logger, CHAT_LOG_WARN, LOG, "%s: the certificate has expired", cert_file);
    else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        log_write(logger, CHAT_LOG_WARN, LOG, "%s: the certificate is not valid yet", cert_file);
}

static bool is_address(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static void set_common(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need none */
}

chat_status tls_client_new(const char *ca_file, const struct chat_logger *logger, SSL_CTX **out_ctx)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx)
        return CHAT_E_NOMEM;
    set_common(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    ERR_clear_error();
    if (ca_file ? !SSL_CTX_load_verify_file(ctx, ca_file)
                : !SSL_CTX_set_default_verify_paths(ctx)) {
        log_write(logger, CHAT_LOG_ERROR, LOG, "%s: no usable certificate authorities: %s",
                  ca_file ? ca_file : "the system's store", first_cause());
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return CHAT_E_AUTH;
    }
    *out_ctx = ctx;
    return CHAT_OK;
}

static bool load(SSL_CTX *ctx, const char *cert_file, const char *key_file,
                 const struct chat_logger *logger)
{
    const char *file = cert_file;

    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) == 1) {
        file = key_file;
        if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_check_private_key(ctx) == 1)
            return true;
    }
    log_write(logger, CHAT_LOG_ERROR, LOG, "%s: %s", file, first_cause());
    ERR_clear_error();
    return false;
}

chat_status tls_server_load(SSL_CTX *ctx, const char *cert_file, const char *key_file,
                            const struct chat_logger *logger)
{
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    bool good;

    if (!trial)
        return CHAT_E_NOMEM;
    /* First beside the one in use: half a pair must not get in. */
    good = load(trial, cert_file, key_file, logger) && load(ctx, cert_file, key_file, logger);
    if (good)
        warn_of_dates(trial, cert_file, logger);
    SSL_CTX_free(trial);
    if (!good)
        return CHAT_E_AUTH;
    set_common(ctx);
    return CHAT_OK;
}

void tls_client_set_name(SSL *ssl, const char *host)
{
    /* OpenSSL copies it, though its type does not say so. */
    (void)SSL_set_tlsext_host_name(ssl, is_address(host) ? NULL : (char *)(uintptr_t)host);
}

bool tls_client_verify(X509_STORE_CTX *store, const char *host)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
    int set;

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (is_address(host)) {
        (void)X509_VERIFY_PARAM_set1_host(param, NULL, 0);
        set = X509_VERIFY_PARAM_set1_ip_asc(param, host);
    } else {
        (void)X509_VERIFY_PARAM_set1_ip(param, NULL, 0);
        set = X509_VERIFY_PARAM_set1_host(param, host, 0);
    }
    return set == 1 && X509_verify_cert(store) > 0 && X509_STORE_CTX_get_error(store) == X509_V_OK;
}
