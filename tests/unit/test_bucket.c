/* How often a user may do things, whatever the connection. */
#include <check.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "server/router/bucket.h"

#define ALICE 1u
#define BOB 2u
#define OPERATIONS BUCKET_OPERATIONS
#define READS BUCKET_READS

static const struct bucket_rate rates[BUCKET_KINDS] = {{10, 5}, {100, 20}, {100, 20}};
static struct buckets b;
static struct faulty_alloc memory;

static void setup(void)
{
    faulty_alloc_init(&memory);
    buckets_init(&b, &memory.allocator, rates, 3);
}

static void teardown(void)
{
    buckets_fini(&b);
    ck_assert_uint_eq(memory.live, 0);
}

/* Takes until refused: how many there were. */
static uint32_t drain(uint64_t user_id, enum bucket_kind kind, uint32_t routers, int64_t now_ms)
{
    uint32_t count = 0;

    while (buckets_take(&b, user_id, kind, routers, now_ms) == 0)
        count++;
    return count;
}

START_TEST(a_burst_is_taken_then_the_rate)
{
    ck_assert_uint_eq(drain(ALICE, OPERATIONS, 1, 1000), 5);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 1000), 101);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 1099), 2);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 1100), 0);
    ck_assert_uint_eq(drain(ALICE, OPERATIONS, 1, 1000000), 5);
}
END_TEST

START_TEST(the_wait_told_is_enough)
{
    drain(ALICE, OPERATIONS, 3, 0);
    for (int64_t now_ms = 0, i = 0; i < 20; i++) {
        uint32_t wait_ms = buckets_take(&b, ALICE, OPERATIONS, 3, now_ms);

        ck_assert_uint_gt(wait_ms, 0);
        now_ms += wait_ms;
        ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 3, now_ms), 0);
    }
}
END_TEST

START_TEST(kinds_and_users_have_their_own)
{
    ck_assert_uint_eq(drain(ALICE, OPERATIONS, 1, 0), 5);
    ck_assert_uint_eq(drain(ALICE, READS, 1, 0), 20);
    ck_assert_uint_eq(drain(BOB, OPERATIONS, 1, 0), 5);
    ck_assert_uint_eq(b.count, 2);
}
END_TEST

START_TEST(what_is_charged_beyond_what_is_there_is_owed)
{
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 0), 0);
    buckets_charge(&b, ALICE, OPERATIONS, 9); /* 4 are there */
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 0), 601);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 599), 2);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 600), 0);
    buckets_charge(&b, ALICE, OPERATIONS, 1000000);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 600), BUCKET_OWED_MAX * 100 + 101);
    buckets_sweep(&b, 600 + BUCKET_OWED_MAX * 100 + 499);
    ck_assert_uint_eq(b.count, 1); /* not full yet */
    buckets_sweep(&b, 600 + BUCKET_OWED_MAX * 100 + 502);
    ck_assert_uint_eq(b.count, 0);
    buckets_charge(&b, BOB, OPERATIONS, 3); /* whom nobody knows */
    ck_assert_uint_eq(b.count, 0);
}
END_TEST

START_TEST(routers_share_the_rate)
{
    drain(ALICE, OPERATIONS, 4, 0);
    ck_assert_uint_eq(drain(ALICE, OPERATIONS, 4, 400), 1);
    /* However often it is looked at, nothing is lost by rounding. */
    for (int64_t now_ms = 401; now_ms < 800; now_ms++)
        ck_assert_uint_gt(buckets_take(&b, ALICE, OPERATIONS, 4, now_ms), 0);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 4, 800), 0);
    /* Nobody knows how many yet: as one. */
    drain(BOB, OPERATIONS, 0, 0);
    ck_assert_uint_eq(drain(BOB, OPERATIONS, 0, 100), 1);
}
END_TEST

START_TEST(a_full_bucket_is_forgotten_and_not_before)
{
    drain(ALICE, OPERATIONS, 1, 0);
    drain(BOB, OPERATIONS, 2, 0);
    buckets_sweep(&b, 500);
    ck_assert_uint_eq(b.count, 2);
    buckets_sweep(&b, 501);
    ck_assert_uint_eq(b.count, 1);
    buckets_sweep(&b, 1001);
    ck_assert_uint_eq(b.count, 1);
    buckets_sweep(&b, 1002);
    ck_assert_uint_eq(b.count, 0);
}
END_TEST

START_TEST(at_its_limit_the_longest_untouched_is_forgotten)
{
    for (uint64_t user = 1; user <= 3; user++)
        drain(user, OPERATIONS, 1, (int64_t)user);
    buckets_take(&b, 1, OPERATIONS, 1, 4);
    ck_assert_uint_eq(buckets_take(&b, 4, OPERATIONS, 1, 5), 0);
    ck_assert_uint_eq(b.count, 3);
    ck_assert_uint_gt(buckets_take(&b, 1, OPERATIONS, 1, 5), 0);
    ck_assert_uint_eq(buckets_take(&b, 2, OPERATIONS, 1, 5), 0);
}
END_TEST

START_TEST(without_memory_nobody_is_refused)
{
    faulty_alloc_fail_after(&memory, 0);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 0), 0);
    faulty_alloc_fail_after(&memory, 1);
    ck_assert_uint_eq(buckets_take(&b, ALICE, OPERATIONS, 1, 0), 0);
    ck_assert_uint_eq(b.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bucket");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_burst_is_taken_then_the_rate);
    tcase_add_test(all, the_wait_told_is_enough);
    tcase_add_test(all, kinds_and_users_have_their_own);
    tcase_add_test(all, what_is_charged_beyond_what_is_there_is_owed);
    tcase_add_test(all, routers_share_the_rate);
    tcase_add_test(all, a_full_bucket_is_forgotten_and_not_before);
    tcase_add_test(all, at_its_limit_the_longest_untouched_is_forgotten);
    tcase_add_test(all, without_memory_nobody_is_refused);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
