/* commit: batches to the log, one append at a time, and what follows. */
#ifndef CHAT_SERVER_STORE_COMMIT_H
#define CHAT_SERVER_STORE_COMMIT_H

#include "server/store/batch.h"

/* Appends the next batch, if there is one and the log's lane is free. */
void commit_start(struct shard *s);
void commit_done(struct shard *s, struct lane *lane);
/* Who waits for a batch hears `code`. The batches stay: the engine may be reading one. */
void commit_refuse(struct shard *s, WireProblemCode code, const char *limit);
/* Frees them; the log's lane is free. */
void commit_drop(struct shard *s);

#endif
