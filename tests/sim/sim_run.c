#include "sim_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_trace.h"

#define APPS_MAX 16u
#define AUDITORS_MAX 8u
#define START_MS 60000  /* to get everybody in, without faults */
#define HEAL_MS 600000  /* to settle after healing: longer is a violation */
#define QUIET_MS 45000  /* after that: heartbeats compare positions meanwhile */
#define SEARCH_MS 60000 /* to look for something when all is quiet */
#define CHAOS_MIN_MS 10000
#define CHAOS_MORE_MS 40000
/* A fast crowd is quiet sooner: faults find as much in its first messages, and the time
 * buys more seeds. Every eighth talks on, for what only long histories show. */
#define TEXTS_MAX 1500u
#define TEXTS_MAX_LONG 10000u
#define LONG_SEEDS 8u

struct run {
    struct sim_world *world;
    struct checker *checker;
    struct sim_servers *servers;
    struct sim_nemesis *nemesis;
    struct sim_crowd crowd;
    struct sim_app *apps[APPS_MAX + AUDITORS_MAX];
    struct sim_cache_disk *disks[APPS_MAX];
    uint32_t app_count;  /* those that talk */
    uint32_t total;      /* with auditors */
    uint32_t directs[4]; /* the other user of each direct that user 0 opens */
    uint32_t direct_count;
    uint32_t texts_max; /* then the talking ends, however early */
    bool quiet;
};

/* --- conditions --- */

static bool servers_ready(void *user) { return sim_servers_ready(((struct run *)user)->servers); }

static bool talked_enough(void *user)
{
    const struct run *r = user;
    return r->crowd.next_text >= r->texts_max;
}

static bool all_live(void *user)
{
    struct run *r = user;

    for (uint32_t i = 0; i < r->total; i++) {
        chat_conn *conn = sim_app_conn(r->apps[i]);
        if (!conn || chat_conn_get_state(conn) != CHAT_CONN_LIVE)
            return false;
    }
    return true;
}

static uint32_t channel_count(chat_conn *conn)
{
    const struct chat_channel *channel;
    uint64_t after = 0;
    uint32_t count = 0;

    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        count++;
    }
    return count;
}

/* User 0 is in every conversation; the groups hold everybody. */
static bool all_joined(void *user)
{
    struct run *r = user;

    for (uint32_t i = 0; i < r->total; i++) {
        uint32_t want = r->crowd.group_count;
        if (sim_app_user(r->apps[i]) == 0)
            want += r->direct_count;
        if (channel_count(sim_app_conn(r->apps[i])) < want)
            return false;
    }
    return true;
}

static bool is_caught_up(struct run *r, struct sim_app *app)
{
    chat_conn *conn = sim_app_conn(app);
    const struct chat_channel *channel;
    uint64_t after = 0;

    if (!sim_app_is_settled(app))
        return false;
    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        if (channel->head_seq < checker_logged_head(r->checker, after))
            return false;
    }
    return true;
}

static bool all_settled(void *user)
{
    struct run *r = user;

    for (uint32_t i = 0; i < r->total; i++) {
        if (!is_caught_up(r, r->apps[i]))
            return false;
    }
    return true;
}

static bool all_searched(void *user)
{
    struct run *r = user;

    for (uint32_t i = 0; i < r->app_count; i++) {
        if (!sim_app_has_searched(r->apps[i]))
            return false;
    }
    return true;
}

/* --- phases --- */

static bool wait_for(struct run *r, bool (*done)(void *user), int64_t limit_ms, const char *what)
{
    bool ended = sim_world_run(r->world, sim_world_now_ms(r->world) + limit_ms, done, r);

    if (ended && done(r))
        return true;
    checker_violation(r->checker, ended ? CHECK_RESOLVED : CHECK_LIVE, "not %s after %d s", what,
                      (int)(limit_ms / 1000));
    if (!r->quiet) {
        sim_servers_describe(r->servers);
        for (uint32_t i = 0; i < r->total; i++)
            sim_app_describe(r->apps[i]);
    }
    return false;
}

static void add_app(struct run *r, uint32_t user, uint32_t device, bool auditor)
{
    struct sim_app_config config = {
        .crowd = &r->crowd, .user = user, .device = device, .auditor = auditor};
    struct rng *rng = sim_world_rng(r->world);

    /* Some devices keep their cache in memory: they come back as new ones. */
    if (!auditor && rng_below(rng, 5) != 0) {
        r->disks[r->total] = sim_cache_disk_new(rng_u64(rng));
        config.disk = r->disks[r->total];
    }
    r->apps[r->total] = sim_app_new(&config);
    if (sim_app_start(r->apps[r->total]) != CHAT_OK)
        checker_violation(r->checker, CHECK_LIVE, "a new cache does not open");
    r->total++;
}

static void gather_people(struct run *r)
{
    struct rng *rng = sim_world_rng(r->world);

    r->crowd.user_count = 2 + (uint32_t)rng_below(rng, 4);
    for (uint32_t user = 0; user < r->crowd.user_count; user++) {
        uint32_t devices = 1 + (rng_below(rng, 3) == 0);
        for (uint32_t device = 0; device < devices; device++)
            add_app(r, user, device, false);
    }
    r->app_count = r->total;
}

static bool open_conversations(struct run *r)
{
    chat_conn *conn = sim_app_conn(r->apps[0]);
    struct rng *rng = sim_world_rng(r->world);
    const struct chat_channel *channel;
    uint64_t others[SIM_NODES_MAX], ticket, after = 0;
    uint32_t count = 0, groups = 1 + (uint32_t)rng_below(rng, 3);

    for (uint32_t i = 1; i < r->crowd.user_count; i++)
        others[count++] = r->crowd.user_ids[i];
    for (uint32_t i = 0; i < groups; i++)
        (void)!chat_conn_create_group(conn, "group", 5, others, count, &ticket);
    r->crowd.group_count = groups;
    for (uint32_t i = 0; i < count && i < 2; i++) {
        (void)!chat_conn_open_direct(conn, others[i], &ticket);
        r->direct_count++;
    }
    sim_app_touch(r->apps[0]);
    if (!wait_for(r, all_joined, START_MS, "joined"))
        return false;
    groups = 0;
    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        if (channel->kind == CHAT_HOME_GROUP)
            r->crowd.group_ids[groups++] = channel->home_id;
    }
    return true;
}

static void start_servers(struct run *r)
{
    for (uint32_t i = 0; i < r->servers->store_count; i++)
        sim_server_start(&r->servers->stores[i]);
    sim_server_start(&r->servers->presence);
    for (uint32_t i = 0; i < r->servers->router_count; i++)
        sim_server_start(&r->servers->routers[i]);
}

static void audit(struct run *r)
{
    for (uint32_t user = 0; user < r->crowd.user_count; user++)
        add_app(r, user, 99, true);
    if (!wait_for(r, all_settled, HEAL_MS, "settled with auditors"))
        return;
    sim_world_run(r->world, sim_world_now_ms(r->world) + QUIET_MS, NULL, NULL);
    r->crowd.searching = true;
    if (!wait_for(r, all_searched, SEARCH_MS, "searched"))
        return;
    for (uint32_t i = r->app_count; i < r->total; i++)
        sim_app_report(r->apps[i], true);
    for (uint32_t i = 0; i < r->total; i++)
        sim_app_report(r->apps[i], false);
    checker_judge(r->checker);
}

static void live_through(struct run *r)
{
    struct rng *rng = sim_world_rng(r->world);
    int64_t chaos_ms = CHAOS_MIN_MS + (int64_t)rng_below(rng, CHAOS_MORE_MS);

    start_servers(r);
    if (!wait_for(r, servers_ready, START_MS, "ready"))
        return;
    gather_people(r);
    if (!wait_for(r, all_live, START_MS, "live") || !open_conversations(r))
        return;
    r->crowd.talking = true;
    sim_nemesis_begin(r->nemesis);
    sim_world_run(r->world, sim_world_now_ms(r->world) + chaos_ms, talked_enough, r);
    r->crowd.talking = false;
    sim_nemesis_heal(r->nemesis);
    if (wait_for(r, all_settled, HEAL_MS, "settled"))
        audit(r);
}

static void begin(struct run *r, uint64_t seed, bool quiet)
{
    struct rng *rng;

    memset(r, 0, sizeof(*r));
    r->quiet = quiet;
    r->texts_max = seed % LONG_SEEDS == 0 ? TEXTS_MAX_LONG : TEXTS_MAX;
    r->world = sim_world_new(NULL, seed);
    if (!r->world)
        exit(2);
    sim_world_tap(r->world, sim_trace);
    r->checker = checker_new();
    checker_set_quiet(r->checker, quiet);
    rng = sim_world_rng(r->world);
    r->servers = sim_servers_new(r->world, r->checker, rng_below(rng, 5) == 0);
    if (r->servers->shared)
        checker_excuse_superseded(r->checker);
    r->crowd = (struct sim_crowd){
        .world = r->world,
        .checker = r->checker,
        .routers = r->servers->router_nodes,
        .router_count = r->servers->router_count,
        .pause_max_ms = 50 + (int64_t)rng_below(rng, 3000),
        .token_life_ms = rng_below(rng, 3) == 0 ? 30000 : 3600000,
    };
    sim_world_net(r->world)->delay_max_ms = 1 + (int64_t)rng_below(rng, 80);
    sim_world_net(r->world)->engine_max_ms = 1 + (int64_t)rng_below(rng, 20);
}

static void finish(struct run *r)
{
    sim_nemesis_free(r->nemesis);
    for (uint32_t i = 0; i < r->total; i++)
        sim_app_free(r->apps[i]);
    for (uint32_t i = 0; i < APPS_MAX; i++)
        sim_cache_disk_free(r->disks[i]);
    sim_servers_free(r->servers);
    checker_free(r->checker);
    sim_world_free(r->world);
}

void sim_run(uint64_t seed, bool quiet, struct sim_result *out)
{
    struct run *r = malloc(sizeof(*r));

    if (!r)
        exit(2);
    begin(r, seed, quiet);
    /* The nemesis looks at the apps as they are when it strikes. */
    r->nemesis = sim_nemesis_new(r->servers, r->apps, &r->app_count, &r->crowd);
    live_through(r);
    /* Of two owners one is behind the other until it is fenced, and a router may ask either. */
    if (!r->servers->shared && sim_nemesis_counts(r->nemesis)[FAULT_LOSE_PUBLICATION] == 0)
        sim_servers_check(r->servers);

    memset(out, 0, sizeof(*out));
    out->seed = seed;
    out->trace = sim_world_trace(r->world);
    for (unsigned i = 0; i < CHECK_RULES; i++)
        out->violations[i] = checker_violations(r->checker, (enum check_rule)i);
    out->total = checker_total(r->checker);
    memcpy(out->faults, sim_nemesis_counts(r->nemesis), sizeof(out->faults));
    out->counts = *checker_get_counts(r->checker);
    out->world = *sim_world_counts(r->world);
    out->gaps = r->crowd.gaps;
    out->evictions = r->crowd.evictions;
    out->rereads = r->crowd.rereads;
    out->resets = r->crowd.resets;
    out->hits = r->crowd.hits;
    out->shared_caches = r->crowd.shared;
    out->conflicts = r->servers->conflicts;
    out->virtual_ms = sim_world_now_ms(r->world);
    out->shared = r->servers->shared;
    finish(r);
    free(r);
}
