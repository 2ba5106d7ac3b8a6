/* What a simulated person hears from its client, and tells the checker. */
#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "sim_app_inner.h"

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
    sim_held_set(&v->held, m.seq, m.seq, true);
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
        sim_app_reset_view(app, v);
    if (channel->stream_seq < v->stream)
        checker_violation(app->crowd->checker, CHECK_STREAM_CONTIGUOUS,
                          "%s: %" PRIx64 " was told up to %" PRIu64 ", its cache says %" PRIu64,
                          app->name, channel->channel_id, v->stream, channel->stream_seq);
    v->listed = true;
    v->epoch = channel->epoch;
    v->stream = channel->stream_seq;
    v->read = channel->read_seq;
    (void)!sim_held_read(&v->held, sim_app_conn(app), channel->channel_id, v->stream);
}

void sim_hear_reread(struct sim_app *app, uint64_t only_channel_id)
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
            sim_app_reset_view(app, &app->views[i]);
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

/* What was caught up in part, or evicted. */
static void on_gap(struct sim_app *app, const struct chat_event *e)
{
    struct view *v = sim_app_view(app, e->channel_id);
    const bool is_old = e->to_seq <= v->stream;

    app->crowd->gaps++;
    app->crowd->evictions += is_old;
    app->whole = false;
    if (!app->catches_up_in_part && !app->bytes_max)
        checker_violation(app->crowd->checker, CHECK_STREAM_CONTIGUOUS,
                          "%s: %" PRIx64 " has a gap %" PRIu64 "..%" PRIu64 " for no reason",
                          app->name, e->channel_id, e->from_seq, e->to_seq);
    if (!is_old)
        advance(app, e->channel_id, e->from_seq, e->to_seq);
    else if (app->bytes_max)
        sim_screen_evicted(app->screen, sim_app_conn(app), e->channel_id, e->from_seq, e->to_seq);
    sim_held_set(&v->held, e->from_seq, e->to_seq, false);
}

void sim_hear(struct sim_app *app, const struct chat_event *e)
{
    struct sim_crowd *crowd = app->crowd;

    crowd->events++;
    sim_own_event(app, e);
    sim_search_event(app, e);
    sim_pages_event(app, e);
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
        sim_app_reset_view(app, sim_app_view(app, e->channel_id));
    } else if (e->type == CHAT_EVENT_REREAD) {
        crowd->rereads++;
        sim_hear_reread(app, e->channel_id);
    } else if (e->type == CHAT_EVENT_MESSAGE) {
        on_message(app, e->message);
    } else if (e->type == CHAT_EVENT_GAP) {
        on_gap(app, e);
    } else if (e->type == CHAT_EVENT_GAP_FILLED) {
        sim_held_set(&sim_app_view(app, e->channel_id)->held, e->from_seq, e->to_seq, true);
    } else if (e->type == CHAT_EVENT_OUTGOING) {
        on_outgoing(app, e->outgoing);
    } else if (e->type == CHAT_EVENT_VIEW) {
        sim_world_note(crowd->world, sim_screen_ready(app->screen, sim_app_conn(app), e->view));
    }
}
