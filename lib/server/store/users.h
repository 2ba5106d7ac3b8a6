/* users: a user's own home: sessions, read positions, and finding users. */
#ifndef CHAT_SERVER_STORE_USERS_H
#define CHAT_SERVER_STORE_USERS_H

#include "server/store/shard.h"

/* The home of the user who asks; NULL: the request waits or was answered. */
struct home *users_home(struct shard *s, const struct request *req);

/* Handlers of frames. */
void users_open_session(struct shard *s, const struct request *req);
void users_mark_read(struct shard *s, const struct request *req);
void users_find(struct shard *s, const struct request *req);
void users_fetch(struct shard *s, const struct request *req);

#endif
