/*
 * wait: requests that wait until something is loaded or synced, in order.
 *
 * A waiting request is its encoded frame: it is decoded and dispatched anew, so nothing
 * half-decided is kept.
 */
#ifndef CHAT_SERVER_STORE_WAIT_H
#define CHAT_SERVER_STORE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "libchat/v1/link.pb-c.h"
#include "wire/machine.h"

struct shard;

/* What somebody asks of a shard. Borrowed for the call. */
struct request {
    link_id link; /* 0: another shard of this store, no answer but NoteAck */
    const WireLinkFrame *frame;
};

struct waiter {
    struct list_node node;
    link_id link;
    struct frame *frame;
};

struct wait_queue {
    struct list list;
    uint32_t count;
};

static inline void wait_init(struct wait_queue *q)
{
    list_init(&q->list);
    q->count = 0;
}

/* False when the queue or the shard has no room: the request was refused (OVERLOADED). */
bool wait_add(struct shard *s, struct wait_queue *q, const struct request *req);
/* The same, ahead of all others. */
bool wait_add_first(struct shard *s, struct wait_queue *q, const struct request *req);
/* The first one; freed by wait_free(). NULL when nobody waits. */
struct waiter *wait_take(struct shard *s, struct wait_queue *q);
/* Moves all of `from` to the end of `to`. */
void wait_move(struct shard *s, struct wait_queue *to, struct wait_queue *from);
void wait_free(struct shard *s, struct waiter *waiter);
/* Drops all without an answer: their links are being closed. */
void wait_drop(struct shard *s, struct wait_queue *q);
/* Dispatches the waiter's request again and frees it. */
void wait_resume(struct shard *s, struct waiter *waiter);
/* All of them, in order. `q` may die meanwhile. */
void wait_resume_all(struct shard *s, struct wait_queue *q);

#endif
