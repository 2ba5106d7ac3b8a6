/* Frames on a link: order, blocking, bounds, requests and their answers. */
#include <check.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "../support/links_host.h"

static struct links_host host;
static struct script s;
static struct faulty_alloc memory;
static struct link *l;

static void setup(void) { faulty_alloc_init(&memory); }

static void teardown(void)
{
    links_fini(&host.set);
    script_fini(&s);
    ck_assert_uint_eq(memory.live, 0);
}

static void start_dialed(uint32_t credit)
{
    host_config(&host, ROUTER, 0);
    host.config.allocator = &memory.allocator;
    host_init(&host);
    ck_assert_int_eq(links_add_peer(&host.set, STORE), CHAT_OK);
    script_init(&s, &host.machine);
    script_wait(&s, 0);
    script_open(&s, 1, LINK_DIALED, 0);
    script_welcome(&s, 1, STORE, 5, credit);
    l = links_peer(&host.set, 0);
    ck_assert(link_is_ready(l));
    script_forget(&s);
}

static void start_accepted(uint32_t credit, size_t queue_max)
{
    host_config(&host, STORE, 1u << ROUTER);
    host.config.allocator = &memory.allocator;
    host.config.request_credit = credit;
    host.config.queue_max = queue_max;
    host_init(&host);
    script_init(&s, &host.machine);
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, ROUTER, 5);
    l = host.link;
    script_forget(&s);
}

/* `home_id` tells frames apart. */
static chat_status send(uint64_t home_id)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireUnsubscribe body = WIRE_UNSUBSCRIBE__INIT;

    body.home_id = home_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_UNSUBSCRIBE;
    frame.unsubscribe = &body;
    return links_send(&host.set, l, &frame);
}

static chat_status request(void *context, uint64_t *out_id)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe body = WIRE_SUBSCRIBE__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &body;
    return links_request(&host.set, l, &frame, context, out_id);
}

/* The other side asks, or answers. */
static void say(uint64_t request_id, WireLinkFrame__BodyCase body)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    WireSubscribed subscribed = WIRE_SUBSCRIBED__INIT;

    frame.request_id = request_id;
    frame.body_case = body;
    if (body == WIRE_LINK_FRAME__BODY_SUBSCRIBE)
        frame.subscribe = &subscribe;
    else if (body == WIRE_LINK_FRAME__BODY_SUBSCRIBED)
        frame.subscribed = &subscribed;
    script_say(&s, 1, &frame);
}

static chat_status reply(uint64_t request_id)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribed body = WIRE_SUBSCRIBED__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBED;
    frame.subscribed = &body;
    return links_reply(&host.set, l, request_id, &frame);
}

START_TEST(a_turns_frames_leave_as_one_message_in_order)
{
    start_dialed(10);
    for (uint64_t i = 1; i <= 5; i++)
        ck_assert_int_eq(send(i), CHAT_OK);
    script_pull(&s);
    ck_assert_uint_eq(s.sends, 1);
    ck_assert_uint_eq(s.heard_count, 5);
    for (uint64_t i = 1; i <= 5; i++)
        ck_assert_uint_eq(s.heard[i - 1].frame->unsubscribe->home_id, i);
}
END_TEST

START_TEST(a_message_holds_at_most_4096_frames)
{
    start_dialed(10);
    for (uint64_t i = 0; i < WIRE_LINK_FRAMES_MAX + 1; i++)
        ck_assert_int_eq(send(i), CHAT_OK);
    script_pull(&s);
    ck_assert_uint_eq(s.sends, 2);
    ck_assert_uint_eq(s.heard_count, WIRE_LINK_FRAMES_MAX + 1);
}
END_TEST

START_TEST(a_blocked_link_gets_nothing_until_drained)
{
    start_dialed(10);
    script_kind(&s, EVENT_LINK_BLOCKED, 1);
    ck_assert_int_eq(send(1), CHAT_OK);
    script_pull(&s);
    ck_assert_uint_eq(s.sends, 0);
    script_kind(&s, EVENT_LINK_DRAINED, 1);
    ck_assert_uint_eq(s.sends, 1);
    ck_assert_uint_eq(s.heard_count, 1);
}
END_TEST

START_TEST(the_queue_is_bounded_and_nothing_is_lost_from_it)
{
    uint64_t taken = 0;

    start_accepted(10, 1000);
    script_kind(&s, EVENT_LINK_BLOCKED, 1);
    while (send(taken + 1) == CHAT_OK)
        taken++;
    ck_assert_int_eq(send(taken + 1), CHAT_E_FULL);
    ck_assert_uint_le(l->queue.bytes, 1000);
    ck_assert_uint_gt(l->queue.bytes, 980);
    script_ping(&s, 1); /* pings are answered all the same */
    script_kind(&s, EVENT_LINK_DRAINED, 1);
    ck_assert_uint_eq(script_count(&s, WIRE_LINK_FRAME__BODY_UNSUBSCRIBE), taken);
    ck_assert_uint_eq(script_count(&s, WIRE_LINK_FRAME__BODY_LINK_PONG), 1);
    ck_assert_int_eq(send(1), CHAT_OK);
}
END_TEST

START_TEST(a_shared_frame_goes_to_many_and_is_freed_once)
{
    WireLinkFrame body = WIRE_LINK_FRAME__INIT;
    WireUnsubscribe unsubscribe = WIRE_UNSUBSCRIBE__INIT;
    struct frame *frame;

    start_accepted(10, 1000);
    script_open(&s, 2, LINK_PEER, 0);
    script_hello(&s, 2, ROUTER, 6);
    script_forget(&s);
    body.body_case = WIRE_LINK_FRAME__BODY_UNSUBSCRIBE;
    body.unsubscribe = &unsubscribe;
    frame = wire_encode_link(&memory.allocator, &body);
    ck_assert_int_eq(links_send_shared(&host.set, l, frame), CHAT_OK);
    ck_assert_int_eq(links_send_shared(&host.set, links_get(&host.set, 2), frame), CHAT_OK);
    ck_assert_uint_eq(frame->refs, 3);
    frame_unref(frame);
    script_pull(&s);
    ck_assert_uint_eq(s.sends, 2);
}
END_TEST

START_TEST(nothing_is_sent_on_a_link_that_is_not_ready)
{
    uint64_t id;

    start_dialed(10);
    script_close(&s, 1, 0);
    ck_assert_int_eq(send(1), CHAT_E_UNAVAILABLE);
    ck_assert_int_eq(request(&s, &id), CHAT_E_UNAVAILABLE);
}
END_TEST

START_TEST(an_answer_finds_its_question)
{
    int a, b;
    uint64_t id_a, id_b;

    start_dialed(10);
    ck_assert_int_eq(request(&a, &id_a), CHAT_OK);
    ck_assert_int_eq(request(&b, &id_b), CHAT_OK);
    ck_assert_uint_ne(id_a, id_b);
    script_pull(&s);
    ck_assert_uint_eq(s.heard[1].frame->request_id, id_b);

    say(id_b, WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    ck_assert_ptr_eq(host.context, &b);
    ck_assert_uint_eq(l->in_flight, 1);
    say(id_b, WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    ck_assert_uint_eq(host.replies, 1);
    ck_assert_uint_eq(host.set.stats.stray_replies, 1);
    say(id_a, WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    ck_assert_ptr_eq(host.context, &a);
    ck_assert_uint_eq(l->in_flight, 0);
}
END_TEST

START_TEST(credit_bounds_what_is_in_flight)
{
    int a;
    uint64_t first, id;

    start_dialed(2);
    ck_assert_int_eq(request(&a, &first), CHAT_OK);
    ck_assert_int_eq(request(&a, &id), CHAT_OK);
    ck_assert_int_eq(request(&a, &id), CHAT_E_LIMITED);
    say(first, WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    ck_assert_int_eq(request(&a, &id), CHAT_OK);
}
END_TEST

START_TEST(an_abandoned_request_keeps_its_credit_and_stays_silent)
{
    int a;
    uint64_t first, id;

    start_dialed(1);
    ck_assert_int_eq(request(&a, &first), CHAT_OK);
    links_abandon(&host.set, l, first);
    ck_assert_int_eq(request(&a, &id), CHAT_E_LIMITED);
    say(first, WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    ck_assert_uint_eq(host.replies, 0);
    ck_assert_int_eq(request(&a, &id), CHAT_OK);
}
END_TEST

START_TEST(a_lost_link_answers_all_requests_with_nothing)
{
    int a, b;
    uint64_t id;

    start_dialed(10);
    request(&a, &id);
    links_abandon(&host.set, l, id);
    request(&a, &id);
    request(&b, &id);
    script_close(&s, 1, 0);
    ck_assert_uint_eq(host.lost, 2);
    ck_assert_uint_eq(host.downs, 1);
    ck_assert_uint_eq(l->in_flight, 0);
}
END_TEST

START_TEST(requests_are_shown_and_answered_in_any_order)
{
    start_accepted(10, 1000);
    say(7, WIRE_LINK_FRAME__BODY_SUBSCRIBE);
    say(8, WIRE_LINK_FRAME__BODY_SUBSCRIBE);
    ck_assert_uint_eq(host.frames, 2);
    ck_assert_uint_eq(host.request_id, 8);
    ck_assert_int_eq(reply(8), CHAT_OK);
    ck_assert_int_eq(links_problem(&host.set, l, 7, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN,
                                   WIRE_RETRY__RETRY_NEVER, 0, NULL, "no member"),
                     CHAT_OK);
    script_pull(&s);
    ck_assert_uint_eq(s.heard[0].frame->request_id, 8);
    ck_assert_uint_eq(s.heard[1].frame->request_id, 7);
    ck_assert_str_eq(s.heard[1].frame->problem->detail, "no member");
    ck_assert_uint_eq(l->in_flight, 0);
}
END_TEST

START_TEST(more_requests_than_credit_close_the_link)
{
    start_accepted(2, 1000);
    say(1, WIRE_LINK_FRAME__BODY_SUBSCRIBE);
    say(2, WIRE_LINK_FRAME__BODY_SUBSCRIBE);
    ck_assert_uint_eq(s.closes, 0);
    say(3, WIRE_LINK_FRAME__BODY_SUBSCRIBE);
    ck_assert_uint_eq(s.closes, 1);
    ck_assert_uint_eq(host.frames, 2);
    ck_assert_str_eq(s.close_reason, "LinkWelcome.request_credit");
}
END_TEST

START_TEST(an_unknown_request_is_answered_as_unsupported)
{
    start_accepted(2, 1000);
    say(9, WIRE_LINK_FRAME__BODY__NOT_SET);
    say(0, WIRE_LINK_FRAME__BODY__NOT_SET);
    ck_assert_uint_eq(host.frames, 0);
    ck_assert_uint_eq(s.heard_count, 1);
    ck_assert_int_eq(s.heard[0].frame->problem->code, WIRE_PROBLEM_CODE__PROBLEM_UNSUPPORTED);
}
END_TEST

START_TEST(an_answer_that_finds_no_room_closes_the_link)
{
    start_accepted(10, 100);
    say(1, WIRE_LINK_FRAME__BODY_SUBSCRIBE);
    script_kind(&s, EVENT_LINK_BLOCKED, 1);
    while (send(1) == CHAT_OK)
        continue;
    ck_assert_int_eq(reply(1), CHAT_E_FULL);
    script_pull(&s);
    ck_assert_uint_eq(s.closes, 1);
    ck_assert_uint_eq(s.sends, 0);
}
END_TEST

START_TEST(what_is_queued_leaves_before_the_close)
{
    start_accepted(10, 1000);
    send(1);
    links_close(&host.set, l, LINK_CLOSE_GOING_AWAY, "bye");
    ck_assert_int_eq(send(2), CHAT_E_UNAVAILABLE);
    script_pull(&s);
    ck_assert_uint_eq(s.heard_count, 1);
    ck_assert_uint_eq(s.closes, 1);
    ck_assert_str_eq(s.close_reason, "bye");
    say(3, WIRE_LINK_FRAME__BODY_SUBSCRIBE);
    ck_assert_uint_eq(host.frames, 0);
}
END_TEST

static void close_it(struct links_host *h)
{
    links_close(&h->set, h->link, LINK_CLOSE_GOING_AWAY, "enough");
}

START_TEST(the_rest_of_a_message_is_dropped_once_closed)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireUnsubscribe body = WIRE_UNSUBSCRIBE__INIT;
    struct frame *encoded;
    uint8_t twice[64];

    start_accepted(10, 1000);
    frame.body_case = WIRE_LINK_FRAME__BODY_UNSUBSCRIBE;
    frame.unsubscribe = &body;
    encoded = wire_encode_link(NULL, &frame);
    memcpy(twice, encoded->bytes, encoded->len);
    memcpy(twice + encoded->len, encoded->bytes, encoded->len);
    host.then = close_it;
    script_bytes(&s, 1, twice, 2 * encoded->len);
    frame_unref(encoded);
    ck_assert_uint_eq(host.frames, 1);
}
END_TEST

START_TEST(an_announcement_reaches_who_dialed_us)
{
    start_accepted(10, 1000);
    links_announce(&host.set);
    script_pull(&s);
    ck_assert_uint_eq(script_count(&s, WIRE_LINK_FRAME__BODY_LINK_WELCOME), 1);
}
END_TEST

START_TEST(a_second_welcome_is_news)
{
    start_dialed(10);
    script_welcome(&s, 1, STORE, 5, 20);
    ck_assert_uint_eq(host.welcomes, 1);
    ck_assert_uint_eq(l->credit, 20);
    script_welcome(&s, 1, STORE, 6, 20);
    ck_assert_uint_eq(s.closes, 1);
}
END_TEST

START_TEST(a_long_problem_is_cut)
{
    char text[400];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    start_accepted(10, 10000);
    links_problem(&host.set, l, 0, WIRE_PROBLEM_CODE__PROBLEM_LIMIT, WIRE_RETRY__RETRY_LATER, 5,
                  text, text);
    script_pull(&s);
    ck_assert_uint_eq(strlen(s.heard[0].frame->problem->limit), 64);
    ck_assert_uint_eq(strlen(s.heard[0].frame->problem->detail), 256);
}
END_TEST

START_TEST(no_memory_leaves_a_request_undone)
{
    int a;
    uint64_t id;

    start_dialed(10);
    faulty_alloc_fail_after(&memory, 0);
    ck_assert_int_eq(request(&a, &id), CHAT_E_NOMEM);
    faulty_alloc_fail_after(&memory, 1);
    ck_assert_int_eq(request(&a, &id), CHAT_E_NOMEM);
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    ck_assert_uint_eq(l->in_flight, 0);
    ck_assert_int_eq(request(&a, &id), CHAT_OK);
    say(id, WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    ck_assert_uint_eq(host.replies, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_traffic");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_turns_frames_leave_as_one_message_in_order);
    tcase_add_test(all, a_message_holds_at_most_4096_frames);
    tcase_add_test(all, a_blocked_link_gets_nothing_until_drained);
    tcase_add_test(all, the_queue_is_bounded_and_nothing_is_lost_from_it);
    tcase_add_test(all, a_shared_frame_goes_to_many_and_is_freed_once);
    tcase_add_test(all, nothing_is_sent_on_a_link_that_is_not_ready);
    tcase_add_test(all, an_answer_finds_its_question);
    tcase_add_test(all, credit_bounds_what_is_in_flight);
    tcase_add_test(all, an_abandoned_request_keeps_its_credit_and_stays_silent);
    tcase_add_test(all, a_lost_link_answers_all_requests_with_nothing);
    tcase_add_test(all, requests_are_shown_and_answered_in_any_order);
    tcase_add_test(all, more_requests_than_credit_close_the_link);
    tcase_add_test(all, an_unknown_request_is_answered_as_unsupported);
    tcase_add_test(all, an_answer_that_finds_no_room_closes_the_link);
    tcase_add_test(all, what_is_queued_leaves_before_the_close);
    tcase_add_test(all, the_rest_of_a_message_is_dropped_once_closed);
    tcase_add_test(all, an_announcement_reaches_who_dialed_us);
    tcase_add_test(all, a_second_welcome_is_news);
    tcase_add_test(all, a_long_problem_is_cut);
    tcase_add_test(all, no_memory_leaves_a_request_undone);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
