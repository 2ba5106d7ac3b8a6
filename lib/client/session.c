/* One state and one link: connecting, losing, waiting, closing. */
#include <string.h>

#include <libchat/close.h>

#include "client/inner.h"

#define BACKOFF_DOUBLINGS_MAX 16u
#define GHOST_MS 120000 /* a lost hello is not executed later than this */
#define STEADY_MS 5000  /* a link that was live this long ends a row of failures */

void session_problem_text(struct client_core *core, const char *what, const char *text, size_t len)
{
    size_t at = strlen(what);

    if (at >= sizeof(core->problem) - 3)
        at = sizeof(core->problem) - 3;
    memcpy(core->problem, what, at);
    if (len) {
        core->problem[at++] = ':';
        core->problem[at++] = ' ';
        if (len >= sizeof(core->problem) - at)
            len = sizeof(core->problem) - 1 - at;
        memcpy(core->problem + at, text, len);
    }
    core->problem[at + len] = '\0';
}

void client_session_enter(struct client_core *core, chat_conn_state state, chat_status reason)
{
    bool changed = core->state != state || core->reason != reason;

    if (core->state != state)
        view_touch_link(core);
    core->state = state;
    core->reason = reason;
    core->state_deadline_ms = MOMENT_NEVER;
    if (state == CHAT_CONN_AUTHENTICATING)
        core->state_deadline_ms = core->now.mono_ms + core->cfg.hello_timeout_ms;
    else if (state == CHAT_CONN_SYNCING) /* for the list of channels */
        core->state_deadline_ms = core->now.mono_ms + core->cfg.request_timeout_ms;
    else if (state == CHAT_CONN_LIVE)
        core->live_at_ms = core->now.mono_ms;
    if (changed && state != CHAT_CONN_BACKING_OFF) /* that one is told with its wait */
        events_state(core);
    if (changed)
        log_write(core->cfg.logger, CHAT_LOG_INFO, "client", "%s (%s)", chat_conn_state_name(state),
                  chat_status_name(reason));
}

bool session_is_signed_in(const struct client_core *core)
{
    return core->link && (core->state == CHAT_CONN_SYNCING || core->state == CHAT_CONN_LIVE);
}

static void queue_close(struct client_core *core, link_id link, uint16_t code, const char *reason,
                        bool goodbye)
{
    if (core->closings_count == CLIENT_CLOSES_MAX) /* the host will see it die of silence */
        return;
    core->closings[core->closings_count++] = (struct closing){link, code, reason, goodbye};
}

/*
 * The newest session of a device wins, and it is the service that says which is the newest.
 * A hello that we gave up on may be on its way still, and overtake the one that replaced it:
 * then it is ourselves who took over. Coming back makes the newest session again.
 */
bool session_is_superseded(const struct client_core *core)
{
    return core->now.mono_ms >= core->ghost_until_ms;
}

/* Forgets the link: nothing of it counts any more. */
static void detach(struct client_core *core)
{
    if (core->hello_out)
        core->ghost_until_ms = core->now.mono_ms + GHOST_MS;
    core->hello_out = false;
    if (core->live_at_ms != MOMENT_NEVER && core->now.mono_ms - core->live_at_ms >= STEADY_MS)
        core->failures = 0;
    core->live_at_ms = MOMENT_NEVER;
    core->link = 0;
    core->blocked = false;
    core->list_complete = false;
    core->heartbeat_at_ms = MOMENT_NEVER;
    core->refresh_at_ms = MOMENT_NEVER;
    outq_fini(&core->out);
    core->out_handed = 0;
    requests_lost(core);
    typing_lost(core);
    receive_drop(core);
}

void session_back_off(struct client_core *core, chat_status status)
{
    uint32_t doublings =
        core->failures < BACKOFF_DOUBLINGS_MAX ? core->failures : BACKOFF_DOUBLINGS_MAX;
    uint64_t ceiling =
        least_u64(core->cfg.backoff_max_ms, (uint64_t)core->cfg.backoff_base_ms << doublings);
    uint64_t wait_ms = rng_below(&core->rng, ceiling + 1);

    core->wait_is_slot = core->slot_ms != 0;
    if (core->slot_ms) {
        wait_ms = core->slot_ms;
    } else if (status == CHAT_E_PROTOCOL) { /* one of us has a bug: the longest wait */
        wait_ms =
            core->cfg.backoff_max_ms / 2 + rng_below(&core->rng, core->cfg.backoff_max_ms / 2);
    }
    core->slot_ms = 0;
    if (core->failures < UINT32_MAX)
        core->failures++;
    client_session_enter(core, CHAT_CONN_BACKING_OFF, status);
    core->state_deadline_ms = core->now.mono_ms + (int64_t)wait_ms;
    events_state(core);
}

void session_drop(struct client_core *core, uint16_t code, const char *reason, chat_status status)
{
    if (core->link)
        queue_close(core, core->link, code, reason, false);
    detach(core);
    core->dial_wanted = false;
    if (core->started && !core->suspended)
        session_back_off(core, status);
}

void session_protocol_error(struct client_core *core, const char *what)
{
    log_write(core->cfg.logger, CHAT_LOG_WARN, "client", "the server broke the protocol: %s", what);
    session_problem_text(core, "protocol", what, strlen(what));
    session_drop(core, CHAT_CLOSE_PROTOCOL, what, CHAT_E_PROTOCOL);
}

void session_odd(struct client_core *core, const char *what)
{
    log_write(core->cfg.logger, CHAT_LOG_DEBUG, "client", "odd: %s", what);
    if (++core->oddities > CLIENT_ODDITIES_MAX)
        session_protocol_error(core, what);
}

void session_connect(struct client_core *core)
{
    if (!core->started || core->suspended || core->link)
        return;
    if (!signin_has_credentials(core)) {
        client_session_enter(core, CHAT_CONN_OFFLINE,
                             core->reason == CHAT_E_EXPIRED ? CHAT_E_EXPIRED : CHAT_E_AUTH);
        signin_need_token(core, CHAT_OK);
        return;
    }
    core->verdict = CHAT_OK;
    core->verdict_final = core->verdict_auth = false;
    core->slot_ms = 0;
    core->oddities = 0;
    core->dial_wanted = !core->dial_out;
    client_session_enter(core, CHAT_CONN_CONNECTING, CHAT_OK);
}

/* A dial that is out belongs to another network, or nobody wants it any more. */
static void drop_dial(struct client_core *core)
{
    if (core->dial_out)
        core->dial_dropped = core->drop_wanted = true;
}

static void dial_is_over(struct client_core *core)
{
    core->dial_out = false;
    core->dial_dropped = core->drop_wanted = false;
}

void session_opened(struct client_core *core, link_id link)
{
    dial_is_over(core);
    if (core->state != CHAT_CONN_CONNECTING || core->link) {
        queue_close(core, link, CHAT_CLOSE_NORMAL, "not wanted any more", false);
        return;
    }
    core->link = link;
    core->blocked = false;
    core->dial_wanted = false;
    if (core->ghost_until_ms == 0) /* an earlier opening of the cache may have left one, too */
        core->ghost_until_ms =
            cache_identity(core->cache)->opens > 1 ? core->now.mono_ms + GHOST_MS : INT64_MIN;
    client_session_enter(core, CHAT_CONN_AUTHENTICATING, CHAT_OK);
    signin_hello(core);
}

/* What a close code says, beside what a problem frame may have said before. */
static void judge(struct client_core *core, uint16_t code)
{
    chat_status status = CHAT_E_NETWORK;

    if (code == CHAT_CLOSE_REVOKED)
        signin_revoked(core);
    if (code >= 4000 && code < 4100) {
        status = code == CHAT_CLOSE_TOKEN_EXPIRED ? CHAT_E_EXPIRED : CHAT_E_AUTH;
        core->verdict_auth = true;
    } else if (code >= 4200 && code < 4300) {
        status = CHAT_E_CONFLICT;
        core->verdict_final = code != CHAT_CLOSE_SUPERSEDED || session_is_superseded(core);
    } else if (code == 1002 || code == 1003 || (code >= 1007 && code <= 1009)) {
        status = CHAT_E_PROTOCOL;
    } else if (code >= 4100 && code < 4200) {
        status = CHAT_E_UNAVAILABLE;
    }
    if (core->verdict == CHAT_OK)
        core->verdict = status;
}

/* The link is gone; what its problem frame or its code said decides how to go on. */
static void lost(struct client_core *core, uint16_t code)
{
    judge(core, code);
    detach(core);
    if (!core->started || core->suspended)
        return;
    if (core->verdict_final) {
        core->started = false;
        client_session_enter(core, CHAT_CONN_CLOSED, core->verdict);
    } else if (core->verdict_auth) {
        signin_refused(core, core->verdict);
    } else {
        session_back_off(core, core->verdict);
    }
}

void client_session_closed(struct client_core *core, link_id link, uint16_t code)
{
    bool dial_failed = link == 0;

    for (uint32_t i = 0; i < core->closings_count; i++) {
        if (link && core->closings[i].link == link) { /* it went first */
            core->closings_count--;
            memmove(&core->closings[i], &core->closings[i + 1],
                    (core->closings_count - i) * sizeof(core->closings[0]));
            return;
        }
    }
    if (dial_failed) {
        bool dropped = core->dial_dropped;

        dial_is_over(core);
        if (core->state != CHAT_CONN_CONNECTING)
            return;
        core->dial_wanted = dropped;
        if (dropped)
            return;
    } else if (link != core->link) {
        return;
    }
    lost(core, code);
}

void client_session_end(struct client_core *core, uint16_t code, const char *reason)
{
    queue_close(core, core->link, code, reason, false);
    lost(core, CHAT_CLOSE_ABNORMAL);
}

/* A channel whose store does not answer holds nobody back: it goes on being asked. */
static bool is_caught_up(const struct client_core *core)
{
    if (!core->list_complete)
        return false;
    LIST_EACH(node, &core->lagging)
    {
        if (!LIST_ENTRY(node, struct channel, lagging)->lane_failed)
            return false;
    }
    return true;
}

void session_settle(struct client_core *core)
{
    if (core->state == CHAT_CONN_SYNCING && is_caught_up(core))
        client_session_enter(core, CHAT_CONN_LIVE, CHAT_OK);
}

void session_timer(struct client_core *core)
{
    int64_t now_ms = core->now.mono_ms;

    if (now_ms >= core->state_deadline_ms) {
        core->state_deadline_ms = MOMENT_NEVER;
        if (core->state == CHAT_CONN_BACKING_OFF)
            session_connect(core);
        else
            session_drop(core, CHAT_CLOSE_GOING_AWAY, "no answer", CHAT_E_TIMEOUT);
        return;
    }
    /* No heartbeat goes out then, so no missing answer would tell. */
    if (core->link && core->blocked && now_ms >= core->blocked_until_ms) {
        session_problem_text(core, "nothing was taken in time", "", 0);
        session_drop(core, CHAT_CLOSE_GOING_AWAY, "not read", CHAT_E_TIMEOUT);
        return;
    }
    if (requests_overdue(core)) {
        session_problem_text(core, "no answer in time", "", 0);
        session_drop(core, CHAT_CLOSE_GOING_AWAY, "no answer", CHAT_E_TIMEOUT);
        return;
    }
    if (now_ms >= core->refresh_at_ms) {
        core->refresh_at_ms = MOMENT_NEVER;
        signin_need_token(core, CHAT_OK);
    }
}

int64_t session_deadline(const struct client_core *core)
{
    struct list_node *oldest = list_first(&core->requests);
    int64_t at_ms = core->state_deadline_ms;

    if (oldest && LIST_ENTRY(oldest, struct request, link)->deadline_ms < at_ms)
        at_ms = LIST_ENTRY(oldest, struct request, link)->deadline_ms;
    if (core->refresh_at_ms < at_ms)
        at_ms = core->refresh_at_ms;
    if (core->heartbeat_at_ms < at_ms && !core->blocked)
        at_ms = core->heartbeat_at_ms;
    if (core->link && core->blocked && core->blocked_until_ms < at_ms)
        at_ms = core->blocked_until_ms;
    return at_ms;
}

/* --- what the application asks for --- */

chat_status client_start(struct client_core *core)
{
    chat_status status;

    if (core->started || core->stopping)
        return CHAT_E_STATE;
    status = core_reload(core); /* it could not be read when it last closed */
    if (status != CHAT_OK)
        return status;
    core->started = true;
    core->failures = core->tokens_refused = 0;
    core->reason = CHAT_OK;
    session_connect(core);
    return CHAT_OK;
}

/* Leaves for now or for good, politely when that costs no waiting. */
static void leave(struct client_core *core, chat_conn_state state)
{
    if (core->link)
        queue_close(core, core->link, CHAT_CLOSE_NORMAL, "bye",
                    session_is_signed_in(core) && !core->blocked);
    detach(core);
    core->dial_wanted = false;
    drop_dial(core);
    client_session_enter(core, state, CHAT_OK);
}

void client_stop(struct client_core *core)
{
    if (!core->started)
        return;
    core->started = false;
    leave(core, CHAT_CONN_CLOSED);
}

void client_suspend(struct client_core *core)
{
    if (core->suspended)
        return;
    core->suspended = true;
    if (core->started)
        leave(core, CHAT_CONN_OFFLINE);
    (void)client_flush(core);
    cache_release(core->cache);
}

void client_resume(struct client_core *core)
{
    if (!core->suspended)
        return;
    core->suspended = false;
    core->failures = 0;
    session_connect(core);
}

void client_network_changed(struct client_core *core)
{
    if (core->state == CHAT_CONN_BACKING_OFF && !core->wait_is_slot) {
        core->failures = 0;
        session_connect(core);
    } else if (core->state == CHAT_CONN_CONNECTING) {
        drop_dial(core);
    } else if (session_is_signed_in(core)) {
        core->heartbeat_at_ms = core->now.mono_ms;
    }
}

void client_link_problem(struct client_core *core, chat_status status, const char *text, size_t len)
{
    session_problem_text(core, chat_status_text(status), text, len);
}

chat_conn_state client_state(const struct client_core *core) { return core->state; }
const char *client_last_problem(const struct client_core *core) { return core->problem; }
uint64_t client_user_id(const struct client_core *core)
{
    return cache_identity(core->cache)->user_id;
}
