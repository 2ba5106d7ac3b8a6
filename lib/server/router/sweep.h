/*
 * sweep: compares what the router believes with the stores, a few homes at a time.
 *
 * A hole shows with the next publication, a lost link by itself. A subscription that a
 * store has forgotten shows nowhere: nothing more comes, and heartbeats compare with what
 * the router knows. So each home and each user's home is asked for its lsn once in
 * limits.sweep_ms, or faster when there are few. What the store is ahead by may still be on
 * its way; what has not come by the next step was missed, and the home is rechecked.
 */
#ifndef CHAT_SERVER_ROUTER_SWEEP_H
#define CHAT_SERVER_ROUTER_SWEEP_H

#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

#define SWEEP_STEP_MS 1000  /* between two steps */
#define SWEEP_STEP_MAX 256u /* asked in one step */

struct router;
struct ask;

/* A home that its store said to be further than we are. Of another store, as a shard moves,
 * it means nothing: that one may know less until it is fenced. */
struct sweep_doubt {
    uint64_t home_id, lsn;
    uint32_t peer;
};

struct sweep {
    int64_t due_ms;
    uint32_t next_home; /* in r->homes */
    size_t next_user;   /* in r->by_user */
    struct sweep_doubt doubts[SWEEP_STEP_MAX];
    uint32_t doubt_count;
};

/* When a step is due: MOMENT_NEVER while there is nothing to compare. */
int64_t sweep_deadline(const struct router *r);
/* Does a step when it is due. */
void sweep_step(struct router *r);
void sweep_answered(struct router *r, const struct ask *a, const WireLinkFrame *frame);

#endif
