/* commit: batches to the log, one append at a time, and what follows. */
#ifndef CHAT_SERVER_STORE_COMMIT_H
#define CHAT_SERVER_STORE_COMMIT_H

#include "server/store/batch.h"

/* Appends the next batch, if there is one and the log's lane is free. */
void commit_start(struct shard *s);
void commit_done(struct shard *s, struct lane *lane);
/* Every batch is dropped; who waited for one hears `code`. */
void commit_drop_all(struct shard *s, WireProblemCode code, const char *limit);

#endif
