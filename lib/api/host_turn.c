/* A turn: what came is fed, what machines want is done, until nobody wants anything. */
#include <string.h>

#include <libchat/close.h>

#include "api/host_inner.h"
#include "base/log.h"
#include "transport/ws_client.h"

/* Roles in one process may talk to each other without end; sockets must have their turn. */
#define ROUNDS_MAX 64
#define EFFECTS_MAX 65536

/* A carrier that no machine hears of: there was no memory for it. */
#define NOBODY UINT64_MAX

static void on_timer(uv_timer_t *handle);

static void on_again(uv_idle_t *handle) { host_turn(handle->data); }

void host_mark(struct host *host)
{
    if (host->phase != HOST_ENDED)
        (void)uv_idle_start(&host->again, on_again);
}

void host_feed(struct host_role *role, struct event *event)
{
    event->now = host_now(role->host);
    machine_feed(role->machine, event);
    role->dirty = true;
    if (!role->host->in_turn)
        host_mark(role->host);
}

/* ---- what carriers tell ---- */

static void on_opened(struct carrier *carrier, enum link_kind kind, const char *address, void *user)
{
    struct host_role *role = user;
    struct host *host = role->host;
    struct event event = {
        .kind = EVENT_LINK_OPENED,
        .link = ++host->last_id,
        .opened = {.kind = kind, .peer = carrier->peer, .address = address},
    };

    if (map_put(&host->carriers, event.link, carrier) != CHAT_OK) {
        carrier->id = NOBODY;
        carrier_close(carrier, CHAT_CLOSE_INTERNAL, "no memory", 9);
        if (kind == LINK_DIALED)
            host_feed(role, &(struct event){
                                .kind = EVENT_LINK_CLOSED,
                                .closed = {.peer = carrier->peer, .code = CHAT_CLOSE_ABNORMAL}});
        return;
    }
    carrier->id = event.link;
    host_feed(role, &event);
}

static void on_message(struct carrier *carrier, const uint8_t *bytes, size_t len, void *user)
{
    struct event event = {
        .kind = EVENT_LINK_MESSAGE,
        .link = carrier->id,
        .message = {.bytes = bytes, .len = len},
    };

    if (carrier->id != NOBODY)
        host_feed(user, &event);
}

static void on_drained(struct carrier *carrier, void *user)
{
    struct event event = {.kind = EVENT_LINK_DRAINED, .link = carrier->id};

    if (carrier->id != NOBODY)
        host_feed(user, &event);
}

static void on_closed(struct carrier *carrier, const struct carrier_end *end, void *user)
{
    struct host_role *role = user;
    struct event event = {
        .kind = EVENT_LINK_CLOSED,
        .link = carrier->id,
        .closed = {.peer = carrier->peer, .code = end->code},
    };

    if (carrier->id == NOBODY)
        return;
    if (carrier->id)
        (void)map_take(&role->host->carriers, carrier->id);
    else
        log_write(role->host->logger, CHAT_LOG_WARN, HOST_LOG, "%s: cannot reach peer %u: %.*s",
                  role->machine->ops->name, (unsigned)carrier->peer, (int)end->reason_len,
                  end->reason);
    host_feed(role, &event);
}

const struct carrier_events host_carrier_events = {
    .on_opened = on_opened,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* ---- what machines want ---- */

static void send_frames(struct host_role *role, const struct effect *effect)
{
    struct carrier *carrier = map_get(&role->host->carriers, effect->link);
    bool blocked = false;
    chat_status status;

    if (!carrier)
        return; /* it closed meanwhile; the event is on its way */
    status = carrier_send(carrier, effect->send.frames, effect->send.count, effect->send.bytes,
                          &blocked);
    if (status == CHAT_OK && blocked)
        host_feed(role, &(struct event){.kind = EVENT_LINK_BLOCKED, .link = effect->link});
    /* The message is lost, so the link must not go on as if it were not. */
    if (status == CHAT_E_NOMEM || status == CHAT_E_TOO_LARGE) {
        log_write(role->host->logger, CHAT_LOG_ERROR, HOST_LOG, "%s: a message of %zu bytes: %s",
                  role->machine->ops->name, effect->send.bytes, chat_status_text(status));
        carrier_close(carrier, CHAT_CLOSE_INTERNAL, "cannot send", 11);
    }
}

static void close_link(struct host_role *role, const struct effect *effect)
{
    struct carrier *carrier = map_get(&role->host->carriers, effect->link);
    const char *reason = effect->close.reason;

    if (carrier)
        carrier_close(carrier, effect->close.code, reason, reason ? strlen(reason) : 0);
}

static chat_status dial_role(struct host_role *role, struct host_role *other, uint32_t peer)
{
    struct carrier *near_end, *far_end;
    chat_status status = memory_link_pair(&role->host->hub, &near_end, &far_end);

    if (status != CHAT_OK)
        return status;
    near_end->events = far_end->events = &host_carrier_events;
    near_end->user = role;
    near_end->peer = peer;
    far_end->user = other;
    return CHAT_OK;
}

static chat_status dial_url(struct host_role *role, const char *url, uint32_t peer)
{
    const struct ws_dial_config config = {
        .url = url,
        .subprotocol = WS_SUBPROTOCOL_LINK,
        .authorization = role->host->authorization,
        .limits = &ws_limits_link,
        .events = &host_carrier_events,
        .user = role,
    };
    struct ws_conn *conn;
    chat_status status = ws_client_dial(role->host->net, &config, &conn);

    if (status == CHAT_OK)
        conn->carrier.peer = peer;
    return status;
}

static void dial(struct host_role *role, uint32_t peer)
{
    struct event failed = {
        .kind = EVENT_LINK_CLOSED,
        .closed = {.peer = peer, .code = CHAT_CLOSE_ABNORMAL},
    };
    chat_status status = CHAT_E_NOT_FOUND;

    if (role->host->phase >= HOST_CLOSING)
        return;
    if (peer < role->peer_count)
        status = role->peers[peer].url ? dial_url(role, role->peers[peer].url, peer)
                                       : dial_role(role, role->peers[peer].role, peer);
    if (status == CHAT_OK)
        return;
    log_write(role->host->logger, CHAT_LOG_ERROR, HOST_LOG, "%s: cannot dial peer %u: %s",
              role->machine->ops->name, (unsigned)peer, chat_status_text(status));
    host_feed(role, &failed);
}

static void submit(struct host_role *role, struct engine_request *request)
{
    chat_status status = role->lanes ? lanes_submit(role->lanes, request) : CHAT_E_UNSUPPORTED;

    if (status == CHAT_OK)
        return;
    request->status = status;
    host_feed(role, &(struct event){.kind = EVENT_ENGINE_DONE, .engine = request});
}

static void perform(struct host_role *role, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND: send_frames(role, effect); break;
    case EFFECT_CLOSE: close_link(role, effect); break;
    case EFFECT_DIAL: dial(role, effect->dial.peer); break;
    case EFFECT_ENGINE: submit(role, effect->engine); break;
    case EFFECT_STOPPED: role->stopped = true; break;
    }
}

/* False when it may want more. */
static bool take_effects(struct host_role *role)
{
    struct effect effect;

    role->dirty = false;
    for (int i = 0; i < EFFECTS_MAX; i++) {
        if (!machine_poll(role->machine, &effect))
            return true;
        perform(role, &effect);
    }
    role->dirty = true;
    return false;
}

void host_take_completions(struct host *host)
{
    for (size_t i = 0; i < host->role_count; i++) {
        struct host_role *role = host->roles[i];
        struct engine_request *request;

        while (role->lanes && (request = lanes_take(role->lanes)) != NULL)
            host_feed(role, &(struct event){.kind = EVENT_ENGINE_DONE, .engine = request});
    }
}

/* ---- time ---- */

static void on_timer(uv_timer_t *handle)
{
    struct host *host = handle->data;

    host->timer_at_ms = MOMENT_NEVER;
    host_mark(host);
}

/* Once per role and turn, whatever deadline it then has. */
static bool feed_time(struct host_role *role)
{
    if (role->timed || machine_deadline(role->machine) > host_now(role->host).mono_ms)
        return false;
    role->timed = true;
    host_feed(role, &(struct event){.kind = EVENT_TIMER});
    return true;
}

static void arm_timer(struct host *host)
{
    int64_t first_ms = MOMENT_NEVER, now_ms = host_now(host).mono_ms;

    for (size_t i = 0; i < host->role_count; i++) {
        int64_t deadline_ms = machine_deadline(host->roles[i]->machine);
        if (deadline_ms < first_ms)
            first_ms = deadline_ms;
    }
    if (first_ms == host->timer_at_ms)
        return;
    host->timer_at_ms = first_ms;
    if (first_ms == MOMENT_NEVER) {
        (void)uv_timer_stop(&host->timer);
        return;
    }
    uv_update_time(&host->loop);
    (void)uv_timer_start(&host->timer, on_timer,
                         first_ms > now_ms ? (uint64_t)(first_ms - now_ms) : 1, 0);
}

/* ---- the turn ---- */

static bool go_round(struct host *host)
{
    bool did = false;

    for (size_t i = 0; i < host->role_count; i++) {
        struct host_role *role = host->roles[i];

        if (feed_time(role) || role->dirty) {
            did = true;
            if (!take_effects(role))
                return false;
        }
    }
    return memory_hub_deliver(&host->hub) || did;
}

void host_turn(struct host *host)
{
    bool more = true;

    if (host->phase == HOST_ENDED)
        return;
    host->in_turn = true;
    for (int i = 0; i < ROUNDS_MAX && more; i++)
        more = go_round(host);
    host->in_turn = false;
    for (size_t i = 0; i < host->role_count; i++) {
        host->roles[i]->timed = false;
        more = more || host->roles[i]->dirty;
    }
    if (more)
        host_mark(host);
    else
        (void)uv_idle_stop(&host->again);
    arm_timer(host);
    host->now_known = false;
    if (host->phase != HOST_RUNNING)
        host_check_stop(host);
}
