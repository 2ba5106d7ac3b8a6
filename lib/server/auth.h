/*
 * auth: says who a JWT (RFC 7519, JWS compact form) speaks for. Pure: no file, no clock.
 *
 * Algorithms: HS256, RS256, ES256 (P-256), EdDSA (Ed25519), through OpenSSL's EVP. A key
 * belongs to one issuer and has one algorithm; the token's header must name that one and
 * never chooses it. A `kid` is looked up among the keys of the token's issuer only.
 *
 * Required of a token: iss (known), aud (the issuer's audience, as text or in a list), exp
 * and sub. nbf is kept when there. exp and nbf have a leeway of 60 s; iat is told, not
 * judged. `crit`, repeated names, padding, and anything but the three segments are refused.
 *
 * Threads: auth_verify() may be called from several at once while no key is added.
 */
#ifndef CHAT_SERVER_AUTH_H
#define CHAT_SERVER_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/limits.h>
#include <libchat/status.h>

#define AUTH_ISSUERS_MAX 64u
#define AUTH_KEYS_MAX 64u         /* of one issuer */
#define AUTH_KEY_FILE_MAX 262144u /* bytes of a PEM, secret or JWKS file */
#define AUTH_KID_MAX 256u         /* bytes */
#define AUTH_LEEWAY_S 60          /* for clocks that differ */
#define AUTH_SECRET_MIN 32u       /* bytes of an HS256 secret */
#define AUTH_SECRET_MAX 1024u
#define AUTH_RSA_BITS_MIN 2048
#define AUTH_RSA_BITS_MAX 8192
#define AUTH_JSON_DEPTH_MAX 16u

enum auth_algorithm { AUTH_HS256, AUTH_RS256, AUTH_ES256, AUTH_EDDSA };

enum auth_key_format {
    AUTH_KEYS_PEM,           /* one public key (SPKI) or X.509 certificate */
    AUTH_KEYS_SECRET,        /* HS256: the bytes of the file, one newline at the end cut off */
    AUTH_KEYS_SECRET_BYTES,  /* HS256: the bytes, all of them: not from a file */
    AUTH_KEYS_SECRET_BASE64, /* HS256: base64 or base64url of the bytes */
    AUTH_KEYS_JWKS,          /* RFC 7517; keys for other uses and algorithms are left out */
};

struct auth;

/* Errors: CHAT_E_NOMEM. */
chat_status auth_new(const struct chat_allocator *allocator, struct auth **out_auth);
void auth_free(struct auth *auth); /* wipes the secrets; NULL is fine */

/*
 * Declares an issuer. `audience` is what its tokens must carry in aud.
 * Errors: CHAT_E_INVALID (empty, too long), CHAT_E_CONFLICT (declared before),
 *         CHAT_E_FULL, CHAT_E_NOMEM.
 */
chat_status auth_add_issuer(struct auth *auth, const char *issuer, const char *audience);

/*
 * Adds the keys of a key file, as bytes, to a declared issuer. All or nothing. A key from a
 * JWKS has its kid; another has none and is tried for any token of its issuer.
 * Errors: CHAT_E_NOT_FOUND (issuer), CHAT_E_INVALID (what *out_reason says: malformed, too
 *         short, a private key, no usable key), CHAT_E_FULL, CHAT_E_TOO_LARGE, CHAT_E_NOMEM.
 */
chat_status auth_add_keys(struct auth *auth, const char *issuer, enum auth_key_format format,
                          const uint8_t *bytes, size_t bytes_len, const char **out_reason);
/* Drops the keys of an issuer, before a reload. */
void auth_clear_keys(struct auth *auth, const char *issuer);
uint32_t auth_key_count(const struct auth *auth, const char *issuer);

struct token_claims {
    char issuer[CHAT_SUBJECT_MAX + 1];
    char subject[CHAT_SUBJECT_MAX + 1];
    char name[CHAT_NAME_MAX + 1]; /* empty when absent; cut at a character */
    int64_t expires_at_ms;        /* wall; the leeway is not in it */
    int64_t issued_at_ms;         /* 0: it does not say */
};

/*
 * Verifies `token`, not NUL-terminated.
 * Errors: CHAT_E_EXPIRED (all else is in order), CHAT_E_AUTH, CHAT_E_TOO_LARGE (past
 *         CHAT_TOKEN_MAX), CHAT_E_NOMEM. *out_reason is set on each: a constant such as
 *         "audience", for logs and the problem's detail; it tells no secret.
 */
chat_status auth_verify(const struct auth *auth, const char *token, size_t token_len,
                        int64_t wall_ms, struct token_claims *out_claims, const char **out_reason);

/* What auth_mint_hs256() writes. */
struct token_grant {
    const char *issuer, *audience, *subject;
    const char *name; /* NULL: none */
    const char *kid;  /* NULL: none */
    int64_t issued_at_s, expires_at_s;
};

/*
 * Makes a token for development and tests, NUL-terminated, in `out` (CHAT_TOKEN_MAX + 1
 * bytes always suffice). Errors: CHAT_E_INVALID, CHAT_E_TOO_LARGE, CHAT_E_NOMEM.
 */
chat_status auth_mint_hs256(const struct token_grant *grant, const uint8_t *secret,
                            size_t secret_len, char *out, size_t out_size, size_t *out_len);

#endif
