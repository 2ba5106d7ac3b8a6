/*
 * engine_memory: shards in memory, for tests, the simulator and a chatd that keeps
 * nothing.
 *
 * The data lives in a cluster; an engine is one owner's handle on it. Several handles
 * on one cluster are competing owners of a shared database: nothing stops a second one
 * from opening a shard, and of two appends at one position exactly one wins. A process
 * that dies is engine freed, cluster kept.
 *
 * Threads: any; one mutex per cluster.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_MEMORY_H
#define CHAT_SERVER_STORE_ENGINE_MEMORY_H

#include "server/store/engine.h"

#define ENGINE_MEMORY_LOG_BYTES_MAX (256u << 20) /* default, of one shard's log */

struct engine_memory_cluster;

/* NULL when there is no memory. The cluster outlives its engines. */
struct engine_memory_cluster *engine_memory_cluster_new(const struct chat_allocator *allocator);
void engine_memory_cluster_free(struct engine_memory_cluster *cluster);

/* What the log of a shard may hold before appends answer CHAT_E_FULL. */
void engine_memory_cluster_set_log_max(struct engine_memory_cluster *cluster, uint64_t bytes);

/* A new owner. NULL when there is no memory; freed by ops->free. */
struct store_engine *engine_memory_new(struct engine_memory_cluster *cluster,
                                       const struct chat_allocator *allocator);

/*
 * The handle's next request of this kind answers `status`, once; `done` says whether it
 * happens all the same (a sync that failed after the bytes were out). CHAT_E_IO on
 * append or apply poisons the handle's shard, as a disk would: CHAT_E_IO until closed
 * and opened again.
 */
void engine_memory_fail_next(struct store_engine *engine, enum engine_op op, chat_status status,
                             bool done);

#endif
