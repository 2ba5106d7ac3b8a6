/*
 * config: reads the settings of a program from a file, the environment and flags, against
 * a table that declares every key.
 *
 * The file:
 *   # a comment, to the end of the line (also ';' at the start of a line)
 *   [router]                    a section; names are a-z, 0-9 and _
 *   listen = 0.0.0.0:8443       everything up to the end of the line or " #", trimmed
 *   name = "a # b\n"            quoted: \" \\ \n \t \r and nothing else after a backslash
 *   drain_time = 2 min          ms, s, min, h, d
 *   queue = 64 MiB              B, KiB, MiB, GiB, or kB, MB, GB
 *   store = a:9000, "b:9000"    a list: commas, or the key said again
 *   enabled = yes               yes, no, true, false, on, off
 * A section may be declared as many: [issuer acme] [issuer other], each with its own values.
 *
 * Later wins: default, file, environment (LIBCHAT_ROUTER_LISTEN), flag
 * (--router.listen=0.0.0.0:8443). Environment and flags replace a list whole; keys of a
 * many-section have neither.
 *
 * Pure: the host reads the file and hands in its bytes.
 */
#ifndef CHAT_SERVER_CONFIG_H
#define CHAT_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/buf.h"

#define CONFIG_FILE_MAX 1048576u
#define CONFIG_VALUE_MAX 4096u   /* bytes of one value */
#define CONFIG_LIST_MAX 1024u    /* items of a list */
#define CONFIG_NAME_MAX 64u      /* bytes of a section's, key's or instance's name */
#define CONFIG_INSTANCES_MAX 64u /* of a many-section */
#define CONFIG_KEYS_MAX 256u     /* declared in one table */
#define CONFIG_ERROR_MAX 512u    /* bytes of an error text */

enum config_type {
    CONFIG_TEXT,
    CONFIG_INTEGER,  /* min..max */
    CONFIG_SIZE,     /* bytes, min..max */
    CONFIG_DURATION, /* milliseconds, min..max */
    CONFIG_BOOLEAN,
    CONFIG_CHOICE, /* one of `choices` */
    CONFIG_LIST,   /* of texts; max: how many (0: CONFIG_LIST_MAX) */
};

/* One declared key. Keys of a section stand together. */
struct config_key {
    const char *section;
    const char *name;
    enum config_type type;
    const char *fallback; /* the default, as written in a file; NULL: unset (list: empty) */
    int64_t min, max;     /* allowed, both ends; texts: length in bytes, max 0: no limit */
    const char *choices;  /* CONFIG_CHOICE: "error|warn|info|debug" */
    const char *help;     /* one or more sentences, for --help */
    bool many;            /* belongs to a section with instances, the same on all its keys */
    bool secret;          /* --print-config shows ***, errors don't quote it */
    bool required;        /* must be set in each instance, or somewhere */
};

struct config;

/* Holds the defaults. `keys` outlives the config.
 * Errors: CHAT_E_NOMEM; CHAT_E_INVALID for a table that contradicts itself (a bad default, a
 *         repeated key): config_error() says which. *out_config is set then too. */
chat_status config_new(const struct chat_allocator *allocator, const struct config_key *keys,
                       size_t key_count, struct config **out_config);
void config_free(struct config *config); /* NULL is fine */

/* "chat.conf:12: router.listen: ..., did you mean ...?" after a call that failed. Never NULL. */
const char *config_error(const struct config *config);

/* Takes a file's content; `file_name` is for errors. Stops at the first error.
 * Errors: CHAT_E_INVALID, CHAT_E_TOO_LARGE, CHAT_E_NOMEM. */
chat_status config_read_file(struct config *config, const char *file_name, const uint8_t *bytes,
                             size_t bytes_len);
/* Takes every LIBCHAT_* of an environment ("NAME=value" strings, NULL at the end) that names
 * a declared key; others are left alone. Errors: as above. */
chat_status config_read_environment(struct config *config, const char *const *environment);
/* Takes "--section.key=value" or, for booleans, "--section.key" and "--no-section.key".
 * Errors: as above; CHAT_E_NOT_FOUND when it is not of that form: the caller's own flag. */
chat_status config_read_flag(struct config *config, const char *flag);
/* After everything was read: what is required is set. Errors: CHAT_E_INVALID. */
chat_status config_check(struct config *config);

/*
 * Values. The key must be declared, with that type (assert). `section` of a many-section is
 * read by instance with the _of calls. Texts are borrowed from the config.
 */
const char *config_text(const struct config *config, const char *section, const char *name);
int64_t config_number(const struct config *config, const char *section, const char *name);
bool config_boolean(const struct config *config, const char *section, const char *name);
size_t config_list_count(const struct config *config, const char *section, const char *name);
const char *config_list_item(const struct config *config, const char *section, const char *name,
                             size_t index);
/* Was it said anywhere, rather than left at its default? */
bool config_is_set(const struct config *config, const char *section, const char *name);
/* "chat.conf:12", "environment", "flag", "default": for the caller's own errors. */
const char *config_origin(const struct config *config, const char *section, const char *name);

size_t config_instance_count(const struct config *config, const char *section);
const char *config_instance_name(const struct config *config, const char *section, size_t instance);
const char *config_text_of(const struct config *config, const char *section, size_t instance,
                           const char *name);
int64_t config_number_of(const struct config *config, const char *section, size_t instance,
                         const char *name);
bool config_boolean_of(const struct config *config, const char *section, size_t instance,
                       const char *name);
size_t config_list_count_of(const struct config *config, const char *section, size_t instance,
                            const char *name);
const char *config_list_item_of(const struct config *config, const char *section, size_t instance,
                                const char *name, size_t index);
const char *config_origin_of(const struct config *config, const char *section, size_t instance,
                             const char *name);

/* The table as text for --help. Errors: those of `out`. */
chat_status config_write_help(const struct config_key *keys, size_t key_count, struct buf *out);
/* All values as a file that reads back the same, with their origins as comments. */
chat_status config_print(const struct config *config, struct buf *out);

#endif
