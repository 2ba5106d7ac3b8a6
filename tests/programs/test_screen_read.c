/* Reading: conversations, messages, and the connection. */
#include "screen_stage.h"

void term_redraw(void) {} /* in place of the terminal's */

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

START_TEST(the_bell_rings_for_what_is_said_to_one_elsewhere)
{
    const uint64_t room = group("room"), with_bob = direct();
    struct chat_content content = CHAT_CONTENT_INIT;
    uint64_t zoe;

    ck_assert_uint_eq(ui.scene.channel_id, room);
    post(with_bob, "while nothing is known yet"); /* just connected: it may have been missed */
    look();
    ck_assert(!ui.rings);
    ui.quiet_until_ms = 0;
    post(with_bob, "psst");
    look();
    ck_assert(ui.rings);

    ui.rings = false;
    post(room, "on screen");
    ck_assert_int_eq(chat_conn_set_muted(app.conn, with_bob, INT64_MAX), CHAT_OK);
    post(with_bob, "muted");
    look();
    ck_assert(!ui.rings);

    ck_assert_int_eq(chat_conn_set_muted(app.conn, with_bob, 0), CHAT_OK);
    ui_open_channel(&ui, with_bob, 0);
    look();
    post(room, "to nobody");
    look();
    ck_assert(!ui.rings);
    ck_assert_int_eq(chat_testkit_get_user_id(kit, "zoe", &zoe), CHAT_OK);
    content.text = "zoe?";
    content.text_len = 4;
    content.mention_ids = &zoe;
    content.mentions_count = 1;
    ck_assert_int_eq(chat_conn_send(conn_of("bob"), room, &content, NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 1000), CHAT_OK);
    look();
    ck_assert(ui.rings);
}
END_TEST

START_TEST(what_was_missed_rings_no_bell)
{
    const uint64_t room = group("room"), with_bob = direct();

    ck_assert_uint_eq(ui.scene.channel_id, room);
    set_online(false);
    ck_assert_int_eq(chat_testkit_advance(kit, 60000), CHAT_OK);
    post_many(with_bob, 5);
    ui.rings = false;
    ui.quiet_until_ms = 0; /* long ago */
    set_online(true);
    ck_assert_int_eq(chat_testkit_wait_live(kit, app.conn, WAIT_MS), CHAT_OK);
    look();
    ck_assert_uint_eq(chat_conn_get_channel(app.conn, with_bob)->unread, 5);
    ck_assert(!ui.rings);
}
END_TEST

START_TEST(one_appears_to_others_as_one_says)
{
    (void)direct();
    say("/presence dnd");
    ck_assert_shows("others see you as dnd");
    say("/presence away");
    ck_assert_shows("usage: /presence");
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

static void add(TCase *tcase)
{
    tcase_add_test(tcase, scrolling_up_loads_all_there_is);
    tcase_add_test(tcase, many_unread_open_where_they_begin);
    tcase_add_test(tcase, what_comes_while_one_reads_older_ones_is_not_read);
    tcase_add_test(tcase, a_hit_in_another_conversation_is_gone_to);
    tcase_add_test(tcase, enter_on_a_reply_goes_to_what_it_answers);
    tcase_add_test(tcase, leaving_a_group_goes_to_the_next_conversation);
    tcase_add_test(tcase, a_direct_and_a_group_are_begun_by_name);
    tcase_add_test(tcase, the_bell_rings_for_what_is_said_to_one_elsewhere);
    tcase_add_test(tcase, what_was_missed_rings_no_bell);
    tcase_add_test(tcase, one_appears_to_others_as_one_says);
    tcase_add_test(tcase, it_opens_from_the_cache_without_any_network);
    tcase_add_test(tcase, why_there_is_no_connection_is_said);
    tcase_add_test(tcase, a_name_that_nobody_knows_is_asked_for_once);
    tcase_add_test(tcase, no_key_does_harm_anywhere);
}

int main(void) { return run_screen("screen_read", add); }
