/*
 * Yesterday's journal is read today, and today's is written as yesterday's.
 *
 * tests/golden/journal/v<version>.hex holds a segment: lines "@offset" say where the bytes
 * of the following lines go; everything else is zero. `test_journal_golden --print` prints
 * the segment of today's version.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "journal_kit.h"

#define GOLDEN_BYTES 16384u
#define GOLDEN_RECORDS 6u
#define PATH KIT_FOLDER "/journal-0000.seg"

static const struct engine_record golden[GOLDEN_RECORDS] = {
    {.home_id = 1, .lsn = 1, .position = 41, .bytes = (const uint8_t *)"first", .len = 5},
    {.home_id = INT64_MAX, .lsn = 9, .position = 42, .bytes = (const uint8_t *)"", .len = 0},
    {.home_id = 1, .lsn = 2, .position = 43, .bytes = (const uint8_t *)"third record", .len = 12},
    {.home_id = 77, .lsn = 1, .position = 44, .bytes = (const uint8_t *)"a", .len = 1},
    {.home_id = 77, .lsn = 2, .position = 45, .bytes = (const uint8_t *)"\0\xff\0", .len = 3},
    {.home_id = 1, .lsn = 3, .position = 46, .bytes = (const uint8_t *)"the last", .len = 8},
};
static const size_t batch_counts[] = {3, 1, 2};

/* The golden segment as this version writes it. */
static void build(uint8_t out[GOLDEN_BYTES])
{
    struct segment_header header = {.id = 5,
                                    .salt = UINT64_C(0x1122334455667788),
                                    .first_position = golden[0].position,
                                    .bytes = GOLDEN_BYTES,
                                    .shard = 3,
                                    .previous_crc = 0xabcdef01};
    uint32_t previous;
    size_t at = SEGMENT_DATA_START, record = 0;
    struct buf bytes;

    memset(out, 0, GOLDEN_BYTES);
    segment_header_encode(&header, out);
    previous = header.crc;
    buf_init(&bytes, &alloc_default, GOLDEN_BYTES);
    for (size_t i = 0; i < sizeof(batch_counts) / sizeof(batch_counts[0]); i++) {
        struct segment_batch batch = {
            .salt = header.salt, .segment_id = header.id, .previous_crc = previous};
        if (segment_batch_encode(&batch, golden + record, batch_counts[i], &bytes) != CHAT_OK)
            abort();
        memcpy(out + at, bytes.bytes, bytes.len);
        at += bytes.len;
        record += batch_counts[i];
        previous = batch.crc;
    }
    buf_fini(&bytes);
}

static void print_part(const uint8_t *bytes, size_t from, size_t to)
{
    printf("@%zu\n", from);
    for (size_t at = from; at < to; at++)
        printf("%02x%s", bytes[at], (at - from) % 32 == 31 || at + 1 == to ? "\n" : "");
}

static void load(int version, uint8_t out[GOLDEN_BYTES])
{
    const char *root = getenv("CHAT_SOURCE_ROOT");
    char path[512], line[256];
    size_t at = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/tests/golden/journal/v%d.hex", root ? root : ".",
                   version);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    memset(out, 0, GOLDEN_BYTES);
    while (fgets(line, sizeof(line), file)) {
        if (line[0] == '@') {
            at = (size_t)strtoul(line + 1, NULL, 10);
            continue;
        }
        for (size_t i = 0; line[i] && line[i] != '\n'; i += 2) {
            const char pair[3] = {line[i], line[i + 1], '\0'};
            ck_assert_uint_lt(at, GOLDEN_BYTES);
            out[at++] = (uint8_t)strtoul(pair, NULL, 16);
        }
    }
    fclose(file);
}

START_TEST(every_version_is_still_read)
{
    uint8_t bytes[GOLDEN_BYTES];
    struct journal_kit kit;
    struct engine_record *records;
    struct arena arena;
    size_t count;

    load(_i, bytes);
    kit_init(&kit, 1);
    sim_disk_poke(kit.storage, PATH, 0, bytes, sizeof(bytes));
    ck_assert_int_eq(kit_open(&kit, 40), CHAT_OK);
    ck_assert_uint_eq(kit.found.oldest_position, 41);
    ck_assert_uint_eq(kit.found.synced_position, 46);
    ck_assert(!kit.found.tail_cut);
    arena_init(&arena, &alloc_default, 1u << 20);
    ck_assert_int_eq(engine_journal_read(kit.journal, 41, 1000, &arena, &records, &count), CHAT_OK);
    ck_assert_uint_eq(count, GOLDEN_RECORDS);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(records[i].home_id, golden[i].home_id);
        ck_assert_uint_eq(records[i].lsn, golden[i].lsn);
        ck_assert_uint_eq(records[i].position, golden[i].position);
        ck_assert_uint_eq(records[i].len, golden[i].len);
        if (golden[i].len > 0)
            ck_assert_mem_eq(records[i].bytes, golden[i].bytes, golden[i].len);
    }
    arena_fini(&arena);
    kit_fini(&kit);
}
END_TEST

START_TEST(this_version_writes_the_same_bytes)
{
    uint8_t then[GOLDEN_BYTES], now[GOLDEN_BYTES];

    load((int)SEGMENT_VERSION, then);
    build(now);
    ck_assert_mem_eq(now, then, GOLDEN_BYTES);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("journal_golden");
    TCase *golden_case = tcase_create("golden");
    SRunner *runner = srunner_create(suite);

    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        uint8_t bytes[GOLDEN_BYTES];
        size_t end = GOLDEN_BYTES;
        build(bytes);
        while (bytes[end - 1] == 0)
            end--;
        print_part(bytes, 0, 64);
        print_part(bytes, SEGMENT_DATA_START, end);
        srunner_free(runner);
        return EXIT_SUCCESS;
    }
    tcase_add_loop_test(golden_case, every_version_is_still_read, 1, (int)SEGMENT_VERSION + 1);
    tcase_add_test(golden_case, this_version_writes_the_same_bytes);
    suite_add_tcase(suite, golden_case);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
