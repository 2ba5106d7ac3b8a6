#include "server/router/bucket.h"

#include <assert.h>

#include "base/alloc.h"

/* Tokens are counted in millionths, so that a millisecond's part of a rate that many
 * routers share is still a whole number. */
#define WHOLE 1000000
#define PER_MS (WHOLE / 1000)
#define ROUTERS_MAX 1024u

struct bucket {
    struct list_node by_age;
    uint64_t user_id;
    int64_t touched_ms;
    uint32_t routers;
    bool owes;
    int64_t tokens[BUCKET_KINDS]; /* as of touched_ms */
};

static struct bucket *bucket_of(struct list_node *node)
{
    return LIST_ENTRY(node, struct bucket, by_age);
}

void buckets_init(struct buckets *b, const struct chat_allocator *allocator,
                  const struct bucket_rate rates[BUCKET_KINDS], uint32_t max)
{
    *b = (struct buckets){.allocator = allocator, .max = max};
    map_init(&b->by_user, allocator);
    list_init(&b->oldest);
    for (uint32_t kind = 0; kind < BUCKET_KINDS; kind++) {
        int64_t fill_ms, pay_ms;

        assert(rates[kind].per_second > 0 && rates[kind].burst > 0);
        b->rates[kind] = rates[kind];
        fill_ms = (int64_t)rates[kind].burst * 1000 / rates[kind].per_second + 1;
        pay_ms = (int64_t)BUCKET_OWED_MAX * 1000 / rates[kind].per_second + 1;
        if (fill_ms > b->full_after_ms)
            b->full_after_ms = fill_ms;
        if (pay_ms > b->paid_after_ms)
            b->paid_after_ms = pay_ms;
    }
}

/* Untouched so long: full. */
static int64_t full_after_ms(const struct buckets *b, const struct bucket *one, uint32_t routers)
{
    return (b->full_after_ms + (one->owes ? b->paid_after_ms : 0)) * (int64_t)routers;
}

static void forget(struct buckets *b, struct bucket *one)
{
    map_take(&b->by_user, one->user_id);
    list_remove(&one->by_age);
    alloc_free(b->allocator, one);
    b->count--;
}

void buckets_fini(struct buckets *b)
{
    struct list_node *node;

    if (!b->oldest.head.next)
        return;
    while ((node = list_first(&b->oldest)) != NULL)
        forget(b, bucket_of(node));
    map_fini(&b->by_user);
}

void buckets_sweep(struct buckets *b, int64_t now_ms)
{
    struct list_node *node;

    while ((node = list_first(&b->oldest)) != NULL) {
        struct bucket *one = bucket_of(node);

        if (now_ms - one->touched_ms < full_after_ms(b, one, one->routers))
            return;
        forget(b, one);
    }
}

static struct bucket *add(struct buckets *b, uint64_t user_id, int64_t now_ms)
{
    struct bucket *one;

    if (b->count >= b->max)
        forget(b, bucket_of(list_first(&b->oldest)));
    one = alloc_zeroed(b->allocator, sizeof(*one));
    if (!one)
        return NULL;
    one->user_id = user_id;
    one->touched_ms = now_ms;
    one->routers = 1;
    for (uint32_t kind = 0; kind < BUCKET_KINDS; kind++)
        one->tokens[kind] = (int64_t)b->rates[kind].burst * WHOLE;
    if (map_put(&b->by_user, user_id, one) != CHAT_OK) {
        alloc_free(b->allocator, one);
        return NULL;
    }
    list_push_back(&b->oldest, &one->by_age);
    b->count++;
    return one;
}

static void refill(const struct buckets *b, struct bucket *one, uint32_t routers, int64_t now_ms)
{
    int64_t passed_ms = now_ms - one->touched_ms;

    /* Longer changes nothing, and the product stays small. */
    if (passed_ms > full_after_ms(b, one, routers))
        passed_ms = full_after_ms(b, one, routers);
    one->owes = false;
    for (uint32_t kind = 0; kind < BUCKET_KINDS; kind++) {
        int64_t full = (int64_t)b->rates[kind].burst * WHOLE;

        one->tokens[kind] += passed_ms * b->rates[kind].per_second * PER_MS / (int64_t)routers;
        if (one->tokens[kind] > full)
            one->tokens[kind] = full;
        one->owes |= one->tokens[kind] < 0;
    }
    one->touched_ms = now_ms;
}

uint32_t buckets_take(struct buckets *b, uint64_t user_id, enum bucket_kind kind, uint32_t routers,
                      int64_t now_ms)
{
    struct bucket *one = map_get(&b->by_user, user_id);
    int64_t missing, wait_ms;

    routers = routers == 0 ? 1 : routers < ROUTERS_MAX ? routers : ROUTERS_MAX;
    if (one) {
        refill(b, one, routers, now_ms);
        list_remove(&one->by_age);
        list_push_back(&b->oldest, &one->by_age);
    } else {
        one = add(b, user_id, now_ms);
        if (!one)
            return 0;
    }
    one->routers = routers;
    if (one->tokens[kind] >= WHOLE) {
        one->tokens[kind] -= WHOLE;
        return 0;
    }
    missing = WHOLE - one->tokens[kind];
    wait_ms = missing * (int64_t)routers / PER_MS / b->rates[kind].per_second + 1;
    return wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX;
}

void buckets_charge(struct buckets *b, uint64_t user_id, enum bucket_kind kind, uint32_t count)
{
    struct bucket *one = map_get(&b->by_user, user_id);

    if (!one)
        return; /* forgotten: it counts as full */
    one->tokens[kind] -= (int64_t)count * WHOLE;
    if (one->tokens[kind] < -(int64_t)BUCKET_OWED_MAX * WHOLE)
        one->tokens[kind] = -(int64_t)BUCKET_OWED_MAX * WHOLE;
    one->owes |= one->tokens[kind] < 0;
}
