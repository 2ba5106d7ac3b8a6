/* What a simulated person does about what is his own: receipts, typing, mute, drafts, devices. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim_app_inner.h"

#define DRAFT_MAX 400u /* then it is cleared: two of them always fit together */

static void retire_words(struct sim_app *app, const char *draft)
{
    const char *at = draft;
    uint64_t word;

    while ((at = strchr(at, '<')) != NULL)
        if (sscanf(at++, "<%" SCNu64 ">", &word) == 1)
            checker_retired_word(app->crowd->checker, word);
}

static const char *draft_on(chat_conn *conn, uint64_t channel_id)
{
    const struct chat_draft *d = chat_conn_get_draft(conn, channel_id);

    return d ? d->text : "";
}

static const char *draft_of(struct sim_app *app, uint64_t channel_id)
{
    return draft_on(sim_app_conn(app), channel_id);
}

void sim_own_sending(struct sim_app *app, chat_conn *conn, uint64_t channel_id)
{
    retire_words(app, draft_on(conn, channel_id));
}

/* Mostly the one that the user's other devices take as well. */
static uint64_t shared_channel(struct sim_app *app)
{
    const struct chat_channel *first = chat_conn_next_channel(sim_app_conn(app), 0);

    return first && rng_below(&app->rng, 3) ? first->channel_id : sim_act_some_channel(app);
}

static void act_draft(struct sim_app *app)
{
    uint64_t channel_id = shared_channel(app), word = ++app->crowd->next_text;
    char text[2 * DRAFT_MAX];
    int len;

    if (!channel_id)
        return;
    len = snprintf(text, sizeof(text), "%s", draft_of(app, channel_id));
    if (len > (int)DRAFT_MAX || rng_below(&app->rng, 5) == 0) {
        retire_words(app, text);
        len = 0;
    }
    if (len > 0 || rng_below(&app->rng, 4) != 0)
        len += snprintf(text + len, sizeof(text) - (size_t)len, " <%" PRIu64 ">", word);
    if (chat_conn_set_draft(sim_app_conn(app), channel_id, text, (size_t)len, 0) == CHAT_OK &&
        len > 0)
        checker_typed_word(app->crowd->checker, word, chat_conn_get_user_id(sim_app_conn(app)),
                           channel_id, app->cache);
}

static void act_mute(struct sim_app *app)
{
    uint64_t channel_id = shared_channel(app);

    if (channel_id)
        (void)chat_conn_set_muted(sim_app_conn(app), channel_id,
                                  (int64_t)rng_below(&app->rng, 3) * 1000);
}

static void act_devices(struct sim_app *app)
{
    chat_conn *conn = sim_app_conn(app);
    uint64_t ticket;

    if (rng_below(&app->rng, 12) == 0)
        (void)!chat_conn_sign_out_everywhere(conn, &ticket);
    else if (app->other_count > 0 && rng_below(&app->rng, 4) == 0)
        (void)!chat_conn_sign_out_device(
            conn, app->other_devices[rng_below(&app->rng, app->other_count)], &ticket);
    else
        (void)!chat_conn_fetch_devices(conn, &ticket);
}

static void look_at_receipts(struct sim_app *app, uint64_t channel_id)
{
    const struct chat_channel *channel = chat_conn_get_channel(sim_app_conn(app), channel_id);
    const struct chat_receipt *const *list;
    struct view *v = sim_app_view(app, channel_id);
    uint32_t epoch = channel ? channel->epoch : 0;
    size_t count;

    if (!channel || chat_conn_get_receipts(sim_app_conn(app), channel_id, &list, &count) != CHAT_OK)
        return;
    for (size_t i = 0; i < count; i++)
        checker_saw_receipt(app->crowd->checker, v->reader,
                            chat_conn_get_user_id(sim_app_conn(app)), channel_id, epoch,
                            list[i]->user_id, list[i]->delivered_seq, list[i]->read_seq);
}

static void act_receipts(struct sim_app *app)
{
    uint64_t channel_id = sim_act_some_channel(app), ticket;

    if (!channel_id)
        return;
    if (rng_below(&app->rng, 3) == 0)
        (void)!chat_conn_fetch_receipts(sim_app_conn(app), channel_id, &ticket);
    else
        look_at_receipts(app, channel_id);
    if (rng_below(&app->rng, 10) == 0)
        chat_conn_set_read_receipts(sim_app_conn(app), rng_below(&app->rng, 2));
}

void sim_own_act(struct sim_app *app)
{
    uint64_t channel_id, what = rng_below(&app->rng, 100);

    if (what < 40) {
        act_draft(app);
    } else if (what < 55) {
        act_mute(app);
    } else if (what < 75) {
        channel_id = sim_act_some_channel(app);
        if (channel_id)
            (void)chat_conn_set_typing(sim_app_conn(app), channel_id, rng_below(&app->rng, 4) != 0);
    } else if (what < 95) {
        act_receipts(app);
    } else {
        act_devices(app);
    }
}

void sim_own_event(struct sim_app *app, const struct chat_event *e)
{
    if (e->type == CHAT_EVENT_RECEIPT) {
        look_at_receipts(app, e->channel->channel_id);
    } else if (e->type == CHAT_EVENT_DEVICES && e->devices) {
        app->other_count = 0;
        for (size_t i = 0; i < e->devices_count && app->other_count < 8; i++)
            if (!e->devices[i]->own)
                app->other_devices[app->other_count++] = e->devices[i]->device_id;
    }
}

bool sim_own_is_settled(struct sim_app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0;

    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        const struct chat_draft *d;

        after = channel->channel_id;
        d = chat_conn_get_draft(sim_app_conn(app), after);
        if (d && d->pending)
            return false;
    }
    return true;
}

void sim_own_report(struct sim_app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0;

    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        const int64_t muted_until_ms = channel->muted_until_ms;

        after = channel->channel_id;
        checker_own_final(app->crowd->checker, app->name, chat_conn_get_user_id(sim_app_conn(app)),
                          after, muted_until_ms, draft_of(app, after));
        look_at_receipts(app, after);
    }
}
