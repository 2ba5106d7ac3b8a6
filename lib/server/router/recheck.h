/*
 * recheck: after a hole or a lost link, asks again what the router believes. A lost home is
 * subscribed anew with its local members, at most 512 a question; each is then a member with
 * the permissions of the answer, or removed, and is told the head, so that its client pulls
 * what it missed. A lost user's home is announced session by session (user.h).
 */
#ifndef CHAT_SERVER_ROUTER_RECHECK_H
#define CHAT_SERVER_ROUTER_RECHECK_H

#include "server/router/core.h"

/* Asks for lost homes and users whose store answers. */
void rechecks_pump(struct router *r);
void recheck_answered(struct router *r, struct ask *a, const WireLinkFrame *frame);
void recheck_announced(struct router *r, struct ask *a, const WireLinkFrame *frame);
/* Homes and users of shards whose peer is another than in `before`, or none, are lost. */
void rechecks_lose_moved(struct router *r, const uint32_t before[CHAT_SHARDS_MAX]);

#endif
