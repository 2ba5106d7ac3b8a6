#include "cache/ranges.h"

#include <string.h>

#include "base/alloc.h"

#define CAP_FIRST 4u

/* The result of a change is built here first, so a failure leaves the ranges alone. */
struct draft {
    struct range items[RANGES_MAX];
    uint32_t count;
    bool overflows;
};

static void emit(struct draft *d, uint64_t from, uint64_t to, uint64_t rev)
{
    struct range *last = d->count ? &d->items[d->count - 1] : NULL;
    bool touches = last && last->to + 1 == from;

    if (touches && (last->rev == rev || d->count == RANGES_MAX)) {
        last->to = to;
        last->rev = last->rev < rev ? last->rev : rev;
    } else if (d->count == RANGES_MAX) {
        d->overflows = true;
    } else {
        d->items[d->count++] = (struct range){from, to, rev};
    }
}

static chat_status take(struct ranges *r, const struct chat_allocator *allocator,
                        const struct draft *d)
{
    if (d->overflows)
        return CHAT_E_FULL;
    if (d->count > r->cap) {
        uint32_t cap = r->cap ? r->cap : CAP_FIRST;
        struct range *items;

        while (cap < d->count)
            cap *= 2;
        items = alloc_array(allocator, cap, sizeof(*items));
        if (!items)
            return CHAT_E_NOMEM;
        alloc_free(allocator, r->items);
        r->items = items;
        r->cap = cap;
    }
    if (d->count)
        memcpy(r->items, d->items, d->count * sizeof(*r->items));
    r->count = d->count;
    return CHAT_OK;
}

void ranges_fini(struct ranges *r, const struct chat_allocator *allocator)
{
    alloc_free(allocator, r->items);
    *r = (struct ranges){0};
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

chat_status ranges_add(struct ranges *r, const struct chat_allocator *allocator, uint64_t from,
                       uint64_t to, uint64_t rev)
{
    struct range *last = r->count ? &r->items[r->count - 1] : NULL;
    struct draft d;
    uint64_t next = from; /* the first seq of from..to that is not emitted */

    if (from == 0 || from > to || to > RANGES_SEQ_MAX)
        return CHAT_E_INVALID;
    if (last && last->to + 1 == from && last->rev == rev) { /* the live path */
        last->to = to;
        return CHAT_OK;
    }
    d.count = 0;
    d.overflows = false;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct range it = r->items[i];

        if (it.to < from) {
            emit(&d, it.from, it.to, it.rev);
            continue;
        }
        if (next <= to && next < it.from) {
            emit(&d, next, least(to, it.from - 1), rev);
            next = least(to, it.from - 1) + 1;
        }
        if (it.from > to) {
            emit(&d, it.from, it.to, it.rev);
            continue;
        }
        if (it.from < from)
            emit(&d, it.from, from - 1, it.rev);
        emit(&d, most(it.from, from), least(it.to, to), most(it.rev, rev));
        next = least(it.to, to) + 1;
        if (it.to > to)
            emit(&d, to + 1, it.to, it.rev);
    }
    if (next <= to)
        emit(&d, next, to, rev);
    return take(r, allocator, &d);
}

chat_status ranges_remove(struct ranges *r, const struct chat_allocator *allocator, uint64_t from,
                          uint64_t to)
{
    struct draft d;

    d.count = 0;
    d.overflows = false;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct range it = r->items[i];

        if (it.to < from || it.from > to) {
            emit(&d, it.from, it.to, it.rev);
            continue;
        }
        if (it.from < from)
            emit(&d, it.from, from - 1, it.rev);
        if (it.to > to)
            emit(&d, to + 1, it.to, it.rev);
    }
    return take(r, allocator, &d);
}

void ranges_raise(struct ranges *r, uint64_t from, uint64_t to)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        struct range it = r->items[i];
        struct range *last = kept ? &r->items[kept - 1] : NULL;

        if (it.rev >= from && it.rev < to)
            it.rev = to;
        if (last && last->to + 1 == it.from && last->rev == it.rev)
            last->to = it.to;
        else
            r->items[kept++] = it;
    }
    r->count = kept;
}

/* The index of the range that holds seq, or r->count. */
static uint32_t find(const struct ranges *r, uint64_t seq)
{
    uint32_t low = 0, high = r->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (r->items[middle].to < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && r->items[low].from <= seq ? low : r->count;
}

bool ranges_lack(const struct ranges *r, uint64_t seq, uint64_t rev)
{
    uint32_t i = find(r, seq);

    return i < r->count && r->items[i].rev < rev;
}

uint64_t ranges_run_end(const struct ranges *r, uint64_t seq)
{
    uint32_t i = find(r, seq);

    if (i == r->count)
        return 0;
    while (i + 1 < r->count && r->items[i].to + 1 == r->items[i + 1].from)
        i++;
    return r->items[i].to;
}

uint64_t ranges_run_start(const struct ranges *r, uint64_t seq)
{
    uint32_t i = find(r, seq);

    if (i == r->count)
        return 0;
    while (i > 0 && r->items[i - 1].to + 1 == r->items[i].from)
        i--;
    return r->items[i].from;
}

bool ranges_holds(const struct ranges *r, uint64_t from, uint64_t to)
{
    return from > to || ranges_run_end(r, from) >= to;
}

uint64_t ranges_top(const struct ranges *r) { return r->count ? r->items[r->count - 1].to : 0; }

bool ranges_next_hole(const struct ranges *r, uint64_t from, uint64_t to, uint64_t *out_from,
                      uint64_t *out_to)
{
    uint64_t end = ranges_run_end(r, from);

    if (end)
        from = end + 1;
    if (from > to)
        return false;
    *out_from = from;
    *out_to = to;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->items[i].from > from) {
            *out_to = least(to, r->items[i].from - 1);
            break;
        }
    }
    return true;
}

uint64_t ranges_min_rev(const struct ranges *r)
{
    uint64_t rev = UINT64_MAX;

    for (uint32_t i = 0; i < r->count; i++)
        rev = least(rev, r->items[i].rev);
    return rev;
}

uint64_t ranges_max_rev(const struct ranges *r)
{
    uint64_t rev = 0;

    for (uint32_t i = 0; i < r->count; i++)
        rev = most(rev, r->items[i].rev);
    return rev;
}
