#include "testkit/sim_port.h"

#include <string.h>

#include <libchat/close.h>

#include "base/alloc.h"
#include "testkit/sim_world_inner.h"

struct sim_outgoing {
    struct sim_outgoing *next;
    struct frame *frame; /* NULL: a close */
    uint16_t code;
};

/* What the world said. */
struct sim_heard {
    struct sim_heard *next;
    struct event event;
    uint8_t bytes[];
};

static struct sim_world *world_of(const struct sim_port *p) { return p->node->world; }

static void drop_outgoing(struct sim_port *p, struct sim_port_link *l)
{
    while (l->first) {
        struct sim_outgoing *o = l->first;
        l->first = o->next;
        frame_unref(o->frame);
        alloc_free(world_of(p)->allocator, o);
    }
    l->last = NULL;
}

static void drop_all(struct sim_port *p)
{
    while (p->first) {
        struct sim_heard *h = p->first;
        p->first = h->next;
        alloc_free(world_of(p)->allocator, h);
    }
    p->last = NULL;
    for (uint32_t i = 0; i < SIM_PORT_LINKS_MAX; i++) {
        drop_outgoing(p, &p->links[i]);
        p->links[i] = (struct sim_port_link){0};
    }
    frame_unref(p->sent);
    p->sent = NULL;
}

static struct sim_port_link *by_number(struct sim_port *p, uint64_t number)
{
    for (uint32_t i = 0; number && i < SIM_PORT_LINKS_MAX; i++) {
        if (p->links[i].number == number)
            return &p->links[i];
    }
    return NULL;
}

static struct sim_port_link *by_id(struct sim_port *p, link_id id)
{
    for (uint32_t i = 0; id && i < SIM_PORT_LINKS_MAX; i++) {
        if (p->links[i].id == id)
            return &p->links[i];
    }
    return NULL;
}

/* --- the transport --- */

static chat_status on_start(void *self, const struct chat_transport_sink *sink)
{
    struct sim_port *p = self;
    chat_status status = p->ops->started ? p->ops->started(p->user) : CHAT_OK;

    if (status != CHAT_OK)
        return status;
    if (p->has_loop) { /* a new process: the links of the old one are cut */
        (void)sim_node_crash(p->node, false);
        drop_all(p);
        sim_node_start(p->node, &p->machine);
    }
    p->sink = (struct chat_transport_sink){0}; /* an older loop's is shorter */
    memcpy(&p->sink, sink, sink->size < sizeof(p->sink) ? sink->size : sizeof(p->sink));
    p->has_loop = true;
    return CHAT_OK;
}

static bool is_url(const char *url)
{
    return url && (strncmp(url, "ws://", 5) == 0 || strncmp(url, "wss://", 6) == 0);
}

static chat_status on_check_url(void *self, const char *url)
{
    (void)self;
    return is_url(url) ? CHAT_OK : CHAT_E_INVALID;
}

static chat_status on_connect(void *self, uint64_t number, const struct chat_connect *to)
{
    struct sim_port *p = self;

    if (!is_url(to->url))
        return CHAT_E_INVALID;
    for (uint32_t i = 0; i < SIM_PORT_LINKS_MAX; i++) {
        struct sim_port_link *l = &p->links[i];

        if (l->number || l->dialed || l->id)
            continue;
        *l = (struct sim_port_link){.number = number};
        l->dial_by_ms = world_of(p)->now_ms + to->timeout_ms;
        p->node->peers[i] = p->ops->route(p->user);
        l->dial_due = p->node->peers[i] != NULL;
        return CHAT_OK;
    }
    return CHAT_E_FULL;
}

static bool enqueue(struct sim_port *p, struct sim_port_link *l, struct frame *frame, uint16_t code)
{
    struct sim_outgoing *o = sim_world_alloc(world_of(p), sizeof(*o));

    if (!o)
        return false;
    *o = (struct sim_outgoing){.frame = frame, .code = code};
    if (l->last)
        l->last->next = o;
    else
        l->first = o;
    l->last = o;
    return true;
}

static chat_status on_send(void *self, uint64_t number, const struct chat_buffer *buffers,
                           size_t count, bool *out_blocked)
{
    struct sim_port *p = self;
    struct sim_port_link *l = by_number(p, number);
    size_t len = 0;
    struct frame *frame;

    if (!l || !l->id || l->closing)
        return CHAT_E_STATE;
    for (size_t i = 0; i < count; i++)
        len += buffers[i].len;
    frame = frame_new(world_of(p)->allocator, len);
    if (!frame)
        return CHAT_E_NOMEM;
    len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(frame->bytes + len, buffers[i].bytes, buffers[i].len);
        len += buffers[i].len;
    }
    if (!enqueue(p, l, frame, 0)) {
        frame_unref(frame);
        return CHAT_E_NOMEM;
    }
    *out_blocked = l->blocked;
    return CHAT_OK;
}

static void on_close(void *self, uint64_t number, uint16_t code, const char *reason,
                     size_t reason_len)
{
    struct sim_port *p = self;
    struct sim_port_link *l = by_number(p, number);

    (void)reason, (void)reason_len;
    if (l && !l->closing)
        l->closing = enqueue(p, l, NULL, code);
}

/* The last word on a link. A dial that the world still has keeps the slot until it answers. */
static void tell_closed(struct sim_port *p, struct sim_port_link *l, chat_status status,
                        uint16_t code)
{
    const uint64_t number = l->number;
    const bool dialed = l->dialed;

    drop_outgoing(p, l);
    *l = (struct sim_port_link){.dialed = dialed};
    if (number)
        p->sink.on_closed(number, status, code, "", 0, p->sink.user);
}

static void hear_opened(struct sim_port *p, const struct event *event)
{
    struct sim_port_link *l = &p->links[event->opened.peer % SIM_PORT_LINKS_MAX];

    l->dialed = false;
    l->id = event->link;
    if (!l->number) /* it came too late: leave it */
        l->closing = enqueue(p, l, NULL, CHAT_CLOSE_GOING_AWAY);
    else if (!l->closing)
        p->sink.on_opened(l->number, p->sink.user);
}

static void hear_closed(struct sim_port *p, const struct event *event)
{
    struct sim_port_link *l = by_id(p, event->link);

    if (!event->link) {
        l = &p->links[event->closed.peer % SIM_PORT_LINKS_MAX];
        l->dialed = false;
    }
    if (l)
        tell_closed(p, l, event->closed.code == CHAT_CLOSE_ABNORMAL ? CHAT_E_NETWORK : CHAT_OK,
                    event->closed.code);
}

static void hear(struct sim_port *p, const struct event *event)
{
    struct sim_port_link *l = by_id(p, event->link);

    switch (event->kind) {
    case EVENT_LINK_OPENED: hear_opened(p, event); break;
    case EVENT_LINK_MESSAGE:
        if (l && !l->closing &&
            p->ops->delivered(p->user, event->message.bytes, event->message.len))
            p->sink.on_message(l->number, event->message.bytes, event->message.len, p->sink.user);
        break;
    case EVENT_LINK_BLOCKED: break; /* known since it was said: see feed() */
    case EVENT_LINK_DRAINED:
        if (!l)
            break;
        l->blocked = false;
        if (!l->closing)
            p->sink.on_drained(l->number, p->sink.user);
        break;
    case EVENT_LINK_CLOSED: hear_closed(p, event); break;
    case EVENT_TIMER:
    case EVENT_ENGINE_DONE:
    case EVENT_STOP: break;
    }
}

static void end_dials(struct sim_port *p)
{
    for (uint32_t i = 0; i < SIM_PORT_LINKS_MAX; i++) {
        struct sim_port_link *l = &p->links[i];

        if (!l->number || l->id)
            continue;
        /* A dial that is closed before it was begun never reaches the world. */
        if (l->closing && !l->dialed) {
            tell_closed(p, l, CHAT_E_NETWORK, CHAT_CLOSE_ABNORMAL);
        } else if (l->dial_by_ms <= world_of(p)->now_ms) {
            tell_closed(p, l, CHAT_E_TIMEOUT, CHAT_CLOSE_ABNORMAL);
        }
    }
}

static chat_status on_pump(void *self, int64_t timeout_ms)
{
    struct sim_port *p = self;
    chat_status status = CHAT_OK;

    if (timeout_ms != 0 && !p->first && p->ops->wait)
        status = p->ops->wait(p->user, timeout_ms);
    while (p->first) {
        struct sim_heard *h = p->first;
        p->first = h->next;
        if (!p->first)
            p->last = NULL;
        hear(p, &h->event);
        alloc_free(world_of(p)->allocator, h);
    }
    end_dials(p);
    return status;
}

static int on_get_fd(void *self)
{
    (void)self;
    return -1;
}

static int64_t on_get_deadline_ms(void *self)
{
    const struct sim_port *p = self;
    int64_t at_ms = CHAT_DEADLINE_NEVER;

    if (p->first)
        return world_of(p)->now_ms;
    for (uint32_t i = 0; i < SIM_PORT_LINKS_MAX; i++) {
        if (p->links[i].number && !p->links[i].id && p->links[i].dial_by_ms < at_ms)
            at_ms = p->links[i].dial_by_ms;
    }
    return at_ms;
}

/* Nothing ever waits for real. */
static void on_wake(void *self) { (void)self; }

static void on_now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    const struct moment now = sim_node_now(((const struct sim_port *)self)->node);

    *out_mono_ms = now.mono_ms;
    *out_wall_ms = now.wall_ms;
}

static chat_status on_random(void *self, uint8_t *bytes, size_t len)
{
    struct sim_port *p = self;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)rng_u64(&p->rng);
    return CHAT_OK;
}

/* --- the machine --- */

static struct sim_port *port_of(struct machine *m) { return (struct sim_port *)(void *)m; }

static void feed(struct machine *m, const struct event *event)
{
    struct sim_port *p = port_of(m);
    const size_t len = event->kind == EVENT_LINK_MESSAGE ? event->message.len : 0;
    struct sim_port_link *l = by_id(p, event->link);
    struct sim_heard *h;

    p->stepped = false;
    if (event->kind == EVENT_LINK_BLOCKED && l)
        l->blocked = true;
    if (event->kind == EVENT_TIMER)
        return;
    h = sim_world_alloc(world_of(p), sizeof(*h) + len);
    if (!h)
        return;
    h->event = *event;
    if (len > 0) {
        memcpy(h->bytes, event->message.bytes, len);
        h->event.message.bytes = h->bytes;
    }
    if (p->last)
        p->last->next = h;
    else
        p->first = h;
    p->last = h;
}

static bool take_dial(struct sim_port *p, struct effect *out)
{
    for (uint32_t i = 0; i < SIM_PORT_LINKS_MAX; i++) {
        struct sim_port_link *l = &p->links[i];

        if (!l->dial_due)
            continue;
        l->dial_due = false;
        l->dialed = true;
        *out = (struct effect){.kind = EFFECT_DIAL};
        out->dial.peer = i;
        return true;
    }
    return false;
}

static bool take_outgoing(struct sim_port *p, struct effect *out)
{
    for (uint32_t i = 0; i < SIM_PORT_LINKS_MAX; i++) {
        struct sim_port_link *l = &p->links[i];
        struct sim_outgoing *o = l->first;

        if (!o || !l->id || (l->blocked && o->frame))
            continue;
        l->first = o->next;
        if (!l->first)
            l->last = NULL;
        *out = (struct effect){.kind = o->frame ? EFFECT_SEND : EFFECT_CLOSE, .link = l->id};
        if (o->frame) {
            p->sent = o->frame;
            out->send.frames = &p->sent;
            out->send.count = 1;
            out->send.bytes = o->frame->len;
        } else {
            out->close.code = o->code;
            out->close.reason = "";
        }
        alloc_free(world_of(p)->allocator, o);
        return true;
    }
    return false;
}

static bool poll(struct machine *m, struct effect *out)
{
    struct sim_port *p = port_of(m);

    frame_unref(p->sent);
    p->sent = NULL;
    if (!p->stepped) {
        p->stepped = true;
        p->ops->step(p->user);
    }
    if (p->ops->is_dead(p->user))
        return false;
    return take_dial(p, out) || take_outgoing(p, out);
}

static int64_t deadline(const struct machine *m)
{
    const struct sim_port *p = (const struct sim_port *)(const void *)m;
    const int64_t timeout_ms = p->ops->timeout_ms(p->user);

    return timeout_ms < 0 ? MOMENT_NEVER : world_of(p)->now_ms + timeout_ms;
}

static const struct machine_ops machine_ops = {
    .name = "client", .feed = feed, .poll = poll, .deadline = deadline};

void sim_port_init(struct sim_port *p, struct sim_node *node, const struct sim_port_ops *ops,
                   void *user, uint64_t seed)
{
    *p = (struct sim_port){.node = node, .ops = ops, .user = user, .stepped = true};
    p->machine.ops = &machine_ops;
    rng_seed(&p->rng, seed);
    p->transport = (struct chat_transport){
        .size = sizeof(p->transport),
        .self = p,
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
        .check_url = on_check_url,
    };
}

void sim_port_fini(struct sim_port *p)
{
    if (!p || !p->node)
        return;
    drop_all(p);
    p->node = NULL;
}

void sim_port_touch(struct sim_port *p) { p->stepped = false; }
bool sim_port_has_heard(const struct sim_port *p) { return p->first != NULL; }
