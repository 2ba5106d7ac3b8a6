/*
 * links: a role's links to other daemons, from dial to death.
 *
 * A role owns one `struct links`, feeds it the events of its daemon links and hands on
 * the effects it polls. Done here, once for all roles: dialing configured peers and
 * redialing with full jitter, LinkHello and LinkWelcome, pings, silence, batches in and
 * out, the bounded queue of a link, request ids and credit. The role sees frames.
 *
 *   dialed:    WAITING -> DIALING -> GREETING -> READY -> CLOSING -> WAITING ...
 *   accepted:                        GREETING -> READY -> CLOSING -> (freed)
 *
 * Rules of the owner:
 * - It feeds every event of a LINK_PEER or LINK_DIALED link, every dial that failed
 *   (link 0), every EVENT_TIMER, and EVENT_STOP is its own: links_stop().
 * - Only the dialing side makes requests; the accepting side answers each exactly once,
 *   with links_reply() or links_problem(), in any order.
 * - A `struct link` of a configured peer lives as long as the set. An accepted one dies
 *   right after on_down: what outlives a callback is remembered by link_id and looked up
 *   with links_get().
 * - Callbacks may call anything here, except links_feed, links_poll and links_fini.
 */
#ifndef CHAT_SERVER_LINK_H
#define CHAT_SERVER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/log.h>
#include <libchat/status.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "libchat/v1/link.pb-c.h"
#include "server/metrics.h"
#include "wire/machine.h"
#include "wire/outq.h"

#define LINK_VERSION 1u
#define LINK_PING_MS 5000
#define LINK_DEAD_MS 15000     /* without a byte from the other side */
#define LINK_GREETING_MS 10000 /* from open to Hello or Welcome */
#define LINK_BACKOFF_BASE_MS 100
#define LINK_BACKOFF_MAX_MS 5000
#define LINK_ARENA_MAX (16u << 20) /* one message, decoded */
#define LINK_PEERS_MAX 256u        /* configured */
#define LINK_ACCEPTED_MAX 1024u    /* default of accepted_max */
#define LINK_QUEUE_MAX (64u << 20) /* default of queue_max */
#define LINK_REFUSED_MAX 64u       /* waiting to be closed; more find out by their own timeout */
#define LINK_CREDIT 4096u          /* default of request_credit */
#define LINK_CREDIT_MAX 65536u     /* more is not used, whatever a welcome grants */

/* WebSocket close codes. */
#define LINK_CLOSE_GOING_AWAY 1001
#define LINK_CLOSE_PROTOCOL 1002
#define LINK_CLOSE_REFUSED 1008
#define LINK_CLOSE_TOO_LARGE 1009
#define LINK_CLOSE_INTERNAL 1011
#define LINK_CLOSE_TRY_LATER 1013

enum link_state {
    LINK_WAITING,  /* a peer: to be dialed at the timer */
    LINK_DIALING,  /* the host was asked, or is about to be */
    LINK_GREETING, /* open; LinkHello or LinkWelcome is still missing */
    LINK_READY,
    LINK_CLOSING, /* the host was told, or is about to be; LINK_CLOSED is still missing */
};

struct links;

struct link {
    link_id id; /* 0 while there is none */
    enum link_state state;
    uint32_t peer; /* configured number; UINT32_MAX of an accepted link */
    bool dialed;
    WireLinkRole role; /* of the other side: configured, or said by its hello */
    uint64_t node_id;  /* of the other side, since READY */
    uint32_t credit;   /* requests that may be in flight here, by whoever dialed */
    uint32_t in_flight;
    uint32_t failures; /* dials since it was last READY */
    bool blocked;
    bool was_ready;      /* on_down is due when it closes */
    bool told;           /* the host got the DIAL or CLOSE of this state */
    int64_t heard_at_ms; /* last byte */
    uint64_t requests;   /* made so far: the last request id */
    struct outq queue;
    struct map pending; /* dialed: request id -> the owner's context */
    void *owner;        /* the owner's, never touched; NULL at first */

    uint16_t close_code;
    const char *close_reason;
    struct wheel_timer timer;
    struct list_node dirty;
    struct list_node all;
};

struct links_ops {
    /* Dialed: the welcome came. Accepted: the hello came and the welcome is queued.
     * `welcome` is NULL on accepted links. Borrowed. */
    void (*on_ready)(struct links *set, struct link *link, const WireLinkWelcome *welcome);
    /* Dialed: the other side said again what it serves. NULL: not interested. */
    void (*on_welcome)(struct links *set, struct link *link, const WireLinkWelcome *welcome);
    /* A frame that answers nothing: a request (accepted side, request_id != 0) or news.
     * Hello, Welcome, Ping, Pong are not shown, nor a Problem that answers nothing: it is
     * logged. The frame dies with the call. */
    void (*on_frame)(struct links *set, struct link *link, const WireLinkFrame *frame);
    /* Dialed: the answer to links_request(), a Problem included. frame NULL: the link
     * ended first, so nobody knows what became of it. NULL when requests are never made. */
    void (*on_reply)(struct links *set, struct link *link, const WireLinkFrame *frame,
                     void *context);
    /* A link that was READY is gone (LINK_CLOSED), after its pending requests. NULL ok. */
    void (*on_down)(struct links *set, struct link *link);
    /* Accepting: fill in what a store's welcome says beyond version, role, node_id and
     * credit. What it points at is borrowed until encoded. NULL ok. */
    void (*fill_welcome)(struct links *set, WireLinkWelcome *welcome);
};

struct links_config {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger; /* NULL: silent */
    const char *component;            /* for log lines: "router" */
    const struct links_ops *ops;
    void *user;           /* set->user */
    struct rng *rng;      /* the owner's: jitter */
    WireLinkRole role;    /* ours */
    uint64_t node_id;     /* ours, random at each start, never 0 */
    uint32_t accept_mask; /* 1u << WIRE_LINK_ROLE_..: who may dial us; 0: nobody */
    uint32_t accepted_max;
    uint32_t request_credit; /* granted to who dials us */
    size_t queue_max;        /* bytes waiting on one link */
    size_t arena_max;
};

struct links_stats {
    uint64_t dials, opened, ready, closed;
    uint64_t refused; /* hellos and welcomes we did not accept */
    uint64_t dead;    /* closed for silence */
    uint64_t faults;  /* closed for what they sent */
    uint64_t full;    /* sends refused for a full queue */
    uint64_t no_credit;
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint64_t stray_replies;
};

struct links {
    struct links_config config;
    void *user;
    struct links_stats stats;
    uint32_t ready_count, open_count;
    struct list all; /* of struct link, by `all` */

    struct link **peers;
    uint32_t peer_count, accepted_count;
    struct map by_id;
    struct wheel wheel;
    struct list dirty; /* something to dial, send or close */
    struct arena arena;
    struct link *sent_link; /* whose frames the last effect borrows */
    uint32_t sent_count;
    link_id refused[LINK_REFUSED_MAX]; /* opened past a limit: to be closed */
    uint32_t refused_count;
    bool started, stopping;
};

void links_config_init(struct links_config *config);

/* Allocates nothing. `set` must not move afterwards. */
void links_init(struct links *set, const struct links_config *config);
/* Frees every link; no callback is called. Zeroed storage is fine. */
void links_fini(struct links *set);
/* Adds the next peer to dial, number 0, 1, .. (the host knows the address by it). Before
 * the first event. Errors: CHAT_E_NOMEM, CHAT_E_TOO_LARGE past LINK_PEERS_MAX. */
chat_status links_add_peer(struct links *set, WireLinkRole role);

/* True when the event was this set's. False: another kind of link, or unknown. */
bool links_feed(struct links *set, const struct event *event);
/* The next SEND, CLOSE or DIAL. */
bool links_poll(struct links *set, struct effect *out_effect);
int64_t links_deadline(const struct links *set); /* 0 before the first event: feed a TIMER */

/* Dials no more, accepts no more, and closes every link after what is queued. */
void links_stop(struct links *set, uint16_t code, const char *reason);
/* Nothing is open and nothing being dialed. */
bool links_is_idle(const struct links *set);

/* NULL when it is gone, or not this set's. */
struct link *links_get(const struct links *set, link_id id);
/* The configured peer; NULL past the last. */
struct link *links_peer(const struct links *set, uint32_t peer);
static inline bool link_is_ready(const struct link *link) { return link->state == LINK_READY; }

/*
 * Queues a frame that asks nothing. It leaves at the next poll in which the link is not
 * blocked, with all else that is queued, in order.
 * Errors: CHAT_E_UNAVAILABLE (not ready), CHAT_E_FULL (queue_max), CHAT_E_TOO_LARGE,
 *         CHAT_E_NOMEM.
 */
chat_status links_send(struct links *set, struct link *link, const WireLinkFrame *frame);
/* The same with a frame encoded before, for any number of links. Takes its own ref. */
chat_status links_send_shared(struct links *set, struct link *link, struct frame *frame);

/*
 * Queues a request on a dialed link: gives it the link's next request id and remembers
 * `context` (not NULL) for on_reply, which is called exactly once.
 * Errors: as links_send(); CHAT_E_LIMITED when the credit is used up.
 */
chat_status links_request(struct links *set, struct link *link, WireLinkFrame *frame, void *context,
                          uint64_t *out_request_id);
/* The context is not wanted any more: on_reply will not be called for it. The credit
 * comes back with the answer. */
void links_abandon(struct links *set, struct link *link, uint64_t request_id);

/* Answers a request of an accepted link. An error (full, no memory) closes the link, as
 * the asker would wait for ever; links_reply() then returns it for the log. */
chat_status links_reply(struct links *set, struct link *link, uint64_t request_id,
                        WireLinkFrame *frame);
/* The same with a frame encoded before, its request_id set in it. Takes its own ref. */
chat_status links_reply_shared(struct links *set, struct link *link, struct frame *frame);
/* Answers with a Problem; with request_id 0 it is news about the link itself. `limit` and
 * `detail` may be NULL. */
chat_status links_problem(struct links *set, struct link *link, uint64_t request_id,
                          WireProblemCode code, WireRetry retry, uint32_t retry_after_ms,
                          const char *limit, const char *detail);
/* Sends the welcome again to all who dialed us: what we serve has changed. */
void links_announce(struct links *set);

/* Closes after what is queued, or at once when it is blocked; on_down follows with
 * LINK_CLOSED. `reason` is a constant, at most 123 bytes. Nothing more is delivered. */
void links_close(struct links *set, struct link *link, uint16_t code, const char *reason);

/* Its counters, as metrics. */
void links_write_metrics(const struct links *set, struct metrics *out);

#endif
