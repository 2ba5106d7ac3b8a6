/* What the files of the cache share. */
#ifndef CHAT_CACHE_INNER_H
#define CHAT_CACHE_INNER_H

#include <sqlite3.h>

#include "cache/cache.h"
#include "cache/packed.h"
#include "cache/search.h"
#include "cache/words.h"

/* A document's number: the day of its message, and which of that day it is. */
#define INDEX_DAY_BITS 24
#define INDEX_DAY_MASK ((INT64_C(1) << INDEX_DAY_BITS) - 1)

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_META_GET,
    ST_META_PUT,
    ST_CHANNELS_ALL,
    ST_CHANNEL_PUT,
    ST_CHANNEL_DROP,
    ST_REMAINS_NEXT,
    ST_REMAINS_HAS,
    ST_REMAINS_DROP,
    ST_MESSAGE_FIND,
    ST_MESSAGE_PUT,
    ST_MESSAGE_FROM,
    ST_MESSAGE_LAST,
    ST_MESSAGE_ALTER,
    ST_MESSAGES_DROP,
    ST_MESSAGES_READ,
    ST_MESSAGES_DELETED,
    ST_MESSAGES_MENTIONS,
    ST_OUTBOX_ADD,
    ST_OUTBOX_ALL,
    ST_OUTBOX_GET,
    ST_OUTBOX_STATE,
    ST_OUTBOX_ACKED,
    ST_OUTBOX_RENAME,
    ST_OUTBOX_CONTENT,
    ST_OUTBOX_SEQ,
    ST_OUTBOX_PARENT,
    ST_OUTBOX_SENT,
    ST_OUTBOX_DROP,
    ST_USER_PUT,
    ST_USER_GET,
    ST_SETTINGS_ALL,
    ST_SETTINGS_PUT,
    ST_SETTINGS_DROP,
    ST_DRAFTS_ALL,
    ST_DRAFT_GET,
    ST_DRAFT_PUT,
    ST_DRAFT_DROP,
    ST_RECEIPT_PUT,
    ST_RECEIPTS_READ,
    ST_RECEIPTS_PEERS,
    ST_RECEIPT_DROP,
    ST_RECEIPTS_TRIM,
    ST_RECEIPTS_DROP,
    ST_INDEX_LAST,
    ST_INDEX_COUNT,
    ST_INDEX_NEXT,
    ST_INDEX_SET,
    ST_INDEX_ADD,
    ST_INDEX_DELETE,
    ST_INDEX_MERGE,
    ST_INDEX_DOC_PUT,
    ST_INDEX_DOC_DROP,
    ST_INDEX_TRASH_ADD,
    ST_INDEX_TRASH_NEXT,
    ST_INDEX_TRASH_DROP,
    ST_SEARCH,
    ST_SEARCH_COUNT,
    ST_PAGE_COUNT,
    ST_COUNT,
};

struct cache {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    struct cache_config config;
    sqlite3 *db;                        /* NULL: released */
    sqlite3_stmt *statements[ST_COUNT]; /* prepared at first use */
    struct cache_identity identity;
    struct cache_identity committed;         /* as of the last commit */
    uint64_t mention_ids[CHAT_MENTIONS_MAX]; /* of the row being shown */
    struct packed_reactions *reactions;      /* NULL until a message has some */
    uint32_t wal_pages;
    bool in_memory;
    bool open_txn;
    bool remains;       /* messages of removed channels are there */
    bool taken;         /* released, and somebody else had it: said at the next commit, unless all
                         * was loaded again by then */
    chat_status spoilt; /* why the open transaction cannot be committed */

    /* index.c */
    struct words words;
    struct buf folded, terms;
    int64_t unindexed; /* messages; -1: not counted */
    bool index_done;
    bool merging; /* the index may have parts that should be one */
    bool unsure;  /* FTS5 may remember what was rolled back: see cache_index_sober() */
};

/* Opens a file that was released. */
chat_status cache_reopen(struct cache *c);
/* SQLite's result as ours. */
chat_status cache_status_of(int rc);
/* A reset statement, ready to bind. NULL: c->spoilt or the log says why. */
sqlite3_stmt *cache_statement(struct cache *c, enum statement which, chat_status *out_status);
/* The same for a writer: begins the transaction. */
sqlite3_stmt *cache_writer(struct cache *c, enum statement which, chat_status *out_status);
/* Steps a writer to its end and resets it; a failure spoils the transaction. */
chat_status cache_run(struct cache *c, sqlite3_stmt *st);
/* Runs a writer whose parameters are all numbers. */
chat_status cache_write(struct cache *c, enum statement which, const uint64_t *values, int count);
#define CACHE_WRITE(c, which, ...)                                                                 \
    cache_write(c, which, (const uint64_t[]){__VA_ARGS__},                                         \
                (int)(sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)))
/* Steps a reader on. False: there is no row any more, or *status says why. Then it is reset. */
bool cache_next(struct cache *c, sqlite3_stmt *st, chat_status *status);
/* Steps a reader to its only row; who has read that resets it. CHAT_E_NOT_FOUND: there is none. */
chat_status cache_only(struct cache *c, sqlite3_stmt *st);
chat_status cache_failed(struct cache *c, int rc, const char *what);

chat_status cache_meta_get_u64(struct cache *c, const char *key, uint64_t *out_value);
chat_status cache_meta_put_u64(struct cache *c, const char *key, uint64_t value);

/* Which version the file is; 0 for a new one. Errors: CHAT_E_UNSUPPORTED, CHAT_E_CORRUPT. */
chat_status cache_schema_check(struct cache *c, uint32_t *out_version);
/* Brings it from there to CACHE_SCHEMA_VERSION within the caller's transaction. */
chat_status cache_schema_migrate(struct cache *c, uint32_t version);

/* remains.c */
chat_status cache_remains_leave(struct cache *c, uint64_t channel_id);
chat_status cache_remains_are(struct cache *c, uint64_t channel_id, bool *out_are);

/* index.c */
chat_status cache_index_open(struct cache *c);
void cache_index_close(struct cache *c);
/*
 * Makes FTS5 forget what it has in memory. When SQLite, short of memory or of disk, rolls a
 * transaction back from within a statement of FTS5's own, FTS5 hears of it before its statement is
 * over, and may then keep a count of rows that is none. The next transaction would write it down,
 * and texts could not be taken out of the index any more. Outside a transaction.
 */
chat_status cache_index_sober(struct cache *c);
/* Something waits: so many messages more than before. */
void cache_index_touch(struct cache *c, int64_t added);
/* These messages are about to lose their text: what is indexed of them is to be taken out. */
chat_status cache_index_forget(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to);
chat_status cache_index_last(struct cache *c, int64_t doc, int64_t *out_doc);
uint64_t cache_index_day(uint64_t message_id);

static inline void cache_bind_u64(sqlite3_stmt *st, int at, uint64_t value)
{
    sqlite3_bind_int64(st, at, (sqlite3_int64)value);
}
static inline void cache_bind_all(sqlite3_stmt *st, const uint64_t *values, int count)
{
    for (int i = 0; i < count; i++)
        cache_bind_u64(st, i + 1, values[i]);
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
