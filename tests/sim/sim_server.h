/*
 * sim_server: the servers of a run: stores, routers, one presence, each with its disk.
 * They are started and killed like processes; what an engine makes durable is tapped for
 * the checker.
 */
#ifndef CHAT_SIM_SERVER_H
#define CHAT_SIM_SERVER_H

#include <libchat/log.h>

#include "checker.h"
#include "sim_storage.h"
#include "testkit/sim_world.h"

#define SIM_STORES_MAX 3u
#define SIM_ROUTERS_MAX 4u

enum sim_role { SIM_STORE, SIM_ROUTER, SIM_PRESENCE };

struct sim_servers;

struct sim_server {
    struct sim_servers *servers;
    enum sim_role role;
    uint32_t number; /* among its role */
    struct sim_node *node;
    void *instance; /* struct store, router or presence; NULL while down */
    struct store_engine *engine;
    struct chat_logger logger;
    struct sim_storage *storage; /* of a store; NULL: the shared cluster */
    uint32_t shards[8];
    uint32_t shard_count;
    bool rival; /* a second owner of store 0's shards */
    bool stopped;
    enum { LOSE_NOTHING, LOSE_ANY_PUBLICATION, LOSE_MEMBER_PUBLICATION } loses;
    uint32_t loses_left; /* so many of them */
    bool lost_some;
};

struct sim_servers {
    struct sim_world *world;
    struct checker *checker;
    uint32_t shard_total;
    struct sim_server stores[SIM_STORES_MAX + 1]; /* the last one is the rival */
    uint32_t store_count;
    struct sim_server routers[SIM_ROUTERS_MAX];
    uint32_t router_count;
    struct sim_server presence;
    struct sim_node *router_nodes[SIM_ROUTERS_MAX];
    bool shared;                 /* the engines are owners of one shared database */
    struct sim_cluster *cluster; /* then */
    uint64_t node_ids;
    uint64_t map_version; /* of the shared database's newest owner */
    uint64_t conflicts;   /* engines that were fenced */
    uint64_t missed;      /* homes that routers, killed since, found behind their store */
};

/* Two or three routers, one or two stores, one presence, as the seed wants. */
struct sim_servers *sim_servers_new(struct sim_world *world, struct checker *checker, bool shared);
void sim_servers_free(struct sim_servers *s);

void sim_server_start(struct sim_server *server);
/* `lost`: power, so that unsynced writes of a store are dropped, reordered or torn. `silent`:
 * its peers are not told. */
void sim_server_kill(struct sim_server *server, bool lost, bool silent);
/* The store's next publication does not arrive, or the next few about members; of a router the
 * next push to a client. False: one is waited for already. */
bool sim_server_lose_publication(struct sim_server *server, bool of_member);
/* No more. Who lost some links up anew, as with a bus. */
void sim_server_lose_nothing(struct sim_server *server);
/* A restart with every channel's epoch raised and a message of each exchanged. Nothing but the
 * restart when the table is behind the log. */
void sim_server_rewrite_history(struct sim_server *server);
bool sim_server_is_up(const struct sim_server *server);
/* All roles are up and every shard serves. */
bool sim_servers_ready(struct sim_servers *s);
void sim_servers_describe(struct sim_servers *s);
/* The routers' sweep mends what subscriptions lost, and would hide why from the checker: a
 * violation, unless publications were lost on purpose. */
void sim_servers_check(struct sim_servers *s);

#endif
