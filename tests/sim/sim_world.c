#include "sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim_queue.h"

#define EVENTS_MAX UINT64_C(20000000)

struct message {
    struct message *next;
    size_t len;
    uint8_t bytes[];
};

/* One direction of a link. */
struct way {
    struct message *first, *last; /* sent, not yet arrived */
    int64_t last_at_ms;           /* arrivals keep their order */
    bool blocked;                 /* its sender was told so */
};

struct link {
    link_id id[2]; /* as each end calls it; 0: that end is closed */
    struct sim_node *end[2];
    uint32_t generation[2];
    uint32_t peer; /* of the dialing end, end[0] */
    bool half_open;
    bool open;
    int64_t stalled_until_ms;
    struct way way[2]; /* way[e]: sent by end e */
    uint32_t serial;
};

struct sim_request {
    struct sim_request *next;
    struct engine_request *request;
    struct sim_node *node;
    uint32_t generation;
    uint32_t lane;
};

struct partition {
    const struct sim_node *a, *b;
};

struct sim_world {
    struct rng rng;
    struct sim_net net;
    struct sim_counts counts;
    int64_t now_ms;
    uint64_t trace;
    uint64_t next_link_id;
    struct sim_queue queue;
    struct sim_node nodes[SIM_NODES_MAX];
    uint32_t node_count;
    struct link links[SIM_LINKS_MAX];
    uint32_t link_serial;
    struct partition partitions[SIM_NODES_MAX];
    uint32_t partition_count;
};

static void turn(struct sim_node *node);

/* --- small things --- */

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "simulator: out of memory\n");
        exit(2);
    }
    return memory;
}

static void mix(struct sim_world *w, uint64_t value) { w->trace = hash_pair(w->trace, value); }

static int64_t between(struct sim_world *w, int64_t min, int64_t max)
{
    return min + (int64_t)rng_below(&w->rng, (uint64_t)(max - min) + 1);
}

static bool chance(struct sim_world *w, uint32_t permille)
{
    return permille > 0 && rng_below(&w->rng, 1000) < permille;
}

struct sim_world *sim_world_new(uint64_t seed)
{
    struct sim_world *w = must(calloc(1, sizeof(*w)));
    rng_seed(&w->rng, seed);
    sim_queue_init(&w->queue);
    w->now_ms = 1000;
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
void sim_world_note(struct sim_world *w, uint64_t value) { mix(w, value); }

void sim_world_at(struct sim_world *w, int64_t at_ms, sim_call_fn fn, void *user, uint64_t arg)
{
    if (at_ms < w->now_ms)
        at_ms = w->now_ms;
    sim_queue_push(&w->queue,
                   (struct sim_item){.at_ms = at_ms, .fn = fn, .user = user, .arg = arg});
}

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

/* --- links --- */

static struct link *link_of(struct sim_world *w, const struct sim_node *node, link_id id,
                            unsigned *out_end)
{
    /* Ids are given in pairs and slots are reused modulo the table. */
    struct link *l = &w->links[(id >> 1) % SIM_LINKS_MAX];
    for (unsigned e = 0; e < 2; e++) {
        if (l->open && l->id[e] == id && l->end[e] == node) {
            *out_end = e;
            return l;
        }
    }
    return NULL;
}

static void drop_messages(struct way *way)
{
    while (way->first) {
        struct message *m = way->first;
        way->first = m->next;
        free(m);
    }
    way->last = NULL;
}

static void release_if_dead(struct link *l)
{
    if (l->id[0] || l->id[1])
        return;
    drop_messages(&l->way[0]);
    drop_messages(&l->way[1]);
    l->open = false;
}

static bool end_is_up(const struct link *l, unsigned e)
{
    return l->id[e] && l->end[e]->machine && l->end[e]->generation == l->generation[e];
}

static void feed(struct sim_node *node, struct event *event)
{
    struct sim_world *w = node->world;
    event->now = sim_node_now(node);
    w->counts.events++;
    mix(w, hash_pair((uint64_t)w->now_ms, (uint64_t)node->index * 16 + (uint64_t)event->kind));
    machine_feed(node->machine, event);
}

/* Tells end e that the link is over. */
static void close_end(struct link *l, unsigned e, uint16_t code)
{
    struct event event = {.kind = EVENT_LINK_CLOSED, .link = l->id[e]};
    struct sim_node *node = l->end[e];

    if (!l->id[e])
        return;
    event.closed.peer = e == 0 ? l->peer : 0;
    event.closed.code = code;
    bool up = end_is_up(l, e);
    l->id[e] = 0;
    drop_messages(&l->way[1 - e]);
    release_if_dead(l);
    if (up) {
        feed(node, &event);
        turn(node);
    }
}

/* arg: slot and serial of the link, the end, and the code. */
static uint64_t pack_link(const struct sim_world *w, const struct link *l, unsigned e,
                          uint16_t code)
{
    return (uint64_t)(l - w->links) | (uint64_t)l->serial << 12 | (uint64_t)e << 44 |
           (uint64_t)code << 45;
}

static struct link *unpack_link(struct sim_world *w, uint64_t arg, unsigned *out_e,
                                uint16_t *out_code)
{
    struct link *l = &w->links[arg & (SIM_LINKS_MAX - 1)];
    *out_e = (unsigned)(arg >> 44) & 1;
    *out_code = (uint16_t)(arg >> 45);
    return l->open && l->serial == (uint32_t)(arg >> 12) ? l : NULL;
}

static void on_close(void *user, uint64_t arg)
{
    unsigned e;
    uint16_t code;
    struct link *l = unpack_link(user, arg, &e, &code);
    if (l)
        close_end(l, e, code);
}

static void schedule_close(struct sim_world *w, struct link *l, unsigned e, uint16_t code)
{
    int64_t at = w->now_ms + between(w, w->net.delay_min_ms, w->net.delay_max_ms);
    if (at < l->way[1 - e].last_at_ms)
        at = l->way[1 - e].last_at_ms; /* what was sent before arrives before */
    sim_world_at(w, at, on_close, w, pack_link(w, l, e, code));
}

static void on_arrival(void *user, uint64_t arg)
{
    struct sim_world *w = user;
    unsigned e;
    uint16_t code;
    struct link *l = unpack_link(w, arg, &e, &code);
    struct message *m;

    if (!l || l->half_open)
        return;
    m = l->way[1 - e].first;
    if (!m)
        return;
    if (l->stalled_until_ms > w->now_ms) {
        sim_world_at(w, l->stalled_until_ms, on_arrival, w, arg);
        return;
    }
    l->way[1 - e].first = m->next;
    if (!m->next)
        l->way[1 - e].last = NULL;
    if (end_is_up(l, e)) {
        struct event event = {.kind = EVENT_LINK_MESSAGE, .link = l->id[e]};
        event.message.bytes = m->bytes;
        event.message.len = m->len;
        mix(w, hash_crc32c(0, m->bytes, m->len));
        feed(l->end[e], &event);
        turn(l->end[e]);
    }
    free(m);
}

static void on_drained(void *user, uint64_t arg)
{
    unsigned e;
    uint16_t code;
    struct link *l = unpack_link(user, arg, &e, &code);
    struct event event = {.kind = EVENT_LINK_DRAINED};

    if (!l || !l->way[e].blocked || l->half_open)
        return;
    l->way[e].blocked = false;
    if (!end_is_up(l, e))
        return;
    event.link = l->id[e];
    feed(l->end[e], &event);
    turn(l->end[e]);
}

static void send_message(struct sim_node *node, const struct effect *effect)
{
    struct sim_world *w = node->world;
    unsigned e;
    struct link *l = link_of(w, node, effect->link, &e);
    struct message *m;
    size_t at = 0;
    int64_t when;

    if (!l)
        return; /* closed meanwhile: the event is on its way */
    m = must(malloc(sizeof(*m) + effect->send.bytes));
    m->next = NULL;
    m->len = effect->send.bytes;
    for (size_t i = 0; i < effect->send.count; i++) {
        memcpy(m->bytes + at, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        at += effect->send.frames[i]->len;
    }
    w->counts.messages++;
    w->counts.bytes += m->len;
    if (l->way[e].last)
        l->way[e].last->next = m;
    else
        l->way[e].first = m;
    l->way[e].last = m;
    when = w->now_ms + between(w, w->net.delay_min_ms, w->net.delay_max_ms);
    if (when < l->way[e].last_at_ms)
        when = l->way[e].last_at_ms;
    l->way[e].last_at_ms = when;
    sim_world_at(w, when, on_arrival, w, pack_link(w, l, 1 - e, 0));

    if (chance(w, w->net.block_permille) && !l->way[e].blocked) {
        struct event event = {.kind = EVENT_LINK_BLOCKED, .link = effect->link};
        l->way[e].blocked = true;
        w->counts.blocks++;
        feed(node, &event);
        sim_world_at(w, w->now_ms + between(w, 1, 300), on_drained, w, pack_link(w, l, e, 0));
    }
}

static bool partitioned(const struct sim_world *w, const struct sim_node *a,
                        const struct sim_node *b)
{
    for (uint32_t i = 0; i < w->partition_count; i++) {
        const struct partition *p = &w->partitions[i];
        if ((p->a == a && p->b == b) || (p->a == b && p->b == a))
            return true;
    }
    return false;
}

static struct link *new_link(struct sim_world *w, struct sim_node *from, struct sim_node *to,
                             uint32_t peer)
{
    uint64_t pair = w->next_link_id;
    struct link *l;

    for (uint32_t tries = 0; w->links[pair % SIM_LINKS_MAX].open; tries++, pair++) {
        if (tries == SIM_LINKS_MAX)
            return NULL;
    }
    w->next_link_id = pair + 1;
    l = &w->links[pair % SIM_LINKS_MAX];
    *l = (struct link){
        .id = {pair << 1, pair << 1 | 1},
        .end = {from, to},
        .generation = {from->generation, to->generation},
        .peer = peer,
        .open = true,
        .serial = ++w->link_serial,
    };
    return l;
}

static void on_dialed(void *user, uint64_t arg)
{
    struct sim_world *w = user;
    struct sim_node *from = &w->nodes[arg & 0xff];
    uint32_t peer = (uint32_t)(arg >> 8) & 0xff;
    uint32_t generation = (uint32_t)(arg >> 16);
    struct sim_node *to = from->peers[peer];
    struct event event = {.kind = EVENT_LINK_OPENED};
    struct link *l = NULL;
    uint32_t serial;

    if (!from->machine || from->generation != generation)
        return;
    if (to && to->machine && !to->refuses && !partitioned(w, from, to) &&
        !chance(w, w->net.dial_fail_permille))
        l = new_link(w, from, to, peer);
    if (!l) {
        w->counts.dials_failed++;
        event = (struct event){.kind = EVENT_LINK_CLOSED};
        event.closed.peer = peer;
        event.closed.code = 1006;
        feed(from, &event);
        turn(from);
        return;
    }
    w->counts.dials++;
    serial = l->serial;
    event.link = l->id[1];
    event.opened.kind = from->peer_is_client ? LINK_CLIENT : LINK_PEER;
    event.opened.peer = 0;
    event.opened.address = "192.0.2.1";
    feed(to, &event);
    turn(to);
    if (!l->open || l->serial != serial || !l->id[0])
        return;
    event.link = l->id[0];
    event.opened.kind = LINK_DIALED;
    event.opened.peer = peer;
    feed(from, &event);
    turn(from);
}

static void close_link(struct sim_node *node, const struct effect *effect)
{
    struct sim_world *w = node->world;
    unsigned e;
    struct link *l = link_of(w, node, effect->link, &e);

    if (!l)
        return;
    if (l->half_open) {
        schedule_close(w, l, e, 1006);
        return;
    }
    /* The other end hears after what was sent; our own close comes back after that. */
    schedule_close(w, l, 1 - e, effect->close.code);
    schedule_close(w, l, e, effect->close.code);
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
    event.engine = r->request;
    if (alive)
        node->lanes[r->lane].busy = false;
    uint32_t lane = r->lane;
    free(r);
    if (!alive)
        return;
    feed(node, &event);
    start_lane(node, lane);
    turn(node);
}

static void on_execute(void *user, uint64_t arg)
{
    struct sim_request *r = user;
    struct sim_node *node = r->node;
    struct sim_world *w = node->world;

    (void)arg;
    if (!node->machine || node->generation != r->generation ||
        !node->ops->execute(node, r->request)) {
        free(r);
        return;
    }
    sim_world_at(w, w->now_ms + between(w, w->net.engine_min_ms, w->net.engine_max_ms), on_executed,
                 r, 0);
}

static void start_lane(struct sim_node *node, uint32_t lane)
{
    struct sim_world *w = node->world;
    struct sim_lane *l = &node->lanes[lane];
    struct sim_request *r = l->first;

    if (l->busy || !r)
        return;
    l->first = r->next;
    if (!l->first)
        l->last = NULL;
    l->busy = true;
    sim_world_at(w,
                 w->now_ms + node->engine_slow_ms +
                     between(w, w->net.engine_min_ms, w->net.engine_max_ms),
                 on_execute, r, 0);
}

static void submit(struct sim_node *node, struct engine_request *request)
{
    struct sim_request *r = must(calloc(1, sizeof(*r)));
    struct sim_lane *l;

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
    feed(node, &event);
    turn(node);
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
    struct sim_world *w = node->world;

    switch (effect->kind) {
    case EFFECT_SEND: send_message(node, effect); break;
    case EFFECT_CLOSE: close_link(node, effect); break;
    case EFFECT_DIAL:
        sim_world_at(w, w->now_ms + between(w, w->net.delay_min_ms, w->net.delay_max_ms), on_dialed,
                     w,
                     node->index | (uint64_t)(effect->dial.peer & 0xff) << 8 |
                         (uint64_t)node->generation << 16);
        break;
    case EFFECT_ENGINE: submit(node, effect->engine); break;
    case EFFECT_STOPPED:
        if (node->ops->stopped)
            node->ops->stopped(node);
        break;
    }
}

/* Polls the machine dry, then lets the application look. */
static void turn(struct sim_node *node)
{
    struct effect effect;
    uint32_t polls = 0;

    if (node->in_turn || !node->machine)
        return;
    node->in_turn = true;
    while (node->machine && machine_poll(node->machine, &effect)) {
        carry_out(node, &effect);
        if (++polls > SIM_POLLS_MAX) {
            fprintf(stderr, "simulator: %s gives effects without end\n", node->name);
            abort();
        }
    }
    if (node->machine && node->ops->after_turn) {
        node->ops->after_turn(node);
        while (node->machine && machine_poll(node->machine, &effect))
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
    feed(node, &event);
    turn(node);
}

void sim_node_stop(struct sim_node *node)
{
    struct event event = {.kind = EVENT_STOP};
    if (!node->machine)
        return;
    feed(node, &event);
    turn(node);
}

static void drop_lanes(struct sim_node *node)
{
    for (uint32_t i = 0; i < SIM_LANES_MAX; i++) {
        while (node->lanes[i].first) {
            struct sim_request *r = node->lanes[i].first;
            node->lanes[i].first = r->next;
            free(r);
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
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        struct link *l = &w->links[i];
        for (unsigned e = 0; l->open && e < 2; e++) {
            if (l->end[e] != node || !l->id[e])
                continue;
            l->id[e] = 0;
            if (silent)
                l->half_open = true;
            else if (l->id[1 - e])
                schedule_close(w, l, 1 - e, 1006);
            release_if_dead(l);
        }
    }
    mix(w, hash_pair((uint64_t)w->now_ms, node->index));
    return machine;
}

/* --- faults --- */

static bool joins(const struct link *l, const struct sim_node *a, const struct sim_node *b)
{
    if (!l->open || (!l->id[0] && !l->id[1]))
        return false;
    return ((!a || l->end[0] == a) && (!b || l->end[1] == b)) ||
           ((!a || l->end[1] == a) && (!b || l->end[0] == b));
}

typedef void (*link_fault_fn)(struct sim_world *w, struct link *l, int64_t arg);

static uint32_t each_link(struct sim_world *w, const struct sim_node *a, const struct sim_node *b,
                          bool all, link_fault_fn fault, int64_t arg)
{
    uint32_t start = (uint32_t)rng_below(&w->rng, SIM_LINKS_MAX);
    uint32_t hit = 0;

    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        struct link *l = &w->links[(start + i) % SIM_LINKS_MAX];
        if (!joins(l, a, b))
            continue;
        fault(w, l, arg);
        hit++;
        if (!all)
            break;
    }
    return hit;
}

static void fault_cut(struct sim_world *w, struct link *l, int64_t arg)
{
    (void)arg;
    w->counts.cuts++;
    drop_messages(&l->way[0]);
    drop_messages(&l->way[1]);
    l->way[0].last_at_ms = l->way[1].last_at_ms = 0;
    schedule_close(w, l, 0, 1006);
    schedule_close(w, l, 1, 1006);
}

static void fault_half_open(struct sim_world *w, struct link *l, int64_t arg)
{
    (void)arg;
    w->counts.half_opens++;
    l->half_open = true;
}

static void fault_stall(struct sim_world *w, struct link *l, int64_t until_ms)
{
    (void)w;
    l->stalled_until_ms = until_ms;
}

uint32_t sim_world_cut(struct sim_world *w, const struct sim_node *a, const struct sim_node *b,
                       bool all)
{
    return each_link(w, a, b, all, fault_cut, 0);
}

uint32_t sim_world_half_open(struct sim_world *w, const struct sim_node *a,
                             const struct sim_node *b, bool all)
{
    return each_link(w, a, b, all, fault_half_open, 0);
}

uint32_t sim_world_stall(struct sim_world *w, const struct sim_node *a, const struct sim_node *b,
                         int64_t until_ms)
{
    return each_link(w, a, b, true, fault_stall, until_ms);
}

void sim_world_partition(struct sim_world *w, const struct sim_node *a, const struct sim_node *b,
                         bool on)
{
    for (uint32_t i = 0; i < w->partition_count; i++) {
        struct partition *p = &w->partitions[i];
        if ((p->a == a && p->b == b) || (p->a == b && p->b == a)) {
            if (!on)
                *p = w->partitions[--w->partition_count];
            return;
        }
    }
    if (on && w->partition_count < SIM_NODES_MAX)
        w->partitions[w->partition_count++] = (struct partition){a, b};
}

void sim_world_heal_partitions(struct sim_world *w) { w->partition_count = 0; }

bool sim_world_run(struct sim_world *w, int64_t until_ms, bool (*done)(void *user), void *user)
{
    uint64_t limit = w->counts.events + EVENTS_MAX;
    struct sim_item item;

    while (sim_queue_peek(&w->queue, &item) && item.at_ms <= until_ms) {
        sim_queue_pop(&w->queue);
        w->now_ms = item.at_ms;
        item.fn(item.user, item.arg);
        if (done && done(user))
            return true;
        if (w->counts.events > limit)
            return false;
    }
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
            free(item.user);
    }
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        drop_messages(&w->links[i].way[0]);
        drop_messages(&w->links[i].way[1]);
    }
    sim_queue_fini(&w->queue);
    free(w);
}
