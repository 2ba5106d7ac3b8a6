/*
 * carrier: whatever takes a machine's messages to another one: a WebSocket, or a pair of
 * queues in memory. A host knows carriers by this face only.
 *
 * A carrier reports through its events, from inside the loop, never from inside one of
 * the calls below. on_closed is the last word: the pointer is dead when it returns.
 *
 * Threads: the loop's.
 */
#ifndef CHAT_TRANSPORT_CARRIER_H
#define CHAT_TRANSPORT_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/status.h>

#include "wire/frame.h"
#include "wire/machine.h"

#define CARRIER_REASON_MAX 123u /* bytes of a close reason */

struct carrier;

/* How a carrier ended; statuses as in <libchat/transport.h>. */
struct carrier_end {
    chat_status status;
    uint16_t code;
    const char *reason; /* UTF-8, not NUL-terminated, borrowed */
    size_t reason_len;
};

struct carrier_events {
    /* `address` is the other end, borrowed. */
    void (*on_opened)(struct carrier *carrier, enum link_kind kind, const char *address,
                      void *user);
    void (*on_message)(struct carrier *carrier, const uint8_t *bytes, size_t len, void *user);
    void (*on_drained)(struct carrier *carrier, void *user);
    void (*on_closed)(struct carrier *carrier, const struct carrier_end *end, void *user);
};

struct carrier_ops {
    chat_status (*send)(struct carrier *carrier, struct frame *const *frames, size_t count,
                        size_t bytes, bool *out_blocked);
    void (*close)(struct carrier *carrier, uint16_t code, const char *reason, size_t reason_len);
};

struct carrier {
    const struct carrier_ops *ops;
    const struct carrier_events *events; /* NULL: nobody listens any more */
    void *user;
    link_id id;    /* the owner's, 0 until it gives one */
    uint32_t peer; /* the owner's: whom a dialed one leads to */
};

/*
 * Sends the frames, joined, as one message; on CHAT_OK it was taken whole. *out_blocked:
 * send no more before on_drained.
 * Errors: CHAT_E_STATE (not open, closing or blocked), CHAT_E_TOO_LARGE, CHAT_E_NOMEM,
 *         CHAT_E_NETWORK (it broke; on_closed follows). Nothing was sent then.
 */
static inline chat_status carrier_send(struct carrier *carrier, struct frame *const *frames,
                                       size_t count, size_t bytes, bool *out_blocked)
{
    return carrier->ops->send(carrier, frames, count, bytes, out_blocked);
}

/* Ends it after what was sent, in bounded time; on_closed follows. Repeats are ignored.
 * `reason` may be NULL; what is longer than CARRIER_REASON_MAX is cut. */
static inline void carrier_close(struct carrier *carrier, uint16_t code, const char *reason,
                                 size_t reason_len)
{
    carrier->ops->close(carrier, code, reason, reason_len);
}

#endif
