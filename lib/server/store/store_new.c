/* A store's making and end, and what it tells of itself. */
#include "base/alloc.h"
#include "server/store/role.h"
#include "server/store/store.h"
#include "wire/wire.h"

void store_config_init(struct store_config *config)
{
    *config = (struct store_config){
        .link_queue_max = LINK_QUEUE_MAX,
        .durability = WIRE_DURABILITY__DURABILITY_LOCAL_DISK,
        .limits =
            {
                .homes_max = 16384,
                .rings_max = 16384,
                .directory_max = 16384,
                .subscriptions_max = 1048576,
                .waiting_max = 16384,
                .waiting_per_key = 256,
                .reads_in_flight = 8,
                .reads_max = 4096,
                .notes_max = 65536,
                .local_max = 65536,
                .queue_records = 65536,
                .queue_bytes = 16u << 20,
                .apply_records = 50000,
                .apply_bytes = 32u << 20,
                .apply_ms = 1000,
                .unapplied_records = 150000,
                .unapplied_bytes = 256u << 20,
                .replay_bytes = 4u << 20,
                .page_bytes = 512u << 10,
                .reopen_ms = 500,
                .reopen_max_ms = 30000,
                .note_resend_ms = 1000,
                .note_resend_max_ms = 30000,
                .note_ack_ms = 200,
                .read_flush_ms = 2000,
                .receipts_ms = 1000,
                .typing_per_second = 10,
            },
    };
}

static bool limits_are_sane(const struct store_limits *l)
{
    return l->homes_max > 0 && l->rings_max > 0 && l->directory_max > 0 &&
           l->subscriptions_max > 0 && l->waiting_max > 0 && l->waiting_per_key > 0 &&
           l->reads_in_flight > 0 && l->reads_max >= SLICE_RECORDS_MAX && l->notes_max > 0 &&
           l->local_max > 0 && l->queue_records > 0 && l->queue_bytes > 0 && l->apply_records > 0 &&
           l->apply_bytes > 0 && l->apply_ms > 0 && l->unapplied_records > 0 &&
           l->unapplied_bytes > 0 && l->replay_bytes > 0 && l->page_bytes > 0 &&
           l->page_bytes <= WIRE_LINK_MESSAGE_MAX / 2 && l->reopen_ms > 0 && l->reopen_max_ms > 0 &&
           l->note_resend_ms > 0 && l->note_resend_max_ms > 0 && l->note_ack_ms > 0 &&
           l->read_flush_ms > 0 && l->receipts_ms > 0 && l->typing_per_second > 0;
}

static chat_status check_config(const struct store_config *config)
{
    if (config->shard_count == 0 || config->shard_count > CHAT_SHARDS_MAX ||
        config->shards_held == 0 || config->shards_held > config->shard_count || !config->shards ||
        !limits_are_sane(&config->limits))
        return CHAT_E_INVALID;
    for (uint32_t i = 0; i < config->shards_held; i++)
        if (config->shards[i] >= config->shard_count)
            return CHAT_E_INVALID;
    return CHAT_OK;
}

static chat_status init_links(struct store *store)
{
    struct links_config config;
    chat_status status = CHAT_OK;

    links_config_init(&config);
    config.allocator = store->config.allocator;
    config.logger = store->config.logger;
    config.component = "store";
    config.rng = &store->rng;
    config.role = WIRE_LINK_ROLE__LINK_ROLE_STORE;
    config.node_id = store->config.node_id;
    config.accept_mask =
        1u << WIRE_LINK_ROLE__LINK_ROLE_ROUTER | 1u << WIRE_LINK_ROLE__LINK_ROLE_STORE;
    if (store->config.link_queue_max > 0)
        config.queue_max = store->config.link_queue_max;
    store_init_links(store, &config);
    links_init(&store->links, &config);
    for (uint32_t i = 0; i < store->config.peer_count && status == CHAT_OK; i++)
        status = links_add_peer(&store->links, WIRE_LINK_ROLE__LINK_ROLE_STORE);
    return status;
}

static chat_status init_shards(struct store *store)
{
    const struct store_config *config = &store->config;
    chat_status status = CHAT_OK;

    store->by_number =
        alloc_zeroed(config->allocator, config->shard_count * sizeof(struct shard *));
    store->shards = alloc_zeroed(config->allocator, config->shards_held * sizeof(struct shard));
    store->serving = alloc_zeroed(config->allocator, config->shards_held * sizeof(uint32_t));
    store->map = alloc_zeroed(config->allocator, sizeof(*store->map));
    if (!store->by_number || !store->shards || !store->serving || !store->map)
        return CHAT_E_NOMEM;
    shard_map_init(store->map);
    for (uint32_t i = 0; i < config->shards_held && status == CHAT_OK; i++) {
        const uint32_t number = config->shards[i];

        if (store->by_number[number])
            return CHAT_E_INVALID;
        status = shard_init(&store->shards[i], store, number);
        store->by_number[number] = &store->shards[i];
        store->shards_held = i + 1;
    }
    return status;
}

chat_status store_new(const struct store_config *config, struct store **out_store)
{
    struct store *store;
    chat_status status = check_config(config);

    if (status != CHAT_OK)
        return status;
    store = alloc_zeroed(config->allocator, sizeof(*store));
    if (!store)
        return CHAT_E_NOMEM;
    store->machine.ops = &store_machine_ops;
    store->config = *config;
    store->config.allocator = alloc_or_default(config->allocator);
    store->service_id = config->service_id;
    rng_seed(&store->rng, config->seed);
    if (store->config.node_id == 0)
        store->config.node_id = rng_id(&store->rng);
    list_init(&store->ready);
    list_init(&store->issuing);
    list_init(&store->local);
    arena_init(&store->arena, store->config.allocator, LINK_ARENA_MAX);
    status = init_links(store);
    if (status == CHAT_OK)
        status = init_shards(store);
    if (status != CHAT_OK) {
        store_free(store);
        return status;
    }
    store->config.shards = NULL; /* borrowed until here */
    *out_store = store;
    return CHAT_OK;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    for (uint32_t i = 0; i < store->shards_held; i++)
        shard_fini(&store->shards[i]);
    /* Nobody hears of the ends of links any more. */
    LIST_EACH(node, &store->links.all)
    alloc_free(store->config.allocator, LIST_ENTRY(node, struct link, all)->owner);
    links_fini(&store->links);
    store_drop_local(store);
    arena_fini(&store->arena);
    alloc_free(store->config.allocator, store->by_number);
    alloc_free(store->config.allocator, store->shards);
    alloc_free(store->config.allocator, store->serving);
    alloc_free(store->config.allocator, store->map);
    alloc_free(store->config.allocator, store);
}

struct machine *store_machine(struct store *store) { return &store->machine; }

bool store_is_ready(const struct store *store)
{
    for (uint32_t i = 0; i < store->shards_held; i++)
        if (store->shards[i].state != SHARD_SERVING || store->stopping)
            return false;
    return true;
}

uint64_t store_get_service_id(const struct store *store) { return store->service_id; }

static void add_shard(const struct shard *s, struct store_stats *out)
{
    out->shards++;
    out->shards_serving += s->state == SHARD_SERVING;
    out->shards_fenced += s->state == SHARD_FENCED;
    out->shards_refused += s->state == SHARD_REFUSED;
    out->homes += s->homes_loaded;
    out->rings += (uint32_t)s->rings.slots.count;
    out->directory += (uint32_t)s->directory.entries.count;
    out->subscriptions += s->subscriptions;
    out->waiting += s->waiting;
    out->reads += s->reads_count;
    out->notes += s->notes.count;
    out->overlay_rows += s->overlay.rows.count;
    out->overlay_bytes += s->overlay.bytes;
    out->queued_records += s->queued_records;
    out->unapplied_records += s->synced - s->applied;
    if (s->applier.log_bytes > out->log_bytes)
        out->log_bytes = s->applier.log_bytes;
}

void store_get_stats(const struct store *store, struct store_stats *out_stats)
{
    *out_stats = store->stats;
    out_stats->links = store->links.stats;
    for (uint32_t i = 0; i < store->shards_held; i++)
        add_shard(&store->shards[i], out_stats);
}
