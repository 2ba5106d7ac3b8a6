/*
 * members: the sessions of a home, as an array without gaps, 6 bytes each. A small one is a
 * piece of memory that grows by a little; beyond MEMBERS_BLOCK it grows by blocks of that
 * size, so that nothing is moved and a home of thousands leaves no holes behind in the heap.
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
#define MEMBERS_SLOT_BITS 12u
#define MEMBERS_SLOT_MAX ((1u << MEMBERS_SLOT_BITS) - 1)
#define MEMBERS_SESSION_MAX ((1u << (32u - MEMBERS_SLOT_BITS)) - 1)

/* permissions 0: unchecked since the home was lost; nothing is delivered. */
struct home_member {
    uint32_t session; /* up to MEMBERS_SESSION_MAX */
    uint16_t permissions;
    uint16_t slot; /* session.homes[slot], up to MEMBERS_SLOT_MAX */
};

/* Some members: session and slot of each in a word, and behind those the permissions. */
struct members_part {
    uint32_t *words;
    uint16_t *permissions;
};

struct members {
    uint32_t *first;   /* the part of at most MEMBERS_BLOCK, one piece of memory */
    uint32_t **blocks; /* the parts behind it, all of MEMBERS_BLOCK */
    uint32_t count, cap;
};

void members_fini(struct members *m, const struct chat_allocator *allocator);

/* Room for one more. Errors: CHAT_E_NOMEM; nothing changed. */
chat_status members_reserve(struct members *m, const struct chat_allocator *allocator);
/* Into the room that was reserved. */
void members_push(struct members *m, const struct home_member *member);
/* The last one takes its place. */
void members_take(struct members *m, uint32_t index);

/* `index` is below m->cap; `*out_at` is where it is in its part. */
static inline struct members_part members_part(const struct members *m, uint32_t index,
                                               uint32_t *out_at)
{
    const uint32_t first_cap = m->cap < MEMBERS_BLOCK ? m->cap : MEMBERS_BLOCK;
    uint32_t *words;

    *out_at = index & (MEMBERS_BLOCK - 1);
    if (index < MEMBERS_BLOCK)
        return (struct members_part){m->first, (uint16_t *)(void *)(m->first + first_cap)};
    words = m->blocks[(index >> MEMBERS_BLOCK_SHIFT) - 1];
    return (struct members_part){words, (uint16_t *)(void *)(words + MEMBERS_BLOCK)};
}

static inline struct home_member members_get(const struct members *m, uint32_t index)
{
    uint32_t at;
    const struct members_part part = members_part(m, index, &at);

    return (struct home_member){.session = part.words[at] >> MEMBERS_SLOT_BITS,
                                .permissions = part.permissions[at],
                                .slot = (uint16_t)(part.words[at] & MEMBERS_SLOT_MAX)};
}

static inline void members_set(struct members *m, uint32_t index, const struct home_member *member)
{
    uint32_t at;
    const struct members_part part = members_part(m, index, &at);

    part.words[at] = member->session << MEMBERS_SLOT_BITS | member->slot;
    part.permissions[at] = member->permissions;
}

static inline void members_set_permissions(struct members *m, uint32_t index, uint16_t permissions)
{
    uint32_t at;

    members_part(m, index, &at).permissions[at] = permissions;
}

/* How much a small array grows by: nearly exact, for there are many of these, and memory per
 * edge is what a session costs. */
static inline uint32_t members_grown(uint32_t cap)
{
    return cap < 16 ? cap + 2 : cap < 256 ? cap + cap / 8 : cap + cap / 16;
}

#endif
