#include "server/router/recheck.h"

#include "server/router/output.h"
#include "server/router/sync.h"

#define RECHECK_TURN_MAX 64u /* homes, and users, of a shard that are looked at in one turn */

/* --- homes --- */

/* The users with unchecked sessions, each once. */
static size_t unchecked_users(struct router *r, const struct home *h,
                              uint64_t ids[ROUTER_RECHECK_USERS])
{
    size_t count = 0;

    r->mark++;
    for (uint32_t i = 0; i < h->members.count && count < ROUTER_RECHECK_USERS; i++) {
        const struct home_member member = members_get(&h->members, i);
        struct user *u;

        if (member.permissions != 0)
            continue;
        u = router_session(r, member.session)->user;
        if (!u || u->mark == r->mark)
            continue;
        u->mark = r->mark;
        ids[count++] = u->user_id;
    }
    return count;
}

static bool has_unchecked(const struct home *h)
{
    for (uint32_t i = 0; i < h->members.count; i++)
        if (members_get(&h->members, i).permissions == 0)
            return true;
    return false;
}

static void list_again(struct router *r, struct home *h, int64_t wait_ms)
{
    if (h->members.count == 0 || list_node_is_linked(&h->lost) ||
        (h->state == HOME_LIVE && !has_unchecked(h)))
        return;
    h->retry_at_ms = r->now.mono_ms + wait_ms;
    list_push_back(&r->lists[router_shard(r, h->home_id)].homes, &h->lost);
    r->lost_homes++;
}

static bool ask_home(struct router *r, struct home *h, uint32_t shard)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    uint64_t ids[ROUTER_RECHECK_USERS];
    struct ask *a = ask_new(r, ASK_RECHECK, NULL);

    if (!a)
        return false;
    a->target = h->home_id;
    subscribe.home_id = h->home_id;
    subscribe.n_user_ids = unchecked_users(r, h, ids);
    subscribe.user_ids = ids;
    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &subscribe;
    if (ask_send(r, a, shard, &frame) != CHAT_OK)
        return false;
    h->asks++;
    h->asking = true;
    r->stats.rechecks++;
    return true;
}

/* What a member of the answer means for each of that user's sessions here. */
static void check_user(struct router *r, struct home *h, const WireSubscribed *said,
                       const WireMember *member)
{
    struct user *u = user_find(r, member->user_id);
    const struct home_seen seen = {.state = said->n_channels > 0 ? said->channels[0] : NULL};

    if (!u)
        return;
    USER_EACH_SESSION(s, u)
    {
        uint32_t slot = home_slot(h, s);

        if (slot == SLAB_NONE)
            continue;
        if (member->permissions == WIRE_PERMISSION__PERMISSION_NONE) {
            home_leave(r, s, slot);
            home_send_removed(r, h->home_id, said->lsn, s);
        } else {
            members_set_permissions(&h->members, s->homes[slot].member,
                                    (uint16_t)(member->permissions & HOME_PERMISSIONS_MASK));
            home_send_channel(r, h, s, member->permissions, &seen);
        }
    }
}

/* The store says that there is nothing to be a member of. */
static void remove_unchecked(struct router *r, struct home *h)
{
    for (uint32_t i = h->members.count; i-- > 0;) {
        const struct home_member member = members_get(&h->members, i);
        struct session *s;

        if (member.permissions != 0)
            continue;
        s = router_session(r, member.session);
        home_leave(r, s, member.slot);
        home_send_removed(r, h->home_id, 0, s);
    }
}

static int64_t retry_wait_ms(const WireLinkFrame *frame)
{
    if (frame && frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM &&
        frame->problem->retry_after_ms > 0)
        return frame->problem->retry_after_ms;
    return ROUTER_RETRY_MS;
}

static bool says_gone(const WireLinkFrame *frame)
{
    return frame && frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM &&
           (frame->problem->code == WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN ||
            frame->problem->code == WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND);
}

void recheck_answered(struct router *r, struct ask *a, const WireLinkFrame *frame)
{
    struct home *h = home_find(r, a->target);
    int64_t wait_ms = retry_wait_ms(frame);

    if (!h)
        return;
    h->asks--;
    h->asking = false;
    if (frame && frame->body_case == WIRE_LINK_FRAME__BODY_SUBSCRIBED) {
        const WireSubscribed *said = frame->subscribed;

        h->subscribed = true;
        if (home_learn(r, h, said)) {
            for (size_t i = 0; i < said->n_members; i++)
                check_user(r, h, said, said->members[i]);
            /* More than one question holds: the next at once. A store that leaves out whom
             * it was asked about is asked at a walking pace. */
            if (said->n_members > 0)
                wait_ms = 0;
        } else {
            wait_ms = 0;
        }
    } else if (says_gone(frame)) {
        remove_unchecked(r, h);
    }
    list_again(r, h, wait_ms);
    home_release(r, h);
}

static void pump_homes(struct router *r, struct list *homes, uint32_t shard)
{
    uint32_t tries = 0;
    struct list_node *node;

    while (tries++ < RECHECK_TURN_MAX && (node = list_first(homes)) != NULL) {
        struct home *h = LIST_ENTRY(node, struct home, lost);
        bool asked = h->retry_at_ms <= r->now.mono_ms && ask_home(r, h, shard);

        list_remove(node);
        if (asked)
            r->lost_homes--;
        else
            list_push_back(homes, node);
    }
}

/* --- users --- */

static bool announce(struct router *r, struct user *u, const struct session *s, uint32_t shard)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    struct ask *a = ask_new(r, ASK_ANNOUNCE, s);

    if (!a)
        return false;
    a->target = u->user_id;
    open.user_id = u->user_id;
    open.device_id = s->device_id;
    open.auth_epoch = s->auth_epoch;
    open.session_no = s->session_no;
    frame.user_id = u->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
    frame.open_session = &open;
    if (ask_send(r, a, shard, &frame) != CHAT_OK)
        return false;
    u->asks++;
    return true;
}

/* All of a user's sessions or it is tried again: to announce one twice changes nothing. */
static bool announce_all(struct router *r, struct user *u, uint32_t shard)
{
    bool all = true;

    USER_EACH_SESSION(s, u) { all = all && announce(r, u, s, shard); }
    if (all)
        r->stats.rechecks++;
    return all;
}

static void pump_users(struct router *r, struct list *users, uint32_t shard)
{
    uint32_t tries = 0;
    struct list_node *node;

    while (tries++ < RECHECK_TURN_MAX && (node = list_first(users)) != NULL) {
        struct user *u = LIST_ENTRY(node, struct user, lost_link);
        bool asked = u->retry_at_ms <= r->now.mono_ms && announce_all(r, u, shard);

        list_remove(node);
        if (asked)
            r->lost_users--;
        else
            list_push_back(users, node);
    }
}

/* With a copy of the body in scratch. NULL: no memory. */
static WireServerFrame *frame_with(struct router *r, WireServerFrame__BodyCase body,
                                   const void *message, size_t size)
{
    WireServerFrame *frame = arena_alloc(&r->scratch, sizeof(*frame));

    if (!frame)
        return NULL;
    *frame = (WireServerFrame)WIRE_SERVER_FRAME__INIT;
    frame->body_case = body;
    frame->message = arena_copy(&r->scratch, message, size); /* of the union, all are pointers */
    return frame->message ? frame : NULL;
}

static WireServerFrame *cursor_frame(struct router *r, const WireUserChannel *channel)
{
    WireCursor cursor = WIRE_CURSOR__INIT;

    cursor.channel_id = channel->home_id;
    cursor.read_seq = channel->read_seq;
    cursor.read_message_id = channel->read_message_id;
    return frame_with(r, WIRE_SERVER_FRAME__BODY_CURSOR, &cursor, sizeof(cursor));
}

static WireServerFrame *mentions_frame(struct router *r, const WireUserChannel *channel)
{
    WireMentions mentions = WIRE_MENTIONS__INIT;

    mentions.channel_id = channel->home_id;
    mentions.count = channel->mentions;
    return frame_with(r, WIRE_SERVER_FRAME__BODY_MENTIONS, &mentions, sizeof(mentions));
}

static WireServerFrame *settings_frame(struct router *r, const WireUserChannel *channel)
{
    WireChannelSettings settings;

    home_fill_settings(channel, &settings);
    return frame_with(r, WIRE_SERVER_FRAME__BODY_CHANNEL_SETTINGS, &settings, sizeof(settings));
}

/* Frames of one channel: cursor, settings, mentions. */
#define OWN_FRAMES 3u
/* Channels that one WebSocket message has room for. */
#define OWN_CHANNELS (CHAT_SERVER_FRAMES_MAX / OWN_FRAMES)

/* False: no memory. */
static bool send_some_own(struct router *r, struct session *s, WireUserChannel *const *channels,
                          size_t channel_count)
{
    const WireServerFrame **frames;
    struct frame *encoded;
    size_t count = 0;
    bool fits;

    arena_reset(&r->scratch);
    frames = arena_alloc(&r->scratch, OWN_FRAMES * channel_count * sizeof(*frames));
    fits = frames != NULL;
    for (size_t i = 0; fits && i < channel_count; i++) {
        const WireUserChannel *channel = channels[i];

        if (channel->read_seq != 0)
            fits = (frames[count++] = cursor_frame(r, channel)) != NULL;
        if (fits && (channel->settings_version != 0 || channel->draft_version != 0))
            fits = (frames[count++] = settings_frame(r, channel)) != NULL;
        if (fits)
            fits = (frames[count++] = mentions_frame(r, channel)) != NULL;
    }
    encoded = fits ? wire_encode_server_many(r->allocator, frames, count) : NULL;
    if (!encoded)
        return false;
    output_push(r, s, encoded);
    frame_unref(encoded);
    return true;
}

/* What is the user's own may have changed meanwhile: all of it again. */
static void send_own(struct router *r, struct session *s, const WireSessionOpened *said)
{
    for (size_t i = 0; i < said->n_channels; i += OWN_CHANNELS) {
        const size_t left = said->n_channels - i;

        if (!send_some_own(r, s, said->channels + i, left < OWN_CHANNELS ? left : OWN_CHANNELS)) {
            output_starve(r, s);
            return;
        }
    }
}

static void take_opened(struct router *r, struct user *u, struct session *s,
                        const WireSessionOpened *said)
{
    user_found(r, u, said->lsn);
    u->routers = said->routers;
    s->session_no = said->session_no;
    for (size_t i = 0; i < said->n_channels; i++) {
        const struct home *h = home_find(r, said->channels[i]->home_id);

        /* One that is still to be listed is listed with this. */
        if (!h || home_slot(h, s) == SLAB_NONE || sync_has(s, said->channels[i]->home_id))
            sync_add(r, s, said->channels[i]);
    }
    send_own(r, s, said);
    if (s->auth_epoch < said->auth_epoch)
        session_revoke(r, s, "signed out everywhere");
}

/* True when the session ends by it, false when it is to be asked again. */
static bool take_refusal(struct router *r, struct session *s, const WireProblem *problem)
{
    switch ((int)problem->code) {
    case WIRE_PROBLEM_CODE__PROBLEM_SUPERSEDED:
        r->stats.superseded++;
        session_end(r, s,
                    &(struct session_end){
                        .close_code = CHAT_CLOSE_SUPERSEDED,
                        .reason = "superseded",
                        .problem = problem->code,
                        .retry = problem->retry,
                    });
        return true;
    case WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED:
    case WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN:
    case WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND:
    case WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED: session_revoke(r, s, "signed out"); return true;
    default: return false;
    }
}

void recheck_announced(struct router *r, struct ask *a, const WireLinkFrame *frame)
{
    struct session *s = ask_session(r, a);
    struct user *u = user_find(r, a->target);
    bool settled = !s;

    if (!u)
        return;
    /* `asks` holds the user until all of this is done. */
    if (s && frame && frame->body_case == WIRE_LINK_FRAME__BODY_SESSION_OPENED) {
        take_opened(r, u, s, frame->session_opened);
        settled = true;
    } else if (s && frame && frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM) {
        settled = take_refusal(r, s, frame->problem);
    }
    u->asks--;
    if (!settled) {
        u->retry_at_ms = r->now.mono_ms + retry_wait_ms(frame);
        user_lose(r, u);
    } else if (u->lost) {
        user_lose(r, u); /* who else is there still waits for an answer, or to be asked */
    }
    user_release(r, u);
}

/* --- both --- */

void rechecks_pump(struct router *r)
{
    if (r->lost_homes == 0 && r->lost_users == 0)
        return;
    for (uint32_t shard = 0; shard < r->shards.shard_count; shard++) {
        if (!router_link(r, shard))
            continue;
        pump_users(r, &r->lists[shard].users, shard);
        pump_homes(r, &r->lists[shard].homes, shard);
    }
}

void rechecks_lose_moved(struct router *r, const uint32_t before[CHAT_SHARDS_MAX])
{
    size_t cursor = 0;
    uint64_t id;
    void *value;

    while (map_next(&r->by_home, &cursor, &id, &value)) {
        uint32_t shard = router_shard(r, id);

        if (shard != SHARD_NONE && shard_map_peer(&r->shards, shard) != before[shard]) {
            ((struct home *)value)->subscribed = false;
            home_lose(r, value);
        }
    }
    cursor = 0;
    while (map_next(&r->by_user, &cursor, &id, &value)) {
        uint32_t shard = router_shard(r, id);

        if (shard != SHARD_NONE && shard_map_peer(&r->shards, shard) != before[shard])
            user_lose(r, value);
    }
}
