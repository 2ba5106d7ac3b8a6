/* What a nonce ring remembers, and what it says of a nonce. */
#include <check.h>
#include <stdlib.h>

#include "server/store/ring.h"

static struct ring ring;
static const struct ring_nonce *known;

static void setup(void) { ring = (struct ring){0}; }

static void teardown(void) { ring_fini(&ring, NULL); }

static void decide(uint64_t counter)
{
    const struct ring_nonce nonce = {.counter = counter, .body_hash = counter, .seq = counter * 2};

    ck_assert_int_eq(ring_reserve(&ring, NULL), CHAT_OK);
    ring_add(&ring, &nonce);
}

static void accept(uint64_t counter)
{
    decide(counter);
    ring_synced(&ring);
}

static enum ring_verdict judge(uint64_t counter, uint64_t after, uint64_t hash)
{
    return ring_judge(&ring, counter, after, hash, &known);
}

START_TEST(an_unknown_greater_counter_is_new)
{
    ck_assert_int_eq(judge(5, 0, 1), RING_NEW);
    accept(5);
    ck_assert_int_eq(judge(9, 5, 1), RING_NEW);
    ck_assert_int_eq(judge(9, 0, 1), RING_NEW);
}
END_TEST

START_TEST(a_known_counter_repeats_only_with_the_same_body)
{
    accept(5);
    ck_assert_int_eq(judge(5, 0, 5), RING_REPEAT);
    ck_assert_uint_eq(known->seq, 10);
    ck_assert_int_eq(judge(5, 0, 6), RING_STALE);
}
END_TEST

START_TEST(a_counter_that_was_passed_over_is_stale)
{
    accept(5);
    accept(9);
    ck_assert_int_eq(judge(7, 5, 7), RING_STALE);
    ck_assert_int_eq(judge(4, 0, 4), RING_STALE);
}
END_TEST

START_TEST(a_predecessor_that_is_not_in_keeps_out)
{
    ck_assert_int_eq(judge(6, 5, 6), RING_OUT_OF_ORDER);
    accept(5);
    ck_assert_int_eq(judge(6, 5, 6), RING_NEW);
    ck_assert_int_eq(judge(8, 7, 8), RING_OUT_OF_ORDER);
    ck_assert_int_eq(judge(8, 4, 8), RING_OUT_OF_ORDER); /* passed over: never in */
}
END_TEST

START_TEST(the_last_32_are_known_and_older_predecessors_count_as_in)
{
    for (uint64_t i = 1; i <= RING_SYNCED_MAX; i++)
        accept(i);
    ck_assert_int_eq(judge(1, 0, 1), RING_REPEAT);
    accept(RING_SYNCED_MAX + 1);
    ck_assert_int_eq(judge(1, 0, 1), RING_STALE);
    ck_assert_int_eq(judge(2, 0, 2), RING_REPEAT);
    ck_assert_int_eq(judge(99, 1, 99), RING_NEW);
    ck_assert_uint_eq(ring.count, RING_SYNCED_MAX);
}
END_TEST

START_TEST(what_is_not_synced_is_bounded_and_can_be_undone)
{
    for (uint64_t i = 1; i <= RING_SYNCED_MAX; i++)
        accept(i);
    for (uint64_t i = 1; i <= RING_UNSYNCED_MAX; i++)
        decide(RING_SYNCED_MAX + i);
    ck_assert_int_eq(judge(1000, 0, 1), RING_BUSY);
    ck_assert_int_eq(judge(1, 0, 1), RING_REPEAT); /* none was dropped for them */
    ring_refused(&ring);
    ck_assert_int_eq(judge(RING_SYNCED_MAX + 1, RING_SYNCED_MAX, 7), RING_NEW);
    ck_assert_int_eq(judge(1, 0, 1), RING_REPEAT);
}
END_TEST

START_TEST(the_row_holds_the_synced_part_alone)
{
    struct ring copy = {0};
    struct arena arena;
    WireRingRow *row;

    arena_init(&arena, NULL, 1u << 20);
    for (uint64_t i = 1; i <= 40; i++)
        accept(i);
    decide(41);
    row = ring_to_row(&ring, &arena);
    ck_assert_uint_eq(row->n_nonces, RING_SYNCED_MAX);
    ck_assert_uint_eq(row->floor, 8);
    ck_assert_int_eq(ring_from_row(&copy, NULL, row), CHAT_OK);
    ck_assert_int_eq(ring_judge(&copy, 40, 0, 40, &known), RING_REPEAT);
    ck_assert_int_eq(ring_judge(&copy, 41, 40, 41, &known), RING_NEW);
    ck_assert_int_eq(ring_judge(&copy, 8, 0, 8, &known), RING_STALE);
    ring_fini(&copy, NULL);
    arena_fini(&arena);
}
END_TEST

START_TEST(a_row_out_of_order_or_too_long_is_corrupt)
{
    WireRingRow row = WIRE_RING_ROW__INIT;
    WireRingNonce nonces[2] = {WIRE_RING_NONCE__INIT, WIRE_RING_NONCE__INIT};
    WireRingNonce *list[2] = {&nonces[0], &nonces[1]};

    nonces[0].counter = nonces[1].counter = 5;
    row.nonces = list;
    row.n_nonces = 2;
    ck_assert_int_eq(ring_from_row(&ring, NULL, &row), CHAT_E_CORRUPT);
    row.n_nonces = RING_SYNCED_MAX + 1;
    ring_fini(&ring, NULL);
    ck_assert_int_eq(ring_from_row(&ring, NULL, &row), CHAT_E_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *cases = tcase_create("ring");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, an_unknown_greater_counter_is_new);
    tcase_add_test(cases, a_known_counter_repeats_only_with_the_same_body);
    tcase_add_test(cases, a_counter_that_was_passed_over_is_stale);
    tcase_add_test(cases, a_predecessor_that_is_not_in_keeps_out);
    tcase_add_test(cases, the_last_32_are_known_and_older_predecessors_count_as_in);
    tcase_add_test(cases, what_is_not_synced_is_bounded_and_can_be_undone);
    tcase_add_test(cases, the_row_holds_the_synced_part_alone);
    tcase_add_test(cases, a_row_out_of_order_or_too_long_is_corrupt);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
