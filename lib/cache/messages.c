/* Messages, by (channel, seq). */
#include "base/alloc.h"
#include "base/plant.h"
#include "cache/inner.h"

struct known {
    uint64_t message_id, rev;
    bool same_text; /* as the new state's */
};

/* One that is there. */
static chat_status find(struct cache *c, const struct chat_message *m, struct known *out)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_MESSAGE_FIND, &status);

    if (!st)
        return status;
    cache_bind_u64(st, 1, m->channel_id);
    cache_bind_u64(st, 2, m->seq);
    cache_bind_text(st, 3, m->text, m->text_len);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status == CHAT_E_NOT_FOUND ? cache_failed(c, SQLITE_CORRUPT, "message") : status;
    *out = (struct known){cache_u64(st, 0), cache_u64(st, 1), cache_u64(st, 2) != 0};
    sqlite3_reset(st);
    return CHAT_OK;
}

struct place {
    uint64_t seq, message_id;
};

/* The first message from a seq on, or (ST_MESSAGE_LAST) the last one. CHAT_E_NOT_FOUND. */
static chat_status look(struct cache *c, enum statement which, uint64_t channel_id, uint64_t seq,
                        struct place *out)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, which, &status);

    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    if (which == ST_MESSAGE_FROM)
        cache_bind_u64(st, 2, seq);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status;
    *out = (struct place){cache_u64(st, 0), cache_u64(st, 1)};
    sqlite3_reset(st);
    return CHAT_OK;
}

chat_status cache_message_find(struct cache *c, uint64_t channel_id, uint64_t message_id,
                               uint64_t *out_seq)
{
    struct place at = {0};
    uint64_t low = 1, high;
    chat_status status = look(c, ST_MESSAGE_LAST, channel_id, 0, &at);

    if (status != CHAT_OK)
        return status;
    high = at.seq;
    while (low <= high) {
        uint64_t middle = low + (high - low) / 2;

        status = look(c, ST_MESSAGE_FROM, channel_id, middle, &at);
        if (status != CHAT_OK)
            return status;
        if (at.message_id == message_id) {
            *out_seq = at.seq;
            return CHAT_OK;
        }
        if (at.seq > high || at.message_id > message_id)
            high = middle - 1;
        else
            low = at.seq + 1;
    }
    return CHAT_E_NOT_FOUND;
}

static bool mentions(const struct chat_message *m, uint64_t user_id)
{
    for (size_t i = 0; i < m->mentions_count; i++)
        if (m->mention_ids[i] == user_id)
            return true;
    return false;
}

static chat_status need_reactions(struct cache *c)
{
    if (!c->reactions)
        c->reactions = alloc_zeroed(c->allocator, sizeof(*c->reactions));
    return c->reactions ? CHAT_OK : CHAT_E_NOMEM;
}

/* Text and lists, from parameter `at` on; `ids` stands until the statement is reset. */
static void bind_content(struct cache *c, sqlite3_stmt *st, int at, const struct chat_message *m,
                         uint8_t ids[PACKED_IDS_MAX])
{
    cache_bind_text(st, at, m->text, m->text_len);
    cache_bind_blob(st, at + 1, m->extra, m->extra_len);
    cache_bind_blob(st, at + 2, ids, packed_put_ids(m->mention_ids, m->mentions_count, ids));
    cache_bind_u64(st, at + 3, mentions(m, c->identity.user_id));
    cache_bind_blob(st, at + 4, c->reactions ? c->reactions->bytes : NULL,
                    m->reactions_count ? packed_put_reactions(m, c->reactions->bytes) : 0);
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
    uint8_t ids[PACKED_IDS_MAX];
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_MESSAGE_PUT, &status);

    if (!st)
        return status;
    cache_bind_all(st, values, count);
    bind_content(c, st, count + 1, m, ids);
    status = cache_run(c, st);
    *out_new = status == CHAT_OK && sqlite3_changes(c->db) == 1;
    if (*out_new)
        cache_index_touch(c, 1);
    return status;
}

/* What words it has in the index stands as long as its text does. */
static chat_status alter(struct cache *c, const struct chat_message *m, bool same_text)
{
    uint8_t ids[PACKED_IDS_MAX];
    chat_status status = CHAT_OK;
    sqlite3_stmt *st;

    same_text |= PLANTED(INDEX_NOT_ALTERED);
    if (!same_text) {
        status = cache_index_forget(c, m->channel_id, m->seq, m->seq);
        if (status != CHAT_OK)
            return status;
        c->unindexed = -1;
        cache_index_touch(c, 0);
    }
    st = cache_writer(c, ST_MESSAGE_ALTER, &status);
    if (!st)
        return status;
    cache_bind_u64(st, 1, m->channel_id);
    cache_bind_u64(st, 2, m->seq);
    cache_bind_u64(st, 3, (uint64_t)m->edited_at_ms);
    cache_bind_u64(st, 4, m->rev);
    cache_bind_u64(st, 5, m->deleted);
    bind_content(c, st, 6, m, ids);
    cache_bind_u64(st, 11, same_text);
    return cache_run(c, st);
}

chat_status cache_message_put(struct cache *c, const struct chat_message *message,
                              cache_put *out_put)
{
    struct known known = {0};
    bool is_new = false;
    chat_status status = message->reactions_count ? need_reactions(c) : CHAT_OK;

    *out_put = CACHE_PUT_NEW;
    if (status == CHAT_OK)
        status = insert(c, message, &is_new);
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
    return alter(c, message, known.same_text);
}

chat_status cache_messages_drop(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to)
{
    chat_status status = cache_index_forget(c, channel_id, from, to);

    if (status != CHAT_OK)
        return status;
    c->unindexed = -1;
    cache_index_touch(c, 0);
    return CACHE_WRITE(c, ST_MESSAGES_DROP, channel_id, from, to);
}

static chat_status count_rows(struct cache *c, enum statement which, uint64_t channel_id,
                              uint64_t from, uint64_t to, uint64_t *out_count)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, which, &status);

    if (!st)
        return status;
    cache_bind_all(st, (const uint64_t[]){channel_id, from, to}, 3);
    if (which == ST_MESSAGES_MENTIONS)
        cache_bind_u64(st, 4, c->identity.user_id);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status;
    *out_count = cache_u64(st, 0);
    sqlite3_reset(st);
    return CHAT_OK;
}

chat_status cache_messages_count_deleted(struct cache *c, uint64_t channel_id, uint64_t from,
                                         uint64_t to, uint64_t *out_count)
{
    return count_rows(c, ST_MESSAGES_DELETED, channel_id, from, to, out_count);
}

chat_status cache_messages_count_mentions(struct cache *c, uint64_t channel_id, uint64_t from,
                                          uint64_t to, uint64_t *out_count)
{
    return count_rows(c, ST_MESSAGES_MENTIONS, channel_id, from, to, out_count);
}

static chat_status read_message(struct cache *c, sqlite3_stmt *st, uint64_t channel_id,
                                struct chat_message *out)
{
    const void *packed;

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
        .mentions_me = sqlite3_column_int(st, 13) != 0,
    };
    out->text = (const char *)sqlite3_column_text(st, 10);
    out->text_len = (size_t)sqlite3_column_bytes(st, 10);
    out->extra = sqlite3_column_blob(st, 11);
    out->extra_len = (size_t)sqlite3_column_bytes(st, 11);
    if (!out->text) {
        out->text = "";
        out->text_len = 0;
    }
    packed = sqlite3_column_blob(st, 12);
    out->mention_ids = c->mention_ids;
    out->mentions_count =
        packed_get_ids(packed, (size_t)sqlite3_column_bytes(st, 12), c->mention_ids);
    if (sqlite3_column_bytes(st, 14) == 0)
        return CHAT_OK;
    if (need_reactions(c) != CHAT_OK)
        return CHAT_E_NOMEM;
    packed = sqlite3_column_blob(st, 14);
    packed_get_reactions(packed, (size_t)sqlite3_column_bytes(st, 14), c->identity.user_id,
                         c->reactions, out);
    return CHAT_OK;
}

chat_status cache_messages_read(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to,
                                uint32_t limit, cache_message_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_MESSAGES_READ, &status);

    if (!st)
        return status;
    cache_bind_all(st, (const uint64_t[]){channel_id, from, to, limit}, 4);
    while (cache_next(c, st, &status)) {
        struct chat_message message;

        status = read_message(c, st, channel_id, &message);
        if (status == CHAT_OK)
            status = fn(&message, user);
    }
    return status;
}
