#include "server/router/signal.h"

#include "base/hash.h"
#include "server/router/core.h"
#include "server/router/request.h"

/* Best effort: without a link, or room on it, it is lost. */
static void pass(struct router *r, const struct session *s, uint64_t home_id, WireLinkFrame *frame)
{
    struct link *link = router_link(r, router_shard(r, home_id));

    frame->user_id = s->user_id;
    frame->session_no = s->session_no;
    if (link)
        (void)links_send(&r->links, link, frame);
}

/* --- typing --- */

/* Remembers what is passed on; false: it is too soon, or there is nothing to stop. */
static bool is_due(struct router *r, const struct session *s, const WireTyping *typing)
{
    struct typing_slot *slot =
        &r->typing[hash_pair(s->session_no, typing->channel_id) % TYPING_SLOTS];
    const bool known = slot->session_no == s->session_no && slot->channel_id == typing->channel_id;

    if (typing->stop) {
        const bool was_typing = known && slot->typing;

        if (known)
            slot->typing = false;
        return was_typing;
    }
    if (known && r->now.mono_ms - slot->at_ms < TYPING_PAUSE_MS)
        return false;
    *slot = (struct typing_slot){.session_no = s->session_no,
                                 .channel_id = typing->channel_id,
                                 .at_ms = r->now.mono_ms,
                                 .typing = true};
    return true;
}

void signal_typing(struct router *r, struct session *s, const WireTyping *said)
{
    const uint32_t needed = WIRE_PERMISSION__PERMISSION_VIEW | WIRE_PERMISSION__PERMISSION_SEND;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireTyping typing = WIRE_TYPING__INIT;

    if (s->state == SESSION_LEAVING ||
        request_membership(r, s, said->channel_id, needed) != CHAT_OK || !is_due(r, s, said) ||
        buckets_take(&r->buckets, s->user_id, BUCKET_SIGNALS, s->user->routers, r->now.mono_ms) !=
            0) {
        r->stats.typing_dropped++;
        return;
    }
    r->stats.typing++;
    typing.channel_id = said->channel_id;
    typing.stop = said->stop;
    frame.body_case = WIRE_LINK_FRAME__BODY_TYPING;
    frame.typing = &typing;
    pass(r, s, said->channel_id, &frame);
}

/* --- receipts --- */

void signal_receipts(struct router *r, struct session *s, uint32_t request_id,
                     const WireMarkReceipts *marks)
{
    for (size_t i = 0; i < marks->n_marks; i++) {
        WireReceiptMark *mark = marks->marks[i];
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

        if (request_membership(r, s, mark->channel_id, WIRE_PERMISSION__PERMISSION_VIEW) != CHAT_OK)
            continue;
        r->stats.receipt_marks++;
        frame.body_case = WIRE_LINK_FRAME__BODY_RECEIPT_MARK;
        frame.receipt_mark = mark;
        pass(r, s, mark->channel_id, &frame);
    }
    request_ok(r, s, request_id);
}
