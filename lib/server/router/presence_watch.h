/*
 * presence_watch: whom clients have on screen. A user is watched once at the presence
 * daemon however many sessions here look; what comes back is spread to those, one
 * PresenceBatch a session and turn. A daemon that is away for presence_lost_ms makes all
 * its users appear offline; chat goes on.
 */
#ifndef CHAT_SERVER_ROUTER_PRESENCE_WATCH_H
#define CHAT_SERVER_ROUTER_PRESENCE_WATCH_H

#include "server/router/core.h"
#include "server/router/presence_report.h"

#define WATCH_BATCH_MAX 500u /* users of one Watch or PresenceBatch */

/* The other end of a session_watch: sessions[session].watches[slot]. */
struct watcher {
    uint32_t session;
    uint32_t slot;
};

struct watched {
    uint64_t user_id;
    int64_t last_active_at_ms;
    uint8_t state;  /* WirePresenceState; UNSPECIFIED: not known yet */
    bool announced; /* the daemon knows that we watch */
    bool fresh;     /* in router.presence_news: to be told */
    struct watcher *watchers;
    uint32_t count, cap;
    struct list_node change; /* in router.watch_changes */
    struct list_node news;   /* in router.presence_news */
};

/* Replaces the set that `s` watches. NULL: done; else the limit that refuses it. */
const char *watch_set(struct router *r, struct session *s, const uint64_t *user_ids, size_t count);
void watch_clear(struct router *r, struct session *s);

void watch_batch(struct router *r, const WirePresenceBatch *batch);
/* The link is new: all its users are to be announced. */
void watch_up(struct router *r, const struct presence_peer *peer);
/* All users of this daemon appear offline. */
void watch_lost(struct router *r, const struct presence_peer *peer);
/* What a blocked session missed is told again. */
void watch_resend(struct router *r, struct session *s);
/* Once a turn: announcements to the daemons, batches to the sessions. */
void watch_flush(struct router *r);
void watch_fini(struct router *r);

#endif
