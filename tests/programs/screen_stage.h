/* The terminal client at its keys: a whole service in the test kit, and no terminal. */
#ifndef CHAT_TESTS_SCREEN_STAGE_H
#define CHAT_TESTS_SCREEN_STAGE_H

#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/testkit.h>

#include "ui_inner.h"

#define COLUMNS 80
#define ROWS 16
#define WAIT_MS 120000

static chat_testkit *kit;
static chat_testkit_device *phone;
static struct app app;
static struct ui ui;
static char picture[ROWS * COLUMNS * 8];

static inline void turn(chat_loop *loop, void *user)
{
    (void)loop, (void)user;
    token_turn(&app);
    ui_pull(&ui);
}

/* Lets everything happen, and reads the picture: rows, each with a newline. */
static inline const char *look(void)
{
    size_t len = 0;

    for (int i = 0; i < 8; i++) {
        ui_paint(&ui);
        (void)chat_testkit_run_until_idle(kit); /* offline it never is */
    }
    ui_paint(&ui);
    for (int y = 0; y < ui.canvas.rows; y++) {
        len += canvas_read_row(&ui.canvas, y, picture + len, sizeof(picture) - len);
        picture[len++] = '\n';
    }
    picture[len] = '\0';
    return picture;
}

#define ck_assert_shows(words) ck_assert_msg(strstr(look(), words) != NULL, "%s", picture)
#define ck_assert_hides(words) ck_assert_msg(strstr(look(), words) == NULL, "%s", picture)

static inline void key(uint32_t code)
{
    const struct term_key pressed = {.code = code};

    ui_key(&ui, &pressed);
    if (ui.written)
        ui_keep_draft(&ui);
}

static inline void type(const char *text)
{
    for (size_t i = 0; text[i]; i++)
        key((unsigned char)text[i]);
}

static inline void say(const char *text)
{
    type(text);
    key(TERM_ENTER);
}

/* --- the stage --- */

static inline void sign_in(void)
{
    char token[CHAT_TOKEN_MAX + 1];

    ck_assert_int_eq(chat_testkit_mint_token(kit, "zoe", "Zoe", 864000, token, sizeof(token)),
                     CHAT_OK);
    ck_assert_int_eq(chat_conn_set_token(app.conn, token, strlen(token)), CHAT_OK);
}

static inline void open_app(void)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;

    memset(&ui, 0, sizeof(ui));
    memset(&app, 0, sizeof(app));
    app.token.fd = -1;
    chat_loop_config_init(&loop_config);
    loop_config.transport = chat_testkit_device_get_transport(phone);
    ck_assert_int_eq(chat_loop_new(&loop_config, &app.loop), CHAT_OK);
    chat_conn_config_init(&config);
    config.url = "wss://chat.example/";
    config.cache_path = "zoe.db";
    config.cache_vfs = chat_testkit_device_get_vfs(phone);
    ck_assert_int_eq(chat_conn_new(app.loop, &config, &app.conn), CHAT_OK);
    ck_assert(ui_init(&ui, &app));
    ck_assert(canvas_init(&ui.canvas, COLUMNS, ROWS));
    sign_in();
    ck_assert_int_eq(chat_conn_start(app.conn), CHAT_OK);
    ck_assert_int_eq(chat_testkit_device_attach(phone, app.loop, turn, NULL), CHAT_OK);
}

static inline void close_app(void)
{
    ck_assert_int_eq(chat_testkit_device_attach(phone, NULL, NULL, NULL), CHAT_OK);
    ui_fini(&ui);
    chat_conn_free(app.conn);
    chat_loop_free(app.loop);
}

static inline void setup(void)
{
    struct chat_testkit_config config;

    chat_testkit_config_init(&config);
    ck_assert_int_eq(chat_testkit_new(&config, &kit), CHAT_OK);
    ck_assert_int_eq(chat_testkit_device_new(kit, "phone", &phone), CHAT_OK);
    open_app();
    ck_assert_int_eq(chat_testkit_wait_live(kit, app.conn, WAIT_MS), CHAT_OK);
}

static inline void teardown(void)
{
    close_app();
    chat_testkit_free(kit);
}

static inline uint64_t direct(void)
{
    uint64_t channel;

    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "zoe", &channel), CHAT_OK);
    look();
    return channel;
}

static inline uint64_t group(const char *name)
{
    const char *const others[] = {"zoe", "eve"};
    uint64_t channel;

    ck_assert_int_eq(chat_testkit_create_group(kit, "bob", name, others, 2, &channel), CHAT_OK);
    look();
    return channel;
}

static inline void post(uint64_t channel, const char *text)
{
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", text, NULL), CHAT_OK);
}

static inline void post_many(uint64_t channel, int count)
{
    for (int i = 0; i < count; i++) {
        char text[24];

        snprintf(text, sizeof(text), "number %d.", i);
        post(channel, text);
    }
}

static inline chat_conn *conn_of(const char *subject)
{
    chat_conn *conn;

    ck_assert_int_eq(chat_testkit_get_conn(kit, subject, &conn), CHAT_OK);
    return conn;
}

static inline void set_online(bool online)
{
    ck_assert_int_eq(chat_testkit_set_online(kit, phone, online), CHAT_OK);
    if (online)
        chat_conn_network_changed(app.conn);
}

/* What bob, who made the group, lets her do in it. */
static inline void permit(uint64_t channel, uint32_t permissions)
{
    chat_conn *bob = conn_of("bob");
    uint64_t ticket, zoe;

    ck_assert_int_eq(chat_testkit_get_user_id(kit, "zoe", &zoe), CHAT_OK);
    ck_assert_int_eq(chat_conn_set_member(bob, chat_conn_get_channel(bob, channel)->home_id, zoe,
                                          permissions, &ticket),
                     CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 1000), CHAT_OK);
}

static inline uint64_t count_of(uint64_t channel)
{
    uint64_t count;

    ck_assert_int_eq(chat_testkit_count_messages(kit, channel, &count), CHAT_OK);
    return count;
}

static inline int run_screen(const char *name, void (*add)(TCase *tcase))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77; /* no UTF-8 here: skipped */
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    add(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
