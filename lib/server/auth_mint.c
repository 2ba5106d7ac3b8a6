/* Tokens for development and tests. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/utf8.h"
#include "server/auth_key.h"
#include "server/base64.h"

/* Appends `json` as base64url; takes it. */
static chat_status append_part(json_t *json, char *out, size_t out_size, size_t *len)
{
    char text[CHAT_TOKEN_MAX];
    size_t text_len = json ? json_dumpb(json, text, sizeof(text), JSON_COMPACT) : 0;

    json_decref(json);
    if (text_len == 0)
        return CHAT_E_NOMEM;
    if (text_len > sizeof(text) || BASE64URL_LEN(text_len) > out_size - *len)
        return CHAT_E_TOO_LARGE;
    base64url_encode((const uint8_t *)text, text_len, out + *len);
    *len += BASE64URL_LEN(text_len);
    return CHAT_OK;
}

static chat_status append_dot(char *out, size_t out_size, size_t *len)
{
    if (*len == out_size)
        return CHAT_E_TOO_LARGE;
    out[(*len)++] = '.';
    return CHAT_OK;
}

static chat_status append_signature(const uint8_t *secret, size_t secret_len, char *out,
                                    size_t out_size, size_t *len)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned int mac_len = 0;
    size_t signed_len = *len;
    chat_status status = append_dot(out, out_size, len);

    if (status != CHAT_OK)
        return status;
    if (!HMAC(EVP_sha256(), secret, (int)secret_len, (const uint8_t *)out, signed_len, mac,
              &mac_len))
        return CHAT_E_NOMEM;
    if (BASE64URL_LEN((size_t)mac_len) >= out_size - *len)
        return CHAT_E_TOO_LARGE;
    base64url_encode(mac, mac_len, out + *len);
    *len += BASE64URL_LEN((size_t)mac_len);
    out[*len] = '\0';
    return CHAT_OK;
}

static bool is_text(const char *text, size_t max)
{
    size_t len = text ? strlen(text) : 0;
    return len > 0 && len <= max && utf8_is_valid((const uint8_t *)text, len);
}

static json_t *payload_of(const struct token_grant *grant)
{
    json_t *payload =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", grant->issuer, "aud", grant->audience, "sub",
                  grant->subject, "iat", (json_int_t)grant->issued_at_s, "exp",
                  (json_int_t)grant->expires_at_s);

    if (payload && grant->name &&
        json_object_set_new(payload, "name", json_string(grant->name)) != 0) {
        json_decref(payload);
        return NULL;
    }
    return payload;
}

chat_status auth_mint_hs256(const struct token_grant *grant, const uint8_t *secret,
                            size_t secret_len, char *out, size_t out_size, size_t *out_len)
{
    size_t len = 0;
    json_t *header;
    chat_status status;

    if (!is_text(grant->issuer, CHAT_SUBJECT_MAX) || !is_text(grant->audience, CHAT_SUBJECT_MAX) ||
        !is_text(grant->subject, CHAT_SUBJECT_MAX) ||
        (grant->name && !is_text(grant->name, CHAT_TOKEN_MAX)) ||
        (grant->kid && !is_text(grant->kid, AUTH_KID_MAX)) || secret_len < AUTH_SECRET_MIN ||
        secret_len > AUTH_SECRET_MAX)
        return CHAT_E_INVALID;
    if (out_size > (size_t)CHAT_TOKEN_MAX + 1)
        out_size = (size_t)CHAT_TOKEN_MAX + 1;
    header = grant->kid
                 ? json_pack("{s:s, s:s, s:s}", "alg", "HS256", "typ", "JWT", "kid", grant->kid)
                 : json_pack("{s:s, s:s}", "alg", "HS256", "typ", "JWT");
    status = append_part(header, out, out_size, &len);
    if (status == CHAT_OK)
        status = append_dot(out, out_size, &len);
    if (status == CHAT_OK)
        status = append_part(payload_of(grant), out, out_size, &len);
    if (status == CHAT_OK)
        status = append_signature(secret, secret_len, out, out_size, &len);
    if (status == CHAT_OK)
        *out_len = len;
    return status;
}
