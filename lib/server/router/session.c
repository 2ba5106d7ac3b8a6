#include "base/alloc.h"
#include "server/router/core.h"
#include "server/router/credentials.h"
#include "server/router/handshake.h"
#include "server/router/output.h"
#include "server/router/presence_report.h"
#include "server/router/presence_watch.h"
#include "server/router/sync.h"

/* A timer looks again at least this often, so that a wall clock set forward is noticed. */
#define LOOK_AGAIN_MS INT64_C(3600000)

void session_enter(struct router *r, struct session *s, enum session_state next)
{
    r->in_state[s->state]--;
    s->state = (uint8_t)next;
    r->in_state[next]++;
}

/* --- time --- */

static int64_t silent_after_ms(const struct router *r)
{
    return (int64_t)r->limits.heartbeat_ms * 5 / 2;
}

/* When the wall clock will have reached wall_ms, if nobody sets it. */
static int64_t mono_of_wall(const struct router *r, int64_t wall_ms)
{
    int64_t left_ms = wall_ms > r->now.wall_ms ? wall_ms - r->now.wall_ms : 0;

    return r->now.mono_ms + (left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS);
}

static int64_t token_end_ms(const struct router *r, const struct session *s)
{
    return s->warned ? s->token_expires_at_ms + r->limits.token_grace_ms : s->token_expires_at_ms;
}

void session_arm(struct router *r, struct session *s)
{
    int64_t at_ms = s->turn_at_ms;

    if (s->state == SESSION_SYNCING || s->state == SESSION_LIVE) {
        int64_t silent_ms = s->heard_at_ms + silent_after_ms(r);
        int64_t expiry_ms = mono_of_wall(r, token_end_ms(r, s));
        int64_t patience_ms = sync_patience_end_ms(s);

        at_ms = silent_ms < at_ms ? silent_ms : at_ms;
        at_ms = patience_ms < at_ms ? patience_ms : at_ms;
        at_ms = expiry_ms < at_ms ? expiry_ms : at_ms;
    }
    wheel_set(&r->wheel, &s->timer, at_ms);
}

static void end_silent(struct router *r, struct session *s)
{
    r->stats.silent++;
    session_end(r, s,
                &(struct session_end){.close_code = CHAT_CLOSE_SILENT, .reason = "nothing heard"});
}

static void end_expired(struct router *r, struct session *s)
{
    r->stats.expired++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_TOKEN_EXPIRED,
                    .reason = "token expired",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED,
                    .retry = WIRE_RETRY__RETRY_REAUTH,
                    .limit = "token_grace_ms",
                });
}

static void on_signed_in_timer(struct router *r, struct session *s)
{
    if (r->now.mono_ms - s->heard_at_ms >= silent_after_ms(r)) {
        end_silent(r, s);
        return;
    }
    if (r->now.wall_ms >= token_end_ms(r, s)) {
        if (s->warned) {
            end_expired(r, s);
            return;
        }
        s->warned = true;
        output_problem(r, s, 0, WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED, WIRE_RETRY__RETRY_REAUTH,
                       (uint32_t)r->limits.token_grace_ms, "token_grace_ms", "send a new token");
    }
    if (r->now.mono_ms >= s->turn_at_ms)
        credentials_renew(r, s);
    if (r->now.mono_ms >= sync_patience_end_ms(s))
        sync_lose_patience(r, s);
    session_arm(r, s);
}

void session_on_timer(struct router *r, struct session *s)
{
    switch ((enum session_state)s->state) {
    case SESSION_GREETING:
        r->stats.hello_timeouts++;
        session_end(r, s,
                    &(struct session_end){
                        .close_code = CHAT_CLOSE_HELLO_TIMEOUT,
                        .reason = "no hello in time",
                        .problem = WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                        .retry = WIRE_RETRY__RETRY_LATER,
                        .limit = "preauth_ms",
                    });
        break;
    case SESSION_OPENING: handshake_unavailable(r, s, "no answer in time"); break;
    case SESSION_SYNCING:
    case SESSION_LIVE: on_signed_in_timer(r, s); break;
    case SESSION_LEAVING:
        r->stats.drained++;
        session_end(r, s,
                    &(struct session_end){.close_code = CHAT_CLOSE_DRAINING, .reason = "draining"});
        break;
    case SESSION_CLOSING: break;
    }
}

/* --- the end --- */

static void leave_everything(struct router *r, struct session *s)
{
    wheel_cancel(&r->wheel, &s->timer);
    if (s->address != 0)
        admission_leave(&r->admission, s->address);
    s->address = 0;
    sync_free(r, s);
    watch_clear(r, s);
    if (s->user) {
        report_session(r, s, WIRE_PRESENCE_STATE__PRESENCE_STATE_OFFLINE);
        user_detach(r, s);
    }
    home_leave_all(r, s);
}

void session_end(struct router *r, struct session *s, const struct session_end *end)
{
    if (s->state == SESSION_CLOSING)
        return;
    if (s->doomed) {
        s->doomed = false;
        list_remove(&s->dirty);
    }
    if (end->problem != WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED)
        output_problem(r, s, end->request_id, end->problem, end->retry, end->retry_after_ms,
                       end->limit, end->reason);
    s->close_code = end->close_code;
    s->close_reason = end->reason;
    session_enter(r, s, SESSION_CLOSING);
    leave_everything(r, s);
    /* Out of memory for the problem: doomed again, but it closes all the same. */
    s->doomed = false;
    list_remove(&s->dirty);
    list_push_back(&r->dirty, &s->dirty);
}

void session_revoke(struct router *r, struct session *s, const char *reason)
{
    r->stats.revoked++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_REVOKED,
                    .reason = reason,
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                    .retry = WIRE_RETRY__RETRY_REAUTH,
                    .limit = "signed_out",
                });
}

void session_closed(struct router *r, struct session *s)
{
    r->stats.closed++;
    if (s->state != SESSION_CLOSING) {
        session_enter(r, s, SESSION_CLOSING);
        leave_everything(r, s);
    }
    r->in_state[SESSION_CLOSING]--;
    if (s->blocked)
        r->stats.blocked--;
    list_remove(&s->dirty);
    outq_fini(&s->out);
    map_take(&r->by_link, s->link);
    slab_give(&r->sessions, s);
}

/* --- the start --- */

/* Without a word: there is no room even for that. */
static void refuse_link(struct router *r, link_id link)
{
    r->stats.no_memory++;
    if (r->refused_count < ROUTER_REFUSED_MAX)
        r->refused[r->refused_count++] = link;
}

static void refuse_session(struct router *r, struct session *s, const char *limit)
{
    bool draining = r->drain.stopping;
    uint32_t wait_ms = admission_slot(&r->admission, r->now.mono_ms);

    r->stats.refused_admission++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = draining ? CHAT_CLOSE_DRAINING : CHAT_CLOSE_OVERLOADED,
                    .reason = draining ? "draining" : "overloaded",
                    .problem = draining ? WIRE_PROBLEM_CODE__PROBLEM_DRAINING
                                        : WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED,
                    .retry = WIRE_RETRY__RETRY_LATER,
                    .retry_after_ms = wait_ms + router_jitter(r, ROUTER_RETRY_MS, 4000),
                    .limit = limit,
                });
}

void session_open(struct router *r, const struct event *event)
{
    struct session *s = slab_take(&r->sessions);
    const char *limit = NULL;

    r->stats.opened++;
    if (!s || map_put(&r->by_link, event->link, s) != CHAT_OK) {
        if (s)
            slab_give(&r->sessions, s);
        refuse_link(r, event->link);
        return;
    }
    s->link = event->link;
    s->heard_at_ms = r->now.mono_ms;
    s->turn_at_ms = r->now.mono_ms + r->limits.preauth_ms;
    s->state = SESSION_GREETING;
    r->in_state[SESSION_GREETING]++;

    if (r->drain.stopping)
        limit = "draining";
    else if (r->sessions.taken > r->limits.sessions_max)
        limit = "sessions_max";
    else
        limit = admission_enter(&r->admission, event->opened.address, &s->address);
    if (limit)
        refuse_session(r, s, limit);
    else
        session_arm(r, s);
}
