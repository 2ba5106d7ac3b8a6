/* A kit's life, and how time passes in it. */
#include "testkit/kit.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

/* Appending a field to the public struct never moves this line. */
#define CONFIG_SIZE_V1                                                                             \
    (offsetof(struct chat_testkit_config, operations_per_second) + sizeof(uint32_t))

_Static_assert(CHAT_TESTKIT_EVENTS_MAX == SIM_EVENTS_MAX, "the manual says what the world does");
_Static_assert(4 + 2 * CHAT_TESTKIT_DEVICES_MAX + CHAT_TESTKIT_PEOPLE_MAX <= SIM_NODES_MAX,
               "a node for each, beside the three roles and nobody");

#define SEED_DEFAULT 1u
#define DELAY_DEFAULT_MS 1u
#define SHARDS_DEFAULT 2u
#define OPERATIONS_DEFAULT 10000u
#define START_MS 60000 /* of the service's own time, to come up */

void chat_testkit_config_init_sized(struct chat_testkit_config *config, size_t size)
{
    const struct chat_testkit_config defaults = {
        .size = size,
        .seed = SEED_DEFAULT,
        .delay_ms = DELAY_DEFAULT_MS,
        .shards = SHARDS_DEFAULT,
        .operations_per_second = OPERATIONS_DEFAULT,
    };
    memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static chat_status read_config(const struct chat_testkit_config *given,
                               struct chat_testkit_config *out)
{
    if (!given || given->size < CONFIG_SIZE_V1 || given->size > sizeof(*out))
        return CHAT_E_INVALID;
    chat_testkit_config_init(out);
    memcpy(out, given, given->size);
    if (out->delay_ms > KIT_DELAY_MAX_MS || out->shards == 0 || out->shards > KIT_SHARDS_MAX ||
        out->operations_per_second == 0)
        return CHAT_E_INVALID;
    return CHAT_OK;
}

/* --- life --- */

static chat_status make_world(chat_testkit *kit)
{
    struct sim_net *net;

    kit->world = sim_world_new(kit->allocator, rng_u64(&kit->rng));
    if (!kit->world)
        return CHAT_E_NOMEM;
    /* Only devices are far away. */
    net = sim_world_net(kit->world);
    net->delay_min_ms = net->delay_max_ms = net->engine_min_ms = net->engine_max_ms = 0;
    kit->nobody = sim_world_add(kit->world, "nobody", NULL, NULL);
    return CHAT_OK;
}

chat_status chat_testkit_new(const struct chat_testkit_config *given, chat_testkit **out_kit)
{
    struct chat_testkit_config config;
    chat_testkit *kit;
    chat_status status = out_kit ? read_config(given, &config) : CHAT_E_INVALID;

    if (status != CHAT_OK)
        return status;
    kit = alloc_zeroed(alloc_or_default(config.allocator), sizeof(*kit));
    if (!kit)
        return CHAT_E_NOMEM;
    kit->allocator = alloc_or_default(config.allocator);
    if (config.logger)
        kit->logger = *config.logger;
    kit->delay_ms = config.delay_ms;
    kit->shards = config.shards;
    kit->operations_per_second = config.operations_per_second;
    rng_seed(&kit->rng, config.seed);
    status = make_world(kit);
    if (status == CHAT_OK)
        status = kit_server_init(kit);
    if (status == CHAT_OK)
        status = kit_server_start(kit);
    if (status == CHAT_OK)
        status = kit_run_until(kit, kit_server_is_ready, kit, START_MS);
    if (status != CHAT_OK) {
        chat_testkit_free(kit);
        return status;
    }
    *out_kit = kit;
    return CHAT_OK;
}

void chat_testkit_free(chat_testkit *kit)
{
    if (!kit)
        return;
    for (uint32_t i = 0; i < kit->person_count; i++)
        kit_person_free(kit->people[i]);
    for (uint32_t i = 0; i < kit->device_count; i++)
        kit_device_free(kit->devices[i]);
    kit_server_fini(kit);
    sim_world_free(kit->world);
    kit_plans_free(kit);
    alloc_free(kit->allocator, kit);
}

/* --- time --- */

chat_status kit_status(const chat_testkit *kit) { return sim_world_status(kit->world); }

bool kit_may_run(const chat_testkit *kit, chat_status *out_status)
{
    *out_status = !kit ? CHAT_E_INVALID : kit->runs ? CHAT_E_STATE : kit_status(kit);
    return *out_status == CHAT_OK;
}

/* What the test did since time passed last: loops are stepped, what they sent leaves. */
static void catch_up(chat_testkit *kit)
{
    for (uint32_t i = 0; i < kit->device_count; i++)
        sim_node_kick(kit->devices[i]->node);
    for (uint32_t i = 0; i < kit->person_count; i++)
        sim_node_kick(kit->people[i]->node);
}

chat_status kit_run(chat_testkit *kit, int64_t until_ms, chat_testkit_done_fn done, void *user)
{
    bool ended = true;
    chat_status status;

    if (!kit_may_run(kit, &status))
        return status;
    kit->runs = true;
    catch_up(kit);
    if (!done || !done(user))
        ended = sim_world_run(kit->world, until_ms, done, user);
    kit->runs = false;
    status = kit_status(kit);
    return status != CHAT_OK ? status : ended ? CHAT_OK : CHAT_E_TOO_LARGE;
}

chat_status kit_run_until(chat_testkit *kit, chat_testkit_done_fn done, void *user,
                          int64_t limit_ms)
{
    chat_status status = kit_run(kit, sim_world_now_ms(kit->world) + limit_ms, done, user);

    if (status != CHAT_OK)
        return status;
    return done(user) ? CHAT_OK : CHAT_E_TIMEOUT;
}

int64_t chat_testkit_get_time_ms(const chat_testkit *kit)
{
    return kit ? sim_world_now_ms(kit->world) - SIM_WORLD_START_MS : 0;
}

chat_status chat_testkit_advance(chat_testkit *kit, int64_t ms)
{
    if (!kit || ms < 0 || ms > CHAT_TESTKIT_TIME_MAX_MS)
        return CHAT_E_INVALID;
    return kit_run(kit, sim_world_now_ms(kit->world) + ms, NULL, NULL);
}

static bool is_idle(void *user)
{
    const chat_testkit *kit = user;

    if (sim_world_in_flight(kit->world) > 0)
        return false;
    for (uint32_t i = 0; i < kit->device_count; i++) {
        if (kit_device_is_busy(kit->devices[i]))
            return false;
    }
    for (uint32_t i = 0; i < kit->person_count; i++) {
        if (kit_person_is_busy(kit->people[i]))
            return false;
    }
    return true;
}

chat_status chat_testkit_run_until_idle(chat_testkit *kit)
{
    if (!kit)
        return CHAT_E_INVALID;
    return kit_run_until(kit, is_idle, kit, CHAT_TESTKIT_IDLE_MAX_MS);
}

chat_status chat_testkit_run_until(chat_testkit *kit, chat_testkit_done_fn done, void *user,
                                   int64_t limit_ms)
{
    if (!kit || !done || limit_ms < 0 || limit_ms > CHAT_TESTKIT_TIME_MAX_MS)
        return CHAT_E_INVALID;
    return kit_run_until(kit, done, user, limit_ms);
}

/* --- what one waits for most --- */

struct awaited {
    chat_conn *conn;
    uint64_t channel_id, seq;
};

static bool is_live(void *user)
{
    return chat_conn_get_state(((const struct awaited *)user)->conn) == CHAT_CONN_LIVE;
}

static bool is_delivered(void *user)
{
    const struct awaited *a = user;
    const struct chat_channel *channel = chat_conn_get_channel(a->conn, a->channel_id);

    return channel && channel->stream_seq >= a->seq;
}

static bool is_sent(void *user)
{
    const struct awaited *a = user;
    const struct chat_outgoing *outgoing;

    for (uint32_t i = 0; chat_conn_get_outgoing(a->conn, i, &outgoing); i++) {
        if (outgoing->state == CHAT_OUTGOING_QUEUED)
            return false;
    }
    return true;
}

chat_status chat_testkit_wait_live(chat_testkit *kit, chat_conn *conn, int64_t limit_ms)
{
    struct awaited awaited = {.conn = conn};

    if (!conn)
        return CHAT_E_INVALID;
    return chat_testkit_run_until(kit, is_live, &awaited, limit_ms);
}

chat_status chat_testkit_wait_delivered(chat_testkit *kit, chat_conn *conn, uint64_t channel_id,
                                        uint64_t seq, int64_t limit_ms)
{
    struct awaited awaited = {.conn = conn, .channel_id = channel_id, .seq = seq};

    if (!conn)
        return CHAT_E_INVALID;
    return chat_testkit_run_until(kit, is_delivered, &awaited, limit_ms);
}

chat_status chat_testkit_wait_sent(chat_testkit *kit, chat_conn *conn, int64_t limit_ms)
{
    struct awaited awaited = {.conn = conn};

    if (!conn)
        return CHAT_E_INVALID;
    return chat_testkit_run_until(kit, is_sent, &awaited, limit_ms);
}
