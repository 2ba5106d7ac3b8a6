/*
 * sim_world: virtual time, nodes and the network between them, from one seed.
 *
 * A node hosts one machine. The world feeds it events and carries out its effects:
 * messages arrive later, in order per link direction, or never; dials succeed or fail;
 * engine requests run and come back after a while. Nothing here knows what a router or
 * a store is. The same seed gives the same run, and the same trace hash.
 *
 * A world that ran out of memory, or into a machine without end, goes no further: every run
 * is false then, and sim_world_status() says which it was.
 *
 * Threads: one. Owner: the caller of sim_world_new().
 */
#ifndef CHAT_SIM_WORLD_H
#define CHAT_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/rng.h"
#include "wire/machine.h"

#define SIM_WORLD_START_MS 1000
#define SIM_NODES_MAX 128u
#define SIM_PEERS_MAX 8u
#define SIM_LINKS_MAX 4096u
#define SIM_LANES_MAX 64u
#define SIM_LANE_GROUP 8u                 /* those of one shard */
#define SIM_EVENTS_MAX UINT64_C(20000000) /* in one run */
#define SIM_POLLS_MAX 200000u             /* effects of one node in one turn: more is a loop */

struct sim_world;
struct sim_node;

/* What the world cannot know about a node. */
struct sim_node_ops {
    /* Runs an engine request; false: the node died meanwhile (its disk crashed). */
    bool (*execute)(struct sim_node *node, struct engine_request *request);
    /* Which lane of the node it runs on, below SIM_LANES_MAX; one at a time each. */
    uint32_t (*lane)(struct sim_node *node, const struct engine_request *request);
    /* True: the message is lost on its way, and the link goes on. May be NULL. */
    bool (*loses)(struct sim_node *node, const struct sim_node *to, const uint8_t *bytes,
                  size_t len);
    /* The machine was fed and polled dry: the application may look and act. */
    void (*after_turn)(struct sim_node *node);
    /* The machine reported EFFECT_STOPPED. */
    void (*stopped)(struct sim_node *node);
};

struct sim_node {
    struct sim_world *world;
    const struct sim_node_ops *ops;
    void *user;
    const char *name;
    uint32_t index;
    struct machine *machine; /* NULL while the node is down */
    uint32_t generation;     /* rises at each start and crash: old completions are dropped */
    int64_t wall_offset_ms;
    struct sim_node *peers[SIM_PEERS_MAX]; /* whom DIAL{peer} reaches */
    bool peer_is_client;                   /* our dials arrive as LINK_CLIENT, not LINK_PEER */
    bool refuses;                          /* dials to it fail */
    int64_t timer_at_ms;
    bool timer_armed;
    bool in_turn;
    struct sim_lane {
        struct sim_request *first, *last;
        bool busy;
    } lanes[SIM_LANES_MAX];
    int64_t delay_ms;       /* added each way to what it sends and gets, and to dials */
    int64_t engine_slow_ms; /* added to each engine request */
    uint32_t slow_lanes;    /* of which groups of lanes, bit by bit; 0: of all */
};

/* How the network behaves at the moment. */
struct sim_net {
    int64_t delay_min_ms, delay_max_ms;
    uint32_t block_permille; /* sends that block the link for a while */
    uint32_t dial_fail_permille;
    int64_t engine_min_ms, engine_max_ms;
};

struct sim_counts {
    uint64_t events, messages, bytes, dials, dials_failed, cuts, half_opens, blocks,
        engine_requests;
};

/* `allocator` may be NULL: malloc. NULL when there is no memory. */
struct sim_world *sim_world_new(const struct chat_allocator *allocator, uint64_t seed);
void sim_world_free(struct sim_world *world); /* NULL is fine */

/* CHAT_OK, CHAT_E_NOMEM, or CHAT_E_STATE: effects without end. */
chat_status sim_world_status(const struct sim_world *world);
/* The world goes no further. The first status stays. */
void sim_world_fail(struct sim_world *world, chat_status status);

/* Told of every message that arrives, before its machine is. */
typedef void (*sim_tap_fn)(const struct sim_node *from, const struct sim_node *to,
                           const uint8_t *bytes, size_t len);
void sim_world_tap(struct sim_world *world, sim_tap_fn tap);

/* `name` is borrowed. NULL past SIM_NODES_MAX. */
struct sim_node *sim_world_add(struct sim_world *world, const char *name,
                               const struct sim_node_ops *ops, void *user);
struct rng *sim_world_rng(struct sim_world *world);
struct sim_net *sim_world_net(struct sim_world *world);
const struct sim_counts *sim_world_counts(const struct sim_world *world);
int64_t sim_world_now_ms(const struct sim_world *world);
uint64_t sim_world_trace(const struct sim_world *world);
/* Folds something the application saw into the trace. */
void sim_world_note(struct sim_world *world, uint64_t value);

/* Gives a node that is down its machine. The node polls it at once. */
void sim_node_start(struct sim_node *node, struct machine *machine);
/* Takes the machine away (the caller frees it). The other ends of its links see a close
 * after a delay, or with `silent` nothing at all: they are half-open. */
struct machine *sim_node_crash(struct sim_node *node, bool silent);
/* Time passes or the application did something: feeds EVENT_TIMER and polls. */
void sim_node_kick(struct sim_node *node);
void sim_node_stop(struct sim_node *node); /* EVENT_STOP */
struct moment sim_node_now(const struct sim_node *node);

/* Calls fn(user, arg) at a virtual time. */
typedef void (*sim_call_fn)(void *user, uint64_t arg);
void sim_world_at(struct sim_world *world, int64_t at_ms, sim_call_fn fn, void *user, uint64_t arg);

/* Faults on links between two nodes (either may be NULL for any); all of them or one. */
uint32_t sim_world_cut(struct sim_world *world, const struct sim_node *a, const struct sim_node *b,
                       bool all);
uint32_t sim_world_half_open(struct sim_world *world, const struct sim_node *a,
                             const struct sim_node *b, bool all);
/* Of the links that a node dialed, all of them. They end with this code, in order. */
uint32_t sim_world_close(struct sim_world *world, const struct sim_node *dialer, uint16_t code);
/* What is sent does not arrive at this end any more; the other way is open. */
uint32_t sim_world_deafen(struct sim_world *world, const struct sim_node *dialer,
                          bool is_dialer_deaf);
/* The dialer hears at once that the link is gone; the other end goes on with it, unheard, for a
 * while. */
uint32_t sim_world_linger(struct sim_world *world, const struct sim_node *dialer, int64_t for_ms);
/* Nothing arrives on them before at_ms. */
uint32_t sim_world_stall(struct sim_world *world, const struct sim_node *a,
                         const struct sim_node *b, int64_t until_ms);
/* Dials between the two fail until healed. */
void sim_world_partition(struct sim_world *world, const struct sim_node *a,
                         const struct sim_node *b, bool on);

void sim_world_heal_partitions(struct sim_world *world);

/* Messages, closes, dials and engine requests that are under way. Timers are not. */
uint32_t sim_world_in_flight(const struct sim_world *world);

/* Runs until virtual `until_ms`, or until `done` says so (may be NULL). False when the event
 * limit was hit first: something loops; or when the world had failed. */
bool sim_world_run(struct sim_world *world, int64_t until_ms, bool (*done)(void *user), void *user);

#endif
