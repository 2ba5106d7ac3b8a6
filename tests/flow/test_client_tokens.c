/* Who one is: tokens, tickets, and whose cache it is. */
#include <libchat/close.h>

#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static chat_conn_state state(void) { return client_state(rig.core); }

START_TEST(without_credentials_a_token_is_asked_for_and_the_answer_may_come_later)
{
    rig.config.token = NULL;
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);
    ck_assert_uint_eq(rig.dials, 0);
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(rig.dials, 0);
    ck_assert_int_eq(client_set_token(rig.core, "late", 4), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    ck_assert_str_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->text, "late");
}
END_TEST

START_TEST(a_refused_token_is_not_tried_again)
{
    static const WireProblemCode codes[] = {WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                                            WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED};
    static const chat_status statuses[] = {CHAT_E_AUTH, CHAT_E_EXPIRED};

    rig.hello_problem = codes[_i];
    rig.problem_retry = WIRE_RETRY__RETRY_REAUTH;
    rig_start(&rig);
    rig_wait(&rig, 120000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig.dials, 1);
    ck_assert_int_eq(state(), CHAT_CONN_OFFLINE);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_NEED_TOKEN)->status, statuses[_i]);
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED;
    ck_assert_int_eq(client_set_token(rig.core, "fresh", 5), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

/* As an application does that keeps a token, and whose user was signed out. */
START_TEST(who_gives_refused_tokens_again_and_again_does_not_dial_in_a_circle)
{
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED;
    rig.problem_retry = WIRE_RETRY__RETRY_REAUTH;
    rig_start(&rig);
    ck_assert_int_eq(client_set_token(rig.core, "token", 5), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(rig.dials, 2); /* the first time at once */
    for (int i = 0; i < 6000; i++) {
        if (state() == CHAT_CONN_OFFLINE)
            ck_assert_int_eq(client_set_token(rig.core, "token", 5), CHAT_OK);
        rig_wait(&rig, 10);
    }
    ck_assert_uint_lt(rig.dials, 25);
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED;
    if (state() == CHAT_CONN_OFFLINE)
        ck_assert_int_eq(client_set_token(rig.core, "fresh", 5), CHAT_OK);
    rig_wait(&rig, 60000);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    /* That ends the row. */
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED;
    rig_cut(&rig, CHAT_CLOSE_REVOKED);
    rig_wait(&rig, 10);
    ck_assert_int_eq(state(), CHAT_CONN_OFFLINE);
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED;
    ck_assert_int_eq(client_set_token(rig.core, "fresh", 5), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_refused_token_given_to_a_suspended_client_waits_for_nothing)
{
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED;
    rig.problem_retry = WIRE_RETRY__RETRY_REAUTH;
    rig_start(&rig);
    ck_assert_int_eq(client_set_token(rig.core, "token", 5), CHAT_OK);
    rig_turn(&rig);
    client_suspend(rig.core);
    ck_assert_int_eq(client_set_token(rig.core, "fresh", 5), CHAT_OK);
    rig_wait(&rig, 60000);
    ck_assert_int_ne(state(), CHAT_CONN_BACKING_OFF);
    ck_assert_uint_eq(rig.dials, 2);
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED;
    client_resume(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

/* The answer about the old one comes when the new one is there already. */
static bool hand_over_while_refused(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_HELLO || strcmp(f->hello->token, "token") != 0)
        return false;
    ck_assert_int_eq(client_set_token(r->core, "newer", 5), CHAT_OK);
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                WIRE_RETRY__RETRY_REAUTH, 0);
    return true;
}

START_TEST(a_token_that_was_never_shown_is_not_thrown_away_for_the_one_before)
{
    rig.on_frame = hand_over_while_refused;
    rig_start(&rig);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    ck_assert_str_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->text, "newer");
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
}
END_TEST

START_TEST(a_close_code_alone_asks_for_a_token_too)
{
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, CHAT_CLOSE_REVOKED); /* came in by token */
    rig_wait(&rig, 60000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);
    ck_assert_int_eq(state(), CHAT_CONN_OFFLINE);
}
END_TEST

START_TEST(a_reconnect_uses_the_ticket_and_falls_back_to_the_token)
{
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 2000);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);

    rig_cut(&rig, CHAT_CLOSE_UNAUTHENTICATED);
    rig_turn(&rig); /* at once: it is another credential */
    ck_assert(!rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_token_that_ends_is_renewed_in_band_before)
{
    rig.token_left_ms = 300000;
    rig_start(&rig);
    rig_pull(&rig);
    rig_wait(&rig, 239000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_NEED_TOKEN)->status, CHAT_OK);
    ck_assert_int_eq(client_set_token(rig.core, "next", 4), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN), 1);
    ck_assert_uint_eq(rig.dials, 1);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

/* The device's clock is ten years behind the server's, or ahead. */
START_TEST(a_clock_that_is_years_off_changes_nothing)
{
    char path[] = "client_skew.db";

    remove(path);
    rig.config.cache_path = path;
    rig.server_ahead_ms = (_i ? -1 : 1) * INT64_C(315360000000);
    rig.token_left_ms = 300000;
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 2000);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);

    /* A new token is asked for in time, by the server's clock. */
    rig_pull(&rig);
    rig_wait(&rig, 235000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
    rig_wait(&rig, 10000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);

    /* The kept ticket is good after a restart, and not for ever. */
    rig_crash(&rig);
    rig_start(&rig);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    rig_crash(&rig);
    rig.now.wall_ms += 700000;
    rig_start(&rig);
    ck_assert(!rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    rig_crash(&rig);
    remove(path);
}
END_TEST

START_TEST(a_token_renewed_after_the_last_warning_is_as_good_as_any)
{
    rig_start(&rig);
    rig_problem(&rig, 0, WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED, WIRE_RETRY__RETRY_REAUTH, 0);
    ck_assert_int_eq(client_set_token(rig.core, "next", 4), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN), 1);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    ck_assert_int_eq(state(), CHAT_CONN_BACKING_OFF);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
}
END_TEST

START_TEST(another_users_cache_is_refused_and_kept)
{
    char path[] = "client_foreign.db";
    WireWelcome w = WIRE_WELCOME__INIT;

    remove(path);
    rig.config.cache_path = path;
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_crash(&rig);
    rig_open(&rig);
    rig.no_list = true;
    rig.silent = true;
    rig_start(&rig);
    w.service_id = SERVICE;
    w.user_id = ME + 5;
    RIG_SAY(&rig, rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->request_id, WELCOME, welcome,
            &w);
    rig_wait(&rig, 60000);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_CACHE)->status, CHAT_E_CONFLICT);
    ck_assert_int_eq(state(), CHAT_CONN_CLOSED);
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 3);
    ck_assert_uint_eq(client_user_id(rig.core), ME);
    rig_crash(&rig);
    remove(path);
}
END_TEST

/* Else who signs in after somebody else on the same cache would go on as him. */
START_TEST(a_kept_ticket_is_not_used_beside_another_token)
{
    static const struct {
        const char *token;
        bool by_ticket;
    } starts[] = {
        {"token", false},         /* there is no ticket yet */
        {"token", true},          /* the one that earned it */
        {"another token", false}, /* another user's, perhaps */
        {NULL, true},             /* nobody says that it is another user */
    };
    char path[] = "client_ticket.db";

    remove(path);
    rig.config.cache_path = path;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        rig.config.token = starts[i].token;
        if (i > 0)
            rig_open(&rig);
        rig_start(&rig);
        ck_assert_int_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket,
                         starts[i].by_ticket);
        rig_crash(&rig);
    }
    remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_tokens");
    TCase *tc = tcase_create("tokens");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, without_credentials_a_token_is_asked_for_and_the_answer_may_come_later);
    tcase_add_loop_test(tc, a_refused_token_is_not_tried_again, 0, 2);
    tcase_add_test(tc, who_gives_refused_tokens_again_and_again_does_not_dial_in_a_circle);
    tcase_add_test(tc, a_refused_token_given_to_a_suspended_client_waits_for_nothing);
    tcase_add_test(tc, a_token_that_was_never_shown_is_not_thrown_away_for_the_one_before);
    tcase_add_test(tc, a_close_code_alone_asks_for_a_token_too);
    tcase_add_test(tc, a_reconnect_uses_the_ticket_and_falls_back_to_the_token);
    tcase_add_test(tc, a_token_that_ends_is_renewed_in_band_before);
    tcase_add_loop_test(tc, a_clock_that_is_years_off_changes_nothing, 0, 2);
    tcase_add_test(tc, a_token_renewed_after_the_last_warning_is_as_good_as_any);
    tcase_add_test(tc, another_users_cache_is_refused_and_kept);
    tcase_add_test(tc, a_kept_ticket_is_not_used_beside_another_token);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
