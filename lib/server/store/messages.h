/* messages: sending, editing, deleting and reacting in a conversation. */
#ifndef CHAT_SERVER_STORE_MESSAGES_H
#define CHAT_SERVER_STORE_MESSAGES_H

#include "server/store/rings.h"
#include "server/store/rows.h"
#include "server/store/shard.h"

/* Handlers of frames. */
void messages_send(struct shard *s, const struct request *req);
void messages_edit(struct shard *s, const struct request *req);
void messages_delete(struct shard *s, const struct request *req);
void messages_react(struct shard *s, const struct request *req);

/* An operation under a nonce, before its kind matters. */
struct operation {
    enum body_kind kind;
    uint64_t channel_id;
    const WireNonce *nonce;
    uint64_t body_hash;
    struct home *home;
    struct ring_slot *ring;
};

/*
 * Finds home and ring, and judges nonce and permission. True: decide it. False: the
 * request was answered, or waits.
 */
bool operation_admit(struct shard *s, const struct request *req, struct operation *op);
/* Queues the record and remembers its nonce with `done`. Errors: CHAT_E_NOMEM, answered. */
chat_status operation_decide(struct shard *s, const struct request *req, const struct operation *op,
                             WireRecord *record, WireLinkFrame *body,
                             const struct ring_nonce *done);

#endif
