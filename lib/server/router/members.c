#include "server/router/members.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#define BLOCKS_STEP 16u /* pointers to blocks that are made at once */
#define MEMBER_BYTES (sizeof(uint32_t) + sizeof(uint16_t))

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
    uint32_t *larger;

    if (cap > MEMBERS_BLOCK)
        cap = MEMBERS_BLOCK;
    larger = alloc_array(allocator, cap, MEMBER_BYTES);
    if (!larger)
        return CHAT_E_NOMEM;
    if (m->cap > 0) {
        memcpy(larger, m->first, m->cap * sizeof(uint32_t));
        memcpy(larger + cap, m->first + m->cap, m->cap * sizeof(uint16_t));
    }
    alloc_free(allocator, m->first);
    m->first = larger;
    m->cap = cap;
    return CHAT_OK;
}

static chat_status add_block(struct members *m, const struct chat_allocator *allocator)
{
    const uint32_t count = block_count(m);
    uint32_t *block;

    if (count % BLOCKS_STEP == 0) {
        /* If the block then fails, the same is done again the next time. */
        uint32_t **larger = alloc_resize(allocator, m->blocks, count * sizeof(*larger),
                                         (count + BLOCKS_STEP) * sizeof(*larger));

        if (!larger)
            return CHAT_E_NOMEM;
        m->blocks = larger;
    }
    block = alloc_array(allocator, MEMBERS_BLOCK, MEMBER_BYTES);
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
    assert(m->count < m->cap && member->session <= MEMBERS_SESSION_MAX &&
           member->slot <= MEMBERS_SLOT_MAX);
    members_set(m, m->count, member);
    m->count++;
}

void members_take(struct members *m, uint32_t index)
{
    struct home_member last;

    assert(index < m->count);
    m->count--;
    last = members_get(m, m->count);
    members_set(m, index, &last);
}
