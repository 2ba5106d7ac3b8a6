#include "sim_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "server/presence/presence.h"
#include "server/router/router.h"
#include "server/store/store.h"
#include "sim_rewrite.h"
#include "sim_tap.h"
#include "sim_trace.h"
#include "wire/wire.h"

#define SERVICE_ID UINT64_C(0x5151)

static const char *const issuers[] = {"sim"};

/* --- who a token speaks for: "sim:<subject>:<expires at, ms>" --- */

static chat_status verify(void *user, const char *token, size_t token_len, int64_t wall_ms,
                          struct token_claims *out, const char **out_reason)
{
    char text[128];
    const char *subject, *end;

    (void)user;
    *out_reason = "simulated";
    if (token_len >= sizeof(text) || token_len < 5 || memcmp(token, "sim:", 4) != 0)
        return CHAT_E_AUTH;
    memcpy(text, token, token_len);
    text[token_len] = '\0';
    subject = text + 4;
    end = strchr(subject, ':');
    if (!end)
        return CHAT_E_AUTH;
    *out = (struct token_claims){.expires_at_ms = strtoll(end + 1, NULL, 10)};
    snprintf(out->issuer, sizeof(out->issuer), "sim");
    snprintf(out->subject, sizeof(out->subject), "%.*s", (int)(end - subject), subject);
    snprintf(out->name, sizeof(out->name), "%.64s", out->subject);
    return out->expires_at_ms + AUTH_LEEWAY_S * 1000 < wall_ms ? CHAT_E_EXPIRED : CHAT_OK;
}

static const struct ticket_keys keys = {.keys = {{.id = 1, .secret = {7}}}, .count = 1};

static chat_status seal(void *user, struct ticket *ticket, uint8_t *out_bytes, size_t *out_len)
{
    (void)user;
    *out_len = TICKET_SIZE;
    return ticket_seal(&keys, ticket, out_bytes);
}

static chat_status open_ticket(void *user, const uint8_t *bytes, size_t bytes_len,
                               uint64_t device_id, int64_t wall_ms, struct ticket *out_ticket)
{
    (void)user;
    return ticket_open(&keys, bytes, bytes_len, device_id, wall_ms, out_ticket);
}

/* --- what a node does for its machine --- */

static bool execute(struct sim_node *node, struct engine_request *request)
{
    struct sim_server *server = node->user;

    server->engine->ops->execute(server->engine, request);
    if (server->storage && sim_storage_is_dead(server->storage)) {
        sim_server_kill(server, true, false);
        return false;
    }
    if (request->status == CHAT_E_CONFLICT)
        server->servers->conflicts++;
    sim_tap(server->servers->checker, request);
    return true;
}

/* LOG and APPLY are one at a time per shard, reads go where there is room. */
static uint32_t lane(struct sim_node *node, const struct engine_request *request)
{
    uint32_t base = request->shard % 8 * SIM_LANE_GROUP;

    if (request->op == ENGINE_APPLY)
        return base + 1;
    if (request->op == ENGINE_READ)
        return base + 2 + (uint32_t)rng_below(sim_world_rng(node->world), 6);
    return base;
}

static void on_stopped(struct sim_node *node) { ((struct sim_server *)node->user)->stopped = true; }

static bool is_lossy(const WireLinkFrame *frame, bool only_of_member)
{
    if (frame->body_case != WIRE_LINK_FRAME__BODY_PUBLICATION)
        return false;
    for (size_t i = 0; only_of_member && i < frame->publication->n_events; i++) {
        unsigned kind = frame->publication->events[i]->body_case;
        if (kind == WIRE_HOME_EVENT__BODY_MEMBER_CHANGED ||
            kind == WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED)
            return true;
    }
    return !only_of_member;
}

static bool is_push(const WireServerFrame *frame)
{
    return frame->body_case == WIRE_SERVER_FRAME__BODY_MESSAGE ||
           frame->body_case == WIRE_SERVER_FRAME__BODY_CHANGED;
}

static bool loses_link_batch(const struct sim_server *server, const uint8_t *bytes, size_t len,
                             struct arena *arena)
{
    WireLinkBatch *batch = NULL;
    struct wire_fault fault;
    bool lost = wire_decode_link(bytes, len, arena, &batch, &fault) == CHAT_OK;

    for (size_t i = 0; lost && i < batch->n_frames; i++)
        lost = is_lossy(batch->frames[i], server->loses == LOSE_MEMBER_PUBLICATION);
    return lost;
}

static bool loses_server_batch(const uint8_t *bytes, size_t len, struct arena *arena)
{
    WireServerBatch *batch = NULL;
    struct wire_fault fault;
    bool lost = wire_decode_server(bytes, len, arena, &batch, &fault) == CHAT_OK;

    for (size_t i = 0; lost && i < batch->n_frames; i++)
        lost = is_push(batch->frames[i]);
    return lost;
}

/* A message of nothing but what is pushed may be lost: by a bus to the routers, by a router
 * without memory to a session. */
static bool loses(struct sim_node *node, const struct sim_node *to, const uint8_t *bytes,
                  size_t len)
{
    struct sim_server *server = node->user;
    struct arena arena;
    bool lost;

    if (server->loses == LOSE_NOTHING)
        return false;
    arena_init(&arena, NULL, 16u << 20);
    if (server->role == SIM_ROUTER)
        lost = to->peer_is_client && loses_server_batch(bytes, len, &arena);
    else
        lost = loses_link_batch(server, bytes, len, &arena);
    arena_fini(&arena);
    if (lost) {
        if (--server->loses_left == 0)
            server->loses = LOSE_NOTHING;
        server->lost_some = true;
    }
    return lost;
}

static const struct sim_node_ops node_ops = {
    .execute = execute, .lane = lane, .loses = loses, .stopped = on_stopped};

/* --- life --- */

static void must(const char *what, chat_status status)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "simulator: %s: %s\n", what, chat_status_name(status));
    exit(2);
}

static void start_store(struct sim_server *server)
{
    struct sim_servers *s = server->servers;
    struct rng *rng = sim_world_rng(s->world);
    struct store_config config;
    struct store *store;

    store_config_init(&config);
    config.logger = sim_trace_logger(server->node, &server->logger);
    config.seed = rng_u64(rng);
    config.node_id = ++s->node_ids;
    config.service_id = SERVICE_ID;
    config.shard_count = s->shard_total;
    config.shards = server->shards;
    config.shards_held = server->shard_count;
    /* An operator moves shards by raising the version: who is started last owns them. */
    config.map_version = s->shared ? ++s->map_version : 1;
    config.peer_count = server->rival ? 0 : s->store_count - 1;
    config.durability = server->engine->ops->durability;
    /* Small, so that every limit of memory is met within a short run. */
    config.limits.homes_max = 8 + (uint32_t)rng_below(rng, 16);
    config.limits.rings_max = 8 + (uint32_t)rng_below(rng, 32);
    config.limits.apply_records = 5 + (uint32_t)rng_below(rng, 200);
    config.limits.apply_ms = 10 + (int64_t)rng_below(rng, 2000);
    config.limits.reads_in_flight = 1 + (uint32_t)rng_below(rng, 6);
    config.limits.queue_records = rng_below(rng, 2) ? 8 + (uint32_t)rng_below(rng, 60) : 65536;
    config.limits.unapplied_records = 300 + (uint32_t)rng_below(rng, 1000);
    config.limits.note_ack_ms = 1 + (int64_t)rng_below(rng, 50);
    must("store", store_new(&config, &store));
    server->instance = store;
    sim_node_start(server->node, store_machine(store));
}

static void start_router(struct sim_server *server)
{
    struct sim_servers *s = server->servers;
    struct rng *rng = sim_world_rng(s->world);
    WireLinkRole peers[SIM_PEERS_MAX];
    struct router_config config;
    struct router *router;

    router_config_init(&config);
    config.logger = sim_trace_logger(server->node, &server->logger);
    config.seed = rng_u64(rng);
    config.auth = (struct router_auth){.verify = verify, .seal = seal, .open = open_ticket};
    config.issuers = issuers;
    config.issuer_count = 1;
    for (uint32_t i = 0; i < s->store_count; i++)
        peers[config.peer_count++] = WIRE_LINK_ROLE__LINK_ROLE_STORE;
    if (s->shared)
        peers[config.peer_count++] = WIRE_LINK_ROLE__LINK_ROLE_STORE; /* the rival */
    peers[config.peer_count++] = WIRE_LINK_ROLE__LINK_ROLE_PRESENCE;
    config.peers = peers;
    config.limits.operations_per_second = 500;
    config.limits.operations_burst = 1000;
    config.limits.reads_per_second = 1000;
    config.limits.reads_burst = 4000;
    config.limits.heartbeat_ms = 5000;
    config.limits.drain_ms = 2000;
    config.limits.session_queue_max = rng_below(rng, 3) == 0 ? 65536 : 1u << 20;
    must("router", router_new(&config, &router));
    server->instance = router;
    sim_node_start(server->node, router_machine(router));
}

static void start_presence(struct sim_server *server)
{
    struct presence_config config;
    struct presence *presence;

    presence_config_init(&config);
    config.logger = sim_trace_logger(server->node, &server->logger);
    config.seed = rng_u64(sim_world_rng(server->servers->world));
    must("presence", presence_new(&config, &presence));
    server->instance = presence;
    sim_node_start(server->node, presence_machine(presence));
}

void sim_server_start(struct sim_server *server)
{
    if (server->instance)
        return;
    server->stopped = false;
    switch (server->role) {
    case SIM_STORE:
        server->engine = server->storage ? sim_storage_engine(server->storage)
                                         : sim_cluster_engine(server->servers->cluster);
        start_store(server);
        break;
    case SIM_ROUTER: start_router(server); break;
    case SIM_PRESENCE: start_presence(server); break;
    }
}

static uint64_t missed_by(const struct sim_server *server)
{
    struct router_stats stats = {0};

    if (server->role == SIM_ROUTER && server->instance)
        router_get_stats(server->instance, &stats);
    return stats.missed;
}

void sim_servers_check(struct sim_servers *s)
{
    uint64_t missed = s->missed;

    for (uint32_t i = 0; i < s->router_count; i++)
        missed += missed_by(&s->routers[i]);
    if (missed > 0)
        checker_violation(s->checker, CHECK_STREAM_CONTIGUOUS,
                          "routers had %" PRIu64 " homes behind their store, and no hole showed it",
                          missed);
}

void sim_server_kill(struct sim_server *server, bool lost, bool silent)
{
    if (!server->instance)
        return;
    server->servers->missed += missed_by(server);
    sim_node_crash(server->node, silent);
    if (server->storage)
        sim_storage_crash(server->storage, lost);
    switch (server->role) {
    case SIM_STORE: store_free(server->instance); break;
    case SIM_ROUTER: router_free(server->instance); break;
    case SIM_PRESENCE: presence_free(server->instance); break;
    }
    server->instance = NULL;
    if (server->engine)
        server->engine->ops->free(server->engine);
    server->engine = NULL;
}

bool sim_server_lose_publication(struct sim_server *server, bool of_member)
{
    if (server->loses != LOSE_NOTHING || !sim_server_is_up(server))
        return false;
    server->loses = of_member ? LOSE_MEMBER_PUBLICATION : LOSE_ANY_PUBLICATION;
    server->loses_left = of_member ? 4 : 1;
    return true;
}

void sim_server_lose_nothing(struct sim_server *server)
{
    server->loses = LOSE_NOTHING;
    if (server->lost_some && server->role == SIM_STORE)
        sim_world_cut(server->servers->world, server->node, NULL, true);
    server->lost_some = false;
}

void sim_server_rewrite_history(struct sim_server *server)
{
    if (!sim_server_is_up(server) || !server->storage)
        return;
    sim_server_kill(server, false, false);
    sim_rewrite(server->storage, server->shards, server->shard_count, server->servers->checker);
    sim_server_start(server);
}

bool sim_server_is_up(const struct sim_server *server) { return server->instance != NULL; }

bool sim_servers_ready(struct sim_servers *s)
{
    for (uint32_t i = 0; i < s->router_count; i++) {
        if (!s->routers[i].instance || !router_is_ready(s->routers[i].instance))
            return false;
    }
    return s->presence.instance != NULL;
}

void sim_servers_describe(struct sim_servers *s)
{
    for (uint32_t i = 0; i < s->router_count; i++)
        fprintf(stderr, "  router %u: %s\n", i,
                !s->routers[i].instance                   ? "down"
                : router_is_ready(s->routers[i].instance) ? "ready"
                                                          : "not ready");
    for (uint32_t i = 0; i < s->store_count + 1; i++) {
        if (!s->stores[i].node)
            continue;
        fprintf(stderr, "  store %u: %s\n", i,
                !s->stores[i].instance                  ? "down"
                : store_is_ready(s->stores[i].instance) ? "ready"
                                                        : "not ready");
    }
}

static void add_server(struct sim_servers *s, struct sim_server *server, enum sim_role role,
                       uint32_t number)
{
    static const char *const names[] = {
        [SIM_STORE] = "store", [SIM_ROUTER] = "router", [SIM_PRESENCE] = "presence"};

    server->servers = s;
    server->role = role;
    server->number = number;
    server->node = sim_world_add(s->world, names[role], &node_ops, server);
    if (!server->node)
        exit(2);
}

static void connect_peers(struct sim_servers *s)
{
    for (uint32_t i = 0; i < s->router_count; i++) {
        struct sim_node *node = s->routers[i].node;
        uint32_t peer = 0;
        for (uint32_t j = 0; j < s->store_count; j++)
            node->peers[peer++] = s->stores[j].node;
        if (s->shared)
            node->peers[peer++] = s->stores[SIM_STORES_MAX].node;
        node->peers[peer++] = s->presence.node;
    }
    for (uint32_t i = 0; i < s->store_count; i++) {
        uint32_t peer = 0;
        for (uint32_t j = 0; j < s->store_count; j++) {
            if (j != i)
                s->stores[i].node->peers[peer++] = s->stores[j].node;
        }
    }
}

struct sim_servers *sim_servers_new(struct sim_world *world, struct checker *checker, bool shared)
{
    struct sim_servers *s = calloc(1, sizeof(*s));
    struct rng *rng = sim_world_rng(world);

    if (!s)
        exit(2);
    s->world = world;
    s->checker = checker;
    s->shared = shared;
    s->cluster = shared ? sim_cluster_new() : NULL;
    s->store_count = shared ? 1 : 1 + (uint32_t)rng_below(rng, 2);
    s->router_count = 2 + (uint32_t)rng_below(rng, 2);
    s->shard_total = s->store_count + (uint32_t)rng_below(rng, 3);
    for (uint32_t i = 0; i < s->store_count; i++) {
        add_server(s, &s->stores[i], SIM_STORE, i);
        s->stores[i].storage = shared ? NULL : sim_storage_new(rng_u64(rng));
    }
    for (uint32_t i = 0; i < s->shard_total; i++) {
        struct sim_server *store = &s->stores[i % s->store_count];
        store->shards[store->shard_count++] = i;
    }
    if (shared) {
        struct sim_server *rival = &s->stores[SIM_STORES_MAX];
        add_server(s, rival, SIM_STORE, SIM_STORES_MAX);
        rival->rival = true;
        memcpy(rival->shards, s->stores[0].shards, sizeof(rival->shards));
        rival->shard_count = s->stores[0].shard_count;
    }
    for (uint32_t i = 0; i < s->router_count; i++) {
        add_server(s, &s->routers[i], SIM_ROUTER, i);
        s->router_nodes[i] = s->routers[i].node;
    }
    add_server(s, &s->presence, SIM_PRESENCE, 0);
    connect_peers(s);
    return s;
}

void sim_servers_free(struct sim_servers *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i <= SIM_STORES_MAX; i++) {
        sim_server_kill(&s->stores[i], false, false);
        sim_storage_free(s->stores[i].storage);
    }
    for (uint32_t i = 0; i < s->router_count; i++)
        sim_server_kill(&s->routers[i], false, false);
    sim_server_kill(&s->presence, false, false);
    sim_cluster_free(s->cluster);
    free(s);
}
