/*
 * people: who is online, as told by routers, and which routers want to know. Knows no link
 * and no time; presence.c drives it.
 *
 * A change of a user marks the watches of that user; marked watches wait in their router's
 * list until people_take() turns them into what to tell. However often a user changes in
 * between, a watch is told once, and not at all when it ends where it began.
 */
#ifndef CHAT_SERVER_PRESENCE_PEOPLE_H
#define CHAT_SERVER_PRESENCE_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/list.h"
#include "base/map.h"
#include "libchat/v1/types.pb-c.h"

#define PEOPLE_USER_SESSIONS_MAX 256u /* of one user, on all routers */

/* A router's part. Zeroed, then people_teller_init(). */
struct people_teller {
    struct list sessions;
    struct map watches;       /* user id -> watch */
    struct list marked;       /* watches with something to tell */
    struct list_node stirred; /* in people->stirred while `marked` is new */
    uint32_t generation;      /* of the snapshot under way, or the last one */
};

struct people {
    const struct chat_allocator *allocator;
    struct map users;
    struct list stirred; /* tellers whose list got its first marked watch */
    uint32_t sessions_max, watches_max;
    uint32_t session_count, watch_count, online_count;
    uint64_t changes;
    bool offline_is_known; /* before that nobody is told that somebody is offline */
};

void people_init(struct people *p, const struct chat_allocator *allocator, uint32_t sessions_max,
                 uint32_t watches_max);
/* All tellers were people_teller_fini()ed before. */
void people_fini(struct people *p);

void people_teller_init(struct people *p, struct people_teller *t);
/* Its sessions end, its watches are forgotten. */
void people_teller_fini(struct people *p, struct people_teller *t);

/*
 * A router says how a session is; OFFLINE: it ended. Unknown states count as online.
 * Errors: CHAT_E_FULL (sessions_max, PEOPLE_USER_SESSIONS_MAX), CHAT_E_NOMEM: only for a
 *         session not known yet, nothing has changed.
 */
chat_status people_tell(struct people *p, struct people_teller *t, uint64_t user_id,
                        uint64_t session_no, WirePresenceState state, int64_t last_active_at_ms);
/* From here on what is told counts as the new snapshot... */
void people_snapshot_begin(struct people_teller *t);
/* ...and what was not told since then is forgotten. */
void people_snapshot_end(struct people *p, struct people_teller *t);
/* All sessions of this router end. */
void people_forget_sessions(struct people *p, struct people_teller *t);

/* Marks the watch, also when it was there. Errors: CHAT_E_FULL (watches_max), CHAT_E_NOMEM. */
chat_status people_watch(struct people *p, struct people_teller *t, uint64_t user_id);
void people_unwatch(struct people *p, struct people_teller *t, uint64_t user_id);
void people_forget_watches(struct people *p, struct people_teller *t);

/* Offline is known from now on: tells it to those who were not. */
void people_reveal(struct people *p);

/* Fills out up to `max` and takes their marks off; less than max: nothing is marked. */
size_t people_take(struct people *p, struct people_teller *t, WirePresence *out, size_t max);
/* As watchers see it; OFFLINE when not known. */
WirePresenceState people_state(const struct people *p, uint64_t user_id);

#endif
