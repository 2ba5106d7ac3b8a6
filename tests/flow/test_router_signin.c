/* Who gets in, as whom, and what becomes of him: Hello to Welcome, tickets, tokens. */
#include "router_rig.h"

static struct rig g;

static void setup(void)
{
    rig_config(&g);
    rig_start_all(&g);
}

static void teardown(void) { rig_fini(&g); }

START_TEST(a_token_signs_in_and_the_list_is_complete)
{
    const WireServerFrame *welcome;

    rig_group(&g, 0, (const char *[]){"alice", "bob", NULL});
    rig_group(&g, 1, (const char *[]){"alice", NULL});
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);

    welcome = rig_last(&g, 1, SERVER(WELCOME));
    ck_assert_uint_eq(welcome->request_id, 1);
    ck_assert_uint_eq(welcome->welcome->user_id, rig_user("alice"));
    ck_assert_uint_eq(welcome->welcome->service_id, RIG_SERVICE);
    ck_assert_str_eq(welcome->welcome->name, "alice");
    ck_assert_uint_gt(welcome->welcome->ticket.len, 0);
    ck_assert(!welcome->welcome->resumed);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(CHANNEL_LIST)), 3);
    ck_assert_uint_eq(rig_stats(&g).live, 1);
    ck_assert_uint_eq(rig_stats(&g).preauth, 0);
}
END_TEST

START_TEST(a_bad_token_is_refused_with_the_rule)
{
    rig_open(&g, 1);
    rig_hello(&g, 1, "bad token", RIG_DEVICE);

    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(UNAUTHENTICATED))->limit, "signature");
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_UNAUTHENTICATED);
    ck_assert_uint_eq(rig_stats(&g).sessions, 0);
}
END_TEST

/* 4000 would send the client for a new token, again and again. */
START_TEST(a_hello_without_number_or_device_is_not_answered_with_a_new_token)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;

    frame.body_case = CLIENT(HELLO);
    frame.hello = &hello;
    for (link_id link = 1; link <= 2; link++) {
        frame.request_id = link == 1 ? 0 : 7;
        hello.device_id = link == 1 ? RIG_DEVICE : 0;
        rig_open(&g, link);
        rig_say(&g, link, &frame);
        ck_assert_uint_eq(g.closed[link], CHAT_CLOSE_POLICY);
        ck_assert_int_eq(rig_last(&g, link, SERVER(PROBLEM))->problem->code,
                         WIRE_PROBLEM_CODE__PROBLEM_INVALID);
        ck_assert_str_eq(rig_last(&g, link, SERVER(PROBLEM))->problem->limit,
                         link == 1 ? "request_id" : "Hello.device_id");
    }
}
END_TEST

START_TEST(an_expired_token_is_refused_as_expired)
{
    rig_open(&g, 1);
    rig_hello(&g, 1, "alice@5", RIG_DEVICE);

    ck_assert_int_eq(rig_problem(&g, 1, PROBLEM(TOKEN_EXPIRED))->retry, WIRE_RETRY__RETRY_REAUTH);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_TOKEN_EXPIRED);
}
END_TEST

START_TEST(no_hello_in_time_closes)
{
    rig_open(&g, 1);
    rig_wait(&g, g.config.limits.preauth_ms - 1);
    ck_assert_uint_eq(g.closed[1], 0);

    rig_wait(&g, 1);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_HELLO_TIMEOUT);
}
END_TEST

START_TEST(a_request_before_welcome_closes)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireGoodbye goodbye = WIRE_GOODBYE__INIT;
    WireFetchMembers fetch = WIRE_FETCH_MEMBERS__INIT;

    fetch.home_id = 5;
    fetch.limit = 1;
    frame.request_id = 9;
    frame.body_case = CLIENT(FETCH_MEMBERS);
    frame.fetch_members = &fetch;
    rig_open(&g, 1);
    rig_say(&g, 1, &frame);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_UNAUTHENTICATED);

    /* The same between Hello and Welcome. */
    g.hold_open = true;
    rig_open(&g, 2);
    rig_hello(&g, 2, "alice", RIG_DEVICE);
    rig_say(&g, 2, &frame);
    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_UNAUTHENTICATED);

    frame.body_case = CLIENT(GOODBYE);
    frame.goodbye = &goodbye;
    rig_open(&g, 3);
    rig_say(&g, 3, &frame);
    ck_assert_uint_eq(g.closed[3], CHAT_CLOSE_NORMAL);
}
END_TEST

static void resume(link_id link, const uint8_t *ticket, size_t len, uint64_t device_id,
                   const char *token)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;

    hello.token = (char *)token;
    hello.ticket.data = (uint8_t *)ticket;
    hello.ticket.len = len;
    hello.device_id = device_id;
    frame.request_id = 1;
    frame.body_case = CLIENT(HELLO);
    frame.hello = &hello;
    rig_open(&g, link);
    rig_say(&g, link, &frame);
}

START_TEST(a_ticket_resumes_without_a_token)
{
    const WireWelcome *first, *second;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    first = rig_last(&g, 1, SERVER(WELCOME))->welcome;
    rig_event(&g, EVENT_LINK_CLOSED, 1);
    resume(2, first->ticket.data, first->ticket.len, RIG_DEVICE, "");

    second = rig_last(&g, 2, SERVER(WELCOME))->welcome;
    ck_assert(second->resumed);
    ck_assert_uint_eq(second->user_id, first->user_id);
    ck_assert_uint_gt(second->session_no, first->session_no);
    ck_assert_int_eq(second->token_expires_at_ms, first->token_expires_at_ms);
    ck_assert_uint_eq(rig_asked(&g, LINK(OPEN_SESSION))->open_session->user_id, first->user_id);
}
END_TEST

START_TEST(a_ticket_of_another_device_is_refused_but_a_token_helps)
{
    const WireWelcome *first;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    first = rig_last(&g, 1, SERVER(WELCOME))->welcome;
    resume(2, first->ticket.data, first->ticket.len, RIG_DEVICE + 1, "");
    ck_assert_str_eq(rig_problem(&g, 2, PROBLEM(UNAUTHENTICATED))->limit, "ticket");
    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_UNAUTHENTICATED);

    resume(3, first->ticket.data, first->ticket.len, RIG_DEVICE + 1, "alice");
    ck_assert(!rig_last(&g, 3, SERVER(WELCOME))->welcome->resumed);
}
END_TEST

START_TEST(a_ticket_of_an_old_epoch_is_refused_by_the_users_home)
{
    const WireWelcome *first;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    first = rig_last(&g, 1, SERVER(WELCOME))->welcome;
    g.hold_open = true;
    resume(2, first->ticket.data, first->ticket.len, RIG_DEVICE, "");
    rig_answer_problem(&g, shard_of_id(rig_user("alice"), RIG_SHARDS),
                       rig_asked(&g, LINK(OPEN_SESSION))->request_id, PROBLEM(UNAUTHENTICATED));
    rig_settle(&g);

    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_UNAUTHENTICATED);
}
END_TEST

START_TEST(without_its_store_a_user_is_sent_away_resumable)
{
    rig_down(&g, shard_of_id(rig_user("alice"), RIG_SHARDS));
    rig_open(&g, 1);
    rig_hello(&g, 1, "alice", RIG_DEVICE);

    ck_assert_uint_gt(rig_problem(&g, 1, PROBLEM(UNAVAILABLE))->retry_after_ms, 0);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_UNAVAILABLE);
}
END_TEST

START_TEST(a_store_lost_during_sign_in_sends_away_resumable)
{
    g.hold_open = true;
    rig_open(&g, 1);
    rig_hello(&g, 1, "alice", RIG_DEVICE);
    rig_down(&g, shard_of_id(rig_user("alice"), RIG_SHARDS));

    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_UNAVAILABLE);
    ck_assert_uint_eq(rig_stats(&g).requests, 0);
}
END_TEST

START_TEST(the_newest_session_of_a_device_wins)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_sign_in(&g, 2, "alice", RIG_DEVICE + 1);
    rig_sign_in(&g, 3, "alice", RIG_DEVICE);

    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_SUPERSEDED);
    rig_problem(&g, 1, PROBLEM(SUPERSEDED));
    ck_assert_uint_eq(g.closed[2], 0);
    ck_assert_uint_eq(g.closed[3], 0);
    ck_assert_uint_eq(rig_stats(&g).superseded, 1);
}
END_TEST

START_TEST(a_newer_session_on_another_router_wins)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireSessionStarted started = WIRE_SESSION_STARTED__INIT;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    started.device_id = RIG_DEVICE;
    started.session_no = g.session_no; /* our own, told back */
    event.body_case = WIRE_HOME_EVENT__BODY_SESSION_STARTED;
    event.session_started = &started;
    rig_user_event(&g, "alice", 7, 8, &event);
    ck_assert_uint_eq(g.closed[1], 0);

    started.session_no++;
    rig_user_event(&g, "alice", 8, 9, &event);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_SUPERSEDED);
    ck_assert_uint_eq(rig_stats(&g).users, 0);
}
END_TEST

START_TEST(a_raised_auth_epoch_ends_the_users_sessions)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_sign_in(&g, 2, "alice", RIG_DEVICE + 1);
    rig_sign_in(&g, 3, "bob", RIG_DEVICE);
    event.body_case = WIRE_HOME_EVENT__BODY_AUTH_EPOCH;
    event.auth_epoch = 1;
    rig_user_event(&g, "alice", 7, 8, &event);

    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_REVOKED);
    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_REVOKED);
    ck_assert_uint_eq(g.closed[3], 0);
}
END_TEST

static void heartbeats(link_id link, int64_t wait_ms)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHeartbeat heartbeat = WIRE_HEARTBEAT__INIT;

    frame.body_case = CLIENT(HEARTBEAT);
    frame.heartbeat = &heartbeat;
    for (int64_t passed = 0; passed < wait_ms; passed += 30000) {
        rig_wait(&g, wait_ms - passed < 30000 ? wait_ms - passed : 30000);
        if (g.closed[link] == 0)
            rig_say(&g, link, &frame);
        rig_forget(&g);
    }
}

START_TEST(a_silent_session_ends_after_two_and_a_half_heartbeats)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_wait(&g, 74999);
    ck_assert_uint_eq(g.closed[1], 0);

    rig_wait(&g, 1);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_SILENT);
    ck_assert_uint_eq(rig_stats(&g).silent, 1);
}
END_TEST

START_TEST(heartbeats_keep_a_session)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    heartbeats(1, 600000);

    ck_assert_uint_eq(g.closed[1], 0);
}
END_TEST

START_TEST(token_expiry_is_told_then_closes_after_the_grace)
{
    char token[64];

    snprintf(token, sizeof(token), "alice@%lld", (long long)(g.now.wall_ms + 20000));
    rig_sign_in(&g, 1, token, RIG_DEVICE);
    rig_wait(&g, 19999);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));
    rig_wait(&g, 1);
    rig_problem(&g, 1, PROBLEM(TOKEN_EXPIRED));
    ck_assert_uint_eq(g.closed[1], 0);

    heartbeats(1, 59999);
    ck_assert_uint_eq(g.closed[1], 0);
    rig_wait(&g, 1);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_TOKEN_EXPIRED);
}
END_TEST

static void refresh(link_id link, const char *token)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireRefreshToken body = WIRE_REFRESH_TOKEN__INIT;

    body.token = (char *)token;
    frame.request_id = 77;
    frame.body_case = CLIENT(REFRESH_TOKEN);
    frame.refresh_token = &body;
    rig_say(&g, link, &frame);
}

static void answer_find(const char *name)
{
    const WireLinkFrame *asked = rig_asked(&g, LINK(FIND_USER));
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireUsers users = WIRE_USERS__INIT;
    WireUser user = WIRE_USER__INIT, *list[] = {&user};

    user.user_id = rig_user(name);
    users.n_users = 1;
    users.users = list;
    frame.request_id = asked->request_id;
    frame.body_case = LINK(USERS);
    frame.users = &users;
    rig_peer_says(&g, shard_of_subject(RIG_ISSUER, asked->find_user->subject, RIG_SHARDS), &frame);
    rig_settle(&g);
}

START_TEST(a_new_token_of_the_same_user_extends_the_session)
{
    char token[64];
    const WireTicket *ticket;

    snprintf(token, sizeof(token), "alice@%lld", (long long)(g.now.wall_ms + 20000));
    rig_sign_in(&g, 1, token, RIG_DEVICE);
    rig_wait(&g, 30000);
    rig_problem(&g, 1, PROBLEM(TOKEN_EXPIRED));
    refresh(1, "alice");
    answer_find("alice");

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(TICKET))->request_id, 77);
    ticket = rig_last(&g, 1, SERVER(TICKET))->ticket;
    ck_assert_int_eq(ticket->token_expires_at_ms, g.now.wall_ms + 3600000);
    ck_assert_int_eq(ticket->ticket_expires_at_ms, g.now.wall_ms + 600000);
    heartbeats(1, 120000);
    ck_assert_uint_eq(g.closed[1], 0);
}
END_TEST

START_TEST(a_new_token_of_another_user_changes_nothing)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    refresh(1, "bob");
    answer_find("bob");
    rig_problem(&g, 1, PROBLEM(UNAUTHENTICATED));
    refresh(1, "bad");
    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(UNAUTHENTICATED))->limit, "signature");

    ck_assert_uint_eq(g.closed[1], 0);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(TICKET)));
}
END_TEST

START_TEST(tickets_are_renewed_before_they_end)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    heartbeats(1, 420000);
    rig_wait(&g, 30000);

    ck_assert_int_eq(rig_last(&g, 1, SERVER(TICKET))->ticket->ticket_expires_at_ms,
                     g.now.wall_ms + 600000);
}
END_TEST

START_TEST(a_ticket_never_outlives_its_token)
{
    char token[64];
    int64_t end_ms = g.now.wall_ms + 60000;

    snprintf(token, sizeof(token), "alice@%lld", (long long)end_ms);
    rig_sign_in(&g, 1, token, RIG_DEVICE);

    ck_assert_int_eq(rig_last(&g, 1, SERVER(WELCOME))->welcome->ticket_expires_at_ms, end_ms);
}
END_TEST

START_TEST(a_client_that_leaves_during_sign_in_leaves_no_subscription)
{
    g.hold_open = true;
    rig_open(&g, 1);
    rig_hello(&g, 1, "alice", RIG_DEVICE);
    rig_event(&g, EVENT_LINK_CLOSED, 1);
    rig_answer_open(&g, shard_of_id(rig_user("alice"), RIG_SHARDS),
                    rig_asked(&g, LINK(OPEN_SESSION)));
    rig_settle(&g);

    ck_assert_uint_eq(rig_asked(&g, LINK(UNSUBSCRIBE))->unsubscribe->home_id, rig_user("alice"));
    ck_assert_uint_eq(rig_stats(&g).users, 0);
    ck_assert_uint_eq(rig_stats(&g).sessions, 0);
}
END_TEST

START_TEST(a_subscription_taken_back_while_signing_in_is_made_anew)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    g.hold_open = true;
    rig_open(&g, 2);
    rig_hello(&g, 2, "alice", RIG_DEVICE + 1);
    rig_event(&g, EVENT_LINK_CLOSED, 1); /* Unsubscribe goes out after OpenSession */
    ck_assert_uint_eq(rig_asked_count(&g, LINK(UNSUBSCRIBE)), 1);
    rig_answer_open(&g, shard_of_id(rig_user("alice"), RIG_SHARDS),
                    rig_asked(&g, LINK(OPEN_SESSION)));
    rig_settle(&g);

    ck_assert_uint_ne(rig_asked(&g, LINK(OPEN_SESSION))->open_session->session_no, 0);
    ck_assert_uint_eq(g.closed[2], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router: sign-in");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_token_signs_in_and_the_list_is_complete);
    tcase_add_test(all, a_bad_token_is_refused_with_the_rule);
    tcase_add_test(all, a_hello_without_number_or_device_is_not_answered_with_a_new_token);
    tcase_add_test(all, an_expired_token_is_refused_as_expired);
    tcase_add_test(all, no_hello_in_time_closes);
    tcase_add_test(all, a_request_before_welcome_closes);
    tcase_add_test(all, a_ticket_resumes_without_a_token);
    tcase_add_test(all, a_ticket_of_another_device_is_refused_but_a_token_helps);
    tcase_add_test(all, a_ticket_of_an_old_epoch_is_refused_by_the_users_home);
    tcase_add_test(all, without_its_store_a_user_is_sent_away_resumable);
    tcase_add_test(all, a_store_lost_during_sign_in_sends_away_resumable);
    tcase_add_test(all, the_newest_session_of_a_device_wins);
    tcase_add_test(all, a_newer_session_on_another_router_wins);
    tcase_add_test(all, a_raised_auth_epoch_ends_the_users_sessions);
    tcase_add_test(all, a_silent_session_ends_after_two_and_a_half_heartbeats);
    tcase_add_test(all, heartbeats_keep_a_session);
    tcase_add_test(all, token_expiry_is_told_then_closes_after_the_grace);
    tcase_add_test(all, a_new_token_of_the_same_user_extends_the_session);
    tcase_add_test(all, a_new_token_of_another_user_changes_nothing);
    tcase_add_test(all, tickets_are_renewed_before_they_end);
    tcase_add_test(all, a_ticket_never_outlives_its_token);
    tcase_add_test(all, a_client_that_leaves_during_sign_in_leaves_no_subscription);
    tcase_add_test(all, a_subscription_taken_back_while_signing_in_is_made_anew);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
