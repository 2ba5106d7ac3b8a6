/*
 * Receipts. What arrived here and what was read is said to the channel's home, all channels
 * together, once in a while; what the others say is kept in the cache. Both numbers only rise,
 * so nothing here can contradict: what gets lost is said, or asked for, again.
 *
 * Those of former members are kept, for who comes back must not seem to have read less. Once
 * there are more than a channel can have members, an answer that has all members drops the
 * others. Whatever the server says, no more than KEPT_MAX are kept: those that say least go, and
 * if they are looked at all are asked for again.
 */
#include <string.h>

#include "client/inner.h"

#define TELL_MS 1000 /* between two MarkReceipts */
#define MARK_MS 100  /* and for each channel in one: what signals_per_second grants */
#define KEEP_MAX 65536u
#define KEPT_MAX (2u * CHAT_GROUP_MEMBERS_MAX) /* of one channel */

static chat_status take_peer(const struct cache_receipt *r, void *user)
{
    struct channel *ch = channel_find(user, r->channel_id);

    if (!ch)
        return CHAT_OK;
    ch->receipts.peer_delivered = r->delivered_seq;
    ch->receipts.peer_read = r->read_seq;
    return CHAT_OK;
}

chat_status receipts_load(struct client_core *core)
{
    for (uint32_t i = 0; i < core->channel_count; i++) {
        struct channel *ch = core->channels[i];

        ch->receipts.foreign_seq = ch->c.stream_seq;
        ch->receipts.wanted = map_get(&core->receipts_wanted, ch->c.channel_id) != NULL;
    }
    return cache_receipts_load_peers(core->cache, take_peer, core);
}

/* --- what we say --- */

/* All up to here is stored. Only where there is something by others it is worth a word. */
static uint64_t delivered(const struct channel *ch)
{
    const uint64_t seq = ch->c.stream_seq;

    if (!seq || !ranges_holds(&ch->c.ranges, seq, seq) ||
        ch->receipts.foreign_seq <= ch->receipts.said_delivered)
        return 0;
    return seq;
}

static uint64_t read_up_to(const struct client_core *core, const struct channel *ch)
{
    return core->hides_reads ? 0 : least_u64(ch->own.shown_seq, ch->c.head_seq);
}

void receipts_check(struct client_core *core, struct channel *ch)
{
    const bool waits = delivered(ch) > ch->receipts.said_delivered ||
                       read_up_to(core, ch) > ch->receipts.said_read;

    if (waits && !list_node_is_linked(&ch->telling))
        list_push_back(&core->telling, &ch->telling);
    else if (!waits)
        list_remove(&ch->telling);
}

void receipts_read_here(struct client_core *core, struct channel *ch, uint64_t seq)
{
    if (core->hides_reads || seq <= ch->own.shown_seq)
        return;
    ch->own.shown_seq = seq;
    settings_save(core, ch);
    receipts_check(core, ch);
}

void client_set_read_receipts(struct client_core *core, bool tell)
{
    core->hides_reads = !tell;
    for (uint32_t i = 0; i < core->channel_count; i++)
        receipts_check(core, core->channels[i]);
}

static void tell(struct client_core *core)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireMarkReceipts body = WIRE_MARK_RECEIPTS__INIT;
    WireReceiptMark marks[CHAT_RECEIPT_MARKS_MAX], *pointers[CHAT_RECEIPT_MARKS_MAX];
    struct request *r;
    uint32_t id;

    LIST_EACH(node, &core->telling)
    {
        struct channel *ch = LIST_ENTRY(node, struct channel, telling);
        WireReceiptMark *mark = &marks[body.n_marks];

        if (ch->listed != core->list_round)
            continue; /* the server has not said yet how far it knows us */
        if (body.n_marks == CHAT_RECEIPT_MARKS_MAX)
            break;
        wire_receipt_mark__init(mark);
        mark->channel_id = ch->c.channel_id;
        mark->delivered_seq = delivered(ch);
        mark->read_seq = read_up_to(core, ch);
        pointers[body.n_marks++] = mark;
    }
    r = body.n_marks > 0 ? request_new(core, REQ_MARK_RECEIPTS) : NULL;
    if (!r)
        return;
    id = r->id;
    body.marks = pointers;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_MARK_RECEIPTS;
    frame.mark_receipts = &body;
    if (!request_send(core, r, &frame))
        return;
    core->tell_request = id;
    core->tell_at_ms = core->now.mono_ms + (int64_t)most_u64(TELL_MS, body.n_marks * MARK_MS);
    for (size_t i = 0; i < body.n_marks; i++) {
        struct channel *ch = channel_find(core, marks[i].channel_id);

        ch->receipts.said_delivered = most_u64(ch->receipts.said_delivered, marks[i].delivered_seq);
        ch->receipts.said_read = most_u64(ch->receipts.said_read, marks[i].read_seq);
        receipts_check(core, ch);
    }
}

/* It was not taken: everything the server does not know is said again. */
void receipts_marked(struct client_core *core, const WireServerFrame *frame)
{
    core->tell_request = 0;
    if (frame->body_case != WIRE_SERVER_FRAME__BODY_PROBLEM) {
        if (frame->body_case != WIRE_SERVER_FRAME__BODY_OK)
            session_protocol_error(core, "receipts answered by something else");
        return;
    }
    if (!dispatch_is_temporary(frame->problem))
        return; /* at the next sign-in */
    core->tell_at_ms = core->now.mono_ms + TELL_MS +
                       (int64_t)least_u64(frame->problem->retry_after_ms, CLIENT_SLOT_MAX_MS);
    for (uint32_t i = 0; i < core->channel_count; i++) {
        struct channel *ch = core->channels[i];

        ch->receipts.said_delivered = ch->receipts.listed_delivered;
        ch->receipts.said_read = ch->receipts.listed_read;
        receipts_check(core, ch);
    }
}

/* --- what others say --- */

/* True when it is news to the application. */
static bool learn(struct client_core *core, struct channel *ch, const WireReceipt *w)
{
    const struct cache_receipt row = {ch->c.channel_id, w->user_id,
                                      most_u64(w->delivered_seq, w->read_seq), w->read_seq};
    bool rose = false;

    if (!row.user_id || row.delivered_seq > RANGES_SEQ_MAX) {
        session_odd(core, "a receipt beyond all bounds");
        return false;
    }
    if (row.user_id == client_user_id(core)) {
        struct receipt_state *own = &ch->receipts;

        own->listed_delivered = most_u64(own->listed_delivered, row.delivered_seq);
        own->listed_read = most_u64(own->listed_read, row.read_seq);
        own->said_delivered = most_u64(own->said_delivered, row.delivered_seq);
        own->said_read = most_u64(own->said_read, row.read_seq);
        receipts_check(core, ch);
    } else if (row.user_id == ch->c.peer_id) {
        ch->receipts.peer_delivered = most_u64(ch->receipts.peer_delivered, row.delivered_seq);
        ch->receipts.peer_read = most_u64(ch->receipts.peer_read, row.read_seq);
    }
    return core_ok(core, cache_receipt_put(core->cache, &row, &rose)) && rose;
}

/* Kept for those that the application looks at; else at the first look. */
static void is_stale(struct client_core *core, struct channel *ch)
{
    if (ch->receipts.wanted && !list_node_is_linked(&ch->stale))
        list_push_back(&core->stale_receipts, &ch->stale);
}

/* Of others than these it has none to say. */
static bool is_listed(const struct client_core *core, const struct channel *ch,
                      const WireReceipt *w)
{
    return w->user_id == client_user_id(core) || w->user_id == ch->c.peer_id;
}

void receipts_listed(struct client_core *core, struct channel *ch, const WireChannel *w)
{
    bool news = false;

    ch->receipts.listed_delivered = ch->receipts.listed_read = 0;
    ch->receipts.said_delivered = ch->receipts.said_read = 0;
    for (size_t i = 0; i < w->n_receipts; i++)
        if (is_listed(core, ch, w->receipts[i]))
            news |= learn(core, ch, w->receipts[i]);
    if (news)
        events_receipt(core, ch);
    is_stale(core, ch);
    receipts_check(core, ch);
}

/* True: some were more than are kept. */
static bool trim(struct client_core *core, struct channel *ch)
{
    bool any = false;

    (void)core_ok(core, cache_receipts_trim(core->cache, ch->c.channel_id, KEPT_MAX, &any));
    return any;
}

/* Some of them. True: news. */
static bool take(struct client_core *core, struct channel *ch, const WireReceipts *receipts)
{
    bool news = false;

    for (size_t i = 0; i < receipts->n_receipts; i++)
        news |= learn(core, ch, receipts->receipts[i]);
    if (!news)
        return false;
    ch->receipts.raised = true;
    events_receipt(core, ch);
    return true;
}

void receipts_push(struct client_core *core, const WireReceipts *receipts)
{
    struct channel *ch = channel_find(core, receipts->channel_id);

    if (ch && take(core, ch, receipts) && trim(core, ch))
        is_stale(core, ch); /* perhaps members were among those that went */
}

void receipts_want(struct client_core *core, struct channel *ch)
{
    ch->receipts.wanted = true;
    /* Without memory an undone turn forgets it, and the application looks again. */
    (void)map_put(&core->receipts_wanted, ch->c.channel_id, core);
}

void receipts_gone(struct client_core *core, const struct channel *ch)
{
    (void)map_take(&core->receipts_wanted, ch->c.channel_id);
}

void receipts_rebuilt(struct client_core *core, struct channel *ch)
{
    const bool wanted = ch->receipts.wanted;

    (void)core_ok(core, cache_receipts_drop(core->cache, ch->c.channel_id));
    ch->receipts = (struct receipt_state){.wanted = wanted, .foreign_seq = ch->c.head_seq};
    ch->own.shown_seq = least_u64(ch->own.shown_seq, ch->c.head_seq);
    settings_save(core, ch);
    is_stale(core, ch);
    receipts_check(core, ch);
}

/* --- asking for those of all members --- */

static void ask(struct client_core *core, struct channel *ch)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchReceipts body = WIRE_FETCH_RECEIPTS__INIT;
    struct request *r = request_new(core, REQ_RECEIPTS);
    uint32_t id;

    if (!r)
        return;
    id = r->id;
    r->channel = ch;
    body.channel_id = ch->c.channel_id;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS;
    frame.fetch_receipts = &body;
    if (!request_send(core, r, &frame))
        return;
    core->receipts_request = id;
    ch->receipts.raised = false;
    list_remove(&ch->stale);
    request_spend(core, BUDGET_READS);
}

struct leaving {
    const WireReceipts *said;
    uint64_t peer_id;
    size_t kept, count;
    uint64_t ids[KEPT_MAX];
};

static chat_status find_leaving(const struct cache_receipt *r, void *user)
{
    struct leaving *l = user;

    l->kept++;
    for (size_t i = 0; i < l->said->n_receipts; i++)
        if (l->said->receipts[i]->user_id == r->user_id)
            return CHAT_OK;
    if (r->user_id != l->peer_id && l->count < KEPT_MAX)
        l->ids[l->count++] = r->user_id;
    return CHAT_OK;
}

/* Those of all members: whom it does not name has left, unless somebody was heard of meanwhile. */
static void take_all(struct client_core *core, struct channel *ch, const WireReceipts *receipts)
{
    struct leaving l = {.said = receipts, .peer_id = ch->c.peer_id};
    const bool raised = ch->receipts.raised;

    (void)take(core, ch, receipts);
    if (raised) {
        if (trim(core, ch))
            is_stale(core, ch);
        return;
    }
    if (!core_ok(core, cache_receipts_read(core->cache, ch->c.channel_id, find_leaving, &l)) ||
        l.kept <= CHAT_GROUP_MEMBERS_MAX)
        return;
    for (size_t i = 0; i < l.count; i++)
        if (!core_ok(core, cache_receipt_drop(core->cache, ch->c.channel_id, l.ids[i])))
            return;
    events_receipt(core, ch);
}

void receipts_answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    core->receipts_request = 0;
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_RECEIPTS) {
        if (r->channel && frame->receipts->channel_id == r->channel->c.channel_id)
            take_all(core, r->channel, frame->receipts);
    } else if (frame->body_case != WIRE_SERVER_FRAME__BODY_PROBLEM) {
        session_protocol_error(core, "receipts answered by something else");
    } else if (dispatch_aside_later(core, frame) && r->channel) {
        is_stale(core, r->channel);
    }
}

static void ask_next(struct client_core *core)
{
    LIST_EACH(node, &core->stale_receipts)
    {
        struct channel *ch = LIST_ENTRY(node, struct channel, stale);

        if (ch->listed != core->list_round)
            continue;
        if (request_may_aside(core, BUDGET_READS))
            ask(core, ch);
        return;
    }
}

void client_receipts_pump(struct client_core *core)
{
    if (!core->receipts_request && !list_is_empty(&core->stale_receipts))
        ask_next(core);
    if (list_is_empty(&core->telling) || core->tell_request)
        return;
    if (core->now.mono_ms < core->tell_at_ms)
        core_wake_at(core, core->tell_at_ms);
    else if (request_has_room(core))
        tell(core);
}

/* --- to the application --- */

struct keeping {
    struct reply *reply;
    struct chat_receipt *list;
    size_t room;
    uint64_t head_seq;
};

static chat_status keep(const struct cache_receipt *r, void *user)
{
    struct keeping *k = user;
    struct chat_receipt *out = &k->list[k->reply->receipts_count];

    if (k->reply->receipts_count == k->room)
        return CHAT_OK; /* a file that others wrote */
    *out = (struct chat_receipt){.user_id = r->user_id,
                                 .delivered_seq = least_u64(r->delivered_seq, k->head_seq),
                                 .read_seq = least_u64(r->read_seq, k->head_seq)};
    k->reply->receipts[k->reply->receipts_count++] = out;
    return CHAT_OK;
}

struct reply *receipts_keep(struct client_core *core, struct channel *ch,
                            const WireReceipts *receipts)
{
    struct keeping k = {.room = KEPT_MAX, .head_seq = ch->c.head_seq};

    if (receipts && take(core, ch, receipts))
        (void)trim(core, ch);
    k.reply = reply_new(core, KEEP_MAX);
    if (!k.reply)
        return NULL;
    k.list = arena_alloc(&k.reply->arena, k.room * sizeof(*k.list));
    k.reply->receipts = arena_alloc(&k.reply->arena, k.room * sizeof(*k.reply->receipts));
    if (!k.list || !k.reply->receipts ||
        !core_ok(core, cache_receipts_read(core->cache, ch->c.channel_id, keep, &k))) {
        reply_free(core, k.reply);
        return NULL;
    }
    return k.reply;
}

chat_status client_receipts(struct client_core *core, uint64_t channel_id,
                            const struct chat_receipt *const **out, size_t *out_count)
{
    struct channel *ch;
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    ch = channel_find(core, channel_id);
    if (!ch)
        return CHAT_E_NOT_FOUND;
    if (!ch->receipts.wanted) {
        receipts_want(core, ch);
        is_stale(core, ch);
        core->turn_wanted = true;
    }
    reply_free(core, core->view_reply);
    core->view_reply = receipts_keep(core, ch, NULL);
    if (!core->view_reply)
        return core->trouble == CHAT_OK ? CHAT_E_NOMEM : core_commit(core);
    *out = core->view_reply->receipts;
    *out_count = core->view_reply->receipts_count;
    return CHAT_OK;
}
