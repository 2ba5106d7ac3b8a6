/*
 * sim_plants: proves the checker. Each planted fault of base/plant.h is switched on alone,
 * in a seed that is clean without it, and must be caught there.
 */
#ifndef CHAT_SIM_PLANTS_H
#define CHAT_SIM_PLANTS_H

#include <stdbool.h>
#include <stdint.h>

struct sim_plants_options {
    const char *known;   /* a file of "PLANT SEED" lines to try first; NULL: none */
    const char *refresh; /* a file to write the seeds that caught them to; NULL: none */
    uint64_t seeds;      /* from 1: searched where the known seed does not do it any more */
    int seconds;         /* the search ends then, 0: never; known seeds are tried all the same */
};

/* Switches one on. False: none is called so, or this build holds none. */
bool sim_plants_choose(const char *name);
/* An exit code: 0 when enough of them are caught. */
int sim_plants_prove(const struct sim_plants_options *options);

#endif
