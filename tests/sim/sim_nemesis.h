/*
 * sim_nemesis: what goes wrong in a run. Each seed chooses which kinds of faults happen and
 * how often (a swarm), then they come by chance until it is told to stop.
 */
#ifndef CHAT_SIM_NEMESIS_H
#define CHAT_SIM_NEMESIS_H

#include "sim_app.h"
#include "sim_server.h"

enum sim_fault {
    FAULT_CUT_CLIENT,
    FAULT_CUT_DAEMONS,
    FAULT_HALF_OPEN_CLIENT,
    FAULT_HALF_OPEN_DAEMONS,
    FAULT_STALL,
    FAULT_PARTITION,
    FAULT_KILL_ROUTER,
    FAULT_DRAIN_ROUTER,
    FAULT_KILL_PRESENCE,
    FAULT_KILL_STORE,      /* the process */
    FAULT_POWER_STORE,     /* unsynced writes are dropped, reordered or torn */
    FAULT_POWER_MID_WRITE, /* the same, in the middle of a request */
    FAULT_FAIL_SYNC,
    FAULT_FULL_DISK,
    FAULT_SLOW_ENGINE,
    FAULT_RIVAL_STORE, /* a second owner of the shards */
    FAULT_KILL_CLIENT,
    FAULT_POWER_CLIENT,
    FAULT_CLIENT_MID_WRITE, /* either, within a write of its cache */
    FAULT_ROLL_BACK_CLIENT, /* an older copy of its cache is restored */
    FAULT_CLOCK_JUMP,
    FAULT_BLOCK,            /* links that take no more for a while */
    FAULT_LOSE_PUBLICATION, /* a bus that is allowed to */
    FAULT_REWRITE_HISTORY,  /* an operator restores a store while it is down */
    FAULT_KINDS,
};

const char *sim_fault_name(enum sim_fault fault);

struct sim_nemesis;

struct sim_nemesis *sim_nemesis_new(struct sim_servers *servers, struct sim_app *const *apps,
                                    const uint32_t *app_count, struct sim_crowd *crowd);
void sim_nemesis_free(struct sim_nemesis *n);
void sim_nemesis_begin(struct sim_nemesis *n);
/* No new faults; everything that was broken is mended and everything down is started. */
void sim_nemesis_heal(struct sim_nemesis *n);
/* How often each kind fired. */
const uint64_t *sim_nemesis_counts(const struct sim_nemesis *n);

#endif
