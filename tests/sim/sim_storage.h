/*
 * sim_storage: where a simulated store keeps its shards. Either a simulated disk of its own
 * with the embedded engine on it, or a database shared by all owners.
 */
#ifndef CHAT_SIM_STORAGE_H
#define CHAT_SIM_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "server/store/engine.h"

struct sim_storage;
struct sim_cluster;

struct sim_storage *sim_storage_new(uint64_t seed);
void sim_storage_free(struct sim_storage *s);
/* An engine on the disk, for one life of a store. */
struct store_engine *sim_storage_engine(struct sim_storage *s);
/* The process ended. `lost`: unsynced writes are dropped, reordered or torn. */
void sim_storage_crash(struct sim_storage *s, bool lost);
/* The power goes at the n-th write or sync from now, in the middle of a request. UINT32_MAX: it
 * does not. */
void sim_storage_crash_at(struct sim_storage *s, uint32_t operations);
/* The same at a sync: what was written for it may be there in part. */
void sim_storage_crash_at_sync(struct sim_storage *s, uint32_t syncs);
bool sim_storage_is_dead(const struct sim_storage *s);
void sim_storage_fail_sync(struct sim_storage *s);
void sim_storage_set_full(struct sim_storage *s, bool full);

/* The disk of a device, as an SQLite VFS for its cache. NULL is fine everywhere but in mount. */
struct sim_cache_disk;
struct sim_cache_disk *sim_cache_disk_new(uint64_t seed);
void sim_cache_disk_free(struct sim_cache_disk *d);
/* For one life of a process. The name of the VFS. */
const char *sim_cache_disk_mount(struct sim_cache_disk *d);
const char *sim_cache_disk_vfs(const struct sim_cache_disk *d);
void sim_cache_disk_crash(struct sim_cache_disk *d, bool lost);
/* The process, or the power, goes at the n-th write or sync from now. */
void sim_cache_disk_die_at(struct sim_cache_disk *d, uint32_t operations, bool lost);
bool sim_cache_disk_is_dead(const struct sim_cache_disk *d);
void sim_cache_disk_unmount(struct sim_cache_disk *d);
/* Takes a copy of what is on it now, in place of an earlier one. */
void sim_cache_disk_backup(struct sim_cache_disk *d);
/* It is that copy again; not while it is mounted. */
void sim_cache_disk_restore(struct sim_cache_disk *d);
void sim_cache_disk_set_full(struct sim_cache_disk *d, bool full);

struct sim_cluster *sim_cluster_new(void);
void sim_cluster_free(struct sim_cluster *c);
struct store_engine *sim_cluster_engine(struct sim_cluster *c);
/* The engine's next append fails, having happened or not. */
void sim_cluster_fail_next(struct store_engine *engine, bool done);

#endif
