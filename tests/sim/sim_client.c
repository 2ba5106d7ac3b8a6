#include "sim_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX SIM_PEERS_MAX

/* A link of the loop: its slot is also the peer number of its dial. */
struct wire_link {
    uint64_t number; /* the loop's name; 0: free */
    link_id id;      /* the world's; 0: dialing, or gone */
    bool closing;
    bool blocked;
    struct outgoing *first, *last; /* not sent yet */
};

struct outgoing {
    struct outgoing *next;
    struct frame *frame; /* NULL: a close */
    uint16_t code;
};

/* What the world said since the last pump. */
struct heard {
    struct heard *next;
    struct event event;
    uint8_t bytes[];
};

struct sim_client {
    struct machine machine;
    struct sim_node *node;
    struct sim_node *const *routers;
    uint32_t router_count;
    struct rng rng;
    struct chat_transport transport;
    struct chat_transport_sink sink;
    chat_loop *loop;
    chat_conn *conn;
    struct wire_link links[LINKS_MAX];
    bool dial[LINKS_MAX]; /* an EFFECT_DIAL is due */
    struct heard *first, *last;
    bool stepped;
    struct sim_client_hooks hooks;
    struct frame *sent; /* borrowed by the last effect */
};

/* --- the transport --- */

static chat_status on_start(void *self, const struct chat_transport_sink *sink)
{
    ((struct sim_client *)self)->sink = *sink;
    return CHAT_OK;
}

static chat_status on_connect(void *self, uint64_t number, const struct chat_connect *to)
{
    struct sim_client *c = self;

    (void)to;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (c->links[i].number != 0)
            continue;
        c->links[i] = (struct wire_link){.number = number};
        c->node->peers[i] = c->routers[rng_below(&c->rng, c->router_count)];
        c->dial[i] = true;
        return CHAT_OK;
    }
    return CHAT_E_FULL;
}

static struct wire_link *by_number(struct sim_client *c, uint64_t number)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (c->links[i].number == number)
            return &c->links[i];
    }
    return NULL;
}

static void enqueue(struct wire_link *l, struct frame *frame, uint16_t code)
{
    struct outgoing *o = calloc(1, sizeof(*o));

    if (!o)
        exit(2);
    *o = (struct outgoing){.frame = frame, .code = code};
    if (l->last)
        l->last->next = o;
    else
        l->first = o;
    l->last = o;
}

static chat_status on_send(void *self, uint64_t number, const struct chat_buffer *buffers,
                           size_t count, bool *out_blocked)
{
    struct sim_client *c = self;
    struct wire_link *l = by_number(c, number);
    size_t len = 0;
    struct frame *frame;

    if (!l || !l->id || l->closing)
        return CHAT_E_STATE;
    for (size_t i = 0; i < count; i++)
        len += buffers[i].len;
    frame = frame_new(NULL, len);
    if (!frame)
        return CHAT_E_NOMEM;
    len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(frame->bytes + len, buffers[i].bytes, buffers[i].len);
        len += buffers[i].len;
    }
    enqueue(l, frame, 0);
    *out_blocked = l->blocked;
    return CHAT_OK;
}

static void on_close(void *self, uint64_t number, uint16_t code, const char *reason,
                     size_t reason_len)
{
    struct wire_link *l = by_number(self, number);

    (void)reason, (void)reason_len;
    if (!l || l->closing)
        return;
    l->closing = true;
    enqueue(l, NULL, code);
}

static void tell_closed(struct sim_client *c, struct wire_link *l, uint16_t code)
{
    uint64_t number = l->number;

    while (l->first) {
        struct outgoing *o = l->first;
        l->first = o->next;
        frame_unref(o->frame);
        free(o);
    }
    *l = (struct wire_link){0};
    c->sink.on_closed(number, code == 1006 ? CHAT_E_NETWORK : CHAT_OK, code, "", 0, c->sink.user);
}

static struct wire_link *by_id(struct sim_client *c, link_id id)
{
    for (uint32_t i = 0; id && i < LINKS_MAX; i++) {
        if (c->links[i].id == id)
            return &c->links[i];
    }
    return NULL;
}

static void hear(struct sim_client *c, const struct event *event)
{
    struct wire_link *l = by_id(c, event->link);

    switch (event->kind) {
    case EVENT_LINK_OPENED:
        l = &c->links[event->opened.peer];
        if (!l->number)
            return;
        l->id = event->link;
        if (!l->closing)
            c->sink.on_opened(l->number, c->sink.user);
        break;
    case EVENT_LINK_MESSAGE:
        if (l && !l->closing)
            c->hooks.delivered(c->hooks.user, event->message.bytes, event->message.len);
        if (l && !l->closing)
            c->sink.on_message(l->number, event->message.bytes, event->message.len, c->sink.user);
        break;
    case EVENT_LINK_BLOCKED: break; /* known since it was said: see feed() */
    case EVENT_LINK_DRAINED:
        if (!l)
            break;
        l->blocked = false;
        if (!l->closing)
            c->sink.on_drained(l->number, c->sink.user);
        break;
    case EVENT_LINK_CLOSED:
        if (!event->link)
            l = &c->links[event->closed.peer];
        if (l && l->number)
            tell_closed(c, l, event->closed.code);
        break;
    case EVENT_TIMER:
    case EVENT_ENGINE_DONE:
    case EVENT_STOP: break;
    }
}

static chat_status on_pump(void *self, int64_t timeout_ms)
{
    struct sim_client *c = self;

    (void)timeout_ms;
    while (c->first) {
        struct heard *h = c->first;
        c->first = h->next;
        if (!c->first)
            c->last = NULL;
        hear(c, &h->event);
        free(h);
    }
    /* A dial that is closed before it was begun never reaches the world. */
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (c->links[i].number && c->links[i].closing && c->dial[i]) {
            c->dial[i] = false;
            tell_closed(c, &c->links[i], 1006);
        }
    }
    return CHAT_OK;
}

static int on_get_fd(void *self)
{
    (void)self;
    return -1;
}

static int64_t on_get_deadline_ms(void *self)
{
    (void)self;
    return CHAT_DEADLINE_NEVER;
}

static void on_wake(void *self) { (void)self; }

static void on_now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    struct moment now = sim_node_now(((struct sim_client *)self)->node);
    *out_mono_ms = now.mono_ms;
    *out_wall_ms = now.wall_ms;
}

static chat_status on_random(void *self, uint8_t *bytes, size_t len)
{
    struct sim_client *c = self;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)rng_u64(&c->rng);
    return CHAT_OK;
}

/* --- the machine --- */

static void feed(struct machine *m, const struct event *event)
{
    struct sim_client *c = (struct sim_client *)(void *)m;
    size_t len = event->kind == EVENT_LINK_MESSAGE ? event->message.len : 0;
    struct heard *h;
    struct wire_link *l = by_id(c, event->link);

    c->stepped = false;
    if (event->kind == EVENT_LINK_BLOCKED && l)
        l->blocked = true;
    h = calloc(1, sizeof(*h) + len);
    if (!h)
        exit(2);
    h->event = *event;
    if (len > 0) {
        memcpy(h->bytes, event->message.bytes, len);
        h->event.message.bytes = h->bytes;
    }
    if (c->last)
        c->last->next = h;
    else
        c->first = h;
    c->last = h;
}

static bool take_outgoing(struct sim_client *c, struct effect *out)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        struct wire_link *l = &c->links[i];
        struct outgoing *o = l->first;

        if (!o || !l->id || (l->blocked && o->frame))
            continue;
        l->first = o->next;
        if (!l->first)
            l->last = NULL;
        *out = (struct effect){.kind = o->frame ? EFFECT_SEND : EFFECT_CLOSE, .link = l->id};
        if (o->frame) {
            c->sent = o->frame;
            out->send.frames = &c->sent;
            out->send.count = 1;
            out->send.bytes = o->frame->len;
        } else {
            out->close.code = o->code;
            out->close.reason = "";
        }
        free(o);
        return true;
    }
    return false;
}

static bool poll(struct machine *m, struct effect *out)
{
    struct sim_client *c = (struct sim_client *)(void *)m;

    frame_unref(c->sent);
    c->sent = NULL;
    if (!c->stepped) {
        c->stepped = true;
        (void)chat_loop_step(c->loop, 0);
    }
    if (c->hooks.is_dead(c->hooks.user))
        return false;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (!c->dial[i])
            continue;
        c->dial[i] = false;
        *out = (struct effect){.kind = EFFECT_DIAL};
        out->dial.peer = i;
        return true;
    }
    return take_outgoing(c, out);
}

static int64_t deadline(const struct machine *m)
{
    struct sim_client *c = (struct sim_client *)(void *)(uintptr_t)m;
    int64_t timeout_ms = chat_loop_get_timeout_ms(c->loop);

    if (c->first)
        timeout_ms = 0;
    return timeout_ms < 0 ? MOMENT_NEVER : sim_world_now_ms(c->node->world) + timeout_ms;
}

static const struct machine_ops ops = {
    .name = "client", .feed = feed, .poll = poll, .deadline = deadline};

/* One in three has little time: messages wait in its loop, and are handled piece by piece. */
static uint32_t events_budget(uint64_t seed)
{
    struct rng rng;

    rng_seed(&rng, ~seed);
    return rng_below(&rng, 3) ? 0 : 1 + (uint32_t)rng_below(&rng, 24);
}

struct sim_client *sim_client_new(struct sim_node *node, struct sim_node *const *routers,
                                  uint32_t router_count, uint64_t seed)
{
    struct sim_client *c = calloc(1, sizeof(*c));
    struct chat_loop_config config;

    if (!c)
        exit(2);
    c->machine.ops = &ops;
    c->node = node;
    c->routers = routers;
    c->router_count = router_count;
    rng_seed(&c->rng, seed);
    c->transport = (struct chat_transport){
        .size = sizeof(c->transport),
        .self = c,
        .start = on_start,
        .connect = on_connect,
        .send = on_send,
        .close = on_close,
        .pump = on_pump,
        .get_fd = on_get_fd,
        .get_deadline_ms = on_get_deadline_ms,
        .wake = on_wake,
        .now = on_now,
        .random = on_random,
    };
    chat_loop_config_init(&config);
    config.transport = &c->transport;
    config.budget_events = events_budget(seed);
    if (chat_loop_new(&config, &c->loop) != CHAT_OK) {
        fprintf(stderr, "simulator: no loop\n");
        exit(2);
    }
    return c;
}

chat_status sim_client_open(struct sim_client *c, struct chat_conn_config *config)
{
    chat_status status;

    config->url = "wss://sim.example/";
    config->seed = rng_id(&c->rng);
    status = chat_conn_new(c->loop, config, &c->conn);
    return status == CHAT_OK ? chat_conn_start(c->conn) : status;
}

void sim_client_set_hooks(struct sim_client *c, const struct sim_client_hooks *hooks)
{
    c->hooks = *hooks;
}

chat_conn *sim_client_conn(struct sim_client *c) { return c->conn; }
struct machine *sim_client_machine(struct sim_client *c) { return &c->machine; }

void sim_client_touch(struct sim_client *c) { c->stepped = false; }

void sim_client_free(struct sim_client *c)
{
    if (!c)
        return;
    chat_conn_free(c->conn);
    chat_loop_free(c->loop);
    while (c->first) {
        struct heard *h = c->first;
        c->first = h->next;
        free(h);
    }
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        while (c->links[i].first) {
            struct outgoing *o = c->links[i].first;
            c->links[i].first = o->next;
            frame_unref(o->frame);
            free(o);
        }
    }
    frame_unref(c->sent);
    free(c);
}
