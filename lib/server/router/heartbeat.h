/* heartbeat: a client's sign of life, and where its channels stand compared with here. */
#ifndef CHAT_SERVER_ROUTER_HEARTBEAT_H
#define CHAT_SERVER_ROUTER_HEARTBEAT_H

#include "server/router/core.h"

#define HEARTBEAT_ACTIVE_MS 60000 /* activity is told to presence at most this often */

/* Answers with the heads of the channels in which the client is behind. */
void heartbeat_answer(struct router *r, struct session *s, uint32_t request_id,
                      const WireHeartbeat *heartbeat);

#endif
