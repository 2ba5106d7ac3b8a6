#include "base/snowflake.h"

#include <assert.h>

#define MS_BITS 41
#define COUNTER_MAX ((UINT64_C(1) << SNOWFLAKE_COUNTER_BITS) - 1)
#define MS_SHIFT (SNOWFLAKE_SHARD_BITS + SNOWFLAKE_COUNTER_BITS)

void snowflake_mint_init(struct snowflake_mint *mint, uint32_t shard)
{
    assert(shard < (1u << SNOWFLAKE_SHARD_BITS));
    *mint = (struct snowflake_mint){.shard = shard & ((1u << SNOWFLAKE_SHARD_BITS) - 1)};
}

void snowflake_mint_saw(struct snowflake_mint *mint, uint64_t id)
{
    if (snowflake_shard(id) == mint->shard && id > mint->last)
        mint->last = id;
}

static uint64_t first_of_ms(const struct snowflake_mint *mint, uint64_t ms)
{
    return ms << MS_SHIFT | (uint64_t)mint->shard << SNOWFLAKE_COUNTER_BITS;
}

/* The next id after the last, of the same millisecond while its counter lasts. */
static uint64_t successor(const struct snowflake_mint *mint)
{
    uint64_t ms = mint->last >> MS_SHIFT;
    uint64_t counter = mint->last & COUNTER_MAX;

    if (counter == COUNTER_MAX)
        return first_of_ms(mint, ms + 1);
    return first_of_ms(mint, ms) | (counter + 1);
}

uint64_t snowflake_mint_next(struct snowflake_mint *mint, int64_t wall_ms)
{
    uint64_t id = 0;

    /* A clock outside the range is not believed: an id at its end would leave no others. */
    if (wall_ms >= SNOWFLAKE_EPOCH_MS && wall_ms - SNOWFLAKE_EPOCH_MS < (INT64_C(1) << MS_BITS))
        id = first_of_ms(mint, (uint64_t)(wall_ms - SNOWFLAKE_EPOCH_MS));
    if (id <= mint->last)
        id = successor(mint);
    mint->last = id;
    return id;
}
