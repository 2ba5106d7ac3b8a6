/*
 * A unit test of an application, with libchat's test kit: the application's own code, a whole
 * chat service, bad luck, and no clock on the wall. It runs in some milliseconds.
 *
 *   cc app_test.c $(pkg-config --cflags --libs libchat-testkit) && ./a.out
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/libchat.h>
#include <libchat/testkit.h>

#define WAIT_MS 60000 /* of virtual time: nothing waits for real */
#define CHECK(what) check((what), #what, __LINE__)

static void check(bool is_true, const char *what, int line)
{
    if (is_true)
        return;
    fprintf(stderr, "app_test.c:%d: not so: %s\n", line, what);
    exit(1);
}

/* --- the application: counts what it shows, and says "seen" to whoever says "hello" --- */

struct app {
    chat_loop *loop;
    chat_conn *conn;
    chat_testkit *kit; /* where a real one would ask its own backend for tokens */
    unsigned shown;
};

static void app_sign_in(struct app *app)
{
    char token[CHAT_TOKEN_MAX + 1];

    CHECK(chat_testkit_mint_token(app->kit, "alice", "Alice", 3600, token, sizeof(token)) ==
          CHAT_OK);
    CHECK(chat_conn_set_token(app->conn, token, strlen(token)) == CHAT_OK);
}

static void app_show(struct app *app, const struct chat_message *message)
{
    struct chat_content seen = CHAT_CONTENT_INIT;

    app->shown++;
    if (message->own || strcmp(message->text, "hello") != 0)
        return;
    seen.text = "seen";
    seen.text_len = 4;
    seen.reply_to_seq = message->seq;
    CHECK(chat_conn_send(app->conn, message->channel_id, &seen, NULL) == CHAT_OK);
}

static void app_turn(chat_loop *loop, void *user)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct app *app = user;

    (void)loop;
    while (chat_conn_next_event(app->conn, &event)) {
        if (event.type == CHAT_EVENT_NEED_TOKEN)
            app_sign_in(app);
        if (event.type == CHAT_EVENT_MESSAGE)
            app_show(app, event.message);
    }
}

static void app_start(struct app *app, chat_testkit_device *phone)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;

    chat_loop_config_init(&loop_config);
    loop_config.transport = chat_testkit_device_get_transport(phone);
    CHECK(chat_loop_new(&loop_config, &app->loop) == CHAT_OK);
    chat_conn_config_init(&config);
    config.url = "wss://chat.example/";
    config.cache_path = "alice.db";
    config.cache_vfs = chat_testkit_device_get_vfs(phone);
    CHECK(chat_conn_new(app->loop, &config, &app->conn) == CHAT_OK);
    CHECK(chat_conn_start(app->conn) == CHAT_OK);
    CHECK(chat_testkit_device_attach(phone, app->loop, app_turn, app) == CHAT_OK);
}

static void app_end(struct app *app, chat_testkit_device *phone)
{
    CHECK(chat_testkit_device_attach(phone, NULL, NULL, NULL) == CHAT_OK);
    chat_conn_free(app->conn);
    chat_loop_free(app->loop);
}

/* --- its test --- */

int main(void)
{
    struct chat_testkit_config config;
    chat_testkit_device *phone;
    chat_testkit *kit;
    struct app app = {0};
    uint64_t channel, count;

    chat_testkit_config_init(&config);
    CHECK(chat_testkit_new(&config, &kit) == CHAT_OK);
    CHECK(chat_testkit_device_new(kit, "phone", &phone) == CHAT_OK);
    app.kit = kit;
    app_start(&app, phone);
    CHECK(chat_testkit_wait_live(kit, app.conn, WAIT_MS) == CHAT_OK);

    /* Bob says hello, and is answered. */
    CHECK(chat_testkit_open_direct(kit, "bob", "alice", &channel) == CHAT_OK);
    CHECK(chat_testkit_post(kit, channel, "bob", "hello", NULL) == CHAT_OK);
    CHECK(chat_testkit_wait_delivered(kit, app.conn, channel, 2, WAIT_MS) == CHAT_OK);
    CHECK(app.shown == 2);

    /* Again, but the phone is in a tunnel, and then the service has no time for it. */
    CHECK(chat_testkit_run_script(kit,
                                  "at 0s offline phone;"
                                  "at 10min refuse phone overloaded 3s for 20s;"
                                  "at 10min online phone",
                                  NULL) == CHAT_OK);
    CHECK(chat_testkit_advance(kit, 0) == CHAT_OK);
    CHECK(chat_testkit_post(kit, channel, "bob", "hello", NULL) == CHAT_OK);
    CHECK(chat_testkit_advance(kit, 700000) == CHAT_OK);
    CHECK(chat_testkit_wait_delivered(kit, app.conn, channel, 4, WAIT_MS) == CHAT_OK);
    CHECK(app.shown == 4);

    /* What is typed is sent, once, though the phone dies in the middle of keeping it. */
    CHECK(chat_testkit_set_online(kit, phone, false) == CHAT_OK);
    CHECK(chat_conn_send_text(app.conn, channel, "typed", 5, NULL) == CHAT_OK);
    CHECK(chat_testkit_device_kill(phone, false) == CHAT_OK);
    app_end(&app, phone);
    CHECK(chat_testkit_set_online(kit, phone, true) == CHAT_OK);
    app_start(&app, phone);
    CHECK(chat_testkit_wait_sent(kit, app.conn, WAIT_MS) == CHAT_OK);
    CHECK(chat_testkit_count_messages(kit, channel, &count) == CHAT_OK);
    CHECK(count == 5);

    printf("ok: %.0f virtual minutes\n", (double)chat_testkit_get_time_ms(kit) / 60000);
    app_end(&app, phone);
    chat_testkit_free(kit);
    return 0;
}
