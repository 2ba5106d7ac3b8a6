/* What the user does, taken into the outbox before the call returns. */
#include <string.h>

#include "base/utf8.h"
#include "client/inner.h"

uint64_t compose_counter(struct client_core *core)
{
    return ((uint64_t)cache_identity(core->cache)->opens << 32) | ++core->low_counter;
}

/* The cache would not take it. */
static chat_status not_stored(struct client_core *core, chat_status status)
{
    cache_rollback(core->cache);
    if (status == CHAT_E_CONFLICT) { /* another process wrote: what we know is old */
        (void)core_ok(core, status);
        (void)core_commit(core);
    }
    return status;
}

/* The row is committed, the operation linked; nothing of it stays after an error. */
static chat_status add(struct client_core *core, struct cache_outgoing *o, int64_t replaces_row,
                       struct out_op **out_op)
{
    struct out_op *op;
    chat_status status;

    o->device_id = cache_identity(core->cache)->device_id;
    o->counter = compose_counter(core);
    o->state = CHAT_OUTGOING_QUEUED;
    o->status = CHAT_OK;
    op = outbox_op_new(core, o);
    if (!op)
        return CHAT_E_NOMEM;
    status = cache_outbox_add(core->cache, o, &op->row);
    if (status == CHAT_OK && replaces_row)
        status = cache_outbox_remove(core->cache, replaces_row);
    if (status == CHAT_OK)
        status = cache_commit(core->cache);
    if (status != CHAT_OK) {
        alloc_free(core->allocator, op);
        return not_stored(core, status);
    }
    outbox_op_link(core, op);
    events_outgoing(core, op, CHAT_OUTGOING_QUEUED, CHAT_OK, op->seq, NULL);
    *out_op = op;
    return CHAT_OK;
}

static chat_status queue(struct client_core *core, struct cache_outgoing *o,
                         struct chat_nonce *out_nonce)
{
    struct channel *ch;
    struct out_op *op;
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    ch = channel_find(core, o->channel_id);
    if (!ch)
        return CHAT_E_NOT_FOUND;
    if (core->op_count >= core->cfg.outbox_max)
        return CHAT_E_FULL;
    if (o->seq > ch->c.head_seq || o->reply_to_seq > ch->c.head_seq)
        return CHAT_E_INVALID;
    o->base_seq = ch->c.head_seq;
    o->created_at_ms = core->now.wall_ms;
    status = add(core, o, 0, &op);
    if (status == CHAT_OK && out_nonce)
        *out_nonce = (struct chat_nonce){op->device_id, op->counter};
    return status;
}

static chat_status check_body(const char *text, size_t text_len, const uint8_t *extra,
                              size_t extra_len)
{
    if (text_len > CHAT_TEXT_MAX || extra_len > CHAT_EXTRA_MAX)
        return CHAT_E_TOO_LARGE;
    if ((text_len && !text) || (extra_len && !extra) ||
        (text_len && !utf8_is_valid((const uint8_t *)text, text_len)))
        return CHAT_E_INVALID;
    return CHAT_OK;
}

chat_status client_send(struct client_core *core, uint64_t channel_id, const char *text,
                        size_t text_len, const uint8_t *extra, size_t extra_len,
                        uint64_t reply_to_seq, struct chat_nonce *out_nonce)
{
    struct cache_outgoing o = {
        .channel_id = channel_id,
        .kind = CHAT_OUTGOING_SEND,
        .text = text,
        .text_len = text_len,
        .extra = extra,
        .extra_len = extra_len,
        .reply_to_seq = reply_to_seq,
    };
    chat_status status = check_body(text, text_len, extra, extra_len);

    if (status == CHAT_OK && text_len == 0 && extra_len == 0)
        status = CHAT_E_INVALID;
    return status == CHAT_OK ? queue(core, &o, out_nonce) : status;
}

chat_status client_edit(struct client_core *core, uint64_t channel_id, uint64_t seq,
                        const char *text, size_t text_len, const uint8_t *extra, size_t extra_len,
                        struct chat_nonce *out_nonce)
{
    struct cache_outgoing o = {
        .channel_id = channel_id,
        .kind = CHAT_OUTGOING_EDIT,
        .seq = seq,
        .text = text,
        .text_len = text_len,
        .extra = extra,
        .extra_len = extra_len,
    };
    chat_status status = check_body(text, text_len, extra, extra_len);

    if (status == CHAT_OK && seq == 0)
        status = CHAT_E_INVALID;
    return status == CHAT_OK ? queue(core, &o, out_nonce) : status;
}

chat_status client_delete(struct client_core *core, uint64_t channel_id, uint64_t seq,
                          struct chat_nonce *out_nonce)
{
    struct cache_outgoing o = {.channel_id = channel_id, .kind = CHAT_OUTGOING_DELETE, .seq = seq};

    return seq ? queue(core, &o, out_nonce) : CHAT_E_INVALID;
}

chat_status client_mark_read(struct client_core *core, uint64_t channel_id, uint64_t seq)
{
    struct channel *ch;
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    ch = channel_find(core, channel_id);
    if (!ch)
        return CHAT_E_NOT_FOUND;
    seq = least_u64(seq, ch->c.head_seq);
    if (seq <= most_u64(ch->c.read_seq, ch->c.mark_seq))
        return CHAT_OK;
    ch->c.mark_seq = seq;
    ch->unread_stale = true;
    channel_touch(core, ch);
    events_read(core, ch);
    outbox_check(core, ch);
    return core_commit(core);
}

/* --- looking at the outbox, and what becomes of refused operations --- */

uint32_t client_outgoing_count(const struct client_core *core) { return core->op_count; }

static chat_status show(const struct cache_outgoing *o, void *user)
{
    struct client_core *core = user;
    char *text = arena_alloc(&core->view_arena, o->text_len + 1);
    void *extra = o->extra_len ? arena_copy(&core->view_arena, o->extra, o->extra_len) : NULL;

    if (!text || (o->extra_len && !extra))
        return CHAT_E_NOMEM;
    memcpy(text, o->text, o->text_len);
    text[o->text_len] = '\0';
    core->view_outgoing = (struct chat_outgoing){
        .nonce = {o->device_id, o->counter},
        .old_nonce = {o->old_device_id, o->old_counter},
        .channel_id = o->channel_id,
        .kind = (chat_outgoing_kind)o->kind,
        .state = (chat_outgoing_state)o->state,
        .seq = o->seq,
        .reply_to_seq = o->reply_to_seq,
        .created_at_ms = o->created_at_ms,
        .text = text,
        .text_len = o->text_len,
        .extra = extra,
        .extra_len = o->extra_len,
        .status = (chat_status)o->status,
    };
    return CHAT_OK;
}

bool client_outgoing(struct client_core *core, uint32_t index, const struct chat_outgoing **out)
{
    uint32_t at = 0;

    if (core_commit(core) != CHAT_OK)
        return false;
    arena_reset(&core->view_arena);
    LIST_EACH(node, &core->ops)
    {
        {
            if (at++ < index)
                continue;
        }
        if (cache_outbox_get(core->cache, LIST_ENTRY(node, struct out_op, all)->row, show, core) !=
            CHAT_OK)
            return false;
        *out = &core->view_outgoing;
        return true;
    }
    return false;
}

static chat_status find_refused(struct client_core *core, const struct chat_nonce *nonce,
                                struct out_op **out_op)
{
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    LIST_EACH(node, &core->ops)
    {
        struct out_op *op = LIST_ENTRY(node, struct out_op, all);

        if (op->counter != nonce->counter || op->device_id != nonce->device_id)
            continue;
        *out_op = op;
        return op->state == CHAT_OUTGOING_REFUSED ? CHAT_OK : CHAT_E_STATE;
    }
    return CHAT_E_NOT_FOUND;
}

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
    return add(again->core, &copy, o->row, &again->op);
}

chat_status client_resend(struct client_core *core, const struct chat_nonce *nonce,
                          struct chat_nonce *out_nonce)
{
    struct again again = {.core = core};
    struct out_op *op = NULL;
    chat_status status = find_refused(core, nonce, &op);

    if (status != CHAT_OK)
        return status;
    again.channel = channel_find(core, op->channel_id);
    if (!again.channel)
        return CHAT_E_NOT_FOUND;
    status = cache_outbox_get(core->cache, op->row, queue_again, &again);
    if (status != CHAT_OK)
        return status;
    outbox_op_free(core, op);
    if (out_nonce)
        *out_nonce = (struct chat_nonce){again.op->device_id, again.op->counter};
    return CHAT_OK;
}

chat_status client_discard(struct client_core *core, const struct chat_nonce *nonce)
{
    struct out_op *op = NULL;
    chat_status status = find_refused(core, nonce, &op);

    if (status != CHAT_OK)
        return status;
    status = cache_outbox_remove(core->cache, op->row);
    if (status == CHAT_OK)
        status = cache_commit(core->cache);
    if (status != CHAT_OK)
        return not_stored(core, status);
    events_outgoing(core, op, CHAT_OUTGOING_DISCARDED, CHAT_OK, op->seq, NULL);
    outbox_op_free(core, op);
    return CHAT_OK;
}
