/* The user's channels, in memory as in the cache. */
#include <string.h>

#include "client/inner.h"

uint32_t channel_index_after(const struct client_core *core, uint64_t id)
{
    uint32_t low = 0, high = core->channel_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (core->channels[middle]->c.channel_id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct channel *channel_find(const struct client_core *core, uint64_t id)
{
    uint32_t at = channel_index_after(core, id);

    return at && core->channels[at - 1]->c.channel_id == id ? core->channels[at - 1] : NULL;
}

/* A direct or group has one channel, whose id is the home's. */
struct channel *channel_find_home(const struct client_core *core, uint64_t home_id)
{
    struct channel *ch = channel_find(core, home_id);

    if (ch && ch->c.home_id == home_id)
        return ch;
    for (uint32_t i = 0; i < core->channel_count; i++)
        if (core->channels[i]->c.home_id == home_id)
            return core->channels[i];
    return NULL;
}

void channel_touch(struct client_core *core, struct channel *ch)
{
    view_touch_channel(core, ch);
    if (!list_node_is_linked(&ch->dirty) && !channel_is_gone(ch))
        list_push_back(&core->dirty, &ch->dirty);
}

chat_status channel_save_dirty(struct client_core *core)
{
    struct list_node *node;

    while ((node = list_pop_front(&core->dirty)) != NULL) {
        chat_status status =
            cache_channel_save(core->cache, &LIST_ENTRY(node, struct channel, dirty)->c);

        if (status != CHAT_OK)
            return status;
    }
    return CHAT_OK;
}

static struct channel *insert(struct client_core *core, uint64_t id)
{
    uint32_t at = channel_index_after(core, id);
    struct channel *ch;

    if (core->channel_count == core->channel_cap) {
        uint32_t cap = core->channel_cap ? core->channel_cap * 2 : 16;
        struct channel **grown =
            alloc_resize(core->allocator, core->channels, core->channel_cap * sizeof(*grown),
                         cap * sizeof(*grown));

        if (!grown)
            return NULL;
        core->channels = grown;
        core->channel_cap = cap;
    }
    ch = alloc_zeroed(core->allocator, sizeof(*ch));
    if (!ch)
        return NULL;
    ch->c.channel_id = id;
    list_init(&ch->ops);
    memmove(&core->channels[at + 1], &core->channels[at],
            (core->channel_count - at) * sizeof(core->channels[0]));
    core->channels[at] = ch;
    core->channel_count++;
    return ch;
}

static chat_status take_row(const struct cache_channel *row, void *user)
{
    struct client_core *core = user;
    struct channel *ch;

    /* Each once, if the file is sound. */
    if (core->channel_count >= CHAT_USER_CHANNELS_MAX || channel_find(core, row->channel_id))
        return CHAT_E_CORRUPT;
    ch = insert(core, row->channel_id);
    if (!ch)
        return CHAT_E_NOMEM;
    ch->c = *row;
    ch->counted_rev = ch->c.head_rev; /* deleted_unread may know of all up to there */
    ch->unread_stale = true;
    lane_check(core, ch);
    if (ch->c.mark_seq)
        outbox_check(core, ch);
    return CHAT_OK;
}

chat_status channel_load_all(struct client_core *core)
{
    return cache_channels_load(core->cache, take_row, core);
}

void channel_free(struct client_core *core, struct channel *ch)
{
    list_remove(&ch->dirty);
    list_remove(&ch->lagging);
    list_remove(&ch->sending);
    list_remove(&ch->gone);
    list_remove(&ch->telling);
    list_remove(&ch->settling);
    list_remove(&ch->stale);
    ranges_fini(&ch->c.ranges, core->allocator);
    alloc_free(core->allocator, ch);
}

void channel_free_all(struct client_core *core)
{
    for (uint32_t i = 0; i < core->channel_count; i++)
        channel_free(core, core->channels[i]);
    core->channel_count = 0;
    LIST_EACH(node, &core->gone) { channel_free(core, LIST_ENTRY(node, struct channel, gone)); }
}

static void drop(struct client_core *core, struct channel *ch)
{
    uint32_t at = channel_index_after(core, ch->c.channel_id) - 1;

    request_forget_channel(core, ch);
    view_reset(core, ch);
    outbox_channel_gone(core, ch);
    events_gone(core, ch);
    receipts_gone(core, ch);
    (void)core_ok(core, cache_channel_remove(core->cache, ch->c.channel_id));
    core->channel_count--;
    memmove(&core->channels[at], &core->channels[at + 1],
            (core->channel_count - at) * sizeof(core->channels[0]));
    gone_keep(core, ch);
}

void channel_removed(struct client_core *core, uint64_t channel_id)
{
    struct channel *ch = channel_find(core, channel_id);

    if (ch)
        drop(core, ch);
}

void channel_read_moved(struct client_core *core, struct channel *ch, uint64_t seq, uint64_t id)
{
    const uint64_t read = unread_from(ch);
    bool is_news;

    if (seq > RANGES_SEQ_MAX) {
        session_odd(core, "a cursor beyond all bounds");
        return;
    }
    if (seq <= ch->c.read_seq) {
        if (seq == ch->c.read_seq && id && ch->c.read_message_id != id) {
            ch->c.read_message_id = id;
            channel_touch(core, ch);
        }
        return;
    }
    is_news = seq > ch->c.mark_seq;
    ch->c.read_seq = seq;
    ch->c.read_message_id = id;
    unread_moved(core, ch, read);
    channel_touch(core, ch);
    if (is_news)
        events_read(core, ch);
}

void channel_mentions(struct client_core *core, const WireMentions *mentions)
{
    struct channel *ch = channel_find(core, mentions->channel_id);
    const uint64_t count = least_u64(mentions->count, CHAT_MENTIONS_COUNT_MAX);

    if (!ch || ch->c.mentions == count)
        return;
    ch->c.mentions = count;
    ch->unread_stale = true; /* what is held here says it more exactly */
    channel_touch(core, ch);
    events_channel(core, ch);
}

/* What a list says of a channel besides its head. True when the application should know. */
static bool take_listed(struct client_core *core, struct channel *ch, const WireChannel *w)
{
    const char *name = w->name ? w->name : "";
    size_t len = strlen(name);
    bool changed = ch->c.home_id != w->home_id || ch->c.kind != (uint32_t)w->kind ||
                   ch->c.permissions != w->permissions || ch->c.peer_id != w->peer_id ||
                   ch->c.first_seq != w->first_seq || ch->c.name_len != len ||
                   memcmp(ch->c.name, name, len) != 0;

    if (!changed || len > CHAT_NAME_MAX)
        return false;
    ch->c.home_id = w->home_id;
    ch->c.kind = (uint32_t)w->kind;
    ch->c.permissions = w->permissions;
    ch->c.peer_id = w->peer_id;
    ch->c.first_seq = most_u64(ch->c.first_seq, w->first_seq);
    ch->c.name_len = (uint32_t)len;
    memcpy(ch->c.name, name, len + 1);
    channel_touch(core, ch);
    return true;
}

static bool is_sane(const WireChannel *w)
{
    return w->head && w->head->channel_id && w->head->seq <= RANGES_SEQ_MAX &&
           w->head->rev <= RANGES_SEQ_MAX && w->first_seq <= RANGES_SEQ_MAX && w->home_id;
}

static void list_one(struct client_core *core, const WireChannel *w)
{
    struct channel *ch;
    bool is_new, changed;

    if (!is_sane(w)) {
        session_odd(core, "a channel without a sane head");
        return;
    }
    ch = channel_find(core, w->head->channel_id);
    if (w->unavailable) { /* it is still ours; what we know of it stands */
        if (ch)
            ch->listed = core->list_round;
        return;
    }
    is_new = !ch;
    if (is_new) {
        if (core->channel_count >= CHAT_USER_CHANNELS_MAX) {
            session_odd(core, "too many channels");
            return;
        }
        (void)core_ok(core, cache_remains_clear(core->cache, w->head->channel_id));
        ch = insert(core, w->head->channel_id);
        if (!ch) {
            (void)core_ok(core, CHAT_E_NOMEM);
            return;
        }
        ch->c.epoch = w->head->epoch;
        channel_touch(core, ch);
        gone_adopt(core, ch);
    }
    ch->listed = core->list_round;
    changed = take_listed(core, ch, w);
    if (w->mentions && w->mentions->channel_id == ch->c.channel_id)
        channel_mentions(core, w->mentions);
    if (is_new || changed)
        events_channel(core, ch);
    if (w->peer_id)
        users_saw(core, w->peer_id);
    head_hint(core, ch, w->head);
    channel_read_moved(core, ch, w->read_seq, w->read_message_id);
    settings_listed(core, ch, w->settings);
    receipts_listed(core, ch, w);
    unread_listed(core, ch, w);
    apply_stream(core, ch);
    outbox_check(core, ch);
    core->opened_due |= is_new;
}

void channel_list(struct client_core *core, const WireChannelList *list)
{
    link_id link = core->link;

    while (core->item < list->n_channels && core->link == link && receive_one(core))
        list_one(core, list->channels[core->item - 1]);
    if (core->link != link || core->list_complete || core->unfinished)
        return;
    core->state_deadline_ms = core->now.mono_ms + core->cfg.request_timeout_ms;
    if (!list->complete)
        return;
    core->list_complete = true;
    core->state_deadline_ms = MOMENT_NEVER;
    for (uint32_t i = core->channel_count; i > 0; i--) /* left while we were away */
        if (core->channels[i - 1]->listed != core->list_round)
            drop(core, core->channels[i - 1]);
}

/* --- as the application sees it --- */

void channel_view(struct client_core *core, struct channel *ch, struct chat_channel *out)
{
    memset(out, 0, sizeof(*out)); /* padding, too, and then field by field: views compare bytes */
    out->channel_id = ch->c.channel_id;
    out->home_id = ch->c.home_id;
    out->kind = (chat_home_kind)ch->c.kind;
    out->permissions = ch->c.permissions;
    out->epoch = ch->c.epoch;
    out->head_seq = ch->c.head_seq;
    out->stream_seq = ch->c.stream_seq;
    out->first_seq = most_u64(ch->c.first_seq, 1);
    out->read_seq = unread_from(ch);
    out->peer_id = ch->c.peer_id;
    out->name = ch->c.name;
    out->name_len = ch->c.name_len;
    out->muted_until_ms = ch->own.muted_until_ms;
    out->has_draft = ch->own.has_draft;
    out->peer_delivered_seq = least_u64(ch->receipts.peer_delivered, ch->c.head_seq);
    out->peer_read_seq = least_u64(ch->receipts.peer_read, ch->c.head_seq);
    unread_count(core, ch, out);
}

const struct chat_channel *client_next_channel(struct client_core *core, uint64_t after_id)
{
    uint32_t at = channel_index_after(core, after_id);

    if (at >= core->channel_count)
        return NULL;
    channel_view(core, core->channels[at], &core->view_channel);
    return &core->view_channel;
}

const struct chat_channel *client_channel(struct client_core *core, uint64_t channel_id)
{
    struct channel *ch = channel_find(core, channel_id);

    if (!ch)
        return NULL;
    channel_view(core, ch, &core->view_channel);
    return &core->view_channel;
}
