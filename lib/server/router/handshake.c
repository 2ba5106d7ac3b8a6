#include "server/router/handshake.h"

#include <string.h>

#include "base/utf8.h"
#include "server/router/credentials.h"
#include "server/router/output.h"
#include "server/router/presence_report.h"
#include "server/router/sync.h"

#define UNAVAILABLE_MIN_MS 500
#define UNAVAILABLE_MAX_MS 3000

void handshake_unavailable(struct router *r, struct session *s, const char *why)
{
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_UNAVAILABLE,
                    .reason = why,
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE,
                    .retry = WIRE_RETRY__RETRY_LATER,
                    .retry_after_ms = router_jitter(r, UNAVAILABLE_MIN_MS, UNAVAILABLE_MAX_MS),
                });
}

/* `rule` says which check failed: "token", "audience", "ticket". */
static void refuse(struct router *r, struct session *s, uint32_t request_id, const char *rule,
                   bool expired)
{
    r->stats.refused_auth++;
    router_log(r, CHAT_LOG_DEBUG, "credentials refused: %s%s", rule, expired ? ", expired" : "");
    session_end(r, s,
                &(struct session_end){
                    .close_code = expired ? CHAT_CLOSE_TOKEN_EXPIRED : CHAT_CLOSE_UNAUTHENTICATED,
                    .reason = expired ? "token expired" : "credentials refused",
                    .problem = expired ? WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED
                                       : WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                    .retry = WIRE_RETRY__RETRY_REAUTH,
                    .limit = rule,
                    .request_id = request_id,
                });
}

/* What no token would mend. */
static void refuse_hello(struct router *r, struct session *s, uint32_t request_id, const char *rule)
{
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_POLICY,
                    .reason = "wrong hello",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_INVALID,
                    .retry = WIRE_RETRY__RETRY_NEVER,
                    .limit = rule,
                    .request_id = request_id,
                });
}

static void refuse_slot(struct router *r, struct session *s, uint32_t request_id, uint32_t wait_ms,
                        const char *limit)
{
    r->stats.refused_admission++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_OVERLOADED,
                    .reason = "overloaded",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED,
                    .retry = WIRE_RETRY__RETRY_LATER,
                    .retry_after_ms = wait_ms,
                    .limit = limit,
                    .request_id = request_id,
                });
}

/* --- Hello --- */

static WirePresenceState presence_of(const WireHello *hello)
{
    switch ((int)hello->presence) {
    case WIRE_PRESENCE_STATE__PRESENCE_STATE_IDLE:
    case WIRE_PRESENCE_STATE__PRESENCE_STATE_DND:
    case WIRE_PRESENCE_STATE__PRESENCE_STATE_INVISIBLE: return hello->presence;
    default: return WIRE_PRESENCE_STATE__PRESENCE_STATE_ONLINE;
    }
}

static void open_session(struct router *r, struct session *s, uint32_t request_id, uint32_t shard,
                         WireOpenSession *open)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    struct ask *a = ask_new(r, ASK_OPEN, s);
    chat_status status;

    if (!a) {
        refuse_slot(r, s, request_id, admission_slot(&r->admission, r->now.mono_ms),
                    "requests_max");
        return;
    }
    a->request_id = request_id;
    a->number = r->parted_count;
    open->device_id = s->device_id;
    frame.user_id = open->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
    frame.open_session = open;
    status = ask_send(r, a, shard, &frame);
    if (status == CHAT_E_LIMITED || status == CHAT_E_FULL) { /* there, but busy: a slot */
        refuse_slot(r, s, request_id,
                    ROUTER_RETRY_MS + admission_slot(&r->admission, r->now.mono_ms), "credit");
        return;
    }
    if (status != CHAT_OK) {
        handshake_unavailable(r, s, "no store for this user now");
        return;
    }
    session_enter(r, s, SESSION_OPENING);
    s->turn_at_ms = r->now.mono_ms + r->limits.request_ms;
    session_arm(r, s);
}

static bool by_ticket(struct router *r, struct session *s, uint32_t request_id,
                      const WireHello *hello)
{
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    struct ticket ticket;

    if (hello->ticket.len == 0 || !r->auth.open ||
        r->auth.open(r->auth.user, hello->ticket.data, hello->ticket.len, s->device_id,
                     r->now.wall_ms, &ticket) != CHAT_OK)
        return false;
    s->resumed = true;
    s->token_expires_at_ms = ticket.token_expires_at_ms;
    s->issuer = credentials_issuer_by_hash(r, ticket.issuer_hash);
    s->auth_epoch = ticket.auth_epoch;
    open.user_id = ticket.user_id;
    open.auth_epoch = ticket.auth_epoch;
    open.ticket_session_no = ticket.session_no;
    open.client = hello->client;
    open_session(r, s, request_id, router_shard(r, ticket.user_id), &open);
    return true;
}

/* A subject may be longer than a name. */
static void cut_name(const char *from, char out[CHAT_NAME_MAX + 1])
{
    size_t len = utf8_cut(from, strlen(from), CHAT_NAME_MAX);

    memcpy(out, from, len);
    out[len] = 0;
}

static void by_token(struct router *r, struct session *s, uint32_t request_id,
                     const WireHello *hello)
{
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    struct token_claims claims;
    char name[CHAT_NAME_MAX + 1];
    const char *reason = "token";
    size_t len = strlen(hello->token);
    chat_status status;

    if (len == 0) {
        refuse(r, s, request_id, hello->ticket.len > 0 ? "ticket" : "token", false);
        return;
    }
    status = r->auth.verify(r->auth.user, hello->token, len, r->now.wall_ms, &claims, &reason);
    if (status != CHAT_OK) {
        refuse(r, s, request_id, reason, status == CHAT_E_EXPIRED);
        return;
    }
    s->token_expires_at_ms = claims.expires_at_ms;
    s->issuer = credentials_issuer_by_name(r, claims.issuer);
    open.issuer = claims.issuer;
    open.subject = claims.subject;
    open.token_issued_at_ms = claims.issued_at_ms;
    cut_name(claims.name[0] ? claims.name : claims.subject, name);
    open.name = name;
    open.client = hello->client;
    open_session(r, s, request_id,
                 shard_of_subject(claims.issuer, claims.subject, r->shards.shard_count), &open);
}

void handshake_hello(struct router *r, struct session *s, uint32_t request_id,
                     const WireHello *hello)
{
    uint32_t wait_ms;

    if (request_id == 0 || hello->device_id == 0) {
        refuse_hello(r, s, request_id, request_id == 0 ? "request_id" : "Hello.device_id");
        return;
    }
    wait_ms = admission_take(&r->admission, r->now.mono_ms);
    if (wait_ms > 0) {
        refuse_slot(r, s, request_id, wait_ms, "handshakes_per_second");
        return;
    }
    if (r->shards.shard_count == 0) {
        handshake_unavailable(r, s, "no store yet");
        return;
    }
    s->device_id = hello->device_id;
    s->presence = (uint8_t)presence_of(hello);
    if (!by_ticket(r, s, request_id, hello))
        by_token(r, s, request_id, hello);
}

/* --- Welcome --- */

static void send_welcome(struct router *r, struct session *s, uint32_t request_id, char *name)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireWelcome welcome = WIRE_WELCOME__INIT;
    WireLimits limits = WIRE_LIMITS__INIT;
    uint8_t ticket[CHAT_TICKET_MAX];

    limits.text_bytes = CHAT_TEXT_MAX;
    limits.extra_bytes = CHAT_EXTRA_MAX;
    limits.operations_per_second = r->limits.operations_per_second;
    limits.reads_per_second = r->limits.reads_per_second;
    limits.in_flight_per_channel = CHAT_IN_FLIGHT_MAX;
    limits.message_bytes = CHAT_CLIENT_MESSAGE_MAX;
    limits.history_page = CHAT_HISTORY_PAGE_MAX;
    limits.group_members = CHAT_GROUP_MEMBERS_MAX;

    welcome.service_id = r->shards.service_id;
    welcome.user_id = s->user_id;
    welcome.session_no = s->session_no;
    welcome.heartbeat_ms = r->limits.heartbeat_ms;
    welcome.server_time_ms = r->now.wall_ms;
    welcome.ticket.len = credentials_seal(r, s, ticket, &welcome.ticket_expires_at_ms);
    welcome.ticket.data = ticket;
    welcome.token_expires_at_ms = s->token_expires_at_ms;
    welcome.limits = &limits;
    welcome.resumed = s->resumed;
    welcome.name = name;
    frame.request_id = request_id;
    frame.body_case = WIRE_SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &welcome;
    output_send(r, s, &frame);
}

/* Was the user's home left after `since`? Then the store took the subscription back. */
static bool parted_since(const struct router *r, uint64_t user_id, uint32_t since)
{
    uint32_t left = r->parted_count - since;

    if (left > ROUTER_PARTED_MAX)
        return true;
    for (; since != r->parted_count; since++)
        if (r->parted[since % ROUTER_PARTED_MAX].user_id == user_id)
            return true;
    return false;
}

static void refuse_opening(struct router *r, struct session *s, const struct ask *a,
                           const WireProblem *problem)
{
    switch ((int)problem->code) {
    case WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED:
    case WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED:
    case WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN:
    case WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND:
        refuse(r, s, a->request_id, s->resumed ? "ticket" : "token", false);
        break;
    default: handshake_unavailable(r, s, "no store for this user now");
    }
}

/* The user's sessions over the limit, or no memory for one more. */
static void refuse_crowd(struct router *r, struct session *s, const struct ask *a, bool crowd)
{
    r->stats.refused_admission++;
    session_end(r, s,
                &(struct session_end){
                    .close_code = CHAT_CLOSE_OVERLOADED,
                    .reason = "overloaded",
                    .problem = WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED,
                    .retry = WIRE_RETRY__RETRY_LATER,
                    .retry_after_ms = router_jitter(r, UNAVAILABLE_MAX_MS, 10000),
                    .limit = crowd ? "user_sessions" : "memory",
                    .request_id = a->request_id,
                });
}

/*
 * Where the user's home stands for the router. This answer is not enough when what was
 * published between is missing from it, when the subscription was taken back meanwhile, or
 * when other sessions wait to be announced: then all are.
 */
static void settle_user(struct router *r, const struct ask *a, struct user *u,
                        const WireSessionOpened *said)
{
    bool doubtful =
        u->lost ? u->count > 1 || parted_since(r, u->user_id, a->number) : said->lsn < u->lsn;

    if (doubtful)
        user_lose(r, u);
    else
        user_found(r, u, said->lsn);
}

static void welcome(struct router *r, struct session *s, const struct ask *a, struct user *u,
                    const WireSessionOpened *said)
{
    s->session_no = said->session_no;
    s->auth_epoch = said->auth_epoch;
    u->routers = said->routers;
    admission_leave(&r->admission, s->address);
    s->address = 0;
    s->active_at_ms = r->now.wall_ms;
    r->stats.signed_in++;
    if (s->resumed)
        r->stats.resumed++;
    session_enter(r, s, SESSION_SYNCING);
    send_welcome(r, s, a->request_id, said->name);
    report_session(r, s, (WirePresenceState)s->presence);
    if (!sync_start(r, s, said->channels, said->n_channels))
        output_starve(r, s);
    session_arm(r, s);
    settle_user(r, a, u, said);
}

static uint64_t newest_of_device(const struct user *u, const struct session *s)
{
    uint64_t newest = s->session_no;

    USER_EACH_SESSION(other, u)
    {
        if (other->device_id == s->device_id && other->session_no > newest)
            newest = other->session_no;
    }
    return newest;
}

void handshake_opened(struct router *r, const struct ask *a, const WireLinkFrame *frame)
{
    struct session *s = ask_session(r, a);
    const WireSessionOpened *said;
    struct user *u;

    if (frame && frame->body_case == WIRE_LINK_FRAME__BODY_SESSION_OPENED &&
        ask_is_of_owner(r, a, frame->session_opened->user_id)) {
        said = frame->session_opened;
    } else {
        if (s && frame && frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM)
            refuse_opening(r, s, a, frame->problem);
        else if (s)
            handshake_unavailable(r, s, "no store for this user now");
        return;
    }
    u = user_get(r, said->user_id);
    if (!u) {
        if (s)
            refuse_crowd(r, s, a, false);
        return;
    }
    if (s && s->state == SESSION_OPENING) {
        if (user_attach(r, u, s)) {
            welcome(r, s, a, u, said);
            user_supersede(r, u, s->device_id, newest_of_device(u, s));
            return;
        }
        refuse_crowd(r, s, a, true);
    }
    user_release(r, u); /* the client left meanwhile: so does its subscription */
}
