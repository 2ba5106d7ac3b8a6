/* What leaves on a link: queues, requests and answers, and the effects made of them. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "server/link_inner.h"
#include "wire/wire.h"

#define PROBLEM_LIMIT_MAX 64u
#define PROBLEM_DETAIL_MAX 256u

void link_mark_dirty(struct links *set, struct link *l)
{
    if (!list_node_is_linked(&l->dirty))
        list_push_back(&set->dirty, &l->dirty);
}

void link_settle(struct links *set)
{
    struct link *l = set->sent_link;

    set->sent_link = NULL;
    if (l)
        outq_sent(&l->queue, set->sent_count);
}

static chat_status enqueue(struct links *set, struct link *l, struct frame *frame, size_t slack)
{
    chat_status status;

    link_settle(set);
    if (frame->len > WIRE_LINK_MESSAGE_MAX)
        return CHAT_E_TOO_LARGE;
    status = outq_push(&l->queue, set->config.allocator, frame, set->config.queue_max + slack,
                       OUTQ_FRAMES_MAX);
    if (status == CHAT_OK)
        link_mark_dirty(set, l);
    else if (status == CHAT_E_FULL)
        set->stats.full++;
    return status;
}

static chat_status encode_and_enqueue(struct links *set, struct link *l, const WireLinkFrame *body,
                                      size_t slack)
{
    struct frame *frame = wire_encode_link(set->config.allocator, body);
    chat_status status;

    if (!frame)
        return CHAT_E_NOMEM;
    status = enqueue(set, l, frame, slack);
    frame_unref(frame);
    return status;
}

chat_status links_send(struct links *set, struct link *link, const WireLinkFrame *frame)
{
    if (link->state != LINK_READY)
        return CHAT_E_UNAVAILABLE;
    return encode_and_enqueue(set, link, frame, 0);
}

chat_status links_send_shared(struct links *set, struct link *link, struct frame *frame)
{
    if (link->state != LINK_READY)
        return CHAT_E_UNAVAILABLE;
    return enqueue(set, link, frame, 0);
}

void link_send_control(struct links *set, struct link *l, const WireLinkFrame *frame)
{
    if (l->state != LINK_GREETING && l->state != LINK_READY)
        return;
    if (encode_and_enqueue(set, l, frame, LINK_QUEUE_SLACK) != CHAT_OK)
        links_close(set, l, LINK_CLOSE_TRY_LATER, "no room to answer");
}

void link_send_hello(struct links *set, struct link *l)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkHello hello = WIRE_LINK_HELLO__INIT;

    hello.version = LINK_VERSION;
    hello.role = set->config.role;
    hello.node_id = set->config.node_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_HELLO;
    frame.link_hello = &hello;
    link_send_control(set, l, &frame);
}

void link_send_welcome(struct links *set, struct link *l)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;

    welcome.version = LINK_VERSION;
    welcome.role = set->config.role;
    welcome.node_id = set->config.node_id;
    welcome.request_credit = set->config.request_credit;
    if (set->config.ops->fill_welcome)
        set->config.ops->fill_welcome(set, &welcome);
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_WELCOME;
    frame.link_welcome = &welcome;
    link_send_control(set, l, &frame);
}

void links_announce(struct links *set)
{
    LIST_EACH(node, &set->all)
    {
        struct link *l = LIST_ENTRY(node, struct link, all);

        if (!l->dialed && l->state == LINK_READY)
            link_send_welcome(set, l);
    }
}

/* --- requests and answers --- */

chat_status links_request(struct links *set, struct link *link, WireLinkFrame *frame, void *context,
                          uint64_t *out_request_id)
{
    uint64_t request_id = link->requests + 1;
    chat_status status;

    assert(link->dialed && context);
    if (link->state != LINK_READY)
        return CHAT_E_UNAVAILABLE;
    if (link->in_flight >= link->credit) {
        set->stats.no_credit++;
        return CHAT_E_LIMITED;
    }
    status = map_put(&link->pending, request_id, context);
    if (status != CHAT_OK)
        return status;
    frame->request_id = request_id;
    status = encode_and_enqueue(set, link, frame, 0);
    if (status != CHAT_OK) {
        map_take(&link->pending, request_id);
        return status;
    }
    link->requests = request_id;
    link->in_flight++;
    *out_request_id = request_id;
    return CHAT_OK;
}

void links_abandon(struct links *set, struct link *link, uint64_t request_id)
{
    (void)set;
    /* Replacing a value needs no memory. */
    if (map_get(&link->pending, request_id))
        (void)map_put(&link->pending, request_id, link_abandoned_context());
}

static chat_status reply_with(struct links *set, struct link *link, struct frame *frame)
{
    chat_status status = frame ? enqueue(set, link, frame, 0) : CHAT_E_NOMEM;

    if (status != CHAT_OK)
        links_close(set, link, LINK_CLOSE_TRY_LATER, "no room to answer");
    return status;
}

chat_status links_reply_shared(struct links *set, struct link *link, struct frame *frame)
{
    assert(!link->dialed);
    if (link->state != LINK_READY)
        return CHAT_E_UNAVAILABLE;
    assert(link->in_flight > 0);
    link->in_flight--;
    return reply_with(set, link, frame);
}

chat_status links_reply(struct links *set, struct link *link, uint64_t request_id,
                        WireLinkFrame *frame)
{
    struct frame *encoded;
    chat_status status;

    assert(request_id != 0);
    if (link->state != LINK_READY)
        return CHAT_E_UNAVAILABLE;
    frame->request_id = request_id;
    encoded = wire_encode_link(set->config.allocator, frame);
    status = links_reply_shared(set, link, encoded);
    frame_unref(encoded);
    return status;
}

static void copy_text(char *out, size_t max, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    len = utf8_cut(text ? text : "", len, max);
    memcpy(out, text ? text : "", len);
    out[len] = '\0';
}

chat_status links_problem(struct links *set, struct link *link, uint64_t request_id,
                          WireProblemCode code, WireRetry retry, uint32_t retry_after_ms,
                          const char *limit, const char *detail)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireProblem problem = WIRE_PROBLEM__INIT;
    char limit_text[PROBLEM_LIMIT_MAX + 1];
    char detail_text[PROBLEM_DETAIL_MAX + 1];

    copy_text(limit_text, PROBLEM_LIMIT_MAX, limit);
    copy_text(detail_text, PROBLEM_DETAIL_MAX, detail);
    problem.code = code;
    problem.retry = retry;
    problem.retry_after_ms = retry_after_ms;
    problem.limit = limit_text;
    problem.detail = detail_text;
    frame.body_case = WIRE_LINK_FRAME__BODY_PROBLEM;
    frame.problem = &problem;
    if (request_id != 0)
        return links_reply(set, link, request_id, &frame);
    link_send_control(set, link, &frame);
    return CHAT_OK;
}

/* --- closing and effects --- */

void links_close(struct links *set, struct link *link, uint16_t code, const char *reason)
{
    if (link->state != LINK_GREETING && link->state != LINK_READY)
        return;
    if (link->state == LINK_READY)
        set->ready_count--;
    link->state = LINK_CLOSING;
    link->told = false;
    link->close_code = code;
    link->close_reason = reason;
    wheel_cancel(&set->wheel, &link->timer);
    link_mark_dirty(set, link);
}

static void fill_dial(struct link *l, struct links *set, struct effect *out)
{
    l->told = true;
    set->stats.dials++;
    *out = (struct effect){.kind = EFFECT_DIAL, .dial.peer = l->peer};
}

static void fill_send(struct links *set, struct link *l, struct effect *out)
{
    struct outq_batch batch = outq_batch(&l->queue, WIRE_LINK_MESSAGE_MAX, WIRE_LINK_FRAMES_MAX);

    set->sent_link = l;
    set->sent_count = batch.count;
    set->stats.frames_out += batch.count;
    set->stats.bytes_out += batch.bytes;
    *out = (struct effect){.kind = EFFECT_SEND, .link = l->id};
    out->send.frames = batch.frames;
    out->send.count = batch.count;
    out->send.bytes = batch.bytes;
}

static void fill_close(struct link *l, struct effect *out)
{
    l->told = true;
    outq_fini(&l->queue);
    *out = (struct effect){.kind = EFFECT_CLOSE, .link = l->id};
    out->close.code = l->close_code;
    out->close.reason = l->close_reason;
}

/* True when there is an effect; the link is then at the end of the dirty list, else out
 * of it. */
static bool poll_link(struct links *set, struct link *l, struct effect *out)
{
    bool closing = l->state == LINK_CLOSING;

    list_remove(&l->dirty);
    if (l->state == LINK_DIALING && !l->told) {
        fill_dial(l, set, out);
        return true;
    }
    if (!link_is_open(l) || (closing && l->told))
        return false;
    if (!l->blocked && !outq_is_empty(&l->queue)) {
        fill_send(set, l, out);
        link_mark_dirty(set, l);
        return true;
    }
    if (closing) {
        fill_close(l, out);
        return true;
    }
    return false;
}

bool links_poll(struct links *set, struct effect *out_effect)
{
    link_settle(set);
    if (set->refused_count > 0) {
        *out_effect = (struct effect){.kind = EFFECT_CLOSE};
        out_effect->link = set->refused[--set->refused_count];
        out_effect->close.code = LINK_CLOSE_TRY_LATER;
        out_effect->close.reason = "no room for this link";
        return true;
    }
    for (struct list_node *node = list_first(&set->dirty); node; node = list_first(&set->dirty))
        if (poll_link(set, LIST_ENTRY(node, struct link, dirty), out_effect))
            return true;
    return false;
}
