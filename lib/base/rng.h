/* Seeded random numbers (xoshiro256**): for jitter and ids, never for secrets. */
#ifndef CHAT_BASE_RNG_H
#define CHAT_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, bound); 0 for bound 0. No modulo bias. */
uint64_t rng_below(struct rng *r, uint64_t bound);
/* Never 0. */
uint64_t rng_id(struct rng *r);

#endif
