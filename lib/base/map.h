/* uint64_t -> pointer, open addressing. Key 0 and NULL values are not allowed. */
#ifndef CHAT_BASE_MAP_H
#define CHAT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

struct map_slot {
    uint64_t key; /* 0: free */
    void *value;
};

struct map {
    const struct chat_allocator *allocator;
    struct map_slot *slots;
    size_t count;
    size_t cap; /* a power of two, or 0 */
};

void map_init(struct map *m, const struct chat_allocator *allocator);
void map_fini(struct map *m); /* values are the caller's */
void *map_get(const struct map *m, uint64_t key);
/* Adds or replaces. Errors: CHAT_E_NOMEM, the map is unchanged. */
chat_status map_put(struct map *m, uint64_t key, void *value);
/* The value taken out, or NULL. Shrinks by itself, never fails. */
void *map_take(struct map *m, uint64_t key);
/* Walks in slot order: start with *cursor = 0. False at the end. No change meanwhile. */
bool map_next(const struct map *m, size_t *cursor, uint64_t *out_key, void **out_value);

#endif
