#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "server/store/disk.h"

#define ZEROS_LEN (256u << 10)

struct posix_disk {
    struct disk disk;
    const struct chat_allocator *allocator;
    uint8_t *zeros;
};

struct posix_file {
    struct disk_file file;
    int fd;
};

static struct posix_disk *disk_of(struct disk *disk) { return (struct posix_disk *)(void *)disk; }
static int fd_of(struct disk_file *file) { return ((struct posix_file *)(void *)file)->fd; }

static chat_status status_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return CHAT_E_FULL;
    case ENOENT: return CHAT_E_NOT_FOUND;
    case ENOMEM: return CHAT_E_NOMEM;
    case ENAMETOOLONG: return CHAT_E_INVALID;
    default: return CHAT_E_IO;
    }
}

static chat_status open_file(struct disk *disk, const char *path, uint32_t flags,
                             struct disk_file **out_file)
{
    struct posix_disk *posix = disk_of(disk);
    struct posix_file *file = alloc_zeroed(posix->allocator, sizeof(*file));
    int mode = O_RDWR | O_CLOEXEC;

    if (!file)
        return CHAT_E_NOMEM;
    if (flags & DISK_CREATE)
        mode |= O_CREAT;
    if (flags & DISK_EXCLUSIVE)
        mode |= O_EXCL;
    do
        file->fd = open(path, mode, 0600);
    while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0) {
        const int error = errno;
        alloc_free(posix->allocator, file);
        return error == EEXIST ? CHAT_E_CONFLICT : status_of_errno(error);
    }
    file->file.disk = disk;
    *out_file = &file->file;
    return CHAT_OK;
}

static void close_file(struct disk_file *file)
{
    close(fd_of(file));
    alloc_free(disk_of(file->disk)->allocator, file);
}

static chat_status read_file(struct disk_file *file, uint64_t offset, void *bytes, size_t len,
                             size_t *out_len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got =
            pread(fd_of(file), (uint8_t *)bytes + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return status_of_errno(errno);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *out_len = done;
    return CHAT_OK;
}

static chat_status write_file(struct disk_file *file, uint64_t offset, const void *bytes,
                              size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t put =
            pwrite(fd_of(file), (const uint8_t *)bytes + done, len - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return status_of_errno(errno);
        if (put == 0)
            return CHAT_E_IO;
        done += (size_t)put;
    }
    return CHAT_OK;
}

static chat_status size_file(struct disk_file *file, uint64_t *out_size)
{
    struct stat info;

    if (fstat(fd_of(file), &info) != 0)
        return status_of_errno(errno);
    *out_size = (uint64_t)info.st_size;
    return CHAT_OK;
}

static chat_status truncate_file(struct disk_file *file, uint64_t size)
{
    return ftruncate(fd_of(file), (off_t)size) == 0 ? CHAT_OK : status_of_errno(errno);
}

static chat_status allocate_file(struct disk_file *file, uint64_t offset, uint64_t len)
{
    while (len > 0) {
        const size_t part = len < ZEROS_LEN ? (size_t)len : ZEROS_LEN;
        chat_status status = write_file(file, offset, disk_of(file->disk)->zeros, part);
        if (status != CHAT_OK)
            return status;
        offset += part;
        len -= part;
    }
    return CHAT_OK;
}

static chat_status sync_file(struct disk_file *file)
{
    /* Whatever the reason, what was written is unknown now: no room is no exception. */
    return fdatasync(fd_of(file)) == 0 ? CHAT_OK : CHAT_E_IO;
}

static void sync_range_file(struct disk_file *file, uint64_t offset, uint64_t len)
{
#ifdef SYNC_FILE_RANGE_WRITE
    (void)sync_file_range(fd_of(file), (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE);
#else
    (void)file, (void)offset, (void)len;
#endif
}

static chat_status lock_file(struct disk_file *file)
{
    if (flock(fd_of(file), LOCK_EX | LOCK_NB) == 0)
        return CHAT_OK;
    return errno == EWOULDBLOCK ? CHAT_E_CONFLICT : CHAT_E_IO;
}

static void unlock_file(struct disk_file *file) { (void)flock(fd_of(file), LOCK_UN); }

static chat_status remove_path(struct disk *disk, const char *path)
{
    (void)disk;
    return unlink(path) == 0 ? CHAT_OK : status_of_errno(errno);
}

static chat_status rename_path(struct disk *disk, const char *from, const char *to)
{
    (void)disk;
    return rename(from, to) == 0 ? CHAT_OK : status_of_errno(errno);
}

static chat_status path_exists(struct disk *disk, const char *path, bool *out_exists)
{
    struct stat info;

    (void)disk;
    if (stat(path, &info) == 0)
        *out_exists = true;
    else if (errno == ENOENT || errno == ENOTDIR)
        *out_exists = false;
    else
        return status_of_errno(errno);
    return CHAT_OK;
}

static chat_status make_dir(struct disk *disk, const char *path)
{
    (void)disk;
    return mkdir(path, 0700) == 0 || errno == EEXIST ? CHAT_OK : status_of_errno(errno);
}

static chat_status list_dir(struct disk *disk, const char *path, disk_list_fn each, void *user)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    chat_status status = CHAT_OK;

    (void)disk;
    if (!dir)
        return status_of_errno(errno);
    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            if (errno != 0)
                status = status_of_errno(errno);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!each(entry->d_name, user))
            break;
    }
    closedir(dir);
    return status;
}

static chat_status sync_dir(struct disk *disk, const char *path)
{
    int fd;
    chat_status status;

    (void)disk;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return status_of_errno(errno);
    status = fsync(fd) == 0 ? CHAT_OK : CHAT_E_IO;
    close(fd);
    return status;
}

static chat_status free_bytes(struct disk *disk, const char *path, uint64_t *out_bytes)
{
    struct statvfs info;

    (void)disk;
    if (statvfs(path, &info) != 0)
        return status_of_errno(errno);
    *out_bytes = (uint64_t)info.f_bavail * (uint64_t)info.f_frsize;
    return CHAT_OK;
}

static const struct disk_ops ops = {
    .open = open_file,
    .close = close_file,
    .read = read_file,
    .write = write_file,
    .size = size_file,
    .truncate = truncate_file,
    .allocate = allocate_file,
    .sync = sync_file,
    .sync_range = sync_range_file,
    .lock = lock_file,
    .unlock = unlock_file,
    .remove = remove_path,
    .rename = rename_path,
    .exists = path_exists,
    .make_dir = make_dir,
    .list = list_dir,
    .sync_dir = sync_dir,
    .free_bytes = free_bytes,
};

struct disk *disk_posix_new(const struct chat_allocator *allocator)
{
    struct posix_disk *posix;

    allocator = alloc_or_default(allocator);
    posix = alloc_zeroed(allocator, sizeof(*posix));
    if (!posix)
        return NULL;
    posix->zeros = alloc_zeroed(allocator, ZEROS_LEN);
    if (!posix->zeros) {
        alloc_free(allocator, posix);
        return NULL;
    }
    posix->disk.ops = &ops;
    posix->allocator = allocator;
    return &posix->disk;
}

void disk_posix_free(struct disk *disk)
{
    struct posix_disk *posix;

    if (!disk)
        return;
    posix = disk_of(disk);
    alloc_free(posix->allocator, posix->zeros);
    alloc_free(posix->allocator, posix);
}
