/* request: what a signed-in client asks for, checked and passed on to the store. */
#ifndef CHAT_SERVER_ROUTER_REQUEST_H
#define CHAT_SERVER_ROUTER_REQUEST_H

#include "server/router/core.h"

/* One frame of a session that is signed in; not Goodbye. */
void request_take(struct router *r, struct session *s, const WireClientFrame *frame);

void request_ok(struct router *r, struct session *s, uint32_t request_id);
/* May the session do in the channel what needs these permissions? CHAT_E_FORBIDDEN: no;
 * CHAT_E_UNAVAILABLE: that is not known just now. */
chat_status request_membership(const struct router *r, const struct session *s, uint64_t channel_id,
                               uint32_t needed);
/* Answers that nothing was done, for the reason in `status`. */
void request_refused(struct router *r, struct session *s, uint32_t request_id, chat_status status);

#endif
