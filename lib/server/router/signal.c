#include "server/router/signal.h"

#include "base/hash.h"
#include "server/router/core.h"
#include "server/router/request.h"

/* Without a link it is lost: what counts is said again when the home is listed anew. */
static chat_status pass(struct router *r, const struct session *s, uint64_t home_id,
                        WireLinkFrame *frame)
{
    struct link *link = router_link(r, router_shard(r, home_id));

    frame->user_id = s->user_id;
    frame->session_no = s->session_no;
    return link ? links_send(&r->links, link, frame) : CHAT_OK;
}

/* --- typing --- */

static struct typing_slot *slot_of(struct router *r, const struct session *s, uint64_t channel_id)
{
    return &r->typing[hash_pair(s->session_no, channel_id) % TYPING_SLOTS];
}

/* False: it is too soon, or there is nothing to stop. */
static bool is_due(struct router *r, const struct session *s, const WireTyping *said)
{
    const struct typing_slot *slot = slot_of(r, s, said->channel_id);
    const bool known = slot->session_no == s->session_no && slot->channel_id == said->channel_id;

    if (said->stop)
        return known && slot->typing;
    return !known || r->now.mono_ms - slot->at_ms >= TYPING_PAUSE_MS;
}

static void remember(struct router *r, const struct session *s, const WireTyping *said)
{
    struct typing_slot *slot = slot_of(r, s, said->channel_id);

    slot->typing = !said->stop;
    if (said->stop)
        return; /* on and off again is no way around the pause */
    slot->session_no = s->session_no;
    slot->channel_id = said->channel_id;
    slot->at_ms = r->now.mono_ms;
}

/* What is refused leaves nothing behind that would hold back the next. */
static bool may_pass(struct router *r, const struct session *s, const WireTyping *said)
{
    const uint32_t needed = WIRE_PERMISSION__PERMISSION_VIEW | WIRE_PERMISSION__PERMISSION_SEND;

    return s->state != SESSION_LEAVING && is_due(r, s, said) &&
           buckets_take(&r->buckets, s->user_id, BUCKET_SIGNALS, s->user->routers,
                        r->now.mono_ms) == 0 &&
           request_membership(r, s, said->channel_id, needed) == CHAT_OK;
}

void signal_typing(struct router *r, struct session *s, const WireTyping *said)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireTyping typing = WIRE_TYPING__INIT;

    if (!may_pass(r, s, said)) {
        r->stats.typing_dropped++;
        return;
    }
    typing.channel_id = said->channel_id;
    typing.stop = said->stop;
    frame.body_case = WIRE_LINK_FRAME__BODY_TYPING;
    frame.typing = &typing;
    if (pass(r, s, said->channel_id, &frame) != CHAT_OK) {
        r->stats.typing_dropped++;
        return;
    }
    r->stats.typing++;
    remember(r, s, said);
}

/* --- receipts --- */

_Static_assert(CHAT_RECEIPT_MARKS_MAX <= BUCKET_OWED_MAX, "every mark can be charged");

void signal_receipts(struct router *r, struct session *s, uint32_t request_id,
                     const WireMarkReceipts *marks)
{
    if (marks->n_marks > 1) /* the first one was charged with the request */
        buckets_charge(&r->buckets, s->user_id, BUCKET_SIGNALS, (uint32_t)marks->n_marks - 1);
    for (size_t i = 0; i < marks->n_marks; i++) {
        WireReceiptMark *mark = marks->marks[i];
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
        chat_status status;

        if (request_membership(r, s, mark->channel_id, WIRE_PERMISSION__PERMISSION_VIEW) != CHAT_OK)
            continue;
        frame.body_case = WIRE_LINK_FRAME__BODY_RECEIPT_MARK;
        frame.receipt_mark = mark;
        status = pass(r, s, mark->channel_id, &frame);
        if (status != CHAT_OK) { /* all are said again: what is known already changes nothing */
            request_refused(r, s, request_id, status);
            return;
        }
        r->stats.receipt_marks++;
    }
    request_ok(r, s, request_id);
}
