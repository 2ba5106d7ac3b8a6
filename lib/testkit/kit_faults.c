/* Faults of the network, of one device or of all. */
#include "testkit/kit.h"

#define CLOSE_CODE_MIN 1000u
#define CLOSE_CODE_MAX 4999u

/* What a fault is made of; each uses what it needs. */
struct how {
    int64_t value; /* ms, a count, a code, a way, or a bool */
    chat_testkit_refusal refusal;
    uint32_t retry_after_ms;
};

typedef void (*fault_fn)(struct chat_testkit_device *device, const struct how *how);

static chat_status each(chat_testkit *kit, chat_testkit_device *device, fault_fn fault,
                        struct how how)
{
    if (!kit || (device && device->kit != kit))
        return CHAT_E_INVALID;
    for (uint32_t i = 0; i < kit->device_count; i++) {
        if (!device || device == kit->devices[i])
            fault(kit->devices[i], &how);
    }
    return kit_status(kit);
}

static bool is_time(int64_t ms) { return ms >= 0 && ms <= CHAT_TESTKIT_TIME_MAX_MS; }

static void drop(struct chat_testkit_device *d, const struct how *how)
{
    (void)how;
    (void)sim_world_cut(d->kit->world, d->node, NULL, true);
}

chat_status chat_testkit_drop_links(chat_testkit *kit, chat_testkit_device *device)
{
    return each(kit, device, drop, (struct how){0});
}

static void drop_after(struct chat_testkit_device *d, const struct how *how)
{
    d->drops = true;
    d->drops_after = (uint32_t)how->value;
}

chat_status chat_testkit_drop_after(chat_testkit *kit, chat_testkit_device *device,
                                    uint32_t messages)
{
    return each(kit, device, drop_after, (struct how){.value = messages});
}

static void close_links(struct chat_testkit_device *d, const struct how *how)
{
    (void)sim_world_close(d->kit->world, d->node, (uint16_t)how->value);
}

chat_status chat_testkit_close_links(chat_testkit *kit, chat_testkit_device *device, uint16_t code)
{
    if (code < CLOSE_CODE_MIN || code > CLOSE_CODE_MAX)
        return CHAT_E_INVALID;
    return each(kit, device, close_links, (struct how){.value = code});
}

static void set_online(struct chat_testkit_device *d, const struct how *how)
{
    d->is_offline = !how->value;
    if (d->is_offline)
        drop(d, how);
}

chat_status chat_testkit_set_online(chat_testkit *kit, chat_testkit_device *device, bool is_online)
{
    return each(kit, device, set_online, (struct how){.value = is_online});
}

static void set_delay(struct chat_testkit_device *d, const struct how *how)
{
    d->node->delay_ms = how->value;
}

chat_status chat_testkit_set_delay(chat_testkit *kit, chat_testkit_device *device,
                                   uint32_t delay_ms)
{
    if (delay_ms > KIT_DELAY_MAX_MS)
        return CHAT_E_INVALID;
    return each(kit, device, set_delay, (struct how){.value = delay_ms});
}

static void stall(struct chat_testkit_device *d, const struct how *how)
{
    struct sim_world *w = d->kit->world;

    (void)sim_world_stall(w, d->node, NULL, sim_world_now_ms(w) + how->value);
}

chat_status chat_testkit_stall_links(chat_testkit *kit, chat_testkit_device *device, int64_t for_ms)
{
    return is_time(for_ms) ? each(kit, device, stall, (struct how){.value = for_ms})
                           : CHAT_E_INVALID;
}

static void mute(struct chat_testkit_device *d, const struct how *how)
{
    if (how->value & CHAT_TESTKIT_UP)
        (void)sim_world_deafen(d->kit->world, d->node, false);
    if (how->value & CHAT_TESTKIT_DOWN)
        (void)sim_world_deafen(d->kit->world, d->node, true);
}

chat_status chat_testkit_mute_links(chat_testkit *kit, chat_testkit_device *device,
                                    chat_testkit_way way)
{
    if (way < CHAT_TESTKIT_UP || way > CHAT_TESTKIT_BOTH)
        return CHAT_E_INVALID;
    return each(kit, device, mute, (struct how){.value = way});
}

static void double_links(struct chat_testkit_device *d, const struct how *how)
{
    (void)sim_world_linger(d->kit->world, d->node, how->value);
}

chat_status chat_testkit_double_links(chat_testkit *kit, chat_testkit_device *device,
                                      int64_t linger_ms)
{
    return is_time(linger_ms) ? each(kit, device, double_links, (struct how){.value = linger_ms})
                              : CHAT_E_INVALID;
}

static void refuse(struct chat_testkit_device *d, const struct how *how)
{
    d->refusal = d->refuser.refusal = how->refusal;
    d->refuser.retry_after_ms = how->retry_after_ms;
    d->refused_until_ms =
        how->value < 0 ? MOMENT_NEVER : sim_world_now_ms(d->kit->world) + how->value;
}

chat_status chat_testkit_refuse(chat_testkit *kit, chat_testkit_device *device,
                                chat_testkit_refusal refusal, uint32_t retry_after_ms,
                                int64_t for_ms)
{
    const struct how how = {.value = for_ms, .refusal = refusal, .retry_after_ms = retry_after_ms};

    if ((int)refusal < CHAT_TESTKIT_REFUSE_NOTHING || refusal > CHAT_TESTKIT_REFUSE_SUPERSEDED ||
        for_ms > CHAT_TESTKIT_TIME_MAX_MS)
        return CHAT_E_INVALID;
    return each(kit, device, refuse, how);
}
