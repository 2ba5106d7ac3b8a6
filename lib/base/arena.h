/*
 * A bounded arena: allocations by bumping a pointer, freed all at once. Decoded
 * frames live here. Its allocator can be handed to protobuf-c as it is.
 */
#ifndef CHAT_BASE_ARENA_H
#define CHAT_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>

#define ARENA_BLOCK_SIZE 16384u

struct arena_block;

struct arena {
    const struct chat_allocator *parent;
    struct arena_block *blocks;         /* the newest first */
    size_t used;                        /* bytes handed out since the last reset */
    size_t max;                         /* used never exceeds it */
    bool starved;                       /* something found no room since the last reset */
    struct chat_allocator as_allocator; /* alloc from the arena; free does nothing */
};

/* Allocates nothing yet. `a` must not move afterwards. */
void arena_init(struct arena *a, const struct chat_allocator *parent, size_t max);
void arena_fini(struct arena *a);
/* Forgets all allocations; keeps one block, so a steady user allocates nothing. */
void arena_reset(struct arena *a);
/* Aligned for any type. NULL past max or when the parent has no memory. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_copy(struct arena *a, const void *bytes, size_t size);
/* With a NUL behind it. */
char *arena_copy_text(struct arena *a, const char *text, size_t len);

#endif
