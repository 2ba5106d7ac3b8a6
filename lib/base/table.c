#include "base/table.h"

#include <string.h>

#include "base/alloc.h"

/* One chain per element on average. It shrinks on insert only, so that what was walked
 * may be removed during a walk. */

#define CAP_MIN 8u

void table_init(struct table *t, const struct chat_allocator *allocator, table_match_fn matches)
{
    *t = (struct table){.allocator = allocator, .matches = matches};
}

void table_fini(struct table *t)
{
    alloc_free(t->allocator, t->chains);
    t->chains = NULL;
    t->count = 0;
    t->cap = 0;
}

static size_t chain_of(const struct table *t, uint64_t hash) { return (size_t)hash & (t->cap - 1); }

static chat_status rehash(struct table *t, size_t cap)
{
    struct table_node **old = t->chains;
    size_t old_cap = t->cap;
    struct table_node **chains = alloc_array(t->allocator, cap, sizeof(struct table_node *));

    if (!chains)
        return CHAT_E_NOMEM;
    for (size_t i = 0; i < cap; i++)
        chains[i] = NULL;
    t->chains = chains;
    t->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        for (struct table_node *node = old[i], *next; node; node = next) {
            struct table_node **chain = &chains[chain_of(t, node->hash)];
            next = node->next;
            node->next = *chain;
            *chain = node;
        }
    }
    alloc_free(t->allocator, old);
    return CHAT_OK;
}

struct table_node *table_find(const struct table *t, uint64_t hash, const void *key)
{
    if (t->count == 0)
        return NULL;
    for (struct table_node *node = t->chains[chain_of(t, hash)]; node; node = node->next) {
        if (node->hash == hash && t->matches(node, key))
            return node;
    }
    return NULL;
}

/* Only the first chains are needed; other sizes are a matter of speed. */
static chat_status fit(struct table *t)
{
    if (t->cap == 0)
        return rehash(t, CAP_MIN);
    if (t->count >= t->cap && t->cap <= SIZE_MAX / 2)
        (void)rehash(t, t->cap * 2);
    else if (t->cap > CAP_MIN && t->count < t->cap / 8)
        (void)rehash(t, t->cap / 2);
    return CHAT_OK;
}

chat_status table_reserve(struct table *t) { return t->cap == 0 ? rehash(t, CAP_MIN) : CHAT_OK; }

chat_status table_insert(struct table *t, struct table_node *node, uint64_t hash)
{
    struct table_node **chain;
    chat_status status = fit(t);

    if (status != CHAT_OK)
        return status;
    chain = &t->chains[chain_of(t, hash)];
    node->hash = hash;
    node->next = *chain;
    *chain = node;
    t->count++;
    return CHAT_OK;
}

void table_remove(struct table *t, struct table_node *node)
{
    struct table_node **at;

    if (t->cap == 0)
        return;
    at = &t->chains[chain_of(t, node->hash)];
    while (*at && *at != node)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = node->next;
    node->next = NULL;
    t->count--;
}

struct table_node *table_next(const struct table *t, const struct table_node *node)
{
    size_t i = 0;

    if (node) {
        if (node->next)
            return node->next;
        i = chain_of(t, node->hash) + 1;
    }
    for (; i < t->cap; i++) {
        if (t->chains[i])
            return t->chains[i];
    }
    return NULL;
}
