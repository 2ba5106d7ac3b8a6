/*
 * buckets: how often a user may do things, whatever the connection. A token bucket per
 * user and kind of operation, kept until it is full again: so a reconnect gains nothing,
 * and only users who just did something cost memory.
 *
 * A user on several routers has his rate shared out evenly: each grants rate / routers.
 */
#ifndef CHAT_SERVER_ROUTER_BUCKET_H
#define CHAT_SERVER_ROUTER_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/alloc.h>

#include "base/list.h"
#include "base/map.h"

#define BUCKET_OWED_MAX 64u

enum bucket_kind {
    BUCKET_OPERATIONS, /* what changes something, or asks others to */
    BUCKET_READS,      /* fetches and finds */
    BUCKET_SIGNALS,    /* typing and receipts: they cost no message */
    BUCKET_KINDS,
};

struct bucket_rate {
    uint32_t per_second;
    uint32_t burst;
};

struct buckets {
    const struct chat_allocator *allocator;
    struct bucket_rate rates[BUCKET_KINDS];
    uint32_t max;
    int64_t full_after_ms; /* untouched so long: full, whatever was taken */
    int64_t paid_after_ms; /* and so much longer, whatever is owed */
    struct map by_user;
    struct list oldest; /* of struct bucket, least recently touched first */
    uint32_t count;
};

/* Rates and bursts are at least 1. */
void buckets_init(struct buckets *b, const struct chat_allocator *allocator,
                  const struct bucket_rate rates[BUCKET_KINDS], uint32_t max);
void buckets_fini(struct buckets *b);

/*
 * Takes one token. 0: go ahead. Else: refused, may be tried after so many milliseconds.
 * `routers` (0 counts as 1) is how many hold the user. At `max` users, or without memory,
 * the one who waited longest is forgotten (his bucket counts as full).
 */
uint32_t buckets_take(struct buckets *b, uint64_t user_id, enum bucket_kind kind, uint32_t routers,
                      int64_t now_ms);
/* Takes `count` more from who was just granted one. What is not there is owed, up to
 * BUCKET_OWED_MAX: he waits the longer for his next. */
void buckets_charge(struct buckets *b, uint64_t user_id, enum bucket_kind kind, uint32_t count);
/* Forgets full buckets. */
void buckets_sweep(struct buckets *b, int64_t now_ms);

#endif
