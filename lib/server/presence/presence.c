#include "server/presence/presence.h"

#include "base/alloc.h"
#include "server/presence/inner.h"

static void on_frame(struct links *set, struct link *link, const WireLinkFrame *frame);
static void on_ready(struct links *set, struct link *link, const WireLinkWelcome *welcome);
static void on_down(struct links *set, struct link *link);

static const struct links_ops links_ops = {
    .on_ready = on_ready,
    .on_frame = on_frame,
    .on_down = on_down,
};

static void on_frame(struct links *set, struct link *link, const WireLinkFrame *frame)
{
    struct presence *p = set->user;
    uint32_t body = (uint32_t)frame->body_case;

    if (body == WIRE_LINK_FRAME__BODY_LEASE)
        presence_take_lease(p, link, frame->lease);
    else if (body == WIRE_LINK_FRAME__BODY_PRESENCE_DELTA)
        presence_take_delta(p, link, frame->presence_delta);
    else if (body == WIRE_LINK_FRAME__BODY_WATCH)
        presence_take_watch(p, link, frame->watch);
    else
        links_problem(set, link, frame->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNSUPPORTED,
                      WIRE_RETRY__RETRY_NEVER, 0, "request", NULL);
}

static void on_ready(struct links *set, struct link *link, const WireLinkWelcome *welcome)
{
    (void)set, (void)welcome;
    link->owner = NULL; /* until its Lease */
}

/* Its sessions stay until the lease ends. */
static void on_down(struct links *set, struct link *link)
{
    struct presence *p = set->user;
    struct presence_router *r = link->owner;

    if (!r || r->link != link->id)
        return;
    r->link = 0;
    people_forget_watches(&p->people, &r->teller);
}

/* --- the machine --- */

static void start(struct presence *p)
{
    p->started = true;
    wheel_init(&p->wheel, p->now_ms);
    p->grace_timer.purpose = PRESENCE_TIMER_GRACE;
    wheel_set(&p->wheel, &p->grace_timer.timer, p->now_ms + p->config.lease_ms);
}

static void run_timers(struct presence *p)
{
    struct wheel_timer *timer;

    wheel_advance(&p->wheel, p->now_ms);
    while ((timer = wheel_pop(&p->wheel)) != NULL) {
        switch (LIST_ENTRY(timer, struct presence_timer, timer)->purpose) {
        case PRESENCE_TIMER_GRACE: people_reveal(&p->people); break;
        case PRESENCE_TIMER_LEASE:
            presence_router_lease_due(p,
                                      LIST_ENTRY(timer, struct presence_router, lease_timer.timer));
            break;
        case PRESENCE_TIMER_BATCH:
            presence_router_tell(p, LIST_ENTRY(timer, struct presence_router, batch_timer.timer));
            break;
        }
    }
}

static struct presence *presence_of(const struct machine *m)
{
    return (struct presence *)(uintptr_t)m;
}

static void on_event(struct machine *m, const struct event *event)
{
    struct presence *p = presence_of(m);

    p->now_ms = event->now.mono_ms;
    if (!p->started)
        start(p);
    if (event->kind == EVENT_STOP) {
        p->stopping = true;
        links_stop(&p->links, LINK_CLOSE_GOING_AWAY, "stopping");
        return;
    }
    if (event->kind == EVENT_TIMER)
        run_timers(p);
    links_feed(&p->links, event);
    presence_arm_batches(p);
}

static bool next_effect(struct machine *m, struct effect *out_effect)
{
    struct presence *p = presence_of(m);

    if (links_poll(&p->links, out_effect))
        return true;
    if (!p->stopping || p->stopped || !links_is_idle(&p->links))
        return false;
    p->stopped = true;
    *out_effect = (struct effect){.kind = EFFECT_STOPPED};
    return true;
}

static int64_t next_deadline(const struct machine *m)
{
    const struct presence *p = presence_of(m);
    int64_t links_ms = links_deadline(&p->links);
    int64_t own_ms = p->started ? wheel_next_ms(&p->wheel) : 0;

    return own_ms < links_ms ? own_ms : links_ms;
}

static const struct machine_ops machine_ops = {
    .name = "presence",
    .feed = on_event,
    .poll = next_effect,
    .deadline = next_deadline,
};

/* --- life --- */

void presence_config_init(struct presence_config *config)
{
    *config = (struct presence_config){
        .lease_ms = PRESENCE_LEASE_MS,
        .batch_ms = PRESENCE_BATCH_MS,
        .routers_max = PRESENCE_ROUTERS_MAX,
        .sessions_max = PRESENCE_SESSIONS_MAX,
        .watches_max = PRESENCE_WATCHES_MAX,
        .link_queue_max = LINK_QUEUE_MAX,
    };
}

static void init_links(struct presence *p)
{
    struct links_config config;

    links_config_init(&config);
    config.allocator = p->config.allocator;
    config.logger = p->config.logger;
    config.component = "presence";
    config.ops = &links_ops;
    config.user = p;
    config.rng = &p->rng;
    config.role = WIRE_LINK_ROLE__LINK_ROLE_PRESENCE;
    config.node_id = rng_id(&p->rng);
    config.accept_mask = 1u << WIRE_LINK_ROLE__LINK_ROLE_ROUTER;
    config.accepted_max = p->config.routers_max;
    config.queue_max = p->config.link_queue_max;
    links_init(&p->links, &config);
}

chat_status presence_new(const struct presence_config *config, struct presence **out_presence)
{
    struct presence *p;

    if (config->lease_ms <= 0 || config->batch_ms < 0 || config->routers_max == 0 ||
        config->sessions_max == 0 || config->watches_max == 0)
        return CHAT_E_INVALID;
    p = alloc_zeroed(alloc_or_default(config->allocator), sizeof(*p));
    if (!p)
        return CHAT_E_NOMEM;
    p->machine.ops = &machine_ops;
    p->config = *config;
    p->config.allocator = alloc_or_default(config->allocator);
    rng_seed(&p->rng, config->seed);
    list_init(&p->leased);
    list_init(&p->ended);
    map_init(&p->routers, p->config.allocator);
    people_init(&p->people, p->config.allocator, config->sessions_max, config->watches_max);
    init_links(p);
    *out_presence = p;
    return CHAT_OK;
}

void presence_free(struct presence *p)
{
    if (!p)
        return;
    LIST_EACH(node, &p->leased)
    presence_router_free(p, LIST_ENTRY(node, struct presence_router, all));
    LIST_EACH(ended, &p->ended)
    presence_router_free(p, LIST_ENTRY(ended, struct presence_router, all));
    links_fini(&p->links);
    map_fini(&p->routers);
    people_fini(&p->people);
    alloc_free(p->config.allocator, p);
}

struct machine *presence_machine(struct presence *p) { return &p->machine; }

bool presence_is_ready(const struct presence *p)
{
    return p->started && !p->stopping && (p->heard_snapshot || p->people.offline_is_known);
}
