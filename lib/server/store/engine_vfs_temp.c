/* Files without a name: what SQLite spills, kept in memory. */
#include <string.h>

#include "base/buf.h"
#include "server/store/engine_vfs_inner.h"

struct vfs_temp {
    sqlite3_file base;
    struct buf content;
};

_Static_assert(sizeof(struct vfs_temp) <= sizeof(struct vfs_file), "both fit szOsFile");

static struct buf *content_of(sqlite3_file *base)
{
    return &((struct vfs_temp *)(void *)base)->content;
}

static int temp_close(sqlite3_file *base)
{
    buf_fini(content_of(base));
    return SQLITE_OK;
}

static int temp_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 offset)
{
    const struct buf *content = content_of(base);
    size_t there = 0;

    if ((uint64_t)offset < content->len)
        there = content->len - (size_t)offset;
    if (there > (size_t)len)
        there = (size_t)len;
    if (there > 0)
        memcpy(bytes, content->bytes + offset, there);
    if (there == (size_t)len)
        return SQLITE_OK;
    memset((uint8_t *)bytes + there, 0, (size_t)len - there);
    return SQLITE_IOERR_SHORT_READ;
}

/* Zeros up to `size`. */
static int temp_extend(struct buf *content, uint64_t size)
{
    uint8_t *room;
    const size_t extra = (size_t)(size - content->len);
    chat_status status =
        size > content->max ? CHAT_E_TOO_LARGE : buf_reserve(content, extra, &room);

    if (status != CHAT_OK)
        return status == CHAT_E_NOMEM ? SQLITE_IOERR_NOMEM : SQLITE_FULL;
    memset(room, 0, extra);
    buf_commit(content, extra);
    return SQLITE_OK;
}

static int temp_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset)
{
    struct buf *content = content_of(base);
    const uint64_t end = (uint64_t)offset + (uint64_t)len;
    int rc = end > content->len ? temp_extend(content, end) : SQLITE_OK;

    if (rc == SQLITE_OK && len > 0)
        memcpy(content->bytes + offset, bytes, (size_t)len);
    return rc;
}

static int temp_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct buf *content = content_of(base);

    if ((uint64_t)size > content->len)
        return temp_extend(content, (uint64_t)size);
    content->len = (size_t)size;
    return SQLITE_OK;
}

static int temp_sync(sqlite3_file *base, int flags)
{
    (void)base, (void)flags;
    return SQLITE_OK;
}

static int temp_size(sqlite3_file *base, sqlite3_int64 *out_size)
{
    *out_size = (sqlite3_int64)content_of(base)->len;
    return SQLITE_OK;
}

static int temp_lock(sqlite3_file *base, int level)
{
    (void)base, (void)level;
    return SQLITE_OK;
}

static int temp_check_reserved(sqlite3_file *base, int *out)
{
    (void)base;
    *out = 0;
    return SQLITE_OK;
}

static int temp_control(sqlite3_file *base, int op, void *arg)
{
    (void)base, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int temp_sector(sqlite3_file *base)
{
    (void)base;
    return (int)DISK_SECTOR;
}

static int temp_characteristics(sqlite3_file *base)
{
    (void)base;
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = temp_close,
    .xRead = temp_read,
    .xWrite = temp_write,
    .xTruncate = temp_truncate,
    .xSync = temp_sync,
    .xFileSize = temp_size,
    .xLock = temp_lock,
    .xUnlock = temp_lock,
    .xCheckReservedLock = temp_check_reserved,
    .xFileControl = temp_control,
    .xSectorSize = temp_sector,
    .xDeviceCharacteristics = temp_characteristics,
};

int vfs_temp_open(struct engine_vfs *vfs, sqlite3_file *base)
{
    struct vfs_temp *temp = (struct vfs_temp *)(void *)base;

    *temp = (struct vfs_temp){.base.pMethods = &methods};
    buf_init(&temp->content, vfs->config.allocator, VFS_TEMP_MAX);
    return SQLITE_OK;
}
