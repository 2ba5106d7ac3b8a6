/* Messages, by (channel, seq). */
#include "cache/inner.h"

struct known {
    uint64_t message_id, rev;
};

/* One that is there. */
static chat_status find(struct cache *c, const struct chat_message *m, struct known *out)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_MESSAGE_FIND, &status);
    int rc;

    if (!st)
        return status;
    cache_bind_u64(st, 1, m->channel_id);
    cache_bind_u64(st, 2, m->seq);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = (struct known){cache_u64(st, 0), cache_u64(st, 1)};
    sqlite3_reset(st);
    if (rc == SQLITE_ROW)
        return CHAT_OK;
    return cache_failed(c, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "message");
}

/* Most are new: so this is tried first, and says whether it was. */
static chat_status insert(struct cache *c, const struct chat_message *m, bool *out_new)
{
    const uint64_t values[] = {
        m->channel_id,
        m->seq,
        m->message_id,
        m->author_id,
        m->nonce.device_id,
        m->nonce.counter,
        (uint64_t)m->sent_at_ms,
        (uint64_t)m->edited_at_ms,
        m->rev,
        m->reply_to_seq,
        m->deleted,
    };
    const int count = (int)(sizeof(values) / sizeof(values[0]));
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_MESSAGE_PUT, &status);

    if (!st)
        return status;
    for (int i = 0; i < count; i++)
        cache_bind_u64(st, i + 1, values[i]);
    cache_bind_text(st, count + 1, m->text, m->text_len);
    cache_bind_blob(st, count + 2, m->extra, m->extra_len);
    status = cache_run(c, st);
    *out_new = status == CHAT_OK && sqlite3_changes(c->db) == 1;
    if (*out_new)
        cache_index_touch(c, 1);
    return status;
}

static chat_status alter(struct cache *c, const struct chat_message *m)
{
    chat_status status = cache_index_forget(c, m->channel_id, m->seq, m->seq);
    sqlite3_stmt *st;

    if (status != CHAT_OK)
        return status;
    c->unindexed = -1;
    cache_index_touch(c, 0);
    st = cache_writer(c, ST_MESSAGE_ALTER, &status);
    if (!st)
        return status;
    cache_bind_u64(st, 1, m->channel_id);
    cache_bind_u64(st, 2, m->seq);
    cache_bind_u64(st, 3, (uint64_t)m->edited_at_ms);
    cache_bind_u64(st, 4, m->rev);
    cache_bind_u64(st, 5, m->deleted);
    cache_bind_text(st, 6, m->text, m->text_len);
    cache_bind_blob(st, 7, m->extra, m->extra_len);
    return cache_run(c, st);
}

chat_status cache_message_put(struct cache *c, const struct chat_message *message,
                              cache_put *out_put)
{
    struct known known = {0};
    bool is_new = false;
    chat_status status = insert(c, message, &is_new);

    *out_put = CACHE_PUT_NEW;
    if (status != CHAT_OK || is_new)
        return status;
    status = find(c, message, &known);
    if (status != CHAT_OK)
        return status;
    if (known.message_id != message->message_id) {
        *out_put = CACHE_PUT_OTHER;
        return CHAT_OK;
    }
    if (known.rev >= message->rev) {
        *out_put = CACHE_PUT_SAME;
        return CHAT_OK;
    }
    *out_put = CACHE_PUT_ALTERED;
    return alter(c, message);
}

chat_status cache_messages_drop(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to)
{
    chat_status status = cache_index_forget(c, channel_id, from, to);
    sqlite3_stmt *st;

    if (status != CHAT_OK)
        return status;
    c->unindexed = -1;
    cache_index_touch(c, 0);
    st = cache_writer(c, ST_MESSAGES_DROP, &status);
    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    cache_bind_u64(st, 2, from);
    cache_bind_u64(st, 3, to);
    return cache_run(c, st);
}

chat_status cache_messages_count_deleted(struct cache *c, uint64_t channel_id, uint64_t from,
                                         uint64_t to, uint64_t *out_count)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_MESSAGES_DELETED, &status);
    int rc;

    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    cache_bind_u64(st, 2, from);
    cache_bind_u64(st, 3, to);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out_count = cache_u64(st, 0);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? CHAT_OK : cache_failed(c, rc, "count");
}

static void read_message(sqlite3_stmt *st, uint64_t channel_id, struct chat_message *out)
{
    *out = (struct chat_message){
        .channel_id = channel_id,
        .seq = cache_u64(st, 0),
        .message_id = cache_u64(st, 1),
        .author_id = cache_u64(st, 2),
        .nonce = {cache_u64(st, 3), cache_u64(st, 4)},
        .sent_at_ms = sqlite3_column_int64(st, 5),
        .edited_at_ms = sqlite3_column_int64(st, 6),
        .rev = cache_u64(st, 7),
        .reply_to_seq = cache_u64(st, 8),
        .deleted = sqlite3_column_int(st, 9) != 0,
    };
    out->text = (const char *)sqlite3_column_text(st, 10);
    out->text_len = (size_t)sqlite3_column_bytes(st, 10);
    out->extra = sqlite3_column_blob(st, 11);
    out->extra_len = (size_t)sqlite3_column_bytes(st, 11);
    if (!out->text) {
        out->text = "";
        out->text_len = 0;
    }
}

chat_status cache_messages_read(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to,
                                uint32_t limit, cache_message_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_MESSAGES_READ, &status);
    int rc;

    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    cache_bind_u64(st, 2, from);
    cache_bind_u64(st, 3, to);
    cache_bind_u64(st, 4, limit);
    while (status == CHAT_OK && (rc = sqlite3_step(st)) != SQLITE_DONE) {
        struct chat_message message;

        if (rc != SQLITE_ROW) {
            status = cache_failed(c, rc, "messages");
            break;
        }
        read_message(st, channel_id, &message);
        status = fn(&message, user);
    }
    sqlite3_reset(st);
    return status;
}
