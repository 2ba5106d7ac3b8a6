/* What a user sets for a channel, his drafts, and the receipts of its members. */
#include "cache/inner.h"

/* --- settings --- */

chat_status cache_settings_load(struct cache *c, cache_settings_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_SETTINGS_ALL, &status);

    if (!st)
        return status;
    while (cache_next(c, st, &status))
        status = fn(&(struct cache_settings){.channel_id = cache_u64(st, 0),
                                             .muted_until_ms = sqlite3_column_int64(st, 1),
                                             .version = cache_u64(st, 2),
                                             .dirty = sqlite3_column_int(st, 3) != 0,
                                             .shown_seq = cache_u64(st, 4)},
                    user);
    return status;
}

chat_status cache_settings_save(struct cache *c, const struct cache_settings *s)
{
    return CACHE_WRITE(c, ST_SETTINGS_PUT, s->channel_id, (uint64_t)s->muted_until_ms, s->version,
                       s->dirty, s->shown_seq);
}

/* --- drafts --- */

static struct cache_draft read_draft(sqlite3_stmt *st)
{
    return (struct cache_draft){.channel_id = cache_u64(st, 0),
                                .version = cache_u64(st, 1),
                                .dirty = sqlite3_column_int(st, 2) != 0,
                                .reply_to_seq = cache_u64(st, 3),
                                .updated_at_ms = sqlite3_column_int64(st, 4),
                                .text_len = (size_t)sqlite3_column_int64(st, 5)};
}

chat_status cache_drafts_load(struct cache *c, cache_draft_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_DRAFTS_ALL, &status);

    if (!st)
        return status;
    while (cache_next(c, st, &status)) {
        struct cache_draft draft = read_draft(st);

        status = fn(&draft, user);
    }
    return status;
}

chat_status cache_draft_get(struct cache *c, uint64_t channel_id, cache_draft_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_DRAFT_GET, &status);
    struct cache_draft draft;

    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status;
    draft = read_draft(st);
    draft.text = (const char *)sqlite3_column_text(st, 6);
    draft.text_len = draft.text ? (size_t)sqlite3_column_bytes(st, 6) : 0;
    if (!draft.text)
        draft.text = "";
    status = fn(&draft, user);
    sqlite3_reset(st);
    return status;
}

chat_status cache_draft_save(struct cache *c, const struct cache_draft *d)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_DRAFT_PUT, &status);

    if (!st)
        return status;
    cache_bind_u64(st, 1, d->channel_id);
    cache_bind_u64(st, 2, d->version);
    sqlite3_bind_int(st, 3, d->dirty);
    cache_bind_u64(st, 4, d->reply_to_seq);
    sqlite3_bind_int64(st, 5, d->updated_at_ms);
    cache_bind_text(st, 6, d->text, d->text_len);
    return cache_run(c, st);
}

/* --- receipts --- */

chat_status cache_receipt_put(struct cache *c, const struct cache_receipt *r, bool *out_rose)
{
    chat_status status =
        CACHE_WRITE(c, ST_RECEIPT_PUT, r->channel_id, r->user_id, r->delivered_seq, r->read_seq);

    *out_rose = status == CHAT_OK && sqlite3_changes(c->db) > 0;
    return status;
}

static chat_status walk(struct cache *c, sqlite3_stmt *st, cache_receipt_fn fn, void *user)
{
    chat_status status = CHAT_OK;

    while (cache_next(c, st, &status))
        status = fn(&(struct cache_receipt){.channel_id = cache_u64(st, 0),
                                            .user_id = cache_u64(st, 1),
                                            .delivered_seq = cache_u64(st, 2),
                                            .read_seq = cache_u64(st, 3)},
                    user);
    return status;
}

chat_status cache_receipts_read(struct cache *c, uint64_t channel_id, cache_receipt_fn fn,
                                void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_RECEIPTS_READ, &status);

    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    return walk(c, st, fn, user);
}

chat_status cache_receipts_load_peers(struct cache *c, cache_receipt_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_RECEIPTS_PEERS, &status);

    return st ? walk(c, st, fn, user) : status;
}

chat_status cache_receipt_drop(struct cache *c, uint64_t channel_id, uint64_t user_id)
{
    return CACHE_WRITE(c, ST_RECEIPT_DROP, channel_id, user_id);
}

chat_status cache_receipts_trim(struct cache *c, uint64_t channel_id, uint32_t max, bool *out_any)
{
    chat_status status = CACHE_WRITE(c, ST_RECEIPTS_TRIM, channel_id, max);

    *out_any = status == CHAT_OK && sqlite3_changes(c->db) > 0;
    return status;
}

chat_status cache_receipts_drop(struct cache *c, uint64_t channel_id)
{
    return CACHE_WRITE(c, ST_RECEIPTS_DROP, channel_id);
}
