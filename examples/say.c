/*
 * Says something to a user from a shell, waits until the server has it, and prints the end of the
 * conversation. Shows calls that are answered by an event which bears their ticket, and how to
 * tell that everything is in.
 *
 *   cc say.c $(pkg-config --cflags --libs libchat) -o say
 *   CHAT_URL=wss://localhost:8443/ CHAT_TOKEN=... CHAT_CA=ca.pem ./say bob "hello" [TIMES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/libchat.h>

struct app {
    chat_conn *conn;
    const char *peer, *text;
    unsigned long times; /* to be sent yet */
    uint64_t ticket;     /* of the one question that is under way; 0: none */
    uint64_t channel_id;
    unsigned losses; /* of the link */
    chat_status failed;
    bool is_done;
};

static void give_up(struct app *app, chat_status status, const char *what)
{
    fprintf(stderr, "say: %s: %s. %s\n", what, chat_status_text(status),
            chat_conn_last_problem(app->conn));
    app->failed = status;
    app->is_done = true;
}

/* Every question: CHAT_OK means that an event with the ticket will come. */
static void asked(struct app *app, chat_status status, const char *what)
{
    if (status != CHAT_OK)
        give_up(app, status, what);
}

static void print_page(const chat_page *page)
{
    for (size_t i = 0; i < chat_page_get_count(page); i++) {
        const struct chat_message *m = chat_page_get_message(page, i);

        printf("%llu %s %.*s\n", (unsigned long long)m->seq, m->own ? "me" : "peer",
               (int)m->text_len, m->text);
    }
}

static void on_answer(struct app *app, const struct chat_event *event)
{
    app->ticket = 0;
    if (event->status != CHAT_OK) {
        give_up(app, event->status, chat_event_type_name(event->type));
    } else if (event->type == CHAT_EVENT_USERS && event->users_count == 0) {
        give_up(app, CHAT_E_NOT_FOUND, "nobody of that name has signed in yet");
    } else if (event->type == CHAT_EVENT_USERS) {
        asked(app, chat_conn_open_direct(app->conn, event->users[0]->user_id, &app->ticket),
              "open the direct");
    } else if (event->type == CHAT_EVENT_OPENED) {
        app->channel_id = event->channel_id;
    } else if (event->type == CHAT_EVENT_HISTORY) {
        print_page(event->page);
        app->is_done = true;
    }
}

static void on_event(struct app *app, const struct chat_event *event)
{
    if (event->ticket && event->ticket == app->ticket)
        on_answer(app, event);
    else if (event->type == CHAT_EVENT_NEED_TOKEN || event->type == CHAT_EVENT_CACHE)
        give_up(app, event->status, chat_event_type_name(event->type));
    else if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_CLOSED)
        give_up(app, event->status, "closed");
    else if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_BACKING_OFF &&
             ++app->losses == 3) /* libchat would go on for ever; who waits at a shell does not */
        give_up(app, event->status, "no connection");
    else if (event->type == CHAT_EVENT_OUTGOING && event->outgoing->state == CHAT_OUTGOING_REFUSED)
        give_up(app, event->status, event->rule ? event->rule : "refused");
    else if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_LIVE && !app->channel_id)
        asked(app, chat_conn_find_user(app->conn, app->peer, strlen(app->peer), &app->ticket),
              "find the user");
}

/* What is to be sent goes into the outbox; when that is empty, everything is in. */
static void go_on(struct app *app)
{
    chat_status status = CHAT_OK;

    if (!chat_conn_get_channel(app->conn, app->channel_id))
        return; /* it is not open yet */
    while (app->times && status == CHAT_OK) {
        status =
            chat_conn_send_text(app->conn, app->channel_id, app->text, strlen(app->text), NULL);
        if (status == CHAT_OK)
            app->times--;
    }
    if (status == CHAT_E_FULL && chat_conn_get_outgoing_count(app->conn) > 0)
        return; /* the outbox is full: there will be room again */
    if (status != CHAT_OK)
        give_up(app, status, "send");
    else if (!app->ticket && chat_conn_get_outgoing_count(app->conn) == 0)
        asked(app,
              chat_conn_fetch_history(app->conn, app->channel_id, 0, CHAT_HISTORY_PAGE_MAX, true,
                                      &app->ticket),
              "fetch the history");
}

int main(int argc, char **argv)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    struct app app = {0};
    chat_loop *loop = NULL;

    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: say SUBJECT [TEXT [TIMES]]\n");
        return 2;
    }
    app.peer = argv[1];
    app.text = argc > 2 ? argv[2] : "";
    app.times = argc > 3 ? strtoul(argv[3], NULL, 10) : argc > 2;

    chat_loop_config_init(&loop_config);
    loop_config.ca_file = getenv("CHAT_CA");
    chat_conn_config_init(&config);
    config.url = getenv("CHAT_URL");
    config.token = getenv("CHAT_TOKEN");
    if (chat_loop_new(&loop_config, &loop) != CHAT_OK ||
        chat_conn_new(loop, &config, &app.conn) != CHAT_OK ||
        chat_conn_start(app.conn) != CHAT_OK) {
        fprintf(stderr, "say: CHAT_URL, CHAT_CA: cannot be used\n");
        app.failed = CHAT_E_INVALID;
        app.is_done = true;
    }
    while (!app.is_done && chat_loop_step(loop, -1) == CHAT_OK) {
        while (!app.is_done && chat_conn_next_event(app.conn, &event))
            on_event(&app, &event);
        if (!app.is_done)
            go_on(&app);
    }
    chat_conn_free(app.conn);
    chat_loop_free(loop);
    return app.failed == CHAT_OK ? 0 : 1;
}
