/* What the user does: queued in the cache, sent in order, answered. */
#include <string.h>

#include "client/inner.h"

#define RETRY_BASE_MS 250u
#define RETRY_DOUBLINGS_MAX 7u

void outbox_check(struct client_core *core, struct channel *ch)
{
    bool waits = !list_is_empty(&ch->ops) || ch->c.mark_seq;

    if (waits && !list_node_is_linked(&ch->sending))
        list_push_back(&core->sending, &ch->sending);
    else if (!waits)
        list_remove(&ch->sending);
}

/* --- memory and cache --- */

chat_outgoing_state outbox_state(const struct cache_outgoing *o)
{
    if (o->state == CHAT_OUTGOING_QUEUED || o->state == CHAT_OUTGOING_DONE)
        return (chat_outgoing_state)o->state;
    return CHAT_OUTGOING_REFUSED;
}

struct out_op *outbox_op_new(struct client_core *core, const struct cache_outgoing *o)
{
    struct out_op *op = alloc_zeroed(core->allocator, sizeof(*op));

    if (!op)
        return NULL;
    op->row = o->row;
    op->device_id = o->device_id;
    op->counter = o->counter;
    op->channel_id = o->channel_id;
    op->seq = o->seq;
    op->base_seq = o->base_seq;
    op->old_device_id = o->old_device_id;
    op->old_counter = o->old_counter;
    op->created_at_ms = o->created_at_ms;
    op->reply_to_seq = o->reply_to_seq;
    op->kind = o->kind;
    op->state = outbox_state(o);
    if (op->state == CHAT_OUTGOING_DONE) { /* queued still, until it can be seen */
        op->state = CHAT_OUTGOING_QUEUED;
        op->acked_rev = o->base_seq;
    }
    op->removes = o->removes;
    op->marked = o->sent;
    op->parent_row = o->parent;
    if (o->parent)
        op->parent = ops_find_row(core, o->parent);
    return op;
}

struct chat_outgoing outbox_describe(const struct out_op *op)
{
    struct chat_outgoing out = {
        .nonce = {op->device_id, op->counter},
        .old_nonce = {op->old_device_id, op->old_counter},
        .channel_id = op->channel_id,
        .kind = (chat_outgoing_kind)op->kind,
        .state = (chat_outgoing_state)op->state,
        .seq = op->seq,
        .reply_to_seq = op->reply_to_seq,
        .created_at_ms = op->created_at_ms,
        .text = "",
        .removes = op->removes,
    };

    if (op->parent)
        out.message_nonce = (struct chat_nonce){op->parent->device_id, op->parent->counter};
    return out;
}

void outbox_op_link(struct client_core *core, struct out_op *op)
{
    struct channel *ch = channel_find(core, op->channel_id);

    ops_add(core, op);
    if (op->parent)
        op->parent->dependents++;
    if (!ch)
        ch = gone_find(core, op->channel_id);
    view_touch_outbox(core, op->channel_id);
    if (op->state != CHAT_OUTGOING_QUEUED || !ch)
        return;
    op->channel = ch;
    list_push_back(&ch->ops, &op->link);
    ch->acked += op->acked_rev ? 1 : 0;
    ch->expect_rev = most_u64(ch->expect_rev, op->acked_rev);
    outbox_check(core, ch);
}

/* The next one that waits for `parent`, from *index on; NULL: there is no other. */
static struct out_op *next_dependent(const struct client_core *core, const struct out_op *parent,
                                     uint32_t *index)
{
    struct out_op *op;

    while (parent->dependents > 0 && (op = ops_at(core, *index)) != NULL) {
        (*index)++;
        if (op->parent == parent)
            return op;
    }
    return NULL;
}

void outbox_set_parent(struct out_op *op, struct out_op *parent)
{
    if (op->parent)
        op->parent->dependents--;
    op->parent = parent;
    if (parent)
        parent->dependents++;
}

void outbox_op_free(struct client_core *core, struct out_op *op)
{
    struct out_op *dependent;
    uint32_t index = 0;

    while ((dependent = next_dependent(core, op, &index)) != NULL)
        outbox_set_parent(dependent, NULL);
    outbox_unsend(core, op);
    outbox_set_parent(op, NULL);
    list_remove(&op->link);
    if (op->channel) {
        op->channel->acked -= op->acked_rev ? 1 : 0;
        outbox_check(core, op->channel);
    }
    ops_remove(core, op);
    view_touch_outbox(core, op->channel_id);
    alloc_free(core->allocator, op);
}

static void refuse_one(struct client_core *core, struct out_op *op, chat_status why,
                       const char *rule)
{
    struct channel *ch = op->channel;

    outbox_unsend(core, op);
    op->state = CHAT_OUTGOING_REFUSED;
    view_touch_outbox(core, op->channel_id);
    (void)core_ok(core, cache_outbox_set_state(core->cache, op->row, op->state, why));
    core->sync_wanted = true; /* told as refused, it must not go out again after power loss */
    events_outgoing(core, op, CHAT_OUTGOING_REFUSED, why, op->seq, rule);
    list_remove(&op->link);
    op->channel = NULL;
    if (ch)
        outbox_check(core, ch);
}

static chat_status take_row(const struct cache_outgoing *o, void *user)
{
    struct client_core *core = user;
    struct out_op *op = ops_at(core, core->ops.count - 1);

    if (op && op->row >= o->row) /* rows rise, if the file is sound */
        return CHAT_E_CORRUPT;
    if (outbox_state(o) != CHAT_OUTGOING_REFUSED && !channel_find(core, o->channel_id) &&
        !gone_find(core, o->channel_id) && !gone_make(core, o->channel_id))
        return CHAT_E_NOMEM;
    op = ops_reserve(core) == CHAT_OK ? outbox_op_new(core, o) : NULL;
    if (!op)
        return CHAT_E_NOMEM;
    op->was_sent = o->sent;
    outbox_op_link(core, op);
    return CHAT_OK;
}

chat_status outbox_load(struct client_core *core)
{
    chat_status status = cache_outbox_load(core->cache, take_row, core);
    struct out_op *op;

    /* A message that was sent again has a later row than what waits for it. */
    for (uint32_t i = 0; status == CHAT_OK && (op = ops_at(core, i)) != NULL; i++)
        if (op->parent_row && !op->parent && !op->seq)
            outbox_set_parent(op, ops_find_row(core, op->parent_row));
    /* A message and what waits for it are one transaction: only a file that others wrote has
     * one without the other. */
    for (uint32_t i = 0; status == CHAT_OK && (op = ops_at(core, i)) != NULL; i++)
        if (op->state == CHAT_OUTGOING_QUEUED && op->kind != CHAT_OUTGOING_SEND && !op->seq &&
            !op->parent)
            refuse_one(core, op, CHAT_E_NOT_FOUND, "message");
    return status;
}

void outbox_free_all(struct client_core *core)
{
    struct out_op *op;

    while ((op = ops_at(core, core->ops.count - 1)) != NULL)
        outbox_op_free(core, op);
}

bool outbox_mark_sent(struct client_core *core)
{
    struct out_op *op;

    if (!core_ok(core, cache_outbox_mark_sent(core->cache)))
        return false;
    core->sync_wanted = true;
    for (uint32_t i = 0; (op = ops_at(core, i)) != NULL; i++)
        op->marked = true;
    return true;
}

/* The only place that parts an operation from its request: neither names the other after. */
void outbox_unsend(struct client_core *core, struct out_op *op)
{
    if (!op->request_id)
        return;
    request_forget_op(core, op->request_id); /* its answer finds nobody */
    op->request_id = 0;
    core->ops_in_flight--;
    if (op->channel)
        op->channel->in_flight--;
}

void outbox_refuse(struct client_core *core, struct out_op *op, chat_status why, const char *rule)
{
    struct out_op *dependent;
    uint32_t index = 0;

    refuse_one(core, op, why, rule);
    while ((dependent = next_dependent(core, op, &index)) != NULL)
        if (dependent->state == CHAT_OUTGOING_QUEUED)
            refuse_one(core, dependent, CHAT_E_NOT_FOUND, "message");
}

/* --- done --- */

struct whole {
    struct client_core *core;
    struct channel *ch;
    WireSent sent;
    WireMessage *message; /* to compare with; NULL: to make one of the row */
    bool same;
};

/* Our own message, as the store acknowledged it: from the outbox into the history. */
static chat_status keep_sent(const struct cache_outgoing *o, void *user)
{
    struct whole *w = user;
    WireMessage m = WIRE_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    struct channel *ch = w->ch;
    char *text = arena_copy_text(&w->core->arena, o->text, o->text_len);

    if (!text)
        return CHAT_E_NOMEM;
    nonce.device_id = o->device_id;
    nonce.counter = o->counter;
    m.channel_id = ch->c.channel_id;
    m.seq = w->sent.seq;
    m.message_id = w->sent.message_id;
    m.author_id = client_user_id(w->core);
    m.sent_at_ms = w->sent.sent_at_ms;
    m.nonce = &nonce;
    m.text = text;
    m.extra.data = (uint8_t *)(uintptr_t)o->extra;
    m.extra.len = o->extra_len;
    m.reply_to_seq = o->reply_to_seq;
    m.mention_ids = (uint64_t *)(uintptr_t)o->mention_ids;
    m.n_mention_ids = o->mentions_count;
    apply_own(w->core, ch, &m);
    return CHAT_OK;
}

/* Those that wait for this message know now which it is. */
static void tell_dependents(struct client_core *core, struct out_op *op, uint64_t seq)
{
    struct out_op *dependent;
    uint32_t index = 0;

    while ((dependent = next_dependent(core, op, &index)) != NULL) {
        outbox_set_parent(dependent, NULL);
        dependent->seq = seq;
        (void)core_ok(core, cache_outbox_set_seq(core->cache, dependent->row, seq));
    }
}

void outbox_done(struct client_core *core, struct out_op *op, uint64_t seq)
{
    struct channel *ch = op->channel;

    if (ch && (ch->c.last_device != op->device_id || ch->c.last_counter < op->counter)) {
        ch->c.last_device = op->device_id;
        ch->c.last_counter = op->counter;
        channel_touch(core, ch);
    }
    tell_dependents(core, op, seq);
    (void)core_ok(core, cache_outbox_remove(core->cache, op->row));
    events_outgoing(core, op, CHAT_OUTGOING_DONE, CHAT_OK, seq, NULL);
    outbox_op_free(core, op);
}

static chat_status compare(const struct cache_outgoing *o, void *user)
{
    struct whole *w = user;
    const WireMessage *m = w->message;
    const char *text = m->text ? m->text : "";

    /* Altered since: its nonce must do. */
    w->same = m->rev || (strlen(text) == o->text_len && memcmp(text, o->text, o->text_len) == 0 &&
                         m->extra.len == o->extra_len &&
                         (!o->extra_len || memcmp(m->extra.data, o->extra, o->extra_len) == 0));
    return CHAT_OK;
}

static struct out_op *find_own(const struct client_core *core, const struct channel *ch,
                               const WireMessage *m)
{
    struct out_op *op;

    if (!m->nonce || m->author_id != client_user_id(core))
        return NULL;
    op = ops_find(core, m->nonce->device_id, m->nonce->counter);
    return op && op->channel == ch && op->kind == CHAT_OUTGOING_SEND ? op : NULL;
}

bool outbox_is_own(const struct client_core *core, const struct channel *ch, const WireMessage *m)
{
    return find_own(core, ch, m) != NULL;
}

void outbox_seen(struct client_core *core, struct channel *ch, const WireMessage *m)
{
    struct out_op *op = list_is_empty(&ch->ops) ? NULL : find_own(core, ch, m);
    struct whole w = {.core = core, .message = (WireMessage *)(uintptr_t)m};

    if (!op || !core_ok(core, cache_outbox_get(core->cache, op->row, compare, &w)))
        return;
    if (w.same)
        outbox_done(core, op, m->seq);
    else
        log_write(core->cfg.logger, CHAT_LOG_WARN, "client",
                  "a copy of this cache used the nonce of a queued message");
}

void outbox_settle_altered(struct client_core *core, struct channel *ch)
{
    if (ch->acked == 0)
        return;
    LIST_EACH(node, &ch->ops)
    {
        struct out_op *op = LIST_ENTRY(node, struct out_op, link);

        if (op->acked_rev && !ranges_lack(&ch->c.ranges, op->seq, op->acked_rev))
            outbox_done(core, op, op->seq);
    }
}

/* What never went out is refused. What did may be in: the store is asked on, for it still
 * tells who was removed what became of his nonces. Only where history had to be looked
 * through nobody can tell any more. */
void outbox_channel_gone(struct client_core *core, struct channel *ch)
{
    LIST_EACH(node, &ch->ops)
    {
        struct out_op *op = LIST_ENTRY(node, struct out_op, link);

        if (op->acked_rev)
            outbox_done(core, op, op->seq);
        else if (op->stale)
            refuse_one(core, op, CHAT_E_UNKNOWN, "channel");
        else if (!op->was_sent) /* nor is what waits for it: each has its turn here */
            refuse_one(core, op, CHAT_E_NOT_FOUND, "channel");
    }
}

/* --- answers --- */

static void take_sent(struct client_core *core, struct channel *ch, struct out_op *op,
                      const WireSent *s)
{
    struct whole w = {.core = core, .ch = ch, .sent = *s};

    if (op->kind != CHAT_OUTGOING_SEND || s->channel_id != ch->c.channel_id || !s->seq ||
        s->seq > RANGES_SEQ_MAX || !s->message_id) {
        session_protocol_error(core, "an acknowledgement of something else");
        return;
    }
    ch->out_failures = 0;
    ch->out_careful = false;
    if (channel_is_gone(ch)) {
        outbox_done(core, op, s->seq);
        return;
    }
    if (!core_ok(core, cache_outbox_get(core->cache, op->row, keep_sent, &w)))
        return;
    ch->told_seq = s->seq;
    ch->told_id = s->message_id;
    ch->told_epoch = s->epoch;
    ch->told_request = core->last_request_id;
    outbox_done(core, op, s->seq);
    apply_stream(core, ch);
    channel_read_moved(core, ch, s->seq, s->message_id);
    receipts_read_here(core, ch, s->seq); /* who answers has read */
}

static void take_altered(struct client_core *core, struct channel *ch, struct out_op *op,
                         const WireAltered *a)
{
    if (op->kind == CHAT_OUTGOING_SEND || a->channel_id != ch->c.channel_id ||
        (!a->rev && op->kind != CHAT_OUTGOING_REACT) || a->rev > RANGES_SEQ_MAX) {
        session_protocol_error(core, "an acknowledgement of something else");
        return;
    }
    ch->out_failures = 0;
    ch->out_careful = false;
    if (channel_is_gone(ch) || !a->rev) { /* it changed nothing */
        outbox_done(core, op, op->seq);
        return;
    }
    ch->acked += op->acked_rev ? 0 : 1;
    op->acked_rev = a->rev;
    stale_overtaken(core, ch, op);
    /* Not sent again after a restart: by then the store may have forgotten its nonce, and it
     * would undo what was altered later. */
    if (ranges_lack(&ch->c.ranges, op->seq, a->rev) &&
        !core_ok(core, cache_outbox_set_acked(core->cache, op->row, a->rev)))
        return;
    /* Done when the cache shows it; its publication is on its way. */
    ch->expect_rev = most_u64(ch->expect_rev, a->rev);
    ch->expect_at_ms = core->now.mono_ms + core->cfg.gap_grace_ms;
    outbox_settle_altered(core, ch);
}

static void wait_and_retry(struct client_core *core, struct channel *ch, uint32_t after_ms)
{
    uint32_t doublings =
        ch->out_failures < RETRY_DOUBLINGS_MAX ? ch->out_failures : RETRY_DOUBLINGS_MAX;
    uint64_t wait_ms = (RETRY_BASE_MS << doublings) / 2;

    wait_ms += rng_below(&core->rng, wait_ms + 1);
    wait_ms = most_u64(wait_ms, least_u64(after_ms, CLIENT_SLOT_MAX_MS));
    ch->out_failures++;
    ch->out_stalled = ch->out_careful = true;
    ch->out_wait_until_ms = core->now.mono_ms + (int64_t)wait_ms;
}

static void take_problem(struct client_core *core, struct channel *ch, struct out_op *op,
                         const WireProblem *p)
{
    const char *rule = p->limit ? p->limit : "";
    const char *detail = p->detail ? p->detail : "";

    session_problem_text(core, rule[0] ? rule : "problem", detail, strlen(detail));
    if (p->code == WIRE_PROBLEM_CODE__PROBLEM_OUT_OF_ORDER) {
        bool is_first = list_first(&ch->ops) == &op->link;

        ch->out_stalled = true; /* from the head on, once all in flight are answered */
        if (is_first && op->sent_after == send_predecessor(ch, op)) {
            /* The one before it is in and not refused, but not known: lost by a restore. */
            ch->c.last_counter = 0;
            channel_touch(core, ch);
            wait_and_retry(core, ch, p->retry_after_ms);
        }
    } else if (p->code == WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE && channel_is_gone(ch)) {
        outbox_refuse(core, op, CHAT_E_UNKNOWN, rule); /* there is no history to look through */
    } else if (p->code == WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE) {
        stale_begin(core, ch, op);
    } else if (p->retry == WIRE_RETRY__RETRY_REAUTH ||
               p->code == WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED ||
               p->code == WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED) {
        signin_link_problem(core, p, true);
    } else if (dispatch_is_temporary(p)) {
        wait_and_retry(core, ch, p->retry_after_ms);
    } else {
        ch->out_failures = 0;
        ch->out_careful = true; /* those behind named it, and will be refused for that */
        outbox_refuse(core, op, dispatch_status(p->code), rule);
    }
}

void outbox_answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    struct out_op *op = r->op;
    struct channel *ch;

    if (!op) /* it was seen in the channel before, or its channel is gone */
        return;
    r->op = NULL;
    ch = op->channel;
    outbox_unsend(core, op);
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_SENT)
        take_sent(core, ch, op, frame->sent);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_ALTERED)
        take_altered(core, ch, op, frame->altered);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM)
        take_problem(core, ch, op, frame->problem);
    else
        session_protocol_error(core, "an operation answered by something else");
}

void outbox_mark_answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    struct channel *ch = r->channel;

    if (!ch)
        return;
    ch->mark_request = 0;
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_CURSOR) {
        channel_read_moved(core, ch, frame->cursor->read_seq, frame->cursor->read_message_id);
        if (ch->c.mark_seq <= most_u64(frame->cursor->read_seq, r->start_seq))
            ch->c.mark_seq = 0;
    } else if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM) {
        if (dispatch_is_temporary(frame->problem)) {
            wait_and_retry(core, ch, frame->problem->retry_after_ms);
        } else {
            ch->c.mark_seq = 0;
            ch->unread_stale = true;
        }
    } else {
        session_protocol_error(core, "a read mark answered by something else");
        return;
    }
    channel_touch(core, ch);
    outbox_check(core, ch);
}
