/*
 * An allocator between a conn and the application's: it knows how much is out, says no beyond
 * the limit, and keeps some small blocks for the next use, so that steady traffic allocates
 * nothing.
 */
#include <stdalign.h>
#include <stddef.h>

#include "api/loop.h"
#include "base/alloc.h"
#include "base/poison.h"

#define GRAIN 64u /* sizes of kept blocks are multiples of it */
#define KEPT_PER_SIZE 32u
#define RESERVE_DIVISOR 4u /* this part of the limit is for the conn's own work */

/* Before each block. */
struct memory_head {
    alignas(max_align_t) size_t size; /* of the block, a multiple of GRAIN when it may be kept */
    struct memory_head *next;         /* while it is kept */
};

static size_t rounded(size_t size)
{
    if (size == 0)
        size = 1;
    return size <= GRAIN * CONN_MEMORY_SIZES ? (size + GRAIN - 1) / GRAIN * GRAIN : size;
}

static struct memory_kept *kept_of(struct conn_memory *m, size_t size)
{
    return size <= GRAIN * CONN_MEMORY_SIZES ? &m->kept[size / GRAIN - 1] : NULL;
}

static void drop_kept(struct conn_memory *m)
{
    for (size_t i = 0; i < CONN_MEMORY_SIZES; i++) {
        struct memory_head *head;

        while ((head = m->kept[i].first) != NULL) {
            m->kept[i].first = head->next;
            m->used -= sizeof(*head) + head->size;
            ASAN_UNPOISON_MEMORY_REGION(head + 1, head->size);
            alloc_free(m->parent, head);
        }
        m->kept[i].count = 0;
    }
}

static bool fits(const struct conn_memory *m, size_t bytes)
{
    size_t max = m->modest ? m->max - m->max / RESERVE_DIVISOR : m->max;

    return bytes <= SIZE_MAX - m->used && (!m->max || m->used + bytes <= max);
}

static void *take(void *user, size_t size)
{
    struct conn_memory *m = user;
    struct memory_kept *kept;
    struct memory_head *head;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = rounded(size);
    kept = kept_of(m, size);
    if (kept && kept->first) {
        head = kept->first;
        kept->first = head->next;
        kept->count--;
        ASAN_UNPOISON_MEMORY_REGION(head + 1, size);
        return head + 1;
    }
    if (!fits(m, sizeof(*head) + size))
        drop_kept(m);
    head = fits(m, sizeof(*head) + size) ? alloc_bytes(m->parent, sizeof(*head) + size) : NULL;
    if (!head)
        return NULL;
    head->size = size;
    m->used += sizeof(*head) + size;
    return head + 1;
}

static void give(void *user, void *memory)
{
    struct conn_memory *m = user;
    struct memory_head *head = memory ? (struct memory_head *)memory - 1 : NULL;
    struct memory_kept *kept;

    if (!head)
        return;
    kept = kept_of(m, head->size);
    if (kept && kept->count < KEPT_PER_SIZE) {
        head->next = kept->first;
        kept->first = head;
        kept->count++;
        ASAN_POISON_MEMORY_REGION(head + 1, head->size); /* who still reads it is caught */
        return;
    }
    m->used -= sizeof(*head) + head->size;
    alloc_free(m->parent, head);
}

void conn_memory_init(struct conn_memory *memory, const struct chat_allocator *parent, size_t max)
{
    *memory = (struct conn_memory){
        .face = {.alloc = take, .free = give, .user = memory},
        .parent = alloc_or_default(parent),
        .max = max,
    };
}

void conn_memory_fini(struct conn_memory *memory) { drop_kept(memory); }

size_t chat_conn_get_memory(const chat_conn *conn) { return conn->memory.used; }
