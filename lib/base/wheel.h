/*
 * Hierarchical timer wheel: O(1) add and cancel, any number of timers, intrusive.
 * Millisecond resolution; a timer never fires early.
 */
#ifndef CHAT_BASE_WHEEL_H
#define CHAT_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define WHEEL_LEVELS 6 /* 64^6 ms: more than two years */
#define WHEEL_SLOTS 64

/* Zeroed storage is an idle timer. What it means is its owner's business. */
struct wheel_timer {
    struct list_node link;
    int64_t deadline_ms;
};

struct wheel {
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    uint64_t occupied[WHEEL_LEVELS]; /* a bit per slot that may hold timers */
    struct list due;
    int64_t now_ms; /* as of the last wheel_advance() */
};

void wheel_init(struct wheel *w, int64_t now_ms);
/* Adds, or moves an armed timer. A past deadline is due at the next advance. */
void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t deadline_ms);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
static inline bool wheel_timer_is_set(const struct wheel_timer *t)
{
    return list_node_is_linked(&t->link);
}
/* Moves on to now_ms; then wheel_pop() gives what is due, one by one, NULL at the end. */
void wheel_advance(struct wheel *w, int64_t now_ms);
struct wheel_timer *wheel_pop(struct wheel *w);
/* When to advance next: never later than the first deadline, perhaps earlier by a slot's
 * width. MOMENT_NEVER when nothing is set. */
int64_t wheel_next_ms(const struct wheel *w);

#endif
