/* Frames: shared, counted, one allocation. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "wire/frame.h"

static struct faulty_alloc memory;

static void setup(void) { faulty_alloc_init(&memory); }

START_TEST(a_frame_is_one_allocation_freed_with_its_last_reference)
{
    struct frame *frame = frame_new(&memory.allocator, 100);

    ck_assert_ptr_nonnull(frame);
    ck_assert_uint_eq(memory.live, 1);
    ck_assert_uint_eq(frame->len, 100);
    ck_assert_uint_eq(frame->count, 1);
    ck_assert_uint_eq(frame->refs, 1);

    ck_assert_ptr_eq(frame_ref(frame), frame);
    frame_unref(frame);
    ck_assert_uint_eq(memory.live, 1);
    frame_unref(frame);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(a_frame_of_no_bytes_is_fine)
{
    struct frame *frame = frame_new(&memory.allocator, 0);

    ck_assert_ptr_nonnull(frame);
    ck_assert_uint_eq(frame->len, 0);
    frame_unref(frame);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(no_memory_gives_null)
{
    faulty_alloc_fail_after(&memory, 0);

    ck_assert_ptr_null(frame_new(&memory.allocator, 10));
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(a_length_past_32_bits_is_refused_without_asking_for_memory)
{
    ck_assert_ptr_null(frame_new(&memory.allocator, UINT32_MAX));
    ck_assert_ptr_null(frame_new(&memory.allocator, SIZE_MAX));
    ck_assert_uint_eq(memory.calls, 0);
}
END_TEST

START_TEST(unref_of_null_is_fine) { frame_unref(NULL); }
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *life = tcase_create("life");

    tcase_add_checked_fixture(life, setup, NULL);
    tcase_add_test(life, a_frame_is_one_allocation_freed_with_its_last_reference);
    tcase_add_test(life, a_frame_of_no_bytes_is_fine);
    tcase_add_test(life, no_memory_gives_null);
    tcase_add_test(life, a_length_past_32_bits_is_refused_without_asking_for_memory);
    tcase_add_test(life, unref_of_null_is_fine);
    suite_add_tcase(suite, life);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
