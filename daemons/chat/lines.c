#include "lines.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 250
#define ENTER_MS 1000 /* for the names of those who are in a conversation */
#define UNSENT_MAX 500u

struct lines {
    struct app *app;
    bool tty;
    bool stdin_ended;
    int64_t live_at_ms; /* monotonic, first time; 0: not yet */

    bool entering, entered; /* the app's channel: names are asked for; it is shown */
    int64_t enter_by_ms;    /* monotonic */

    char input[4096]; /* read, and used up to input_at */
    size_t input_len, input_at;
    char line[APP_LINE_MAX + 1]; /* typed so far */
    size_t line_len;
    bool line_too_long;
};

static struct lines *lines_of(struct app *app) { return app->face.user; }

static void note(struct app *app, const char *text)
{
    const bool tty = lines_of(app)->tty;

    fflush(app->out);
    fputs(tty ? "\033[2m-- " : "-- ", stderr);
    print_text(stderr, text, strlen(text)); /* it may repeat what a server said */
    fputs(tty ? "\033[0m\n" : "\n", stderr);
}

static void token_failed(struct app *app, const char *why)
{
    note(app, why);
    app->exit_code = 1;
    app->quit = true;
}

/* --- entering a conversation --- */

/* Names are here, or have been waited for: shows what was said last. */
static void finish_entering(struct lines *lines)
{
    struct app *app = lines->app;
    const struct chat_channel *channel = chat_conn_get_channel(app->conn, app->channel_id);
    struct chat_channel copy;
    char name[CHAT_NAME_MAX + 1];

    lines->entering = false;
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
    lines->entered = true;
}

/* Asks for the names first, so that nobody is shown as a number. */
static void begin_entering(struct lines *lines)
{
    struct app *app = lines->app;

    if (!chat_conn_get_channel(app->conn, app->channel_id) || lines->entering || lines->entered)
        return; /* opened just now: its event follows */
    lines->entering = true;
    lines->enter_by_ms = app_now_ms() + ENTER_MS;
    if (app_ask_members(app) != CHAT_OK)
        finish_entering(lines);
}

static void enter(struct app *app, uint64_t channel_id)
{
    struct lines *lines = lines_of(app);

    app->channel_id = channel_id;
    app->member_count = 0;
    lines->entering = lines->entered = false;
    begin_entering(lines);
}

/* The first conversation to talk in: the one asked for, or the one with the most unread. */
static void choose_channel(struct lines *lines)
{
    struct app *app = lines->app;
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
        enter(app, best);
}

/* Waits for the conversation of --channel; after APP_FIND_MS it gives up and quits. */
static bool waits_for_channel(struct lines *lines)
{
    struct app *app = lines->app;

    if (!app->options.channel || app->channel_id != 0)
        return false;
    if (lines->live_at_ms == 0 || app_now_ms() - lines->live_at_ms < APP_FIND_MS)
        return true;
    print_note(app, "there is no conversation %s", app->options.channel);
    app->exit_code = 1;
    app->quit = true;
    return true;
}

/* --- events --- */

static void on_users(struct lines *lines)
{
    if (lines->entering && lines->app->members_ticket == 0)
        finish_entering(lines);
    if (lines->app->channel_id == 0 && lines->app->wait == WAIT_NONE)
        choose_channel(lines); /* it may bear the name asked for */
}

static void on_state(struct lines *lines, const struct chat_event *event)
{
    struct app *app = lines->app;
    const char *name = chat_conn_state_name(event->state);

    if (event->state == CHAT_CONN_LIVE)
        print_note(app, "connected as %s", chat_conn_get_user_name(app->conn));
    else if (event->state == CHAT_CONN_OFFLINE && app->options.token_command)
        ; /* it is run now: that says how it went */
    else if (event->state == CHAT_CONN_CLOSED || event->status != CHAT_OK)
        print_note(app, "%s: %s", name, app_problem(app, event->status));
    else if (app->options.verbose)
        print_note(app, "%s", name);
    if (event->state == CHAT_CONN_CLOSED) {
        app->exit_code = event->status == CHAT_OK ? 0 : 1;
        app->quit = true;
    }
    if (event->state == CHAT_CONN_LIVE) {
        if (lines->live_at_ms == 0)
            lines->live_at_ms = app_now_ms();
        choose_channel(lines);
    }
}

static void on_message(struct lines *lines, const struct chat_event *event)
{
    struct app *app = lines->app;
    uint64_t channel_id = event->message->channel_id;
    uint64_t seq = event->message->seq;

    if (channel_id == app->channel_id && !lines->entered)
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

static void on_channel(struct lines *lines, const struct chat_event *event)
{
    if (event->channel->channel_id == lines->app->channel_id)
        begin_entering(lines);
    else if (lines->app->channel_id == 0)
        choose_channel(lines);
}

static void on_cache(struct app *app, const struct chat_event *event)
{
    print_note(app, "the cache refuses: %s",
               event->status == CHAT_E_CONFLICT ? "it is another user's, or another service's"
                                                : chat_status_text(event->status));
    app->exit_code = 1;
}

static void handle(struct lines *lines, const struct chat_event *event)
{
    struct app *app = lines->app;

    if (app_take_members(app, event)) {
        if (lines->entering && app->members_ticket == 0 && app->asked_count == app->wanted_count)
            finish_entering(lines);
    } else if (event->type == CHAT_EVENT_STATE) {
        on_state(lines, event);
    } else if (event->type == CHAT_EVENT_NEED_TOKEN) {
        if (!token_begin(app))
            token_failed(app, "the token is refused or expired; start again with a new one");
    } else if (event->type == CHAT_EVENT_CHANNEL) {
        on_channel(lines, event);
    } else if (event->type == CHAT_EVENT_USERS && app->wait == WAIT_NONE) {
        on_users(lines);
    } else if (event->type == CHAT_EVENT_CHANNEL_REMOVED) {
        print_note(app, "no longer a member of %" PRIu64, event->channel_id);
        if (event->channel_id == app->channel_id)
            app->channel_id = 0;
    } else if (event->type == CHAT_EVENT_MESSAGE) {
        on_message(lines, event);
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
        on_cache(app, event);
    } else {
        command_answer(app, event);
    }
}

static void pull_events(struct lines *lines)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (chat_conn_next_event(lines->app->conn, &event))
        handle(lines, &event);
    if (lines->entering && app_now_ms() >= lines->enter_by_ms)
        finish_entering(lines);
    app_ask_names(lines->app);
    fflush(stdout);
}

/* --- input --- */

static void take_line(struct lines *lines)
{
    if (lines->line_too_long)
        print_note(lines->app, "that line is longer than %u bytes: not sent", CHAT_TEXT_MAX);
    else if (lines->line_len > 0 && lines->line[lines->line_len - 1] == '\r')
        lines->line_len--;
    lines->line[lines->line_len] = '\0';
    if (!lines->line_too_long)
        command_run(lines->app, lines->line);
    lines->line_len = 0;
    lines->line_too_long = false;
}

/* What was read, as far as it can be used: a command that waits for its answer holds up what
 * follows it, but for a person, who is told. */
static void take_input(struct lines *lines)
{
    while (lines->input_at < lines->input_len && (lines->tty || lines->app->wait == WAIT_NONE)) {
        const char c = lines->input[lines->input_at++];

        if (c == '\n')
            take_line(lines);
        else if (lines->line_len < APP_LINE_MAX)
            lines->line[lines->line_len++] = c;
        else
            lines->line_too_long = true;
    }
}

static void read_input(struct lines *lines)
{
    ssize_t got = read(STDIN_FILENO, lines->input, sizeof(lines->input));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    lines->input_at = 0;
    lines->input_len = got > 0 ? (size_t)got : 0;
    if (got > 0)
        return;
    if (lines->line_len > 0)
        take_line(lines);
    lines->stdin_ended = true;
}

/* Input is read only when it can be used: not before there is a conversation to talk in, and not
 * faster than the outbox takes it. */
static bool wants_input(struct lines *lines)
{
    struct app *app = lines->app;

    if (lines->stdin_ended || lines->input_at < lines->input_len)
        return false;
    if (lines->tty)
        return true;
    if (waits_for_channel(lines) || lines->entering)
        return false;
    return app->wait == WAIT_NONE && chat_conn_get_user_id(app->conn) != 0 &&
           chat_conn_get_state(app->conn) == CHAT_CONN_LIVE &&
           (app->channel_id == 0 || chat_conn_get_channel(app->conn, app->channel_id)) &&
           chat_conn_get_outgoing_count(app->conn) < UNSENT_MAX;
}

static bool is_finished(const struct lines *lines)
{
    const struct app *app = lines->app;

    return app->quit || (lines->stdin_ended && !lines->entering &&
                         (lines->tty || (app->options.quit_at_end && app->wait == WAIT_NONE &&
                                         chat_conn_get_outgoing_count(app->conn) == 0)));
}

void lines_run(struct app *app, const volatile sig_atomic_t *interrupted)
{
    static struct lines lines; /* large: kept off the stack */

    lines.app = app;
    lines.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    app->face = (struct app_face){note, enter, token_failed, &lines};
    while (!is_finished(&lines) && !*interrupted) {
        struct pollfd fds[3] = {
            {.fd = chat_loop_get_fd(app->loop), .events = POLLIN},
            {.fd = wants_input(&lines) ? STDIN_FILENO : -1, .events = POLLIN},
            {.fd = token_get_fd(app), .events = POLLIN},
        };
        int64_t timeout_ms = chat_loop_get_timeout_ms(app->loop);

        if (timeout_ms < 0 || timeout_ms > POLL_MS)
            timeout_ms = POLL_MS;
        if (poll(fds, 3, (int)timeout_ms) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            read_input(&lines);
        take_input(&lines);
        token_turn(app);
        if (chat_loop_step(app->loop, 0) != CHAT_OK)
            break;
        pull_events(&lines);
    }
}
