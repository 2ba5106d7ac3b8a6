/*
 * An allocator for tests: counts what is out, and fails when told to.
 *
 *     struct faulty_alloc memory;
 *     faulty_alloc_init(&memory);          // never fails
 *     faulty_alloc_fail_after(&memory, 3); // three more succeed, all later ones fail
 *     thing_new(&memory.allocator, ...);
 *     ck_assert_uint_eq(memory.live, 0);   // at the end: nothing leaked
 */
#ifndef CHAT_TESTS_FAULTY_ALLOC_H
#define CHAT_TESTS_FAULTY_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <libchat/alloc.h>

#define FAULTY_ALLOC_NEVER SIZE_MAX

struct faulty_alloc {
    struct chat_allocator allocator; /* hand this out */
    size_t live;                     /* blocks allocated and not freed */
    size_t calls;                    /* allocations tried since faulty_alloc_fail_after() */
    size_t allowed;                  /* of those, how many may succeed */
    bool once;                       /* only the next one fails, not all later ones */
    bool failed;                     /* at least one did */
};

static inline void *faulty_alloc_alloc(void *user, size_t size)
{
    struct faulty_alloc *f = user;
    size_t call = f->calls++;
    void *memory;

    if (f->once ? call == f->allowed : call >= f->allowed) {
        f->failed = true;
        return NULL;
    }
    memory = malloc(size);
    if (memory)
        f->live++;
    return memory;
}

static inline void faulty_alloc_free(void *user, void *memory)
{
    struct faulty_alloc *f = user;

    if (memory)
        f->live--;
    free(memory);
}

static inline void faulty_alloc_fail_after(struct faulty_alloc *f, size_t allowed)
{
    f->calls = 0;
    f->allowed = allowed;
}

/* The one after `allowed` fails, or all from then on. */
static inline void faulty_alloc_fail_at(struct faulty_alloc *f, size_t allowed, bool for_good)
{
    faulty_alloc_fail_after(f, allowed);
    f->once = !for_good;
    f->failed = false;
}

static inline void faulty_alloc_init(struct faulty_alloc *f)
{
    *f = (struct faulty_alloc){
        .allocator = {.alloc = faulty_alloc_alloc, .free = faulty_alloc_free, .user = f},
        .allowed = FAULTY_ALLOC_NEVER,
    };
}

#endif
