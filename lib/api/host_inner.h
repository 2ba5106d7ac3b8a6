/* The inside of a host, for its own files. */
#ifndef CHAT_API_HOST_INNER_H
#define CHAT_API_HOST_INNER_H

#include <uv.h>

#include "api/host.h"
#include "api/lanes.h"
#include "base/map.h"
#include "transport/memory_link.h"
#include "transport/net.h"

#define HOST_LOG "host"

struct host_peer_copy {
    char *url;
    struct host_role *role;
};

struct host_role {
    struct host *host;
    struct host_role_config config;
    struct machine *machine;
    struct lanes *lanes; /* with an engine */
    struct host_peer_copy *peers;
    size_t peer_count;
    bool dirty;   /* fed since its effects were taken */
    bool timed;   /* got EVENT_TIMER this turn */
    bool stopped; /* said EFFECT_STOPPED */
};

enum host_phase {
    HOST_RUNNING,
    HOST_STOPPING, /* roles finish, stage by stage */
    HOST_CLOSING,  /* links say goodbye */
    HOST_ENDED,    /* handles close, then the loop returns */
};

struct host {
    struct host_config config;
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    char *authorization; /* "Bearer <secret>" */

    uv_loop_t loop;
    uv_check_t after_poll;
    uv_idle_t again; /* runs while there is work */
    uv_timer_t timer;
    uv_timer_t step; /* ends a host_step() */
    uv_timer_t grace;
    uv_async_t woken; /* engine requests came back, or somebody wants us to stop */
    uv_signal_t signals[3];
    size_t signal_count;
    int64_t timer_at_ms;

    struct net *net;
    struct memory_hub hub;
    struct map carriers; /* link_id -> struct carrier */
    link_id last_id;

    struct host_role *roles[HOST_ROLES_MAX];
    size_t role_count;
    struct ws_listener *listeners[HOST_LISTENERS_MAX];
    size_t listener_count;

    struct moment now;
    bool now_known;
    bool in_turn;
    enum host_phase phase;
    uint32_t stage;
    bool stop_wanted; /* by another thread; written with __atomic */
};

/* host_turn.c */
void host_feed(struct host_role *role, struct event *event);
void host_turn(struct host *host);
void host_take_completions(struct host *host);
void host_mark(struct host *host);
extern const struct carrier_events host_carrier_events;

/* host_stop.c */
void host_check_stop(struct host *host);

/* host_http.c */
void host_answer_http(const char *path, struct listener_reply *reply, void *user);

#endif
