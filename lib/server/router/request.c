#include "server/router/request.h"

#include "server/router/credentials.h"
#include "server/router/gather.h"
#include "server/router/heartbeat.h"
#include "server/router/output.h"
#include "server/router/presence_report.h"
#include "server/router/presence_watch.h"
#include "server/router/sync.h"

#define BUSY_RETRY_MS 100 /* when too many of one client's own requests are in flight */

void request_ok(struct router *r, struct session *s, uint32_t request_id)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireOk ok = WIRE_OK__INIT;

    frame.request_id = request_id;
    frame.body_case = WIRE_SERVER_FRAME__BODY_OK;
    frame.ok = &ok;
    output_send(r, s, &frame);
}

void request_refused(struct router *r, struct session *s, uint32_t request_id, chat_status status)
{
    WireProblemCode code = WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE;
    const char *limit = NULL;

    if (status == CHAT_E_LIMITED || status == CHAT_E_FULL) {
        code = WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED;
        limit = status == CHAT_E_FULL ? "link_queue_max" : "waiting_per_peer";
    } else if (status == CHAT_E_NOMEM) {
        code = WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED;
        limit = "memory";
    }
    output_problem(r, s, request_id, code, WIRE_RETRY__RETRY_LATER,
                   router_jitter(r, ROUTER_RETRY_MS / 2, ROUTER_RETRY_MS * 2), limit, NULL);
}

static void refuse_invalid(struct router *r, struct session *s, uint32_t request_id,
                           WireProblemCode code, const char *detail)
{
    output_problem(r, s, request_id, code, WIRE_RETRY__RETRY_NEVER, 0, NULL, detail);
}

/* --- passing on --- */

/* Of those that bring what others wrote: does the session have the home now? */
static bool asks_as_member(const struct router *r, const struct session *s,
                           WireClientFrame__BodyCase body, uint64_t target)
{
    const struct home *h;

    if (body != WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY &&
        body != WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES &&
        body != WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS)
        return false;
    h = home_find(r, target);
    return h && home_slot(h, s) != SLAB_NONE;
}

static void pass_on(struct router *r, struct session *s, const WireClientFrame *from,
                    uint32_t shard, uint64_t target, WireLinkFrame *frame)
{
    struct ask *a;
    chat_status status;

    if (shard == SHARD_NONE && r->shards.shard_count > 0) {
        refuse_invalid(r, s, from->request_id, WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND, "no such id");
        return;
    }
    a = ask_new(r, ASK_CLIENT, s);
    if (!a) {
        output_problem(r, s, from->request_id, WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED,
                       WIRE_RETRY__RETRY_LATER, ROUTER_RETRY_MS, "requests_max", NULL);
        return;
    }
    a->body = (uint8_t)from->body_case;
    a->request_id = from->request_id;
    a->target = target;
    a->member = asks_as_member(r, s, from->body_case, target);
    frame->user_id = s->user_id;
    frame->session_no = s->session_no;
    status = ask_send(r, a, shard, frame);
    if (status != CHAT_OK)
        request_refused(r, s, from->request_id, status);
}

/* To the home of a channel, group or direct, as it came. */
static void pass_to_home(struct router *r, struct session *s, const WireClientFrame *from,
                         uint64_t target, WireLinkFrame__BodyCase body, void *message)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.body_case = body;
    frame.send_message = message; /* every member of the union is a pointer */
    pass_on(r, s, from, router_shard(r, target), target, &frame);
}

/* To the user's own home, which knows nothing of who belongs where. */
static void pass_to_user(struct router *r, struct session *s, const WireClientFrame *from,
                         WireLinkFrame__BodyCase body, void *message)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.body_case = body;
    frame.send_message = message; /* every member of the union is a pointer */
    pass_on(r, s, from, router_shard(r, s->user_id), 0, &frame);
}

chat_status request_membership(const struct router *r, const struct session *s, uint64_t channel_id,
                               uint32_t needed)
{
    const struct home *h = home_find(r, channel_id);
    struct home_member member;
    const bool known = h && home_member_of(h, s, &member);

    /* Live it may be for a newcomer alone, with this one still to be asked about. */
    if (sync_has(s, channel_id) || (known && (h->state != HOME_LIVE || member.permissions == 0)))
        return CHAT_E_UNAVAILABLE;
    return known && (member.permissions & needed) == needed ? CHAT_OK : CHAT_E_FORBIDDEN;
}

/* False: it was answered. */
static bool is_member(struct router *r, struct session *s, const WireClientFrame *from,
                      uint64_t channel_id)
{
    const chat_status status =
        request_membership(r, s, channel_id, WIRE_PERMISSION__PERMISSION_VIEW);

    if (status == CHAT_E_UNAVAILABLE)
        request_refused(r, s, from->request_id, status);
    else if (status != CHAT_OK)
        refuse_invalid(r, s, from->request_id, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN,
                       "not a member");
    return status == CHAT_OK;
}

static void set_draft(struct router *r, struct session *s, const WireClientFrame *from)
{
    WireSetDraft draft = *from->set_draft;

    if (!is_member(r, s, from, draft.channel_id))
        return;
    draft.device_id = s->device_id;
    pass_to_user(r, s, from, WIRE_LINK_FRAME__BODY_SET_DRAFT, &draft);
}

static void mark_read(struct router *r, struct session *s, const WireClientFrame *from)
{
    WireMarkRead mark = *from->mark_read;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    const struct home *h;

    if (!is_member(r, s, from, mark.channel_id))
        return;
    h = home_find(r, mark.channel_id);
    if (mark.seq > h->head_seq) { /* from a page newer than what was published here so far */
        output_problem(r, s, from->request_id, WIRE_PROBLEM_CODE__PROBLEM_INVALID,
                       WIRE_RETRY__RETRY_LATER, ROUTER_RETRY_MS, "MarkRead.seq",
                       "past the newest message");
        return;
    }
    mark.message_id = mark.seq == h->head_seq ? h->head_message_id : 0;
    frame.body_case = WIRE_LINK_FRAME__BODY_MARK_READ;
    frame.mark_read = &mark;
    pass_on(r, s, from, router_shard(r, s->user_id), mark.channel_id, &frame);
}

static void find_user(struct router *r, struct session *s, const WireClientFrame *from)
{
    WireFindUserIn find = WIRE_FIND_USER_IN__INIT;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    if (s->issuer == 0) {
        refuse_invalid(r, s, from->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNSUPPORTED,
                       "the issuer of this session is not known here");
        return;
    }
    find.issuer = r->issuers[s->issuer - 1];
    find.subject = from->find_user->subject;
    frame.body_case = WIRE_LINK_FRAME__BODY_FIND_USER;
    frame.find_user = &find;
    pass_on(r, s, from, shard_of_subject(find.issuer, find.subject, r->shards.shard_count), 0,
            &frame);
}

static void open_direct(struct router *r, struct session *s, const WireClientFrame *from)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_DIRECT;
    frame.open_direct = from->open_direct;
    pass_on(r, s, from,
            shard_of_pair(s->user_id, from->open_direct->peer_id, r->shards.shard_count), 0,
            &frame);
}

static void create_group(struct router *r, struct session *s, const WireClientFrame *from)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_CREATE_GROUP;
    frame.create_group = from->create_group;
    pass_on(r, s, from, router_shard(r, s->user_id), 0, &frame);
}

/* --- what the router answers itself --- */

static void set_presence(struct router *r, struct session *s, const WireClientFrame *from)
{
    WirePresenceState state = from->set_presence->state;

    if (state != WIRE_PRESENCE_STATE__PRESENCE_STATE_ONLINE &&
        state != WIRE_PRESENCE_STATE__PRESENCE_STATE_IDLE &&
        state != WIRE_PRESENCE_STATE__PRESENCE_STATE_DND &&
        state != WIRE_PRESENCE_STATE__PRESENCE_STATE_INVISIBLE) {
        refuse_invalid(r, s, from->request_id, WIRE_PROBLEM_CODE__PROBLEM_INVALID,
                       "not a state to be in");
        return;
    }
    s->presence = (uint8_t)state;
    s->active_at_ms = r->now.wall_ms;
    report_session(r, s, state);
    request_ok(r, s, from->request_id);
}

static void watch_presence(struct router *r, struct session *s, const WireClientFrame *from)
{
    const char *limit =
        watch_set(r, s, from->watch_presence->user_ids, from->watch_presence->n_user_ids);

    if (limit)
        output_problem(r, s, from->request_id, WIRE_PROBLEM_CODE__PROBLEM_LIMIT,
                       WIRE_RETRY__RETRY_LATER, ROUTER_RETRY_MS, limit, NULL);
    else
        request_ok(r, s, from->request_id);
}

/* --- one frame --- */

static enum bucket_kind bucket_of(WireClientFrame__BodyCase body)
{
    switch ((int)body) {
    case WIRE_CLIENT_FRAME__BODY_HEARTBEAT:
    case WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY:
    case WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES:
    case WIRE_CLIENT_FRAME__BODY_FETCH_MEMBERS:
    case WIRE_CLIENT_FRAME__BODY_FETCH_USERS:
    case WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS:
    case WIRE_CLIENT_FRAME__BODY_FETCH_DEVICES:
    case WIRE_CLIENT_FRAME__BODY_FIND_USER: return BUCKET_READS;
    case WIRE_CLIENT_FRAME__BODY_MARK_RECEIPTS: return BUCKET_SIGNALS;
    default: return BUCKET_OPERATIONS;
    }
}

static bool within_rate(struct router *r, struct session *s, const WireClientFrame *frame)
{
    static const char *const limits[BUCKET_KINDS] = {
        [BUCKET_OPERATIONS] = "operations_per_second",
        [BUCKET_READS] = "reads_per_second",
        [BUCKET_SIGNALS] = "signals_per_second",
    };
    enum bucket_kind kind = bucket_of(frame->body_case);
    uint32_t wait_ms =
        buckets_take(&r->buckets, s->user_id, kind, s->user->routers, r->now.mono_ms);

    if (wait_ms == 0)
        return true;
    r->stats.rate_limited++;
    output_problem(r, s, frame->request_id, WIRE_PROBLEM_CODE__PROBLEM_RATE_LIMITED,
                   WIRE_RETRY__RETRY_LATER, wait_ms, limits[kind], NULL);
    return false;
}

/* What every request keeps before it is looked at. */
static bool is_admissible(struct router *r, struct session *s, const WireClientFrame *frame)
{
    bool heartbeat = frame->body_case == WIRE_CLIENT_FRAME__BODY_HEARTBEAT;

    if (frame->body_case == WIRE_CLIENT_FRAME__BODY__NOT_SET) {
        refuse_invalid(r, s, frame->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNSUPPORTED,
                       "unknown request");
        return false;
    }
    if (frame->request_id == 0 && !heartbeat) {
        output_problem(r, s, 0, WIRE_PROBLEM_CODE__PROBLEM_INVALID, WIRE_RETRY__RETRY_NEVER, 0,
                       "request_id", "a request needs a request_id");
        return false;
    }
    if (!within_rate(r, s, frame))
        return false;
    if (s->state == SESSION_LEAVING && !heartbeat) {
        output_problem(r, s, frame->request_id, WIRE_PROBLEM_CODE__PROBLEM_DRAINING,
                       WIRE_RETRY__RETRY_LATER, 0, NULL, NULL);
        return false;
    }
    if (s->asks >= r->limits.session_requests) {
        output_problem(r, s, frame->request_id, WIRE_PROBLEM_CODE__PROBLEM_LIMIT,
                       WIRE_RETRY__RETRY_LATER, BUSY_RETRY_MS, "session_requests", NULL);
        return false;
    }
    return true;
}

/* What is of the user himself, or of this session. */
static void handle_own(struct router *r, struct session *s, const WireClientFrame *f)
{
    switch ((int)f->body_case) {
    case WIRE_CLIENT_FRAME__BODY_MARK_READ: mark_read(r, s, f); break;
    case WIRE_CLIENT_FRAME__BODY_MARK_RECEIPTS:
        signal_receipts(r, s, f->request_id, f->mark_receipts);
        break;
    case WIRE_CLIENT_FRAME__BODY_SET_CHANNEL_SETTINGS:
        if (is_member(r, s, f, f->set_channel_settings->channel_id))
            pass_to_user(r, s, f, WIRE_LINK_FRAME__BODY_SET_CHANNEL_SETTINGS,
                         f->set_channel_settings);
        break;
    case WIRE_CLIENT_FRAME__BODY_SET_DRAFT: set_draft(r, s, f); break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_DEVICES:
        pass_to_user(r, s, f, WIRE_LINK_FRAME__BODY_FETCH_DEVICES, f->fetch_devices);
        break;
    case WIRE_CLIENT_FRAME__BODY_SIGN_OUT_DEVICE:
        pass_to_user(r, s, f, WIRE_LINK_FRAME__BODY_SIGN_OUT_DEVICE, f->sign_out_device);
        break;
    case WIRE_CLIENT_FRAME__BODY_SIGN_OUT_EVERYWHERE:
        pass_to_user(r, s, f, WIRE_LINK_FRAME__BODY_SIGN_OUT_EVERYWHERE, f->sign_out_everywhere);
        break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_USERS:
        gather_users(r, s, f->request_id, f->fetch_users);
        break;
    case WIRE_CLIENT_FRAME__BODY_FIND_USER: find_user(r, s, f); break;
    case WIRE_CLIENT_FRAME__BODY_OPEN_DIRECT: open_direct(r, s, f); break;
    case WIRE_CLIENT_FRAME__BODY_CREATE_GROUP: create_group(r, s, f); break;
    case WIRE_CLIENT_FRAME__BODY_HEARTBEAT:
        heartbeat_answer(r, s, f->request_id, f->heartbeat);
        break;
    case WIRE_CLIENT_FRAME__BODY_WATCH_PRESENCE: watch_presence(r, s, f); break;
    case WIRE_CLIENT_FRAME__BODY_SET_PRESENCE: set_presence(r, s, f); break;
    case WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN:
        credentials_refresh(r, s, f->request_id, f->refresh_token);
        break;
    case WIRE_CLIENT_FRAME__BODY_HELLO:
        refuse_invalid(r, s, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_INVALID,
                       "this session is signed in");
        break;
    default: break;
    }
}

/* What is of a conversation. */
static void handle(struct router *r, struct session *s, const WireClientFrame *f)
{
    switch ((int)f->body_case) {
    case WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE:
        pass_to_home(r, s, f, f->send_message->channel_id, WIRE_LINK_FRAME__BODY_SEND_MESSAGE,
                     f->send_message);
        break;
    case WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE:
        pass_to_home(r, s, f, f->edit_message->channel_id, WIRE_LINK_FRAME__BODY_EDIT_MESSAGE,
                     f->edit_message);
        break;
    case WIRE_CLIENT_FRAME__BODY_DELETE_MESSAGE:
        pass_to_home(r, s, f, f->delete_message->channel_id, WIRE_LINK_FRAME__BODY_DELETE_MESSAGE,
                     f->delete_message);
        break;
    case WIRE_CLIENT_FRAME__BODY_REACT:
        pass_to_home(r, s, f, f->react->channel_id, WIRE_LINK_FRAME__BODY_REACT, f->react);
        break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY:
        pass_to_home(r, s, f, f->fetch_history->channel_id, WIRE_LINK_FRAME__BODY_FETCH_HISTORY,
                     f->fetch_history);
        break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES:
        pass_to_home(r, s, f, f->fetch_changes->channel_id, WIRE_LINK_FRAME__BODY_FETCH_CHANGES,
                     f->fetch_changes);
        break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_MEMBERS:
        pass_to_home(r, s, f, f->fetch_members->home_id, WIRE_LINK_FRAME__BODY_FETCH_MEMBERS,
                     f->fetch_members);
        break;
    case WIRE_CLIENT_FRAME__BODY_SET_MEMBER:
        pass_to_home(r, s, f, f->set_member->home_id, WIRE_LINK_FRAME__BODY_SET_MEMBER,
                     f->set_member);
        break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS:
        pass_to_home(r, s, f, f->fetch_receipts->channel_id, WIRE_LINK_FRAME__BODY_FETCH_RECEIPTS,
                     f->fetch_receipts);
        break;
    default: handle_own(r, s, f); break;
    }
}

void request_take(struct router *r, struct session *s, const WireClientFrame *frame)
{
    if (frame->body_case == WIRE_CLIENT_FRAME__BODY_TYPING)
        signal_typing(r, s, frame->typing);
    else if (is_admissible(r, s, frame))
        handle(r, s, frame);
}
