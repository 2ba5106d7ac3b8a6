/* SQLite on a struct disk: locks, shared memory, files without a name, pacing. */
#include <check.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "faulty_alloc.h"
#include "server/store/engine_vfs.h"
#include "testkit/sim_disk.h"

static struct faulty_alloc memory;
static struct sim_disk *storage;
static struct disk *disk;
static struct engine_vfs *vfs;
static uint64_t paused_micros;

static void count_pause(void *user, uint32_t micros)
{
    (void)user;
    paused_micros += micros;
}

static void setup(void)
{
    struct engine_vfs_config config = {.allocator = &memory.allocator,
                                       .seed = 1,
                                       .checkpoint_bytes_per_s = 1u << 20,
                                       .pause = count_pause};

    faulty_alloc_init(&memory);
    paused_micros = 0;
    storage = sim_disk_new(NULL, 1);
    disk = sim_disk_mount(storage);
    config.disk = disk;
    ck_assert_int_eq(engine_vfs_new(&config, &vfs), CHAT_OK);
}

static void teardown(void)
{
    engine_vfs_free(vfs);
    sim_disk_free(storage);
    ck_assert_uint_eq(memory.live, 0);
}

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;

    ck_assert_int_eq(
        sqlite3_open_v2("folder/x.db", &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        engine_vfs_name(vfs)),
        SQLITE_OK);
    return db;
}

static int run(sqlite3 *db, const char *sql) { return sqlite3_exec(db, sql, NULL, NULL, NULL); }

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int value;

    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    value = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

#define FILL(n)                                                                                    \
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < " #n ")"             \
    " INSERT INTO t SELECT i, randomblob(500) FROM c"

START_TEST(a_rollback_journal_works_and_is_removed)
{
    sqlite3 *db = open_db();
    uint64_t size;

    ck_assert_int_eq(run(db, "CREATE TABLE t (a, b); BEGIN; INSERT INTO t VALUES (1, 2)"), 0);
    ck_assert_ptr_nonnull(sim_disk_peek(storage, "folder/x.db-journal", &size));
    ck_assert_int_eq(run(db, "ROLLBACK; INSERT INTO t VALUES (3, 4)"), 0);
    ck_assert_ptr_null(sim_disk_peek(storage, "folder/x.db-journal", &size));
    ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), 1);
    sqlite3_close(db);
}
END_TEST

START_TEST(two_writers_exclude_each_other)
{
    sqlite3 *a = open_db(), *b = open_db();

    ck_assert_int_eq(run(a, "CREATE TABLE t (a, b)"), SQLITE_OK);
    ck_assert_int_eq(run(a, "BEGIN IMMEDIATE"), SQLITE_OK);
    ck_assert_int_eq(run(b, "BEGIN IMMEDIATE"), SQLITE_BUSY);
    ck_assert_int_eq(number(b, "SELECT count(*) FROM t"), 0);
    ck_assert_int_eq(run(a, "INSERT INTO t VALUES (1, 1); COMMIT"), SQLITE_OK);
    ck_assert_int_eq(run(b, "BEGIN EXCLUSIVE"), SQLITE_OK);
    ck_assert_int_eq(run(a, "SELECT * FROM t"), SQLITE_BUSY);
    ck_assert_int_eq(run(b, "COMMIT"), SQLITE_OK);
    sqlite3_close(a);
    sqlite3_close(b);
}
END_TEST

START_TEST(readers_of_a_wal_keep_their_snapshot)
{
    sqlite3 *a = open_db(), *b = open_db();

    ck_assert_int_eq(run(a, "PRAGMA journal_mode=WAL; CREATE TABLE t (a, b)"), SQLITE_OK);
    ck_assert_int_eq(run(a, FILL(100)), SQLITE_OK);
    ck_assert_int_eq(run(b, "BEGIN"), SQLITE_OK);
    ck_assert_int_eq(number(b, "SELECT count(*) FROM t"), 100);
    ck_assert_int_eq(run(a, FILL(5000)), SQLITE_OK);
    ck_assert_int_eq(number(b, "SELECT count(*) FROM t"), 100);
    ck_assert_int_eq(number(a, "PRAGMA wal_checkpoint(TRUNCATE)"), 1);
    ck_assert_int_eq(run(b, "COMMIT"), SQLITE_OK);
    ck_assert_int_eq(number(b, "SELECT count(*) FROM t"), 5100);
    ck_assert_int_eq(number(a, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    sqlite3_close(a);
    sqlite3_close(b);
}
END_TEST

START_TEST(a_wal_survives_the_process)
{
    sqlite3 *db = open_db();
    struct engine_vfs_config config = {.allocator = &memory.allocator, .seed = 2};

    ck_assert_int_eq(run(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (a, b)"), SQLITE_OK);
    ck_assert_int_eq(run(db, FILL(100)), SQLITE_OK);
    sim_disk_kill(disk);
    sqlite3_close(db);
    engine_vfs_free(vfs);
    config.disk = sim_disk_mount(storage);
    ck_assert_int_eq(engine_vfs_new(&config, &vfs), CHAT_OK);
    db = open_db();
    ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), 100);
    sqlite3_close(db);
}
END_TEST

static void mount_again(uint64_t seed)
{
    struct engine_vfs_config config = {.allocator = &memory.allocator, .seed = seed};

    engine_vfs_free(vfs);
    disk = sim_disk_mount(storage);
    config.disk = disk;
    ck_assert_int_eq(engine_vfs_new(&config, &vfs), CHAT_OK);
}

/* _i: what the power loss takes of what may go. */
START_TEST(what_is_synced_of_a_file_that_a_killed_process_made_survives_power_loss)
{
    sqlite3 *db;

    engine_vfs_free(vfs);
    sim_disk_free(storage);
    storage = sim_disk_new(NULL, (uint64_t)_i);
    vfs = NULL;
    mount_again(1);
    db = open_db();
    ck_assert_int_eq(run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                             "CREATE TABLE t (a, b); PRAGMA wal_checkpoint(TRUNCATE)"),
                     SQLITE_OK);
    sqlite3_close(db); /* and its log is gone */
    db = open_db();
    ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), 0);
    sim_disk_kill(disk); /* a new log is there, empty, and its name is not synced */
    sqlite3_close(db);
    mount_again(2);
    db = open_db();
    ck_assert_int_eq(run(db, "PRAGMA synchronous=FULL; INSERT INTO t VALUES(2, 2)"), SQLITE_OK);
    sim_disk_power_loss(storage);
    sqlite3_close(db);
    mount_again(3);
    db = open_db();
    ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), 1);
    sqlite3_close(db);
}
END_TEST

START_TEST(what_spills_is_kept_in_memory)
{
    sqlite3 *db = open_db();
    uint64_t before;

    ck_assert_int_eq(run(db, "CREATE TABLE t (a, b)"), SQLITE_OK);
    ck_assert_int_eq(run(db, FILL(3000)), SQLITE_OK);
    before = sim_disk_used(storage);
    ck_assert_int_eq(run(db, "PRAGMA temp_store=FILE; PRAGMA cache_size=10;"
                             "CREATE TEMP TABLE s AS SELECT * FROM t ORDER BY b;"
                             "CREATE INDEX temp.i ON s (b)"),
                     SQLITE_OK);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM (SELECT b FROM s ORDER BY b DESC)"), 3000);
    ck_assert_uint_eq(sim_disk_used(storage), before);
    sqlite3_close(db);
}
END_TEST

START_TEST(checkpoints_are_paced_until_told_otherwise)
{
    sqlite3 *db = open_db();
    int pace = 0;

    ck_assert_int_eq(run(db, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
                             "CREATE TABLE t (a, b)"),
                     SQLITE_OK);
    ck_assert_int_eq(run(db, FILL(10000)), SQLITE_OK);
    ck_assert_uint_eq(paused_micros, 0);
    ck_assert_int_eq(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
                     SQLITE_OK);
    ck_assert_uint_ge(paused_micros, 4000000); /* some 5 MB at 1 MB/s */
    paused_micros = 0;
    ck_assert_int_eq(sqlite3_file_control(db, NULL, ENGINE_VFS_PACE, &pace), SQLITE_OK);
    ck_assert_int_eq(run(db, FILL(10000)), SQLITE_OK);
    ck_assert_int_eq(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
                     SQLITE_OK);
    ck_assert_uint_eq(paused_micros, 0);
    sqlite3_close(db);
}
END_TEST

START_TEST(a_full_disk_is_told_and_leaves_the_file_whole)
{
    sqlite3 *db = open_db();

    ck_assert_int_eq(run(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (a, b)"), SQLITE_OK);
    ck_assert_int_eq(run(db, FILL(100)), SQLITE_OK);
    sim_disk_set_capacity(storage, sim_disk_used(storage) + 20000);
    ck_assert_int_eq(run(db, FILL(1000)), SQLITE_FULL);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), 100);
    sim_disk_set_capacity(storage, UINT64_MAX);
    ck_assert_int_eq(run(db, FILL(1000)), SQLITE_OK);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), 1100);
    sqlite3_close(db);
}
END_TEST

START_TEST(a_failed_sync_is_an_error_even_without_room)
{
    sqlite3 *db = open_db();

    sqlite3_extended_result_codes(db, 1);
    ck_assert_int_eq(run(db, "CREATE TABLE t (a, b)"), SQLITE_OK);
    sim_disk_fail(storage, SIM_DISK_SYNC, 0, 1, CHAT_E_FULL);
    ck_assert_int_eq(run(db, "INSERT INTO t VALUES (1, 1)"), SQLITE_IOERR_FSYNC);
    sqlite3_close(db);
}
END_TEST

START_TEST(no_memory_is_a_status_wherever_it_ends)
{
    sqlite3 *db = NULL;
    int rc;

    faulty_alloc_fail_after(&memory, (size_t)_i);
    rc = sqlite3_open_v2("folder/x.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                         engine_vfs_name(vfs));
    if (rc == SQLITE_OK)
        rc = run(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (a, b)");
    if (rc == SQLITE_OK)
        rc = run(db, FILL(300));
    if (rc != SQLITE_OK)
        ck_assert((rc & 0xff) == SQLITE_NOMEM || (rc & 0xff) == SQLITE_IOERR ||
                  (rc & 0xff) == SQLITE_CANTOPEN);
    sqlite3_close(db);
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vfs");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_rollback_journal_works_and_is_removed);
    tcase_add_test(all, two_writers_exclude_each_other);
    tcase_add_test(all, readers_of_a_wal_keep_their_snapshot);
    tcase_add_test(all, a_wal_survives_the_process);
    tcase_add_loop_test(
        all, what_is_synced_of_a_file_that_a_killed_process_made_survives_power_loss, 0, 20);
    tcase_add_test(all, what_spills_is_kept_in_memory);
    tcase_add_test(all, checkpoints_are_paced_until_told_otherwise);
    tcase_add_test(all, a_full_disk_is_told_and_leaves_the_file_whole);
    tcase_add_test(all, a_failed_sync_is_an_error_even_without_room);
    tcase_add_loop_test(all, no_memory_is_a_status_wherever_it_ends, 0, 12);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
