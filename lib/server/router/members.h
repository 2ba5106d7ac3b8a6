/*
 * members: the sessions of a home, as an array without gaps. A small one is a piece of memory
 * that grows by a little; beyond MEMBERS_BLOCK it grows by blocks of that size, so that
 * nothing is moved and a home of thousands leaves no holes behind in the heap.
 *
 * Zeroed storage is empty. Threads: one.
 */
#ifndef CHAT_SERVER_ROUTER_MEMBERS_H
#define CHAT_SERVER_ROUTER_MEMBERS_H

#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#define MEMBERS_BLOCK_SHIFT 8u
#define MEMBERS_BLOCK (1u << MEMBERS_BLOCK_SHIFT)

/* permissions 0: unchecked since the home was lost; nothing is delivered. */
struct home_member {
    uint32_t session;
    uint16_t permissions;
    uint16_t slot; /* session.homes[slot] */
};

struct members {
    struct home_member *first;   /* of at most MEMBERS_BLOCK */
    struct home_member **blocks; /* the ones behind it, all of MEMBERS_BLOCK */
    uint32_t count, cap;
};

void members_fini(struct members *m, const struct chat_allocator *allocator);

/* Room for one more. Errors: CHAT_E_NOMEM; nothing changed. */
chat_status members_reserve(struct members *m, const struct chat_allocator *allocator);
/* Into the room that was reserved. */
void members_push(struct members *m, const struct home_member *member);
/* The last one takes its place. */
void members_take(struct members *m, uint32_t index);

/* `index` is below m->cap. */
static inline struct home_member *members_at(const struct members *m, uint32_t index)
{
    if (index < MEMBERS_BLOCK)
        return m->first + index;
    return m->blocks[(index >> MEMBERS_BLOCK_SHIFT) - 1] + (index & (MEMBERS_BLOCK - 1));
}

/* How much a small array grows by: nearly exact, for there are many of these, and memory per
 * edge is what a session costs. */
static inline uint32_t members_grown(uint32_t cap)
{
    return cap < 16 ? cap + 2 : cap < 256 ? cap + cap / 8 : cap + cap / 16;
}

#endif
