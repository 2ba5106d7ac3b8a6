/* What the journal promises: what was appended is there, in order, or it says so. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "journal_kit.h"

static struct journal_kit kit;

static void setup(void)
{
    kit_init(&kit, 1);
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
}

static void teardown(void) { kit_fini(&kit); }

static uint64_t last_readable(uint64_t from)
{
    uint64_t last = 0;

    ck_assert_int_eq(kit_check(&kit, from, &last), CHAT_OK);
    return last;
}

static void append_times(size_t times, size_t count)
{
    for (size_t i = 0; i < times; i++)
        ck_assert_int_eq(kit_append(&kit, count), CHAT_OK);
}

/* Appends until a segment more has begun: its name is there. */
static void fill_segments(uint32_t count)
{
    const uint64_t want = (uint64_t)count * KIT_SEGMENT;

    while (engine_journal_usage(kit.journal).bytes <= want)
        ck_assert_int_eq(kit_append(&kit, 5), CHAT_OK);
}

static const char *segment_path(uint32_t number)
{
    static char path[64];

    (void)snprintf(path, sizeof(path), KIT_FOLDER "/journal-%04u.seg", number);
    return path;
}

/* Where the batches of a segment end, by walking them. */
static uint64_t end_of(uint32_t number, uint64_t *out_last_batch)
{
    uint64_t size, at = SEGMENT_DATA_START;
    const uint8_t *bytes = sim_disk_peek(kit.storage, segment_path(number), &size);
    struct segment_batch batch;

    ck_assert_ptr_nonnull(bytes);
    *out_last_batch = 0;
    while (at + SEGMENT_BATCH_HEADER_LEN <= size && segment_batch_decode(bytes + at, &batch)) {
        *out_last_batch = at;
        at += segment_batch_stride(&batch);
    }
    return at;
}

static void flip(uint32_t number, uint64_t offset)
{
    uint64_t size;
    uint8_t byte = sim_disk_peek(kit.storage, segment_path(number), &size)[offset] ^ 0x40;

    sim_disk_poke(kit.storage, segment_path(number), offset, &byte, 1);
}

START_TEST(a_new_journal_is_created_and_empty)
{
    ck_assert(kit.found.created);
    ck_assert_uint_eq(kit.found.oldest_position, 1);
    ck_assert_uint_eq(kit.found.synced_position, 0);
    ck_assert_uint_eq(last_readable(1), 0);
}
END_TEST

START_TEST(what_was_appended_is_there_after_reopening)
{
    append_times(20, 3);

    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert(!kit.found.created);
    ck_assert(!kit.found.tail_cut);
    ck_assert_uint_eq(kit.found.synced_position, 60);
    ck_assert_uint_eq(last_readable(1), 60);
    ck_assert_uint_eq(last_readable(31), 60);
    append_times(2, 1);
    ck_assert_uint_eq(last_readable(1), 62);
}
END_TEST

START_TEST(appended_records_survive_power_loss)
{
    append_times(20, 3);
    sim_disk_power_loss(kit.storage);

    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert_uint_eq(last_readable(1), 60);
}
END_TEST

START_TEST(a_taken_position_is_a_conflict_and_a_hole_is_invalid)
{
    append_times(1, 5);

    kit.next = 5;
    ck_assert_int_eq(kit_append(&kit, 1), CHAT_E_CONFLICT);
    kit.next = 7;
    ck_assert_int_eq(kit_append(&kit, 1), CHAT_E_INVALID);
    kit.next = 6;
    ck_assert_int_eq(kit_append(&kit, 1), CHAT_OK);
}
END_TEST

START_TEST(a_batch_that_fits_no_segment_is_too_large)
{
    static uint8_t bytes[KIT_SEGMENT];
    struct engine_record record = {.home_id = 1, .lsn = 1, .position = 1, .bytes = bytes};

    record.len = KIT_SEGMENT - SEGMENT_DATA_START - SEGMENT_BATCH_HEADER_LEN - SEGMENT_RECORD_LEN;
    record.len++;
    ck_assert_int_eq(engine_journal_append(kit.journal, &record, 1), CHAT_E_TOO_LARGE);
    record.len--;
    ck_assert_int_eq(engine_journal_append(kit.journal, &record, 1), CHAT_OK);
}
END_TEST

START_TEST(a_full_ring_refuses_until_it_is_released)
{
    chat_status status = CHAT_OK;
    uint64_t durable;

    while (status == CHAT_OK)
        status = kit_append(&kit, 5);
    ck_assert_int_eq(status, CHAT_E_FULL);
    ck_assert_int_eq(kit_append(&kit, 5), CHAT_E_FULL);
    durable = kit.next - 1;
    ck_assert(engine_journal_wants_release(kit.journal, durable));

    engine_journal_release(kit.journal, durable);
    ck_assert(!engine_journal_wants_release(kit.journal, durable));
    ck_assert_int_eq(kit_append(&kit, 5), CHAT_OK);
    ck_assert_int_eq(kit_open(&kit, durable), CHAT_OK);
    ck_assert_uint_eq(kit.found.synced_position, durable + 5);
    ck_assert_uint_eq(last_readable(durable + 1), durable + 5);
}
END_TEST

START_TEST(the_ring_goes_round_on_the_same_files)
{
    uint64_t used;

    fill_segments(3);
    used = sim_disk_used(kit.storage);
    for (int round = 0; round < 200; round++) {
        append_times(3, 20);
        engine_journal_release(kit.journal, kit.next - 10);
        if (round % 16 == 0) {
            const uint64_t applied = kit.next - 10;
            ck_assert_int_eq(kit_open(&kit, applied), CHAT_OK);
            ck_assert_uint_le(kit.found.oldest_position, applied + 1);
            ck_assert_uint_eq(last_readable(applied + 1), kit.next - 1);
        }
    }
    ck_assert_uint_le(sim_disk_used(kit.storage), used + KIT_SEGMENT);
}
END_TEST

START_TEST(released_records_are_not_found)
{
    uint64_t last;

    fill_segments(2);
    engine_journal_release(kit.journal, kit.next - 1);
    ck_assert_int_eq(kit_check(&kit, 1, &last), CHAT_E_NOT_FOUND);
}
END_TEST

START_TEST(a_prepared_segment_is_used_without_being_made)
{
    uint64_t used;

    engine_journal_prepare(kit.journal);
    ck_assert_uint_eq(sim_disk_used(kit.storage), KIT_SEGMENT);
    while (engine_journal_usage(kit.journal).bytes <= KIT_SEGMENT / 4)
        append_times(1, 1);
    engine_journal_prepare(kit.journal);
    used = sim_disk_used(kit.storage);
    ck_assert_uint_eq(used, 2 * KIT_SEGMENT);
    engine_journal_prepare(kit.journal);
    fill_segments(1);
    ck_assert_uint_eq(sim_disk_used(kit.storage), used);
}
END_TEST

START_TEST(a_full_disk_changes_nothing_and_recovers_by_itself)
{
    chat_status status = CHAT_OK;

    sim_disk_set_capacity(kit.storage, KIT_SEGMENT + KIT_SEGMENT / 2);
    while (status == CHAT_OK)
        status = kit_append(&kit, 5);
    ck_assert_int_eq(status, CHAT_E_FULL);
    ck_assert_uint_eq(last_readable(1), kit.next - 1);

    sim_disk_set_capacity(kit.storage, UINT64_MAX);
    append_times(3, 5);
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert_uint_eq(last_readable(1), kit.next - 1);
}
END_TEST

START_TEST(room_is_left_for_the_table)
{
    chat_status status = CHAT_OK;

    kit.config.free_bytes_min = 10000;
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    sim_disk_set_capacity(kit.storage, 2 * KIT_SEGMENT + 9999);
    while (status == CHAT_OK)
        status = kit_append(&kit, 5);
    ck_assert_int_eq(status, CHAT_E_FULL);
    sim_disk_set_capacity(kit.storage, 2 * KIT_SEGMENT + 10000);
    ck_assert_int_eq(kit_append(&kit, 5), CHAT_OK);
}
END_TEST

START_TEST(a_failed_sync_stops_the_journal_until_it_is_opened_again)
{
    append_times(3, 2);
    sim_disk_fail(kit.storage, SIM_DISK_SYNC, 0, 1, CHAT_E_IO);
    ck_assert_int_eq(kit_append(&kit, 2), CHAT_E_IO);
    ck_assert_int_eq(kit_append(&kit, 2), CHAT_E_IO);

    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert_uint_ge(kit.found.synced_position, 6);
    append_times(1, 2);
    ck_assert_uint_eq(last_readable(1), kit.next - 1);
}
END_TEST

START_TEST(a_failed_write_stops_the_journal_until_it_is_opened_again)
{
    append_times(3, 2);
    sim_disk_fail(kit.storage, SIM_DISK_WRITE, 0, 1, CHAT_E_IO);
    ck_assert_int_eq(kit_append(&kit, 2), CHAT_E_IO);
    ck_assert_int_eq(kit_append(&kit, 2), CHAT_E_IO);

    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert_uint_eq(kit.found.synced_position, 6);
}
END_TEST

START_TEST(what_a_failed_sync_left_in_memory_is_written_again)
{
    /* The batch is whole in memory and, perhaps, nowhere else. Recovery finds it and
     * says so; from then on it has to survive a power loss. */
    append_times(3, 2);
    sim_disk_fail(kit.storage, SIM_DISK_SYNC, 0, 1, CHAT_E_IO);
    ck_assert_int_eq(kit_append(&kit, 2), CHAT_E_IO);

    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert_uint_eq(kit.found.synced_position, 8);
    append_times(1, 1);
    sim_disk_power_loss(kit.storage);
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert_uint_eq(last_readable(1), 9);
}
END_TEST

START_TEST(an_unfinished_batch_is_cut_and_never_comes_back)
{
    uint64_t last, end;

    append_times(4, 2);
    end = end_of(0, &last);
    flip(0, last + SEGMENT_BATCH_HEADER_LEN + 3);

    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert(kit.found.tail_cut);
    ck_assert_uint_eq(kit.found.synced_position, 6);
    flip(0, last + SEGMENT_BATCH_HEADER_LEN + 3);
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert(!kit.found.tail_cut);
    ck_assert_uint_eq(kit.found.synced_position, 6);
    append_times(1, 2);
    ck_assert_uint_eq(last_readable(1), 8);
    ck_assert_uint_eq(end_of(0, &last), end);
}
END_TEST

START_TEST(a_broken_batch_before_a_whole_one_is_corruption)
{
    uint64_t last;

    append_times(1, 2);
    end_of(0, &last);
    append_times(1, 2);
    flip(0, last + SEGMENT_BATCH_HEADER_LEN + 3);
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_broken_batch_in_an_older_segment_is_corruption)
{
    uint64_t last;

    fill_segments(1);
    end_of(0, &last);
    flip(0, last + 8);
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_missing_segment_is_corruption_when_its_records_are_needed)
{
    uint64_t first_of_last;

    fill_segments(1);
    first_of_last = kit.next;
    fill_segments(2);
    kit_close(&kit);
    sim_disk_lose_file(kit.storage, segment_path(0));

    ck_assert_int_eq(kit_open(&kit, 0), CHAT_E_CORRUPT);
    ck_assert_int_eq(kit_open(&kit, first_of_last), CHAT_OK);
}
END_TEST

START_TEST(a_broken_header_is_corruption_when_batches_follow_it)
{
    append_times(2, 2);
    flip(0, 20);
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_log_that_ends_before_the_table_is_corruption)
{
    append_times(2, 2);
    ck_assert_int_eq(kit_open(&kit, 4), CHAT_OK);
    ck_assert_int_eq(kit_open(&kit, 5), CHAT_E_CORRUPT);
    kit_close(&kit);
    sim_disk_lose_file(kit.storage, segment_path(0));
    ck_assert_int_eq(kit_open(&kit, 4), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_newer_format_is_refused_as_such)
{
    const uint8_t version[4] = {SEGMENT_VERSION + 1};

    append_times(1, 2);
    sim_disk_poke(kit.storage, segment_path(0), 8, version, sizeof(version));
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_E_UNSUPPORTED);
}
END_TEST

START_TEST(another_shards_segment_is_corruption)
{
    append_times(1, 2);
    kit.config.shard = 4;
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(an_unfinished_file_is_made_again)
{
    const uint8_t junk[700] = {1, 2, 3};

    append_times(1, 2);
    sim_disk_poke(kit.storage, segment_path(1), 0, junk, sizeof(junk));
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    fill_segments(1);
    ck_assert_uint_eq(last_readable(1), kit.next - 1);
}
END_TEST

START_TEST(stale_batches_of_a_reused_file_are_never_valid)
{
    /* The file is full of whole batches of an earlier life. */
    for (int i = 0; i < 5; i++) {
        fill_segments(3);
        engine_journal_release(kit.journal, kit.next - 1);
    }
    append_times(1, 1);
    ck_assert_int_eq(kit_open(&kit, kit.next - 1), CHAT_OK);
    ck_assert_uint_eq(kit.found.synced_position, kit.next - 1);
    append_times(3, 1);
    ck_assert_int_eq(kit_open(&kit, kit.next - 4), CHAT_OK);
    ck_assert_uint_eq(last_readable(kit.next - 3), kit.next - 1);
}
END_TEST

START_TEST(another_segment_size_takes_over_as_files_come_round)
{
    append_times(3, 3);
    kit.config.segment_bytes = KIT_SEGMENT / 2;
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    for (int i = 0; i < 100; i++) {
        append_times(1, 10);
        engine_journal_release(kit.journal, kit.next - 1);
    }
    ck_assert_int_eq(kit_open(&kit, kit.next - 1), CHAT_OK);
    ck_assert_uint_le(sim_disk_used(kit.storage), 4 * KIT_SEGMENT / 2);
}
END_TEST

START_TEST(a_smaller_maximum_gives_files_back)
{
    fill_segments(3);
    kit.config.segments_max = 3;
    ck_assert_int_eq(kit_open(&kit, 0), CHAT_OK);
    ck_assert_uint_eq(sim_disk_used(kit.storage), 4 * KIT_SEGMENT);
    engine_journal_release(kit.journal, kit.next - 1);
    ck_assert_uint_eq(sim_disk_used(kit.storage), 3 * KIT_SEGMENT);
    append_times(3, 5);
    ck_assert_int_eq(kit_open(&kit, kit.next - 1), CHAT_OK);
}
END_TEST

START_TEST(reading_gives_one_record_even_when_it_alone_is_too_large)
{
    struct arena arena;
    struct engine_record *records;
    size_t count;

    append_times(1, 3);
    arena_init(&arena, &alloc_default, 1u << 20);
    ck_assert_int_eq(engine_journal_read(kit.journal, 2, 0, &arena, &records, &count), CHAT_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(records[0].position, 2);
    ck_assert_int_eq(engine_journal_read(kit.journal, 4, 100, &arena, &records, &count), CHAT_OK);
    ck_assert_uint_eq(count, 0);
    arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *log = tcase_create("log");
    TCase *bad = tcase_create("bad");

    tcase_add_checked_fixture(log, setup, teardown);
    tcase_add_test(log, a_new_journal_is_created_and_empty);
    tcase_add_test(log, what_was_appended_is_there_after_reopening);
    tcase_add_test(log, appended_records_survive_power_loss);
    tcase_add_test(log, a_taken_position_is_a_conflict_and_a_hole_is_invalid);
    tcase_add_test(log, a_batch_that_fits_no_segment_is_too_large);
    tcase_add_test(log, a_full_ring_refuses_until_it_is_released);
    tcase_add_test(log, the_ring_goes_round_on_the_same_files);
    tcase_add_test(log, released_records_are_not_found);
    tcase_add_test(log, a_prepared_segment_is_used_without_being_made);
    tcase_add_test(log, another_segment_size_takes_over_as_files_come_round);
    tcase_add_test(log, a_smaller_maximum_gives_files_back);
    tcase_add_test(log, reading_gives_one_record_even_when_it_alone_is_too_large);
    suite_add_tcase(suite, log);

    tcase_add_checked_fixture(bad, setup, teardown);
    tcase_add_test(bad, a_full_disk_changes_nothing_and_recovers_by_itself);
    tcase_add_test(bad, room_is_left_for_the_table);
    tcase_add_test(bad, a_failed_sync_stops_the_journal_until_it_is_opened_again);
    tcase_add_test(bad, a_failed_write_stops_the_journal_until_it_is_opened_again);
    tcase_add_test(bad, what_a_failed_sync_left_in_memory_is_written_again);
    tcase_add_test(bad, an_unfinished_batch_is_cut_and_never_comes_back);
    tcase_add_test(bad, a_broken_batch_before_a_whole_one_is_corruption);
    tcase_add_test(bad, a_broken_batch_in_an_older_segment_is_corruption);
    tcase_add_test(bad, a_missing_segment_is_corruption_when_its_records_are_needed);
    tcase_add_test(bad, a_broken_header_is_corruption_when_batches_follow_it);
    tcase_add_test(bad, a_log_that_ends_before_the_table_is_corruption);
    tcase_add_test(bad, a_newer_format_is_refused_as_such);
    tcase_add_test(bad, another_shards_segment_is_corruption);
    tcase_add_test(bad, an_unfinished_file_is_made_again);
    tcase_add_test(bad, stale_batches_of_a_reused_file_are_never_valid);
    suite_add_tcase(suite, bad);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
