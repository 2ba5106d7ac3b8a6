#include "app.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

bool app_renew_token(struct app *app)
{
    char token[CHAT_TOKEN_MAX + 2];
    size_t len;
    FILE *command;

    if (!app->options.token_command)
        return false;
    command = popen(app->options.token_command, "r");
    if (!command) {
        print_note(app, "cannot run the token command");
        return false;
    }
    len = fread(token, 1, sizeof(token), command);
    if (pclose(command) != 0) {
        print_note(app, "the token command failed");
        return false;
    }
    while (len > 0 && (token[len - 1] == '\n' || token[len - 1] == '\r'))
        len--;
    return chat_conn_set_token(app->conn, token, len) == CHAT_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Names are here, or have been waited for: shows what was said last. */
static void finish_entering(struct app *app)
{
    const struct chat_channel *channel = chat_conn_get_channel(app->conn, app->channel_id);
    struct chat_channel copy;
    char name[CHAT_NAME_MAX + 1];

    app->entering = false;
    app->names_ticket = 0;
    if (!channel)
        return;
    copy = *channel;
    copy.name_len = copy.name_len < sizeof(name) ? copy.name_len : sizeof(name) - 1;
    memcpy(name, copy.name, copy.name_len);
    copy.name = name;
    fputs("-- talking in ", stdout);
    print_channel_name(app, stdout, &copy);
    fputc('\n', stdout);
    print_history(app, APP_HISTORY_DEFAULT);
    chat_conn_mark_read(app->conn, app->channel_id, copy.head_seq);
    app->entered = true;
}

/* Asks for the names first, so that nobody is shown as a number. */
static void begin_entering(struct app *app)
{
    const struct chat_channel *channel = chat_conn_get_channel(app->conn, app->channel_id);

    if (!channel || app->entering || app->entered)
        return; /* opened just now: its event follows */
    app->entering = true;
    app->enter_by_ms = now_ms() + APP_ENTER_MS;
    if (chat_conn_fetch_members(app->conn, channel->home_id, 0, CHAT_GROUP_MEMBERS_MAX,
                                &app->names_ticket) != CHAT_OK)
        finish_entering(app);
}

void app_enter(struct app *app, uint64_t channel_id)
{
    app->channel_id = channel_id;
    app->entering = app->entered = false;
    begin_entering(app);
}

static void on_members(struct app *app, const struct chat_event *event)
{
    app->names_ticket = 0;
    for (size_t i = 0; i < event->members_count; i++)
        want_name(app, event->members[i]->user_id);
    if (app->entering && app->unknown_count == 0)
        finish_entering(app);
}

static void choose_channel(struct app *app);

static void on_users(struct app *app)
{
    if (app->entering && app->names_ticket == 0)
        finish_entering(app);
    if (app->channel_id == 0 && app->wait == WAIT_NONE)
        choose_channel(app); /* it may bear the name asked for */
}

static void on_state(struct app *app, const struct chat_event *event)
{
    const char *name = chat_conn_state_name(event->state);
    const char *problem = chat_conn_last_problem(app->conn);

    if (event->state == CHAT_CONN_LIVE)
        print_note(app, "connected as %s", chat_conn_get_user_name(app->conn));
    else if (event->state == CHAT_CONN_CLOSED || event->status != CHAT_OK)
        print_note(app, "%s: %s", name, problem[0] ? problem : chat_status_text(event->status));
    else if (app->options.verbose)
        print_note(app, "%s", name);
    if (event->state == CHAT_CONN_CLOSED) {
        app->exit_code = event->status == CHAT_OK ? 0 : 1;
        app->quit = true;
    }
}

/* The first conversation to talk in: the one asked for, or the one with the newest message. */
static void choose_channel(struct app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0, best = 0, best_unread = 0;

    if (app->channel_id != 0)
        return;
    if (app->options.channel) {
        best = find_channel(app, app->options.channel);
        while (best == 0 && (channel = chat_conn_next_channel(app->conn, after))) {
            after = channel->channel_id;
            if (channel->peer_id != 0)
                want_name(app, channel->peer_id); /* it may be the one */
        }
    } else {
        while ((channel = chat_conn_next_channel(app->conn, after))) {
            after = channel->channel_id;
            if (best == 0 || channel->unread >= best_unread) {
                best = after;
                best_unread = channel->unread;
            }
        }
    }
    if (best != 0)
        app_enter(app, best);
}

bool app_waits_for_channel(struct app *app)
{
    if (!app->options.channel || app->channel_id != 0)
        return false;
    if (app->live_at_ms == 0 || now_ms() - app->live_at_ms < APP_FIND_MS)
        return true;
    print_note(app, "there is no conversation %s", app->options.channel);
    app->exit_code = 1;
    app->quit = true;
    return true;
}

static void on_message(struct app *app, const struct chat_event *event)
{
    uint64_t channel_id = event->message->channel_id;
    uint64_t seq = event->message->seq;

    if (channel_id == app->channel_id && !app->entered)
        return; /* it will be in the history */
    print_message(app, event->message, NULL);
    if (channel_id == app->channel_id)
        chat_conn_mark_read(app->conn, channel_id, seq);
}

static void on_outgoing(struct app *app, const struct chat_event *event)
{
    const struct chat_outgoing *outgoing = event->outgoing;

    if (outgoing->state != CHAT_OUTGOING_REFUSED)
        return;
    fflush(stdout);
    fputs("-- refused (", stderr);
    fputs(chat_status_text(event->status), stderr);
    fputs(event->rule ? ", " : "", stderr);
    fputs(event->rule ? event->rule : "", stderr);
    fputs("): ", stderr);
    print_text(stderr, outgoing->text, outgoing->text_len);
    fputc('\n', stderr);
    app->exit_code = 1;
}

static void handle(struct app *app, const struct chat_event *event)
{
    if (event->type == CHAT_EVENT_STATE) {
        on_state(app, event);
        if (event->state == CHAT_CONN_LIVE) {
            if (app->live_at_ms == 0)
                app->live_at_ms = now_ms();
            choose_channel(app);
        }
    } else if (event->type == CHAT_EVENT_NEED_TOKEN) {
        if (!app_renew_token(app)) {
            print_note(app, "the token is refused or expired; start again with a new one");
            app->exit_code = 1;
            app->quit = true;
        }
    } else if (event->type == CHAT_EVENT_CHANNEL) {
        if (event->channel->channel_id == app->channel_id)
            begin_entering(app);
        else if (app->channel_id == 0)
            choose_channel(app);
    } else if (event->type == CHAT_EVENT_USERS && app->wait == WAIT_NONE) {
        on_users(app);
    } else if (event->type == CHAT_EVENT_MEMBERS && event->ticket == app->names_ticket) {
        on_members(app, event);
    } else if (event->type == CHAT_EVENT_CHANNEL_REMOVED) {
        print_note(app, "no longer a member of %" PRIu64, event->channel_id);
        if (event->channel_id == app->channel_id)
            app->channel_id = 0;
    } else if (event->type == CHAT_EVENT_MESSAGE) {
        on_message(app, event);
    } else if (event->type == CHAT_EVENT_MESSAGE_CHANGED) {
        print_message(app, event->message, "(changed)");
    } else if (event->type == CHAT_EVENT_OUTGOING) {
        on_outgoing(app, event);
    } else if (event->type == CHAT_EVENT_GAP && app->options.verbose) {
        print_note(app, "messages %" PRIu64 " to %" PRIu64 " are not held here", event->from_seq,
                   event->to_seq);
    } else if (event->type == CHAT_EVENT_REREAD) {
        print_note(app, "too much at once: /history shows the latest");
    } else if (event->type == CHAT_EVENT_CACHE) {
        print_note(app, "the cache refuses: %s",
                   event->status == CHAT_E_CONFLICT ? "it is another user's, or another service's"
                                                    : chat_status_text(event->status));
        app->exit_code = 1;
    } else {
        command_answer(app, event);
    }
}

void app_events(struct app *app)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t ticket;

    while (chat_conn_next_event(app->conn, &event))
        handle(app, &event);
    if (app->entering && now_ms() >= app->enter_by_ms)
        finish_entering(app);
    while (app->unknown_count > 0) {
        size_t count = app->unknown_count < 100 ? app->unknown_count : 100;
        size_t first = app->unknown_count - count;
        if (chat_conn_fetch_users(app->conn, app->unknown_ids + first, count, &ticket) != CHAT_OK)
            break;
        app->unknown_count = first;
    }
    fflush(stdout);
}
