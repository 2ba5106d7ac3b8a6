/*
 * NONCE_STALE: the store does not know any more whether it has our message, or a copy of
 * this cache file used the same nonces. The device takes a new id; the operation is looked
 * for in history, from where the channel stood when it was queued, and if it is not there
 * it goes out again, under a new nonce.
 *
 * Only what was told to be stale is renamed: the store may still take any other nonce of
 * ours that is on its way, and a message must not go out under two.
 *
 * Alterations are not found in history. One that goes out again must not undo what was typed
 * after it: a later edit or deletion of the same message that is known to be in stands for it, and
 * those that are not follow it under new nonces, too. Altering twice does no harm.
 */
#include "base/plant.h"
#include "client/inner.h"

/* History is to be looked through for this operation. */
static void look(struct client_core *core, struct channel *ch, const struct out_op *op)
{
    uint64_t from = least_u64(op->base_seq, ch->c.head_seq) + 1;

    if (PLANTED(STALE_NOT_LOOKED_FOR))
        from = ch->c.head_seq + 1;

    ch->scan_at = ch->scan_at ? least_u64(ch->scan_at, from) : from;
    ch->out_stalled = true;
    lane_check(core, ch);
}

void stale_begin(struct client_core *core, struct channel *ch, struct out_op *op)
{
    log_write(core->cfg.logger, CHAT_LOG_WARN, "client", "channel %llu: a nonce is stale",
              (unsigned long long)ch->c.channel_id);
    if (op->device_id == cache_identity(core->cache)->device_id) {
        (void)core_ok(core, cache_set_device(core->cache, rng_id(&core->rng)));
        core->ticket.len = 0; /* it is bound to the device */
        (void)core_ok(core, cache_set_ticket(core->cache, &core->ticket));
    }
    op->stale = true;
    for (struct list_node *n = op->link.next; n != &ch->ops.head; n = n->next) {
        const struct out_op *later = LIST_ENTRY(n, struct out_op, link);

        if (later->acked_rev && later->seq == op->seq && op->kind == CHAT_OUTGOING_EDIT &&
            later->kind != CHAT_OUTGOING_REACT) {
            outbox_done(core, op, op->seq);
            return;
        }
    }
    look(core, ch, op);
}

void stale_overtaken(struct client_core *core, struct channel *ch, const struct out_op *by)
{
    LIST_EACH(node, &ch->ops)
    {
        struct out_op *op = LIST_ENTRY(node, struct out_op, link);

        if (op == by)
            break;
        if (op->stale && op->seq == by->seq && op->kind == CHAT_OUTGOING_EDIT &&
            by->kind != CHAT_OUTGOING_REACT)
            outbox_done(core, op, op->seq);
    }
}

static void rename_op(struct client_core *core, struct channel *ch, struct out_op *op)
{
    op->old_device_id = op->device_id;
    op->old_counter = op->counter;
    ops_rename(core, op, cache_identity(core->cache)->device_id, compose_counter(core));
    op->base_seq = ch->c.head_seq;
    op->was_sent = false;
    op->stale = false;
    view_renamed(core, op);
    /* It must not come back under the old nonce once it went out under the new one. */
    core->sync_wanted = true;
    if (core_ok(core, cache_outbox_rename(core->cache, op->row, op->device_id, op->counter,
                                          op->base_seq)))
        events_outgoing(core, op, CHAT_OUTGOING_QUEUED, CHAT_OK, op->seq, NULL);
}

/* An earlier alteration of its message was renamed just now. */
static bool is_undone(const struct channel *ch, const struct out_op *op, uint64_t device_id)
{
    if (op->kind == CHAT_OUTGOING_SEND || op->device_id == device_id)
        return false;
    for (const struct list_node *n = op->link.prev; n != &ch->ops.head; n = n->prev) {
        const struct out_op *before = LIST_ENTRY(n, struct out_op, link);

        if (before->kind != CHAT_OUTGOING_SEND && before->seq == op->seq &&
            before->device_id == device_id)
            return true;
    }
    return false;
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

        if (op->acked_rev)
            continue;
        if (is_undone(ch, op, device_id)) {
            outbox_unsend(core, op);
            rename_op(core, ch, op);
        }
        /* Also what was queued meanwhile behind a renamed one, and so was not sent:
         * counters rise in the order of sending. */
        if (op->stale || (op->device_id == device_id && op->counter < highest))
            rename_op(core, ch, op);
        if (op->device_id == device_id)
            highest = op->counter;
    }
    ch->out_stalled = false;
    lane_check(core, ch);
}
