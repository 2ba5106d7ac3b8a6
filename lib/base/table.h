/* Intrusive hash table for elements whose key is more than one number. */
#ifndef CHAT_BASE_TABLE_H
#define CHAT_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

struct table_node {
    struct table_node *next;
    uint64_t hash;
};

/* True when the element around `node` has this key. */
typedef bool (*table_match_fn)(const struct table_node *node, const void *key);

struct table {
    const struct chat_allocator *allocator;
    struct table_node **chains;
    size_t count;
    size_t cap; /* chains; a power of two, or 0 */
    table_match_fn matches;
};

void table_init(struct table *t, const struct chat_allocator *allocator, table_match_fn matches);
void table_fini(struct table *t); /* elements are the caller's */
struct table_node *table_find(const struct table *t, uint64_t hash, const void *key);
/* The key must not be there yet. Errors: CHAT_E_NOMEM, only for the very first insert;
 * a failed growth only makes chains longer. */
chat_status table_insert(struct table *t, struct table_node *node, uint64_t hash);
/* One table_insert() after it cannot fail. Errors: CHAT_E_NOMEM. */
chat_status table_reserve(struct table *t);
void table_remove(struct table *t, struct table_node *node);
/* Walks: NULL starts, NULL is the end. No change meanwhile, except removal of what was
 * walked before. */
struct table_node *table_next(const struct table *t, const struct table_node *node);

#endif
