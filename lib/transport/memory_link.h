/*
 * memory_link: carriers between machines of one process, in pairs. Frames travel by
 * reference; what is sent in one turn is delivered when the host says so, in order.
 *
 * Threads: one, the host's.
 */
#ifndef CHAT_TRANSPORT_MEMORY_LINK_H
#define CHAT_TRANSPORT_MEMORY_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/buf.h"
#include "base/list.h"
#include "transport/carrier.h"

#define MEMORY_LINK_BYTES_MAX 4194304u /* waiting in one direction before it blocks */
#define MEMORY_LINK_ADDRESS "in-process"

/* All pairs of one host. */
struct memory_hub {
    const struct chat_allocator *allocator;
    struct list links;
    struct buf scratch;
    bool busy; /* something waits for memory_hub_deliver() */
};

void memory_hub_init(struct memory_hub *hub, const struct chat_allocator *allocator);
/* Drops all links without a word. */
void memory_hub_fini(struct memory_hub *hub);

/*
 * Makes a pair. The caller then sets events, user, id and peer of both; each is told
 * on_opened at the next delivery, the dialer with LINK_DIALED, the other with LINK_PEER.
 * Errors: CHAT_E_NOMEM.
 */
chat_status memory_link_pair(struct memory_hub *hub, struct carrier **out_dialer,
                             struct carrier **out_other);

/* Tells everybody what has come since; what they send meanwhile waits for the next call.
 * False when there was nothing. */
bool memory_hub_deliver(struct memory_hub *hub);

#endif
