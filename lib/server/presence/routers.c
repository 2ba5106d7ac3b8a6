/* What presence holds for each router: its lease, what it says, what it wants to know. */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/presence/inner.h"

/*
 * A router's record:   (none) -Lease-> leased -lease ends-> ended -10 min-> (none)
 *                                        ^------ Lease with a higher epoch ----'
 * An ended record only remembers the epoch. Watches live as long as the link, sessions as
 * long as the lease: a router that reconnects in time loses nobody.
 */

void presence_router_free(struct presence *p, struct presence_router *r)
{
    struct link *link = links_get(&p->links, r->link);

    if (link)
        link->owner = NULL;
    people_teller_fini(&p->people, &r->teller);
    if (p->started) {
        wheel_cancel(&p->wheel, &r->lease_timer.timer);
        wheel_cancel(&p->wheel, &r->batch_timer.timer);
    }
    list_remove(&r->all);
    map_take(&p->routers, r->router_id);
    p->leased_count -= r->leased;
    p->router_count--;
    alloc_free(p->config.allocator, r);
}

/* The record longest without a lease makes room. */
static bool make_room(struct presence *p)
{
    if (p->router_count < p->config.routers_max)
        return true;
    LIST_EACH(node, &p->ended)
    {
        presence_router_free(p, LIST_ENTRY(node, struct presence_router, all));
        return true;
    }
    return false;
}

static struct presence_router *add_router(struct presence *p, uint64_t router_id)
{
    struct presence_router *r = make_room(p) ? alloc_zeroed(p->config.allocator, sizeof(*r)) : NULL;

    if (!r)
        return NULL;
    if (map_put(&p->routers, router_id, r) != CHAT_OK) {
        alloc_free(p->config.allocator, r);
        return NULL;
    }
    r->router_id = router_id;
    r->lease_timer.purpose = PRESENCE_TIMER_LEASE;
    r->batch_timer.purpose = PRESENCE_TIMER_BATCH;
    people_teller_init(&p->people, &r->teller);
    list_push_back(&p->ended, &r->all);
    p->router_count++;
    return r;
}

static void set_lease(struct presence *p, struct presence_router *r)
{
    if (!r->leased) {
        list_remove(&r->all);
        list_push_back(&p->leased, &r->all);
        p->leased_count++;
    }
    r->leased = true;
    wheel_set(&p->wheel, &r->lease_timer.timer, p->now_ms + p->config.lease_ms);
}

static void end_lease(struct presence *p, struct presence_router *r)
{
    struct link *link = links_get(&p->links, r->link);

    log_write(p->config.logger, CHAT_LOG_WARN, "presence", "router %016" PRIx64 ": its lease ended",
              r->router_id);
    p->stats.leases_ended++;
    people_forget_sessions(&p->people, &r->teller);
    r->leased = false;
    p->leased_count--;
    list_remove(&r->all);
    list_push_back(&p->ended, &r->all);
    wheel_set(&p->wheel, &r->lease_timer.timer, p->now_ms + PRESENCE_EPOCH_MEMORY_MS);
    /* Should it be alive after all, it must say anew whom it holds. */
    if (link)
        links_close(&p->links, link, LINK_CLOSE_TRY_LATER, "lease ended");
}

void presence_router_lease_due(struct presence *p, struct presence_router *r)
{
    if (r->leased)
        end_lease(p, r);
    else
        presence_router_free(p, r);
}

/* --- telling --- */

/* A router that does not read yet gets the sum of it later. */
void presence_router_tell(struct presence *p, struct presence_router *r)
{
    struct link *link = links_get(&p->links, r->link);
    WirePresence users[PRESENCE_BATCH_USERS_MAX];
    WirePresence *refs[PRESENCE_BATCH_USERS_MAX];

    list_remove(&r->teller.stirred);
    wheel_cancel(&p->wheel, &r->batch_timer.timer);
    if (!link || !link_is_ready(link) || list_is_empty(&r->teller.marked))
        return;
    while (!list_is_empty(&r->teller.marked)) {
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
        WirePresenceBatch batch = WIRE_PRESENCE_BATCH__INIT;

        if (link->blocked || link->queue.bytes > PRESENCE_QUEUE_HIGH) {
            wheel_set(&p->wheel, &r->batch_timer.timer, p->now_ms + p->config.batch_ms);
            return;
        }
        batch.n_users = people_take(&p->people, &r->teller, users, PRESENCE_BATCH_USERS_MAX);
        if (batch.n_users == 0)
            return;
        for (size_t i = 0; i < batch.n_users; i++)
            refs[i] = &users[i];
        batch.users = refs;
        frame.body_case = WIRE_LINK_FRAME__BODY_PRESENCE_BATCH;
        frame.presence_batch = &batch;
        if (links_send(&p->links, link, &frame) != CHAT_OK) {
            /* What was taken is lost to it: it must ask anew. */
            links_close(&p->links, link, LINK_CLOSE_TRY_LATER, "no room to tell");
            return;
        }
        p->stats.batches++;
        p->stats.batch_users += batch.n_users;
    }
}

/* Whoever has something new to hear gets it within batch_ms. */
void presence_arm_batches(struct presence *p)
{
    struct list_node *node;

    while ((node = list_pop_front(&p->people.stirred)) != NULL) {
        struct people_teller *teller = LIST_ENTRY(node, struct people_teller, stirred);
        struct presence_router *r = LIST_ENTRY(teller, struct presence_router, teller);

        if (!wheel_timer_is_set(&r->batch_timer.timer))
            wheel_set(&p->wheel, &r->batch_timer.timer, p->now_ms + p->config.batch_ms);
    }
}

/* --- what routers say --- */

static void refuse(struct presence *p, struct link *link, WireProblemCode code, const char *rule)
{
    log_write(p->config.logger, CHAT_LOG_WARN, "presence", "router %016" PRIx64 " refused: %s",
              link->node_id, rule);
    links_problem(&p->links, link, 0, code, WIRE_RETRY__RETRY_NEVER, 0, rule, NULL);
    links_close(&p->links, link, LINK_CLOSE_REFUSED, rule);
}

static void refuse_lease(struct presence *p, struct link *link, const char *rule)
{
    p->stats.leases_refused++;
    refuse(p, link, WIRE_PROBLEM_CODE__PROBLEM_INVALID, rule);
}

/* A higher epoch: on another link, which then announces its watches anew, or on the same
 * one, for a snapshot from its start. The link before is an old one of the same process. */
static void take_over(struct presence *p, struct presence_router *r, struct link *link,
                      uint64_t epoch)
{
    struct link *old = links_get(&p->links, r->link);

    if (old && old != link) {
        old->owner = NULL;
        links_close(&p->links, old, LINK_CLOSE_REFUSED, "a newer link took over");
    }
    if (r->link != link->id)
        people_forget_watches(&p->people, &r->teller);
    r->link = link->id;
    r->epoch = epoch;
    r->in_snapshot = false;
    link->owner = r;
}

static struct presence_router *router_for_lease(struct presence *p, struct link *link,
                                                const WireLease *lease)
{
    struct presence_router *r = map_get(&p->routers, lease->router_id);
    bool is_renewal = r && r->leased && link->owner == r && lease->epoch == r->epoch;

    if (lease->router_id != link->node_id) {
        refuse_lease(p, link, "Lease.router_id");
        return NULL;
    }
    if (r && !is_renewal && lease->epoch <= r->epoch) {
        refuse_lease(p, link, "Lease.epoch");
        return NULL;
    }
    if (!is_renewal && !lease->snapshot_follows) {
        refuse_lease(p, link, "Lease.snapshot_follows");
        return NULL;
    }
    if (!r)
        r = add_router(p, lease->router_id);
    if (!r) {
        p->stats.leases_refused++;
        links_close(&p->links, link, LINK_CLOSE_TRY_LATER, "no room for this router");
        return NULL;
    }
    if (!is_renewal)
        take_over(p, r, link, lease->epoch);
    return r;
}

void presence_take_lease(struct presence *p, struct link *link, const WireLease *lease)
{
    struct presence_router *r = router_for_lease(p, link, lease);

    if (!r)
        return;
    if (lease->snapshot_follows) {
        people_snapshot_begin(&r->teller);
        r->in_snapshot = true;
        set_lease(p, r);
    } else if (lease->snapshot_done && r->in_snapshot) {
        people_snapshot_end(&p->people, &r->teller);
        r->in_snapshot = false;
        p->heard_snapshot = true;
        set_lease(p, r);
    } else if (!r->in_snapshot) {
        set_lease(p, r);
    }
    /* A snapshot that never ends does not renew: old sessions must not stand for ever. */
}

void presence_take_delta(struct presence *p, struct link *link, const WirePresenceDelta *delta)
{
    struct presence_router *r = link->owner;
    size_t refused = 0;

    if (!r || delta->epoch != r->epoch) {
        refuse(p, link, WIRE_PROBLEM_CODE__PROBLEM_INVALID, "PresenceDelta.epoch");
        return;
    }
    for (size_t i = 0; i < delta->n_sessions; i++) {
        const WireSessionPresence *s = delta->sessions[i];

        if (s->user_id == 0) {
            refuse(p, link, WIRE_PROBLEM_CODE__PROBLEM_INVALID, "SessionPresence.user_id");
            return;
        }
        p->stats.deltas++;
        refused += people_tell(&p->people, &r->teller, s->user_id, s->session_no, s->state,
                               s->last_active_at_ms) != CHAT_OK;
    }
    p->stats.sessions_refused += refused;
    if (refused > 0)
        links_problem(&p->links, link, 0, WIRE_PROBLEM_CODE__PROBLEM_LIMIT, WIRE_RETRY__RETRY_LATER,
                      0, "sessions_max", NULL);
}

void presence_take_watch(struct presence *p, struct link *link, const WireWatch *watch)
{
    struct presence_router *r = link->owner;
    size_t refused = 0;

    if (!r) {
        refuse(p, link, WIRE_PROBLEM_CODE__PROBLEM_INVALID, "Lease first");
        return;
    }
    for (size_t i = 0; i < watch->n_remove; i++)
        people_unwatch(&p->people, &r->teller, watch->remove[i]);
    for (size_t i = 0; i < watch->n_add; i++)
        if (watch->add[i] != 0)
            refused += people_watch(&p->people, &r->teller, watch->add[i]) != CHAT_OK;
    p->stats.watches_refused += refused;
    if (refused > 0)
        links_problem(&p->links, link, 0, WIRE_PROBLEM_CODE__PROBLEM_LIMIT, WIRE_RETRY__RETRY_LATER,
                      0, "watches_max", NULL);
    if (watch->n_add > 0)
        presence_router_tell(p, r);
}
