/* What an app tells at the end: its cache, or why the run does not end. */
#include "sim_app_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where there is no room for all, what events told decides. */
static uint64_t skip_evicted(const struct sim_app *app, const struct view *v, uint64_t next,
                             uint64_t head)
{
    uint64_t held = app->bytes_max ? sim_held_next(&v->held, next, head) : next;

    return held ? held : head + 1;
}

static void report_channel(struct sim_app *app, const struct chat_channel *channel, bool stored)
{
    uint64_t next = channel->first_seq ? channel->first_seq : 1;
    uint64_t channel_id = channel->channel_id, head = channel->head_seq;
    struct view *v = sim_app_view(app, channel_id);
    uint64_t user_id = chat_conn_get_user_id(sim_app_conn(app));
    uint64_t read = channel->read_seq, cached = channel->mentions, above_read = 0, above_told = 0;
    uint64_t told = checker_cursor_told(app->crowd->checker, sim_app_device(app), channel_id);
    uint64_t unread = channel->unread, exact = 0;
    bool counts = checker_was_always_member(app->crowd->checker, channel->home_id, user_id);

    next = skip_evicted(app, v, next, head);
    while (next <= head) {
        chat_page *page = NULL;
        if (sim_app_read(app, channel_id, next, 200, false, &page) != CHAT_OK)
            break;
        for (size_t i = 0; i < chat_page_get_count(page); i++) {
            const struct chat_message *message = chat_page_get_message(page, i);
            struct check_message m = sim_app_message(message);

            if (message->mentions_me && !message->own) {
                above_read += message->seq > read;
                above_told += message->seq > told;
            }
            exact += message->seq > read && !m.deleted;
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
        next = skip_evicted(app, v, next, head);
    }
    if (next <= head)
        checker_violation(app->crowd->checker, CHECK_CONVERGED,
                          "%s: holds %" PRIx64 " up to %" PRIu64 " of %" PRIu64, app->name,
                          channel_id, next - 1, head);
    else if (!stored && counts && !app->bytes_max)
        checker_mentions(app->crowd->checker, sim_app_device(app), channel_id, above_read, cached,
                         above_told);
    /* Who holds a part only counts those as unread that it cannot know to be deleted. */
    if (next > head && (!app->bytes_max || unread < exact))
        checker_unread(app->crowd->checker, sim_app_device(app), channel_id, unread, exact);
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
        if (channel)
            sim_app_check_held(app, channel);
        channel = chat_conn_get_channel(sim_app_conn(app), ids[i]);
        if (channel && (!stored || checker_wants_channel(app->crowd->checker, ids[i])))
            report_channel(app, channel, stored);
    }
    if (stored)
        return;
    report_list(app);
    sim_own_report(app);
    sim_screen_check(app->screen, sim_app_conn(app), !app->bytes_max);
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
