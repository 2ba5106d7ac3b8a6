/* create: homes found or made by their creation key. */
#ifndef CHAT_SERVER_STORE_CREATE_H
#define CHAT_SERVER_STORE_CREATE_H

#include "server/store/directory.h"
#include "server/store/shard.h"

/* A home to be. */
struct creation {
    struct directory_entry *entry; /* loaded, and of no home yet */
    WireHomeKind kind;
    const char *name;
    uint64_t creator_id;
    const struct member *members; /* ascending by user_id */
    uint32_t member_count;
};

/* Decides it; the home is loaded. NULL: the request was refused. */
struct home *create_home(struct shard *s, const struct creation *creation,
                         const struct request *req);

/* Handlers of frames. */
void create_direct(struct shard *s, const struct request *req);
void create_group(struct shard *s, const struct request *req);

#endif
