#include "server/store/store.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/store/answer.h"
#include "server/store/dispatch.h"
#include "server/store/notes.h"
#include "server/store/role.h"
#include "server/store/subscriptions.h"
#include "wire/wire.h"

/* A frame on its way between two shards of this store. */
struct local_frame {
    struct list_node node;
    struct frame *frame;
};

static struct store *store_of(struct machine *m) { return (struct store *)(void *)m; }

/* --- frames out --- */

void store_reply(struct store *store, link_id id, struct frame *frame)
{
    struct link *link = links_get(&store->links, id);

    if (link)
        (void)links_reply_shared(&store->links, link, frame);
}

static bool post(struct store *store, struct frame *frame)
{
    struct local_frame *local;

    if (store->local_count >= store->config.limits.local_max)
        return false;
    local = alloc_zeroed(store->config.allocator, sizeof(*local));
    if (!local)
        return false;
    local->frame = frame_ref(frame);
    list_push_back(&store->local, &local->node);
    store->local_count++;
    return true;
}

bool store_push(struct store *store, link_id id, struct frame *frame)
{
    struct link *link;

    if (id == 0)
        return post(store, frame);
    link = links_get(&store->links, id);
    return link && links_send_shared(&store->links, link, frame) == CHAT_OK;
}

bool store_send_to_shard(struct store *store, uint32_t shard, struct frame *frame)
{
    struct link *link;

    if (shard < store->config.shard_count && store->by_number[shard])
        return post(store, frame);
    link = links_peer(&store->links, shard_map_peer(store->map, shard));
    return link && links_send_shared(&store->links, link, frame) == CHAT_OK;
}

/* --- frames in --- */

static void refuse(struct store *store, struct link *link, const WireLinkFrame *frame,
                   WireProblemCode code, const char *limit)
{
    if (frame->request_id == 0)
        return;
    if ((uint32_t)code < STORE_PROBLEM_CODES)
        store->stats.problems[code]++;
    (void)links_problem(&store->links, link, frame->request_id, code,
                        code == PROBLEM(WRONG_SHARD) ? WIRE_RETRY__RETRY_LATER
                                                     : WIRE_RETRY__RETRY_NEVER,
                        code == PROBLEM(WRONG_SHARD) ? RETRY_LATER_MS : 0, limit, NULL);
}

static void on_frame(struct links *set, struct link *link, const WireLinkFrame *frame)
{
    struct store *store = set->user;
    const struct request req = {.link = link->id, .frame = frame};
    uint32_t shard;

    store->stats.requests++;
    if ((uint32_t)frame->body_case < STORE_BODIES)
        store->stats.requests_by_body[frame->body_case]++;
    if (!dispatch_knows(frame)) {
        refuse(store, link, frame, PROBLEM(UNSUPPORTED), "request");
        return;
    }
    shard = dispatch_shard(frame, store->config.shard_count);
    if (shard == SHARD_NONE)
        refuse(store, link, frame, PROBLEM(NOT_FOUND), "shard");
    else if (!store->by_number[shard])
        refuse(store, link, frame, PROBLEM(WRONG_SHARD), "shard");
    else
        shard_take(store->by_number[shard], &req);
}

static void take_local(struct store *store, struct frame *frame)
{
    WireLinkBatch *batch = NULL;
    struct wire_fault fault;
    struct request req = {0};
    uint32_t shard;

    arena_reset(&store->arena);
    if (wire_decode_link(frame->bytes, frame->len, &store->arena, &batch, &fault) != CHAT_OK ||
        batch->n_frames != 1)
        return;
    req.frame = batch->frames[0];
    shard = dispatch_shard(req.frame, store->config.shard_count);
    if (shard != SHARD_NONE && store->by_number[shard])
        shard_take(store->by_number[shard], &req);
}

/* What is here now; what that causes waits for the next turn. */
static void run_local(struct store *store)
{
    for (uint32_t left = store->local_count; left > 0; left--) {
        struct local_frame *local =
            LIST_ENTRY(list_pop_front(&store->local), struct local_frame, node);

        store->local_count--;
        take_local(store, local->frame);
        frame_unref(local->frame);
        alloc_free(store->config.allocator, local);
    }
}

/* --- links --- */

static void on_ready(struct links *set, struct link *link, const WireLinkWelcome *welcome)
{
    struct store *store = set->user;
    struct link_subscriptions *mine;

    if (welcome) {
        set->config.ops->on_welcome(set, link, welcome);
        return;
    }
    mine = alloc_zeroed(store->config.allocator, sizeof(*mine));
    if (!mine) {
        links_close(set, link, LINK_CLOSE_TRY_LATER, "out of memory");
        return;
    }
    list_init(&mine->list);
    link->owner = mine;
}

static void on_welcome(struct links *set, struct link *link, const WireLinkWelcome *welcome)
{
    struct store *store = set->user;

    if (store->service_id != 0 && welcome->service_id != 0 &&
        welcome->service_id != store->service_id) {
        links_close(set, link, LINK_CLOSE_REFUSED, "another deployment");
        return;
    }
    if (shard_map_claim(store->map, link->peer, welcome) != CHAT_OK) {
        log_write(store->config.logger, CHAT_LOG_ERROR, "store",
                  "peer %u is a store of another deployment", (unsigned)link->peer);
        return;
    }
    for (uint32_t i = 0; i < store->shards_held; i++)
        if (store->shards[i].state == SHARD_SERVING)
            notes_kick(&store->shards[i]);
}

static void on_down(struct links *set, struct link *link)
{
    struct store *store = set->user;

    if (link->dialed)
        shard_map_drop(store->map, link->peer);
    else
        subscriptions_end_link(store, link);
}

static void fill_welcome(struct links *set, WireLinkWelcome *welcome)
{
    struct store *store = set->user;
    size_t count = 0;

    for (uint32_t i = 0; i < store->shards_held; i++)
        if (store->shards[i].state == SHARD_SERVING && !store->stopping)
            store->serving[count++] = store->shards[i].id;
    welcome->service_id = store->service_id;
    welcome->shard_count = store->config.shard_count;
    welcome->map_version = store->config.map_version;
    welcome->shards = store->serving;
    welcome->n_shards = count;
}

static const struct links_ops links_ops = {
    .on_ready = on_ready,
    .on_welcome = on_welcome,
    .on_frame = on_frame,
    .on_down = on_down,
    .fill_welcome = fill_welcome,
};

void store_shard_changed(struct store *store) { store->announce = true; }

void store_close_routers(struct store *store)
{
    LIST_EACH(node, &store->links.all)
    {
        struct link *link = LIST_ENTRY(node, struct link, all);

        if (!link->dialed && link->role == WIRE_LINK_ROLE__LINK_ROLE_ROUTER)
            links_close(&store->links, link, LINK_CLOSE_TRY_LATER, "a shard is lost");
    }
}

void store_settle_service(struct store *store)
{
    for (uint32_t i = 0; i < store->shards_held && store->service_id == 0; i++) {
        const enum shard_state state = store->shards[i].state;

        /* A shard that cannot be asked might know it. */
        if (state == SHARD_CLOSED || state == SHARD_OPENING || state == SHARD_IDENTIFYING ||
            state == SHARD_SETTLING || state == SHARD_CLOSING || state == SHARD_REOPENING)
            return;
    }
    for (uint32_t i = 0; i < store->shards_held && store->service_id == 0; i++)
        if (store->shards[i].state == SHARD_NAMING)
            store->service_id = rng_id(&store->rng);
    for (uint32_t i = 0; i < store->shards_held; i++)
        shard_name(&store->shards[i]);
}

/* --- the machine --- */

static void stop(struct store *store)
{
    if (store->stopping)
        return;
    store->stopping = true;
    store->announce = true;
    for (uint32_t i = 0; i < store->shards_held; i++)
        shard_stop(&store->shards[i]);
}

static void start(struct store *store)
{
    store->started = true;
    for (uint32_t i = 0; i < store->shards_held; i++)
        shard_mark(&store->shards[i]);
}

static void feed(struct machine *m, const struct event *event)
{
    struct store *store = store_of(m);

    store->now = event->now;
    if (!store->started)
        start(store);
    switch (event->kind) {
    case EVENT_ENGINE_DONE: {
        struct lane *lane = event->engine->user;

        shard_lane_done(lane->shard, lane);
        return;
    }
    case EVENT_STOP: stop(store); return;
    case EVENT_TIMER:
        for (uint32_t i = 0; i < store->shards_held; i++)
            shard_timer(&store->shards[i]);
        break;
    case EVENT_LINK_OPENED:
    case EVENT_LINK_MESSAGE:
    case EVENT_LINK_BLOCKED:
    case EVENT_LINK_DRAINED:
    case EVENT_LINK_CLOSED: break;
    }
    (void)links_feed(&store->links, event);
}

/* Shards' turns, until none has anything to do now. */
static void pump(struct store *store)
{
    struct list_node *node;

    run_local(store);
    while ((node = list_pop_front(&store->ready)) != NULL) {
        struct shard *s = LIST_ENTRY(node, struct shard, ready);

        shard_pump(s);
        if (!list_is_empty(&s->issue) && !list_node_is_linked(&s->issuing))
            list_push_back(&store->issuing, &s->issuing);
        run_local(store);
    }
    if (store->announce) {
        store->announce = false;
        links_announce(&store->links);
    }
}

static bool next_request(struct store *store, struct effect *out_effect)
{
    struct list_node *node = list_first(&store->issuing);
    struct lane *lane;
    struct shard *s;

    if (!node)
        return false;
    s = LIST_ENTRY(node, struct shard, issuing);
    lane = LIST_ENTRY(list_pop_front(&s->issue), struct lane, issue);
    if (list_is_empty(&s->issue))
        list_remove(node);
    *out_effect = (struct effect){.kind = EFFECT_ENGINE, .engine = &lane->request};
    return true;
}

/* Answers are out before the links go, and the links before the end. */
static bool is_stopped(struct store *store)
{
    bool over = true, decided = true;

    for (uint32_t i = 0; i < store->shards_held; i++) {
        over = over && shard_is_over(&store->shards[i]);
        decided = decided && list_is_empty(&store->shards[i].batches);
    }
    if (decided && !store->links_stopped) {
        store->links_stopped = true;
        links_stop(&store->links, LINK_CLOSE_GOING_AWAY, "stopping");
    }
    return over && store->links_stopped && links_is_idle(&store->links);
}

static bool poll(struct machine *m, struct effect *out_effect)
{
    struct store *store = store_of(m);

    pump(store);
    if (next_request(store, out_effect))
        return true;
    if (store->stopping && !store->stopped && is_stopped(store)) {
        store->stopped = true;
        *out_effect = (struct effect){.kind = EFFECT_STOPPED};
        return true;
    }
    return links_poll(&store->links, out_effect);
}

static int64_t deadline(const struct machine *m)
{
    const struct store *store = (const struct store *)(const void *)m;
    int64_t first = links_deadline(&store->links);

    if (!store->started)
        return 0;
    for (uint32_t i = 0; i < store->shards_held; i++) {
        const int64_t at_ms = shard_deadline(&store->shards[i]);

        if (at_ms < first)
            first = at_ms;
    }
    return first;
}

const struct machine_ops store_machine_ops = {
    .name = "store",
    .feed = feed,
    .poll = poll,
    .deadline = deadline,
};

void store_init_links(struct store *store, struct links_config *config)
{
    config->ops = &links_ops, config->user = store;
}

void store_drop_local(struct store *store)
{
    LIST_EACH(node, &store->local)
    {
        struct local_frame *local = LIST_ENTRY(node, struct local_frame, node);

        frame_unref(local->frame);
        alloc_free(store->config.allocator, local);
    }
    list_init(&store->local);
}
