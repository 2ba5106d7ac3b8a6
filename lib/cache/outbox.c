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
    for (int i = 0; i < count; i++)
        cache_bind_u64(st, i + 1, values[i]);
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
    int rc;

    if (!st)
        return status;
    while (status == CHAT_OK && (rc = sqlite3_step(st)) != SQLITE_DONE) {
        struct cache_outgoing outgoing;

        if (rc != SQLITE_ROW) {
            status = cache_failed(c, rc, "outbox");
            break;
        }
        read_head(st, &outgoing);
        status = fn(&outgoing, user);
    }
    sqlite3_reset(st);
    return status;
}

chat_status cache_outbox_get(struct cache *c, int64_t row, cache_outgoing_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_OUTBOX_GET, &status);
    int rc;

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        struct cache_outgoing outgoing;
        const char *text = (const char *)sqlite3_column_text(st, 16);

        read_head(st, &outgoing);
        outgoing.text = text ? text : "";
        outgoing.text_len = text ? (size_t)sqlite3_column_bytes(st, 16) : 0;
        outgoing.extra = sqlite3_column_blob(st, 17);
        outgoing.extra_len = (size_t)sqlite3_column_bytes(st, 17);
        outgoing.mention_ids = c->mention_ids;
        outgoing.mentions_count = packed_get_ids(
            sqlite3_column_blob(st, 18), (size_t)sqlite3_column_bytes(st, 18), c->mention_ids);
        status = fn(&outgoing, user);
    } else {
        status = rc == SQLITE_DONE ? CHAT_E_NOT_FOUND : cache_failed(c, rc, "outbox");
    }
    sqlite3_reset(st);
    return status;
}

chat_status cache_outbox_set_state(struct cache *c, int64_t row, uint32_t state, int32_t why)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_STATE, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    cache_bind_u64(st, 2, state);
    sqlite3_bind_int(st, 3, why);
    return cache_run(c, st);
}

chat_status cache_outbox_set_acked(struct cache *c, int64_t row, uint64_t rev)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_ACKED, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    cache_bind_u64(st, 2, CHAT_OUTGOING_DONE);
    cache_bind_u64(st, 3, rev);
    return cache_run(c, st);
}

chat_status cache_outbox_rename(struct cache *c, int64_t row, uint64_t device_id, uint64_t counter,
                                uint64_t base_seq)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_RENAME, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    cache_bind_u64(st, 2, device_id);
    cache_bind_u64(st, 3, counter);
    cache_bind_u64(st, 4, base_seq);
    return cache_run(c, st);
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

chat_status cache_outbox_set_seq(struct cache *c, int64_t row, uint64_t seq)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_SEQ, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    cache_bind_u64(st, 2, seq);
    return cache_run(c, st);
}

chat_status cache_outbox_set_parent(struct cache *c, int64_t old_row, int64_t new_row)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_PARENT, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, old_row);
    sqlite3_bind_int64(st, 2, new_row);
    return cache_run(c, st);
}

chat_status cache_outbox_mark_sent(struct cache *c)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_SENT, &status);

    return st ? cache_run(c, st) : status;
}

chat_status cache_outbox_remove(struct cache *c, int64_t row)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_OUTBOX_DROP, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, row);
    return cache_run(c, st);
}
