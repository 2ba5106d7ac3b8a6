#include "transport/memory_link.h"

#include <string.h>

#include <libchat/close.h>

#include "base/alloc.h"

struct memory_message {
    struct list_node link;
    size_t bytes;
    size_t count;
    struct frame *frames[];
};

struct memory_link {
    struct carrier carrier; /* first */
    struct memory_hub *hub;
    struct list_node in_hub;
    struct memory_link *other; /* NULL: gone */
    struct list inbox;
    size_t inbox_bytes;
    enum link_kind kind;
    uint16_t code;
    uint8_t reason_len;
    char reason[CARRIER_REASON_MAX];
    bool opened;  /* the owner was told */
    bool blocked; /* the other's inbox is full */
    bool drained; /* ... and no longer */
    bool closing; /* by us or by the other: on_closed is due after the inbox */
    bool drop_inbox;
};

void memory_hub_init(struct memory_hub *hub, const struct chat_allocator *allocator)
{
    *hub = (struct memory_hub){.allocator = allocator};
    list_init(&hub->links);
    buf_init(&hub->scratch, allocator, MEMORY_LINK_BYTES_MAX);
}

static void message_free(struct memory_hub *hub, struct memory_message *m)
{
    for (size_t i = 0; i < m->count; i++)
        frame_unref(m->frames[i]);
    alloc_free(hub->allocator, m);
}

static void empty_inbox(struct memory_link *l)
{
    struct list_node *node;

    while ((node = list_pop_front(&l->inbox)) != NULL)
        message_free(l->hub, LIST_ENTRY(node, struct memory_message, link));
    l->inbox_bytes = 0;
}

static void link_free(struct memory_link *l)
{
    empty_inbox(l);
    if (l->other)
        l->other->other = NULL;
    list_remove(&l->in_hub);
    alloc_free(l->hub->allocator, l);
}

void memory_hub_fini(struct memory_hub *hub)
{
    LIST_EACH(node, &hub->links) { link_free(LIST_ENTRY(node, struct memory_link, in_hub)); }
    buf_fini(&hub->scratch);
}

static chat_status send_frames(struct carrier *carrier, struct frame *const *frames, size_t count,
                               size_t bytes, bool *out_blocked)
{
    struct memory_link *l = (struct memory_link *)carrier;
    struct memory_message *m;

    if (l->closing || l->blocked || !l->other)
        return CHAT_E_STATE;
    if (bytes > MEMORY_LINK_BYTES_MAX)
        return CHAT_E_TOO_LARGE;
    m = alloc_bytes(l->hub->allocator, sizeof(*m) + count * sizeof(m->frames[0]));
    if (!m)
        return CHAT_E_NOMEM;
    m->link = (struct list_node){0};
    m->bytes = bytes;
    m->count = count;
    for (size_t i = 0; i < count; i++)
        m->frames[i] = frame_ref(frames[i]);
    list_push_back(&l->other->inbox, &m->link);
    l->other->inbox_bytes += bytes;
    l->blocked = l->other->inbox_bytes > MEMORY_LINK_BYTES_MAX;
    l->hub->busy = true;
    *out_blocked = l->blocked;
    return CHAT_OK;
}

static void begin_closing(struct memory_link *l, uint16_t code, const char *reason,
                          size_t reason_len)
{
    if (l->closing)
        return;
    l->closing = true;
    l->code = code;
    l->reason_len = (uint8_t)reason_len;
    if (reason_len)
        memcpy(l->reason, reason, reason_len);
}

static void close_carrier(struct carrier *carrier, uint16_t code, const char *reason,
                          size_t reason_len)
{
    struct memory_link *l = (struct memory_link *)carrier;

    if (l->closing)
        return;
    if (!reason || reason_len > CARRIER_REASON_MAX)
        reason_len = reason ? CARRIER_REASON_MAX : 0;
    begin_closing(l, code, reason, reason_len);
    l->drop_inbox = true; /* what crosses our close is dropped */
    if (l->other)
        begin_closing(l->other, code, reason, reason_len);
    l->hub->busy = true;
}

static const struct carrier_ops ops = {.send = send_frames, .close = close_carrier};

static struct memory_link *link_new(struct memory_hub *hub, enum link_kind kind)
{
    struct memory_link *l = alloc_zeroed(hub->allocator, sizeof(*l));

    if (!l)
        return NULL;
    l->carrier.ops = &ops;
    l->hub = hub;
    l->kind = kind;
    list_init(&l->inbox);
    list_push_back(&hub->links, &l->in_hub);
    return l;
}

chat_status memory_link_pair(struct memory_hub *hub, struct carrier **out_dialer,
                             struct carrier **out_other)
{
    struct memory_link *dialer = link_new(hub, LINK_DIALED);
    struct memory_link *other = link_new(hub, LINK_PEER);

    if (!dialer || !other) {
        if (dialer)
            link_free(dialer);
        if (other)
            link_free(other);
        return CHAT_E_NOMEM;
    }
    dialer->other = other;
    other->other = dialer;
    hub->busy = true;
    *out_dialer = &dialer->carrier;
    *out_other = &other->carrier;
    return CHAT_OK;
}

static bool deliver_message(struct memory_link *l, const struct memory_message *m)
{
    const struct carrier_events *events = l->carrier.events;
    struct buf *joined = &l->hub->scratch;

    if (m->count == 1) {
        events->on_message(&l->carrier, m->frames[0]->bytes, m->frames[0]->len, l->carrier.user);
        return true;
    }
    buf_clear(joined);
    for (size_t i = 0; i < m->count; i++)
        if (buf_append(joined, m->frames[i]->bytes, m->frames[i]->len) != CHAT_OK)
            return false;
    events->on_message(&l->carrier, joined->bytes, joined->len, l->carrier.user);
    return true;
}

/* A message that cannot be joined is lost, so the link must not go on as if it had come. */
static void deliver_inbox(struct memory_link *l)
{
    struct list now;
    struct list_node *node;

    list_init(&now);
    while ((node = list_pop_front(&l->inbox)) != NULL)
        list_push_back(&now, node);
    l->inbox_bytes = 0;
    while ((node = list_pop_front(&now)) != NULL) {
        struct memory_message *m = LIST_ENTRY(node, struct memory_message, link);

        if (!l->drop_inbox && !deliver_message(l, m))
            close_carrier(&l->carrier, CHAT_CLOSE_INTERNAL, "no memory", 9);
        message_free(l->hub, m);
    }
    if (l->other && l->other->blocked) {
        l->other->blocked = false;
        l->other->drained = true;
        l->hub->busy = true;
    }
}

static void tell_closed(struct memory_link *l)
{
    const struct carrier_end end = {CHAT_OK, l->code, l->reason, l->reason_len};

    l->carrier.events->on_closed(&l->carrier, &end, l->carrier.user);
    link_free(l);
}

static bool deliver(struct memory_link *l)
{
    const struct carrier_events *events = l->carrier.events;
    bool did = !l->opened || l->drained || l->closing || !list_is_empty(&l->inbox);

    if (!l->opened) {
        l->opened = true;
        events->on_opened(&l->carrier, l->kind, MEMORY_LINK_ADDRESS, l->carrier.user);
    }
    deliver_inbox(l);
    if (l->drained && !l->closing) {
        l->drained = false;
        events->on_drained(&l->carrier, l->carrier.user);
    }
    if (l->closing && list_is_empty(&l->inbox))
        tell_closed(l);
    return did;
}

bool memory_hub_deliver(struct memory_hub *hub)
{
    bool did = false;

    if (!hub->busy)
        return false;
    hub->busy = false;
    LIST_EACH(node, &hub->links)
    {
        if (deliver(LIST_ENTRY(node, struct memory_link, in_hub)))
            did = true;
    }
    return did;
}
