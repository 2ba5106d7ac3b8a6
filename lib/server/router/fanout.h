/*
 * fanout: what a conversation's home published, to its sessions here.
 *
 * The events of a publication are encoded once, into one shared frame, and each member
 * session with the permission to view gets a reference. A change of members splits the
 * publication: what came before it goes to the old members, what came after to the new.
 */
#ifndef CHAT_SERVER_ROUTER_FANOUT_H
#define CHAT_SERVER_ROUTER_FANOUT_H

#include "server/router/core.h"

void fanout_publication(struct router *r, const WirePublication *p);

/* Scratch for router.run. NULL: no memory. */
struct run *fanout_new_run(const struct chat_allocator *allocator);

#endif
