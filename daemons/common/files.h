/* files: whole small files, and secrets that are written once. Errors are said in words. */
#ifndef CHAT_DAEMONS_FILES_H
#define CHAT_DAEMONS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/status.h>

#define FILES_PATH_MAX 4096u
#define FILES_ERROR_MAX 512u

/* What went wrong, for people: "keys/link.secret: No such file or directory". */
struct files_error {
    char text[FILES_ERROR_MAX];
};

/*
 * Reads a file of at most `max` bytes; *out_bytes is malloc's, with a NUL behind the last byte.
 * Errors: CHAT_E_NOT_FOUND, CHAT_E_IO, CHAT_E_TOO_LARGE, CHAT_E_NOMEM.
 */
chat_status files_read(const char *path, size_t max, uint8_t **out_bytes, size_t *out_len,
                       struct files_error *error);

/*
 * Creates a file of mode 0600 with this content, whole and synced, or not at all.
 * Errors: CHAT_E_CONFLICT (it is there: it is left as it is), CHAT_E_IO, CHAT_E_TOO_LARGE.
 */
chat_status files_write_secret(const char *path, const void *bytes, size_t len,
                               struct files_error *error);

/* Makes the folder, of mode 0700, and those above it. Fine when it is there. */
chat_status files_make_folder(const char *path, struct files_error *error);
bool files_exists(const char *path);

/* Makes this process the folder's only one, by a lock on folder/lock that ends with *out_fd.
 * Errors: CHAT_E_CONFLICT (who has it is said), CHAT_E_IO, CHAT_E_TOO_LARGE. */
chat_status files_lock_folder(const char *folder, int *out_fd, struct files_error *error);

/* "folder/name". Errors: CHAT_E_TOO_LARGE. */
chat_status files_join(char *out, size_t out_size, const char *folder, const char *name);

/* Fills from the system's generator. Errors: CHAT_E_IO. */
chat_status files_random(void *bytes, size_t len);

#endif
