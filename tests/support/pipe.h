/*
 * A chat_transport in memory with a small service at its other end: any number of links, one
 * channel each, and a clock that moves by itself each time it is read.
 *
 *     struct pipe p;
 *     pipe_init(&p);
 *     config.transport = &p.transport;  ...  chat_loop_new()
 *     pipe_post(&p, link, 100);         // 100 messages of the channel, in one WebSocket message
 *
 * A hello is welcomed, history is served, a send is acknowledged; links are numbered by the
 * order of their connects, from 0.
 */
#ifndef CHAT_TESTS_PIPE_H
#define CHAT_TESTS_PIPE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/libchat.h>

#include "wire/wire.h"

#define PIPE_CHANNEL UINT64_C(500)
#define PIPE_BOB UINT64_C(1002)
#define PIPE_LINKS_MAX 512

/* Benchmarks use it, too, so it is no assertion of a test. */
#define PIPE_MUST(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct pipe_message {
    struct pipe_message *next;
    size_t len;
    uint8_t bytes[];
};

struct pipe_link {
    uint64_t number; /* the loop's; 0: not there */
    bool opening, closing, paused;
    uint16_t close_code;
    struct pipe_message *first, **last; /* to the client */
    uint32_t heard[64];                 /* frames of the client, by body */
};

struct pipe {
    struct chat_transport transport;
    struct chat_transport_sink sink;
    struct pipe_link links[PIPE_LINKS_MAX];
    uint32_t link_count;
    int64_t clock_us, tick_us; /* each look at the microseconds moves it on */
    uint64_t head_seq;         /* of the channel, the same for all */
    uint32_t connects, delivered, pauses, wakes;
    bool refuse;     /* connects, at once */
    uint32_t looks;  /* at the clock of milliseconds: each is of something that is done */
    bool keep_pages; /* history is not answered */
};

static inline void pipe_queue(struct pipe *p, uint32_t link, const uint8_t *bytes, size_t len)
{
    struct pipe_link *l = &p->links[link];
    struct pipe_message *m = malloc(sizeof(*m) + len);

    PIPE_MUST(m);
    m->next = NULL;
    m->len = len;
    if (len)
        memcpy(m->bytes, bytes, len);
    if (!l->first)
        l->last = &l->first;
    *l->last = m;
    l->last = &m->next;
}

static inline void pipe_say(struct pipe *p, uint32_t link, uint32_t request_id,
                            WireServerFrame *frame)
{
    struct frame *encoded;

    frame->request_id = request_id;
    encoded = wire_encode_server(NULL, frame);
    PIPE_MUST(encoded);
    pipe_queue(p, link, encoded->bytes, encoded->len);
    frame_unref(encoded);
}

static inline void pipe_fill(WireMessage *m, WireNonce *n, uint64_t seq)
{
    static char text[] = "a message of the usual length, give or take a few words";

    wire_message__init(m);
    wire_nonce__init(n);
    n->device_id = 9;
    n->counter = seq;
    m->channel_id = PIPE_CHANNEL;
    m->seq = seq;
    m->message_id = seq * 10;
    m->author_id = PIPE_BOB;
    m->sent_at_ms = 1700000000000 + (int64_t)seq;
    m->nonce = n;
    m->text = text;
}

/* Messages head_seq + 1 to head_seq + count, one frame each, in one WebSocket message. */
static inline void pipe_post(struct pipe *p, uint32_t link, uint32_t count)
{
    uint8_t *bytes = malloc(CHAT_SERVER_MESSAGE_MAX);
    size_t len = 0;

    PIPE_MUST(bytes);
    for (uint32_t i = 1; i <= count; i++) {
        WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
        struct frame *encoded;
        WireMessage m;
        WireNonce n;

        pipe_fill(&m, &n, p->head_seq + i);
        frame.body_case = WIRE_SERVER_FRAME__BODY_MESSAGE;
        frame.message = &m;
        encoded = wire_encode_server(NULL, &frame);
        PIPE_MUST(len + encoded->len <= CHAT_SERVER_MESSAGE_MAX);
        memcpy(bytes + len, encoded->bytes, encoded->len);
        len += encoded->len;
        frame_unref(encoded);
    }
    pipe_queue(p, link, bytes, len);
    free(bytes);
}

static inline void pipe_welcome(struct pipe *p, uint32_t link, uint32_t request_id)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireWelcome w = WIRE_WELCOME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannel channel = WIRE_CHANNEL__INIT, *pointer = &channel;
    WirePosition head = WIRE_POSITION__INIT;

    w.service_id = 7;
    w.user_id = 1001;
    w.heartbeat_ms = 30000;
    frame.body_case = WIRE_SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &w;
    pipe_say(p, link, request_id, &frame);
    head.channel_id = PIPE_CHANNEL;
    head.epoch = 1;
    head.seq = p->head_seq;
    head.message_id = p->head_seq * 10;
    channel.head = &head;
    channel.home_id = PIPE_CHANNEL;
    channel.kind = WIRE_HOME_KIND__HOME_KIND_GROUP;
    channel.name = (char *)"room";
    channel.permissions = 3;
    channel.first_seq = 1;
    list.channels = &pointer;
    list.n_channels = 1;
    list.complete = true;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    pipe_say(p, link, 0, &frame);
}

static inline void pipe_page(struct pipe *p, uint32_t link, const WireClientFrame *f)
{
    const WireFetchHistory *ask = f->fetch_history;
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WirePosition head = WIRE_POSITION__INIT;
    WireRange covered = WIRE_RANGE__INIT;
    WireMessage messages[CHAT_HISTORY_PAGE_MAX], *pointers[CHAT_HISTORY_PAGE_MAX];
    WireNonce nonces[CHAT_HISTORY_PAGE_MAX];
    uint64_t from = ask->start_seq, to = from + ask->limit - 1;

    if (ask->backwards) {
        to = ask->start_seq && ask->start_seq < p->head_seq ? ask->start_seq : p->head_seq;
        from = to >= ask->limit ? to - ask->limit + 1 : 1;
    }
    to = to < p->head_seq ? to : p->head_seq;
    for (uint64_t seq = from; seq <= to; seq++) {
        pipe_fill(&messages[seq - from], &nonces[seq - from], seq);
        pointers[page.n_messages++] = &messages[seq - from];
    }
    head.channel_id = PIPE_CHANNEL;
    head.epoch = 1;
    head.seq = p->head_seq;
    head.message_id = p->head_seq * 10;
    covered.from_seq = from;
    covered.to_seq = to;
    page.head = &head;
    page.covered = &covered;
    page.first_seq = 1;
    page.messages = pointers;
    frame.body_case = WIRE_SERVER_FRAME__BODY_HISTORY_PAGE;
    frame.history_page = &page;
    pipe_say(p, link, f->request_id, &frame);
}

static inline void pipe_serve(struct pipe *p, uint32_t link, const WireClientFrame *f)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireSent sent = WIRE_SENT__INIT;
    WireHeartbeatAck ack = WIRE_HEARTBEAT_ACK__INIT;
    WireOk ok = WIRE_OK__INIT;

    if ((unsigned)f->body_case < 64)
        p->links[link].heard[f->body_case]++;
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_HELLO) {
        pipe_welcome(p, link, f->request_id);
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY && !p->keep_pages) {
        pipe_page(p, link, f);
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_HEARTBEAT) {
        frame.body_case = WIRE_SERVER_FRAME__BODY_HEARTBEAT_ACK;
        frame.heartbeat_ack = &ack;
        pipe_say(p, link, f->request_id, &frame);
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE) {
        sent.channel_id = f->send_message->channel_id;
        sent.seq = ++p->head_seq;
        sent.message_id = p->head_seq * 10;
        sent.epoch = 1;
        frame.body_case = WIRE_SERVER_FRAME__BODY_SENT;
        frame.sent = &sent;
        pipe_say(p, link, f->request_id, &frame);
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_MARK_RECEIPTS) {
        frame.body_case = WIRE_SERVER_FRAME__BODY_OK;
        frame.ok = &ok;
        pipe_say(p, link, f->request_id, &frame);
    }
}

static inline struct pipe_link *pipe_find(struct pipe *p, uint64_t number)
{
    for (uint32_t i = 0; i < p->link_count; i++)
        if (p->links[i].number == number)
            return &p->links[i];
    return NULL;
}

/* --- the seam --- */

static inline chat_status pipe_start(void *self, const struct chat_transport_sink *sink)
{
    ((struct pipe *)self)->sink = *sink;
    return CHAT_OK;
}

static inline chat_status pipe_connect(void *self, uint64_t number, const struct chat_connect *to)
{
    struct pipe *p = self;

    PIPE_MUST(strcmp(to->subprotocol, "libchat.v1") == 0);
    p->connects++;
    if (p->refuse || p->link_count == PIPE_LINKS_MAX)
        return CHAT_E_FULL;
    p->links[p->link_count++] = (struct pipe_link){.number = number, .opening = true};
    return CHAT_OK;
}

static inline chat_status pipe_send(void *self, uint64_t number, const struct chat_buffer *buffers,
                                    size_t count, bool *out_blocked)
{
    static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX];
    struct pipe *p = self;
    struct pipe_link *l = pipe_find(p, number);
    WireClientBatch *batch;
    struct wire_fault fault;
    struct arena arena;
    size_t len = 0;

    *out_blocked = false;
    if (!l || l->closing)
        return CHAT_E_STATE;
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + len, buffers[i].bytes, buffers[i].len);
        len += buffers[i].len;
    }
    arena_init(&arena, NULL, 1u << 20);
    PIPE_MUST(wire_decode_client(bytes, len, &arena, &batch, &fault) == CHAT_OK);
    for (size_t i = 0; i < batch->n_frames; i++)
        pipe_serve(p, (uint32_t)(l - p->links), batch->frames[i]);
    arena_fini(&arena);
    return CHAT_OK;
}

static inline void pipe_drop_queue(struct pipe_link *l)
{
    while (l->first) {
        struct pipe_message *m = l->first;

        l->first = m->next;
        free(m);
    }
}

static inline void pipe_close(void *self, uint64_t number, uint16_t code, const char *reason,
                              size_t len)
{
    struct pipe_link *l = pipe_find(self, number);

    (void)reason, (void)len;
    if (!l)
        return;
    pipe_drop_queue(l);
    l->paused = false;
    l->closing = true;
    l->close_code = code;
}

/* The peer cuts it, after what it said. */
static inline void pipe_cut(struct pipe *p, uint32_t link, uint16_t code)
{
    p->links[link].closing = true;
    p->links[link].close_code = code;
}

static inline void pipe_pump_link(struct pipe *p, struct pipe_link *l)
{
    uint64_t number = l->number;

    if (l->opening && !l->closing) {
        l->opening = false;
        p->sink.on_opened(number, p->sink.user);
    }
    while (l->first && !l->paused) {
        struct pipe_message *m = l->first;

        l->first = m->next;
        p->delivered++;
        p->sink.on_message(number, m->bytes, m->len, p->sink.user);
        free(m);
    }
    if (!l->closing || l->paused)
        return;
    pipe_drop_queue(l);
    l->number = 0;
    p->sink.on_closed(number, CHAT_OK, l->close_code, "", 0, p->sink.user);
}

static inline chat_status pipe_pump(void *self, int64_t timeout_ms)
{
    struct pipe *p = self;
    uint32_t before = p->delivered;

    for (uint32_t i = 0; i < p->link_count; i++)
        if (p->links[i].number)
            pipe_pump_link(p, &p->links[i]);
    if (p->delivered == before && timeout_ms > 0)
        p->clock_us += timeout_ms * 1000; /* nothing happens: time passes */
    return CHAT_OK;
}

static inline int pipe_fd(void *self)
{
    (void)self;
    return -1;
}

static inline int64_t pipe_deadline(void *self)
{
    struct pipe *p = self;

    for (uint32_t i = 0; i < p->link_count; i++) {
        const struct pipe_link *l = &p->links[i];

        if (l->number && (l->opening || l->closing || (l->first && !l->paused)))
            return p->clock_us / 1000;
    }
    return CHAT_DEADLINE_NEVER;
}

static inline void pipe_wake(void *self) { ((struct pipe *)self)->wakes++; }

static inline void pipe_now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    ((struct pipe *)self)->looks++;
    *out_mono_ms = ((struct pipe *)self)->clock_us / 1000;
    *out_wall_ms = INT64_C(1700000000000) + *out_mono_ms;
}

static inline int64_t pipe_now_us(void *self)
{
    struct pipe *p = self;

    return p->clock_us += p->tick_us;
}

static inline void pipe_pause(void *self, uint64_t number, bool paused)
{
    struct pipe *p = self;
    struct pipe_link *l = pipe_find(p, number);

    PIPE_MUST(l);
    PIPE_MUST(!paused || !l->paused);
    l->paused = paused;
    p->pauses += paused;
}

static inline chat_status pipe_random(void *self, uint8_t *bytes, size_t len)
{
    (void)self;
    memset(bytes, 5, len);
    return CHAT_OK;
}

static inline void pipe_init(struct pipe *p)
{
    memset(p, 0, sizeof(*p));
    p->clock_us = 1000000;
    p->transport = (struct chat_transport){
        .size = sizeof(p->transport),
        .self = p,
        .start = pipe_start,
        .connect = pipe_connect,
        .send = pipe_send,
        .close = pipe_close,
        .pump = pipe_pump,
        .get_fd = pipe_fd,
        .get_deadline_ms = pipe_deadline,
        .wake = pipe_wake,
        .now = pipe_now,
        .random = pipe_random,
        .pause = pipe_pause,
        .now_us = pipe_now_us,
    };
}

static inline void pipe_fini(struct pipe *p)
{
    for (uint32_t i = 0; i < p->link_count; i++)
        pipe_drop_queue(&p->links[i]);
}

#endif
