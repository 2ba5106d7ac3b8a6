/*
 * presence: knows who is online, as long as the routers say so.
 *
 * A router dials in, opens a lease (40 s, renewed every 10 s) under an epoch that rises,
 * sends its sessions as a snapshot, then changes as deltas. A user's state is the best of
 * its sessions on all routers: online, do not disturb, idle; invisible counts as offline.
 * Routers watch users and get coalesced batches. Nothing is durable.
 *
 * - A router whose lease ended, or that comes back under a higher epoch, loses what it said
 *   before (the latter only when its snapshot is done, so nobody flickers).
 * - A lower epoch than the highest seen from a router is refused: an old link revives nobody.
 * - For one lease after the start nobody is reported offline, as routers may not have told
 *   yet; who is still unknown then is reported offline.
 *
 * Frames are keyed by user, so any number of presence daemons share the users: a router
 * sends each its part.
 */
#ifndef CHAT_SERVER_PRESENCE_PRESENCE_H
#define CHAT_SERVER_PRESENCE_PRESENCE_H

#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/log.h>
#include <libchat/status.h>

#include "server/link.h"
#include "server/metrics.h"
#include "wire/machine.h"

#define PRESENCE_LEASE_MS 40000
#define PRESENCE_BATCH_MS 150 /* watchers wait at most this long for a change */
#define PRESENCE_BATCH_USERS_MAX 500u
#define PRESENCE_ROUTERS_MAX 1024u     /* default: routers with a lease or remembered epoch */
#define PRESENCE_SESSIONS_MAX 4000000u /* default: sessions of all routers */
#define PRESENCE_WATCHES_MAX 8000000u  /* default: (router, user) pairs of all routers */
#define PRESENCE_EPOCH_MEMORY_MS INT64_C(600000) /* an ended router's epoch is kept so long */

struct presence;

struct presence_config {
    const struct chat_allocator *allocator; /* NULL: malloc */
    const struct chat_logger *logger;       /* NULL: silent */
    uint64_t seed;                          /* of its random numbers */
    int64_t lease_ms;
    int64_t batch_ms;
    uint32_t routers_max;
    uint32_t sessions_max;
    uint32_t watches_max;
    size_t link_queue_max; /* bytes waiting for one router */
};

struct presence_stats {
    struct links_stats links;
    uint32_t routers; /* with a lease */
    uint32_t sessions, users_online, users, watches;
    uint64_t deltas, changes; /* sessions told; users whose state changed */
    uint64_t batches, batch_users;
    uint64_t leases_ended, leases_refused;
    uint64_t sessions_refused, watches_refused; /* past their limit */
};

void presence_config_init(struct presence_config *config);
/* Errors: CHAT_E_NOMEM, CHAT_E_INVALID. */
chat_status presence_new(const struct presence_config *config, struct presence **out_presence);
void presence_free(struct presence *presence); /* NULL is fine */
struct machine *presence_machine(struct presence *presence);
/* True from the end of the first lease on, or as soon as a router's snapshot is in. */
bool presence_is_ready(const struct presence *presence);
void presence_get_stats(const struct presence *presence, struct presence_stats *out_stats);
/* Writes the stats as metrics. */
void presence_write_metrics(const struct presence *presence, struct metrics *out);

#endif
