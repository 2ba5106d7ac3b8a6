#include "server/router/home.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/plant.h"
#include "server/router/core.h"
#include "server/router/output.h"

struct home *home_find(const struct router *r, uint64_t home_id)
{
    return home_id != 0 ? map_get(&r->by_home, home_id) : NULL;
}

struct home *home_get(struct router *r, uint64_t home_id)
{
    struct home *h = home_find(r, home_id);

    if (h || home_id == 0)
        return h;
    h = slab_take(&r->homes);
    if (!h)
        return NULL;
    h->home_id = home_id;
    h->state = HOME_LOST;
    if (map_put(&r->by_home, home_id, h) != CHAT_OK) {
        slab_give(&r->homes, h);
        return NULL;
    }
    return h;
}

_Static_assert(ROUTER_SESSIONS_MAX <= MEMBERS_SESSION_MAX, "members.h: a session's bits");
_Static_assert(CHAT_USER_CHANNELS_MAX <= MEMBERS_SLOT_MAX, "members.h: a slot's bits");

static void unlist(struct router *r, struct home *h)
{
    if (!list_node_is_linked(&h->lost))
        return;
    list_remove(&h->lost);
    r->lost_homes--;
}

static void free_home(struct router *r, struct home *h)
{
    unlist(r, h);
    if (h->name)
        alloc_free(r->allocator, h->name);
    members_fini(&h->members, r->allocator);
    h->name = NULL;
    slab_give(&r->homes, h);
}

void home_release(struct router *r, struct home *h)
{
    if (h->members.count > 0 || h->asks > 0)
        return;
    if (h->subscribed) {
        struct link *link = router_link(r, router_shard(r, h->home_id));
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
        WireUnsubscribe leave = WIRE_UNSUBSCRIBE__INIT;

        leave.home_id = h->home_id;
        frame.body_case = WIRE_LINK_FRAME__BODY_UNSUBSCRIBE;
        frame.unsubscribe = &leave;
        /* When it cannot be said, publications of an unknown home are dropped. */
        if (link)
            (void)links_send(&r->links, link, &frame);
    }
    map_take(&r->by_home, h->home_id);
    free_home(r, h);
}

void router_homes_fini(struct router *r)
{
    for (uint32_t i = 0; i < r->homes.made; i++) {
        struct home *h = slab_at(&r->homes, i);

        if (slab_is_taken(&h->item))
            free_home(r, h);
    }
}

static bool keep_name(struct router *r, struct home *h, const char *name)
{
    size_t len = strlen(name);
    char *copy = NULL;

    if (len == h->name_len && (len == 0 || memcmp(name, h->name, len) == 0))
        return true;
    if (len > 0 && !(copy = alloc_text(r->allocator, name, len)))
        return false;
    if (h->name)
        alloc_free(r->allocator, h->name);
    h->name = copy;
    h->name_len = (uint16_t)len;
    return true;
}

bool home_learn(struct router *r, struct home *h, const WireSubscribed *said)
{
    h->subscribed = true;
    if (h->state == HOME_LIVE) {
        /* What was published since is not in it: the asker asks again. A newer answer
         * changes nothing here: publications up to it are still to come, in order. */
        return said->lsn >= h->lsn;
    }
    h->lsn = said->lsn;
    h->kind = (uint8_t)said->kind;
    if (said->n_channels > 0 && said->channels[0]->head) {
        const WirePosition *head = said->channels[0]->head;

        h->head_epoch = head->epoch;
        h->head_seq = head->seq;
        h->head_message_id = head->message_id;
        h->head_rev = head->rev;
        h->first_seq = said->channels[0]->first_seq;
    }
    if (said->n_direct_members == 2)
        memcpy(h->direct, said->direct_members, sizeof(h->direct));
    if (!keep_name(r, h, said->name))
        r->stats.no_memory++; /* shown without its name until it is learned again */
    /* It stays listed if it is: other members are still to be checked. */
    h->state = HOME_LIVE;
    return true;
}

void home_lose(struct router *r, struct home *h)
{
    uint32_t shard = router_shard(r, h->home_id);

    h->state = HOME_LOST;
    for (uint32_t i = 0; i < h->members.count; i++)
        members_set_permissions(&h->members, i, 0);
    if (h->members.count == 0 || h->asking || list_node_is_linked(&h->lost) || shard == SHARD_NONE)
        return;
    list_push_back(&r->lists[shard].homes, &h->lost);
    r->lost_homes++;
}

/* --- edges --- */

uint32_t home_slot(const struct home *h, const struct session *s)
{
    if (h->members.count < s->home_count) {
        for (uint32_t i = 0; i < h->members.count; i++) {
            const struct home_member member = members_get(&h->members, i);

            if (member.session == s->item.index)
                return member.slot;
        }
        return SLAB_NONE;
    }
    for (uint32_t slot = 0; slot < s->home_count; slot++)
        if (s->homes[slot].home == h->item.index)
            return slot;
    return SLAB_NONE;
}

bool home_member_of(const struct home *h, const struct session *s, struct home_member *out)
{
    uint32_t slot = home_slot(h, s);

    if (slot == SLAB_NONE)
        return false;
    *out = members_get(&h->members, s->homes[slot].member);
    return true;
}

static chat_status make_room(struct router *r, struct home *h, struct session *s)
{
    if (h->members.count == HOME_MEMBERS_MAX || s->home_count == CHAT_USER_CHANNELS_MAX)
        return CHAT_E_TOO_LARGE;
    if (members_reserve(&h->members, r->allocator) != CHAT_OK)
        return CHAT_E_NOMEM;
    if (s->home_count == s->home_cap) {
        uint32_t cap = members_grown(s->home_cap);
        struct session_home *larger = alloc_resize(
            r->allocator, s->homes, s->home_cap * sizeof(*larger), cap * sizeof(*larger));

        if (!larger)
            return CHAT_E_NOMEM;
        s->homes = larger;
        s->home_cap = cap;
    }
    return CHAT_OK;
}

void home_expect(struct router *r, struct session *s, size_t count)
{
    if (s->homes || count == 0 || count > CHAT_USER_CHANNELS_MAX)
        return;
    s->homes = alloc_array(r->allocator, count, sizeof(*s->homes));
    s->home_cap = s->homes ? (uint32_t)count : 0;
}

chat_status home_join(struct router *r, struct home *h, struct session *s, uint32_t permissions)
{
    const uint32_t slot = home_slot(h, s);
    uint16_t kept = (uint16_t)(permissions & HOME_PERMISSIONS_MASK);
    chat_status status;

    if (slot != SLAB_NONE) {
        members_set_permissions(&h->members, s->homes[slot].member, kept);
        return CHAT_OK;
    }
    status = make_room(r, h, s);
    if (status != CHAT_OK)
        return status;
    s->homes[s->home_count] =
        (struct session_home){.home = h->item.index, .member = h->members.count};
    members_push(&h->members, &(struct home_member){.session = s->item.index,
                                                    .permissions = kept,
                                                    .slot = (uint16_t)s->home_count});
    s->home_count++;
    r->stats.edges++;
    return CHAT_OK;
}

static void set_slot(struct home *h, uint32_t index, uint32_t slot)
{
    struct home_member member = members_get(&h->members, index);

    member.slot = (uint16_t)slot;
    members_set(&h->members, index, &member);
}

void home_leave(struct router *r, struct session *s, uint32_t slot)
{
    struct home *h = home_at(&r->homes, s->homes[slot].home);
    uint32_t member = s->homes[slot].member;

    assert(members_get(&h->members, member).session == s->item.index);
    members_take(&h->members, member);
    if (member < h->members.count) {
        const struct home_member moved = members_get(&h->members, member);

        router_session(r, moved.session)->homes[moved.slot].member = member;
    }
    s->homes[slot] = s->homes[--s->home_count];
    if (slot < s->home_count) {
        const struct session_home *moved = &s->homes[slot];

        set_slot(home_at(&r->homes, moved->home), moved->member, slot);
    }
    if (h->members.count == 0)
        unlist(r, h);
    r->stats.edges--;
}

void home_leave_all(struct router *r, struct session *s)
{
    while (s->home_count > 0) {
        struct home *h = home_at(&r->homes, s->homes[s->home_count - 1].home);

        home_leave(r, s, s->home_count - 1);
        home_release(r, h);
    }
    if (s->homes)
        alloc_free(r->allocator, s->homes);
    s->homes = NULL;
    s->home_cap = 0;
}

/* --- what clients are told of it --- */

static void describe(const struct home *h, const struct session *s, uint32_t permissions,
                     WirePosition *head, WireChannel *out)
{
    *head = (WirePosition)WIRE_POSITION__INIT;
    head->channel_id = h->home_id;
    head->epoch = h->head_epoch;
    head->seq = h->head_seq;
    head->message_id = h->head_message_id;
    head->rev = h->head_rev;

    *out = (WireChannel)WIRE_CHANNEL__INIT;
    out->head = head;
    out->home_id = h->home_id;
    out->kind = (WireHomeKind)h->kind;
    if (h->name)
        out->name = h->name;
    out->first_seq = h->first_seq;
    out->permissions = permissions;
    if (h->kind == WIRE_HOME_KIND__HOME_KIND_DIRECT)
        out->peer_id = h->direct[0] == s->user_id ? h->direct[1] : h->direct[0];
}

void home_fill_settings(const WireUserChannel *channel, WireChannelSettings *out)
{
    *out = (WireChannelSettings)WIRE_CHANNEL_SETTINGS__INIT;
    out->channel_id = channel->home_id;
    out->muted_until_ms = channel->muted_until_ms;
    out->version = channel->settings_version;
    out->draft_version = channel->draft_version;
    out->has_draft = channel->has_draft;
}

/* Of those that the home told: the user's own and, of a direct, the other's. */
static size_t pick_receipts(const struct home *h, const struct session *s,
                            const WireChannelState *state, WireReceipt *out[2])
{
    size_t count = 0;

    for (size_t i = 0; i < state->n_receipts && count < 2; i++)
        if (state->receipts[i]->user_id == s->user_id ||
            h->kind == WIRE_HOME_KIND__HOME_KIND_DIRECT)
            out[count++] = state->receipts[i];
    return count;
}

void home_send_channel(struct router *r, const struct home *h, struct session *s,
                       uint32_t permissions, const struct home_seen *seen)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WirePosition head;
    WireMentions mentions = WIRE_MENTIONS__INIT;
    WireChannel channel, *channels[1] = {&channel};
    WireReceipt *receipts[2];

    describe(h, s, permissions, &head, &channel);
    if (seen) {
        channel.read_seq = seen->read_seq;
        channel.read_message_id = seen->read_message_id;
        if (seen->has_mentions) {
            mentions.channel_id = h->home_id;
            mentions.count = seen->mentions;
            channel.mentions = &mentions;
        }
        channel.settings = seen->settings;
        if (seen->state && seen->state->head) {
            channel.head = seen->state->head;
            channel.first_seq = seen->state->first_seq;
            channel.deleted_unread = seen->settings ? seen->state->deleted_unread : 0;
            channel.receipts = receipts;
            channel.n_receipts = pick_receipts(h, s, seen->state, receipts);
        }
    }
    list.n_channels = 1;
    list.channels = channels;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    output_send(r, s, &frame);
}

void home_send_removed(struct router *r, uint64_t home_id, uint64_t lsn, struct session *s)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    removed.channel_id = home_id;
    removed.lsn = lsn;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_REMOVED;
    frame.channel_removed = &removed;
    output_send(r, s, &frame);
    r->stats.removals++;
}
