#include "server/router/members.h"

#include <assert.h>

#include "base/alloc.h"

#define BLOCKS_STEP 16u /* pointers to blocks that are made at once */

static uint32_t block_count(const struct members *m)
{
    return m->cap > MEMBERS_BLOCK ? (m->cap >> MEMBERS_BLOCK_SHIFT) - 1 : 0;
}

void members_fini(struct members *m, const struct chat_allocator *allocator)
{
    const uint32_t blocks = block_count(m);

    for (uint32_t i = 0; i < blocks; i++)
        alloc_free(allocator, m->blocks[i]);
    alloc_free(allocator, m->blocks);
    alloc_free(allocator, m->first);
    *m = (struct members){0};
}

static chat_status grow_first(struct members *m, const struct chat_allocator *allocator)
{
    uint32_t cap = members_grown(m->cap);
    struct home_member *larger;

    if (cap > MEMBERS_BLOCK)
        cap = MEMBERS_BLOCK;
    larger = alloc_resize(allocator, m->first, m->cap * sizeof(*larger), cap * sizeof(*larger));
    if (!larger)
        return CHAT_E_NOMEM;
    m->first = larger;
    m->cap = cap;
    return CHAT_OK;
}

static chat_status add_block(struct members *m, const struct chat_allocator *allocator)
{
    const uint32_t count = block_count(m);
    struct home_member *block;

    if (count % BLOCKS_STEP == 0) {
        /* If the block then fails, the same is done again the next time. */
        struct home_member **larger = alloc_resize(allocator, m->blocks, count * sizeof(*larger),
                                                   (count + BLOCKS_STEP) * sizeof(*larger));

        if (!larger)
            return CHAT_E_NOMEM;
        m->blocks = larger;
    }
    block = alloc_array(allocator, MEMBERS_BLOCK, sizeof(*block));
    if (!block)
        return CHAT_E_NOMEM;
    m->blocks[count] = block;
    m->cap += MEMBERS_BLOCK;
    return CHAT_OK;
}

chat_status members_reserve(struct members *m, const struct chat_allocator *allocator)
{
    if (m->count < m->cap)
        return CHAT_OK;
    return m->cap < MEMBERS_BLOCK ? grow_first(m, allocator) : add_block(m, allocator);
}

void members_push(struct members *m, const struct home_member *member)
{
    assert(m->count < m->cap);
    *members_at(m, m->count) = *member;
    m->count++;
}

void members_take(struct members *m, uint32_t index)
{
    assert(index < m->count);
    m->count--;
    *members_at(m, index) = *members_at(m, m->count);
}
