/* Which keys are taken, from which files, and what they verify. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "../support/token.h"
#include "../support/token_keys.h"
#include "server/auth_key.h"

#include <openssl/err.h>

#define ISSUER "https://id.example"
#define NOW_MS INT64_C(1700000000000)
#define PAYLOAD "{\"iss\":\"" ISSUER "\",\"aud\":\"chat\",\"sub\":\"alice\",\"exp\":1700000600}"
#define RSA_JWK "{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":\"" KEY_RSA_N "\"}"
#define EC_JWK                                                                                     \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":\"" KEY_EC_X "\",\"y\":\"" KEY_EC_Y "\"}"
#define ED_JWK "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d\",\"x\":\"" KEY_ED_X "\"}"
#define OCT_JWK                                                                                    \
    "{\"kty\":\"oct\",\"kid\":\"o\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"

static struct auth *auth;
static const char *reason;
static char token[TOKEN_MAX];
static struct faulty_alloc memory;

static void setup(void)
{
    faulty_alloc_init(&memory);
    ck_assert_int_eq(auth_new(&memory.allocator, &auth), CHAT_OK);
    ck_assert_int_eq(auth_add_issuer(auth, ISSUER, "chat"), CHAT_OK);
}

static void teardown(void)
{
    auth_free(auth);
    ck_assert_uint_eq(memory.live, 0);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

static chat_status add(enum auth_key_format format, const char *text)
{
    return auth_add_keys(auth, ISSUER, format, (const uint8_t *)text, strlen(text), &reason);
}

static chat_status verify(void)
{
    struct token_claims claims;
    return auth_verify(auth, token, strlen(token), NOW_MS, &claims, &reason);
}

static void make(const char *header, const char *private_pem)
{
    token_begin(token, header, PAYLOAD);
    token_sign_pem(token, private_pem);
}

static void ck_bad_file(enum auth_key_format format, const char *text, const char *why)
{
    ck_assert_int_eq(add(format, text), CHAT_E_INVALID);
    ck_assert_str_eq(reason, why);
    ck_assert_uint_eq(auth_key_count(auth, ISSUER), 0);
}

START_TEST(pem_keys_verify_their_algorithm)
{
    static const struct {
        const char *public, *private, *header;
    } cases[] = {
        {key_rsa_public, key_rsa_private, "{\"alg\":\"RS256\"}"},
        {key_ec_public, key_ec_private, "{\"alg\":\"ES256\"}"},
        {key_ec_certificate, key_ec_private, "{\"alg\":\"ES256\"}"},
        {key_ed_public, key_ed_private, "{\"alg\":\"EdDSA\"}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auth_clear_keys(auth, ISSUER);
        ck_assert_int_eq(add(AUTH_KEYS_PEM, cases[i].public), CHAT_OK);
        make(cases[i].header, cases[i].private);
        ck_assert_int_eq(verify(), CHAT_OK);
        token[strlen(token) - 6] ^= 1;
        ck_assert_int_eq(verify(), CHAT_E_AUTH);
    }
}
END_TEST

START_TEST(a_jwk_set_verifies_by_kid)
{
    ck_assert_int_eq(
        add(AUTH_KEYS_JWKS, "{\"keys\":[" RSA_JWK "," EC_JWK "," ED_JWK "," OCT_JWK "]}"), CHAT_OK);
    ck_assert_uint_eq(auth_key_count(auth, ISSUER), 4);
    make("{\"alg\":\"RS256\",\"kid\":\"r\"}", key_rsa_private);
    ck_assert_int_eq(verify(), CHAT_OK);
    make("{\"alg\":\"ES256\",\"kid\":\"e\"}", key_ec_private);
    ck_assert_int_eq(verify(), CHAT_OK);
    make("{\"alg\":\"EdDSA\",\"kid\":\"d\"}", key_ed_private);
    ck_assert_int_eq(verify(), CHAT_OK);
    make("{\"alg\":\"EdDSA\"}", key_ed_private);
    ck_assert_int_eq(verify(), CHAT_OK);
    token_begin(token, "{\"alg\":\"HS256\",\"kid\":\"o\"}", PAYLOAD);
    token_sign_hs256(token, "0123456789abcdef0123456789abcdef", 32);
    ck_assert_int_eq(verify(), CHAT_OK);
}
END_TEST

START_TEST(a_kid_names_one_key_of_one_issuer)
{
    ck_assert_int_eq(add(AUTH_KEYS_JWKS, "{\"keys\":[" RSA_JWK "," ED_JWK "]}"), CHAT_OK);
    make("{\"alg\":\"EdDSA\",\"kid\":\"r\"}", key_ed_private);
    ck_assert_int_eq(verify(), CHAT_E_AUTH);
    ck_assert_str_eq(reason, "alg");
    make("{\"alg\":\"EdDSA\",\"kid\":\"nobody\"}", key_ed_private);
    ck_assert_int_eq(verify(), CHAT_E_AUTH);
    ck_assert_str_eq(reason, "kid");

    ck_assert_int_eq(auth_add_issuer(auth, "https://other.example", "chat"), CHAT_OK);
    ck_assert_int_eq(auth_add_keys(auth, "https://other.example", AUTH_KEYS_JWKS,
                                   (const uint8_t *)"{\"keys\":[" EC_JWK "]}",
                                   strlen("{\"keys\":[" EC_JWK "]}"), &reason),
                     CHAT_OK);
    make("{\"alg\":\"ES256\",\"kid\":\"e\"}", key_ec_private);
    ck_assert_int_eq(verify(), CHAT_E_AUTH);
    ck_assert_str_eq(reason, "kid");
}
END_TEST

/* The trap of libraries that let the header choose: the public key as HMAC secret. */
START_TEST(a_public_key_is_never_a_secret)
{
    static const char *const publics[] = {key_rsa_public, key_ec_public, key_ed_public};

    for (size_t i = 0; i < 3; i++) {
        auth_clear_keys(auth, ISSUER);
        ck_assert_int_eq(add(AUTH_KEYS_PEM, publics[i]), CHAT_OK);
        token_begin(token, "{\"alg\":\"HS256\"}", PAYLOAD);
        token_sign_hs256(token, publics[i], strlen(publics[i]));
        ck_assert_int_eq(verify(), CHAT_E_AUTH);
        ck_assert_str_eq(reason, "alg");
    }
    auth_clear_keys(auth, ISSUER);
    ck_bad_file(AUTH_KEYS_SECRET, key_rsa_public, "this is a key file, not a secret");
    ck_bad_file(AUTH_KEYS_SECRET_BYTES, key_rsa_public, "this is a key file, not a secret");
    ck_bad_file(AUTH_KEYS_SECRET, "{\"keys\":[" RSA_JWK "]}", "this is a key file, not a secret");
}
END_TEST

START_TEST(the_keys_of_one_algorithm_dont_verify_another)
{
    ck_assert_int_eq(add(AUTH_KEYS_PEM, key_ec_public), CHAT_OK);
    make("{\"alg\":\"RS256\"}", key_ec_private);
    ck_assert_int_eq(verify(), CHAT_E_AUTH);
    make("{\"alg\":\"ES256\"}", key_ed_private);
    ck_assert_int_eq(verify(), CHAT_E_AUTH);
    make("{\"alg\":\"ES256\"}", key_rsa_private);
    ck_assert_int_eq(verify(), CHAT_E_AUTH);
}
END_TEST

START_TEST(es256_wants_two_plain_numbers)
{
    uint8_t zero[64] = {0};

    ck_assert_int_eq(add(AUTH_KEYS_PEM, key_ec_public), CHAT_OK);
    for (size_t len = 0; len <= sizeof(zero); len++) {
        token_begin(token, "{\"alg\":\"ES256\"}", PAYLOAD);
        token_add(token, ".");
        token_append(token, zero, len);
        ck_assert_int_eq(verify(), CHAT_E_AUTH);
    }
}
END_TEST

START_TEST(weak_and_foreign_keys_are_refused)
{
    ck_bad_file(AUTH_KEYS_PEM, key_rsa1024_public, "the RSA key has less than 2,048 bits");
    ck_bad_file(AUTH_KEYS_PEM, key_ec384_public, "the EC key is not on P-256");
    ck_bad_file(AUTH_KEYS_PEM, key_rsa_private,
                "this is a private key; the server needs only the public one");
    ck_bad_file(AUTH_KEYS_PEM, "", "not a public key or certificate in PEM");
    ck_bad_file(AUTH_KEYS_PEM, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                "not a public key or certificate in PEM");
}
END_TEST

START_TEST(a_pem_file_holds_one_key)
{
    char two[4096];

    snprintf(two, sizeof(two), "%s%s", key_ed_public, key_ec_public);
    ck_bad_file(AUTH_KEYS_PEM, two, "the PEM file holds more than one key");
}
END_TEST

START_TEST(bad_jwk_sets_are_refused_whole)
{
    static const struct {
        const char *set, *why;
    } bad[] = {
        {"", "not a JWK set: an object with a list `keys`"},
        {"[]", "not a JWK set: an object with a list `keys`"},
        {"{\"keys\":{}}", "not a JWK set: an object with a list `keys`"},
        {"{\"keys\":[]}", "no key in the set is for HS256, RS256, ES256 or EdDSA"},
        {"{\"keys\":[{}]}", "a key without kty"},
        {"{\"keys\":[7]}", "a key without kty"},
        {"{\"keys\":[" ED_JWK "," ED_JWK "]}", "two keys have the same kid"},
        {"{\"keys\":[" ED_JWK ",{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}",
         "the secret has less than 32 bytes"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"\"}]}", "an oct key's k is missing or malformed"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
         "a key's numbers are missing or malformed"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"A\",\"x\":\"" KEY_ED_X "\"}]}",
         "a private key in the set; the server needs only public ones"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AQAB\"}]}",
         "the RSA key has less than 2,048 bits"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQ\",\"n\":\"" KEY_RSA_N "\"}]}",
         "a key's numbers are missing or malformed"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" KEY_EC_X "\",\"y\":\"" KEY_EC_X
         "\"}]}",
         "a key's numbers are missing or malformed"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":1,\"x\":\"" KEY_ED_X "\"}]}",
         "a key's kid is no text"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_bad_file(AUTH_KEYS_JWKS, bad[i].set, bad[i].why);
}
END_TEST

START_TEST(keys_for_others_are_left_out)
{
    ck_assert_int_eq(add(AUTH_KEYS_JWKS,
                         "{\"keys\":[" ED_JWK
                         ",{\"kty\":\"RSA\",\"use\":\"enc\",\"e\":\"AQAB\",\"n\":\"AA\"},"
                         "{\"kty\":\"RSA\",\"alg\":\"PS256\"},{\"kty\":\"EC\",\"crv\":\"P-521\"},"
                         "{\"kty\":\"new\"},{\"kty\":\"oct\",\"key_ops\":[\"encrypt\"]}]}"),
                     CHAT_OK);
    ck_assert_uint_eq(auth_key_count(auth, ISSUER), 1);
}
END_TEST

START_TEST(a_failed_file_keeps_the_old_keys)
{
    ck_assert_int_eq(add(AUTH_KEYS_PEM, key_ed_public), CHAT_OK);
    ck_assert_int_eq(add(AUTH_KEYS_JWKS, "{\"keys\":[" EC_JWK ",{}]}"), CHAT_E_INVALID);
    ck_assert_uint_eq(auth_key_count(auth, ISSUER), 1);
}
END_TEST

START_TEST(an_issuer_has_at_most_64_keys)
{
    for (uint32_t i = 0; i < AUTH_KEYS_MAX; i++)
        ck_assert_int_eq(add(AUTH_KEYS_PEM, key_ed_public), CHAT_OK);
    ck_assert_int_eq(add(AUTH_KEYS_PEM, key_ed_public), CHAT_E_FULL);
}
END_TEST

START_TEST(secrets_come_raw_or_as_base64)
{
    token_begin(token, "{\"alg\":\"HS256\"}", PAYLOAD);
    token_sign_hs256(token, "0123456789abcdef0123456789abcde\xff", 32);
    ck_assert_int_eq(add(AUTH_KEYS_SECRET, "0123456789abcdef0123456789abcde\xff\n"), CHAT_OK);
    ck_assert_int_eq(verify(), CHAT_OK);
    auth_clear_keys(auth, ISSUER);
    ck_assert_int_eq(add(AUTH_KEYS_SECRET, "0123456789abcdef0123456789abcde\xff\r\n"), CHAT_OK);
    ck_assert_int_eq(verify(), CHAT_OK);
    auth_clear_keys(auth, ISSUER);
    ck_assert_int_eq(add(AUTH_KEYS_SECRET_BASE64, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZf8=\n"),
                     CHAT_OK);
    ck_assert_int_eq(verify(), CHAT_OK);
    auth_clear_keys(auth, ISSUER);
    ck_assert_int_eq(add(AUTH_KEYS_SECRET_BASE64, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZf8"),
                     CHAT_OK);
    auth_clear_keys(auth, ISSUER);
    ck_bad_file(AUTH_KEYS_SECRET_BASE64, "MDEy MzQ1", "not base64, or more than 1,024 bytes");
}
END_TEST

/* Of random secrets one in 256 ends in a newline's byte. */
START_TEST(a_secret_that_is_no_file_keeps_all_its_bytes)
{
    static const char *const secrets[] = {"0123456789abcdef0123456789abcde\n",
                                          "0123456789abcdef0123456789abcde\r"};

    for (size_t i = 0; i < 2; i++) {
        token_begin(token, "{\"alg\":\"HS256\"}", PAYLOAD);
        token_sign_hs256(token, secrets[i], 32);
        ck_assert_int_eq(add(AUTH_KEYS_SECRET_BYTES, secrets[i]), CHAT_OK);
        ck_assert_int_eq(verify(), CHAT_OK);
        auth_clear_keys(auth, ISSUER);
    }
}
END_TEST

/* The examples of RFC 7515, appendix A, and RFC 8037, appendix A.4. */
#define JOE                                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static void ck_vector(const char *jwk, const char *signed_text, const char *signature)
{
    struct auth_key_list list = {.allocator = &memory.allocator};
    uint8_t bytes[512];
    size_t len;

    ck_assert_int_eq(
        auth_key_list_read(&list, AUTH_KEYS_JWKS, (const uint8_t *)jwk, strlen(jwk), &reason),
        CHAT_OK);
    ck_assert(base64url_decode(signature, strlen(signature), bytes, sizeof(bytes), &len));
    ck_assert(auth_key_verify(&list.keys[0], signed_text, strlen(signed_text), bytes, len));
    ck_assert(!auth_key_verify(&list.keys[0], signed_text, strlen(signed_text) - 1, bytes, len));
    bytes[0] ^= 1;
    ck_assert(!auth_key_verify(&list.keys[0], signed_text, strlen(signed_text), bytes, len));
    auth_key_list_fini(&list);
    ERR_clear_error();
}

START_TEST(the_examples_of_the_rfcs_verify)
{
    ck_vector("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS"
              "0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}",
              "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE,
              "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    ck_vector(
        "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
        "wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD"
        "1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB"
        "dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DW"
        "NmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}]}",
        "eyJhbGciOiJSUzI1NiJ9." JOE,
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
        "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIA"
        "RNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPq"
        "vhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77"
        "Rw");
    ck_vector(
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus"
        "9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
        "eyJhbGciOiJFUzI1NiJ9." JOE,
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1"
        "Q");
    ck_vector(
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapi"
        "MlrwIaaPcHURo\"}]}",
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth_key");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, pem_keys_verify_their_algorithm);
    tcase_add_test(all, a_jwk_set_verifies_by_kid);
    tcase_add_test(all, a_kid_names_one_key_of_one_issuer);
    tcase_add_test(all, a_public_key_is_never_a_secret);
    tcase_add_test(all, the_keys_of_one_algorithm_dont_verify_another);
    tcase_add_test(all, es256_wants_two_plain_numbers);
    tcase_add_test(all, weak_and_foreign_keys_are_refused);
    tcase_add_test(all, a_pem_file_holds_one_key);
    tcase_add_test(all, bad_jwk_sets_are_refused_whole);
    tcase_add_test(all, keys_for_others_are_left_out);
    tcase_add_test(all, a_failed_file_keeps_the_old_keys);
    tcase_add_test(all, an_issuer_has_at_most_64_keys);
    tcase_add_test(all, secrets_come_raw_or_as_base64);
    tcase_add_test(all, a_secret_that_is_no_file_keeps_all_its_bytes);
    tcase_add_test(all, the_examples_of_the_rfcs_verify);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
