#include "server/router/sync.h"

#include <string.h>

#include "base/alloc.h"
#include "server/router/output.h"
#include "server/router/presence_report.h"

#define SYNC_TURN_MAX 64u /* syncs that are looked at in one turn without getting on */
#define SYNC_NONE UINT32_MAX

enum item_state { ITEM_OPEN, ITEM_ASKED, ITEM_DONE };

struct sync_item {
    uint64_t home_id, read_seq, read_message_id;
    uint64_t asked_seq; /* read_seq as the home was asked */
    uint64_t settings_version, draft_version;
    int64_t muted_until_ms;
    bool has_draft;
    bool is_told;  /* by the user's home: what he has read and set */
    uint8_t state; /* enum item_state */
    uint8_t kind;  /* WireHomeKind */
    uint8_t mentions;
    bool has_mentions;
};

_Static_assert(CHAT_MENTIONS_COUNT_MAX <= UINT8_MAX, "an item's mentions");

struct sync {
    struct list_node runnable; /* in router.syncs: has something to ask */
    struct session *session;
    struct sync_item *items;
    uint32_t count, cap;
    uint32_t next;      /* no item before it is OPEN */
    uint32_t in_flight; /* ITEM_ASKED */
    uint32_t left;      /* not DONE */
    int64_t retry_at_ms;
    int64_t patience_ms; /* until then `complete` waits */
};

/* --- the list --- */

static struct sync *sync_new(struct router *r, struct session *s, size_t count)
{
    struct sync *y = alloc_zeroed(r->allocator, sizeof(*y));

    if (!y)
        return NULL;
    y->session = s;
    y->patience_ms = r->now.mono_ms + r->limits.sync_patience_ms;
    y->cap = count > 0 ? (uint32_t)count : 1;
    y->items = alloc_array(r->allocator, y->cap, sizeof(*y->items));
    if (!y->items) {
        alloc_free(r->allocator, y);
        return NULL;
    }
    s->sync = y;
    return y;
}

void sync_free(struct router *r, struct session *s)
{
    struct sync *y = s->sync;

    if (!y)
        return;
    list_remove(&y->runnable);
    alloc_free(r->allocator, y->items);
    alloc_free(r->allocator, y);
    s->sync = NULL;
}

static uint32_t item_of(const struct sync *y, uint64_t home_id)
{
    for (uint32_t i = 0; i < y->count; i++)
        if (y->items[i].home_id == home_id && y->items[i].state != ITEM_DONE)
            return i;
    return SYNC_NONE;
}

bool sync_has(const struct session *s, uint64_t home_id)
{
    return s->sync && item_of(s->sync, home_id) != SYNC_NONE;
}

static bool make_room(struct router *r, struct sync *y)
{
    uint32_t cap = y->cap + y->cap / 2 + 1;
    struct sync_item *larger;

    if (y->count < y->cap)
        return true;
    if (y->count >= 2 * CHAT_USER_CHANNELS_MAX)
        return false;
    larger = alloc_resize(r->allocator, y->items, y->cap * sizeof(*larger), cap * sizeof(*larger));
    if (!larger)
        return false;
    y->items = larger;
    y->cap = cap;
    return true;
}

static void make_runnable(struct router *r, struct sync *y)
{
    if (!list_node_is_linked(&y->runnable))
        list_push_back(&r->syncs, &y->runnable);
}

static uint8_t at_most_max(uint32_t mentions)
{
    return (uint8_t)(mentions < CHAT_MENTIONS_COUNT_MAX ? mentions : CHAT_MENTIONS_COUNT_MAX);
}

/* NULL: there is no such home, nobody could be asked. */
static struct sync_item *append(struct router *r, struct sync *y, uint64_t home_id)
{
    struct sync_item *item = &y->items[y->count];

    if (router_shard(r, home_id) == SHARD_NONE)
        return NULL;
    *item = (struct sync_item){.home_id = home_id, .state = ITEM_OPEN};
    y->count++;
    y->left++;
    make_runnable(r, y);
    return item;
}

static void set_mentions(struct sync_item *item, uint32_t mentions)
{
    item->mentions = at_most_max(mentions);
    item->has_mentions = true;
}

/* The user's home says this of the channel; what it said before is older. */
static void tell(struct sync_item *item, const WireUserChannel *channel)
{
    item->is_told = true;
    item->kind = (uint8_t)channel->kind;
    item->read_seq = channel->read_seq;
    item->read_message_id = channel->read_message_id;
    item->settings_version = channel->settings_version;
    item->draft_version = channel->draft_version;
    item->muted_until_ms = channel->muted_until_ms;
    item->has_draft = channel->has_draft;
    set_mentions(item, channel->mentions);
}

/* --- done --- */

static void send_complete(struct router *r, struct session *s)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;

    list.complete = true;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    output_send(r, s, &frame);
}

static void finish_if_done(struct router *r, struct session *s)
{
    if (s->sync->left > 0)
        return;
    sync_free(r, s);
    if (s->state == SESSION_SYNCING) {
        send_complete(r, s);
        session_enter(r, s, SESSION_LIVE);
    }
}

int64_t sync_patience_end_ms(const struct session *s)
{
    return s->sync && s->state == SESSION_SYNCING ? s->sync->patience_ms : MOMENT_NEVER;
}

static void send_unavailable(struct router *r, struct session *s, const struct sync_item *item)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannel channel = WIRE_CHANNEL__INIT, *channels[1] = {&channel};
    WirePosition head = WIRE_POSITION__INIT;

    head.channel_id = item->home_id;
    channel.head = &head;
    channel.home_id = item->home_id;
    channel.kind = (WireHomeKind)item->kind;
    channel.unavailable = true;
    list.n_channels = 1;
    list.channels = channels;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    output_send(r, s, &frame);
}

void sync_lose_patience(struct router *r, struct session *s)
{
    for (uint32_t i = 0; i < s->sync->count; i++)
        if (s->sync->items[i].state != ITEM_DONE)
            send_unavailable(r, s, &s->sync->items[i]);
    send_complete(r, s);
    session_enter(r, s, SESSION_LIVE);
}

bool sync_start(struct router *r, struct session *s, WireUserChannel *const *channels, size_t count)
{
    struct sync *y = sync_new(r, s, count);

    if (!y)
        return false;
    home_expect(r, s, count);
    for (size_t i = 0; i < count; i++) {
        struct sync_item *item = append(r, y, channels[i]->home_id);

        if (item)
            tell(item, channels[i]);
    }
    finish_if_done(r, s);
    return true;
}

/* NULL: no memory, or no such home. */
static struct sync_item *find_or_append(struct router *r, struct session *s, uint64_t home_id)
{
    struct sync *y = s->sync ? s->sync : sync_new(r, s, 1);
    uint32_t i = y ? item_of(y, home_id) : SYNC_NONE;

    if (i != SYNC_NONE)
        return &y->items[i];
    if (y && make_room(r, y))
        return append(r, y, home_id);
    output_starve(r, s);
    return NULL;
}

void sync_add(struct router *r, struct session *s, const WireUserChannel *channel)
{
    struct sync_item *item = find_or_append(r, s, channel->home_id);

    if (item)
        tell(item, channel);
}

void sync_look(struct router *r, struct session *s, uint64_t home_id)
{
    (void)find_or_append(r, s, home_id);
}

void sync_heard_mentions(const struct session *s, const WireMentions *mentions)
{
    const uint32_t i = s->sync ? item_of(s->sync, mentions->channel_id) : SYNC_NONE;

    if (i != SYNC_NONE)
        set_mentions(&s->sync->items[i], mentions->count);
}

static struct sync_item *waiting(const struct session *s, uint64_t home_id)
{
    uint32_t i = s->sync ? item_of(s->sync, home_id) : SYNC_NONE;

    return i != SYNC_NONE && s->sync->items[i].is_told ? &s->sync->items[i] : NULL;
}

void sync_heard_cursor(const struct session *s, const WireCursor *cursor)
{
    struct sync_item *item = waiting(s, cursor->channel_id);

    if (!item || cursor->read_seq <= item->read_seq)
        return;
    item->read_seq = cursor->read_seq;
    item->read_message_id = cursor->read_message_id;
}

void sync_heard_settings(const struct session *s, const WireChannelSettings *settings)
{
    struct sync_item *item = waiting(s, settings->channel_id);

    if (!item || settings->version <= item->settings_version)
        return;
    item->settings_version = settings->version;
    item->muted_until_ms = settings->muted_until_ms;
}

void sync_heard_draft(const struct session *s, const WireDraft *draft)
{
    struct sync_item *item = waiting(s, draft->channel_id);

    if (!item || draft->version <= item->draft_version)
        return;
    item->draft_version = draft->version;
    item->has_draft = draft->text[0] != '\0' || draft->reply_to_seq != 0;
}

/* --- asking --- */

static void ask_again(struct router *r, struct sync *y, uint32_t i, int64_t wait_ms)
{
    y->items[i].state = ITEM_OPEN;
    if (i < y->next)
        y->next = i;
    if (wait_ms > 0)
        y->retry_at_ms = r->now.mono_ms + wait_ms;
    make_runnable(r, y);
}

static void tell_removed(struct router *r, struct session *s, uint64_t home_id)
{
    struct home *h = home_find(r, home_id);
    uint32_t slot = h ? home_slot(h, s) : SLAB_NONE;

    if (slot != SLAB_NONE)
        home_leave(r, s, slot);
    /* In a list after a Welcome, what is not named is not there. */
    if (slot != SLAB_NONE || s->state != SESSION_SYNCING)
        home_send_removed(r, home_id, 0, s);
    if (h)
        home_release(r, h);
}

static void item_done(struct sync *y, uint32_t i)
{
    y->items[i].state = ITEM_DONE;
    y->left--;
}

static bool ask_item(struct router *r, struct session *s, uint32_t i)
{
    struct sync_item *item = &s->sync->items[i];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    uint32_t shard = router_shard(r, item->home_id);
    struct home *h;
    struct ask *a;

    if (!router_link(r, shard))
        return false;
    h = home_get(r, item->home_id);
    a = h ? ask_new(r, ASK_SUBSCRIBE, s) : NULL;
    if (!a) {
        if (h)
            home_release(r, h);
        return false;
    }
    a->target = item->home_id;
    a->number = i;
    subscribe.home_id = item->home_id;
    subscribe.user_id = s->user_id;
    subscribe.read_seq = item->asked_seq = item->read_seq;
    frame.user_id = s->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &subscribe;
    if (ask_send(r, a, shard, &frame) != CHAT_OK) {
        home_release(r, h);
        return false;
    }
    h->asks++;
    item->state = ITEM_ASKED;
    s->sync->in_flight++;
    return true;
}

/* True when there is nothing to ask just now: an answer makes it runnable again. */
static bool pump(struct router *r, struct sync *y)
{
    if (y->retry_at_ms > r->now.mono_ms)
        return false;
    for (; y->next < y->count; y->next++) {
        struct sync_item *item = &y->items[y->next];

        if (item->state != ITEM_OPEN)
            continue;
        if (y->in_flight >= r->limits.sync_in_flight)
            return true;
        if (!ask_item(r, y->session, y->next))
            return false;
    }
    return true;
}

/* A home whose store is away stands in the way of those behind it in `next` order only for
 * a while: look past it. */
static void look_past(struct router *r, struct sync *y)
{
    for (uint32_t i = y->next + 1; i < y->count; i++) {
        if (y->in_flight >= r->limits.sync_in_flight)
            return;
        if (y->items[i].state == ITEM_OPEN &&
            router_link(r, router_shard(r, y->items[i].home_id)) && !ask_item(r, y->session, i))
            return;
    }
}

void syncs_pump(struct router *r)
{
    struct list stuck;
    struct list_node *node;
    uint32_t tries = 0;

    list_init(&stuck);
    while (tries < SYNC_TURN_MAX && (node = list_pop_front(&r->syncs)) != NULL) {
        struct sync *y = LIST_ENTRY(node, struct sync, runnable);

        if (pump(r, y))
            continue;
        if (y->retry_at_ms <= r->now.mono_ms)
            look_past(r, y);
        tries++;
        list_push_back(&stuck, &y->runnable);
    }
    while ((node = list_pop_front(&stuck)) != NULL)
        list_push_back(&r->syncs, node);
}

/* --- answers --- */

static const WireMember *member_in(const WireSubscribed *said, uint64_t user_id)
{
    for (size_t i = 0; i < said->n_members; i++)
        if (said->members[i]->user_id == user_id)
            return said->members[i];
    return NULL;
}

static void take_subscribed(struct router *r, struct session *s, uint32_t i, struct home *h,
                            const WireSubscribed *said)
{
    const struct sync_item *item = &s->sync->items[i];
    const WireMember *member = member_in(said, s->user_id);
    WireChannelSettings settings = WIRE_CHANNEL_SETTINGS__INIT;
    const WireChannelState *state = said->n_channels > 0 ? said->channels[0] : NULL;
    const struct home_seen seen = {
        .state = state,
        .read_seq = item->read_seq,
        .read_message_id = item->read_message_id,
        .mentions = item->mentions,
        .has_mentions = item->has_mentions,
        .settings = item->is_told ? &settings : NULL,
    };

    settings.channel_id = item->home_id;
    settings.muted_until_ms = item->muted_until_ms;
    settings.version = item->settings_version;
    settings.draft_version = item->draft_version;
    settings.has_draft = item->has_draft;
    /* What was deleted was counted from where the user had read to when it was asked. */
    if (!home_learn(r, h, said) ||
        (state && state->deleted_unread > 0 && item->asked_seq != item->read_seq)) {
        ask_again(r, s->sync, i, 0);
        return;
    }
    if (!member || member->permissions == WIRE_PERMISSION__PERMISSION_NONE) {
        tell_removed(r, s, item->home_id);
    } else if (home_join(r, h, s, member->permissions) != CHAT_OK) {
        output_starve(r, s);
        return;
    } else {
        home_send_channel(r, h, s, member->permissions, &seen);
    }
    item_done(s->sync, i);
}

static void take_problem(struct router *r, struct session *s, uint32_t i,
                         const WireProblem *problem)
{
    switch ((int)problem->code) {
    case WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN:
    case WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND:
    case WIRE_PROBLEM_CODE__PROBLEM_INVALID:
        tell_removed(r, s, s->sync->items[i].home_id);
        item_done(s->sync, i);
        break;
    default:
        ask_again(r, s->sync, i,
                  problem->retry_after_ms > 0 ? (int64_t)problem->retry_after_ms : ROUTER_RETRY_MS);
    }
}

void sync_answered(struct router *r, struct ask *a, const WireLinkFrame *frame)
{
    struct session *s = ask_session(r, a);
    struct home *h = home_find(r, a->target);
    bool subscribed = frame && frame->body_case == WIRE_LINK_FRAME__BODY_SUBSCRIBED;

    if (h) { /* always: `asks` holds it */
        h->asks--;
        h->subscribed |= subscribed;
    }
    /* The item, unless that sync ended and this answer came to a later one. */
    if (s && s->sync && a->number < s->sync->count &&
        s->sync->items[a->number].state == ITEM_ASKED &&
        s->sync->items[a->number].home_id == a->target) {
        s->sync->in_flight--;
        if (h && subscribed)
            take_subscribed(r, s, a->number, h, frame->subscribed);
        else if (frame && frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM)
            take_problem(r, s, a->number, frame->problem);
        else
            ask_again(r, s->sync, a->number, ROUTER_RETRY_MS);
        make_runnable(r, s->sync);
        finish_if_done(r, s);
    }
    h = home_find(r, a->target);
    if (h)
        home_release(r, h);
}
