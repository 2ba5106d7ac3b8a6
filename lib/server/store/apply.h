/*
 * apply: from the overlay to the table. Now and then all that was absorbed, and the rings
 * it touched, go to the engine in one ENGINE_APPLY.
 */
#ifndef CHAT_SERVER_STORE_APPLY_H
#define CHAT_SERVER_STORE_APPLY_H

#include "server/store/shard.h"

/* Hands everything absorbed to the engine, if it is time (or `now`) and its lane is free. */
void apply_start(struct shard *s, bool now);
/* Memory is held by what is not applied: do it at the next turn. */
void apply_hasten(struct shard *s);
/* Absorbed records wait for the table, or are on their way. */
bool apply_is_pending(const struct shard *s);
int64_t apply_deadline(const struct shard *s);
/* Rows that the next capture would hold. */
uint64_t apply_rows(const struct shard *s);
void apply_done(struct shard *s, struct lane *lane);
/* Frees overlay rows that nobody can miss, a slice at a time. True: more is to do. */
bool apply_sweep(struct shard *s);

#endif
