/* Opening, closing, and what the file says about itself. */
#include "cache/cache.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/plant.h"
#include "cache/inner.h"

/* High half of a nonce counter: it must fit 31 bits, counters are below 2^63. */
#define OPENS_MAX 0x7fffffffu
#define CACHE_PAGE_BYTES 4096u

static int on_wal(void *user, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    ((struct cache *)user)->wal_pages = (uint32_t)pages;
    return SQLITE_OK;
}

static chat_status pragma(struct cache *c, const char *sql)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? CHAT_OK : cache_failed(c, rc, sql);
}

static chat_status limit_pages(struct cache *c, uint32_t pages_max)
{
    char *sql;
    chat_status status;

    if (!pages_max)
        return CHAT_OK;
    sql = sqlite3_mprintf("PRAGMA max_page_count=%u", pages_max);
    if (!sql)
        return CHAT_E_NOMEM;
    status = pragma(c, sql);
    sqlite3_free(sql);
    return status;
}

static chat_status open_file(struct cache *c, const struct cache_config *config)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                      SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
    int rc = sqlite3_open_v2(config->path ? config->path : ":memory:", &c->db, flags, config->vfs);
    chat_status status;

    if (!c->db)
        return rc == SQLITE_NOMEM ? CHAT_E_NOMEM : CHAT_E_IO;
    if (rc != SQLITE_OK)
        return cache_failed(c, rc, "open");
    /* Exclusive before the first access: no shared memory file, and a second writer is
     * told at once instead of now and then. */
    status = pragma(c, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY;"
                       "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                       "PRAGMA mmap_size=0; PRAGMA cache_size=-4096");
    return status;
}

/* Files only we write: each opening has a number of its own, synced before it is used. */
static chat_status count_opening(struct cache *c, uint64_t device_id)
{
    struct cache_identity *id = &c->identity;
    uint64_t opens = 0;
    chat_status status = cache_meta_get_u64(c, "device_id", &id->device_id);

    if (status == CHAT_OK)
        status = cache_meta_get_u64(c, "opens", &opens);
    if (status == CHAT_OK)
        status = cache_meta_get_u64(c, "service_id", &id->service_id);
    if (status == CHAT_OK)
        status = cache_meta_get_u64(c, "user_id", &id->user_id);
    if (status != CHAT_OK)
        return status;
    if (id->device_id == 0 || opens >= OPENS_MAX) {
        id->device_id = device_id;
        opens = 0;
        status = cache_meta_put_u64(c, "device_id", device_id);
    }
    id->opens = (uint32_t)opens + 1;
    if (status == CHAT_OK)
        status = cache_meta_put_u64(c, "opens", id->opens);
    return status;
}

/* Up to the first transaction that may write. */
static chat_status check_file(struct cache *c, uint32_t *out_version)
{
    chat_status status;

    /* A file that is not ours to change, or of a later version, stays byte for byte: closing
     * it must not write its log back. */
    (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    status = cache_schema_check(c, out_version);
    if (status == CHAT_OK)
        (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    if (status == CHAT_OK && *out_version == 0)
        status = pragma(c, "PRAGMA page_size=4096");
    if (status == CHAT_OK)
        status = limit_pages(c, c->config.pages_max);
    if (status == CHAT_OK && !c->in_memory)
        status = pragma(c, "PRAGMA journal_mode=WAL");
    sqlite3_wal_hook(c->db, on_wal, c); /* also ends checkpoints by themselves */
    return status;
}

static chat_status prepare_file(struct cache *c)
{
    uint32_t version = 0;
    chat_status status = check_file(c, &version);

    if (status == CHAT_OK)
        status = pragma(c, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE");
    if (status != CHAT_OK)
        return status;
    c->open_txn = true;
    status = cache_schema_migrate(c, version);
    if (status == CHAT_OK)
        status = count_opening(c, c->config.device_id);
    if (status == CHAT_OK)
        status = cache_commit(c);
    if (status == CHAT_OK)
        status = pragma(c, "PRAGMA synchronous=NORMAL");
    return status;
}

chat_status cache_open(const struct cache_config *config, struct cache **out_cache)
{
    const struct chat_allocator *allocator = alloc_or_default(config->allocator);
    struct cache *c;
    chat_status status;

    if (config->device_id == 0)
        return CHAT_E_INVALID;
    c = alloc_zeroed(allocator, sizeof(*c));
    if (!c)
        return CHAT_E_NOMEM;
    c->allocator = allocator;
    c->logger = config->logger;
    c->config = *config;
    c->in_memory = !config->path;
    c->unindexed = -1;
    status = open_file(c, config);
    if (status == CHAT_OK)
        status = prepare_file(c);
    if (status != CHAT_OK) {
        cache_close(c);
        return status;
    }
    *out_cache = c;
    return CHAT_OK;
}

static void close_file(struct cache *c)
{
    if (!c->db)
        return;
    cache_rollback(c);
    cache_index_close(c);
    for (int i = 0; i < ST_COUNT; i++) {
        sqlite3_finalize(c->statements[i]);
        c->statements[i] = NULL;
    }
    sqlite3_close(c->db);
    c->db = NULL;
    c->wal_pages = 0;
}

void cache_close(struct cache *c)
{
    if (!c)
        return;
    close_file(c);
    alloc_free(c->allocator, c->reactions);
    alloc_free(c->allocator, c);
}

void cache_release(struct cache *c)
{
    if (c->in_memory || c->open_txn || !c->db || PLANTED(LOCK_KEPT))
        return;
    (void)cache_checkpoint(c); /* if it fails the log stays beside the file */
    close_file(c);
}

/* Is it as we left it? Somebody who opened it has counted that. */
static chat_status compare_file(struct cache *c, bool *out_taken)
{
    uint64_t device_id = 0, opens = 0;
    uint32_t version = 0;
    chat_status status = check_file(c, &version);

    if (status == CHAT_OK)
        status = cache_meta_get_u64(c, "device_id", &device_id);
    if (status == CHAT_OK)
        status = cache_meta_get_u64(c, "opens", &opens);
    if (status != CHAT_OK)
        return status;
    if (version == CACHE_SCHEMA_VERSION && device_id == c->identity.device_id &&
        opens == c->identity.opens)
        return pragma(c, "PRAGMA synchronous=NORMAL");
    log_write(c->logger, CHAT_LOG_WARN, "cache", "somebody else had the file meanwhile");
    status = prepare_file(c);
    *out_taken = status == CHAT_OK;
    return status;
}

chat_status cache_reopen(struct cache *c)
{
    const bool before = c->taken; /* and that was not said yet */
    bool taken = false;
    chat_status status = open_file(c, &c->config);

    c->taken = false;
    if (status == CHAT_OK)
        status = compare_file(c, &taken);
    if (status != CHAT_OK)
        close_file(c);
    /* It is open and ours again, but what we know of it is not true any more. */
    c->taken = taken || before;
    if (taken) {
        c->unindexed = -1;
        c->index_done = false;
    }
    return taken ? CHAT_E_CONFLICT : status;
}

chat_status cache_sync(struct cache *c)
{
    chat_status status, back;

    if (c->in_memory || !c->db)
        return CHAT_OK;
    if (c->open_txn)
        return CHAT_E_STATE;
    /* A commit that syncs takes all before it along: they are one file. */
    status = pragma(c, "PRAGMA synchronous=FULL");
    if (status == CHAT_OK)
        status = cache_meta_put_u64(c, "opens", c->identity.opens);
    if (status == CHAT_OK)
        status = cache_commit(c);
    else
        cache_rollback(c);
    back = pragma(c, "PRAGMA synchronous=NORMAL");
    return status == CHAT_OK ? back : status;
}

chat_status cache_checkpoint(struct cache *c)
{
    int rc;

    if (c->in_memory || !c->db)
        return CHAT_OK;
    if (c->open_txn)
        return CHAT_E_STATE;
    rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc != SQLITE_OK)
        return cache_failed(c, rc, "checkpoint");
    c->wal_pages = 0;
    return CHAT_OK;
}

uint32_t cache_wal_pages(const struct cache *c) { return c->wal_pages; }

chat_status cache_bytes_used(struct cache *c, uint64_t *out_bytes)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_PAGE_COUNT, &status);

    if (st)
        status = cache_only(c, st);
    if (status != CHAT_OK)
        return status;
    *out_bytes = cache_u64(st, 0) * CACHE_PAGE_BYTES;
    sqlite3_reset(st);
    return CHAT_OK;
}

const struct cache_identity *cache_identity(const struct cache *c) { return &c->identity; }

/* --- meta --- */

chat_status cache_meta_get_u64(struct cache *c, const char *key, uint64_t *out_value)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_META_GET, &status);

    if (!st)
        return status;
    cache_bind_text(st, 1, key, strlen(key));
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status == CHAT_E_NOT_FOUND ? CHAT_OK : status;
    *out_value = cache_u64(st, 0);
    sqlite3_reset(st);
    return CHAT_OK;
}

chat_status cache_meta_put_u64(struct cache *c, const char *key, uint64_t value)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_META_PUT, &status);

    if (!st)
        return status;
    cache_bind_text(st, 1, key, strlen(key));
    cache_bind_u64(st, 2, value);
    return cache_run(c, st);
}

chat_status cache_bind(struct cache *c, uint64_t service_id, uint64_t user_id)
{
    chat_status status;

    if (c->identity.service_id == service_id && c->identity.user_id == user_id)
        return CHAT_OK;
    if (c->identity.service_id || c->identity.user_id)
        return CHAT_E_CONFLICT;
    status = cache_meta_put_u64(c, "service_id", service_id);
    if (status == CHAT_OK)
        status = cache_meta_put_u64(c, "user_id", user_id);
    if (status == CHAT_OK) {
        c->identity.service_id = service_id;
        c->identity.user_id = user_id;
    }
    return status;
}

chat_status cache_set_device(struct cache *c, uint64_t device_id)
{
    chat_status status = cache_meta_put_u64(c, "device_id", device_id);

    if (status == CHAT_OK)
        c->identity.device_id = device_id;
    return status;
}

chat_status cache_get_ticket(struct cache *c, struct cache_ticket *out)
{
    static const char key[] = "ticket";
    uint64_t expires_at_ms = 0;
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_META_GET, &status);
    int len;

    out->len = 0;
    out->expires_at_ms = 0;
    out->token_hash = 0;
    if (!st)
        return status;
    cache_bind_text(st, 1, key, sizeof(key) - 1);
    status = cache_only(c, st);
    if (status == CHAT_OK) {
        const void *bytes = sqlite3_column_blob(st, 0);

        len = sqlite3_column_bytes(st, 0);
        if (bytes && len > 0 && (size_t)len <= sizeof(out->bytes)) {
            memcpy(out->bytes, bytes, (size_t)len);
            out->len = (size_t)len;
        }
        sqlite3_reset(st);
    }
    if (status != CHAT_OK && status != CHAT_E_NOT_FOUND)
        return status;
    status = cache_meta_get_u64(c, "ticket_expires_at_ms", &expires_at_ms);
    out->expires_at_ms = (int64_t)expires_at_ms;
    if (status == CHAT_OK)
        status = cache_meta_get_u64(c, "ticket_token_hash", &out->token_hash);
    return status;
}

chat_status cache_set_ticket(struct cache *c, const struct cache_ticket *ticket)
{
    static const char key[] = "ticket";
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_META_PUT, &status);

    if (!st)
        return status;
    cache_bind_text(st, 1, key, sizeof(key) - 1);
    cache_bind_blob(st, 2, ticket->bytes, ticket->len);
    status = cache_run(c, st);
    if (status == CHAT_OK)
        status = cache_meta_put_u64(c, "ticket_expires_at_ms", (uint64_t)ticket->expires_at_ms);
    if (status == CHAT_OK)
        status = cache_meta_put_u64(c, "ticket_token_hash", ticket->token_hash);
    return status;
}
