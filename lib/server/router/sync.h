/*
 * sync: a session's list of conversations, as it signs in. Every home is asked for what the
 * user may see there, also when other sessions have it: the answer is newer than whatever
 * the client saw on another router, so its list never goes backwards. Several are asked at
 * once, each is told as it comes, and `complete` follows when none is left. A home whose
 * store does not answer holds back only `complete`, and that for sync_patience_ms: then it
 * is listed as unavailable, and told once its store answers.
 */
#ifndef CHAT_SERVER_ROUTER_SYNC_H
#define CHAT_SERVER_ROUTER_SYNC_H

#include "server/router/core.h"

/* Starts with the list of SessionOpened. False: no memory. */
bool sync_start(struct router *r, struct session *s, WireUserChannel *const *channels,
                size_t count);
/* One more conversation, in a sync or after it: asked, then told; or told as removed. */
void sync_add(struct router *r, struct session *s, const WireUserChannel *channel);
/* The same for one of which only the id is known. */
void sync_look(struct router *r, struct session *s, uint64_t home_id);
/* The user's home says this, and the list may still be about to say what was before. */
void sync_heard_cursor(const struct session *s, const WireCursor *cursor);
void sync_heard_settings(const struct session *s, const WireChannelSettings *settings);
void sync_heard_draft(const struct session *s, const WireDraft *draft);
void sync_heard_mentions(const struct session *s, const WireMentions *mentions);
/* True while the home is still to be asked or answered. */
bool sync_has(const struct session *s, uint64_t home_id);
/* When patience ends; MOMENT_NEVER: it has ended, or there is nothing to wait for. */
int64_t sync_patience_end_ms(const struct session *s);
/* It has: lists what is left as unavailable, then `complete`. */
void sync_lose_patience(struct router *r, struct session *s);
void sync_free(struct router *r, struct session *s);

/* The answer to one Subscribe; NULL: the store went away. */
void sync_answered(struct router *r, struct ask *a, const WireLinkFrame *frame);
/* Asks on. */
void syncs_pump(struct router *r);

#endif
