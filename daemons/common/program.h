/*
 * program: a daemon from its command line to its exit code. A main names what it is; the
 * rest is the same for all: settings, log, keys, machines on a host, listeners, the line
 * that says "ready", signals, draining.
 *
 *   NAME ready pid=1234 listen=8443 admin=8444
 *
 * is printed on stdout, and to --ready-fd, when its port is open and, of stores, its shards
 * are.
 */
#ifndef CHAT_DAEMONS_PROGRAM_H
#define CHAT_DAEMONS_PROGRAM_H

#include <uv.h>

#include "access.h"
#include "api/host.h"
#include "dev_keys.h"
#include "server/store/disk.h"
#include "server/store/engine_memory.h"
#include "settings.h"

struct program {
    const struct settings_program *what;
    struct settings settings;
    struct chat_logger logger;
    struct dev_keys dev;
    bool with_dev; /* keys that are not configured come from the data folder */
    struct access access;

    struct host *host;
    struct router *router;
    struct presence *presence;
    struct store *store;
    struct store_engine *engine;
    struct disk *disk;
    struct engine_memory_cluster *cluster;
    int data_lock; /* -1: none */

    uint16_t port, admin_port; /* 0: none */
    uv_timer_t ready_timer;    /* until it is ready */
    uv_signal_t signals[2];
    uint32_t stop_signals;
};

/* The exit code. */
int program_main(const struct settings_program *what, int argc, char **argv);

/* --- roles.c: machines from settings --- */

/* Makes those that the program has and puts them on the host. Errors: said to the logger. */
chat_status roles_make(struct program *program);
/* After the host is gone. */
void roles_free(struct program *program);
bool roles_are_ready(struct program *program, struct buf *why);
/* The port is open and stores have their shards: it makes sense to come. */
bool roles_have_started(struct program *program);
void roles_write_metrics(struct program *program, struct metrics *out);

/* --- listen.c: where others come in --- */

/* Errors: said to the logger. */
chat_status listen_open(struct program *program, struct host_role *role);
/* Reads certificates as the listeners will. Errors: said to the logger. */
chat_status listen_check(struct program *program);

#endif
