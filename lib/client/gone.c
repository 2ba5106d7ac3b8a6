/*
 * A channel was removed while operations of it were on their way. No answer means unknown,
 * never failed: they stay queued and the store is asked until it says, for it judges a
 * nonce before it judges the right to send. Meanwhile the channel is a mere place for them,
 * beside core->channels: nobody finds it, nothing of it is saved.
 */
#include "client/inner.h"

void gone_keep(struct client_core *core, struct channel *ch)
{
    const struct cache_channel c = {
        .channel_id = ch->c.channel_id,
        .last_device = ch->c.last_device,
        .last_counter = ch->c.last_counter,
    };

    if (list_is_empty(&ch->ops)) {
        channel_free(core, ch);
        return;
    }
    list_remove(&ch->dirty);
    list_remove(&ch->lagging);
    list_remove(&ch->telling);
    list_remove(&ch->settling);
    list_remove(&ch->stale);
    ch->own = (struct own_settings){0};
    ch->receipts = (struct receipt_state){0};
    ranges_fini(&ch->c.ranges, core->allocator);
    ch->c = c;
    ch->expect_rev = 0;
    ch->scan_at = 0;
    ch->verify = false;
    ch->mark_request = 0;
    list_push_back(&core->gone, &ch->gone);
    outbox_check(core, ch);
}

struct channel *gone_find(const struct client_core *core, uint64_t channel_id)
{
    LIST_EACH(node, &core->gone)
    {
        struct channel *ch = LIST_ENTRY(node, struct channel, gone);

        if (ch->c.channel_id == channel_id)
            return ch;
    }
    return NULL;
}

struct channel *gone_make(struct client_core *core, uint64_t channel_id)
{
    struct channel *ch = alloc_zeroed(core->allocator, sizeof(*ch));

    if (!ch)
        return NULL;
    ch->c.channel_id = channel_id;
    list_init(&ch->ops);
    list_push_back(&core->gone, &ch->gone);
    return ch;
}

void gone_adopt(struct client_core *core, struct channel *ch)
{
    struct channel *gone = gone_find(core, ch->c.channel_id);
    struct list_node *node;

    if (!gone)
        return;
    while ((node = list_pop_front(&gone->ops)) != NULL) {
        LIST_ENTRY(node, struct out_op, link)->channel = ch;
        list_push_back(&ch->ops, node);
    }
    ch->in_flight = gone->in_flight;
    ch->acked = gone->acked;
    ch->out_failures = gone->out_failures;
    ch->out_stalled = gone->out_stalled;
    ch->out_wait_until_ms = gone->out_wait_until_ms;
    ch->c.last_device = gone->c.last_device;
    ch->c.last_counter = gone->c.last_counter;
    channel_touch(core, ch);
    channel_free(core, gone);
    outbox_check(core, ch);
}

void gone_sweep(struct client_core *core)
{
    LIST_EACH(node, &core->gone)
    {
        struct channel *ch = LIST_ENTRY(node, struct channel, gone);

        if (list_is_empty(&ch->ops))
            channel_free(core, ch);
    }
}
