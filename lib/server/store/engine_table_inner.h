/* What the parts of engine_table share: connections, writer, readers. */
#ifndef CHAT_SERVER_STORE_ENGINE_TABLE_INNER_H
#define CHAT_SERVER_STORE_ENGINE_TABLE_INNER_H

#include <pthread.h>
#include <sqlite3.h>

#include "server/store/engine_table.h"

#define TABLE_PAGE_BYTES 8192u
#define TABLE_BUSY_MS 5000

enum read_kind {
    READ_ONE,
    READ_UNDER,      /* a range with one k1, ascending */
    READ_UNDER_DOWN, /* descending */
    READ_RANGE,
    READ_RANGE_DOWN,
    READ_KINDS,
};

struct table_reader {
    struct table_reader *next; /* of the idle ones */
    sqlite3 *db;
    sqlite3_stmt *begin, *end, *position;
    sqlite3_stmt *reads[TABLE_MAX + 1][READ_KINDS]; /* prepared when first needed */
};

struct engine_table_file {
    struct table_config config;
    char path[DISK_PATH_MAX];

    /* The thread that applies. */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *set_position;
    sqlite3_stmt *puts[TABLE_MAX + 1], *deletes[TABLE_MAX + 1];
    uint64_t applied_position;
    uint32_t wal_pages;
    bool wal_is_done; /* wholly checkpointed: the next commit may start it again */
    bool failed;

    pthread_mutex_t mutex; /* the readers */
    pthread_cond_t changed;
    bool has_mutex, has_cond;
    struct table_reader *idle;
    uint32_t reader_count, reading;
    bool draining;
};

/* --- engine_table_sql.c --- */

const char *table_sql_name(uint32_t table);
chat_status table_status(const struct engine_table_file *table, sqlite3 *db, int rc,
                         const char *what);
chat_status table_connect(const struct engine_table_file *table, uint64_t cache_bytes,
                          bool is_reader, sqlite3 **out_db);
chat_status table_exec(const struct engine_table_file *table, sqlite3 *db, const char *sql);
chat_status table_prepare(const struct engine_table_file *table, sqlite3 *db, const char *sql,
                          sqlite3_stmt **out_stmt);
/* Runs a statement without rows, and resets it. */
chat_status table_run(const struct engine_table_file *table, sqlite3_stmt *stmt);
/* Makes what a new file lacks, and checks what an old one says about itself. */
chat_status table_schema(struct engine_table_file *table);

/* --- engine_table_read.c --- */

void table_readers_close(struct engine_table_file *table);
/* Returns when no read that began before is under way. */
void table_readers_drain(struct engine_table_file *table);

#endif
