#include "server/router/slab.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

void slab_init(struct slab *s, const struct chat_allocator *allocator, size_t size, uint32_t max)
{
    assert(size >= sizeof(struct slab_item) && max < SLAB_NONE);
    *s = (struct slab){.allocator = allocator, .size = size, .max = max};
}

void slab_fini(struct slab *s)
{
    uint32_t chunks = (s->made + SLAB_CHUNK - 1) >> SLAB_CHUNK_SHIFT;

    for (uint32_t i = 0; i < chunks; i++)
        alloc_free(s->allocator, s->chunks[i]);
    if (s->chunks)
        alloc_free(s->allocator, s->chunks);
    if (s->free)
        alloc_free(s->allocator, s->free);
    s->chunks = NULL;
    s->free = NULL;
    s->made = s->taken = s->free_count = s->free_cap = s->chunks_cap = 0;
}

static uint32_t grown(uint32_t cap, uint32_t least)
{
    uint32_t next = cap < 16 ? 16 : cap + cap / 2;

    return next > least ? next : least;
}

/* The stack of free indices always has room for every object: giving back cannot fail. */
static bool make_room_to_give(struct slab *s)
{
    uint32_t cap = grown(s->free_cap, s->made + SLAB_CHUNK);
    uint32_t *larger;

    if (s->made + SLAB_CHUNK <= s->free_cap)
        return true;
    larger =
        alloc_resize(s->allocator, s->free, s->free_cap * sizeof(*larger), cap * sizeof(*larger));
    if (!larger)
        return false;
    s->free = larger;
    s->free_cap = cap;
    return true;
}

static bool make_chunk(struct slab *s)
{
    uint32_t chunk = s->made >> SLAB_CHUNK_SHIFT;

    if (!make_room_to_give(s))
        return false;
    if (chunk == s->chunks_cap) {
        uint32_t cap = grown(s->chunks_cap, chunk + 1);
        char **larger = alloc_resize(s->allocator, s->chunks, s->chunks_cap * sizeof(*larger),
                                     cap * sizeof(*larger));
        if (!larger)
            return false;
        s->chunks = larger;
        s->chunks_cap = cap;
    }
    s->chunks[chunk] = alloc_array(s->allocator, SLAB_CHUNK, s->size);
    return s->chunks[chunk] != NULL;
}

void *slab_take(struct slab *s)
{
    struct slab_item kept = {0, 0};
    struct slab_item *item;

    if (s->taken == s->max)
        return NULL;
    if (s->free_count > 0) {
        item = slab_at(s, s->free[--s->free_count]);
        kept = *item;
    } else {
        if ((s->made & (SLAB_CHUNK - 1)) == 0 && !make_chunk(s))
            return NULL;
        kept.index = s->made++;
        item = slab_at(s, kept.index);
    }
    memset(item, 0, s->size);
    item->index = kept.index;
    item->generation = kept.generation + 1;
    s->taken++;
    return item;
}

void slab_give(struct slab *s, void *object)
{
    struct slab_item *item = object;

    assert(slab_is_taken(item));
    item->generation++;
    s->free[s->free_count++] = item->index;
    s->taken--;
}
