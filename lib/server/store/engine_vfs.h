/*
 * engine_vfs: lets SQLite reach its files through a struct disk.
 *
 * A shard's folder has one owner, so file locks and the WAL's shared memory live in
 * this process, per file. Writes to a database file happen while checkpoints run: they
 * are paced, and both kinds of file are handed to the disk early (disk_sync_range), so
 * that a journal beside them on the same disk does not wait behind a flood.
 *
 * Threads: any number of connections on any threads, each on one at a time.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_VFS_H
#define CHAT_SERVER_STORE_ENGINE_VFS_H

#include "server/store/disk.h"

struct engine_vfs_config {
    const struct chat_allocator *allocator;
    struct disk *disk;
    uint64_t seed;                   /* of SQLite's random numbers where it asks the VFS */
    uint64_t checkpoint_bytes_per_s; /* 0: as fast as it goes */
    void (*pause)(void *user, uint32_t micros); /* may be NULL: no pacing */
    void *pause_user;
};

/* sqlite3_file_control() on a database: the int says whether its writes are paced. They
 * are at first. */
#define ENGINE_VFS_PACE 0x43480001

struct engine_vfs;

/* Registered with SQLite under engine_vfs_name(), never as the default.
 * Errors: CHAT_E_NOMEM. */
chat_status engine_vfs_new(const struct engine_vfs_config *config, struct engine_vfs **out_vfs);
/* After its last connection is closed. NULL is fine. */
void engine_vfs_free(struct engine_vfs *vfs);
const char *engine_vfs_name(const struct engine_vfs *vfs);

#endif
