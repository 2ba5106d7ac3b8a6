/*
 * session: one client's link, from open to closed, and what the router knows of it.
 *
 *   GREETING -Hello-> OPENING -SessionOpened-> SYNCING -list complete-> LIVE
 *      |                 |                        |       GoingAway      |
 *      |                 |                        +------> LEAVING <-----+
 *      +-----------------+----- session_end() ----+------------+---------+--> CLOSING
 *
 * CLOSING: the session has left user, homes and watches; what is queued goes out, then
 * the close, and with LINK_CLOSED the slot is free. Before that nothing of it is used.
 *
 * An idle session costs sizeof(struct session), its map slot, and 14 bytes per home:
 * 8 here (struct session_home), 6 in the home (members.h).
 */
#ifndef CHAT_SERVER_ROUTER_SESSION_H
#define CHAT_SERVER_ROUTER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/wheel.h"
#include "server/router/slab.h"
#include "wire/machine.h"
#include "wire/outq.h"
#include "wire/wire.h"

struct router;
struct sync;
struct user;
struct watched;

enum session_state {
    SESSION_GREETING, /* Hello is missing */
    SESSION_OPENING,  /* the user's home numbers the session */
    SESSION_SYNCING,  /* Welcome is out; the list is not complete */
    SESSION_LIVE,
    SESSION_LEAVING, /* GoingAway is out: answers only, then the close */
    SESSION_CLOSING,
};

/* One end of the edge between a session and a home: member number `member` of `home`. */
struct session_home {
    uint32_t home;
    uint32_t member;
};

/* One end of the edge between a session and a watched user. */
struct session_watch {
    struct watched *watched;
    uint32_t watcher;
};

struct session {
    struct slab_item item;
    link_id link;

    uint8_t state;    /* enum session_state */
    uint8_t presence; /* WirePresenceState, as its user wants it */
    uint16_t issuer;  /* + 1; 0: not known */
    bool blocked : 1;
    bool resumed : 1;
    bool warned : 1;         /* TOKEN_EXPIRED is out; grace runs */
    bool presence_due : 1;   /* listed in router.presence_due */
    bool presence_stale : 1; /* presence was dropped: send all of it once drained */
    bool close_told : 1;     /* EFFECT_CLOSE is out */
    bool doomed : 1;         /* ends as soon as nobody walks over sessions: in router.doomed */
    bool starved : 1;        /* doomed for want of memory, not for slowness */
    uint16_t close_code;
    uint16_t asks; /* requests in flight */
    uint16_t watch_count;

    uint64_t user_id;
    uint64_t device_id;
    uint64_t session_no;
    uint64_t auth_epoch;
    uint64_t address; /* key in admission, until signed in; then 0 */
    int64_t token_expires_at_ms;
    int64_t heard_at_ms;
    int64_t turn_at_ms;   /* ticket due; in GREETING, LEAVING: the deadline */
    int64_t active_at_ms; /* wall: last activity told to presence */

    struct user *user;
    struct list_node of_user;
    struct list_node dirty; /* has something to send or to close */
    struct wheel_timer timer;
    struct outq out;

    struct session_home *homes;
    uint32_t home_count, home_cap;
    struct session_watch *watches; /* watch_count of them */
    struct sync *sync;             /* until LIVE */
    const char *close_reason;
};

/* Takes in a client's link, or refuses it. */
void session_open(struct router *r, const struct event *event);
/* The link is gone: whatever is left of the session goes. */
void session_closed(struct router *r, struct session *s);
void session_on_timer(struct router *r, struct session *s);
/* Arms the timer for the next thing that may be due. */
void session_arm(struct router *r, struct session *s);

/* The only writer of s->state. */
void session_enter(struct router *r, struct session *s, enum session_state next);

struct session_end {
    uint16_t close_code;
    const char *reason;      /* a constant, for the close frame */
    WireProblemCode problem; /* UNSPECIFIED: none is sent */
    WireRetry retry;
    uint32_t retry_after_ms;
    const char *limit; /* NULL: none */
    uint32_t request_id;
};
/* Says why, leaves everything, and closes. Fine in any state; twice is once. */
void session_end(struct router *r, struct session *s, const struct session_end *end);
/* Its user was signed out here: it needs a new token. */
void session_revoke(struct router *r, struct session *s, const char *reason);

static inline bool session_is_signed_in(const struct session *s)
{
    return s->state >= SESSION_SYNCING && s->state <= SESSION_LEAVING;
}

#endif
