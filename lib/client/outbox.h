/* What the user does and the server does not have yet: included by inner.h, never alone. */
#ifndef CHAT_CLIENT_OUTBOX_H
#define CHAT_CLIENT_OUTBOX_H

#include "client/inner.h"

/* outbox.c */
chat_status outbox_load(struct client_core *core);
void outbox_free_all(struct client_core *core);
void outbox_answer(struct client_core *core, struct request *r, const WireServerFrame *frame);
void outbox_mark_answer(struct client_core *core, struct request *r, const WireServerFrame *frame);
/* Of a row, which may be damaged: what is none of the states is not sent. */
chat_outgoing_state outbox_state(const struct cache_outgoing *o);
/* It is in: out of the outbox, told. */
void outbox_done(struct client_core *core, struct out_op *op, uint64_t seq);
void outbox_unsend(struct client_core *core, struct out_op *op);
void outbox_refuse(struct client_core *core, struct out_op *op, chat_status why, const char *rule);
/* A message that may be one of ours. */
void outbox_seen(struct client_core *core, struct channel *ch, const WireMessage *m);
bool outbox_is_own(const struct client_core *core, const struct channel *ch, const WireMessage *m);
void outbox_settle_altered(struct client_core *core, struct channel *ch);
void outbox_channel_gone(struct client_core *core, struct channel *ch);
void outbox_check(struct client_core *core, struct channel *ch);
struct out_op *outbox_op_new(struct client_core *core, const struct cache_outgoing *o);
/* After ops_reserve(). */
void outbox_op_link(struct client_core *core, struct out_op *op);
void outbox_set_parent(struct out_op *op, struct out_op *parent);
/* What waits for it has no parent then. */
void outbox_op_free(struct client_core *core, struct out_op *op);
/* Before the first of those goes out that were queued without a link: written down, synced, that
 * all of them may have. False: the trouble is noted. */
bool outbox_mark_sent(struct client_core *core);
/* All but text, extra and mentions. */
struct chat_outgoing outbox_describe(const struct out_op *op);

/* ops.c */
void ops_init(struct client_core *core);
void ops_fini(struct client_core *core);
/* Makes room for one more. Errors: CHAT_E_NOMEM. */
chat_status ops_reserve(struct client_core *core);
/* Of the greatest row; after ops_reserve(). */
void ops_add(struct client_core *core, struct out_op *op);
void ops_remove(struct client_core *core, struct out_op *op);
void ops_rename(struct client_core *core, struct out_op *op, uint64_t device_id, uint64_t counter);
/* Oldest first; NULL past the end. */
struct out_op *ops_at(const struct client_core *core, uint32_t index);
struct out_op *ops_find(const struct client_core *core, uint64_t device_id, uint64_t counter);
struct out_op *ops_find_row(const struct client_core *core, int64_t row);

/* gone.c: operations on their way when their channel was removed */

/* Not the user's any more: it takes part in nothing but asking what became of its ops. */
static inline bool channel_is_gone(const struct channel *ch)
{
    return list_node_is_linked(&ch->gone);
}
/* The channel has left core->channels; frees it, or keeps it for its operations. */
void gone_keep(struct client_core *core, struct channel *ch);
struct channel *gone_find(const struct client_core *core, uint64_t channel_id);
/* For operations that an earlier opening left behind. NULL: no memory. */
struct channel *gone_make(struct client_core *core, uint64_t channel_id);
/* The channel is the user's again: the operations are its own. */
void gone_adopt(struct client_core *core, struct channel *ch);
/* Frees those whose operations are all answered. */
void gone_sweep(struct client_core *core);

/* compose.c */
uint64_t compose_counter(struct client_core *core);
/* Errors: CHAT_E_TOO_LARGE, CHAT_E_INVALID. */
chat_status compose_check(const struct chat_content *content);
/* Of `content`, checked. Errors: CHAT_E_INVALID, CHAT_E_TOO_LARGE. */
chat_status compose_edit(const struct chat_content *content, struct cache_outgoing *out);
chat_status compose_reaction(const char *emoji, size_t len, bool remove,
                             struct cache_outgoing *out);
/* Takes it into the outbox, durably. */
chat_status compose_queue(struct client_core *core, struct cache_outgoing *o,
                          struct chat_nonce *out_nonce);
/* The same, in place of another row if that is not 0. The row is committed, the draft of
 * `clears_draft` (may be NULL) cleared, the operation linked; nothing of it stays after an
 * error. */
chat_status compose_add(struct client_core *core, struct cache_outgoing *o, int64_t replaces_row,
                        struct channel *clears_draft, struct out_op **out_op);

/* send.c */

/* Counter of the nearest operation before this one, by the same device, that was not
 * refused; 0: none. */
uint64_t send_predecessor(const struct channel *ch, const struct out_op *op);
void send_pump(struct client_core *core);

/* stale.c: NONCE_STALE */
void stale_begin(struct client_core *core, struct channel *ch, struct out_op *op);
/* `by`, an alteration, is in: no earlier edit of its message goes out again. */
void stale_overtaken(struct client_core *core, struct channel *ch, const struct out_op *by);
void stale_scanned(struct client_core *core, struct channel *ch, uint64_t up_to, uint64_t head_seq);

#endif
