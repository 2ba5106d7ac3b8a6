/* Hello and welcome, tokens and tickets, heartbeats. */
#include <string.h>

#include <libchat/close.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "client/inner.h"

#define HEARTBEAT_DEFAULT_MS 30000u
#define HEARTBEAT_MIN_MS 1000u
#define HEARTBEAT_MAX_MS 600000u
#define TICKET_MARGIN_MS 5000       /* a ticket that ends sooner is not worth a try */
#define REFRESH_MARGIN_MAX_MS 60000 /* a new token is asked for this long before the end */
#define YEAR_MS INT64_C(31536000000)

_Static_assert(CHAT_VIEWS_MAX < CHAT_HEARTBEAT_POSITIONS_MAX, "others have their turn");

/* "ticket-t", "oken-v1 ". */
static const uint64_t token_key[2] = {UINT64_C(0x7469636b65742d74), UINT64_C(0x6f6b656e2d763120)};

static uint64_t token_hash(const struct client_core *core)
{
    return core->token ? hash_bytes(token_key, core->token, core->token_len) : 0;
}

/* The router would believe the ticket. When the application has another token than the one
 * that earned it, that may be another user's: then only the token counts. */
static bool ticket_is_usable(const struct client_core *core)
{
    return core->ticket.len && core->ticket.expires_at_ms > core->now.wall_ms + TICKET_MARGIN_MS &&
           core->ticket.token_hash == token_hash(core);
}

/* Our clock may be wrong: without a token an old ticket is tried, too. */
bool signin_has_credentials(const struct client_core *core)
{
    return core->ticket.len || core->token;
}

void signin_need_token(struct client_core *core, chat_status why)
{
    if (core->token_asked)
        return;
    core->token_asked = true;
    events_need_token(core, why);
}

static void forget_ticket(struct client_core *core)
{
    core->ticket.len = 0;
    (void)core_ok(core, cache_set_ticket(core->cache, &core->ticket));
}

static void forget_token(struct client_core *core)
{
    if (core->token)
        memset(core->token, 0, core->token_len);
    alloc_free(core->allocator, core->token);
    core->token = NULL;
    core->token_len = 0;
}

void signin_revoked(struct client_core *core)
{
    core->by_ticket = false;
    core->token_shown = true; /* forgotten with the ticket: signin_refused() */
}

void signin_refused(struct client_core *core, chat_status status)
{
    if (!core->by_ticket && core->token_shown)
        forget_token(core);
    core->by_ticket = false;
    forget_ticket(core);
    if (core->token) { /* another credential than the one that was refused */
        client_session_enter(core, CHAT_CONN_OFFLINE, CHAT_OK);
        session_connect(core);
        return;
    }
    client_session_enter(core, CHAT_CONN_OFFLINE, status);
    core->token_asked = false;
    signin_need_token(core, status);
}

chat_status client_set_token(struct client_core *core, const char *token, size_t len)
{
    char *copy;

    if (len > CHAT_TOKEN_MAX)
        return CHAT_E_TOO_LARGE;
    if (len == 0 || !token || !utf8_is_valid((const uint8_t *)token, len))
        return CHAT_E_INVALID;
    copy = alloc_text(core->allocator, token, len);
    if (!copy)
        return CHAT_E_NOMEM;
    forget_token(core);
    core->token = copy;
    core->token_len = len;
    core->token_shown = false;
    core->token_asked = false;
    if (session_is_signed_in(core))
        core->refresh_wanted = true;
    else if (core->state == CHAT_CONN_OFFLINE)
        session_connect(core);
    return CHAT_OK;
}

void signin_hello(struct client_core *core)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;
    struct request *r = request_new(core, REQ_HELLO);

    if (!r)
        return;
    core->by_ticket = ticket_is_usable(core) || !core->token;
    core->offered_hash = core->by_ticket ? core->ticket.token_hash : token_hash(core);
    if (core->by_ticket) {
        hello.ticket.data = core->ticket.bytes;
        hello.ticket.len = core->ticket.len;
    } else {
        hello.token = core->token;
        core->token_shown = true;
    }
    hello.device_id = cache_identity(core->cache)->device_id;
    hello.client = core->client;
    hello.presence = (WirePresenceState)core->cfg.presence;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_HELLO;
    frame.hello = &hello;
    core->hello_out = request_send(core, r, &frame);
}

/* When to ask for a new token, from what the server's clock says. */
static void plan_refresh(struct client_core *core, int64_t token_expires_at_ms)
{
    int64_t now_ms = core->now.mono_ms, left_ms, margin_ms;

    core->refresh_at_ms = MOMENT_NEVER;
    if (token_expires_at_ms <= 0 || token_expires_at_ms / 2 >= INT64_MAX / 4)
        return;
    left_ms = token_expires_at_ms - (now_ms + core->server_offset_ms);
    if (left_ms > YEAR_MS)
        return;
    if (left_ms < 0)
        left_ms = 0;
    margin_ms = left_ms / 5 < REFRESH_MARGIN_MAX_MS ? left_ms / 5 : REFRESH_MARGIN_MAX_MS;
    core->refresh_at_ms = now_ms + left_ms - margin_ms;
}

/* A moment of the server's clock by our own, which may be years off: between two sessions it
 * is the only one we have, and it is off by the same amount then. */
static int64_t by_our_clock(const struct client_core *core, int64_t server_ms)
{
    if (server_ms <= 0 || server_ms > INT64_MAX / 4 || core->server_offset_ms == 0)
        return server_ms > INT64_MAX / 4 ? INT64_MAX / 4 : server_ms;
    return server_ms - (core->now.mono_ms + core->server_offset_ms) + core->now.wall_ms;
}

static void keep_ticket(struct client_core *core, const ProtobufCBinaryData *bytes,
                        int64_t expires_at_ms)
{
    if (bytes->len == 0 || bytes->len > CHAT_TICKET_MAX)
        return;
    memcpy(core->ticket.bytes, bytes->data, bytes->len);
    core->ticket.len = bytes->len;
    core->ticket.expires_at_ms = by_our_clock(core, expires_at_ms);
    core->ticket.token_hash = core->proven_hash;
    (void)core_ok(core, cache_set_ticket(core->cache, &core->ticket));
}

static uint32_t at_most(uint32_t said, uint32_t limit)
{
    return said && said < limit ? said : limit;
}

static struct budget budget_of(const struct client_core *core, uint32_t per_second)
{
    return (struct budget){
        .per_second = per_second, .left = (int64_t)per_second * 1000, .at_ms = core->now.mono_ms};
}

static void keep_limits(struct client_core *core, const WireWelcome *w)
{
    static const WireLimits none = WIRE_LIMITS__INIT;
    const WireLimits *limits = w->limits ? w->limits : &none;
    uint32_t beat_ms = w->heartbeat_ms ? w->heartbeat_ms : HEARTBEAT_DEFAULT_MS;

    beat_ms = beat_ms < HEARTBEAT_MIN_MS ? HEARTBEAT_MIN_MS : beat_ms;
    core->heartbeat_ms = beat_ms < HEARTBEAT_MAX_MS ? beat_ms : HEARTBEAT_MAX_MS;
    core->in_flight_max = at_most(limits->in_flight_per_channel, CHAT_IN_FLIGHT_MAX);
    core->page_max = at_most(limits->history_page, CHAT_HISTORY_PAGE_MAX);
    core->message_bytes = at_most(limits->message_bytes, CHAT_CLIENT_MESSAGE_MAX);
    core->budgets[BUDGET_OPERATIONS] = budget_of(core, limits->operations_per_second);
    core->budgets[BUDGET_READS] = budget_of(core, limits->reads_per_second);
}

static bool is_of_another(const struct cache_identity *id, const WireWelcome *w)
{
    return (id->service_id || id->user_id) &&
           (id->service_id != w->service_id || id->user_id != w->user_id);
}

void signin_welcome(struct client_core *core, const WireWelcome *w)
{
    const struct cache_identity *id = cache_identity(core->cache);
    chat_status status;

    if (!w->service_id || !w->user_id) {
        session_protocol_error(core, "a welcome without ids");
        return;
    }
    status = cache_bind(core->cache, w->service_id, w->user_id);
    /* Else another process had the file meanwhile: trouble that passes. */
    if (status == CHAT_E_CONFLICT && is_of_another(id, w)) {
        log_write(core->cfg.logger, CHAT_LOG_ERROR, "client",
                  "the cache belongs to user %llu of service %llu", (unsigned long long)id->user_id,
                  (unsigned long long)id->service_id);
        session_drop(core, CHAT_CLOSE_NORMAL, "the cache belongs to somebody else", status);
        core->started = false;
        events_cache(core, status);
        client_session_enter(core, CHAT_CONN_CLOSED, status);
        return;
    }
    if (!core_ok(core, status))
        return;
    keep_limits(core, w);
    core->proven_hash = core->offered_hash;
    core->server_offset_ms = 0;
    if (w->server_time_ms > 0 && w->server_time_ms < INT64_MAX / 4)
        core->server_offset_ms = w->server_time_ms - core->now.mono_ms;
    keep_ticket(core, &w->ticket, w->ticket_expires_at_ms);
    plan_refresh(core, w->token_expires_at_ms);
    core->token_asked = false;
    core->refresh_wanted = false;
    core->watch_wanted = core->watched_count > 0;
    core->presence_wanted = false; /* the hello said it */
    core->aside_wait_until_ms = 0;
    core->heartbeat_at_ms = core->now.mono_ms + (int64_t)rng_below(&core->rng, core->heartbeat_ms);
    if (w->name && strlen(w->name) <= CHAT_NAME_MAX &&
        core_ok(core, cache_user_put(core->cache, w->user_id, w->name, strlen(w->name))))
        memcpy(core->name, w->name, strlen(w->name) + 1);
    view_touch_user(core, w->user_id);
    core->list_round++;
    core->list_complete = false;
    events_welcome(core);
    client_session_enter(core, CHAT_CONN_SYNCING, CHAT_OK);
}

void signin_ticket(struct client_core *core, const WireTicket *ticket)
{
    keep_ticket(core, &ticket->ticket, ticket->ticket_expires_at_ms);
    if (ticket->token_expires_at_ms)
        plan_refresh(core, ticket->token_expires_at_ms);
}

/* The server took the new token: a warning about the old one says no more why this link ends. */
void signin_renewed(struct client_core *core)
{
    if (!core->verdict_auth)
        return;
    core->verdict_auth = false;
    core->verdict = CHAT_OK;
}

/* A problem that answers nothing, or the hello: what the end of this link will mean. */
void signin_link_problem(struct client_core *core, const WireProblem *p, bool for_hello)
{
    const char *detail = p->detail ? p->detail : "";

    session_problem_text(core, p->limit && p->limit[0] ? p->limit : "problem", detail,
                         strlen(detail));
    core->verdict = dispatch_status(p->code);
    if (p->code == WIRE_PROBLEM_CODE__PROBLEM_SUPERSEDED) {
        core->verdict_final = session_is_superseded(core);
    } else if (p->code == WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED ||
               p->code == WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED ||
               p->retry == WIRE_RETRY__RETRY_REAUTH) {
        core->verdict_auth = true;
    } else if (dispatch_is_temporary(p)) {
        core->slot_ms = (uint32_t)least_u64(p->retry_after_ms, CLIENT_SLOT_MAX_MS);
    } else if (for_hello && p->retry == WIRE_RETRY__RETRY_NEVER &&
               core->verdict != CHAT_E_PROTOCOL) {
        core->verdict_final = true;
    }
    if (for_hello) /* the server closes, too; do not wait for it */
        client_session_end(core, CHAT_CLOSE_NORMAL, "refused");
}

struct positions {
    WirePosition items[CHAT_HEARTBEAT_POSITIONS_MAX], *pointers[CHAT_HEARTBEAT_POSITIONS_MAX];
    uint32_t count;
};

static void add_position(struct positions *positions, const struct channel *ch)
{
    WirePosition *p = &positions->items[positions->count];

    if (list_node_is_linked(&ch->lagging))
        return; /* it is known to be behind */
    wire_position__init(p);
    p->channel_id = ch->c.channel_id;
    p->epoch = ch->c.epoch;
    p->seq = ch->c.head_seq;
    p->message_id = ch->c.head_message_id;
    p->rev = ch->c.head_rev;
    positions->pointers[positions->count++] = p;
}

/* Channels in an open window each time, the others in turn. */
static void add_positions(struct client_core *core, struct positions *positions)
{
    uint32_t at = channel_index_after(core, core->heartbeat_after);

    for (uint32_t i = 0; i < core->channel_count && core->view_count; i++)
        if (view_is_open(core, core->channels[i]->c.channel_id))
            add_position(positions, core->channels[i]);
    core->heartbeat_after = 0;
    for (; at < core->channel_count && positions->count < CHAT_HEARTBEAT_POSITIONS_MAX; at++) {
        core->heartbeat_after = core->channels[at]->c.channel_id;
        if (!view_is_open(core, core->channels[at]->c.channel_id))
            add_position(positions, core->channels[at]);
    }
    if (at == core->channel_count)
        core->heartbeat_after = 0; /* the next one starts over */
}

static void send_heartbeat(struct client_core *core)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHeartbeat beat = WIRE_HEARTBEAT__INIT;
    struct positions positions = {.count = 0};
    struct request *r = request_new(core, REQ_HEARTBEAT);

    if (!r)
        return;
    add_positions(core, &positions);
    beat.positions = positions.pointers;
    beat.n_positions = positions.count;
    beat.active = core->active;
    core->active = false;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_HEARTBEAT;
    frame.heartbeat = &beat;
    (void)request_send(core, r, &frame);
}

void signin_heartbeat_ack(struct client_core *core, const WireHeartbeatAck *ack)
{
    for (size_t i = 0; i < ack->n_heads; i++) {
        struct channel *ch = channel_find(core, ack->heads[i]->channel_id);

        if (ch)
            head_hint(core, ch, ack->heads[i]);
    }
}

void signin_pump(struct client_core *core)
{
    if (!session_is_signed_in(core))
        return;
    if (core->refresh_wanted && core->token && request_may_aside(core, BUDGET_OPERATIONS)) {
        WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
        WireRefreshToken body = WIRE_REFRESH_TOKEN__INIT;
        struct request *r = request_new(core, REQ_REFRESH);

        core->refresh_wanted = false;
        core->offered_hash = token_hash(core);
        body.token = core->token;
        frame.body_case = WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN;
        frame.refresh_token = &body;
        if (r)
            (void)request_send(core, r, &frame);
    }
    if (core->now.mono_ms >= core->heartbeat_at_ms) {
        /* Jittered downwards: the server counts silence in heartbeats. */
        uint64_t fifth_ms = core->heartbeat_ms / 5;

        core->heartbeat_at_ms = core->now.mono_ms + (int64_t)(core->heartbeat_ms - fifth_ms) +
                                (int64_t)rng_below(&core->rng, fifth_ms + 1);
        send_heartbeat(core);
    }
}

void client_set_active(struct client_core *core) { core->active = true; }

const char *client_user_name(const struct client_core *core) { return core->name; }
