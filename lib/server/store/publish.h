/* publish: from records of a home to the one Publication its subscribers get. */
#ifndef CHAT_SERVER_STORE_PUBLISH_H
#define CHAT_SERVER_STORE_PUBLISH_H

#include "server/store/batch.h"

/* Sends a synced group to the links that subscribe to its home. */
void publish_group(struct shard *s, struct group *group);

/* An ephemeral one: lsn 0. NULL: no memory. */
struct frame *publish_ephemeral(struct shard *s, uint64_t home_id, WireHomeEvent *event);

#endif
