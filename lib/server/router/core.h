/* The router's inside: what its parts share. Included by the parts, by nobody else. */
#ifndef CHAT_SERVER_ROUTER_CORE_H
#define CHAT_SERVER_ROUTER_CORE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "server/link.h"
#include "server/router/admission.h"
#include "server/router/ask.h"
#include "server/router/bucket.h"
#include "server/router/home.h"
#include "server/router/router.h"
#include "server/router/session.h"
#include "server/router/signal.h"
#include "server/router/slab.h"
#include "server/router/sweep.h"
#include "server/router/user.h"
#include "server/shards.h"

#define ROUTER_TICK_MS 250               /* pace of retries and of what is given up */
#define ROUTER_RETRY_MS 500              /* before a store is asked again */
#define ROUTER_CLIENT_ARENA (2u << 20)   /* a client's message, decoded */
#define ROUTER_SCRATCH_ARENA (32u << 20) /* what one turn encodes from */
#define ROUTER_PARTED_MAX 512u           /* users left lately, see struct parted */
#define ROUTER_REFUSED_MAX 1024u         /* links closed in one turn without a word */
#define ROUTER_REFUSALS 256u             /* links told why they are refused, beside sessions_max */
#define ROUTER_EVENTS_MAX 1024u          /* of a publication */
#define ROUTER_RECHECK_USERS 512u        /* asked in one Subscribe */
#define ROUTER_COMPONENT "router"

struct watched;
struct presence_peer;
struct run;

/* What waits for a shard. */
struct shard_lists {
    struct list homes; /* lost, by home.lost */
    struct list users; /* lost, by user.lost_link */
};

/*
 * A user whose home was left. A sign-in by token does not know its user before the answer:
 * when the user was left after it was asked, its subscription is gone and is made anew.
 */
struct parted {
    uint64_t user_id;
};

struct drain {
    bool stopping, links_told, stopped;
    int64_t started_ms;
    uint32_t total; /* links at the start */
    uint32_t told;
    uint32_t cursor; /* sessions below it are told */
};

struct router {
    struct machine machine;
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    struct router_limits limits;
    struct router_auth auth;
    char **issuers;
    uint32_t issuer_count;
    struct rng rng;
    uint64_t node_id;
    struct moment now;
    bool started;
    bool turn_due; /* something was fed since the last turn */

    struct links links;
    struct shard_map shards;
    struct shard_lists lists[CHAT_SHARDS_MAX];
    uint32_t lost_homes, lost_users; /* in those lists */

    struct slab sessions, homes, asks;
    struct map by_link; /* link_id -> session */
    struct map by_home, by_user;
    struct list dirty;  /* of sessions, by session.dirty */
    struct list doomed; /* the same, to be ended */
    struct wheel wheel;
    struct wheel_timer tick;
    struct arena arena, scratch;

    struct admission admission;
    struct buckets buckets;
    struct ask_line *lines; /* a peer each */
    struct list syncs;      /* that have something to ask */
    uint32_t mark;

    struct parted parted[ROUTER_PARTED_MAX]; /* ring */
    uint32_t parted_count;                   /* ever */

    /* Presence. */
    struct presence_peer *presences;
    uint32_t presence_count;
    struct map watched;        /* user_id -> struct watched */
    struct list watch_changes; /* to be announced, by watched.change */
    struct list presence_news; /* state changed, by watched.news */
    uint32_t *presence_due;    /* indices of sessions to be told */
    uint32_t presence_due_count, presence_due_cap;
    int64_t lease_at_ms;

    link_id refused[ROUTER_REFUSED_MAX]; /* never became sessions: to be closed */
    uint32_t refused_count;
    uint32_t in_state[SESSION_CLOSING + 1];

    struct session *sent; /* whose frames the last effect borrows */
    uint32_t sent_count;

    struct sweep sweep;

    struct typing_slot typing[TYPING_SLOTS]; /* who told what lately, by hash */

    struct run *run; /* scratch of a fan-out */

    struct drain drain;
    struct router_stats stats;
};

static inline struct session *router_session(const struct router *r, uint32_t index)
{
    return slab_at(&r->sessions, index);
}

chat_status router_config_check(const struct router_config *config);
/* The shard's peer link when it can be asked now, else NULL. */
struct link *router_link(const struct router *r, uint32_t shard);
static inline uint32_t router_shard(const struct router *r, uint64_t id)
{
    return shard_of_id(id, r->shards.shard_count);
}
/* A random wait, so that retries do not come together. */
uint32_t router_jitter(struct router *r, uint32_t least_ms, uint32_t most_ms);
void router_log(const struct router *r, chat_log_level level, const char *format, ...)
    CHAT_PRINTF(3, 4);

#endif
