/* sim_world's inside, shared by sim_world.c (nodes and time) and sim_links.c (the network). */
#ifndef CHAT_SIM_WORLD_INNER_H
#define CHAT_SIM_WORLD_INNER_H

#include "testkit/sim_queue.h"
#include "testkit/sim_world.h"

struct message {
    struct message *next;
    size_t len;
    uint8_t bytes[];
};

/* One direction of a link. */
struct way {
    struct message *first, *last; /* sent, not yet arrived */
    int64_t last_at_ms;           /* arrivals keep their order */
    bool blocked;                 /* its sender was told so */
};

struct link {
    link_id id[2]; /* as each end calls it; 0: that end is closed */
    struct sim_node *end[2];
    uint32_t generation[2];
    uint32_t peer; /* of the dialing end, end[0] */
    bool half_open;
    bool deaf[2]; /* nothing arrives at that end */
    bool open;
    int64_t stalled_until_ms;
    struct way way[2]; /* way[e]: sent by end e */
    uint32_t serial;
};

struct partition {
    const struct sim_node *a, *b;
};

struct sim_world {
    const struct chat_allocator *allocator;
    chat_status status;
    sim_tap_fn tap;
    uint32_t in_flight;
    struct rng rng;
    struct sim_net net;
    struct sim_counts counts;
    int64_t now_ms;
    uint64_t trace;
    uint64_t next_link_id;
    struct sim_queue queue;
    struct sim_node nodes[SIM_NODES_MAX];
    uint32_t node_count;
    struct link links[SIM_LINKS_MAX];
    uint32_t link_serial;
    struct partition partitions[SIM_NODES_MAX];
    uint32_t partition_count;
};

/* --- sim_world.c --- */

/* Zeroed. NULL: no memory, and the world has failed. */
void *sim_world_alloc(struct sim_world *w, size_t size);
void sim_mix(struct sim_world *w, uint64_t value);
/* As sim_world_at(), for what counts as under way: its `fn` calls sim_landed() first. */
void sim_launch(struct sim_world *w, int64_t at_ms, sim_call_fn fn, void *user, uint64_t arg);
void sim_landed(struct sim_world *w);
int64_t sim_between(struct sim_world *w, int64_t min, int64_t max);
bool sim_chance(struct sim_world *w, uint32_t permille);
/* Feeds a node that is up; the time is filled in. */
void sim_feed(struct sim_node *node, struct event *event);
/* Polls the machine dry, then lets the application look. */
void sim_turn(struct sim_node *node);

/* --- sim_links.c --- */

void sim_links_send(struct sim_node *node, const struct effect *effect);
void sim_links_close(struct sim_node *node, const struct effect *effect);
void sim_links_dial(struct sim_node *node, const struct effect *effect);
void sim_links_drop_node(struct sim_node *node, bool silent);
void sim_links_free(struct sim_world *w);

#endif
