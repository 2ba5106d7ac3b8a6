/* What becomes of operations that wait in the outbox: changed, followed, tried again, dropped. */
#include <string.h>

#include "base/plant.h"
#include "client/inner.h"

static chat_status find(struct client_core *core, const struct chat_nonce *nonce,
                        struct out_op **out_op)
{
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    *out_op = ops_find(core, nonce->device_id, nonce->counter);
    return *out_op ? CHAT_OK : CHAT_E_NOT_FOUND;
}

static struct chat_nonce nonce_of(const struct out_op *op)
{
    return (struct chat_nonce){op->device_id, op->counter};
}

static chat_status commit(struct client_core *core, chat_status status)
{
    if (status == CHAT_OK)
        status = cache_commit(core->cache);
    if (status != CHAT_OK)
        cache_rollback(core->cache);
    return status;
}

/* --- messages that have no seq yet --- */

/* A message of ours: queued; or NULL where it got in meanwhile and nobody knows, and then
 * *out_done says where. */
static chat_status find_message(struct client_core *core, const struct chat_nonce *nonce,
                                struct out_op **out_op, struct chat_outgoing *out_done)
{
    chat_status status = find(core, nonce, out_op);
    const struct chat_outgoing *done;

    if (status == CHAT_E_NOT_FOUND && (done = events_find_done(core, nonce)) != NULL) {
        *out_done = *done;
        return CHAT_OK;
    }
    if (status != CHAT_OK)
        return status;
    if ((*out_op)->kind != CHAT_OUTGOING_SEND)
        return CHAT_E_INVALID;
    return (*out_op)->state == CHAT_OUTGOING_QUEUED ? CHAT_OK : CHAT_E_STATE;
}

/* Queued behind the message, and given its seq once that is known. */
static chat_status follow(struct client_core *core, const struct out_op *message,
                          struct cache_outgoing *o, struct chat_nonce *out_nonce)
{
    o->channel_id = message->channel_id;
    o->parent = message->row;
    return compose_queue(core, o, out_nonce);
}

chat_status client_edit_outgoing(struct client_core *core, const struct chat_nonce *nonce,
                                 const struct chat_content *content, struct chat_nonce *out_nonce)
{
    struct cache_outgoing o;
    struct chat_outgoing done;
    struct out_op *op;
    chat_status status = compose_edit(content, &o);

    if (status == CHAT_OK)
        status = find_message(core, nonce, &op, &done);
    if (status != CHAT_OK)
        return status;
    if (!op)
        return client_edit(core, done.channel_id, done.seq, content, out_nonce);
    if (op->was_sent)
        return follow(core, op, &o, out_nonce);
    status = commit(core, cache_outbox_set_content(core->cache, op->row, &o));
    if (status != CHAT_OK)
        return status;
    /* What goes out under this nonce must not become the former text again by power loss: it
     * would be sent once more, as another message. */
    core->sync_wanted = true;
    op->edits++;
    view_touch_outbox(core, op->channel_id);
    events_outgoing(core, op, CHAT_OUTGOING_QUEUED, CHAT_OK, 0, NULL);
    if (out_nonce)
        *out_nonce = *nonce;
    return CHAT_OK;
}

chat_status client_react_outgoing(struct client_core *core, const struct chat_nonce *nonce,
                                  const char *emoji, size_t len, bool remove,
                                  struct chat_nonce *out_nonce)
{
    struct cache_outgoing o;
    struct chat_outgoing done;
    struct out_op *op;
    chat_status status = compose_reaction(emoji, len, remove, &o);

    if (status == CHAT_OK)
        status = find_message(core, nonce, &op, &done);
    if (status != CHAT_OK)
        return status;
    if (!op)
        return client_react(core, done.channel_id, done.seq, emoji, len, remove, out_nonce);
    return follow(core, op, &o, out_nonce);
}

static void forget(struct client_core *core, struct out_op *op)
{
    events_outgoing(core, op, CHAT_OUTGOING_DISCARDED, CHAT_OK, op->seq, NULL);
    outbox_op_free(core, op);
}

/* With what waits for it, all or none. */
static chat_status drop(struct client_core *core, struct out_op *op)
{
    chat_status status = cache_outbox_remove(core->cache, op->row);
    struct out_op *other;

    for (uint32_t i = 0; status == CHAT_OK && op->dependents && (other = ops_at(core, i)); i++)
        if (other->parent == op)
            status = cache_outbox_remove(core->cache, other->row);
    status = commit(core, status);
    if (status != CHAT_OK)
        return status;
    if (cache_sync(core->cache) != CHAT_OK) /* it must not come back after power loss */
        core->sync_wanted = true;           /* nothing goes out before it is tried again */
    for (uint32_t i = core->ops.count; op->dependents && i > 0; i--) {
        other = ops_at(core, i - 1);
        if (other->parent == op)
            forget(core, other);
    }
    forget(core, op);
    return CHAT_OK;
}

chat_status client_delete_outgoing(struct client_core *core, const struct chat_nonce *nonce,
                                   struct chat_nonce *out_nonce)
{
    struct cache_outgoing o = {.kind = CHAT_OUTGOING_DELETE};
    struct chat_outgoing done;
    struct out_op *op;
    chat_status status = find_message(core, nonce, &op, &done);

    if (status != CHAT_OK)
        return status;
    if (!op)
        return client_delete(core, done.channel_id, done.seq, out_nonce);
    if (op->was_sent)
        return follow(core, op, &o, out_nonce);
    if (out_nonce)
        *out_nonce = *nonce;
    return drop(core, op);
}

/* --- again, or not at all --- */

struct again {
    struct client_core *core;
    struct out_op *op;
    const struct channel *channel;
};

static chat_status queue_again(const struct cache_outgoing *o, void *user)
{
    struct again *again = user;
    struct cache_outgoing copy = *o;

    copy.old_device_id = o->device_id;
    copy.old_counter = o->counter;
    copy.base_seq = again->channel->c.head_seq;
    return compose_add(again->core, &copy, o->row, NULL, &again->op);
}

/* Can what it is about be known once? */
static chat_status check_parent(const struct out_op *op)
{
    if (op->kind == CHAT_OUTGOING_SEND || op->seq)
        return CHAT_OK;
    if (!op->parent)
        return CHAT_E_NOT_FOUND;
    return op->parent->state == CHAT_OUTGOING_QUEUED ? CHAT_OK : CHAT_E_STATE;
}

chat_status client_resend(struct client_core *core, const struct chat_nonce *nonce,
                          struct chat_nonce *out_nonce)
{
    struct again again = {.core = core};
    struct out_op *op = NULL, *other;
    chat_status status = find(core, nonce, &op);

    if (status != CHAT_OK)
        return status;
    if (op->state != CHAT_OUTGOING_REFUSED)
        return CHAT_E_STATE;
    again.channel = channel_find(core, op->channel_id);
    if (!again.channel)
        return CHAT_E_NOT_FOUND;
    status = check_parent(op);
    if (status == CHAT_OK)
        status = cache_outbox_get(core->cache, op->row, queue_again, &again);
    if (status != CHAT_OK)
        return status;
    for (uint32_t i = 0; op->dependents && (other = ops_at(core, i)); i++)
        if (other->parent == op)
            outbox_set_parent(other, again.op);
    outbox_op_free(core, op);
    view_renamed(core, again.op);
    core->sync_wanted = true; /* nor must the refused one come back once this one is out */
    if (out_nonce)
        *out_nonce = nonce_of(again.op);
    return CHAT_OK;
}

chat_status client_discard(struct client_core *core, const struct chat_nonce *nonce)
{
    struct out_op *op = NULL;
    chat_status status = find(core, nonce, &op);

    if (status != CHAT_OK)
        return status;
    if (op->state == CHAT_OUTGOING_QUEUED && op->was_sent && !PLANTED(SENT_IS_CANCELLED))
        return CHAT_E_STATE; /* it may be in */
    return drop(core, op);
}
