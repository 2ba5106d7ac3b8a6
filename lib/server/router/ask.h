/*
 * ask: a question the router has put to a store, until its answer. Bounded in all and by
 * the link's credit; where the credit is used up, client requests wait their turn, encoded,
 * in a bounded line. What is asked of a store that goes away is answered here: reads as
 * unavailable, the rest as of unknown outcome.
 */
#ifndef CHAT_SERVER_ROUTER_ASK_H
#define CHAT_SERVER_ROUTER_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/status.h>

#include "base/list.h"
#include "server/link.h"
#include "server/router/slab.h"
#include "wire/wire.h"

#define ASK_WAITING_BYTES_MAX (16u << 20) /* encoded requests that wait for one link */

struct router;
struct session;

enum ask_kind {
    ASK_CLIENT,    /* a client's request, passed on */
    ASK_GATHER,    /* a part of a client's request that several stores answer */
    ASK_OPEN,      /* sign-in */
    ASK_ANNOUNCE,  /* a session goes on after its user's home was lost */
    ASK_SUBSCRIBE, /* a home of a session that signs in */
    ASK_RECHECK,   /* a home that was lost */
    ASK_REFRESH,   /* whose token is that */
    ASK_SWEEP,     /* where a home stands */
};

struct ask {
    struct slab_item item;
    struct list_node line; /* in flight by age, or waiting by age; of its peer */
    uint8_t kind;          /* enum ask_kind */
    uint8_t body;          /* ASK_CLIENT: body_case of the client's frame */
    bool sent;
    bool member; /* ASK_CLIENT: for a page of a home that the session had when it asked */
    uint32_t peer;
    uint32_t session, generation; /* whose; the session may be gone */
    uint32_t request_id;          /* the client's */
    uint32_t number;              /* ASK_SUBSCRIBE: item of its sync. ASK_OPEN: parted users */
    uint64_t id;                  /* on the link, once sent */
    uint64_t target;              /* a home, channel or user; by kind */
    int64_t asked_at_ms;
    struct frame *waiting; /* not sent yet */
    void *context;         /* ASK_GATHER: struct gather */
};

/* One line per peer. Clients leave an eighth of its credit to the router's own questions,
 * which take half of it at most. */
struct ask_line {
    struct list in_flight;
    struct list waiting;
    uint32_t waiting_count;
    size_t waiting_bytes;
    uint32_t own; /* of those in flight: the router's own */
};

/* What to fill in before ask_send(): kind and what the kind needs. NULL: `requests_max`. */
struct ask *ask_new(struct router *r, enum ask_kind kind, const struct session *s);
/* Given up before it was sent. */
void ask_drop(struct router *r, struct ask *a);

/*
 * Sends it over the peer that serves `shard`. A client's may wait for credit.
 * Errors: CHAT_E_UNAVAILABLE (nobody serves the shard), CHAT_E_LIMITED (credit, line),
 *         CHAT_E_FULL, CHAT_E_NOMEM: the ask is dropped then.
 */
chat_status ask_send(struct router *r, struct ask *a, uint32_t shard, WireLinkFrame *frame);
/* The frame of links_ops.on_reply; NULL: the link ended. */
void ask_answered(struct router *r, struct ask *a, const WireLinkFrame *frame);
/* Sends what waits and has credit now; gives up what waited or was asked too long ago. */
void asks_pump(struct router *r);
void asks_expire(struct router *r);
/* A peer's link is gone: those that waited for it are answered. */
void asks_lost(struct router *r, uint32_t peer);
void asks_fini(struct router *r);

/* Does the peer that was asked still serve the shard of `id`? What another says of it
 * counts for nothing: the router is not subscribed there. */
bool ask_is_of_owner(const struct router *r, const struct ask *a, uint64_t id);

/* The session that asked, if it is still there and not closing. */
struct session *ask_session(struct router *r, const struct ask *a);

#endif
