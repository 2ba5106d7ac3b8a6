/* Who a resume ticket lets in, and who not. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/ticket.h"

#define NOW INT64_C(1700000000000)
#define DEVICE UINT64_C(0x99aabbccddeeff01)

static struct ticket_keys keys;
static struct ticket ticket;
static uint8_t sealed[TICKET_SIZE];

static void add_key(struct ticket_keys *to, uint32_t id, uint8_t first)
{
    struct ticket_key *key = &to->keys[to->count++];

    key->id = id;
    for (uint32_t i = 0; i < TICKET_SECRET_SIZE; i++)
        key->secret[i] = (uint8_t)(first + i);
}

static void setup(void)
{
    keys = (struct ticket_keys){0};
    add_key(&keys, 7, 0);
    ticket = (struct ticket){
        .user_id = UINT64_C(0x1122334455667788),
        .device_id = DEVICE,
        .auth_epoch = 3,
        .session_no = UINT64_C(0x0102030405060708),
        .issued_at_ms = NOW,
        .expires_at_ms = INT64_MAX,
        .token_expires_at_ms = NOW + 3600000,
        .issuer_hash = ticket_issuer_hash("https://id.example"),
    };
    ck_assert_int_eq(ticket_seal(&keys, &ticket, sealed), CHAT_OK);
}

static chat_status open_at(int64_t wall_ms)
{
    struct ticket out;
    return ticket_open(&keys, sealed, sizeof(sealed), DEVICE, wall_ms, &out);
}

/* Made by an independent program from the words in ticket.c. */
START_TEST(bytes_never_change)
{
    static const char golden[] =
        "0207000000887766554433221101ffeeddccbbaa99030000000000000008070605040302010068e5cf8b0100"
        "00c08feecf8b01000080561cd08b010000e83e6c51723f30247c886bfaffcd39b32134bc24d17fc55c2b06d1"
        "fe59409bddd3fc8acb5b64dc77";
    char hex[2 * TICKET_SIZE + 1];

    for (size_t i = 0; i < TICKET_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", sealed[i]);
    ck_assert_str_eq(hex, golden);
}
END_TEST

/* Likewise, in the days of version 1. */
START_TEST(a_ticket_of_version_1_is_taken_and_has_no_session)
{
    static const char golden[] =
        "0107000000887766554433221101ffeeddccbbaa9903000000000000000068e5cf8b010000c08feecf8b0100"
        "0080561cd08b010000e83e6c51723f302407a11bd9a43f94492203ed2554e2870a4886a8064235e0d330641f"
        "1c53e42994";
    uint8_t old[(sizeof(golden) - 1) / 2];
    struct ticket out;

    for (size_t i = 0; i < sizeof(old); i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(golden + 2 * i, "%2x", &byte), 1);
        old[i] = (uint8_t)byte;
    }
    ck_assert_int_eq(ticket_open(&keys, old, sizeof(old), DEVICE, NOW, &out), CHAT_OK);
    ck_assert_uint_eq(out.user_id, ticket.user_id);
    ck_assert_uint_eq(out.auth_epoch, 3);
    ck_assert_uint_eq(out.session_no, 0);
    ck_assert_int_eq(out.token_expires_at_ms, NOW + 3600000);
    old[0] = 2; /* the version is signed, too */
    ck_assert_int_eq(ticket_open(&keys, old, sizeof(old), DEVICE, NOW, &out), CHAT_E_AUTH);
}
END_TEST

START_TEST(what_goes_in_comes_out)
{
    struct ticket out;

    ck_assert_int_eq(ticket_open(&keys, sealed, sizeof(sealed), DEVICE, NOW, &out), CHAT_OK);
    ck_assert_uint_eq(out.user_id, ticket.user_id);
    ck_assert_uint_eq(out.device_id, DEVICE);
    ck_assert_uint_eq(out.auth_epoch, 3);
    ck_assert_uint_eq(out.session_no, ticket.session_no);
    ck_assert_int_eq(out.issued_at_ms, NOW);
    ck_assert_int_eq(out.expires_at_ms, NOW + TICKET_LIFE_MAX_MS);
    ck_assert_int_eq(out.token_expires_at_ms, NOW + 3600000);
    ck_assert_uint_eq(out.issuer_hash, ticket_issuer_hash("https://id.example"));
}
END_TEST

START_TEST(every_changed_bit_is_noticed)
{
    for (size_t bit = 0; bit < 8 * (size_t)TICKET_SIZE; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(open_at(NOW), CHAT_E_AUTH);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_eq(open_at(NOW), CHAT_OK);
}
END_TEST

START_TEST(another_length_is_refused)
{
    uint8_t longer[TICKET_SIZE + 1] = {0};
    struct ticket out;

    memcpy(longer, sealed, sizeof(sealed));
    ck_assert_int_eq(ticket_open(&keys, longer, sizeof(longer), DEVICE, NOW, &out), CHAT_E_AUTH);
    for (size_t len = 0; len < TICKET_SIZE; len++)
        ck_assert_int_eq(ticket_open(&keys, sealed, len, DEVICE, NOW, &out), CHAT_E_AUTH);
    ck_assert_int_eq(ticket_open(&keys, NULL, 0, DEVICE, NOW, &out), CHAT_E_AUTH);
}
END_TEST

START_TEST(another_device_is_refused)
{
    struct ticket out;
    ck_assert_int_eq(ticket_open(&keys, sealed, sizeof(sealed), DEVICE + 1, NOW, &out),
                     CHAT_E_AUTH);
}
END_TEST

START_TEST(it_ends_after_ten_minutes)
{
    ck_assert_int_eq(open_at(NOW + TICKET_LIFE_MAX_MS - 1), CHAT_OK);
    ck_assert_int_eq(open_at(NOW + TICKET_LIFE_MAX_MS), CHAT_E_EXPIRED);
}
END_TEST

START_TEST(it_ends_with_its_token)
{
    ticket.expires_at_ms = INT64_MAX;
    ticket.token_expires_at_ms = NOW + 5000;
    ck_assert_int_eq(ticket_seal(&keys, &ticket, sealed), CHAT_OK);
    ck_assert_int_eq(open_at(NOW + 4999), CHAT_OK);
    ck_assert_int_eq(open_at(NOW + 5000), CHAT_E_EXPIRED);

    ticket.token_expires_at_ms = NOW;
    ck_assert_int_eq(ticket_seal(&keys, &ticket, sealed), CHAT_E_EXPIRED);
}
END_TEST

START_TEST(a_clock_that_stepped_back_does_not_prolong_it)
{
    ck_assert_int_eq(open_at(NOW - 60000), CHAT_OK);
    ck_assert_int_eq(open_at(NOW - 60001), CHAT_E_EXPIRED);
}
END_TEST

START_TEST(keys_rotate)
{
    struct ticket_keys next = {0};

    add_key(&next, 8, 100);
    add_key(&next, 7, 0);
    keys = next;
    ck_assert_int_eq(open_at(NOW), CHAT_OK);
    ck_assert_int_eq(ticket_seal(&keys, &ticket, sealed), CHAT_OK);
    ck_assert_uint_eq(sealed[1], 8);
    ck_assert_int_eq(open_at(NOW), CHAT_OK);
    keys.count = 0;
    add_key(&keys, 7, 0);
    ck_assert_int_eq(open_at(NOW), CHAT_E_AUTH);
}
END_TEST

START_TEST(a_key_id_does_not_make_a_key)
{
    keys.count = 0;
    add_key(&keys, 7, 1);
    ck_assert_int_eq(open_at(NOW), CHAT_E_AUTH);
}
END_TEST

START_TEST(nonsense_is_not_sealed)
{
    struct ticket bad = ticket;

    bad.user_id = 0;
    ck_assert_int_eq(ticket_seal(&keys, &bad, sealed), CHAT_E_INVALID);
    bad = ticket;
    bad.device_id = 0;
    ck_assert_int_eq(ticket_seal(&keys, &bad, sealed), CHAT_E_INVALID);
    bad = ticket;
    bad.issued_at_ms = INT64_MAX;
    ck_assert_int_eq(ticket_seal(&keys, &bad, sealed), CHAT_E_INVALID);
    keys.count = 0;
    ck_assert_int_eq(ticket_seal(&keys, &ticket, sealed), CHAT_E_INVALID);
}
END_TEST

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static chat_status parse(const char *text, uint32_t *out_line)
{
    keys = (struct ticket_keys){0};
    return ticket_keys_parse(text, strlen(text), &keys, out_line);
}

START_TEST(a_key_file_is_read)
{
    uint32_t line;

    ck_assert_int_eq(parse("# keys\n\n 7 " HEX64 " # now\r\n8\t" HEX64, &line), CHAT_OK);
    ck_assert_uint_eq(keys.count, 2);
    ck_assert_uint_eq(keys.keys[0].id, 7);
    ck_assert_uint_eq(keys.keys[0].secret[31], 0x1f);
    ck_assert_uint_eq(keys.keys[1].id, 8);
    ck_assert_int_eq(open_at(NOW), CHAT_OK);
}
END_TEST

START_TEST(a_bad_key_file_names_its_line)
{
    static const struct {
        const char *text;
        uint32_t line;
    } bad[] = {
        {"", 0},
        {"# nothing\n", 0},
        {"\n0 " HEX64, 2},
        {"1 " HEX64 "\n1 " HEX64, 2},
        {"4294967296 " HEX64, 1},
        {"99999999999999999999999 " HEX64, 1},
        {"1 " HEX64 "0", 1},
        {"1 abcd", 1},
        {"1" HEX64, 1},
        {"x " HEX64, 1},
        {"1 g" HEX64, 1},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t line = 99;

        ck_assert_int_eq(parse(bad[i].text, &line), CHAT_E_INVALID);
        ck_assert_uint_eq(line, bad[i].line);
    }
}
END_TEST

START_TEST(more_keys_than_fit_are_refused)
{
    char text[2048] = "";
    uint32_t line;

    for (uint32_t i = 1; i <= TICKET_KEYS_MAX; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u %s\n", i, HEX64);
    ck_assert_int_eq(parse(text, &line), CHAT_OK);
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "100 %s\n", HEX64);
    ck_assert_int_eq(parse(text, &line), CHAT_E_FULL);
    ck_assert_uint_eq(line, TICKET_KEYS_MAX + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ticket");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, NULL);
    tcase_add_test(all, bytes_never_change);
    tcase_add_test(all, a_ticket_of_version_1_is_taken_and_has_no_session);
    tcase_add_test(all, what_goes_in_comes_out);
    tcase_add_test(all, every_changed_bit_is_noticed);
    tcase_add_test(all, another_length_is_refused);
    tcase_add_test(all, another_device_is_refused);
    tcase_add_test(all, it_ends_after_ten_minutes);
    tcase_add_test(all, it_ends_with_its_token);
    tcase_add_test(all, a_clock_that_stepped_back_does_not_prolong_it);
    tcase_add_test(all, keys_rotate);
    tcase_add_test(all, a_key_id_does_not_make_a_key);
    tcase_add_test(all, nonsense_is_not_sealed);
    tcase_add_test(all, a_key_file_is_read);
    tcase_add_test(all, a_bad_key_file_names_its_line);
    tcase_add_test(all, more_keys_than_fit_are_refused);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
