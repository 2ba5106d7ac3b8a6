#include "server/router/router.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/router/core.h"
#include "server/router/drain.h"
#include "server/router/fanout.h"
#include "server/router/inbound.h"
#include "server/router/output.h"
#include "server/router/peers.h"
#include "server/router/presence_report.h"
#include "server/router/presence_watch.h"
#include "server/router/recheck.h"
#include "server/router/sync.h"

/* --- helpers of all parts --- */

uint32_t router_jitter(struct router *r, uint32_t least_ms, uint32_t most_ms)
{
    return least_ms + (uint32_t)rng_below(&r->rng, (uint64_t)(most_ms - least_ms) + 1);
}

void router_log(const struct router *r, chat_log_level level, const char *format, ...)
{
    char line[256];
    va_list args;

    if (!r->logger)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    log_write(r->logger, level, ROUTER_COMPONENT, "%s", line);
}

static struct router *of(struct machine *m) { return (struct router *)(void *)m; }

/* --- time --- */

static bool is_busy(const struct router *r)
{
    if (r->asks.taken > 0 || r->lost_homes > 0 || r->lost_users > 0 || r->buckets.count > 0 ||
        r->drain.stopping || !list_is_empty(&r->syncs))
        return true;
    for (uint32_t i = 0; i < r->presence_count; i++)
        if (r->presences[i].down_since_ms != MOMENT_NEVER)
            return true;
    return false;
}

static void schedule_tick(struct router *r)
{
    int64_t at_ms = MOMENT_NEVER;

    if (r->drain.stopping && !r->drain.links_told)
        at_ms = r->now.mono_ms + DRAIN_STEP_MS;
    else if (is_busy(r))
        at_ms = r->now.mono_ms + ROUTER_TICK_MS;
    else if (r->presence_count > 0)
        at_ms = r->lease_at_ms;
    if (sweep_deadline(r) < at_ms)
        at_ms = sweep_deadline(r);
    if (at_ms != MOMENT_NEVER && (!wheel_timer_is_set(&r->tick) || r->tick.deadline_ms > at_ms))
        wheel_set(&r->wheel, &r->tick, at_ms);
}

static void look_for_lost_presence(struct router *r)
{
    for (uint32_t i = 0; i < r->presence_count; i++) {
        struct presence_peer *p = &r->presences[i];

        if (p->down_since_ms == MOMENT_NEVER ||
            r->now.mono_ms - p->down_since_ms < r->limits.presence_lost_ms)
            continue;
        p->down_since_ms = MOMENT_NEVER;
        watch_lost(r, p);
    }
}

static void on_tick(struct router *r)
{
    asks_expire(r);
    buckets_sweep(&r->buckets, r->now.mono_ms);
    look_for_lost_presence(r);
    sweep_step(r);
    if (r->now.mono_ms >= r->lease_at_ms) {
        r->lease_at_ms = r->now.mono_ms + r->limits.lease_ms;
        report_lease(r);
    }
}

static void run_timers(struct router *r)
{
    struct wheel_timer *timer;

    wheel_advance(&r->wheel, r->now.mono_ms);
    while ((timer = wheel_pop(&r->wheel)) != NULL) {
        if (timer == &r->tick)
            on_tick(r);
        else
            session_on_timer(
                r, (struct session *)(void *)((char *)timer - offsetof(struct session, timer)));
    }
}

/* --- events --- */

static void start(struct router *r)
{
    r->started = true;
    wheel_init(&r->wheel, r->now.mono_ms);
    r->lease_at_ms = r->now.mono_ms + r->limits.lease_ms;
    r->sweep.due_ms = r->now.mono_ms + SWEEP_STEP_MS;
}

static void on_blocked(struct router *r, struct session *s)
{
    if (s->blocked)
        return;
    s->blocked = true;
    r->stats.blocked++;
    if (s->state != SESSION_CLOSING && !s->doomed)
        list_remove(&s->dirty);
}

static void on_drained(struct router *r, struct session *s)
{
    if (!s->blocked)
        return;
    s->blocked = false;
    r->stats.blocked--;
    watch_resend(r, s);
    output_mark(r, s);
}

static void feed_session(struct router *r, struct session *s, const struct event *event)
{
    switch (event->kind) {
    case EVENT_LINK_MESSAGE: inbound_message(r, s, event->message.bytes, event->message.len); break;
    case EVENT_LINK_BLOCKED: on_blocked(r, s); break;
    case EVENT_LINK_DRAINED: on_drained(r, s); break;
    case EVENT_LINK_CLOSED: session_closed(r, s); break;
    case EVENT_LINK_OPENED:
    case EVENT_TIMER:
    case EVENT_ENGINE_DONE:
    case EVENT_STOP: break;
    }
}

static void dispatch(struct router *r, const struct event *event)
{
    struct session *s;

    if (event->kind == EVENT_STOP) {
        drain_start(r);
    } else if (event->kind == EVENT_LINK_OPENED && event->opened.kind == LINK_CLIENT) {
        session_open(r, event);
    } else if (event->kind == EVENT_TIMER || event->kind == EVENT_LINK_OPENED || event->link == 0) {
        (void)links_feed(&r->links, event);
    } else {
        s = map_get(&r->by_link, event->link);
        if (s)
            feed_session(r, s, event);
        else
            (void)links_feed(&r->links, event);
    }
}

static void router_feed(struct machine *m, const struct event *event)
{
    struct router *r = of(m);

    output_settle(r);
    r->now = event->now;
    if (!r->started)
        start(r);
    if (event->kind == EVENT_TIMER || r->now.mono_ms > r->wheel.now_ms)
        run_timers(r);
    dispatch(r, event);
    output_reap(r);
    drain_step(r);
    schedule_tick(r);
    r->turn_due = true;
}

/* --- effects --- */

/* What is done once for all that was fed. */
static void turn(struct router *r)
{
    r->turn_due = false;
    asks_pump(r);
    rechecks_pump(r);
    syncs_pump(r);
    report_flush(r); /* on a new link the Lease comes before any Watch */
    watch_flush(r);
    output_reap(r);
    report_flush(r);
    schedule_tick(r);
}

static bool poll_refused(struct router *r, struct effect *out)
{
    if (r->refused_count == 0)
        return false;
    *out = (struct effect){
        .kind = EFFECT_CLOSE,
        .link = r->refused[--r->refused_count],
        .close = {.code = CHAT_CLOSE_OVERLOADED, .reason = "overloaded"},
    };
    return true;
}

static bool router_poll(struct machine *m, struct effect *out)
{
    struct router *r = of(m);

    output_settle(r);
    if (!r->started)
        return false;
    if (r->turn_due)
        turn(r);
    if (poll_refused(r, out) || output_poll(r, out) || links_poll(&r->links, out))
        return true;
    if (drain_poll(r)) {
        *out = (struct effect){.kind = EFFECT_STOPPED};
        return true;
    }
    return false;
}

static int64_t router_deadline(const struct machine *m)
{
    const struct router *r = (const struct router *)(const void *)m;
    int64_t own_ms, links_ms;

    if (!r->started)
        return 0;
    own_ms = wheel_next_ms(&r->wheel);
    links_ms = links_deadline(&r->links);
    return own_ms < links_ms ? own_ms : links_ms;
}

static const struct machine_ops machine_ops = {
    .name = "router",
    .feed = router_feed,
    .poll = router_poll,
    .deadline = router_deadline,
};

/* --- life --- */

static void init_parts(struct router *r)
{
    const struct bucket_rate rates[BUCKET_KINDS] = {
        [BUCKET_OPERATIONS] = {r->limits.operations_per_second, r->limits.operations_burst},
        [BUCKET_READS] = {r->limits.reads_per_second, r->limits.reads_burst},
        [BUCKET_SIGNALS] = {r->limits.signals_per_second, r->limits.signals_burst},
    };
    const uint64_t hash_key[2] = {rng_u64(&r->rng), rng_u64(&r->rng)};

    shard_map_init(&r->shards);
    for (uint32_t shard = 0; shard < CHAT_SHARDS_MAX; shard++) {
        list_init(&r->lists[shard].homes);
        list_init(&r->lists[shard].users);
    }
    slab_init(&r->sessions, r->allocator, sizeof(struct session),
              r->limits.sessions_max + ROUTER_REFUSALS);
    slab_init(&r->homes, r->allocator, sizeof(struct home), UINT32_MAX - 1);
    slab_init(&r->asks, r->allocator, sizeof(struct ask), r->limits.requests_max);
    map_init(&r->by_link, r->allocator);
    map_init(&r->by_home, r->allocator);
    map_init(&r->by_user, r->allocator);
    map_init(&r->watched, r->allocator);
    list_init(&r->dirty);
    list_init(&r->doomed);
    list_init(&r->syncs);
    list_init(&r->watch_changes);
    list_init(&r->presence_news);
    arena_init(&r->arena, r->allocator, ROUTER_CLIENT_ARENA);
    arena_init(&r->scratch, r->allocator, ROUTER_SCRATCH_ARENA);
    buckets_init(&r->buckets, r->allocator, rates, r->limits.buckets_max);
    admission_init(&r->admission, r->allocator, hash_key);
    r->admission.rate = r->limits.handshakes_per_second;
    r->admission.burst = r->limits.handshakes_burst;
    r->admission.total = r->limits.preauth_max;
    r->admission.per_address = r->limits.preauth_per_address;
    r->admission.slot_max_ms = r->limits.handshake_slot_max_ms;
}

static chat_status copy_issuers(struct router *r, const struct router_config *config)
{
    if (config->issuer_count == 0)
        return CHAT_OK;
    r->issuers = alloc_zeroed(r->allocator, config->issuer_count * sizeof(*r->issuers));
    if (!r->issuers)
        return CHAT_E_NOMEM;
    for (; r->issuer_count < config->issuer_count; r->issuer_count++) {
        r->issuers[r->issuer_count] = alloc_strdup(r->allocator, config->issuers[r->issuer_count]);
        if (!r->issuers[r->issuer_count])
            return CHAT_E_NOMEM;
    }
    return CHAT_OK;
}

chat_status router_new(const struct router_config *config, struct router **out_router)
{
    const struct chat_allocator *allocator = alloc_or_default(config->allocator);
    struct router *r;
    chat_status status = router_config_check(config);

    if (status != CHAT_OK)
        return status;
    r = alloc_zeroed(allocator, sizeof(*r));
    if (!r)
        return CHAT_E_NOMEM;
    r->machine.ops = &machine_ops;
    r->allocator = allocator;
    r->logger = config->logger;
    r->limits = config->limits;
    r->auth = config->auth;
    rng_seed(&r->rng, config->seed);
    r->node_id = rng_id(&r->rng);
    init_parts(r);
    r->run = fanout_new_run(allocator);
    status = r->run ? copy_issuers(r, config) : CHAT_E_NOMEM;
    if (status == CHAT_OK)
        status = peers_init(r, config);
    if (status != CHAT_OK) {
        router_free(r);
        return status;
    }
    *out_router = r;
    return CHAT_OK;
}

static void sessions_fini(struct router *r)
{
    for (uint32_t i = 0; i < r->sessions.made; i++) {
        struct session *s = router_session(r, i);

        if (!slab_is_taken(&s->item))
            continue;
        outq_fini(&s->out);
        sync_free(r, s);
        if (s->homes)
            alloc_free(r->allocator, s->homes);
        if (s->watches)
            alloc_free(r->allocator, s->watches);
    }
    slab_fini(&r->sessions);
}

void router_free(struct router *r)
{
    if (!r)
        return;
    asks_fini(r);
    sessions_fini(r);
    users_fini(r);
    router_homes_fini(r);
    watch_fini(r);
    slab_fini(&r->asks);
    slab_fini(&r->homes);
    map_fini(&r->by_link);
    map_fini(&r->by_home);
    map_fini(&r->by_user);
    buckets_fini(&r->buckets);
    admission_fini(&r->admission);
    arena_fini(&r->arena);
    arena_fini(&r->scratch);
    peers_fini(r);
    for (uint32_t i = 0; i < r->issuer_count; i++)
        alloc_free(r->allocator, r->issuers[i]);
    if (r->issuers)
        alloc_free(r->allocator, r->issuers);
    if (r->run)
        alloc_free(r->allocator, r->run);
    alloc_free(r->allocator, r);
}

struct machine *router_machine(struct router *router) { return &router->machine; }

bool router_is_ready(const struct router *r)
{
    return r->shards.shard_count > 0 && shard_map_served(&r->shards) == r->shards.shard_count &&
           !r->drain.stopping;
}
