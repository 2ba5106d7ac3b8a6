#include "server/router/drain.h"

#include "server/router/output.h"

static void send_away(struct router *r, struct session *s)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireGoingAway away = WIRE_GOING_AWAY__INIT;

    away.reconnect_after_ms = (uint32_t)rng_below(&r->rng, r->limits.drain_reconnect_ms);
    frame.body_case = WIRE_SERVER_FRAME__BODY_GOING_AWAY;
    frame.going_away = &away;
    output_send(r, s, &frame);
    session_enter(r, s, SESSION_LEAVING);
    s->turn_at_ms = r->now.mono_ms + r->limits.drain_grace_ms;
    if (r->limits.drain_grace_ms == 0)
        session_on_timer(r, s);
    else
        session_arm(r, s);
}

static void refuse_unready(struct router *r, struct session *s)
{
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_DRAINING,
                    .reason = "draining",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_DRAINING,
                    .retry = WIRE_RETRY__RETRY_LATER,
                });
}

void drain_start(struct router *r)
{
    if (r->drain.stopping)
        return;
    r->drain.stopping = true;
    r->drain.started_ms = r->now.mono_ms;
    for (uint32_t i = 0; i < r->sessions.made; i++) {
        struct session *s = router_session(r, i);

        if (!slab_is_taken(&s->item))
            continue;
        if (session_is_signed_in(s))
            r->drain.total++;
        else
            refuse_unready(r, s);
    }
    router_log(r, CHAT_LOG_INFO, "draining %u sessions", r->drain.total);
    drain_step(r);
}

/* How many should have been told by now. */
static uint32_t due(const struct router *r)
{
    int64_t passed_ms = r->now.mono_ms - r->drain.started_ms;

    if (passed_ms >= r->limits.drain_ms)
        return UINT32_MAX;
    return (uint32_t)((int64_t)r->drain.total * passed_ms / r->limits.drain_ms);
}

void drain_step(struct router *r)
{
    uint32_t target = due(r);

    if (!r->drain.stopping)
        return;
    while (r->drain.cursor < r->sessions.made && r->drain.told < target) {
        struct session *s = router_session(r, r->drain.cursor++);

        if (!slab_is_taken(&s->item) || !session_is_signed_in(s) || s->state == SESSION_LEAVING)
            continue;
        r->drain.told++;
        send_away(r, s);
    }
    if (r->sessions.taken == 0 && !r->drain.links_told) {
        r->drain.links_told = true;
        links_stop(&r->links, LINK_CLOSE_GOING_AWAY, "router stops");
    }
}

bool drain_poll(struct router *r)
{
    if (!r->drain.links_told || r->drain.stopped || r->sessions.taken > 0 ||
        !links_is_idle(&r->links))
        return false;
    r->drain.stopped = true;
    return true;
}
