#include "server/store/subscriptions.h"

#include "base/alloc.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/publish.h"
#include "server/store/role.h"

static struct subscription *in_home(struct list_node *node)
{
    return LIST_ENTRY(node, struct subscription, in_home);
}

static struct subscription *find(const struct home *home, link_id link)
{
    const struct list_node *head = &home->subscriptions.head;

    for (struct list_node *node = head->next; node != head; node = node->next)
        if (in_home(node)->link == link)
            return in_home(node);
    return NULL;
}

bool is_subscribed(const struct home *home, link_id link) { return find(home, link) != NULL; }

bool subscriptions_have_room(const struct shard *s)
{
    return s->subscriptions < s->limits->subscriptions_max;
}

static void end(struct subscription *sub)
{
    struct shard *s = sub->shard;

    list_remove(&sub->in_home);
    list_remove(&sub->in_link);
    sub->home->subscription_count--;
    s->subscriptions--;
    alloc_free(s->allocator, sub);
}

void subscribe(struct shard *s, struct home *home, link_id link_id_, uint64_t from_lsn)
{
    struct link *link = links_get(&s->store->links, link_id_);
    struct subscription *sub;

    if (!link || !link->owner)
        return;
    sub = find(home, link_id_);
    if (sub) /* what the router has of it goes on: a gap would leave its other members behind */
        return;
    sub = subscriptions_have_room(s) ? alloc_zeroed(s->allocator, sizeof(*sub)) : NULL;
    if (!sub) {
        links_close(&s->store->links, link, LINK_CLOSE_TRY_LATER, "no room to subscribe");
        return;
    }
    *sub = (struct subscription){.shard = s, .home = home, .link = link_id_, .from_lsn = from_lsn};
    list_push_back(&home->subscriptions, &sub->in_home);
    list_push_back(&((struct link_subscriptions *)link->owner)->list, &sub->in_link);
    home->subscription_count++;
    s->subscriptions++;
}

void unsubscribe(struct shard *s, struct home *home, link_id link)
{
    struct subscription *sub = find(home, link);

    if (!sub)
        return;
    end(sub);
    subscriptions_tell_routers(s, home);
}

void subscriptions_end_link(struct store *store, struct link *link)
{
    struct link_subscriptions *mine = link->owner;

    if (!mine)
        return;
    while (!list_is_empty(&mine->list)) {
        struct subscription *sub =
            LIST_ENTRY(list_first(&mine->list), struct subscription, in_link);
        struct shard *s = sub->shard;
        struct home *home = sub->home;

        end(sub);
        subscriptions_tell_routers(s, home);
        homes_settle(s, home);
    }
    alloc_free(store->config.allocator, mine);
    link->owner = NULL;
}

void subscriptions_end_home(struct shard *s, struct home *home)
{
    (void)s;
    LIST_EACH(node, &home->subscriptions)
    end(in_home(node));
}

/* A link that cannot take it is closed: its router asks for everything anew. */
static void send(struct shard *s, const struct subscription *sub, struct frame *frame)
{
    struct links *links = &s->store->links;
    struct link *link = links_get(links, sub->link);
    chat_status status;

    if (!link)
        return;
    status = links_send_shared(links, link, frame);
    if (status == CHAT_OK) {
        s->stats->publication_sends++;
    } else if (status != CHAT_E_UNAVAILABLE) {
        s->stats->publications_lost++;
        links_close(links, link, LINK_CLOSE_TRY_LATER, "publications not read");
    }
}

void subscriptions_publish(struct shard *s, struct home *home, struct frame *frame,
                           uint64_t prev_lsn)
{
    LIST_EACH(node, &home->subscriptions)
    {
        if (in_home(node)->from_lsn <= prev_lsn)
            send(s, in_home(node), frame);
    }
}

void subscriptions_send(struct shard *s, struct home *home, struct frame *frame)
{
    LIST_EACH(node, &home->subscriptions)
    send(s, in_home(node), frame);
}

void subscriptions_tell_routers(struct shard *s, struct home *home)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    struct frame *frame;

    /* An unloaded home's kind is the one it had. */
    if (home->kind != WIRE_HOME_KIND__HOME_KIND_USER || list_is_empty(&home->subscriptions))
        return;
    event.body_case = WIRE_HOME_EVENT__BODY_ROUTERS;
    event.routers = home->subscription_count;
    frame = publish_ephemeral(s, home->id, &event);
    if (!frame)
        return;
    subscriptions_send(s, home, frame);
    frame_unref(frame);
}

bool subscriptions_begin(struct shard *s, struct home *home, link_id link)
{
    struct outcome *outcome;

    if (home->decided_position <= s->synced) {
        subscribe(s, home, link, home->lsn);
        return is_subscribed(home, link);
    }
    outcome = batch_home_outcome(s, OUTCOME_SUBSCRIBE, link, home);
    if (!outcome)
        return false;
    outcome->lsn = home->lsn;
    batch_split(home);
    return true;
}

void subscriptions_finish(struct shard *s, struct home *home, link_id link)
{
    if (home->decided_position <= s->synced ||
        !batch_home_outcome(s, OUTCOME_UNSUBSCRIBE, link, home))
        unsubscribe(s, home, link);
}

void subscriptions_routers_changed(struct shard *s, struct home *home)
{
    if (home->decided_position <= s->synced || !batch_home_outcome(s, OUTCOME_ROUTERS, 0, home))
        subscriptions_tell_routers(s, home);
}
