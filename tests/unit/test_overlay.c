/* Rows between the log and the table. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "server/store/overlay.h"
#include "server/store/rows.h"

static struct faulty_alloc memory;
static struct overlay overlay;
static struct engine_row rows[4096];

static void setup(void)
{
    faulty_alloc_init(&memory);
    overlay_init(&overlay, &memory.allocator);
}

static void teardown(void)
{
    overlay_fini(&overlay);
    ck_assert_uint_eq(memory.live, 0);
}

static void put(uint64_t seq, const char *text, uint64_t position)
{
    ck_assert_int_eq(overlay_put(&overlay, TABLE_MESSAGE, row_key(1, seq, 0), (const uint8_t *)text,
                                 text ? strlen(text) : 0, position),
                     CHAT_OK);
}

static const struct overlay_row *find(uint64_t seq)
{
    return overlay_find(&overlay, TABLE_MESSAGE, row_key(1, seq, 0));
}

static void capture(void) { overlay_capture(&overlay, rows); }

START_TEST(the_latest_row_of_a_key_wins)
{
    put(1, "one", 1);
    put(1, "uno", 2);
    put(2, "two", 3);
    put(2, NULL, 4);
    ck_assert_mem_eq(find(1)->bytes, "uno", 3);
    ck_assert(find(2)->deleted);
    ck_assert_ptr_null(find(3));
    ck_assert_uint_eq(overlay.fresh_count, 2);
}
END_TEST

START_TEST(keys_of_other_tables_are_other_keys)
{
    put(1, "message", 1);
    ck_assert_ptr_null(overlay_find(&overlay, TABLE_CHANGE, row_key(1, 1, 0)));
    ck_assert_ptr_null(overlay_find(&overlay, TABLE_MESSAGE, row_key(1, 1, 1)));
}
END_TEST

START_TEST(a_row_longer_than_before_finds_room)
{
    char text[500];

    memset(text, 'x', sizeof(text));
    put(1, "short", 1);
    ck_assert_int_eq(overlay_put(&overlay, TABLE_MESSAGE, row_key(1, 1, 0), (const uint8_t *)text,
                                 sizeof(text), 2),
                     CHAT_OK);
    ck_assert_uint_eq(find(1)->len, sizeof(text));
    ck_assert_uint_eq(overlay.fresh_count, 1);
}
END_TEST

START_TEST(lent_bytes_stand_although_the_key_gets_a_new_row)
{
    put(1, "old", 1);
    put(2, "gone", 1);
    capture();
    put(1, "new", 2);
    put(2, NULL, 2);
    ck_assert_mem_eq(rows[0].value, "old", 3);
    ck_assert_mem_eq(rows[1].value, "gone", 4);
    ck_assert_mem_eq(find(1)->bytes, "new", 3);
    overlay_returned(&overlay);
    capture();
    ck_assert_ptr_null(rows[1].value);
    overlay_returned(&overlay);
}
END_TEST

START_TEST(rows_go_only_when_captured_and_up_to_the_position)
{
    for (uint64_t i = 1; i <= 10; i++)
        put(i, "text", i);
    ck_assert(!overlay_sweep(&overlay, 10, 100));
    ck_assert_ptr_nonnull(find(1)); /* not captured: the table cannot have it */
    capture();
    overlay_returned(&overlay);
    ck_assert(!overlay_sweep(&overlay, 4, 100));
    ck_assert_ptr_null(find(4));
    ck_assert_ptr_nonnull(find(5));
    ck_assert(overlay_sweep(&overlay, 10, 2));
    ck_assert_ptr_null(find(6));
    ck_assert_ptr_nonnull(find(7));
    ck_assert(!overlay_sweep(&overlay, 10, 4));
    ck_assert_uint_eq(overlay.bytes, 0);
}
END_TEST

START_TEST(a_row_put_again_waits_for_its_new_position)
{
    put(1, "old", 1);
    capture();
    overlay_returned(&overlay);
    put(1, "new", 5);
    ck_assert(!overlay_sweep(&overlay, 4, 100));
    ck_assert_mem_eq(find(1)->bytes, "new", 3);
}
END_TEST

START_TEST(rows_under_one_key_can_be_walked)
{
    const struct overlay_row *row = NULL;
    uint64_t sum = 0;

    for (uint64_t i = 1; i <= 4; i++)
        for (uint64_t home = 7; home <= 8; home++)
            ck_assert_int_eq(overlay_put(&overlay, TABLE_MEMBER, row_key(home, i, 0),
                                         (const uint8_t *)"m", 1, i),
                             CHAT_OK);
    while ((row = overlay_next_under(&overlay, TABLE_MEMBER, 7, row)) != NULL)
        sum += row->key.k2;
    ck_assert_uint_eq(sum, 10);
    ck_assert_ptr_null(overlay_next_under(&overlay, TABLE_MEMBER, 9, NULL));
    ck_assert_ptr_null(overlay_next_under(&overlay, TABLE_LIST, 7, NULL));
    capture();
    overlay_returned(&overlay);
    overlay_sweep(&overlay, 10, 100);
    ck_assert_ptr_null(overlay_next_under(&overlay, TABLE_MEMBER, 7, NULL));
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
    put(1, "one", 1);
    for (size_t allowed = 0; allowed < 4; allowed++) {
        faulty_alloc_fail_after(&memory, allowed);
        if (overlay_put(&overlay, TABLE_MEMBER, row_key(5, 6, 0), (const uint8_t *)"m", 1, 2) ==
            CHAT_OK)
            break;
        ck_assert_ptr_null(overlay_find(&overlay, TABLE_MEMBER, row_key(5, 6, 0)));
        ck_assert_ptr_null(overlay_next_under(&overlay, TABLE_MEMBER, 5, NULL));
        ck_assert_uint_eq(overlay.fresh_count, 1);
    }
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    ck_assert_mem_eq(find(1)->bytes, "one", 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("overlay");
    TCase *cases = tcase_create("overlay");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, the_latest_row_of_a_key_wins);
    tcase_add_test(cases, keys_of_other_tables_are_other_keys);
    tcase_add_test(cases, a_row_longer_than_before_finds_room);
    tcase_add_test(cases, lent_bytes_stand_although_the_key_gets_a_new_row);
    tcase_add_test(cases, rows_go_only_when_captured_and_up_to_the_position);
    tcase_add_test(cases, a_row_put_again_waits_for_its_new_position);
    tcase_add_test(cases, rows_under_one_key_can_be_walked);
    tcase_add_test(cases, without_memory_nothing_changes);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
