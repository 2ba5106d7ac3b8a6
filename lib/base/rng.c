#include "base/rng.h"

static uint64_t rotate(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

/* splitmix64, as the authors of xoshiro advise: near seeds give far states, none all zero. */
static uint64_t next_of_seed(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = next_of_seed(&seed);
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t result = rotate(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotate(r->s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    uint64_t skipped, x;

    if (bound == 0)
        return 0;
    /* 2^64 mod bound: with that many of the lowest numbers left out, the rest divides
     * evenly. Less than half is ever left out, so the loop soon ends. */
    skipped = (0 - bound) % bound;
    do
        x = rng_u64(r);
    while (x < skipped);
    return x % bound;
}

uint64_t rng_id(struct rng *r)
{
    uint64_t id;

    do
        id = rng_u64(r);
    while (id == 0);
    return id;
}
