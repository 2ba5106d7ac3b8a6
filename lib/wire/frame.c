#include "wire/frame.h"

#include <assert.h>

#include "base/alloc.h"

struct frame *frame_new(const struct chat_allocator *allocator, size_t len)
{
    struct frame *frame;

    if (len > UINT32_MAX - sizeof(*frame))
        return NULL;
    frame = alloc_bytes(allocator, sizeof(*frame) + len);
    if (!frame)
        return NULL;
    frame->allocator = allocator;
    frame->refs = 1;
    frame->len = (uint32_t)len;
    frame->count = 1;
    frame->kind = 0;
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    assert(frame->refs > 0 && frame->refs < UINT32_MAX);
    frame->refs++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (!frame)
        return;
    assert(frame->refs > 0);
    if (--frame->refs == 0)
        alloc_free(frame->allocator, frame);
}
