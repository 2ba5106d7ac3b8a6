/* typing: passed on to those who subscribe to the conversation, and kept nowhere. */
#ifndef CHAT_SERVER_STORE_TYPING_H
#define CHAT_SERVER_STORE_TYPING_H

#include "server/store/shard.h"

/* Handler of a frame. Nobody is answered. */
void typing_tell(struct shard *s, const struct request *req);

#endif
