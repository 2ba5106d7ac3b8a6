#include "server/shards.h"

#include <string.h>

#include "base/hash.h"
#include "base/snowflake.h"

/* "libchat1", "subject0". */
static const uint64_t subject_key[2] = {UINT64_C(0x6c69626368617431), UINT64_C(0x7375626a65637430)};

uint32_t shard_of_id(uint64_t id, uint32_t shard_count)
{
    uint32_t shard = snowflake_shard(id);
    return shard < shard_count ? shard : SHARD_NONE;
}

uint32_t shard_of_subject(const char *issuer, const char *subject, uint32_t shard_count)
{
    uint64_t hash = hash_pair(hash_bytes(subject_key, issuer, strlen(issuer)),
                              hash_bytes(subject_key, subject, strlen(subject)));
    return shard_count > 0 ? (uint32_t)(hash % shard_count) : SHARD_NONE;
}

uint32_t shard_of_pair(uint64_t a, uint64_t b, uint32_t shard_count)
{
    uint64_t hash = a < b ? hash_pair(a, b) : hash_pair(b, a);
    return shard_count > 0 ? (uint32_t)(hash % shard_count) : SHARD_NONE;
}

void shard_map_init(struct shard_map *map)
{
    *map = (struct shard_map){0};
    for (uint32_t i = 0; i < CHAT_SHARDS_MAX; i++)
        map->claims[i].peer = SHARD_PEER_NONE;
}

void shard_map_drop(struct shard_map *map, uint32_t peer)
{
    for (uint32_t i = 0; i < CHAT_SHARDS_MAX; i++)
        if (map->claims[i].peer == peer)
            map->claims[i].peer = SHARD_PEER_NONE;
}

/* Of a new store, whose data has not said yet which deployment it is of. */
static bool is_blank(const WireLinkWelcome *welcome)
{
    return welcome->service_id == 0 && welcome->n_shards == 0;
}

static chat_status check_claim(const struct shard_map *map, const WireLinkWelcome *welcome)
{
    if (welcome->shard_count == 0 || welcome->shard_count > CHAT_SHARDS_MAX)
        return CHAT_E_PROTOCOL;
    for (size_t i = 0; i < welcome->n_shards; i++)
        if (welcome->shards[i] >= welcome->shard_count)
            return CHAT_E_PROTOCOL;
    if (map->shard_count != 0 && !is_blank(welcome) &&
        (map->shard_count != welcome->shard_count || map->service_id != welcome->service_id))
        return CHAT_E_CONFLICT;
    return CHAT_OK;
}

chat_status shard_map_claim(struct shard_map *map, uint32_t peer, const WireLinkWelcome *welcome)
{
    chat_status status = check_claim(map, welcome);

    shard_map_drop(map, peer);
    if (status != CHAT_OK || is_blank(welcome))
        return status;
    map->service_id = welcome->service_id;
    map->shard_count = welcome->shard_count;
    for (size_t i = 0; i < welcome->n_shards; i++) {
        struct shard_claim *claim = &map->claims[welcome->shards[i]];

        if (welcome->map_version < claim->version)
            continue;
        /* Two with the same version: the first one stays, so that routes don't flap. */
        if (welcome->map_version == claim->version && claim->peer != SHARD_PEER_NONE)
            continue;
        claim->peer = peer;
        claim->version = welcome->map_version;
    }
    return CHAT_OK;
}

uint32_t shard_map_rival(const struct shard_map *map, uint32_t peer, const WireLinkWelcome *welcome)
{
    for (size_t i = 0; i < welcome->n_shards; i++) {
        uint32_t shard = welcome->shards[i];
        uint32_t owner = shard_map_peer(map, shard);

        if (owner != SHARD_PEER_NONE && owner != peer &&
            map->claims[shard].version == welcome->map_version)
            return shard;
    }
    return SHARD_NONE;
}

uint32_t shard_map_peer(const struct shard_map *map, uint32_t shard)
{
    return shard < map->shard_count ? map->claims[shard].peer : SHARD_PEER_NONE;
}

uint32_t shard_map_served(const struct shard_map *map)
{
    uint32_t served = 0;

    for (uint32_t i = 0; i < map->shard_count; i++)
        served += map->claims[i].peer != SHARD_PEER_NONE;
    return served;
}
