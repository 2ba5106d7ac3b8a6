/* Messages into the cache, and the stream of new ones to the application. */
#include <string.h>

#include "base/plant.h"
#include "client/inner.h"

bool apply_store(struct client_core *core, struct channel *ch, const WireMessage *m)
{
    struct chat_message message;
    cache_put put = CACHE_PUT_SAME;

    if (!core_ok(core, message_of_wire(&core->arena, m, &message)) ||
        !core_ok(core, cache_message_put(core->cache, &message, &put)))
        return false;
    users_saw(core, m->author_id);
    if (m->author_id != client_user_id(core))
        ch->receipts.foreign_seq = most_u64(ch->receipts.foreign_seq, m->seq);
    if (put == CACHE_PUT_OTHER) {
        log_write(core->cfg.logger, CHAT_LOG_WARN, "client", "channel %llu: two messages at %llu",
                  (unsigned long long)ch->c.channel_id, (unsigned long long)m->seq);
        return false;
    }
    if (put != CACHE_PUT_SAME && !PLANTED(VIEW_CHANGE_MISSED))
        view_touch_messages(core, ch, m->seq, m->seq);
    if (m->seq > unread_from(ch) &&
        (put == CACHE_PUT_ALTERED || (put == CACHE_PUT_NEW && (m->deleted || m->n_mention_ids))))
        ch->unread_stale = true;
    if (put == CACHE_PUT_NEW)
        keep_stored(core);
    if (put == CACHE_PUT_ALTERED && m->seq <= ch->c.stream_seq)
        events_changed(core, ch, m->seq);
    return true;
}

/* Holes told as gaps that from..to fills. */
static void tell_filled(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to)
{
    uint64_t hole_from, hole_to;

    to = least_u64(to, ch->c.stream_seq);
    while (from <= to && ranges_next_hole(&ch->c.ranges, from, to, &hole_from, &hole_to)) {
        events_gap(core, ch, CHAT_EVENT_GAP_FILLED, hole_from, hole_to, CHAT_OK);
        from = hole_to + 1;
    }
}

void apply_hold(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to,
                uint64_t rev)
{
    chat_status status;

    tell_filled(core, ch, from, to);
    do
        status = ranges_add(&ch->c.ranges, core->allocator, from, to, rev);
    while (status == CHAT_E_FULL && keep_drop_island(core, ch, from, to));
    if (core_ok(core, status))
        channel_touch(core, ch);
}

void apply_stream(struct client_core *core, struct channel *ch)
{
    for (;;) {
        uint64_t next = ch->c.stream_seq + 1, end;

        if (next < ch->c.first_seq) {
            events_gap(core, ch, CHAT_EVENT_GAP, next, ch->c.first_seq - 1, CHAT_E_NOT_FOUND);
            ch->c.stream_seq = ch->c.first_seq - 1;
            channel_touch(core, ch);
            continue;
        }
        end = ranges_run_end(&ch->c.ranges, next);
        if (!end)
            break;
        events_news(core, ch, next, end);
        ch->c.stream_seq = end;
        channel_touch(core, ch);
    }
    lane_check(core, ch);
    receipts_check(core, ch);
}

/* Goes on behind what will not be fetched: each hole below `up_to` is told as a gap. */
void apply_gap(struct client_core *core, struct channel *ch, uint64_t up_to)
{
    uint64_t from, to;

    apply_stream(core, ch);
    while (ch->c.stream_seq < up_to &&
           ranges_next_hole(&ch->c.ranges, ch->c.stream_seq + 1, up_to, &from, &to)) {
        events_gap(core, ch, CHAT_EVENT_GAP, from, to, CHAT_OK);
        ch->c.stream_seq = to;
        channel_touch(core, ch);
        apply_stream(core, ch);
    }
}

static void raise_head(struct channel *ch, const WireMessage *m)
{
    if (m->seq <= ch->c.head_seq)
        return;
    ch->c.head_seq = m->seq;
    ch->c.head_message_id = m->message_id;
}

/* A message came that is not held yet, and that we believe. */
static void take_new(struct client_core *core, struct channel *ch, const WireMessage *m)
{
    /* Altered later than all we know when it came behind every snapshot; else only its own
     * rev says how current it is. */
    uint64_t rev = m->seq > ch->snap_seq ? ch->c.head_rev : m->rev;
    uint64_t from = m->seq;
    bool was_whole = !list_node_is_linked(&ch->lagging);

    if (PLANTED(GAP_IGNORED) && from > ch->c.stream_seq + 1)
        from = ch->c.stream_seq + 1;
    if (PLANTED(CURSOR_BEFORE_MESSAGE)) {
        apply_hold(core, ch, from, m->seq, rev);
        (void)core_ok(core, channel_save_dirty(core));
        (void)core_ok(core, cache_commit(core->cache));
    }
    if (!apply_store(core, ch, m)) {
        ch->verify = true;
        lane_check(core, ch);
        return;
    }
    if (!PLANTED(CURSOR_BEFORE_MESSAGE))
        apply_hold(core, ch, from, m->seq, rev);
    outbox_seen(core, ch, m);
    apply_stream(core, ch);
    if (was_whole && ch->c.stream_seq < m->seq) /* the missing ones may be on their way */
        ch->lane_wait_until_ms = core->now.mono_ms + core->cfg.gap_grace_ms;
}

void apply_own(struct client_core *core, struct channel *ch, const WireMessage *m)
{
    uint64_t rev = m->seq > ch->snap_seq ? ch->c.head_rev : m->rev;

    raise_head(ch, m);
    channel_touch(core, ch);
    if (!apply_store(core, ch, m)) {
        ch->verify = true;
        return;
    }
    if (!ranges_holds(&ch->c.ranges, m->seq, m->seq))
        apply_hold(core, ch, m->seq, m->seq, rev);
    if (!list_node_is_linked(&ch->lagging) && ch->c.stream_seq + 1 < m->seq)
        ch->lane_wait_until_ms = core->now.mono_ms + core->cfg.gap_grace_ms;
}

void apply_live(struct client_core *core, const WireMessage *m)
{
    struct channel *ch = channel_find(core, m->channel_id);

    if (!message_is_sane(m)) {
        session_protocol_error(core, "a message beyond all bounds");
        return;
    }
    if (!ch)
        return;
    typing_over(core, m->channel_id, m->author_id);
    raise_head(ch, m);
    channel_touch(core, ch);
    if (ranges_holds(&ch->c.ranges, m->seq, m->seq)) {
        if (!apply_store(core, ch, m))
            ch->verify = true;
        outbox_seen(core, ch, m);
    } else if (m->seq > ch->snap_seq || outbox_is_own(core, ch, m)) {
        take_new(core, ch, m);
    }
    lane_check(core, ch);
}

void apply_changed(struct client_core *core, const WireMessage *m)
{
    struct channel *ch = channel_find(core, m->channel_id);
    uint64_t known;

    if (!message_is_sane(m) || !m->rev) {
        session_protocol_error(core, "an alteration beyond all bounds");
        return;
    }
    if (!ch)
        return;
    raise_head(ch, m);
    if (ranges_holds(&ch->c.ranges, m->seq, m->seq) && !apply_store(core, ch, m))
        ch->verify = true;
    unread_changed(ch, m);
    known = ch->c.head_rev;
    if (m->rev == known + 1)
        ranges_raise(&ch->c.ranges, known, m->rev);
    else if (m->rev > known && !list_node_is_linked(&ch->lagging))
        ch->lane_wait_until_ms = core->now.mono_ms + core->cfg.gap_grace_ms;
    ch->c.head_rev = most_u64(known, m->rev);
    channel_touch(core, ch);
    outbox_settle_altered(core, ch);
    lane_check(core, ch);
}
