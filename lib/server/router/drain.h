/*
 * drain: sends everybody away, over drain_ms, so that the others take them in one by one.
 * A session gets GoingAway and drain_grace_ms for answers still on their way, then the
 * close. When the last link is gone the daemons' links close, and the router has stopped.
 */
#ifndef CHAT_SERVER_ROUTER_DRAIN_H
#define CHAT_SERVER_ROUTER_DRAIN_H

#include "server/router/core.h"

#define DRAIN_STEP_MS 20

void drain_start(struct router *r);
/* Goes on with it, as the time says. */
void drain_step(struct router *r);
/* True once: everything is closed. */
bool drain_poll(struct router *r);

#endif
