#include "server/store/members.h"

#include "base/plant.h"
#include "server/shards.h"
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/notes.h"
#include "server/store/page.h"
#include "server/store/receipts.h"
#include "server/store/role.h"
#include "server/store/subscriptions.h"
#include "server/store/tombstones.h"

#define VIEW (uint32_t) WIRE_PERMISSION__PERMISSION_VIEW
#define MANAGE (uint32_t) WIRE_PERMISSION__PERMISSION_MANAGE

static void fill_member(WireMember *out, uint64_t user_id, const struct member *member)
{
    wire_member__init(out);
    out->user_id = user_id;
    if (member) {
        out->permissions = member->permissions;
        out->joined_at_ms = member->joined_at_ms;
    }
}

/* --- SetMember --- */

static void answer_changed(struct shard *s, struct home *home, const struct request *req,
                           const struct member *member)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireMemberChanged changed = WIRE_MEMBER_CHANGED__INIT;
    WireMember body;

    fill_member(&body, req->frame->set_member->user_id, member);
    changed.home_id = home->id;
    changed.lsn = home->lsn;
    changed.member = &body;
    frame.body_case = WIRE_LINK_FRAME__BODY_MEMBER_CHANGED;
    frame.member_changed = &changed;
    answer(s, home, req, &frame);
}

static bool may_set(struct shard *s, struct home *home, const struct request *req)
{
    const WireSetMember *m = req->frame->set_member;
    const uint32_t own = home_permissions(home, req->frame->user_id);
    const bool leaves = m->user_id == req->frame->user_id && m->permissions == 0 && own != 0;

    if (home->kind == WIRE_HOME_KIND__HOME_KIND_DIRECT) {
        answer_problem(s, home, req, PROBLEM(FORBIDDEN), "direct");
        return false;
    }
    if (!(own & MANAGE) && !leaves) {
        answer_problem(s, home, req, PROBLEM(FORBIDDEN), "manage");
        return false;
    }
    return true;
}

/* A note is due when somebody came or went. */
static bool needs_note(const struct member *old, uint32_t permissions)
{
    return (old == NULL) != (permissions == 0);
}

static void decide_member(struct shard *s, struct home *home, const struct request *req)
{
    const WireSetMember *m = req->frame->set_member;
    const struct member *old = home_find_member(home, m->user_id);
    const struct member newcomer = {.user_id = m->user_id, .joined_at_ms = s->store->now.wall_ms};
    struct member member = old ? *old : newcomer;
    const bool note = needs_note(old, m->permissions);
    WireRecord record = WIRE_RECORD__INIT;
    WireMemberRecord body = WIRE_MEMBER_RECORD__INIT;
    WireMember wire;

    if (!shard_may_decide(s, req) || (note && !notes_have_room(s, 1, req)))
        return;
    member.permissions = m->permissions;
    fill_member(&wire, m->user_id, &member);
    body.member = &wire;
    body.kind = home->kind;
    body.note_number = note ? home->lsn + 2 : 0; /* above 1, the number of its creation's */
    record.body_case = WIRE_RECORD__BODY_MEMBER;
    record.member = &body;
    if (home_reserve_member(home, s->allocator) != CHAT_OK ||
        batch_decide(s, home, &record, NULL, NULL, NULL) != CHAT_OK) {
        answer_no_memory(s, req);
        return;
    }
    if (note)
        notes_reserve(s, 1);
    if (member.permissions == 0)
        home_remove_member(home, m->user_id);
    else
        home_put_member(home, &member);
    home->member_position = s->decided;
    answer_changed(s, home, req, &member);
}

void members_set(struct shard *s, const struct request *req)
{
    const WireSetMember *m = req->frame->set_member;
    struct home *home = homes_need(s, m->home_id, req);
    const struct member *old;

    if (!home)
        return;
    if (home->kind == WIRE_HOME_KIND__HOME_KIND_USER) {
        answer_problem(s, NULL, req, PROBLEM(NOT_FOUND), "home");
        return;
    }
    if (!may_set(s, home, req))
        return;
    if (m->user_id == 0 || m->user_id > INT64_MAX ||
        shard_of_id(m->user_id, s->store->config.shard_count) == SHARD_NONE) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "SetMember.user_id");
        return;
    }
    old = home_find_member(home, m->user_id);
    if ((old ? old->permissions : 0) == m->permissions)
        answer_changed(s, home, req, old);
    else if (!old && home->member_count >= HOME_MEMBERS_MAX)
        answer_problem(s, home, req, PROBLEM(LIMIT), "group_members");
    else
        decide_member(s, home, req);
}

/* --- FetchMembers --- */

void members_fetch(struct shard *s, const struct request *req)
{
    const WireFetchMembers *f = req->frame->fetch_members;
    struct home *home;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireMembers members = WIRE_MEMBERS__INIT;
    WireMember *bodies;
    uint32_t i = 0;

    if (f->limit == 0 || f->limit > HOME_MEMBERS_MAX) {
        answer_problem(s, NULL, req, PROBLEM(LIMIT), "FetchMembers.limit");
        return;
    }
    home = homes_need(s, f->home_id, req);
    if (!home)
        return;
    if (!(home_permissions(home, req->frame->user_id) & VIEW)) {
        answer_problem(s, home, req, PROBLEM(FORBIDDEN), "view");
        return;
    }
    arena_reset(&s->scratch);
    bodies = arena_alloc(&s->scratch, f->limit * sizeof(*bodies));
    members.members = arena_alloc(&s->scratch, f->limit * sizeof(WireMember *));
    if (!bodies || !members.members) {
        answer_no_memory(s, req);
        return;
    }
    while (i < home->member_count && home->members[i].user_id <= f->after_user_id)
        i++;
    for (; i < home->member_count && members.n_members < f->limit; i++) {
        WireMember *body = &bodies[members.n_members];

        fill_member(body, home->members[i].user_id, &home->members[i]);
        members.members[members.n_members++] = body;
    }
    members.home_id = home->id;
    members.end = i == home->member_count;
    frame.body_case = WIRE_LINK_FRAME__BODY_MEMBERS;
    frame.members = &members;
    answer(s, page_barrier(s, home), req, &frame);
}

/* --- Subscribe --- */

static bool may_see(const struct home *home, uint64_t user_id)
{
    if (home->kind == WIRE_HOME_KIND__HOME_KIND_USER)
        return user_id == home->id;
    return (home_permissions(home, user_id) & VIEW) != 0 || PLANTED(PERMISSION_NOT_CHECKED);
}

/* Members asked for; true when one of them may see the home. */
static bool fill_asked(const struct home *home, const WireSubscribe *f, WireMember *bodies,
                       WireSubscribed *out)
{
    bool seen = false;

    for (size_t i = 0; i <= f->n_user_ids; i++) {
        const uint64_t id = i < f->n_user_ids ? f->user_ids[i] : f->user_id;
        WireMember *body = &bodies[out->n_members];

        if (id == 0)
            continue;
        fill_member(body, id, home_find_member(home, id));
        if (home->kind == WIRE_HOME_KIND__HOME_KIND_USER && id == home->id)
            body->permissions = VIEW;
        out->members[out->n_members++] = body;
        seen = seen || may_see(home, id);
    }
    return seen;
}

static void fill_home(struct home *home, WireSubscribed *out, WireChannelState *channel,
                      WireChannelState **channels, WirePosition *head, uint64_t *direct)
{
    out->home_id = home->id;
    out->lsn = home->lsn;
    out->kind = home->kind;
    out->name = home->name;
    if (home->kind == WIRE_HOME_KIND__HOME_KIND_USER)
        return;
    wire_channel_state__init(channel);
    home_to_position(home, head);
    channel->head = head;
    channel->first_seq = home->head.first_seq;
    channels[0] = channel;
    out->channels = channels;
    out->n_channels = 1;
    if (home->kind == WIRE_HOME_KIND__HOME_KIND_DIRECT) {
        for (uint32_t i = 0; i < home->member_count && i < 2; i++)
            direct[i] = home->members[i].user_id;
        out->direct_members = direct;
        out->n_direct_members = home->member_count < 2 ? home->member_count : 2;
    }
}

void members_subscribe(struct shard *s, const struct request *req)
{
    const WireSubscribe *f = req->frame->subscribe;
    struct home *home = homes_need(s, f->home_id, req);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribed subscribed = WIRE_SUBSCRIBED__INIT;
    WireChannelState channel;
    WireChannelState *channels[1];
    WirePosition head;
    uint64_t direct[2];
    WireMember *bodies;
    bool seen;

    if (!home)
        return;
    if (f->user_id != 0 && !may_see(home, f->user_id)) {
        answer_problem(s, home, req, PROBLEM(FORBIDDEN), "view");
        return;
    }
    arena_reset(&s->scratch);
    bodies = arena_alloc(&s->scratch, (f->n_user_ids + 1) * sizeof(*bodies));
    subscribed.members = arena_alloc(&s->scratch, (f->n_user_ids + 1) * sizeof(WireMember *));
    if (!bodies || !subscribed.members) {
        answer_no_memory(s, req);
        return;
    }
    seen = fill_asked(home, f, bodies, &subscribed) || is_subscribed(home, req->link);
    if (seen && !is_subscribed(home, req->link) && !subscriptions_have_room(s)) {
        answer_problem(s, home, req, PROBLEM(OVERLOADED), "subscriptions");
        return;
    }
    if (seen && !subscriptions_begin(s, home, req->link)) {
        answer_no_memory(s, req);
        return;
    }
    fill_home(home, &subscribed, &channel, channels, &head, direct);
    if (subscribed.n_channels > 0 && f->user_id != 0)
        channel.deleted_unread = tombstones_above(home, f->read_seq);
    if (subscribed.n_channels > 0 && !receipts_fill(s, home, &subscribed)) {
        answer_no_memory(s, req);
        return;
    }
    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBED;
    frame.subscribed = &subscribed;
    answer(s, home, req, &frame);
}

void members_unsubscribe(struct shard *s, const struct request *req)
{
    struct home *home = homes_find(s, req->frame->unsubscribe->home_id);

    if (!home)
        return;
    if (home->state == HOME_LOADING) {
        (void)wait_add(s, &home->waiting, req); /* behind a Subscribe that may wait there */
        return;
    }
    subscriptions_finish(s, home, req->link);
    homes_settle(s, home);
}
