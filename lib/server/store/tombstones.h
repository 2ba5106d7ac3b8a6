/*
 * tombstones: which messages of a channel were deleted, in memory with its home, so that who
 * asks hears how many above his read cursor do not count as unread.
 *
 * Each deletion makes a row of its own. A home is loaded with the newest HOME_TOMBSTONES_MAX
 * of them and keeps no more: a count that reaches below those is the least it can be.
 */
#ifndef CHAT_SERVER_STORE_TOMBSTONES_H
#define CHAT_SERVER_STORE_TOMBSTONES_H

#include "server/store/home.h"

/* Deleted messages with a greater seq. */
uint64_t tombstones_above(const struct home *home, uint64_t seq);
/* Errors: CHAT_E_NOMEM. After it one tombstones_put() cannot fail. */
chat_status tombstones_reserve(struct home *home, const struct chat_allocator *allocator);
/* Twice is once. */
void tombstones_put(struct home *home, uint64_t seq);

#endif
