/*
 * settings: everything that an operator can say to a daemon, in one table for all of them,
 * so that one file may serve a whole deployment.
 *
 *   PROGRAM [--config FILE] [--data FOLDER] [--SECTION.KEY=VALUE ...]
 *
 * Later wins: default, file, environment (LIBCHAT_ROUTER_LISTEN), flag. `--help`,
 * `--version`, `--check-config` and `--print-config` are answered here, `--check-config`
 * after the caller has looked at files, too.
 */
#ifndef CHAT_DAEMONS_SETTINGS_H
#define CHAT_DAEMONS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/status.h>

#include "server/config.h"
#include "server/presence/presence.h"
#include "server/router/router.h"
#include "server/store/store.h"

/* Exit codes of all daemons. */
enum {
    EXIT_STOPPED = 0, /* as asked, drained */
    EXIT_FAILED = 1,  /* could not start, or go on */
    EXIT_WRONG = 2,   /* options or configuration */
    EXIT_CUT = 3,     /* stopped before it was drained, by a second signal */
};

#define SETTINGS_ADDRESS_MAX 64u
#define SETTINGS_ERROR_MAX 768u

/* What a program is, for its --help and its checks. */
struct settings_program {
    const char *name;            /* "chat-router" */
    const char *purpose;         /* one sentence */
    const char *const *sections; /* those it reads, NULL at the end */
    bool router, store, presence;
    bool own_links; /* chatd: roles are joined in memory, dev keys are made */
};

struct settings {
    const struct settings_program *program;
    struct config *config;
    char error[SETTINGS_ERROR_MAX];
    const char *config_file; /* NULL: none */
    int ready_fd;            /* -1: none */
    bool check_only;         /* --check-config: say so and leave after all checks */
    int argc;
    char **argv;
};

/*
 * Reads all sources and checks what can be checked without opening files. Prints what is
 * wrong, or was asked for. -1: go on; else the exit code.
 */
int settings_read(struct settings *settings, const struct settings_program *program, int argc,
                  char **argv);
/* Reads all sources again, quietly. Errors: CHAT_E_INVALID, with the reason in out->error;
 * CHAT_E_IO, CHAT_E_NOMEM. `out` is to be ended in any case. */
chat_status settings_reread(const struct settings *settings, struct settings *out);
void settings_fini(struct settings *settings);

/* "chat.conf:12: router.tls_key: text": the origin of a key before what is wrong with it. */
void settings_say(struct settings *settings, const char *section, const char *key,
                  const char *format, ...) CHAT_PRINTF(4, 5);

/* A text that is set and neither empty nor "none"; else NULL. */
const char *settings_text(const struct settings *settings, const char *section, const char *key);

struct settings_address {
    char host[SETTINGS_ADDRESS_MAX]; /* empty: all of both families */
    uint16_t port;                   /* 0: any free one */
};
/* "127.0.0.1:8443", "[::1]:8443", ":8443", "8443". NULL on success, else what is wrong. */
const char *settings_parse_address(const char *text, struct settings_address *out);

/* The shards of "0, 2-5", ascending as given. NULL on success, else what is wrong; *out_count
 * is at most CHAT_SHARDS_MAX. An empty list: all. */
const char *settings_parse_shards(const struct settings *settings,
                                  uint32_t out_shards[CHAT_SHARDS_MAX], uint32_t *out_count);

/* --- limits.c: numbers with the names of the roles' own structs --- */

void settings_fill_router(const struct settings *settings, struct router_limits *limits);
void settings_fill_store(const struct settings *settings, struct store_limits *limits);
void settings_fill_presence(const struct settings *settings, struct presence_config *config);

/* --- keys.c: the table --- */

/* All keys; the same array each time. */
const struct config_key *settings_keys(size_t *out_count);

/* One number of a role's limits. */
struct settings_limit {
    struct config_key key;
    size_t offset; /* of the role's struct */
    size_t size;   /* 4: uint32_t, 8: int64_t or size_t */
};
const struct settings_limit *settings_router_limits(size_t *out_count);
const struct settings_limit *settings_store_limits(size_t *out_count);
const struct settings_limit *settings_presence_limits(size_t *out_count);

#endif
