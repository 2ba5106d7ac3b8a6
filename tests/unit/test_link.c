/* A link's life: dialing, greeting, silence, closing. */
#include <check.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "../support/links_host.h"

static struct links_host host;
static struct script s;
static struct faulty_alloc memory;

static void start(WireLinkRole role, uint32_t accept_mask, uint32_t peers)
{
    host_config(&host, role, accept_mask);
    host.config.allocator = &memory.allocator;
    host_init(&host);
    for (uint32_t i = 0; i < peers; i++)
        ck_assert_int_eq(links_add_peer(&host.set, STORE), CHAT_OK);
    script_init(&s, &host.machine);
}

static void setup(void) { faulty_alloc_init(&memory); }

static void teardown(void)
{
    links_fini(&host.set);
    script_fini(&s);
    ck_assert_uint_eq(memory.live, 0);
}

static void dial_and_greet(link_id id)
{
    script_wait(&s, LINK_BACKOFF_MAX_MS);
    script_open(&s, id, LINK_DIALED, 0);
    script_welcome(&s, id, STORE, 5, 10);
    ck_assert(link_is_ready(links_peer(&host.set, 0)));
}

START_TEST(every_peer_is_dialed_at_the_first_event)
{
    start(ROUTER, 0, 2);
    ck_assert_int_eq(links_deadline(&host.set), 0);
    script_wait(&s, 0);
    ck_assert_uint_eq(s.dials, 2);
    ck_assert_uint_eq(s.dialed_peer, 1);
    script_wait(&s, 60000);
    ck_assert_uint_eq(s.dials, 2);
}
END_TEST

START_TEST(hello_and_welcome_make_a_dialed_link_ready)
{
    const WireLinkFrame *hello;

    start(ROUTER, 0, 1);
    script_wait(&s, 0);
    script_open(&s, 1, LINK_DIALED, 0);
    hello = script_last(&s, WIRE_LINK_FRAME__BODY_LINK_HELLO);
    ck_assert_ptr_nonnull(hello);
    ck_assert_uint_eq(hello->link_hello->version, 1);
    ck_assert_int_eq(hello->link_hello->role, ROUTER);
    ck_assert_uint_eq(hello->link_hello->node_id, HOST_NODE);
    ck_assert_uint_eq(host.ready, 0);

    script_welcome(&s, 1, STORE, 5, 10);
    ck_assert_uint_eq(host.ready, 1);
    ck_assert_uint_eq(host.link->node_id, 5);
    ck_assert_uint_eq(host.link->credit, 10);
    ck_assert_ptr_eq(links_get(&host.set, 1), links_peer(&host.set, 0));
    ck_assert_uint_eq(host.set.ready_count, 1);
}
END_TEST

START_TEST(an_accepted_link_answers_hello_with_welcome)
{
    const WireLinkFrame *welcome;

    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    ck_assert_uint_eq(s.heard_count, 0);
    script_hello(&s, 1, ROUTER, 5);
    welcome = script_last(&s, WIRE_LINK_FRAME__BODY_LINK_WELCOME);
    ck_assert_ptr_nonnull(welcome);
    ck_assert_uint_eq(welcome->link_welcome->request_credit, LINK_CREDIT);
    ck_assert_uint_eq(welcome->link_welcome->shard_count, 4);
    ck_assert_uint_eq(host.ready, 1);
    ck_assert_int_eq(host.link->role, ROUTER);
}
END_TEST

static void ck_refused(const char *limit)
{
    const WireLinkFrame *problem = script_last(&s, WIRE_LINK_FRAME__BODY_PROBLEM);

    ck_assert_ptr_nonnull(problem);
    ck_assert_str_eq(problem->problem->limit, limit);
    ck_assert_uint_eq(s.closes, 1);
    ck_assert_uint_eq(host.ready, 0);
}

START_TEST(a_hello_of_another_version_is_refused)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkHello hello = WIRE_LINK_HELLO__INIT;

    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    hello.version = 2;
    hello.role = ROUTER;
    hello.node_id = 5;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_HELLO;
    frame.link_hello = &hello;
    script_say(&s, 1, &frame);
    ck_refused("LinkHello.version");
    ck_assert_uint_eq(s.close_code, LINK_CLOSE_REFUSED);
}
END_TEST

START_TEST(a_role_that_may_not_dial_us_is_refused)
{
    start(PRESENCE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, STORE, 5);
    ck_refused("LinkHello.role");
}
END_TEST

START_TEST(a_role_past_all_roles_is_refused)
{
    start(PRESENCE, UINT32_MAX, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, (WireLinkRole)32, 5);
    ck_refused("LinkHello.role");
}
END_TEST

START_TEST(a_link_to_oneself_is_refused)
{
    start(STORE, 1u << STORE, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, STORE, HOST_NODE);
    ck_refused("LinkHello.node_id");
}
END_TEST

START_TEST(another_role_may_have_our_number)
{
    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, ROUTER, HOST_NODE);
    ck_assert_uint_eq(host.ready, 1);
}
END_TEST

START_TEST(a_welcome_of_another_role_is_refused)
{
    start(ROUTER, 0, 1);
    script_wait(&s, 0);
    script_open(&s, 1, LINK_DIALED, 0);
    script_welcome(&s, 1, PRESENCE, 5, 10);
    ck_refused("LinkWelcome.role");
}
END_TEST

START_TEST(anything_before_the_greeting_is_refused)
{
    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_ping(&s, 1);
    ck_refused("greeting first");
    ck_assert_uint_eq(s.close_code, LINK_CLOSE_PROTOCOL);
}
END_TEST

START_TEST(a_second_greeting_closes)
{
    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, ROUTER, 5);
    script_hello(&s, 1, ROUTER, 5);
    ck_assert_uint_eq(s.closes, 1);
}
END_TEST

START_TEST(malformed_bytes_close_with_the_rule)
{
    static const uint8_t junk[] = {0x0a, 0x05, 0x01};

    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, ROUTER, 5);
    script_bytes(&s, 1, junk, sizeof(junk));
    ck_assert_uint_eq(s.closes, 1);
    ck_assert_uint_eq(s.close_code, LINK_CLOSE_PROTOCOL);
    ck_assert_uint_eq(host.set.stats.faults, 1);
    ck_assert_ptr_nonnull(script_last(&s, WIRE_LINK_FRAME__BODY_PROBLEM));
    script_close(&s, 1, 0);
    ck_assert_uint_eq(host.downs, 1);
}
END_TEST

START_TEST(no_greeting_in_time_closes)
{
    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_wait(&s, LINK_GREETING_MS - 1);
    ck_assert_uint_eq(s.closes, 0);
    script_wait(&s, 1);
    ck_assert_uint_eq(s.closes, 1);
    script_close(&s, 1, 0);
    ck_assert_uint_eq(host.downs, 0);
}
END_TEST

START_TEST(the_dialing_side_pings_every_five_seconds)
{
    start(ROUTER, 0, 1);
    dial_and_greet(1);
    script_forget(&s);
    for (size_t i = 1; i <= 10; i++) {
        script_wait(&s, LINK_PING_MS);
        script_pong(&s, 1);
        ck_assert_uint_eq(script_count(&s, WIRE_LINK_FRAME__BODY_LINK_PING), i);
    }
    ck_assert_uint_eq(s.closes, 0);
}
END_TEST

START_TEST(a_ping_is_answered_with_its_time)
{
    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, ROUTER, 5);
    script_ping(&s, 1);
    ck_assert_uint_eq(script_last(&s, WIRE_LINK_FRAME__BODY_LINK_PONG)->link_pong->sent_at_ms, 42);
    ck_assert_uint_eq(host.frames, 0);
}
END_TEST

START_TEST(fifteen_silent_seconds_end_a_dialed_link)
{
    start(ROUTER, 0, 1);
    dial_and_greet(1);
    script_wait(&s, LINK_DEAD_MS - 1);
    ck_assert_uint_eq(s.closes, 0);
    script_wait(&s, 1);
    ck_assert_uint_eq(s.closes, 1);
    ck_assert_uint_eq(host.set.stats.dead, 1);
}
END_TEST

START_TEST(any_byte_keeps_an_accepted_link_alive)
{
    start(STORE, 1u << ROUTER, 0);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, ROUTER, 5);
    for (int i = 0; i < 10; i++) {
        script_wait(&s, LINK_DEAD_MS - 1);
        script_ping(&s, 1);
    }
    ck_assert_uint_eq(s.closes, 0);
    script_wait(&s, LINK_DEAD_MS);
    ck_assert_uint_eq(s.closes, 1);
}
END_TEST

START_TEST(a_failed_dial_is_tried_again_within_a_doubling_bound)
{
    int64_t bound_ms = LINK_BACKOFF_BASE_MS;

    start(ROUTER, 0, 1);
    script_wait(&s, 0);
    for (size_t i = 1; i < 20; i++) {
        int64_t wait_ms;

        script_close(&s, 0, 0);
        ck_assert_uint_eq(s.dials, i);
        wait_ms = links_deadline(&host.set);
        script_wait(&s, bound_ms);
        ck_assert_uint_eq(s.dials, i + 1);
        ck_assert_int_le(wait_ms, s.now.mono_ms);
        bound_ms = bound_ms * 2 < LINK_BACKOFF_MAX_MS ? bound_ms * 2 : LINK_BACKOFF_MAX_MS;
    }
}
END_TEST

START_TEST(a_lost_link_is_dialed_again_and_starts_anew)
{
    start(ROUTER, 0, 1);
    dial_and_greet(1);
    script_close(&s, 1, 0);
    ck_assert_uint_eq(host.downs, 1);
    ck_assert_ptr_null(links_get(&host.set, 1));
    dial_and_greet(2);
    ck_assert_uint_eq(host.ready, 2);
    ck_assert_uint_eq(links_peer(&host.set, 0)->failures, 0);
    ck_assert_uint_eq(links_peer(&host.set, 0)->id, 2);
}
END_TEST

START_TEST(links_past_accepted_max_are_closed)
{
    host_config(&host, STORE, 1u << ROUTER);
    host.config.allocator = &memory.allocator;
    host.config.accepted_max = 2;
    host_init(&host);
    script_init(&s, &host.machine);
    for (link_id id = 1; id <= 3; id++)
        script_open(&s, id, LINK_PEER, 0);
    ck_assert_uint_eq(s.closes, 1);
    ck_assert_uint_eq(s.closed_link, 3);
    ck_assert_uint_eq(s.close_code, LINK_CLOSE_TRY_LATER);
    script_close(&s, 1, 0);
    script_open(&s, 4, LINK_PEER, 0);
    ck_assert_uint_eq(s.closes, 1);
}
END_TEST

START_TEST(without_memory_an_opened_link_is_closed)
{
    start(STORE, 1u << ROUTER, 0);
    faulty_alloc_fail_after(&memory, 0);
    script_open(&s, 1, LINK_PEER, 0);
    ck_assert_uint_eq(s.closed_link, 1);
    ck_assert_uint_eq(host.set.open_count, 0);
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
}
END_TEST

START_TEST(stop_closes_all_and_dials_no_more)
{
    start(STORE, 1u << ROUTER, 2);
    dial_and_greet(1);
    script_open(&s, 2, LINK_PEER, 0);
    script_hello(&s, 2, ROUTER, 5);
    links_stop(&host.set, LINK_CLOSE_GOING_AWAY, "stopping");
    script_pull(&s);
    ck_assert_uint_eq(s.closes, 2);
    ck_assert(!links_is_idle(&host.set));

    script_close(&s, 1, 0);
    script_close(&s, 2, 0);
    script_close(&s, 0, 1);
    ck_assert(links_is_idle(&host.set));
    script_forget(&s);
    script_wait(&s, 60000);
    script_open(&s, 3, LINK_PEER, 0);
    ck_assert_uint_eq(s.dials, 0);
    ck_assert_uint_eq(s.closed_link, 3);
}
END_TEST

START_TEST(events_of_other_links_are_left_alone)
{
    struct event event = {.kind = EVENT_LINK_OPENED, .link = 9};

    start(ROUTER, 0, 1);
    event.opened.kind = LINK_CLIENT;
    ck_assert(!links_feed(&host.set, &event));
    event = (struct event){.kind = EVENT_LINK_DRAINED, .link = 9};
    ck_assert(!links_feed(&host.set, &event));
    event = (struct event){.kind = EVENT_LINK_CLOSED, .link = 9};
    ck_assert(!links_feed(&host.set, &event));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, every_peer_is_dialed_at_the_first_event);
    tcase_add_test(all, hello_and_welcome_make_a_dialed_link_ready);
    tcase_add_test(all, an_accepted_link_answers_hello_with_welcome);
    tcase_add_test(all, a_hello_of_another_version_is_refused);
    tcase_add_test(all, a_role_that_may_not_dial_us_is_refused);
    tcase_add_test(all, a_role_past_all_roles_is_refused);
    tcase_add_test(all, a_link_to_oneself_is_refused);
    tcase_add_test(all, another_role_may_have_our_number);
    tcase_add_test(all, a_welcome_of_another_role_is_refused);
    tcase_add_test(all, anything_before_the_greeting_is_refused);
    tcase_add_test(all, a_second_greeting_closes);
    tcase_add_test(all, malformed_bytes_close_with_the_rule);
    tcase_add_test(all, no_greeting_in_time_closes);
    tcase_add_test(all, the_dialing_side_pings_every_five_seconds);
    tcase_add_test(all, a_ping_is_answered_with_its_time);
    tcase_add_test(all, fifteen_silent_seconds_end_a_dialed_link);
    tcase_add_test(all, any_byte_keeps_an_accepted_link_alive);
    tcase_add_test(all, a_failed_dial_is_tried_again_within_a_doubling_bound);
    tcase_add_test(all, a_lost_link_is_dialed_again_and_starts_anew);
    tcase_add_test(all, links_past_accepted_max_are_closed);
    tcase_add_test(all, without_memory_an_opened_link_is_closed);
    tcase_add_test(all, stop_closes_all_and_dials_no_more);
    tcase_add_test(all, events_of_other_links_are_left_alone);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
