/*
 * What is left of removed channels: their messages, which go in pieces later, for a long history
 * takes longer than a turn may. Until then nobody sees them: the channel is gone, searches
 * pass them over, and should the channel come back, they go before it does.
 */
#include <stdio.h>

#include "cache/inner.h"

/* "remains:" and the channel's id, as SQLite has it; its value is the id, too. */
#define KEY_MAX 40u

chat_status cache_remains_leave(struct cache *c, uint64_t channel_id)
{
    char key[KEY_MAX];
    chat_status status;

    (void)snprintf(key, sizeof(key), "remains:%lld", (long long)(int64_t)channel_id);
    status = cache_meta_put_u64(c, key, channel_id);
    c->remains |= status == CHAT_OK;
    return status;
}

/* 0: there are none. */
static chat_status find_next(struct cache *c, uint64_t *out_channel_id)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_REMAINS_NEXT, &status);

    *out_channel_id = 0;
    if (!st)
        return status;
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status == CHAT_E_NOT_FOUND ? CHAT_OK : status;
    *out_channel_id = cache_u64(st, 0);
    sqlite3_reset(st);
    return CHAT_OK;
}

chat_status cache_remains_look(struct cache *c)
{
    uint64_t channel_id;
    chat_status status = find_next(c, &channel_id);

    if (status == CHAT_OK)
        c->remains = channel_id != 0;
    return status;
}

bool cache_has_remains(const struct cache *c) { return c->remains; }

chat_status cache_remains_are(struct cache *c, uint64_t channel_id, bool *out_are)
{
    chat_status status = CHAT_OK;
    sqlite3_stmt *st;

    *out_are = false;
    if (!c->remains)
        return CHAT_OK;
    st = cache_statement(c, ST_REMAINS_HAS, &status);
    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    *out_are = cache_next(c, st, &status);
    sqlite3_reset(st);
    return status;
}

/* 0: it has no message. */
static chat_status first_seq(struct cache *c, uint64_t channel_id, uint64_t *out_seq)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_MESSAGE_FROM, &status);

    *out_seq = 0;
    if (!st)
        return status;
    cache_bind_all(st, (const uint64_t[]){channel_id, 1}, 2);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status == CHAT_E_NOT_FOUND ? CHAT_OK : status;
    *out_seq = cache_u64(st, 0);
    sqlite3_reset(st);
    return CHAT_OK;
}

chat_status cache_remains_step(struct cache *c, uint32_t count)
{
    uint64_t channel_id, seq = 0;
    chat_status status = find_next(c, &channel_id);

    if (status == CHAT_OK && channel_id)
        status = first_seq(c, channel_id, &seq);
    if (status != CHAT_OK)
        return status;
    if (seq && seq <= RANGES_SEQ_MAX)
        status = cache_messages_drop(c, channel_id, seq, seq + count - 1);
    if (status != CHAT_OK || (seq && seq <= RANGES_SEQ_MAX && sqlite3_changes(c->db) > 0))
        return status;
    /* None is left, or a damaged file has some that do not go. */
    return cache_remains_clear(c, channel_id);
}

chat_status cache_remains_clear(struct cache *c, uint64_t channel_id)
{
    bool are;
    chat_status status = cache_remains_are(c, channel_id, &are);

    if (status != CHAT_OK || !are)
        return status == CHAT_OK ? cache_remains_look(c) : status;
    status = cache_messages_drop(c, channel_id, 0, (uint64_t)INT64_MAX);
    if (status == CHAT_OK)
        status = CACHE_WRITE(c, ST_REMAINS_DROP, channel_id);
    return status == CHAT_OK ? cache_remains_look(c) : status;
}
