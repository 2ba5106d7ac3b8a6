/* What the homes of a rig publish: put together event by event. Part of router_rig.h. */
#ifndef CHAT_TESTS_ROUTER_NEWS_H
#define CHAT_TESTS_ROUTER_NEWS_H

#include "router_rig.h"

#define RIG_EVENTS 64u

/* A publication being put together. */
struct rig_news {
    struct rig_home *home;
    WireHomeEvent events[RIG_EVENTS], *pointers[RIG_EVENTS];
    WireMessage messages[RIG_EVENTS];
    WireMemberChanged changes[RIG_EVENTS];
    WireMember members[RIG_EVENTS];
    size_t count;
};

static inline struct rig_news *rig_news(struct rig_home *home)
{
    static struct rig_news news;

    memset(&news, 0, sizeof(news));
    news.home = home;
    return &news;
}

static inline WireHomeEvent *rig_next_event(struct rig_news *news)
{
    WireHomeEvent *event = &news->events[news->count];

    ck_assert_uint_lt(news->count, RIG_EVENTS);
    *event = (WireHomeEvent)WIRE_HOME_EVENT__INIT;
    news->pointers[news->count++] = event;
    news->home->lsn++;
    return event;
}

static inline void rig_add_message(struct rig_news *news, const char *text)
{
    WireMessage *message = &news->messages[news->count];
    WireHomeEvent *event = rig_next_event(news);

    *message = (WireMessage)WIRE_MESSAGE__INIT;
    message->channel_id = news->home->home_id;
    message->seq = ++news->home->seq;
    message->message_id = message->seq * 10;
    message->text = (char *)text;
    event->body_case = WIRE_HOME_EVENT__BODY_MESSAGE;
    event->message = message;
}

static inline void rig_add_change(struct rig_news *news, const char *name, uint32_t permissions)
{
    WireMemberChanged *changed = &news->changes[news->count];
    WireMember *member = &news->members[news->count];
    WireHomeEvent *event = rig_next_event(news);

    rig_set_member(news->home, rig_user(name), permissions);
    *member = (WireMember)WIRE_MEMBER__INIT;
    member->user_id = rig_user(name);
    member->permissions = permissions;
    *changed = (WireMemberChanged)WIRE_MEMBER_CHANGED__INIT;
    changed->home_id = news->home->home_id;
    changed->lsn = news->home->lsn;
    changed->member = member;
    event->body_case = WIRE_HOME_EVENT__BODY_MEMBER_CHANGED;
    event->member_changed = changed;
}

/* Feeds it without letting the router speak. */
static inline void rig_feed_news(struct rig *g, struct rig_news *news)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WirePublication publication = WIRE_PUBLICATION__INIT;

    publication.home_id = news->home->home_id;
    publication.prev_lsn = news->home->published_lsn;
    publication.lsn = news->home->lsn;
    publication.n_events = news->count;
    publication.events = news->pointers;
    news->home->published_lsn = news->home->lsn;
    frame.body_case = LINK(PUBLICATION);
    frame.publication = &publication;
    rig_peer_says(g, shard_of_id(news->home->home_id, RIG_SHARDS), &frame);
}

static inline void rig_publish(struct rig *g, struct rig_news *news)
{
    rig_feed_news(g, news);
    rig_settle(g);
}

static inline void rig_message(struct rig *g, struct rig_home *home, const char *text)
{
    struct rig_news *news = rig_news(home);

    rig_add_message(news, text);
    rig_publish(g, news);
}

/* One event of a user's home, at `lsn` after `prev_lsn`. */
static inline void rig_user_event(struct rig *g, const char *name, uint64_t prev_lsn, uint64_t lsn,
                                  WireHomeEvent *event)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WirePublication publication = WIRE_PUBLICATION__INIT;

    publication.home_id = rig_user(name);
    publication.prev_lsn = prev_lsn;
    publication.lsn = lsn;
    publication.n_events = 1;
    publication.events = &event;
    frame.body_case = LINK(PUBLICATION);
    frame.publication = &publication;
    rig_peer_says(g, shard_of_id(publication.home_id, RIG_SHARDS), &frame);
    rig_settle(g);
}

#endif
