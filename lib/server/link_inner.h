/* What link.c, link_in.c and link_out.c share; nobody else includes it. */
#ifndef CHAT_SERVER_LINK_INNER_H
#define CHAT_SERVER_LINK_INNER_H

#include "server/link.h"

/* Pings, pongs, welcomes and problems fit a queue that is full for all else. */
#define LINK_QUEUE_SLACK 65536u

/* A pending request that nobody waits for any more. */
extern const char link_abandoned[1];

static inline void *link_abandoned_context(void) { return (void *)(uintptr_t)&link_abandoned[0]; }

static inline bool link_is_open(const struct link *l)
{
    return l->state == LINK_GREETING || l->state == LINK_READY || l->state == LINK_CLOSING;
}

/* link.c */
void link_become_ready(struct links *set, struct link *l, int64_t now_ms);

/* link_in.c */
void link_take_message(struct links *set, struct link *l, const struct event *event);

/* link_out.c */
void link_mark_dirty(struct links *set, struct link *l);
/* Ends the loan of the last SEND's frames. */
void link_settle(struct links *set);
/* Past queue_max by LINK_QUEUE_SLACK; before READY, too. A link that cannot even take
 * that is closed. */
void link_send_control(struct links *set, struct link *l, const WireLinkFrame *frame);
void link_send_welcome(struct links *set, struct link *l);
void link_send_hello(struct links *set, struct link *l);

#endif
