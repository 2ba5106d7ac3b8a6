/* sim_run: one seed, from an empty deployment through faults to the verdict. */
#ifndef CHAT_SIM_RUN_H
#define CHAT_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "checker.h"
#include "sim_nemesis.h"

struct sim_result {
    uint64_t seed;
    uint64_t trace;
    uint64_t violations[CHECK_RULES];
    uint64_t total; /* violations */
    uint64_t faults[FAULT_KINDS];
    struct checker_counts counts;
    struct sim_counts world;
    uint64_t gaps, evictions, rereads, resets, hits, shared_caches, conflicts;
    int64_t virtual_ms;
    bool shared;
};

/* `quiet`: violations are counted, not printed. */
void sim_run(uint64_t seed, bool quiet, struct sim_result *out);

#endif
