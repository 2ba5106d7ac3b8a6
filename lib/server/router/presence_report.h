/*
 * presence_report: tells the presence daemons who is here. Each has its part of the users.
 * A lease every lease_ms, all sessions when a link comes up, changes once a turn. While a
 * link is down nothing is kept: the snapshot tells it all.
 */
#ifndef CHAT_SERVER_ROUTER_PRESENCE_REPORT_H
#define CHAT_SERVER_ROUTER_PRESENCE_REPORT_H

#include "server/router/core.h"

#define REPORT_SESSIONS_MAX 500u  /* of one PresenceDelta */
#define REPORT_PENDING_MAX 16384u /* changes that wait; past it a snapshot says it all */

struct session_change {
    uint64_t user_id, session_no;
    int64_t active_at_ms;
    WirePresenceState state;
};

struct presence_peer {
    uint32_t peer; /* of links */
    uint64_t epoch;
    bool ready, snapshot_due;
    int64_t down_since_ms; /* MOMENT_NEVER: up, or all of it appears offline already */
    struct session_change *changes;
    uint32_t count, cap;
};

/* Which of router.presences has this user; NULL when there is no presence daemon. */
struct presence_peer *report_peer(struct router *r, uint64_t user_id);
struct presence_peer *report_peer_of_link(struct router *r, const struct link *link);

/* A session's state changed; offline: it ended. */
void report_session(struct router *r, const struct session *s, WirePresenceState state);
void report_up(struct router *r, const struct link *link);
void report_down(struct router *r, const struct link *link);
/* Once a turn: what changed. */
void report_flush(struct router *r);
/* The lease's time has come. */
void report_lease(struct router *r);
void report_fini(struct router *r);

#endif
