/* Questions of the application: sent when there is a link, answered by one event each. */
#include <string.h>

#include "client/inner.h"

#define RETRY_WAIT_MS 500

static void ask_free(struct client_core *core, struct ask *ask)
{
    struct request *r = client_request_take(core, ask->request_id);

    if (r)
        r->ask = NULL;
    if (core->half.request && core->half.request->ask == ask)
        core->half.request->ask = NULL;
    list_remove(&ask->link);
    alloc_free(core->allocator, ask->answer);
    alloc_free(core->allocator, ask);
}

void ask_free_all(struct client_core *core)
{
    LIST_EACH(node, &core->asks) { ask_free(core, LIST_ENTRY(node, struct ask, link)); }
}

static chat_event_type event_of(enum ask_kind kind)
{
    switch (kind) {
    case ASK_HISTORY: return CHAT_EVENT_HISTORY;
    case ASK_USERS:
    case ASK_FIND: return CHAT_EVENT_USERS;
    case ASK_MEMBERS: return CHAT_EVENT_MEMBERS;
    case ASK_DIRECT:
    case ASK_GROUP: return CHAT_EVENT_OPENED;
    case ASK_RECEIPTS: return CHAT_EVENT_RECEIPTS;
    case ASK_DEVICES:
    case ASK_SIGN_OUT:
    case ASK_SIGN_OUT_ALL: return CHAT_EVENT_DEVICES;
    case ASK_SET_MEMBER: break;
    }
    return CHAT_EVENT_MEMBER_CHANGED;
}

/* Says the outcome; the ask is gone. */
static void finish(struct client_core *core, struct ask *ask, chat_status status,
                   uint64_t channel_id, uint64_t home_id, struct reply *reply)
{
    events_answer(core, ask, event_of(ask->kind), status, channel_id, home_id, reply);
    ask_free(core, ask);
}

/* Answers from the cache: with all that was asked, or with what there is. */
void ask_finish_history(struct client_core *core, struct ask *ask, chat_status status)
{
    struct channel *ch = channel_find(core, ask->id);
    struct reply *reply = reply_new(core, 256);
    uint64_t from, to;

    if (!reply) {
        finish(core, ask, CHAT_E_NOMEM, ask->id, 0, NULL);
        return;
    }
    if (ch && ask->message_id) { /* nobody knows where it is */
        if (status == CHAT_OK)
            status = CHAT_E_NOT_FOUND;
    } else if (ch) {
        chat_status read = page_read(core, ch, ask->second_id, ask->number, ask->way, &reply->page);

        if (ask->way == PAGE_AROUND)
            reply->centre_seq = page_window(ch, ask->second_id, ask->number, &from, &to);
        if (status == CHAT_OK)
            status = read;
        (void)(read == CHAT_E_NOMEM || core_ok(core, read));
    } else if (status == CHAT_OK) {
        status = CHAT_E_NOT_FOUND;
    }
    finish(core, ask, status, ask->id, 0, reply);
}

static void give_up(struct client_core *core, struct ask *ask, chat_status status, const char *rule)
{
    struct reply *reply = NULL;

    if (ask->kind == ASK_HISTORY) {
        ask_finish_history(core, ask, status);
        return;
    }
    if (ask->is_opened) {
        finish(core, ask, CHAT_OK, ask->channel_id, ask->home_id, NULL);
        return;
    }
    if (rule && rule[0]) {
        reply = reply_new(core, 256);
        if (reply)
            reply->rule = arena_copy(&reply->arena, rule, strlen(rule) + 1);
    }
    finish(core, ask, status, ask->kind == ASK_RECEIPTS ? ask->id : 0,
           ask->kind == ASK_SET_MEMBER ? ask->id : 0, reply);
}

void ask_timer(struct client_core *core)
{
    LIST_EACH(node, &core->asks)
    {
        struct ask *ask = LIST_ENTRY(node, struct ask, link);

        if (core->now.mono_ms >= ask->deadline_ms)
            give_up(core, ask, CHAT_E_TIMEOUT, NULL);
    }
}

int64_t ask_deadline(const struct client_core *core)
{
    int64_t at_ms = MOMENT_NEVER;

    LIST_EACH(node, &core->asks)
    {
        const struct ask *ask = LIST_ENTRY(node, struct ask, link);

        if (ask->deadline_ms < at_ms)
            at_ms = ask->deadline_ms;
    }
    return at_ms;
}

/* --- onto the wire --- */

static bool send_history(struct client_core *core, struct ask *ask, struct request *r,
                         WireClientFrame *frame)
{
    WireFetchHistory body = WIRE_FETCH_HISTORY__INIT;
    struct channel *ch = channel_find(core, ask->id);

    if (ch) {
        r->channel = ch;
        r->top_seq = ranges_top(&ch->c.ranges);
        r->top_rev = ranges_max_rev(&ch->c.ranges);
        r->head_seq = ch->c.head_seq;
        r->head_rev = ch->c.head_rev;
    }
    r->start_seq = ask->at_seq;
    r->message_id = ask->message_id;
    r->limit = ask->left < core->page_max ? ask->left : core->page_max;
    r->backwards = ask->next_way == PAGE_BACKWARDS;
    r->around = ask->next_way == PAGE_AROUND;
    body.channel_id = ask->id;
    body.start_seq = r->start_seq;
    body.message_id = r->message_id;
    body.limit = r->limit;
    body.backwards = r->backwards;
    body.around = r->around;
    frame->body_case = WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY;
    frame->fetch_history = &body;
    return request_send(core, r, frame);
}

static bool send_people(struct client_core *core, struct ask *ask, struct request *r,
                        WireClientFrame *frame)
{
    WireFetchUsers users = WIRE_FETCH_USERS__INIT;
    WireFindUser find = WIRE_FIND_USER__INIT;
    WireFetchMembers members = WIRE_FETCH_MEMBERS__INIT;

    if (ask->kind == ASK_USERS) {
        users.user_ids = ask->ids;
        users.n_user_ids = ask->count;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_FETCH_USERS;
        frame->fetch_users = &users;
    } else if (ask->kind == ASK_FIND) {
        find.subject = ask->text;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_FIND_USER;
        frame->find_user = &find;
    } else {
        members.home_id = ask->id;
        members.after_user_id = ask->second_id;
        members.limit = ask->number;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_FETCH_MEMBERS;
        frame->fetch_members = &members;
    }
    return request_send(core, r, frame);
}

static bool send_change(struct client_core *core, struct ask *ask, struct request *r,
                        WireClientFrame *frame)
{
    WireOpenDirect direct = WIRE_OPEN_DIRECT__INIT;
    WireCreateGroup group = WIRE_CREATE_GROUP__INIT;
    WireSetMember member = WIRE_SET_MEMBER__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    if (ask->kind == ASK_DIRECT) {
        direct.peer_id = ask->id;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_OPEN_DIRECT;
        frame->open_direct = &direct;
    } else if (ask->kind == ASK_GROUP) {
        nonce.device_id = ask->id; /* the same whenever it is sent again */
        nonce.counter = ask->second_id;
        group.nonce = &nonce;
        group.name = ask->text;
        group.member_ids = ask->ids;
        group.n_member_ids = ask->count;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_CREATE_GROUP;
        frame->create_group = &group;
    } else {
        member.home_id = ask->id;
        member.user_id = ask->second_id;
        member.permissions = ask->number;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_SET_MEMBER;
        frame->set_member = &member;
    }
    return request_send(core, r, frame);
}

static bool send_plain(struct client_core *core, struct ask *ask, struct request *r,
                       WireClientFrame *frame)
{
    WireFetchReceipts receipts = WIRE_FETCH_RECEIPTS__INIT;
    WireFetchDevices devices = WIRE_FETCH_DEVICES__INIT;
    WireSignOutDevice one = WIRE_SIGN_OUT_DEVICE__INIT;
    WireSignOutEverywhere all = WIRE_SIGN_OUT_EVERYWHERE__INIT;

    if (ask->kind == ASK_RECEIPTS) {
        receipts.channel_id = ask->id;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS;
        frame->fetch_receipts = &receipts;
    } else if (ask->kind == ASK_DEVICES) {
        frame->body_case = WIRE_CLIENT_FRAME__BODY_FETCH_DEVICES;
        frame->fetch_devices = &devices;
    } else if (ask->kind == ASK_SIGN_OUT) {
        one.device_id = ask->id;
        frame->body_case = WIRE_CLIENT_FRAME__BODY_SIGN_OUT_DEVICE;
        frame->sign_out_device = &one;
    } else {
        frame->body_case = WIRE_CLIENT_FRAME__BODY_SIGN_OUT_EVERYWHERE;
        frame->sign_out_everywhere = &all;
    }
    return request_send(core, r, frame);
}

static bool is_plain(const struct ask *ask)
{
    return ask->kind == ASK_RECEIPTS || ask->kind == ASK_DEVICES || ask->kind == ASK_SIGN_OUT ||
           ask->kind == ASK_SIGN_OUT_ALL;
}

static enum budget_kind budget_of(const struct ask *ask)
{
    return ask->kind < ASK_DIRECT ? BUDGET_READS : BUDGET_OPERATIONS;
}

static bool send_ask(struct client_core *core, struct ask *ask)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    struct request *r = request_new(core, REQ_ASK);
    uint32_t id;
    bool sent;

    if (!r)
        return false;
    id = r->id;
    r->ask = ask;
    if (ask->kind == ASK_HISTORY)
        sent = send_history(core, ask, r, &frame);
    else if (ask->kind == ASK_USERS || ask->kind == ASK_FIND || ask->kind == ASK_MEMBERS)
        sent = send_people(core, ask, r, &frame);
    else if (is_plain(ask))
        sent = send_plain(core, ask, r, &frame);
    else
        sent = send_change(core, ask, r, &frame);
    if (!sent)
        return false;
    ask->request_id = id;
    request_spend(core, budget_of(ask));
    return true;
}

void ask_pump(struct client_core *core)
{
    LIST_EACH(node, &core->asks)
    {
        struct ask *ask = LIST_ENTRY(node, struct ask, link);

        if (ask->request_id || ask->is_opened || (ask->kind == ASK_HISTORY && !core->list_complete))
            continue;
        if (ask->wait_until_ms > core->now.mono_ms) {
            core_wake_at(core, ask->wait_until_ms);
            continue;
        }
        if (!request_may_send(core, budget_of(ask)))
            continue; /* of the other kind there may be some left */
        if (!send_ask(core, ask))
            return;
    }
}

/* --- answers --- */

/* The seq of the message that was looked for; the page was found to have it. */
static uint64_t seq_of(const WireHistoryPage *p, uint64_t message_id)
{
    for (size_t i = 0; i < p->n_messages; i++)
        if (p->messages[i]->message_id == message_id)
            return p->messages[i]->seq;
    return 0;
}

/* What of the window around the message is to be asked for next: on which side of what is held,
 * or all of it where the channel was rebuilt meanwhile. False: nothing is missing. */
static bool aim(const struct channel *ch, struct ask *ask)
{
    uint64_t from, to, low, high;
    uint64_t centre = page_window(ch, ask->second_id, ask->number, &from, &to);

    if (from > to)
        return false;
    if (!ranges_holds(&ch->c.ranges, centre, centre)) {
        ask->next_way = PAGE_AROUND;
        ask->at_seq = ask->second_id;
        ask->left = ask->number;
        return true;
    }
    low = ranges_run_start(&ch->c.ranges, centre);
    high = ranges_run_end(&ch->c.ranges, centre);
    if (low > from) {
        ask->next_way = PAGE_BACKWARDS;
        ask->at_seq = low - 1;
        ask->left = (uint32_t)(low - from);
    } else if (high < to) {
        ask->next_way = PAGE_FORWARDS;
        ask->at_seq = high + 1;
        ask->left = (uint32_t)(to - high);
    } else {
        return false;
    }
    return true;
}

static void start_over(struct ask *ask)
{
    ask->at_seq = ask->second_id;
    ask->next_way = ask->way;
    ask->left = ask->number;
}

static void take_page(struct client_core *core, struct ask *ask, struct request *r,
                      const WireHistoryPage *p)
{
    uint64_t got;
    bool at_end;

    if (!r->channel) { /* it was removed meanwhile; perhaps it is there again, and empty */
        if (channel_find(core, ask->id))
            start_over(ask);
        else
            ask_finish_history(core, ask, CHAT_OK);
        return;
    }
    if (!page_apply(core, r->channel, r, p)) /* lied, or the channel was rebuilt: again */
        return;
    if (p->covered->from_seq > p->covered->to_seq) {
        ask_finish_history(core, ask, CHAT_OK);
        return;
    }
    if (ask->message_id) {
        ask->second_id = seq_of(p, ask->message_id);
        ask->message_id = 0;
    }
    if (ask->way == PAGE_AROUND) {
        if (!aim(r->channel, ask))
            ask_finish_history(core, ask, CHAT_OK);
        return;
    }
    got = p->covered->to_seq - p->covered->from_seq + 1;
    ask->left -= (uint32_t)least_u64(ask->left, got);
    ask->at_seq = r->backwards ? p->covered->from_seq - 1 : p->covered->to_seq + 1;
    at_end = r->backwards ? p->covered->from_seq <= most_u64(p->first_seq, 1)
                          : p->covered->to_seq >= p->head->seq;
    if (ask->left == 0 || at_end)
        ask_finish_history(core, ask, CHAT_OK);
}

static void take_problem(struct client_core *core, struct ask *ask, const WireProblem *p)
{
    if (!dispatch_is_temporary(p)) {
        give_up(core, ask, dispatch_status(p->code), p->limit);
        return;
    }
    ask->wait_until_ms =
        core->now.mono_ms + RETRY_WAIT_MS + (int64_t)rng_below(&core->rng, RETRY_WAIT_MS);
    if (p->retry_after_ms > RETRY_WAIT_MS)
        ask->wait_until_ms =
            core->now.mono_ms + (int64_t)least_u64(p->retry_after_ms, CLIENT_SLOT_MAX_MS);
}

static void take_opened(struct client_core *core, struct ask *ask, const WireOpened *o)
{
    ask->is_opened = true;
    ask->channel_id = o->channel_id;
    ask->home_id = o->home_id;
    core->opened_due = true;
}

void ask_finish_opened(struct client_core *core)
{
    LIST_EACH(node, &core->asks)
    {
        struct ask *ask = LIST_ENTRY(node, struct ask, link);

        if (ask->is_opened && channel_find(core, ask->channel_id))
            finish(core, ask, CHAT_OK, ask->channel_id, ask->home_id, NULL);
    }
    core->opened_due = false;
}

static void take_users(struct client_core *core, struct ask *ask, const WireUsers *users)
{
    struct reply *reply = users_keep(core, users);

    finish(core, ask, reply ? CHAT_OK : CHAT_E_NOMEM, 0, 0, reply);
}

static void take_members(struct client_core *core, struct ask *ask, const WireMembers *m)
{
    struct reply *reply = members_keep(core, m->home_id, m->members, m->n_members);

    if (reply)
        reply->more = !m->end;
    finish(core, ask, reply ? CHAT_OK : CHAT_E_NOMEM, 0, m->home_id, reply);
}

static void take_member(struct client_core *core, struct ask *ask, const WireMemberChanged *m)
{
    struct reply *reply = members_keep(core, m->home_id, &m->member, m->member ? 1 : 0);

    finish(core, ask, reply ? CHAT_OK : CHAT_E_NOMEM, 0, m->home_id, reply);
}

static void take_receipts(struct client_core *core, struct ask *ask, const WireReceipts *receipts)
{
    struct channel *ch = channel_find(core, ask->id);
    struct reply *reply;

    if (!ch || receipts->channel_id != ask->id) {
        finish(core, ask, ch ? CHAT_E_PROTOCOL : CHAT_E_NOT_FOUND, ask->id, 0, NULL);
        return;
    }
    reply = receipts_keep(core, ch, receipts);
    finish(core, ask, reply ? CHAT_OK : CHAT_E_NOMEM, ask->id, 0, reply);
}

static void take_devices(struct client_core *core, struct ask *ask, const WireDevices *devices)
{
    struct reply *reply = devices_keep(core, devices);

    finish(core, ask, reply ? CHAT_OK : CHAT_E_NOMEM, 0, 0, reply);
}

void ask_answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    struct ask *ask = r->ask;
    chat_event_type type;

    if (!ask)
        return;
    ask->request_id = 0;
    type = event_of(ask->kind);
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM)
        take_problem(core, ask, frame->problem);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_HISTORY_PAGE && type == CHAT_EVENT_HISTORY)
        take_page(core, ask, r, frame->history_page);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_USERS && type == CHAT_EVENT_USERS)
        take_users(core, ask, frame->users);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_MEMBERS && type == CHAT_EVENT_MEMBERS)
        take_members(core, ask, frame->members);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_OPENED && type == CHAT_EVENT_OPENED)
        take_opened(core, ask, frame->opened);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_MEMBER_CHANGED &&
             type == CHAT_EVENT_MEMBER_CHANGED)
        take_member(core, ask, frame->member_changed);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_RECEIPTS && type == CHAT_EVENT_RECEIPTS)
        take_receipts(core, ask, frame->receipts);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_DEVICES && ask->kind == ASK_DEVICES)
        take_devices(core, ask, frame->devices);
    else if (frame->body_case == WIRE_SERVER_FRAME__BODY_OK &&
             (ask->kind == ASK_SIGN_OUT || ask->kind == ASK_SIGN_OUT_ALL))
        finish(core, ask, CHAT_OK, 0, 0, NULL);
    else
        session_protocol_error(core, "a question answered by something else");
}
