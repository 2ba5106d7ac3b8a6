/* The service: router, presence and store as they ship, on a disk in memory. */
#include <string.h>

#include "server/store/engine_embedded.h"
#include "testkit/kit.h"

#define SERVICE_ID UINT64_C(0x7465737430317321)
#define ISSUER "testkit"
#define AUDIENCE "testkit"
#define ROOT "data"

/* Small, so that a kit is made in no time; a batch of the greatest records fits. */
#define SEGMENT_BYTES (1u << 20)
#define SEGMENTS 4u
#define TABLE_CACHE_BYTES (1u << 20)
#define READER_CACHE_BYTES (256u << 10)

#define LANES_A_SHARD 8u
#define LANES_READ 6u

#define APPLY_MS 5 /* rows follow soon, so that reading them hardly waits */
#define DRAIN_MS 500
#define DRAIN_GRACE_MS 500
#define DRAIN_WAIT_MS 30000
#define SETTLE_MS 10000
#define ROLES 3u

/* --- what a node does for its machine --- */

static bool execute(struct sim_node *node, struct engine_request *request)
{
    struct kit_server *s = &((chat_testkit *)node->user)->server;

    if (s->is_full && request->op == ENGINE_APPEND)
        request->status = CHAT_E_FULL;
    else
        s->engine->ops->execute(s->engine, request);
    return true;
}

/* LOG and APPLY are one at a time per shard, reads go beside them. */
static uint32_t lane(struct sim_node *node, const struct engine_request *request)
{
    const uint32_t base = request->shard * LANES_A_SHARD;

    if (request->op == ENGINE_APPLY)
        return base + 1;
    if (request->op == ENGINE_READ)
        return base + 2 + (uint32_t)rng_below(sim_world_rng(node->world), LANES_READ);
    return base;
}

static void on_stopped(struct sim_node *node) { ((chat_testkit *)node->user)->server.stopped++; }

static const struct sim_node_ops node_ops = {
    .execute = execute, .lane = lane, .stopped = on_stopped};

/* --- credentials --- */

chat_status chat_testkit_mint_token(chat_testkit *kit, const char *subject, const char *name,
                                    int64_t life_s, char *out, size_t out_size)
{
    struct token_grant grant = {
        .issuer = ISSUER, .audience = AUDIENCE, .subject = subject, .name = name};
    size_t len;

    if (!kit || !subject || !subject[0] || !out)
        return CHAT_E_INVALID;
    grant.issued_at_s = sim_node_now(kit->server.router_node).wall_ms / 1000;
    if (life_s > INT32_MAX || life_s < -grant.issued_at_s)
        return CHAT_E_INVALID;
    grant.expires_at_s = grant.issued_at_s + life_s;
    if (life_s < 0)
        grant.issued_at_s = grant.expires_at_s;
    return auth_mint_hs256(&grant, kit->server.secret, sizeof(kit->server.secret), out, out_size,
                           &len);
}

static chat_status make_keys(chat_testkit *kit)
{
    struct kit_server *s = &kit->server;
    const char *reason;
    chat_status status;

    for (size_t i = 0; i < sizeof(s->secret); i++)
        s->secret[i] = (uint8_t)rng_u64(&kit->rng);
    s->tickets.count = 1;
    s->tickets.keys[0].id = 1;
    for (size_t i = 0; i < TICKET_SECRET_SIZE; i++)
        s->tickets.keys[0].secret[i] = (uint8_t)rng_u64(&kit->rng);
    status = auth_new(kit->allocator, &s->auth);
    if (status == CHAT_OK)
        status = auth_add_issuer(s->auth, ISSUER, AUDIENCE);
    if (status == CHAT_OK)
        status = auth_add_keys(s->auth, ISSUER, AUTH_KEYS_SECRET_BYTES, s->secret,
                               sizeof(s->secret), &reason);
    s->keys = (struct router_keys){.auth = s->auth, .tickets = &s->tickets};
    return status;
}

/* --- roles --- */

static const struct chat_logger *logger_of(const chat_testkit *kit)
{
    return kit->logger.write ? &kit->logger : NULL;
}

static chat_status make_store(chat_testkit *kit)
{
    struct kit_server *s = &kit->server;
    uint32_t shards[KIT_SHARDS_MAX];
    struct store_config config;
    chat_status status;

    for (uint32_t i = 0; i < kit->shards; i++)
        shards[i] = i;
    store_config_init(&config);
    config.allocator = kit->allocator;
    config.logger = logger_of(kit);
    config.seed = rng_u64(&kit->rng);
    config.service_id = SERVICE_ID;
    config.shard_count = config.shards_held = kit->shards;
    config.shards = shards;
    config.map_version = 1;
    config.durability = s->engine->ops->durability;
    config.limits.apply_ms = APPLY_MS;
    status = engine_embedded_make_folders(s->engine, shards, kit->shards);
    if (status == CHAT_OK)
        status = store_new(&config, &s->store);
    if (status == CHAT_OK)
        sim_node_start(s->store_node, store_machine(s->store));
    return status;
}

static chat_status make_presence(chat_testkit *kit)
{
    struct kit_server *s = &kit->server;
    struct presence_config config;
    chat_status status;

    presence_config_init(&config);
    config.allocator = kit->allocator;
    config.logger = logger_of(kit);
    config.seed = rng_u64(&kit->rng);
    status = presence_new(&config, &s->presence);
    if (status == CHAT_OK)
        sim_node_start(s->presence_node, presence_machine(s->presence));
    return status;
}

static chat_status make_router(chat_testkit *kit)
{
    static const WireLinkRole peers[] = {WIRE_LINK_ROLE__LINK_ROLE_STORE,
                                         WIRE_LINK_ROLE__LINK_ROLE_PRESENCE};
    static const char *const issuers[] = {ISSUER};
    struct kit_server *s = &kit->server;
    struct router_config config;
    chat_status status;

    router_config_init(&config);
    config.allocator = kit->allocator;
    config.logger = logger_of(kit);
    config.seed = rng_u64(&kit->rng);
    config.auth = router_auth_from_keys(&s->keys);
    config.issuers = issuers;
    config.issuer_count = 1;
    config.peers = peers;
    config.peer_count = 2;
    config.limits.operations_per_second = kit->operations_per_second;
    config.limits.operations_burst = 2 * kit->operations_per_second;
    config.limits.drain_ms = DRAIN_MS;
    config.limits.drain_grace_ms = DRAIN_GRACE_MS;
    status = router_new(&config, &s->router);
    if (status == CHAT_OK)
        sim_node_start(s->router_node, router_machine(s->router));
    return status;
}

/* --- life --- */

chat_status kit_server_mount(chat_testkit *kit)
{
    struct kit_server *s = &kit->server;
    struct engine_embedded_config config;

    s->mount = sim_disk_mount(s->storage);
    if (!s->mount)
        return CHAT_E_NOMEM;
    engine_embedded_config_init(&config);
    config.allocator = kit->allocator;
    config.logger = logger_of(kit);
    config.disk = s->mount;
    config.root = ROOT;
    config.seed = rng_u64(&kit->rng);
    config.segment_bytes = SEGMENT_BYTES;
    config.log_bytes_max = SEGMENTS * SEGMENT_BYTES;
    config.free_bytes_min = 0;
    config.cache_bytes = TABLE_CACHE_BYTES;
    config.reader_cache_bytes = READER_CACHE_BYTES;
    config.checkpoint_bytes_per_s = 0;
    return engine_embedded_new(&config, &s->engine);
}

void kit_server_unmount(chat_testkit *kit)
{
    struct kit_server *s = &kit->server;

    if (s->engine)
        s->engine->ops->free(s->engine);
    s->engine = NULL;
    sim_disk_unmount(s->mount);
    s->mount = NULL;
}

chat_status kit_server_init(chat_testkit *kit)
{
    struct kit_server *s = &kit->server;
    struct disk *mount;
    chat_status status = make_keys(kit);

    if (status != CHAT_OK)
        return status;
    s->store_node = sim_world_add(kit->world, "store", &node_ops, kit);
    s->presence_node = sim_world_add(kit->world, "presence", &node_ops, kit);
    s->router_node = sim_world_add(kit->world, "router", &node_ops, kit);
    s->router_node->peers[0] = s->store_node;
    s->router_node->peers[1] = s->presence_node;
    s->storage = sim_disk_new(kit->allocator, rng_u64(&kit->rng));
    mount = s->storage ? sim_disk_mount(s->storage) : NULL;
    if (!mount)
        return CHAT_E_NOMEM;
    status = disk_make_dir(mount, ROOT);
    if (status == CHAT_OK)
        status = disk_sync_dir(mount, ".");
    sim_disk_unmount(mount);
    return status;
}

chat_status kit_server_start(chat_testkit *kit)
{
    chat_status status = kit_server_mount(kit);

    kit->server.stopped = 0;
    if (status == CHAT_OK)
        status = make_store(kit);
    if (status == CHAT_OK)
        status = make_presence(kit);
    if (status == CHAT_OK)
        status = make_router(kit);
    if (status != CHAT_OK)
        kit_server_kill(kit, false);
    return status == CHAT_OK ? kit_status(kit) : status;
}

void kit_server_kill(chat_testkit *kit, bool lost)
{
    struct kit_server *s = &kit->server;
    struct sim_node *const nodes[ROLES] = {s->router_node, s->presence_node, s->store_node};

    for (uint32_t i = 0; i < ROLES; i++) {
        if (nodes[i] && nodes[i]->machine)
            (void)sim_node_crash(nodes[i], lost);
    }
    if (s->mount && lost)
        sim_disk_power_loss(s->storage);
    else if (s->mount)
        sim_disk_kill(s->mount);
    router_free(s->router);
    presence_free(s->presence);
    store_free(s->store);
    s->router = NULL;
    s->presence = NULL;
    s->store = NULL;
    kit_server_unmount(kit);
}

void kit_server_fini(chat_testkit *kit)
{
    kit_server_kill(kit, false);
    sim_disk_free(kit->server.storage);
    sim_disk_free(kit->server.backup);
    auth_free(kit->server.auth);
}

bool kit_server_is_ready(void *user)
{
    const struct kit_server *s = &((const chat_testkit *)user)->server;

    return s->router && router_is_ready(s->router) && store_is_ready(s->store) &&
           presence_is_ready(s->presence);
}

static bool is_settled(void *user)
{
    const struct kit_server *s = &((const chat_testkit *)user)->server;
    struct store_stats stats;

    if (!s->store || !store_is_ready(s->store))
        return false;
    store_get_stats(s->store, &stats);
    return stats.queued_records == 0 && stats.unapplied_records == 0;
}

chat_status kit_server_settle(chat_testkit *kit)
{
    return kit_run_until(kit, is_settled, kit, SETTLE_MS);
}

/* --- the test's calls --- */

static bool are_stopped(void *user)
{
    const struct kit_server *s = &((const chat_testkit *)user)->server;

    return s->stopped >= ROLES;
}

static bool is_router_stopped(void *user)
{
    return ((const chat_testkit *)user)->server.stopped >= 1;
}

/* Clients leave before what they talk to does. Who does not end in time is killed. */
static chat_status drain(chat_testkit *kit)
{
    struct kit_server *s = &kit->server;
    chat_status status;

    if (!kit_may_run(kit, &status))
        return status;
    sim_node_stop(s->router_node);
    status = kit_run_until(kit, is_router_stopped, kit, DRAIN_WAIT_MS);
    if (status == CHAT_OK || status == CHAT_E_TIMEOUT) {
        sim_node_stop(s->presence_node);
        sim_node_stop(s->store_node);
        status = kit_run_until(kit, are_stopped, kit, DRAIN_WAIT_MS);
    }
    return status == CHAT_E_TIMEOUT ? CHAT_OK : status;
}

chat_status chat_testkit_server_stop(chat_testkit *kit, chat_testkit_end how)
{
    chat_status status = CHAT_OK;

    if (!kit || how < CHAT_TESTKIT_DRAIN || how > CHAT_TESTKIT_POWER_LOSS)
        return CHAT_E_INVALID;
    if (!kit->server.router)
        return CHAT_E_STATE;
    if (how == CHAT_TESTKIT_DRAIN)
        status = drain(kit);
    if (status == CHAT_OK)
        kit_server_kill(kit, how == CHAT_TESTKIT_POWER_LOSS);
    return status == CHAT_OK ? kit_status(kit) : status;
}

chat_status chat_testkit_server_start(chat_testkit *kit)
{
    if (!kit)
        return CHAT_E_INVALID;
    return kit->server.router ? CHAT_E_STATE : kit_server_start(kit);
}

bool chat_testkit_server_is_up(const chat_testkit *kit) { return kit && kit->server.router; }

chat_status chat_testkit_server_set_full(chat_testkit *kit, bool is_full)
{
    if (!kit)
        return CHAT_E_INVALID;
    kit->server.is_full = is_full;
    return kit_status(kit);
}
