/* Keys from a JWK set (RFC 7517, RFC 7518 §6, RFC 8037). */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

#include "server/auth_key.h"
#include "server/base64.h"

#define NUMBER_MAX (AUTH_RSA_BITS_MAX / 8 + 1) /* bytes of one decoded member */
#define EC_HALF 32u                            /* bytes of a P-256 coordinate */
#define ED25519_LEN 32u

static chat_status refuse(const char *reason, const char **out_reason)
{
    *out_reason = reason;
    return CHAT_E_INVALID;
}

static bool read_member(const json_t *jwk, const char *name, uint8_t *out, size_t out_max,
                        size_t *out_len)
{
    const char *text = auth_json_text(jwk, name);

    return text && base64url_decode(text, strlen(text), out, out_max, out_len) && *out_len > 0;
}

static EVP_PKEY *build_key(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *params = builder ? OSSL_PARAM_BLD_to_param(builder) : NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (params && context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
    uint8_t bytes[NUMBER_MAX];
    size_t n_len, e_len;
    BIGNUM *n = NULL, *e = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;

    if (read_member(jwk, "n", bytes, sizeof(bytes), &n_len))
        n = BN_bin2bn(bytes, (int)n_len, NULL);
    /* An exponent past 64 bits is nobody's, but would cost time. */
    if (read_member(jwk, "e", bytes, 8, &e_len))
        e = BN_bin2bn(bytes, (int)e_len, NULL);
    if (builder && n && e && BN_is_odd(e) && !BN_is_one(e) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = build_key("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *ec_key(const json_t *jwk)
{
    uint8_t point[1 + 2 * EC_HALF] = {4}; /* uncompressed */
    size_t x_len, y_len;
    OSSL_PARAM_BLD *builder;
    EVP_PKEY *key = NULL;

    if (!read_member(jwk, "x", point + 1, EC_HALF, &x_len) || x_len != EC_HALF ||
        !read_member(jwk, "y", point + 1 + EC_HALF, EC_HALF, &y_len) || y_len != EC_HALF)
        return NULL;
    builder = OSSL_PARAM_BLD_new();
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) ==
            1)
        key = build_key("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static EVP_PKEY *ed25519_key(const json_t *jwk)
{
    uint8_t x[ED25519_LEN];
    size_t x_len;

    if (!read_member(jwk, "x", x, sizeof(x), &x_len) || x_len != ED25519_LEN)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, x_len);
}

static bool member_is(const json_t *jwk, const char *name, const char *wanted)
{
    const char *text = auth_json_text(jwk, name);
    return text && strcmp(text, wanted) == 0;
}

/* Absent, or exactly that. */
static bool member_allows(const json_t *jwk, const char *name, const char *wanted)
{
    return !json_object_get(jwk, name) || member_is(jwk, name, wanted);
}

static bool ops_allow_verify(const json_t *jwk)
{
    const json_t *ops = json_object_get(jwk, "key_ops");
    size_t index;
    json_t *op;

    if (!ops)
        return true;
    json_array_foreach(ops, index, op)
    {
        const char *text = json_string_value(op);
        if (text && strcmp(text, "verify") == 0)
            return true;
    }
    return false;
}

struct kind {
    const char *kty, *curve, *algorithm;
    EVP_PKEY *(*build)(const json_t *jwk);
};

static const struct kind *kind_of(const json_t *jwk)
{
    static const struct kind kinds[] = {
        {"oct", NULL, "HS256", NULL},
        {"RSA", NULL, "RS256", rsa_key},
        {"EC", "P-256", "ES256", ec_key},
        {"OKP", "Ed25519", "EdDSA", ed25519_key},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (member_is(jwk, "kty", kinds[i].kty) &&
            (!kinds[i].curve || member_is(jwk, "crv", kinds[i].curve)) &&
            member_allows(jwk, "alg", kinds[i].algorithm))
            return &kinds[i];
    return NULL;
}

static chat_status add_secret(struct auth_key_list *list, const json_t *jwk, const char *kid,
                              const char **out_reason)
{
    uint8_t secret[AUTH_SECRET_MAX];
    size_t secret_len;
    chat_status status;

    if (!read_member(jwk, "k", secret, sizeof(secret), &secret_len))
        return refuse("an oct key's k is missing or malformed", out_reason);
    status = auth_key_list_add_secret(list, secret, secret_len, kid, out_reason);
    OPENSSL_cleanse(secret, sizeof(secret));
    return status;
}

static chat_status add_jwk(struct auth_key_list *list, const json_t *jwk, const char **out_reason)
{
    const json_t *kid = json_object_get(jwk, "kid");
    const struct kind *kind;
    EVP_PKEY *public;

    if (!json_is_object(jwk) || !auth_json_text(jwk, "kty"))
        return refuse("a key without kty", out_reason);
    if (kid && !json_is_string(kid))
        return refuse("a key's kid is no text", out_reason);
    kind = kind_of(jwk);
    if (!kind || !member_allows(jwk, "use", "sig") || !ops_allow_verify(jwk))
        return CHAT_OK; /* for somebody else */
    if (!kind->build)
        return add_secret(list, jwk, json_string_value(kid), out_reason);
    if (json_object_get(jwk, "d"))
        return refuse("a private key in the set; the server needs only public ones", out_reason);
    public = kind->build(jwk);
    if (!public)
        return refuse("a key's numbers are missing or malformed", out_reason);
    return auth_key_list_add_public(list, public, json_string_value(kid), out_reason);
}

chat_status auth_key_list_read_jwks(struct auth_key_list *list, const uint8_t *bytes,
                                    size_t bytes_len, const char **out_reason)
{
    json_t *set = auth_json_load(bytes, bytes_len);
    const json_t *keys = json_object_get(set, "keys");
    chat_status status = CHAT_OK;
    size_t index;
    json_t *jwk;

    if (!set || !json_is_array(keys)) {
        json_decref(set);
        return refuse("not a JWK set: an object with a list `keys`", out_reason);
    }
    json_array_foreach(keys, index, jwk)
    {
        status = add_jwk(list, jwk, out_reason);
        if (status != CHAT_OK)
            break;
    }
    json_decref(set);
    if (status == CHAT_OK && list->count == 0)
        return refuse("no key in the set is for HS256, RS256, ES256 or EdDSA", out_reason);
    return status;
}
