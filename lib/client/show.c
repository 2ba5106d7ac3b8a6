/* Handing an event to the application, with what it borrows. */
#include <string.h>

#include "client/inner.h"

void reply_free(struct client_core *core, struct reply *reply)
{
    if (!reply)
        return;
    chat_page_free(reply->page);
    arena_fini(&reply->arena);
    alloc_free(core->allocator, reply);
}

struct reply *reply_new(struct client_core *core, size_t max)
{
    struct reply *reply = alloc_zeroed(core->allocator, sizeof(*reply));

    if (!reply)
        return NULL;
    arena_init(&reply->arena, core->allocator, max);
    return reply;
}

static char *text_of(struct client_core *core, const char *text, size_t len)
{
    char *copy = arena_alloc(&core->shown_arena, len + 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

static chat_status keep_message(const struct chat_message *m, void *user)
{
    struct client_core *core = user;

    chat_status status = message_copy(&core->shown_arena, m, &core->shown_message);

    core->shown_message.own = m->author_id == client_user_id(core);
    return status;
}

/* The first message of from..to that the cache has. */
static bool show_message(struct client_core *core, const struct pending *p, struct chat_event *out)
{
    core->shown_message.seq = 0;
    if (!core_ok(core, cache_messages_read(core->cache, p->channel_id, p->from_seq, p->to_seq, 1,
                                           keep_message, core)) ||
        core->shown_message.seq == 0)
        return false;
    out->message = &core->shown_message;
    return true;
}

/* The next of the news, which are shorter then. What was dropped from the cache while they
 * waited is told as a gap. */
static bool show_news(struct client_core *core, struct pending *p, struct chat_event *out)
{
    bool any = show_message(core, p, out);
    uint64_t next_seq = any ? core->shown_message.seq : p->to_seq + 1;

    if (core->trouble != CHAT_OK)
        return false;
    if (next_seq == p->from_seq) {
        p->from_seq++;
        return true;
    }
    out->type = CHAT_EVENT_GAP;
    out->message = NULL;
    out->from_seq = p->from_seq;
    out->to_seq = next_seq - 1;
    out->status = out->to_seq < p->channel->c.first_seq ? CHAT_E_NOT_FOUND : CHAT_OK;
    p->from_seq = next_seq;
    return true;
}

static bool show_channel(struct client_core *core, const struct pending *p, struct chat_event *out)
{
    channel_view(core, p->channel, &core->shown_channel);
    core->shown_channel.name =
        text_of(core, core->shown_channel.name, core->shown_channel.name_len);
    if (!core->shown_channel.name)
        return core_ok(core, CHAT_E_NOMEM);
    out->channel = &core->shown_channel;
    return true;
}

static chat_status keep_outgoing(const struct cache_outgoing *o, void *user)
{
    struct client_core *core = user;
    struct chat_outgoing *to = &core->shown->outgoing;

    to->text = text_of(core, o->text, o->text_len);
    to->text_len = o->text_len;
    to->extra = o->extra_len ? arena_copy(&core->shown_arena, o->extra, o->extra_len) : NULL;
    to->extra_len = o->extra_len;
    to->mention_ids = o->mentions_count ? arena_copy(&core->shown_arena, o->mention_ids,
                                                     o->mentions_count * sizeof(o->mention_ids[0]))
                                        : NULL;
    to->mentions_count = o->mentions_count;
    return to->text && (to->extra || !o->extra_len) && (to->mention_ids || !o->mentions_count)
               ? CHAT_OK
               : CHAT_E_NOMEM;
}

static bool show_outgoing(struct client_core *core, struct pending *p, struct chat_event *out)
{
    chat_status status = CHAT_OK;

    if (p->outgoing.state == CHAT_OUTGOING_QUEUED || p->outgoing.state == CHAT_OUTGOING_REFUSED)
        status = cache_outbox_get(core->cache, p->row, keep_outgoing, core);
    if (status != CHAT_E_NOT_FOUND && !core_ok(core, status)) /* gone meanwhile is fine */
        return false;
    out->outgoing = &p->outgoing;
    return true;
}

static void show_reply(const struct reply *reply, struct chat_event *out)
{
    if (!reply)
        return;
    out->users = reply->users;
    out->users_count = reply->users_count;
    out->members = reply->members;
    out->members_count = reply->members_count;
    out->receipts = reply->receipts;
    out->receipts_count = reply->receipts_count;
    out->devices = reply->devices;
    out->devices_count = reply->devices_count;
    out->page = reply->page;
    if (reply->page && reply->centre_seq)
        out->message = page_find(reply->page, reply->centre_seq);
    out->more = reply->more;
    out->rule = reply->rule;
    out->hits = reply->hits;
    out->hits_count = reply->hits_count;
    out->next_before = reply->next_before;
}

/* False: there is nothing to show of it after all. */
static bool show(struct client_core *core, struct pending *p, struct chat_event *out)
{
    out->type = p->type;
    out->status = p->status;
    out->state = p->state;
    out->retry_after_ms = p->retry_after_ms;
    out->ticket = p->ticket;
    out->channel_id = p->channel_id;
    out->home_id = p->home_id;
    show_reply(p->reply, out);
    switch (p->type) {
    case CHAT_EVENT_GAP:
    case CHAT_EVENT_GAP_FILLED:
        out->from_seq = p->from_seq;
        out->to_seq = p->to_seq;
        return true;
    case CHAT_EVENT_MESSAGE: return show_news(core, p, out);
    case CHAT_EVENT_MESSAGE_CHANGED: return show_message(core, p, out);
    case CHAT_EVENT_CHANNEL:
    case CHAT_EVENT_RECEIPT:
    case CHAT_EVENT_DRAFT:
    case CHAT_EVENT_READ: return show_channel(core, p, out);
    case CHAT_EVENT_OUTGOING: return show_outgoing(core, p, out);
    case CHAT_EVENT_STATE:
    case CHAT_EVENT_NEED_TOKEN:
    case CHAT_EVENT_WELCOME:
    case CHAT_EVENT_CHANNEL_REMOVED:
    case CHAT_EVENT_CHANNEL_RESET:
    case CHAT_EVENT_REREAD:
    case CHAT_EVENT_HISTORY:
    case CHAT_EVENT_USERS:
    case CHAT_EVENT_OPENED:
    case CHAT_EVENT_MEMBERS:
    case CHAT_EVENT_MEMBER_CHANGED:
    case CHAT_EVENT_DEVICES:
    case CHAT_EVENT_RECEIPTS:
    case CHAT_EVENT_TYPING:
    case CHAT_EVENT_SEARCH:
    case CHAT_EVENT_PRESENCE:
    case CHAT_EVENT_VIEW:
    case CHAT_EVENT_CACHE: break;
    }
    return true;
}

static bool show_presence(struct client_core *core, struct chat_event *out)
{
    for (uint32_t i = 0; i < core->watched_count && core->watched_dirty_count; i++) {
        if (!core->watched_dirty[i])
            continue;
        core->watched_dirty[i] = false;
        core->watched_dirty_count--;
        core->shown_presence = core->watched[i];
        out->type = CHAT_EVENT_PRESENCE;
        out->presence = &core->shown_presence;
        return true;
    }
    return false;
}

/* Last: what happened was told, and views show all of it. */
static bool show_view(struct client_core *core, struct chat_event *out)
{
    out->view = view_take_due(core);
    out->channel_id = out->view ? chat_view_get_channel_id(out->view) : 0;
    if (out->view)
        out->type = CHAT_EVENT_VIEW;
    return out->view != NULL;
}

bool client_has_event(const struct client_core *core)
{
    return !list_is_empty(&core->events) || core->watched_dirty_count > 0 ||
           core->typing_news > 0 || core->events_lost || view_is_due(core);
}

static bool next(struct client_core *core, struct chat_event *out)
{
    const struct chat_event empty = {.size = out->size};
    struct pending *p;

    while ((p = events_take(core)) != NULL) {
        bool shown;

        *out = empty;
        arena_reset(&core->shown_arena);
        core->shown = p;
        shown = show(core, p, out);
        if (core->trouble != CHAT_OK) {
            core->shown = NULL;
            events_release(core, p);
            (void)core_commit(core); /* undone; what is left says so */
            continue;
        }
        if (p->type == CHAT_EVENT_MESSAGE && shown && p->from_seq <= p->to_seq) {
            core->shown = NULL;
            events_put_back(core, p);
            return true;
        }
        if (shown)
            return true;
        core->shown = NULL;
        events_release(core, p);
    }
    *out = empty;
    return typing_show(core, out) || show_presence(core, out) || show_view(core, out);
}

bool client_next_event(struct client_core *core, struct chat_event *out)
{
    struct chat_event event = {.size = sizeof(event)};
    size_t size = out->size;
    bool any;

    events_release(core, core->shown);
    core->shown = NULL;
    (void)core_commit(core);
    any = next(core, &event);
    event.size = size;
    memcpy(out, &event, size < sizeof(event) ? size : sizeof(event));
    return any;
}

const char *chat_event_type_name(chat_event_type type)
{
    switch (type) {
    case CHAT_EVENT_STATE: return "state";
    case CHAT_EVENT_NEED_TOKEN: return "need-token";
    case CHAT_EVENT_WELCOME: return "welcome";
    case CHAT_EVENT_CHANNEL: return "channel";
    case CHAT_EVENT_CHANNEL_REMOVED: return "channel-removed";
    case CHAT_EVENT_CHANNEL_RESET: return "channel-reset";
    case CHAT_EVENT_REREAD: return "reread";
    case CHAT_EVENT_MESSAGE: return "message";
    case CHAT_EVENT_MESSAGE_CHANGED: return "message-changed";
    case CHAT_EVENT_GAP: return "gap";
    case CHAT_EVENT_GAP_FILLED: return "gap-filled";
    case CHAT_EVENT_READ: return "read";
    case CHAT_EVENT_OUTGOING: return "outgoing";
    case CHAT_EVENT_HISTORY: return "history";
    case CHAT_EVENT_USERS: return "users";
    case CHAT_EVENT_OPENED: return "opened";
    case CHAT_EVENT_MEMBERS: return "members";
    case CHAT_EVENT_MEMBER_CHANGED: return "member-changed";
    case CHAT_EVENT_TYPING: return "typing";
    case CHAT_EVENT_RECEIPT: return "receipt";
    case CHAT_EVENT_DRAFT: return "draft";
    case CHAT_EVENT_DEVICES: return "devices";
    case CHAT_EVENT_RECEIPTS: return "receipts";
    case CHAT_EVENT_SEARCH: return "search";
    case CHAT_EVENT_PRESENCE: return "presence";
    case CHAT_EVENT_CACHE: return "cache";
    case CHAT_EVENT_VIEW: return "view";
    }
    return "unknown";
}

const char *chat_conn_state_name(chat_conn_state state)
{
    switch (state) {
    case CHAT_CONN_OFFLINE: return "offline";
    case CHAT_CONN_CONNECTING: return "connecting";
    case CHAT_CONN_AUTHENTICATING: return "authenticating";
    case CHAT_CONN_SYNCING: return "syncing";
    case CHAT_CONN_LIVE: return "live";
    case CHAT_CONN_BACKING_OFF: return "backing-off";
    case CHAT_CONN_CLOSED: return "closed";
    }
    return "unknown";
}
