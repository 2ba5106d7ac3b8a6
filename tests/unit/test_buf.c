/* What a buffer promises: the bytes, in order, never more than its maximum. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "base/buf.h"

static struct faulty_alloc memory;
static struct buf b;

static void setup(void)
{
    faulty_alloc_init(&memory);
    buf_init(&b, &memory.allocator, 1000);
}

static void teardown(void)
{
    buf_fini(&b);
    ck_assert_uint_eq(memory.live, 0);
}

START_TEST(appended_bytes_stand_in_order)
{
    ck_assert_int_eq(buf_append(&b, "hello ", 6), CHAT_OK);
    ck_assert_int_eq(buf_append(&b, "", 0), CHAT_OK);
    ck_assert_int_eq(buf_append(&b, "world", 5), CHAT_OK);

    ck_assert_uint_eq(b.len, 11);
    ck_assert_mem_eq(b.bytes, "hello world", 11);
}
END_TEST

START_TEST(maximum_fits_and_one_more_is_too_large)
{
    uint8_t full[1000];
    uint8_t *room;

    memset(full, 'x', sizeof(full));
    ck_assert_int_eq(buf_append(&b, full, sizeof(full)), CHAT_OK);
    ck_assert_int_eq(buf_append(&b, "y", 1), CHAT_E_TOO_LARGE);
    ck_assert_int_eq(buf_reserve(&b, SIZE_MAX, &room), CHAT_E_TOO_LARGE);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_uint_le(b.cap, 1000);
    ck_assert_mem_eq(b.bytes, full, sizeof(full));
}
END_TEST

START_TEST(byte_by_byte_growth_reaches_the_maximum)
{
    for (int i = 0; i < 1000; i++) {
        uint8_t byte = (uint8_t)i;
        ck_assert_int_eq(buf_append(&b, &byte, 1), CHAT_OK);
    }

    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(b.bytes[i], (uint8_t)i);
    ck_assert_uint_lt(memory.calls, 10);
}
END_TEST

START_TEST(reserved_room_counts_only_when_committed)
{
    uint8_t *room;

    ck_assert_int_eq(buf_reserve(&b, 100, &room), CHAT_OK);
    ck_assert_uint_eq(b.len, 0);
    room[0] = 'a';
    room[1] = 'b';
    buf_commit(&b, 2);

    ck_assert_uint_eq(b.len, 2);
    ck_assert_mem_eq(b.bytes, "ab", 2);
}
END_TEST

START_TEST(without_memory_the_content_is_unchanged)
{
    uint8_t big[500] = {0};

    ck_assert_int_eq(buf_append(&b, "kept", 4), CHAT_OK);
    faulty_alloc_fail_after(&memory, 0);
    ck_assert_int_eq(buf_append(&b, big, sizeof(big)), CHAT_E_NOMEM);

    ck_assert_uint_eq(b.len, 4);
    ck_assert_mem_eq(b.bytes, "kept", 4);
}
END_TEST

START_TEST(consume_drops_the_front)
{
    ck_assert_int_eq(buf_append(&b, "abcdef", 6), CHAT_OK);

    buf_consume(&b, 0);
    buf_consume(&b, 2);
    ck_assert_uint_eq(b.len, 4);
    ck_assert_mem_eq(b.bytes, "cdef", 4);
    buf_consume(&b, 4);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(clear_keeps_memory_and_fini_leaves_it_usable)
{
    ck_assert_int_eq(buf_append(&b, "abc", 3), CHAT_OK);
    buf_clear(&b);
    ck_assert_uint_eq(b.len, 0);
    ck_assert_uint_eq(memory.live, 1);

    buf_fini(&b);
    ck_assert_uint_eq(memory.live, 0);
    ck_assert_int_eq(buf_append(&b, "again", 5), CHAT_OK);
    ck_assert_mem_eq(b.bytes, "again", 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, appended_bytes_stand_in_order);
    tcase_add_test(all, maximum_fits_and_one_more_is_too_large);
    tcase_add_test(all, byte_by_byte_growth_reaches_the_maximum);
    tcase_add_test(all, reserved_room_counts_only_when_committed);
    tcase_add_test(all, without_memory_the_content_is_unchanged);
    tcase_add_test(all, consume_drops_the_front);
    tcase_add_test(all, clear_keeps_memory_and_fini_leaves_it_usable);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
