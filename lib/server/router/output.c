#include "server/router/output.h"

#include <stdio.h>

void output_mark(struct router *r, struct session *s)
{
    if (!s->blocked && !list_node_is_linked(&s->dirty))
        list_push_back(&r->dirty, &s->dirty);
}

/* Tells when it is presence, which is to be said again. */
static bool is_ephemeral(const struct frame *frame, void *is_presence)
{
    if (frame->kind == WIRE_SERVER_FRAME__BODY_PRESENCE)
        *(bool *)is_presence = true;
    return frame->kind == WIRE_SERVER_FRAME__BODY_PRESENCE ||
           frame->kind == WIRE_SERVER_FRAME__BODY_TYPING;
}

static void doom(struct router *r, struct session *s, bool starved)
{
    outq_fini(&s->out);
    s->doomed = true;
    s->starved = starved;
    list_remove(&s->dirty);
    list_push_back(&r->doomed, &s->dirty);
}

void output_starve(struct router *r, struct session *s)
{
    if (s->state != SESSION_CLOSING && !s->doomed)
        doom(r, s, true);
}

static void reap(struct router *r, struct session *s)
{
    struct session_end end = {
        .close_code = CHAT_CLOSE_SLOW_CONSUMER,
        .reason = "slow consumer",
        .problem = WIRE_PROBLEM_CODE__PROBLEM_SLOW_CONSUMER,
        .retry = WIRE_RETRY__RETRY_LATER,
        .limit = "session_queue_max",
    };

    if (s->starved) {
        r->stats.no_memory++;
        end = (struct session_end){.close_code = CHAT_CLOSE_INTERNAL, .reason = "out of memory"};
    } else {
        r->stats.slow++;
    }
    s->doomed = false;
    session_end(r, s, &end);
}

void output_reap(struct router *r)
{
    struct list_node *node;

    while ((node = list_pop_front(&r->doomed)) != NULL)
        reap(r, LIST_ENTRY(node, struct session, dirty));
}

/* Makes room by dropping what will be said again, or is over soon; false when that is not enough.
 */
static bool shed(struct router *r, struct session *s, struct frame *frame, size_t bytes_max,
                 uint32_t frames_max)
{
    bool is_presence = false, is_over;

    r->stats.ephemera_dropped += outq_drop(&s->out, is_ephemeral, &is_presence);
    is_over = is_ephemeral(frame, &is_presence);
    s->presence_stale |= is_presence;
    r->stats.ephemera_dropped += is_over;
    if (is_over)
        return true;
    return outq_push(&s->out, r->allocator, frame, bytes_max, frames_max) == CHAT_OK;
}

/* The hot path of a fan-out: no allocation for a first frame, nothing hashed. */
void output_push(struct router *r, struct session *s, struct frame *frame)
{
    size_t bytes_max = r->limits.session_queue_max;
    uint32_t frames_max = r->limits.session_frames_max;
    chat_status status;

    if (s->state == SESSION_CLOSING || s->doomed)
        return;
    if (!s->blocked) {
        bytes_max *= OUTPUT_TURN_FACTOR;
        frames_max *= OUTPUT_TURN_FACTOR;
    }
    status = outq_push(&s->out, r->allocator, frame, bytes_max, frames_max);
    if (status == CHAT_E_NOMEM || (status != CHAT_OK && !shed(r, s, frame, bytes_max, frames_max)))
        doom(r, s, status == CHAT_E_NOMEM);
    else
        output_mark(r, s);
}

void output_send(struct router *r, struct session *s, const WireServerFrame *frame)
{
    struct frame *encoded;

    if (s->state == SESSION_CLOSING || s->doomed)
        return;
    encoded = wire_encode_server(r->allocator, frame);
    if (!encoded) {
        doom(r, s, true);
        return;
    }
    output_push(r, s, encoded);
    frame_unref(encoded);
}

void output_pass_problem(struct router *r, struct session *s, uint32_t request_id,
                         const WireProblem *problem)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireProblem said = *problem;

    if ((unsigned)said.code < ROUTER_PROBLEM_CODES)
        r->stats.problems[said.code]++;
    frame.request_id = request_id;
    frame.body_case = WIRE_SERVER_FRAME__BODY_PROBLEM;
    frame.problem = &said;
    output_send(r, s, &frame);
}

void output_problem(struct router *r, struct session *s, uint32_t request_id, WireProblemCode code,
                    WireRetry retry, uint32_t retry_after_ms, const char *limit, const char *detail)
{
    WireProblem problem = WIRE_PROBLEM__INIT;
    char limit_text[64 + 1], detail_text[256 + 1];

    problem.code = code;
    problem.retry = retry;
    problem.retry_after_ms = retry_after_ms;
    (void)snprintf(limit_text, sizeof(limit_text), "%s", limit ? limit : "");
    (void)snprintf(detail_text, sizeof(detail_text), "%s", detail ? detail : "");
    problem.limit = limit_text;
    problem.detail = detail_text;
    output_pass_problem(r, s, request_id, &problem);
}

void output_settle(struct router *r)
{
    struct session *s = r->sent;

    if (!s)
        return;
    r->sent = NULL;
    outq_sent(&s->out, r->sent_count);
    if (s->out.count > 0 || s->state == SESSION_CLOSING)
        output_mark(r, s);
}

static bool poll_close(struct session *s, struct effect *out)
{
    if (s->state != SESSION_CLOSING || s->close_told)
        return false;
    s->close_told = true;
    *out = (struct effect){
        .kind = EFFECT_CLOSE,
        .link = s->link,
        .close = {.code = s->close_code, .reason = s->close_reason ? s->close_reason : ""},
    };
    return true;
}

static bool poll_session(struct router *r, struct session *s, struct effect *out)
{
    struct outq_batch batch;

    if (s->close_told)
        return false;
    if (s->blocked)
        return poll_close(s, out); /* what waits will not be read any more */
    batch = outq_batch(&s->out, CHAT_SERVER_MESSAGE_MAX, CHAT_SERVER_FRAMES_MAX);
    if (batch.count == 0)
        return poll_close(s, out);
    r->sent = s;
    r->sent_count = batch.count;
    r->stats.messages_out++;
    r->stats.frames_out += batch.count;
    r->stats.bytes_out += batch.bytes;
    *out = (struct effect){
        .kind = EFFECT_SEND,
        .link = s->link,
        .send = {.frames = batch.frames, .count = batch.count, .bytes = batch.bytes},
    };
    return true;
}

bool output_poll(struct router *r, struct effect *out)
{
    struct list_node *node;

    while ((node = list_pop_front(&r->dirty)) != NULL) {
        if (poll_session(r, LIST_ENTRY(node, struct session, dirty), out))
            return true;
    }
    return false;
}
