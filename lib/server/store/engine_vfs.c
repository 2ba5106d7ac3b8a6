#include "server/store/engine_vfs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "server/store/engine_vfs_inner.h"

#define HINT_BYTES (1u << 20)              /* written between two hints, or pauses */
#define TIME_1970 INT64_C(210866760000000) /* in ms, as SQLite counts */

static struct vfs_file *file_of(sqlite3_file *base) { return (struct vfs_file *)(void *)base; }
static struct engine_vfs *vfs_of(sqlite3_vfs *base) { return base->pAppData; }

static int result_of(chat_status status, int otherwise)
{
    if (status == CHAT_OK)
        return SQLITE_OK;
    if (status == CHAT_E_FULL)
        return SQLITE_FULL;
    return status == CHAT_E_NOMEM ? SQLITE_IOERR_NOMEM : otherwise;
}

/* The folder of a path; "." when it names none. */
static void folder_of(const char *path, char out[DISK_PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    if (slash == path)
        (void)snprintf(out, DISK_PATH_MAX, "/");
    else if (slash)
        (void)snprintf(out, DISK_PATH_MAX, "%.*s", (int)(slash - path), path);
    else
        (void)snprintf(out, DISK_PATH_MAX, ".");
}

/* --- files --- */

static int file_close(sqlite3_file *base)
{
    struct vfs_file *file = file_of(base);

    (void)vfs_shm_unmap(base, 0);
    (void)vfs_unlock(base, SQLITE_LOCK_NONE);
    disk_close(file->file);
    if (file->remove_on_close)
        (void)disk_remove(file->vfs->config.disk, file->path);
    if (file->node)
        vfs_node_put(file->vfs, file->node);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 offset)
{
    size_t got = 0;
    chat_status status = disk_read(file_of(base)->file, (uint64_t)offset, bytes, (size_t)len, &got);

    if (status != CHAT_OK)
        return result_of(status, SQLITE_IOERR_READ);
    if (got == (size_t)len)
        return SQLITE_OK;
    memset((uint8_t *)bytes + got, 0, (size_t)len - got);
    return SQLITE_IOERR_SHORT_READ;
}

/* Hands what was written to the disk early, and slows a checkpoint down. */
static void after_write(struct vfs_file *file, uint64_t offset, uint64_t len)
{
    const struct engine_vfs_config *config = &file->vfs->config;

    if (!file->node && !file->is_wal)
        return;
    if (file->written == 0 || offset < file->hint_from)
        file->hint_from = offset;
    if (file->written == 0 || offset + len > file->hint_to)
        file->hint_to = offset + len;
    file->written += len;
    if (file->written < HINT_BYTES)
        return;
    disk_sync_range(file->file, file->hint_from, file->hint_to - file->hint_from);
    if (file->node && !file->unpaced && config->pause && config->checkpoint_bytes_per_s > 0)
        config->pause(config->pause_user,
                      (uint32_t)(file->written * 1000000 / config->checkpoint_bytes_per_s));
    file->written = 0;
}

static int file_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset)
{
    struct vfs_file *file = file_of(base);
    chat_status status = disk_write(file->file, (uint64_t)offset, bytes, (size_t)len);

    if (status != CHAT_OK)
        return result_of(status, SQLITE_IOERR_WRITE);
    after_write(file, (uint64_t)offset, (uint64_t)len);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return result_of(disk_truncate(file_of(base)->file, (uint64_t)size), SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file = file_of(base);
    char folder[DISK_PATH_MAX];

    (void)flags;
    /* No room for what was buffered is a failed sync like any other: not SQLITE_FULL. */
    if (disk_sync(file->file) != CHAT_OK)
        return SQLITE_IOERR_FSYNC;
    if (!file->name_is_unsynced)
        return SQLITE_OK;
    folder_of(file->path, folder);
    if (disk_sync_dir(file->vfs->config.disk, folder) != CHAT_OK)
        return SQLITE_IOERR_DIR_FSYNC;
    file->name_is_unsynced = false;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out_size)
{
    uint64_t size = 0;
    chat_status status = disk_size(file_of(base)->file, &size);

    *out_size = (sqlite3_int64)size;
    return result_of(status, SQLITE_IOERR_FSTAT);
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
    if (op != ENGINE_VFS_PACE)
        return SQLITE_NOTFOUND;
    file_of(base)->unpaced = !*(const int *)arg;
    return SQLITE_OK;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return (int)DISK_SECTOR;
}

static int characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

/* --- the file system --- */

static int open_on_disk(struct vfs_file *file, int flags)
{
    struct disk *disk = file->vfs->config.disk;
    chat_status status = disk_open(disk, file->path, 0, &file->file);

    if (status == CHAT_E_NOT_FOUND && (flags & SQLITE_OPEN_CREATE))
        status = disk_open(disk, file->path, DISK_CREATE, &file->file);
    /* Also of a file that is there: who made it may have been killed before its folder was
     * synced, and power loss would take all of it, whatever is synced of it since. */
    file->name_is_unsynced = status == CHAT_OK && (flags & SQLITE_OPEN_CREATE);
    return result_of(status, SQLITE_CANTOPEN);
}

static int vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *base_file, int flags,
                    int *out_flags)
{
    struct vfs_file *file = file_of(base_file);
    int rc;

    *file = (struct vfs_file){.vfs = vfs_of(base)};
    if (out_flags)
        *out_flags = flags;
    if (!path)
        return vfs_temp_open(file->vfs, base_file);
    if (strlen(path) >= sizeof(file->path))
        return SQLITE_CANTOPEN;
    memcpy(file->path, path, strlen(path) + 1);
    file->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    file->remove_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    rc = open_on_disk(file, flags);
    if (rc != SQLITE_OK)
        return rc;
    if (flags & SQLITE_OPEN_MAIN_DB) {
        file->node = vfs_node_get(file->vfs, path);
        if (!file->node) {
            disk_close(file->file);
            return SQLITE_NOMEM;
        }
    }
    file->base.pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *path, int sync_folder)
{
    struct disk *disk = vfs_of(base)->config.disk;
    char folder[DISK_PATH_MAX];
    chat_status status = disk_remove(disk, path);

    if (status == CHAT_E_NOT_FOUND)
        return SQLITE_IOERR_DELETE_NOENT;
    if (status != CHAT_OK)
        return SQLITE_IOERR_DELETE;
    if (!sync_folder)
        return SQLITE_OK;
    folder_of(path, folder);
    return disk_sync_dir(disk, folder) == CHAT_OK ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *out)
{
    bool exists = false;

    (void)flags;
    if (disk_exists(vfs_of(base)->config.disk, path, &exists) != CHAT_OK)
        return SQLITE_IOERR_ACCESS;
    *out = exists;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *base, const char *path, int out_len, char *out)
{
    const size_t len = strlen(path);

    (void)base;
    if (len >= (size_t)out_len)
        return SQLITE_CANTOPEN;
    memcpy(out, path, len + 1);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *base, int len, char *out)
{
    struct engine_vfs *vfs = vfs_of(base);

    pthread_mutex_lock(&vfs->mutex);
    for (int i = 0; i < len; i++)
        out[i] = (char)(rng_u64(&vfs->rng) >> 56);
    pthread_mutex_unlock(&vfs->mutex);
    return len;
}

/* Between two tries for a lock that another thread holds: never on one thread. */
static int vfs_sleep(sqlite3_vfs *base, int micros)
{
    const struct engine_vfs_config *config = &vfs_of(base)->config;
    const struct timespec time = {micros / 1000000, (long)(micros % 1000000) * 1000};

    if (micros <= 0)
        return 0;
    if (config->pause)
        config->pause(config->pause_user, (uint32_t)micros);
    else
        (void)nanosleep(&time, NULL);
    return micros;
}

/* Nothing stored depends on the time, so there is none. */
static int vfs_time_ms(sqlite3_vfs *base, sqlite3_int64 *out)
{
    (void)base;
    *out = TIME_1970;
    return SQLITE_OK;
}

static int vfs_time_days(sqlite3_vfs *base, double *out)
{
    (void)base;
    *out = (double)TIME_1970 / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *base, int len, char *out)
{
    (void)base, (void)len, (void)out;
    return 0;
}

/* --- a VFS --- */

chat_status engine_vfs_new(const struct engine_vfs_config *config, struct engine_vfs **out_vfs)
{
    struct engine_vfs *vfs = alloc_zeroed(config->allocator, sizeof(*vfs));

    if (!vfs)
        return CHAT_E_NOMEM;
    vfs->config = *config;
    rng_seed(&vfs->rng, config->seed);
    (void)snprintf(vfs->name, sizeof(vfs->name), "chat-disk-%p", (void *)vfs);
    vfs->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct vfs_file),
        .mxPathname = (int)DISK_PATH_MAX - 1,
        .zName = vfs->name,
        .pAppData = vfs,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time_days,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_ms,
    };
    if (pthread_mutex_init(&vfs->mutex, NULL) != 0) {
        alloc_free(config->allocator, vfs);
        return CHAT_E_NOMEM;
    }
    if (sqlite3_vfs_register(&vfs->base, 0) != SQLITE_OK) {
        pthread_mutex_destroy(&vfs->mutex);
        alloc_free(config->allocator, vfs);
        return CHAT_E_NOMEM;
    }
    *out_vfs = vfs;
    return CHAT_OK;
}

void engine_vfs_free(struct engine_vfs *vfs)
{
    if (!vfs)
        return;
    (void)sqlite3_vfs_unregister(&vfs->base);
    pthread_mutex_destroy(&vfs->mutex);
    alloc_free(vfs->config.allocator, vfs);
}

const char *engine_vfs_name(const struct engine_vfs *vfs) { return vfs->name; }
