/*
 * sim_client: one device on the simulated network: a real chat_loop and chat_conn over a
 * chat_transport that is the world. To the world it is a machine like any other.
 */
#ifndef CHAT_SIM_CLIENT_H
#define CHAT_SIM_CLIENT_H

#include <libchat/libchat.h>
#include <libchat/transport.h>

#include "testkit/sim_world.h"

struct sim_client;

/* Routers it may dial: each dial takes one of them by chance. */
struct sim_client *sim_client_new(struct sim_node *node, struct sim_node *const *routers,
                                  uint32_t router_count, uint64_t seed);
/* What the app wants to know and the client does not. */
struct sim_client_hooks {
    /* A message arrived; the client has not seen it yet. */
    void (*delivered)(void *user, const uint8_t *bytes, size_t len);
    /* True: the process died within its turn, nothing more leaves it. */
    bool (*is_dead)(void *user);
    void *user;
};
void sim_client_set_hooks(struct sim_client *client, const struct sim_client_hooks *hooks);
/* Opens the conn on the loop and starts it. `config->url` and `seed` are filled in. */
chat_status sim_client_open(struct sim_client *client, struct chat_conn_config *config);
chat_conn *sim_client_conn(struct sim_client *client);
/* Events wait that the application was not given yet: a step of a small budget left them. */
bool sim_client_has_events(struct sim_client *client);
struct machine *sim_client_machine(struct sim_client *client);
/* The application called something on the conn: the loop is stepped at the next poll. */
void sim_client_touch(struct sim_client *client);
/* Frees conn and loop as they are: whatever is not on its disk is lost. */
void sim_client_free(struct sim_client *client);

#endif
