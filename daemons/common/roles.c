#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/lanes.h"
#include "base/log.h"
#include "program.h"
#include "server/store/engine_embedded.h"

/* Clients leave before what they talk to does. */
#define STAGE_ROUTER 0u
#define STAGE_REST 1u

static chat_status fail(struct program *program, chat_status status, const char *what)
{
    log_write(&program->logger, CHAT_LOG_ERROR, program->what->name, "%s: %s", what,
              chat_status_text(status));
    return status;
}

static chat_status make_seed(uint64_t *out_seed)
{
    return files_random(out_seed, sizeof(*out_seed));
}

/* --- the store and its engine --- */

/* On a lane's thread: paces what goes to the disk in the background. */
static void pause_lane(void *user, uint32_t micros)
{
    struct timespec time = {.tv_sec = micros / 1000000, .tv_nsec = (long)(micros % 1000000) * 1000};

    (void)user;
    (void)nanosleep(&time, NULL);
}

static chat_status make_embedded(struct program *program)
{
    const struct config *c = program->settings.config;
    struct engine_embedded_config config;
    struct files_error error;
    const char *data = settings_text(&program->settings, "store", "data");
    char root[FILES_PATH_MAX];
    chat_status status = files_join(root, sizeof(root), data, "store");

    if (status != CHAT_OK)
        return fail(program, status, "store.data");
    status = files_make_folder(root, &error);
    if (status == CHAT_OK)
        status = files_lock_folder(data, &program->data_lock, &error);
    if (status != CHAT_OK) {
        log_write(&program->logger, CHAT_LOG_ERROR, program->what->name, "%s", error.text);
        return status;
    }
    program->disk = disk_posix_new(NULL);
    if (!program->disk)
        return fail(program, CHAT_E_NOMEM, "disk");
    engine_embedded_config_init(&config);
    config.logger = &program->logger;
    config.disk = program->disk;
    config.root = root;
    config.segment_bytes = (uint64_t)config_number(c, "store", "segment_bytes");
    config.log_bytes_max = (uint64_t)config_number(c, "store", "log_bytes_max");
    config.checkpoint_bytes = (uint64_t)config_number(c, "store", "checkpoint_bytes");
    config.free_bytes_min = (uint64_t)config_number(c, "store", "free_bytes_min");
    config.cache_bytes = (uint64_t)config_number(c, "store", "cache_bytes");
    config.reader_cache_bytes = (uint64_t)config_number(c, "store", "reader_cache_bytes");
    config.pause = pause_lane;
    status = make_seed(&config.seed);
    if (status == CHAT_OK)
        status = engine_embedded_new(&config, &program->engine);
    return status == CHAT_OK ? CHAT_OK : fail(program, status, "the embedded engine");
}

static chat_status make_engine(struct program *program, const uint32_t *shards, uint32_t count)
{
    chat_status status;

    if (strcmp(config_text(program->settings.config, "store", "engine"), "embedded") == 0) {
        status = make_embedded(program);
        if (status != CHAT_OK)
            return status;
        status = engine_embedded_make_folders(program->engine, shards, count);
        return status == CHAT_OK ? CHAT_OK : fail(program, status, "the shards' folders");
    }
    program->cluster = engine_memory_cluster_new(NULL);
    if (program->cluster)
        program->engine = engine_memory_new(program->cluster, NULL);
    return program->engine ? CHAT_OK : fail(program, CHAT_E_NOMEM, "the engine in memory");
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static chat_status add_store(struct program *program, uint32_t shard_count,
                             struct host_role **out_role)
{
    uint32_t threads = (uint32_t)config_number(program->settings.config, "store", "threads");
    const struct host_role_config config = {
        .machine = store_machine(program->store),
        .stop_stage = STAGE_REST,
        .engine = program->engine,
        .log_threads = least(shard_count, LANES_THREADS_MAX),
        .apply_threads = least(shard_count, threads),
        .read_threads = threads,
        .engine_requests_max = LANES_REQUESTS_MAX,
    };

    return host_add_role(program->host, &config, out_role);
}

static chat_status set_url_peers(struct program *program, struct host_role *role, bool presence)
{
    const struct config *c = program->settings.config;
    struct host_peer peers[2 * LINK_PEERS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < config_list_count(c, "peers", "stores"); i++)
        peers[count++] = (struct host_peer){.url = config_list_item(c, "peers", "stores", i)};
    for (size_t i = 0; presence && i < config_list_count(c, "peers", "presence"); i++)
        peers[count++] = (struct host_peer){.url = config_list_item(c, "peers", "presence", i)};
    return host_set_peers(role, peers, count);
}

static chat_status make_store(struct program *program, struct host_role **out_role)
{
    const struct config *c = program->settings.config;
    uint32_t shards[CHAT_SHARDS_MAX];
    struct store_config config;
    chat_status status;

    store_config_init(&config);
    (void)settings_parse_shards(&program->settings, shards, &config.shards_held);
    status = make_engine(program, shards, config.shards_held);
    if (status != CHAT_OK)
        return status;
    config.shards = shards;
    config.logger = &program->logger;
    config.service_id = (uint64_t)config_number(c, "service", "id");
    config.shard_count = (uint32_t)config_number(c, "service", "shards");
    config.map_version = (uint64_t)config_number(c, "store", "map_version");
    config.link_queue_max = (size_t)config_number(c, "link", "queue_max");
    config.durability = program->engine->ops->durability;
    if (!program->what->own_links)
        config.peer_count = (uint32_t)config_list_count(c, "peers", "stores");
    settings_fill_store(&program->settings, &config.limits);
    status = make_seed(&config.seed);
    if (status == CHAT_OK)
        status = make_seed(&config.node_id);
    if (status == CHAT_OK)
        status = store_new(&config, &program->store);
    if (status == CHAT_OK)
        status = add_store(program, config.shards_held, out_role);
    if (status == CHAT_OK && !program->what->own_links)
        status = set_url_peers(program, *out_role, false);
    return status == CHAT_OK ? CHAT_OK : fail(program, status, "store");
}

/* --- presence --- */

static chat_status make_presence(struct program *program, struct host_role **out_role)
{
    struct host_role_config role = {.stop_stage = STAGE_REST};
    struct presence_config config;
    chat_status status;

    presence_config_init(&config);
    config.logger = &program->logger;
    config.link_queue_max = (size_t)config_number(program->settings.config, "link", "queue_max");
    settings_fill_presence(&program->settings, &config);
    status = make_seed(&config.seed);
    if (status == CHAT_OK)
        status = presence_new(&config, &program->presence);
    if (status == CHAT_OK) {
        role.machine = presence_machine(program->presence);
        status = host_add_role(program->host, &role, out_role);
    }
    return status == CHAT_OK ? CHAT_OK : fail(program, status, "presence");
}

/* --- the router --- */

static chat_status make_router(struct program *program, struct host_role *store,
                               struct host_role *presence, struct host_role **out_role)
{
    const struct config *c = program->settings.config;
    const struct host_peer inner[] = {{.role = store}, {.role = presence}};
    struct host_role_config role = {.stop_stage = STAGE_ROUTER};
    WireLinkRole peers[2 * LINK_PEERS_MAX];
    size_t stores = store ? 1 : config_list_count(c, "peers", "stores");
    size_t presences = presence ? 1 : config_list_count(c, "peers", "presence");
    struct router_config config;
    chat_status status;

    router_config_init(&config);
    for (size_t i = 0; i < stores; i++)
        peers[config.peer_count++] = WIRE_LINK_ROLE__LINK_ROLE_STORE;
    for (size_t i = 0; i < presences; i++)
        peers[config.peer_count++] = WIRE_LINK_ROLE__LINK_ROLE_PRESENCE;
    config.peers = peers;
    config.logger = &program->logger;
    config.auth = router_auth_from_keys(&program->access.keys);
    config.issuers = program->access.issuers;
    config.issuer_count = program->access.issuer_count;
    config.link_queue_max = (size_t)config_number(c, "link", "queue_max");
    settings_fill_router(&program->settings, &config.limits);
    status = make_seed(&config.seed);
    if (status == CHAT_OK)
        status = router_new(&config, &program->router);
    if (status == CHAT_OK) {
        role.machine = router_machine(program->router);
        status = host_add_role(program->host, &role, out_role);
    }
    if (status == CHAT_OK)
        status =
            store ? host_set_peers(*out_role, inner, 2) : set_url_peers(program, *out_role, true);
    return status == CHAT_OK ? CHAT_OK : fail(program, status, "router");
}

chat_status roles_make(struct program *program)
{
    struct host_role *store = NULL, *presence = NULL, *router = NULL;
    chat_status status = CHAT_OK;

    if (program->what->store)
        status = make_store(program, &store);
    if (status == CHAT_OK && program->what->presence)
        status = make_presence(program, &presence);
    if (status == CHAT_OK && program->what->router)
        status = make_router(program, store, presence, &router);
    if (status != CHAT_OK)
        return status;
    return listen_open(program, router ? router : store ? store : presence);
}

void roles_free(struct program *program)
{
    router_free(program->router);
    presence_free(program->presence);
    store_free(program->store);
    if (program->engine)
        program->engine->ops->free(program->engine);
    engine_memory_cluster_free(program->cluster);
    disk_posix_free(program->disk);
    if (program->data_lock >= 0)
        close(program->data_lock);
}

static void explain(struct buf *why, const char *text)
{
    if (why)
        (void)buf_append(why, text, strlen(text));
}

bool roles_are_ready(struct program *program, struct buf *why)
{
    bool ready = true;

    if (program->router && !router_is_ready(program->router)) {
        explain(why, "router: some shards have no store\n");
        ready = false;
    }
    if (program->store && !store_is_ready(program->store)) {
        explain(why, "store: some shards are not open\n");
        ready = false;
    }
    /* chatd's own presence is never waited for: chat works without. */
    if (program->presence && !program->router && !presence_is_ready(program->presence)) {
        explain(why, "presence: no router has told yet who is there\n");
        ready = false;
    }
    return ready;
}

bool roles_have_started(struct program *program)
{
    if (program->store && !store_is_ready(program->store))
        return false;
    return !program->what->own_links || router_is_ready(program->router);
}

void roles_write_metrics(struct program *program, struct metrics *out)
{
    if (program->router)
        router_write_metrics(program->router, out);
    if (program->presence)
        presence_write_metrics(program->presence, out);
    if (program->store)
        store_write_metrics(program->store, out);
}
