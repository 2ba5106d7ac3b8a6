/* The SQL of the cache, prepared once; transactions. */
#include "base/log.h"
#include "base/plant.h"
#include "cache/inner.h"

#define OUTGOING_HEAD                                                                              \
    "id,device_id,counter,old_device_id,old_counter,channel_id,kind,state,status,seq,"             \
    "reply_to_seq,base_seq,created_at_ms,removes,parent,sent"

static const char *const sql[ST_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_META_GET] = "SELECT value FROM meta WHERE key=?1",
    [ST_META_PUT] = "INSERT OR REPLACE INTO meta(key,value) VALUES(?1,?2)",
    [ST_CHANNELS_ALL] =
        "SELECT channel_id,home_id,kind,permissions,epoch,head_seq,head_message_id,head_rev,"
        "first_seq,stream_seq,read_seq,read_message_id,mark_seq,deleted_unread,peer_id,"
        "last_counter,last_device,name,shown_at_ms,ranges,mentions FROM channels ORDER BY "
        "channel_id",
    [ST_CHANNEL_PUT] =
        "INSERT OR REPLACE INTO channels(channel_id,home_id,kind,permissions,epoch,head_seq,"
        "head_message_id,head_rev,first_seq,stream_seq,read_seq,read_message_id,mark_seq,"
        "deleted_unread,peer_id,last_counter,last_device,name,shown_at_ms,ranges,mentions)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)",
    [ST_CHANNEL_DROP] = "DELETE FROM channels WHERE channel_id=?1",
    /* What a damaged file says of a channel that is there does not count. */
    [ST_REMAINS_NEXT] = "SELECT value FROM meta WHERE key>='remains:' AND key<'remains;'"
                        " AND key='remains:'||value AND typeof(value)='integer'"
                        " AND value NOT IN (SELECT channel_id FROM channels) LIMIT 1",
    [ST_REMAINS_HAS] = "SELECT 1 FROM meta WHERE key='remains:'||?1 AND value=?1"
                       " AND value NOT IN (SELECT channel_id FROM channels)",
    [ST_REMAINS_DROP] = "DELETE FROM meta WHERE key='remains:'||?1",
    [ST_MESSAGE_FIND] = "SELECT message_id,rev,text=?3 FROM messages"
                        " WHERE channel_id=?1 AND seq=?2",
    [ST_MESSAGE_FROM] = "SELECT seq,message_id FROM messages"
                        " WHERE channel_id=?1 AND seq>=?2 ORDER BY seq LIMIT 1",
    [ST_MESSAGE_LAST] = "SELECT seq,message_id FROM messages"
                        " WHERE channel_id=?1 ORDER BY seq DESC LIMIT 1",
    [ST_MESSAGE_PUT] =
        "INSERT INTO messages(channel_id,seq,message_id,author_id,device_id,counter,sent_at_ms,"
        "edited_at_ms,rev,reply_to_seq,deleted,text,extra,mention_ids,mentions_me,reactions)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)"
        " ON CONFLICT DO NOTHING",
    [ST_MESSAGE_ALTER] = "UPDATE messages SET edited_at_ms=?3,rev=?4,deleted=?5,text=?6,extra=?7,"
                         "mention_ids=?8,mentions_me=?9,reactions=?10,"
                         "doc=CASE WHEN ?11 THEN doc ELSE 0 END"
                         " WHERE channel_id=?1 AND seq=?2",
    [ST_MESSAGES_DROP] = "DELETE FROM messages WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3",
    [ST_MESSAGES_READ] =
        "SELECT seq,message_id,author_id,device_id,counter,sent_at_ms,edited_at_ms,rev,"
        "reply_to_seq,deleted,text,extra,mention_ids,mentions_me,reactions FROM messages"
        " WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq LIMIT ?4",
    [ST_MESSAGES_DELETED] = "SELECT count(*) FROM messages"
                            " WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3 AND deleted",
    [ST_MESSAGES_MENTIONS] = "SELECT count(*) FROM messages"
                             " WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3 AND mentions_me"
                             " AND author_id<>?4",
    [ST_OUTBOX_ADD] =
        "INSERT INTO outbox(device_id,counter,old_device_id,old_counter,channel_id,kind,state,"
        "status,seq,reply_to_seq,base_seq,created_at_ms,removes,parent,sent,text,extra,mention_ids)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
    [ST_OUTBOX_ALL] = "SELECT " OUTGOING_HEAD " FROM outbox ORDER BY id",
    [ST_OUTBOX_GET] = "SELECT " OUTGOING_HEAD ",text,extra,mention_ids FROM outbox WHERE id=?1",
    [ST_OUTBOX_STATE] = "UPDATE outbox SET state=?2,status=?3 WHERE id=?1",
    [ST_OUTBOX_ACKED] = "UPDATE outbox SET state=?2,base_seq=?3 WHERE id=?1",
    [ST_OUTBOX_RENAME] =
        "UPDATE outbox SET old_device_id=device_id,old_counter=counter,device_id=?2,counter=?3,"
        "base_seq=?4 WHERE id=?1",
    [ST_OUTBOX_CONTENT] = "UPDATE outbox SET text=?2,extra=?3,mention_ids=?4 WHERE id=?1",
    [ST_OUTBOX_SEQ] = "UPDATE outbox SET seq=?2,parent=0 WHERE id=?1",
    [ST_OUTBOX_PARENT] = "UPDATE outbox SET parent=?2 WHERE parent=?1",
    [ST_OUTBOX_SENT] = "UPDATE outbox SET sent=1 WHERE NOT sent",
    [ST_OUTBOX_DROP] = "DELETE FROM outbox WHERE id=?1",
    [ST_USER_PUT] = "INSERT OR REPLACE INTO users(user_id,name) VALUES(?1,?2)",
    [ST_USER_GET] = "SELECT name FROM users WHERE user_id=?1",
    [ST_SETTINGS_ALL] = "SELECT channel_id,muted_until_ms,version,dirty,shown_seq FROM settings",
    [ST_SETTINGS_PUT] =
        "INSERT OR REPLACE INTO settings(channel_id,muted_until_ms,version,dirty,shown_seq)"
        " VALUES(?1,?2,?3,?4,?5)",
    [ST_SETTINGS_DROP] = "DELETE FROM settings WHERE channel_id=?1",
    [ST_DRAFTS_ALL] = "SELECT channel_id,version,dirty,reply_to_seq,updated_at_ms,"
                      "length(CAST(text AS BLOB)) FROM drafts",
    [ST_DRAFT_GET] = "SELECT channel_id,version,dirty,reply_to_seq,updated_at_ms,"
                     "length(CAST(text AS BLOB)),text FROM drafts WHERE channel_id=?1",
    [ST_DRAFT_PUT] =
        "INSERT OR REPLACE INTO drafts(channel_id,version,dirty,reply_to_seq,updated_at_ms,text)"
        " VALUES(?1,?2,?3,?4,?5,?6)",
    [ST_DRAFT_DROP] = "DELETE FROM drafts WHERE channel_id=?1",
    [ST_RECEIPT_PUT] =
        "INSERT INTO receipts(channel_id,user_id,delivered_seq,read_seq) VALUES(?1,?2,?3,?4)"
        " ON CONFLICT(channel_id,user_id) DO UPDATE SET"
        " delivered_seq=max(delivered_seq,excluded.delivered_seq),"
        " read_seq=max(read_seq,excluded.read_seq)"
        " WHERE excluded.delivered_seq>delivered_seq OR excluded.read_seq>read_seq",
    [ST_RECEIPTS_READ] = "SELECT channel_id,user_id,delivered_seq,read_seq FROM receipts"
                         " WHERE channel_id=?1 ORDER BY user_id",
    [ST_RECEIPTS_PEERS] =
        "SELECT r.channel_id,r.user_id,r.delivered_seq,r.read_seq FROM channels c JOIN receipts r"
        " ON r.channel_id=c.channel_id AND r.user_id=c.peer_id WHERE c.peer_id<>0",
    [ST_RECEIPT_DROP] = "DELETE FROM receipts WHERE channel_id=?1 AND user_id=?2",
    [ST_RECEIPTS_TRIM] =
        "DELETE FROM receipts WHERE channel_id=?1 AND user_id IN(SELECT user_id FROM receipts"
        " WHERE channel_id=?1 ORDER BY delivered_seq DESC,read_seq DESC,user_id LIMIT -1 OFFSET "
        "?2)",
    [ST_RECEIPTS_DROP] = "DELETE FROM receipts WHERE channel_id=?1",
    [ST_INDEX_LAST] = "SELECT doc FROM index_docs WHERE doc<=?1 ORDER BY doc DESC LIMIT 1",
    [ST_INDEX_COUNT] = "SELECT count(*) FROM messages INDEXED BY messages_unindexed WHERE doc=0",
    [ST_INDEX_NEXT] = "SELECT channel_id,seq,message_id,text"
                      " FROM messages INDEXED BY messages_unindexed WHERE doc=0 LIMIT 1",
    [ST_INDEX_SET] = "UPDATE messages SET doc=?3 WHERE channel_id=?1 AND seq=?2",
    [ST_INDEX_ADD] = "INSERT INTO index_terms(rowid,terms) VALUES(?1,?2)",
    [ST_INDEX_DELETE] = "INSERT INTO index_terms(index_terms,rowid,terms) VALUES('delete',?1,?2)",
    [ST_INDEX_MERGE] = "INSERT INTO index_terms(index_terms,rank) VALUES('merge',?1)",
    [ST_INDEX_DOC_PUT] = "INSERT INTO index_docs(doc,channel_id,seq) VALUES(?1,?2,?3)",
    [ST_INDEX_DOC_DROP] = "DELETE FROM index_docs WHERE doc=?1",
    [ST_INDEX_TRASH_ADD] =
        "INSERT INTO index_trash(doc,channel_id,text) SELECT doc,channel_id,text FROM messages"
        " WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3 AND doc>0",
    [ST_INDEX_TRASH_NEXT] = "SELECT doc,channel_id,text FROM index_trash LIMIT 1",
    [ST_INDEX_TRASH_DROP] = "DELETE FROM index_trash WHERE doc=?1",
    /* In this order whatever the planner thinks: the words are what is rare. What is in the index
     * still and no message any more comes along: it counts as looked at. */
    [ST_SEARCH] = "SELECT t.rowid,m.message_id,m.channel_id,m.seq,m.text FROM index_terms t"
                  " LEFT JOIN index_docs d ON d.doc=t.rowid"
                  " LEFT JOIN messages m ON m.channel_id=d.channel_id AND m.seq=d.seq"
                  " AND m.doc=d.doc"
                  " WHERE t.index_terms MATCH ?1 AND t.rowid BETWEEN ?2 AND ?3"
                  " ORDER BY t.rowid DESC",
    [ST_SEARCH_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM index_terms WHERE index_terms MATCH ?1"
                        " AND rowid BETWEEN ?2 AND ?3 LIMIT ?4)",
    [ST_PAGE_COUNT] = "SELECT page_count-freelist_count FROM pragma_page_count,"
                      "pragma_freelist_count",
};

chat_status cache_status_of(int rc)
{
    if (rc == SQLITE_IOERR_NOMEM)
        return CHAT_E_NOMEM;
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return CHAT_OK;
    case SQLITE_NOMEM: return CHAT_E_NOMEM;
    case SQLITE_FULL: return CHAT_E_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return CHAT_E_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return CHAT_E_CONFLICT;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return CHAT_E_IO;
    case SQLITE_TOOBIG: return CHAT_E_TOO_LARGE;
    default: return CHAT_E_CACHE;
    }
}

chat_status cache_failed(struct cache *c, int rc, const char *what)
{
    chat_status status = cache_status_of(rc);

    if (status == CHAT_OK)
        status = CHAT_E_CACHE;
    log_write(c->logger, CHAT_LOG_ERROR, "cache", "%s: %s (%d)", what, sqlite3_errmsg(c->db), rc);
    if (c->open_txn && c->spoilt == CHAT_OK)
        c->spoilt = status;
    if (c->open_txn && c->words.tokenizer)
        c->unsure = true;
    return status;
}

sqlite3_stmt *cache_statement(struct cache *c, enum statement which, chat_status *out_status)
{
    if (!c->db) {
        *out_status = cache_reopen(c);
        if (*out_status != CHAT_OK)
            return NULL;
    }
    if (!c->statements[which]) {
        int rc = sqlite3_prepare_v3(c->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                    &c->statements[which], NULL);

        if (rc != SQLITE_OK) {
            *out_status = cache_failed(c, rc, sql[which]);
            return NULL;
        }
    }
    *out_status = CHAT_OK;
    return c->statements[which];
}

/* What is open in SQLite and not ours is left of a BEGIN or a ROLLBACK that failed half way. */
static chat_status end_left_over(struct cache *c)
{
    chat_status status = CHAT_OK;
    sqlite3_stmt *st;

    if (sqlite3_get_autocommit(c->db))
        return CHAT_OK;
    st = cache_statement(c, ST_ROLLBACK, &status);
    return st ? cache_run(c, st) : status;
}

static chat_status begin(struct cache *c)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_BEGIN, &status);

    if (!st)
        return status;
    status = end_left_over(c);
    if (status == CHAT_OK)
        status = cache_index_sober(c);
    if (status == CHAT_OK)
        status = cache_run(c, st);
    if (status != CHAT_OK)
        return status;
    c->open_txn = true;
    c->spoilt = CHAT_OK;
    return CHAT_OK;
}

sqlite3_stmt *cache_writer(struct cache *c, enum statement which, chat_status *out_status)
{
    *out_status = c->open_txn ? c->spoilt : begin(c);
    return *out_status == CHAT_OK ? cache_statement(c, which, out_status) : NULL;
}

chat_status cache_run(struct cache *c, sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);

    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? CHAT_OK : cache_failed(c, rc, sqlite3_sql(st));
}

chat_status cache_write(struct cache *c, enum statement which, const uint64_t *values, int count)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, which, &status);

    if (!st)
        return status;
    cache_bind_all(st, values, count);
    return cache_run(c, st);
}

bool cache_next(struct cache *c, sqlite3_stmt *st, chat_status *status)
{
    int rc = *status == CHAT_OK ? sqlite3_step(st) : SQLITE_DONE;

    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        *status = cache_failed(c, rc, sqlite3_sql(st));
    sqlite3_reset(st);
    return false;
}

chat_status cache_only(struct cache *c, sqlite3_stmt *st)
{
    chat_status status = CHAT_OK;

    if (cache_next(c, st, &status))
        return CHAT_OK;
    return status == CHAT_OK ? CHAT_E_NOT_FOUND : status;
}

void cache_rollback(struct cache *c)
{
    if (PLANTED(TAKEN_FORGOTTEN))
        c->taken = false;
    if (!c->open_txn)
        return;
    c->open_txn = false;
    c->identity = c->committed;
    c->unindexed = -1;
    c->index_done = false;
    (void)end_left_over(c); /* SQLite may have done it; what fails is tried again */
}

chat_status cache_commit(struct cache *c)
{
    chat_status status = c->spoilt;
    sqlite3_stmt *st = NULL;

    if (c->taken) {
        c->taken = false;
        cache_rollback(c);
        return CHAT_E_CONFLICT;
    }
    if (!c->open_txn)
        return CHAT_OK;
    if (status == CHAT_OK)
        st = cache_statement(c, ST_COMMIT, &status);
    if (st)
        status = cache_run(c, st);
    if (status != CHAT_OK) {
        cache_rollback(c);
        return status;
    }
    c->open_txn = false;
    c->committed = c->identity;
    return CHAT_OK;
}
