#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *from_malloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void to_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

const struct chat_allocator alloc_default = {.alloc = from_malloc, .free = to_free, .user = NULL};

const struct chat_allocator *alloc_or_default(const struct chat_allocator *allocator)
{
    return allocator ? allocator : &alloc_default;
}

void *alloc_bytes(const struct chat_allocator *allocator, size_t size)
{
    const struct chat_allocator *a = alloc_or_default(allocator);
    /* malloc(0) may be NULL, which would read as "no memory". */
    return a->alloc(a->user, size > 0 ? size : 1);
}

void *alloc_zeroed(const struct chat_allocator *allocator, size_t size)
{
    void *memory = alloc_bytes(allocator, size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

void *alloc_array(const struct chat_allocator *allocator, size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    return alloc_bytes(allocator, count * size);
}

void *alloc_resize(const struct chat_allocator *allocator, void *memory, size_t old_size,
                   size_t new_size)
{
    void *moved = alloc_bytes(allocator, new_size);
    size_t kept = old_size < new_size ? old_size : new_size;

    if (!moved)
        return NULL;
    if (memory && kept > 0)
        memcpy(moved, memory, kept);
    alloc_free(allocator, memory);
    return moved;
}

void *alloc_copy(const struct chat_allocator *allocator, const void *bytes, size_t size)
{
    void *copy = alloc_bytes(allocator, size);
    if (copy && size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *alloc_text(const struct chat_allocator *allocator, const char *text, size_t text_len)
{
    char *copy;

    if (text_len == SIZE_MAX)
        return NULL;
    copy = alloc_bytes(allocator, text_len + 1);
    if (!copy)
        return NULL;
    if (text_len > 0)
        memcpy(copy, text, text_len);
    copy[text_len] = '\0';
    return copy;
}

char *alloc_strdup(const struct chat_allocator *allocator, const char *text)
{
    return text ? alloc_text(allocator, text, strlen(text)) : NULL;
}

void alloc_free(const struct chat_allocator *allocator, void *memory)
{
    const struct chat_allocator *a = alloc_or_default(allocator);
    if (memory)
        a->free(a->user, memory);
}
