/*
 * A client core against a service in memory, in virtual time.
 *
 *     rig_start(&rig);                  // signs in, syncs
 *     rig_post(&rig, CH, "hello");      // somebody else says something, live
 *     rig_wait(&rig, 500);              // timers run at their deadlines
 *     rig_pull(&rig);                   // the application's events are in rig.seen
 *
 * The service keeps channels with messages and alterations and answers as client.proto
 * says, unless a test took an answer over with `rig.on_frame`.
 */
#ifndef CHAT_TESTS_CLIENT_RIG_H
#define CHAT_TESTS_CLIENT_RIG_H

#include "client_service.h"

/* --- the host --- */

static inline void rig_note(struct rig *rig, const WireClientFrame *f)
{
    struct rig_heard *h = &rig->heard[rig->heard_count++];

    ck_assert_uint_lt(rig->heard_count, RIG_HEARD_MAX);
    *h = (struct rig_heard){.body = f->body_case, .request_id = f->request_id};
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE) {
        h->channel_id = f->send_message->channel_id;
        h->device = f->send_message->nonce->device_id;
        h->counter = f->send_message->nonce->counter;
        h->after = f->send_message->nonce->after;
        snprintf(h->text, sizeof(h->text), "%s", f->send_message->text);
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY) {
        h->channel_id = f->fetch_history->channel_id;
        h->start = f->fetch_history->start_seq;
        h->limit = f->fetch_history->limit;
        h->backwards = f->fetch_history->backwards;
        h->around = f->fetch_history->around;
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES) {
        h->channel_id = f->fetch_changes->channel_id;
        h->start = f->fetch_changes->since_rev;
        h->limit = (uint32_t)f->fetch_changes->n_ranges;
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_MARK_READ) {
        h->start = f->mark_read->seq;
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_HELLO) {
        h->by_ticket = f->hello->ticket.len > 0;
        h->device = f->hello->device_id;
        snprintf(h->text, sizeof(h->text), "%s", f->hello->token);
    }
}

static inline void rig_hear(struct rig *rig, const struct effect *effect)
{
    static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX];
    WireClientBatch *batch;
    struct wire_fault fault;
    size_t len = 0;
    link_id link = effect->link;

    for (size_t i = 0; i < effect->send.count; i++) {
        ck_assert_uint_le(len + effect->send.frames[i]->len, sizeof(bytes));
        memcpy(bytes + len, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        len += effect->send.frames[i]->len;
    }
    ck_assert_int_eq(wire_decode_client(bytes, len, &rig->arena, &batch, &fault), CHAT_OK);
    for (size_t i = 0; i < batch->n_frames; i++) {
        rig_note(rig, batch->frames[i]);
        if (rig->silent || rig->link != link)
            continue;
        if (!rig->on_frame || !rig->on_frame(rig, batch->frames[i]))
            rig_answer(rig, batch->frames[i]);
    }
    arena_reset(&rig->arena);
}

static inline void rig_cut(struct rig *rig, uint16_t code)
{
    struct event e = {.kind = EVENT_LINK_CLOSED, .link = rig->link};

    e.closed.code = code;
    rig->link = 0;
    rig_feed(rig, e);
}

static inline void rig_turn(struct rig *rig)
{
    struct effect effect;

    while (machine_poll(rig->m, &effect)) {
        struct event e = {.kind = EVENT_LINK_OPENED};

        if (effect.kind == EFFECT_SEND) {
            rig_hear(rig, &effect);
        } else if (effect.kind == EFFECT_CLOSE) {
            rig->closes++;
            rig->close_code = effect.close.code;
            e.kind = EVENT_LINK_CLOSED;
            e.link = effect.link;
            e.closed.code = effect.close.code;
            if (rig->link == effect.link)
                rig->link = 0;
            rig_feed(rig, e);
        } else if (effect.kind == EFFECT_DIAL) {
            rig->dials++;
            if (rig->dial_hangs)
                continue;
            e.kind = rig->dial_fails ? EVENT_LINK_CLOSED : EVENT_LINK_OPENED;
            e.link = rig->dial_fails ? 0 : ++rig->links;
            e.opened.kind = LINK_DIALED;
            if (rig->dial_fails)
                e.closed.code = 1006;
            else
                rig->link = e.link;
            rig_feed(rig, e);
        } else {
            rig->stops++;
        }
    }
}

/* Time passes: the machine's timers run when they are due. */
static inline void rig_wait(struct rig *rig, int64_t ms)
{
    int64_t until = rig->now.mono_ms + ms;

    rig_turn(rig);
    for (int i = 0; i < 100000; i++) {
        int64_t at = machine_deadline(rig->m);

        if (at > until)
            break;
        if (at > rig->now.mono_ms) {
            rig->now.wall_ms += at - rig->now.mono_ms;
            rig->now.mono_ms = at;
        }
        rig_feed(rig, (struct event){.kind = EVENT_TIMER});
        rig_turn(rig);
    }
    ck_assert_msg(machine_deadline(rig->m) > until, "timers that never end");
    rig->now.wall_ms += until - rig->now.mono_ms;
    rig->now.mono_ms = until;
    rig_feed(rig, (struct event){.kind = EVENT_TIMER});
    rig_turn(rig);
}

/* --- the application --- */

static inline void rig_see(struct rig *rig, const struct chat_event *e)
{
    struct rig_seen *s = &rig->seen[rig->seen_count++];

    ck_assert_uint_lt(rig->seen_count, RIG_SEEN_MAX);
    *s = (struct rig_seen){.type = e->type,
                           .status = e->status,
                           .state = e->state,
                           .retry_after_ms = e->retry_after_ms,
                           .ticket = e->ticket,
                           .channel_id = e->channel_id,
                           .from = e->from_seq,
                           .to = e->to_seq};
    if (e->message) {
        s->seq = e->message->seq;
        s->nonce = e->message->nonce;
        snprintf(s->text, sizeof(s->text), "%s", e->message->text);
    }
    if (e->outgoing) {
        s->seq = e->outgoing->seq;
        s->nonce = e->outgoing->nonce;
        s->old_nonce = e->outgoing->old_nonce;
        s->out_state = e->outgoing->state;
        snprintf(s->text, sizeof(s->text), "%s", e->outgoing->text);
    }
    if (e->page) {
        s->count = chat_page_get_count(e->page);
        s->complete = chat_page_is_complete(e->page);
        s->from = chat_page_get_from_seq(e->page);
        s->to = chat_page_get_to_seq(e->page);
    }
    if (e->users)
        s->count = e->users_count;
    if (e->channel)
        s->seq = e->type == CHAT_EVENT_READ ? e->channel->read_seq : e->channel->head_seq;
    if (e->presence)
        s->state = (chat_conn_state)e->presence->state;
}

/* Everything that waits; what was seen before is forgotten. */
static inline void rig_pull(struct rig *rig)
{
    struct chat_event e = CHAT_EVENT_INIT;

    rig->seen_count = 0;
    while (client_next_event(rig->core, &e))
        rig_see(rig, &e);
}

static inline size_t rig_count(const struct rig *rig, chat_event_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < rig->seen_count; i++)
        count += rig->seen[i].type == type;
    return count;
}

static inline const struct rig_seen *rig_last(const struct rig *rig, chat_event_type type)
{
    for (size_t i = rig->seen_count; i > 0; i--)
        if (rig->seen[i - 1].type == type)
            return &rig->seen[i - 1];
    return NULL;
}

static inline size_t rig_heard(const struct rig *rig, WireClientFrame__BodyCase body)
{
    size_t count = 0;

    for (size_t i = 0; i < rig->heard_count; i++)
        count += rig->heard[i].body == body;
    return count;
}

static inline const struct rig_heard *rig_heard_last(const struct rig *rig,
                                                     WireClientFrame__BodyCase body)
{
    for (size_t i = rig->heard_count; i > 0; i--)
        if (rig->heard[i - 1].body == body)
            return &rig->heard[i - 1];
    return NULL;
}

/* The messages seen are from..to of the channel, in order, each once, as the service has
 * them. */
static inline void rig_expect_stream(const struct rig *rig, uint64_t channel_id, uint64_t from,
                                     uint64_t to)
{
    for (size_t i = 0; i < rig->seen_count; i++) {
        const struct rig_seen *s = &rig->seen[i];

        if (s->type != CHAT_EVENT_MESSAGE || s->channel_id != channel_id)
            continue;
        ck_assert_uint_eq(s->seq, from);
        from++;
    }
    ck_assert_uint_eq(from, to + 1);
}

static inline struct chat_content rig_content(const char *text, size_t len)
{
    struct chat_content content = CHAT_CONTENT_INIT;

    content.text = text;
    content.text_len = len;
    return content;
}

static inline chat_status rig_try_send(struct rig *rig, uint64_t channel_id, const char *text,
                                       size_t len, struct chat_nonce *out_nonce)
{
    struct chat_content content = rig_content(text, len);

    return client_send(rig->core, channel_id, &content, out_nonce);
}

static inline chat_status rig_try_edit(struct rig *rig, uint64_t channel_id, uint64_t seq,
                                       const char *text)
{
    struct chat_content content = rig_content(text, strlen(text));

    return client_edit(rig->core, channel_id, seq, &content, NULL);
}

static inline struct chat_nonce rig_type(struct rig *rig, uint64_t channel_id, const char *text)
{
    struct chat_nonce nonce = {0};

    ck_assert_int_eq(rig_try_send(rig, channel_id, text, strlen(text), &nonce), CHAT_OK);
    return nonce;
}

/* Somebody else says something. */
static inline uint64_t rig_post(struct rig *rig, uint64_t channel_id, const char *text)
{
    uint64_t seq = rig_store(rig, channel_id, BOB, text, 9, rig_channel(rig, channel_id)->seq + 1);

    rig_publish(rig, channel_id, seq, false);
    rig_turn(rig);
    return seq;
}

/* A message with as much of everything as there may be. */
static inline void rig_post_greatest(struct rig *rig, uint64_t author)
{
    static char text[CHAT_TEXT_MAX + 1], emoji[CHAT_REACTION_KINDS_MAX][CHAT_EMOJI_MAX + 1];
    static uint8_t extra[CHAT_EXTRA_MAX];
    static uint64_t users[CHAT_REACTIONS_MAX];
    static WireReaction reactions[CHAT_REACTION_KINDS_MAX];
    static WireReaction *pointers[CHAT_REACTION_KINDS_MAX];
    const size_t each = CHAT_REACTIONS_MAX / CHAT_REACTION_KINDS_MAX;
    uint64_t seq = rig_store(rig, CH, author, "", 9, rig_channel(rig, CH)->seq + 1);
    WireMessage m;
    WireNonce n;

    rig_wire(rig_channel(rig, CH), seq, &m, &n);
    memset(text, 'x', CHAT_TEXT_MAX);
    memcpy(text, "needle ", 7);
    for (size_t i = 0; i < CHAT_REACTIONS_MAX; i++)
        users[i] = UINT64_MAX / 2 + i;
    for (size_t i = 0; i < CHAT_REACTION_KINDS_MAX; i++) {
        memset(emoji[i], 'a' + (int)i, CHAT_EMOJI_MAX);
        wire_reaction__init(&reactions[i]);
        reactions[i].emoji = emoji[i];
        reactions[i].user_ids = users + i * each;
        reactions[i].n_user_ids = each;
        pointers[i] = &reactions[i];
    }
    m.text = text;
    m.extra = (ProtobufCBinaryData){sizeof(extra), extra};
    m.mention_ids = users;
    m.n_mention_ids = CHAT_MENTIONS_MAX;
    m.reactions = pointers;
    m.n_reactions = CHAT_REACTION_KINDS_MAX;
    RIG_SAY(rig, 0, MESSAGE, message, &m);
    rig_turn(rig);
}

static inline void rig_open(struct rig *rig)
{
    ck_assert_int_eq(client_new(&rig->config, &rig->core), CHAT_OK);
    rig->m = client_machine(rig->core);
    rig_feed(rig, (struct event){.kind = EVENT_TIMER});
}

static inline void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    rig->now = (struct moment){.mono_ms = 1000, .wall_ms = INT64_C(1700000000000)};
    rig->heartbeat_ms = 30000;
    arena_init(&rig->arena, NULL, 64u << 20);
    rig_add_channel(rig, CH);
    client_config_init(&rig->config);
    rig->config.seed = 42;
    rig->config.token = "token";
    rig->config.keep_max = 0; /* all */
}

static inline void rig_start(struct rig *rig)
{
    if (!rig->core)
        rig_open(rig);
    ck_assert_int_eq(client_start(rig->core), CHAT_OK);
    rig_turn(rig);
}

/* As after a crash: nothing was said to anybody. */
static inline void rig_crash(struct rig *rig)
{
    client_free(rig->core);
    rig->core = NULL;
    rig->link = 0;
}

static inline void rig_fini(struct rig *rig)
{
    client_free(rig->core);
    for (uint32_t i = 0; i < rig->channel_count; i++)
        free(rig->channels[i].messages);
    arena_fini(&rig->arena);
}

#endif
