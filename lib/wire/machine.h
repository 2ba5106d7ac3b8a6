/*
 * The seam between what a role decides and the host that does it.
 *
 * A machine (client core, router, presence, store) opens no socket, reads no clock and
 * starts no thread. A host feeds it events, each with the time, and pulls effects until
 * there are none. Three hosts run the same object code: the daemons, the in-process
 * server, and the simulator.
 *
 *   feed(event) ... feed(event)  ->  poll(effect) ... poll(effect) -> false  ->  wait
 *
 * Feeding never produces output at once: machines keep it in their own bounded queues,
 * so whatever was decided in one loop turn leaves as one message per link.
 */
#ifndef CHAT_WIRE_MACHINE_H
#define CHAT_WIRE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/moment.h"
#include "wire/frame.h"

struct engine_request;

/* Names a link for the life of its host. Never 0, never used again. */
typedef uint64_t link_id;

/* Who is at the other end, as far as the listener knows. */
enum link_kind {
    LINK_CLIENT, /* the public listener: nobody yet */
    LINK_PEER,   /* a daemon that knew the shared secret; its LinkHello says which role */
    LINK_DIALED, /* we dialed: `peer` says whom */
};

enum event_kind {
    EVENT_LINK_OPENED,
    EVENT_LINK_MESSAGE, /* one whole WebSocket message */
    EVENT_LINK_BLOCKED, /* the last send is not fully out: send nothing until DRAINED */
    EVENT_LINK_DRAINED,
    EVENT_LINK_CLOSED, /* final, also for a dial that failed (then link is 0) */
    EVENT_TIMER,       /* the deadline has come, or just time passing */
    EVENT_ENGINE_DONE, /* store: a request came back, its status set */
    EVENT_STOP,        /* finish what is under way, hand off, then EFFECT_STOPPED */
};

struct event {
    enum event_kind kind;
    struct moment now;
    link_id link;
    union {
        struct {
            enum link_kind kind;
            uint32_t peer;       /* LINK_DIALED: which of the configured peers */
            const char *address; /* the other end, "192.0.2.1"; borrowed */
        } opened;
        struct {
            const uint8_t *bytes; /* borrowed */
            size_t len;
        } message;
        struct {
            uint32_t peer; /* of a dialed link, or of the dial that failed */
            uint16_t code; /* WebSocket close code; 1006 when there was none */
        } closed;
        struct engine_request *engine;
    };
};

enum effect_kind {
    EFFECT_SEND,    /* `frames` leave as ONE WebSocket message */
    EFFECT_CLOSE,   /* after what was sent; LINK_CLOSED still follows; no link: the dial's */
    EFFECT_DIAL,    /* open a link to a configured peer */
    EFFECT_ENGINE,  /* store: run it on its lane, then ENGINE_DONE */
    EFFECT_STOPPED, /* nothing is left to do after EVENT_STOP */
};

/* Everything in it is borrowed until the next call on the machine. */
struct effect {
    enum effect_kind kind;
    link_id link;
    union {
        struct {
            struct frame *const *frames;
            size_t count;
            size_t bytes; /* sum of their lengths */
        } send;
        struct {
            uint16_t code;
            const char *reason; /* at most 123 bytes */
        } close;
        struct {
            uint32_t peer;
        } dial;
        struct engine_request *engine;
    };
};

/* A role, as its host sees it. */
struct machine {
    const struct machine_ops *ops;
};

struct machine_ops {
    const char *name;
    void (*feed)(struct machine *m, const struct event *event);
    /* False when there is nothing to do. */
    bool (*poll)(struct machine *m, struct effect *out_effect);
    /* When EVENT_TIMER is wanted, mono_ms; MOMENT_NEVER for none. */
    int64_t (*deadline)(const struct machine *m);
};

static inline void machine_feed(struct machine *m, const struct event *event)
{
    m->ops->feed(m, event);
}
static inline bool machine_poll(struct machine *m, struct effect *out_effect)
{
    return m->ops->poll(m, out_effect);
}
static inline int64_t machine_deadline(const struct machine *m) { return m->ops->deadline(m); }

#endif
