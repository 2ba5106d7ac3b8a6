/*
 * handshake: from Hello to Welcome.
 *
 * A ticket is looked at first, as it costs no public-key arithmetic; a token counts when
 * there is no ticket or it is refused. The user's home has the last word (OpenSession).
 */
#ifndef CHAT_SERVER_ROUTER_HANDSHAKE_H
#define CHAT_SERVER_ROUTER_HANDSHAKE_H

#include "server/router/core.h"

/* A Hello on a session that is GREETING. */
void handshake_hello(struct router *r, struct session *s, uint32_t request_id,
                     const WireHello *hello);
/* The answer to OpenSession, for a sign-in; NULL: the store went away. */
void handshake_opened(struct router *r, const struct ask *a, const WireLinkFrame *frame);
/* Ends a sign-in for which there is no store now. */
void handshake_unavailable(struct router *r, struct session *s, const char *why);

#endif
