#include "sim_nemesis.h"

#include <stdio.h>
#include <stdlib.h>

struct sim_nemesis {
    struct sim_servers *servers;
    struct sim_app *const *apps;
    const uint32_t *app_count;
    int64_t *silent_until_ms; /* of the crowd */
    struct sim_world *world;
    struct rng rng;
    uint32_t weights[FAULT_KINDS]; /* 0: not in this run */
    uint32_t weight_total;
    int64_t pause_max_ms;
    bool active;
    uint64_t counts[FAULT_KINDS];
};

static const struct {
    const char *name;
    uint32_t weight;
} kinds[FAULT_KINDS] = {
    [FAULT_CUT_CLIENT] = {"cut client", 8},
    [FAULT_CUT_DAEMONS] = {"cut daemons", 5},
    [FAULT_HALF_OPEN_CLIENT] = {"half-open client", 4},
    [FAULT_HALF_OPEN_DAEMONS] = {"half-open daemons", 3},
    [FAULT_STALL] = {"stall", 6},
    [FAULT_PARTITION] = {"partition", 3},
    [FAULT_KILL_ROUTER] = {"kill router", 3},
    [FAULT_DRAIN_ROUTER] = {"drain router", 2},
    [FAULT_KILL_PRESENCE] = {"kill presence", 2},
    [FAULT_KILL_STORE] = {"kill store", 4},
    [FAULT_POWER_STORE] = {"power loss store", 6},
    [FAULT_POWER_MID_WRITE] = {"power loss mid-write", 8},
    [FAULT_FAIL_SYNC] = {"failing sync", 3},
    [FAULT_FULL_DISK] = {"full disk", 3},
    [FAULT_SLOW_ENGINE] = {"slow engine", 3},
    [FAULT_RIVAL_STORE] = {"second owner", 4},
    [FAULT_KILL_CLIENT] = {"kill client", 4},
    [FAULT_POWER_CLIENT] = {"power loss client", 3},
    [FAULT_CLIENT_MID_WRITE] = {"client dies mid-write", 8},
    [FAULT_ROLL_BACK_CLIENT] = {"rolled-back client", 4},
    [FAULT_CLOCK_JUMP] = {"clock jump", 4},
    [FAULT_BLOCK] = {"blocked links", 3},
    [FAULT_LOSE_PUBLICATION] = {"lost publication", 9},
    [FAULT_REWRITE_HISTORY] = {"rewritten history", 2},
};

const char *sim_fault_name(enum sim_fault fault) { return kinds[fault].name; }
const uint64_t *sim_nemesis_counts(const struct sim_nemesis *n) { return n->counts; }

struct sim_nemesis *sim_nemesis_new(struct sim_servers *servers, struct sim_app *const *apps,
                                    const uint32_t *app_count, struct sim_crowd *crowd)
{
    struct sim_nemesis *n = calloc(1, sizeof(*n));

    if (!n)
        exit(2);
    n->servers = servers;
    n->apps = apps;
    n->app_count = app_count;
    n->silent_until_ms = &crowd->silent_until_ms;
    n->world = servers->world;
    rng_seed(&n->rng, rng_u64(sim_world_rng(n->world)));
    n->pause_max_ms = 200 + (int64_t)rng_below(&n->rng, 6000);
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        if (rng_below(&n->rng, 2))
            n->weights[i] = kinds[i].weight;
        n->weight_total += n->weights[i];
    }
    return n;
}

void sim_nemesis_free(struct sim_nemesis *n) { free(n); }

static int64_t later(struct sim_nemesis *n, int64_t min_ms, int64_t max_ms)
{
    return sim_world_now_ms(n->world) + min_ms +
           (int64_t)rng_below(&n->rng, (uint64_t)(max_ms - min_ms));
}

/* --- who --- */

static struct sim_server *some_store(struct sim_nemesis *n)
{
    return &n->servers->stores[rng_below(&n->rng, n->servers->store_count)];
}

static struct sim_server *some_router(struct sim_nemesis *n)
{
    return &n->servers->routers[rng_below(&n->rng, n->servers->router_count)];
}

static struct sim_app *some_app(struct sim_nemesis *n)
{
    return n->apps[rng_below(&n->rng, *n->app_count)];
}

static struct sim_node *some_daemon(struct sim_nemesis *n)
{
    uint64_t kind = rng_below(&n->rng, 5);
    if (kind < 2)
        return some_router(n)->node;
    return kind < 4 ? some_store(n)->node : n->servers->presence.node;
}

/* --- what ends by itself --- */

static void restart_server(void *user, uint64_t arg)
{
    (void)arg;
    sim_server_start(user);
}

static void restart_app(void *user, uint64_t arg)
{
    struct sim_app *app = user;

    (void)arg;
    if (!sim_app_conn(app))
        (void)sim_app_start(app); /* healing tries again */
}

struct pair {
    struct sim_nemesis *n;
    struct sim_node *a, *b;
};

static void end_partition(void *user, uint64_t arg)
{
    struct pair *p = user;
    (void)arg;
    sim_world_partition(p->n->world, p->a, p->b, false);
    free(p);
}

static void end_full(void *user, uint64_t arg)
{
    (void)arg;
    sim_storage_set_full(((struct sim_server *)user)->storage, false);
}

static void end_slow(void *user, uint64_t arg)
{
    (void)arg;
    ((struct sim_node *)user)->engine_slow_ms = 0;
}

static void end_block(void *user, uint64_t arg)
{
    (void)arg;
    sim_world_net(user)->block_permille = 0;
}

/* A router that drained is killed and started anew, as a supervisor would. */
static void end_drain(void *user, uint64_t arg)
{
    (void)arg;
    sim_server_kill(user, false, false);
    sim_server_start(user);
}

static void end_power(void *user, uint64_t arg)
{
    (void)arg;
    sim_server_kill(user, true, false);
    sim_server_start(user);
}

/* --- faults: each says whether it could happen --- */

static bool kill_server(struct sim_nemesis *n, struct sim_server *server, bool lost)
{
    if (!sim_server_is_up(server))
        return false;
    sim_server_kill(server, lost, rng_below(&n->rng, 4) == 0);
    sim_world_at(n->world, later(n, 10, 8000), restart_server, server, 0);
    return true;
}

static void end_slow_process(void *user, uint64_t lost)
{
    struct sim_server *server = user;

    server->node->engine_slow_ms = 0;
    server->node->slow_lanes = 0;
    if (!sim_server_is_up(server))
        return;
    sim_server_kill(server, lost, false);
    sim_server_start(server);
}

/* What the slow one is told of it by another store is the least that it has on its disk. */
static void change_members(void *user, uint64_t arg)
{
    struct sim_nemesis *n = user;

    (void)arg;
    for (uint32_t i = 0; i < *n->app_count; i++)
        sim_app_change_members(n->apps[i]);
}

/* Some grow slow before they die: much is decided then, and little of it synced. */
static bool kill_store(struct sim_nemesis *n, bool lost)
{
    struct sim_server *store = some_store(n);

    if (rng_below(&n->rng, 2) || !sim_server_is_up(store))
        return kill_server(n, store, lost);
    store->node->engine_slow_ms = 300 + (int64_t)rng_below(&n->rng, 2000);
    store->node->slow_lanes = (uint32_t)rng_below(&n->rng, 16); /* of some shards or all */
    for (unsigned i = 0; i < 3; i++)
        sim_world_at(n->world, later(n, 0, 1000), change_members, n, 0);
    sim_world_at(n->world, later(n, 100, 3000), end_slow_process, store, lost);
    return true;
}

/* That somebody was removed is the publication whose loss would matter most. */
static bool lose_publication(struct sim_nemesis *n)
{
    uint64_t kind = rng_below(&n->rng, 4);

    if (kind == 0)
        return sim_server_lose_publication(some_router(n), false);
    if (kind == 1)
        return sim_server_lose_publication(some_store(n), false);
    sim_world_at(n->world, later(n, 0, 100), change_members, n, 0);
    return sim_server_lose_publication(some_store(n), true);
}

static void end_dying(void *user, uint64_t arg)
{
    struct sim_app *app = user;

    if (sim_app_is_dying(app))
        sim_app_killed(app, false);
    restart_app(user, arg);
}

static bool die_app(struct sim_nemesis *n)
{
    struct sim_app *app = some_app(n);

    if (!sim_app_die_at(app, (uint32_t)rng_below(&n->rng, 24), rng_below(&n->rng, 2)))
        return false;
    sim_world_at(n->world, later(n, 1000, 6000), end_dying, app, 0);
    return true;
}

static bool kill_app(struct sim_nemesis *n, bool lost)
{
    struct sim_app *app = some_app(n);

    if (!sim_app_conn(app))
        return false;
    sim_app_killed(app, lost);
    sim_world_at(n->world, later(n, 10, 8000), restart_app, app, 0);
    return true;
}

struct copying {
    struct sim_nemesis *n;
    struct sim_app *app;
};

static void end_copy(void *user, uint64_t arg)
{
    struct copying *c = user;

    (void)arg;
    if (c->n->active && sim_app_roll_back(c->app)) {
        c->n->counts[FAULT_ROLL_BACK_CLIENT]++;
        sim_world_at(c->n->world, later(c->n, 1, 4000), restart_app, c->app, 0);
    }
    free(c);
}

/* It happened when the copy is restored. */
static bool roll_back(struct sim_nemesis *n)
{
    struct copying *c = calloc(1, sizeof(*c));

    if (!c)
        exit(2);
    *c = (struct copying){n, some_app(n)};
    if (sim_app_copy_cache(c->app))
        sim_world_at(n->world, later(n, 200, 15000), end_copy, c, 0);
    else
        free(c);
    return false;
}

static bool partition(struct sim_nemesis *n)
{
    struct pair *p = calloc(1, sizeof(*p));

    if (!p)
        exit(2);
    p->n = n;
    p->a = some_router(n)->node;
    p->b = rng_below(&n->rng, 3) == 0 ? n->servers->presence.node : some_store(n)->node;
    sim_world_partition(n->world, p->a, p->b, true);
    if (rng_below(&n->rng, 2))
        sim_world_half_open(n->world, p->a, p->b, true);
    else
        sim_world_cut(n->world, p->a, p->b, true);
    sim_world_at(n->world, later(n, 500, 25000), end_partition, p, 0);
    return true;
}

static bool drain(struct sim_nemesis *n)
{
    struct sim_server *router = some_router(n);

    if (!sim_server_is_up(router))
        return false;
    sim_node_stop(router->node);
    sim_world_at(n->world, later(n, 3000, 12000), end_drain, router, 0);
    return true;
}

static bool storage_fault(struct sim_nemesis *n, enum sim_fault fault)
{
    struct sim_server *store = some_store(n);

    if (!sim_server_is_up(store))
        return false;
    if (!store->storage) {
        if (fault != FAULT_FAIL_SYNC)
            return false;
        sim_cluster_fail_next(store->engine, rng_below(&n->rng, 2));
        return true;
    }
    if (fault == FAULT_FAIL_SYNC) {
        sim_storage_fail_sync(store->storage);
        /* What the sync did not bring to the disk shows when the power goes. */
        if (rng_below(&n->rng, 2))
            sim_world_at(n->world, later(n, 20, 3000), end_power, store, 0);
    } else if (fault == FAULT_FULL_DISK) {
        sim_storage_set_full(store->storage, true);
        sim_world_at(n->world, later(n, 100, 10000), end_full, store, 0);
    } else {
        if (rng_below(&n->rng, 2))
            sim_storage_crash_at(store->storage, (uint32_t)rng_below(&n->rng, 40));
        else
            sim_storage_crash_at_sync(store->storage, (uint32_t)rng_below(&n->rng, 8));
        sim_world_at(n->world, later(n, 2000, 9000), restart_server, store, 0);
    }
    return true;
}

static bool rival(struct sim_nemesis *n)
{
    struct sim_server *second = &n->servers->stores[SIM_STORES_MAX];

    if (!n->servers->shared)
        return false;
    /* Either may be the one that is killed: whoever is left owns the shards. */
    if (!sim_server_is_up(second)) {
        sim_server_start(second);
        return true;
    }
    sim_server_kill(second, false, false);
    sim_server_kill(&n->servers->stores[0], false, false);
    sim_world_at(n->world, later(n, 10, 3000), restart_server, &n->servers->stores[0], 0);
    return true;
}

static void end_rewrite(void *user, uint64_t arg)
{
    (void)arg;
    sim_server_rewrite_history(user);
}

/* People wait for the operator, so that all of the log is in the table. */
static bool rewrite(struct sim_nemesis *n)
{
    struct sim_server *store = some_store(n);

    if (!store->storage || !sim_server_is_up(store))
        return false;
    *n->silent_until_ms = later(n, 4000, 4001);
    sim_world_at(n->world, *n->silent_until_ms, end_rewrite, store, 0);
    return true;
}

static bool clock_jump(struct sim_nemesis *n)
{
    struct sim_node *node = rng_below(&n->rng, 3) == 0 ? sim_app_node(some_app(n)) : some_daemon(n);

    node->wall_offset_ms = (int64_t)rng_below(&n->rng, 240001) - 120000;
    return true;
}

static bool slow_engine(struct sim_nemesis *n)
{
    struct sim_node *node = some_store(n)->node;

    node->engine_slow_ms = 1 + (int64_t)rng_below(&n->rng, 800);
    sim_world_at(n->world, later(n, 500, 6000), end_slow, node, 0);
    return true;
}

static bool stall(struct sim_nemesis *n)
{
    struct sim_node *node = rng_below(&n->rng, 2) ? some_daemon(n) : sim_app_node(some_app(n));
    return sim_world_stall(n->world, node, NULL, later(n, 50, 12000)) > 0;
}

static bool block(struct sim_nemesis *n)
{
    sim_world_net(n->world)->block_permille = 10 + (uint32_t)rng_below(&n->rng, 400);
    sim_world_at(n->world, later(n, 500, 5000), end_block, n->world, 0);
    return true;
}

static bool fire(struct sim_nemesis *n, enum sim_fault fault)
{
    struct sim_world *w = n->world;

    switch (fault) {
    case FAULT_CUT_CLIENT: return sim_world_cut(w, sim_app_node(some_app(n)), NULL, true) > 0;
    case FAULT_CUT_DAEMONS:
        return sim_world_cut(w, some_router(n)->node, some_store(n)->node, true) > 0;
    case FAULT_HALF_OPEN_CLIENT:
        return sim_world_half_open(w, sim_app_node(some_app(n)), NULL, true) > 0;
    case FAULT_HALF_OPEN_DAEMONS:
        return sim_world_half_open(w, some_router(n)->node, some_store(n)->node, true) > 0;
    case FAULT_STALL: return stall(n);
    case FAULT_PARTITION: return partition(n);
    case FAULT_KILL_ROUTER: return kill_server(n, some_router(n), false);
    case FAULT_DRAIN_ROUTER: return drain(n);
    case FAULT_KILL_PRESENCE: return kill_server(n, &n->servers->presence, false);
    case FAULT_KILL_STORE: return kill_store(n, false);
    case FAULT_POWER_STORE: return kill_store(n, true);
    case FAULT_POWER_MID_WRITE:
    case FAULT_FAIL_SYNC:
    case FAULT_FULL_DISK: return storage_fault(n, fault);
    case FAULT_SLOW_ENGINE: return slow_engine(n);
    case FAULT_RIVAL_STORE: return rival(n);
    case FAULT_KILL_CLIENT: return kill_app(n, false);
    case FAULT_POWER_CLIENT: return kill_app(n, true);
    case FAULT_CLIENT_MID_WRITE: return die_app(n);
    case FAULT_ROLL_BACK_CLIENT: return roll_back(n);
    case FAULT_CLOCK_JUMP: return clock_jump(n);
    case FAULT_BLOCK: return block(n);
    case FAULT_LOSE_PUBLICATION: return lose_publication(n);
    case FAULT_REWRITE_HISTORY: return rewrite(n);
    case FAULT_KINDS: break;
    }
    return false;
}

static void on_fault(void *user, uint64_t arg)
{
    struct sim_nemesis *n = user;
    uint64_t at;

    (void)arg;
    if (!n->active)
        return;
    at = rng_below(&n->rng, n->weight_total);
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        if (at < n->weights[i]) {
            n->counts[i] += fire(n, (enum sim_fault)i);
            break;
        }
        at -= n->weights[i];
    }
    sim_world_at(n->world, later(n, 1, n->pause_max_ms), on_fault, n, 0);
}

void sim_nemesis_begin(struct sim_nemesis *n)
{
    if (n->weight_total == 0)
        return;
    n->active = true;
    sim_world_at(n->world, later(n, 1, n->pause_max_ms), on_fault, n, 0);
}

static void heal_node(struct sim_nemesis *n, struct sim_node *node)
{
    node->engine_slow_ms = 0;
    node->slow_lanes = 0;
    node->wall_offset_ms = 0;
    sim_world_stall(n->world, node, NULL, 0);
}

void sim_nemesis_heal(struct sim_nemesis *n)
{
    struct sim_servers *s = n->servers;

    n->active = false;
    *n->silent_until_ms = 0;
    sim_world_net(n->world)->block_permille = 0;
    sim_world_heal_partitions(n->world);
    if (s->shared) {
        sim_server_kill(&s->stores[SIM_STORES_MAX], false, false);
        sim_server_kill(&s->stores[0], false, false);
    }
    for (uint32_t i = 0; i < s->store_count; i++) {
        if (s->stores[i].storage) {
            sim_storage_set_full(s->stores[i].storage, false);
            sim_storage_crash_at(s->stores[i].storage, UINT32_MAX); /* no more */
        }
        heal_node(n, s->stores[i].node);
        sim_server_start(&s->stores[i]);
        sim_server_lose_nothing(&s->stores[i]);
    }
    for (uint32_t i = 0; i < s->router_count; i++) {
        heal_node(n, s->routers[i].node);
        sim_server_start(&s->routers[i]);
        sim_server_lose_nothing(&s->routers[i]);
    }
    heal_node(n, s->presence.node);
    sim_server_start(&s->presence);
    for (uint32_t i = 0; i < *n->app_count; i++) {
        heal_node(n, sim_app_node(n->apps[i]));
        if (sim_app_is_dying(n->apps[i]))
            sim_app_killed(n->apps[i], false);
        restart_app(n->apps[i], 0);
    }
}
