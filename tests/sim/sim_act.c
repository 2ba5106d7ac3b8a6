/* What the person on a simulated device does, by chance. */
#include "sim_app_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sim_act_some_channel(struct sim_app *app)
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
    uint64_t channel_id = sim_act_some_channel(app);
    uint64_t burst = rng_below(&app->rng, 6) == 0 ? 1 + rng_below(&app->rng, 60) : 1;

    for (uint64_t i = 0; channel_id && i < burst; i++) {
        char text[4096];
        size_t len = some_text(app, text, sizeof(text));
        struct chat_nonce nonce;
        struct check_nonce n;

        sim_own_sending(app, channel_id);
        if (chat_conn_send(sim_app_conn(app), channel_id, text, len, NULL, 0, 0, &nonce) != CHAT_OK)
            return;
        n = (struct check_nonce){channel_id, chat_conn_get_user_id(sim_app_conn(app)),
                                 nonce.device_id, nonce.counter};
        checker_attempted(app->crowd->checker, &n, sim_app_body(text, len, NULL, 0), app->cache);
    }
}

static uint64_t some_own_seq(struct sim_app *app, uint64_t channel_id)
{
    chat_page *page = NULL;
    uint64_t seq = 0;

    if (sim_app_read(app, channel_id, 0, 40, true, &page) != CHAT_OK)
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
    uint64_t channel_id = sim_act_some_channel(app);
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
    checker_attempted_change(app->crowd->checker, channel_id, seq, sim_app_body(text, len, NULL, 0),
                             false);
    (void)!chat_conn_edit(sim_app_conn(app), channel_id, seq, text, len, NULL, 0, NULL);
}

static void act_read(struct sim_app *app)
{
    uint64_t channel_id = sim_act_some_channel(app);
    const struct chat_channel *channel =
        channel_id ? chat_conn_get_channel(sim_app_conn(app), channel_id) : NULL;

    if (channel && channel->head_seq > 0)
        (void)chat_conn_mark_read(sim_app_conn(app), channel_id,
                                  1 + rng_below(&app->rng, channel->head_seq));
}

static void act_fetch(struct sim_app *app)
{
    uint64_t channel_id = sim_act_some_channel(app), ticket;
    const struct chat_channel *channel =
        channel_id ? chat_conn_get_channel(sim_app_conn(app), channel_id) : NULL;

    if (channel)
        (void)!chat_conn_fetch_history(
            sim_app_conn(app), channel_id, rng_below(&app->rng, channel->head_seq + 1),
            1 + (uint32_t)rng_below(&app->rng, 50), rng_below(&app->rng, 2), &ticket);
}

/* The first user made the groups and may say who is in. */
void sim_act_member(struct sim_app *app)
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

void sim_act_rest(struct sim_app *app)
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

void sim_act(struct sim_app *app)
{
    uint64_t what = rng_below(&app->rng, 100);

    app->crowd->acts++;
    if (app->config.user == 0 && rng_below(&app->rng, 12) == 0)
        sim_act_member(app);
    /* More of it without a link: what devices set apart has to come together. */
    if (rng_below(&app->rng, chat_conn_get_state(sim_app_conn(app)) == CHAT_CONN_LIVE ? 8 : 3) == 0)
        sim_own_act(app);
    if (app->stopped && what < 50)
        sim_act_rest(app);
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
        sim_act_member(app);
    else if (what < 97)
        act_watch(app);
    else
        sim_act_rest(app);
}

/* The first seq that the cache does not hold; 0: it holds all up to the head. */
static uint64_t first_hole(struct sim_app *app, uint64_t channel_id)
{
    const struct chat_channel *channel = chat_conn_get_channel(sim_app_conn(app), channel_id);
    uint64_t next = channel ? channel->first_seq : 1, head = channel ? channel->head_seq : 0;

    while (next <= head) {
        chat_page *page = NULL;
        uint64_t to;

        if (sim_app_read(app, channel_id, next, 200, false, &page) != CHAT_OK)
            return next;
        to = chat_page_get_to_seq(page);
        chat_page_free(page);
        if (to < next)
            return next;
        next = to + 1;
    }
    return 0;
}

void sim_act_look_through(struct sim_app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0;

    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        after = channel->channel_id;
        (void)first_hole(app, after);
    }
}

void sim_act_fill_gaps(struct sim_app *app)
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
