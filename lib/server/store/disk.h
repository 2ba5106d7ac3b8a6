/*
 * disk: the files beneath the embedded engine, as a seam. The journal and SQLite both
 * go through it, so a simulated disk sees, loses or tears every byte.
 *
 * What is written is readable at once, and durable after disk_sync() of the file; a
 * file's name is durable after disk_sync_dir() of its folder. Between two syncs a crash
 * may keep any part of what was written, in any order, torn between sectors of
 * DISK_SECTOR bytes. An overwritten sector is afterwards the old or the new one whole,
 * and its neighbours are untouched.
 *
 * After a failed sync nothing can be said about what was written since the last one,
 * even when a later sync succeeds: the file must be written again.
 *
 * Statuses: CHAT_OK, CHAT_E_FULL (no room), CHAT_E_IO, CHAT_E_NOMEM,
 * CHAT_E_NOT_FOUND (open without DISK_CREATE, rename, remove, list),
 * CHAT_E_CONFLICT (lock: somebody has it), CHAT_E_INVALID (a path too long).
 *
 * Threads: any, also on one file at once; a file's own bytes are the caller's to order.
 */
#ifndef CHAT_SERVER_STORE_DISK_H
#define CHAT_SERVER_STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#define DISK_SECTOR 512u
#define DISK_PATH_MAX 512u /* with its NUL; parts joined by '/' */

enum disk_open_flags {
    DISK_CREATE = 1u << 0,    /* make it when it is not there */
    DISK_EXCLUSIVE = 1u << 1, /* with DISK_CREATE: CHAT_E_CONFLICT when it is there */
};

struct disk;
struct disk_file;

/* Called once per entry of a folder, in no particular order; false stops. */
typedef bool (*disk_list_fn)(const char *name, void *user);

struct disk_ops {
    chat_status (*open)(struct disk *disk, const char *path, uint32_t flags,
                        struct disk_file **out_file);
    void (*close)(struct disk_file *file); /* gives the lock up, syncs nothing */
    /* *out_len < len only at the end of the file. */
    chat_status (*read)(struct disk_file *file, uint64_t offset, void *bytes, size_t len,
                        size_t *out_len);
    /* All or an error; on an error any part may have been written. Extends the file. */
    chat_status (*write)(struct disk_file *file, uint64_t offset, const void *bytes, size_t len);
    chat_status (*size)(struct disk_file *file, uint64_t *out_size);
    chat_status (*truncate)(struct disk_file *file, uint64_t size);
    /* Writes zeros, real ones: later writes there need neither room nor metadata. */
    chat_status (*allocate)(struct disk_file *file, uint64_t offset, uint64_t len);
    chat_status (*sync)(struct disk_file *file);
    /* A hint: start writing this range back, don't wait. */
    void (*sync_range)(struct disk_file *file, uint64_t offset, uint64_t len);
    chat_status (*lock)(struct disk_file *file); /* exclusive, at once or CHAT_E_CONFLICT */
    void (*unlock)(struct disk_file *file);

    chat_status (*remove)(struct disk *disk, const char *path);
    chat_status (*rename)(struct disk *disk, const char *from, const char *to);
    chat_status (*exists)(struct disk *disk, const char *path, bool *out_exists);
    chat_status (*make_dir)(struct disk *disk, const char *path); /* CHAT_OK when it is there */
    chat_status (*list)(struct disk *disk, const char *path, disk_list_fn each, void *user);
    chat_status (*sync_dir)(struct disk *disk, const char *path);
    chat_status (*free_bytes)(struct disk *disk, const char *path, uint64_t *out_bytes);
};

struct disk {
    const struct disk_ops *ops;
};

/* First member of every implementation's file. */
struct disk_file {
    struct disk *disk;
};

/* The files of this machine. NULL when there is no memory. */
struct disk *disk_posix_new(const struct chat_allocator *allocator);
void disk_posix_free(struct disk *disk);

static inline chat_status disk_open(struct disk *disk, const char *path, uint32_t flags,
                                    struct disk_file **out_file)
{
    return disk->ops->open(disk, path, flags, out_file);
}

/* NULL is fine. */
static inline void disk_close(struct disk_file *file)
{
    if (file)
        file->disk->ops->close(file);
}

static inline chat_status disk_read(struct disk_file *file, uint64_t offset, void *bytes,
                                    size_t len, size_t *out_len)
{
    return file->disk->ops->read(file, offset, bytes, len, out_len);
}

static inline chat_status disk_write(struct disk_file *file, uint64_t offset, const void *bytes,
                                     size_t len)
{
    return file->disk->ops->write(file, offset, bytes, len);
}

static inline chat_status disk_size(struct disk_file *file, uint64_t *out_size)
{
    return file->disk->ops->size(file, out_size);
}

static inline chat_status disk_truncate(struct disk_file *file, uint64_t size)
{
    return file->disk->ops->truncate(file, size);
}

static inline chat_status disk_allocate(struct disk_file *file, uint64_t offset, uint64_t len)
{
    return file->disk->ops->allocate(file, offset, len);
}

static inline chat_status disk_sync(struct disk_file *file) { return file->disk->ops->sync(file); }

static inline void disk_sync_range(struct disk_file *file, uint64_t offset, uint64_t len)
{
    file->disk->ops->sync_range(file, offset, len);
}

static inline chat_status disk_lock(struct disk_file *file) { return file->disk->ops->lock(file); }
static inline void disk_unlock(struct disk_file *file) { file->disk->ops->unlock(file); }

static inline chat_status disk_remove(struct disk *disk, const char *path)
{
    return disk->ops->remove(disk, path);
}

static inline chat_status disk_rename(struct disk *disk, const char *from, const char *to)
{
    return disk->ops->rename(disk, from, to);
}

static inline chat_status disk_exists(struct disk *disk, const char *path, bool *out_exists)
{
    return disk->ops->exists(disk, path, out_exists);
}

static inline chat_status disk_make_dir(struct disk *disk, const char *path)
{
    return disk->ops->make_dir(disk, path);
}

static inline chat_status disk_list(struct disk *disk, const char *path, disk_list_fn each,
                                    void *user)
{
    return disk->ops->list(disk, path, each, user);
}

static inline chat_status disk_sync_dir(struct disk *disk, const char *path)
{
    return disk->ops->sync_dir(disk, path);
}

static inline chat_status disk_free_bytes(struct disk *disk, const char *path, uint64_t *out_bytes)
{
    return disk->ops->free_bytes(disk, path, out_bytes);
}

#endif
