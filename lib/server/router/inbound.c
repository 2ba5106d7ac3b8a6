#include "server/router/inbound.h"

#include "server/router/handshake.h"
#include "server/router/output.h"
#include "server/router/request.h"

/* --- one frame --- */

static void goodbye(struct router *r, struct session *s)
{
    session_end(r, s, &(struct session_end){.close_code = CHAT_CLOSE_NORMAL, .reason = "goodbye"});
}

static void end_unauthenticated(struct router *r, struct session *s, uint32_t request_id)
{
    r->stats.refused_auth++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_UNAUTHENTICATED,
                    .reason = "not signed in",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                    .retry = WIRE_RETRY__RETRY_REAUTH,
                    .request_id = request_id,
                });
}

static void take_frame(struct router *r, struct session *s, const WireClientFrame *frame)
{
    r->stats.frames_in++;
    if ((unsigned)frame->body_case < ROUTER_BODIES)
        r->stats.requests_by_body[frame->body_case]++;
    if (frame->body_case == WIRE_CLIENT_FRAME__BODY_GOODBYE) {
        goodbye(r, s);
    } else if (!session_is_signed_in(s)) {
        if (s->state == SESSION_GREETING && frame->body_case == WIRE_CLIENT_FRAME__BODY_HELLO)
            handshake_hello(r, s, frame->request_id, frame->hello);
        else
            end_unauthenticated(r, s, frame->request_id);
    } else {
        request_take(r, s, frame);
    }
}

/* --- one message --- */

static void end_limit(struct router *r, struct session *s, const char *limit, uint32_t request_id,
                      uint16_t close_code)
{
    r->stats.faults_limit++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = close_code,
                    .reason = "limit exceeded",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_LIMIT,
                    .retry = WIRE_RETRY__RETRY_NEVER,
                    .limit = limit,
                    .request_id = request_id,
                });
}

/* What came with the broken frame is lost too, so the link ends: the client cannot know
 * which of its frames were taken. None of them were. */
static void end_fault(struct router *r, struct session *s, chat_status status,
                      const struct wire_fault *fault, size_t len)
{
    if (status == CHAT_E_TOO_LARGE) {
        end_limit(r, s, fault->rule, fault->request_id,
                  len > CHAT_CLIENT_MESSAGE_MAX ? CHAT_CLOSE_TOO_LARGE : CHAT_CLOSE_POLICY);
        return;
    }
    if (status == CHAT_E_NOMEM) {
        r->stats.no_memory++;
        session_end(
            r, s,
            &(struct session_end){.close_code = CHAT_CLOSE_INTERNAL, .reason = "out of memory"});
        return;
    }
    r->stats.faults_malformed++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_PROTOCOL,
                    .reason = "malformed",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_MALFORMED,
                    .retry = WIRE_RETRY__RETRY_NEVER,
                    .limit = fault->rule,
                    .request_id = fault->request_id,
                });
}

void inbound_message(struct router *r, struct session *s, const uint8_t *bytes, size_t len)
{
    bool signed_in = session_is_signed_in(s);
    struct wire_fault fault = {.rule = "malformed"};
    WireClientBatch *batch;
    chat_status status;

    if (s->state == SESSION_CLOSING || s->doomed)
        return;
    r->stats.messages_in++;
    r->stats.bytes_in += len;
    s->heard_at_ms = r->now.mono_ms;
    if (!signed_in && len > r->limits.preauth_bytes) {
        end_limit(r, s, "preauth_bytes", 0, CHAT_CLOSE_POLICY);
        return;
    }
    arena_reset(&r->arena);
    status = wire_decode_client(bytes, len, &r->arena, &batch, &fault);
    if (status != CHAT_OK) {
        end_fault(r, s, status, &fault, len);
        return;
    }
    if (!signed_in && batch->n_frames > r->limits.preauth_frames) {
        end_limit(r, s, "preauth_frames", 0, CHAT_CLOSE_POLICY);
        return;
    }
    for (size_t i = 0; i < batch->n_frames && s->state != SESSION_CLOSING && !s->doomed; i++)
        take_frame(r, s, batch->frames[i]);
}
