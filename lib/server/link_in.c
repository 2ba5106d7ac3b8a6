/* What arrives on a link: greetings, pings, answers, and what the role gets to see. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "server/link_inner.h"
#include "wire/wire.h"

#define CODE(name) WIRE_PROBLEM_CODE__PROBLEM_##name

static void refuse_peer(struct links *set, struct link *l, WireProblemCode code, const char *rule)
{
    set->stats.refused++;
    log_write(set->config.logger, CHAT_LOG_WARN, set->config.component,
              "link %" PRIu64 " refused: %s", l->id, rule);
    links_problem(set, l, 0, code, WIRE_RETRY__RETRY_NEVER, 0, rule, NULL);
    links_close(set, l, LINK_CLOSE_REFUSED, rule);
}

static void fault(struct links *set, struct link *l, uint16_t close_code, WireProblemCode code,
                  const char *rule)
{
    set->stats.faults++;
    log_write(set->config.logger, CHAT_LOG_WARN, set->config.component,
              "link %" PRIu64 " sent what it may not: %s", l->id, rule);
    links_problem(set, l, 0, code, WIRE_RETRY__RETRY_NEVER, 0, rule, NULL);
    links_close(set, l, close_code, rule);
}

static void log_problem(struct links *set, const struct link *l, const WireProblem *problem)
{
    log_write(set->config.logger, CHAT_LOG_WARN, set->config.component,
              "link %" PRIu64 " says: problem %d %s %s", l->id, (int)problem->code, problem->limit,
              problem->detail);
}

/* A daemon that lists itself as a peer. Roles of one process may share a seed, so ids tell
 * apart only those of one role. */
static bool is_ourselves(const struct links *set, WireLinkRole role, uint64_t node_id)
{
    return role == set->config.role && node_id == set->config.node_id;
}

static void take_hello(struct links *set, struct link *l, const WireLinkHello *hello,
                       int64_t now_ms)
{
    uint32_t role = (uint32_t)hello->role;

    if (hello->version != LINK_VERSION) {
        refuse_peer(set, l, CODE(UNSUPPORTED), "LinkHello.version");
        return;
    }
    if (role == 0 || role > 31 || !(set->config.accept_mask & (1u << role))) {
        refuse_peer(set, l, CODE(INVALID), "LinkHello.role");
        return;
    }
    if (hello->node_id == 0 || is_ourselves(set, hello->role, hello->node_id)) {
        refuse_peer(set, l, CODE(INVALID), "LinkHello.node_id");
        return;
    }
    l->role = hello->role;
    l->node_id = hello->node_id;
    l->credit = set->config.request_credit;
    link_become_ready(set, l, now_ms);
    link_send_welcome(set, l);
    if (l->state == LINK_READY)
        set->config.ops->on_ready(set, l, NULL);
}

static const char *welcome_fault(const struct links *set, const struct link *l,
                                 const WireLinkWelcome *welcome)
{
    if (welcome->version != LINK_VERSION)
        return "LinkWelcome.version";
    if (welcome->role != l->role)
        return "LinkWelcome.role";
    if (welcome->node_id == 0 || is_ourselves(set, welcome->role, welcome->node_id))
        return "LinkWelcome.node_id";
    if (l->state == LINK_READY && welcome->node_id != l->node_id)
        return "LinkWelcome.node_id";
    if (welcome->request_credit == 0)
        return "LinkWelcome.request_credit";
    return NULL;
}

static void take_welcome(struct links *set, struct link *l, const WireLinkWelcome *welcome,
                         int64_t now_ms)
{
    const char *rule = welcome_fault(set, l, welcome);

    if (rule) {
        refuse_peer(set, l, CODE(INVALID), rule);
        return;
    }
    l->credit =
        welcome->request_credit < LINK_CREDIT_MAX ? welcome->request_credit : LINK_CREDIT_MAX;
    if (l->state == LINK_READY) {
        if (set->config.ops->on_welcome)
            set->config.ops->on_welcome(set, l, welcome);
        return;
    }
    l->node_id = welcome->node_id;
    link_become_ready(set, l, now_ms);
    set->config.ops->on_ready(set, l, welcome);
}

static void take_greeting(struct links *set, struct link *l, const WireLinkFrame *frame,
                          int64_t now_ms)
{
    if (!l->dialed && frame->body_case == WIRE_LINK_FRAME__BODY_LINK_HELLO)
        take_hello(set, l, frame->link_hello, now_ms);
    else if (l->dialed && frame->body_case == WIRE_LINK_FRAME__BODY_LINK_WELCOME)
        take_welcome(set, l, frame->link_welcome, now_ms);
    else if (frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM)
        log_problem(set, l, frame->problem); /* its close follows */
    else
        fault(set, l, LINK_CLOSE_PROTOCOL, CODE(MALFORMED), "greeting first");
}

static void take_ping(struct links *set, struct link *l, const WireLinkPing *ping)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkPong pong = WIRE_LINK_PONG__INIT;

    pong.sent_at_ms = ping->sent_at_ms;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_PONG;
    frame.link_pong = &pong;
    link_send_control(set, l, &frame);
}

static void take_reply(struct links *set, struct link *l, const WireLinkFrame *frame)
{
    void *context = map_take(&l->pending, frame->request_id);

    if (!context) {
        set->stats.stray_replies++;
        return;
    }
    l->in_flight--;
    if (context != link_abandoned_context())
        set->config.ops->on_reply(set, l, frame, context);
}

static void take_request(struct links *set, struct link *l, const WireLinkFrame *frame)
{
    if (l->in_flight >= l->credit) {
        fault(set, l, LINK_CLOSE_PROTOCOL, CODE(LIMIT), "LinkWelcome.request_credit");
        return;
    }
    l->in_flight++;
    if (frame->body_case == WIRE_LINK_FRAME__BODY__NOT_SET)
        links_problem(set, l, frame->request_id, CODE(UNSUPPORTED), WIRE_RETRY__RETRY_NEVER, 0,
                      "request", NULL);
    else
        set->config.ops->on_frame(set, l, frame);
}

static void take_other(struct links *set, struct link *l, const WireLinkFrame *frame)
{
    if (frame->request_id != 0) {
        if (l->dialed)
            take_reply(set, l, frame);
        else
            take_request(set, l, frame);
    } else if (frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM) {
        log_problem(set, l, frame->problem);
    } else if (frame->body_case != WIRE_LINK_FRAME__BODY__NOT_SET) {
        set->config.ops->on_frame(set, l, frame);
    }
}

static void take_frame(struct links *set, struct link *l, const WireLinkFrame *frame,
                       int64_t now_ms)
{
    uint32_t body = (uint32_t)frame->body_case;

    if (l->state == LINK_GREETING)
        take_greeting(set, l, frame, now_ms);
    else if (body == WIRE_LINK_FRAME__BODY_LINK_PING)
        take_ping(set, l, frame->link_ping);
    else if (body == WIRE_LINK_FRAME__BODY_LINK_PONG)
        return;
    else if (body == WIRE_LINK_FRAME__BODY_LINK_WELCOME && l->dialed)
        take_welcome(set, l, frame->link_welcome, now_ms);
    else if (body == WIRE_LINK_FRAME__BODY_LINK_WELCOME || body == WIRE_LINK_FRAME__BODY_LINK_HELLO)
        fault(set, l, LINK_CLOSE_PROTOCOL, CODE(MALFORMED), "greeting again");
    else
        take_other(set, l, frame);
}

void link_take_message(struct links *set, struct link *l, const struct event *event)
{
    WireLinkBatch *batch = NULL;
    struct wire_fault bad;
    chat_status status;

    l->heard_at_ms = event->now.mono_ms;
    set->stats.bytes_in += event->message.len;
    if (l->state == LINK_CLOSING)
        return;
    arena_reset(&set->arena);
    status = wire_decode_link(event->message.bytes, event->message.len, &set->arena, &batch, &bad);
    if (status == CHAT_E_NOMEM) {
        links_close(set, l, LINK_CLOSE_TRY_LATER, "out of memory");
    } else if (status == CHAT_E_TOO_LARGE) {
        fault(set, l, LINK_CLOSE_TOO_LARGE, CODE(LIMIT), bad.rule);
    } else if (status != CHAT_OK) {
        fault(set, l, LINK_CLOSE_PROTOCOL, CODE(MALFORMED), bad.rule);
    } else {
        for (size_t i = 0; i < batch->n_frames && l->state != LINK_CLOSING; i++) {
            set->stats.frames_in++;
            take_frame(set, l, batch->frames[i], event->now.mono_ms);
        }
    }
    arena_reset(&set->arena);
}
