/* Backups of the service, and what an operator does who restores one. */
#include "server/store/rows.h"
#include "testkit/kit.h"

#define ARENA_MAX (16u << 20)
#define CHANNELS_PAGE 200u

struct raising {
    struct store_engine *engine;
    struct arena arena;
    uint32_t shard;
    uint64_t applied;
};

static chat_status execute(struct raising *r, struct engine_request *request)
{
    request->shard = r->shard;
    request->arena = &r->arena;
    r->engine->ops->execute(r->engine, request);
    return request->status;
}

static chat_status raise_one(struct raising *r, struct engine_row *row)
{
    WireChannelRow *channel =
        row_unpack(&wire_channel_row__descriptor, row->value, row->value_len, &r->arena);
    uint8_t *bytes;

    if (!channel)
        return CHAT_E_CORRUPT;
    channel->epoch++;
    row->value_len = row_size(channel);
    bytes = arena_alloc(&r->arena, row->value_len ? row->value_len : 1);
    if (!bytes)
        return CHAT_E_NOMEM;
    row_pack(channel, bytes);
    row->value = bytes;
    return CHAT_OK;
}

/* One page of channels from *from on. *out_count: how many there were. */
static chat_status raise_page(struct raising *r, struct engine_key *from, size_t *out_count)
{
    const struct engine_query query = {.table = TABLE_CHANNEL,
                                       .from = *from,
                                       .to = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                       .limit = CHANNELS_PAGE};
    struct engine_request read = {.op = ENGINE_READ}, apply = {.op = ENGINE_APPLY};
    chat_status status;

    read.read.queries = &query;
    read.read.count = 1;
    status = execute(r, &read);
    if (status != CHAT_OK)
        return status;
    *out_count = read.read.results[0].count;
    if (*out_count == 0)
        return CHAT_OK;
    for (size_t i = 0; status == CHAT_OK && i < *out_count; i++) {
        *from = read.read.results[0].rows[i].key;
        status = raise_one(r, &read.read.results[0].rows[i]);
    }
    if (status != CHAT_OK)
        return status;
    from->k3++;
    apply.apply.rows = read.read.results[0].rows;
    apply.apply.count = *out_count;
    apply.apply.applied_position = r->applied;
    return execute(r, &apply);
}

/* Every channel of a shard that is open. */
static chat_status raise_epochs(struct raising *r)
{
    struct engine_key from = {0, 0, 0};
    size_t count = CHANNELS_PAGE;
    chat_status status = CHAT_OK;

    while (status == CHAT_OK && count == CHANNELS_PAGE) {
        status = raise_page(r, &from, &count);
        arena_reset(&r->arena);
    }
    return status;
}

static chat_status raise_shard(chat_testkit *kit, uint32_t shard)
{
    struct engine_request open = {.op = ENGINE_OPEN}, close = {.op = ENGINE_CLOSE};
    struct raising r = {.engine = kit->server.engine, .shard = shard};
    chat_status status;

    arena_init(&r.arena, kit->allocator, ARENA_MAX);
    status = execute(&r, &open);
    if (status == CHAT_OK) {
        r.applied = open.open.applied_position;
        /* The backup was taken when all was applied: nothing will be replayed over it. */
        status = open.open.synced_position == r.applied ? raise_epochs(&r) : CHAT_E_CORRUPT;
        (void)execute(&r, &close);
        if (status == CHAT_OK)
            status = close.status;
    }
    arena_fini(&r.arena);
    return status;
}

chat_status chat_testkit_server_backup(chat_testkit *kit)
{
    struct sim_disk *copy;
    chat_status status;

    if (!kit_may_run(kit, &status))
        return status;
    if (!kit->server.router)
        return CHAT_E_STATE;
    status = kit_server_settle(kit);
    if (status != CHAT_OK)
        return status;
    copy = sim_disk_new(kit->allocator, rng_u64(&kit->rng));
    status = copy ? sim_disk_copy(copy, kit->server.storage) : CHAT_E_NOMEM;
    if (status != CHAT_OK) {
        sim_disk_free(copy);
        return status;
    }
    sim_disk_free(kit->server.backup);
    kit->server.backup = copy;
    return CHAT_OK;
}

chat_status chat_testkit_server_restore(chat_testkit *kit)
{
    chat_status status;

    if (!kit)
        return CHAT_E_INVALID;
    if (!kit->server.backup)
        return CHAT_E_NOT_FOUND;
    kit_server_kill(kit, false);
    status = sim_disk_copy(kit->server.storage, kit->server.backup);
    if (status == CHAT_OK)
        status = kit_server_mount(kit);
    for (uint32_t i = 0; status == CHAT_OK && i < kit->shards; i++)
        status = raise_shard(kit, i);
    kit_server_unmount(kit);
    return status == CHAT_OK ? kit_server_start(kit) : status;
}
