/* homes: the homes of a shard in memory, loaded when asked for, forgotten when unused. */
#ifndef CHAT_SERVER_STORE_HOMES_H
#define CHAT_SERVER_STORE_HOMES_H

#include "server/store/shard.h"

void homes_init(struct shard *s);
void homes_fini(struct shard *s);

/* In whatever state; NULL when nothing is known of it. */
struct home *homes_find(const struct shard *s, uint64_t id);
/*
 * The loaded home. NULL: the request waits until it is loaded, or was refused: NOT_FOUND
 * when there is no such home. A Note to a home that is not there is acknowledged: nobody
 * will ever want it.
 */
struct home *homes_need(struct shard *s, uint64_t id, const struct request *req);
/* A new one, loaded and empty. NULL: no memory, or no room. */
struct home *homes_create(struct shard *s, uint64_t id);
/* Takes back one whose creation came to nothing. */
void homes_discard(struct shard *s, struct home *home);
/* The root home, loaded: called once the log is replayed. */
chat_status homes_set_root(struct shard *s, uint64_t lsn);

/* Frees what nothing needs any more. */
void homes_settle(struct shard *s, struct home *home);
/* What was decided and not synced never will be: drops the state it is in. */
void homes_refused(struct shard *s);

#endif
