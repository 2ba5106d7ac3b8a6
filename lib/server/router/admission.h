/*
 * admission: who may come in now. Handshakes are taken at a stated rate; who is refused
 * gets a slot, each its own, so that a storm comes back as a queue. Links that have not
 * signed in yet are few, in all and from one address, or one /64 of IPv6.
 */
#ifndef CHAT_SERVER_ROUTER_ADMISSION_H
#define CHAT_SERVER_ROUTER_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/alloc.h>

#include "base/map.h"

struct admission {
    uint32_t rate, burst;        /* handshakes a second, and at once */
    uint32_t per_address, total; /* links not signed in */
    int64_t slot_max_ms;
    uint64_t hash_key[2];

    int64_t tokens; /* in thousandths, as of touched_ms */
    int64_t touched_ms;
    int64_t next_slot_us; /* the last slot given, microseconds */
    struct map addresses; /* hash of the address -> count */
    uint32_t waiting;
};

void admission_init(struct admission *a, const struct chat_allocator *allocator,
                    const uint64_t hash_key[2]);
void admission_fini(struct admission *a);

/* Takes in a link that is not signed in; *out_key is for admission_leave(). NULL: taken.
 * Else the name of the limit that refuses it. */
const char *admission_enter(struct admission *a, const char *address, uint64_t *out_key);
void admission_leave(struct admission *a, uint64_t key);

/* 0: the handshake may go on. Else come back after so many milliseconds. */
uint32_t admission_take(struct admission *a, int64_t now_ms);
/* The next slot for somebody who is refused for another reason. Never 0. */
uint32_t admission_slot(struct admission *a, int64_t now_ms);

#endif
