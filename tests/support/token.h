/* Tokens of any shape, for tests: header and payload as text, signed as told. */
#ifndef CHAT_TESTS_TOKEN_H
#define CHAT_TESTS_TOKEN_H

#include <check.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "server/base64.h"

#define TOKEN_MAX 16384u

static inline void token_append(char *token, const void *bytes, size_t len)
{
    size_t at = strlen(token);

    ck_assert_uint_lt(at + BASE64URL_LEN(len), TOKEN_MAX);
    base64url_encode(bytes, len, token + at);
    token[at + BASE64URL_LEN(len)] = '\0';
}

/* As it stands. */
static inline void token_add(char *token, const char *text)
{
    size_t at = strlen(token);

    ck_assert_uint_lt(at + strlen(text), TOKEN_MAX);
    memcpy(token + at, text, strlen(text) + 1);
}

/* "header.payload" */
static inline void token_begin(char token[TOKEN_MAX], const char *header, const char *payload)
{
    token[0] = '\0';
    token_append(token, header, strlen(header));
    token_add(token, ".");
    token_append(token, payload, strlen(payload));
}

static inline void token_sign_hs256(char token[TOKEN_MAX], const void *secret, size_t secret_len)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_len;

    ck_assert_ptr_nonnull(HMAC(EVP_sha256(), secret, (int)secret_len, (const unsigned char *)token,
                               strlen(token), mac, &mac_len));
    token_add(token, ".");
    token_append(token, mac, mac_len);
}

/* DER to r and s side by side. */
static inline size_t token_flatten(unsigned char *signature, size_t len)
{
    const unsigned char *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    unsigned char flat[64];

    ck_assert_ptr_nonnull(pair);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(pair), flat, 32), 32);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(pair), flat + 32, 32), 32);
    memcpy(signature, flat, sizeof(flat));
    ECDSA_SIG_free(pair);
    return sizeof(flat);
}

/* RS256, ES256 or EdDSA, as the key is. */
static inline void token_sign_pem(char token[TOKEN_MAX], const char *private_pem)
{
    BIO *bio = BIO_new_mem_buf(private_pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t len = sizeof(signature);
    int kind;

    ck_assert_ptr_nonnull(key);
    kind = EVP_PKEY_get_base_id(key);
    ck_assert_int_eq(EVP_DigestSignInit(context, NULL,
                                        kind == EVP_PKEY_ED25519 ? NULL : EVP_sha256(), NULL, key),
                     1);
    ck_assert_int_eq(
        EVP_DigestSign(context, signature, &len, (const unsigned char *)token, strlen(token)), 1);
    if (kind == EVP_PKEY_EC)
        len = token_flatten(signature, len);
    token_add(token, ".");
    token_append(token, signature, len);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

#endif
