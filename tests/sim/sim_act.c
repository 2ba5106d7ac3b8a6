/* What the person on a simulated device does, by chance. */
#include "sim_app_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_tap.h"

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
    more += (size_t)len;
    return more + sim_search_say(app, text + more, size - more);
}

/* Somebody's id, now and then; it may be nobody's who is here. */
static size_t some_mentions(struct sim_app *app, uint64_t ids[2])
{
    size_t count = 0;

    while (count < 2 && rng_below(&app->rng, 3) == 0) {
        ids[count] = app->crowd->user_ids[rng_below(&app->rng, app->crowd->user_count)];
        if (!ids[count] || (count == 1 && ids[0] == ids[1]))
            break;
        count++;
    }
    return count;
}

/* What somebody says, with the bytes it borrows. */
struct said {
    struct chat_content content;
    char text[4096];
    uint64_t mention_ids[2];
    uint64_t body;
};

static void say(struct sim_app *app, struct said *said)
{
    struct chat_content content = CHAT_CONTENT_INIT;

    content.text = said->text;
    content.text_len = some_text(app, said->text, sizeof(said->text));
    content.mention_ids = said->mention_ids;
    content.mentions_count = some_mentions(app, said->mention_ids);
    said->content = content;
    said->body = sim_tap_body(content.text, content.text_len, NULL, 0, content.mention_ids,
                              content.mentions_count);
}

static struct check_nonce nonce_of(struct sim_app *app, uint64_t channel_id,
                                   const struct chat_nonce *nonce)
{
    return (struct check_nonce){channel_id, chat_conn_get_user_id(sim_app_conn(app)),
                                nonce->device_id, nonce->counter};
}

bool sim_act_send_on(struct sim_app *app, chat_conn *conn, uint64_t channel_id)
{
    struct said said;
    struct chat_nonce nonce;
    struct check_nonce n;

    say(app, &said);
    sim_own_sending(app, conn, channel_id);
    if (chat_conn_send(conn, channel_id, &said.content, &nonce) != CHAT_OK)
        return false;
    n = (struct check_nonce){channel_id, chat_conn_get_user_id(conn), nonce.device_id,
                             nonce.counter};
    checker_attempted(app->crowd->checker, &n, said.body, app->cache);
    return true;
}

static void act_send(struct sim_app *app)
{
    uint64_t channel_id = sim_act_some_channel(app);
    uint64_t burst = rng_below(&app->rng, 6) == 0 ? 1 + rng_below(&app->rng, 60) : 1;

    for (uint64_t i = 0; channel_id && i < burst; i++) {
        if (!sim_act_send_on(app, sim_app_conn(app), channel_id))
            return;
    }
}

/* Of the newest 40, or 0. */
static uint64_t some_seq(struct sim_app *app, uint64_t channel_id, bool own)
{
    chat_page *page = NULL;
    uint64_t seq = 0;

    if (sim_app_read(app, channel_id, 0, 40, true, &page) != CHAT_OK)
        return 0;
    for (size_t i = 0; i < chat_page_get_count(page); i++) {
        const struct chat_message *m = chat_page_get_message(page, i);
        if ((m->own || !own) && !m->deleted && (seq == 0 || rng_below(&app->rng, 2)))
            seq = m->seq;
    }
    chat_page_free(page);
    return seq;
}

static void act_alter(struct sim_app *app, bool delete)
{
    uint64_t channel_id = sim_act_some_channel(app);
    uint64_t seq = channel_id ? some_seq(app, channel_id, true) : 0;
    struct said said;

    if (!seq)
        return;
    if (delete) {
        checker_attempted_change(app->crowd->checker, channel_id, seq, 0, true);
        (void)!chat_conn_delete(sim_app_conn(app), channel_id, seq, NULL);
        return;
    }
    say(app, &said);
    checker_attempted_change(app->crowd->checker, channel_id, seq, said.body, false);
    (void)!chat_conn_edit(sim_app_conn(app), channel_id, seq, &said.content, NULL);
}

static const char *some_emoji(struct sim_app *app)
{
    static const char *const emoji[] = {"+1", "-1", "\xf0\x9f\x98\x80"};

    return emoji[rng_below(&app->rng, 3)];
}

static void act_react(struct sim_app *app)
{
    uint64_t channel_id = sim_act_some_channel(app);
    uint64_t seq = channel_id ? some_seq(app, channel_id, false) : 0;
    const char *emoji = some_emoji(app);
    bool remove = rng_below(&app->rng, 3) == 0;

    if (!seq)
        return;
    checker_attempted_change(
        app->crowd->checker, channel_id, seq,
        check_reaction(chat_conn_get_user_id(sim_app_conn(app)), emoji, strlen(emoji), remove),
        false);
    (void)!chat_conn_react(sim_app_conn(app), channel_id, seq, emoji, strlen(emoji), remove, NULL);
}

/* A message of one's own that is not acknowledged; zeros: there is none. */
static struct chat_nonce some_waiting(struct sim_app *app, uint64_t *out_channel_id)
{
    uint32_t count = chat_conn_get_outgoing_count(sim_app_conn(app));
    const struct chat_outgoing *o;

    if (count == 0 ||
        !chat_conn_get_outgoing(sim_app_conn(app), (uint32_t)rng_below(&app->rng, count), &o) ||
        o->kind != CHAT_OUTGOING_SEND || o->state != CHAT_OUTGOING_QUEUED)
        return (struct chat_nonce){0};
    *out_channel_id = o->channel_id;
    return o->nonce;
}

static void edit_waiting(struct sim_app *app, const struct check_nonce *n,
                         const struct chat_nonce *nonce)
{
    struct chat_nonce edited;
    struct said said;

    say(app, &said);
    if (chat_conn_edit_outgoing(sim_app_conn(app), nonce, &said.content, &edited) != CHAT_OK)
        return;
    if (edited.counter == nonce->counter && edited.device_id == nonce->device_id)
        checker_changed_in_place(app->crowd->checker, n, said.body);
    else
        checker_attempted_change_of(app->crowd->checker, n, said.body, false);
}

static void delete_waiting(struct sim_app *app, const struct check_nonce *n,
                           const struct chat_nonce *nonce)
{
    struct chat_nonce deleted;

    if (chat_conn_delete_outgoing(sim_app_conn(app), nonce, &deleted) != CHAT_OK)
        return;
    if (deleted.counter == nonce->counter && deleted.device_id == nonce->device_id)
        checker_refused(app->crowd->checker, n); /* it must never be in */
    else
        checker_attempted_change_of(app->crowd->checker, n, 0, true);
}

/* Changes one's mind about what is not sent yet. */
static void act_waiting(struct sim_app *app)
{
    uint64_t channel_id = 0, what = rng_below(&app->rng, 10);
    struct chat_nonce nonce = some_waiting(app, &channel_id);
    struct check_nonce n = nonce_of(app, channel_id, &nonce);
    const char *emoji = some_emoji(app);

    if (!nonce.device_id)
        return;
    if (what < 4) {
        edit_waiting(app, &n, &nonce);
    } else if (what < 6) {
        delete_waiting(app, &n, &nonce);
    } else if (what < 7) {
        if (chat_conn_discard(sim_app_conn(app), &nonce) == CHAT_OK)
            checker_refused(app->crowd->checker, &n);
    } else if (chat_conn_react_outgoing(sim_app_conn(app), &nonce, emoji, strlen(emoji), false,
                                        NULL) == CHAT_OK) {
        checker_attempted_change_of(
            app->crowd->checker, &n,
            check_reaction(chat_conn_get_user_id(sim_app_conn(app)), emoji, strlen(emoji), false),
            false);
    }
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

static void act_look_what_is_held(struct sim_app *app)
{
    uint64_t channel_id = sim_act_some_channel(app);

    if (channel_id)
        sim_app_check_held(app, chat_conn_get_channel(sim_app_conn(app), channel_id));
}

void sim_act(struct sim_app *app)
{
    uint64_t what = rng_below(&app->rng, 100);

    app->crowd->acts++;
    if (app->stopped && app->config.disk && rng_below(&app->rng, 4) == 0)
        sim_share(app);
    if (app->config.user == 0 && rng_below(&app->rng, 12) == 0)
        sim_act_member(app);
    /* More of it without a link: what devices set apart has to come together. */
    if (rng_below(&app->rng, chat_conn_get_state(sim_app_conn(app)) == CHAT_CONN_LIVE ? 8 : 3) == 0)
        sim_own_act(app);
    if (rng_below(&app->rng, 20) == 0)
        sim_search_act(app);
    if (rng_below(&app->rng, 50) == 0)
        act_look_what_is_held(app);
    if (app->stopped && what < 50)
        sim_act_rest(app);
    else if (what < 50)
        act_send(app);
    else if (what < 56)
        act_waiting(app);
    else if (what < 64)
        act_react(app);
    else if (what < 71)
        act_alter(app, false);
    else if (what < 74)
        act_alter(app, true);
    else if (what < 84)
        act_read(app);
    else if (what < 90)
        sim_pages_act(app);
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
