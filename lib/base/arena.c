#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/poison.h"

#define ALIGNMENT alignof(max_align_t)
/* Larger ones get a block of their own, so that a block is left at least half full. */
#define SHARED_MAX (ARENA_BLOCK_SIZE / 2)

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

static void *alloc_from_arena(void *user, size_t size) { return arena_alloc(user, size); }

static void free_nothing(void *user, void *memory)
{
    (void)user;
    (void)memory;
}

void arena_init(struct arena *a, const struct chat_allocator *parent, size_t max)
{
    *a = (struct arena){
        .parent = parent,
        .max = max,
        .as_allocator = {.alloc = alloc_from_arena, .free = free_nothing, .user = a},
    };
}

static void free_block(struct arena *a, struct arena_block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
    alloc_free(a->parent, block);
}

/* Frees all blocks but `kept`, which may be NULL. */
static void free_blocks_but(struct arena *a, struct arena_block *kept)
{
    struct arena_block *block = a->blocks, *next;

    for (; block; block = next) {
        next = block->next;
        if (block != kept)
            free_block(a, block);
    }
    if (kept)
        kept->next = NULL;
    a->blocks = kept;
    a->used = 0;
}

void arena_fini(struct arena *a) { free_blocks_but(a, NULL); }

void arena_reset(struct arena *a)
{
    struct arena_block *kept = a->blocks;

    a->starved = false;
    while (kept && kept->size != ARENA_BLOCK_SIZE)
        kept = kept->next;
    free_blocks_but(a, kept);
    if (kept) {
        kept->used = 0;
        /* Under ASan, whoever still reads what was forgotten is caught. */
        ASAN_POISON_MEMORY_REGION(kept->bytes, kept->size);
    }
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
    bool shared = size <= SHARED_MAX;
    size_t room = shared ? ARENA_BLOCK_SIZE : size;
    struct arena_block *block;

    if (room > SIZE_MAX - sizeof(*block))
        return NULL;
    block = alloc_bytes(a->parent, sizeof(*block) + room);
    if (!block)
        return NULL;
    block->size = room;
    block->used = 0;
    ASAN_POISON_MEMORY_REGION(block->bytes, room);
    if (shared || !a->blocks) {
        block->next = a->blocks;
        a->blocks = block;
    } else { /* behind the newest, which has room yet */
        block->next = a->blocks->next;
        a->blocks->next = block;
    }
    return block;
}

static void *take(struct arena *a, size_t size)
{
    struct arena_block *block = a->blocks;
    size_t rounded;
    uint8_t *bytes;

    if (size > a->max - a->used)
        return NULL;
    rounded = (size > 0 ? size : 1) + (ALIGNMENT - 1);
    rounded -= rounded % ALIGNMENT;
    if (rounded < size || rounded > a->max - a->used)
        return NULL;
    if (!block || rounded > block->size - block->used)
        block = add_block(a, rounded);
    if (!block)
        return NULL;
    bytes = block->bytes + block->used;
    ASAN_UNPOISON_MEMORY_REGION(bytes, size);
    block->used += rounded;
    a->used += rounded;
    return bytes;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *memory = take(a, size);

    a->starved |= !memory;
    return memory;
}

void *arena_copy(struct arena *a, const void *bytes, size_t size)
{
    void *copy = arena_alloc(a, size);
    if (copy && size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_copy_text(struct arena *a, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}
