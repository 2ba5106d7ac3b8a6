#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static chat_status fail(struct files_error *error, const char *path, int number)
{
    snprintf(error->text, sizeof(error->text), "%.400s: %s", path, strerror(number));
    if (number == ENOENT)
        return CHAT_E_NOT_FOUND;
    if (number == EEXIST)
        return CHAT_E_CONFLICT;
    return CHAT_E_IO;
}

static chat_status read_all(int fd, const char *path, size_t max, uint8_t *bytes, size_t *out_len,
                            struct files_error *error)
{
    size_t len = 0;

    while (len <= max) {
        ssize_t got = read(fd, bytes + len, max + 1 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(error, path, errno);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    if (len > max) {
        snprintf(error->text, sizeof(error->text), "%.400s: more than %zu bytes", path, max);
        return CHAT_E_TOO_LARGE;
    }
    *out_len = len;
    return CHAT_OK;
}

chat_status files_read(const char *path, size_t max, uint8_t **out_bytes, size_t *out_len,
                       struct files_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes;
    chat_status status;
    struct stat info;

    if (fd < 0)
        return fail(error, path, errno);
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
        (uint64_t)info.st_size < max)
        max = (size_t)info.st_size; /* no more memory than the file needs */
    bytes = malloc(max + 2);
    if (!bytes) {
        snprintf(error->text, sizeof(error->text), "%.400s: out of memory", path);
        status = CHAT_E_NOMEM;
    } else {
        status = read_all(fd, path, max, bytes, out_len, error);
    }
    close(fd);
    if (status != CHAT_OK) {
        free(bytes);
        return status;
    }
    bytes[*out_len] = 0;
    *out_bytes = bytes;
    return CHAT_OK;
}

static chat_status write_all(int fd, const char *path, const void *bytes, size_t len,
                             struct files_error *error)
{
    size_t done = 0;

    while (done < len) {
        ssize_t put = write(fd, (const uint8_t *)bytes + done, len - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail(error, path, errno);
        done += (size_t)put;
    }
    return fsync(fd) == 0 ? CHAT_OK : fail(error, path, errno);
}

static void sync_folder_of(const char *path)
{
    char folder[FILES_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;

    if (!slash)
        snprintf(folder, sizeof(folder), ".");
    else
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

/* Written under another name first, so that a crash leaves no half of a secret behind; link()
 * then never replaces what is there. */
chat_status files_write_secret(const char *path, const void *bytes, size_t len,
                               struct files_error *error)
{
    char part[FILES_PATH_MAX];
    chat_status status;
    int fd;
    int n = snprintf(part, sizeof(part), "%s.%ld.part", path, (long)getpid());

    if (n < 0 || (size_t)n >= sizeof(part)) {
        snprintf(error->text, sizeof(error->text), "the path is too long: %.100s...", path);
        return CHAT_E_TOO_LARGE;
    }
    (void)unlink(part);
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(error, part, errno);
    status = write_all(fd, part, bytes, len, error);
    close(fd);
    if (status == CHAT_OK && link(part, path) != 0)
        status = fail(error, path, errno);
    (void)unlink(part);
    if (status == CHAT_OK)
        sync_folder_of(path);
    return status;
}

chat_status files_make_folder(const char *path, struct files_error *error)
{
    char part[FILES_PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part)) {
        snprintf(error->text, sizeof(error->text), "the path is empty or too long");
        return CHAT_E_TOO_LARGE;
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return fail(error, part, errno);
    }
    return CHAT_OK;
}

bool files_exists(const char *path) { return access(path, F_OK) == 0; }

chat_status files_lock_folder(const char *folder, int *out_fd, struct files_error *error)
{
    char path[FILES_PATH_MAX], pid[32] = "";
    chat_status status = files_join(path, sizeof(path), folder, "lock");
    int fd;

    if (status != CHAT_OK) {
        snprintf(error->text, sizeof(error->text), "the path is too long: %.100s...", folder);
        return status;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(error, path, errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            status = fail(error, path, errno);
        } else {
            ssize_t got = read(fd, pid, sizeof(pid) - 1);
            snprintf(error->text, sizeof(error->text), "%.300s: process %.*s works there", folder,
                     got > 0 ? (int)strcspn(pid, "\n") : 7, got > 0 ? pid : "unknown");
            status = CHAT_E_CONFLICT;
        }
        close(fd);
        return status;
    }
    snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && write(fd, pid, strlen(pid)) > 0)
        (void)fsync(fd); /* the lock counts; the pid is for people */
    *out_fd = fd;
    return CHAT_OK;
}

chat_status files_join(char *out, size_t out_size, const char *folder, const char *name)
{
    size_t len = strlen(folder);
    const char *between = len > 0 && folder[len - 1] == '/' ? "" : "/";
    int n = snprintf(out, out_size, "%s%s%s", folder, between, name);

    return n >= 0 && (size_t)n < out_size ? CHAT_OK : CHAT_E_TOO_LARGE;
}

chat_status files_random(void *bytes, size_t len)
{
    uint8_t *at = bytes;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return CHAT_E_IO;
        at += got;
        len -= (size_t)got;
    }
    return CHAT_OK;
}
