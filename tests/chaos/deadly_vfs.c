#include "deadly_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* in the same block, behind this */
};

static sqlite3_vfs deadly;
static sqlite3_vfs *below;
static uint64_t changes, deadline;

static void die(void) { (void)kill(getpid(), SIGKILL); }

static bool is_the_last(void) { return ++changes == deadline; }

static sqlite3_file *real_of(sqlite3_file *base) { return ((struct file *)base)->real; }

static int file_close(sqlite3_file *base)
{
    sqlite3_file *real = real_of(base);

    return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int amount, sqlite3_int64 at)
{
    return real_of(base)->pMethods->xRead(real_of(base), to, amount, at);
}

static int file_write(sqlite3_file *base, const void *from, int amount, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(base);

    if (is_the_last()) {
        (void)real->pMethods->xWrite(real, from, amount / 2, at);
        die();
    }
    return real->pMethods->xWrite(real, from, amount, at);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    if (is_the_last())
        die();
    return real_of(base)->pMethods->xTruncate(real_of(base), size);
}

static int file_sync(sqlite3_file *base, int flags)
{
    if (is_the_last())
        die();
    return real_of(base)->pMethods->xSync(real_of(base), flags);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out)
{
    return real_of(base)->pMethods->xFileSize(real_of(base), out);
}

static int file_lock(sqlite3_file *base, int level)
{
    return real_of(base)->pMethods->xLock(real_of(base), level);
}

static int file_unlock(sqlite3_file *base, int level)
{
    return real_of(base)->pMethods->xUnlock(real_of(base), level);
}

static int file_check_reserved(sqlite3_file *base, int *out)
{
    return real_of(base)->pMethods->xCheckReservedLock(real_of(base), out);
}

static int file_control(sqlite3_file *base, int op, void *argument)
{
    return real_of(base)->pMethods->xFileControl(real_of(base), op, argument);
}

static int file_sector_size(sqlite3_file *base)
{
    return real_of(base)->pMethods->xSectorSize(real_of(base));
}

static int file_characteristics(sqlite3_file *base)
{
    return real_of(base)->pMethods->xDeviceCharacteristics(real_of(base));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* no shared memory: the cache locks its file */
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

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out_flags)
{
    struct file *f = (struct file *)base;
    int rc;

    (void)vfs;
    *f = (struct file){.real = (sqlite3_file *)(void *)(f + 1)};
    rc = below->xOpen(below, name, f->real, flags, out_flags);
    if (rc == SQLITE_OK)
        f->base.pMethods = &methods;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    if (is_the_last())
        die();
    return below->xDelete(below, name, sync_folder);
}

void deadly_vfs_init(uint64_t die_at)
{
    deadline = die_at;
    below = sqlite3_vfs_find(NULL);
    if (!below)
        abort();
    deadly = *below;
    deadly.pNext = NULL;
    deadly.zName = DEADLY_VFS;
    deadly.szOsFile = (int)sizeof(struct file) + below->szOsFile;
    deadly.xOpen = vfs_open;
    deadly.xDelete = vfs_delete;
    if (sqlite3_vfs_register(&deadly, 0) != SQLITE_OK)
        abort();
}
