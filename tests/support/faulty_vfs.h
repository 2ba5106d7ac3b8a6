/*
 * A SQLite VFS for tests: the system's own, of which the Nth call fails, once or for good.
 *
 *     struct faulty_vfs disk;
 *     faulty_vfs_init(&disk, "faulty");
 *     faulty_vfs_fail_at(&disk, 17, false); // the 17th call fails, the others work
 *     ... open with vfs "faulty" ...
 *     ck_assert(disk.fired);
 *     faulty_vfs_fini(&disk);
 *
 * Counted are calls that may fail on a real disk: open, read, write, truncate, sync, size,
 * delete, lock; of a full disk writes alone. Syncs reach no disk: what is tested is what SQLite
 * makes of their answer.
 */
#ifndef CHAT_TESTS_FAULTY_VFS_H
#define CHAT_TESTS_FAULTY_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct faulty_vfs {
    sqlite3_vfs vfs; /* first */
    sqlite3_vfs *base;
    uint64_t calls;
    uint64_t fail_at; /* 0: never */
    bool for_good, fired;
    bool full; /* only writes are counted and fail, as on a full disk */
};

struct faulty_file {
    sqlite3_file file; /* first */
    struct faulty_vfs *disk;
    sqlite3_file *base; /* right behind */
};

static inline void faulty_vfs_fail_at(struct faulty_vfs *d, uint64_t call, bool for_good)
{
    d->calls = 0;
    d->fail_at = call;
    d->for_good = for_good;
    d->fired = false;
}

static inline bool faulty_vfs_fails(struct faulty_vfs *d, bool writes)
{
    bool fails;

    if (d->full && !writes)
        return false;
    d->calls++;
    fails = d->fail_at && (d->for_good ? d->calls >= d->fail_at : d->calls == d->fail_at);
    d->fired |= fails;
    return fails;
}

/* --- files --- */

static inline sqlite3_file *faulty_base(sqlite3_file *f) { return ((struct faulty_file *)f)->base; }
static inline bool faulty_file_fails(sqlite3_file *f)
{
    return faulty_vfs_fails(((struct faulty_file *)f)->disk, false);
}

static inline int faulty_close(sqlite3_file *f)
{
    sqlite3_file *base = faulty_base(f);

    return base->pMethods ? base->pMethods->xClose(base) : SQLITE_OK;
}

static inline int faulty_read(sqlite3_file *f, void *bytes, int len, sqlite3_int64 at)
{
    sqlite3_file *base = faulty_base(f);

    return faulty_file_fails(f) ? SQLITE_IOERR_READ : base->pMethods->xRead(base, bytes, len, at);
}

static inline int faulty_write(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
    struct faulty_vfs *disk = ((struct faulty_file *)f)->disk;
    sqlite3_file *base = faulty_base(f);

    if (!faulty_vfs_fails(disk, true))
        return base->pMethods->xWrite(base, bytes, len, at);
    if (len > 1) /* a part of it may be there */
        (void)base->pMethods->xWrite(base, bytes, len / 2, at);
    return disk->full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static inline int faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    sqlite3_file *base = faulty_base(f);

    return faulty_file_fails(f) ? SQLITE_IOERR_TRUNCATE : base->pMethods->xTruncate(base, size);
}

static inline int faulty_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    return faulty_file_fails(f) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static inline int faulty_size(sqlite3_file *f, sqlite3_int64 *out)
{
    sqlite3_file *base = faulty_base(f);

    return faulty_file_fails(f) ? SQLITE_IOERR_FSTAT : base->pMethods->xFileSize(base, out);
}

static inline int faulty_lock(sqlite3_file *f, int level)
{
    sqlite3_file *base = faulty_base(f);

    return faulty_file_fails(f) ? SQLITE_IOERR_LOCK : base->pMethods->xLock(base, level);
}

static inline int faulty_unlock(sqlite3_file *f, int level)
{
    sqlite3_file *base = faulty_base(f);

    return base->pMethods->xUnlock(base, level);
}

static inline int faulty_reserved(sqlite3_file *f, int *out)
{
    sqlite3_file *base = faulty_base(f);

    return base->pMethods->xCheckReservedLock(base, out);
}

static inline int faulty_control(sqlite3_file *f, int op, void *arg)
{
    sqlite3_file *base = faulty_base(f);

    return base->pMethods->xFileControl(base, op, arg);
}

static inline int faulty_sector(sqlite3_file *f)
{
    sqlite3_file *base = faulty_base(f);

    return base->pMethods->xSectorSize(base);
}

static inline int faulty_device(sqlite3_file *f)
{
    sqlite3_file *base = faulty_base(f);

    return base->pMethods->xDeviceCharacteristics(base);
}

static inline int faulty_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
                              int *out_flags)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 1, /* no shared memory: who locks for good needs none */
        .xClose = faulty_close,
        .xRead = faulty_read,
        .xWrite = faulty_write,
        .xTruncate = faulty_truncate,
        .xSync = faulty_sync,
        .xFileSize = faulty_size,
        .xLock = faulty_lock,
        .xUnlock = faulty_unlock,
        .xCheckReservedLock = faulty_reserved,
        .xFileControl = faulty_control,
        .xSectorSize = faulty_sector,
        .xDeviceCharacteristics = faulty_device,
    };
    struct faulty_vfs *d = (struct faulty_vfs *)vfs;
    struct faulty_file *file = (struct faulty_file *)f;
    int rc;

    file->file.pMethods = NULL;
    if (faulty_vfs_fails(d, false))
        return SQLITE_CANTOPEN;
    file->disk = d;
    file->base = (sqlite3_file *)(file + 1);
    file->base->pMethods = NULL;
    rc = d->base->xOpen(d->base, name, file->base, flags, out_flags);
    if (rc == SQLITE_OK)
        file->file.pMethods = &methods;
    return rc;
}

static inline int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    struct faulty_vfs *d = (struct faulty_vfs *)vfs;

    (void)sync_dir;
    return faulty_vfs_fails(d, false) ? SQLITE_IOERR_DELETE : d->base->xDelete(d->base, name, 0);
}

static inline int faulty_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    struct faulty_vfs *d = (struct faulty_vfs *)vfs;

    return faulty_vfs_fails(d, false) ? SQLITE_IOERR_ACCESS
                                      : d->base->xAccess(d->base, name, flags, out);
}

static inline void faulty_vfs_init(struct faulty_vfs *d, const char *name)
{
    memset(d, 0, sizeof(*d));
    d->base = sqlite3_vfs_find(NULL);
    d->vfs = *d->base;
    d->vfs.pNext = NULL;
    d->vfs.iVersion = 1;
    d->vfs.zName = name;
    d->vfs.szOsFile = (int)sizeof(struct faulty_file) + d->base->szOsFile;
    d->vfs.xOpen = faulty_open;
    d->vfs.xDelete = faulty_delete;
    d->vfs.xAccess = faulty_access;
    (void)sqlite3_vfs_register(&d->vfs, 0);
}

static inline void faulty_vfs_fini(struct faulty_vfs *d) { (void)sqlite3_vfs_unregister(&d->vfs); }

#endif
