/* A frame from the server: which one goes where. */
#include "client/inner.h"

#define ASIDE_WAIT_MS 1000 /* at least, doubled by jitter */

chat_status dispatch_status(WireProblemCode code)
{
    switch (code) {
    case WIRE_PROBLEM_CODE__PROBLEM_MALFORMED: return CHAT_E_PROTOCOL;
    case WIRE_PROBLEM_CODE__PROBLEM_LIMIT: return CHAT_E_TOO_LARGE;
    case WIRE_PROBLEM_CODE__PROBLEM_UNSUPPORTED: return CHAT_E_UNSUPPORTED;
    case WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED: return CHAT_E_AUTH;
    case WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED: return CHAT_E_EXPIRED;
    case WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN: return CHAT_E_FORBIDDEN;
    case WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND: return CHAT_E_NOT_FOUND;
    case WIRE_PROBLEM_CODE__PROBLEM_INVALID: return CHAT_E_INVALID;
    case WIRE_PROBLEM_CODE__PROBLEM_OUT_OF_ORDER: return CHAT_E_STATE;
    case WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE:
    case WIRE_PROBLEM_CODE__PROBLEM_SUPERSEDED: return CHAT_E_CONFLICT;
    case WIRE_PROBLEM_CODE__PROBLEM_RATE_LIMITED: return CHAT_E_LIMITED;
    case WIRE_PROBLEM_CODE__PROBLEM_UNKNOWN_OUTCOME: return CHAT_E_UNKNOWN;
    case WIRE_PROBLEM_CODE__PROBLEM_STORAGE_FULL: return CHAT_E_FULL;
    case WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE:
    case WIRE_PROBLEM_CODE__PROBLEM_SLOW_CONSUMER:
    case WIRE_PROBLEM_CODE__PROBLEM_DRAINING:
    case WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED:
    case WIRE_PROBLEM_CODE__PROBLEM_INTERNAL:
    case WIRE_PROBLEM_CODE__PROBLEM_WRONG_SHARD:
    case WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED:
    case _WIRE_PROBLEM_CODE_IS_INT_SIZE: break;
    }
    return CHAT_E_UNAVAILABLE; /* codes of later servers, too */
}

bool dispatch_is_temporary(const WireProblem *p)
{
    if (p->retry == WIRE_RETRY__RETRY_LATER)
        return true;
    if (p->retry == WIRE_RETRY__RETRY_NEVER)
        return p->code == WIRE_PROBLEM_CODE__PROBLEM_UNKNOWN_OUTCOME;
    switch (dispatch_status(p->code)) {
    case CHAT_E_UNAVAILABLE:
    case CHAT_E_LIMITED:
    case CHAT_E_UNKNOWN:
    case CHAT_E_FULL: return true;
    case CHAT_OK:
    case CHAT_E_NOMEM:
    case CHAT_E_INVALID:
    case CHAT_E_STATE:
    case CHAT_E_TOO_LARGE:
    case CHAT_E_PROTOCOL:
    case CHAT_E_NETWORK:
    case CHAT_E_AUTH:
    case CHAT_E_CACHE:
    case CHAT_E_NOT_FOUND:
    case CHAT_E_FORBIDDEN:
    case CHAT_E_CONFLICT:
    case CHAT_E_CORRUPT:
    case CHAT_E_IO:
    case CHAT_E_UNSUPPORTED:
    case CHAT_E_TIMEOUT:
    case CHAT_E_EXPIRED:
    case CHAT_E_TRUNCATED: break;
    }
    return false;
}

static void on_hello_answer(struct client_core *core, const WireServerFrame *frame)
{
    core->hello_out = false;
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_WELCOME)
        signin_welcome(core, frame->welcome);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM)
        signin_link_problem(core, frame->problem, true);
    else
        session_protocol_error(core, "a hello answered by something else");
}

bool dispatch_aside_later(struct client_core *core, const WireServerFrame *frame)
{
    uint64_t wait_ms;

    if (frame->body_case != WIRE_SERVER_FRAME__BODY_PROBLEM ||
        !dispatch_is_temporary(frame->problem))
        return false;
    wait_ms = ASIDE_WAIT_MS + rng_below(&core->rng, ASIDE_WAIT_MS);
    wait_ms = most_u64(wait_ms, least_u64(frame->problem->retry_after_ms, CLIENT_SLOT_MAX_MS));
    core->aside_wait_until_ms = core->now.mono_ms + (int64_t)wait_ms;
    return true;
}

static void on_refresh_answer(struct client_core *core, const WireServerFrame *frame)
{
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_TICKET) {
        core->proven_hash = core->offered_hash;
        signin_ticket(core, frame->ticket);
        signin_renewed(core);
    } else if (dispatch_aside_later(core, frame)) {
        core->refresh_wanted = true;
    } else if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM) {
        signin_need_token(core, dispatch_status(frame->problem->code));
    } else {
        session_protocol_error(core, "a token answered by something else");
    }
}

static void on_beat_answer(struct client_core *core, const WireServerFrame *frame)
{
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_HEARTBEAT_ACK)
        signin_heartbeat_ack(core, frame->heartbeat_ack);
    else if (frame->body_case != WIRE_SERVER_FRAME__BODY_PROBLEM)
        session_protocol_error(core, "a heartbeat answered by something else");
}

static void answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    switch (r->kind) {
    case REQ_HELLO: on_hello_answer(core, frame); break;
    case REQ_OP: outbox_answer(core, r, frame); break;
    case REQ_MARK: outbox_mark_answer(core, r, frame); break;
    case REQ_HISTORY: lane_history(core, r, frame); break;
    case REQ_CHANGES: lane_changes(core, r, frame); break;
    case REQ_ASK: ask_answer(core, r, frame); break;
    case REQ_HEARTBEAT: on_beat_answer(core, frame); break;
    case REQ_REFRESH: on_refresh_answer(core, frame); break;
    case REQ_USERS: users_answer(core, r, frame); break;
    case REQ_WATCH: core->watch_wanted |= dispatch_aside_later(core, frame); break;
    case REQ_PRESENCE: core->presence_wanted |= dispatch_aside_later(core, frame); break;
    case REQ_MARK_RECEIPTS: receipts_marked(core, frame); break;
    case REQ_RECEIPTS: receipts_answer(core, r, frame); break;
    case REQ_SETTINGS: settings_answer(core, r, frame); break;
    case REQ_DRAFT: draft_answer(core, r, frame); break;
    }
}

static void on_member(struct client_core *core, const WireMemberChanged *changed)
{
    struct channel *ch = channel_find_home(core, changed->home_id);

    if (!ch || !changed->member)
        return;
    users_saw(core, changed->member->user_id);
    if (changed->member->user_id == client_user_id(core) &&
        ch->c.permissions != changed->member->permissions) {
        ch->c.permissions = changed->member->permissions;
        channel_touch(core, ch);
        events_channel(core, ch);
    }
    events_member(core, ch, changed);
}

/* The server speaks first. Bodies we do not know are of a later version: ignored. */
static void push(struct client_core *core, const WireServerFrame *frame)
{
    struct channel *ch;

    switch (frame->body_case) {
    case WIRE_SERVER_FRAME__BODY_MESSAGE: apply_live(core, frame->message); break;
    case WIRE_SERVER_FRAME__BODY_CHANGED: apply_changed(core, frame->changed); break;
    case WIRE_SERVER_FRAME__BODY_CURSOR:
        ch = channel_find(core, frame->cursor->channel_id);
        if (ch)
            channel_read_moved(core, ch, frame->cursor->read_seq, frame->cursor->read_message_id);
        break;
    case WIRE_SERVER_FRAME__BODY_MENTIONS: channel_mentions(core, frame->mentions); break;
    case WIRE_SERVER_FRAME__BODY_HEARTBEAT_ACK:
        signin_heartbeat_ack(core, frame->heartbeat_ack);
        break;
    case WIRE_SERVER_FRAME__BODY_PROBLEM: signin_link_problem(core, frame->problem, false); break;
    case WIRE_SERVER_FRAME__BODY_MEMBER_CHANGED: on_member(core, frame->member_changed); break;
    case WIRE_SERVER_FRAME__BODY_CHANNEL_REMOVED:
        channel_removed(core, frame->channel_removed->channel_id);
        break;
    case WIRE_SERVER_FRAME__BODY_GOING_AWAY:
        core->verdict = CHAT_E_UNAVAILABLE;
        core->slot_ms =
            (uint32_t)least_u64(frame->going_away->reconnect_after_ms, CLIENT_SLOT_MAX_MS);
        client_session_end(core, 1000, "going away");
        break;
    case WIRE_SERVER_FRAME__BODY_TICKET: signin_ticket(core, frame->ticket); break;
    case WIRE_SERVER_FRAME__BODY_CHANNEL_LIST: channel_list(core, frame->channel_list); break;
    case WIRE_SERVER_FRAME__BODY_PRESENCE: presence_batch(core, frame->presence); break;
    case WIRE_SERVER_FRAME__BODY_TYPING: typing_heard(core, frame->typing); break;
    case WIRE_SERVER_FRAME__BODY_RECEIPTS: receipts_push(core, frame->receipts); break;
    case WIRE_SERVER_FRAME__BODY_CHANNEL_SETTINGS:
        settings_push(core, frame->channel_settings);
        break;
    case WIRE_SERVER_FRAME__BODY_DRAFT: draft_push(core, frame->draft); break;
    case WIRE_SERVER_FRAME__BODY_WELCOME:
    case WIRE_SERVER_FRAME__BODY_SENT:
    case WIRE_SERVER_FRAME__BODY_HISTORY_PAGE:
    case WIRE_SERVER_FRAME__BODY_CHANGES_PAGE:
    case WIRE_SERVER_FRAME__BODY_ALTERED:
    case WIRE_SERVER_FRAME__BODY_MEMBERS:
    case WIRE_SERVER_FRAME__BODY_USERS:
    case WIRE_SERVER_FRAME__BODY_OPENED:
    case WIRE_SERVER_FRAME__BODY_DEVICES:
    case WIRE_SERVER_FRAME__BODY_OK: session_odd(core, "an answer that nobody asked for"); break;
    case WIRE_SERVER_FRAME__BODY__NOT_SET:
    case _WIRE_SERVER_FRAME__BODY__CASE_IS_INT_SIZE: break;
    }
}

struct request *dispatch_request(struct client_core *core, const WireServerFrame *frame)
{
    struct request *r = client_request_take(core, frame->request_id);

    /* Out of the tables first: handling may end the link and with it all requests. */
    if (r) {
        (void)map_take(&core->requests_by_id, r->id);
        list_remove(&r->link);
    }
    return r;
}

void dispatch_frame(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    bool list = frame->body_case == WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;

    if (core->state == CHAT_CONN_AUTHENTICATING &&
        frame->body_case != WIRE_SERVER_FRAME__BODY_PROBLEM &&
        (!r || frame->body_case != WIRE_SERVER_FRAME__BODY_WELCOME)) {
        session_protocol_error(core, "something before the welcome");
        return;
    }
    if (r)
        answer(core, r, frame);
    else if (!frame->request_id || list) /* the list follows the answer to a hello */
        push(core, frame);
    else
        log_write(core->cfg.logger, CHAT_LOG_DEBUG, "client", "a late answer to %u",
                  frame->request_id);
}
