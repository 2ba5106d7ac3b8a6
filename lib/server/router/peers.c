#include "server/router/peers.h"

#include "base/alloc.h"
#include "server/router/fanout.h"
#include "server/router/presence_report.h"
#include "server/router/presence_watch.h"
#include "server/router/recheck.h"

struct link *router_link(const struct router *r, uint32_t shard)
{
    struct link *link = links_peer(&r->links, shard_map_peer(&r->shards, shard));

    return link && link_is_ready(link) ? link : NULL;
}

static void remember_map(const struct router *r, uint32_t before[CHAT_SHARDS_MAX])
{
    for (uint32_t shard = 0; shard < CHAT_SHARDS_MAX; shard++)
        before[shard] = shard_map_peer(&r->shards, shard);
}

/* Two stores with data of their own would take turns with every start of a router. */
static void tell_of_rivals(struct router *r, const struct link *link,
                           const WireLinkWelcome *welcome)
{
    uint32_t shard = shard_map_rival(&r->shards, link->peer, welcome);

    if (shard == SHARD_NONE)
        return;
    r->stats.contested++;
    router_log(r, CHAT_LOG_ERROR,
               "stores %u and %u both claim shard %u with map_version %llu: the first is believed; "
               "stop one of them, or raise the other's map_version",
               shard_map_peer(&r->shards, shard), link->peer, shard,
               (unsigned long long)welcome->map_version);
}

static void take_claim(struct router *r, struct link *link, const WireLinkWelcome *welcome)
{
    uint32_t before[CHAT_SHARDS_MAX];
    chat_status status;

    remember_map(r, before);
    status = shard_map_claim(&r->shards, link->peer, welcome);
    rechecks_lose_moved(r, before);
    if (status != CHAT_OK) {
        router_log(r, CHAT_LOG_ERROR, "store %u is of another deployment: %s", link->peer,
                   chat_status_name(status));
        links_close(&r->links, link, LINK_CLOSE_REFUSED, "another deployment");
    } else {
        tell_of_rivals(r, link, welcome);
    }
}

static void on_ready(struct links *set, struct link *link, const WireLinkWelcome *welcome)
{
    struct router *r = set->user;

    if (link->role == WIRE_LINK_ROLE__LINK_ROLE_STORE) {
        take_claim(r, link, welcome);
    } else {
        struct presence_peer *peer = report_peer_of_link(r, link);

        report_up(r, link);
        if (peer)
            watch_up(r, peer);
    }
}

static void on_welcome(struct links *set, struct link *link, const WireLinkWelcome *welcome)
{
    if (link->role == WIRE_LINK_ROLE__LINK_ROLE_STORE)
        take_claim(set->user, link, welcome);
}

static void on_frame(struct links *set, struct link *link, const WireLinkFrame *frame)
{
    struct router *r = set->user;

    if (frame->body_case == WIRE_LINK_FRAME__BODY_PUBLICATION &&
        link->role == WIRE_LINK_ROLE__LINK_ROLE_STORE) {
        /* An old owner has no say. */
        if (router_link(r, router_shard(r, frame->publication->home_id)) == link)
            fanout_publication(r, frame->publication);
    } else if (frame->body_case == WIRE_LINK_FRAME__BODY_PRESENCE_BATCH &&
               link->role == WIRE_LINK_ROLE__LINK_ROLE_PRESENCE) {
        watch_batch(r, frame->presence_batch);
    }
}

static void on_reply(struct links *set, struct link *link, const WireLinkFrame *frame,
                     void *context)
{
    (void)link;
    ask_answered(set->user, context, frame);
}

static void on_down(struct links *set, struct link *link)
{
    struct router *r = set->user;
    uint32_t before[CHAT_SHARDS_MAX];

    if (link->role == WIRE_LINK_ROLE__LINK_ROLE_STORE) {
        remember_map(r, before);
        shard_map_drop(&r->shards, link->peer);
        asks_lost(r, link->peer);
        rechecks_lose_moved(r, before);
    } else {
        report_down(r, link);
    }
}

static const struct links_ops ops = {
    .on_ready = on_ready,
    .on_welcome = on_welcome,
    .on_frame = on_frame,
    .on_reply = on_reply,
    .on_down = on_down,
};

static chat_status add_peers(struct router *r, const struct router_config *config)
{
    for (uint32_t i = 0; i < config->peer_count; i++) {
        chat_status status = links_add_peer(&r->links, config->peers[i]);

        if (status != CHAT_OK)
            return status;
        list_init(&r->lines[i].in_flight);
        list_init(&r->lines[i].waiting);
        if (config->peers[i] != WIRE_LINK_ROLE__LINK_ROLE_PRESENCE)
            continue;
        r->presences[r->presence_count++] =
            (struct presence_peer){.peer = i, .down_since_ms = MOMENT_NEVER};
    }
    return CHAT_OK;
}

chat_status peers_init(struct router *r, const struct router_config *config)
{
    struct links_config links;

    links_config_init(&links);
    links.allocator = r->allocator;
    links.logger = r->logger;
    links.component = ROUTER_COMPONENT;
    links.ops = &ops;
    links.user = r;
    links.rng = &r->rng;
    links.role = WIRE_LINK_ROLE__LINK_ROLE_ROUTER;
    links.node_id = r->node_id;
    if (config->link_queue_max > 0)
        links.queue_max = config->link_queue_max;
    links_init(&r->links, &links);

    r->lines = alloc_zeroed(r->allocator, config->peer_count * sizeof(*r->lines));
    r->presences = alloc_zeroed(r->allocator, config->peer_count * sizeof(*r->presences));
    if (!r->lines || !r->presences)
        return CHAT_E_NOMEM;
    return add_peers(r, config);
}

void peers_fini(struct router *r)
{
    links_fini(&r->links);
    report_fini(r);
    if (r->lines)
        alloc_free(r->allocator, r->lines);
}
