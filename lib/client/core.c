#include "client/core.h"

#include <string.h>

#include <libchat/close.h>

#include "client/inner.h"

#define CHECKPOINT_IDLE_MS 2000 /* this long without a message is idle */
#define WAL_FORCED 16u          /* times wal_pages_max: then idle or not */
#define CHORES_WAIT_MS 2000     /* after the cache refused */
#define REMAINS_PIECE 64u       /* messages of removed channels that one turn drops */

bool core_ok(struct client_core *core, chat_status status)
{
    if (status == CHAT_OK)
        return true;
    if (core->trouble == CHAT_OK)
        core->trouble = status;
    return false;
}

void core_wake_at(struct client_core *core, int64_t at_ms)
{
    if (at_ms < core->wake_at_ms)
        core->wake_at_ms = at_ms;
}

static chat_status load(struct client_core *core)
{
    chat_status status = channel_load_all(core);

    if (status == CHAT_OK)
        status = outbox_load(core);
    if (status == CHAT_OK)
        status = settings_load(core);
    if (status == CHAT_OK)
        status = receipts_load(core);
    if (status == CHAT_OK)
        status = cache_get_ticket(core->cache, &core->ticket);
    if (status == CHAT_OK)
        status = keep_look(core);
    if (status == CHAT_OK)
        status = cache_remains_look(core->cache);
    core->is_loaded = status == CHAT_OK;
    core->opened_due = true; /* another process may have brought the channel */
    return status;
}

static void forget(struct client_core *core)
{
    map_fini(&core->known_users); /* whose names the turn brought are asked for again */
    map_init(&core->known_users, core->allocator);
    outbox_free_all(core);
    channel_free_all(core);
}

/* The cache would not take this turn: memory goes back to what the cache has. */
static void undo(struct client_core *core, chat_status why)
{
    chat_status status;

    core->turn_wanted = true;
    log_write(core->cfg.logger, CHAT_LOG_ERROR, "client", "cache: %s; the turn is undone",
              chat_status_name(why));
    cache_rollback(core->cache);
    core->trouble = CHAT_OK;
    core->chores_at_ms = core->now.mono_ms + CHORES_WAIT_MS;
    session_drop(core, 1001, "cache", why);
    events_reread_all(core);
    forget(core);
    status = load(core);
    view_touch_all(core);
    events_cache(core, why);
    if (status != CHAT_OK) {
        core->started = false;
        client_session_enter(core, CHAT_CONN_CLOSED, status);
    }
    core->trouble = CHAT_OK;
}

chat_status core_reload(struct client_core *core)
{
    chat_status status;

    if (core->is_loaded)
        return CHAT_OK;
    forget(core);
    status = load(core);
    view_touch_all(core);
    core->trouble = CHAT_OK;
    if (status == CHAT_OK) /* who read while it was away saw no channel */
        events_reread_all(core);
    return status;
}

chat_status core_commit(struct client_core *core)
{
    chat_status status = core->trouble;

    if (status == CHAT_OK)
        status = channel_save_dirty(core);
    if (status == CHAT_OK)
        status = cache_commit(core->cache);
    if (status == CHAT_OK && core->sync_wanted)
        status = cache_sync(core->cache);
    core->sync_wanted = false;
    if (status == CHAT_OK && cache_wal_pages(core->cache) / WAL_FORCED > core->cfg.wal_pages_max)
        status = cache_checkpoint(core->cache);
    if (status != CHAT_OK)
        undo(core, status);
    else if (core->opened_due)
        ask_finish_opened(core);
    return status;
}

/* What nobody waits for, in turns that have nothing else to do. */
static int64_t chores_deadline(const struct client_core *core)
{
    const bool now = core->evicting || cache_has_remains(core->cache);
    int64_t at_ms = now ? core->now.mono_ms : index_deadline(core);

    if (core->suspended || !core->is_loaded)
        return MOMENT_NEVER;
    return at_ms > core->chores_at_ms ? at_ms : core->chores_at_ms;
}

/* One piece of one kind a turn. */
static void do_chores(struct client_core *core)
{
    if (search_turn(core) || core->now.mono_ms < chores_deadline(core))
        return;
    if (cache_has_remains(core->cache))
        (void)core_ok(core, cache_remains_step(core->cache, REMAINS_PIECE));
    else if (!keep_turn(core))
        index_turn(core);
}

/* When the log is to be written back. */
static int64_t checkpoint_deadline(const struct client_core *core)
{
    int64_t at_ms = core->fed_at_ms + CHECKPOINT_IDLE_MS;

    if (cache_wal_pages(core->cache) <= core->cfg.wal_pages_max)
        return MOMENT_NEVER;
    return at_ms > core->chores_at_ms ? at_ms : core->chores_at_ms;
}

static void feed_timer(struct client_core *core)
{
    if (core->now.mono_ms >= checkpoint_deadline(core) && core_commit(core) == CHAT_OK)
        (void)core_ok(core, cache_checkpoint(core->cache));
    session_timer(core);
    ask_timer(core);
    typing_timer(core);
    do_chores(core);
}

static void set_now(struct client_core *core, struct moment now)
{
    if (now.mono_ms > core->now.mono_ms)
        core->now.mono_ms = now.mono_ms;
    core->now.wall_ms = now.wall_ms;
}

void client_received(struct client_core *core, struct moment now)
{
    set_now(core, now);
    core->fed_at_ms = core->now.mono_ms;
}

static void feed(struct machine *m, const struct event *event)
{
    struct client_core *core = (struct client_core *)m;
    uint32_t units = UINT32_MAX;
    size_t at = 0;

    set_now(core, event->now);
    if (event->kind != EVENT_TIMER)
        core->fed_at_ms = core->now.mono_ms;
    switch (event->kind) {
    case EVENT_LINK_OPENED: session_opened(core, event->link); break;
    case EVENT_LINK_MESSAGE:
        while (!client_receive(core, event->link, event->message.bytes, event->message.len, &at,
                               &units))
            units = UINT32_MAX;
        break;
    case EVENT_LINK_BLOCKED:
        if (event->link == core->link && !core->blocked) {
            core->blocked = true;
            core->blocked_until_ms = core->now.mono_ms + core->cfg.request_timeout_ms;
        }
        break;
    case EVENT_LINK_DRAINED:
        if (event->link == core->link)
            core->blocked = false;
        break;
    case EVENT_LINK_CLOSED: client_session_closed(core, event->link, event->closed.code); break;
    case EVENT_TIMER: feed_timer(core); break;
    case EVENT_STOP:
        client_stop(core);
        core->stopping = true;
        break;
    case EVENT_ENGINE_DONE: break;
    }
}

/* Frames for what waits, as much as one message takes. */
static void pump(struct client_core *core)
{
    core->wake_at_ms = MOMENT_NEVER;
    if (!core->link || core->blocked || !outq_is_empty(&core->out))
        return;
    signin_pump(core);
    if (!session_is_signed_in(core))
        return;
    presence_pump(core);
    send_pump(core);
    if (core->half.frame) /* what it answers would be asked again */
        return;
    settings_pump(core);
    client_receipts_pump(core);
    typing_pump(core);
    ask_pump(core);
    lane_pump(core);
    users_pump(core);
}

static bool poll_closing(struct client_core *core, struct effect *out)
{
    struct closing *c = &core->closings[0];

    if (core->closings_count == 0)
        return false;
    out->link = c->link;
    if (c->goodbye && core->goodbye) {
        c->goodbye = false;
        out->kind = EFFECT_SEND;
        out->send.frames = &core->goodbye;
        out->send.count = 1;
        out->send.bytes = core->goodbye->len;
        return true;
    }
    out->kind = EFFECT_CLOSE;
    out->close.code = c->code;
    out->close.reason = c->reason;
    core->closings_count--;
    memmove(&core->closings[0], &core->closings[1],
            core->closings_count * sizeof(core->closings[0]));
    return true;
}

static bool poll_send(struct client_core *core, struct effect *out)
{
    struct outq_batch batch;

    pump(core);
    /* What must survive power loss before a frame goes out does. */
    if (core->sync_wanted && core_commit(core) != CHAT_OK)
        return false;
    if (!core->link || core->blocked || outq_is_empty(&core->out))
        return false;
    batch = outq_batch(&core->out, core->message_bytes, CHAT_CLIENT_FRAMES_MAX);
    core->out_handed = batch.count;
    *out = (struct effect){.kind = EFFECT_SEND, .link = core->link};
    out->send.frames = batch.frames;
    out->send.count = batch.count;
    out->send.bytes = batch.bytes;
    return true;
}

static bool poll_once(struct client_core *core, struct effect *out)
{
    (void)core_commit(core);
    session_settle(core);
    *out = (struct effect){0};
    if (poll_closing(core, out))
        return true;
    if (core->drop_wanted) {
        core->drop_wanted = false;
        out->kind = EFFECT_CLOSE;
        out->close.code = CHAT_CLOSE_NORMAL;
        return true;
    }
    if (core->dial_wanted && !core->dial_out) {
        core->dial_wanted = false;
        core->dial_out = true;
        out->kind = EFFECT_DIAL;
        return true;
    }
    return poll_send(core, out);
}

static bool poll(struct machine *m, struct effect *out)
{
    struct client_core *core = (struct client_core *)m;

    outq_sent(&core->out, core->out_handed);
    core->out_handed = 0;
    core->turn_wanted = false;
    if (poll_once(core, out))
        return true;
    /* The pump met trouble: undo now, the host may sleep next. */
    if (core->trouble != CHAT_OK && poll_once(core, out))
        return true;
    client_let_go(core);
    if (core->stopping && !core->stopped_told) {
        core->stopped_told = true;
        out->kind = EFFECT_STOPPED;
        return true;
    }
    return false;
}

static int64_t deadline(const struct machine *m)
{
    const struct client_core *core = (const struct client_core *)m;
    int64_t at_ms = session_deadline(core);
    int64_t ask_ms = ask_deadline(core), typing_ms = typing_deadline(core);
    int64_t view_ms = view_deadline(core);

    if (ask_ms < at_ms)
        at_ms = ask_ms;
    if (typing_ms < at_ms)
        at_ms = typing_ms;
    if (view_ms < at_ms)
        at_ms = view_ms;
    if (core->wake_at_ms < at_ms)
        at_ms = core->wake_at_ms;
    if (chores_deadline(core) < at_ms)
        at_ms = chores_deadline(core);
    if (!list_is_empty(&core->searches) && core->now.mono_ms < at_ms)
        at_ms = core->now.mono_ms;
    if (checkpoint_deadline(core) < at_ms)
        at_ms = checkpoint_deadline(core);
    return at_ms;
}

static const struct machine_ops ops = {
    .name = "client",
    .feed = feed,
    .poll = poll,
    .deadline = deadline,
};

static chat_status open_cache(struct client_core *core)
{
    const struct cache_config config = {
        .path = core->cfg.cache_path,
        .vfs = core->cfg.cache_vfs,
        .allocator = core->allocator,
        .logger = core->cfg.logger,
        .device_id = rng_id(&core->rng),
        .pages_max = core->cfg.cache_pages_max,
    };

    return cache_open(&config, &core->cache);
}

static chat_status copy_config(struct client_core *core, const struct client_config *config)
{
    core->cfg = *config;
    core->client = alloc_strdup(core->allocator, config->client);
    core->cache_path = alloc_strdup(core->allocator, config->cache_path);
    core->cache_vfs = alloc_strdup(core->allocator, config->cache_vfs);
    core->token = alloc_strdup(core->allocator, config->token);
    core->token_len = config->token ? strlen(config->token) : 0;
    if (!core->client || (config->cache_path && !core->cache_path) ||
        (config->cache_vfs && !core->cache_vfs) || (config->token && !core->token))
        return CHAT_E_NOMEM;
    core->cfg.client = core->client;
    core->cfg.cache_path = core->cache_path;
    core->cfg.cache_vfs = core->cache_vfs;
    core->cfg.token = NULL;
    return CHAT_OK;
}

/* An older copy of the file that was restored counts its openings from there again: so each
 * begins its nonces anywhere in the lower half of what it has. */
static uint32_t first_counter(uint64_t seed)
{
    struct rng rng;

    rng_seed(&rng, ~seed);
    return (uint32_t)(rng_u64(&rng) >> 33);
}

static void init(struct client_core *core)
{
    core->machine.ops = &ops;
    rng_seed(&core->rng, core->cfg.seed);
    arena_init(&core->arena, core->allocator, CLIENT_ARENA_MAX); /* of one frame */
    arena_init(&core->shown_arena, core->allocator, 65536);
    arena_init(&core->view_arena, core->allocator, 65536);
    arena_init(&core->draft_arena, core->allocator, 65536);
    arena_init(&core->row_arena, core->allocator, 65536);
    map_init(&core->requests_by_id, core->allocator);
    map_init(&core->known_users, core->allocator);
    map_init(&core->receipts_wanted, core->allocator);
    list_init(&core->requests);
    list_init(&core->dirty);
    list_init(&core->lagging);
    list_init(&core->sending);
    list_init(&core->gone);
    list_init(&core->telling);
    list_init(&core->settling);
    list_init(&core->stale_receipts);
    ops_init(core);
    list_init(&core->asks);
    list_init(&core->searches);
    list_init(&core->events);
    list_init(&core->views);
    outq_init(&core->out);
    core->state_deadline_ms = MOMENT_NEVER;
    core->heartbeat_at_ms = MOMENT_NEVER;
    core->refresh_at_ms = MOMENT_NEVER;
    core->live_at_ms = MOMENT_NEVER;
    core->wake_at_ms = MOMENT_NEVER;
    core->low_counter = first_counter(core->cfg.seed);
    core->message_bytes = CHAT_CLIENT_MESSAGE_MAX;
    core->in_flight_max = CHAT_IN_FLIGHT_MAX;
    core->page_max = CHAT_HISTORY_PAGE_MAX;
}

chat_status client_new(const struct client_config *config, struct client_core **out_core)
{
    const struct chat_allocator *allocator = alloc_or_default(config->allocator);
    WireClientFrame goodbye = WIRE_CLIENT_FRAME__INIT;
    WireGoodbye body = WIRE_GOODBYE__INIT;
    struct client_core *core;
    chat_status status;

    if (!client_config_is_sane(config))
        return CHAT_E_INVALID;
    core = alloc_zeroed(allocator, sizeof(*core));
    if (!core)
        return CHAT_E_NOMEM;
    core->allocator = allocator;
    core->cfg.seed = config->seed;
    init(core);
    status = copy_config(core, config);
    if (status == CHAT_OK)
        status = open_cache(core);
    if (status == CHAT_OK)
        status = load(core);
    if (status == CHAT_OK) {
        goodbye.body_case = WIRE_CLIENT_FRAME__BODY_GOODBYE;
        goodbye.goodbye = &body;
        core->goodbye = wire_encode_client(allocator, &goodbye);
        if (!core->goodbye)
            status = CHAT_E_NOMEM;
    }
    if (status != CHAT_OK) {
        client_free(core);
        return status;
    }
    *out_core = core;
    return CHAT_OK;
}

void client_free(struct client_core *core)
{
    if (!core)
        return;
    view_free_all(core);
    requests_lost(core);
    receive_drop(core);
    ask_free_all(core);
    search_free_all(core);
    events_free_all(core);
    forget(core);
    reply_free(core, core->view_reply);
    cache_close(core->cache);
    outq_fini(&core->out);
    frame_unref(core->goodbye);
    map_fini(&core->requests_by_id);
    map_fini(&core->known_users);
    map_fini(&core->receipts_wanted);
    ops_fini(core);
    arena_fini(&core->arena);
    arena_fini(&core->shown_arena);
    arena_fini(&core->view_arena);
    arena_fini(&core->draft_arena);
    arena_fini(&core->row_arena);
    if (core->token)
        memset(core->token, 0, core->token_len);
    alloc_free(core->allocator, core->token);
    alloc_free(core->allocator, core->client);
    alloc_free(core->allocator, core->cache_path);
    alloc_free(core->allocator, core->cache_vfs);
    alloc_free(core->allocator, core->channels);
    alloc_free(core->allocator, core);
}

bool client_wants_turn(const struct client_core *core)
{
    return core->turn_wanted || core->trouble != CHAT_OK;
}

struct machine *client_machine(struct client_core *core) { return &core->machine; }

void client_let_go(struct client_core *core)
{
    if (core->suspended)
        cache_release(core->cache);
}

chat_status client_flush(struct client_core *core)
{
    chat_status status = core_commit(core);

    return status == CHAT_OK ? cache_checkpoint(core->cache) : status;
}
