/* answer: what a store says to a client's request, turned into the client's frame. */
#ifndef CHAT_SERVER_ROUTER_ANSWER_H
#define CHAT_SERVER_ROUTER_ANSWER_H

#include "server/router/core.h"

/* frame NULL: the store went away, or did not answer in time. */
void answer_client(struct router *r, const struct ask *a, const WireLinkFrame *frame);
/* The client's frame for a store's, request_id not set; false: it answers no client. */
bool answer_translate(const WireLinkFrame *from, WireServerFrame *to);
/* A Problem passed on: what concerns only daemons becomes UNAVAILABLE. */
void answer_with_problem(struct router *r, struct session *s, uint32_t request_id,
                         const WireProblem *problem);

#endif
