/*
 * sim_port: the network of one device: a chat_transport that is the simulated world. To the
 * world it is a machine like any other.
 *
 *   chat_loop ── chat_transport ── sim_port ── machine ── sim_node ── sim_world
 *
 * What the world says waits here until the loop pumps; what the loop sends waits until the
 * node is polled. A loop that starts on a port which had one before is a new process: the
 * links of the old one are gone.
 *
 * Threads: one. Owner: the caller of sim_port_init(); it stays where it is.
 */
#ifndef CHAT_TESTKIT_SIM_PORT_H
#define CHAT_TESTKIT_SIM_PORT_H

#include <libchat/transport.h>

#include "testkit/sim_world.h"

#define SIM_PORT_LINKS_MAX SIM_PEERS_MAX /* a link's slot is also the peer number of its dial */

/* What a port's owner knows. `user` is handed to each. */
struct sim_port_ops {
    /* Whom a dial reaches now. NULL: nobody answers, the dial runs into its timeout. */
    struct sim_node *(*route)(void *user);
    /* Something happened: steps the loop, if it is the owner's to step. */
    void (*step)(void *user);
    /* Milliseconds until step() is wanted, -1: no time is known. */
    int64_t (*timeout_ms)(void *user);
    /* True: the process died within its turn, nothing leaves it any more. */
    bool (*is_dead)(void *user);
    /* A message arrived, and the loop has not seen it yet. False: it is lost. */
    bool (*delivered)(void *user, const uint8_t *bytes, size_t len);
    /* A pump waits: lets time pass until has_heard() or, at most, so long. May be NULL. */
    chat_status (*wait)(void *user, int64_t timeout_ms);
    /* A loop starts. May be NULL. */
    chat_status (*started)(void *user);
};

struct sim_port_link;
struct sim_heard;

struct sim_port {
    struct machine machine;
    struct sim_node *node;
    const struct sim_port_ops *ops;
    void *user;
    struct rng rng;
    struct chat_transport transport;
    struct chat_transport_sink sink;
    bool has_loop;
    struct sim_port_link {
        uint64_t number; /* the loop's name; 0: free */
        link_id id;      /* the world's; 0: dialing, or gone */
        int64_t dial_by_ms;
        bool dial_due; /* an EFFECT_DIAL waits to be taken */
        bool dialed;   /* the world has it and will answer */
        bool closing;
        bool blocked;
        struct sim_outgoing *first, *last; /* not sent yet */
    } links[SIM_PORT_LINKS_MAX];
    struct sim_heard *first, *last; /* since the last pump */
    bool stepped;
    struct frame *sent; /* borrowed by the last effect */
};

/* The node is up from here on: sim_port_fini() takes it down. */
void sim_port_init(struct sim_port *port, struct sim_node *node, const struct sim_port_ops *ops,
                   void *user, uint64_t seed);
void sim_port_fini(struct sim_port *port); /* NULL and zeros are fine */

/* The application called something, or time passed: the loop is stepped at the next poll. */
void sim_port_touch(struct sim_port *port);
/* Something waits for the loop to pump. */
bool sim_port_has_heard(const struct sim_port *port);

#endif
