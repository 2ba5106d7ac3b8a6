/* The SQL of the cache, prepared once; transactions. */
#include "base/log.h"
#include "cache/inner.h"

#define OUTGOING_HEAD                                                                              \
    "id,device_id,counter,old_device_id,old_counter,channel_id,kind,state,status,seq,"             \
    "reply_to_seq,base_seq,created_at_ms"

static const char *const sql[ST_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_META_GET] = "SELECT value FROM meta WHERE key=?1",
    [ST_META_PUT] = "INSERT OR REPLACE INTO meta(key,value) VALUES(?1,?2)",
    [ST_CHANNELS_ALL] =
        "SELECT channel_id,home_id,kind,permissions,epoch,head_seq,head_message_id,head_rev,"
        "first_seq,stream_seq,read_seq,read_message_id,mark_seq,deleted_unread,peer_id,"
        "last_counter,last_device,name FROM channels ORDER BY channel_id",
    [ST_CHANNEL_PUT] =
        "INSERT OR REPLACE INTO channels(channel_id,home_id,kind,permissions,epoch,head_seq,"
        "head_message_id,head_rev,first_seq,stream_seq,read_seq,read_message_id,mark_seq,"
        "deleted_unread,peer_id,last_counter,last_device,name)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
    [ST_CHANNEL_DROP] = "DELETE FROM channels WHERE channel_id=?1",
    [ST_RANGES_ALL] = "SELECT from_seq,to_seq,rev FROM ranges WHERE channel_id=?1"
                      " ORDER BY from_seq",
    [ST_RANGE_PUT] = "INSERT INTO ranges(channel_id,from_seq,to_seq,rev) VALUES(?1,?2,?3,?4)",
    [ST_RANGES_DROP] = "DELETE FROM ranges WHERE channel_id=?1",
    [ST_MESSAGE_FIND] = "SELECT id,message_id,rev FROM messages WHERE channel_id=?1 AND seq=?2",
    [ST_MESSAGE_PUT] =
        "INSERT INTO messages(channel_id,seq,message_id,author_id,device_id,counter,sent_at_ms,"
        "edited_at_ms,rev,reply_to_seq,deleted,text,extra)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    [ST_MESSAGE_ALTER] =
        "UPDATE messages SET edited_at_ms=?2,rev=?3,deleted=?4,text=?5,extra=?6 WHERE id=?1",
    [ST_MESSAGES_DROP] = "DELETE FROM messages WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3",
    [ST_MESSAGES_READ] =
        "SELECT seq,message_id,author_id,device_id,counter,sent_at_ms,edited_at_ms,rev,"
        "reply_to_seq,deleted,text,extra FROM messages"
        " WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq LIMIT ?4",
    [ST_MESSAGES_DELETED] = "SELECT count(*) FROM messages"
                            " WHERE channel_id=?1 AND seq BETWEEN ?2 AND ?3 AND deleted",
    [ST_OUTBOX_ADD] =
        "INSERT INTO outbox(device_id,counter,old_device_id,old_counter,channel_id,kind,state,"
        "status,seq,reply_to_seq,base_seq,created_at_ms,text,extra)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    [ST_OUTBOX_ALL] = "SELECT " OUTGOING_HEAD " FROM outbox ORDER BY id",
    [ST_OUTBOX_GET] = "SELECT " OUTGOING_HEAD ",text,extra FROM outbox WHERE id=?1",
    [ST_OUTBOX_STATE] = "UPDATE outbox SET state=?2,status=?3 WHERE id=?1",
    [ST_OUTBOX_RENAME] =
        "UPDATE outbox SET old_device_id=device_id,old_counter=counter,device_id=?2,counter=?3,"
        "base_seq=?4 WHERE id=?1",
    [ST_OUTBOX_DROP] = "DELETE FROM outbox WHERE id=?1",
    [ST_USER_PUT] = "INSERT OR REPLACE INTO users(user_id,name) VALUES(?1,?2)",
    [ST_USER_GET] = "SELECT name FROM users WHERE user_id=?1",
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
    return status;
}

sqlite3_stmt *cache_statement(struct cache *c, enum statement which, chat_status *out_status)
{
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

sqlite3_stmt *cache_writer(struct cache *c, enum statement which, chat_status *out_status)
{
    if (!c->open_txn) {
        sqlite3_stmt *begin = cache_statement(c, ST_BEGIN, out_status);

        if (!begin)
            return NULL;
        *out_status = cache_run(c, begin);
        if (*out_status != CHAT_OK)
            return NULL;
        c->open_txn = true;
        c->spoilt = CHAT_OK;
    }
    if (c->spoilt != CHAT_OK) {
        *out_status = c->spoilt;
        return NULL;
    }
    return cache_statement(c, which, out_status);
}

chat_status cache_run(struct cache *c, sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);

    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? CHAT_OK : cache_failed(c, rc, sqlite3_sql(st));
}

void cache_rollback(struct cache *c)
{
    chat_status status;
    sqlite3_stmt *st;

    if (!c->open_txn)
        return;
    c->open_txn = false;
    c->identity = c->committed;
    if (sqlite3_get_autocommit(c->db))
        return; /* SQLite has done it */
    st = cache_statement(c, ST_ROLLBACK, &status);
    if (st)
        (void)cache_run(c, st);
}

chat_status cache_commit(struct cache *c)
{
    chat_status status = c->spoilt;
    sqlite3_stmt *st = NULL;

    if (!c->open_txn)
        return CHAT_OK;
    if (status == CHAT_OK && c->released)
        status = cache_look(c);
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
