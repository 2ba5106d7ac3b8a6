/*
 * net: one event loop's share of the network: the libwebsockets context, the timers of all
 * connections on one wheel, and work put off until the stack has unwound.
 *
 *   net_new()  ->  listeners, dials  ->  net_shut()  ->  uv_run() until it returns  ->  net_free()
 *
 * No signal's disposition is changed; who runs the loop holds SIGPIPE back meanwhile
 * (sigpipe.h).
 *
 * Threads: the loop's.
 */
#ifndef CHAT_TRANSPORT_NET_H
#define CHAT_TRANSPORT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include <libchat/alloc.h>
#include <libchat/log.h>
#include <libchat/status.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/wheel.h"

struct lws_context;
struct lws_vhost;
struct resolver;
struct ssl_ctx_st;
struct tls_pins;

#define NET_HANDSHAKES_MAX 4096u /* header tables, for all listeners and dials together */
#define NET_MESSAGE_MAX 1048576u /* bytes of one message, either way, on any connection */

struct net_timer {
    struct wheel_timer wheel;
    void (*on_due)(struct net_timer *timer, int64_t now_ms);
};

/* Something to be done soon, once, from the loop. */
struct net_work {
    struct list_node link;
    void (*run)(struct net_work *work);
};

struct net_config {
    const struct chat_allocator *allocator; /* NULL: malloc */
    const struct chat_logger *logger;       /* NULL: silent */
    uv_loop_t *loop;                        /* required; outlives the net */
    const char *ca_file;                    /* for dialing wss: PEM; NULL: the system's */
    const void *ca_pem;                     /* the same as bytes, instead or in addition */
    size_t ca_pem_len;
    const char *pinned_keys; /* see tls_pins_parse(); NULL: any */
    const char *dns_servers; /* "192.0.2.1:53,..."; NULL: the system's */
    /* Sockets at once. 0: as many as the process may have, at about 20 bytes each and found
     * at once. A small number costs nothing, and a walk over them at each lookup. */
    uint32_t sockets_max;
};

struct net {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    uv_loop_t *loop;
    struct lws_context *lws;      /* set to NULL by libwebsockets when it is gone */
    struct lws_vhost *dial_plain; /* made at the first dial of the kind */
    struct lws_vhost *dial_secure;
    struct ssl_ctx_st *dial_tls;
    struct tls_pins *pins;     /* NULL: any key will do */
    struct list dials;         /* struct ws_dial: those under way */
    struct resolver *resolver; /* made at the first name */
    char *dns_servers;

    struct wheel wheel;
    uv_timer_t timer;
    int64_t timer_at_ms;
    uv_idle_t idle; /* runs while there is work */
    struct list work;
    bool heard; /* bytes came since the owner set it to false */
    bool poke;  /* libwebsockets has timers of its own to look at */
    bool shut;

    struct buf scratch;    /* joins frames: headroom, then up to NET_MESSAGE_MAX */
    struct list conns;     /* struct ws_conn, all of them */
    size_t conn_count;     /* of those, not yet ended */
    struct list listeners; /* struct ws_listener */
};

/*
 * Errors: CHAT_E_NOMEM, CHAT_E_AUTH (ca_file or ca_pem is not readable as certificates),
 *         CHAT_E_INVALID (pinned_keys), CHAT_E_IO.
 */
chat_status net_new(const struct net_config *config, struct net **out_net);

/* Cuts whatever is left without a word to its owner and begins to close all handles;
 * uv_run() returns when that is done, if the loop has no others. NULL is fine. */
void net_shut(struct net *net);

/* After uv_run() has returned. NULL is fine. */
void net_free(struct net *net);

/* The loop's monotonic clock, as of this turn. */
int64_t net_now_ms(const struct net *net);

/* MOMENT_NEVER cancels. */
void net_timer_set(struct net *net, struct net_timer *timer, int64_t deadline_ms);
void net_timer_cancel(struct net *net, struct net_timer *timer);

/* Fine if it already waits. */
void net_work_add(struct net *net, struct net_work *work);
void net_work_cancel(struct net_work *work);

/* Makes libwebsockets look at its timers in the next turn: what was killed dies there. */
void net_poke(struct net *net);

#endif
