/* The presence role's own structs; only its files include it. */
#ifndef CHAT_SERVER_PRESENCE_INNER_H
#define CHAT_SERVER_PRESENCE_INNER_H

#include "base/map.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "server/link.h"
#include "server/presence/people.h"
#include "server/presence/presence.h"

/* Past it a router's batches wait and go on coalescing. */
#define PRESENCE_QUEUE_HIGH 262144u

enum presence_timer_purpose {
    PRESENCE_TIMER_GRACE,
    PRESENCE_TIMER_LEASE,
    PRESENCE_TIMER_BATCH,
};

struct presence_timer {
    struct wheel_timer timer; /* first: the wheel hands back its address */
    enum presence_timer_purpose purpose;
};

struct presence_router {
    struct list_node all; /* in leased or ended */
    uint64_t router_id;
    uint64_t epoch; /* the highest seen */
    link_id link;   /* of that epoch; 0 when it is gone */
    bool leased;
    bool in_snapshot;
    struct presence_timer lease_timer; /* its end; of an ended record: when to forget it */
    struct presence_timer batch_timer;
    struct people_teller teller;
};

struct presence {
    struct machine machine;
    struct presence_config config;
    struct presence_stats stats;
    struct rng rng;
    struct links links;
    struct people people;
    struct map routers;        /* router id -> router */
    struct list leased, ended; /* the longest ended first */
    uint32_t router_count, leased_count;
    struct wheel wheel;
    struct presence_timer grace_timer;
    int64_t now_ms;
    bool started, stopping, stopped, heard_snapshot;
};

/* routers.c */
void presence_router_free(struct presence *p, struct presence_router *r);
/* Its lease ended; of an ended record: it was kept long enough. */
void presence_router_lease_due(struct presence *p, struct presence_router *r);
/* Sends what is marked for it, as far as its link takes it. */
void presence_router_tell(struct presence *p, struct presence_router *r);
/* Whoever has something new to hear gets it within batch_ms. */
void presence_arm_batches(struct presence *p);
void presence_take_lease(struct presence *p, struct link *link, const WireLease *lease);
void presence_take_delta(struct presence *p, struct link *link, const WirePresenceDelta *delta);
void presence_take_watch(struct presence *p, struct link *link, const WireWatch *watch);

#endif
