/* sim_queue: what happens next, a heap of calls by virtual time, first come first served. */
#ifndef CHAT_SIM_QUEUE_H
#define CHAT_SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>

struct sim_item {
    int64_t at_ms;
    uint64_t order; /* given by the queue: equal times keep their order */
    void (*fn)(void *user, uint64_t arg);
    void *user;
    uint64_t arg;
};

struct sim_queue {
    const struct chat_allocator *allocator;
    struct sim_item *items;
    size_t count, cap;
    uint64_t pushed;
};

void sim_queue_init(struct sim_queue *q, const struct chat_allocator *allocator);
void sim_queue_fini(struct sim_queue *q);
/* False: there is no memory. */
bool sim_queue_push(struct sim_queue *q, struct sim_item item);
bool sim_queue_peek(const struct sim_queue *q, struct sim_item *out_item);
void sim_queue_pop(struct sim_queue *q);

#endif
