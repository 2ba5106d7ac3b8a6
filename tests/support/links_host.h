/* A set of links alone, as a machine whose owner only takes notes. */
#ifndef CHAT_TESTS_LINKS_HOST_H
#define CHAT_TESTS_LINKS_HOST_H

#include "script.h"
#include "server/link.h"

#define HOST_NODE 77u
#define ROUTER WIRE_LINK_ROLE__LINK_ROLE_ROUTER
#define STORE WIRE_LINK_ROLE__LINK_ROLE_STORE
#define PRESENCE WIRE_LINK_ROLE__LINK_ROLE_PRESENCE

struct links_host {
    struct machine machine;
    struct links set;
    struct rng rng;
    struct links_config config;
    uint32_t ready, welcomes, downs, frames, replies, lost;
    struct link *link; /* of the last callback */
    uint64_t request_id;
    WireLinkFrame__BodyCase body;
    void *context;
    void (*then)(struct links_host *host); /* called by on_frame */
};

static struct links_host *host_of(struct links *set) { return set->user; }

static void host_on_ready(struct links *set, struct link *link, const WireLinkWelcome *welcome)
{
    ck_assert(link->dialed == (welcome != NULL));
    ck_assert(link_is_ready(link));
    host_of(set)->ready++;
    host_of(set)->link = link;
}

static void host_on_welcome(struct links *set, struct link *link, const WireLinkWelcome *welcome)
{
    (void)welcome;
    host_of(set)->welcomes++;
    host_of(set)->link = link;
}

static void host_on_frame(struct links *set, struct link *link, const WireLinkFrame *frame)
{
    struct links_host *host = host_of(set);

    host->frames++;
    host->link = link;
    host->request_id = frame->request_id;
    host->body = frame->body_case;
    if (host->then)
        host->then(host);
}

static void host_on_reply(struct links *set, struct link *link, const WireLinkFrame *frame,
                          void *context)
{
    struct links_host *host = host_of(set);

    host->replies++;
    host->lost += frame == NULL;
    host->body = frame ? frame->body_case : WIRE_LINK_FRAME__BODY__NOT_SET;
    host->link = link;
    host->context = context;
}

static void host_on_down(struct links *set, struct link *link)
{
    ck_assert(!link_is_ready(link));
    host_of(set)->downs++;
}

static void host_fill_welcome(struct links *set, WireLinkWelcome *welcome)
{
    (void)set;
    welcome->shard_count = 4;
}

static const struct links_ops host_ops = {
    .on_ready = host_on_ready,
    .on_welcome = host_on_welcome,
    .on_frame = host_on_frame,
    .on_reply = host_on_reply,
    .on_down = host_on_down,
    .fill_welcome = host_fill_welcome,
};

static struct links_host *host_of_machine(const struct machine *m)
{
    return (struct links_host *)(uintptr_t)m;
}

static void host_feed(struct machine *m, const struct event *event)
{
    links_feed(&host_of_machine(m)->set, event);
}

static bool host_poll(struct machine *m, struct effect *out_effect)
{
    return links_poll(&host_of_machine(m)->set, out_effect);
}

static int64_t host_deadline(const struct machine *m)
{
    return links_deadline(&host_of_machine(m)->set);
}

static const struct machine_ops host_machine_ops = {
    .name = "links",
    .feed = host_feed,
    .poll = host_poll,
    .deadline = host_deadline,
};

/* Change host->config in between. */
static void host_config(struct links_host *host, WireLinkRole role, uint32_t accept_mask)
{
    memset(host, 0, sizeof(*host));
    host->machine.ops = &host_machine_ops;
    rng_seed(&host->rng, 1);
    links_config_init(&host->config);
    host->config.ops = &host_ops;
    host->config.user = host;
    host->config.rng = &host->rng;
    host->config.role = role;
    host->config.node_id = HOST_NODE;
    host->config.accept_mask = accept_mask;
}

static void host_init(struct links_host *host) { links_init(&host->set, &host->config); }

#endif
