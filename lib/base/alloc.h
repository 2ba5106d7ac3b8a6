/* Allocation through a struct chat_allocator; a NULL allocator means malloc. */
#ifndef CHAT_BASE_ALLOC_H
#define CHAT_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>

/* malloc and free, as an allocator. */
extern const struct chat_allocator alloc_default;

/* NULL becomes &alloc_default. */
const struct chat_allocator *alloc_or_default(const struct chat_allocator *allocator);

void *alloc_bytes(const struct chat_allocator *allocator, size_t size);
void *alloc_zeroed(const struct chat_allocator *allocator, size_t size);
/* NULL on overflow of count * size, too. */
void *alloc_array(const struct chat_allocator *allocator, size_t count, size_t size);
/* Moves `old_size` bytes into a block of `new_size`; on NULL the old one still stands. */
void *alloc_resize(const struct chat_allocator *allocator, void *memory, size_t old_size,
                   size_t new_size);
void *alloc_copy(const struct chat_allocator *allocator, const void *bytes, size_t size);
/* NUL-terminated copy of text_len bytes. */
char *alloc_text(const struct chat_allocator *allocator, const char *text, size_t text_len);
/* NULL stays NULL. */
char *alloc_strdup(const struct chat_allocator *allocator, const char *text);
void alloc_free(const struct chat_allocator *allocator, void *memory);

#endif
