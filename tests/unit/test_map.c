/* A map is compared with an array that is its truth, over many random operations. */
#include <check.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "base/map.h"
#include "base/rng.h"

#define KEYS 512

static struct faulty_alloc memory;
static struct map m;
static char marks[KEYS]; /* values to point at */

static void setup(void)
{
    faulty_alloc_init(&memory);
    map_init(&m, &memory.allocator);
}

static void teardown(void)
{
    map_fini(&m);
    ck_assert_uint_eq(memory.live, 0);
}

START_TEST(empty_map_knows_nothing_and_allocates_nothing)
{
    ck_assert_ptr_null(map_get(&m, 1));
    ck_assert_ptr_null(map_take(&m, 1));
    ck_assert_ptr_null(map_get(&m, 0));
    ck_assert_uint_eq(memory.calls, 0);
}
END_TEST

START_TEST(put_replaces)
{
    ck_assert_int_eq(map_put(&m, 7, &marks[1]), CHAT_OK);
    ck_assert_int_eq(map_put(&m, 7, &marks[2]), CHAT_OK);
    ck_assert_uint_eq(m.count, 1);
    ck_assert_ptr_eq(map_get(&m, 7), &marks[2]);
}
END_TEST

START_TEST(key_0_and_value_null_are_refused)
{
    ck_assert_int_eq(map_put(&m, 0, &marks[0]), CHAT_E_INVALID);
    ck_assert_int_eq(map_put(&m, 1, NULL), CHAT_E_INVALID);
    ck_assert_uint_eq(m.count, 0);
}
END_TEST

static void compare(const struct map *map, void *const *truth)
{
    size_t cursor = 0, walked = 0, expected = 0;
    uint64_t key;
    void *value;

    for (uint64_t i = 1; i < KEYS; i++) {
        ck_assert_ptr_eq(map_get(map, i), truth[i]);
        expected += truth[i] != NULL;
    }
    while (map_next(map, &cursor, &key, &value)) {
        ck_assert_ptr_eq(value, truth[key]);
        walked++;
    }
    ck_assert_uint_eq(walked, expected);
    ck_assert_uint_eq(map->count, expected);
}

START_TEST(equals_an_array_over_random_operations)
{
    void *truth[KEYS] = {0};
    struct rng r;

    rng_seed(&r, (uint64_t)_i);
    for (int step = 0; step < 10000; step++) {
        /* The range of keys breathes, so that the map grows and shrinks. */
        uint64_t range = step / 1000 % 2 ? 8 : KEYS - 1;
        uint64_t key = 1 + rng_below(&r, range);
        if (rng_below(&r, 5) < 2) {
            ck_assert_ptr_eq(map_take(&m, key), truth[key]);
            truth[key] = NULL;
        } else {
            truth[key] = &marks[rng_below(&r, KEYS)];
            ck_assert_int_eq(map_put(&m, key, truth[key]), CHAT_OK);
        }
        if (step % 500 == 0)
            compare(&m, truth);
    }
    compare(&m, truth);
}
END_TEST

START_TEST(shrinks_when_emptied)
{
    size_t full;

    for (uint64_t key = 1; key <= 1000; key++)
        ck_assert_int_eq(map_put(&m, key, &marks[0]), CHAT_OK);
    full = m.cap;
    for (uint64_t key = 1; key <= 1000; key++)
        ck_assert_ptr_nonnull(map_take(&m, key));

    ck_assert_uint_ge(full, 1024);
    ck_assert_uint_le(m.cap, 16);
    ck_assert_uint_eq(m.count, 0);
}
END_TEST

START_TEST(without_memory_the_map_is_unchanged)
{
    uint64_t key = 0;

    faulty_alloc_fail_after(&memory, 0);
    ck_assert_int_eq(map_put(&m, 1, &marks[0]), CHAT_E_NOMEM);
    faulty_alloc_fail_after(&memory, 1);
    while (map_put(&m, key + 1, &marks[0]) == CHAT_OK)
        key++;

    ck_assert_uint_eq(m.count, key);
    ck_assert_int_eq(map_put(&m, 1, &marks[1]), CHAT_OK); /* replacing needs none */
    for (uint64_t i = 1; i <= key; i++)
        ck_assert_ptr_nonnull(map_take(&m, i)); /* nor does taking */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, empty_map_knows_nothing_and_allocates_nothing);
    tcase_add_test(all, put_replaces);
    tcase_add_test(all, key_0_and_value_null_are_refused);
    tcase_add_loop_test(all, equals_an_array_over_random_operations, 0, 4);
    tcase_add_test(all, shrinks_when_emptied);
    tcase_add_test(all, without_memory_the_map_is_unchanged);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
