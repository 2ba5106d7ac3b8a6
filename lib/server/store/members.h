/* members: who is in a conversation, and which routers listen to it. */
#ifndef CHAT_SERVER_STORE_MEMBERS_H
#define CHAT_SERVER_STORE_MEMBERS_H

#include "server/store/shard.h"

/* Handlers of frames. */
void members_set(struct shard *s, const struct request *req);
void members_fetch(struct shard *s, const struct request *req);
void members_subscribe(struct shard *s, const struct request *req);
void members_unsubscribe(struct shard *s, const struct request *req);

#endif
