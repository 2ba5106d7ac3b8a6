/* Ids rise whatever the clock does, and say when and where they were made. */
#include <check.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/snowflake.h"

#define NOW (SNOWFLAKE_EPOCH_MS + INT64_C(50000000000))

static struct snowflake_mint mint;

static void setup(void) { snowflake_mint_init(&mint, 7); }

START_TEST(id_carries_its_time_and_shard)
{
    uint64_t id = snowflake_mint_next(&mint, NOW);

    ck_assert_int_eq(snowflake_wall_ms(id), NOW);
    ck_assert_uint_eq(snowflake_shard(id), 7);
}
END_TEST

START_TEST(full_counter_moves_on_to_the_next_millisecond)
{
    uint64_t last = 0;

    for (int i = 0; i < 4096; i++) {
        uint64_t id = snowflake_mint_next(&mint, NOW);
        ck_assert_uint_gt(id, last);
        ck_assert_int_eq(snowflake_wall_ms(id), NOW);
        ck_assert_uint_eq(snowflake_shard(id), 7);
        last = id;
    }
    last = snowflake_mint_next(&mint, NOW);
    ck_assert_int_eq(snowflake_wall_ms(last), NOW + 1);
    ck_assert_uint_eq(snowflake_shard(last), 7);
    ck_assert_uint_gt(snowflake_mint_next(&mint, NOW), last);
    ck_assert_uint_gt(snowflake_mint_next(&mint, NOW + 1), last);
}
END_TEST

START_TEST(clock_that_steps_back_never_repeats_an_id)
{
    uint64_t first = snowflake_mint_next(&mint, NOW);
    uint64_t second = snowflake_mint_next(&mint, NOW - 3600000);
    uint64_t third = snowflake_mint_next(&mint, NOW);

    ck_assert_uint_gt(second, first);
    ck_assert_uint_gt(third, second);
}
END_TEST

START_TEST(ids_rise_over_any_clock)
{
    struct rng r;
    uint64_t last = 0;

    rng_seed(&r, 3);
    for (int i = 0; i < 20000; i++) {
        int64_t wall_ms = NOW + (int64_t)rng_below(&r, 50) - 25;
        uint64_t id = snowflake_mint_next(&mint, wall_ms);
        ck_assert_uint_gt(id, last);
        ck_assert_uint_eq(snowflake_shard(id), 7);
        last = id;
    }
}
END_TEST

START_TEST(clock_outside_the_range_is_not_believed)
{
    static const int64_t wrong[] = {
        INT64_MIN, -1, 0, SNOWFLAKE_EPOCH_MS - 1, SNOWFLAKE_EPOCH_MS + (INT64_C(1) << 41),
        INT64_MAX};
    uint64_t first = snowflake_mint_next(&mint, NOW);
    uint64_t second = snowflake_mint_next(&mint, wrong[_i]);

    ck_assert_uint_gt(second, first);
    ck_assert_int_eq(snowflake_wall_ms(second), NOW);
}
END_TEST

START_TEST(ends_of_the_range_are_believed)
{
    int64_t end = SNOWFLAKE_EPOCH_MS + (INT64_C(1) << 41) - 1;

    ck_assert_int_eq(snowflake_wall_ms(snowflake_mint_next(&mint, SNOWFLAKE_EPOCH_MS)),
                     SNOWFLAKE_EPOCH_MS);
    uint64_t last = snowflake_mint_next(&mint, end);
    ck_assert_int_eq(snowflake_wall_ms(last), end);
    ck_assert_uint_le(last, INT64_MAX);
}
END_TEST

START_TEST(first_id_of_shard_0_at_the_epoch_is_not_0)
{
    snowflake_mint_init(&mint, 0);
    ck_assert_uint_gt(snowflake_mint_next(&mint, SNOWFLAKE_EPOCH_MS), 0);
    snowflake_mint_init(&mint, 0);
    ck_assert_uint_gt(snowflake_mint_next(&mint, 0), 0);
}
END_TEST

START_TEST(ids_seen_in_a_log_are_not_given_again)
{
    struct snowflake_mint earlier;
    uint64_t seen, id;

    snowflake_mint_init(&earlier, 7);
    for (int i = 0; i < 10; i++)
        seen = snowflake_mint_next(&earlier, NOW);
    snowflake_mint_saw(&mint, seen);
    id = snowflake_mint_next(&mint, NOW - 1000);
    ck_assert_uint_gt(id, seen);

    snowflake_mint_saw(&mint, 1); /* an old one changes nothing */
    ck_assert_uint_gt(snowflake_mint_next(&mint, NOW - 1000), id);
}
END_TEST

START_TEST(other_shards_ids_are_ignored)
{
    struct snowflake_mint other;

    snowflake_mint_init(&other, 8);
    snowflake_mint_saw(&mint, snowflake_mint_next(&other, NOW + 1000000));
    ck_assert_int_eq(snowflake_wall_ms(snowflake_mint_next(&mint, NOW)), NOW);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snowflake");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, NULL);
    tcase_add_test(all, id_carries_its_time_and_shard);
    tcase_add_test(all, full_counter_moves_on_to_the_next_millisecond);
    tcase_add_test(all, clock_that_steps_back_never_repeats_an_id);
    tcase_add_test(all, ids_rise_over_any_clock);
    tcase_add_loop_test(all, clock_outside_the_range_is_not_believed, 0, 6);
    tcase_add_test(all, ends_of_the_range_are_believed);
    tcase_add_test(all, first_id_of_shard_0_at_the_epoch_is_not_0);
    tcase_add_test(all, ids_seen_in_a_log_are_not_given_again);
    tcase_add_test(all, other_shards_ids_are_ignored);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
