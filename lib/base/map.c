#include "base/map.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

/*
 * Linear probing; a slot taken out is closed by moving later ones back, so there are no
 * tombstones and a lookup ends at the first free slot. At most three quarters are full.
 */

#define CAP_MIN 8u

void map_init(struct map *m, const struct chat_allocator *allocator)
{
    *m = (struct map){.allocator = allocator};
}

void map_fini(struct map *m)
{
    alloc_free(m->allocator, m->slots);
    m->slots = NULL;
    m->count = 0;
    m->cap = 0;
}

static size_t home_of(uint64_t key, size_t cap) { return (size_t)hash_u64(key) & (cap - 1); }

/* The slot with `key`, or the free one where it would go. There is always a free one. */
static struct map_slot *slot_for(struct map_slot *slots, size_t cap, uint64_t key)
{
    size_t i = home_of(key, cap);

    while (slots[i].key != 0 && slots[i].key != key)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static chat_status rehash(struct map *m, size_t cap)
{
    struct map_slot *slots = alloc_array(m->allocator, cap, sizeof(*slots));

    if (!slots)
        return CHAT_E_NOMEM;
    memset(slots, 0, cap * sizeof(*slots));
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key != 0)
            *slot_for(slots, cap, m->slots[i].key) = m->slots[i];
    }
    alloc_free(m->allocator, m->slots);
    m->slots = slots;
    m->cap = cap;
    return CHAT_OK;
}

void *map_get(const struct map *m, uint64_t key)
{
    if (m->count == 0 || key == 0)
        return NULL;
    return slot_for(m->slots, m->cap, key)->value;
}

static bool must_grow(const struct map *m)
{
    return m->cap == 0 || m->count + 1 > m->cap - m->cap / 4;
}

chat_status map_put(struct map *m, uint64_t key, void *value)
{
    struct map_slot *slot = m->cap > 0 ? slot_for(m->slots, m->cap, key) : NULL;

    if (key == 0 || !value)
        return CHAT_E_INVALID;
    if (!slot || slot->key == 0) {
        if (must_grow(m)) {
            if (m->cap > SIZE_MAX / 2 || rehash(m, m->cap > 0 ? m->cap * 2 : CAP_MIN) != CHAT_OK)
                return CHAT_E_NOMEM;
            slot = slot_for(m->slots, m->cap, key);
        }
        m->count++;
    }
    *slot = (struct map_slot){.key = key, .value = value};
    return CHAT_OK;
}

/* Moves back what follows the hole at `hole`, up to the next free slot. */
static void close_hole(struct map *m, size_t hole)
{
    size_t mask = m->cap - 1;

    for (size_t i = (hole + 1) & mask; m->slots[i].key != 0; i = (i + 1) & mask) {
        size_t home = home_of(m->slots[i].key, m->cap);
        /* It may move when its home is not after the hole (as seen walking up to it). */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
}

void *map_take(struct map *m, uint64_t key)
{
    struct map_slot *slot;
    void *value;

    if (m->count == 0 || key == 0)
        return NULL;
    slot = slot_for(m->slots, m->cap, key);
    if (slot->key == 0)
        return NULL;
    value = slot->value;
    close_hole(m, (size_t)(slot - m->slots));
    m->count--;
    /* Without memory for the smaller one, the larger one stays. */
    if (m->cap > CAP_MIN && m->count < m->cap / 8)
        (void)rehash(m, m->cap / 2);
    return value;
}

bool map_next(const struct map *m, size_t *cursor, uint64_t *out_key, void **out_value)
{
    while (*cursor < m->cap) {
        const struct map_slot *slot = &m->slots[(*cursor)++];
        if (slot->key != 0) {
            *out_key = slot->key;
            *out_value = slot->value;
            return true;
        }
    }
    return false;
}
