/* The same seed gives the same numbers; ranges are kept and filled. */
#include <check.h>
#include <stdlib.h>

#include "base/rng.h"

START_TEST(generator_is_xoshiro256_starstar)
{
    /* From the reference code with this state. */
    struct rng r = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};

    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(rng_u64(&r), expected[i]);
}
END_TEST

START_TEST(same_seed_same_numbers)
{
    struct rng a, b, c;
    int different = 0;

    rng_seed(&a, 5);
    rng_seed(&b, 5);
    rng_seed(&c, 6);
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_u64(&a);
        ck_assert_uint_eq(x, rng_u64(&b));
        different += x != rng_u64(&c);
    }
    ck_assert_int_eq(different, 100);
}
END_TEST

START_TEST(seed_0_works)
{
    struct rng r;

    rng_seed(&r, 0);
    ck_assert_uint_ne(r.s[0] | r.s[1] | r.s[2] | r.s[3], 0);
    ck_assert_uint_ne(rng_u64(&r), rng_u64(&r));
}
END_TEST

START_TEST(below_stays_below_and_reaches_all)
{
    struct rng r;
    unsigned seen[10] = {0};

    rng_seed(&r, 1);
    for (int i = 0; i < 10000; i++)
        seen[rng_below(&r, 10)]++;
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_gt(seen[i], 800);
        ck_assert_uint_lt(seen[i], 1200);
    }
}
END_TEST

START_TEST(below_at_its_edges)
{
    struct rng r;

    rng_seed(&r, 1);
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(rng_below(&r, 0), 0);
        ck_assert_uint_eq(rng_below(&r, 1), 0);
        ck_assert_uint_lt(rng_below(&r, UINT64_MAX), UINT64_MAX);
        ck_assert_uint_le(rng_below(&r, (UINT64_C(1) << 63) + 1), UINT64_C(1) << 63);
    }
}
END_TEST

START_TEST(ids_are_never_0)
{
    /* This state's next number is 0: s[1] = 0. */
    struct rng r = {{1, 0, 0, 0}};

    ck_assert_uint_ne(rng_id(&r), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rng");
    TCase *all = tcase_create("all");

    tcase_add_test(all, generator_is_xoshiro256_starstar);
    tcase_add_test(all, same_seed_same_numbers);
    tcase_add_test(all, seed_0_works);
    tcase_add_test(all, below_stays_below_and_reaches_all);
    tcase_add_test(all, below_at_its_edges);
    tcase_add_test(all, ids_are_never_0);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
