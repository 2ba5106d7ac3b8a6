/* The rows of a channel list: the latest activity first. */

#include "base/hash.h"
#include "base/snowflake.h"
#include "client/view_inner.h"

/* --- what one row shows --- */

static chat_status hash_preview(const struct chat_message *m, void *user)
{
    struct channel *ch = user;

    ch->row_author = m->author_id;
    ch->row_version = hash_pair(ch->row_version, hash_pair(m->message_id, m->rev));
    return CHAT_OK;
}

/* The newest message known here: what this user is sending, else what is held. */
const struct out_op *view_list_sending(const struct channel *ch)
{
    for (const struct list_node *n = ch->ops.head.prev; n != &ch->ops.head; n = n->prev) {
        const struct out_op *op = LIST_ENTRY(n, struct out_op, link);

        if (op->kind == CHAT_OUTGOING_SEND)
            return op;
    }
    return NULL;
}

static chat_status add_preview(struct client_core *core, struct channel *ch)
{
    const struct out_op *op = view_list_sending(ch);
    uint64_t seq = ranges_top(&ch->c.ranges);

    ch->row_author = 0;
    if (op) {
        ch->row_author = client_user_id(core);
        ch->row_version =
            hash_pair(ch->row_version, hash_pair(op->device_id, op->counter + op->edits));
        return CHAT_OK;
    }
    return cache_messages_read(core->cache, ch->c.channel_id, seq, seq, 1, hash_preview, ch);
}

/* Ids carry the time they were given: of the newest message, or of the channel itself. */
static int64_t active_ms(const struct channel *ch)
{
    uint64_t id = ch->c.head_message_id ? ch->c.head_message_id : ch->c.channel_id;
    const struct out_op *op = view_list_sending(ch);
    int64_t at_ms = snowflake_wall_ms(id & (uint64_t)INT64_MAX);

    return op && op->created_at_ms > at_ms ? op->created_at_ms : at_ms;
}

/* What the list shows of the channel is current in its row_ fields. */
static chat_status refresh(struct client_core *core, struct channel *ch)
{
    struct chat_channel shown;
    chat_status status;

    if (ch->row_fresh)
        return CHAT_OK;
    channel_view(core, ch, &shown);
    ch->row_unread = shown.unread;
    ch->row_active_ms = active_ms(ch);
    ch->row_version = hash_pair(view_channel_hash(&shown), (uint64_t)ch->row_active_ms);
    ch->row_version = hash_pair(ch->row_version, (uint64_t)view_presence(core, ch->c.peer_id));
    ch->row_version = hash_pair(ch->row_version, ch->row_names);
    status = add_preview(core, ch);
    ch->row_version |= 1;
    ch->row_fresh = status == CHAT_OK;
    return status;
}

/* --- all rows --- */

/* A pure function of the state: two lists of the same channels look the same. */
static bool comes_first(const struct channel *a, const struct channel *b)
{
    if (a->row_active_ms != b->row_active_ms)
        return a->row_active_ms > b->row_active_ms;
    return a->c.channel_id > b->c.channel_id;
}

/* In place, for an order that is mostly right already; by steps of 1 it is insertion. */
static void sort(struct channel **list, uint32_t count)
{
    static const uint32_t steps[] = {701, 301, 132, 57, 23, 10, 4, 1};

    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        for (uint32_t i = steps[s]; i < count; i++) {
            struct channel *ch = list[i];
            uint32_t at = i;

            for (; at >= steps[s] && comes_first(ch, list[at - steps[s]]); at -= steps[s])
                list[at] = list[at - steps[s]];
            list[at] = ch;
        }
    }
}

static void add_rows(chat_view *view, struct channel *const *list, uint32_t count)
{
    struct view_rows *rows = &view->wanted;

    rows->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct channel *ch = list[i];

        if (view->only_unread && !ch->row_unread)
            continue;
        rows->items[rows->count++] = (struct view_row){
            .kind = CHAT_ROW_CHANNEL,
            .from = ch->c.channel_id,
            .author_id = ch->row_author,
            .version = ch->row_version,
        };
    }
}

static chat_status make_room(chat_view *view, uint32_t count)
{
    struct client_core *core = view->core;
    struct channel **grown;

    if (count > view->order_cap) {
        grown =
            alloc_resize(core->allocator, view->order, view->order_cap * sizeof(struct channel *),
                         core->channel_cap * sizeof(struct channel *));
        if (!grown)
            return CHAT_E_NOMEM;
        view->order = grown;
        view->order_cap = core->channel_cap;
    }
    return view_rows_reserve(&view->wanted, core->allocator, count);
}

chat_status view_list_build(chat_view *view)
{
    struct client_core *core = view->core;
    chat_status status = make_room(view, core->channel_count);

    for (uint32_t i = 0; i < core->channel_count && status == CHAT_OK; i++) {
        view->order[i] = core->channels[i];
        status = refresh(core, core->channels[i]);
    }
    if (status != CHAT_OK)
        return status;
    sort(view->order, core->channel_count);
    add_rows(view, view->order, core->channel_count);
    return CHAT_OK;
}
