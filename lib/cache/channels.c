/* Channels and their ranges; users. */
#include <string.h>

#include "base/alloc.h"
#include "cache/inner.h"

static chat_status load_ranges(struct cache *c, uint64_t channel_id, struct ranges *out)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_RANGES_ALL, &status);
    int rc;

    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    while (status == CHAT_OK && (rc = sqlite3_step(st)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW)
            status = cache_failed(c, rc, "ranges");
        else
            status =
                ranges_add(out, c->allocator, cache_u64(st, 0), cache_u64(st, 1), cache_u64(st, 2));
        if (status == CHAT_E_INVALID || status == CHAT_E_FULL)
            status = CHAT_E_CORRUPT;
    }
    sqlite3_reset(st);
    return status;
}

static void read_channel(sqlite3_stmt *st, struct cache_channel *out)
{
    const unsigned char *name = sqlite3_column_text(st, 17);
    int len = sqlite3_column_bytes(st, 17);

    *out = (struct cache_channel){
        .channel_id = cache_u64(st, 0),
        .home_id = cache_u64(st, 1),
        .kind = (uint32_t)cache_u64(st, 2),
        .permissions = (uint32_t)cache_u64(st, 3),
        .epoch = (uint32_t)cache_u64(st, 4),
        .head_seq = cache_u64(st, 5),
        .head_message_id = cache_u64(st, 6),
        .head_rev = cache_u64(st, 7),
        .first_seq = cache_u64(st, 8),
        .stream_seq = cache_u64(st, 9),
        .read_seq = cache_u64(st, 10),
        .read_message_id = cache_u64(st, 11),
        .mark_seq = cache_u64(st, 12),
        .deleted_unread = cache_u64(st, 13),
        .peer_id = cache_u64(st, 14),
        .last_counter = cache_u64(st, 15),
        .last_device = cache_u64(st, 16),
        .mentions = cache_u64(st, 18),
    };
    if (name && len > 0 && (unsigned)len <= CHAT_NAME_MAX) {
        memcpy(out->name, name, (size_t)len);
        out->name_len = (uint32_t)len;
    }
}

chat_status cache_channels_load(struct cache *c, cache_channel_fn fn, void *user)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_CHANNELS_ALL, &status);
    int rc;

    if (!st)
        return status;
    while (status == CHAT_OK && (rc = sqlite3_step(st)) != SQLITE_DONE) {
        struct cache_channel channel;

        if (rc != SQLITE_ROW) {
            status = cache_failed(c, rc, "channels");
            break;
        }
        read_channel(st, &channel);
        status = load_ranges(c, channel.channel_id, &channel.ranges);
        if (status == CHAT_OK)
            status = fn(&channel, user);
        if (status != CHAT_OK)
            ranges_fini(&channel.ranges, c->allocator);
    }
    sqlite3_reset(st);
    return status;
}

chat_status cache_drop_by_channel(struct cache *c, enum statement which, uint64_t channel_id)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, which, &status);

    if (!st)
        return status;
    cache_bind_u64(st, 1, channel_id);
    return cache_run(c, st);
}

static chat_status save_ranges(struct cache *c, uint64_t channel_id, const struct ranges *ranges)
{
    chat_status status = cache_drop_by_channel(c, ST_RANGES_DROP, channel_id);

    for (uint32_t i = 0; i < ranges->count && status == CHAT_OK; i++) {
        sqlite3_stmt *st = cache_writer(c, ST_RANGE_PUT, &status);

        if (!st)
            return status;
        cache_bind_u64(st, 1, channel_id);
        cache_bind_u64(st, 2, ranges->items[i].from);
        cache_bind_u64(st, 3, ranges->items[i].to);
        cache_bind_u64(st, 4, ranges->items[i].rev);
        status = cache_run(c, st);
    }
    return status;
}

chat_status cache_channel_save(struct cache *c, const struct cache_channel *channel)
{
    const uint64_t values[] = {
        channel->channel_id,      channel->home_id,        channel->kind,
        channel->permissions,     channel->epoch,          channel->head_seq,
        channel->head_message_id, channel->head_rev,       channel->first_seq,
        channel->stream_seq,      channel->read_seq,       channel->read_message_id,
        channel->mark_seq,        channel->deleted_unread, channel->peer_id,
        channel->last_counter,    channel->last_device,
    };
    const int count = (int)(sizeof(values) / sizeof(values[0]));
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_CHANNEL_PUT, &status);

    if (!st)
        return status;
    for (int i = 0; i < count; i++)
        cache_bind_u64(st, i + 1, values[i]);
    cache_bind_text(st, count + 1, channel->name, channel->name_len);
    cache_bind_u64(st, count + 2, channel->mentions);
    status = cache_run(c, st);
    if (status == CHAT_OK)
        status = save_ranges(c, channel->channel_id, &channel->ranges);
    return status;
}

chat_status cache_channel_remove(struct cache *c, uint64_t channel_id)
{
    chat_status status = cache_drop_by_channel(c, ST_CHANNEL_DROP, channel_id);

    if (status == CHAT_OK)
        status = cache_drop_by_channel(c, ST_RANGES_DROP, channel_id);
    if (status == CHAT_OK)
        status = cache_messages_drop(c, channel_id, 0, (uint64_t)INT64_MAX);
    if (status == CHAT_OK)
        status = cache_drop_by_channel(c, ST_SETTINGS_DROP, channel_id);
    if (status == CHAT_OK)
        status = cache_drop_by_channel(c, ST_DRAFT_DROP, channel_id);
    if (status == CHAT_OK)
        status = cache_receipts_drop(c, channel_id);
    return status;
}

chat_status cache_user_put(struct cache *c, uint64_t user_id, const char *name, size_t name_len)
{
    chat_status status;
    sqlite3_stmt *st;

    if (name_len > CHAT_NAME_MAX)
        return CHAT_E_TOO_LARGE;
    st = cache_writer(c, ST_USER_PUT, &status);
    if (!st)
        return status;
    cache_bind_u64(st, 1, user_id);
    cache_bind_text(st, 2, name, name_len);
    return cache_run(c, st);
}

chat_status cache_user_get(struct cache *c, uint64_t user_id, char *name, size_t *out_len)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_USER_GET, &status);
    int rc;

    if (!st)
        return status;
    cache_bind_u64(st, 1, user_id);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(st, 0);
        size_t len = (size_t)sqlite3_column_bytes(st, 0);

        if (!text || len > CHAT_NAME_MAX)
            len = 0;
        if (len)
            memcpy(name, text, len);
        name[len] = '\0';
        *out_len = len;
    }
    sqlite3_reset(st);
    if (rc == SQLITE_ROW)
        return CHAT_OK;
    return rc == SQLITE_DONE ? CHAT_E_NOT_FOUND : cache_failed(c, rc, "user");
}
