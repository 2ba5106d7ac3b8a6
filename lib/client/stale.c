/*
 * NONCE_STALE: the store does not know any more whether it has our message, or a copy of
 * this cache file used the same nonces. The device takes a new id; each operation that
 * may be in is looked for in history, from where the channel stood when it was queued.
 * What is not there goes out again, under a new nonce.
 */
#include "client/inner.h"

void stale_look(struct client_core *core, struct channel *ch, const struct out_op *op)
{
    uint64_t from = op->base_seq + 1;

    ch->scan_at = ch->scan_at ? least_u64(ch->scan_at, from) : from;
    ch->out_stalled = true;
    lane_check(core, ch);
}

void stale_begin(struct client_core *core, struct channel *ch, const struct out_op *op)
{
    uint64_t device_id = op->device_id;

    log_write(core->cfg.logger, CHAT_LOG_WARN, "client", "channel %llu: nonces are stale",
              (unsigned long long)ch->c.channel_id);
    if (device_id == cache_identity(core->cache)->device_id) {
        (void)core_ok(core, cache_set_device(core->cache, rng_id(&core->rng)));
        core->ticket.len = 0; /* it is bound to the device */
        (void)core_ok(core, cache_set_ticket(core->cache, &core->ticket));
    }
    LIST_EACH(node, &ch->ops)
    {
        const struct out_op *other = LIST_ENTRY(node, struct out_op, link);

        if (other->device_id == device_id)
            stale_look(core, ch, other);
    }
}

static void rename_op(struct client_core *core, struct channel *ch, struct out_op *op)
{
    op->old_device_id = op->device_id;
    op->old_counter = op->counter;
    op->device_id = cache_identity(core->cache)->device_id;
    op->counter = compose_counter(core);
    op->base_seq = ch->c.head_seq;
    op->was_sent = false;
    if (core_ok(core, cache_outbox_rename(core->cache, op->row, op->device_id, op->counter,
                                          op->base_seq)))
        events_outgoing(core, op, CHAT_OUTGOING_QUEUED, CHAT_OK, op->seq, NULL);
}

void stale_scanned(struct client_core *core, struct channel *ch, uint64_t up_to, uint64_t head_seq)
{
    uint64_t device_id = cache_identity(core->cache)->device_id, highest = 0;

    if (!ch->scan_at)
        return;
    if (up_to < head_seq) {
        ch->scan_at = up_to + 1;
        return;
    }
    ch->scan_at = 0;
    LIST_EACH(node, &ch->ops)
    {
        struct out_op *op = LIST_ENTRY(node, struct out_op, link);

        if (op->request_id || op->acked_rev)
            continue;
        /* Also what was queued meanwhile: counters rise in the order of sending. */
        if (op->device_id != device_id || op->counter < highest)
            rename_op(core, ch, op);
        highest = op->counter;
    }
    ch->out_stalled = false;
    lane_check(core, ch);
}
