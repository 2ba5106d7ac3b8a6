#include "transport/tls.h"

#include <arpa/inet.h>
#include <limits.h>
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

/* OpenSSL would ask the terminal, and wait for somebody to answer. */
static int no_password(char *out, int size, int writing, void *user)
{
    (void)out, (void)size, (void)writing, (void)user;
    return -1;
}

static void set_common(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need none */
}

/* Every certificate of the bytes; false when there is none, or one that cannot be read. */
static bool trust_pem(SSL_CTX *ctx, const void *pem, size_t len)
{
    BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    X509 *cert;
    int count = 0;
    bool good = bio != NULL;

    while (good && (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
        good = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1;
        X509_free(cert);
        count++;
    }
    /* It ends with "no start line", also when all before it was fine. */
    if (good && count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        ERR_clear_error();
    else
        good = false;
    BIO_free(bio);
    return good;
}

static const char *trust(SSL_CTX *ctx, const struct tls_trust *wanted)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (wanted->ca_file && !SSL_CTX_load_verify_file(ctx, wanted->ca_file))
        return wanted->ca_file;
    if (wanted->ca_pem && !trust_pem(ctx, wanted->ca_pem, wanted->ca_pem_len))
        return "ca_pem";
    if (!wanted->ca_file && !wanted->ca_pem && !SSL_CTX_set_default_verify_paths(ctx))
        return "the system's store";
    return NULL;
}

chat_status tls_client_new(const struct tls_trust *wanted, const struct chat_logger *logger,
                           SSL_CTX **out_ctx)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    const char *bad;

    if (!ctx)
        return CHAT_E_NOMEM;
    set_common(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    bad = trust(ctx, wanted);
    if (bad) {
        log_write(logger, CHAT_LOG_ERROR, LOG, "%s: no usable certificate authorities: %s", bad,
                  first_cause());
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return CHAT_E_AUTH;
    }
    *out_ctx = ctx;
    return CHAT_OK;
}

/* ---- pins ---- */

#define PIN_PREFIX "sha256//"
#define PIN_TEXT 44u /* 32 bytes in base64 */

static bool read_pin(const char *text, uint8_t out_hash[TLS_PIN_BYTES])
{
    uint8_t bytes[TLS_PIN_BYTES + 1]; /* OpenSSL counts the padding in */

    if (text[PIN_TEXT - 1] != '=' || text[PIN_TEXT - 2] == '=' ||
        EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)PIN_TEXT) != (int)sizeof(bytes))
        return false;
    memcpy(out_hash, bytes, TLS_PIN_BYTES);
    return true;
}

bool tls_pins_parse(const char *text, struct tls_pins *out_pins)
{
    out_pins->count = 0;
    if (!text)
        return true;
    for (;;) {
        size_t len = strcspn(text, ";");

        if (out_pins->count == TLS_PINS_MAX || len != strlen(PIN_PREFIX) + PIN_TEXT ||
            strncmp(text, PIN_PREFIX, strlen(PIN_PREFIX)) != 0 ||
            !read_pin(text + strlen(PIN_PREFIX), out_pins->hashes[out_pins->count]))
            return false;
        out_pins->count++;
        if (!text[len])
            return true;
        text += len + 1;
    }
}

bool tls_pins_match(const struct tls_pins *pins, X509_STORE_CTX *store)
{
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    unsigned char *der = NULL;
    uint8_t hash[TLS_PIN_BYTES];
    unsigned int hash_len = 0;
    bool found = false;
    int len;

    if (pins->count == 0)
        return true;
    len = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : -1;
    if (len > 0 && EVP_Digest(der, (size_t)len, hash, &hash_len, EVP_sha256(), NULL) == 1 &&
        hash_len == sizeof(hash))
        for (size_t i = 0; i < pins->count; i++)
            found = found || memcmp(pins->hashes[i], hash, sizeof(hash)) == 0;
    OPENSSL_free(der);
    return found;
}

static bool load(SSL_CTX *ctx, const char *cert_file, const char *key_file,
                 const struct chat_logger *logger)
{
    const char *file = cert_file;

    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
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
