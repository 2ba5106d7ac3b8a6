/*
 * host: runs machines (wire/machine.h) on one event loop. It feeds them what happens on
 * their links, timers and disks, each with the time, and does what they ask for.
 *
 *   host_new -> host_add_role ... -> host_set_peers ... -> host_listen ... -> host_run -> host_free
 *
 * What a turn of the loop brought is fed first; then effects are taken until there are none.
 * Roles of one host reach each other through links in memory.
 *
 * Stopping: listeners turn clients away, roles of stage 0 get EVENT_STOP, then those of stage
 * 1, and so on; when all are done, or stop_grace_ms is over, links are closed and the loop
 * ends. A second host_stop(), or signal, cuts that short.
 *
 * Threads: one. Exceptions: host_request_stop(), any thread; and a role's engine is
 * executed by threads of its own (api/lanes.h).
 */
#ifndef CHAT_API_HOST_H
#define CHAT_API_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/log.h>
#include <libchat/status.h>

#include "base/moment.h"
#include "server/metrics.h"
#include "transport/listener.h"
#include "wire/machine.h"

struct host;
struct host_role;
struct store_engine;
struct uv_loop_s;

#define HOST_ROLES_MAX 16u
#define HOST_STAGES_MAX 4u
#define HOST_LISTENERS_MAX 16u

/* What the HTTP listeners tell; any may be NULL. */
struct host_http {
    /* False: not now; `why` may be given a line for people. NULL: always ready. */
    bool (*is_ready)(struct buf *why, void *user);
    void (*write_metrics)(struct metrics *out, void *user);
    void *user;
};

struct host_config {
    const struct chat_allocator *allocator; /* NULL: malloc */
    const struct chat_logger *logger;       /* NULL: silent */
    const char *ca_file;                    /* trusted when dialing wss; NULL: the system's */
    const char *dns_servers;                /* NULL: the system's */
    const char *link_secret;                /* shown when dialing */
    int64_t stop_grace_ms;                  /* for all roles to finish */
    int64_t close_grace_ms;                 /* for the close handshakes after that */
    bool signals;                           /* SIGTERM, SIGINT: stop; SIGHUP: reload */
    struct host_http http;
    void (*on_reload)(void *user); /* after the listeners' certificates; may be NULL */
    void *user;
};

/* One of a role's peers, by the number that EFFECT_DIAL says. */
struct host_peer {
    const char *url;        /* "wss://host:port/"; NULL: `role` */
    struct host_role *role; /* of the same host */
};

struct host_role_config {
    struct machine *machine;     /* outlives the host */
    uint32_t stop_stage;         /* below HOST_STAGES_MAX */
    struct store_engine *engine; /* for EFFECT_ENGINE; NULL: none. Outlives the host. */
    uint32_t log_threads, apply_threads, read_threads; /* with an engine; 1 each if 0 */
    uint32_t engine_requests_max;                      /* under way; 4,096 if 0 */
};

/* 60 s and 2 s of grace; the rest is zero. */
void host_config_init(struct host_config *config);

/* Raises the process's limit of descriptors to what it may have.
 * Errors: CHAT_E_NOMEM, CHAT_E_AUTH (ca_file), CHAT_E_IO. */
chat_status host_new(const struct host_config *config, struct host **out_host);
/* Waits for engine requests under way. NULL is fine. */
void host_free(struct host *host);

/* Errors: CHAT_E_FULL (HOST_ROLES_MAX), CHAT_E_INVALID, CHAT_E_NOMEM, CHAT_E_IO. */
chat_status host_add_role(struct host *host, const struct host_role_config *config,
                          struct host_role **out_role);
/* Copied. Errors: CHAT_E_INVALID (a url; the logger is told), CHAT_E_NOMEM. */
chat_status host_set_peers(struct host_role *role, const struct host_peer *peers, size_t count);

/* Whom it lets in becomes a link of `role`; NULL for a listener of HTTP only. `events`,
 * `user` and, unless given, `http` are the host's.
 * Errors: as listener_new(), and CHAT_E_FULL (HOST_LISTENERS_MAX). */
chat_status host_listen(struct host *host, struct host_role *role,
                        const struct listener_config *config, struct ws_listener **out_listener);

/* Until it has stopped. */
chat_status host_run(struct host *host);
/* For who has a loop of his own: waits at most timeout_ms (< 0: no limit). False once it
 * has stopped. */
bool host_step(struct host *host, int64_t timeout_ms);

void host_stop(struct host *host);
void host_request_stop(struct host *host);

/* Now, as of this turn. */
struct moment host_now(struct host *host);
struct uv_loop_s *host_get_loop(struct host *host);
/* Links that are open now, of all roles. */
size_t host_get_links(const struct host *host);
/* What listeners counted. */
void host_write_metrics(const struct host *host, struct metrics *out);

#endif
