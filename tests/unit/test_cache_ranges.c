/* Which messages are held, and how current they are. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cache/ranges.h"

static struct ranges r;

static void setup(void) { r = (struct ranges){0}; }
static void teardown(void) { ranges_fini(&r, NULL); }

static void add(uint64_t from, uint64_t to, uint64_t rev)
{
    ck_assert_int_eq(ranges_add(&r, NULL, from, to, rev), CHAT_OK);
}

static void expect(const struct range *items, uint32_t count)
{
    ck_assert_uint_eq(r.count, count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(r.items[i].from, items[i].from);
        ck_assert_uint_eq(r.items[i].to, items[i].to);
        ck_assert_uint_eq(r.items[i].rev, items[i].rev);
    }
}

START_TEST(a_live_message_extends_the_last_range)
{
    add(1, 1, 0);
    add(2, 2, 0);
    add(3, 9, 0);
    expect((struct range[]){{1, 9, 0}}, 1);
}
END_TEST

START_TEST(a_page_fills_the_hole_between_two_ranges)
{
    add(1, 10, 3);
    add(21, 30, 3);
    add(11, 20, 3);
    expect((struct range[]){{1, 30, 3}}, 1);
}
END_TEST

START_TEST(what_was_held_keeps_the_higher_rev)
{
    add(1, 10, 5);
    add(5, 20, 3);
    expect((struct range[]){{1, 10, 5}, {11, 20, 3}}, 2);
    add(1, 20, 4);
    expect((struct range[]){{1, 10, 5}, {11, 20, 4}}, 2);
    add(8, 25, 7);
    expect((struct range[]){{1, 7, 5}, {8, 25, 7}}, 2);
}
END_TEST

START_TEST(an_alteration_raises_only_what_was_current)
{
    add(1, 10, 5);
    add(11, 20, 3);
    ranges_raise(&r, 5, 6);
    expect((struct range[]){{1, 10, 6}, {11, 20, 3}}, 2);
    ranges_raise(&r, 3, 6);
    expect((struct range[]){{1, 20, 6}}, 1);
}
END_TEST

START_TEST(removing_splits_a_range)
{
    add(1, 30, 2);
    ck_assert_int_eq(ranges_remove(&r, NULL, 11, 20), CHAT_OK);
    expect((struct range[]){{1, 10, 2}, {21, 30, 2}}, 2);
}
END_TEST

START_TEST(runs_cross_touching_ranges_and_end_at_holes)
{
    uint64_t from, to;

    add(5, 10, 1);
    add(11, 20, 2);
    add(31, 40, 2);
    ck_assert_uint_eq(ranges_run_end(&r, 7), 20);
    ck_assert_uint_eq(ranges_run_start(&r, 15), 5);
    ck_assert_uint_eq(ranges_run_end(&r, 25), 0);
    ck_assert_uint_eq(ranges_top(&r), 40);
    ck_assert_uint_eq(ranges_min_rev(&r), 1);
    ck_assert(ranges_holds(&r, 5, 20) && !ranges_holds(&r, 5, 21) && ranges_holds(&r, 3, 2));
    ck_assert(ranges_next_hole(&r, 1, 50, &from, &to) && from == 1 && to == 4);
    ck_assert(ranges_next_hole(&r, 6, 50, &from, &to) && from == 21 && to == 30);
    ck_assert(ranges_next_hole(&r, 35, 50, &from, &to) && from == 41 && to == 50);
    ck_assert(!ranges_next_hole(&r, 31, 40, &from, &to));
}
END_TEST

START_TEST(too_many_islands_are_refused_and_change_nothing)
{
    for (uint64_t i = 0; i < RANGES_MAX; i++)
        add(1 + 2 * i, 1 + 2 * i, 0);
    ck_assert_int_eq(ranges_add(&r, NULL, 10000, 10000, 0), CHAT_E_FULL);
    ck_assert_uint_eq(r.count, RANGES_MAX);
    add(2, 2, 0); /* joins two: there is room again */
    ck_assert_uint_eq(r.count, RANGES_MAX - 1);
    add(10000, 10000, 0);
}
END_TEST

START_TEST(too_many_touching_ranges_are_joined_under_the_lower_rev)
{
    for (uint64_t i = 1; i <= RANGES_MAX + 1; i++)
        add(i, i, i % 2);
    ck_assert_uint_eq(r.count, RANGES_MAX);
    ck_assert_uint_eq(r.items[RANGES_MAX - 1].to, RANGES_MAX + 1);
    ck_assert_uint_eq(r.items[RANGES_MAX - 1].rev, 0);
}
END_TEST

START_TEST(extremes_are_refused)
{
    ck_assert_int_eq(ranges_add(&r, NULL, 0, 5, 0), CHAT_E_INVALID);
    ck_assert_int_eq(ranges_add(&r, NULL, 5, 4, 0), CHAT_E_INVALID);
    ck_assert_int_eq(ranges_add(&r, NULL, 5, UINT64_MAX, 0), CHAT_E_INVALID);
    add(RANGES_SEQ_MAX, RANGES_SEQ_MAX, 0);
}
END_TEST

/* Against the plain truth: an array of revs, -1 where nothing is held. */
START_TEST(random_changes_agree_with_a_plain_array)
{
    enum { SEQS = 60 };
    int64_t truth[SEQS + 2];
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i);
    for (int s = 0; s < SEQS + 2; s++)
        truth[s] = -1;
    for (int step = 0; step < 400; step++) {
        uint64_t from = 1 + rng_below(&rng, SEQS);
        uint64_t to = from + rng_below(&rng, SEQS + 1 - from);
        uint64_t rev = rng_below(&rng, 6), kind = rng_below(&rng, 4);

        if (kind < 2)
            add(from, to, rev);
        else if (kind == 2)
            ck_assert_int_eq(ranges_remove(&r, NULL, from, to), CHAT_OK);
        else
            ranges_raise(&r, rev, rev + 1);
        for (uint64_t s = 1; s <= SEQS; s++) {
            if (kind < 2 && s >= from && s <= to)
                truth[s] = truth[s] > (int64_t)rev ? truth[s] : (int64_t)rev;
            if (kind == 2 && s >= from && s <= to)
                truth[s] = -1;
            if (kind == 3 && truth[s] == (int64_t)rev)
                truth[s] = (int64_t)rev + 1;
        }
        for (uint64_t s = 1; s <= SEQS; s++) {
            int64_t rev_held = -1;

            for (uint32_t i = 0; i < r.count; i++)
                if (r.items[i].from <= s && s <= r.items[i].to)
                    rev_held = (int64_t)r.items[i].rev;
            ck_assert_int_eq(rev_held, truth[s]);
            ck_assert(ranges_holds(&r, s, s) == (truth[s] >= 0));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_ranges");
    TCase *tc = tcase_create("ranges");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_live_message_extends_the_last_range);
    tcase_add_test(tc, a_page_fills_the_hole_between_two_ranges);
    tcase_add_test(tc, what_was_held_keeps_the_higher_rev);
    tcase_add_test(tc, an_alteration_raises_only_what_was_current);
    tcase_add_test(tc, removing_splits_a_range);
    tcase_add_test(tc, runs_cross_touching_ranges_and_end_at_holes);
    tcase_add_test(tc, too_many_islands_are_refused_and_change_nothing);
    tcase_add_test(tc, too_many_touching_ranges_are_joined_under_the_lower_rev);
    tcase_add_test(tc, extremes_are_refused);
    tcase_add_loop_test(tc, random_changes_agree_with_a_plain_array, 0, 20);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
