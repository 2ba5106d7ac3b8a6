#include "server/auth.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "server/auth_key.h"
#include "server/base64.h"

#define SIGNATURE_MAX (AUTH_RSA_BITS_MAX / 8)
#define PART_MAX BASE64_DECODED_MAX(CHAT_TOKEN_MAX)
#define TIME_MAX_S INT64_C(253402300799) /* the end of year 9999 */
#define TRIES_MAX 4u /* keys tried for one token: each try costs a stranger's wish */

struct auth_issuer {
    char *issuer, *audience;
    struct auth_key_list keys;
};

struct auth {
    const struct chat_allocator *allocator;
    struct auth_issuer *issuers[AUTH_ISSUERS_MAX];
    uint32_t issuer_count;
};

chat_status auth_new(const struct chat_allocator *allocator, struct auth **out_auth)
{
    struct auth *auth;

    allocator = alloc_or_default(allocator);
    auth = alloc_zeroed(allocator, sizeof(*auth));
    if (!auth)
        return CHAT_E_NOMEM;
    auth->allocator = allocator;
    *out_auth = auth;
    return CHAT_OK;
}

static void free_issuer(const struct chat_allocator *allocator, struct auth_issuer *issuer)
{
    if (!issuer)
        return;
    auth_key_list_fini(&issuer->keys);
    alloc_free(allocator, issuer->issuer);
    alloc_free(allocator, issuer->audience);
    alloc_free(allocator, issuer);
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    for (uint32_t i = 0; i < auth->issuer_count; i++)
        free_issuer(auth->allocator, auth->issuers[i]);
    alloc_free(auth->allocator, auth);
}

static struct auth_issuer *find_issuer(const struct auth *auth, const char *name)
{
    for (uint32_t i = 0; i < auth->issuer_count; i++)
        if (strcmp(auth->issuers[i]->issuer, name) == 0)
            return auth->issuers[i];
    return NULL;
}

static bool is_name(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len > 0 && len <= CHAT_SUBJECT_MAX && utf8_is_valid((const uint8_t *)text, len);
}

chat_status auth_add_issuer(struct auth *auth, const char *name, const char *audience)
{
    struct auth_issuer *issuer;

    if (!is_name(name) || !is_name(audience))
        return CHAT_E_INVALID;
    if (find_issuer(auth, name))
        return CHAT_E_CONFLICT;
    if (auth->issuer_count == AUTH_ISSUERS_MAX)
        return CHAT_E_FULL;
    issuer = alloc_zeroed(auth->allocator, sizeof(*issuer));
    if (!issuer)
        return CHAT_E_NOMEM;
    issuer->keys.allocator = auth->allocator;
    issuer->issuer = alloc_strdup(auth->allocator, name);
    issuer->audience = alloc_strdup(auth->allocator, audience);
    if (!issuer->issuer || !issuer->audience) {
        free_issuer(auth->allocator, issuer);
        return CHAT_E_NOMEM;
    }
    auth->issuers[auth->issuer_count++] = issuer;
    return CHAT_OK;
}

/* OpenSSL's error queue is the thread's: what we leave there, the TLS code would find. */
chat_status auth_add_keys(struct auth *auth, const char *issuer_name, enum auth_key_format format,
                          const uint8_t *bytes, size_t bytes_len, const char **out_reason)
{
    struct auth_issuer *issuer = find_issuer(auth, issuer_name);
    uint32_t before;
    chat_status status;

    *out_reason = "";
    if (!issuer) {
        *out_reason = "no such issuer";
        return CHAT_E_NOT_FOUND;
    }
    if (bytes_len > AUTH_KEY_FILE_MAX) {
        *out_reason = "the file is larger than 256 KiB";
        return CHAT_E_TOO_LARGE;
    }
    before = issuer->keys.count;
    ERR_set_mark();
    status = auth_key_list_read(&issuer->keys, format, bytes, bytes_len, out_reason);
    ERR_pop_to_mark();
    while (status != CHAT_OK && issuer->keys.count > before)
        auth_key_fini(auth->allocator, &issuer->keys.keys[--issuer->keys.count]);
    return status;
}

void auth_clear_keys(struct auth *auth, const char *issuer_name)
{
    struct auth_issuer *issuer = find_issuer(auth, issuer_name);

    if (issuer)
        auth_key_list_fini(&issuer->keys);
}

uint32_t auth_key_count(const struct auth *auth, const char *issuer_name)
{
    const struct auth_issuer *issuer = find_issuer(auth, issuer_name);
    return issuer ? issuer->keys.count : 0;
}

/* --- one token --- */

struct parts {
    const char *signed_text; /* header.payload */
    size_t signed_len;
    json_t *header, *payload;
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
};

static json_t *load_part(const char *text, size_t text_len)
{
    uint8_t bytes[PART_MAX];
    size_t len;

    if (!base64url_decode(text, text_len, bytes, sizeof(bytes), &len))
        return NULL;
    return auth_json_load(bytes, len);
}

/* NULL when fine, else what is wrong. `out` holds what was read so far. */
static const char *split(const char *token, size_t token_len, struct parts *out)
{
    const char *end = token + token_len;
    const char *dot1 = memchr(token, '.', token_len);
    const char *dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;

    if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)))
        return "not three parts";
    out->signed_text = token;
    out->signed_len = (size_t)(dot2 - token);
    out->header = load_part(token, (size_t)(dot1 - token));
    if (!out->header)
        return "header";
    out->payload = load_part(dot1 + 1, (size_t)(dot2 - dot1 - 1));
    if (!out->payload)
        return "payload";
    if (!base64url_decode(dot2 + 1, (size_t)(end - dot2 - 1), out->signature,
                          sizeof(out->signature), &out->signature_len) ||
        out->signature_len == 0)
        return "signature";
    return NULL;
}

/* The keys of this issuer alone, and of those the ones that are what the header says. */
static const char *check_signature(const struct auth_issuer *issuer, const struct parts *parts)
{
    const char *algorithm = auth_json_text(parts->header, "alg");
    const json_t *kid = json_object_get(parts->header, "kid");
    const char *kid_text = json_string_value(kid);
    const char *reason = "kid";
    uint32_t tries = 0;

    if (!algorithm)
        return "alg";
    if (json_object_get(parts->header, "crit"))
        return "crit";
    if (kid && !kid_text)
        return "kid";
    for (uint32_t i = 0; i < issuer->keys.count && tries < TRIES_MAX; i++) {
        const struct auth_key *key = &issuer->keys.keys[i];

        if (key->kid && kid_text && strcmp(key->kid, kid_text) != 0)
            continue;
        if (strcmp(auth_algorithm_name(key->algorithm), algorithm) != 0) {
            if (tries == 0)
                reason = "alg";
            continue;
        }
        if (auth_key_verify(key, parts->signed_text, parts->signed_len, parts->signature,
                            parts->signature_len))
            return NULL;
        tries++;
        reason = "signature";
    }
    return reason;
}

static bool is_audience(const json_t *payload, const char *audience)
{
    const json_t *aud = json_object_get(payload, "aud");
    const char *text = json_string_value(aud);
    bool found = text && strcmp(text, audience) == 0;
    size_t index;
    json_t *item;

    json_array_foreach(aud, index, item)
    {
        text = json_string_value(item);
        if (!text)
            return false;
        found = found || strcmp(text, audience) == 0;
    }
    return found;
}

/* Seconds since 1970; fractions are allowed (RFC 7519 §2) and cut off. */
static bool read_time(const json_t *value, int64_t *out_s)
{
    if (json_is_integer(value)) {
        *out_s = json_integer_value(value);
    } else if (json_is_real(value)) {
        double real = json_real_value(value);

        if (!(real >= 0 && real <= (double)TIME_MAX_S))
            return false;
        *out_s = (int64_t)real;
    } else {
        return false;
    }
    return *out_s >= 0 && *out_s <= TIME_MAX_S;
}

static bool copy_claim(const json_t *payload, const char *name, char *out, size_t max)
{
    const json_t *value = json_object_get(payload, name);
    size_t len = json_string_length(value);

    if (!json_is_string(value) || len == 0 || len > max)
        return false;
    memcpy(out, json_string_value(value), len + 1);
    return true;
}

static bool copy_name(const json_t *payload, char *out)
{
    const json_t *value = json_object_get(payload, "name");
    const char *text = json_string_value(value);
    size_t len;

    out[0] = '\0';
    if (!value || json_is_null(value))
        return true;
    if (!text)
        return false;
    len = utf8_cut(text, json_string_length(value), CHAT_NAME_MAX);
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

/* Its time last: EXPIRED means that all else is in order. */
static chat_status check_claims(const json_t *payload, const char *audience, int64_t wall_ms,
                                struct token_claims *out, const char **out_reason)
{
    const json_t *nbf = json_object_get(payload, "nbf");
    int64_t expires_s, begins_s = 0, issued_s = 0;

    *out_reason = NULL;
    if (!is_audience(payload, audience))
        *out_reason = "aud";
    else if (!copy_claim(payload, "sub", out->subject, CHAT_SUBJECT_MAX))
        *out_reason = "sub";
    else if (!copy_name(payload, out->name))
        *out_reason = "name";
    else if (!read_time(json_object_get(payload, "exp"), &expires_s))
        *out_reason = "exp";
    else if (nbf && !read_time(nbf, &begins_s))
        *out_reason = "nbf";
    if (*out_reason)
        return CHAT_E_AUTH;
    out->expires_at_ms = expires_s * 1000;
    out->issued_at_ms = read_time(json_object_get(payload, "iat"), &issued_s) ? issued_s * 1000 : 0;
    if (nbf && wall_ms < (begins_s - AUTH_LEEWAY_S) * 1000) {
        *out_reason = "nbf";
        return CHAT_E_AUTH;
    }
    if (wall_ms >= (expires_s + AUTH_LEEWAY_S) * 1000) {
        *out_reason = "exp";
        return CHAT_E_EXPIRED;
    }
    return CHAT_OK;
}

static chat_status verify_parts(const struct auth *auth, const struct parts *parts, int64_t wall_ms,
                                struct token_claims *out, const char **out_reason)
{
    const struct auth_issuer *issuer = NULL;

    if (copy_claim(parts->payload, "iss", out->issuer, CHAT_SUBJECT_MAX))
        issuer = find_issuer(auth, out->issuer);
    if (!issuer) {
        *out_reason = "iss";
        return CHAT_E_AUTH;
    }
    *out_reason = check_signature(issuer, parts);
    if (*out_reason)
        return CHAT_E_AUTH;
    return check_claims(parts->payload, issuer->audience, wall_ms, out, out_reason);
}

chat_status auth_verify(const struct auth *auth, const char *token, size_t token_len,
                        int64_t wall_ms, struct token_claims *out_claims, const char **out_reason)
{
    struct parts parts = {.header = NULL};
    struct token_claims claims;
    chat_status status = CHAT_E_AUTH;

    if (token_len > CHAT_TOKEN_MAX) {
        *out_reason = "too long";
        return CHAT_E_TOO_LARGE;
    }
    ERR_set_mark();
    *out_reason = token_len > 0 ? split(token, token_len, &parts) : "empty";
    if (!*out_reason)
        status = verify_parts(auth, &parts, wall_ms, &claims, out_reason);
    ERR_pop_to_mark();
    json_decref(parts.header);
    json_decref(parts.payload);
    if (status == CHAT_OK)
        *out_claims = claims;
    return status;
}
