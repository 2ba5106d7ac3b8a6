/* request: what a signed-in client asks for, checked and passed on to the store. */
#ifndef CHAT_SERVER_ROUTER_REQUEST_H
#define CHAT_SERVER_ROUTER_REQUEST_H

#include "server/router/core.h"

/* One frame of a session that is signed in; not Goodbye. */
void request_take(struct router *r, struct session *s, const WireClientFrame *frame);

/* Answers that nothing was done, for the reason in `status`. */
void request_refused(struct router *r, struct session *s, uint32_t request_id, chat_status status);

#endif
