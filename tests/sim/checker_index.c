#include "checker_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct entry {
    struct index_key key;
    uint64_t used;
    unsigned char value[];
};

static struct entry *entry_at(const struct index *x, size_t i)
{
    return (struct entry *)(void *)(x->entries + i * x->entry_size);
}

void index_init(struct index *x, size_t value_size)
{
    memset(x, 0, sizeof(*x));
    x->value_size = value_size;
    x->entry_size = (sizeof(struct entry) + value_size + 7) & ~(size_t)7;
}

void index_fini(struct index *x)
{
    free(x->entries);
    index_init(x, x->value_size);
}

static size_t slot_for(const struct index *x, const struct index_key *key)
{
    uint64_t h = hash_pair(hash_pair(key->k[0], key->k[1]), hash_pair(key->k[2], key->k[3]));
    size_t i = (size_t)h & (x->cap - 1);
    while (entry_at(x, i)->used && memcmp(&entry_at(x, i)->key, key, sizeof(*key)) != 0)
        i = (i + 1) & (x->cap - 1);
    return i;
}

void *index_find(const struct index *x, const struct index_key *key)
{
    size_t i;
    if (x->cap == 0)
        return NULL;
    i = slot_for(x, key);
    return entry_at(x, i)->used ? entry_at(x, i)->value : NULL;
}

static void grow(struct index *x)
{
    struct index old = *x;

    x->cap = old.cap ? old.cap * 2 : 64;
    x->entries = calloc(x->cap, x->entry_size);
    if (!x->entries) {
        fprintf(stderr, "checker: out of memory\n");
        exit(2);
    }
    for (size_t i = 0; i < old.cap; i++) {
        struct entry *e = entry_at(&old, i);
        if (e->used)
            memcpy(entry_at(x, slot_for(x, &e->key)), e, x->entry_size);
    }
    free(old.entries);
}

void *index_make(struct index *x, const struct index_key *key)
{
    struct entry *e;
    void *found = index_find(x, key);

    if (found)
        return found;
    if ((x->count + 1) * 4 > x->cap * 3)
        grow(x);
    e = entry_at(x, slot_for(x, key));
    e->key = *key;
    e->used = 1;
    x->count++;
    return e->value;
}

void *index_next(const struct index *x, size_t *cursor)
{
    while (*cursor < x->cap) {
        struct entry *e = entry_at(x, (*cursor)++);
        if (e->used)
            return e->value;
    }
    return NULL;
}
