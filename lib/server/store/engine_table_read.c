#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/store/engine_rows.h"
#include "server/store/engine_table_inner.h"

#define FIRST_ROWS 16u
#define READ_TRIES_MAX 5

static const char *const where[READ_KINDS] = {
    [READ_ONE] = "k1 = ?1 AND k2 = ?2 AND k3 = ?3",
    [READ_UNDER] = "k1 = ?1 AND (k2, k3) >= (?2, ?3) AND (k2, k3) <= (?5, ?6)"
                   " ORDER BY k2, k3",
    [READ_UNDER_DOWN] = "k1 = ?1 AND (k2, k3) >= (?2, ?3) AND (k2, k3) <= (?5, ?6)"
                        " ORDER BY k2 DESC, k3 DESC",
    [READ_RANGE] = "(k1, k2, k3) >= (?1, ?2, ?3) AND (k1, k2, k3) <= (?4, ?5, ?6)"
                   " ORDER BY k1, k2, k3",
    [READ_RANGE_DOWN] = "(k1, k2, k3) >= (?1, ?2, ?3) AND (k1, k2, k3) <= (?4, ?5, ?6)"
                        " ORDER BY k1 DESC, k2 DESC, k3 DESC",
};

/* --- connections --- */

static void reader_close(struct engine_table_file *table, struct table_reader *reader)
{
    for (uint32_t i = 0; i <= TABLE_MAX; i++) {
        for (int kind = 0; kind < READ_KINDS; kind++)
            (void)sqlite3_finalize(reader->reads[i][kind]);
    }
    (void)sqlite3_finalize(reader->begin);
    (void)sqlite3_finalize(reader->end);
    (void)sqlite3_finalize(reader->position);
    (void)sqlite3_close(reader->db);
    alloc_free(table->config.allocator, reader);
}

static chat_status reader_open(struct engine_table_file *table, struct table_reader **out_reader)
{
    struct table_reader *reader = alloc_zeroed(table->config.allocator, sizeof(*reader));
    chat_status status;

    if (!reader)
        return CHAT_E_NOMEM;
    status = table_connect(table, table->config.reader_cache_bytes, true, &reader->db);
    if (status == CHAT_OK)
        status = table_prepare(table, reader->db, "BEGIN", &reader->begin);
    if (status == CHAT_OK)
        status = table_prepare(table, reader->db, "ROLLBACK", &reader->end);
    if (status == CHAT_OK)
        status = table_prepare(table, reader->db,
                               "SELECT value FROM state WHERE name = 'applied_position'",
                               &reader->position);
    if (status != CHAT_OK) {
        reader_close(table, reader);
        return status;
    }
    *out_reader = reader;
    return CHAT_OK;
}

void table_readers_close(struct engine_table_file *table)
{
    while (table->idle) {
        struct table_reader *reader = table->idle;
        table->idle = reader->next;
        reader_close(table, reader);
    }
}

void table_readers_drain(struct engine_table_file *table)
{
    pthread_mutex_lock(&table->mutex);
    table->draining = true;
    while (table->reading > 0)
        pthread_cond_wait(&table->changed, &table->mutex);
    table->draining = false;
    pthread_cond_broadcast(&table->changed);
    pthread_mutex_unlock(&table->mutex);
}

static chat_status reader_take(struct engine_table_file *table, struct table_reader **out_reader)
{
    struct table_reader *reader;
    chat_status status = CHAT_OK;

    pthread_mutex_lock(&table->mutex);
    while (table->draining || (!table->idle && table->reader_count >= table->config.readers_max))
        pthread_cond_wait(&table->changed, &table->mutex);
    table->reading++;
    reader = table->idle;
    if (reader)
        table->idle = reader->next;
    else
        table->reader_count++;
    pthread_mutex_unlock(&table->mutex);

    if (!reader)
        status = reader_open(table, &reader);
    if (status != CHAT_OK) {
        pthread_mutex_lock(&table->mutex);
        table->reader_count--;
        table->reading--;
        pthread_cond_broadcast(&table->changed);
        pthread_mutex_unlock(&table->mutex);
        return status;
    }
    *out_reader = reader;
    return CHAT_OK;
}

static void reader_give(struct engine_table_file *table, struct table_reader *reader)
{
    pthread_mutex_lock(&table->mutex);
    reader->next = table->idle;
    table->idle = reader;
    table->reading--;
    pthread_cond_broadcast(&table->changed);
    pthread_mutex_unlock(&table->mutex);
}

/* --- one query --- */

static enum read_kind kind_of(const struct engine_query *query)
{
    if (query->limit == 0)
        return READ_ONE;
    if (query->from.k1 == query->to.k1)
        return query->descending ? READ_UNDER_DOWN : READ_UNDER;
    return query->descending ? READ_RANGE_DOWN : READ_RANGE;
}

static chat_status get_statement(struct engine_table_file *table, struct table_reader *reader,
                                 const struct engine_query *query, sqlite3_stmt **out_stmt)
{
    const enum read_kind kind = kind_of(query);
    sqlite3_stmt **slot = &reader->reads[query->table][kind];
    char sql[256];
    chat_status status = CHAT_OK;

    if (!*slot) {
        (void)snprintf(sql, sizeof(sql), "SELECT k1, k2, k3, value FROM \"%s\" WHERE %s",
                       table_sql_name(query->table), where[kind]);
        status = table_prepare(table, reader->db, sql, slot);
    }
    *out_stmt = *slot;
    return status;
}

/* Numbers are signed in SQL: a key past the greatest there becomes the greatest. */
static struct engine_key saturated(struct engine_key key)
{
    if (key.k1 > INT64_MAX)
        key.k2 = UINT64_MAX;
    if (key.k2 > INT64_MAX)
        key.k3 = UINT64_MAX;
    return (struct engine_key){
        key.k1 > INT64_MAX ? INT64_MAX : key.k1,
        key.k2 > INT64_MAX ? INT64_MAX : key.k2,
        key.k3 > INT64_MAX ? INT64_MAX : key.k3,
    };
}

static void bind_key(sqlite3_stmt *stmt, int first, const struct engine_key *key)
{
    (void)sqlite3_bind_int64(stmt, first, (sqlite3_int64)key->k1);
    (void)sqlite3_bind_int64(stmt, first + 1, (sqlite3_int64)key->k2);
    (void)sqlite3_bind_int64(stmt, first + 2, (sqlite3_int64)key->k3);
}

static void bind_query(sqlite3_stmt *stmt, const struct engine_query *query)
{
    const struct engine_key from = saturated(query->from), to = saturated(query->to);

    if (query->limit == 0) {
        bind_key(stmt, 1, &query->from);
        return;
    }
    bind_key(stmt, 1, &from);
    bind_key(stmt, 4, &to);
}

static bool is_inside(const struct engine_query *query, const struct engine_key *key)
{
    return query->limit == 0 || (engine_key_compare(0, key, 0, &query->from) >= 0 &&
                                 engine_key_compare(0, key, 0, &query->to) <= 0);
}

static chat_status add_row(struct arena *arena, struct engine_result *result, size_t *cap,
                           const struct engine_row *row)
{
    uint8_t *value;

    if (result->count == *cap) {
        const size_t more = *cap ? *cap * 2 : FIRST_ROWS;
        struct engine_row *rows = arena_alloc(arena, more * sizeof(*rows));
        if (!rows)
            return CHAT_E_NOMEM;
        for (size_t i = 0; i < result->count; i++)
            rows[i] = result->rows[i];
        result->rows = rows;
        *cap = more;
    }
    /* An empty value is not NULL: NULL would say that the row is gone. */
    value =
        row->value_len > 0 ? arena_copy(arena, row->value, row->value_len) : arena_alloc(arena, 1);
    if (!value)
        return CHAT_E_NOMEM;
    result->rows[result->count] = *row;
    result->rows[result->count++].value = value;
    return CHAT_OK;
}

static chat_status read_query(struct engine_table_file *table, struct table_reader *reader,
                              const struct engine_query *query, struct arena *arena,
                              struct engine_result *result)
{
    const size_t limit = query->limit == 0 ? 1 : query->limit;
    size_t cap = 0;
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_DONE;
    chat_status status = get_statement(table, reader, query, &stmt);

    *result = (struct engine_result){0};
    if (status != CHAT_OK)
        return status;
    bind_query(stmt, query);
    while (status == CHAT_OK && result->count < limit && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct engine_row row = {
            .table = query->table,
            .key = {(uint64_t)sqlite3_column_int64(stmt, 0),
                    (uint64_t)sqlite3_column_int64(stmt, 1),
                    (uint64_t)sqlite3_column_int64(stmt, 2)},
            .value = sqlite3_column_blob(stmt, 3),
            .value_len = (size_t)sqlite3_column_bytes(stmt, 3),
        };
        if (is_inside(query, &row.key))
            status = add_row(arena, result, &cap, &row);
    }
    if (status == CHAT_OK)
        status = table_status(table, reader->db, rc, "read");
    (void)sqlite3_reset(stmt);
    return status;
}

/* --- a request --- */

static chat_status read_all(struct engine_table_file *table, struct table_reader *reader,
                            struct engine_request *request, struct engine_result *results)
{
    chat_status status = table_run(table, reader->begin);
    int rc;

    if (status != CHAT_OK)
        return status;
    /* The first read fixes the snapshot for all that follow. */
    rc = sqlite3_step(reader->position);
    if (rc == SQLITE_ROW)
        request->read.applied_position = (uint64_t)sqlite3_column_int64(reader->position, 0);
    status = rc == SQLITE_DONE ? CHAT_E_CORRUPT : table_status(table, reader->db, rc, "position");
    (void)sqlite3_reset(reader->position);
    for (size_t i = 0; i < request->read.count && status == CHAT_OK; i++)
        status = read_query(table, reader, &request->read.queries[i], request->arena, &results[i]);
    if (!sqlite3_get_autocommit(reader->db))
        (void)table_run(table, reader->end);
    return status;
}

chat_status engine_table_read(struct engine_table_file *table, struct engine_request *request)
{
    struct table_reader *reader = NULL;
    struct engine_result *results = arena_alloc(
        request->arena, (request->read.count ? request->read.count : 1) * sizeof(*results));
    chat_status status;

    if (!results)
        return CHAT_E_NOMEM;
    status = reader_take(table, &reader);
    if (status != CHAT_OK)
        return status;
    /* A read may find the write-ahead log being started again; the next try won't. */
    for (int tries = 0; tries < READ_TRIES_MAX; tries++) {
        status = read_all(table, reader, request, results);
        if (status != CHAT_E_UNAVAILABLE)
            break;
    }
    reader_give(table, reader);
    if (status == CHAT_OK)
        request->read.results = results;
    return status;
}

static chat_status check_file(struct engine_table_file *table, struct table_reader *reader)
{
    sqlite3_stmt *stmt = NULL;
    chat_status status = table_prepare(table, reader->db, "PRAGMA quick_check(1)", &stmt);
    const char *said;
    int rc;

    if (status != CHAT_OK)
        return status;
    rc = sqlite3_step(stmt);
    status = table_status(table, reader->db, rc, "check");
    if (status == CHAT_OK) {
        said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (!said || strcmp(said, "ok") != 0) {
            log_write(table->config.logger, CHAT_LOG_ERROR, "table", "%s: check: %s", table->path,
                      said ? said : "no answer");
            status = CHAT_E_CORRUPT;
        }
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

chat_status engine_table_check(struct engine_table_file *table)
{
    struct table_reader *reader = NULL;
    chat_status status = reader_take(table, &reader);

    if (status != CHAT_OK)
        return status;
    status = check_file(table, reader);
    reader_give(table, reader);
    return status;
}
