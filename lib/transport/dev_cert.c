#include "transport/dev_cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define LOG "cert"
#define FILE_NAME_MAX 4096u
#define ALT_NAMES_MAX 4352u /* 16 names of at most 253 bytes, with "DNS:" and commas */
#define DAYS_DEFAULT 365
#define SECONDS_OF_DAY 86400L

struct pair {
    EVP_PKEY *key;
    X509 *cert;
};

static void pair_fini(struct pair *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->cert);
}

static bool file_name(const struct dev_cert_config *c, const char *name, char *out_path)
{
    int len = snprintf(out_path, FILE_NAME_MAX, "%s/%s", c->folder, name);
    return len > 0 && (size_t)len < FILE_NAME_MAX;
}

/* ---- files ---- */

static chat_status io_failed(const struct dev_cert_config *c, const char *path)
{
    log_write(c->logger, CHAT_LOG_ERROR, LOG, "%s: %s", path, strerror(errno));
    return CHAT_E_IO;
}

/* Beside the old one, then in its place: nobody reads half a file. */
static chat_status write_pem(const struct dev_cert_config *c, const char *name,
                             const struct pair *p, bool key)
{
    char path[FILE_NAME_MAX], fresh[FILE_NAME_MAX + 8];
    FILE *file = NULL;
    bool good = false;
    int fd;

    if (!file_name(c, name, path))
        return CHAT_E_INVALID;
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    (void)unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, key ? 0600 : 0644);
    if (fd >= 0)
        file = fdopen(fd, "w");
    if (!file) {
        if (fd >= 0)
            (void)close(fd);
        return io_failed(c, fresh);
    }
    good = key ? PEM_write_PrivateKey(file, p->key, NULL, NULL, 0, NULL, NULL) == 1
               : PEM_write_X509(file, p->cert) == 1;
    good = fclose(file) == 0 && good;
    if (good && rename(fresh, path) == 0)
        return CHAT_OK;
    (void)unlink(fresh);
    return io_failed(c, path);
}

static chat_status read_pair(const struct dev_cert_config *c, struct pair *out_pair,
                             bool *out_found)
{
    char cert_path[FILE_NAME_MAX], key_path[FILE_NAME_MAX];
    FILE *cert, *key;

    *out_found = false;
    if (!file_name(c, "ca.pem", cert_path) || !file_name(c, "ca-key.pem", key_path))
        return CHAT_E_INVALID;
    cert = fopen(cert_path, "re");
    key = fopen(key_path, "re");
    if (cert && key) {
        *out_found = true;
        out_pair->cert = PEM_read_X509(cert, NULL, NULL, NULL);
        out_pair->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
    }
    if (cert)
        (void)fclose(cert);
    if (key)
        (void)fclose(key);
    if (*out_found && (!out_pair->cert || !out_pair->key ||
                       X509_check_private_key(out_pair->cert, out_pair->key) != 1)) {
        log_write(c->logger, CHAT_LOG_ERROR, LOG, "%s and %s are no pair of certificate and key",
                  cert_path, key_path);
        ERR_clear_error();
        return CHAT_E_CORRUPT;
    }
    return CHAT_OK;
}

/* ---- certificates ---- */

static bool add_extension(X509 *cert, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool good;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    good = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool set_serial(X509 *cert)
{
    unsigned char bytes[16];
    BIGNUM *number;
    bool good;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[0] &= 0x7f; /* a positive number */
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return good;
}

/* A certificate with everything but extensions and signature. */
static bool begin(struct pair *p, const char *common_name, X509 *issuer, int days)
{
    X509_NAME *name;

    p->key = EVP_EC_gen("P-256");
    p->cert = X509_new();
    if (!p->key || !p->cert || X509_set_version(p->cert, X509_VERSION_3) != 1 ||
        !set_serial(p->cert) || X509_set_pubkey(p->cert, p->key) != 1 ||
        !X509_gmtime_adj(X509_getm_notBefore(p->cert), -3600) ||
        !X509_gmtime_adj(X509_getm_notAfter(p->cert), (long)days * SECONDS_OF_DAY))
        return false;
    name = X509_get_subject_name(p->cert);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1 &&
           X509_set_issuer_name(p->cert, X509_get_subject_name(issuer ? issuer : p->cert)) == 1;
}

static bool make_authority(struct pair *ca, int days)
{
    return begin(ca, "libchat development authority", NULL, days) &&
           add_extension(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(ca->cert, ca->cert, NID_subject_key_identifier, "hash") &&
           X509_sign(ca->cert, ca->key, EVP_sha256()) > 0;
}

static bool make_server(struct pair *server, const struct pair *ca, const char *alt_names, int days)
{
    return begin(server, "libchat development server", ca->cert, days) &&
           add_extension(server->cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(server->cert, ca->cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(server->cert, ca->cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(server->cert, ca->cert, NID_authority_key_identifier, "keyid") &&
           add_extension(server->cert, ca->cert, NID_subject_alt_name, alt_names) &&
           X509_sign(server->cert, ca->key, EVP_sha256()) > 0;
}

static bool is_address(const char *name)
{
    struct in6_addr any;
    return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

/* The extension's own little language: only what cannot end a name may be in one. */
static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._*";
    size_t len = strlen(name);

    return len > 0 && len <= 253 && strspn(name, allowed) == len;
}

static chat_status alt_names_of(const struct dev_cert_config *c, char out_text[ALT_NAMES_MAX])
{
    static const char *const usual[] = {"localhost", "127.0.0.1", "::1"};
    const char *const *names = c->name_count ? c->names : usual;
    size_t count = c->name_count ? c->name_count : 3, at = 0;

    if (count > DEV_CERT_NAMES_MAX)
        return CHAT_E_INVALID;
    for (size_t i = 0; i < count; i++) {
        bool address = is_address(names[i]);

        if (!address && !is_name(names[i])) {
            log_write(c->logger, CHAT_LOG_ERROR, LOG, "\"%s\" is neither a DNS name nor an address",
                      names[i]);
            return CHAT_E_INVALID;
        }
        at += (size_t)snprintf(out_text + at, ALT_NAMES_MAX - at, "%s%s:%s", i ? "," : "",
                               address ? "IP" : "DNS", names[i]);
    }
    return CHAT_OK;
}

static chat_status write_all(const struct dev_cert_config *c, const struct pair *ca, bool ca_found,
                             const struct pair *server)
{
    chat_status status = CHAT_OK;

    if (!ca_found)
        status = write_pem(c, "ca-key.pem", ca, true);
    if (status == CHAT_OK && !ca_found)
        status = write_pem(c, "ca.pem", ca, false);
    if (status == CHAT_OK)
        status = write_pem(c, "key.pem", server, true);
    if (status == CHAT_OK)
        status = write_pem(c, "cert.pem", server, false);
    return status;
}

chat_status dev_cert_make(const struct dev_cert_config *c)
{
    int days = c->days > 0 ? c->days : DAYS_DEFAULT;
    struct pair ca = {0}, server = {0};
    char alt_names[ALT_NAMES_MAX];
    bool ca_found = false;
    chat_status status = alt_names_of(c, alt_names);

    if (status == CHAT_OK)
        status = read_pair(c, &ca, &ca_found);
    if (status == CHAT_OK && ((!ca_found && !make_authority(&ca, days)) ||
                              !make_server(&server, &ca, alt_names, days))) {
        log_write(c->logger, CHAT_LOG_ERROR, LOG, "cannot make a certificate: %s",
                  ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
        status = CHAT_E_NOMEM;
    }
    if (status == CHAT_OK)
        status = write_all(c, &ca, ca_found, &server);
    pair_fini(&ca);
    pair_fini(&server);
    return status;
}
