/* Is a database whole, as SQLite sees it, without libchat? */
#ifndef CHAT_TESTS_SOUND_DB_H
#define CHAT_TESTS_SOUND_DB_H

#include <check.h>
#include <sqlite3.h>

/* PRAGMA integrity_check says ok. The file is there, nobody has it open; `vfs` NULL: the
 * system's. */
static inline void expect_sound_db(const char *path, const char *vfs)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, vfs), SQLITE_OK);
    /* The VFS of a test may have no shared memory. */
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(st, 0), "ok");
    sqlite3_finalize(st);
    sqlite3_close(db);
}

#endif
