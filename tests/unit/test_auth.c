/* Which tokens are believed, and which are not. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "../support/token.h"
#include "server/auth.h"

#define ISSUER "https://id.example"
#define NOW_S INT64_C(1700000000)
#define NOW_MS (NOW_S * 1000)
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define PAYLOAD "{\"iss\":\"" ISSUER "\",\"aud\":\"chat\",\"sub\":\"alice\",\"exp\":1700000600}"

static const uint8_t secret[] = "0123456789abcdef0123456789abcdef";
static const size_t secret_len = 32;
static const uint8_t other_secret[] = "ffffffffffffffffffffffffffffffff";

static struct auth *auth;
static struct token_claims claims;
static const char *reason;
static char token[TOKEN_MAX];
static struct faulty_alloc memory;

static void setup(void)
{
    faulty_alloc_init(&memory);
    ck_assert_int_eq(auth_new(&memory.allocator, &auth), CHAT_OK);
    ck_assert_int_eq(auth_add_issuer(auth, ISSUER, "chat"), CHAT_OK);
    ck_assert_int_eq(auth_add_keys(auth, ISSUER, AUTH_KEYS_SECRET, secret, secret_len, &reason),
                     CHAT_OK);
    reason = "";
}

static void teardown(void)
{
    auth_free(auth);
    ck_assert_uint_eq(memory.live, 0);
}

static chat_status verify_at(int64_t wall_ms)
{
    return auth_verify(auth, token, strlen(token), wall_ms, &claims, &reason);
}

static void make(const char *header, const char *payload)
{
    token_begin(token, header, payload);
    token_sign_hs256(token, secret, secret_len);
}

static void ck_refused(const char *header, const char *payload, const char *why)
{
    make(header, payload);
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_E_AUTH);
    ck_assert_str_eq(reason, why);
}

START_TEST(a_good_token_says_who)
{
    make(HS256, "{\"iss\":\"" ISSUER "\",\"aud\":[\"x\",\"chat\"],\"sub\":\"alice\","
                "\"name\":\"Alice A.\",\"exp\":1700000600,\"nbf\":1699999999,\"iat\":9e30}");
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_OK);
    ck_assert_str_eq(claims.issuer, ISSUER);
    ck_assert_str_eq(claims.subject, "alice");
    ck_assert_str_eq(claims.name, "Alice A.");
    ck_assert_int_eq(claims.expires_at_ms, INT64_C(1700000600000));
    ck_assert_int_eq(claims.issued_at_ms, 0); /* no time */
}
END_TEST

START_TEST(when_a_token_was_issued_is_told_and_not_judged)
{
    static const char *const iats[] = {"1700000001", "1700000001.9", "1900000000", "\"x\"", "-5"};
    static const int64_t told_ms[] = {1700000001000, 1700000001000, 1900000000000, 0, 0};
    char payload[256];

    snprintf(payload, sizeof(payload),
             "{\"iss\":\"" ISSUER "\",\"aud\":\"chat\",\"sub\":\"alice\",\"exp\":1700000600,"
             "\"iat\":%s}",
             iats[_i]);
    claims.issued_at_ms = 7;
    make(HS256, payload);
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_OK);
    ck_assert_int_eq(claims.issued_at_ms, told_ms[_i]);
}
END_TEST

START_TEST(what_we_mint_we_believe)
{
    const struct token_grant grant = {
        .issuer = ISSUER,
        .audience = "chat",
        .subject = "bob",
        .name = "B\"ob",
        .kid = "dev",
        .issued_at_s = NOW_S,
        .expires_at_s = NOW_S + 60,
    };
    size_t len;

    ck_assert_int_eq(auth_mint_hs256(&grant, secret, secret_len, token, sizeof(token), &len),
                     CHAT_OK);
    ck_assert_uint_eq(len, strlen(token));
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_OK);
    ck_assert_str_eq(claims.subject, "bob");
    ck_assert_str_eq(claims.name, "B\"ob");
    ck_assert_int_eq(claims.issued_at_ms, NOW_S * INT64_C(1000));
}
END_TEST

START_TEST(minting_keeps_its_limits)
{
    struct token_grant grant = {.issuer = ISSUER, .audience = "chat", .subject = "bob"};
    size_t len;

    ck_assert_int_eq(auth_mint_hs256(&grant, secret, 31, token, sizeof(token), &len),
                     CHAT_E_INVALID);
    for (size_t size = 0; size < 200; size++) {
        char small[200];
        chat_status status = auth_mint_hs256(&grant, secret, 32, small, size, &len);

        ck_assert(status == CHAT_E_TOO_LARGE || (status == CHAT_OK && len < size));
    }
    grant.subject = "\xff";
    ck_assert_int_eq(auth_mint_hs256(&grant, secret, 32, token, sizeof(token), &len),
                     CHAT_E_INVALID);
}
END_TEST

START_TEST(no_signature_is_no_token)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"HS256\\u0020\"}",
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        ck_refused(headers[i], PAYLOAD, "alg");
        token_begin(token, headers[i], PAYLOAD);
        token_add(token, ".");
        ck_assert_int_eq(verify_at(NOW_MS), CHAT_E_AUTH);
        ck_assert_str_eq(reason, "signature");
    }
}
END_TEST

START_TEST(an_empty_key_signs_nothing)
{
    token_begin(token, HS256, PAYLOAD);
    token_sign_hs256(token, "", 0);
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_E_AUTH);
    ck_assert_str_eq(reason, "signature");
    ck_assert_int_eq(auth_add_keys(auth, ISSUER, AUTH_KEYS_SECRET, secret, 0, &reason),
                     CHAT_E_INVALID);
    ck_assert_int_eq(auth_add_keys(auth, ISSUER, AUTH_KEYS_SECRET, secret, 31, &reason),
                     CHAT_E_INVALID);
}
END_TEST

START_TEST(every_changed_character_is_noticed)
{
    size_t len;

    make(HS256, PAYLOAD);
    len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        char before = token[i];

        token[i] = before == 'A' ? 'B' : 'A';
        ck_assert_int_eq(verify_at(NOW_MS), CHAT_E_AUTH);
        token[i] = before;
    }
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_OK);
}
END_TEST

START_TEST(every_shorter_token_is_refused)
{
    make(HS256, PAYLOAD);
    for (size_t len = 0; len < strlen(token); len++)
        ck_assert_int_eq(auth_verify(auth, token, len, NOW_MS, &claims, &reason), CHAT_E_AUTH);
}
END_TEST

START_TEST(nothing_may_follow_the_signature)
{
    static const char *const tails[] = {"=", "==", ".", ".e30", "A", "AAAA", " ", "\n"};

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        make(HS256, PAYLOAD);
        token_add(token, tails[i]);
        ck_assert_int_eq(verify_at(NOW_MS), CHAT_E_AUTH);
    }
    make(HS256, PAYLOAD);
    ck_assert_int_eq(auth_verify(auth, token, strlen(token) + 1, NOW_MS, &claims, &reason),
                     CHAT_E_AUTH);
}
END_TEST

START_TEST(padding_and_other_alphabets_are_refused)
{
    char padded[TOKEN_MAX];

    make(HS256, PAYLOAD " ");
    for (const char *c = "=+/ \n%"; *c; c++) {
        const char *dot = strchr(token, '.');

        snprintf(padded, sizeof(padded), "%.*s%c%s", (int)(dot - token), token, *c, dot);
        ck_assert_int_eq(auth_verify(auth, padded, strlen(padded), NOW_MS, &claims, &reason),
                         CHAT_E_AUTH);
        ck_assert_str_eq(reason, "header");
    }
}
END_TEST

START_TEST(the_header_must_be_an_object_without_crit)
{
    ck_refused("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", PAYLOAD, "crit");
    ck_refused("{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", PAYLOAD, "crit");
    ck_refused("[\"HS256\"]", PAYLOAD, "header");
    ck_refused("\"HS256\"", PAYLOAD, "header");
    ck_refused("{\"alg\":\"HS256\"}x", PAYLOAD, "header");
    ck_refused("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", PAYLOAD, "header");
    ck_refused("{\"alg\":\"HS256\",\"kid\":7}", PAYLOAD, "kid");
    ck_refused("", PAYLOAD, "header");
}
END_TEST

START_TEST(repeated_and_deep_claims_are_refused)
{
    char deep[256];

    ck_refused(HS256,
               "{\"iss\":\"" ISSUER "\",\"aud\":\"chat\",\"sub\":\"alice\",\"sub\":\"bob\","
               "\"exp\":1700000600}",
               "payload");
    snprintf(deep, sizeof(deep), "{\"x\":%s%s}", "[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]");
    ck_refused(HS256, deep, "payload");
    snprintf(deep, sizeof(deep), "{\"x\":%s%s,%s", "[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]",
             &PAYLOAD[1]);
    make(HS256, deep);
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_OK);
}
END_TEST

START_TEST(issuer_audience_and_subject_are_required)
{
    ck_refused(HS256, "{\"aud\":\"chat\",\"sub\":\"alice\",\"exp\":1700000600}", "iss");
    ck_refused(HS256, "{\"iss\":7,\"aud\":\"chat\",\"sub\":\"alice\",\"exp\":1700000600}", "iss");
    ck_refused(HS256, "{\"iss\":\"https://evil.example\",\"aud\":\"chat\",\"sub\":\"alice\"}",
               "iss");
#define REST(text) "{\"iss\":\"" ISSUER "\",\"exp\":1700000600," text "}"
    ck_refused(HS256, REST("\"sub\":\"alice\""), "aud");
    ck_refused(HS256, REST("\"sub\":\"alice\",\"aud\":\"chatter\""), "aud");
    ck_refused(HS256, REST("\"sub\":\"alice\",\"aud\":[]"), "aud");
    ck_refused(HS256, REST("\"sub\":\"alice\",\"aud\":[\"chat\",7]"), "aud");
    ck_refused(HS256, REST("\"sub\":\"alice\",\"aud\":{\"chat\":\"chat\"}"), "aud");
    ck_refused(HS256, REST("\"aud\":\"chat\""), "sub");
    ck_refused(HS256, REST("\"aud\":\"chat\",\"sub\":\"\""), "sub");
    ck_refused(HS256, REST("\"aud\":\"chat\",\"sub\":12"), "sub");
    ck_refused(HS256, REST("\"aud\":\"chat\",\"sub\":\"a\\u0000b\""), "payload");
    ck_refused(HS256, REST("\"aud\":\"chat\",\"sub\":\"\xff\""), "payload");
    ck_refused(HS256, REST("\"aud\":\"chat\",\"sub\":\"a\",\"name\":7"), "name");
}
END_TEST

START_TEST(a_subject_has_at_most_256_bytes)
{
    char payload[1024], subject[300];

    for (size_t len = 256; len <= 257; len++) {
        memset(subject, 's', len);
        subject[len] = '\0';
        snprintf(payload, sizeof(payload), REST("\"aud\":\"chat\",\"sub\":\"%s\""), subject);
        make(HS256, payload);
        ck_assert_int_eq(verify_at(NOW_MS), len == 256 ? CHAT_OK : CHAT_E_AUTH);
    }
}
END_TEST

START_TEST(a_long_name_is_cut_at_a_character)
{
    char payload[1024], name[300] = "";

    for (size_t i = 0; i < 43; i++) /* 129 bytes */
        memcpy(name + 3 * i, "\xe2\x82\xac", 4);
    snprintf(payload, sizeof(payload), REST("\"aud\":\"chat\",\"sub\":\"a\",\"name\":\"%s\""),
             name);
    make(HS256, payload);
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_OK);
    ck_assert_uint_eq(strlen(claims.name), 126);
}
END_TEST

START_TEST(the_leeway_is_sixty_seconds_to_the_millisecond)
{
    make(HS256, PAYLOAD);
    ck_assert_int_eq(verify_at(INT64_C(1700000660000) - 1), CHAT_OK);
    ck_assert_int_eq(verify_at(INT64_C(1700000660000)), CHAT_E_EXPIRED);
    ck_assert_str_eq(reason, "exp");

    make(HS256, REST("\"aud\":\"chat\",\"sub\":\"a\",\"nbf\":1700000100"));
    ck_assert_int_eq(verify_at(INT64_C(1700000040000)), CHAT_OK);
    ck_assert_int_eq(verify_at(INT64_C(1700000040000) - 1), CHAT_E_AUTH);
    ck_assert_str_eq(reason, "nbf");
}
END_TEST

START_TEST(times_must_be_sane_numbers)
{
    static const char *const bad[] = {
        "\"exp\":\"1700000600\"",
        "\"exp\":null",
        "\"exp\":-1",
        "\"exp\":253402300800",
        "\"exp\":1e300",
        "\"exp\":-1e300",
        "\"exp\":[]",
        "\"exp\":9223372036854775807",
        "\"x\":1",
    };
    char payload[512];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(payload, sizeof(payload),
                 "{\"iss\":\"" ISSUER "\",\"aud\":\"chat\",\"sub\":\"a\",%s}", bad[i]);
        ck_refused(HS256, payload, "exp");
    }
    ck_refused(HS256, "{\"exp\":99999999999999999999999999}", "payload");
    ck_refused(HS256, "{\"exp\":1e999}", "payload");
    ck_refused(HS256, REST("\"aud\":\"chat\",\"sub\":\"a\",\"nbf\":\"1\""), "nbf");
    make(HS256, "{\"iss\":\"" ISSUER "\",\"aud\":\"chat\",\"sub\":\"a\",\"exp\":1700000600.75}");
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_OK);
    ck_assert_int_eq(claims.expires_at_ms, INT64_C(1700000600000));
}
END_TEST

START_TEST(a_token_has_at_most_8192_bytes)
{
    char long_token[CHAT_TOKEN_MAX + 1];

    memset(long_token, 'A', sizeof(long_token));
    ck_assert_int_eq(auth_verify(auth, long_token, CHAT_TOKEN_MAX, NOW_MS, &claims, &reason),
                     CHAT_E_AUTH);
    ck_assert_int_eq(auth_verify(auth, long_token, CHAT_TOKEN_MAX + 1, NOW_MS, &claims, &reason),
                     CHAT_E_TOO_LARGE);
}
END_TEST

START_TEST(a_key_never_speaks_for_another_issuer)
{
    ck_assert_int_eq(auth_add_issuer(auth, "https://other.example", "chat"), CHAT_OK);
    ck_assert_int_eq(
        auth_add_keys(auth, "https://other.example", AUTH_KEYS_SECRET, other_secret, 32, &reason),
        CHAT_OK);
    token_begin(token, HS256, PAYLOAD);
    token_sign_hs256(token, other_secret, 32);
    ck_assert_int_eq(verify_at(NOW_MS), CHAT_E_AUTH);
    ck_assert_str_eq(reason, "signature");
}
END_TEST

START_TEST(issuers_are_declared_once)
{
    char name[32];

    ck_assert_int_eq(auth_add_issuer(auth, ISSUER, "chat"), CHAT_E_CONFLICT);
    ck_assert_int_eq(auth_add_issuer(auth, "", "chat"), CHAT_E_INVALID);
    ck_assert_int_eq(auth_add_issuer(auth, "x", NULL), CHAT_E_INVALID);
    ck_assert_int_eq(auth_add_keys(auth, "x", AUTH_KEYS_SECRET, secret, 32, &reason),
                     CHAT_E_NOT_FOUND);
    for (uint32_t i = 1; i < AUTH_ISSUERS_MAX; i++) {
        snprintf(name, sizeof(name), "issuer %u", i);
        ck_assert_int_eq(auth_add_issuer(auth, name, "chat"), CHAT_OK);
    }
    ck_assert_int_eq(auth_add_issuer(auth, "one more", "chat"), CHAT_E_FULL);
}
END_TEST

START_TEST(no_memory_leaves_nothing_behind)
{
    struct auth *other = NULL;

    for (size_t allowed = 0; allowed < 5; allowed++) {
        faulty_alloc_fail_after(&memory, allowed);
        if (auth_new(&memory.allocator, &other) != CHAT_OK)
            continue;
        if (auth_add_issuer(other, ISSUER, "chat") == CHAT_OK)
            ck_assert_int_eq(auth_add_keys(other, ISSUER, AUTH_KEYS_SECRET, secret, 32, &reason),
                             allowed < 5 ? CHAT_E_NOMEM : CHAT_OK);
        auth_free(other);
    }
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_good_token_says_who);
    tcase_add_loop_test(all, when_a_token_was_issued_is_told_and_not_judged, 0, 5);
    tcase_add_test(all, what_we_mint_we_believe);
    tcase_add_test(all, minting_keeps_its_limits);
    tcase_add_test(all, no_signature_is_no_token);
    tcase_add_test(all, an_empty_key_signs_nothing);
    tcase_add_test(all, every_changed_character_is_noticed);
    tcase_add_test(all, every_shorter_token_is_refused);
    tcase_add_test(all, nothing_may_follow_the_signature);
    tcase_add_test(all, padding_and_other_alphabets_are_refused);
    tcase_add_test(all, the_header_must_be_an_object_without_crit);
    tcase_add_test(all, repeated_and_deep_claims_are_refused);
    tcase_add_test(all, issuer_audience_and_subject_are_required);
    tcase_add_test(all, a_subject_has_at_most_256_bytes);
    tcase_add_test(all, a_long_name_is_cut_at_a_character);
    tcase_add_test(all, the_leeway_is_sixty_seconds_to_the_millisecond);
    tcase_add_test(all, times_must_be_sane_numbers);
    tcase_add_test(all, a_token_has_at_most_8192_bytes);
    tcase_add_test(all, a_key_never_speaks_for_another_issuer);
    tcase_add_test(all, issuers_are_declared_once);
    tcase_add_test(all, no_memory_leaves_nothing_behind);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
