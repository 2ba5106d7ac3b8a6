#include "testkit/sim_world.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "testkit/sim_world_inner.h"

struct sim_request {
    struct sim_request *next;
    struct engine_request *request;
    struct sim_node *node;
    uint32_t generation;
    uint32_t lane;
};

/* --- small things --- */

void *sim_world_alloc(struct sim_world *w, size_t size)
{
    void *memory = alloc_zeroed(w->allocator, size);

    if (!memory)
        sim_world_fail(w, CHAT_E_NOMEM);
    return memory;
}

void sim_world_fail(struct sim_world *w, chat_status status)
{
    if (w->status == CHAT_OK)
        w->status = status;
}

chat_status sim_world_status(const struct sim_world *w) { return w->status; }

void sim_mix(struct sim_world *w, uint64_t value) { w->trace = hash_pair(w->trace, value); }

int64_t sim_between(struct sim_world *w, int64_t min, int64_t max)
{
    return min + (int64_t)rng_below(&w->rng, (uint64_t)(max - min) + 1);
}

bool sim_chance(struct sim_world *w, uint32_t permille)
{
    return permille > 0 && rng_below(&w->rng, 1000) < permille;
}

struct sim_world *sim_world_new(const struct chat_allocator *allocator, uint64_t seed)
{
    struct sim_world *w = alloc_zeroed(alloc_or_default(allocator), sizeof(*w));

    if (!w)
        return NULL;
    w->allocator = alloc_or_default(allocator);
    rng_seed(&w->rng, seed);
    sim_queue_init(&w->queue, w->allocator);
    w->now_ms = SIM_WORLD_START_MS;
    w->next_link_id = 1;
    w->net = (struct sim_net){
        .delay_min_ms = 0, .delay_max_ms = 5, .engine_min_ms = 0, .engine_max_ms = 3};
    return w;
}

struct rng *sim_world_rng(struct sim_world *w) { return &w->rng; }
struct sim_net *sim_world_net(struct sim_world *w) { return &w->net; }
const struct sim_counts *sim_world_counts(const struct sim_world *w) { return &w->counts; }
int64_t sim_world_now_ms(const struct sim_world *w) { return w->now_ms; }
uint64_t sim_world_trace(const struct sim_world *w) { return w->trace; }
uint32_t sim_world_in_flight(const struct sim_world *w) { return w->in_flight; }
void sim_world_tap(struct sim_world *w, sim_tap_fn tap) { w->tap = tap; }
void sim_world_note(struct sim_world *w, uint64_t value) { sim_mix(w, value); }

void sim_world_at(struct sim_world *w, int64_t at_ms, sim_call_fn fn, void *user, uint64_t arg)
{
    if (at_ms < w->now_ms)
        at_ms = w->now_ms;
    if (!sim_queue_push(&w->queue,
                        (struct sim_item){.at_ms = at_ms, .fn = fn, .user = user, .arg = arg}))
        sim_world_fail(w, CHAT_E_NOMEM);
}

void sim_launch(struct sim_world *w, int64_t at_ms, sim_call_fn fn, void *user, uint64_t arg)
{
    w->in_flight++;
    sim_world_at(w, at_ms, fn, user, arg);
}

void sim_landed(struct sim_world *w) { w->in_flight--; }

struct sim_node *sim_world_add(struct sim_world *w, const char *name,
                               const struct sim_node_ops *ops, void *user)
{
    struct sim_node *node = &w->nodes[w->node_count];
    if (w->node_count == SIM_NODES_MAX)
        return NULL;
    *node = (struct sim_node){
        .world = w, .ops = ops, .user = user, .name = name, .index = w->node_count++};
    return node;
}

/* Wall time starts in 2024, after the epoch of ids. */
struct moment sim_node_now(const struct sim_node *node)
{
    return (struct moment){
        .mono_ms = node->world->now_ms,
        .wall_ms = INT64_C(1710000000000) + node->world->now_ms + node->wall_offset_ms,
    };
}

void sim_feed(struct sim_node *node, struct event *event)
{
    struct sim_world *w = node->world;
    event->now = sim_node_now(node);
    w->counts.events++;
    sim_mix(w, hash_pair((uint64_t)w->now_ms, (uint64_t)node->index * 16 + (uint64_t)event->kind));
    machine_feed(node->machine, event);
}

/* --- engine lanes --- */

static void start_lane(struct sim_node *node, uint32_t lane);

static void on_executed(void *user, uint64_t arg)
{
    struct sim_request *r = user;
    struct sim_node *node = r->node;
    struct event event = {.kind = EVENT_ENGINE_DONE};
    bool alive = node->machine && node->generation == r->generation;

    (void)arg;
    sim_landed(node->world);
    event.engine = r->request;
    if (alive)
        node->lanes[r->lane].busy = false;
    uint32_t lane = r->lane;
    alloc_free(node->world->allocator, r);
    if (!alive)
        return;
    sim_feed(node, &event);
    start_lane(node, lane);
    sim_turn(node);
}

static void on_execute(void *user, uint64_t arg)
{
    struct sim_request *r = user;
    struct sim_node *node = r->node;
    struct sim_world *w = node->world;

    (void)arg;
    sim_landed(w);
    if (!node->machine || node->generation != r->generation ||
        !node->ops->execute(node, r->request)) {
        alloc_free(w->allocator, r);
        return;
    }
    sim_launch(w, w->now_ms + sim_between(w, w->net.engine_min_ms, w->net.engine_max_ms),
               on_executed, r, 0);
}

static void start_lane(struct sim_node *node, uint32_t lane)
{
    struct sim_world *w = node->world;
    struct sim_lane *l = &node->lanes[lane];
    struct sim_request *r = l->first;
    bool is_slow = node->slow_lanes == 0 || (node->slow_lanes >> lane / SIM_LANE_GROUP & 1);

    if (l->busy || !r)
        return;
    l->first = r->next;
    if (!l->first)
        l->last = NULL;
    l->busy = true;
    sim_launch(w,
               w->now_ms + (is_slow ? node->engine_slow_ms : 0) +
                   sim_between(w, w->net.engine_min_ms, w->net.engine_max_ms),
               on_execute, r, 0);
}

static void submit(struct sim_node *node, struct engine_request *request)
{
    struct sim_request *r = sim_world_alloc(node->world, sizeof(*r));
    struct sim_lane *l;

    if (!r)
        return;
    *r = (struct sim_request){.request = request, .node = node, .generation = node->generation};
    r->lane = node->ops->lane(node, request) % SIM_LANES_MAX;
    node->world->counts.engine_requests++;
    l = &node->lanes[r->lane];
    if (l->last)
        l->last->next = r;
    else
        l->first = r;
    l->last = r;
    start_lane(node, r->lane);
}

/* --- turns --- */

static void on_timer(void *user, uint64_t generation)
{
    struct sim_node *node = user;
    struct event event = {.kind = EVENT_TIMER};

    if (!node->machine || node->generation != (uint32_t)generation)
        return;
    if (!node->timer_armed || node->timer_at_ms > node->world->now_ms)
        return; /* moved: another is on its way */
    node->timer_armed = false;
    sim_feed(node, &event);
    sim_turn(node);
}

static void arm_timer(struct sim_node *node)
{
    int64_t at = machine_deadline(node->machine);

    if (at == MOMENT_NEVER)
        return;
    if (at <= node->world->now_ms)
        at = node->world->now_ms + 1; /* a machine that is always due must not stop time */
    if (node->timer_armed && node->timer_at_ms <= at)
        return;
    node->timer_armed = true;
    node->timer_at_ms = at;
    sim_world_at(node->world, at, on_timer, node, node->generation);
}

static void carry_out(struct sim_node *node, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND: sim_links_send(node, effect); break;
    case EFFECT_CLOSE: sim_links_close(node, effect); break;
    case EFFECT_DIAL: sim_links_dial(node, effect); break;
    case EFFECT_ENGINE: submit(node, effect->engine); break;
    case EFFECT_STOPPED:
        if (node->ops->stopped)
            node->ops->stopped(node);
        break;
    }
}

/* Polls the machine dry, then lets the application look. */
void sim_turn(struct sim_node *node)
{
    struct effect effect;
    uint32_t polls = 0;

    if (node->in_turn || !node->machine)
        return;
    node->in_turn = true;
    while (node->machine && machine_poll(node->machine, &effect)) {
        carry_out(node, &effect);
        if (++polls > SIM_POLLS_MAX) {
            sim_world_fail(node->world, CHAT_E_STATE);
            break;
        }
    }
    if (node->machine && node->ops->after_turn) {
        node->ops->after_turn(node);
        while (node->machine && polls++ < SIM_POLLS_MAX && machine_poll(node->machine, &effect))
            carry_out(node, &effect);
    }
    node->in_turn = false;
    if (node->machine)
        arm_timer(node);
}

void sim_node_start(struct sim_node *node, struct machine *machine)
{
    node->machine = machine;
    node->generation++;
    node->timer_armed = false;
    memset(node->lanes, 0, sizeof(node->lanes));
    sim_node_kick(node);
}

void sim_node_kick(struct sim_node *node)
{
    struct event event = {.kind = EVENT_TIMER};
    if (!node->machine)
        return;
    sim_feed(node, &event);
    sim_turn(node);
}

void sim_node_stop(struct sim_node *node)
{
    struct event event = {.kind = EVENT_STOP};
    if (!node->machine)
        return;
    sim_feed(node, &event);
    sim_turn(node);
}

static void drop_lanes(struct sim_node *node)
{
    for (uint32_t i = 0; i < SIM_LANES_MAX; i++) {
        while (node->lanes[i].first) {
            struct sim_request *r = node->lanes[i].first;
            node->lanes[i].first = r->next;
            alloc_free(node->world->allocator, r);
        }
    }
    memset(node->lanes, 0, sizeof(node->lanes));
}

struct machine *sim_node_crash(struct sim_node *node, bool silent)
{
    struct sim_world *w = node->world;
    struct machine *machine = node->machine;

    node->machine = NULL;
    node->generation++;
    node->timer_armed = false;
    drop_lanes(node);
    sim_links_drop_node(node, silent);
    sim_mix(w, hash_pair((uint64_t)w->now_ms, node->index));
    return machine;
}

bool sim_world_run(struct sim_world *w, int64_t until_ms, bool (*done)(void *user), void *user)
{
    uint64_t limit = w->counts.events + SIM_EVENTS_MAX;
    struct sim_item item;

    while (w->status == CHAT_OK && sim_queue_peek(&w->queue, &item) && item.at_ms <= until_ms) {
        sim_queue_pop(&w->queue);
        w->now_ms = item.at_ms;
        item.fn(item.user, item.arg);
        if (done && done(user))
            return true;
        if (w->counts.events > limit)
            return false;
    }
    if (w->status != CHAT_OK)
        return false;
    if (w->now_ms < until_ms)
        w->now_ms = until_ms;
    return true;
}

void sim_world_free(struct sim_world *w)
{
    struct sim_item item;

    if (!w)
        return;
    for (uint32_t i = 0; i < w->node_count; i++)
        drop_lanes(&w->nodes[i]);
    while (sim_queue_peek(&w->queue, &item)) {
        sim_queue_pop(&w->queue);
        if (item.fn == on_executed || item.fn == on_execute)
            alloc_free(w->allocator, item.user);
    }
    sim_links_free(w);
    sim_queue_fini(&w->queue);
    alloc_free(w->allocator, w);
}
