/* What is queued to be sent, in its order. */
#include "cache/inner.h"

chat_status cache_outbox_add(struct cache *c, const struct cache_outgoing *o, int64_t *out_row)
{
    const uint64_t values[] = {
        o->device_id,     o->counter,
        o->old_device_id, o->old_counter,
        o->channel_id,    o->kind,
        o->state,         (uint64_t)(int64_t)o->status,
        o->seq,           o->reply_to_seq,
        o->base_seq,      (uint64_t)o->created_at_ms,
        o->removes,       (uint64_t)o->parent,
        o->sent,
    };
    const int count = (int)(sizeof(values) / sizeof(values[0]));
    uint8_t ids[PACKED_IDS_MAX];
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_ADD, &status);

    if (!st)
        return status;
    cache_bind_all(st, values, count);
    cache_bind_text(st, count + 1, o->text, o->text_len);
    cache_bind_blob(st, count + 2, o->extra, o->extra_len);
    cache_bind_blob(st, count + 3, ids, packed_put_ids(o->mention_ids, o->mentions_count, ids));
    status = cache_run(c, st);
    if (status == CHAT_OK)
        *out_row = sqlite3_last_insert_rowid(c->db);
    return status;
}

static void read_head(sqlite3_stmt *st, struct cache_outgoing *out)
{
    *out = (struct cache_outgoing){
        .row = sqlite3_column_int64(st, 0),
        .device_id = cache_u64(st, 1),
        .counter = cache_u64(st, 2),
        .old_device_id = cache_u64(st, 3),
        .old_counter = cache_u64(st, 4),
        .channel_id = cache_u64(st, 5),
        .kind = (uint32_t)cache_u64(st, 6),
        .state = (uint32_t)cache_u64(st, 7),
        .status = (int32_t)sqlite3_column_int64(st, 8),
        .seq = cache_u64(st, 9),
        .reply_to_seq = cache_u64(st, 10),
        .base_seq = cache_u64(st, 11),
        .created_at_ms = sqlite3_column_int64(st, 12),
        .removes = sqlite3_column_int(st, 13) != 0,
        .parent = sqlite3_column_int64(st, 14),
        .sent = sqlite3_column_int(st, 15) != 0,
        .text = "",
    };
}

chat_status cache_outbox_load(struct cache *c, cache_outgoing_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_OUTBOX_ALL, &status);

    if (!st)
        return status;
    while (cache_next(c, st, &status)) {
        struct cache_outgoing outgoing;

        read_head(st, &outgoing);
        status = fn(&outgoing, user);
    }
    return status;
}

static void read_content(struct cache *c, sqlite3_stmt *st, struct cache_outgoing *out)
{
    const char *text = (const char *)sqlite3_column_text(st, 16);

    out->text = text ? text : "";
    out->text_len = text ? (size_t)sqlite3_column_bytes(st, 16) : 0;
    out->extra = sqlite3_column_blob(st, 17);
    out->extra_len = (size_t)sqlite3_column_bytes(st, 17);
    out->mention_ids = c->mention_ids;
    out->mentions_count = packed_get_ids(sqlite3_column_blob(st, 18),
                                         (size_t)sqlite3_column_bytes(st, 18), c->mention_ids);
}

chat_status cache_outbox_get(struct cache *c, int64_t row, cache_outgoing_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_OUTBOX_GET, &status);
    struct cache_outgoing outgoing;

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status;
    read_head(st, &outgoing);
    read_content(c, st, &outgoing);
    status = fn(&outgoing, user);
    sqlite3_reset(st);
    return status;
}

chat_status cache_outbox_set_content(struct cache *c, int64_t row, const struct cache_outgoing *o)
{
    uint8_t ids[PACKED_IDS_MAX];
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_CONTENT, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    cache_bind_text(st, 2, o->text, o->text_len);
    cache_bind_blob(st, 3, o->extra, o->extra_len);
    cache_bind_blob(st, 4, ids, packed_put_ids(o->mention_ids, o->mentions_count, ids));
    return cache_run(c, st);
}

chat_status cache_outbox_set_state(struct cache *c, int64_t row, uint32_t state, int32_t why)
{
    return CACHE_WRITE(c, ST_OUTBOX_STATE, (uint64_t)row, state, (uint64_t)(int64_t)why);
}

chat_status cache_outbox_set_acked(struct cache *c, int64_t row, uint64_t rev)
{
    return CACHE_WRITE(c, ST_OUTBOX_ACKED, (uint64_t)row, CHAT_OUTGOING_DONE, rev);
}

chat_status cache_outbox_rename(struct cache *c, int64_t row, uint64_t device_id, uint64_t counter,
                                uint64_t base_seq)
{
    return CACHE_WRITE(c, ST_OUTBOX_RENAME, (uint64_t)row, device_id, counter, base_seq);
}

chat_status cache_outbox_set_seq(struct cache *c, int64_t row, uint64_t seq)
{
    return CACHE_WRITE(c, ST_OUTBOX_SEQ, (uint64_t)row, seq);
}

chat_status cache_outbox_set_parent(struct cache *c, int64_t old_row, int64_t new_row)
{
    return CACHE_WRITE(c, ST_OUTBOX_PARENT, (uint64_t)old_row, (uint64_t)new_row);
}

chat_status cache_outbox_mark_sent(struct cache *c)
{
    return cache_write(c, ST_OUTBOX_SENT, NULL, 0);
}

chat_status cache_outbox_remove(struct cache *c, int64_t row)
{
    return CACHE_WRITE(c, ST_OUTBOX_DROP, (uint64_t)row);
}
