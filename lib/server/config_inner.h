/* What config's files share; nobody else includes it. */
#ifndef CHAT_SERVER_CONFIG_INNER_H
#define CHAT_SERVER_CONFIG_INNER_H

#include <libchat/export.h>

#include "server/config.h"

#define CONFIG_SECTIONS_MAX 64u
#define CONFIG_DESCRIPTION_MAX 256u
#define CONFIG_FILE_NAME_MAX 201u
#define CONFIG_NUMBER_MAX 48u /* characters of a formatted number with its unit */

enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_FLAG
};

/* The value of one key in one instance of its section. */
struct config_item {
    enum config_source source;
    uint32_t line;  /* in the file; 0: not from there */
    char *origin;   /* "chat.conf:12"; NULL: by source */
    int64_t number; /* numbers and booleans */
    char **texts;   /* one, or the list's */
    size_t count;   /* 0: unset, or an empty list */
};

struct config_instance {
    char *name;                 /* NULL in a section that is there once */
    uint32_t line;              /* of its [section NAME]; 0: not from a file */
    struct config_item items[]; /* one per key of the section */
};

struct config_section {
    const char *name;
    bool many;
    size_t first_key, key_count;
    struct config_instance *instances[CONFIG_INSTANCES_MAX];
    size_t instance_count;
};

struct config {
    const struct chat_allocator *allocator;
    const struct config_key *keys;
    size_t key_count;
    struct config_section sections[CONFIG_SECTIONS_MAX];
    size_t section_count;
    char file_name[CONFIG_FILE_NAME_MAX]; /* of the last one read, for errors; may be cut */
    char error[CONFIG_ERROR_MAX];
};

/* Where a value comes from, while it is being read. */
struct config_place {
    enum config_source source;
    const char *file_name; /* of a file */
    uint32_t line;
};

/* config.c */
struct config_section *config_find_section(const struct config *config, const char *name,
                                           size_t name_len);
/* NULL when the section has no such key. */
const struct config_key *config_find_key(const struct config *config,
                                         const struct config_section *section, const char *name,
                                         size_t name_len);
chat_status config_add_instance(struct config *config, struct config_section *section,
                                const char *name, size_t name_len,
                                struct config_instance **out_instance);
/* Gives `item` the texts, which become the config's, also on an error. */
chat_status config_set_item(struct config *config, const struct config_key *key,
                            struct config_item *item, const struct config_place *place,
                            char **texts, size_t count);
void config_free_texts(const struct config *config, char **texts, size_t count);
/* Formats config_error(): "<place>: <text>". Returns CHAT_E_INVALID. */
chat_status config_fail(struct config *config, const struct config_place *place, const char *format,
                        ...) CHAT_PRINTF(3, 4);
chat_status config_fail_nomem(struct config *config);

/* config_suggest.c: the declared name nearest to what was written, or NULL. */
const char *config_nearest_section(const struct config *config, const char *name, size_t name_len);
const char *config_nearest_key(const struct config *config, const struct config_section *section,
                               const char *name, size_t name_len);

/* config_lex.c: a value as written, as texts. `comments`: " #" ends it. *out_reason says what
 * is wrong on CHAT_E_INVALID. */
chat_status config_lex(const struct chat_allocator *allocator, const char *text, size_t text_len,
                       bool is_list, bool comments, char ***out_texts, size_t *out_count,
                       const char **out_reason);

/* config_value.c: true when `text` is allowed for the key. */
bool config_value_parse(const struct config_key *key, const char *text, int64_t *out_number);
/* "a duration from 1 s to 10 min". */
void config_value_describe(const struct config_key *key, char out[CONFIG_DESCRIPTION_MAX]);
/* "40 s", "64 MiB", "yes". */
void config_value_format(const struct config_key *key, int64_t number, char out[CONFIG_NUMBER_MAX]);
/* Copies text for an error: cut, and without control characters. */
void config_quote(const char *text, size_t text_len, char *out, size_t out_size);

#endif
