/* The service that a client rig talks to: channels in memory, and answers as client.proto says. */
#ifndef CHAT_TESTS_CLIENT_SERVICE_H
#define CHAT_TESTS_CLIENT_SERVICE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/limits.h>

#include "client/core.h"
#include "wire/wire.h"

#define ME UINT64_C(1001)
#define BOB UINT64_C(1002)
#define SERVICE UINT64_C(7)
#define CH UINT64_C(500)
#define CH2 UINT64_C(501)
/* Tests that make a rig many thousand times take less. */
#ifndef RIG_MESSAGES_MAX
#define RIG_MESSAGES_MAX 4000
#define RIG_WIRED_MAX 512 /* messages in one answer */
#define RIG_SEEN_MAX 8192
#define RIG_HEARD_MAX 8192
#endif

struct rig_message {
    uint64_t message_id, author, device, counter, rev, reply_to;
    bool deleted;
    bool mentions_me;
    char text[48];
    char emoji[8];    /* "": none */
    uint64_t reactor; /* who reacted with it */
};

struct rig_channel {
    uint64_t id, peer, read_seq, first_seq;
    int64_t mentions; /* as it is listed; -1: that is not told */
    uint32_t epoch, permissions;
    uint64_t seq, rev;
    struct rig_message *messages; /* [seq] */
    /* What a list says of it besides. */
    WireChannelSettings *settings;
    WireReceipt *receipts[2];
    size_t receipts_count;
};

struct rig_seen {
    chat_event_type type;
    chat_status status;
    chat_conn_state state;
    uint32_t retry_after_ms;
    uint64_t ticket, channel_id, seq, from, to;
    struct chat_nonce nonce, old_nonce;
    chat_outgoing_state out_state;
    size_t count; /* of users, members, messages of a page */
    bool complete;
    char text[64];
};

struct rig_heard {
    WireClientFrame__BodyCase body;
    uint32_t request_id;
    uint64_t channel_id, start, counter, device, after;
    uint32_t limit;
    bool backwards, around, by_ticket;
    char text[64];
};

struct rig {
    struct client_config config;
    struct client_core *core;
    struct machine *m;
    struct moment now;
    link_id link, links;
    bool dial_fails, dial_hangs, silent, no_list, mute_beats;
    bool keep_pages; /* the test answers FetchHistory */
    bool keep_sends; /* operations are not answered */
    bool lose_acks;  /* they are done, but neither answered nor published */
    bool no_publish; /* they are answered, but not published */
    bool ack_last;   /* published before they are answered */
    WireProblemCode hello_problem, op_problem;
    WireRetry problem_retry;
    uint32_t problem_after_ms, op_problems; /* how many operations get op_problem */
    uint32_t page_cut;                      /* pages hold at most this much, and say partial */
    int64_t token_left_ms;
    int64_t server_ahead_ms; /* the service's wall clock less the client's */
    uint32_t dials, closes, stops, ops_per_second, reads_per_second, heartbeat_ms;
    uint16_t close_code;
    struct rig_channel channels[3];
    uint32_t channel_count;
    struct arena arena;
    struct rig_heard heard[RIG_HEARD_MAX];
    size_t heard_count;
    struct rig_seen seen[RIG_SEEN_MAX];
    size_t seen_count;
    /* True: the test has dealt with it. */
    bool (*on_frame)(struct rig *rig, const WireClientFrame *frame);
    uint64_t keep_device;
    uint64_t altered[256]; /* counters of edits, deletions and reactions that are in */
    size_t altered_count;
};

/* --- saying --- */

static inline void rig_feed(struct rig *rig, struct event event)
{
    event.now = rig->now;
    machine_feed(rig->m, &event);
}

static inline void rig_bytes(struct rig *rig, const uint8_t *bytes, size_t len)
{
    struct event e = {.kind = EVENT_LINK_MESSAGE, .link = rig->link};

    e.message.bytes = bytes;
    e.message.len = len;
    rig_feed(rig, e);
}

static inline void rig_say(struct rig *rig, uint32_t request_id, WireServerFrame *frame)
{
    struct frame *encoded;

    if (!rig->link)
        return;
    frame->request_id = request_id;
    encoded = wire_encode_server(NULL, frame);
    ck_assert_ptr_nonnull(encoded);
    rig_bytes(rig, encoded->bytes, encoded->len);
    frame_unref(encoded);
}

#define RIG_SAY(rig, id, CASE, member, value)                                                      \
    do {                                                                                           \
        WireServerFrame rig_frame = WIRE_SERVER_FRAME__INIT;                                       \
        rig_frame.body_case = WIRE_SERVER_FRAME__BODY_##CASE;                                      \
        rig_frame.member = (value);                                                                \
        rig_say((rig), (id), &rig_frame);                                                          \
    } while (0)

static inline void rig_problem(struct rig *rig, uint32_t request_id, WireProblemCode code,
                               WireRetry retry, uint32_t after_ms)
{
    WireProblem p = WIRE_PROBLEM__INIT;

    p.code = code;
    p.retry = retry;
    p.retry_after_ms = after_ms;
    p.limit = (char *)"rule";
    RIG_SAY(rig, request_id, PROBLEM, problem, &p);
}

static inline struct rig_channel *rig_channel(struct rig *rig, uint64_t id)
{
    for (uint32_t i = 0; i < rig->channel_count; i++)
        if (rig->channels[i].id == id)
            return &rig->channels[i];
    return NULL;
}

static inline WirePosition rig_head(const struct rig_channel *ch)
{
    WirePosition head = WIRE_POSITION__INIT;

    head.channel_id = ch->id;
    head.epoch = ch->epoch;
    head.seq = ch->seq;
    head.message_id = ch->seq ? ch->messages[ch->seq].message_id : 0;
    head.rev = ch->rev;
    return head;
}

static inline void rig_wire_reaction(struct rig_message *from, WireMessage *m)
{
    static WireReaction reactions[RIG_WIRED_MAX], *pointers[RIG_WIRED_MAX];
    static size_t next;
    const size_t at = next++ % RIG_WIRED_MAX; /* as many as one answer holds */

    if (!from->emoji[0])
        return;
    wire_reaction__init(&reactions[at]);
    reactions[at].emoji = from->emoji;
    reactions[at].user_ids = &from->reactor;
    reactions[at].n_user_ids = 1;
    pointers[at] = &reactions[at];
    m->reactions = &pointers[at];
    m->n_reactions = 1;
}

static inline void rig_wire(const struct rig_channel *ch, uint64_t seq, WireMessage *m,
                            WireNonce *n)
{
    static uint64_t me = ME;
    struct rig_message *from = &ch->messages[seq];

    wire_message__init(m);
    wire_nonce__init(n);
    n->device_id = from->device;
    n->counter = from->counter;
    m->channel_id = ch->id;
    m->seq = seq;
    m->message_id = from->message_id;
    m->author_id = from->author;
    m->sent_at_ms = 1700000000000 + (int64_t)seq;
    m->nonce = n;
    m->text = from->text;
    m->reply_to_seq = from->reply_to;
    m->rev = from->rev;
    m->deleted = from->deleted;
    m->mention_ids = &me;
    m->n_mention_ids = from->mentions_me;
    rig_wire_reaction(from, m);
}

static inline void rig_publish(struct rig *rig, uint64_t channel_id, uint64_t seq, bool changed)
{
    WireMessage m;
    WireNonce n;

    rig_wire(rig_channel(rig, channel_id), seq, &m, &n);
    if (changed)
        RIG_SAY(rig, 0, CHANGED, changed, &m);
    else
        RIG_SAY(rig, 0, MESSAGE, message, &m);
}

/* --- the service's state --- */

static inline uint64_t rig_store(struct rig *rig, uint64_t channel_id, uint64_t author,
                                 const char *text, uint64_t device, uint64_t counter)
{
    struct rig_channel *ch = rig_channel(rig, channel_id);
    struct rig_message *m = &ch->messages[++ch->seq];

    ck_assert_uint_lt(ch->seq, RIG_MESSAGES_MAX);
    *m = (struct rig_message){.message_id = ch->epoch * UINT64_C(100000) + ch->seq * 10,
                              .author = author,
                              .device = device,
                              .counter = counter};
    snprintf(m->text, sizeof(m->text), "%s", text);
    return ch->seq;
}

static inline uint64_t rig_store_many(struct rig *rig, uint64_t channel_id, uint64_t count)
{
    char text[32];

    for (uint64_t i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "m%llu",
                 (unsigned long long)rig_channel(rig, channel_id)->seq + 1);
        rig_store(rig, channel_id, BOB, text, 9, rig_channel(rig, channel_id)->seq + 1);
    }
    return rig_channel(rig, channel_id)->seq;
}

static inline void rig_alter(struct rig *rig, uint64_t channel_id, uint64_t seq, const char *text)
{
    struct rig_channel *ch = rig_channel(rig, channel_id);

    snprintf(ch->messages[seq].text, sizeof(ch->messages[seq].text), "%s", text);
    ch->messages[seq].rev = ++ch->rev;
}

static inline void rig_add_channel(struct rig *rig, uint64_t id)
{
    struct rig_channel *ch = &rig->channels[rig->channel_count++];

    *ch = (struct rig_channel){
        .id = id, .peer = BOB, .epoch = 1, .permissions = 3, .first_seq = 1, .mentions = -1};
    ch->messages = calloc(RIG_MESSAGES_MAX, sizeof(*ch->messages));
}

/* --- answering --- */

static inline uint64_t rig_deleted_unread(const struct rig_channel *ch)
{
    uint64_t count = 0;

    for (uint64_t seq = ch->read_seq + 1; seq <= ch->seq; seq++)
        count += ch->messages[seq].deleted;
    return count;
}

static inline void rig_list(struct rig *rig)
{
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannel wire[3], *pointers[3];
    WirePosition heads[3];
    WireMentions mentions[3];

    for (uint32_t i = 0; i < rig->channel_count; i++) {
        wire_channel__init(&wire[i]);
        wire_mentions__init(&mentions[i]);
        mentions[i].channel_id = rig->channels[i].id;
        mentions[i].count = (uint32_t)rig->channels[i].mentions;
        wire[i].mentions = rig->channels[i].mentions >= 0 ? &mentions[i] : NULL;
        heads[i] = rig_head(&rig->channels[i]);
        wire[i].head = &heads[i];
        wire[i].home_id = rig->channels[i].id;
        wire[i].kind = WIRE_HOME_KIND__HOME_KIND_DIRECT;
        wire[i].permissions = rig->channels[i].permissions;
        wire[i].first_seq = rig->channels[i].first_seq;
        wire[i].peer_id = rig->channels[i].peer;
        wire[i].read_seq = rig->channels[i].read_seq;
        wire[i].settings = rig->channels[i].settings;
        /* As what is set: the user's home tells both or neither. */
        wire[i].deleted_unread = wire[i].settings ? rig_deleted_unread(&rig->channels[i]) : 0;
        wire[i].receipts = rig->channels[i].receipts;
        wire[i].n_receipts = rig->channels[i].receipts_count;
        pointers[i] = &wire[i];
    }
    list.channels = pointers;
    list.n_channels = rig->channel_count;
    list.complete = true;
    RIG_SAY(rig, 0, CHANNEL_LIST, channel_list, &list);
}

static inline void rig_hello(struct rig *rig, const WireClientFrame *f)
{
    WireWelcome w = WIRE_WELCOME__INIT;
    WireLimits limits = WIRE_LIMITS__INIT;

    if (rig->hello_problem) {
        rig_problem(rig, f->request_id, rig->hello_problem, rig->problem_retry,
                    rig->problem_after_ms);
        return;
    }
    limits.operations_per_second = rig->ops_per_second;
    limits.reads_per_second = rig->reads_per_second;
    w.service_id = SERVICE;
    w.user_id = ME;
    w.session_no = rig->links;
    w.heartbeat_ms = rig->heartbeat_ms;
    w.server_time_ms = rig->now.wall_ms + rig->server_ahead_ms;
    w.ticket.data = (uint8_t *)"ticket";
    w.ticket.len = 6;
    w.ticket_expires_at_ms = w.server_time_ms + 600000;
    w.token_expires_at_ms = rig->token_left_ms ? w.server_time_ms + rig->token_left_ms : 0;
    w.limits = &limits;
    w.name = (char *)"me";
    RIG_SAY(rig, f->request_id, WELCOME, welcome, &w);
    if (!rig->no_list)
        rig_list(rig);
}

static inline void rig_window(const struct rig_channel *ch, const WireFetchHistory *ask,
                              uint64_t limit, uint64_t *from, uint64_t *to)
{
    uint64_t centre = ask->start_seq;

    for (uint64_t s = 1; ask->message_id && s <= ch->seq; s++)
        if (ch->messages[s].message_id == ask->message_id)
            centre = s;
    centre = centre > ch->seq ? ch->seq : centre < ch->first_seq ? ch->first_seq : centre;
    *from = centre >= ch->first_seq + limit / 2 ? centre - limit / 2 : ch->first_seq;
    *to = *from + limit - 1;
    if (*to > ch->seq) {
        *to = ch->seq;
        *from = ch->seq >= ch->first_seq + limit - 1 ? ch->seq - limit + 1 : ch->first_seq;
    }
}

static inline void rig_page(struct rig *rig, const WireClientFrame *f)
{
    const WireFetchHistory *ask = f->fetch_history;
    struct rig_channel *ch = rig_channel(rig, ask->channel_id);
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WireRange covered = WIRE_RANGE__INIT;
    static WireMessage messages[200];
    static WireNonce nonces[200];
    WireMessage *pointers[200];
    WirePosition head = rig_head(ch);
    uint64_t from, to, limit = ask->limit;

    ck_assert(ask->limit >= 1 && ask->limit <= 200);
    if (rig->page_cut && rig->page_cut < limit) {
        limit = rig->page_cut;
        page.partial = true;
    }
    if (ask->message_id && ask->message_id % 10) { /* no message has such an id */
        rig_problem(rig, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND,
                    WIRE_RETRY__RETRY_NEVER, 0);
        return;
    }
    if (ask->around) {
        rig_window(ch, ask, limit, &from, &to);
    } else if (ask->backwards) {
        to = ask->start_seq && ask->start_seq < ch->seq ? ask->start_seq : ch->seq;
        from = to >= ch->first_seq + limit ? to - limit + 1 : ch->first_seq;
    } else {
        from = ask->start_seq > ch->first_seq ? ask->start_seq : ch->first_seq;
        to = from + limit - 1 < ch->seq ? from + limit - 1 : ch->seq;
    }
    covered.from_seq = from;
    covered.to_seq = to;
    for (uint64_t s = from; s <= to && from <= to; s++) {
        rig_wire(ch, s, &messages[s - from], &nonces[s - from]);
        pointers[s - from] = &messages[s - from];
        page.n_messages++;
    }
    page.head = &head;
    page.covered = &covered;
    page.first_seq = ch->first_seq;
    page.messages = pointers;
    RIG_SAY(rig, f->request_id, HISTORY_PAGE, history_page, &page);
}

static inline void rig_changes(struct rig *rig, const WireClientFrame *f)
{
    const WireFetchChanges *ask = f->fetch_changes;
    struct rig_channel *ch = rig_channel(rig, ask->channel_id);
    WireChangesPage page = WIRE_CHANGES_PAGE__INIT;
    WirePosition head = rig_head(ch);
    static WireMessage messages[500];
    static WireNonce nonces[500];
    WireMessage *pointers[500];

    page.head = &head;
    page.covered_to_rev = ch->rev;
    page.messages = pointers;
    for (uint64_t rev = ask->since_rev + 1; rev <= ch->rev; rev++) {
        for (uint64_t s = 1; s <= ch->seq; s++) {
            bool wanted = false;

            for (size_t r = 0; r < ask->n_ranges; r++)
                wanted |= s >= ask->ranges[r]->from_seq && s <= ask->ranges[r]->to_seq;
            if (!wanted || ch->messages[s].rev != rev)
                continue;
            rig_wire(ch, s, &messages[page.n_messages], &nonces[page.n_messages]);
            pointers[page.n_messages] = &messages[page.n_messages];
            page.n_messages++;
        }
    }
    RIG_SAY(rig, f->request_id, CHANGES_PAGE, changes_page, &page);
}

static inline void rig_ack_send(struct rig *rig, uint32_t id, uint64_t channel_id, uint64_t seq)
{
    WireSent sent = WIRE_SENT__INIT;

    sent.channel_id = channel_id;
    sent.seq = seq;
    sent.message_id = rig_channel(rig, channel_id)->messages[seq].message_id;
    sent.sent_at_ms = 1700000000000 + (int64_t)seq;
    sent.durability = WIRE_DURABILITY__DURABILITY_LOCAL_DISK;
    sent.epoch = rig_channel(rig, channel_id)->epoch;
    RIG_SAY(rig, id, SENT, sent, &sent);
}

static inline void rig_send(struct rig *rig, const WireClientFrame *f)
{
    const WireSendMessage *s = f->send_message;
    struct rig_channel *ch = rig_channel(rig, s->channel_id);
    bool after_in = s->nonce->after == 0;
    uint64_t seq = 0;

    for (uint64_t i = 1; i <= ch->seq; i++) {
        if (ch->messages[i].author != ME || ch->messages[i].device != s->nonce->device_id)
            continue;
        if (ch->messages[i].counter == s->nonce->counter)
            seq = i; /* a repeat gets the first answer */
        if (ch->messages[i].counter == s->nonce->after)
            after_in = true;
    }
    for (size_t i = 0; i < rig->altered_count; i++)
        after_in |= rig->altered[i] == s->nonce->after;
    if (rig->op_problems && !seq) {
        rig->op_problems--;
        rig_problem(rig, f->request_id, rig->op_problem, rig->problem_retry, rig->problem_after_ms);
        return;
    }
    if (!after_in && !seq) {
        rig_problem(rig, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_OUT_OF_ORDER,
                    WIRE_RETRY__RETRY_LATER, 0);
        return;
    }
    if (!seq)
        seq = rig_store(rig, ch->id, ME, s->text, s->nonce->device_id, s->nonce->counter);
    if (rig->lose_acks)
        return;
    if (rig->ack_last && !rig->no_publish)
        rig_publish(rig, ch->id, seq, false);
    rig_ack_send(rig, f->request_id, ch->id, seq);
    if (!rig->ack_last && !rig->no_publish)
        rig_publish(rig, ch->id, seq, false);
}

static inline void rig_edit(struct rig *rig, const WireClientFrame *f)
{
    WireAltered altered = WIRE_ALTERED__INIT;
    uint64_t channel_id, seq, counter;

    if (f->body_case == WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE) {
        counter = f->edit_message->nonce->counter;
        channel_id = f->edit_message->channel_id;
        seq = f->edit_message->seq;
        rig_alter(rig, channel_id, seq, f->edit_message->text);
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_REACT) {
        struct rig_message *m;

        counter = f->react->nonce->counter;
        channel_id = f->react->channel_id;
        seq = f->react->seq;
        m = &rig_channel(rig, channel_id)->messages[seq];
        snprintf(m->emoji, sizeof(m->emoji), "%s", f->react->remove ? "" : f->react->emoji);
        m->reactor = ME;
        m->rev = ++rig_channel(rig, channel_id)->rev;
    } else {
        counter = f->delete_message->nonce->counter;
        channel_id = f->delete_message->channel_id;
        seq = f->delete_message->seq;
        rig_alter(rig, channel_id, seq, "");
        rig_channel(rig, channel_id)->messages[seq].deleted = true;
    }
    ck_assert_uint_lt(rig->altered_count, 256);
    rig->altered[rig->altered_count++] = counter;
    altered.channel_id = channel_id;
    altered.seq = seq;
    altered.rev = rig_channel(rig, channel_id)->rev;
    RIG_SAY(rig, f->request_id, ALTERED, altered, &altered);
    if (!rig->no_publish)
        rig_publish(rig, channel_id, seq, true);
}

static inline void rig_users(struct rig *rig, const WireClientFrame *f)
{
    WireUsers users = WIRE_USERS__INIT;
    WireUser user = WIRE_USER__INIT, *pointer = &user;

    user.user_id = BOB;
    user.name = (char *)"bob";
    users.users = &pointer;
    users.n_users = 1;
    RIG_SAY(rig, f->request_id, USERS, users, &users);
}

static inline void rig_beat(struct rig *rig, const WireClientFrame *f)
{
    WireHeartbeatAck ack = WIRE_HEARTBEAT_ACK__INIT;
    WirePosition heads[3], *pointers[3];

    for (size_t i = 0; i < f->heartbeat->n_positions; i++) {
        const WirePosition *p = f->heartbeat->positions[i];
        const struct rig_channel *ch = rig_channel(rig, p->channel_id);

        if (!ch || (ch->epoch == p->epoch && ch->seq == p->seq && ch->rev == p->rev))
            continue;
        heads[ack.n_heads] = rig_head(ch);
        pointers[ack.n_heads] = &heads[ack.n_heads];
        ack.n_heads++;
    }
    ack.heads = pointers;
    RIG_SAY(rig, f->request_id, HEARTBEAT_ACK, heartbeat_ack, &ack);
}

static inline void rig_answer(struct rig *rig, const WireClientFrame *f)
{
    WireCursor cursor = WIRE_CURSOR__INIT;
    WireOpened opened = WIRE_OPENED__INIT;
    WireOk ok = WIRE_OK__INIT;
    WireTicket ticket = WIRE_TICKET__INIT;

    switch ((int)f->body_case) {
    case WIRE_CLIENT_FRAME__BODY_HELLO: rig_hello(rig, f); break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY:
        if (!rig->keep_pages)
            rig_page(rig, f);
        break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES: rig_changes(rig, f); break;
    case WIRE_CLIENT_FRAME__BODY_FETCH_USERS:
    case WIRE_CLIENT_FRAME__BODY_FIND_USER: rig_users(rig, f); break;
    case WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE:
        if (!rig->keep_sends)
            rig_send(rig, f);
        break;
    case WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE:
    case WIRE_CLIENT_FRAME__BODY_DELETE_MESSAGE:
    case WIRE_CLIENT_FRAME__BODY_REACT:
        if (!rig->keep_sends)
            rig_edit(rig, f);
        break;
    case WIRE_CLIENT_FRAME__BODY_HEARTBEAT:
        if (!rig->mute_beats)
            rig_beat(rig, f);
        break;
    case WIRE_CLIENT_FRAME__BODY_MARK_READ:
        cursor.channel_id = f->mark_read->channel_id;
        cursor.read_seq = f->mark_read->seq;
        rig_channel(rig, cursor.channel_id)->read_seq = cursor.read_seq;
        RIG_SAY(rig, f->request_id, CURSOR, cursor, &cursor);
        break;
    case WIRE_CLIENT_FRAME__BODY_OPEN_DIRECT:
    case WIRE_CLIENT_FRAME__BODY_CREATE_GROUP:
        opened.home_id = opened.channel_id = CH2;
        RIG_SAY(rig, f->request_id, OPENED, opened, &opened);
        break;
    case WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN:
        ticket.ticket.data = (uint8_t *)"fresh!";
        ticket.ticket.len = 6;
        ticket.ticket_expires_at_ms = rig->now.wall_ms + 600000;
        ticket.token_expires_at_ms = rig->now.wall_ms + 3600000;
        RIG_SAY(rig, f->request_id, TICKET, ticket, &ticket);
        break;
    case WIRE_CLIENT_FRAME__BODY_TYPING:
    case WIRE_CLIENT_FRAME__BODY_GOODBYE: break;
    default: RIG_SAY(rig, f->request_id, OK, ok, &ok); break;
    }
}

#endif
