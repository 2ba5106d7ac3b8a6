#include "server/auth_key.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "server/base64.h"

#define ES256_HALF 32u /* bytes of r, and of s */

const char *auth_algorithm_name(enum auth_algorithm algorithm)
{
    switch (algorithm) {
    case AUTH_HS256: return "HS256";
    case AUTH_RS256: return "RS256";
    case AUTH_ES256: return "ES256";
    case AUTH_EDDSA: return "EdDSA";
    }
    return "";
}

void auth_key_fini(const struct chat_allocator *allocator, struct auth_key *key)
{
    if (key->secret)
        OPENSSL_cleanse(key->secret, key->secret_len);
    alloc_free(allocator, key->secret);
    alloc_free(allocator, key->kid);
    EVP_PKEY_free(key->public);
    *key = (struct auth_key){0};
}

void auth_key_list_fini(struct auth_key_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        auth_key_fini(list->allocator, &list->keys[i]);
    list->count = 0;
}

static chat_status refuse(const char *reason, const char **out_reason)
{
    *out_reason = reason;
    return CHAT_E_INVALID;
}

/* Appends `key` with a copy of kid; on an error `key` is freed. */
static chat_status append(struct auth_key_list *list, struct auth_key *key, const char *kid,
                          const char **out_reason)
{
    chat_status status = CHAT_OK;

    if (kid && (kid[0] == '\0' || strlen(kid) > AUTH_KID_MAX))
        status = refuse("a key's kid is empty or too long", out_reason);
    for (uint32_t i = 0; i < list->count && kid && status == CHAT_OK; i++)
        if (list->keys[i].kid && strcmp(list->keys[i].kid, kid) == 0)
            status = refuse("two keys have the same kid", out_reason);
    if (status == CHAT_OK && list->count == AUTH_KEYS_MAX) {
        *out_reason = "too many keys";
        status = CHAT_E_FULL;
    }
    if (status == CHAT_OK && kid) {
        key->kid = alloc_strdup(list->allocator, kid);
        if (!key->kid) {
            *out_reason = "out of memory";
            status = CHAT_E_NOMEM;
        }
    }
    if (status == CHAT_OK)
        list->keys[list->count++] = *key;
    else
        auth_key_fini(list->allocator, key);
    return status;
}

chat_status auth_key_list_add_secret(struct auth_key_list *list, const uint8_t *secret,
                                     size_t secret_len, const char *kid, const char **out_reason)
{
    struct auth_key key = {.algorithm = AUTH_HS256, .secret_len = secret_len};

    if (secret_len < AUTH_SECRET_MIN)
        return refuse("the secret has less than 32 bytes", out_reason);
    if (secret_len > AUTH_SECRET_MAX)
        return refuse("the secret has more than 1,024 bytes", out_reason);
    key.secret = alloc_copy(list->allocator, secret, secret_len);
    if (!key.secret) {
        *out_reason = "out of memory";
        return CHAT_E_NOMEM;
    }
    return append(list, &key, kid, out_reason);
}

/* The algorithm comes from the key; NULL reason: fine. */
static const char *judge_public(const EVP_PKEY *public, enum auth_algorithm *out_algorithm)
{
    char group[32] = "";
    size_t group_len = 0;
    int bits = EVP_PKEY_get_bits(public);

    switch (EVP_PKEY_get_base_id(public)) {
    case EVP_PKEY_RSA:
        *out_algorithm = AUTH_RS256;
        if (bits < AUTH_RSA_BITS_MIN)
            return "the RSA key has less than 2,048 bits";
        return bits > AUTH_RSA_BITS_MAX ? "the RSA key has more than 8,192 bits" : NULL;
    case EVP_PKEY_EC:
        *out_algorithm = AUTH_ES256;
        if (!EVP_PKEY_get_group_name(public, group, sizeof(group), &group_len) ||
            (strcmp(group, "prime256v1") != 0 && strcmp(group, "P-256") != 0))
            return "the EC key is not on P-256";
        return NULL;
    case EVP_PKEY_ED25519: *out_algorithm = AUTH_EDDSA; return NULL;
    default: return "the key is neither RSA, EC P-256 nor Ed25519";
    }
}

static bool is_sound(EVP_PKEY *public)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, public, NULL);
    bool sound = context && EVP_PKEY_public_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return sound;
}

chat_status auth_key_list_add_public(struct auth_key_list *list, EVP_PKEY *public, const char *kid,
                                     const char **out_reason)
{
    struct auth_key key = {.public = public};
    const char *reason = judge_public(public, &key.algorithm);

    if (!reason && !is_sound(public))
        reason = "the public key's numbers are not sound";
    if (reason) {
        EVP_PKEY_free(public);
        return refuse(reason, out_reason);
    }
    return append(list, &key, kid, out_reason);
}

/* --- files --- */

static bool contains(const uint8_t *bytes, size_t len, const char *text)
{
    size_t text_len = strlen(text);

    for (size_t i = 0; i + text_len <= len; i++)
        if (memcmp(bytes + i, text, text_len) == 0)
            return true;
    return false;
}

/* Never asks a terminal. */
static int no_password(char *out, int size, int writing, void *user)
{
    (void)out, (void)size, (void)writing, (void)user;
    return -1;
}

static EVP_PKEY *read_pem_key(BIO *bio, bool is_certificate)
{
    X509 *certificate;
    EVP_PKEY *public;

    if (!is_certificate)
        return PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    public = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return public;
}

static chat_status read_pem(struct auth_key_list *list, const uint8_t *bytes, size_t len,
                            const char **out_reason)
{
    bool is_certificate = contains(bytes, len, "-----BEGIN CERTIFICATE-----");
    EVP_PKEY *public;
    BIO *bio;

    if (contains(bytes, len, "PRIVATE KEY"))
        return refuse("this is a private key; the server needs only the public one", out_reason);
    bio = BIO_new_mem_buf(bytes, (int)len);
    if (!bio) {
        *out_reason = "out of memory";
        return CHAT_E_NOMEM;
    }
    public = read_pem_key(bio, is_certificate);
    if (public) {
        size_t left = BIO_ctrl_pending(bio);

        if (contains(bytes + (len - left), left, "-----BEGIN")) {
            EVP_PKEY_free(public);
            BIO_free(bio);
            return refuse("the PEM file holds more than one key", out_reason);
        }
    }
    BIO_free(bio);
    if (!public)
        return refuse("not a public key or certificate in PEM", out_reason);
    return auth_key_list_add_public(list, public, NULL, out_reason);
}

static size_t without_newline(const uint8_t *bytes, size_t len)
{
    if (len == 0 || bytes[len - 1] != '\n')
        return len;
    len--;
    return len > 0 && bytes[len - 1] == '\r' ? len - 1 : len;
}

/* A public key in place of a secret would let anyone sign. */
static bool looks_like_a_key_file(const uint8_t *bytes, size_t len)
{
    return contains(bytes, len, "-----BEGIN") || contains(bytes, len, "\"kty\"") ||
           contains(bytes, len, "ssh-");
}

static chat_status read_secret(struct auth_key_list *list, const uint8_t *bytes, size_t len,
                               bool is_base64, const char **out_reason)
{
    uint8_t secret[AUTH_SECRET_MAX];
    size_t secret_len = 0;
    chat_status status;

    if (looks_like_a_key_file(bytes, len))
        return refuse("this is a key file, not a secret", out_reason);
    len = without_newline(bytes, len);
    if (!is_base64)
        return auth_key_list_add_secret(list, bytes, len, NULL, out_reason);
    if (!base64_decode_any((const char *)bytes, len, secret, sizeof(secret), &secret_len))
        return refuse("not base64, or more than 1,024 bytes", out_reason);
    status = auth_key_list_add_secret(list, secret, secret_len, NULL, out_reason);
    OPENSSL_cleanse(secret, sizeof(secret));
    return status;
}

chat_status auth_key_list_read(struct auth_key_list *list, enum auth_key_format format,
                               const uint8_t *bytes, size_t bytes_len, const char **out_reason)
{
    switch (format) {
    case AUTH_KEYS_PEM: return read_pem(list, bytes, bytes_len, out_reason);
    case AUTH_KEYS_SECRET: return read_secret(list, bytes, bytes_len, false, out_reason);
    case AUTH_KEYS_SECRET_BYTES:
        if (looks_like_a_key_file(bytes, bytes_len))
            return refuse("this is a key file, not a secret", out_reason);
        return auth_key_list_add_secret(list, bytes, bytes_len, NULL, out_reason);
    case AUTH_KEYS_SECRET_BASE64: return read_secret(list, bytes, bytes_len, true, out_reason);
    case AUTH_KEYS_JWKS: return auth_key_list_read_jwks(list, bytes, bytes_len, out_reason);
    }
    return refuse("unknown format", out_reason);
}

/* --- signatures --- */

static bool verify_hs256(const struct auth_key *key, const char *text, size_t text_len,
                         const uint8_t *signature, size_t signature_len)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned int mac_len = 0;

    return signature_len == SHA256_DIGEST_LENGTH &&
           HMAC(EVP_sha256(), key->secret, (int)key->secret_len, (const uint8_t *)text, text_len,
                mac, &mac_len) &&
           mac_len == signature_len && CRYPTO_memcmp(mac, signature, mac_len) == 0;
}

static bool verify_evp(const struct auth_key *key, const EVP_MD *digest, const char *text,
                       size_t text_len, const uint8_t *signature, size_t signature_len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        context && EVP_DigestVerifyInit(context, NULL, digest, NULL, key->public) == 1 &&
        EVP_DigestVerify(context, signature, signature_len, (const uint8_t *)text, text_len) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

/* JWS has r and s side by side (RFC 7518 §3.4), OpenSSL wants DER. */
static bool verify_es256(const struct auth_key *key, const char *text, size_t text_len,
                         const uint8_t *signature, size_t signature_len)
{
    ECDSA_SIG *pair;
    BIGNUM *r, *s;
    uint8_t *der = NULL;
    int der_len;
    bool good;

    if (signature_len != (size_t)2 * ES256_HALF)
        return false;
    pair = ECDSA_SIG_new();
    r = BN_bin2bn(signature, (int)ES256_HALF, NULL);
    s = BN_bin2bn(signature + ES256_HALF, (int)ES256_HALF, NULL);
    if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(pair);
        return false;
    }
    der_len = i2d_ECDSA_SIG(pair, &der);
    good = der_len > 0 && verify_evp(key, EVP_sha256(), text, text_len, der, (size_t)der_len);
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return good;
}

bool auth_key_verify(const struct auth_key *key, const char *text, size_t text_len,
                     const uint8_t *signature, size_t signature_len)
{
    switch (key->algorithm) {
    case AUTH_HS256: return verify_hs256(key, text, text_len, signature, signature_len);
    case AUTH_RS256: return verify_evp(key, EVP_sha256(), text, text_len, signature, signature_len);
    case AUTH_ES256: return verify_es256(key, text, text_len, signature, signature_len);
    case AUTH_EDDSA: return verify_evp(key, NULL, text, text_len, signature, signature_len);
    }
    return false;
}
