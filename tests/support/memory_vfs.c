#include "memory_vfs.h"

#include <stdlib.h>
#include <string.h>

struct handle {
    sqlite3_file base;
    struct memory_vfs *vfs;
    struct memory_file *file;
    int lock;
    bool drop; /* DELETEONCLOSE */
};

/* True: this call is one that fails. Of a full disk those are writes alone. */
static bool counts_and_fails(struct memory_vfs *v, bool writes)
{
    size_t call;
    bool now;

    if (v->full && !writes)
        return false;
    call = v->calls++;
    now = call == v->allowed || (v->for_good && call > v->allowed);
    v->failed |= now;
    return now;
}

static bool fails(struct memory_vfs *v) { return counts_and_fails(v, false); }

static struct memory_file *find(struct memory_vfs *v, const char *name)
{
    for (size_t i = 0; i < MEMORY_FILES_MAX; i++) {
        struct memory_file *f = &v->files[i];

        if (f->name[0] && !f->deleted && strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

static void forget(struct memory_file *f)
{
    free(f->bytes);
    *f = (struct memory_file){.name = ""};
}

static struct memory_file *create(struct memory_vfs *v, const char *name)
{
    if (strlen(name) >= MEMORY_NAME_MAX)
        return NULL;
    for (size_t i = 0; i < MEMORY_FILES_MAX; i++) {
        if (v->files[i].name[0])
            continue;
        memcpy(v->files[i].name, name, strlen(name) + 1);
        return &v->files[i];
    }
    return NULL;
}

static bool grow(struct memory_file *f, size_t len)
{
    size_t room = f->room ? f->room : 16384;
    uint8_t *bytes;

    if (len <= f->room)
        return true;
    while (room < len)
        room *= 2;
    bytes = realloc(f->bytes, room);
    if (!bytes)
        return false;
    memset(bytes + f->room, 0, room - f->room);
    f->bytes = bytes;
    f->room = room;
    return true;
}

/* --- one file --- */

static int file_close(sqlite3_file *base)
{
    struct handle *h = (struct handle *)base;

    if (h->file->writer == h)
        h->file->writer = NULL;
    h->file->deleted |= h->drop;
    if (--h->file->handles == 0 && h->file->deleted)
        forget(h->file);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int amount, sqlite3_int64 at)
{
    struct handle *h = (struct handle *)base;
    size_t from = (size_t)at, wanted = (size_t)amount, have;

    if (fails(h->vfs))
        return SQLITE_IOERR_READ;
    have = from < h->file->len ? h->file->len - from : 0;
    if (have > wanted)
        have = wanted;
    if (have)
        memcpy(to, h->file->bytes + from, have);
    memset((uint8_t *)to + have, 0, wanted - have);
    return have == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *from, int amount, sqlite3_int64 at)
{
    struct handle *h = (struct handle *)base;
    size_t start = (size_t)at, len = (size_t)amount;
    bool failing = counts_and_fails(h->vfs, true);

    if (failing)
        len /= 2;
    if (!grow(h->file, start + len))
        return SQLITE_IOERR_NOMEM;
    h->file->unsynced = true;
    if (len)
        memcpy(h->file->bytes + start, from, len);
    if (len && start + len > h->file->len)
        h->file->len = start + len;
    if (!failing)
        return SQLITE_OK;
    return h->vfs->full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 to)
{
    struct handle *h = (struct handle *)base;
    size_t len = (size_t)to;

    if (fails(h->vfs))
        return SQLITE_IOERR_TRUNCATE;
    if (!grow(h->file, len))
        return SQLITE_IOERR_NOMEM;
    if (len < h->file->len)
        memset(h->file->bytes + len, 0, h->file->len - len);
    h->file->len = len;
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct handle *h = (struct handle *)base;

    (void)flags;
    if (fails(h->vfs))
        return SQLITE_IOERR_FSYNC;
    h->file->unsynced = false;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out)
{
    struct handle *h = (struct handle *)base;

    if (fails(h->vfs))
        return SQLITE_IOERR_FSTAT;
    *out = (sqlite3_int64)h->file->len;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
    struct handle *h = (struct handle *)base;

    if (fails(h->vfs))
        return SQLITE_IOERR_LOCK;
    if (h->file->writer && h->file->writer != h)
        return SQLITE_BUSY;
    if (level >= SQLITE_LOCK_RESERVED)
        h->file->writer = h;
    h->lock = level;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level)
{
    struct handle *h = (struct handle *)base;

    if (h->file->writer == h && level < SQLITE_LOCK_RESERVED)
        h->file->writer = NULL;
    h->lock = level;
    return fails(h->vfs) ? SQLITE_IOERR_UNLOCK : SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *out)
{
    struct handle *h = (struct handle *)base;

    if (fails(h->vfs))
        return SQLITE_IOERR_CHECKRESERVEDLOCK;
    *out = h->file->writer != NULL;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *argument)
{
    (void)base, (void)op, (void)argument;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int file_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite takes any disk of today to be */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

/* --- the folder --- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out_flags)
{
    struct memory_vfs *v = vfs->pAppData;
    struct handle *h = (struct handle *)base;

    *h = (struct handle){.vfs = v, .drop = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
    if (fails(v))
        return SQLITE_CANTOPEN;
    h->file = name ? find(v, name) : NULL;
    if (!h->file && (flags & SQLITE_OPEN_CREATE))
        h->file = create(v, name ? name : "?");
    if (!h->file)
        return SQLITE_CANTOPEN;
    h->file->handles++;
    h->base.pMethods = &methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    struct memory_vfs *v = vfs->pAppData;
    struct memory_file *f = find(v, name);

    (void)sync_folder;
    if (fails(v))
        return SQLITE_IOERR_DELETE;
    if (!f)
        return SQLITE_IOERR_DELETE_NOENT;
    f->deleted = true;
    if (f->handles == 0)
        forget(f);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    struct memory_vfs *v = vfs->pAppData;
    const struct memory_file *f = find(v, name);

    if (fails(v))
        return SQLITE_IOERR_ACCESS;
    *out = f && (flags != SQLITE_ACCESS_EXISTS || f->len > 0);
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
    if (fails(vfs->pAppData) || strlen(name) >= (size_t)room)
        return SQLITE_CANTOPEN;
    memcpy(out, name, strlen(name) + 1);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int room, char *out)
{
    (void)vfs;
    memset(out, 0x5a, (size_t)room);
    return room;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int room, char *out)
{
    (void)vfs, (void)room, (void)out;
    return 0;
}

void memory_vfs_init(struct memory_vfs *v, const char *name)
{
    *v = (struct memory_vfs){.allowed = MEMORY_VFS_NEVER};
    v->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(struct handle),
        .mxPathname = MEMORY_NAME_MAX,
        .zName = name,
        .pAppData = v,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_error,
    };
    if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK)
        abort();
}

void memory_vfs_fail_after(struct memory_vfs *v, size_t allowed, bool for_good)
{
    v->full = false;
    v->calls = 0;
    v->allowed = allowed;
    v->for_good = for_good;
    v->failed = false;
}

void memory_vfs_full_after(struct memory_vfs *v, size_t allowed)
{
    memory_vfs_fail_after(v, allowed, true);
    v->full = true;
}

uint32_t memory_vfs_open_count(const struct memory_vfs *v)
{
    uint32_t count = 0;

    for (size_t i = 0; i < MEMORY_FILES_MAX; i++)
        count += v->files[i].handles;
    return count;
}

bool memory_vfs_is_synced(const struct memory_vfs *v)
{
    for (size_t i = 0; i < MEMORY_FILES_MAX; i++)
        if (v->files[i].name[0] && !v->files[i].deleted && v->files[i].unsynced)
            return false;
    return true;
}

bool memory_vfs_put(struct memory_vfs *v, const char *name, const uint8_t *bytes, size_t len)
{
    struct memory_file *f = find(v, name);

    if (!f)
        f = create(v, name);
    if (!f || !grow(f, len))
        return false;
    if (len)
        memcpy(f->bytes, bytes, len);
    if (len < f->len)
        memset(f->bytes + len, 0, f->len - len);
    f->len = len;
    return true;
}

const struct memory_file *memory_vfs_get(const struct memory_vfs *v, const char *name)
{
    return find((struct memory_vfs *)(uintptr_t)v, name);
}

bool memory_vfs_copy(struct memory_vfs *to, const struct memory_vfs *from)
{
    memory_vfs_erase(to);
    for (size_t i = 0; i < MEMORY_FILES_MAX; i++) {
        const struct memory_file *f = &from->files[i];

        if (f->name[0] && !f->deleted && !memory_vfs_put(to, f->name, f->bytes, f->len))
            return false;
    }
    return true;
}

void memory_vfs_erase(struct memory_vfs *v)
{
    for (size_t i = 0; i < MEMORY_FILES_MAX; i++)
        forget(&v->files[i]);
}
