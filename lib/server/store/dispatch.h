/* dispatch: which shard a frame is for, and who there handles it. */
#ifndef CHAT_SERVER_STORE_DISPATCH_H
#define CHAT_SERVER_STORE_DISPATCH_H

#include "server/store/shard.h"

/* SHARD_NONE: it is for no shard, or one that does not exist. */
uint32_t dispatch_shard(const WireLinkFrame *frame, uint32_t shard_count);
/* A body that stores understand. */
bool dispatch_knows(const WireLinkFrame *frame);

#endif
