/* lane: one engine request of a shard, from asking for it to its completion. */
#ifndef CHAT_SERVER_STORE_LANE_H
#define CHAT_SERVER_STORE_LANE_H

#include <stdbool.h>

#include "base/list.h"
#include "server/store/engine.h"

struct shard;

struct lane {
    struct engine_request request; /* its `user` is this lane */
    struct shard *shard;
    struct list_node issue; /* waits to be polled by the host */
    bool busy;              /* asked for, not done */
    void (*done)(struct shard *s, struct lane *lane);
};

#endif
