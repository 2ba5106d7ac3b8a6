/*
 * home: a conversation as the router knows it, and who of its sessions belongs to it.
 *
 * The router subscribes to a home once, however many sessions it has there. `lsn` is the
 * last decision seen; a publication that does not continue it means that something was
 * missed: the home is *lost*. Then nothing of it is delivered, every member is unchecked,
 * and the store is asked anew (recheck.h).
 *
 * The edges between sessions and homes are two arrays that point into each other, 14 bytes
 * for both ends, removed in O(1) by moving the last into the gap.
 */
#ifndef CHAT_SERVER_ROUTER_HOME_H
#define CHAT_SERVER_ROUTER_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/status.h>

#include "base/list.h"
#include "server/router/members.h"
#include "server/router/session.h"
#include "server/router/slab.h"

#define HOME_MEMBERS_MAX 1000000u /* sessions of one home on one router */
/* Bits of Permission that fit an edge. */
#define HOME_PERMISSIONS_MASK 0xffffu

enum home_state {
    HOME_LOST, /* lsn means nothing: new, or with a hole */
    HOME_LIVE,
};

struct home {
    struct slab_item item;
    uint64_t home_id;
    uint64_t lsn;

    /* Its channel: directs and groups have one, named like the home. */
    uint64_t head_seq, head_message_id, head_rev, first_seq;
    uint32_t head_epoch;

    uint8_t state; /* enum home_state */
    uint8_t kind;  /* WireHomeKind */
    bool subscribed;
    bool asking; /* a recheck is in flight */
    uint16_t name_len;
    uint32_t asks; /* Subscribes in flight: it is not left before their answers */
    int64_t retry_at_ms;
    char *name;         /* NULL: empty */
    uint64_t direct[2]; /* both members of a direct */

    struct members members;
    struct list_node lost; /* in its shard's list, to be asked */
};

/* NULL: unknown here. */
struct home *home_find(const struct router *r, uint64_t home_id);
static inline struct home *home_at(const struct slab *homes, uint32_t index)
{
    return slab_at(homes, index);
}
/* Finds or makes it, LOST. NULL: no memory. */
struct home *home_get(struct router *r, uint64_t home_id);
/* Unsubscribes and forgets it when no session and no question needs it. */
void home_release(struct router *r, struct home *h);
/* All known homes are forgotten; edges are not touched. */
void router_homes_fini(struct router *r);

/* Takes what a Subscribed says of the home. False: it is older than what we know. */
bool home_learn(struct router *r, struct home *h, const WireSubscribed *said);
/* Stops delivery until it is asked anew. */
void home_lose(struct router *r, struct home *h);

/* The edge of a session, as a slot of s->homes; SLAB_NONE when it is none. */
uint32_t home_slot(const struct home *h, const struct session *s);
/* False: it is none. */
bool home_member_of(const struct home *h, const struct session *s, struct home_member *out);
/* About so many homes will be joined: room for exactly these, if there is memory. */
void home_expect(struct router *r, struct session *s, size_t count);
/* Adds the edge or sets its permissions. Errors: CHAT_E_NOMEM, CHAT_E_TOO_LARGE. */
chat_status home_join(struct router *r, struct home *h, struct session *s, uint32_t permissions);
/* By slot of s->homes. The home is not released. */
void home_leave(struct router *r, struct session *s, uint32_t slot);
/* Drops all edges of a session and releases its homes. */
void home_leave_all(struct router *r, struct session *s);

/* What of a channel is not kept in its home. */
struct home_seen {
    const WireChannelState *state; /* newer than what was published so far; NULL: the home's */
    uint64_t read_seq, read_message_id;
    uint32_t mentions;
    bool has_mentions;             /* false: nobody said how many */
    WireChannelSettings *settings; /* NULL: not said */
};
void home_fill_settings(const WireUserChannel *channel, WireChannelSettings *out);
/* One ChannelList with this home, to one session. `seen` may be NULL: cursors never move
 * back, so a read_seq of 0 tells a client nothing. */
void home_send_channel(struct router *r, const struct home *h, struct session *s,
                       uint32_t permissions, const struct home_seen *seen);
void home_send_removed(struct router *r, uint64_t home_id, uint64_t lsn, struct session *s);

#endif
