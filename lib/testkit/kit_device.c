/* Devices: where the application under test runs. */
#include <string.h>

#include "base/alloc.h"
#include "testkit/kit.h"

#define SKEW_MAX_MS INT64_C(315360000000) /* ten years */

/* --- what the network asks --- */

static struct sim_node *route(void *user)
{
    struct chat_testkit_device *d = user;

    if (d->refused_until_ms != MOMENT_NEVER &&
        d->refused_until_ms <= sim_world_now_ms(d->kit->world))
        d->refusal = CHAT_TESTKIT_REFUSE_NOTHING;
    if (d->is_offline || d->refusal == CHAT_TESTKIT_REFUSE_NETWORK)
        return d->kit->nobody;
    if (d->refusal == CHAT_TESTKIT_REFUSE_SILENT)
        return NULL;
    return d->refusal == CHAT_TESTKIT_REFUSE_NOTHING ? d->kit->server.router_node : d->refuser_node;
}

static void step(void *user)
{
    struct chat_testkit_device *d = user;

    if (!d->loop || d->pumps || kit_disk_is_dead(&d->disk))
        return;
    (void)chat_loop_step(d->loop, 0);
    if (d->loop && d->on_step)
        d->on_step(d->loop, d->user);
}

static int64_t timeout_ms(void *user)
{
    struct chat_testkit_device *d = user;

    if (!d->loop || d->pumps || kit_disk_is_dead(&d->disk))
        return -1;
    return chat_loop_get_timeout_ms(d->loop);
}

bool kit_device_is_busy(const struct chat_testkit_device *d)
{
    return timeout_ms((void *)(uintptr_t)d) == 0;
}

static bool is_dead(void *user)
{
    return kit_disk_is_dead(&((struct chat_testkit_device *)user)->disk);
}

static bool delivered(void *user, const uint8_t *bytes, size_t len)
{
    struct chat_testkit_device *d = user;

    (void)bytes, (void)len;
    if (kit_disk_is_dead(&d->disk))
        return false;
    if (!d->drops)
        return true;
    if (d->drops_after > 0) {
        d->drops_after--;
        return true;
    }
    d->drops = false;
    (void)sim_world_cut(d->kit->world, d->node, NULL, true);
    return false;
}

static bool has_heard(void *user)
{
    return sim_port_has_heard(&((struct chat_testkit_device *)user)->port);
}

/* The test waits in a step of its own. Within a callback of the kit nothing waits. */
static chat_status wait_for_news(void *user, int64_t timeout)
{
    struct chat_testkit_device *d = user;
    chat_testkit *kit = d->kit;
    chat_status status;

    if (kit->runs)
        return CHAT_OK;
    if (timeout < 0 || timeout > CHAT_TESTKIT_WAIT_MAX_MS)
        timeout = CHAT_TESTKIT_WAIT_MAX_MS;
    d->pumps = true;
    status = kit_run(kit, sim_world_now_ms(kit->world) + timeout, has_heard, d);
    d->pumps = false;
    return status;
}

static chat_status started(void *user)
{
    struct chat_testkit_device *d = user;

    d->loop = NULL;
    d->drops = false;
    return kit_disk_mount(&d->disk);
}

static const struct sim_port_ops port_ops = {
    .route = route,
    .step = step,
    .timeout_ms = timeout_ms,
    .is_dead = is_dead,
    .delivered = delivered,
    .wait = wait_for_news,
    .started = started,
};

/* The process was killed within its turn: its links are reset. */
static void after_turn(struct sim_node *node)
{
    struct chat_testkit_device *d = node->user;

    if (kit_disk_is_dead(&d->disk))
        (void)sim_node_crash(node, false);
}

static const struct sim_node_ops node_ops = {.after_turn = after_turn};
static const struct sim_node_ops refuser_ops = {0};

/* --- life --- */

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > CHAT_TESTKIT_NAME_MAX || strcmp(name, "all") == 0)
        return false;
    for (; *name; name++) {
        if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z') &&
            !(*name >= '0' && *name <= '9') && *name != '-' && *name != '_')
            return false;
    }
    return true;
}

static chat_status device_init(chat_testkit *kit, struct chat_testkit_device *d, const char *name)
{
    chat_status status;

    d->kit = kit;
    memcpy(d->name, name, strlen(name) + 1);
    d->refused_until_ms = MOMENT_NEVER;
    status = kit_disk_init(&d->disk, kit->allocator, rng_u64(&kit->rng));
    if (status != CHAT_OK)
        return status;
    d->node = sim_world_add(kit->world, d->name, &node_ops, d);
    d->refuser_node = sim_world_add(kit->world, "refuser", &refuser_ops, d);
    if (!d->node || !d->refuser_node)
        return CHAT_E_FULL;
    d->node->peer_is_client = true;
    d->node->delay_ms = kit->delay_ms;
    sim_port_init(&d->port, d->node, &port_ops, d, rng_u64(&kit->rng));
    refuser_init(&d->refuser, kit->allocator);
    sim_node_start(d->node, &d->port.machine);
    sim_node_start(d->refuser_node, &d->refuser.machine);
    return kit_status(kit);
}

chat_status chat_testkit_device_new(chat_testkit *kit, const char *name,
                                    chat_testkit_device **out_device)
{
    struct chat_testkit_device *d;
    chat_status status;

    if (!kit || !name || !out_device || !is_name(name))
        return CHAT_E_INVALID;
    for (uint32_t i = 0; i < kit->device_count; i++) {
        if (strcmp(kit->devices[i]->name, name) == 0)
            return CHAT_E_CONFLICT;
    }
    if (kit->device_count == CHAT_TESTKIT_DEVICES_MAX)
        return CHAT_E_FULL;
    d = alloc_zeroed(kit->allocator, sizeof(*d));
    if (!d)
        return CHAT_E_NOMEM;
    status = device_init(kit, d, name);
    if (status != CHAT_OK) {
        kit_device_free(d);
        return status;
    }
    kit->devices[kit->device_count++] = d;
    *out_device = d;
    return CHAT_OK;
}

void kit_device_free(struct chat_testkit_device *d)
{
    if (d->node && d->node->machine)
        (void)sim_node_crash(d->node, false);
    if (d->refuser_node && d->refuser_node->machine)
        (void)sim_node_crash(d->refuser_node, false);
    sim_port_fini(&d->port);
    refuser_fini(&d->refuser);
    kit_disk_fini(&d->disk);
    alloc_free(d->kit->allocator, d);
}

struct chat_transport *chat_testkit_device_get_transport(chat_testkit_device *device)
{
    return device ? &device->port.transport : NULL;
}

const char *chat_testkit_device_get_vfs(const chat_testkit_device *device)
{
    return device ? engine_vfs_name(device->disk.vfs) : NULL;
}

chat_status chat_testkit_device_attach(chat_testkit_device *device, chat_loop *loop,
                                       chat_testkit_step_fn on_step, void *user)
{
    if (!device)
        return CHAT_E_INVALID;
    if (loop && !device->port.has_loop)
        return CHAT_E_STATE;
    device->loop = loop;
    device->on_step = on_step;
    device->user = user;
    return kit_status(device->kit);
}

chat_status chat_testkit_device_kill(chat_testkit_device *device, bool by_power_loss)
{
    if (!device)
        return CHAT_E_INVALID;
    if (by_power_loss)
        sim_disk_power_loss(device->disk.storage);
    else
        sim_disk_kill(device->disk.mount);
    return kit_status(device->kit); /* its links are reset at the end of its next turn */
}

bool chat_testkit_device_is_dead(const chat_testkit_device *device)
{
    return device && kit_disk_is_dead(&device->disk);
}

chat_status chat_testkit_device_set_clock_skew(chat_testkit_device *device, int64_t ms)
{
    if (!device || ms < -SKEW_MAX_MS || ms > SKEW_MAX_MS)
        return CHAT_E_INVALID;
    device->node->wall_offset_ms = ms;
    return kit_status(device->kit);
}
