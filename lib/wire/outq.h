/*
 * outq: what waits to be sent on one link, in order. It holds references to shared
 * frames, never copies, and is bounded by the limits its owner gives at each push.
 *
 * A queue of none or one frame uses no heap: an idle session costs sizeof(struct outq),
 * and the fan-out of a single message allocates nothing. Zeroed storage is an empty queue.
 *
 *   outq_push() ... outq_push()   ->   outq_batch()   ->   outq_sent()
 *
 * Threads: one.
 */
#ifndef CHAT_WIRE_OUTQ_H
#define CHAT_WIRE_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "wire/frame.h"

#define OUTQ_FRAMES_MAX 1048576u /* no queue holds more, whatever its owner allows */

struct outq_block;

struct outq {
    union {
        struct frame *one;        /* count == 1 */
        struct outq_block *block; /* count > 1 */
    };
    uint32_t count; /* frames waiting */
    uint32_t bytes; /* sum of their lengths */
};

/* The first frames of a queue, for one WebSocket message. Borrowed: they stand until the
 * next call on the queue, and the queue must not move meanwhile. */
struct outq_batch {
    struct frame *const *frames;
    uint32_t count;
    uint32_t bytes;
};

static inline void outq_init(struct outq *q) { *q = (struct outq){0}; }

/* Drops everything; the queue is empty and usable again. */
void outq_fini(struct outq *q);

static inline bool outq_is_empty(const struct outq *q) { return q->count == 0; }

/*
 * Appends a reference of its own to `frame`. `allocator` is used when a second frame
 * waits; it outlives the queue's content.
 * Errors: CHAT_E_FULL when more than bytes_max bytes or frames_max frames would wait,
 *         CHAT_E_NOMEM. The queue is unchanged then.
 */
chat_status outq_push(struct outq *q, const struct chat_allocator *allocator, struct frame *frame,
                      size_t bytes_max, uint32_t frames_max);

/*
 * The longest run of first frames that holds at most bytes_max bytes and elements_max
 * batch elements (frame->count each), but always at least one frame if any waits. Count
 * 0: the queue is empty. Changes nothing.
 */
struct outq_batch outq_batch(const struct outq *q, size_t bytes_max, uint32_t elements_max);

/* Drops the first `count` frames: they are out. */
void outq_sent(struct outq *q, uint32_t count);

/* Drops the frames for which `drop` says true (ephemera, by frame->kind), keeping the order
 * of the rest. Returns how many. */
uint32_t outq_drop(struct outq *q, bool (*drop)(const struct frame *frame, void *user), void *user);

#endif
