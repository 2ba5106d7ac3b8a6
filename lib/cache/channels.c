/* Channels and their ranges; users. */
#include <string.h>

#include "base/alloc.h"
#include "cache/inner.h"

#define RANGE_TEXT_MAX 63u /* three numbers of 20 digits, two spaces, a comma */

/* --- ranges as text: "from to rev,from to rev" --- */

static bool read_number(const char **at, const char *end, uint64_t *out)
{
    const char *begun = *at;

    for (*out = 0; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (*out > (UINT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(**at - '0');
    }
    return *at > begun;
}

static bool skip(const char **at, const char *end, char c)
{
    if (*at == end || **at != c)
        return false;
    ++*at;
    return true;
}

static chat_status parse_ranges(struct cache *c, const char *text, size_t len, struct ranges *out)
{
    const char *at = text, *end = text + len;

    while (at < end) {
        struct range r;
        chat_status status;

        if (!read_number(&at, end, &r.from) || !skip(&at, end, ' ') ||
            !read_number(&at, end, &r.to) || !skip(&at, end, ' ') ||
            !read_number(&at, end, &r.rev) || (at < end && !skip(&at, end, ',')))
            return CHAT_E_CORRUPT;
        status = ranges_add(out, c->allocator, r.from, r.to, r.rev);
        if (status != CHAT_OK)
            return status == CHAT_E_NOMEM ? status : CHAT_E_CORRUPT;
    }
    return CHAT_OK;
}

static char *write_number(char *at, uint64_t number)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

static size_t format_ranges(const struct ranges *ranges, char out[RANGES_MAX * RANGE_TEXT_MAX])
{
    char *at = out;

    for (uint32_t i = 0; i < ranges->count; i++) {
        if (i > 0)
            *at++ = ',';
        at = write_number(at, ranges->items[i].from);
        *at++ = ' ';
        at = write_number(at, ranges->items[i].to);
        *at++ = ' ';
        at = write_number(at, ranges->items[i].rev);
    }
    return (size_t)(at - out);
}

/* --- channels --- */

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
        .shown_at_ms = sqlite3_column_int64(st, 18),
        .mentions = cache_u64(st, 20),
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

    if (!st)
        return status;
    c->taken = false;
    while (cache_next(c, st, &status)) {
        struct cache_channel channel;
        const char *ranges;

        read_channel(st, &channel);
        ranges = (const char *)sqlite3_column_text(st, 19);
        status = parse_ranges(c, ranges, ranges ? (size_t)sqlite3_column_bytes(st, 19) : 0,
                              &channel.ranges);
        if (status == CHAT_OK)
            status = fn(&channel, user);
        if (status != CHAT_OK)
            ranges_fini(&channel.ranges, c->allocator);
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
    char ranges[RANGES_MAX * RANGE_TEXT_MAX];
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, ST_CHANNEL_PUT, &status);

    if (!st)
        return status;
    cache_bind_all(st, values, count);
    cache_bind_text(st, count + 1, channel->name, channel->name_len);
    sqlite3_bind_int64(st, count + 2, channel->shown_at_ms);
    cache_bind_text(st, count + 3, ranges, format_ranges(&channel->ranges, ranges));
    cache_bind_u64(st, count + 4, channel->mentions);
    return cache_run(c, st);
}

chat_status cache_channel_remove(struct cache *c, uint64_t channel_id)
{
    chat_status status = CACHE_WRITE(c, ST_CHANNEL_DROP, channel_id);

    if (status == CHAT_OK)
        status = cache_remains_leave(c, channel_id);
    if (status == CHAT_OK)
        status = CACHE_WRITE(c, ST_SETTINGS_DROP, channel_id);
    if (status == CHAT_OK)
        status = CACHE_WRITE(c, ST_DRAFT_DROP, channel_id);
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
    const unsigned char *text;
    size_t len;

    if (!st)
        return status;
    cache_bind_u64(st, 1, user_id);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status;
    text = sqlite3_column_text(st, 0);
    len = (size_t)sqlite3_column_bytes(st, 0);
    if (!text || len > CHAT_NAME_MAX)
        len = 0;
    if (len)
        memcpy(name, text, len);
    name[len] = '\0';
    *out_len = len;
    sqlite3_reset(st);
    return CHAT_OK;
}
