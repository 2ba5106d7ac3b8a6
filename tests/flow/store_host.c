#include "store_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_line(chat_log_level level, const char *component, const char *text, void *user)
{
    struct store_host *h = user;

    (void)component;
    h->log_lines++;
    snprintf(h->last_line, sizeof(h->last_line), "%s", text);
    if (getenv("STORE_HOST_LOG"))
        fprintf(stderr, "[%lld %s] %s\n", (long long)h->now.mono_ms, chat_log_level_name(level),
                text);
}

void store_host_init(struct store_host *h, uint32_t store_count)
{
    memset(h, 0, sizeof(*h));
    h->now = (struct moment){.mono_ms = 1000, .wall_ms = INT64_C(1760000000000)};
    h->store_count = store_count;
    h->cluster = engine_memory_cluster_new(NULL);
    h->logger = (struct chat_logger){.write = on_line, .level = CHAT_LOG_DEBUG, .user = h};
    arena_init(&h->arena, NULL, 1u << 30);
    for (uint32_t i = 0; i < store_count; i++) {
        struct store_config *config = &h->configs[i];

        store_config_init(config);
        config->seed = 42 + i;
        config->logger = &h->logger;
        config->service_id = 99;
        config->durability = WIRE_DURABILITY__DURABILITY_MEMORY;
        config->shard_count = HOST_SHARDS;
        config->shards = h->shards[i];
        config->shards_held = HOST_SHARDS / store_count;
        config->map_version = 1;
        config->peer_count = store_count - 1;
        for (uint32_t k = 0; k < config->shards_held; k++)
            h->shards[i][k] = k * store_count + i;
    }
}

/* --- links --- */

static struct host_link *link_at(const struct store_host *h, link_id id)
{
    ck_assert_uint_gt(id, 0);
    ck_assert_uint_le(id, h->link_count);
    return (struct host_link *)(uintptr_t)&h->links[id - 1];
}

static struct host_link *new_link(struct store_host *h, uint32_t store)
{
    struct host_link *link;

    ck_assert_uint_lt(h->link_count, HOST_LINKS_MAX);
    link = &h->links[h->link_count++];
    *link = (struct host_link){.id = h->link_count, .store = store, .open = true};
    return link;
}

static void feed(struct store_host *h, uint32_t store, struct event *event)
{
    event->now = h->now;
    machine_feed(store_machine(h->stores[store]), event);
}

static void feed_closed(struct store_host *h, struct host_link *link, uint16_t code)
{
    struct event event = {.kind = EVENT_LINK_CLOSED, .link = link->id};

    if (!link->open)
        return;
    link->open = false;
    event.closed.code = code;
    event.closed.peer = link->peer;
    if (h->stores[link->store])
        feed(h, link->store, &event);
}

static void close_link(struct store_host *h, struct host_link *link, uint16_t code)
{
    link_id other = link->other_side;

    feed_closed(h, link, code);
    if (other != 0)
        feed_closed(h, link_at(h, other), code);
}

static void take_dial(struct store_host *h, uint32_t store, uint32_t peer)
{
    const uint32_t target = peer >= store ? peer + 1 : peer;
    struct event event = {.kind = EVENT_LINK_OPENED};
    struct host_link *near, *far;

    if (h->cut || !h->stores[target]) {
        event.kind = EVENT_LINK_CLOSED;
        event.closed.peer = peer;
        event.closed.code = 1006;
        feed(h, store, &event);
        return;
    }
    near = new_link(h, store);
    far = new_link(h, target);
    near->other_side = far->id;
    far->other_side = near->id;
    near->peer = peer;
    event.link = far->id;
    event.opened.kind = LINK_PEER;
    event.opened.address = "store";
    feed(h, target, &event);
    event.link = near->id;
    event.opened.kind = LINK_DIALED;
    event.opened.peer = peer;
    feed(h, store, &event);
}

static void hear(struct store_host *h, link_id link, const uint8_t *bytes, size_t len)
{
    struct wire_fault fault;
    WireLinkBatch *batch;

    ck_assert_int_eq(wire_decode_link(bytes, len, &h->arena, &batch, &fault), CHAT_OK);
    for (size_t i = 0; i < batch->n_frames; i++) {
        ck_assert_uint_lt(h->heard_count, HOST_HEARD_MAX);
        h->heard[h->heard_count++] = (struct host_heard){link, batch->frames[i]};
    }
}

static void enqueue(struct store_host *h, link_id to, const uint8_t *bytes, size_t len)
{
    struct host_message *message = malloc(sizeof(*message) + len);

    ck_assert_ptr_nonnull(message);
    *message = (struct host_message){.to = to, .len = len};
    memcpy(message->bytes, bytes, len);
    if (h->last)
        h->last->next = message;
    else
        h->first = message;
    h->last = message;
}

static void take_send(struct store_host *h, const struct effect *effect)
{
    struct host_link *link = link_at(h, effect->link);
    uint8_t *bytes = malloc(effect->send.bytes);
    size_t len = 0;

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < effect->send.count; i++) {
        memcpy(bytes + len, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        len += effect->send.frames[i]->len;
    }
    ck_assert_uint_eq(len, effect->send.bytes);
    ck_assert_uint_le(len, WIRE_LINK_MESSAGE_MAX);
    if (link->other_side != 0)
        enqueue(h, link->other_side, bytes, len);
    else
        hear(h, link->id, bytes, len);
    free(bytes);
}

/* --- engines --- */

static void finish(struct store_host *h, uint32_t store, struct engine_request *request)
{
    struct event event = {.kind = EVENT_ENGINE_DONE};

    h->requests[request->op]++;
    event.engine = request;
    feed(h, store, &event);
}

static void take_request(struct store_host *h, uint32_t store, struct engine_request *request)
{
    if (h->hold[request->op]) {
        ck_assert_uint_lt(h->held_count, HOST_HELD_MAX);
        h->held[h->held_count++] = (struct host_held){store, request};
        return;
    }
    h->engines[store]->ops->execute(h->engines[store], request);
    finish(h, store, request);
}

static bool take_held(struct store_host *h, enum engine_op op, struct host_held *out)
{
    for (uint32_t i = 0; i < h->held_count; i++) {
        if (h->held[i].request->op != op)
            continue;
        *out = h->held[i];
        memmove(&h->held[i], &h->held[i + 1], (h->held_count - i - 1) * sizeof(h->held[0]));
        h->held_count--;
        return true;
    }
    return false;
}

bool store_host_release_one(struct store_host *h, enum engine_op op, chat_status status)
{
    struct host_held held;

    if (!take_held(h, op, &held))
        return false;
    if (status == CHAT_OK)
        h->engines[held.store]->ops->execute(h->engines[held.store], held.request);
    else
        held.request->status = status;
    finish(h, held.store, held.request);
    store_host_run(h);
    return true;
}

void store_host_release(struct store_host *h, enum engine_op op)
{
    h->hold[op] = false;
    while (store_host_release_one(h, op, CHAT_OK))
        ;
}

uint32_t store_host_count_held(const struct store_host *h, enum engine_op op)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < h->held_count; i++)
        count += h->held[i].request->op == op;
    return count;
}

void store_host_fail_next(struct store_host *h, uint32_t store, enum engine_op op,
                          chat_status status, bool done)
{
    engine_memory_fail_next(h->engines[store], op, status, done);
}

/* --- turns and time --- */

static bool run_store(struct store_host *h, uint32_t store)
{
    struct effect effect;
    bool moved = false;

    while (h->stores[store] && machine_poll(store_machine(h->stores[store]), &effect)) {
        moved = true;
        switch (effect.kind) {
        case EFFECT_SEND: take_send(h, &effect); break;
        case EFFECT_CLOSE: close_link(h, link_at(h, effect.link), effect.close.code); break;
        case EFFECT_DIAL: take_dial(h, store, effect.dial.peer); break;
        case EFFECT_ENGINE: take_request(h, store, effect.engine); break;
        case EFFECT_STOPPED: h->stopped[store] = true; break;
        }
    }
    return moved;
}

static bool deliver_one(struct store_host *h)
{
    struct host_message *message = h->first;
    struct host_link *link;
    struct event event = {.kind = EVENT_LINK_MESSAGE};

    if (!message)
        return false;
    h->first = message->next;
    if (!h->first)
        h->last = NULL;
    link = link_at(h, message->to);
    if (link->open && h->stores[link->store]) {
        event.link = link->id;
        event.message.bytes = message->bytes;
        event.message.len = message->len;
        feed(h, link->store, &event);
    }
    free(message);
    return true;
}

void store_host_run(struct store_host *h)
{
    bool moved = true;

    while (moved) {
        moved = deliver_one(h);
        for (uint32_t i = 0; i < h->store_count; i++)
            moved = run_store(h, i) || moved;
    }
}

static void say(struct store_host *h, link_id link, WireLinkFrame **frames, size_t count);

/* What a router does every 5 s, so that it is not taken for dead. */
static void ping(struct store_host *h)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkFrame *frames[1] = {&frame};
    WireLinkPing body = WIRE_LINK_PING__INIT;

    if (h->now.mono_ms < h->ping_at_ms)
        return;
    h->ping_at_ms = h->now.mono_ms + LINK_PING_MS;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_PING;
    frame.link_ping = &body;
    for (uint32_t i = 0; i < h->link_count; i++)
        if (h->links[i].open && h->links[i].other_side == 0)
            say(h, h->links[i].id, frames, 1);
}

void store_host_wait(struct store_host *h, int64_t ms)
{
    const int64_t end_ms = h->now.mono_ms + ms;

    while (h->now.mono_ms < end_ms) {
        int64_t next_ms = end_ms;

        for (uint32_t i = 0; i < h->store_count; i++) {
            const int64_t at_ms =
                h->stores[i] ? machine_deadline(store_machine(h->stores[i])) : MOMENT_NEVER;

            if (at_ms < next_ms)
                next_ms = at_ms;
        }
        if (next_ms > h->ping_at_ms)
            next_ms = h->ping_at_ms;
        if (next_ms <= h->now.mono_ms)
            next_ms = h->now.mono_ms + 1;
        h->now.wall_ms += next_ms - h->now.mono_ms;
        h->now.mono_ms = next_ms;
        ping(h);
        for (uint32_t i = 0; i < h->store_count; i++) {
            struct event event = {.kind = EVENT_TIMER};

            if (h->stores[i])
                feed(h, i, &event);
        }
        store_host_run(h);
    }
}

/* --- lives --- */

void store_host_start(struct store_host *h, uint32_t store)
{
    struct event event = {.kind = EVENT_TIMER};

    h->engines[store] = engine_memory_new(h->cluster, NULL);
    h->stopped[store] = false;
    ck_assert_int_eq(store_new(&h->configs[store], &h->stores[store]), CHAT_OK);
    feed(h, store, &event);
    store_host_run(h);
}

void store_host_kill(struct store_host *h, uint32_t store)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < h->held_count; i++)
        if (h->held[i].store != store)
            h->held[kept++] = h->held[i];
    h->held_count = kept;
    store_free(h->stores[store]);
    h->stores[store] = NULL;
    if (h->engines[store])
        h->engines[store]->ops->free(h->engines[store]);
    h->engines[store] = NULL;
    for (uint32_t i = 0; i < h->link_count; i++)
        if (h->links[i].store == store && h->links[i].open)
            close_link(h, &h->links[i], 1006);
    store_host_run(h);
}

void store_host_stop(struct store_host *h, uint32_t store)
{
    struct event event = {.kind = EVENT_STOP};

    feed(h, store, &event);
    store_host_run(h);
    for (int i = 0; i < 100 && !h->stopped[store]; i++)
        store_host_wait(h, 100);
    ck_assert(h->stopped[store]);
}

void store_host_fini(struct store_host *h)
{
    for (uint32_t i = 0; i < h->store_count; i++)
        store_host_kill(h, i);
    while (h->first) {
        struct host_message *message = h->first;

        h->first = message->next;
        free(message);
    }
    engine_memory_cluster_free(h->cluster);
    arena_fini(&h->arena);
}

/* --- routers --- */

static void say(struct store_host *h, link_id link, WireLinkFrame **frames, size_t count)
{
    uint8_t *bytes = NULL;
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        struct frame *frame = wire_encode_link(NULL, frames[i]);

        ck_assert_ptr_nonnull(frame);
        bytes = realloc(bytes, len + frame->len);
        memcpy(bytes + len, frame->bytes, frame->len);
        len += frame->len;
        frame_unref(frame);
    }
    enqueue(h, link, bytes, len);
    free(bytes);
    store_host_run(h);
}

link_id store_host_connect(struct store_host *h, uint32_t store)
{
    struct host_link *link = new_link(h, store);
    struct event event = {.kind = EVENT_LINK_OPENED, .link = link->id};
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkFrame *frames[1] = {&frame};
    WireLinkHello hello = WIRE_LINK_HELLO__INIT;

    event.opened.kind = LINK_PEER;
    event.opened.address = "router";
    feed(h, store, &event);
    hello.version = LINK_VERSION;
    hello.role = WIRE_LINK_ROLE__LINK_ROLE_ROUTER;
    hello.node_id = 1000 + link->id;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_HELLO;
    frame.link_hello = &hello;
    say(h, link->id, frames, 1);
    return link->id;
}

void store_host_disconnect(struct store_host *h, link_id link)
{
    close_link(h, link_at(h, link), 1001);
    store_host_run(h);
}

bool store_host_is_open(const struct store_host *h, link_id link) { return link_at(h, link)->open; }

void store_host_cut(struct store_host *h, bool cut)
{
    h->cut = cut;
    for (uint32_t i = 0; cut && i < h->link_count; i++)
        if (h->links[i].other_side != 0 && h->links[i].open)
            close_link(h, &h->links[i], 1006);
    store_host_run(h);
}

void store_host_send_all(struct store_host *h, link_id link, WireLinkFrame **frames, size_t count)
{
    for (size_t i = 0; i < count; i++)
        frames[i]->request_id = ++h->next_request;
    say(h, link, frames, count);
}

uint64_t store_host_send(struct store_host *h, link_id link, WireLinkFrame *frame)
{
    store_host_send_all(h, link, &frame, 1);
    return frame->request_id;
}

void store_host_tell(struct store_host *h, link_id link, WireLinkFrame *frame)
{
    frame->request_id = 0;
    say(h, link, &frame, 1);
}

const WireLinkFrame *store_host_answer(const struct store_host *h, link_id link,
                                       uint64_t request_id)
{
    const WireLinkFrame *found = NULL;

    for (size_t i = 0; i < h->heard_count; i++) {
        if (h->heard[i].link != link || h->heard[i].frame->request_id != request_id)
            continue;
        ck_assert_ptr_null(found); /* answered once */
        found = h->heard[i].frame;
    }
    return found;
}

const WireLinkFrame *store_host_ask(struct store_host *h, link_id link, WireLinkFrame *frame)
{
    return store_host_answer(h, link, store_host_send(h, link, frame));
}

void store_host_forget(struct store_host *h)
{
    h->heard_count = 0;
    arena_reset(&h->arena);
}

const WirePublication *store_host_publication(const struct store_host *h, link_id link,
                                              uint64_t home_id, size_t nth)
{
    for (size_t i = 0; i < h->heard_count; i++) {
        const WireLinkFrame *frame = h->heard[i].frame;

        if (h->heard[i].link == link && frame->body_case == WIRE_LINK_FRAME__BODY_PUBLICATION &&
            frame->publication->home_id == home_id && frame->publication->lsn != 0 && nth-- == 0)
            return frame->publication;
    }
    return NULL;
}

size_t store_host_count_publications(const struct store_host *h, link_id link, uint64_t home_id)
{
    size_t count = 0;

    while (store_host_publication(h, link, home_id, count))
        count++;
    return count;
}
