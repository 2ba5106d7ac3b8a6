/* A row, and the status of a view, as the application gets them. */
#include <string.h>

#include "base/hash.h"
#include "client/view_inner.h"

static const uint64_t key[2] = {UINT64_C(0x766965772d73686f), UINT64_C(0x776e2d686173682d)};

static chat_status copy_text(struct client_core *core, const char *text, size_t len,
                             const char **out)
{
    const char *copy = arena_copy_text(&core->row_arena, text, len);

    if (!copy)
        return CHAT_E_NOMEM;
    *out = copy;
    return CHAT_OK;
}

/* "" when it is not known; then it is asked for. */
static chat_status show_name(struct client_core *core, uint64_t user_id, const char **out,
                             size_t *out_len)
{
    char name[CHAT_NAME_MAX + 1];
    chat_status status = CHAT_E_NOT_FOUND;

    *out = "";
    *out_len = 0;
    if (user_id)
        status = cache_user_get(core->cache, user_id, name, out_len);
    if (status == CHAT_OK)
        return copy_text(core, name, *out_len, out);
    *out_len = 0;
    users_saw(core, user_id);
    return status == CHAT_E_NOT_FOUND ? CHAT_OK : status;
}

chat_presence_state view_presence(const struct client_core *core, uint64_t user_id)
{
    for (uint32_t i = 0; user_id && i < core->watched_count; i++)
        if (core->watched[i].user_id == user_id)
            return core->watched[i].state;
    return (chat_presence_state)0;
}

/* All of it: fields that are added later count by themselves. */
uint64_t view_channel_hash(const struct chat_channel *channel)
{
    struct chat_channel copy;

    memcpy(&copy, channel, sizeof(copy)); /* with its padding, which is zero */
    copy.name = NULL;
    return hash_pair(hash_bytes(key, &copy, sizeof(copy)),
                     hash_bytes(key, channel->name, channel->name_len));
}

/* --- messages --- */

static chat_status keep_body(struct client_core *core, const struct cache_outgoing *o)
{
    struct chat_message *to = &core->row_message;
    const size_t ids_len = o->mentions_count * sizeof(o->mention_ids[0]);
    chat_status status = copy_text(core, o->text, o->text_len, &to->text);

    to->text_len = o->text_len;
    to->extra_len = o->extra_len;
    to->extra = o->extra_len ? arena_copy(&core->row_arena, o->extra, o->extra_len) : NULL;
    to->mentions_count = o->mentions_count;
    to->mention_ids = ids_len ? arena_copy(&core->row_arena, o->mention_ids, ids_len) : NULL;
    if ((o->extra_len && !to->extra) || (ids_len && !to->mention_ids))
        return CHAT_E_NOMEM;
    return status;
}

static chat_status keep_held(const struct chat_message *m, void *user)
{
    struct client_core *core = user;

    if (message_copy(&core->row_arena, m, &core->row_message) != CHAT_OK)
        return CHAT_E_NOMEM;
    core->row_message.own = m->author_id == client_user_id(core);
    core->row.message = &core->row_message;
    return CHAT_OK;
}

/* What is acknowledged and cannot be seen yet is still on its way. */
static chat_outgoing_state shown_state(const struct cache_outgoing *o)
{
    return outbox_state(o) == CHAT_OUTGOING_REFUSED ? CHAT_OUTGOING_REFUSED : CHAT_OUTGOING_QUEUED;
}

/* What is on its way looks like a message that is in, but for its seq and ids. */
static chat_status keep_sending(const struct cache_outgoing *o, void *user)
{
    struct client_core *core = user;

    core->row_message = (struct chat_message){
        .channel_id = o->channel_id,
        .author_id = client_user_id(core),
        .nonce = {o->device_id, o->counter},
        .sent_at_ms = o->created_at_ms,
        .reply_to_seq = o->reply_to_seq,
        .own = true,
    };
    core->row.message = &core->row_message;
    core->row.state = shown_state(o);
    core->row.status = (chat_status)o->status;
    return keep_body(core, o);
}

static chat_status keep_change(const struct cache_outgoing *o, void *user)
{
    struct client_core *core = user;
    struct chat_row *row = &core->row;
    struct chat_message *m = &core->row_message;

    row->change = (chat_outgoing_kind)o->kind;
    row->change_state = shown_state(o);
    row->change_status = (chat_status)o->status;
    row->change_nonce = (struct chat_nonce){o->device_id, o->counter};
    if (row->change_state != CHAT_OUTGOING_QUEUED || m->deleted) /* nothing brings it back */
        return CHAT_OK;
    m->deleted = o->kind == CHAT_OUTGOING_DELETE;
    if (m->deleted)
        m->reactions_count = 0;
    else
        m->edited_at_ms = o->created_at_ms;
    return keep_body(core, o);
}

static chat_status show_held(chat_view *view, uint64_t channel_id, uint64_t seq)
{
    struct client_core *core = view->core;
    chat_status status = cache_messages_read(core->cache, channel_id, seq, seq, 1, keep_held, core);

    if (status == CHAT_OK && core->row.message)
        core->row.state = CHAT_OUTGOING_DONE;
    return status;
}

static chat_status show_author(struct client_core *core)
{
    struct chat_row *row = &core->row;

    row->author_name = "";
    if (!row->message)
        return CHAT_OK;
    return show_name(core, row->message->author_id, &row->author_name, &row->author_name_len);
}

/* What the user did to it and is not in. */
static chat_status show_changes(chat_view *view, const struct view_row *from)
{
    struct client_core *core = view->core;
    chat_status status = CHAT_E_NOT_FOUND;

    if (from->change)
        status = cache_outbox_get(core->cache, from->change_row, keep_change, core);
    if (status != CHAT_OK && status != CHAT_E_NOT_FOUND) /* it may be in since it was pulled */
        return status;
    if (!from->reactions || core->row_message.deleted)
        return CHAT_OK;
    core->row.reactions_waiting = from->reactions;
    return view_react_show(view, from);
}

static chat_status show_message(chat_view *view, const struct view_row *from)
{
    struct client_core *core = view->core;
    chat_status status;

    if (!from->from)
        status = cache_outbox_get(core->cache, from->row, keep_sending, core);
    else
        status = show_held(view, view->channel_id, from->from);
    if (status == CHAT_OK && !core->row.message)
        status = CHAT_E_NOT_FOUND;
    if (status == CHAT_OK)
        status = show_changes(view, from);
    if (status == CHAT_OK)
        status = show_author(core);
    core->row.presence = view_presence(core, from->author_id);
    return status;
}

/* --- channels --- */

static chat_status show_title(struct client_core *core, const struct channel *ch,
                              struct chat_channel *channel, const char **out, size_t *out_len)
{
    chat_status status = copy_text(core, channel->name, channel->name_len, &channel->name);

    *out = channel->name;
    *out_len = channel->name_len;
    if (status == CHAT_OK && ch->c.peer_id)
        status = show_name(core, ch->c.peer_id, out, out_len);
    return status;
}

static chat_status show_channel(chat_view *view, const struct view_row *from)
{
    struct client_core *core = view->core;
    struct channel *ch = channel_find(core, from->from);
    struct chat_row *row = &core->row;
    const struct out_op *op = ch ? view_list_sending(ch) : NULL;
    chat_status status;

    if (!ch)
        return CHAT_E_NOT_FOUND;
    channel_view(core, ch, &core->row_channel);
    row->channel = &core->row_channel;
    row->active_at_ms = ch->row_active_ms;
    row->presence = view_presence(core, ch->c.peer_id);
    status = show_title(core, ch, &core->row_channel, &row->title, &row->title_len);
    if (status != CHAT_OK)
        return status;
    if (op)
        status = cache_outbox_get(core->cache, op->row, keep_sending, core);
    else
        status = show_held(view, ch->c.channel_id, ranges_top(&ch->c.ranges));
    return status == CHAT_OK ? show_author(core) : status;
}

chat_status view_row_show(chat_view *view, const struct view_row *from)
{
    struct chat_row *row = &view->core->row;

    *row = (struct chat_row){
        .kind = (chat_row_kind)from->kind, .key = from->key, .title = "", .author_name = ""};
    switch (row->kind) {
    case CHAT_ROW_CHANNEL: return show_channel(view, from);
    case CHAT_ROW_MESSAGE: return show_message(view, from);
    case CHAT_ROW_GAP: break;
    }
    row->from_seq = from->from;
    row->to_seq = from->to;
    row->loading = from->loading;
    return CHAT_OK;
}

/* --- the status --- */

static void list_status(const chat_view *view, struct chat_view_status *out)
{
    const struct client_core *core = view->core;

    out->loading = session_is_signed_in(core) && !core->list_complete;
    for (uint32_t i = 0; i < core->channel_count; i++) {
        out->unread += core->channels[i]->row_unread;
        out->unread_channels += core->channels[i]->row_unread > 0;
    }
}

static void window_status(const chat_view *view, struct channel *ch, struct chat_view_status *out)
{
    struct client_core *core = view->core;
    struct stretch gap;

    out->at_latest = view->latest;
    if (!ch)
        return;
    channel_view(core, ch, &core->row_channel);
    out->channel = &core->row_channel;
    out->presence = view_presence(core, ch->c.peer_id);
    if (show_title(core, ch, &core->row_channel, &out->title, &out->title_len) != CHAT_OK)
        out->title = "";
    if (stretch_is_empty(view->at_seq))
        return;
    out->can_load_older = view->at_seq.from > view_first_seq(ch);
    out->can_load_newer = view->at_seq.to < ch->c.head_seq;
    out->loading = session_is_signed_in(core) && view_place_gap(view, ch, &gap);
}

void view_status_make(chat_view *view, struct chat_view_status *out)
{
    *out = (struct chat_view_status){.title = ""};
    if (view_is_list(view))
        list_status(view, out);
    else
        window_status(view, channel_find(view->core, view->channel_id), out);
}

uint64_t view_status_hash(const struct chat_view_status *s)
{
    const uint64_t flags = (uint64_t)s->can_load_older | (uint64_t)s->can_load_newer << 1 |
                           (uint64_t)s->at_latest << 2 | (uint64_t)s->loading << 3;
    const uint64_t values[] = {
        s->channel ? view_channel_hash(s->channel) : 0,
        hash_bytes(key, s->title, s->title_len),
        (uint64_t)s->presence,
        flags,
        s->unread,
        s->unread_channels,
    };
    uint64_t hash = 1;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        hash = hash_pair(hash, values[i]);
    return hash | 1;
}
