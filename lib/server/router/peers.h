/* peers: the daemons the router dials, and what their frames and fates mean to its parts. */
#ifndef CHAT_SERVER_ROUTER_PEERS_H
#define CHAT_SERVER_ROUTER_PEERS_H

#include "server/router/core.h"

/* Errors: CHAT_E_NOMEM, CHAT_E_TOO_LARGE. */
chat_status peers_init(struct router *r, const struct router_config *config);
void peers_fini(struct router *r);

#endif
