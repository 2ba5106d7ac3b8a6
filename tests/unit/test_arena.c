/* An arena's limits, its reuse, and that nothing leaks. */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "base/arena.h"

static struct faulty_alloc memory;
static struct arena a;

static void setup(void)
{
    faulty_alloc_init(&memory);
    arena_init(&a, &memory.allocator, 100000);
}

static void teardown(void)
{
    arena_fini(&a);
    ck_assert_uint_eq(memory.live, 0);
}

START_TEST(allocations_are_aligned_and_apart)
{
    uint8_t *previous = NULL;

    ck_assert_uint_eq(memory.calls, 0);
    for (size_t size = 0; size < 300; size++) {
        uint8_t *bytes = arena_alloc(&a, size);
        ck_assert_ptr_nonnull(bytes);
        ck_assert_uint_eq((uintptr_t)bytes % _Alignof(max_align_t), 0);
        memset(bytes, (int)size, size);
        if (previous && size > 1)
            ck_assert_uint_eq(previous[size - 2], (uint8_t)(size - 1));
        previous = bytes;
    }
}
END_TEST

START_TEST(maximum_fits_and_one_more_does_not)
{
    ck_assert_ptr_null(arena_alloc(&a, 100001));
    ck_assert_ptr_nonnull(arena_alloc(&a, 100000));
    ck_assert_ptr_null(arena_alloc(&a, 1));
    ck_assert_ptr_null(arena_alloc(&a, 0));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_uint_eq(a.used, 100000);
    ck_assert(a.starved);
    arena_reset(&a);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1));
    ck_assert(!a.starved);
}
END_TEST

START_TEST(many_small_ones_end_at_the_maximum)
{
    size_t count = 0;

    while (arena_alloc(&a, 100))
        count++;
    ck_assert_uint_eq(count, 100000 / 112);
}
END_TEST

START_TEST(reset_frees_all_but_one_block_and_a_steady_user_allocates_nothing)
{
    for (int i = 0; i < 50; i++)
        ck_assert_ptr_nonnull(arena_alloc(&a, i % 10 == 0 ? 9000 : 100));
    arena_reset(&a);
    ck_assert_uint_eq(memory.live, 1);
    ck_assert_uint_eq(a.used, 0);

    faulty_alloc_fail_after(&memory, 0);
    for (int turn = 0; turn < 10; turn++) {
        for (int i = 0; i < 100; i++)
            ck_assert_ptr_nonnull(arena_alloc(&a, 100));
        arena_reset(&a);
    }
}
END_TEST

START_TEST(large_one_leaves_the_room_of_the_block_in_use)
{
    ck_assert_ptr_nonnull(arena_alloc(&a, 100));
    ck_assert_ptr_nonnull(arena_alloc(&a, 50000));
    ck_assert_uint_eq(memory.live, 2);
    for (int i = 0; i < 100; i++)
        ck_assert_ptr_nonnull(arena_alloc(&a, 100));
    ck_assert_uint_eq(memory.live, 2);
}
END_TEST

START_TEST(without_memory_the_arena_stands)
{
    char *text = arena_copy(&a, "text", 5);

    faulty_alloc_fail_after(&memory, 0);
    ck_assert_ptr_null(arena_alloc(&a, 20000));
    ck_assert_ptr_nonnull(arena_alloc(&a, 100));
    ck_assert_str_eq(text, "text");
    arena_fini(&a);
    ck_assert_ptr_null(arena_alloc(&a, 1));
    ck_assert_ptr_null(arena_copy(&a, "text", 5));
}
END_TEST

START_TEST(its_allocator_serves_others)
{
    const struct chat_allocator *as = &a.as_allocator;
    char *one = as->alloc(as->user, 10);
    char *two = as->alloc(as->user, 10);

    ck_assert_ptr_nonnull(one);
    as->free(as->user, one);
    as->free(as->user, NULL);
    ck_assert_ptr_ne(one, two);
    ck_assert_uint_eq(a.used, 32);
}
END_TEST

START_TEST(copies_are_equal)
{
    ck_assert_mem_eq(arena_copy(&a, "abc", 3), "abc", 3);
    ck_assert_ptr_nonnull(arena_copy(&a, NULL, 0));
}
END_TEST

START_TEST(copies_of_text_end_in_a_nul)
{
    ck_assert_str_eq(arena_copy_text(&a, "abcdef", 3), "abc");
    ck_assert_str_eq(arena_copy_text(&a, NULL, 0), "");
    ck_assert_ptr_null(arena_copy_text(&a, "a", SIZE_MAX));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, allocations_are_aligned_and_apart);
    tcase_add_test(all, maximum_fits_and_one_more_does_not);
    tcase_add_test(all, many_small_ones_end_at_the_maximum);
    tcase_add_test(all, reset_frees_all_but_one_block_and_a_steady_user_allocates_nothing);
    tcase_add_test(all, large_one_leaves_the_room_of_the_block_in_use);
    tcase_add_test(all, without_memory_the_arena_stands);
    tcase_add_test(all, its_allocator_serves_others);
    tcase_add_test(all, copies_are_equal);
    tcase_add_test(all, copies_of_text_end_in_a_nul);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
