/* Writing: drafts, sending, what waits and what is refused. */
#include "screen_stage.h"

void term_redraw(void) {} /* in place of the terminal's */

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

static void add(TCase *tcase)
{
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
}

int main(void) { return run_screen("screen_write", add); }
