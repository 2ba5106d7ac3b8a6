#include "api/server_roles.h"

#include <stdio.h>
#include <time.h>

#include <openssl/rand.h>

#include "api/lanes.h"
#include "base/alloc.h"
#include "server/store/engine_embedded.h"

/* Clients leave before what they talk to does. */
#define STAGE_ROUTER 0u
#define STAGE_REST 1u

#define READ_THREADS 2u

static chat_status make_seed(uint64_t *out_seed)
{
    return RAND_bytes((unsigned char *)out_seed, sizeof(*out_seed)) == 1 ? CHAT_OK : CHAT_E_IO;
}

/* On a lane's thread: paces what goes to the disk in the background. */
static void pause_lane(void *user, uint32_t micros)
{
    struct timespec time = {.tv_sec = micros / 1000000, .tv_nsec = (long)(micros % 1000000) * 1000};

    (void)user;
    (void)nanosleep(&time, NULL);
}

static chat_status make_engine(struct chat_server *server, const char *folder)
{
    struct engine_embedded_config config;
    char root[DISK_PATH_MAX];
    chat_status status;
    int len;

    if (!folder) {
        server->cluster = engine_memory_cluster_new(server->allocator);
        if (server->cluster)
            server->engine = engine_memory_new(server->cluster, server->allocator);
        return server->engine ? CHAT_OK : CHAT_E_NOMEM;
    }
    len = snprintf(root, sizeof(root), "%s/store", folder);
    if (len < 0 || (size_t)len >= sizeof(root))
        return CHAT_E_TOO_LARGE;
    server->disk = disk_posix_new(server->allocator);
    if (!server->disk)
        return CHAT_E_NOMEM;
    status = disk_make_dir(server->disk, folder);
    if (status == CHAT_OK)
        status = disk_make_dir(server->disk, root);
    if (status != CHAT_OK)
        return status;
    engine_embedded_config_init(&config);
    config.allocator = server->allocator;
    config.logger = server->logger;
    config.disk = server->disk;
    config.root = root;
    config.pause = pause_lane;
    status = make_seed(&config.seed);
    return status == CHAT_OK ? engine_embedded_new(&config, &server->engine) : status;
}

static chat_status make_store(struct chat_server *server, uint32_t shard_count,
                              struct host_role **out_role)
{
    uint32_t shards[LANES_THREADS_MAX];
    struct host_role_config role = {.stop_stage = STAGE_REST, .engine = server->engine};
    struct store_config config;
    chat_status status;

    if (shard_count == 0 || shard_count > LANES_THREADS_MAX)
        return CHAT_E_INVALID;
    store_config_init(&config);
    for (uint32_t i = 0; i < shard_count; i++)
        shards[i] = i;
    config.allocator = server->allocator;
    config.logger = server->logger;
    config.shard_count = config.shards_held = shard_count;
    config.shards = shards;
    config.map_version = 1;
    config.durability = server->engine->ops->durability;
    status = make_seed(&config.seed);
    if (status == CHAT_OK && server->disk)
        status = engine_embedded_make_folders(server->engine, shards, shard_count);
    if (status == CHAT_OK)
        status = store_new(&config, &server->store);
    if (status != CHAT_OK)
        return status;
    role.machine = store_machine(server->store);
    role.log_threads = role.apply_threads = shard_count;
    role.read_threads = READ_THREADS;
    role.engine_requests_max = LANES_REQUESTS_MAX;
    return host_add_role(server->host, &role, out_role);
}

static chat_status make_presence(struct chat_server *server, struct host_role **out_role)
{
    struct host_role_config role = {.stop_stage = STAGE_REST};
    struct presence_config config;
    chat_status status;

    presence_config_init(&config);
    config.allocator = server->allocator;
    config.logger = server->logger;
    status = make_seed(&config.seed);
    if (status == CHAT_OK)
        status = presence_new(&config, &server->presence);
    if (status != CHAT_OK)
        return status;
    role.machine = presence_machine(server->presence);
    return host_add_role(server->host, &role, out_role);
}

static chat_status make_router(struct chat_server *server, const struct chat_server_config *given)
{
    static const WireLinkRole peers[] = {WIRE_LINK_ROLE__LINK_ROLE_STORE,
                                         WIRE_LINK_ROLE__LINK_ROLE_PRESENCE};
    const char *const issuers[] = {server->issuer};
    struct host_role_config role = {.stop_stage = STAGE_ROUTER};
    struct router_config config;
    chat_status status;

    server->tickets.count = 1;
    server->tickets.keys[0].id = 1;
    if (RAND_bytes(server->tickets.keys[0].secret, TICKET_SECRET_SIZE) != 1)
        return CHAT_E_IO;
    server->keys = (struct router_keys){.auth = server->auth, .tickets = &server->tickets};
    router_config_init(&config);
    config.allocator = server->allocator;
    config.logger = server->logger;
    config.auth = router_auth_from_keys(&server->keys);
    config.issuers = issuers;
    config.issuer_count = 1;
    config.peers = peers;
    config.peer_count = 2;
    config.limits.sessions_max = given->sessions_max;
    config.limits.operations_per_second = given->operations_per_second;
    if (config.limits.operations_burst < 2 * given->operations_per_second)
        config.limits.operations_burst = 2 * given->operations_per_second;
    config.limits.drain_ms = given->drain_ms;
    status = make_seed(&config.seed);
    if (status == CHAT_OK)
        status = router_new(&config, &server->router);
    if (status != CHAT_OK)
        return status;
    role.machine = router_machine(server->router);
    return host_add_role(server->host, &role, &server->router_role);
}

chat_status server_roles_make(struct chat_server *server, const struct chat_server_config *config)
{
    struct host_peer peers[2] = {{0}};
    chat_status status = make_engine(server, config->data_folder);

    if (status == CHAT_OK)
        status = make_store(server, config->shards, &peers[0].role);
    if (status == CHAT_OK)
        status = make_presence(server, &peers[1].role);
    if (status == CHAT_OK)
        status = make_router(server, config);
    return status == CHAT_OK ? host_set_peers(server->router_role, peers, 2) : status;
}

void server_roles_free(struct chat_server *server)
{
    router_free(server->router);
    presence_free(server->presence);
    store_free(server->store);
    if (server->engine)
        server->engine->ops->free(server->engine);
    engine_memory_cluster_free(server->cluster);
    disk_posix_free(server->disk);
}
