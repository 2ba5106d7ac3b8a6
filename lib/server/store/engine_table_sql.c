#include <stdio.h>

#include "base/log.h"
#include "server/store/engine_table_inner.h"

/* Names are on disk: never changed. */
static const char *const names[TABLE_MAX + 1] = {
    [TABLE_META] = "meta",       [TABLE_HOME] = "home",           [TABLE_MEMBER] = "member",
    [TABLE_CHANNEL] = "channel", [TABLE_MESSAGE] = "message",     [TABLE_CHANGE] = "change",
    [TABLE_RING] = "ring",       [TABLE_DIRECTORY] = "directory", [TABLE_CURSOR] = "cursor",
    [TABLE_LIST] = "list",       [TABLE_NOTE_OUT] = "note_out",   [TABLE_NOTE_IN] = "note_in",
    [TABLE_RECEIPT] = "receipt", [TABLE_SETTING] = "setting",     [TABLE_DRAFT] = "draft",
    [TABLE_DEVICE] = "device",   [TABLE_TOMBSTONE] = "tombstone",
};

const char *table_sql_name(uint32_t table) { return names[table]; }

static chat_status status_of_code(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW: return CHAT_OK;
    case SQLITE_NOMEM: return CHAT_E_NOMEM;
    case SQLITE_FULL: return CHAT_E_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return CHAT_E_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return CHAT_E_UNAVAILABLE;
    case SQLITE_TOOBIG: return CHAT_E_TOO_LARGE;
    default: return rc == SQLITE_IOERR_NOMEM ? CHAT_E_NOMEM : CHAT_E_IO;
    }
}

chat_status table_status(const struct engine_table_file *table, sqlite3 *db, int rc,
                         const char *what)
{
    const chat_status status = status_of_code(rc);

    if (status != CHAT_OK)
        log_write(table->config.logger, status == CHAT_E_FULL ? CHAT_LOG_WARN : CHAT_LOG_ERROR,
                  "table", "%s: %s: %s (%d)", table->path, what,
                  db ? sqlite3_errmsg(db) : "no memory", rc);
    return status;
}

chat_status table_exec(const struct engine_table_file *table, sqlite3 *db, const char *sql)
{
    return table_status(table, db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

chat_status table_prepare(const struct engine_table_file *table, sqlite3 *db, const char *sql,
                          sqlite3_stmt **out_stmt)
{
    return table_status(
        table, db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out_stmt, NULL), sql);
}

chat_status table_run(const struct engine_table_file *table, sqlite3_stmt *stmt)
{
    const int rc = sqlite3_step(stmt);
    const chat_status status = table_status(table, sqlite3_db_handle(stmt), rc, sqlite3_sql(stmt));

    (void)sqlite3_reset(stmt);
    return status;
}

chat_status table_connect(const struct engine_table_file *table, uint64_t cache_bytes,
                          bool is_reader, sqlite3 **out_db)
{
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (is_reader ? 0 : SQLITE_OPEN_CREATE);
    char sql[512];
    sqlite3 *db = NULL;
    chat_status status = table_status(
        table, NULL, sqlite3_open_v2(table->path, &db, flags, table->config.vfs), "open");

    *out_db = db; /* also after an error: then for the caller to close */
    if (status != CHAT_OK)
        return status;
    (void)sqlite3_extended_result_codes(db, 1);
    /* A reader that finds the write-ahead log's index half written may hold a lock for a
     * moment, to look closer. */
    (void)sqlite3_busy_timeout(db, TABLE_BUSY_MS);
    /* We checkpoint ourselves, also at the end. */
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA page_size=%u; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-%llu;"
                   "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;"
                   "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                   "PRAGMA wal_autocheckpoint=0; PRAGMA query_only=%d;",
                   TABLE_PAGE_BYTES, (unsigned long long)(cache_bytes / 1024), is_reader);
    return table_exec(table, db, sql);
}

/* --- schema --- */

/* Those that are missing: all of a new file, the later kinds of an old one. */
static chat_status create_rows(struct engine_table_file *table)
{
    char sql[256];
    chat_status status = CHAT_OK;

    for (uint32_t i = 1; i <= TABLE_MAX && status == CHAT_OK; i++) {
        (void)snprintf(sql, sizeof(sql),
                       "CREATE TABLE IF NOT EXISTS \"%s\" (k1 INTEGER NOT NULL,"
                       " k2 INTEGER NOT NULL, k3 INTEGER NOT NULL, value BLOB NOT NULL,"
                       " PRIMARY KEY (k1, k2, k3)) WITHOUT ROWID",
                       names[i]);
        status = table_exec(table, table->db, sql);
    }
    return status;
}

static chat_status create(struct engine_table_file *table)
{
    char sql[256];
    chat_status status;

    status = table_exec(table, table->db,
                        "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) "
                        "WITHOUT ROWID");
    if (status != CHAT_OK)
        return status;
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO state VALUES ('format', %d), ('shard', %u),"
                   " ('applied_position', 0)",
                   TABLE_FORMAT, table->config.shard);
    return table_exec(table, table->db, sql);
}

/* *out_value is left alone when there is no row. */
static chat_status get_number(struct engine_table_file *table, const char *sql, int64_t *out_value)
{
    sqlite3_stmt *stmt = NULL;
    chat_status status = table_prepare(table, table->db, sql, &stmt);
    int rc;

    if (status != CHAT_OK)
        return status;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out_value = sqlite3_column_int64(stmt, 0);
    status = table_status(table, table->db, rc, sql);
    (void)sqlite3_finalize(stmt);
    return status;
}

static chat_status check_state(struct engine_table_file *table)
{
    int64_t format = 0, shard = -1, position = -1;
    chat_status status;

    status = get_number(table, "SELECT value FROM state WHERE name = 'format'", &format);
    if (status == CHAT_OK && format > TABLE_FORMAT) {
        log_write(table->config.logger, CHAT_LOG_ERROR, "table",
                  "%s: format %lld is newer than %d, which this build knows", table->path,
                  (long long)format, TABLE_FORMAT);
        return CHAT_E_UNSUPPORTED;
    }
    if (status == CHAT_OK)
        status = get_number(table, "SELECT value FROM state WHERE name = 'shard'", &shard);
    if (status == CHAT_OK)
        status =
            get_number(table, "SELECT value FROM state WHERE name = 'applied_position'", &position);
    if (status != CHAT_OK)
        return status;
    if (format < 1 || position < 0 || shard != (int64_t)table->config.shard) {
        log_write(table->config.logger, CHAT_LOG_ERROR, "table",
                  "%s: not the table of shard %u, or a broken one", table->path,
                  table->config.shard);
        return CHAT_E_CORRUPT;
    }
    table->applied_position = (uint64_t)position;
    return CHAT_OK;
}

chat_status table_schema(struct engine_table_file *table)
{
    int64_t tables = 0;
    chat_status status = table_exec(table, table->db, "BEGIN IMMEDIATE");

    if (status == CHAT_OK)
        status = get_number(table, "SELECT count(*) FROM sqlite_schema", &tables);
    if (status == CHAT_OK && tables == 0)
        status = create(table);
    if (status == CHAT_OK)
        status = check_state(table);
    if (status == CHAT_OK)
        status = create_rows(table);
    if (status == CHAT_OK)
        status = table_exec(table, table->db, "COMMIT");
    return status;
}
