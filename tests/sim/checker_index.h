/* Four numbers -> a zeroed value of fixed size. Values move when the index grows: a pointer is
 * good until the next index_make() on the same index. */
#ifndef CHAT_SIM_CHECKER_INDEX_H
#define CHAT_SIM_CHECKER_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct index_key {
    uint64_t k[4];
};

struct index {
    unsigned char *entries; /* key, used flag, value */
    size_t value_size, entry_size;
    size_t count, cap;
};

void index_init(struct index *x, size_t value_size);
void index_fini(struct index *x);
void *index_find(const struct index *x, const struct index_key *key); /* NULL: absent */
void *index_make(struct index *x, const struct index_key *key);       /* found or new; never NULL */
/* Walks the values: start with *cursor = 0; NULL at the end. */
void *index_next(const struct index *x, size_t *cursor);

#endif
