/* The terminal client at its keys: a whole service in the test kit, and no terminal. */
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

void term_redraw(void) {} /* in place of the terminal's */

static void turn(chat_loop *loop, void *user)
{
    (void)loop, (void)user;
    token_turn(&app);
    ui_pull(&ui);
}

/* Lets everything happen, and reads the picture: rows, each with a newline. */
static const char *look(void)
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

static void key(uint32_t code)
{
    const struct term_key pressed = {.code = code};

    ui_key(&ui, &pressed);
    if (ui.written)
        ui_keep_draft(&ui);
}

static void type(const char *text)
{
    for (size_t i = 0; text[i]; i++)
        key((unsigned char)text[i]);
}

static void say(const char *text)
{
    type(text);
    key(TERM_ENTER);
}

/* --- the stage --- */

static void sign_in(void)
{
    char token[CHAT_TOKEN_MAX + 1];

    ck_assert_int_eq(chat_testkit_mint_token(kit, "zoe", "Zoe", 864000, token, sizeof(token)),
                     CHAT_OK);
    ck_assert_int_eq(chat_conn_set_token(app.conn, token, strlen(token)), CHAT_OK);
}

static void open_app(void)
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

static void close_app(void)
{
    ck_assert_int_eq(chat_testkit_device_attach(phone, NULL, NULL, NULL), CHAT_OK);
    ui_fini(&ui);
    chat_conn_free(app.conn);
    chat_loop_free(app.loop);
}

static void setup(void)
{
    struct chat_testkit_config config;

    chat_testkit_config_init(&config);
    ck_assert_int_eq(chat_testkit_new(&config, &kit), CHAT_OK);
    ck_assert_int_eq(chat_testkit_device_new(kit, "phone", &phone), CHAT_OK);
    open_app();
    ck_assert_int_eq(chat_testkit_wait_live(kit, app.conn, WAIT_MS), CHAT_OK);
}

static void teardown(void)
{
    close_app();
    chat_testkit_free(kit);
}

static uint64_t direct(void)
{
    uint64_t channel;

    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "zoe", &channel), CHAT_OK);
    look();
    return channel;
}

static uint64_t group(const char *name)
{
    const char *const others[] = {"zoe", "eve"};
    uint64_t channel;

    ck_assert_int_eq(chat_testkit_create_group(kit, "bob", name, others, 2, &channel), CHAT_OK);
    look();
    return channel;
}

static void post(uint64_t channel, const char *text)
{
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", text, NULL), CHAT_OK);
}

static void post_many(uint64_t channel, int count)
{
    for (int i = 0; i < count; i++) {
        char text[24];

        snprintf(text, sizeof(text), "number %d.", i);
        post(channel, text);
    }
}

static chat_conn *conn_of(const char *subject)
{
    chat_conn *conn;

    ck_assert_int_eq(chat_testkit_get_conn(kit, subject, &conn), CHAT_OK);
    return conn;
}

static void set_online(bool online)
{
    ck_assert_int_eq(chat_testkit_set_online(kit, phone, online), CHAT_OK);
    if (online)
        chat_conn_network_changed(app.conn);
}

/* What bob, who made the group, lets her do in it. */
static void permit(uint64_t channel, uint32_t permissions)
{
    chat_conn *bob = conn_of("bob");
    uint64_t ticket, zoe;

    ck_assert_int_eq(chat_testkit_get_user_id(kit, "zoe", &zoe), CHAT_OK);
    ck_assert_int_eq(chat_conn_set_member(bob, chat_conn_get_channel(bob, channel)->home_id, zoe,
                                          permissions, &ticket),
                     CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 1000), CHAT_OK);
}

static uint64_t count_of(uint64_t channel)
{
    uint64_t count;

    ck_assert_int_eq(chat_testkit_count_messages(kit, channel, &count), CHAT_OK);
    return count;
}

/* --- writing --- */

START_TEST(what_is_typed_is_a_draft_until_it_is_sent)
{
    const uint64_t channel = direct();
    const struct chat_draft *draft;

    type("hal");
    draft = chat_conn_get_draft(app.conn, channel);
    ck_assert_ptr_nonnull(draft);
    ck_assert_str_eq(draft->text, "hal");
    say("lo");
    ck_assert_ptr_null(chat_conn_get_draft(app.conn, channel));
    ck_assert_shows("Zoe       hallo");
    ck_assert_uint_eq(count_of(channel), 1);
}
END_TEST

START_TEST(a_draft_waits_in_its_conversation)
{
    direct();
    group("island");
    key(TERM_CTRL('P'));
    ck_assert_shows("#island");
    type("half a");
    key(TERM_CTRL('N'));
    ck_assert_shows("# island          \u270e");
    ck_assert_hides("> half a");
    key(TERM_CTRL('P'));
    ck_assert_shows("> half a");
}
END_TEST

START_TEST(a_draft_of_another_device_comes_into_the_composer)
{
    const uint64_t channel = direct();

    ck_assert_int_eq(chat_conn_set_draft(conn_of("zoe"), channel, "from the desk", 13, 0), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 5000), CHAT_OK);
    ck_assert_shows("> from the desk");
}
END_TEST

START_TEST(a_command_is_no_draft_and_a_second_slash_makes_it_a_message)
{
    const uint64_t channel = direct();

    type("/who");
    ck_assert_ptr_null(chat_conn_get_draft(app.conn, channel));
    key(TERM_ENTER);
    ck_assert_shows("bob");
    ck_assert_int_eq(ui.scene.overlay, OVERLAY_TEXT);
    key(TERM_ESCAPE);
    say("//etc/hosts");
    ck_assert_shows("/etc/hosts \u2713");
    key(TERM_UP);
    key('e');
    ck_assert_shows("> //etc/hosts");
    say(".allow");
    ck_assert_shows("/etc/hosts.allow (edited)");
    say("/nonsense");
    ck_assert_shows("no such command: /nonsense");
    ck_assert_uint_eq(count_of(channel), 1);
}
END_TEST

START_TEST(a_paste_with_newlines_is_not_sent_by_them)
{
    const uint64_t channel = direct();

    key(TERM_PASTE_BEGIN);
    type("one\rtwo\r");
    key(TERM_PASTE_END);
    ck_assert_shows("> one\n  two\n");
    ck_assert_uint_eq(count_of(channel), 0);
    key(TERM_ENTER);
    look();
    ck_assert_uint_eq(count_of(channel), 1);
}
END_TEST

START_TEST(a_full_disk_leaves_the_text_where_it_is)
{
    const uint64_t channel = direct();

    type("precious");
    look();
    ck_assert_int_eq(chat_testkit_disk_set_full(phone, true), CHAT_OK);
    type(" words");
    key(TERM_ENTER);
    ck_assert(ui.scene.notice_is_error);
    ck_assert_int_eq(chat_conn_set_draft(conn_of("zoe"), channel, "other", 5, 0), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 5000), CHAT_OK);
    ck_assert_str_eq(ui.scene.composer.text, "precious words");
    ck_assert_int_eq(chat_testkit_disk_set_full(phone, false), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, WAIT_MS), CHAT_OK);
    key(TERM_ENTER);
    ck_assert_shows("precious words \u2713");
    ck_assert_uint_eq(count_of(channel), 1);
}
END_TEST

START_TEST(members_are_mentioned_by_their_names)
{
    const uint64_t channel = group("island");

    say("well, @bob and @bobby: what of a@bob?");
    look();
    ck_assert_uint_eq(chat_conn_get_channel(conn_of("bob"), channel)->mentions, 1);
    ck_assert_uint_eq(chat_conn_get_channel(conn_of("eve"), channel)->mentions, 0);
}
END_TEST

/* --- what waits, what is refused --- */

START_TEST(what_waits_is_edited_deleted_and_taken_back)
{
    const uint64_t channel = direct();

    set_online(false);
    look();
    say("one");
    say("second");
    say("three");
    ck_assert_shows("three \u2026waiting");
    ck_assert_shows("3 waiting to be sent");
    key(TERM_UP);
    key('e');
    say("!");
    ck_assert_shows("three! \u2026waiting");
    key(TERM_UP);
    key(TERM_UP);
    key('d');
    ck_assert_shows("delete this message for everybody?");
    key('y');
    ck_assert_hides("second");
    key(TERM_ESCAPE);
    key(TERM_UP);
    key(TERM_UP);
    key('t');
    ck_assert_shows("> one");
    set_online(true);
    ck_assert_shows("three! \u2713");
    ck_assert_uint_eq(count_of(channel), 1);
}
END_TEST

static uint64_t refuse_words(void)
{
    const uint64_t channel = group("island");

    set_online(false);
    say("some words");
    permit(channel, CHAT_PERMISSION_VIEW);
    set_online(true);
    ck_assert_shows("\u2717 not sent");
    ck_assert_shows("some words");
    ck_assert_shows(chat_status_text(CHAT_E_FORBIDDEN));
    return channel;
}

START_TEST(what_was_refused_is_taken_back_into_the_composer)
{
    const uint64_t channel = refuse_words();

    type("more");
    key(TERM_UP);
    key('t');
    ck_assert_hides("not sent");
    ck_assert_str_eq(ui.scene.composer.text, "some words\nmore");
    ck_assert_uint_eq(chat_conn_get_outgoing_count(app.conn), 0);
    permit(channel, CHAT_PERMISSION_VIEW | CHAT_PERMISSION_SEND);
    key(TERM_ENTER);
    look();
    ck_assert_uint_eq(count_of(channel), 1);
}
END_TEST

START_TEST(taking_back_costs_nothing_that_is_being_written)
{
    static char text[COMPOSER_MAX + 1];

    direct();
    set_online(false);
    look();
    say("some words");
    memset(text, 'x', COMPOSER_MAX - 11);
    composer_set(&ui.scene.composer, text, COMPOSER_MAX - 11);
    ui_keep_draft(&ui);
    look();
    key(TERM_HOME);
    key(TERM_UP);
    ck_assert_int_eq(ui.scene.focus, FOCUS_MESSAGES);
    key('t');
    ck_assert_shows("no room for it");
    ck_assert_uint_eq(chat_conn_get_outgoing_count(app.conn), 1);
    ck_assert_uint_eq(ui.scene.composer.len, COMPOSER_MAX - 11);
    composer_set(&ui.scene.composer, text, COMPOSER_MAX - 12);
    key('t');
    ck_assert_uint_eq(ui.scene.composer.len, COMPOSER_MAX - 1);
    ck_assert_uint_eq(chat_conn_get_outgoing_count(app.conn), 0);
}
END_TEST

START_TEST(what_was_refused_is_sent_again)
{
    const uint64_t channel = refuse_words();

    permit(channel, CHAT_PERMISSION_VIEW | CHAT_PERMISSION_SEND);
    key(TERM_UP);
    key('a');
    ck_assert_hides("not sent");
    ck_assert_shows("some words \u2713");
    ck_assert_uint_eq(count_of(channel), 1);
    key('a');
    ck_assert_shows("it was not refused");
    key('t');
    ck_assert_shows("it is sent");
}
END_TEST

START_TEST(reactions_go_on_and_off_with_the_same_keys)
{
    const uint64_t channel = direct();

    post(channel, "well?");
    look();
    key(TERM_UP);
    key('+');
    say("1");
    ck_assert_shows("[\U0001f44d 1]");
    key(':');
    say("+1");
    ck_assert_hides("\U0001f44d");
    key('+');
    say("nonsense");
    ck_assert_shows("no emoji of that name");
    key(TERM_ESCAPE);
    ck_assert_hides("no emoji");
    set_online(false);
    look();
    key('+');
    say("heart");
    ck_assert_shows("[\u2764 1]");
    ck_assert_shows("(reaction waits)");
    set_online(true);
    ck_assert_hides("(reaction waits)");
    ck_assert_shows("[\u2764 1]");
}
END_TEST

START_TEST(others_messages_are_neither_edited_nor_deleted)
{
    const uint64_t channel = direct();

    post(channel, "mine");
    look();
    key(TERM_UP);
    key('e');
    ck_assert_shows("only an own message can be edited");
    key('d');
    ck_assert_shows("only an own message can be deleted");
}
END_TEST

/* --- reading --- */

START_TEST(scrolling_up_loads_all_there_is)
{
    const uint64_t channel = direct();

    post_many(channel, 300);
    ck_assert_shows("number 299.");
    for (int i = 0; i < 60; i++) {
        key(TERM_PAGE_UP);
        look();
    }
    ck_assert_shows("number 0.");
    key(TERM_END);
    ck_assert_shows("number 299.");
    ck_assert(ui.scene.following);
}
END_TEST

START_TEST(many_unread_open_where_they_begin)
{
    const uint64_t channel = direct();

    group("island");
    post(channel, "known");
    look();
    key(TERM_CTRL('N'));
    ck_assert_shows("#island");
    post_many(channel, 220);
    ck_assert_shows(" 220│");
    key(TERM_CTRL('P'));
    ck_assert_shows("new messages");
    ck_assert_shows("number 0.");
    ck_assert_hides("number 219.");
    ck_assert_uint_gt(chat_conn_get_channel(app.conn, channel)->unread, 150);
    key(TERM_END);
    ck_assert_shows("number 219.");
    ck_assert_uint_eq(chat_conn_get_channel(app.conn, channel)->unread, 0);
}
END_TEST

START_TEST(what_comes_while_one_reads_older_ones_is_not_read)
{
    const uint64_t channel = direct();

    post_many(channel, 40);
    look();
    key(TERM_PAGE_UP);
    look();
    post(channel, "news");
    ck_assert_shows("newer messages below");
    ck_assert_uint_eq(chat_conn_get_channel(app.conn, channel)->unread, 1);
    key(TERM_END);
    ck_assert_shows("new messages");
    ck_assert_shows("news");
    ck_assert_uint_eq(chat_conn_get_channel(app.conn, channel)->unread, 0);
    say("thanks");
    ck_assert_hides("new messages");
}
END_TEST

START_TEST(a_hit_in_another_conversation_is_gone_to)
{
    const uint64_t channel = direct();

    post(channel, "a needle in it");
    post_many(channel, 100);
    group("island");
    key(TERM_CTRL('P'));
    ck_assert_shows("#island");
    ck_assert_int_eq(chat_testkit_advance(kit, 10000), CHAT_OK); /* the index follows */
    key(TERM_CTRL('F'));
    say("need");
    ck_assert_shows("bob: a needle in it");
    key(TERM_ENTER);
    ck_assert_shows("\u25b6");
    ck_assert_shows("a needle in it");
    ck_assert_hides("number 99.");
    ck_assert_uint_eq(ui.scene.channel_id, channel);
    key(TERM_CTRL('F'));
    ck_assert_shows("words: need");
    key(TERM_CTRL('U'));
    say("haystack");
    ck_assert_shows("nothing found");
}
END_TEST

START_TEST(enter_on_a_reply_goes_to_what_it_answers)
{
    const uint64_t channel = direct();

    post(channel, "a question");
    look();
    key(TERM_UP);
    key('r');
    ck_assert_shows("answers bob: a question");
    post_many(channel, 120);
    say("the answer");
    ck_assert_shows("│ bob: a question");
    ck_assert_hides("bob       a question");
    key(TERM_UP);
    key(TERM_ENTER);
    ck_assert_shows("bob       a question");
    key(TERM_ENTER);
    ck_assert_shows("it answers no other message");
}
END_TEST

START_TEST(leaving_a_group_goes_to_the_next_conversation)
{
    direct();
    group("island");
    key(TERM_CTRL('P'));
    ck_assert_shows("#island");
    say("/leave");
    ck_assert_hides("island");
    ck_assert_shows("no longer in this conversation");
    ck_assert_shows("bob");
    ck_assert_uint_ne(ui.scene.channel_id, 0);
}
END_TEST

START_TEST(a_direct_and_a_group_are_begun_by_name)
{
    conn_of("bob");
    conn_of("eve");
    ck_assert_shows("no conversations");
    say("/direct nobody");
    ck_assert_shows("nobody of that name");
    say("/direct bob");
    ck_assert_shows(" bob");
    say("/group island bob eve");
    ck_assert_shows("#island");
    say("/mute");
    ck_assert_shows("\u2298");
    say("/unmute");
    ck_assert_hides("\u2298");
}
END_TEST

/* --- the connection --- */

START_TEST(it_opens_from_the_cache_without_any_network)
{
    const uint64_t channel = direct();

    post(channel, "kept");
    type("begun");
    look();
    close_app();
    ck_assert_int_eq(chat_testkit_set_online(kit, phone, false), CHAT_OK);
    open_app();
    ck_assert_shows("kept");
    ck_assert_shows("> begun");
    ck_assert_shows("OFFLINE");
    ck_assert_shows("Zoe, ");
}
END_TEST

START_TEST(why_there_is_no_connection_is_said)
{
    direct();
    ck_assert_int_eq(chat_testkit_refuse(kit, phone, CHAT_TESTKIT_REFUSE_TOKEN, 0, 60000), CHAT_OK);
    ck_assert_int_eq(chat_testkit_close_links(kit, phone, CHAT_CLOSE_REVOKED), CHAT_OK);
    ck_assert_shows("OFFLINE: sign-in refused");
    ck_assert_int_eq(chat_testkit_refuse(kit, phone, CHAT_TESTKIT_REFUSE_NOTHING, 0, 0), CHAT_OK);
    sign_in();
    ck_assert_shows("Zoe, online");
    ck_assert_int_eq(chat_testkit_close_links(kit, phone, CHAT_CLOSE_SUPERSEDED), CHAT_OK);
    ck_assert_shows("CLOSED, Ctrl-R connects again");
    key(TERM_CTRL('R'));
    ck_assert_shows("Zoe, online");
    ck_assert_hides("CLOSED");
}
END_TEST

START_TEST(a_name_that_nobody_knows_is_asked_for_once)
{
    uint64_t ticket;

    direct();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            want_name(&app, 77);
            ui_open_channel(&ui, ui.scene.channel_id, 0);
            app_ask_names(&app);
        }
        ck_assert_uint_eq(app.wanted_count, 1);
        ck_assert_int_eq(chat_conn_search(app.conn, "room", 4, 0, 0, 1, &ticket), CHAT_OK);
        set_online(false); /* and what waits for a link does not fill the requests */
        look();
    }
}
END_TEST

START_TEST(no_key_does_harm_anywhere)
{
    static const uint32_t others[] = {
        TERM_UP,     TERM_DOWN,      TERM_LEFT,   TERM_RIGHT,       TERM_WORD_LEFT,
        TERM_HOME,   TERM_END,       TERM_ENTER,  TERM_PAGE_UP,     TERM_PAGE_DOWN,
        TERM_DELETE, TERM_BACKSPACE, TERM_ESCAPE, TERM_WORD_RIGHT,  TERM_BACK_TAB,
        TERM_F1,     TERM_F3,        TERM_OTHER,  TERM_PASTE_BEGIN, TERM_PASTE_END,
        0x10ffffu,   0xd800u,        0xfffeu,
    };
    const uint64_t channel = direct();
    uint32_t chance = 1;

    group("island");
    post_many(channel, 30);
    for (int i = 0; i < 4000; i++) {
        struct term_key pressed;

        chance = chance * 1103515245u + 12345u;
        pressed.alt = (chance >> 30) == 0;
        pressed.code = (chance >> 16 & 3) ? chance >> 18 & 0x7f
                                          : others[(chance >> 18) % (sizeof(others) / 4)];
        if (pressed.code == TERM_CTRL('C'))
            continue;
        ui_key(&ui, &pressed);
        if (ui.written)
            ui_keep_draft(&ui);
        ui_paint(&ui);
        if (i % 50 == 0)
            look();
    }
    look();
}
END_TEST

static void add_reading(TCase *tcase)
{
    tcase_add_test(tcase, scrolling_up_loads_all_there_is);
    tcase_add_test(tcase, many_unread_open_where_they_begin);
    tcase_add_test(tcase, what_comes_while_one_reads_older_ones_is_not_read);
    tcase_add_test(tcase, a_hit_in_another_conversation_is_gone_to);
    tcase_add_test(tcase, enter_on_a_reply_goes_to_what_it_answers);
    tcase_add_test(tcase, leaving_a_group_goes_to_the_next_conversation);
    tcase_add_test(tcase, a_direct_and_a_group_are_begun_by_name);
    tcase_add_test(tcase, it_opens_from_the_cache_without_any_network);
    tcase_add_test(tcase, why_there_is_no_connection_is_said);
    tcase_add_test(tcase, a_name_that_nobody_knows_is_asked_for_once);
    tcase_add_test(tcase, no_key_does_harm_anywhere);
}

int main(void)
{
    Suite *suite = suite_create("screen_app");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77; /* no UTF-8 here: skipped */
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, what_is_typed_is_a_draft_until_it_is_sent);
    tcase_add_test(tcase, a_draft_waits_in_its_conversation);
    tcase_add_test(tcase, a_draft_of_another_device_comes_into_the_composer);
    tcase_add_test(tcase, a_command_is_no_draft_and_a_second_slash_makes_it_a_message);
    tcase_add_test(tcase, a_paste_with_newlines_is_not_sent_by_them);
    tcase_add_test(tcase, a_full_disk_leaves_the_text_where_it_is);
    tcase_add_test(tcase, members_are_mentioned_by_their_names);
    tcase_add_test(tcase, what_waits_is_edited_deleted_and_taken_back);
    tcase_add_test(tcase, what_was_refused_is_taken_back_into_the_composer);
    tcase_add_test(tcase, taking_back_costs_nothing_that_is_being_written);
    tcase_add_test(tcase, what_was_refused_is_sent_again);
    tcase_add_test(tcase, reactions_go_on_and_off_with_the_same_keys);
    tcase_add_test(tcase, others_messages_are_neither_edited_nor_deleted);
    add_reading(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
