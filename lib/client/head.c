/* Where the server says a channel stands, and what follows when it contradicts us. */
#include "base/plant.h"
#include "client/inner.h"

static bool is_sane(const WirePosition *p)
{
    return p->seq <= RANGES_SEQ_MAX && p->rev <= RANGES_SEQ_MAX && (p->seq == 0 || p->message_id);
}

static bool knows_history(const struct channel *ch)
{
    return ch->c.ranges.count || ch->c.stream_seq;
}

/* A hint may be older than what we got since: it never destroys, it makes us ask. */
static bool contradicts(const struct channel *ch, const WirePosition *head)
{
    if (PLANTED(EPOCH_IGNORED) || !knows_history(ch))
        return false;
    return head->epoch != ch->c.epoch || head->seq < ranges_top(&ch->c.ranges) ||
           head->rev < ranges_max_rev(&ch->c.ranges) ||
           (head->seq == ch->c.head_seq && ch->c.head_message_id &&
            head->message_id != ch->c.head_message_id);
}

void head_hint(struct client_core *core, struct channel *ch, const WirePosition *head)
{
    if (!is_sane(head)) {
        session_odd(core, "a head beyond all bounds");
        return;
    }
    if (contradicts(ch, head)) {
        ch->verify = true;
        lane_check(core, ch);
        return;
    }
    if (!knows_history(ch))
        ch->c.epoch = head->epoch;
    if (head->seq > ch->c.head_seq) {
        ch->c.head_seq = head->seq;
        ch->c.head_message_id = head->message_id;
        ch->unread_stale = true;
        events_channel(core, ch);
    }
    ch->c.head_rev = most_u64(ch->c.head_rev, head->rev);
    ch->snap_seq = most_u64(ch->snap_seq, head->seq);
    channel_touch(core, ch);
    lane_check(core, ch);
}

/* Our own message, acknowledged while the answer was on its way and in the same history, is
 * newer than the answer: it must not be forgotten with the rest. */
static void keep_told(struct channel *ch, const struct request *r)
{
    if (ch->told_request < r->id || ch->told_epoch != ch->c.epoch || ch->told_seq <= ch->c.head_seq)
        return;
    ch->c.head_seq = ch->told_seq;
    ch->c.head_message_id = ch->told_id;
}

void head_rebuild(struct client_core *core, struct channel *ch, const WirePosition *head,
                  const struct request *r)
{
    log_write(core->cfg.logger, CHAT_LOG_WARN, "client",
              "channel %llu: its history was rewritten (epoch %u to %u, head %llu to %llu)",
              (unsigned long long)ch->c.channel_id, ch->c.epoch, head->epoch,
              (unsigned long long)ch->c.head_seq, (unsigned long long)head->seq);
    (void)core_ok(core, cache_messages_drop(core->cache, ch->c.channel_id, 0, INT64_MAX));
    ch->c.ranges.count = 0;
    ch->c.epoch = head->epoch;
    ch->c.head_seq = head->seq;
    ch->c.head_message_id = head->message_id;
    keep_told(ch, r);
    ch->c.head_rev = head->rev;
    ch->c.stream_seq = 0;
    ch->c.read_seq = least_u64(ch->c.read_seq, ch->c.head_seq);
    ch->c.read_message_id = 0;
    ch->c.mark_seq = least_u64(ch->c.mark_seq, ch->c.head_seq);
    ch->c.last_counter = 0; /* it may be lost with the rest */
    ch->snap_seq = head->seq;
    ch->verify = false;
    ch->scan_at = ch->scan_at ? 1 : 0;
    ch->c.deleted_unread = 0;
    ch->counted_rev = head->rev;
    ch->unread_stale = true;
    channel_touch(core, ch);
    request_forget_lanes(core, ch);
    view_reset(core, ch);
    events_reset(core, ch);
    receipts_rebuilt(core, ch);
    outbox_settle_altered(core, ch);
    lane_check(core, ch);
}

bool head_proven(struct client_core *core, struct channel *ch, const WirePosition *head,
                 const struct request *r)
{
    if (!head || head->channel_id != ch->c.channel_id || !is_sane(head)) {
        session_protocol_error(core, "a page of another channel");
        return false;
    }
    if (!knows_history(ch))
        ch->c.epoch = head->epoch;
    if (!PLANTED(EPOCH_IGNORED) &&
        (head->epoch != ch->c.epoch || head->seq < r->top_seq || head->rev < r->top_rev ||
         (head->seq == ch->c.head_seq && head->seq == ranges_top(&ch->c.ranges) &&
          ch->c.head_message_id && head->message_id != ch->c.head_message_id))) {
        head_rebuild(core, ch, head, r);
        return false;
    }
    if (r->verify)
        ch->verify = false;
    if (head->seq > ch->c.head_seq) {
        ch->c.head_seq = head->seq;
        ch->c.head_message_id = head->message_id;
        ch->unread_stale = true;
    } else if (head->seq < r->head_seq) { /* a hint was wrong: the store knows */
        session_odd(core, "a head that the store does not know");
        ch->c.head_seq = most_u64(head->seq, ranges_top(&ch->c.ranges));
        if (ch->c.head_seq == head->seq)
            ch->c.head_message_id = head->message_id;
    } else if (head->seq == ch->c.head_seq) {
        ch->c.head_message_id = head->message_id;
    }
    if (head->rev > ch->c.head_rev)
        ch->c.head_rev = head->rev;
    else if (head->rev < r->head_rev)
        ch->c.head_rev = most_u64(head->rev, ranges_max_rev(&ch->c.ranges));
    ch->snap_seq = most_u64(ch->snap_seq, head->seq);
    channel_touch(core, ch);
    return core->link != 0;
}
