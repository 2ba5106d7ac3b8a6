/* Who is let in when many come, and how all are sent away: admission and drain. */
#include "router_rig.h"

static struct rig g;

static void setup(void) { rig_config(&g); }
static void teardown(void) { rig_fini(&g); }

START_TEST(handshakes_over_the_rate_get_slots_one_after_the_other)
{
    uint32_t last = 0;

    g.config.limits.handshakes_per_second = 10;
    g.config.limits.handshakes_burst = 2;
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", 1);
    rig_sign_in(&g, 2, "alice", 2);
    for (link_id link = 3; link < 8; link++) {
        const WireProblem *problem;

        rig_open(&g, link);
        rig_hello(&g, link, "alice", link);
        problem = rig_problem(&g, link, PROBLEM(OVERLOADED));
        ck_assert_str_eq(problem->limit, "handshakes_per_second");
        ck_assert_uint_ge(problem->retry_after_ms, last + 99);
        ck_assert_uint_eq(g.closed[link], CHAT_CLOSE_OVERLOADED);
        last = problem->retry_after_ms;
    }
    rig_wait(&g, 100);
    rig_sign_in(&g, 9, "alice", 9);
}
END_TEST

START_TEST(sessions_are_bounded)
{
    g.config.limits.sessions_max = 2;
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", 1);
    rig_sign_in(&g, 2, "alice", 2);
    rig_open(&g, 3);

    ck_assert_str_eq(rig_problem(&g, 3, PROBLEM(OVERLOADED))->limit, "sessions_max");
    ck_assert_uint_eq(g.closed[3], CHAT_CLOSE_OVERLOADED);
    rig_event(&g, EVENT_LINK_CLOSED, 1);
    rig_sign_in(&g, 4, "alice", 4);
}
END_TEST

START_TEST(links_past_all_room_are_closed_without_a_word)
{
    g.config.limits.sessions_max = 1;
    rig_start_all(&g);
    g.hold_close = true;
    for (link_id link = 1; link <= 300; link++)
        rig_open(&g, link);

    ck_assert_uint_eq(g.closed[1], 0);
    for (link_id link = 2; link <= 300; link++)
        ck_assert_uint_eq(g.closed[link], CHAT_CLOSE_OVERLOADED);
    ck_assert_ptr_nonnull(rig_last(&g, 2, SERVER(PROBLEM)));
    ck_assert_ptr_null(rig_last(&g, 300, SERVER(PROBLEM)));
    g.hold_close = false;
    rig_settle(&g);
    ck_assert_uint_eq(rig_stats(&g).sessions, 1);
}
END_TEST

START_TEST(links_not_signed_in_are_bounded_in_all_and_by_address)
{
    g.config.limits.preauth_max = 4;
    g.config.limits.preauth_per_address = 2;
    rig_start_all(&g);
    rig_open_from(&g, 1, "192.0.2.1");
    rig_open_from(&g, 2, "192.0.2.1");
    rig_open_from(&g, 3, "192.0.2.1");
    ck_assert_str_eq(rig_problem(&g, 3, PROBLEM(OVERLOADED))->limit, "preauth_per_address");
    rig_open_from(&g, 4, "192.0.2.2");
    rig_open_from(&g, 5, "192.0.2.3");
    rig_open_from(&g, 6, "192.0.2.4");
    ck_assert_str_eq(rig_problem(&g, 6, PROBLEM(OVERLOADED))->limit, "preauth_max");

    /* Signed in, or gone: no longer counted. */
    rig_hello(&g, 1, "alice", 1);
    rig_event(&g, EVENT_LINK_CLOSED, 2);
    rig_open_from(&g, 7, "192.0.2.1");
    rig_open_from(&g, 8, "192.0.2.1");
    ck_assert_uint_eq(g.closed[7] + g.closed[8], 0);
    rig_open_from(&g, 9, "192.0.2.1");
    ck_assert_uint_eq(g.closed[9], CHAT_CLOSE_OVERLOADED);
    ck_assert_uint_eq(rig_stats(&g).preauth, 4);
}
END_TEST

START_TEST(the_addresses_of_one_ipv6_network_count_as_one)
{
    g.config.limits.preauth_per_address = 2;
    rig_start_all(&g);
    rig_open_from(&g, 1, "2001:db8:0:1::1");
    rig_open_from(&g, 2, "2001:db8:0:1:ffff::2");
    rig_open_from(&g, 3, "2001:db8::1:0:0:0:3");
    rig_open_from(&g, 4, "2001:db8:0:2::1");
    rig_open_from(&g, 5, "::ffff:192.0.2.1");
    rig_open_from(&g, 6, "::ffff:192.0.2.2");
    rig_open_from(&g, 7, "::ffff:192.0.2.3");

    ck_assert_str_eq(rig_problem(&g, 3, PROBLEM(OVERLOADED))->limit, "preauth_per_address");
    for (link_id link = 4; link <= 7; link++)
        ck_assert_uint_eq(g.closed[link], 0);
}
END_TEST

START_TEST(bytes_and_frames_before_hello_are_bounded)
{
    static uint8_t bytes[20000];
    /* two empty frames */
    static const uint8_t two[] = {0x0a, 0x00, 0x0a, 0x00};

    rig_start_all(&g);
    rig_open(&g, 1);
    rig_feed_bytes(&g, 1, bytes, g.config.limits.preauth_bytes + 1);
    rig_settle(&g);
    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(LIMIT))->limit, "preauth_bytes");
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_POLICY);

    rig_open(&g, 2);
    rig_feed_bytes(&g, 2, two, sizeof(two));
    rig_settle(&g);
    ck_assert_str_eq(rig_problem(&g, 2, PROBLEM(LIMIT))->limit, "preauth_frames");
}
END_TEST

START_TEST(sessions_of_one_user_are_bounded)
{
    g.config.limits.user_sessions = 2;
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", 1);
    rig_sign_in(&g, 2, "alice", 2);
    rig_open(&g, 3);
    rig_hello(&g, 3, "alice", 3);

    ck_assert_str_eq(rig_problem(&g, 3, PROBLEM(OVERLOADED))->limit, "user_sessions");
    ck_assert_uint_eq(g.closed[3], CHAT_CLOSE_OVERLOADED);
    ck_assert_uint_eq(g.closed[1] + g.closed[2], 0);
}
END_TEST

/* The store is there, and asked as much as it lets: that is no reason to say it is away. */
START_TEST(sign_ins_past_a_stores_credit_get_a_slot)
{
    g.credit = 2; /* half of it is for questions of the router's own */
    rig_start_all(&g);
    g.hold_open = true;
    rig_open(&g, 1);
    rig_hello(&g, 1, "alice", 1);
    rig_open(&g, 2);
    rig_hello(&g, 2, "alice", 2);

    ck_assert_uint_eq(rig_asked_count(&g, LINK(OPEN_SESSION)), 1);
    ck_assert_str_eq(rig_problem(&g, 2, PROBLEM(OVERLOADED))->limit, "credit");
    ck_assert_uint_ge(rig_problem(&g, 2, PROBLEM(OVERLOADED))->retry_after_ms, 500);
    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_OVERLOADED);
    ck_assert_uint_eq(g.closed[1], 0);
}
END_TEST

START_TEST(drain_hands_sessions_out_over_its_time_then_stops)
{
    uint32_t told_early = 0, told = 0;

    g.config.limits.drain_ms = 10000;
    g.config.limits.drain_grace_ms = 500;
    rig_start_all(&g);
    for (link_id link = 1; link <= 20; link++)
        rig_sign_in(&g, link, "alice", link);
    rig_open(&g, 30);
    rig_event(&g, EVENT_STOP, 0);
    ck_assert_uint_eq(g.closed[30], CHAT_CLOSE_DRAINING);
    ck_assert(!router_is_ready(g.router));

    rig_wait(&g, 5000);
    for (link_id link = 1; link <= 20; link++)
        told_early += rig_count(&g, link, SERVER(GOING_AWAY)) > 0;
    ck_assert_uint_ge(told_early, 9);
    ck_assert_uint_le(told_early, 11);
    rig_open(&g, 31);
    rig_problem(&g, 31, PROBLEM(DRAINING));
    ck_assert_uint_eq(g.closed[31], CHAT_CLOSE_DRAINING);
    ck_assert(!g.stopped);

    rig_wait(&g, 6000);
    for (link_id link = 1; link <= 20; link++) {
        told += rig_count(&g, link, SERVER(GOING_AWAY)) == 1;
        ck_assert_uint_eq(g.closed[link], CHAT_CLOSE_DRAINING);
        ck_assert_uint_lt(rig_last(&g, link, SERVER(GOING_AWAY))->going_away->reconnect_after_ms,
                          g.config.limits.drain_reconnect_ms);
    }
    ck_assert_uint_eq(told, 20);
    ck_assert(g.stopped);
}
END_TEST

START_TEST(a_drain_of_no_time_stops_at_once)
{
    g.config.limits.drain_ms = 0;
    g.config.limits.drain_grace_ms = 0;
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", 1);
    rig_event(&g, EVENT_STOP, 0);

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(GOING_AWAY)), 1);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_DRAINING);
    rig_wait(&g, 1000);
    ck_assert(g.stopped);
}
END_TEST

START_TEST(a_router_without_anybody_stops)
{
    rig_start(&g);
    rig_event(&g, EVENT_STOP, 0);
    for (uint32_t peer = 0; peer < RIG_PEERS; peer++) { /* its dials fail */
        struct event event = {.kind = EVENT_LINK_CLOSED};

        event.closed.peer = peer;
        rig_feed(&g, &event);
    }
    rig_settle(&g);
    rig_wait(&g, 1000);

    ck_assert(g.stopped);
}
END_TEST

START_TEST(a_leaving_session_still_gets_its_answer_but_asks_nothing_new)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchMembers fetch = WIRE_FETCH_MEMBERS__INIT;
    WireLinkFrame answer = WIRE_LINK_FRAME__INIT;
    WireMembers members = WIRE_MEMBERS__INIT;
    struct rig_home *room = rig_group(&g, 0, (const char *[]){"alice", NULL});

    g.config.limits.drain_ms = 0;
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", 1);
    fetch.home_id = room->home_id;
    fetch.limit = 1;
    frame.request_id = 5;
    frame.body_case = CLIENT(FETCH_MEMBERS);
    frame.fetch_members = &fetch;
    rig_say(&g, 1, &frame);
    rig_event(&g, EVENT_STOP, 0);
    frame.request_id = 6;
    rig_say(&g, 1, &frame);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(PROBLEM))->request_id, 6);
    rig_problem(&g, 1, PROBLEM(DRAINING));

    answer.request_id = rig_asked(&g, LINK(FETCH_MEMBERS))->request_id;
    answer.body_case = LINK(MEMBERS);
    answer.members = &members;
    rig_peer_says(&g, 0, &answer);
    rig_settle(&g);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(MEMBERS))->request_id, 5);
}
END_TEST

START_TEST(wrong_settings_are_refused)
{
    struct router *router = NULL;
    struct router_config config = g.config;

    config.limits.session_requests = 0;
    ck_assert_int_eq(router_new(&config, &router), CHAT_E_INVALID);
    config = g.config;
    config.limits.ticket_ms = TICKET_LIFE_MAX_MS + 1;
    ck_assert_int_eq(router_new(&config, &router), CHAT_E_INVALID);
    config = g.config;
    config.auth.verify = NULL;
    ck_assert_int_eq(router_new(&config, &router), CHAT_E_INVALID);
    config = g.config;
    config.peers = (const WireLinkRole[]){WIRE_LINK_ROLE__LINK_ROLE_PRESENCE};
    config.peer_count = 1;
    ck_assert_int_eq(router_new(&config, &router), CHAT_E_INVALID);
    ck_assert_ptr_null(router);
}
END_TEST

START_TEST(every_failed_allocation_of_the_constructor_is_a_status)
{
    struct router *router = NULL;
    chat_status status = CHAT_E_NOMEM;
    size_t allowed = 0;

    for (; status != CHAT_OK && allowed < 1000; allowed++) {
        faulty_alloc_fail_after(&g.memory, allowed);
        status = router_new(&g.config, &router);
        ck_assert(status == CHAT_OK || status == CHAT_E_NOMEM);
        if (status != CHAT_OK)
            ck_assert_uint_eq(g.memory.live, 0);
    }
    ck_assert_uint_gt(allowed, 3);
    router_free(router);
}
END_TEST

/* A small life of a router: any allocation may fail once, or all from some point on. */
static void live_a_little(void)
{
    struct rig_home *room = rig_group(&g, 0, (const char *[]){"alice", "bob", NULL});
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireWatchPresence watch = WIRE_WATCH_PRESENCE__INIT;
    WireFetchUsers fetch = WIRE_FETCH_USERS__INIT;
    uint64_t ids[] = {rig_user("bob"), rig_user("carol")};

    for (link_id link = 1; link <= 4; link++) {
        rig_open(&g, link);
        rig_hello(&g, link, link % 2 ? "alice" : "bob", link);
    }
    rig_message(&g, room, "x");
    rig_message(&g, room, "y");
    frame.request_id = 3;
    frame.body_case = CLIENT(WATCH_PRESENCE);
    frame.watch_presence = &watch;
    watch.n_user_ids = 2;
    watch.user_ids = ids;
    rig_say(&g, 1, &frame);
    frame.body_case = CLIENT(FETCH_USERS);
    frame.fetch_users = &fetch;
    fetch.n_user_ids = 2;
    fetch.user_ids = ids;
    rig_say(&g, 2, &frame);
    rig_event(&g, EVENT_LINK_CLOSED, 3);
}

START_TEST(every_failed_allocation_of_a_life_is_survived)
{
    size_t calls;

    rig_start_all(&g);
    faulty_alloc_fail_after(&g.memory, FAULTY_ALLOC_NEVER);
    live_a_little();
    calls = g.memory.calls;
    teardown();
    ck_assert_uint_gt(calls, 20);

    for (size_t allowed = 0; allowed < calls; allowed++) {
        setup();
        rig_start_all(&g);
        faulty_alloc_fail_after(&g.memory, allowed);
        live_a_little();
        faulty_alloc_fail_after(&g.memory, FAULTY_ALLOC_NEVER);
        rig_wait(&g, 2000);
        teardown();
    }
    setup();
    rig_start_all(&g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router: limits");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, handshakes_over_the_rate_get_slots_one_after_the_other);
    tcase_add_test(all, sessions_are_bounded);
    tcase_add_test(all, links_past_all_room_are_closed_without_a_word);
    tcase_add_test(all, links_not_signed_in_are_bounded_in_all_and_by_address);
    tcase_add_test(all, the_addresses_of_one_ipv6_network_count_as_one);
    tcase_add_test(all, bytes_and_frames_before_hello_are_bounded);
    tcase_add_test(all, sessions_of_one_user_are_bounded);
    tcase_add_test(all, sign_ins_past_a_stores_credit_get_a_slot);
    tcase_add_test(all, drain_hands_sessions_out_over_its_time_then_stops);
    tcase_add_test(all, a_drain_of_no_time_stops_at_once);
    tcase_add_test(all, a_router_without_anybody_stops);
    tcase_add_test(all, a_leaving_session_still_gets_its_answer_but_asks_nothing_new);
    tcase_add_test(all, wrong_settings_are_refused);
    tcase_add_test(all, every_failed_allocation_of_the_constructor_is_a_status);
    tcase_add_test(all, every_failed_allocation_of_a_life_is_survived);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
