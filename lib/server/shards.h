/*
 * Which shard a thing belongs to, and which peer serves a shard.
 *
 * The number of shards is chosen when a deployment is made and never changes. The hashes
 * are stable for ever: stored data lies where they say.
 */
#ifndef CHAT_SERVER_SHARDS_H
#define CHAT_SERVER_SHARDS_H

#include <stdint.h>

#include <libchat/limits.h>
#include <libchat/status.h>

#include "libchat/v1/link.pb-c.h"

#define SHARD_NONE UINT32_MAX      /* no such shard */
#define SHARD_PEER_NONE UINT32_MAX /* nobody serves it now */

/* The shard inside an id; SHARD_NONE when the deployment has no such shard, so an id made
 * up by a client reaches nobody. */
uint32_t shard_of_id(uint64_t id, uint32_t shard_count);

/* Where the user of (issuer, subject) is found or created:
 *   hash_pair(siphash(issuer), siphash(subject)) mod shard_count
 * with the SipHash key {0x6c69626368617431, 0x7375626a65637430}. Both are NUL-terminated. */
uint32_t shard_of_subject(const char *issuer, const char *subject, uint32_t shard_count);

/* Where the direct of two users is found or created, whoever of them asks:
 *   hash_pair(smaller, greater) mod shard_count */
uint32_t shard_of_pair(uint64_t a, uint64_t b, uint32_t shard_count);

struct shard_claim {
    uint32_t peer;    /* SHARD_PEER_NONE: nobody serves it now */
    uint64_t version; /* the highest map_version that ever claimed it */
};

/* Who serves what, from the LinkWelcome of every store. A claim beneath the highest
 * version seen for a shard is ignored, also after that owner went away: a shard is
 * rather nobody's than an old owner's. */
struct shard_map {
    uint64_t service_id;  /* 0 until the first claim */
    uint32_t shard_count; /* 0 until the first claim */
    struct shard_claim claims[CHAT_SHARDS_MAX];
};

void shard_map_init(struct shard_map *map);

/*
 * Takes what `peer` says; it replaces all that this peer claimed before.
 * Errors: CHAT_E_CONFLICT (another service_id or shard_count than the map's),
 *         CHAT_E_PROTOCOL (shard_count 0 or too large, a shard past it). The peer then
 *         serves nothing.
 */
chat_status shard_map_claim(struct shard_map *map, uint32_t peer, const WireLinkWelcome *welcome);
/* A shard that `welcome` claims by the very version by which another peer serves it: which
 * of the two is believed depends on who came first. SHARD_NONE: there is none. */
uint32_t shard_map_rival(const struct shard_map *map, uint32_t peer,
                         const WireLinkWelcome *welcome);
/* The peer's link is gone. */
void shard_map_drop(struct shard_map *map, uint32_t peer);
/* SHARD_PEER_NONE for a shard that nobody serves, or that does not exist. */
uint32_t shard_map_peer(const struct shard_map *map, uint32_t shard);
/* How many shards somebody serves; all of them: == shard_count, and that is not 0. */
uint32_t shard_map_served(const struct shard_map *map);

#endif
