/*
 * router: holds the clients. It authenticates, admits, limits and fans out; it owns
 * nothing durable and decides nothing about a conversation.
 *
 *   client ══ Hello, requests ══▶ router ══ requests ══▶ store(s)     dialed peers
 *          ◀══ answers, pushes ══        ◀══ answers, publications ══
 *                                 router ══ lease, deltas, watches ══▶ presence(s)
 *
 * A machine (wire/machine.h): no socket, clock, thread or global. Clients come as
 * LINK_CLIENT links; stores and presence daemons are the configured peers it dials, by
 * their index in router_config.peers.
 *
 * EVENT_STOP drains: no new client is admitted, those here are sent away with GoingAway
 * spread over drain_ms, then links close and EFFECT_STOPPED comes.
 *
 * Threads: one.
 */
#ifndef CHAT_SERVER_ROUTER_ROUTER_H
#define CHAT_SERVER_ROUTER_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/log.h>
#include <libchat/status.h>

#include "server/auth.h"
#include "server/link.h"
#include "server/metrics.h"
#include "server/ticket.h"
#include "wire/machine.h"

#define ROUTER_ISSUERS_MAX AUTH_ISSUERS_MAX
#define ROUTER_SESSIONS_MAX 1000000u /* no configuration goes beyond */

struct router;

/* How tokens and tickets are checked: pure functions, so that a simulator brings its own. */
struct router_auth {
    /* As auth_verify(). */
    chat_status (*verify)(void *user, const char *token, size_t token_len, int64_t wall_ms,
                          struct token_claims *out_claims, const char **out_reason);
    /* As ticket_seal(); at most CHAT_TICKET_MAX bytes. NULL: no tickets are given. */
    chat_status (*seal)(void *user, struct ticket *ticket, uint8_t *out_bytes, size_t *out_len);
    /* As ticket_open(). NULL: none are taken. */
    chat_status (*open)(void *user, const uint8_t *bytes, size_t bytes_len, uint64_t device_id,
                        int64_t wall_ms, struct ticket *out_ticket);
    void *user;
};

/* What real routers use: keys of `auth` and `tickets`, both borrowed; `tickets` may be NULL.
 * `keys` is the storage behind the returned struct and outlives the router. */
struct router_keys {
    const struct auth *auth;
    const struct ticket_keys *tickets;
};
struct router_auth router_auth_from_keys(struct router_keys *keys);

/* Every number here is a limit or a pace, with its name in problems and in the manual. */
struct router_limits {
    /* Admission. */
    uint32_t sessions_max;          /* links of clients, all states; 20,000 */
    uint32_t preauth_max;           /* links not signed in yet; 2,000 */
    uint32_t preauth_per_address;   /* of one address; 64 */
    uint32_t preauth_bytes;         /* received before Welcome; 16,384 */
    uint32_t preauth_frames;        /* received before Welcome; 1 */
    uint32_t handshakes_per_second; /* Hellos taken; 500 */
    uint32_t handshakes_burst;      /* 1,000 */
    int64_t handshake_slot_max_ms;  /* the farthest slot given to who is refused; 60,000 */
    int64_t preauth_ms;             /* from the link to Welcome; 5,000 */

    /* Sessions. */
    uint32_t heartbeat_ms;       /* 30,000; silent for 2.5 of them: closed */
    int64_t token_grace_ms;      /* between TOKEN_EXPIRED and the close; 60,000 */
    int64_t ticket_ms;           /* life of a ticket; 600,000 at most */
    uint32_t session_queue_max;  /* bytes waiting for one client; 1 MiB */
    uint32_t session_frames_max; /* frames waiting for one client; 8,192 */
    uint32_t session_requests;   /* requests of one client in flight; 128 */
    int64_t sync_patience_ms;    /* then `complete`, though a store does not answer; 5,000 */
    uint32_t sync_in_flight;     /* homes of one session being subscribed; 16 */
    uint32_t user_sessions;      /* sessions of one user here; 64 */

    /* Requests. */
    uint32_t requests_max;          /* in flight or waiting, all links; 65,536 */
    uint32_t waiting_per_peer;      /* waiting for a link's credit; 16,384 */
    int64_t request_ms;             /* until the store's answer is given up; 30,000 */
    int64_t sweep_ms;               /* each home is compared with its store so often; 300,000 */
    uint32_t operations_per_second; /* of one user, on all routers; 20 */
    uint32_t operations_burst;      /* 40 */
    uint32_t reads_per_second;      /* fetches and finds of one user; 100 */
    uint32_t reads_burst;           /* 400 */
    uint32_t signals_per_second;    /* typing, marks of receipts of one user; 10 */
    uint32_t signals_burst;         /* 40 */
    uint32_t buckets_max;           /* users whose buckets are not full; 65,536 */

    /* Presence. */
    uint32_t watches_max;     /* users watched by this router; 200,000 */
    int64_t lease_ms;         /* between Leases; 10,000 */
    int64_t presence_lost_ms; /* link down so long: all appear offline; 10,000 */

    /* Leaving. */
    int64_t drain_ms;            /* over which sessions are sent away; 30,000 */
    int64_t drain_grace_ms;      /* from GoingAway to the close; 2,000 */
    uint32_t drain_reconnect_ms; /* reconnect_after_ms is random below it; 2,000 */
};

struct router_config {
    const struct chat_allocator *allocator; /* NULL: malloc */
    const struct chat_logger *logger;       /* NULL: silent */
    uint64_t seed;                          /* of its random numbers */
    struct router_auth auth;                /* verify is required */
    const char *const *issuers;             /* known ones, copied: a ticket names one by hash */
    uint32_t issuer_count;
    const WireLinkRole *peers; /* STORE or PRESENCE; the index is what EFFECT_DIAL says */
    uint32_t peer_count;       /* at most LINK_PEERS_MAX, at least one store */
    size_t link_queue_max;     /* bytes waiting for one daemon */
    struct router_limits limits;
};

#define ROUTER_PROBLEM_CODES 21u /* ProblemCode values, 0 included */
#define ROUTER_BODIES 64u        /* body numbers of ClientFrame */

struct router_stats {
    struct links_stats links;
    /* Gauges. */
    uint32_t sessions, preauth, signing_in, syncing, live, leaving, blocked;
    uint32_t users, homes, edges, watched, watches, buckets, requests, requests_waiting;
    uint32_t homes_lost; /* with a hole, being asked anew */
    uint32_t stores_ready, presence_ready, shards, shards_served;
    uint64_t queued_bytes;
    /* Counters. */
    uint64_t opened, closed, signed_in, resumed, refused_auth, refused_admission;
    uint64_t superseded, revoked, expired, silent, slow, drained, hello_timeouts;
    uint64_t messages_in, frames_in, bytes_in, messages_out, frames_out, bytes_out;
    uint64_t publications, events, deliveries, duplicates, holes, missed, rechecks, removals;
    uint64_t ephemera_dropped, presence_batches, presence_changes;
    uint64_t typing, typing_dropped, receipt_marks;
    uint64_t rate_limited, requests_lost, requests_late, no_memory;
    uint64_t faults_malformed, faults_limit, contested;
    uint64_t requests_by_body[ROUTER_BODIES];
    uint64_t problems[ROUTER_PROBLEM_CODES];
};

/* Fills in all limits; the rest is zero. */
void router_config_init(struct router_config *config);
/* Errors: CHAT_E_NOMEM, CHAT_E_INVALID (no verify, no store, a limit of 0 or too large). */
chat_status router_new(const struct router_config *config, struct router **out_router);
void router_free(struct router *router); /* NULL is fine */
struct machine *router_machine(struct router *router);

/* Every shard has a store: clients can sign in. */
bool router_is_ready(const struct router *router);
void router_get_stats(const struct router *router, struct router_stats *out_stats);
/* Writes the stats as metrics. */
void router_write_metrics(const struct router *router, struct metrics *out);

#endif
