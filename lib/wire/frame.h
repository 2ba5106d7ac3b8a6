/*
 * An encoded frame: immutable, shared, counted. It is encoded once and sent to any
 * number of links. Its bytes are one element of a batch (tag and length included), so
 * a WebSocket message is a plain concatenation of frames.
 *
 * Threads: one. A frame is never passed between threads.
 */
#ifndef CHAT_WIRE_FRAME_H
#define CHAT_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

/* Room before the bytes where a transport writes its own header in place. */
#define FRAME_HEADROOM 16

struct frame {
    const struct chat_allocator *allocator;
    uint32_t refs;
    uint32_t len;
    uint32_t count; /* batch elements inside: usually 1 */
    uint32_t kind;  /* the body's field number, for counters and the slow-consumer ladder */
    uint8_t headroom[FRAME_HEADROOM];
    uint8_t bytes[];
};

/* Uninitialised bytes to encode into. NULL: no memory. */
struct frame *frame_new(const struct chat_allocator *allocator, size_t len);
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame); /* NULL is fine */

#endif
