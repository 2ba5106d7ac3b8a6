/*
 * A libuv program with a chat in it. Shows <libchat/adapters/libuv.h>: libchat is a guest in
 * uv_run() beside the program's own timers and signals, and leaves in order. Prints each message,
 * and once a second how many are unread, until SIGINT or SIGTERM.
 *
 *   cc libuv_loop.c $(pkg-config --cflags --libs libchat libuv) -o libuv_loop
 *   CHAT_URL=wss://localhost:8443/ CHAT_TOKEN=... CHAT_CA=ca.pem ./libuv_loop
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

#include <libchat/adapters/libuv.h>
#include <libchat/libchat.h>

struct app {
    chat_loop *loop;
    chat_conn *conn;
    struct chat_uv chat; /* libchat's handles in the libuv loop */
    uv_timer_t second;
    uv_signal_t interrupt, terminate;
    uint64_t unread;
};

static void on_event(struct app *app, const struct chat_event *event)
{
    const struct chat_user *author;

    if (event->type == CHAT_EVENT_STATE)
        printf("%s\n", chat_conn_state_name(event->state));
    if (event->type == CHAT_EVENT_MESSAGE) {
        author = chat_conn_get_user(app->conn, event->message->author_id);
        printf("%s: %s\n", author ? author->name : "?", event->message->text);
    }
}

/* After each step. */
static void on_events(struct chat_uv *chat)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct app *app = chat->user;

    while (chat_conn_next_event(app->conn, &event))
        on_event(app, &event);
}

static void on_second(uv_timer_t *timer)
{
    const struct chat_channel *channel;
    struct app *app = timer->data;
    uint64_t unread = 0, id = 0;

    while ((channel = chat_conn_next_channel(app->conn, id)) != NULL) {
        id = channel->channel_id;
        unread += channel->unread;
    }
    if (unread != app->unread)
        printf("%llu unread\n", (unsigned long long)unread);
    app->unread = unread;
}

/* With all handles closed uv_run() returns. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct app *app = handle->data;

    (void)number;
    chat_uv_stop(&app->chat, NULL);
    uv_close((uv_handle_t *)&app->second, NULL);
    uv_close((uv_handle_t *)&app->interrupt, NULL);
    uv_close((uv_handle_t *)&app->terminate, NULL);
}

static int run(struct app *app, uv_loop_t *uv)
{
    int error = chat_uv_start(&app->chat, uv, app->loop, on_events, app);

    if (error != 0) {
        fprintf(stderr, "libuv_loop: %s\n", uv_strerror(error));
        return EXIT_FAILURE;
    }
    app->second.data = app->interrupt.data = app->terminate.data = app;
    (void)uv_timer_init(uv, &app->second);
    (void)uv_timer_start(&app->second, on_second, 1000, 1000);
    (void)uv_signal_init(uv, &app->interrupt);
    (void)uv_signal_start(&app->interrupt, on_signal, SIGINT);
    (void)uv_signal_init(uv, &app->terminate);
    (void)uv_signal_start(&app->terminate, on_signal, SIGTERM);
    return uv_run(uv, UV_RUN_DEFAULT) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    int exit_code = EXIT_FAILURE;
    struct app app = {0};
    uv_loop_t uv;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (uv_loop_init(&uv) != 0)
        return EXIT_FAILURE;
    chat_loop_config_init(&loop_config);
    loop_config.ca_file = getenv("CHAT_CA");
    chat_conn_config_init(&config);
    config.url = getenv("CHAT_URL");
    config.token = getenv("CHAT_TOKEN");
    if (chat_loop_new(&loop_config, &app.loop) == CHAT_OK &&
        chat_conn_new(app.loop, &config, &app.conn) == CHAT_OK &&
        chat_conn_start(app.conn) == CHAT_OK)
        exit_code = run(&app, &uv);
    chat_conn_free(app.conn);
    chat_loop_free(app.loop);
    return uv_loop_close(&uv) == 0 ? exit_code : EXIT_FAILURE;
}
