/*
 * Notes to oneself, one line of stdin each, kept whether there is a network or not: a note is safe
 * once it is queued, over kill -9 too, and reaches the service once. Shows the outbox and its
 * states, and an own poll() loop. Ends with stdin, when every note is in.
 *
 *   cc offline_notes.c $(pkg-config --cflags --libs libchat) -o offline_notes
 *   CHAT_URL=wss://localhost:8443/ CHAT_TOKEN=... CHAT_CA=ca.pem ./offline_notes
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libchat/adapters/poll.h>
#include <libchat/libchat.h>

static const char notebook[] = "notes"; /* a group of one */

struct app {
    chat_conn *conn;
    uint64_t ticket; /* of making the notebook */
    char line[CHAT_TEXT_MAX + 1];
    size_t line_len;
    bool is_typed; /* stdin has ended */
};

static uint64_t find_notebook(chat_conn *conn)
{
    const struct chat_channel *channel = chat_conn_next_channel(conn, 0);

    while (channel && !(channel->kind == CHAT_HOME_GROUP && strcmp(channel->name, notebook) == 0))
        channel = chat_conn_next_channel(conn, channel->channel_id);
    return channel ? channel->channel_id : 0;
}

/* A note is known by its nonce, from here on and on all devices. */
static void show(const struct chat_outgoing *note, const char *rule)
{
    static const char *const names[] = {"", "queued", "refused", "saved", "discarded"};

    printf("note %llu %s", (unsigned long long)note->nonce.counter, names[note->state]);
    if (note->text_len)
        printf(": %.*s", (int)note->text_len, note->text);
    if (note->state == CHAT_OUTGOING_REFUSED) /* its text is kept: chat_conn_resend() tries again */
        printf(" (%s: %s)", rule ? rule : "no rule", chat_status_text(note->status));
    putchar('\n');
}

static void on_event(struct app *app, const struct chat_event *event)
{
    if (event->type == CHAT_EVENT_OUTGOING)
        show(event->outgoing, event->rule);
    if (event->type == CHAT_EVENT_STATE)
        printf("%s\n", chat_conn_state_name(event->state));
    if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_LIVE && !app->ticket &&
        !find_notebook(app->conn) &&
        chat_conn_create_group(app->conn, notebook, strlen(notebook), NULL, 0, &app->ticket) !=
            CHAT_OK)
        printf("no notebook: %s\n", chat_conn_last_problem(app->conn));
}

static void write_note(struct app *app, const char *text, size_t text_len)
{
    chat_status status =
        chat_conn_send_text(app->conn, find_notebook(app->conn), text, text_len, NULL);

    if (status != CHAT_OK) /* nothing is half queued: the user may try again */
        printf("not kept: %s\n", chat_status_text(status));
}

static void read_lines(struct app *app)
{
    ssize_t count =
        read(STDIN_FILENO, app->line + app->line_len, sizeof(app->line) - app->line_len);
    char *end;

    app->is_typed = count <= 0;
    app->line_len += count > 0 ? (size_t)count : 0;
    while ((end = memchr(app->line, '\n', app->line_len)) != NULL) {
        write_note(app, app->line, (size_t)(end - app->line));
        app->line_len -= (size_t)(end + 1 - app->line);
        memmove(app->line, end + 1, app->line_len);
    }
    if (app->line_len == sizeof(app->line) || (app->is_typed && app->line_len)) {
        write_note(app, app->line, app->line_len); /* the last one; or too long: refused */
        app->line_len = 0;
    }
}

/* Until stdin has ended and the outbox is empty. */
static void run(struct app *app, chat_loop *loop)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, chat_poll_entry(loop)};
    struct chat_event event = CHAT_EVENT_INIT;

    while (!app->is_typed || chat_conn_get_outgoing_count(app->conn) > 0) {
        /* Nothing is taken before it can be kept. poll() leaves alone what is negative. */
        fds[0].fd = app->is_typed || !find_notebook(app->conn) ? -1 : STDIN_FILENO;
        if (poll(fds, 2, chat_poll_timeout(loop, -1)) < 0)
            continue;
        if (chat_poll_is_due(loop, &fds[1]))
            (void)chat_loop_step(loop, 0);
        if (fds[0].revents)
            read_lines(app);
        while (chat_conn_next_event(app->conn, &event))
            on_event(app, &event);
    }
}

int main(void)
{
    const struct chat_outgoing *note;
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    struct app app = {0};
    chat_loop *loop = NULL;
    int exit_code = EXIT_FAILURE;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    chat_loop_config_init(&loop_config);
    loop_config.ca_file = getenv("CHAT_CA");
    chat_conn_config_init(&config);
    config.url = getenv("CHAT_URL");
    config.token = getenv("CHAT_TOKEN");
    config.cache_path = "notes.db";
    if (chat_loop_new(&loop_config, &loop) == CHAT_OK &&
        chat_conn_new(loop, &config, &app.conn) == CHAT_OK &&
        chat_conn_start(app.conn) == CHAT_OK) {
        for (uint32_t i = 0; chat_conn_get_outgoing(app.conn, i, &note); i++)
            show(note, NULL); /* left by the run before */
        if (!find_notebook(app.conn))
            printf("the first start needs a network, to make the notebook\n");
        run(&app, loop);
        exit_code = EXIT_SUCCESS;
    }
    chat_conn_free(app.conn);
    chat_loop_free(loop);
    return exit_code;
}
