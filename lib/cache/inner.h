/* What the files of the cache share. */
#ifndef CHAT_CACHE_INNER_H
#define CHAT_CACHE_INNER_H

#include <sqlite3.h>

#include "cache/cache.h"

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_META_GET,
    ST_META_PUT,
    ST_CHANNELS_ALL,
    ST_CHANNEL_PUT,
    ST_CHANNEL_DROP,
    ST_RANGES_ALL,
    ST_RANGE_PUT,
    ST_RANGES_DROP,
    ST_MESSAGE_FIND,
    ST_MESSAGE_PUT,
    ST_MESSAGE_ALTER,
    ST_MESSAGES_DROP,
    ST_MESSAGES_READ,
    ST_MESSAGES_DELETED,
    ST_OUTBOX_ADD,
    ST_OUTBOX_ALL,
    ST_OUTBOX_GET,
    ST_OUTBOX_STATE,
    ST_OUTBOX_RENAME,
    ST_OUTBOX_DROP,
    ST_USER_PUT,
    ST_USER_GET,
    ST_COUNT,
};

struct cache {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    sqlite3 *db;
    sqlite3_stmt *statements[ST_COUNT]; /* prepared at first use */
    struct cache_identity identity;
    struct cache_identity committed; /* as of the last commit */
    uint32_t wal_pages;
    bool in_memory;
    bool released; /* release.c: others may have the file between two accesses */
    uint32_t released_version;
    bool open_txn;
    chat_status spoilt; /* why the open transaction cannot be committed */
};

/* SQLite's result as ours. */
chat_status cache_status_of(int rc);
/* A reset statement, ready to bind. NULL: c->spoilt or the log says why. */
sqlite3_stmt *cache_statement(struct cache *c, enum statement which, chat_status *out_status);
/* The same for a writer: begins the transaction. */
sqlite3_stmt *cache_writer(struct cache *c, enum statement which, chat_status *out_status);
/* Steps a writer to its end and resets it; a failure spoils the transaction. */
chat_status cache_run(struct cache *c, sqlite3_stmt *st);
chat_status cache_failed(struct cache *c, int rc, const char *what);

chat_status cache_meta_get_u64(struct cache *c, const char *key, uint64_t *out_value);
chat_status cache_meta_put_u64(struct cache *c, const char *key, uint64_t value);

/* Of a released one: CHAT_E_CONFLICT when somebody else wrote since the last look. */
chat_status cache_look(struct cache *c);
/* Gives this opening a number of its own, within the open transaction. */
chat_status cache_count_opening(struct cache *c, uint64_t device_id);

/* Which version the file is; 0 for a new one. Errors: CHAT_E_UNSUPPORTED, CHAT_E_CORRUPT. */
chat_status cache_schema_check(struct cache *c, uint32_t *out_version);
/* Brings it from there to CACHE_SCHEMA_VERSION within the caller's transaction. */
chat_status cache_schema_migrate(struct cache *c, uint32_t version);

static inline void cache_bind_u64(sqlite3_stmt *st, int at, uint64_t value)
{
    sqlite3_bind_int64(st, at, (sqlite3_int64)value);
}
static inline uint64_t cache_u64(sqlite3_stmt *st, int at)
{
    return (uint64_t)sqlite3_column_int64(st, at);
}
/* Bytes live until the statement is reset: bound without a copy. */
static inline void cache_bind_text(sqlite3_stmt *st, int at, const char *text, size_t len)
{
    sqlite3_bind_text64(st, at, text ? text : "", len, SQLITE_STATIC, SQLITE_UTF8);
}
static inline void cache_bind_blob(sqlite3_stmt *st, int at, const void *bytes, size_t len)
{
    if (len)
        sqlite3_bind_blob64(st, at, bytes, len, SQLITE_STATIC);
    else
        sqlite3_bind_zeroblob(st, at, 0);
}

#endif
