/*
 * What waits for the application. Everything that can be many is merged: news of a channel
 * are one entry from..to, the messages wait in the cache; a channel's description and
 * read position are one entry each. What is left is counted, and beyond the limit a
 * channel's entries become one REREAD. While that waits nothing else of the channel does:
 * it stands for all that happens until it is pulled, and what comes after goes on behind
 * the stream_seq of that moment. The same for all channels and the REREAD of everything.
 */
#include <string.h>

#include "client/inner.h"

#define STATES_MAX 8u /* states that wait; then the last one is overwritten */

static bool is_discrete(chat_event_type type)
{
    return type == CHAT_EVENT_MESSAGE_CHANGED || type == CHAT_EVENT_GAP ||
           type == CHAT_EVENT_GAP_FILLED || type == CHAT_EVENT_OUTGOING ||
           type == CHAT_EVENT_MEMBER_CHANGED || type == CHAT_EVENT_USERS ||
           type == CHAT_EVENT_CHANNEL_REMOVED;
}

/* What a REREAD stands for: what the cache and the outbox can tell again. */
static bool is_reread(chat_event_type type)
{
    return (type >= CHAT_EVENT_CHANNEL && type <= CHAT_EVENT_OUTGOING) ||
           type == CHAT_EVENT_USERS || type == CHAT_EVENT_MEMBER_CHANGED;
}

/* Takes an entry out of the queue and of what points at it. */
static void unlink_pending(struct client_core *core, struct pending *p)
{
    struct channel *ch = p->channel;

    list_remove(&p->link);
    if (is_discrete(p->type) && !p->ticket)
        core->event_count--;
    if (p->ticket)
        core->ask_count--;
    if (p->type == CHAT_EVENT_STATE)
        core->states_waiting--;
    if (p->type == CHAT_EVENT_REREAD && !p->channel_id)
        core->reread_all = false;
    if (!ch)
        return;
    if (ch->last_news == p)
        ch->last_news = NULL;
    if (ch->last_info == p)
        ch->last_info = NULL;
    if (ch->last_read == p)
        ch->last_read = NULL;
    if (ch->last_receipt == p)
        ch->last_receipt = NULL;
    if (ch->last_draft == p)
        ch->last_draft = NULL;
    if (p->type == CHAT_EVENT_REREAD)
        ch->reread = false;
}

static void free_pending(struct client_core *core, struct pending *p)
{
    if (!p)
        return;
    reply_free(core, p->reply);
    alloc_free(core->allocator, p);
}

static struct pending *append(struct client_core *core, chat_event_type type, struct channel *ch)
{
    struct pending *p = alloc_zeroed(core->allocator, sizeof(*p));

    if (!p) {
        core->events_lost = true;
        return NULL;
    }
    p->type = type;
    p->channel = ch;
    p->channel_id = ch ? ch->c.channel_id : 0;
    list_push_back(&core->events, &p->link);
    if (is_discrete(type))
        core->event_count++;
    if (type == CHAT_EVENT_STATE)
        core->states_waiting++;
    return p;
}

/* Of a channel, or (NULL) of all. */
static void drop_reread(struct client_core *core, const struct channel *ch)
{
    LIST_EACH(node, &core->events)
    {
        struct pending *p = LIST_ENTRY(node, struct pending, link);

        if (is_reread(p->type) && !p->ticket && (!ch || p->channel == ch) &&
            !(ch && p->type == CHAT_EVENT_CHANNEL_RESET)) {
            unlink_pending(core, p);
            free_pending(core, p);
        }
    }
}

/* Too many wait: the channel's give way to one that says "read it again". */
static void make_reread(struct client_core *core, struct channel *ch)
{
    drop_reread(core, ch);
    if (append(core, CHAT_EVENT_REREAD, ch))
        ch->reread = true;
}

static void make_reread_all(struct client_core *core)
{
    core->typists_count = core->typing_news = 0;
    drop_reread(core, NULL);
    if (append(core, CHAT_EVENT_REREAD, NULL))
        core->reread_all = true;
}

/* A REREAD waits, or will be made good, and tells this, too. */
static bool is_covered(const struct client_core *core, chat_event_type type,
                       const struct channel *ch)
{
    return is_reread(type) && ((ch && ch->reread) || core->reread_all || core->events_lost);
}

static struct pending *find_waiting(struct client_core *core, chat_event_type type)
{
    LIST_EACH(node, &core->events)
    {
        struct pending *p = LIST_ENTRY(node, struct pending, link);

        if (p->type == type && !p->channel)
            return p;
    }
    return NULL;
}

struct pending *events_add(struct client_core *core, chat_event_type type, struct channel *ch)
{
    if (is_covered(core, type, ch))
        return NULL;
    if (is_discrete(type)) {
        if (core->event_count >= core->cfg.events_max) {
            if (ch)
                make_reread(core, ch);
            else if (type != CHAT_EVENT_USERS)
                make_reread_all(core);
            return NULL;
        }
        if (ch)
            ch->last_news = NULL; /* later news come after this one */
    }
    return append(core, type, ch);
}

void events_news(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to)
{
    struct pending *p = ch->last_news;

    if (p && p->to_seq + 1 == from) {
        p->to_seq = to;
        return;
    }
    p = events_add(core, CHAT_EVENT_MESSAGE, ch);
    if (!p)
        return;
    p->from_seq = from;
    p->to_seq = to;
    ch->last_news = p;
}

void events_channel(struct client_core *core, struct channel *ch)
{
    view_touch_channel(core, ch);
    if (!ch->last_info)
        ch->last_info = events_add(core, CHAT_EVENT_CHANNEL, ch);
}

void events_read(struct client_core *core, struct channel *ch)
{
    if (!ch->last_read)
        ch->last_read = events_add(core, CHAT_EVENT_READ, ch);
}

void events_receipt(struct client_core *core, struct channel *ch)
{
    view_touch_channel(core, ch);
    if (!ch->last_receipt)
        ch->last_receipt = events_add(core, CHAT_EVENT_RECEIPT, ch);
}

void events_draft(struct client_core *core, struct channel *ch)
{
    view_touch_channel(core, ch);
    if (!ch->last_draft)
        ch->last_draft = events_add(core, CHAT_EVENT_DRAFT, ch);
}

void events_changed(struct client_core *core, struct channel *ch, uint64_t seq)
{
    struct pending *p;

    /* News that wait will show it as it is now. */
    if (ch->last_news && seq >= ch->last_news->from_seq && seq <= ch->last_news->to_seq)
        return;
    p = events_add(core, CHAT_EVENT_MESSAGE_CHANGED, ch);
    if (p)
        p->from_seq = p->to_seq = seq;
}

void events_gap(struct client_core *core, struct channel *ch, chat_event_type type, uint64_t from,
                uint64_t to, chat_status status)
{
    struct pending *p = events_add(core, type, ch);

    if (!p)
        return;
    p->from_seq = from;
    p->to_seq = to;
    p->status = status;
}

/* What waits about it says nothing any more. */
static void forget_channel(struct client_core *core, struct channel *ch)
{
    LIST_EACH(node, &core->events)
    {
        struct pending *p = LIST_ENTRY(node, struct pending, link);

        if (p->channel != ch)
            continue;
        if (p->type == CHAT_EVENT_OUTGOING) { /* what is queued outlives the channel */
            p->channel = NULL;
        } else {
            unlink_pending(core, p);
            free_pending(core, p);
        }
    }
}

void events_reset(struct client_core *core, struct channel *ch)
{
    bool reread = ch->reread;

    forget_channel(core, ch);
    (void)events_add(core, CHAT_EVENT_CHANNEL_RESET, ch);
    if (reread) /* what became of queued operations is still to be looked up */
        make_reread(core, ch);
}

void events_outgoing(struct client_core *core, const struct out_op *op, chat_outgoing_state state,
                     chat_status status, uint64_t seq, const char *rule)
{
    struct channel *ch = op->channel && !channel_is_gone(op->channel) ? op->channel : NULL;
    struct pending *p = events_add(core, CHAT_EVENT_OUTGOING, ch);

    if (!p)
        return;
    p->status = status;
    p->row = op->row;
    p->channel_id = op->channel_id;
    p->outgoing = outbox_describe(op);
    p->outgoing.state = state;
    p->outgoing.status = status;
    p->outgoing.seq = seq;
    if (!rule || !rule[0])
        return;
    p->reply = reply_new(core, 256);
    if (p->reply)
        p->reply->rule = arena_copy_text(&p->reply->arena, rule, strlen(rule));
}

const struct chat_outgoing *events_find_done(const struct client_core *core,
                                             const struct chat_nonce *nonce)
{
    LIST_EACH(node, &core->events)
    {
        const struct pending *p = LIST_ENTRY(node, struct pending, link);

        if (p->type == CHAT_EVENT_OUTGOING && p->outgoing.state == CHAT_OUTGOING_DONE &&
            p->outgoing.kind == CHAT_OUTGOING_SEND && p->outgoing.nonce.counter == nonce->counter &&
            p->outgoing.nonce.device_id == nonce->device_id)
            return &p->outgoing;
    }
    return NULL;
}

void events_answer(struct client_core *core, struct ask *ask, chat_event_type type,
                   chat_status status, uint64_t channel_id, uint64_t home_id, struct reply *reply)
{
    struct pending *p = ask->answer;

    ask->answer = NULL;
    p->type = type;
    p->ticket = ask->ticket;
    p->status = status;
    p->channel_id = channel_id;
    p->home_id = home_id;
    p->reply = reply;
    list_push_back(&core->events, &p->link);
}

void events_names(struct client_core *core, struct reply *reply)
{
    struct pending *p = events_add(core, CHAT_EVENT_USERS, NULL);

    if (p)
        p->reply = reply;
    else
        reply_free(core, reply); /* they are in the cache */
}

void events_member(struct client_core *core, struct channel *ch, const WireMemberChanged *changed)
{
    struct pending *p = events_add(core, CHAT_EVENT_MEMBER_CHANGED, ch);

    if (!p)
        return;
    p->home_id = changed->home_id;
    p->reply = members_keep(core, changed->home_id, &changed->member, 1);
}

void events_state(struct client_core *core)
{
    struct pending *p = NULL;
    struct list_node *last = core->events.head.prev;

    if (core->states_waiting >= STATES_MAX) {
        for (; last != &core->events.head && !p; last = last->prev) {
            p = LIST_ENTRY(last, struct pending, link);
            if (p->type != CHAT_EVENT_STATE)
                p = NULL;
        }
    }
    if (!p)
        p = events_add(core, CHAT_EVENT_STATE, NULL);
    if (!p)
        return;
    p->state = core->state;
    p->status = core->reason;
    p->retry_after_ms = 0;
    if (core->state == CHAT_CONN_BACKING_OFF && core->state_deadline_ms != MOMENT_NEVER)
        p->retry_after_ms = (uint32_t)(core->state_deadline_ms - core->now.mono_ms);
}

void events_need_token(struct client_core *core, chat_status why)
{
    struct pending *p = find_waiting(core, CHAT_EVENT_NEED_TOKEN);

    if (!p)
        p = events_add(core, CHAT_EVENT_NEED_TOKEN, NULL);
    if (p)
        p->status = why;
}

void events_cache(struct client_core *core, chat_status why)
{
    struct pending *p = find_waiting(core, CHAT_EVENT_CACHE);

    if (!p)
        p = events_add(core, CHAT_EVENT_CACHE, NULL);
    if (p)
        p->status = why;
}

void events_welcome(struct client_core *core)
{
    if (!find_waiting(core, CHAT_EVENT_WELCOME))
        (void)events_add(core, CHAT_EVENT_WELCOME, NULL);
}

void events_gone(struct client_core *core, struct channel *ch)
{
    bool reread = ch->reread;
    struct pending *p;

    forget_channel(core, ch);
    if (reread) { /* what became of queued operations is still to be looked up */
        make_reread_all(core);
        return;
    }
    p = events_add(core, CHAT_EVENT_CHANNEL_REMOVED, NULL);
    if (p)
        p->channel_id = ch->c.channel_id;
}

void events_reread_all(struct client_core *core)
{
    LIST_EACH(node, &core->events)
    {
        struct pending *p = LIST_ENTRY(node, struct pending, link);

        if (p->ticket || p->type == CHAT_EVENT_STATE || p->type == CHAT_EVENT_NEED_TOKEN)
            continue;
        unlink_pending(core, p);
        free_pending(core, p);
    }
    core->watched_dirty_count = 0;
    memset(core->watched_dirty, 0, sizeof(core->watched_dirty));
    make_reread_all(core);
}

static void drop_waiting(struct client_core *core)
{
    LIST_EACH(node, &core->events)
    {
        struct pending *p = LIST_ENTRY(node, struct pending, link);

        unlink_pending(core, p);
        free_pending(core, p);
    }
}

void events_free_all(struct client_core *core)
{
    drop_waiting(core);
    free_pending(core, core->shown);
    core->shown = NULL;
}

/* Some could not be queued: what matters is said again, all of it or, while there is no
 * memory for that, nothing: who pulls until there is none must come to an end. */
static void make_good(struct client_core *core)
{
    core->events_lost = false;
    make_reread_all(core);
    if (!core->events_lost)
        events_state(core);
    if (core->token_asked)
        events_need_token(core, core->reason);
    if (core->events_lost)
        drop_waiting(core);
}

struct pending *events_take(struct client_core *core)
{
    struct list_node *node = list_first(&core->events);
    struct pending *p;

    if (!node && core->events_lost) {
        make_good(core);
        node = list_first(&core->events);
    }
    p = node ? LIST_ENTRY(node, struct pending, link) : NULL;
    if (p) {
        p->was_last = p->channel && p->channel->last_news == p;
        unlink_pending(core, p);
    }
    return p;
}

void events_put_back(struct client_core *core, struct pending *p)
{
    list_push_front(&core->events, &p->link);
    if (p->was_last)
        p->channel->last_news = p;
}

void events_find_news(struct client_core *core)
{
    for (uint32_t i = 0; i < core->channel_count; i++)
        core->channels[i]->news_from = UINT64_MAX;
    LIST_EACH(node, &core->events)
    {
        const struct pending *p = LIST_ENTRY(node, struct pending, link);

        if (p->type == CHAT_EVENT_MESSAGE && p->channel)
            p->channel->news_from = least_u64(p->channel->news_from, p->from_seq);
    }
}

void events_release(struct client_core *core, struct pending *p) { free_pending(core, p); }
