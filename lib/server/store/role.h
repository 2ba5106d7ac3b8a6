/* role: the store as its own shards see it. Nobody outside this folder includes it. */
#ifndef CHAT_SERVER_STORE_ROLE_H
#define CHAT_SERVER_STORE_ROLE_H

#include "server/link.h"
#include "server/shards.h"
#include "server/store/shard.h"
#include "server/store/store.h"

struct store {
    struct machine machine;
    struct store_config config;
    struct store_stats stats;
    struct moment now; /* of the event being fed */
    struct rng rng;
    struct links links;
    struct shard_map *map;    /* what the other stores serve, by peer */
    struct shard **by_number; /* shard_count of them; NULL: not held */
    struct shard *shards;
    uint32_t shards_held;
    uint64_t service_id;
    uint32_t *serving;   /* for the welcome */
    struct list ready;   /* shards to pump */
    struct list issuing; /* shards with requests for the host */
    struct list local;   /* frames between shards of this store */
    uint32_t local_count;
    struct arena arena; /* a local frame, decoded */
    bool announce;      /* what we serve has changed */
    bool started, stopping, links_stopped, stopped;
};

extern const struct machine_ops store_machine_ops;
void store_init_links(struct store *store, struct links_config *config);
void store_drop_local(struct store *store);

/* Answers a request: the frame carries its request_id. Takes a ref of its own. */
void store_reply(struct store *store, link_id link, struct frame *frame);
/* Sends what answers nothing; link 0: to a shard of this store. False: lost. */
bool store_push(struct store *store, link_id link, struct frame *frame);
/* Sends to whoever has the shard, this store included. False: nobody, or no room. */
bool store_send_to_shard(struct store *store, uint32_t shard, struct frame *frame);
/* A shard began or ceased to serve. */
void store_shard_changed(struct store *store);
/* Routers have to ask for everything anew. */
void store_close_routers(struct store *store);
/* A shard waits for the service id; or all have been asked for it. */
void store_settle_service(struct store *store);

#endif
