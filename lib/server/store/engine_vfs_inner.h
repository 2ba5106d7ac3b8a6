/* What the VFS's files and locks share. */
#ifndef CHAT_SERVER_STORE_ENGINE_VFS_INNER_H
#define CHAT_SERVER_STORE_ENGINE_VFS_INNER_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/rng.h"
#include "server/store/engine_vfs.h"

#define VFS_NAME_MAX 48u
#define VFS_REGIONS_MAX 4096u /* of 32 KB: a WAL of 16 million pages */

#define VFS_TEMP_MAX (256u << 20) /* bytes of one file without a name */

/* What connections to one database file have in common. */
struct vfs_node {
    struct vfs_node *next;
    char path[DISK_PATH_MAX];
    uint32_t refs;

    uint32_t shared; /* holders of a lock of any level */
    const void *reserved, *pending, *exclusive;

    uint32_t shm_users;
    uint8_t **regions;
    uint32_t region_count;
    uint32_t shm_shared[SQLITE_SHM_NLOCK];
    const void *shm_exclusive[SQLITE_SHM_NLOCK];
};

struct engine_vfs {
    sqlite3_vfs base;
    struct engine_vfs_config config;
    char name[VFS_NAME_MAX];
    pthread_mutex_t mutex; /* nodes and rng */
    struct vfs_node *nodes;
    struct rng rng;
};

struct vfs_file {
    sqlite3_file base;
    struct engine_vfs *vfs;
    struct disk_file *file;
    struct vfs_node *node; /* of a database file, else NULL */
    char path[DISK_PATH_MAX];
    bool is_wal;
    bool remove_on_close;
    bool name_is_unsynced; /* or may be: the folder is synced with the first sync */
    bool unpaced;

    int lock; /* SQLITE_LOCK_* */
    bool has_shm;
    uint32_t shm_shared, shm_exclusive; /* a bit per slot */

    uint64_t written, hint_from, hint_to; /* since the last hint */
};

/* --- engine_vfs_temp.c --- */

int vfs_temp_open(struct engine_vfs *vfs, sqlite3_file *base);

/* --- engine_vfs_lock.c --- */

/* Finds or makes, with a reference. NULL without memory. */
struct vfs_node *vfs_node_get(struct engine_vfs *vfs, const char *path);
void vfs_node_put(struct engine_vfs *vfs, struct vfs_node *node);

int vfs_lock(sqlite3_file *base, int level);
int vfs_unlock(sqlite3_file *base, int level);
int vfs_check_reserved(sqlite3_file *base, int *out);
int vfs_shm_map(sqlite3_file *base, int index, int size, int extend, void volatile **out);
int vfs_shm_lock(sqlite3_file *base, int first, int count, int flags);
void vfs_shm_barrier(sqlite3_file *base);
int vfs_shm_unmap(sqlite3_file *base, int remove);

#endif
