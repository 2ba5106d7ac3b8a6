#include "server/link.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/link_inner.h"

const char link_abandoned[1] = {0};

static struct link *link_of(struct list_node *node) { return LIST_ENTRY(node, struct link, all); }

void links_config_init(struct links_config *config)
{
    *config = (struct links_config){
        .component = "link",
        .accepted_max = LINK_ACCEPTED_MAX,
        .request_credit = LINK_CREDIT,
        .queue_max = LINK_QUEUE_MAX,
        .arena_max = LINK_ARENA_MAX,
    };
}

void links_init(struct links *set, const struct links_config *config)
{
    assert(config->ops && config->rng && config->node_id != 0);
    *set = (struct links){.config = *config, .user = config->user};
    set->config.allocator = alloc_or_default(config->allocator);
    list_init(&set->all);
    list_init(&set->dirty);
    map_init(&set->by_id, set->config.allocator);
    arena_init(&set->arena, set->config.allocator, config->arena_max);
}

static void forget_queue(struct links *set, struct link *l)
{
    if (set->sent_link == l)
        link_settle(set);
    outq_fini(&l->queue);
}

static void free_link(struct links *set, struct link *l)
{
    forget_queue(set, l);
    map_fini(&l->pending);
    list_remove(&l->dirty);
    list_remove(&l->all);
    if (set->started)
        wheel_cancel(&set->wheel, &l->timer);
    alloc_free(set->config.allocator, l);
}

void links_fini(struct links *set)
{
    if (!set->config.ops)
        return;
    LIST_EACH(node, &set->all)
    free_link(set, link_of(node));
    alloc_free(set->config.allocator, set->peers);
    map_fini(&set->by_id);
    arena_fini(&set->arena);
    *set = (struct links){0};
}

static struct link *new_link(struct links *set)
{
    struct link *l = alloc_zeroed(set->config.allocator, sizeof(*l));

    if (!l)
        return NULL;
    l->peer = UINT32_MAX;
    map_init(&l->pending, set->config.allocator);
    list_push_back(&set->all, &l->all);
    return l;
}

chat_status links_add_peer(struct links *set, WireLinkRole role)
{
    struct link **peers;
    struct link *l;

    assert(!set->started);
    if (set->peer_count == LINK_PEERS_MAX)
        return CHAT_E_TOO_LARGE;
    peers = alloc_resize(set->config.allocator, set->peers, set->peer_count * sizeof(*peers),
                         (set->peer_count + 1) * sizeof(*peers));
    if (!peers)
        return CHAT_E_NOMEM;
    set->peers = peers;
    l = new_link(set);
    if (!l)
        return CHAT_E_NOMEM;
    l->state = LINK_WAITING;
    l->dialed = true;
    l->role = role;
    l->peer = set->peer_count;
    peers[set->peer_count++] = l;
    return CHAT_OK;
}

struct link *links_get(const struct links *set, link_id id)
{
    return id != 0 ? map_get(&set->by_id, id) : NULL;
}

struct link *links_peer(const struct links *set, uint32_t peer)
{
    return peer < set->peer_count ? set->peers[peer] : NULL;
}

static void dial(struct links *set, struct link *l)
{
    l->state = LINK_DIALING;
    l->told = false;
    link_mark_dirty(set, l);
}

/* Full jitter: anything between 0 and a bound that doubles with each failure. */
static void wait_to_redial(struct links *set, struct link *l, int64_t now_ms)
{
    int64_t bound_ms = LINK_BACKOFF_BASE_MS;

    l->state = LINK_WAITING;
    if (set->stopping)
        return;
    for (uint32_t i = 0; i < l->failures && bound_ms < LINK_BACKOFF_MAX_MS; i++)
        bound_ms *= 2;
    if (bound_ms > LINK_BACKOFF_MAX_MS)
        bound_ms = LINK_BACKOFF_MAX_MS;
    l->failures++;
    wheel_set(&set->wheel, &l->timer,
              now_ms + (int64_t)rng_below(set->config.rng, (uint64_t)bound_ms + 1));
}

/* --- events --- */

static void refuse(struct links *set, link_id id)
{
    set->stats.refused++;
    if (set->refused_count < LINK_REFUSED_MAX)
        set->refused[set->refused_count++] = id;
}

static struct link *link_for_opened(struct links *set, const struct event *event)
{
    struct link *l;

    if (set->stopping)
        return NULL;
    if (event->opened.kind == LINK_DIALED) {
        l = links_peer(set, event->opened.peer);
        return l && l->state == LINK_DIALING ? l : NULL;
    }
    if (set->config.accept_mask == 0 || set->accepted_count >= set->config.accepted_max)
        return NULL;
    l = new_link(set);
    if (l)
        set->accepted_count++;
    return l;
}

static void on_opened(struct links *set, const struct event *event)
{
    struct link *l = link_for_opened(set, event);

    set->stats.opened++;
    if (!l) {
        refuse(set, event->link);
        return;
    }
    if (map_put(&set->by_id, event->link, l) != CHAT_OK) {
        refuse(set, event->link);
        if (l->dialed) {
            wait_to_redial(set, l, event->now.mono_ms);
        } else {
            set->accepted_count--;
            free_link(set, l);
        }
        return;
    }
    l->id = event->link;
    l->state = LINK_GREETING;
    l->told = l->blocked = l->was_ready = false;
    l->credit = l->in_flight = 0;
    l->requests = 0;
    l->node_id = 0;
    l->heard_at_ms = event->now.mono_ms;
    set->open_count++;
    wheel_set(&set->wheel, &l->timer, event->now.mono_ms + LINK_GREETING_MS);
    if (l->dialed)
        link_send_hello(set, l);
}

void link_become_ready(struct links *set, struct link *l, int64_t now_ms)
{
    l->state = LINK_READY;
    l->was_ready = true;
    l->failures = 0;
    set->ready_count++;
    set->stats.ready++;
    /* The dialing side pings; the other side hears the pings. */
    wheel_set(&set->wheel, &l->timer, now_ms + (l->dialed ? LINK_PING_MS : LINK_DEAD_MS));
    log_write(set->config.logger, CHAT_LOG_INFO, set->config.component,
              "link %" PRIu64 " ready: %s node %016" PRIx64, l->id,
              l->role == WIRE_LINK_ROLE__LINK_ROLE_ROUTER  ? "router"
              : l->role == WIRE_LINK_ROLE__LINK_ROLE_STORE ? "store"
                                                           : "presence",
              l->node_id);
}

static void lose_pending(struct links *set, struct link *l)
{
    size_t cursor = 0;
    uint64_t request_id;
    void *context;

    while (map_next(&l->pending, &cursor, &request_id, &context))
        if (context != link_abandoned_context())
            set->config.ops->on_reply(set, l, NULL, context);
    map_fini(&l->pending);
    map_init(&l->pending, set->config.allocator);
}

static void on_closed(struct links *set, struct link *l, const struct event *event)
{
    if (l->state == LINK_READY)
        set->ready_count--;
    l->state = LINK_CLOSING; /* what callbacks try to send finds no way out */
    l->told = true;
    set->stats.closed++;
    set->open_count--;
    map_take(&set->by_id, l->id);
    forget_queue(set, l);
    list_remove(&l->dirty);
    wheel_cancel(&set->wheel, &l->timer);
    log_write(set->config.logger, CHAT_LOG_INFO, set->config.component,
              "link %" PRIu64 " closed, code %u", l->id, (unsigned)event->closed.code);
    lose_pending(set, l);
    if (l->was_ready && set->config.ops->on_down)
        set->config.ops->on_down(set, l);
    if (l->dialed) {
        l->id = 0;
        l->in_flight = 0;
        wait_to_redial(set, l, event->now.mono_ms);
    } else {
        set->accepted_count--;
        free_link(set, l);
    }
}

static bool on_dial_failed(struct links *set, const struct event *event)
{
    struct link *l = links_peer(set, event->closed.peer);

    if (!l || l->state != LINK_DIALING)
        return false;
    list_remove(&l->dirty);
    wait_to_redial(set, l, event->now.mono_ms);
    return true;
}

static void on_silence(struct links *set, struct link *l)
{
    set->stats.dead++;
    /* Nobody is there to read what waits. */
    forget_queue(set, l);
    links_close(set, l, LINK_CLOSE_INTERNAL, "nothing heard");
}

static void on_ready_timer(struct links *set, struct link *l, const struct moment *now)
{
    if (now->mono_ms - l->heard_at_ms >= LINK_DEAD_MS) {
        on_silence(set, l);
    } else if (l->dialed) {
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
        WireLinkPing ping = WIRE_LINK_PING__INIT;

        ping.sent_at_ms = (uint64_t)(now->mono_ms > 0 ? now->mono_ms : 0);
        frame.body_case = WIRE_LINK_FRAME__BODY_LINK_PING;
        frame.link_ping = &ping;
        wheel_set(&set->wheel, &l->timer, now->mono_ms + LINK_PING_MS);
        link_send_control(set, l, &frame);
    } else {
        wheel_set(&set->wheel, &l->timer, l->heard_at_ms + LINK_DEAD_MS);
    }
}

static void run_timers(struct links *set, const struct moment *now)
{
    struct wheel_timer *timer;

    wheel_advance(&set->wheel, now->mono_ms);
    while ((timer = wheel_pop(&set->wheel)) != NULL) {
        struct link *l = LIST_ENTRY(timer, struct link, timer);

        switch (l->state) {
        case LINK_WAITING: dial(set, l); break;
        case LINK_GREETING: links_close(set, l, LINK_CLOSE_PROTOCOL, "no greeting in time"); break;
        case LINK_READY: on_ready_timer(set, l, now); break;
        case LINK_DIALING:
        case LINK_CLOSING: break; /* the host owes the next step */
        }
    }
}

static void start(struct links *set, const struct moment *now)
{
    set->started = true;
    wheel_init(&set->wheel, now->mono_ms);
    for (uint32_t i = 0; i < set->peer_count && !set->stopping; i++)
        dial(set, set->peers[i]);
}

bool links_feed(struct links *set, const struct event *event)
{
    struct link *l;

    link_settle(set);
    if (!set->started)
        start(set, &event->now);
    if (event->kind == EVENT_TIMER) {
        run_timers(set, &event->now);
        return true;
    }
    if (event->kind == EVENT_LINK_OPENED) {
        if (event->opened.kind == LINK_CLIENT)
            return false;
        on_opened(set, event);
        return true;
    }
    if (event->kind == EVENT_LINK_CLOSED && event->link == 0)
        return on_dial_failed(set, event);

    l = links_get(set, event->link);
    if (!l)
        return false;
    switch (event->kind) {
    case EVENT_LINK_MESSAGE: link_take_message(set, l, event); break;
    case EVENT_LINK_BLOCKED: l->blocked = true; break;
    case EVENT_LINK_DRAINED:
        l->blocked = false;
        link_mark_dirty(set, l);
        break;
    case EVENT_LINK_CLOSED: on_closed(set, l, event); break;
    case EVENT_LINK_OPENED:
    case EVENT_TIMER:
    case EVENT_ENGINE_DONE:
    case EVENT_STOP: return false;
    }
    return true;
}

int64_t links_deadline(const struct links *set)
{
    return set->started ? wheel_next_ms(&set->wheel) : 0;
}

void links_stop(struct links *set, uint16_t code, const char *reason)
{
    set->stopping = true;
    LIST_EACH(node, &set->all)
    {
        struct link *l = link_of(node);

        if (link_is_open(l)) {
            links_close(set, l, code, reason);
        } else if (l->state == LINK_WAITING || !l->told) {
            if (set->started)
                wheel_cancel(&set->wheel, &l->timer);
            list_remove(&l->dirty);
            l->state = LINK_WAITING;
        }
    }
}

bool links_is_idle(const struct links *set)
{
    for (uint32_t i = 0; i < set->peer_count; i++)
        if (set->peers[i]->state != LINK_WAITING)
            return false;
    return set->open_count == 0 && set->refused_count == 0;
}
