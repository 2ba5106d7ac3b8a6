#include "base/wheel.h"

#include <assert.h>

#include "base/moment.h"

/*
 * A deadline's place follows from the highest group of six bits in which it differs from
 * now: that group is the level, its value the slot. So at each level only slots after
 * now's own are in use, all of level n comes before all of level n + 1, and a place stays
 * right until now enters the slot; then its timers move down.
 *
 * Two slots that this leaves unused serve the rest: now's own at level 0 holds what was
 * set with a past deadline, slot 0 of the top level what is too far for any level (it is
 * entered when the bits above the top level change).
 */

#define SLOT_BITS 6
#define SLOT_MASK (WHEEL_SLOTS - 1u)
#define TOP (WHEEL_LEVELS - 1)
#define SPAN_BITS (SLOT_BITS * WHEEL_LEVELS)

/* Milliseconds as a number whose bits sort like the time, negative ones too. */
static uint64_t bits_of(int64_t ms) { return (uint64_t)ms ^ (UINT64_C(1) << 63); }
static int64_t ms_of(uint64_t bits) { return (int64_t)(bits ^ (UINT64_C(1) << 63)); }

static unsigned slot_at(uint64_t bits, unsigned level)
{
    return (unsigned)(bits >> (SLOT_BITS * level)) & SLOT_MASK;
}

static unsigned highest_bit(uint64_t x)
{
    unsigned n = 0;
    for (unsigned step = 32; step > 0; step /= 2) {
        if (x >> step) {
            x >>= step;
            n += step;
        }
    }
    return n;
}

static unsigned lowest_bit(uint64_t x) { return highest_bit(x & (0 - x)); }

void wheel_init(struct wheel *w, int64_t now_ms)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        w->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    }
    list_init(&w->due);
    w->now_ms = now_ms;
}

static void put(struct wheel *w, struct wheel_timer *t)
{
    uint64_t now = bits_of(w->now_ms);
    uint64_t deadline = bits_of(t->deadline_ms);
    unsigned level = 0, slot = slot_at(now, 0);

    if (deadline > now) {
        level = highest_bit(deadline ^ now) / SLOT_BITS;
        if (level < WHEEL_LEVELS) {
            slot = slot_at(deadline, level);
        } else {
            level = TOP;
            slot = 0;
        }
    }
    list_push_back(&w->slots[level][slot], &t->link);
    w->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t deadline_ms)
{
    wheel_cancel(w, t);
    t->deadline_ms = deadline_ms;
    put(w, t);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
    struct list_node *head = t->link.prev == t->link.next ? t->link.prev : NULL;

    list_remove(&t->link);
    /* The last of its slot: without the bit nobody is woken for an empty slot. */
    if (head && head != &w->due.head) {
        size_t at = (size_t)((struct list *)(void *)head - &w->slots[0][0]);
        w->occupied[at / WHEEL_SLOTS] &= ~(UINT64_C(1) << (at % WHEEL_SLOTS));
    }
}

/* The first occupied slot and when it begins, in bits_of(). False when all is empty. */
static bool first_slot(const struct wheel *w, unsigned *out_level, unsigned *out_slot,
                       uint64_t *out_start)
{
    uint64_t now = bits_of(w->now_ms);

    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t far = level == TOP ? w->occupied[TOP] & 1u : 0;
        uint64_t near = w->occupied[level] & ~far;
        unsigned width_bits = SLOT_BITS * (level + 1);

        if (near) {
            *out_level = level;
            *out_slot = lowest_bit(near);
            *out_start = (now >> width_bits << width_bits) | (uint64_t)*out_slot
                                                                 << (SLOT_BITS * level);
            return true;
        }
        if (far) {
            *out_level = TOP;
            *out_slot = 0;
            *out_start = ((now >> SPAN_BITS) + 1) << SPAN_BITS;
            return true;
        }
    }
    return false;
}

/* Timers of the slot that now entered: due, or placed anew, at a lower level. */
static void enter_slot(struct wheel *w, unsigned level, unsigned slot)
{
    struct list taken;
    struct list_node *node;

    list_init(&taken);
    while ((node = list_pop_front(&w->slots[level][slot])))
        list_push_back(&taken, node);
    w->occupied[level] &= ~(UINT64_C(1) << slot);
    while ((node = list_pop_front(&taken))) {
        struct wheel_timer *t = LIST_ENTRY(node, struct wheel_timer, link);
        if (t->deadline_ms <= w->now_ms)
            list_push_back(&w->due, node);
        else
            put(w, t);
    }
}

void wheel_advance(struct wheel *w, int64_t now_ms)
{
    unsigned level, slot;
    uint64_t start;

    enter_slot(w, 0, slot_at(bits_of(w->now_ms), 0));
    while (first_slot(w, &level, &slot, &start) && start <= bits_of(now_ms)) {
        assert(ms_of(start) > w->now_ms);
        w->now_ms = ms_of(start);
        enter_slot(w, level, slot);
    }
    if (now_ms > w->now_ms)
        w->now_ms = now_ms;
}

struct wheel_timer *wheel_pop(struct wheel *w)
{
    struct list_node *node = list_pop_front(&w->due);
    return node ? LIST_ENTRY(node, struct wheel_timer, link) : NULL;
}

int64_t wheel_next_ms(const struct wheel *w)
{
    unsigned level, slot;
    uint64_t start;

    if (!list_is_empty(&w->due))
        return w->now_ms;
    return first_slot(w, &level, &slot, &start) ? ms_of(start) : MOMENT_NEVER;
}
