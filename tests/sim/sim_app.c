#include "sim_app.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim_tap.h"

/* A channel as this app saw it told. */
struct view {
    uint64_t channel_id;
    uint64_t stream; /* told up to here */
    uint64_t read;   /* the cursor as it was told */
    uint32_t reader; /* for the checker: a new one when the cache starts over */
    uint32_t epoch;
    bool listed;
};

struct sim_app {
    struct sim_app_config config;
    struct sim_crowd *crowd;
    struct sim_node *node;
    struct sim_client *client;
    struct rng rng;
    char name[SIM_SUBJECT_MAX];
    char subject[SIM_SUBJECT_MAX];
    struct view views[SIM_VIEWS_MAX];
    uint32_t view_count;
    uint32_t cache;          /* for the checker: another one when what it held may be lost */
    uint32_t life;           /* rises at each start: old timers are dropped */
    bool catches_up_in_part; /* it asked for that: gaps are told */
    bool dying;              /* its death is set: it does nothing but listen */
    bool dies_by_power;
    bool stopped; /* by itself: starts again later */
    bool whole;   /* its cache holds everything: no gap is left to fill */
};

static const uint64_t body_key[2] = {11, 13};

static uint64_t body_of(const char *text, size_t text_len, const uint8_t *extra, size_t extra_len)
{
    return hash_pair(hash_bytes(body_key, text, text_len), hash_bytes(body_key, extra, extra_len)) |
           1;
}

static void reset_view(struct sim_app *app, struct view *v)
{
    *v = (struct view){.channel_id = v->channel_id, .reader = ++app->crowd->next_reader};
}

static struct view *view_of(struct sim_app *app, uint64_t channel_id)
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

static struct check_message to_check(const struct chat_message *m)
{
    return (struct check_message){
        .channel_id = m->channel_id,
        .seq = m->seq,
        .message_id = m->message_id,
        .author_id = m->author_id,
        .device_id = m->nonce.device_id,
        .counter = m->nonce.counter,
        .rev = m->rev,
        .body = m->deleted ? 0 : body_of(m->text, m->text_len, m->extra, m->extra_len),
        .deleted = m->deleted,
    };
}

/* A page of what the cache holds. It may hold less than all, but never less than it says. */
static chat_status read_page(struct sim_app *app, uint64_t channel_id, uint64_t start_seq,
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
    struct view *v = view_of(app, channel_id);

    if (from != v->stream + 1)
        checker_violation(app->crowd->checker, CHECK_STREAM_CONTIGUOUS,
                          "%s: %" PRIx64 " told %" PRIu64 "..%" PRIu64 " after %" PRIu64, app->name,
                          channel_id, from, to, v->stream);
    if (to > v->stream)
        v->stream = to;
}

static void on_message(struct sim_app *app, const struct chat_message *message)
{
    struct check_message m = to_check(message);
    struct view *v = view_of(app, m.channel_id);

    advance(app, m.channel_id, m.seq, m.seq);
    checker_saw(app->crowd->checker, v->reader, chat_conn_get_user_id(sim_app_conn(app)), &m);
}

static void on_channel(struct sim_app *app, uint64_t channel_id)
{
    const struct chat_channel *channel = chat_conn_get_channel(sim_app_conn(app), channel_id);
    struct view *v = view_of(app, channel_id);

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
    struct view *v = view_of(app, channel->channel_id);
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
        if (channel && channel->head_seq < seq)
            checker_violation(app->crowd->checker, CHECK_READ_YOUR_WRITES,
                              "%s: seq %" PRIu64 " of %" PRIx64 " acknowledged, head is %" PRIu64,
                              app->name, seq, channel_id, channel->head_seq);
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
        reset_view(app, view_of(app, e->channel_id));
    } else if (e->type == CHAT_EVENT_REREAD) {
        crowd->rereads++;
        reread(app, e->channel_id);
    } else if (e->type == CHAT_EVENT_MESSAGE) {
        on_message(app, e->message);
    } else if (e->type == CHAT_EVENT_GAP) {
        const struct view *v = view_of(app, e->channel_id);
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
    }
}

static void bury(void *user, uint64_t life)
{
    struct sim_app *app = user;

    if (app->life == (uint32_t)life)
        sim_app_killed(app, app->dies_by_power);
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
    if (any)
        sim_client_touch(app->client);
}

/* --- acts --- */

static uint64_t some_channel(struct sim_app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0, chosen = 0, seen = 0;

    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        after = channel->channel_id;
        if (rng_below(&app->rng, ++seen) == 0)
            chosen = after;
    }
    return chosen;
}

static size_t some_text(struct sim_app *app, char *text, size_t size)
{
    int len = snprintf(text, size, "%s %" PRIu64 " ", app->name, ++app->crowd->next_text);
    size_t more =
        rng_below(&app->rng, 20) == 0 ? rng_below(&app->rng, 3000) : rng_below(&app->rng, 60);

    for (size_t i = 0; i < more; i++)
        text[len + (int)i] = (char)('a' + rng_below(&app->rng, 26));
    return (size_t)len + more;
}

static void act_send(struct sim_app *app)
{
    uint64_t channel_id = some_channel(app);
    uint64_t burst = rng_below(&app->rng, 6) == 0 ? 1 + rng_below(&app->rng, 60) : 1;

    for (uint64_t i = 0; channel_id && i < burst; i++) {
        char text[4096];
        size_t len = some_text(app, text, sizeof(text));
        struct chat_nonce nonce;
        struct check_nonce n;

        if (chat_conn_send(sim_app_conn(app), channel_id, text, len, NULL, 0, 0, &nonce) != CHAT_OK)
            return;
        n = (struct check_nonce){channel_id, chat_conn_get_user_id(sim_app_conn(app)),
                                 nonce.device_id, nonce.counter};
        checker_attempted(app->crowd->checker, &n, body_of(text, len, NULL, 0), app->cache);
    }
}

static uint64_t some_own_seq(struct sim_app *app, uint64_t channel_id)
{
    chat_page *page = NULL;
    uint64_t seq = 0;

    if (read_page(app, channel_id, 0, 40, true, &page) != CHAT_OK)
        return 0;
    for (size_t i = 0; i < chat_page_get_count(page); i++) {
        const struct chat_message *m = chat_page_get_message(page, i);
        if (m->own && !m->deleted && (seq == 0 || rng_below(&app->rng, 2)))
            seq = m->seq;
    }
    chat_page_free(page);
    return seq;
}

static void act_alter(struct sim_app *app, bool delete)
{
    uint64_t channel_id = some_channel(app);
    uint64_t seq = channel_id ? some_own_seq(app, channel_id) : 0;
    char text[4096];
    size_t len;

    if (!seq)
        return;
    if (delete) {
        checker_attempted_change(app->crowd->checker, channel_id, seq, 0, true);
        (void)!chat_conn_delete(sim_app_conn(app), channel_id, seq, NULL);
        return;
    }
    len = some_text(app, text, sizeof(text));
    checker_attempted_change(app->crowd->checker, channel_id, seq, body_of(text, len, NULL, 0),
                             false);
    (void)!chat_conn_edit(sim_app_conn(app), channel_id, seq, text, len, NULL, 0, NULL);
}

static void act_read(struct sim_app *app)
{
    uint64_t channel_id = some_channel(app);
    const struct chat_channel *channel =
        channel_id ? chat_conn_get_channel(sim_app_conn(app), channel_id) : NULL;

    if (channel && channel->head_seq > 0)
        (void)chat_conn_mark_read(sim_app_conn(app), channel_id,
                                  1 + rng_below(&app->rng, channel->head_seq));
}

static void act_fetch(struct sim_app *app)
{
    uint64_t channel_id = some_channel(app), ticket;
    const struct chat_channel *channel =
        channel_id ? chat_conn_get_channel(sim_app_conn(app), channel_id) : NULL;

    if (channel)
        (void)!chat_conn_fetch_history(
            sim_app_conn(app), channel_id, rng_below(&app->rng, channel->head_seq + 1),
            1 + (uint32_t)rng_below(&app->rng, 50), rng_below(&app->rng, 2), &ticket);
}

/* The first user made the groups and may say who is in. */
static void act_member(struct sim_app *app)
{
    struct sim_crowd *crowd = app->crowd;
    uint64_t ticket;
    uint32_t user;

    if (app->config.user != 0 || crowd->group_count == 0 || crowd->user_count < 2)
        return;
    user = 1 + (uint32_t)rng_below(&app->rng, crowd->user_count - 1);
    if (!crowd->user_ids[user])
        return;
    (void)!chat_conn_set_member(
        sim_app_conn(app), crowd->group_ids[rng_below(&app->rng, crowd->group_count)],
        crowd->user_ids[user],
        rng_below(&app->rng, 2) ? CHAT_PERMISSION_VIEW | CHAT_PERMISSION_SEND : 0, &ticket);
}

static void act_rest(struct sim_app *app)
{
    chat_conn *conn = sim_app_conn(app);

    if (app->stopped) {
        app->stopped = false;
        chat_conn_resume(conn);
        return;
    }
    if (rng_below(&app->rng, 2)) {
        app->stopped = true;
        chat_conn_suspend(conn);
    } else {
        chat_conn_network_changed(conn);
    }
}

static void act_watch(struct sim_app *app)
{
    uint64_t ids[SIM_NODES_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < app->crowd->user_count; i++) {
        if (app->crowd->user_ids[i] && rng_below(&app->rng, 2))
            ids[count++] = app->crowd->user_ids[i];
    }
    (void)chat_conn_watch_presence(sim_app_conn(app), ids, count);
    (void)chat_conn_set_presence(sim_app_conn(app),
                                 (chat_presence_state)(2 + rng_below(&app->rng, 4)));
}

static void act(struct sim_app *app)
{
    uint64_t what = rng_below(&app->rng, 100);

    app->crowd->acts++;
    if (app->stopped && what < 50)
        act_rest(app);
    else if (what < 60)
        act_send(app);
    else if (what < 70)
        act_alter(app, false);
    else if (what < 74)
        act_alter(app, true);
    else if (what < 84)
        act_read(app);
    else if (what < 90)
        act_fetch(app);
    else if (what < 94)
        act_member(app);
    else if (what < 97)
        act_watch(app);
    else
        act_rest(app);
}

/* The first seq that the cache does not hold; 0: it holds all up to the head. */
static uint64_t first_hole(struct sim_app *app, uint64_t channel_id)
{
    const struct chat_channel *channel = chat_conn_get_channel(sim_app_conn(app), channel_id);
    uint64_t next = channel ? channel->first_seq : 1, head = channel ? channel->head_seq : 0;

    while (next <= head) {
        chat_page *page = NULL;
        uint64_t to;

        if (read_page(app, channel_id, next, 200, false, &page) != CHAT_OK)
            return next;
        to = chat_page_get_to_seq(page);
        chat_page_free(page);
        if (to < next)
            return next;
        next = to + 1;
    }
    return 0;
}

/* What the last process left is read before the network can mend it. */
static void look_through(struct sim_app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0;

    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        after = channel->channel_id;
        (void)first_hole(app, after);
    }
}

/* Scrolls through everything: what was told as a gap can be fetched. */
static void fill_gaps(struct sim_app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0, ticket;

    app->whole = true;
    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        uint64_t hole;

        after = channel->channel_id;
        hole = first_hole(app, after);
        if (!hole)
            continue;
        app->whole = false;
        (void)!chat_conn_fetch_history(sim_app_conn(app), after, hole, 200, false, &ticket);
    }
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
        act(app);
        sim_app_touch(app);
    } else if (app->stopped) {
        act_rest(app);
        sim_app_touch(app);
    } else if (!app->whole) {
        fill_gaps(app);
        sim_app_touch(app);
    }
    sim_world_at(world,
                 sim_world_now_ms(world) + 1 +
                     (int64_t)rng_below(&app->rng, (uint64_t)app->crowd->pause_max_ms),
                 on_act, app, life);
}

/* --- life --- */

/* What the network brought, before the client made anything of it. */
static void on_delivered(void *user, const uint8_t *bytes, size_t len)
{
    struct sim_app *app = user;
    sim_tap_delivered(app->crowd->checker, chat_conn_get_user_id(sim_app_conn(app)), bytes, len);
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
    config.catch_up_max = rng_below(&app->rng, 4) == 0 ? 1 + (uint32_t)rng_below(&app->rng, 40) : 0;
    app->catches_up_in_part = config.catch_up_max != 0;
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
    look_through(app);
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
    return true;
}

static void report_channel(struct sim_app *app, const struct chat_channel *channel, bool stored)
{
    uint64_t next = channel->first_seq ? channel->first_seq : 1;
    uint64_t channel_id = channel->channel_id, head = channel->head_seq;
    struct view *v = view_of(app, channel_id);
    uint64_t user_id = chat_conn_get_user_id(sim_app_conn(app));

    while (next <= head) {
        chat_page *page = NULL;
        if (read_page(app, channel_id, next, 200, false, &page) != CHAT_OK)
            break;
        for (size_t i = 0; i < chat_page_get_count(page); i++) {
            struct check_message m = to_check(chat_page_get_message(page, i));
            if (stored)
                checker_stored(app->crowd->checker, &m);
            else
                checker_cached(app->crowd->checker, v->reader, user_id, &m);
        }
        if (chat_page_get_to_seq(page) < next) {
            chat_page_free(page);
            break;
        }
        next = chat_page_get_to_seq(page) + 1;
        chat_page_free(page);
    }
    if (next <= head)
        checker_violation(app->crowd->checker, CHECK_CONVERGED,
                          "%s: holds %" PRIx64 " up to %" PRIu64 " of %" PRIu64, app->name,
                          channel_id, next - 1, head);
}

/* The conversations it lists are those that it may see. */
static void report_list(struct sim_app *app)
{
    uint64_t user_id = chat_conn_get_user_id(sim_app_conn(app));

    for (uint32_t i = 0; i < app->crowd->group_count; i++) {
        uint64_t home_id = app->crowd->group_ids[i];
        bool may = (checker_permissions(app->crowd->checker, home_id, user_id) &
                    CHAT_PERMISSION_VIEW) != 0;
        bool lists = chat_conn_get_channel(sim_app_conn(app), home_id) != NULL;

        if (may != lists)
            checker_violation(app->crowd->checker, CHECK_CONVERGED, "%s: %s %" PRIx64, app->name,
                              may ? "does not know that it may see" : "still lists", home_id);
    }
}

void sim_app_report(struct sim_app *app, bool stored)
{
    const struct chat_channel *channel;
    uint64_t ids[SIM_VIEWS_MAX];
    uint32_t count = 0;
    uint64_t after = 0;

    while ((channel = chat_conn_next_channel(sim_app_conn(app), after)) && count < SIM_VIEWS_MAX)
        ids[count++] = after = channel->channel_id;
    for (uint32_t i = 0; i < count; i++) {
        channel = chat_conn_get_channel(sim_app_conn(app), ids[i]);
        if (channel && (!stored || checker_wants_channel(app->crowd->checker, ids[i])))
            report_channel(app, channel, stored);
    }
    if (!stored)
        report_list(app);
}

static void describe_outbox(chat_conn *conn)
{
    const struct chat_outgoing *out;

    for (uint32_t i = 0; i < 3 && chat_conn_get_outgoing(conn, i, &out); i++)
        fprintf(stderr,
                "    waits: kind %d state %d of %" PRIx64 " seq %" PRIu64 " nonce %" PRIx64
                ".%" PRIx64 " (%s)\n",
                (int)out->kind, (int)out->state, out->channel_id, out->seq, out->nonce.device_id,
                out->nonce.counter, chat_status_name(out->status));
}

void sim_app_describe(struct sim_app *app)
{
    const struct chat_channel *channel;
    chat_conn *conn = sim_app_conn(app);
    uint64_t after = 0, logged;

    fprintf(stderr, "  %s: ", app->name);
    if (!conn) {
        fprintf(stderr, "down\n");
        return;
    }
    fprintf(stderr, "%s%s, outbox %u, %s\n", chat_conn_state_name(chat_conn_get_state(conn)),
            app->whole ? "" : ", gaps", chat_conn_get_outgoing_count(conn),
            chat_conn_last_problem(conn));
    describe_outbox(conn);
    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        logged = checker_logged_head(app->crowd->checker, after);
        if (channel->stream_seq != channel->head_seq || channel->head_seq < logged)
            fprintf(stderr,
                    "    channel %" PRIx64 ": told %" PRIu64 " of %" PRIu64 ", logged %" PRIu64
                    "\n",
                    after, channel->stream_seq, channel->head_seq, logged);
    }
}
