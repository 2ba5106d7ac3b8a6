/* Mute, drafts and devices of a user, as one of his clients keeps them. */
#include "view_copy.h"

#include "client_own.h"

/* --- mute --- */

START_TEST(mute_set_offline_survives_a_crash_and_is_said)
{
    on_disk();
    rig_start(&rig);
    rig_cut(&rig, 1006);
    ck_assert_int_eq(client_set_muted(rig.core, CH, 5000), CHAT_OK);
    rig_crash(&rig);
    rig_open(&rig);
    ck_assert_int_eq(channel()->muted_until_ms, 5000);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    ck_assert_int_eq(service.muted_until_ms, 5000);
    rig.heard_count = 0;
    reconnect();
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SET_CHANNEL_SETTINGS), 0);
}
END_TEST

START_TEST(mute_set_elsewhere_comes_live_and_by_the_list)
{
    rig_start(&rig);
    rig_pull(&rig);
    service.muted_until_ms = 7000;
    service.settings_version = ++service.version;
    answer_settings(0);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL), 1);
    ck_assert_int_eq(channel()->muted_until_ms, 7000);
    service.muted_until_ms = 0;
    service.settings_version = ++service.version;
    list_settings();
    reconnect();
    ck_assert_int_eq(channel()->muted_until_ms, 0);
}
END_TEST

START_TEST(an_older_mute_gives_way_to_what_was_set_elsewhere_since)
{
    rig_start(&rig);
    rig_cut(&rig, 1006);
    ck_assert_int_eq(client_set_muted(rig.core, CH, 5000), CHAT_OK);
    service.muted_until_ms = 9000;
    service.settings_version = ++service.version;
    list_settings();
    rig_wait(&rig, 3000);
    ck_assert_int_eq(channel()->muted_until_ms, 9000);
    ck_assert_int_eq(service.muted_until_ms, 9000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SET_CHANNEL_SETTINGS), 0);
    ck_assert_int_eq(client_set_muted(rig.core, CH, 5000), CHAT_OK); /* now it is the later one */
    rig_wait(&rig, 1000);
    ck_assert_int_eq(service.muted_until_ms, 5000);
}
END_TEST

START_TEST(a_mute_that_came_in_after_another_devices_is_the_later_one)
{
    service.other_mutes_first = true;
    rig_start(&rig);
    ck_assert_int_eq(client_set_muted(rig.core, CH, 5000), CHAT_OK);
    rig_wait(&rig, 1000);
    ck_assert_int_eq(service.muted_until_ms, 5000);
    ck_assert_int_eq(channel()->muted_until_ms, 5000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SET_CHANNEL_SETTINGS), 1);
}
END_TEST

START_TEST(a_refused_mute_stays_here_and_is_not_said_all_the_time)
{
    service.refuse_settings = true;
    rig_start(&rig);
    ck_assert_int_eq(client_set_muted(rig.core, CH, -1), CHAT_E_INVALID);
    ck_assert_int_eq(client_set_muted(rig.core, CH2, 1), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(client_set_muted(rig.core, CH, INT64_MAX), CHAT_OK);
    rig_wait(&rig, 50000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SET_CHANNEL_SETTINGS), 1);
    ck_assert_int_eq(channel()->muted_until_ms, INT64_MAX);
    service.refuse_settings = false;
    rig_wait(&rig, 20000);
    ck_assert_int_eq(service.muted_until_ms, INT64_MAX);
}
END_TEST

/* --- drafts --- */

static void write_here(const char *text)
{
    ck_assert_int_eq(client_set_draft(rig.core, CH, text, strlen(text), 0), CHAT_OK);
}

static void expect_draft(const char *text)
{
    const struct chat_draft *d = client_draft(rig.core, CH);

    ck_assert_int_eq(channel()->has_draft, text != NULL);
    if (!text) {
        ck_assert_ptr_null(d);
        return;
    }
    ck_assert_ptr_nonnull(d);
    ck_assert_str_eq(d->text, text);
}

START_TEST(a_typed_word_is_in_the_file_when_the_call_returns)
{
    on_disk();
    rig_start(&rig);
    rig_cut(&rig, 1006);
    write_here("dear bob");
    rig_crash(&rig);
    rig_open(&rig);
    expect_draft("dear bob");
    ck_assert(client_draft(rig.core, CH)->pending);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    ck_assert_str_eq(service.draft, "dear bob");
    ck_assert(!client_draft(rig.core, CH)->pending);
}
END_TEST

START_TEST(keystrokes_are_told_once_a_second)
{
    char text[64] = "";

    rig_start(&rig);
    for (int i = 0; i < 20; i++) { /* 2 s */
        text[i] = (char)('a' + i);
        write_here(text);
        rig_wait(&rig, 100);
    }
    rig_wait(&rig, 1000);
    ck_assert_str_eq(service.draft, text);
    ck_assert_uint_le(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SET_DRAFT), 3);
    rig_wait(&rig, 30000);
    ck_assert_uint_le(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SET_DRAFT), 3);
}
END_TEST

START_TEST(a_draft_written_elsewhere_comes_live_and_by_the_list)
{
    rig_start(&rig);
    rig_pull(&rig);
    other_writes("from the phone");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_DRAFT), 1);
    expect_draft("from the phone");
    rig_cut(&rig, 1006);
    write_draft("and more", OTHER_DEVICE);
    list_settings();
    rig_wait(&rig, 3000);
    expect_draft("and more"); /* pulled */
    ck_assert_str_eq(service.draft, "and more");
    rig_cut(&rig, 1006);
    write_draft("", OTHER_DEVICE);
    list_settings();
    rig.heard_count = 0;
    rig_wait(&rig, 3000);
    expect_draft(NULL);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SET_DRAFT), 0);
}
END_TEST

START_TEST(words_typed_apart_are_both_kept)
{
    rig_start(&rig);
    rig_cut(&rig, 1006);
    write_here("from the desk");
    write_draft("from the phone", OTHER_DEVICE);
    list_settings();
    rig_wait(&rig, 5000);
    expect_draft("from the phone\nfrom the desk");
    ck_assert_str_eq(service.draft, "from the phone\nfrom the desk");
    ck_assert(!client_draft(rig.core, CH)->pending);
}
END_TEST

START_TEST(the_longer_one_stands_where_it_holds_the_other)
{
    rig_start(&rig);
    rig_cut(&rig, 1006);
    write_here("dear bob, how are you");
    write_draft("dear bob", OTHER_DEVICE);
    list_settings();
    rig_wait(&rig, 5000);
    ck_assert_str_eq(service.draft, "dear bob, how are you");
    rig_cut(&rig, 1006);
    write_here("dear bob");
    write_draft("dear bob, I am well", OTHER_DEVICE);
    list_settings();
    rig_wait(&rig, 5000);
    expect_draft("dear bob, I am well");
}
END_TEST

START_TEST(two_that_do_not_fit_together_leave_the_later_one)
{
    static char here[CHAT_DRAFT_MAX + 1];

    memset(here, 'h', CHAT_DRAFT_MAX);
    rig_start(&rig);
    rig_cut(&rig, 1006);
    write_here(here);
    write_draft("from the phone", OTHER_DEVICE);
    list_settings();
    rig_wait(&rig, 5000);
    expect_draft(here);
    ck_assert_str_eq(service.draft, here);
}
END_TEST

START_TEST(cleared_here_and_written_elsewhere_is_what_was_written)
{
    rig_start(&rig);
    write_here("old");
    rig_wait(&rig, 2000);
    rig_cut(&rig, 1006);
    write_here("");
    expect_draft(NULL);
    write_draft("new words", OTHER_DEVICE);
    list_settings();
    rig_wait(&rig, 5000);
    expect_draft("new words");
    rig_cut(&rig, 1006);
    write_here("newer words"); /* written here, cleared elsewhere */
    write_draft("", OTHER_DEVICE);
    list_settings();
    rig_wait(&rig, 5000);
    ck_assert_str_eq(service.draft, "newer words");
    expect_draft("newer words");
}
END_TEST

START_TEST(an_own_version_whose_answer_was_lost_is_no_other_device)
{
    rig_start(&rig);
    service.lose_draft_answers = true;
    write_here("first words");
    rig_turn(&rig);
    ck_assert_str_eq(service.draft, "first words");
    write_here("second thoughts");
    rig_cut(&rig, 1006);
    service.lose_draft_answers = false;
    list_settings();
    rig_wait(&rig, 5000);
    expect_draft("second thoughts");
    ck_assert_str_eq(service.draft, "second thoughts");
}
END_TEST

START_TEST(sending_clears_the_draft_in_the_same_commit)
{
    on_disk();
    rig_start(&rig);
    write_here("hello");
    rig_wait(&rig, 2000);
    ck_assert_str_eq(service.draft, "hello");
    rig_cut(&rig, 1006);
    (void)rig_type(&rig, CH, "hello");
    rig_crash(&rig);
    rig_open(&rig);
    expect_draft(NULL);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    rig_start(&rig);
    list_settings();
    rig_wait(&rig, 3000);
    ck_assert_str_eq(service.draft, "");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(what_is_no_draft_is_refused_and_the_old_one_stays)
{
    static char text[CHAT_DRAFT_MAX + 1];

    rig_start(&rig);
    write_here("kept");
    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(client_set_draft(rig.core, CH, text, CHAT_DRAFT_MAX + 1, 0), CHAT_E_TOO_LARGE);
    ck_assert_int_eq(client_set_draft(rig.core, CH, "\xff", 1, 0), CHAT_E_INVALID);
    ck_assert_int_eq(client_set_draft(rig.core, CH, "a\0b", 3, 0), CHAT_E_INVALID);
    ck_assert_int_eq(client_set_draft(rig.core, CH, NULL, 3, 0), CHAT_E_INVALID);
    ck_assert_int_eq(client_set_draft(rig.core, CH2, "x", 1, 0), CHAT_E_NOT_FOUND);
    expect_draft("kept");
    ck_assert_int_eq(client_set_draft(rig.core, CH, text, CHAT_DRAFT_MAX, 0), CHAT_OK);
    ck_assert_uint_eq(client_draft(rig.core, CH)->text_len, CHAT_DRAFT_MAX);
}
END_TEST

START_TEST(a_draft_that_begins_or_ends_is_an_event)
{
    rig_start(&rig);
    rig_pull(&rig);
    write_here("a");
    write_here("ab");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_DRAFT), 1);
    write_here("abc");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_DRAFT), 0);
    (void)rig_type(&rig, CH, "abc");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_DRAFT), 1);
}
END_TEST

/* --- devices --- */

START_TEST(devices_are_told_with_the_own_one_marked)
{
    struct chat_event e = CHAT_EVENT_INIT;
    uint64_t ticket = 0;
    bool found = false;

    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_fetch_devices(rig.core, &ticket), CHAT_OK);
    rig_turn(&rig);
    while (client_next_event(rig.core, &e)) {
        if (e.type != CHAT_EVENT_DEVICES)
            continue;
        found = true;
        ck_assert_uint_eq(e.ticket, ticket);
        ck_assert_uint_eq(e.devices_count, 2);
        ck_assert(e.devices[0]->own);
        ck_assert(!e.devices[1]->own);
        ck_assert_str_eq(e.devices[1]->client, "phone/2");
        ck_assert_int_eq(e.devices[1]->last_seen_at_ms, 101);
    }
    ck_assert(found);
}
END_TEST

START_TEST(signing_out_answers_its_ticket)
{
    uint64_t first = 0, second = 0;

    rig_start(&rig);
    ck_assert_int_eq(client_sign_out_device(rig.core, 0, &first), CHAT_E_INVALID);
    ck_assert_int_eq(client_sign_out_device(rig.core, OTHER_DEVICE, &first), CHAT_OK);
    ck_assert_int_eq(client_sign_out_everywhere(rig.core, &second), CHAT_OK);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_DEVICES), 2);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_DEVICES)->ticket, second);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_DEVICES)->status, CHAT_OK);
}
END_TEST

START_TEST(who_was_signed_out_does_not_come_back_by_what_is_kept)
{
    rig_start(&rig);
    rig_pull(&rig);
    rig_problem(&rig, 0, WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED, WIRE_RETRY__RETRY_REAUTH, 0);
    rig_cut(&rig, 4002);
    rig_wait(&rig, 120000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig.dials, 1);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_OFFLINE);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_NEED_TOKEN)->status, CHAT_E_AUTH);
    ck_assert_int_eq(client_set_token(rig.core, "new", 3), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
}
END_TEST

/* --- live views --- */

static struct copy list;

static const struct chat_channel *first_row(void)
{
    const struct chat_row *row;

    ck_assert(view_get_row(list.view, 0, &row));
    return row->channel;
}

/* Nothing else happens that a list would be told of. */
START_TEST(what_another_device_set_is_an_update_of_the_list)
{
    rig_start(&rig);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    copy_open(&list, &rig, 0, NULL);
    service.muted_until_ms = 777;
    service.settings_version = ++service.version;
    answer_settings(0);
    rig_turn(&rig);
    ck_assert(chat_view_is_ready(list.view));
    (void)copy_pull(&list);
    ck_assert_uint_eq(list.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert_int_eq(first_row()->muted_until_ms, 777);

    other_writes("not sent yet");
    (void)copy_pull(&list);
    ck_assert_uint_eq(list.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert(first_row()->has_draft);
    other_writes("");
    (void)copy_pull(&list);
    ck_assert_uint_eq(list.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert(!first_row()->has_draft);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_settings");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, mute_set_offline_survives_a_crash_and_is_said);
    tcase_add_test(all, mute_set_elsewhere_comes_live_and_by_the_list);
    tcase_add_test(all, an_older_mute_gives_way_to_what_was_set_elsewhere_since);
    tcase_add_test(all, a_mute_that_came_in_after_another_devices_is_the_later_one);
    tcase_add_test(all, a_refused_mute_stays_here_and_is_not_said_all_the_time);
    tcase_add_test(all, a_typed_word_is_in_the_file_when_the_call_returns);
    tcase_add_test(all, keystrokes_are_told_once_a_second);
    tcase_add_test(all, a_draft_written_elsewhere_comes_live_and_by_the_list);
    tcase_add_test(all, words_typed_apart_are_both_kept);
    tcase_add_test(all, the_longer_one_stands_where_it_holds_the_other);
    tcase_add_test(all, two_that_do_not_fit_together_leave_the_later_one);
    tcase_add_test(all, cleared_here_and_written_elsewhere_is_what_was_written);
    tcase_add_test(all, an_own_version_whose_answer_was_lost_is_no_other_device);
    tcase_add_test(all, sending_clears_the_draft_in_the_same_commit);
    tcase_add_test(all, what_is_no_draft_is_refused_and_the_old_one_stays);
    tcase_add_test(all, a_draft_that_begins_or_ends_is_an_event);
    tcase_add_test(all, devices_are_told_with_the_own_one_marked);
    tcase_add_test(all, what_another_device_set_is_an_update_of_the_list);
    tcase_add_test(all, signing_out_answers_its_ticket);
    tcase_add_test(all, who_was_signed_out_does_not_come_back_by_what_is_kept);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
