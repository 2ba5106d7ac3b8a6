#include "testkit/sim_queue.h"

#include "base/alloc.h"

#define ITEMS_MIN 1024u

static bool before(const struct sim_item *a, const struct sim_item *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void sim_queue_init(struct sim_queue *q, const struct chat_allocator *allocator)
{
    *q = (struct sim_queue){.allocator = allocator};
}

void sim_queue_fini(struct sim_queue *q)
{
    alloc_free(q->allocator, q->items);
    sim_queue_init(q, q->allocator);
}

static bool grow(struct sim_queue *q)
{
    const size_t cap = q->cap ? q->cap * 2 : ITEMS_MIN;
    struct sim_item *items =
        alloc_resize(q->allocator, q->items, q->count * sizeof(*q->items), cap * sizeof(*q->items));

    if (!items)
        return false;
    q->items = items;
    q->cap = cap;
    return true;
}

bool sim_queue_push(struct sim_queue *q, struct sim_item item)
{
    size_t at = q->count;

    if (q->count == q->cap && !grow(q))
        return false;
    item.order = q->pushed++;
    q->count++;
    while (at > 0 && before(&item, &q->items[(at - 1) / 2])) {
        q->items[at] = q->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    q->items[at] = item;
    return true;
}

bool sim_queue_peek(const struct sim_queue *q, struct sim_item *out_item)
{
    if (q->count == 0)
        return false;
    *out_item = q->items[0];
    return true;
}

void sim_queue_pop(struct sim_queue *q)
{
    struct sim_item last;
    size_t at = 0;

    if (q->count == 0)
        return;
    last = q->items[--q->count];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && before(&q->items[child + 1], &q->items[child]))
            child++;
        if (!before(&q->items[child], &last))
            break;
        q->items[at] = q->items[child];
        at = child;
    }
    if (q->count > 0)
        q->items[at] = last;
}
