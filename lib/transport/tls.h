/*
 * tls: what we ask of OpenSSL, both ends: TLS 1.3 at least, whole chains, names verified.
 *
 * Threads: any, one object at a time.
 */
#ifndef CHAT_TRANSPORT_TLS_H
#define CHAT_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include <libchat/log.h>
#include <libchat/status.h>

/*
 * For dialing. `ca_file` (PEM) is all that is trusted; NULL: the system's authorities.
 * The caller frees it with SSL_CTX_free().
 * Errors: CHAT_E_AUTH (nothing usable in ca_file), CHAT_E_NOMEM.
 */
chat_status tls_client_new(const char *ca_file, const struct chat_logger *logger,
                           SSL_CTX **out_ctx);

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
