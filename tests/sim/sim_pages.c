/* Pages that a simulated person asks for: whole, or shorter only where the channel ends. */
#include <inttypes.h>

#include "sim_app_inner.h"

#define LIMIT_MAX 50u

static struct sim_ask *free_ask(struct sim_app *app)
{
    return &app->asks[app->ask_next++ % SIM_ASKS_MAX];
}

static uint64_t some_message_id(struct sim_app *app, uint64_t channel_id, uint64_t seq)
{
    chat_page *page = NULL;
    const struct chat_message *m;
    uint64_t id;

    if (sim_app_read(app, channel_id, seq, 1, true, &page) != CHAT_OK)
        return 0;
    m = chat_page_get_message(page, 0);
    id = m ? m->message_id : 0;
    chat_page_free(page);
    return id;
}

void sim_pages_act(struct sim_app *app)
{
    chat_conn *conn = sim_app_conn(app);
    uint64_t channel_id = sim_act_some_channel(app), what = rng_below(&app->rng, 8);
    const struct chat_channel *channel =
        channel_id ? chat_conn_get_channel(conn, channel_id) : NULL;
    struct sim_ask *ask = free_ask(app);
    chat_status status;

    *ask = (struct sim_ask){0};
    if (!channel)
        return;
    ask->channel_id = channel_id;
    ask->head = channel->head_seq;
    ask->limit = 1 + (uint32_t)rng_below(&app->rng, LIMIT_MAX);
    ask->seq = rng_below(&app->rng, channel->head_seq + 1);
    ask->way = what < 5 ? (what < 3 ? SIM_BACKWARDS : SIM_FORWARDS) : SIM_AROUND;
    ask->message_id = what == 7 ? some_message_id(app, channel_id, ask->seq) : 0;
    if (ask->message_id)
        status =
            chat_conn_find_message(conn, channel_id, ask->message_id, ask->limit, &ask->ticket);
    else if (ask->way == SIM_AROUND)
        status = chat_conn_fetch_around(conn, channel_id, ++ask->seq, ask->limit, &ask->ticket);
    else
        status = chat_conn_fetch_history(conn, channel_id, ask->seq, ask->limit,
                                         ask->way == SIM_BACKWARDS, &ask->ticket);
    if (status != CHAT_OK)
        ask->ticket = 0;
}

/* --- answers --- */

static void wrong(struct sim_app *app, const struct sim_ask *ask, const chat_page *page,
                  const char *what)
{
    checker_violation(app->crowd->checker, CHECK_PAGES,
                      "%s: a page of %" PRIx64 " for %u from %" PRIu64 " (way %d, head %" PRIu64
                      "), %" PRIu64 "..%" PRIu64 ": %s",
                      app->name, ask->channel_id, ask->limit, ask->seq, ask->way, ask->head,
                      chat_page_get_from_seq(page), chat_page_get_to_seq(page), what);
}

static void judge_rows(struct sim_app *app, const struct sim_ask *ask, const chat_page *page)
{
    const uint64_t from = chat_page_get_from_seq(page), to = chat_page_get_to_seq(page);
    const size_t count = chat_page_get_count(page);

    if (count != (from <= to ? to - from + 1 : 0))
        wrong(app, ask, page, "a message is left out");
    for (size_t i = 0; i < count; i++)
        if (chat_page_get_message(page, i)->seq != from + i)
            wrong(app, ask, page, "its messages are out of order");
}

/* Less than was asked for is all there is on the sides that were asked for. */
static void judge_length(struct sim_app *app, const struct sim_ask *ask, const chat_page *page,
                         uint64_t first_seq)
{
    const uint64_t from = chat_page_get_from_seq(page), to = chat_page_get_to_seq(page);
    const bool starts = from <= first_seq || from <= 1, ends = to >= ask->head;

    if (chat_page_reached_start(page) != starts && from <= to)
        wrong(app, ask, page, "it says otherwise of the channel's start");
    if (chat_page_get_count(page) == ask->limit || from > to)
        return;
    if ((ask->way != SIM_FORWARDS && !starts) || (ask->way != SIM_BACKWARDS && !ends))
        wrong(app, ask, page, "it is short");
}

void sim_pages_event(struct sim_app *app, const struct chat_event *e)
{
    const struct chat_channel *channel;

    if (e->type != CHAT_EVENT_HISTORY || e->status != CHAT_OK || !e->page)
        return;
    for (uint32_t i = 0; i < SIM_ASKS_MAX; i++) {
        struct sim_ask *ask = &app->asks[i];

        if (ask->ticket != e->ticket)
            continue;
        ask->ticket = 0;
        judge_rows(app, ask, e->page);
        if (ask->message_id && e->message && e->message->message_id != ask->message_id)
            wrong(app, ask, e->page, "it is around another message");
        if (!chat_page_is_complete(e->page)) {
            if (!app->bytes_max) /* else what had come of it may be evicted */
                wrong(app, ask, e->page, "it is not complete, and nothing failed");
            return;
        }
        channel = chat_conn_get_channel(sim_app_conn(app), ask->channel_id);
        if (channel)
            judge_length(app, ask, e->page, channel->first_seq);
        return;
    }
}
