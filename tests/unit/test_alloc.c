/* What allocation promises to its callers. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "base/alloc.h"

START_TEST(no_allocator_means_malloc)
{
    char *text = alloc_strdup(NULL, "hello");

    ck_assert_ptr_eq(alloc_or_default(NULL), &alloc_default);
    ck_assert_str_eq(text, "hello");
    alloc_free(NULL, text);
}
END_TEST

START_TEST(all_of_it_goes_through_the_allocator)
{
    struct faulty_alloc memory;
    faulty_alloc_init(&memory);

    void *bytes = alloc_bytes(&memory.allocator, 10);
    void *copy = alloc_copy(&memory.allocator, "abc", 3);
    char *text = alloc_text(&memory.allocator, "abcdef", 3);
    ck_assert_uint_eq(memory.live, 3);
    ck_assert_mem_eq(copy, "abc", 3);
    ck_assert_str_eq(text, "abc");

    alloc_free(&memory.allocator, bytes);
    alloc_free(&memory.allocator, copy);
    alloc_free(&memory.allocator, text);
    alloc_free(&memory.allocator, NULL);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(nothing_is_a_block_too)
{
    char *text = alloc_text(NULL, NULL, 0);
    void *copy = alloc_copy(NULL, NULL, 0);

    ck_assert_str_eq(text, "");
    ck_assert_ptr_nonnull(copy);
    alloc_free(NULL, text);
    alloc_free(NULL, copy);
    ck_assert_ptr_null(alloc_strdup(NULL, NULL));
}
END_TEST

START_TEST(zeroed_is_zero)
{
    static const unsigned char zero[100];
    unsigned char *bytes = alloc_zeroed(NULL, sizeof(zero));

    ck_assert_mem_eq(bytes, zero, sizeof(zero));
    alloc_free(NULL, bytes);
}
END_TEST

START_TEST(array_whose_size_overflows_is_refused)
{
    ck_assert_ptr_null(alloc_array(NULL, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(alloc_text(NULL, "", SIZE_MAX));
}
END_TEST

START_TEST(resize_keeps_the_content_both_ways)
{
    char *text = alloc_text(NULL, "0123456789", 10);

    text = alloc_resize(NULL, text, 11, 1000);
    ck_assert_str_eq(text, "0123456789");
    text = alloc_resize(NULL, text, 11, 4);
    ck_assert_mem_eq(text, "0123", 4);
    alloc_free(NULL, text);

    text = alloc_resize(NULL, NULL, 0, 8);
    ck_assert_ptr_nonnull(text);
    alloc_free(NULL, text);
}
END_TEST

START_TEST(failed_resize_leaves_the_old_block)
{
    struct faulty_alloc memory;
    faulty_alloc_init(&memory);

    char *text = alloc_strdup(&memory.allocator, "still here");
    faulty_alloc_fail_after(&memory, 0);
    ck_assert_ptr_null(alloc_resize(&memory.allocator, text, 11, 100));
    ck_assert_ptr_null(alloc_zeroed(&memory.allocator, 8));
    ck_assert_str_eq(text, "still here");

    alloc_free(&memory.allocator, text);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alloc");
    TCase *all = tcase_create("all");

    tcase_add_test(all, no_allocator_means_malloc);
    tcase_add_test(all, all_of_it_goes_through_the_allocator);
    tcase_add_test(all, nothing_is_a_block_too);
    tcase_add_test(all, zeroed_is_zero);
    tcase_add_test(all, array_whose_size_overflows_is_refused);
    tcase_add_test(all, resize_keeps_the_content_both_ways);
    tcase_add_test(all, failed_resize_leaves_the_old_block);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
