/*
 * gather: one request that several stores answer: users by id, whose homes are anywhere.
 * The parts are put together; when one of them fails the whole does, as a user left out
 * would mean that there is none.
 */
#ifndef CHAT_SERVER_ROUTER_GATHER_H
#define CHAT_SERVER_ROUTER_GATHER_H

#include "server/router/core.h"

void gather_users(struct router *r, struct session *s, uint32_t request_id,
                  const WireFetchUsers *request);
void gather_answered(struct router *r, const struct ask *a, const WireLinkFrame *frame);
/* The ask ends without an answer, as the router itself does. */
void gather_dropped(struct router *r, const struct ask *a);

#endif
