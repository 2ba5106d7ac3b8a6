#include "sim_app_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_tap.h"
#include "sim_trace.h"

#define CACHE_BYTES_MIN (128u << 10)
#define CACHE_BYTES_MORE (128u << 10)

uint32_t sim_app_device(const struct sim_app *app)
{
    return app->config.user * 1000 + app->config.device;
}

void sim_app_reset_view(struct sim_app *app, struct view *v)
{
    sim_held_forget(&v->held);
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
    sim_app_reset_view(app, v);
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

void sim_app_check_held(struct sim_app *app, const struct chat_channel *channel)
{
    const uint64_t channel_id = channel->channel_id, to = channel->stream_seq;
    const struct view *v = sim_app_view(app, channel_id);
    struct sim_held cached = {0};
    uint64_t seq = 0;

    if (sim_client_has_events(app->client)) /* it has not heard all of it yet */
        return;
    /* It cannot be read when another process had it: that will be told. */
    if (sim_held_read(&cached, sim_app_conn(app), channel_id, to))
        seq = sim_held_compare(&cached, &v->held, to);
    if (seq)
        checker_violation(app->crowd->checker, CHECK_HELD_TOLD,
                          "%s: seq %" PRIu64 " of %" PRIx64 " is %s, and it was told otherwise",
                          app->name, seq, channel_id,
                          sim_held_has(&cached, seq) ? "held" : "not held");
    sim_held_forget(&cached);
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

static void bury(void *user, uint64_t life)
{
    struct sim_app *app = user;

    if (app->life == (uint32_t)life)
        sim_app_killed(app, app->dies_by_power);
}

static bool is_dead(void *user)
{
    return sim_cache_disk_is_dead(((struct sim_app *)user)->config.disk);
}

/* Who was told that his message is in sees it, or hears in the same turn that all is new. */
static void check_owed(struct sim_app *app)
{
    for (uint32_t i = 0; i < app->view_count; i++) {
        struct view *v = &app->views[i];

        if (v->owed && !is_dead(app))
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

    if (is_dead(app)) {
        /* It died within the turn: nobody heard what it had to tell. */
        sim_world_at(app->crowd->world, 0, bury, app, app->life);
        return;
    }
    while (!is_dead(app) && chat_conn_next_event(sim_app_conn(app), &event) && !is_dead(app)) {
        sim_hear(app, &event);
        any = true;
    }
    check_owed(app);
    if (any)
        sim_client_touch(app->client);
}

/* --- life --- */

/* Half of those who had too little room get enough, and must fetch again what was evicted. */
static bool choose_room(struct sim_app *app)
{
    app->chose_room = true;
    if (!app->config.disk || rng_below(&app->rng, 2))
        return false;
    app->has_room = true;
    sim_app_killed(app, false);
    if (sim_app_start(app) != CHAT_OK)
        checker_violation(app->crowd->checker, CHECK_LIVE, "%s: its cache does not open",
                          app->name);
    return true;
}

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
    } else if (app->crowd->searching) {
        (void)sim_search_prove(app);
        sim_app_touch(app);
    } else if (app->bytes_max && !app->chose_room) {
        if (choose_room(app))
            return;
    } else if (!app->whole && !app->bytes_max) {
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
    app->screen = sim_screen_new(rng_u64(&app->rng), app->crowd->checker, app->name, config->disk);
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
    sim_search_forget(app);
    for (uint32_t i = 0; i < app->view_count; i++)
        sim_held_forget(&app->views[i].held);
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
    config.logger = sim_trace_logger(app->node, &app->logger);
    if (app->config.disk) {
        config.cache_path = SIM_CACHE_PATH;
        config.cache_vfs = sim_cache_disk_mount(app->config.disk);
    }
    config.events_max = rng_below(&app->rng, 4) == 0 ? 16 : 1024;
    config.keep_max = rng_below(&app->rng, 4) == 0 ? 1 + (uint32_t)rng_below(&app->rng, 40) : 0;
    app->catches_up_in_part = config.keep_max != 0;
    app->bytes_max = 0;
    if (!app->config.auditor && !app->has_room && rng_below(&app->rng, 3) == 0)
        app->bytes_max = CACHE_BYTES_MIN + rng_below(&app->rng, CACHE_BYTES_MORE);
    config.cache_bytes_max = app->bytes_max;
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
    sim_hear_reread(app, 0);
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
    if (is_dead(app)) /* it died already, in its own way */
        lost = app->dies_by_power;
    app->life++;
    sim_node_crash(app->node, rng_below(&app->rng, 2));
    sim_cache_disk_crash(app->config.disk, lost); /* before the cache could close in order */
    sim_client_free(app->client);
    app->client = NULL;
    sim_search_forget(app);
    memset(app->asks, 0, sizeof(app->asks));
    sim_screen_forget(app->screen);
    sim_cache_disk_unmount(app->config.disk);
    if (!lost && app->config.disk)
        return;
    checker_cache_lost(app->crowd->checker, app->cache, ++app->crowd->next_cache);
    app->cache = app->crowd->next_cache;
    for (uint32_t i = 0; i < app->view_count; i++)
        sim_app_reset_view(app, &app->views[i]);
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

bool sim_app_copy_cache(struct sim_app *app)
{
    if (!app->client || !app->config.disk || app->dying)
        return false;
    sim_cache_disk_backup(app->config.disk);
    app->copied_cache = app->cache;
    app->copied_at = checker_mark(app->crowd->checker);
    return true;
}

bool sim_app_roll_back(struct sim_app *app)
{
    if (app->dying || app->copied_cache != app->cache)
        return false;
    sim_app_killed(app, false);
    sim_cache_disk_restore(app->config.disk);
    checker_cache_rolled_back(app->crowd->checker, app->cache, app->copied_at);
    for (uint32_t i = 0; i < app->view_count; i++)
        sim_app_reset_view(app, &app->views[i]);
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

bool sim_app_has_searched(const struct sim_app *app) { return app->search.is_done; }

bool sim_app_is_settled(struct sim_app *app)
{
    const struct chat_channel *channel;
    chat_conn *conn = sim_app_conn(app);
    uint64_t after = 0;

    if (!conn || (!app->whole && !app->bytes_max) || (app->bytes_max && !app->chose_room) ||
        chat_conn_get_state(conn) != CHAT_CONN_LIVE || chat_conn_get_outgoing_count(conn) != 0)
        return false;
    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        if (channel->stream_seq != channel->head_seq)
            return false;
    }
    return sim_own_is_settled(app);
}
