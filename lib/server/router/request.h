/* request: what a signed-in client asks for, checked and passed on to the store. */
#ifndef CHAT_SERVER_ROUTER_REQUEST_H
#define CHAT_SERVER_ROUTER_REQUEST_H

#include "server/router/core.h"

/* A WebSocket message of a client. */
void request_message(struct router *r, struct session *s, const uint8_t *bytes, size_t len);

/* Answers that nothing was done, for the reason in `status`. */
void request_refused(struct router *r, struct session *s, uint32_t request_id, chat_status status);

#endif
