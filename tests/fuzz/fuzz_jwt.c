/*
 * Tokens and key files. The first byte says what follows: a token as a stranger sends it; a
 * header, a newline and a payload, which are signed here so that the claims are reached; or
 * a key file of one of the formats.
 */
#include <string.h>

#include <openssl/hmac.h>

#include "fuzz.h"
#include "server/auth.h"
#include "server/base64.h"

#define ISSUER "https://id.example"
#define NOW_MS INT64_C(1700000000000)

static const uint8_t secret[] = "0123456789abcdef0123456789abcdef";

static struct auth *make_auth(void)
{
    struct auth *auth;
    const char *reason;

    FUZZ_CHECK(auth_new(NULL, &auth) == CHAT_OK);
    FUZZ_CHECK(auth_add_issuer(auth, ISSUER, "chat") == CHAT_OK);
    FUZZ_CHECK(auth_add_keys(auth, ISSUER, AUTH_KEYS_SECRET, secret, 32, &reason) == CHAT_OK);
    return auth;
}

static void verify(const struct auth *auth, const char *token, size_t len, bool is_signed)
{
    struct token_claims claims;
    const char *reason = NULL;
    chat_status status = auth_verify(auth, token, len, NOW_MS, &claims, &reason);

    FUZZ_CHECK(status == CHAT_OK || (reason && reason[0] != '\0'));
    if (status != CHAT_OK)
        return;
    FUZZ_CHECK(is_signed);
    FUZZ_CHECK(strcmp(claims.issuer, ISSUER) == 0);
    FUZZ_CHECK(claims.subject[0] != '\0' && strlen(claims.subject) <= CHAT_SUBJECT_MAX);
    FUZZ_CHECK(strlen(claims.name) <= CHAT_NAME_MAX);
    FUZZ_CHECK(claims.expires_at_ms > NOW_MS - (AUTH_LEEWAY_S + 1) * 1000);
}

static size_t add_part(char *token, size_t len, const void *bytes, size_t bytes_len)
{
    base64url_encode(bytes, bytes_len, token + len);
    return len + BASE64URL_LEN(bytes_len);
}

static void verify_signed(const struct auth *auth, const uint8_t *bytes, size_t len)
{
    const uint8_t *newline = memchr(bytes, '\n', len);
    size_t header_len = newline ? (size_t)(newline - bytes) : 0;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_len;
    char *token;
    size_t at;

    if (!newline)
        return;
    token = malloc(2 * len + 128);
    FUZZ_CHECK(token);
    at = add_part(token, 0, bytes, header_len);
    token[at++] = '.';
    at = add_part(token, at, newline + 1, len - header_len - 1);
    FUZZ_CHECK(HMAC(EVP_sha256(), secret, 32, (const unsigned char *)token, at, mac, &mac_len));
    token[at++] = '.';
    at = add_part(token, at, mac, mac_len);
    verify(auth, token, at, true);
    free(token);
}

static void read_keys(struct auth *auth, enum auth_key_format format, const uint8_t *bytes,
                      size_t len)
{
    const char *reason = NULL;
    chat_status status = auth_add_keys(auth, ISSUER, format, bytes, len, &reason);

    FUZZ_CHECK(status == CHAT_OK || (reason && reason[0] != '\0'));
    FUZZ_CHECK(auth_key_count(auth, ISSUER) == 1 || status == CHAT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct auth *auth;

    if (len == 0)
        return 0;
    auth = make_auth();
    switch (bytes[0] % 6) {
    case 0: verify(auth, (const char *)bytes + 1, len - 1, false); break;
    case 1: verify_signed(auth, bytes + 1, len - 1); break;
    case 2: read_keys(auth, AUTH_KEYS_JWKS, bytes + 1, len - 1); break;
    case 3: read_keys(auth, AUTH_KEYS_PEM, bytes + 1, len - 1); break;
    case 4: read_keys(auth, AUTH_KEYS_SECRET_BASE64, bytes + 1, len - 1); break;
    default: read_keys(auth, AUTH_KEYS_SECRET, bytes + 1, len - 1); break;
    }
    auth_free(auth);
    return 0;
}
