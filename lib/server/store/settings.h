/*
 * settings: what a user sets for a conversation, in the user's own home: mute, draft. One
 * order for all of his devices; where two set the same thing the later one counts.
 *
 * A draft has a version. It is changed only by who knew the present one (base_version), so
 * words typed on two devices apart never overwrite each other: the second is told what is
 * there, and decides.
 */
#ifndef CHAT_SERVER_STORE_SETTINGS_H
#define CHAT_SERVER_STORE_SETTINGS_H

#include "server/store/shard.h"

/* `l` may be NULL: nothing was ever set. */
void settings_fill(WireChannelSettings *out, uint64_t channel_id, const struct listing *l);

/* Handlers of frames. */
void settings_set(struct shard *s, const struct request *req);
void settings_set_draft(struct shard *s, const struct request *req);

#endif
