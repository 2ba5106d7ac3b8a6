#include "sim_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "testkit/sim_port.h"

struct sim_client {
    struct sim_port port;
    struct sim_node *const *routers;
    uint32_t router_count;
    chat_loop *loop;
    chat_conn *conn;
    struct sim_client_hooks hooks;
};

static struct sim_node *route(void *user)
{
    struct sim_client *c = user;

    return c->routers[rng_below(&c->port.rng, c->router_count)];
}

static void step(void *user) { (void)chat_loop_step(((struct sim_client *)user)->loop, 0); }

static int64_t timeout_ms(void *user)
{
    return chat_loop_get_timeout_ms(((struct sim_client *)user)->loop);
}

static bool is_dead(void *user)
{
    struct sim_client *c = user;

    return c->hooks.is_dead(c->hooks.user);
}

static bool delivered(void *user, const uint8_t *bytes, size_t len)
{
    struct sim_client *c = user;

    c->hooks.delivered(c->hooks.user, bytes, len);
    return true;
}

static const struct sim_port_ops ops = {
    .route = route,
    .step = step,
    .timeout_ms = timeout_ms,
    .is_dead = is_dead,
    .delivered = delivered,
};

/* One in three has little time: messages wait in its loop, and are handled piece by piece. */
static uint32_t events_budget(uint64_t seed)
{
    struct rng rng;

    rng_seed(&rng, ~seed);
    return rng_below(&rng, 3) ? 0 : 1 + (uint32_t)rng_below(&rng, 24);
}

struct sim_client *sim_client_new(struct sim_node *node, struct sim_node *const *routers,
                                  uint32_t router_count, uint64_t seed)
{
    struct sim_client *c = calloc(1, sizeof(*c));
    struct chat_loop_config config;

    if (!c)
        exit(2);
    c->routers = routers;
    c->router_count = router_count;
    sim_port_init(&c->port, node, &ops, c, seed);
    chat_loop_config_init(&config);
    config.transport = &c->port.transport;
    config.budget_events = events_budget(seed);
    if (chat_loop_new(&config, &c->loop) != CHAT_OK) {
        fprintf(stderr, "simulator: no loop\n");
        exit(2);
    }
    return c;
}

chat_status sim_client_open(struct sim_client *c, struct chat_conn_config *config)
{
    chat_status status;

    config->url = "wss://sim.example/";
    config->seed = rng_id(&c->port.rng);
    status = chat_conn_new(c->loop, config, &c->conn);
    return status == CHAT_OK ? chat_conn_start(c->conn) : status;
}

void sim_client_set_hooks(struct sim_client *c, const struct sim_client_hooks *hooks)
{
    c->hooks = *hooks;
}

chat_conn *sim_client_conn(struct sim_client *c) { return c->conn; }

bool sim_client_has_events(struct sim_client *c) { return chat_loop_next_conn(c->loop) != NULL; }
struct machine *sim_client_machine(struct sim_client *c) { return &c->port.machine; }

void sim_client_touch(struct sim_client *c) { sim_port_touch(&c->port); }

void sim_client_free(struct sim_client *c)
{
    if (!c)
        return;
    chat_conn_free(c->conn);
    chat_loop_free(c->loop);
    sim_port_fini(&c->port);
    free(c);
}
