#include "server/store/engine_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/store/engine_rows.h"
#include "server/store/engine_table_inner.h"
#include "server/store/engine_vfs.h"

#define WAL_FRAME_HEADER 24u
#define REWRITE_STEP (1u << 20)

/* --- opening --- */

/* Writes the whole write-ahead log over itself and syncs it: a sync that failed in an
 * earlier process may have left pages in memory only, and a checkpoint that trusts them
 * would be torn by a power loss. */
static chat_status rewrite_wal(struct engine_table_file *table)
{
    char path[DISK_PATH_MAX + 8];
    struct disk_file *file = NULL;
    uint64_t size = 0;
    uint8_t *step = NULL;
    chat_status status;

    (void)snprintf(path, sizeof(path), "%s-wal", table->path);
    status = disk_open(table->config.disk, path, 0, &file);
    if (status == CHAT_E_NOT_FOUND)
        return CHAT_OK;
    if (status == CHAT_OK)
        status = disk_size(file, &size);
    if (status == CHAT_OK && size > 0) {
        step = alloc_bytes(table->config.allocator, REWRITE_STEP);
        if (!step)
            status = CHAT_E_NOMEM;
    }
    for (uint64_t at = 0; at < size && status == CHAT_OK;) {
        const size_t want = size - at < REWRITE_STEP ? (size_t)(size - at) : REWRITE_STEP;
        size_t got = 0;
        status = disk_read(file, at, step, want, &got);
        if (status == CHAT_OK && got < want)
            status = CHAT_E_IO;
        if (status == CHAT_OK)
            status = disk_write(file, at, step, want);
        at += want;
    }
    if (status == CHAT_OK && size > 0)
        status = disk_sync(file);
    alloc_free(table->config.allocator, step);
    disk_close(file);
    return status;
}

static int on_commit(void *user, sqlite3 *db, const char *name, int pages)
{
    struct engine_table_file *table = user;

    (void)db, (void)name;
    table->wal_pages = pages > 0 ? (uint32_t)pages : 0;
    return SQLITE_OK;
}

static chat_status prepare_writer(struct engine_table_file *table)
{
    char sql[160];
    chat_status status = table_prepare(table, table->db, "BEGIN IMMEDIATE", &table->begin);

    if (status == CHAT_OK)
        status = table_prepare(table, table->db, "COMMIT", &table->commit);
    if (status == CHAT_OK)
        status = table_prepare(table, table->db, "ROLLBACK", &table->rollback);
    if (status == CHAT_OK)
        status = table_prepare(table, table->db,
                               "UPDATE state SET value = ?1 WHERE name = 'applied_position'",
                               &table->set_position);
    for (uint32_t i = 1; i <= TABLE_MAX && status == CHAT_OK; i++) {
        (void)snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO \"%s\" VALUES (?1, ?2, ?3, ?4)",
                       table_sql_name(i));
        status = table_prepare(table, table->db, sql, &table->puts[i]);
        (void)snprintf(sql, sizeof(sql), "DELETE FROM \"%s\" WHERE k1 = ?1 AND k2 = ?2 AND k3 = ?3",
                       table_sql_name(i));
        if (status == CHAT_OK)
            status = table_prepare(table, table->db, sql, &table->deletes[i]);
    }
    return status;
}

/* Everything in the write-ahead log goes into the file, which is synced; the log ends
 * empty. Nobody reads. */
static chat_status checkpoint_all(struct engine_table_file *table)
{
    int rc = sqlite3_wal_checkpoint_v2(table->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    chat_status status = table_status(table, table->db, rc, "checkpoint");

    if (status == CHAT_OK)
        table->wal_pages = 0;
    return status;
}

static chat_status build(const struct table_config *config, struct engine_table_file **out_table)
{
    struct engine_table_file *table;

    if (config->readers_max == 0 || config->readers_max > TABLE_READERS_MAX ||
        strlen(config->path) >= DISK_PATH_MAX - 8)
        return CHAT_E_INVALID;
    table = alloc_zeroed(config->allocator, sizeof(*table));
    if (!table)
        return CHAT_E_NOMEM;
    table->config = *config;
    memcpy(table->path, config->path, strlen(config->path) + 1);
    table->config.path = table->path;
    table->has_mutex = pthread_mutex_init(&table->mutex, NULL) == 0;
    table->has_cond = pthread_cond_init(&table->changed, NULL) == 0;
    *out_table = table;
    return table->has_mutex && table->has_cond ? CHAT_OK : CHAT_E_NOMEM;
}

chat_status engine_table_open(const struct table_config *config,
                              struct engine_table_file **out_table)
{
    struct engine_table_file *table = NULL;
    chat_status status = build(config, &table);

    if (status == CHAT_OK)
        status = rewrite_wal(table);
    if (status == CHAT_OK)
        status = table_connect(table, config->cache_bytes, false, &table->db);
    if (status == CHAT_OK)
        status = table_schema(table);
    if (status == CHAT_OK)
        status = checkpoint_all(table);
    if (status == CHAT_OK)
        status = prepare_writer(table);
    if (status != CHAT_OK) {
        if (table)
            table->failed = true;
        engine_table_close(table);
        return status == CHAT_E_UNAVAILABLE ? CHAT_E_IO : status;
    }
    (void)sqlite3_wal_hook(table->db, on_commit, table);
    *out_table = table;
    return CHAT_OK;
}

void engine_table_close(struct engine_table_file *table)
{
    if (!table)
        return;
    table_readers_close(table);
    for (uint32_t i = 1; i <= TABLE_MAX; i++) {
        (void)sqlite3_finalize(table->puts[i]);
        (void)sqlite3_finalize(table->deletes[i]);
    }
    (void)sqlite3_finalize(table->begin);
    (void)sqlite3_finalize(table->commit);
    (void)sqlite3_finalize(table->rollback);
    (void)sqlite3_finalize(table->set_position);
    if (table->db && !table->failed)
        (void)checkpoint_all(table);
    (void)sqlite3_close(table->db);
    if (table->has_cond)
        pthread_cond_destroy(&table->changed);
    if (table->has_mutex)
        pthread_mutex_destroy(&table->mutex);
    alloc_free(table->config.allocator, table);
}

uint64_t engine_table_applied(const struct engine_table_file *table)
{
    return table->applied_position;
}

/* --- applying --- */

static int by_key(const void *a, const void *b)
{
    const struct engine_row *x = a, *y = b;

    return engine_key_compare(x->table, &x->key, y->table, &y->key);
}

static chat_status apply_row(struct engine_table_file *table, const struct engine_row *row)
{
    sqlite3_stmt *stmt = row->value ? table->puts[row->table] : table->deletes[row->table];
    int rc;

    (void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row->key.k1);
    (void)sqlite3_bind_int64(stmt, 2, (sqlite3_int64)row->key.k2);
    (void)sqlite3_bind_int64(stmt, 3, (sqlite3_int64)row->key.k3);
    if (row->value) {
        rc = sqlite3_bind_blob(stmt, 4, row->value, (int)row->value_len, SQLITE_STATIC);
        if (rc != SQLITE_OK)
            return table_status(table, table->db, rc, "bind");
    }
    return table_run(table, stmt);
}

static chat_status apply_all(struct engine_table_file *table, const struct engine_row *rows,
                             size_t count, uint64_t applied_position)
{
    chat_status status = table_run(table, table->begin);

    for (size_t i = 0; i < count && status == CHAT_OK; i++)
        status = apply_row(table, &rows[i]);
    if (status == CHAT_OK) {
        (void)sqlite3_bind_int64(table->set_position, 1, (sqlite3_int64)applied_position);
        status = table_run(table, table->set_position);
    }
    return status == CHAT_OK ? table_run(table, table->commit) : status;
}

chat_status engine_table_apply(struct engine_table_file *table, struct engine_row *rows,
                               size_t count, uint64_t applied_position)
{
    chat_status status;

    if (table->failed)
        return CHAT_E_IO;
    if (applied_position < table->applied_position)
        return CHAT_E_CONFLICT;
    if (count == 0 && applied_position == table->applied_position)
        return CHAT_OK;

    if (count > 0)
        qsort(rows, count, sizeof(*rows), by_key);
    /* Readers from before a complete checkpoint keep the write-ahead log from starting
     * again at its beginning; without them it does so with this commit. */
    if (table->wal_is_done)
        table_readers_drain(table);
    status = apply_all(table, rows, count, applied_position);
    if (status == CHAT_OK) {
        table->wal_is_done = false;
        table->applied_position = applied_position;
        return CHAT_OK;
    }
    if (!sqlite3_get_autocommit(table->db) && table_run(table, table->rollback) != CHAT_OK)
        table->failed = true;
    if (status == CHAT_E_IO || status == CHAT_E_CORRUPT)
        table->failed = true;
    return status;
}

/* --- checkpoints --- */

uint64_t engine_table_wal_bytes(const struct engine_table_file *table)
{
    return table->wal_is_done ? 0
                              : (uint64_t)table->wal_pages * (TABLE_PAGE_BYTES + WAL_FRAME_HEADER);
}

chat_status engine_table_checkpoint(struct engine_table_file *table, bool paced, bool *out_complete)
{
    int in_log = -1, moved = -1, pace = paced, rc;
    chat_status status;

    *out_complete = false;
    if (table->failed)
        return CHAT_E_IO;
    (void)sqlite3_file_control(table->db, NULL, ENGINE_VFS_PACE, &pace);
    /* Reads that began before the last commit hold back what it wrote. */
    table_readers_drain(table);
    rc = sqlite3_wal_checkpoint_v2(table->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
    if (rc == SQLITE_BUSY)
        return CHAT_OK;
    status = table_status(table, table->db, rc, "checkpoint");
    if (status != CHAT_OK) {
        table->failed = status != CHAT_E_FULL && status != CHAT_E_NOMEM;
        return status;
    }
    *out_complete = in_log >= 0 && in_log == moved;
    table->wal_is_done = *out_complete;
    return CHAT_OK;
}
