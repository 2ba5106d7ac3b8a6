#include "wire/outq.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#define BLOCK_CAP_FIRST 6u /* with its header it fills 64 bytes */

/*
 * Frames stand in a row, so that a batch is a plain array. `head` moves on as they are
 * sent; when the row reaches the end it is moved to the front or doubled, so a push costs
 * O(1) on average.
 */
struct outq_block {
    const struct chat_allocator *allocator;
    uint32_t head; /* index of the first that waits */
    uint32_t cap;
    struct frame *frames[];
};

static struct outq_block *block_new(const struct chat_allocator *allocator, uint32_t cap)
{
    struct outq_block *block;

    block = alloc_bytes(allocator, sizeof(*block) + cap * sizeof(struct frame *));
    if (!block)
        return NULL;
    block->allocator = allocator;
    block->head = 0;
    block->cap = cap;
    return block;
}

static struct frame *const *first_frame(const struct outq *q)
{
    return q->count == 1 ? &q->one : q->block->frames + q->block->head;
}

/* Makes room behind the last frame of a block. False: no memory, nothing changed. */
static bool block_make_room(struct outq *q)
{
    struct outq_block *old = q->block;
    struct outq_block *block = old;

    if (old->head + q->count < old->cap)
        return true;
    if (old->head < old->cap / 2) {
        block = block_new(old->allocator, old->cap * 2);
        if (!block)
            return false;
    }
    memmove(block->frames, old->frames + old->head, q->count * sizeof(struct frame *));
    block->head = 0;
    if (block != old) {
        q->block = block;
        alloc_free(old->allocator, old);
    }
    return true;
}

/* Restores "a block only for two or more" after frames left block->frames. */
static void settle(struct outq *q, struct outq_block *block)
{
    if (q->count > 1)
        return;
    q->one = q->count == 1 ? block->frames[block->head] : NULL;
    alloc_free(block->allocator, block);
}

void outq_fini(struct outq *q) { outq_sent(q, q->count); }

chat_status outq_push(struct outq *q, const struct chat_allocator *allocator, struct frame *frame,
                      size_t bytes_max, uint32_t frames_max)
{
    if (bytes_max > UINT32_MAX)
        bytes_max = UINT32_MAX;
    if (frames_max > OUTQ_FRAMES_MAX)
        frames_max = OUTQ_FRAMES_MAX;
    if (q->count >= frames_max || q->bytes > bytes_max || frame->len > bytes_max - q->bytes)
        return CHAT_E_FULL;

    if (q->count == 0) {
        q->one = frame_ref(frame);
    } else {
        if (q->count == 1) {
            struct outq_block *block = block_new(allocator, BLOCK_CAP_FIRST);
            if (!block)
                return CHAT_E_NOMEM;
            block->frames[0] = q->one;
            q->block = block;
        } else if (!block_make_room(q)) {
            return CHAT_E_NOMEM;
        }
        q->block->frames[q->block->head + q->count] = frame_ref(frame);
    }
    q->count++;
    q->bytes += frame->len;
    return CHAT_OK;
}

struct outq_batch outq_batch(const struct outq *q, size_t bytes_max, uint32_t elements_max)
{
    struct outq_batch batch = {0};
    uint64_t elements = 0;

    if (q->count == 0)
        return batch;
    batch.frames = first_frame(q);
    while (batch.count < q->count) {
        const struct frame *frame = batch.frames[batch.count];
        uint64_t bytes = (uint64_t)batch.bytes + frame->len;

        elements += frame->count;
        if (batch.count > 0 && (bytes > bytes_max || elements > elements_max))
            break;
        batch.bytes = (uint32_t)bytes;
        batch.count++;
    }
    return batch;
}

void outq_sent(struct outq *q, uint32_t count)
{
    struct frame *const *frames;

    assert(count <= q->count);
    if (count == 0)
        return;
    frames = first_frame(q);
    for (uint32_t i = 0; i < count; i++) {
        q->bytes -= frames[i]->len;
        frame_unref(frames[i]);
    }
    if (q->count == 1) {
        q->one = NULL;
        q->count = 0;
        return;
    }
    q->block->head += count;
    q->count -= count;
    settle(q, q->block);
}

uint32_t outq_drop(struct outq *q, bool (*drop)(const struct frame *frame, void *user), void *user)
{
    struct frame **frames;
    uint32_t kept = 0, dropped;

    if (q->count == 0)
        return 0;
    frames = q->count == 1 ? &q->one : q->block->frames + q->block->head;
    for (uint32_t i = 0; i < q->count; i++) {
        struct frame *frame = frames[i];

        if (!drop(frame, user)) {
            frames[kept++] = frame;
            continue;
        }
        q->bytes -= frame->len;
        frame_unref(frame);
    }
    dropped = q->count - kept;
    if (dropped == 0)
        return 0;
    if (q->count == 1) {
        outq_init(q);
    } else {
        q->count = kept;
        settle(q, q->block);
    }
    return dropped;
}
