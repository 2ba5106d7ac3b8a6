/* What the user does, taken into the outbox before the call returns. */
#include <string.h>

#include "base/utf8.h"
#include "client/inner.h"

uint64_t compose_counter(struct client_core *core)
{
    return ((uint64_t)cache_identity(core->cache)->opens << 32) | ++core->low_counter;
}

/* Writes the row under a new nonce, in place of another one if that is not 0. What waited for
 * that one waits for this. */
static chat_status write_row(struct client_core *core, struct out_op *op,
                             const struct cache_outgoing *o, int64_t replaces_row)
{
    chat_status status = cache_outbox_add(core->cache, o, &op->row);

    if (status == CHAT_OK && replaces_row)
        status = cache_outbox_remove(core->cache, replaces_row);
    if (status == CHAT_OK && replaces_row)
        status = cache_outbox_set_parent(core->cache, replaces_row, op->row);
    return status;
}

chat_status compose_add(struct client_core *core, struct cache_outgoing *o, int64_t replaces_row,
                        struct channel *clears_draft, struct out_op **out_op)
{
    struct out_op *op;
    chat_status status;

    o->device_id = cache_identity(core->cache)->device_id;
    o->counter = compose_counter(core);
    o->state = CHAT_OUTGOING_QUEUED;
    o->status = CHAT_OK;
    o->sent = session_is_signed_in(core); /* it may go out at once */
    op = outbox_op_new(core, o);
    if (!op)
        return CHAT_E_NOMEM;
    status = write_row(core, op, o, replaces_row);
    if (status == CHAT_OK && clears_draft)
        status = draft_clear_row(core, clears_draft);
    if (status == CHAT_OK)
        status = ops_reserve(core);
    if (status == CHAT_OK)
        status = cache_commit(core->cache);
    if (status != CHAT_OK) {
        cache_rollback(core->cache);
        alloc_free(core->allocator, op);
        return status;
    }
    outbox_op_link(core, op);
    events_outgoing(core, op, CHAT_OUTGOING_QUEUED, CHAT_OK, op->seq, NULL);
    if (clears_draft)
        draft_cleared(core, clears_draft);
    *out_op = op;
    return CHAT_OK;
}

chat_status compose_queue(struct client_core *core, struct cache_outgoing *o,
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
    if (core->ops.count >= core->cfg.outbox_max)
        return CHAT_E_FULL;
    if (o->seq > ch->c.head_seq || o->reply_to_seq > ch->c.head_seq)
        return CHAT_E_INVALID;
    o->base_seq = ch->c.head_seq;
    o->created_at_ms = core->now.wall_ms;
    status = compose_add(core, o, 0, o->kind == CHAT_OUTGOING_SEND ? ch : NULL, &op);
    if (status == CHAT_OK && o->kind == CHAT_OUTGOING_SEND)
        typing_sent(core, o->channel_id);
    if (status == CHAT_OK && out_nonce)
        *out_nonce = (struct chat_nonce){op->device_id, op->counter};
    return status;
}

chat_status compose_check(const struct chat_content *c)
{
    if (c->text_len > CHAT_TEXT_MAX || c->extra_len > CHAT_EXTRA_MAX ||
        c->mentions_count > CHAT_MENTIONS_MAX)
        return CHAT_E_TOO_LARGE;
    if ((c->text_len && !c->text) || (c->extra_len && !c->extra) ||
        (c->mentions_count && !c->mention_ids) || (c->text_len == 0 && c->extra_len == 0) ||
        (c->text_len && !utf8_is_valid((const uint8_t *)c->text, c->text_len)))
        return CHAT_E_INVALID;
    for (size_t i = 0; i < c->mentions_count; i++) {
        for (size_t k = 0; k < i; k++)
            if (c->mention_ids[k] == c->mention_ids[i])
                return CHAT_E_INVALID;
        if (c->mention_ids[i] == 0)
            return CHAT_E_INVALID;
    }
    return CHAT_OK;
}

/* As today's struct, whatever the caller was compiled with; checked. */
static chat_status take_content(const struct chat_content *from, struct chat_content *out)
{
    *out = (struct chat_content)CHAT_CONTENT_INIT;
    if (!from || from->size < sizeof(from->size))
        return CHAT_E_INVALID;
    memcpy(out, from, from->size < sizeof(*out) ? from->size : sizeof(*out));
    return compose_check(out);
}

static struct cache_outgoing outgoing_of(uint32_t kind, const struct chat_content *content)
{
    return (struct cache_outgoing){
        .kind = kind,
        .text = content->text,
        .text_len = content->text_len,
        .extra = content->extra,
        .extra_len = content->extra_len,
        .mention_ids = content->mention_ids,
        .mentions_count = content->mentions_count,
    };
}

chat_status client_send(struct client_core *core, uint64_t channel_id,
                        const struct chat_content *content, struct chat_nonce *out_nonce)
{
    struct chat_content taken;
    struct cache_outgoing o;
    chat_status status = take_content(content, &taken);

    if (status != CHAT_OK)
        return status;
    o = outgoing_of(CHAT_OUTGOING_SEND, &taken);
    o.channel_id = channel_id;
    o.reply_to_seq = taken.reply_to_seq;
    return compose_queue(core, &o, out_nonce);
}

chat_status compose_edit(const struct chat_content *content, struct cache_outgoing *out)
{
    struct chat_content taken;
    chat_status status = take_content(content, &taken);

    if (status == CHAT_OK)
        *out = outgoing_of(CHAT_OUTGOING_EDIT, &taken);
    return status;
}

chat_status client_edit(struct client_core *core, uint64_t channel_id, uint64_t seq,
                        const struct chat_content *content, struct chat_nonce *out_nonce)
{
    struct cache_outgoing o;
    chat_status status = compose_edit(content, &o);

    if (status != CHAT_OK || seq == 0)
        return status != CHAT_OK ? status : CHAT_E_INVALID;
    o.channel_id = channel_id;
    o.seq = seq;
    return compose_queue(core, &o, out_nonce);
}

chat_status client_delete(struct client_core *core, uint64_t channel_id, uint64_t seq,
                          struct chat_nonce *out_nonce)
{
    struct cache_outgoing o = {.channel_id = channel_id, .kind = CHAT_OUTGOING_DELETE, .seq = seq};

    return seq ? compose_queue(core, &o, out_nonce) : CHAT_E_INVALID;
}

chat_status compose_reaction(const char *emoji, size_t len, bool remove, struct cache_outgoing *out)
{
    if (len > CHAT_EMOJI_MAX)
        return CHAT_E_TOO_LARGE;
    if (len == 0 || !emoji || !utf8_is_valid((const uint8_t *)emoji, len))
        return CHAT_E_INVALID;
    *out = (struct cache_outgoing){
        .kind = CHAT_OUTGOING_REACT, .text = emoji, .text_len = len, .removes = remove};
    return CHAT_OK;
}

chat_status client_react(struct client_core *core, uint64_t channel_id, uint64_t seq,
                         const char *emoji, size_t len, bool remove, struct chat_nonce *out_nonce)
{
    struct cache_outgoing o;
    chat_status status = compose_reaction(emoji, len, remove, &o);

    if (status != CHAT_OK || seq == 0)
        return status != CHAT_OK ? status : CHAT_E_INVALID;
    o.channel_id = channel_id;
    o.seq = seq;
    return compose_queue(core, &o, out_nonce);
}

chat_status client_mark_read(struct client_core *core, uint64_t channel_id, uint64_t seq)
{
    struct channel *ch;
    uint64_t read;
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    ch = channel_find(core, channel_id);
    if (!ch)
        return CHAT_E_NOT_FOUND;
    seq = least_u64(seq, ch->c.head_seq);
    receipts_read_here(core, ch, seq);
    if (seq <= unread_from(ch))
        return core_commit(core);
    read = unread_from(ch);
    ch->c.mark_seq = seq;
    unread_moved(core, ch, read);
    channel_touch(core, ch);
    events_read(core, ch);
    outbox_check(core, ch);
    return core_commit(core);
}

/* --- looking at the outbox --- */

uint32_t client_outgoing_count(const struct client_core *core) { return core->ops.count; }

static chat_status show(const struct cache_outgoing *o, void *user)
{
    struct client_core *core = user;
    struct chat_outgoing *out = &core->view_outgoing;
    const char *text = arena_copy_text(&core->view_arena, o->text, o->text_len);
    void *extra = o->extra_len ? arena_copy(&core->view_arena, o->extra, o->extra_len) : NULL;
    void *ids = o->mentions_count ? arena_copy(&core->view_arena, o->mention_ids,
                                               o->mentions_count * sizeof(o->mention_ids[0]))
                                  : NULL;

    if (!text || (o->extra_len && !extra) || (o->mentions_count && !ids))
        return CHAT_E_NOMEM;
    out->text = text;
    out->text_len = o->text_len;
    out->extra = extra;
    out->extra_len = o->extra_len;
    out->mention_ids = ids;
    out->mentions_count = o->mentions_count;
    out->status = (chat_status)o->status;
    return CHAT_OK;
}

bool client_outgoing(struct client_core *core, uint32_t index, const struct chat_outgoing **out)
{
    const struct out_op *op;
    chat_status status;

    if (core_commit(core) != CHAT_OK)
        return false;
    op = ops_at(core, index);
    if (!op)
        return false;
    arena_reset(&core->view_arena);
    core->view_outgoing = outbox_describe(op);
    status = cache_outbox_get(core->cache, op->row, show, core);
    if (status != CHAT_OK) { /* it is not past the end */
        events_cache(core, status);
        return false;
    }
    *out = &core->view_outgoing;
    return true;
}
