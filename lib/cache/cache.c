/* Opening, closing, and what the file says about itself. */
#include "cache/cache.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cache/inner.h"

/* High half of a nonce counter: it must fit 31 bits, counters are below 2^63. */
#define OPENS_MAX 0x7fffffffu

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
                       "PRAGMA mmap_size=0; PRAGMA cache_size=-1024");
    return status;
}

/* Files only we write: each opening has a number of its own, synced before it is used. */
chat_status cache_count_opening(struct cache *c, uint64_t device_id)
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

static chat_status prepare_file(struct cache *c, const struct cache_config *config)
{
    uint32_t version = 0;
    chat_status status = cache_schema_check(c, &version);

    if (status == CHAT_OK && version == 0)
        status = pragma(c, "PRAGMA page_size=4096");
    if (status == CHAT_OK)
        status = limit_pages(c, config->pages_max);
    if (status == CHAT_OK && !c->in_memory)
        status = pragma(c, "PRAGMA journal_mode=WAL");
    if (status == CHAT_OK)
        status = pragma(c, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE");
    if (status != CHAT_OK)
        return status;
    sqlite3_wal_hook(c->db, on_wal, c); /* also ends checkpoints by themselves */
    c->open_txn = true;
    status = cache_schema_migrate(c, version);
    if (status == CHAT_OK)
        status = cache_count_opening(c, config->device_id);
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
    c->in_memory = !config->path;
    status = open_file(c, config);
    if (status == CHAT_OK)
        status = prepare_file(c, config);
    if (status != CHAT_OK) {
        cache_close(c);
        return status;
    }
    *out_cache = c;
    return CHAT_OK;
}

void cache_close(struct cache *c)
{
    if (!c)
        return;
    if (c->db) {
        cache_rollback(c);
        for (int i = 0; i < ST_COUNT; i++)
            sqlite3_finalize(c->statements[i]);
        sqlite3_close(c->db);
    }
    alloc_free(c->allocator, c);
}

chat_status cache_sync(struct cache *c)
{
    chat_status status, back;

    if (c->in_memory)
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

    if (c->in_memory)
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

const char *cache_error_text(const struct cache *c) { return sqlite3_errmsg(c->db); }

const struct cache_identity *cache_identity(const struct cache *c) { return &c->identity; }

/* --- meta --- */

chat_status cache_meta_get_u64(struct cache *c, const char *key, uint64_t *out_value)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_META_GET, &status);
    int rc;

    if (!st)
        return status;
    cache_bind_text(st, 1, key, strlen(key));
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out_value = cache_u64(st, 0);
    sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? CHAT_OK : cache_failed(c, rc, "meta");
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
    int rc, len;

    out->len = 0;
    out->expires_at_ms = 0;
    out->token_hash = 0;
    if (!st)
        return status;
    cache_bind_text(st, 1, key, sizeof(key) - 1);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(st, 0);

        len = sqlite3_column_bytes(st, 0);
        if (bytes && len > 0 && (size_t)len <= sizeof(out->bytes)) {
            memcpy(out->bytes, bytes, (size_t)len);
            out->len = (size_t)len;
        }
    }
    sqlite3_reset(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return cache_failed(c, rc, "ticket");
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
