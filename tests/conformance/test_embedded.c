/* What only the embedded engine can get wrong: versions, broken files, checkpoints, memory. */
#include <check.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine_kit.h"
#include "faulty_alloc.h"
#include "server/store/engine_vfs.h"

#define FOLDER "data/shard-0003"

static struct engine_kit kit;

static void setup(void)
{
    engine_kit_init(&kit, KIND_EMBEDDED_SIM);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, NULL), CHAT_OK);
}

static void teardown(void) { engine_kit_fini(&kit); }

/* Changes the closed table with SQL. */
static void tamper(const char *sql)
{
    struct engine_vfs_config config = {.seed = 1};
    struct engine_vfs *vfs;
    sqlite3 *db;

    config.disk = sim_disk_mount(kit.storage);
    ck_assert_int_eq(engine_vfs_new(&config, &vfs), CHAT_OK);
    ck_assert_int_eq(
        sqlite3_open_v2(FOLDER "/table.db", &db, SQLITE_OPEN_READWRITE, engine_vfs_name(vfs)),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    engine_vfs_free(vfs);
    sim_disk_unmount(config.disk);
}

static chat_status reopen(void)
{
    engine_kit_restart(&kit, true);
    return kit_engine_open(&kit, NULL, NULL);
}

static void add(uint64_t from, size_t count, bool applied)
{
    struct engine_row rows[64];

    ck_assert_int_eq(kit_engine_append(kit.engine, 7, from, from, count), CHAT_OK);
    for (size_t i = 0; i < count; i++)
        rows[i] = kit_row(TABLE_MESSAGE, 9, from + i, 0, "text");
    if (applied)
        ck_assert_int_eq(kit_engine_apply(kit.engine, rows, count, from + count - 1), CHAT_OK);
}

START_TEST(a_newer_table_is_refused_and_not_touched)
{
    add(1, 5, true);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    tamper("UPDATE state SET value = 2 WHERE name = 'format'");
    ck_assert_int_eq(reopen(), CHAT_E_UNSUPPORTED);
    tamper("UPDATE state SET value = 1 WHERE name = 'format'");
    ck_assert_int_eq(reopen(), CHAT_OK);
}
END_TEST

/* As a version before this one left it: without the kinds of rows that came later. */
START_TEST(a_table_of_an_older_version_gets_the_kinds_of_rows_it_lacks)
{
    struct engine_row row = kit_row(TABLE_TOMBSTONE, 9, 3, 0, "rev");
    const struct engine_query query = {
        .table = TABLE_TOMBSTONE, .from = {9, 0, 0}, .to = {9, 100, 0}, .limit = 100};
    struct engine_result result;

    add(1, 5, true);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    tamper("DROP TABLE tombstone; DROP TABLE device");
    ck_assert_int_eq(reopen(), CHAT_OK);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, NULL), CHAT_OK);
    ck_assert_uint_eq(result.count, 0);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 6, 6, 1), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 6), CHAT_OK);
    ck_assert_int_eq(reopen(), CHAT_OK);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, NULL), CHAT_OK);
    ck_assert_uint_eq(result.count, 1);
}
END_TEST

START_TEST(another_shards_table_is_corruption)
{
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    tamper("UPDATE state SET value = 4 WHERE name = 'shard'");
    ck_assert_int_eq(reopen(), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_table_without_its_state_is_corruption)
{
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    tamper("DELETE FROM state WHERE name = 'applied_position'");
    ck_assert_int_eq(reopen(), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_corruption)
{
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    sim_disk_poke(kit.storage, FOLDER "/table.db", 0, "this is not a database", 22);
    ck_assert_int_eq(reopen(), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_broken_page_is_told_by_the_read_that_meets_it)
{
    static uint8_t junk[8192];
    const struct engine_query query = {
        .table = TABLE_MESSAGE, .from = {9, 0, 0}, .to = {9, 10000, 0}, .limit = 10000};
    struct engine_result result;
    uint64_t size;

    memset(junk, 0xa5, sizeof(junk));
    for (uint64_t from = 1; from < 2000; from += 50)
        add(from, 50, true);
    ck_assert_int_eq(engine_embedded_check(kit.engine, KIT_SHARD), CHAT_OK);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    ck_assert_int_eq(engine_embedded_check(kit.engine, KIT_SHARD), CHAT_E_STATE);
    ck_assert_ptr_nonnull(sim_disk_peek(kit.storage, FOLDER "/table.db", &size));
    for (uint64_t at = 15 * 8192; at + 8192 <= size; at += 8192)
        sim_disk_poke(kit.storage, FOLDER "/table.db", at, junk, sizeof(junk));
    ck_assert_int_eq(reopen(), CHAT_OK);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, NULL), CHAT_E_CORRUPT);
    ck_assert_int_eq(engine_embedded_check(kit.engine, KIT_SHARD), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_lost_table_is_made_again_while_the_log_has_all)
{
    struct engine_request opened;

    add(1, 50, true);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    sim_disk_lose_file(kit.storage, FOLDER "/table.db");
    sim_disk_lose_file(kit.storage, FOLDER "/table.db-wal");
    engine_kit_restart(&kit, true);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, &opened), CHAT_OK);
    ck_assert_uint_eq(opened.open.applied_position, 0);
    ck_assert_uint_eq(opened.open.oldest_position, 1);
    ck_assert_uint_eq(opened.open.synced_position, 50);
    ck_assert(!opened.open.created);
}
END_TEST

START_TEST(a_lost_log_is_corruption)
{
    add(1, 50, true);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    sim_disk_lose_file(kit.storage, FOLDER "/journal-0000.seg");
    sim_disk_lose_file(kit.storage, FOLDER "/journal-0001.seg");
    ck_assert_int_eq(reopen(), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_failed_checkpoint_stops_applying_until_it_is_opened_again)
{
    struct engine_row row = kit_row(TABLE_HOME, 1, 0, 0, "x");
    const struct engine_query query = {.table = TABLE_HOME, .from = {1, 0, 0}};
    struct engine_result result;

    kit.config.checkpoint_bytes = 1;
    ck_assert_int_eq(reopen(), CHAT_OK);
    add(1, 5, true);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 6, 6, 1), CHAT_OK);
    sim_disk_fail(kit.storage, SIM_DISK_SYNC, 0, 1, CHAT_E_IO);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 6), CHAT_E_IO);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 6), CHAT_E_IO);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, NULL), CHAT_OK);
    ck_assert_int_eq(reopen(), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 6), CHAT_OK);
}
END_TEST

START_TEST(sqlites_log_starts_again_after_each_checkpoint)
{
    uint64_t size = 0, position = 1;

    kit.config.checkpoint_bytes = 256u << 10;
    ck_assert_int_eq(reopen(), CHAT_OK);
    for (int i = 0; i < 400; i++, position += 50) {
        add(position, 50, true);
        ck_assert_ptr_nonnull(sim_disk_peek(kit.storage, FOLDER "/table.db-wal", &size));
        ck_assert_uint_le(size, 512u << 10);
    }
}
END_TEST

START_TEST(closing_in_peace_leaves_nothing_to_recover)
{
    uint64_t size = 1;

    add(1, 50, true);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    if (sim_disk_peek(kit.storage, FOLDER "/table.db-wal", &size))
        ck_assert_uint_eq(size, 0);
    sim_disk_power_loss(kit.storage);
    ck_assert_int_eq(reopen(), CHAT_OK);
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_MESSAGE, 9, 50, 0), "text");
}
END_TEST

/* The name of a new shard: what is appended after it may be all that a power loss leaves. */
START_TEST(rows_without_a_record_are_durable_at_once)
{
    const struct sim_disk_counts *counts = sim_disk_get_counts(kit.storage);
    struct engine_row row = kit_row(TABLE_META, 1, 0, 0, "name");

    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 0), CHAT_OK);
    add(1, 3, false);
    sim_disk_power_loss(kit.storage);
    ck_assert_uint_eq(counts->dropped_sectors + counts->kept_sectors, 0); /* all was synced */
    ck_assert_int_eq(reopen(), CHAT_OK);
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_META, 1, 0, 0), "name");
}
END_TEST

START_TEST(shards_are_apart)
{
    struct engine_request request = {.op = ENGINE_OPEN, .shard = 1};
    struct engine_record record = {
        .home_id = 7, .lsn = 1, .position = 1, .bytes = (const uint8_t *)"x", .len = 1};

    add(1, 5, true);
    kit.engine->ops->execute(kit.engine, &request);
    ck_assert_int_eq(request.status, CHAT_OK);
    ck_assert(request.open.created);
    request = (struct engine_request){.op = ENGINE_APPEND, .shard = 1};
    request.append.records = &record;
    request.append.count = 1;
    kit.engine->ops->execute(kit.engine, &request);
    ck_assert_int_eq(request.status, CHAT_OK);
    add(6, 5, true);
}
END_TEST

static const uint32_t two_shards[] = {1, 3};

static chat_status open_shard(uint32_t shard)
{
    struct engine_request request = {.op = ENGINE_OPEN, .shard = shard};

    kit.engine->ops->execute(kit.engine, &request);
    return request.status;
}

START_TEST(a_lost_folder_is_told_and_not_made_anew)
{
    engine_kit_restart(&kit, true);
    ck_assert_int_eq(engine_embedded_make_folders(kit.engine, two_shards, 2), CHAT_OK);
    ck_assert_int_eq(open_shard(3), CHAT_OK);
    ck_assert_int_eq(open_shard(1), CHAT_E_CORRUPT);

    ck_assert_int_eq(disk_make_dir(kit.disk, "data/shard-0001"), CHAT_OK); /* by hand: a new one */
    ck_assert_int_eq(open_shard(1), CHAT_OK);
}
END_TEST

START_TEST(a_first_start_that_was_cut_short_goes_on)
{
    engine_kit_fini(&kit);
    engine_kit_init(&kit, KIND_EMBEDDED_SIM);
    ck_assert_int_eq(engine_embedded_make_folders(kit.engine, two_shards, 2), CHAT_OK);
    ck_assert_int_eq(open_shard(3), CHAT_OK);

    sim_disk_power_loss(kit.storage);
    engine_kit_restart(&kit, true);
    ck_assert_int_eq(engine_embedded_make_folders(kit.engine, two_shards, 2), CHAT_OK);
    ck_assert_int_eq(open_shard(1), CHAT_OK);
    ck_assert_int_eq(open_shard(3), CHAT_OK);
}
END_TEST

START_TEST(a_config_that_cannot_work_is_invalid)
{
    struct store_engine *engine;
    struct engine_embedded_config config = kit.config;

    config.disk = kit.disk;
    config.segment_bytes = 8191;
    ck_assert_int_eq(engine_embedded_new(&config, &engine), CHAT_E_INVALID);
    config.segment_bytes = 8192;
    config.readers_max = 0;
    ck_assert_int_eq(engine_embedded_new(&config, &engine), CHAT_E_INVALID);
    config.readers_max = 65;
    ck_assert_int_eq(engine_embedded_new(&config, &engine), CHAT_E_INVALID);
    config.readers_max = 64;
    config.root = "";
    ck_assert_int_eq(engine_embedded_new(&config, &engine), CHAT_E_INVALID);
    config.root = "x";
    config.disk = NULL;
    ck_assert_int_eq(engine_embedded_new(&config, &engine), CHAT_E_INVALID);
}
END_TEST

/* --- no memory --- */

static bool is_fine(chat_status status)
{
    return status == CHAT_OK || status == CHAT_E_NOMEM || status == CHAT_E_IO;
}

START_TEST(no_memory_is_a_status_and_nothing_is_lost)
{
    /* Allocation _i is the last that succeeds while a shard opens, writes and reads. */
    struct faulty_alloc memory;
    struct engine_row row = kit_row(TABLE_HOME, 1, 0, 0, "x");
    const struct engine_query query = {.table = TABLE_HOME, .from = {1, 0, 0}};
    struct engine_result result;
    struct engine_request opened;
    uint64_t acked = 0;
    chat_status status;

    faulty_alloc_init(&memory);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    kit.config.allocator = &memory.allocator;
    engine_kit_restart(&kit, true);
    faulty_alloc_fail_after(&memory, (size_t)_i);
    status = kit_engine_open(&kit, NULL, NULL);
    ck_assert(is_fine(status));
    if (status == CHAT_OK) {
        status = kit_engine_append(kit.engine, 7, 1, 1, 10);
        ck_assert(is_fine(status));
        acked = status == CHAT_OK ? 10 : 0;
        if (acked > 0)
            ck_assert(is_fine(kit_engine_apply(kit.engine, &row, 1, 10)));
        ck_assert(is_fine(kit_engine_read(&kit, kit.engine, &query, &result, NULL)));
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    }
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, &opened), CHAT_OK);
    ck_assert_uint_ge(opened.open.synced_position, acked);
    kit.engine->ops->free(kit.engine);
    kit.engine = NULL;
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

/* --- lanes on threads --- */

#define ROUNDS 150

struct lanes {
    struct engine_kit kit;
    pthread_mutex_t mutex;
    const char *failed; /* what went wrong first; the others stop */
    chat_status status;
};

static bool go_on(struct lanes *l)
{
    bool is_fine;

    pthread_mutex_lock(&l->mutex);
    is_fine = l->failed == NULL;
    pthread_mutex_unlock(&l->mutex);
    return is_fine;
}

static void fell(struct lanes *l, const char *what, chat_status status)
{
    pthread_mutex_lock(&l->mutex);
    if (!l->failed) {
        l->failed = what;
        l->status = status;
    }
    pthread_mutex_unlock(&l->mutex);
}

static void *append_lane(void *user)
{
    struct lanes *l = user;

    for (uint64_t i = 0; i < ROUNDS && go_on(l);) {
        const chat_status status = kit_engine_append(l->kit.engine, 7, 1 + i * 20, 1 + i * 20, 20);
        if (status == CHAT_OK)
            i++;
        else if (status != CHAT_E_FULL)
            fell(l, "append", status);
    }
    return NULL;
}

static void *apply_lane(void *user)
{
    struct lanes *l = user;

    for (uint64_t i = 0; i < ROUNDS && go_on(l);) {
        struct engine_row rows[20];
        char text[64];
        chat_status status;
        (void)snprintf(text, sizeof(text), "round %llu", (unsigned long long)i);
        for (uint64_t row = 0; row < 20; row++)
            rows[row] = kit_row(TABLE_MESSAGE, 9, row, 0, text);
        status = kit_engine_apply(l->kit.engine, rows, 20, (i + 1) * 20);
        if (status == CHAT_OK)
            i++;
        else if (status != CHAT_E_INVALID) /* not in the log yet */
            fell(l, "apply", status);
    }
    return NULL;
}

/* All rows are of the round that the position says. */
static void check_snapshot(struct lanes *l, const struct engine_request *request)
{
    const struct engine_result *result = &request->read.results[0];
    char expected[64];

    (void)snprintf(expected, sizeof(expected), "round %llu",
                   (unsigned long long)(request->read.applied_position / 20 - 1));
    if (result->count != 20)
        fell(l, "count of rows", CHAT_OK);
    for (size_t i = 0; i < result->count; i++) {
        if (result->rows[i].value_len != strlen(expected) ||
            memcmp(result->rows[i].value, expected, strlen(expected)) != 0)
            fell(l, "rows of a snapshot", CHAT_OK);
    }
}

static void *read_lane(void *user)
{
    struct lanes *l = user;
    const struct engine_query query = {
        .table = TABLE_MESSAGE, .from = {9, 0, 0}, .to = {9, 20, 0}, .limit = 30};
    struct arena arena;
    uint64_t seen = 0;

    arena_init(&arena, NULL, 1u << 20);
    while (seen < ROUNDS * 20 && go_on(l)) {
        struct engine_request request = {.op = ENGINE_READ, .shard = KIT_SHARD, .arena = &arena};
        arena_reset(&arena);
        request.read.queries = &query;
        request.read.count = 1;
        l->kit.engine->ops->execute(l->kit.engine, &request);
        if (request.status != CHAT_OK)
            fell(l, "read", request.status);
        else if (request.read.applied_position < seen)
            fell(l, "order of snapshots", CHAT_OK);
        else if (request.read.applied_position > 0)
            check_snapshot(l, &request);
        seen = request.read.applied_position;
    }
    arena_fini(&arena);
    return NULL;
}

START_TEST(lanes_run_beside_each_other)
{
    static struct lanes l;
    void *(*const lane[])(void *) = {append_lane, apply_lane, read_lane, read_lane, read_lane};
    pthread_t threads[5];

    l = (struct lanes){0};
    pthread_mutex_init(&l.mutex, NULL);
    engine_kit_init(&l.kit, KIND_EMBEDDED_REAL);
    l.kit.config.checkpoint_bytes = 100000;
    l.kit.config.readers_max = 2;
    engine_kit_restart(&l.kit, true);
    ck_assert_int_eq(kit_engine_open(&l.kit, NULL, NULL), CHAT_OK);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, lane[i], &l), 0);
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    engine_kit_fini(&l.kit);
    pthread_mutex_destroy(&l.mutex);
    ck_assert_msg(l.failed == NULL, "%s: %d", l.failed, l.status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_newer_table_is_refused_and_not_touched);
    tcase_add_test(all, a_table_of_an_older_version_gets_the_kinds_of_rows_it_lacks);
    tcase_add_test(all, another_shards_table_is_corruption);
    tcase_add_test(all, a_table_without_its_state_is_corruption);
    tcase_add_test(all, a_file_that_is_no_database_is_corruption);
    tcase_add_test(all, a_broken_page_is_told_by_the_read_that_meets_it);
    tcase_add_test(all, a_lost_table_is_made_again_while_the_log_has_all);
    tcase_add_test(all, a_lost_log_is_corruption);
    tcase_add_test(all, a_failed_checkpoint_stops_applying_until_it_is_opened_again);
    tcase_add_test(all, sqlites_log_starts_again_after_each_checkpoint);
    tcase_add_test(all, closing_in_peace_leaves_nothing_to_recover);
    tcase_add_test(all, rows_without_a_record_are_durable_at_once);
    tcase_add_test(all, shards_are_apart);
    tcase_add_test(all, a_lost_folder_is_told_and_not_made_anew);
    tcase_add_test(all, a_first_start_that_was_cut_short_goes_on);
    tcase_add_test(all, a_config_that_cannot_work_is_invalid);
    tcase_add_loop_test(all, no_memory_is_a_status_and_nothing_is_lost, 0, 60);
    tcase_add_test(all, lanes_run_beside_each_other);
    tcase_set_timeout(all, 120);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
