/*
 * sim_rewrite: what an operator does who restores history: the store is down, rows of its
 * table are exchanged, and the channels' epochs are raised so that clients find out.
 */
#ifndef CHAT_SIM_REWRITE_H
#define CHAT_SIM_REWRITE_H

#include "checker.h"
#include "sim_storage.h"

/* Does nothing with a shard whose log has what its table has not: replay would undo it. */
void sim_rewrite(struct sim_storage *storage, const uint32_t *shards, uint32_t count,
                 struct checker *checker);

#endif
