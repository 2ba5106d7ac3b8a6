/*
 * subscriptions: which links hear what a home decides, and from where on.
 *
 * A link hears publications that begin at its from_lsn or later: what came before was in
 * the answer that began the subscription. They end with the link.
 */
#ifndef CHAT_SERVER_STORE_SUBSCRIPTIONS_H
#define CHAT_SERVER_STORE_SUBSCRIPTIONS_H

#include "server/store/shard.h"

struct subscription {
    struct list_node in_home;
    struct list_node in_link;
    struct shard *shard;
    struct home *home;
    link_id link;
    uint64_t from_lsn;
};

/* A ready link's, behind link->owner. */
struct link_subscriptions {
    struct list list; /* by in_link */
};

/* Begins; one that is there goes on from where it is. Best effort: a link without room is
 * closed. */
void subscribe(struct shard *s, struct home *home, link_id link, uint64_t from_lsn);
/* The same as of now: what the home has decided is in the answer the caller gives next, and
 * publications go on after it. Takes effect when that is synced. False: no memory. */
bool subscriptions_begin(struct shard *s, struct home *home, link_id link);
/* After all that was decided. */
void subscriptions_finish(struct shard *s, struct home *home, link_id link);
/* Tells a user's routers how many they are, after all that was decided. */
void subscriptions_routers_changed(struct shard *s, struct home *home);
void unsubscribe(struct shard *s, struct home *home, link_id link);
bool is_subscribed(const struct home *home, link_id link);
/* Another one can begin. */
bool subscriptions_have_room(const struct shard *s);

/* The link is gone, with all of its subscriptions. */
void subscriptions_end_link(struct store *store, struct link *link);
/* The shard's memory is about to go. */
void subscriptions_end_home(struct shard *s, struct home *home);

void subscriptions_publish(struct shard *s, struct home *home, struct frame *frame,
                           uint64_t prev_lsn);
/* To all of a home. */
void subscriptions_send(struct shard *s, struct home *home, struct frame *frame);
/* Tells a user's routers how many they are. */
void subscriptions_tell_routers(struct shard *s, struct home *home);

#endif
