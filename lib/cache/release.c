/*
 * Letting go of the file and taking it back. A mobile system ends an application that holds a
 * lock while it sleeps, and another process of it (a notification's) may write meanwhile.
 *
 * A connection that took the file exclusively in WAL mode cannot give up the lock there, so
 * the journal is of the other kind while the file is let go: each access then takes the lock
 * and drops it again.
 */
#include "cache/inner.h"

static chat_status run(struct cache *c, const char *sql)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? CHAT_OK : cache_failed(c, rc, sql);
}

/* Changes whenever somebody else wrote. Reading it takes the lock, or looks at the file. */
static chat_status read_version(struct cache *c, uint32_t *out_version)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->db, "PRAGMA data_version", -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out_version = (uint32_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? CHAT_OK : cache_failed(c, rc, "data_version");
}

chat_status cache_release(struct cache *c)
{
    chat_status status;

    if (c->in_memory || c->released)
        return CHAT_OK;
    if (c->open_txn)
        return CHAT_E_STATE;
    /* A rollback journal with fewer syncs is not safe from power loss, as a WAL is. */
    status =
        run(c, "PRAGMA synchronous=EXTRA; PRAGMA journal_mode=DELETE; PRAGMA locking_mode=NORMAL;"
               "SELECT count(*) FROM sqlite_master"); /* the lock goes with the read */
    if (status == CHAT_OK)
        status = read_version(c, &c->released_version);
    if (status != CHAT_OK)
        return status;
    c->released = true;
    c->wal_pages = 0;
    return CHAT_OK;
}

bool cache_is_released(const struct cache *c) { return c->released; }

chat_status cache_look(struct cache *c)
{
    uint32_t version = 0, known = c->released_version;
    chat_status status = read_version(c, &version);

    if (status != CHAT_OK)
        return status;
    c->released_version = version;
    return version == known ? CHAT_OK : CHAT_E_CONFLICT;
}

chat_status cache_acquire(struct cache *c, bool *out_changed)
{
    chat_status status;

    *out_changed = false;
    if (!c->released)
        return CHAT_OK;
    if (c->open_txn)
        return CHAT_E_STATE;
    status = run(c, "PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
    if (status == CHAT_OK) {
        status = cache_look(c);
        *out_changed = status == CHAT_E_CONFLICT;
    }
    if (status == CHAT_OK || *out_changed)
        status = run(c, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
    if (status != CHAT_OK) {
        (void)run(c, "PRAGMA locking_mode=NORMAL; SELECT count(*) FROM sqlite_master");
        return status;
    }
    c->released = false;
    return CHAT_OK;
}

chat_status cache_recount(struct cache *c)
{
    chat_status status;

    if (c->open_txn)
        return CHAT_E_STATE;
    status = run(c, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE");
    if (status != CHAT_OK)
        return status;
    c->open_txn = true;
    c->spoilt = CHAT_OK;
    if (c->released)
        (void)cache_look(c); /* what changed until now is read after this */
    status = cache_count_opening(c, c->identity.device_id);
    if (status == CHAT_OK)
        status = cache_commit(c);
    else
        cache_rollback(c);
    (void)run(c, c->released ? "PRAGMA synchronous=EXTRA" : "PRAGMA synchronous=NORMAL");
    return status;
}
