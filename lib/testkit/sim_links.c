#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "testkit/sim_world_inner.h"

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

static void drop_messages(struct sim_world *w, struct way *way)
{
    while (way->first) {
        struct message *m = way->first;
        way->first = m->next;
        alloc_free(w->allocator, m);
    }
    way->last = NULL;
}

static void release_if_dead(struct sim_world *w, struct link *l)
{
    if (l->id[0] || l->id[1])
        return;
    drop_messages(w, &l->way[0]);
    drop_messages(w, &l->way[1]);
    l->open = false;
}

static bool end_is_up(const struct link *l, unsigned e)
{
    return l->id[e] && l->end[e]->machine && l->end[e]->generation == l->generation[e];
}

/* Tells end e that the link is over. */
static void close_end(struct sim_world *w, struct link *l, unsigned e, uint16_t code)
{
    struct event event = {.kind = EVENT_LINK_CLOSED, .link = l->id[e]};
    struct sim_node *node = l->end[e];

    if (!l->id[e])
        return;
    event.closed.peer = e == 0 ? l->peer : 0;
    event.closed.code = code;
    bool up = end_is_up(l, e);
    l->id[e] = 0;
    drop_messages(w, &l->way[1 - e]);
    release_if_dead(w, l);
    if (up) {
        sim_feed(node, &event);
        sim_turn(node);
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

    sim_landed(user);
    if (l)
        close_end(user, l, e, code);
}

/* How long something is under way between two nodes. */
static int64_t travel_ms(struct sim_world *w, const struct sim_node *a, const struct sim_node *b)
{
    return sim_between(w, w->net.delay_min_ms, w->net.delay_max_ms) + a->delay_ms +
           (b ? b->delay_ms : 0);
}

static void schedule_close(struct sim_world *w, struct link *l, unsigned e, uint16_t code)
{
    int64_t at = w->now_ms + travel_ms(w, l->end[0], l->end[1]);
    if (at < l->way[1 - e].last_at_ms)
        at = l->way[1 - e].last_at_ms; /* what was sent before arrives before */
    sim_launch(w, at, on_close, w, pack_link(w, l, e, code));
}

static void on_arrival(void *user, uint64_t arg)
{
    struct sim_world *w = user;
    unsigned e;
    uint16_t code;
    struct link *l = unpack_link(w, arg, &e, &code);
    struct message *m;

    sim_landed(w);
    if (!l || l->half_open || l->deaf[e])
        return;
    m = l->way[1 - e].first;
    if (!m)
        return;
    if (l->stalled_until_ms > w->now_ms) {
        sim_launch(w, l->stalled_until_ms, on_arrival, w, arg);
        return;
    }
    l->way[1 - e].first = m->next;
    if (!m->next)
        l->way[1 - e].last = NULL;
    if (end_is_up(l, e)) {
        struct event event = {.kind = EVENT_LINK_MESSAGE, .link = l->id[e]};
        event.message.bytes = m->bytes;
        event.message.len = m->len;
        sim_mix(w, hash_crc32c(0, m->bytes, m->len));
        if (w->tap)
            w->tap(l->end[1 - e], l->end[e], m->bytes, m->len);
        sim_feed(l->end[e], &event);
        sim_turn(l->end[e]);
    }
    alloc_free(w->allocator, m);
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
    sim_feed(l->end[e], &event);
    sim_turn(l->end[e]);
}

void sim_links_send(struct sim_node *node, const struct effect *effect)
{
    struct sim_world *w = node->world;
    unsigned e;
    struct link *l = link_of(w, node, effect->link, &e);
    struct message *m;
    size_t at = 0;
    int64_t when;

    if (!l)
        return; /* closed meanwhile: the event is on its way */
    m = sim_world_alloc(w, sizeof(*m) + effect->send.bytes);
    if (!m)
        return;
    m->len = effect->send.bytes;
    for (size_t i = 0; i < effect->send.count; i++) {
        memcpy(m->bytes + at, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        at += effect->send.frames[i]->len;
    }
    if (node->ops->loses && node->ops->loses(node, l->end[1 - e], m->bytes, m->len)) {
        alloc_free(w->allocator, m);
        return;
    }
    w->counts.messages++;
    w->counts.bytes += m->len;
    if (l->way[e].last)
        l->way[e].last->next = m;
    else
        l->way[e].first = m;
    l->way[e].last = m;
    when = w->now_ms + travel_ms(w, l->end[0], l->end[1]);
    if (when < l->way[e].last_at_ms)
        when = l->way[e].last_at_ms;
    l->way[e].last_at_ms = when;
    sim_launch(w, when, on_arrival, w, pack_link(w, l, 1 - e, 0));

    if (sim_chance(w, w->net.block_permille) && !l->way[e].blocked) {
        struct event event = {.kind = EVENT_LINK_BLOCKED, .link = effect->link};
        l->way[e].blocked = true;
        w->counts.blocks++;
        sim_feed(node, &event);
        sim_world_at(w, w->now_ms + sim_between(w, 1, 300), on_drained, w, pack_link(w, l, e, 0));
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

    sim_landed(w);
    if (!from->machine || from->generation != generation)
        return;
    if (to && to->machine && !to->refuses && !partitioned(w, from, to) &&
        !sim_chance(w, w->net.dial_fail_permille))
        l = new_link(w, from, to, peer);
    if (!l) {
        w->counts.dials_failed++;
        event = (struct event){.kind = EVENT_LINK_CLOSED};
        event.closed.peer = peer;
        event.closed.code = 1006;
        sim_feed(from, &event);
        sim_turn(from);
        return;
    }
    w->counts.dials++;
    serial = l->serial;
    event.link = l->id[1];
    event.opened.kind = from->peer_is_client ? LINK_CLIENT : LINK_PEER;
    event.opened.peer = 0;
    event.opened.address = "192.0.2.1";
    sim_feed(to, &event);
    sim_turn(to);
    if (!l->open || l->serial != serial || !l->id[0])
        return;
    event.link = l->id[0];
    event.opened.kind = LINK_DIALED;
    event.opened.peer = peer;
    sim_feed(from, &event);
    sim_turn(from);
}

void sim_links_close(struct sim_node *node, const struct effect *effect)
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

void sim_links_dial(struct sim_node *node, const struct effect *effect)
{
    struct sim_world *w = node->world;

    sim_launch(
        w, w->now_ms + travel_ms(w, node, node->peers[effect->dial.peer & 0xff]), on_dialed, w,
        node->index | (uint64_t)(effect->dial.peer & 0xff) << 8 | (uint64_t)node->generation << 16);
}

void sim_links_drop_node(struct sim_node *node, bool silent)
{
    struct sim_world *w = node->world;

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
            release_if_dead(w, l);
        }
    }
}

void sim_links_free(struct sim_world *w)
{
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        drop_messages(w, &w->links[i].way[0]);
        drop_messages(w, &w->links[i].way[1]);
    }
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

/* The near network says so: however far the other end is. */
static void reset_end(struct sim_world *w, struct link *l, unsigned e)
{
    int64_t at = w->now_ms + sim_between(w, w->net.delay_min_ms, w->net.delay_max_ms);

    sim_launch(w, at, on_close, w, pack_link(w, l, e, 1006));
}

static void lose_what_is_sent(struct sim_world *w, struct link *l)
{
    drop_messages(w, &l->way[0]);
    drop_messages(w, &l->way[1]);
    l->way[0].last_at_ms = l->way[1].last_at_ms = 0;
}

static void fault_cut(struct sim_world *w, struct link *l, int64_t arg)
{
    (void)arg;
    w->counts.cuts++;
    lose_what_is_sent(w, l);
    reset_end(w, l, 0);
    reset_end(w, l, 1);
}

static void fault_close(struct sim_world *w, struct link *l, int64_t code)
{
    w->counts.cuts++;
    schedule_close(w, l, 0, (uint16_t)code);
    schedule_close(w, l, 1, (uint16_t)code);
}

static void fault_deafen(struct sim_world *w, struct link *l, int64_t end)
{
    w->counts.half_opens++;
    l->deaf[end] = true;
}

static void on_lingered(void *user, uint64_t arg)
{
    unsigned e;
    uint16_t code;
    struct link *l = unpack_link(user, arg, &e, &code);

    if (l)
        close_end(user, l, e, code);
}

static void fault_linger(struct sim_world *w, struct link *l, int64_t until_ms)
{
    w->counts.half_opens++;
    lose_what_is_sent(w, l);
    l->half_open = true;
    reset_end(w, l, 0);
    sim_world_at(w, until_ms, on_lingered, w, pack_link(w, l, 1, 1006));
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

uint32_t sim_world_close(struct sim_world *w, const struct sim_node *dialer, uint16_t code)
{
    return each_link(w, dialer, NULL, true, fault_close, code);
}

uint32_t sim_world_deafen(struct sim_world *w, const struct sim_node *dialer, bool is_dialer_deaf)
{
    return each_link(w, dialer, NULL, true, fault_deafen, is_dialer_deaf ? 0 : 1);
}

uint32_t sim_world_linger(struct sim_world *w, const struct sim_node *dialer, int64_t for_ms)
{
    return each_link(w, dialer, NULL, true, fault_linger, w->now_ms + for_ms);
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
