#include "sim_app_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim_tap.h"

uint32_t sim_app_device(const struct sim_app *app)
{
    return app->config.user * 1000 + app->config.device;
}

static void reset_view(struct sim_app *app, struct view *v)
{
    *v = (struct view){.channel_id = v->channel_id, .reader = ++app->crowd->next_reader};
}

struct view *sim_app_view(struct sim_app *app, uint64_t channel_id)
{
    struct view *v;

    for (uint32_t i = 0; i < app->view_count; i++) {
        if (app->views[i].channel_id == channel_id)
            return &app->views[i];
    }
    if (app->view_count == SIM_VIEWS_MAX) {
        fprintf(stderr, "simulator: too many channels\n");
        exit(2);
    }
    v = &app->views[app->view_count++];
    v->channel_id = channel_id;
    reset_view(app, v);
    return v;
}

struct check_message sim_app_message(const struct chat_message *m)
{
    struct check_message out = {
        .channel_id = m->channel_id,
        .seq = m->seq,
        .message_id = m->message_id,
        .author_id = m->author_id,
        .device_id = m->nonce.device_id,
        .counter = m->nonce.counter,
        .rev = m->rev,
        .deleted = m->deleted,
    };

    if (!m->deleted)
        out.body = sim_tap_body(m->text, m->text_len, m->extra, m->extra_len, m->mention_ids,
                                m->mentions_count);
    for (size_t i = 0; i < m->reactions_count; i++) {
        const struct chat_reaction *r = m->reactions[i];

        out.marks = sim_tap_mark(out.marks, r->emoji, r->emoji_len, r->user_ids, r->count);
        out.marks_count += r->count;
    }
    return out;
}

chat_status sim_app_read(struct sim_app *app, uint64_t channel_id, uint64_t start_seq,
                         uint32_t limit, bool backwards, chat_page **out_page)
{
    chat_status status = chat_conn_read_messages(sim_app_conn(app), channel_id, start_seq, limit,
                                                 backwards, out_page);

    if (status == CHAT_E_CORRUPT)
        checker_violation(app->crowd->checker, CHECK_CACHE_WHOLE,
                          "%s: the cache of %" PRIx64 " from %" PRIu64 " lacks what it holds",
                          app->name, channel_id, start_seq);
    return status;
}

/* --- events --- */

static void advance(struct sim_app *app, uint64_t channel_id, uint64_t from, uint64_t to)
{
    struct view *v = sim_app_view(app, channel_id);

    if (from != v->stream + 1)
        checker_violation(app->crowd->checker, CHECK_STREAM_CONTIGUOUS,
                          "%s: %" PRIx64 " told %" PRIu64 "..%" PRIu64 " after %" PRIu64, app->name,
                          channel_id, from, to, v->stream);
    if (to > v->stream)
        v->stream = to;
}

static void on_message(struct sim_app *app, const struct chat_message *message)
{
    struct check_message m = sim_app_message(message);
    struct view *v = sim_app_view(app, m.channel_id);

    advance(app, m.channel_id, m.seq, m.seq);
    checker_saw(app->crowd->checker, v->reader, chat_conn_get_user_id(sim_app_conn(app)), &m);
}

static void on_channel(struct sim_app *app, uint64_t channel_id)
{
    const struct chat_channel *channel = chat_conn_get_channel(sim_app_conn(app), channel_id);
    struct view *v = sim_app_view(app, channel_id);

    if (!channel)
        return;
    v->epoch = channel->epoch;
    v->read = channel->read_seq;
    checker_head(app->crowd->checker, v->reader, channel_id, channel->head_seq);
    checker_cursor(app->crowd->checker, v->reader, channel_id, channel->read_seq);
}

/* A refused operation is not tried again here: people type something else. */
static void on_refused(struct sim_app *app, const struct chat_outgoing *o)
{
    uint64_t user_id = chat_conn_get_user_id(sim_app_conn(app));
    struct check_nonce nonce = {o->channel_id, user_id, o->nonce.device_id, o->nonce.counter};
    struct chat_nonce discarded = o->nonce;

    if (o->kind == CHAT_OUTGOING_SEND && o->status != CHAT_E_UNKNOWN)
        checker_refused(app->crowd->checker, &nonce);
    else if (o->kind == CHAT_OUTGOING_SEND)
        checker_left_unknown(app->crowd->checker, &nonce);
    (void)chat_conn_discard(sim_app_conn(app), &discarded);
}

static void on_renamed(struct sim_app *app, const struct chat_outgoing *o)
{
    uint64_t user_id = chat_conn_get_user_id(sim_app_conn(app));
    struct check_nonce nonce = {o->channel_id, user_id, o->nonce.device_id, o->nonce.counter};
    struct check_nonce old = {o->channel_id, user_id, o->old_nonce.device_id, o->old_nonce.counter};

    if (o->kind == CHAT_OUTGOING_SEND && o->old_nonce.device_id != 0)
        checker_renamed(app->crowd->checker, &old, &nonce);
}

/* What became of operations while nobody was told. */
static void read_outbox(struct sim_app *app)
{
    const struct chat_outgoing *o;
    uint32_t index = 0;

    while (chat_conn_get_outgoing(sim_app_conn(app), index, &o)) {
        uint32_t count = chat_conn_get_outgoing_count(sim_app_conn(app));

        on_renamed(app, o);
        if (o->state == CHAT_OUTGOING_REFUSED)
            on_refused(app, o);
        if (chat_conn_get_outgoing_count(sim_app_conn(app)) == count)
            index++;
    }
}

/* The cache says how far it told: after a restart, or when events were too many. */
static void reread_channel(struct sim_app *app, const struct chat_channel *channel, bool all)
{
    struct view *v = sim_app_view(app, channel->channel_id);
    uint64_t user_id = chat_conn_get_user_id(sim_app_conn(app));
    bool fresh = v->epoch != channel->epoch ||
                 checker_was_removed(app->crowd->checker, channel->home_id, user_id);

    /* A REREAD of everything may stand for a removal or a reset as well. */
    if (all && fresh && (channel->stream_seq < v->stream || channel->read_seq < v->read))
        reset_view(app, v);
    if (channel->stream_seq < v->stream)
        checker_violation(app->crowd->checker, CHECK_STREAM_CONTIGUOUS,
                          "%s: %" PRIx64 " was told up to %" PRIu64 ", its cache says %" PRIu64,
                          app->name, channel->channel_id, v->stream, channel->stream_seq);
    v->listed = true;
    v->epoch = channel->epoch;
    v->stream = channel->stream_seq;
    v->read = channel->read_seq;
}

static void reread(struct sim_app *app, uint64_t only_channel_id)
{
    const struct chat_channel *channel;
    uint64_t after = 0;

    app->whole = false;
    for (uint32_t i = 0; i < app->view_count; i++)
        app->views[i].listed = false;
    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        after = channel->channel_id;
        if (only_channel_id == 0 || after == only_channel_id)
            reread_channel(app, channel, only_channel_id == 0);
    }
    for (uint32_t i = 0; i < app->view_count && only_channel_id == 0; i++) {
        if (!app->views[i].listed)
            reset_view(app, &app->views[i]);
    }
    read_outbox(app);
}

static void on_outgoing(struct sim_app *app, const struct chat_outgoing *o)
{
    uint64_t user_id = chat_conn_get_user_id(sim_app_conn(app));
    struct check_nonce nonce = {o->channel_id, user_id, o->nonce.device_id, o->nonce.counter};

    on_renamed(app, o);
    if (o->state == CHAT_OUTGOING_DONE && o->kind == CHAT_OUTGOING_SEND) {
        const struct chat_channel *channel;
        uint64_t seq = o->seq, channel_id = o->channel_id;
        checker_acked(app->crowd->checker, &nonce, seq, 0);
        channel = chat_conn_get_channel(sim_app_conn(app), channel_id);
        /* Unless it was told that it is out of there, or is told next that all is new. */
        if (channel && channel->head_seq < seq && sim_app_view(app, channel_id)->listed)
            sim_app_view(app, channel_id)->owed = seq;
    } else if (o->state == CHAT_OUTGOING_REFUSED) {
        on_refused(app, o);
    }
}

static void give_token(struct sim_app *app)
{
    char token[128];
    int64_t expires_at_ms =
        sim_node_now(app->node).wall_ms - app->node->wall_offset_ms + app->crowd->token_life_ms;
    int len = snprintf(token, sizeof(token), "sim:%s:%" PRId64, app->subject, expires_at_ms);

    (void)chat_conn_set_token(sim_app_conn(app), token, (size_t)len);
}

static void handle(struct sim_app *app, const struct chat_event *e)
{
    struct sim_crowd *crowd = app->crowd;

    crowd->events++;
    sim_own_event(app, e);
    sim_world_note(crowd->world, hash_pair((uint64_t)e->type, e->channel_id));
    if (e->type == CHAT_EVENT_NEED_TOKEN) {
        give_token(app);
    } else if (e->type == CHAT_EVENT_WELCOME) {
        uint64_t id = chat_conn_get_user_id(sim_app_conn(app));
        if (crowd->user_ids[app->config.user] && crowd->user_ids[app->config.user] != id)
            checker_violation(crowd->checker, CHECK_ONCE_PER_NONCE, "%s has two user ids",
                              app->subject);
        crowd->user_ids[app->config.user] = id;
    } else if (e->type == CHAT_EVENT_CHANNEL || e->type == CHAT_EVENT_READ) {
        on_channel(app, e->channel->channel_id);
    } else if (e->type == CHAT_EVENT_CHANNEL_REMOVED || e->type == CHAT_EVENT_CHANNEL_RESET) {
        if (e->type == CHAT_EVENT_CHANNEL_RESET)
            checker_rebuilt(crowd->checker, app->name, e->channel_id);
        crowd->resets++;
        reset_view(app, sim_app_view(app, e->channel_id));
    } else if (e->type == CHAT_EVENT_REREAD) {
        crowd->rereads++;
        reread(app, e->channel_id);
    } else if (e->type == CHAT_EVENT_MESSAGE) {
        on_message(app, e->message);
    } else if (e->type == CHAT_EVENT_GAP) {
        const struct view *v = sim_app_view(app, e->channel_id);
        crowd->gaps++;
        app->whole = false;
        if (!app->catches_up_in_part)
            checker_violation(crowd->checker, CHECK_STREAM_CONTIGUOUS,
                              "%s: %" PRIx64 " has a gap %" PRIu64 "..%" PRIu64 " for no reason",
                              app->name, e->channel_id, e->from_seq, e->to_seq);
        if (e->to_seq > v->stream)
            advance(app, e->channel_id, e->from_seq, e->to_seq);
    } else if (e->type == CHAT_EVENT_OUTGOING) {
        on_outgoing(app, e->outgoing);
    } else if (e->type == CHAT_EVENT_VIEW) {
        sim_world_note(crowd->world, sim_screen_ready(app->screen, sim_app_conn(app), e->view));
    }
}

static void bury(void *user, uint64_t life)
{
    struct sim_app *app = user;

    if (app->life == (uint32_t)life)
        sim_app_killed(app, app->dies_by_power);
}

/* Who was told that his message is in sees it, or hears in the same turn that all is new. */
static void check_owed(struct sim_app *app)
{
    for (uint32_t i = 0; i < app->view_count; i++) {
        struct view *v = &app->views[i];

        if (v->owed)
            checker_violation(app->crowd->checker, CHECK_READ_YOUR_WRITES,
                              "%s: seq %" PRIu64 " of %" PRIx64 " acknowledged, head is behind",
                              app->name, v->owed, v->channel_id);
        v->owed = 0;
    }
}

static void after_turn(struct sim_node *node)
{
    struct sim_app *app = node->user;
    struct chat_event event = CHAT_EVENT_INIT;
    bool any = false;

    if (sim_cache_disk_is_dead(app->config.disk)) {
        /* It died within the turn: nobody heard what it had to tell. */
        sim_world_at(app->crowd->world, 0, bury, app, app->life);
        return;
    }
    while (chat_conn_next_event(sim_app_conn(app), &event)) {
        handle(app, &event);
        any = true;
    }
    check_owed(app);
    if (any)
        sim_client_touch(app->client);
}

/* --- life --- */

static void on_act(void *user, uint64_t life)
{
    struct sim_app *app = user;
    struct sim_world *world = app->crowd->world;

    if (app->life != (uint32_t)life || !app->client)
        return;
    if (app->dying || sim_world_now_ms(world) < app->crowd->silent_until_ms) {
        /* only listens */
    } else if (app->crowd->talking && !app->config.auditor) {
        sim_act(app);
        sim_screen_act(app->screen, sim_app_conn(app));
        sim_app_touch(app);
    } else if (app->stopped) {
        sim_act_rest(app);
        sim_app_touch(app);
    } else if (!app->whole) {
        sim_act_fill_gaps(app);
        sim_app_touch(app);
    }
    sim_world_at(world,
                 sim_world_now_ms(world) + 1 +
                     (int64_t)rng_below(&app->rng, (uint64_t)app->crowd->pause_max_ms),
                 on_act, app, life);
}

/* What the network brought, before the client made anything of it. */
static void on_delivered(void *user, const uint8_t *bytes, size_t len)
{
    struct sim_app *app = user;
    sim_tap_delivered(app->crowd->checker, chat_conn_get_user_id(sim_app_conn(app)),
                      sim_app_device(app), bytes, len);
}

static bool is_dead(void *user)
{
    return sim_cache_disk_is_dead(((struct sim_app *)user)->config.disk);
}

static const struct sim_node_ops node_ops = {.after_turn = after_turn};

struct sim_app *sim_app_new(const struct sim_app_config *config)
{
    struct sim_app *app = calloc(1, sizeof(*app));

    if (!app)
        exit(2);
    app->config = *config;
    app->crowd = config->crowd;
    app->cache = ++app->crowd->next_cache;
    rng_seed(&app->rng, rng_u64(sim_world_rng(app->crowd->world)));
    snprintf(app->name, sizeof(app->name), "u%ud%u", config->user, config->device);
    snprintf(app->subject, sizeof(app->subject), "user-%u", config->user);
    app->screen = sim_screen_new(rng_u64(&app->rng), app->crowd->checker, app->name);
    app->node = sim_world_add(app->crowd->world, app->name, &node_ops, app);
    if (!app->node)
        exit(2);
    app->node->peer_is_client = true;
    return app;
}

void sim_app_free(struct sim_app *app)
{
    if (!app)
        return;
    sim_client_free(app->client);
    sim_screen_free(app->screen);
    sim_cache_disk_unmount(app->config.disk);
    free(app);
}

struct sim_node *sim_app_node(struct sim_app *app) { return app->node; }
uint32_t sim_app_user(const struct sim_app *app) { return app->config.user; }

chat_conn *sim_app_conn(struct sim_app *app)
{
    return app->client ? sim_client_conn(app->client) : NULL;
}

chat_status sim_app_start(struct sim_app *app)
{
    struct chat_conn_config config;
    chat_status status;

    chat_conn_config_init(&config);
    if (app->config.disk) {
        config.cache_path = "cache";
        config.cache_vfs = sim_cache_disk_mount(app->config.disk);
    }
    config.events_max = rng_below(&app->rng, 4) == 0 ? 16 : 1024;
    config.keep_max = rng_below(&app->rng, 4) == 0 ? 1 + (uint32_t)rng_below(&app->rng, 40) : 0;
    app->catches_up_in_part = config.keep_max != 0;
    config.outbox_max = rng_below(&app->rng, 8) == 0 ? 10 : 1000;
    app->client = sim_client_new(app->node, app->crowd->routers, app->crowd->router_count,
                                 rng_u64(&app->rng));
    sim_client_set_hooks(
        app->client,
        &(struct sim_client_hooks){.delivered = on_delivered, .is_dead = is_dead, .user = app});
    status = sim_client_open(app->client, &config);
    if (status != CHAT_OK) {
        sim_client_free(app->client);
        app->client = NULL;
        sim_cache_disk_unmount(app->config.disk);
        return status;
    }
    app->life++;
    app->stopped = app->dying = false;
    reread(app, 0);
    sim_act_look_through(app);
    sim_node_start(app->node, sim_client_machine(app->client));
    sim_world_at(app->crowd->world, sim_world_now_ms(app->crowd->world) + 1, on_act, app,
                 app->life);
    return CHAT_OK;
}

void sim_app_killed(struct sim_app *app, bool lost)
{
    if (!app->client)
        return;
    app->life++;
    sim_node_crash(app->node, rng_below(&app->rng, 2));
    sim_cache_disk_crash(app->config.disk, lost); /* before the cache could close in order */
    sim_client_free(app->client);
    app->client = NULL;
    sim_screen_forget(app->screen);
    sim_cache_disk_unmount(app->config.disk);
    if (!lost && app->config.disk)
        return;
    checker_cache_lost(app->crowd->checker, app->cache);
    app->cache = ++app->crowd->next_cache;
    for (uint32_t i = 0; i < app->view_count; i++)
        reset_view(app, &app->views[i]);
}

bool sim_app_die_at(struct sim_app *app, uint32_t operations, bool lost)
{
    if (!app->client || !app->config.disk || app->dying)
        return false;
    app->dying = true;
    app->dies_by_power = lost;
    sim_cache_disk_die_at(app->config.disk, operations, lost);
    return true;
}

bool sim_app_is_dying(const struct sim_app *app) { return app->dying; }

void sim_app_change_members(struct sim_app *app)
{
    if (!app->client || app->dying || !app->crowd->talking)
        return;
    for (unsigned i = 0; i < 3; i++)
        sim_act_member(app);
    sim_app_touch(app);
}

void sim_app_touch(struct sim_app *app)
{
    if (!app->client)
        return;
    sim_client_touch(app->client);
    sim_node_kick(app->node);
}

bool sim_app_is_settled(struct sim_app *app)
{
    const struct chat_channel *channel;
    chat_conn *conn = sim_app_conn(app);
    uint64_t after = 0;

    if (!conn || !app->whole || chat_conn_get_state(conn) != CHAT_CONN_LIVE ||
        chat_conn_get_outgoing_count(conn) != 0)
        return false;
    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        if (channel->stream_seq != channel->head_seq)
            return false;
    }
    return sim_own_is_settled(app);
}
