/*
 * ring: the nonces of one device in one channel that were accepted lately.
 *
 * Counters rise. The last CHAT_IN_FLIGHT_MAX synced ones are kept with their answers;
 * what is decided but not synced comes on top, and is cut off again when the log refuses
 * it. So the synced part never depends on what was undone.
 */
#ifndef CHAT_SERVER_STORE_RING_H
#define CHAT_SERVER_STORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/limits.h>
#include <libchat/status.h>

#include "base/arena.h"
#include "libchat/v1/record.pb-c.h"

#define RING_SYNCED_MAX CHAT_IN_FLIGHT_MAX
#define RING_UNSYNCED_MAX CHAT_IN_FLIGHT_MAX

/* An accepted operation and its answer. */
struct ring_nonce {
    uint64_t counter;
    uint64_t body_hash;
    uint64_t seq;
    uint64_t rev;        /* of an alteration; where nothing changed it may be 0 */
    uint64_t message_id; /* 0: not a new message */
    int64_t sent_at_ms;
    uint64_t position; /* of its record; 0 when it was read from a row */
};

struct ring {
    struct ring_nonce *nonces; /* room for `room`; [first, first + count) are in use */
    uint32_t first, count, room;
    uint32_t unsynced; /* of them, at the end */
    uint64_t floor;    /* greatest counter that was accepted and dropped again */
};

enum ring_verdict {
    RING_NEW,          /* decide it */
    RING_REPEAT,       /* *out_nonce has the answer */
    RING_STALE,        /* too old to know, or the counter had another body */
    RING_OUT_OF_ORDER, /* `after` is not in yet */
    RING_BUSY,         /* RING_UNSYNCED_MAX are under way */
};

void ring_fini(struct ring *ring, const struct chat_allocator *allocator);

enum ring_verdict ring_judge(const struct ring *ring, uint64_t counter, uint64_t after,
                             uint64_t body_hash, const struct ring_nonce **out_nonce);

/* Makes room for one more. Errors: CHAT_E_NOMEM. */
chat_status ring_reserve(struct ring *ring, const struct chat_allocator *allocator);
/* Adds a decided nonce, greater than all; after ring_reserve(). */
void ring_add(struct ring *ring, const struct ring_nonce *nonce);
/* The oldest unsynced one is synced now. */
void ring_synced(struct ring *ring);
/* Nothing unsynced will ever be synced. */
void ring_refused(struct ring *ring);

/* The row of the synced part; the arrays lie in `arena`. NULL: no memory. */
WireRingRow *ring_to_row(const struct ring *ring, struct arena *arena);
/* Fills an empty ring. Errors: CHAT_E_NOMEM, CHAT_E_CORRUPT. */
chat_status ring_from_row(struct ring *ring, const struct chat_allocator *allocator,
                          const WireRingRow *row);

#endif
