/* The tables, and how files of earlier versions become today's. */
#include "base/log.h"
#include "cache/inner.h"

/*
 * Element n brings version n to n + 1. Only ever appended; a step may rebuild a table but
 * never drops messages or what is queued. All steps run in one transaction, so a file is
 * of one version or the other.
 *
 * 64-bit ids are stored as SQLite's signed integers, bit for bit. Seqs, revs and counters
 * are below 2^63, so they compare as they should.
 */
static const char *const steps[] = {
    "CREATE TABLE meta("
    " key TEXT PRIMARY KEY, value"
    ") WITHOUT ROWID;"

    "CREATE TABLE channels("
    " channel_id INTEGER PRIMARY KEY, home_id INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " permissions INTEGER NOT NULL, epoch INTEGER NOT NULL, head_seq INTEGER NOT NULL,"
    " head_message_id INTEGER NOT NULL, head_rev INTEGER NOT NULL, first_seq INTEGER NOT NULL,"
    " stream_seq INTEGER NOT NULL, read_seq INTEGER NOT NULL, read_message_id INTEGER NOT NULL,"
    " mark_seq INTEGER NOT NULL, deleted_unread INTEGER NOT NULL, peer_id INTEGER NOT NULL,"
    " last_counter INTEGER NOT NULL, last_device INTEGER NOT NULL, name TEXT NOT NULL"
    ");"

    "CREATE TABLE ranges("
    " channel_id INTEGER NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,"
    " rev INTEGER NOT NULL, PRIMARY KEY(channel_id, from_seq)"
    ") WITHOUT ROWID;"

    /* A rowid of its own: full-text search will refer to it. */
    "CREATE TABLE messages("
    " id INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " message_id INTEGER NOT NULL, author_id INTEGER NOT NULL, device_id INTEGER NOT NULL,"
    " counter INTEGER NOT NULL, sent_at_ms INTEGER NOT NULL, edited_at_ms INTEGER NOT NULL,"
    " rev INTEGER NOT NULL, reply_to_seq INTEGER NOT NULL, deleted INTEGER NOT NULL,"
    " text TEXT NOT NULL, extra BLOB NOT NULL, UNIQUE(channel_id, seq)"
    ");"

    /* AUTOINCREMENT: the order of queueing outlives removals. */
    "CREATE TABLE outbox("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, device_id INTEGER NOT NULL,"
    " counter INTEGER NOT NULL, old_device_id INTEGER NOT NULL, old_counter INTEGER NOT NULL,"
    " channel_id INTEGER NOT NULL, kind INTEGER NOT NULL, state INTEGER NOT NULL,"
    " status INTEGER NOT NULL, seq INTEGER NOT NULL, reply_to_seq INTEGER NOT NULL,"
    " base_seq INTEGER NOT NULL, created_at_ms INTEGER NOT NULL, text TEXT NOT NULL,"
    " extra BLOB NOT NULL, UNIQUE(device_id, counter)"
    ");"

    "CREATE TABLE users("
    " user_id INTEGER PRIMARY KEY, name TEXT NOT NULL"
    ");",

    /*
     * 2: messages lie in the order of their channel: a page is read, written and dropped in
     * one piece. Ranges stand in the channel's row ("from to rev,from to rev"), so that a new
     * message changes one row of it. And the index of words.
     */
    "CREATE TABLE new_messages("
    " channel_id INTEGER NOT NULL, seq INTEGER NOT NULL, message_id INTEGER NOT NULL,"
    " author_id INTEGER NOT NULL, device_id INTEGER NOT NULL, counter INTEGER NOT NULL,"
    " sent_at_ms INTEGER NOT NULL, edited_at_ms INTEGER NOT NULL, rev INTEGER NOT NULL,"
    " reply_to_seq INTEGER NOT NULL, deleted INTEGER NOT NULL,"
    " doc INTEGER NOT NULL DEFAULT 0," /* 0: to be indexed; -1: there is nothing to index */
    " text TEXT NOT NULL, extra BLOB NOT NULL, PRIMARY KEY(channel_id, seq)"
    ") WITHOUT ROWID;"
    "INSERT INTO new_messages(channel_id,seq,message_id,author_id,device_id,counter,sent_at_ms,"
    "edited_at_ms,rev,reply_to_seq,deleted,text,extra)"
    " SELECT channel_id,seq,message_id,author_id,device_id,counter,sent_at_ms,edited_at_ms,rev,"
    "reply_to_seq,deleted,text,extra FROM messages ORDER BY channel_id,seq;"
    "DROP TABLE messages;"
    "ALTER TABLE new_messages RENAME TO messages;"

    "ALTER TABLE channels ADD COLUMN shown_at_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE channels ADD COLUMN ranges TEXT NOT NULL DEFAULT '';"
    "UPDATE channels SET ranges=coalesce((SELECT group_concat(one) FROM"
    " (SELECT from_seq||' '||to_seq||' '||rev AS one FROM ranges"
    " WHERE ranges.channel_id=channels.channel_id ORDER BY from_seq)),'');"
    "DROP TABLE ranges;"

    "CREATE INDEX messages_unindexed ON messages(doc) WHERE doc=0;"
    /* A document: its message. */
    "CREATE TABLE index_docs("
    " doc INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL, seq INTEGER NOT NULL"
    ");"
    /* What is in the index and is no message's text any more: to be taken out by it. */
    "CREATE TABLE index_trash("
    " doc INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL, text TEXT NOT NULL"
    ");"
    /* Keeps no text of its own, no positions and no sizes: what is found is compared with the
     * message. */
    "CREATE VIRTUAL TABLE index_terms USING fts5(terms, content='', columnsize=0, detail=none,"
    " prefix='2 3', tokenize='ascii');"
    /* It is merged in pieces of our own: FTS5's are ten times what a turn may take. */
    "INSERT INTO index_terms(index_terms,rank) VALUES('automerge',0);"
    "INSERT INTO index_terms(index_terms,rank) VALUES('crisismerge',256);",

    /* 3: lists are packed.h's bytes. Few messages mention the user: those have an index. */
    "ALTER TABLE channels ADD COLUMN mentions INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE messages ADD COLUMN mention_ids BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE messages ADD COLUMN mentions_me INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE messages ADD COLUMN reactions BLOB NOT NULL DEFAULT x'';"
    "CREATE INDEX messages_mentioning_me ON messages(channel_id, seq) WHERE mentions_me;"
    "ALTER TABLE outbox ADD COLUMN mention_ids BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE outbox ADD COLUMN removes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN parent INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN sent INTEGER NOT NULL DEFAULT 1;" /* for all we know */

    /* What a user sets for a channel, beside it: a channel's row is written with every
     * message. */
    "CREATE TABLE settings("
    " channel_id INTEGER PRIMARY KEY, muted_until_ms INTEGER NOT NULL, version INTEGER NOT NULL,"
    " dirty INTEGER NOT NULL, shown_seq INTEGER NOT NULL"
    ");"

    "CREATE TABLE drafts("
    " channel_id INTEGER PRIMARY KEY, version INTEGER NOT NULL, dirty INTEGER NOT NULL,"
    " reply_to_seq INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL, text TEXT NOT NULL"
    ");"

    "CREATE TABLE receipts("
    " channel_id INTEGER NOT NULL, user_id INTEGER NOT NULL, delivered_seq INTEGER NOT NULL,"
    " read_seq INTEGER NOT NULL, PRIMARY KEY(channel_id, user_id)"
    ") WITHOUT ROWID;",
};

#define STEPS_COUNT (sizeof(steps) / sizeof(steps[0]))
_Static_assert(STEPS_COUNT == CACHE_SCHEMA_VERSION, "a step per version");

static chat_status pragma_number(struct cache *c, const char *sql, int64_t *out_value)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *out_value = sqlite3_column_int64(st, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return rc == SQLITE_OK ? CHAT_OK : cache_failed(c, rc, sql);
}

static chat_status run(struct cache *c, const char *sql)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? CHAT_OK : cache_failed(c, rc, "schema");
}

chat_status cache_schema_check(struct cache *c, uint32_t *out_version)
{
    int64_t version = 0, application = 0, tables = 0;
    chat_status status = pragma_number(c, "PRAGMA user_version", &version);

    if (status == CHAT_OK)
        status = pragma_number(c, "PRAGMA application_id", &application);
    if (status == CHAT_OK)
        status = pragma_number(c, "SELECT count(*) FROM sqlite_schema", &tables);
    if (status != CHAT_OK)
        return status;
    if (tables == 0 && version == 0 && application == 0) {
        *out_version = 0; /* a new file */
        return CHAT_OK;
    }
    if (application != CACHE_APPLICATION_ID || version < 1) {
        log_write(c->logger, CHAT_LOG_ERROR, "cache", "the file is a database of something else");
        return CHAT_E_CORRUPT;
    }
    if (version > CACHE_SCHEMA_VERSION) {
        log_write(c->logger, CHAT_LOG_ERROR, "cache", "schema %lld is newer than %d",
                  (long long)version, CACHE_SCHEMA_VERSION);
        return CHAT_E_UNSUPPORTED;
    }
    *out_version = (uint32_t)version;
    return CHAT_OK;
}

chat_status cache_schema_migrate(struct cache *c, uint32_t version)
{
    char *sql;
    chat_status status = CHAT_OK;

    if (version == CACHE_SCHEMA_VERSION)
        return CHAT_OK;
    for (uint32_t v = version; v < CACHE_SCHEMA_VERSION && status == CHAT_OK; v++)
        status = run(c, steps[v]);
    if (status != CHAT_OK)
        return status;
    sql = sqlite3_mprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", CACHE_APPLICATION_ID,
                          CACHE_SCHEMA_VERSION);
    if (!sql)
        return cache_failed(c, SQLITE_NOMEM, "schema");
    status = run(c, sql);
    sqlite3_free(sql);
    return status;
}
