/*
 * A SQLite VFS in memory, for tests: files outlive the databases that are opened on them,
 * nothing touches a disk, and any call fails when told to.
 *
 *     static struct memory_vfs disk;
 *     memory_vfs_init(&disk, "memory");        // once in a program
 *     config.cache_vfs = "memory";
 *     memory_vfs_fail_after(&disk, 7, false);  // seven more calls succeed, one fails
 *     memory_vfs_erase(&disk);                 // all files gone
 *
 * A write that fails has written its first half. Locks are
 * kept apart by handle, so a second writer is refused as with real files. There is no shared
 * memory: WAL works in exclusive locking mode only, which is how the cache is opened.
 */
#ifndef CHAT_TESTS_MEMORY_VFS_H
#define CHAT_TESTS_MEMORY_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_FILES_MAX 8u
#define MEMORY_NAME_MAX 64u
#define MEMORY_VFS_NEVER SIZE_MAX

struct memory_file {
    char name[MEMORY_NAME_MAX]; /* "": free */
    uint8_t *bytes;
    size_t len, room;
    const void *writer; /* the handle that may write; NULL: nobody */
    uint32_t handles;
    bool deleted;
    bool unsynced; /* something was written since the last sync */
};

struct memory_vfs {
    sqlite3_vfs vfs;
    struct memory_file files[MEMORY_FILES_MAX];
    size_t calls;   /* since memory_vfs_fail_after() */
    size_t allowed; /* of those, how many may succeed */
    bool for_good;  /* all later ones fail, not only the next */
    bool full;      /* only writes are counted, and fail */
    bool failed;    /* at least one did */
};

/* Registers it with SQLite under `name`, which must stay. */
void memory_vfs_init(struct memory_vfs *v, const char *name);

/* MEMORY_VFS_NEVER: all succeed again. Counts from zero. */
void memory_vfs_fail_after(struct memory_vfs *v, size_t allowed, bool for_good);

/* So many writes fit on the disk, and no more: SQLITE_FULL. Until memory_vfs_fail_after(). */
void memory_vfs_full_after(struct memory_vfs *v, size_t allowed);

/* Handles that are open. */
uint32_t memory_vfs_open_count(const struct memory_vfs *v);

/* Power loss now costs nothing: all that was written is synced. */
bool memory_vfs_is_synced(const struct memory_vfs *v);

/* A file's content as a whole. False: no memory or no room. */
bool memory_vfs_put(struct memory_vfs *v, const char *name, const uint8_t *bytes, size_t len);
const struct memory_file *memory_vfs_get(const struct memory_vfs *v, const char *name);

/* All files, as they are: to begin again from there. `to` has no open handles. */
bool memory_vfs_copy(struct memory_vfs *to, const struct memory_vfs *from);
void memory_vfs_erase(struct memory_vfs *v);

#endif
