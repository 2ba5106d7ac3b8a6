/*
 * tls: what we ask of OpenSSL, both ends: TLS 1.3 at least, whole chains, names verified.
 *
 * Threads: any, one object at a time.
 */
#ifndef CHAT_TRANSPORT_TLS_H
#define CHAT_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include <libchat/log.h>
#include <libchat/status.h>

#define TLS_PINS_MAX 16u
#define TLS_PIN_BYTES 32u /* SHA-256 */

/* Whom to believe when dialing. Of both kinds of authorities all are trusted; of neither the
 * system's are. */
struct tls_trust {
    const char *ca_file; /* PEM; NULL: none */
    const void *ca_pem;  /* the same as bytes; NULL: none */
    size_t ca_pem_len;
};

/* Hashes of public keys, one of which the peer's must have, beside a chain that is good. */
struct tls_pins {
    uint8_t hashes[TLS_PINS_MAX][TLS_PIN_BYTES];
    size_t count; /* 0: any key will do */
};

/*
 * For dialing. The caller frees it with SSL_CTX_free().
 * Errors: CHAT_E_AUTH (nothing usable in a file or in bytes that were given), CHAT_E_NOMEM.
 */
chat_status tls_client_new(const struct tls_trust *trust, const struct chat_logger *logger,
                           SSL_CTX **out_ctx);

/* "sha256//BASE64;sha256//BASE64", as curl has it; NULL is none. False: it is not that. */
bool tls_pins_parse(const char *text, struct tls_pins *out_pins);

/* Is the key of the peer's own certificate among them? */
bool tls_pins_match(const struct tls_pins *pins, X509_STORE_CTX *store);

/* Loads certificate chain and key into a server's context; it may be in use, connections
 * made later get the new ones.
 * Errors: CHAT_E_AUTH, said to the logger with file and cause; the old ones stay then. */
chat_status tls_server_load(SSL_CTX *ctx, const char *cert_file, const char *key_file,
                            const struct chat_logger *logger);

/* Says which name the peer should answer to: SNI for names, nothing for addresses. */
void tls_client_set_name(SSL *ssl, const char *host);

/* Verifies the peer's chain, and that it was issued to `host`, a name or an address. */
bool tls_client_verify(X509_STORE_CTX *store, const char *host);

#endif
