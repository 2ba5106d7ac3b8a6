/* Frames waiting to leave on one link: a ring of references, bounded in bytes. */
#ifndef CHAT_SERVER_LINK_QUEUE_H
#define CHAT_SERVER_LINK_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "wire/frame.h"

struct link_queue {
    const struct chat_allocator *allocator;
    struct frame **ring;
    size_t cap; /* a power of two, or 0 */
    size_t head, count;
    size_t bytes; /* of all frames in it */
};

void link_queue_init(struct link_queue *q, const struct chat_allocator *allocator);
void link_queue_fini(struct link_queue *q); /* unrefs all; usable again */

/* Takes a reference of its own. Errors: CHAT_E_FULL when bytes would pass bytes_max
 * (an empty queue takes any frame), CHAT_E_NOMEM. */
chat_status link_queue_push(struct link_queue *q, struct frame *frame, size_t bytes_max);

/* The run at the head that fits one message of at most bytes_max bytes and count_max batch
 * elements; at least one frame unless empty. It stays queued until link_queue_drop(). */
size_t link_queue_peek(const struct link_queue *q, size_t bytes_max, size_t count_max,
                       struct frame *const **out_frames, size_t *out_bytes);
void link_queue_drop(struct link_queue *q, size_t count);

#endif
