/*
 * inbound: a WebSocket message of a client: decoded, refused where it breaks a rule, and
 * its frames handed on as far as the session has got.
 */
#ifndef CHAT_SERVER_ROUTER_INBOUND_H
#define CHAT_SERVER_ROUTER_INBOUND_H

#include "server/router/core.h"

void inbound_message(struct router *r, struct session *s, const uint8_t *bytes, size_t len);

#endif
