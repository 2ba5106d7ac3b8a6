/*
 * user: the sessions of one user here, and the user's home, to which the router is
 * subscribed as long as there is one: cursors, the list of conversations, newer sessions,
 * the epoch of sign-ins.
 *
 * When the user's home is lost (a hole, a link that went away) every session is announced
 * anew by OpenSession with its number, and its list is compared.
 */
#ifndef CHAT_SERVER_ROUTER_USER_H
#define CHAT_SERVER_ROUTER_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "server/router/session.h"
#include "wire/wire.h"

struct user {
    uint64_t user_id;
    uint64_t lsn;
    struct list sessions; /* by session.of_user; signed in ones */
    uint32_t count;
    uint32_t routers; /* that hold the user: the rate limit is shared out */
    bool lost;
    bool asking;   /* announcements are in flight */
    uint16_t asks; /* of them */
    uint32_t mark; /* scratch of rechecks: seen in this pass */
    int64_t retry_at_ms;
    struct list_node lost_link; /* in its shard's list, to be announced */
};

/* The body may remove the session it is at, but not end the user. */
#define USER_EACH_SESSION(var, user)                                                               \
    LIST_EACH(var##_node, &(user)->sessions)                                                       \
    for (struct session *var = LIST_ENTRY(var##_node, struct session, of_user); var; var = NULL)

struct user *user_find(const struct router *r, uint64_t user_id);
/* Finds or makes, lost. NULL: no memory. */
struct user *user_get(struct router *r, uint64_t user_id);
/* Takes in a session just opened. False: `user_sessions` is reached. */
bool user_attach(struct router *r, struct user *u, struct session *s);
/* The last one to leave ends the subscription and the user. */
void user_detach(struct router *r, struct session *s);
void user_release(struct router *r, struct user *u);
void users_fini(struct router *r);

/* A publication of the user's home. */
void user_publication(struct router *r, struct user *u, const WirePublication *p);
void user_lose(struct router *r, struct user *u);
/* An answer says where its home stands: publications go on from there. */
void user_found(struct router *r, struct user *u, uint64_t lsn);
/* Ends sessions of `device_id` with a lower number. */
void user_supersede(struct router *r, struct user *u, uint64_t device_id, uint64_t session_no);

#endif
