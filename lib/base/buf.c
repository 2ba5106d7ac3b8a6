#include "base/buf.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_CAP 64u

void buf_init(struct buf *b, const struct chat_allocator *allocator, size_t max)
{
    *b = (struct buf){.allocator = allocator, .max = max};
}

void buf_fini(struct buf *b)
{
    alloc_free(b->allocator, b->bytes);
    b->bytes = NULL;
    b->len = 0;
    b->cap = 0;
}

/* The next capacity that holds `need` bytes; doubling keeps appends cheap, max bounds it. */
static size_t grown_cap(const struct buf *b, size_t need)
{
    size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;

    while (cap < need) {
        if (cap > b->max / 2)
            return b->max;
        cap *= 2;
    }
    return cap < b->max ? cap : b->max;
}

chat_status buf_reserve(struct buf *b, size_t extra, uint8_t **out_room)
{
    if (extra > b->max - b->len)
        return CHAT_E_TOO_LARGE;
    if (extra > b->cap - b->len) {
        size_t cap = grown_cap(b, b->len + extra);
        uint8_t *bytes = alloc_resize(b->allocator, b->bytes, b->len, cap);
        if (!bytes)
            return CHAT_E_NOMEM;
        b->bytes = bytes;
        b->cap = cap;
    }
    *out_room = b->bytes ? b->bytes + b->len : NULL;
    return CHAT_OK;
}

void buf_commit(struct buf *b, size_t used)
{
    assert(used <= b->cap - b->len);
    b->len += used;
}

chat_status buf_append(struct buf *b, const void *bytes, size_t len)
{
    uint8_t *room;
    chat_status status = buf_reserve(b, len, &room);

    if (status != CHAT_OK)
        return status;
    if (len > 0)
        memcpy(room, bytes, len);
    buf_commit(b, len);
    return CHAT_OK;
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= b->len);
    if (len > 0 && len < b->len)
        memmove(b->bytes, b->bytes + len, b->len - len);
    b->len -= len;
}

void buf_clear(struct buf *b) { b->len = 0; }
