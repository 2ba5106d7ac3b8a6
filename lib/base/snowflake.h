/*
 * 63-bit ids: 41 bits of milliseconds, 10 of logical shard, 12 of counter. They
 * sort by time and carry the shard that owns what they name.
 */
#ifndef CHAT_BASE_SNOWFLAKE_H
#define CHAT_BASE_SNOWFLAKE_H

#include <stdint.h>

#define SNOWFLAKE_EPOCH_MS INT64_C(1704067200000) /* 2024-01-01 UTC */
#define SNOWFLAKE_SHARD_BITS 10
#define SNOWFLAKE_COUNTER_BITS 12

/* What mints ids for one shard. One writer. */
struct snowflake_mint {
    uint64_t last; /* the greatest id given or seen */
    uint32_t shard;
};

void snowflake_mint_init(struct snowflake_mint *mint, uint32_t shard);
/* An id seen in a log or table: later ones will be greater. Other shards' are ignored. */
void snowflake_mint_saw(struct snowflake_mint *mint, uint64_t id);
/* Greater than every id given or seen, whatever the clock does. Never 0. */
uint64_t snowflake_mint_next(struct snowflake_mint *mint, int64_t wall_ms);

static inline uint32_t snowflake_shard(uint64_t id)
{
    return (uint32_t)(id >> SNOWFLAKE_COUNTER_BITS) & ((1u << SNOWFLAKE_SHARD_BITS) - 1);
}

static inline int64_t snowflake_wall_ms(uint64_t id)
{
    return (int64_t)(id >> (SNOWFLAKE_SHARD_BITS + SNOWFLAKE_COUNTER_BITS)) + SNOWFLAKE_EPOCH_MS;
}

#endif
