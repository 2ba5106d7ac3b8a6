/*
 * What the cache keeps. Caught up are the newest keep_max messages of a channel; what else
 * came, live or because somebody scrolled there, stays until the cache outgrows
 * cache_bytes_max. Then it gives way, a piece at a time: of the channel that was on screen
 * longest ago the oldest first, beyond the newest keep_max before those. Never what a window shows,
 * never what the stream has not reached, never anything but messages. What waits to be pulled
 * gives way only after what was pulled.
 */
#include "base/plant.h"
#include "client/inner.h"

#define KEEP_SPARED 200u      /* the newest of a channel go last, when all are kept */
#define KEEP_PIECE 64u        /* messages dropped in one turn */
#define KEEP_CHECK_EVERY 256u /* messages stored between two looks at the size */
#define SHOWN_STEP_MS 60000   /* as exact as it is remembered when a channel was shown */

/* --- on screen --- */

void keep_shown(struct client_core *core, struct channel *ch)
{
    int64_t passed_ms = core->now.wall_ms - ch->c.shown_at_ms;

    if (passed_ms >= 0 && passed_ms < SHOWN_STEP_MS)
        return;
    ch->c.shown_at_ms = core->now.wall_ms;
    channel_touch(core, ch);
}

/* --- dropping --- */

bool keep_drop(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < ch->c.ranges.count; i++) {
        const struct range *it = &ch->c.ranges.items[i];
        uint64_t low = most_u64(from, it->from);
        uint64_t high = least_u64(least_u64(to, it->to), ch->c.stream_seq);

        if (low <= high && !PLANTED(EVICTION_NOT_TOLD))
            events_gap(core, ch, CHAT_EVENT_GAP, low, high, CHAT_OK);
    }
    if (!core_ok(core, ranges_remove(&ch->c.ranges, core->allocator, from, to)) ||
        !core_ok(core, cache_messages_drop(core->cache, ch->c.channel_id, from, to)))
        return false;
    ch->unread_stale = true;
    channel_touch(core, ch);
    outbox_settle_altered(core, ch); /* what the cache was to show of them it never will */
    return true;
}

bool keep_drop_island(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < ch->c.ranges.count; i++) {
        const struct range it = ch->c.ranges.items[i];

        if (it.to + 1 < from || it.from > to + 1)
            return keep_drop(core, ch, it.from, it.to);
    }
    return false;
}

/* --- evicting --- */

struct victim {
    struct channel *ch;
    uint64_t from, to;
};

/* Cuts low..high to its first part that no window shows. False: there is none. */
static bool avoid_windows(const struct client_core *core, const struct channel *ch, uint64_t *low,
                          uint64_t *high)
{
    uint64_t from, to;

    while (*low <= *high && !PLANTED(EVICTS_SHOWN) &&
           view_shows(core, ch->c.channel_id, *low, *high, &from, &to)) {
        if (from > *low)
            *high = from - 1;
        else
            *low = to + 1;
    }
    return *low <= *high;
}

/* Whom to spare: so many of the newest, and (or not) what waits to be pulled. */
struct mercy {
    uint64_t newest;
    bool news;
};

/* The oldest piece of a channel that may go. */
static bool find_piece(const struct client_core *core, struct channel *ch, struct mercy mercy,
                       struct victim *out)
{
    uint64_t head = ch->c.head_seq;
    uint64_t top = least_u64(ch->c.stream_seq, head - least_u64(mercy.newest, head));

    if (mercy.news)
        top = least_u64(top, ch->news_from - 1);
    for (uint32_t i = 0; i < ch->c.ranges.count; i++) {
        const struct range *it = &ch->c.ranges.items[i];
        uint64_t low = it->from, high = least_u64(it->to, top);

        if (!avoid_windows(core, ch, &low, &high))
            continue;
        if (low != it->from && ch->c.ranges.count >= RANGES_MAX - 1)
            continue; /* it would take one range more */
        *out = (struct victim){ch, low, least_u64(high, low + KEEP_PIECE - 1)};
        return true;
    }
    return false;
}

static bool goes_before(const struct channel *a, const struct channel *b)
{
    if (a->c.shown_at_ms != b->c.shown_at_ms)
        return a->c.shown_at_ms < b->c.shown_at_ms;
    return a->c.head_message_id < b->c.head_message_id;
}

static bool find_victim(struct client_core *core, struct mercy mercy, struct victim *out)
{
    struct victim found;

    out->ch = NULL;
    if (mercy.news)
        events_find_news(core);
    for (uint32_t i = 0; i < core->channel_count; i++) {
        if (out->ch && !goes_before(core->channels[i], out->ch))
            continue;
        if (find_piece(core, core->channels[i], mercy, &found))
            *out = found;
    }
    return out->ch != NULL;
}

void keep_stored(struct client_core *core)
{
    core->stored++;
    if (core->stored < KEEP_CHECK_EVERY || !core->cfg.cache_bytes_max)
        return;
    core->stored = 0;
    if (!core->evicting)
        (void)core_ok(core, keep_look(core));
}

chat_status keep_look(struct client_core *core)
{
    uint64_t used = 0;
    chat_status status = core->cfg.cache_bytes_max ? cache_bytes_used(core->cache, &used) : CHAT_OK;

    core->evicting = used > core->cfg.cache_bytes_max;
    return status;
}

bool keep_turn(struct client_core *core)
{
    /* Down to a little less, so that not every message calls for it again. */
    const uint64_t wanted = core->cfg.cache_bytes_max - core->cfg.cache_bytes_max / 16;
    const uint64_t newest = core->cfg.keep_max ? core->cfg.keep_max : KEEP_SPARED;
    struct victim v;
    uint64_t used;
    bool behind = false;

    if (!core->evicting)
        return false;
    if (!core_ok(core, cache_bytes_used(core->cache, &used)))
        return true;
    if (used <= wanted) {
        core->evicting = false;
        return false;
    }
    /* What was dropped is in the index still: only without it is known what it took. */
    if (!core_ok(core, cache_index_is_behind(core->cache, &behind)) || behind) {
        (void)core_ok(core, cache_index_step(core->cache, KEEP_PIECE));
        return true;
    }
    if (!find_victim(core, (struct mercy){newest, true}, &v) &&
        !find_victim(core, (struct mercy){newest, false}, &v) &&
        !find_victim(core, (struct mercy){0, false}, &v)) {
        log_write(core->cfg.logger, CHAT_LOG_WARN, "client",
                  "the cache is larger than it should be, and holds nothing that may go");
        core->evicting = false;
        return false;
    }
    (void)keep_drop(core, v.ch, v.from, v.to);
    return true;
}
