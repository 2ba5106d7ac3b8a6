/* What each fault of the network and of the service does to an application. */
#include <stdlib.h>

#include <libchat/close.h>

#include "kit_app.h"

static chat_testkit *kit;
static struct app app;
static uint64_t channel;

static void post(const char *text)
{
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", text, NULL), CHAT_OK);
}

static void setup(void)
{
    kit = new_kit(7);
    app_init(&app, kit, "phone", "alice", "alice.db");
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "alice", &channel), CHAT_OK);
    app.channel = channel;
    post("first");
    app_has(&app, channel, 1);
}

static void teardown(void)
{
    app_close(&app);
    chat_testkit_free(kit);
}

static chat_conn_state state(void) { return chat_conn_get_state(app.conn); }

static void advance(int64_t ms) { ck_assert_int_eq(chat_testkit_advance(kit, ms), CHAT_OK); }

/* --- the network --- */

START_TEST(a_dropped_link_backs_off_and_comes_back)
{
    ck_assert_int_eq(chat_testkit_drop_links(kit, app.device), CHAT_OK);
    advance(0);
    ck_assert_int_eq(state(), CHAT_CONN_BACKING_OFF);
    post("while it was away");
    app_live(&app);
    app_has(&app, channel, 2);
    ck_assert(!app.out_of_order);
}
END_TEST

START_TEST(a_link_dropped_before_the_answer_sends_nothing_twice)
{
    ck_assert_int_eq(chat_testkit_drop_after(kit, app.device, 0), CHAT_OK);
    app_send(&app, channel, "the answer to this is lost");
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_uint_gt(app.backoffs, 0);
    ck_assert_uint_eq(count_of(kit, channel), 2);
    ck_assert_uint_eq(app.done, 1);
}
END_TEST

START_TEST(a_device_without_network_keeps_what_is_typed)
{
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, false), CHAT_OK);
    advance(600000);
    app_send(&app, channel, "typed in the tunnel");
    advance(600000);
    ck_assert_uint_eq(count_of(kit, channel), 1);
    ck_assert_uint_eq(chat_conn_get_outgoing_count(app.conn), 1);

    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, true), CHAT_OK);
    chat_conn_network_changed(app.conn);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, 1000), CHAT_OK);
    ck_assert_uint_eq(count_of(kit, channel), 2);
}
END_TEST

START_TEST(a_delay_is_as_long_as_it_says)
{
    int64_t sent_at_ms = chat_testkit_get_time_ms(kit);

    ck_assert_int_eq(chat_testkit_set_delay(kit, app.device, 700), CHAT_OK);
    app_send(&app, channel, "from far away");
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_ge(chat_testkit_get_time_ms(kit) - sent_at_ms, 1400);
    ck_assert_int_lt(chat_testkit_get_time_ms(kit) - sent_at_ms, 1500);
}
END_TEST

START_TEST(a_stalled_link_delivers_everything_late)
{
    ck_assert_int_eq(chat_testkit_stall_links(kit, app.device, 3000), CHAT_OK);
    post("late");
    advance(2900);
    ck_assert_uint_eq(app.last_seq, 1);
    advance(200);
    ck_assert_uint_eq(app.last_seq, 2);
    ck_assert_uint_eq(app.backoffs, 0);
}
END_TEST

/* _i: which way is mute. */
START_TEST(a_half_open_link_is_found_out_by_itself)
{
    ck_assert_int_eq(chat_testkit_mute_links(kit, app.device, (chat_testkit_way)_i), CHAT_OK);
    post("nobody hears it at first");
    app_send(&app, channel, "nor this, perhaps");
    app_has(&app, channel, 3);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_uint_gt(app.backoffs, 0);
    ck_assert_uint_eq(count_of(kit, channel), 3);
    ck_assert(!app.out_of_order);
}
END_TEST

START_TEST(a_doubled_connection_delivers_once)
{
    ck_assert_int_eq(chat_testkit_double_links(kit, app.device, 20000), CHAT_OK);
    app_live(&app);
    for (int i = 0; i < 20; i++)
        post("while both are there");
    advance(30000);
    app_has(&app, channel, 21);
    ck_assert_uint_eq(app.messages, 21);
    ck_assert(!app.out_of_order);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_close_code_says_what_to_do)
{
    ck_assert_uint_eq(app.token_asks, 1); /* the first one */
    ck_assert_int_eq(chat_testkit_close_links(kit, app.device, CHAT_CLOSE_REVOKED), CHAT_OK);
    advance(1000);
    ck_assert_uint_eq(app.token_asks, 2);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_close_links(kit, app.device, CHAT_CLOSE_DRAINING), CHAT_OK);
    advance(1);
    ck_assert_int_eq(state(), CHAT_CONN_BACKING_OFF);
    app_live(&app);
    ck_assert_uint_eq(app.token_asks, 2);
}
END_TEST

/* --- refusals --- */

static void refuse(chat_testkit_refusal refusal, uint32_t retry_after_ms, int64_t for_ms)
{
    ck_assert_int_eq(chat_testkit_refuse(kit, app.device, refusal, retry_after_ms, for_ms),
                     CHAT_OK);
    ck_assert_int_eq(chat_testkit_drop_links(kit, app.device), CHAT_OK);
}

START_TEST(an_overloaded_service_is_left_alone_as_long_as_it_says)
{
    int64_t refused_at_ms;

    refuse(CHAT_TESTKIT_REFUSE_OVERLOADED, 7000, 1000);
    for (int i = 0; i < 1000 && app.last_retry_ms < 7000; i++)
        advance(1);
    refused_at_ms = chat_testkit_get_time_ms(kit);
    ck_assert_uint_ge(app.last_retry_ms, 7000);
    app_live(&app);
    ck_assert_int_ge(chat_testkit_get_time_ms(kit) - refused_at_ms, 7000);
}
END_TEST

/* _i: a refusal that ends by itself. */
START_TEST(a_passing_refusal_is_waited_out)
{
    refuse((chat_testkit_refusal)_i, 500, 20000);
    advance(19000);
    ck_assert_int_ne(state(), CHAT_CONN_LIVE);
    app_live(&app);
    ck_assert_uint_eq(app.token_asks, 1);
}
END_TEST

/* _i: one after which only another token helps. */
START_TEST(a_refused_token_is_asked_for_anew)
{
    static const chat_status why[] = {
        [CHAT_TESTKIT_REFUSE_TOKEN] = CHAT_E_AUTH,
        [CHAT_TESTKIT_REFUSE_EXPIRED] = CHAT_E_EXPIRED,
        [CHAT_TESTKIT_REFUSE_REVOKED] = CHAT_E_AUTH,
    };

    app.deaf = true;
    refuse((chat_testkit_refusal)_i, 0, 60000);
    advance(59000);
    ck_assert_int_eq(state(), CHAT_CONN_OFFLINE);
    ck_assert_uint_eq(app.token_asks, 2);
    ck_assert_int_eq(app.last_status, why[_i]);
    advance(600000); /* it does not try by itself */
    ck_assert_int_eq(state(), CHAT_CONN_OFFLINE);
    app_token(&app, 3600);
    app_live(&app);
}
END_TEST

START_TEST(a_connect_that_is_never_answered_runs_into_its_timeout)
{
    refuse(CHAT_TESTKIT_REFUSE_SILENT, 0, -1);
    advance(2000);
    ck_assert_int_eq(state(), CHAT_CONN_CONNECTING);
    ck_assert_uint_eq(app.backoffs, 1);
    advance(10000);
    ck_assert_uint_ge(app.backoffs, 2);
    ck_assert_int_eq(chat_testkit_refuse(kit, CHAT_TESTKIT_ALL, CHAT_TESTKIT_REFUSE_NOTHING, 0, 0),
                     CHAT_OK);
    app_live(&app);
}
END_TEST

/* --- the service --- */

/* _i: how it ends. */
START_TEST(a_restart_loses_nothing_that_was_acknowledged)
{
    app_send(&app, channel, "before");
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_server_stop(kit, (chat_testkit_end)_i), CHAT_OK);
    ck_assert(!chat_testkit_server_is_up(kit));
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "no", NULL), CHAT_E_UNAVAILABLE);
    app_send(&app, channel, "while it is down");
    advance(5000);
    /* Nobody says that the power went: the link seems to be up until an answer is missed. */
    ck_assert_int_eq(state() == CHAT_CONN_LIVE, _i == CHAT_TESTKIT_POWER_LOSS);

    ck_assert_int_eq(chat_testkit_server_start(kit), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    post("after");
    app_has(&app, channel, 4);
    ck_assert_uint_eq(count_of(kit, channel), 4);
    ck_assert(!app.out_of_order);
    ck_assert_uint_eq(app.resets, 0);
}
END_TEST

START_TEST(a_full_disk_of_the_service_holds_the_outbox)
{
    ck_assert_int_eq(chat_testkit_server_set_full(kit, true), CHAT_OK);
    app_send(&app, channel, "there is no room");
    advance(60000);
    ck_assert_uint_eq(app.done + app.refused, 0);
    ck_assert_uint_eq(count_of(kit, channel), 1);
    ck_assert_int_eq(chat_testkit_server_set_full(kit, false), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_uint_eq(count_of(kit, channel), 2);
}
END_TEST

START_TEST(a_restored_backup_is_a_reset_and_what_is_queued_stays)
{
    ck_assert_int_eq(chat_testkit_server_restore(kit), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(chat_testkit_server_backup(kit), CHAT_OK);
    post("this will never have happened");
    post("nor this");
    app_has(&app, channel, 3);
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, false), CHAT_OK);
    app_send(&app, channel, "this one will");

    ck_assert_int_eq(chat_testkit_server_restore(kit), CHAT_OK);
    ck_assert_uint_eq(count_of(kit, channel), 1);
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, true), CHAT_OK);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_uint_eq(app.resets, 1);
    ck_assert_uint_eq(count_of(kit, channel), 2);
    app_has(&app, channel, 2);
    ck_assert(!app.out_of_order);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kit_faults");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_dropped_link_backs_off_and_comes_back);
    tcase_add_test(all, a_link_dropped_before_the_answer_sends_nothing_twice);
    tcase_add_test(all, a_device_without_network_keeps_what_is_typed);
    tcase_add_test(all, a_delay_is_as_long_as_it_says);
    tcase_add_test(all, a_stalled_link_delivers_everything_late);
    tcase_add_loop_test(all, a_half_open_link_is_found_out_by_itself, CHAT_TESTKIT_UP,
                        CHAT_TESTKIT_BOTH + 1);
    tcase_add_test(all, a_doubled_connection_delivers_once);
    tcase_add_test(all, a_close_code_says_what_to_do);
    tcase_add_test(all, an_overloaded_service_is_left_alone_as_long_as_it_says);
    tcase_add_loop_test(all, a_passing_refusal_is_waited_out, CHAT_TESTKIT_REFUSE_NETWORK,
                        CHAT_TESTKIT_REFUSE_UNAVAILABLE + 1);
    tcase_add_loop_test(all, a_refused_token_is_asked_for_anew, CHAT_TESTKIT_REFUSE_TOKEN,
                        CHAT_TESTKIT_REFUSE_REVOKED + 1);
    tcase_add_test(all, a_connect_that_is_never_answered_runs_into_its_timeout);
    tcase_add_loop_test(all, a_restart_loses_nothing_that_was_acknowledged, CHAT_TESTKIT_DRAIN,
                        CHAT_TESTKIT_POWER_LOSS + 1);
    tcase_add_test(all, a_full_disk_of_the_service_holds_the_outbox);
    tcase_add_test(all, a_restored_backup_is_a_reset_and_what_is_queued_stays);
    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
