#include "server/router/answer.h"

#include "server/router/output.h"

bool answer_translate(const WireLinkFrame *from, WireServerFrame *to)
{
    static const WireOk ok = WIRE_OK__INIT;

    *to = (WireServerFrame)WIRE_SERVER_FRAME__INIT;
    switch ((int)from->body_case) {
    case WIRE_LINK_FRAME__BODY_SENT:
        to->body_case = WIRE_SERVER_FRAME__BODY_SENT;
        to->sent = from->sent;
        return true;
    case WIRE_LINK_FRAME__BODY_CURSOR:
        to->body_case = WIRE_SERVER_FRAME__BODY_CURSOR;
        to->cursor = from->cursor;
        return true;
    case WIRE_LINK_FRAME__BODY_ALTERED:
        to->body_case = WIRE_SERVER_FRAME__BODY_ALTERED;
        to->altered = from->altered;
        return true;
    case WIRE_LINK_FRAME__BODY_HISTORY_PAGE:
        to->body_case = WIRE_SERVER_FRAME__BODY_HISTORY_PAGE;
        to->history_page = from->history_page;
        return true;
    case WIRE_LINK_FRAME__BODY_CHANGES_PAGE:
        to->body_case = WIRE_SERVER_FRAME__BODY_CHANGES_PAGE;
        to->changes_page = from->changes_page;
        return true;
    case WIRE_LINK_FRAME__BODY_MEMBERS:
        to->body_case = WIRE_SERVER_FRAME__BODY_MEMBERS;
        to->members = from->members;
        return true;
    case WIRE_LINK_FRAME__BODY_USERS:
        to->body_case = WIRE_SERVER_FRAME__BODY_USERS;
        to->users = from->users;
        return true;
    case WIRE_LINK_FRAME__BODY_OPENED:
        to->body_case = WIRE_SERVER_FRAME__BODY_OPENED;
        to->opened = from->opened;
        return true;
    case WIRE_LINK_FRAME__BODY_MEMBER_CHANGED:
        to->body_case = WIRE_SERVER_FRAME__BODY_MEMBER_CHANGED;
        to->member_changed = from->member_changed;
        return true;
    case WIRE_LINK_FRAME__BODY_RECEIPTS:
        to->body_case = WIRE_SERVER_FRAME__BODY_RECEIPTS;
        to->receipts = from->receipts;
        return true;
    case WIRE_LINK_FRAME__BODY_CHANNEL_SETTINGS:
        to->body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_SETTINGS;
        to->channel_settings = from->channel_settings;
        return true;
    case WIRE_LINK_FRAME__BODY_DRAFT:
        to->body_case = WIRE_SERVER_FRAME__BODY_DRAFT;
        to->draft = from->draft;
        return true;
    case WIRE_LINK_FRAME__BODY_DEVICES:
        to->body_case = WIRE_SERVER_FRAME__BODY_DEVICES;
        to->devices = from->devices;
        return true;
    case WIRE_LINK_FRAME__BODY_SIGNED_OUT:
        to->body_case = WIRE_SERVER_FRAME__BODY_OK;
        to->ok = (WireOk *)(uintptr_t)&ok;
        return true;
    default: return false;
    }
}

void answer_with_problem(struct router *r, struct session *s, uint32_t request_id,
                         const WireProblem *problem)
{
    if (problem->code == WIRE_PROBLEM_CODE__PROBLEM_WRONG_SHARD) {
        /* The map is about to change; that is nothing a client can know. */
        output_problem(
            r, s, request_id, WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE, WIRE_RETRY__RETRY_LATER,
            router_jitter(r, ROUTER_RETRY_MS / 2, ROUTER_RETRY_MS * 2), NULL, "shard moves");
        return;
    }
    output_pass_problem(r, s, request_id, problem);
}

/* Reads changed nothing; nor did what was never sent. */
static bool has_no_outcome(const struct ask *a)
{
    switch ((int)a->body) {
    case WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY:
    case WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES:
    case WIRE_CLIENT_FRAME__BODY_FETCH_MEMBERS:
    case WIRE_CLIENT_FRAME__BODY_FETCH_USERS:
    case WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS:
    case WIRE_CLIENT_FRAME__BODY_FETCH_DEVICES:
    case WIRE_CLIENT_FRAME__BODY_FIND_USER: return true;
    default: return !a->sent;
    }
}

static void answer_lost(struct router *r, const struct ask *a, struct session *s)
{
    uint32_t wait_ms = router_jitter(r, ROUTER_RETRY_MS / 2, ROUTER_RETRY_MS * 2);

    r->stats.requests_lost++;
    if (!s)
        return;
    output_problem(r, s, a->request_id,
                   has_no_outcome(a) ? WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE
                                     : WIRE_PROBLEM_CODE__PROBLEM_UNKNOWN_OUTCOME,
                   WIRE_RETRY__RETRY_LATER, wait_ms, NULL, "the store went away");
}

/*
 * A page of messages asked for by a member may come back after the removal was told. The
 * router saw the removal, so it does not pass the page on. (Who was no member yet when he
 * asked is judged by the store alone: it may know of the joining before the router does.)
 */
static bool was_removed(const struct router *r, const struct ask *a, const struct session *s)
{
    const struct home *h;
    struct home_member member;

    if (!a->member)
        return false;
    h = home_find(r, a->target);
    if (!h || !home_member_of(h, s, &member))
        return true;
    /* Who is unchecked was a member for the store, which answered. */
    return h->state == HOME_LIVE && member.permissions != 0 &&
           !(member.permissions & WIRE_PERMISSION__PERMISSION_VIEW);
}

void answer_client(struct router *r, const struct ask *a, const WireLinkFrame *frame)
{
    struct session *s = ask_session(r, a);
    WireServerFrame out;

    if (!frame) {
        answer_lost(r, a, s);
        return;
    }
    if (!s)
        return;
    if (frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM) {
        answer_with_problem(r, s, a->request_id, frame->problem);
        return;
    }
    if (was_removed(r, a, s)) {
        output_problem(r, s, a->request_id, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN,
                       WIRE_RETRY__RETRY_NEVER, 0, NULL, "not a member any more");
        return;
    }
    if (!answer_translate(frame, &out)) {
        output_problem(r, s, a->request_id, WIRE_PROBLEM_CODE__PROBLEM_INTERNAL,
                       WIRE_RETRY__RETRY_LATER, ROUTER_RETRY_MS, NULL, "unexpected answer");
        return;
    }
    out.request_id = a->request_id;
    output_send(r, s, &out);
}
