/* reactions: who reacted to a message with which emoji, inline in the message. */
#ifndef CHAT_SERVER_STORE_REACTIONS_H
#define CHAT_SERVER_STORE_REACTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/limits.h>

#include "base/arena.h"
#include "libchat/v1/types.pb-c.h"

enum reactions_result {
    REACTIONS_CHANGED,
    REACTIONS_SAME,      /* it is there already, or is not: nothing to do */
    REACTIONS_TOO_MANY,  /* of users, in all */
    REACTIONS_TOO_MIXED, /* different emoji */
    REACTIONS_NO_MEMORY,
};

/* Adds the user's reaction to `message`, or takes it out. Its lists are made anew in `arena`,
 * those it had are left as they are. */
enum reactions_result reactions_add(WireMessage *message, struct arena *arena, const char *emoji,
                                    uint64_t user_id);
enum reactions_result reactions_remove(WireMessage *message, struct arena *arena, const char *emoji,
                                       uint64_t user_id);

#endif
