/* Operations and read marks onto the wire: in order, a bounded number in flight. */
#include "base/plant.h"
#include "base/utf8.h"
#include "client/inner.h"

struct sending {
    struct client_core *core;
    struct channel *ch;
    struct out_op *op;
    bool sent, damaged;
};

uint64_t send_predecessor(const struct channel *ch, const struct out_op *op)
{
    for (const struct list_node *n = op->link.prev; n != &ch->ops.head; n = n->prev) {
        const struct out_op *before = LIST_ENTRY(n, struct out_op, link);

        if (before->device_id == op->device_id)
            return before->counter;
    }
    /* A later one may be known to be in from its publication: then this one is, too, or the
     * store has forgotten it, and it goes by the nonce alone. */
    return ch->c.last_device == op->device_id && ch->c.last_counter < op->counter
               ? ch->c.last_counter
               : 0;
}

/* Whichever the operation is. */
union body {
    WireSendMessage send;
    WireEditMessage edit;
    WireDeleteMessage delete;
    WireReact react;
};

static void fill(WireClientFrame *frame, const struct cache_outgoing *o, WireNonce *nonce,
                 union body *body)
{
    char *text = (char *)(uintptr_t)o->text;
    uint64_t *ids = (uint64_t *)(uintptr_t)o->mention_ids;
    const ProtobufCBinaryData extra = {o->extra_len, (uint8_t *)(uintptr_t)o->extra};

    switch ((chat_outgoing_kind)o->kind) {
    case CHAT_OUTGOING_SEND:
        wire_send_message__init(&body->send);
        body->send.channel_id = o->channel_id;
        body->send.nonce = nonce;
        body->send.text = text;
        body->send.extra = extra;
        body->send.reply_to_seq = o->reply_to_seq;
        body->send.mention_ids = ids;
        body->send.n_mention_ids = o->mentions_count;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE;
        frame->send_message = &body->send;
        break;
    case CHAT_OUTGOING_EDIT:
        wire_edit_message__init(&body->edit);
        body->edit.channel_id = o->channel_id;
        body->edit.nonce = nonce;
        body->edit.seq = o->seq;
        body->edit.text = text;
        body->edit.extra = extra;
        body->edit.mention_ids = ids;
        body->edit.n_mention_ids = o->mentions_count;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE;
        frame->edit_message = &body->edit;
        break;
    case CHAT_OUTGOING_DELETE:
        wire_delete_message__init(&body->delete);
        body->delete.channel_id = o->channel_id;
        body->delete.nonce = nonce;
        body->delete.seq = o->seq;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_DELETE_MESSAGE;
        frame->delete_message = &body->delete;
        break;
    case CHAT_OUTGOING_REACT:
        wire_react__init(&body->react);
        body->react.channel_id = o->channel_id;
        body->react.nonce = nonce;
        body->react.seq = o->seq;
        body->react.emoji = text;
        body->react.remove = o->removes;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_REACT;
        frame->react = &body->react;
        break;
    }
}

/* The file keeps no checksums. What the server would close the link for, again and again, or
 * what is another operation than was typed, stays here. */
static bool is_whole(const struct cache_outgoing *o)
{
    struct chat_content content = CHAT_CONTENT_INIT;

    if (!o->device_id || !o->counter || o->counter > (uint64_t)INT64_MAX)
        return false;
    switch (o->kind) {
    case CHAT_OUTGOING_SEND:
    case CHAT_OUTGOING_EDIT:
        content.text = o->text;
        content.text_len = o->text_len;
        content.extra = o->extra;
        content.extra_len = o->extra_len;
        content.mention_ids = o->mention_ids;
        content.mentions_count = o->mentions_count;
        return compose_check(&content) == CHAT_OK;
    case CHAT_OUTGOING_REACT:
        return o->text_len > 0 && o->text_len <= CHAT_EMOJI_MAX &&
               utf8_is_valid((const uint8_t *)o->text, o->text_len);
    case CHAT_OUTGOING_DELETE: return true;
    default: return false;
    }
}

static chat_status send_row(const struct cache_outgoing *o, void *user)
{
    struct sending *s = user;
    struct out_op *op = s->op;
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    union body body;
    WireNonce nonce = WIRE_NONCE__INIT;
    struct request *r;
    uint32_t id;

    s->damaged = !is_whole(o);
    r = s->damaged ? NULL : request_new(s->core, REQ_OP);
    if (!r)
        return CHAT_OK;
    if (PLANTED(RESEND_NEW_NONCE) && op->was_sent)
        ops_rename(s->core, op, op->device_id, compose_counter(s->core));
    id = r->id;
    r->op = op;
    nonce.device_id = op->device_id;
    nonce.counter = op->counter;
    nonce.after = op->sent_after = send_predecessor(s->ch, op);
    fill(&frame, o, &nonce, &body);
    if (!request_send(s->core, r, &frame))
        return CHAT_OK; /* the trouble is noted */
    op->request_id = id;
    op->was_sent = true;
    s->ch->in_flight++;
    s->core->ops_in_flight++;
    request_spend(s->core, BUDGET_OPERATIONS);
    s->sent = true;
    return CHAT_OK;
}

/* False: nothing more can be sent now. */
static bool send_ops(struct client_core *core, struct channel *ch)
{
    uint64_t device_id = 0;

    LIST_EACH(node, &ch->ops)
    {
        struct sending s = {.core = core, .ch = ch};

        s.op = LIST_ENTRY(node, struct out_op, link);
        if (s.op->acked_rev)
            continue;
        if (s.op->kind != CHAT_OUTGOING_SEND && !s.op->seq)
            break; /* its message is on its way */
        if (device_id && device_id != s.op->device_id)
            break; /* `after` orders one device only: the other's come first */
        device_id = s.op->device_id;
        if (s.op->request_id)
            continue;
        if (ch->in_flight >= (ch->out_careful ? 1 : core->in_flight_max))
            break;
        if (core->ops_in_flight >= CLIENT_OPS_IN_FLIGHT_MAX ||
            !request_may_send(core, BUDGET_OPERATIONS))
            return false;
        if (!s.op->marked && !outbox_mark_sent(core))
            return false;
        if (!core_ok(core, cache_outbox_get(core->cache, s.op->row, send_row, &s)))
            return false;
        if (s.damaged) {
            outbox_refuse(core, s.op, CHAT_E_CORRUPT, "cache"); /* with others of this list */
            core_wake_at(core, core->now.mono_ms);
            return true;
        }
        if (!s.sent)
            return false;
        if (PLANTED(OUTBOX_DROPPED_ON_SEND)) {
            (void)core_ok(core, cache_outbox_remove(core->cache, s.op->row));
            outbox_op_free(core, s.op);
        }
    }
    return true;
}

static bool send_mark(struct client_core *core, struct channel *ch)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireMarkRead body = WIRE_MARK_READ__INIT;
    struct request *r;
    uint32_t id;

    if (!ch->c.mark_seq || ch->mark_request)
        return true;
    if (!request_may_send(core, BUDGET_OPERATIONS))
        return false;
    r = request_new(core, REQ_MARK);
    if (!r)
        return false;
    id = r->id;
    r->channel = ch;
    r->start_seq = ch->c.mark_seq;
    body.channel_id = ch->c.channel_id;
    body.seq = ch->c.mark_seq;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_MARK_READ;
    frame.mark_read = &body;
    if (!request_send(core, r, &frame))
        return false;
    ch->mark_request = id;
    request_spend(core, BUDGET_OPERATIONS);
    return true;
}

/* An own alteration was acknowledged and its publication does not come: pull it. */
static void pull_expected(struct client_core *core, struct channel *ch)
{
    if (!ch->expect_rev)
        return;
    if (ch->expect_rev > ch->c.head_rev) {
        if (core->now.mono_ms < ch->expect_at_ms) {
            core_wake_at(core, ch->expect_at_ms);
            return;
        }
        ch->c.head_rev = ch->expect_rev;
        channel_touch(core, ch);
        lane_check(core, ch);
    }
    ch->expect_rev = 0;
}

void send_pump(struct client_core *core)
{
    gone_sweep(core);
    LIST_EACH(node, &core->sending)
    {
        struct channel *ch = LIST_ENTRY(node, struct channel, sending);

        /* The server has not named it on this link: it may still do so. */
        if (channel_is_gone(ch) ? !core->list_complete : ch->listed != core->list_round)
            continue;
        pull_expected(core, ch);
        if (core->now.mono_ms < ch->out_wait_until_ms) {
            core_wake_at(core, ch->out_wait_until_ms);
            continue;
        }
        if (!send_mark(core, ch))
            return;
        if (ch->scan_at || (ch->out_stalled && ch->in_flight))
            continue;
        ch->out_stalled = false;
        if (!send_ops(core, ch))
            return;
    }
}
