/*
 * slab: objects of one size, found by a small index, that never move. What another part
 * remembers is (index, generation): it finds nothing once the object was given back.
 *
 * Grows by chunks up to a fixed count and keeps what it has; taking from a slab that was
 * once that large allocates nothing.
 */
#ifndef CHAT_SERVER_ROUTER_SLAB_H
#define CHAT_SERVER_ROUTER_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#define SLAB_CHUNK_SHIFT 6
#define SLAB_CHUNK (1u << SLAB_CHUNK_SHIFT)
#define SLAB_NONE UINT32_MAX

/* First member of every object. */
struct slab_item {
    uint32_t index;
    uint32_t generation; /* odd while taken */
};

struct slab {
    const struct chat_allocator *allocator;
    char **chunks;
    size_t size; /* of an object */
    uint32_t max;
    uint32_t made; /* objects that exist, taken or free */
    uint32_t taken;
    uint32_t *free; /* stack of given back indices, as many as were made */
    uint32_t free_count, free_cap;
    uint32_t chunks_cap;
};

/* Allocates nothing yet. `size` includes the slab_item and keeps it aligned. */
void slab_init(struct slab *s, const struct chat_allocator *allocator, size_t size, uint32_t max);
void slab_fini(struct slab *s);

/* A zeroed object, its slab_item set. NULL: at its max, or no memory. */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *object);

/* `index` must be below s->made. */
static inline void *slab_at(const struct slab *s, uint32_t index)
{
    return s->chunks[index >> SLAB_CHUNK_SHIFT] + (size_t)(index & (SLAB_CHUNK - 1)) * s->size;
}

static inline bool slab_is_taken(const struct slab_item *item) { return item->generation & 1; }

/* NULL when it was given back since. */
static inline void *slab_find(const struct slab *s, uint32_t index, uint32_t generation)
{
    struct slab_item *item;

    if (index >= s->made)
        return NULL;
    item = slab_at(s, index);
    return item->generation == generation ? item : NULL;
}

#endif
