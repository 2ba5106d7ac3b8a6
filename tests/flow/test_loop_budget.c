/* A step of the loop keeps to its budget, and what it leaves comes in the next ones, whole. */
#include <check.h>

#include <libchat/close.h>

#include "../support/pipe.h"

static struct pipe p;
static chat_loop *loop;
static chat_conn *conns[2];
static uint32_t told; /* times that on_ready was called */

static void on_ready(void *user)
{
    (void)user;
    told++;
}

static void open_conn(uint32_t at)
{
    struct chat_conn_config config;

    chat_conn_config_init(&config);
    config.url = "pipe:";
    config.token = "token";
    ck_assert_int_eq(chat_conn_new(loop, &config, &conns[at]), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(conns[at]), CHAT_OK);
}

static void pull_all(chat_conn *conn)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (chat_conn_next_event(conn, &event))
        ;
}

static void go_live(uint32_t at)
{
    for (int i = 0; i < 50 && chat_conn_get_state(conns[at]) != CHAT_CONN_LIVE; i++)
        ck_assert_int_eq(chat_loop_step(loop, 100), CHAT_OK);
    ck_assert_int_eq(chat_conn_get_state(conns[at]), CHAT_CONN_LIVE);
    pull_all(conns[at]);
}

static void setup(void)
{
    struct chat_loop_config config;

    pipe_init(&p);
    told = 0;
    conns[0] = conns[1] = NULL;
    chat_loop_config_init(&config);
    config.transport = &p.transport;
    config.on_ready = on_ready;
    ck_assert_int_eq(chat_loop_new(&config, &loop), CHAT_OK);
    open_conn(0);
    go_live(0);
}

static void teardown(void)
{
    chat_conn_free(conns[0]);
    chat_conn_free(conns[1]);
    chat_loop_free(loop);
    pipe_fini(&p);
}

static uint64_t stream(uint32_t at)
{
    return chat_conn_get_channel(conns[at], PIPE_CHANNEL)->stream_seq;
}

/* Every message once, in order. */
static uint64_t pull_messages(uint32_t at, uint64_t last)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (chat_conn_next_event(conns[at], &event)) {
        if (event.type != CHAT_EVENT_MESSAGE)
            continue;
        ck_assert_uint_eq(event.message->seq, last + 1);
        last++;
    }
    return last;
}

/* So many frames on the first link, each in a message of its own. */
static void say_acks(uint32_t count)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireHeartbeatAck ack = WIRE_HEARTBEAT_ACK__INIT;

    frame.body_case = WIRE_SERVER_FRAME__BODY_HEARTBEAT_ACK;
    frame.heartbeat_ack = &ack;
    for (uint32_t i = 0; i < count; i++)
        pipe_say(&p, 0, 0, &frame);
}

START_TEST(a_step_takes_at_most_twice_its_time_and_the_rest_comes_later)
{
    uint64_t last = 0;
    uint32_t steps = 0;

    pipe_post(&p, 0, 4000);
    p.tick_us = 100; /* so a piece of work takes that */
    chat_loop_set_budget(loop, 2000, 0);
    while (last < 4000) {
        int64_t before_us = p.clock_us;

        ck_assert_int_eq(chat_loop_get_timeout_ms(loop), 0);
        ck_assert_int_eq(chat_loop_step(loop, 1000), CHAT_OK);
        ck_assert_int_le(p.clock_us - before_us, 4000);
        last = pull_messages(0, last);
        ck_assert_uint_lt(++steps, 4000);
    }
    ck_assert_uint_gt(steps, 10);
    while (chat_conn_get_search_backlog(conns[0]) > 0) { /* the search index follows, in pieces */
        int64_t before_us = p.clock_us += 20000;

        ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
        ck_assert_int_le(p.clock_us - before_us, 4000);
        ck_assert_uint_lt(++steps, 5000);
    }
}
END_TEST

START_TEST(a_step_handles_as_many_events_as_it_may)
{
    uint64_t last = 0;

    pipe_post(&p, 0, 1000);
    chat_loop_set_budget(loop, 0, 30);
    while (last < 1000) {
        uint64_t before = stream(0);

        ck_assert_int_eq(chat_loop_step(loop, 1000), CHAT_OK);
        ck_assert_uint_le(stream(0), before + 30);
        ck_assert_uint_gt(stream(0), before);
        last = pull_messages(0, last);
    }
    ck_assert_uint_eq(p.pauses, 1); /* the peer waited all the time */
}
END_TEST

START_TEST(a_page_of_history_is_applied_in_pieces_that_are_whole)
{
    uint64_t last = 0, before;

    /* Messages that were missed: one arrives, the page before it is asked for. */
    p.head_seq = 180;
    pipe_post(&p, 0, 1);
    p.head_seq = 181;
    chat_loop_set_budget(loop, 0, 1 + (uint32_t)_i);
    for (int i = 0; i < 5000 && last < 181; i++) {
        before = stream(0);
        ck_assert_int_eq(chat_loop_step(loop, 1000), CHAT_OK);
        ck_assert_uint_le(stream(0), before + 2 + (uint64_t)_i);
        last = pull_messages(0, last);
    }
    ck_assert_uint_eq(last, 181);
    ck_assert_uint_eq(p.links[0].heard[WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY], 1);
}
END_TEST

START_TEST(a_link_that_ends_in_the_middle_of_a_page_loses_nothing)
{
    uint64_t last = 0;

    p.head_seq = 180;
    pipe_post(&p, 0, 1);
    p.head_seq = 181;
    chat_loop_set_budget(loop, 0, 20);
    for (int i = 0; i < 100 && stream(0) == 0; i++)
        (void)chat_loop_step(loop, 1000);
    ck_assert_uint_gt(stream(0), 0);
    ck_assert_uint_lt(stream(0), 180);
    pipe_cut(&p, 0, CHAT_CLOSE_ABNORMAL);
    for (int i = 0; i < 5000 && last < 181; i++) {
        (void)chat_loop_step(loop, 1000);
        last = pull_messages(0, last);
    }
    ck_assert_uint_eq(last, 181);
}
END_TEST

START_TEST(an_end_is_told_after_what_came_before_it)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t last = 0;

    pipe_post(&p, 0, 100);
    chat_loop_set_budget(loop, 0, 10);
    (void)chat_loop_step(loop, 0); /* reads it; the rest waits */
    p.links[0].paused = false;     /* a transport may tell of the end all the same */
    pipe_cut(&p, 0, CHAT_CLOSE_SUPERSEDED);
    for (int i = 0; i < 100 && chat_conn_get_state(conns[0]) != CHAT_CONN_CLOSED; i++) {
        (void)chat_loop_step(loop, 0);
        last = stream(0);
    }
    ck_assert_uint_eq(last, 100);
    ck_assert_int_eq(chat_conn_get_state(conns[0]), CHAT_CONN_CLOSED);
    do
        ck_assert(chat_conn_next_event(conns[0], &event));
    while (event.type != CHAT_EVENT_STATE);
    ck_assert_int_eq(event.status, CHAT_E_CONFLICT);
}
END_TEST

START_TEST(conns_with_much_and_conns_with_little_take_turns)
{
    open_conn(1);
    go_live(1);
    pipe_post(&p, 0, 2000);
    pipe_post(&p, 1, 3);
    chat_loop_set_budget(loop, 0, 40);
    (void)chat_loop_step(loop, 0);
    (void)chat_loop_step(loop, 0);
    (void)chat_loop_step(loop, 0);
    ck_assert_uint_eq(stream(1), 3);
    ck_assert_uint_lt(stream(0), 200);
}
END_TEST

START_TEST(who_waits_gets_on_while_another_one_takes_all_that_a_step_may)
{
    open_conn(1);
    go_live(1);
    pipe_post(&p, 1, 100);
    chat_loop_set_budget(loop, 0, 2);
    (void)chat_loop_step(loop, 0); /* reads it; it does not fit */
    for (int i = 0; i < 400 && stream(1) < 100; i++) {
        say_acks(2);
        (void)chat_loop_step(loop, 0);
    }
    ck_assert_uint_eq(stream(1), 100);
}
END_TEST

START_TEST(a_conn_is_freed_while_messages_wait)
{
    pipe_post(&p, 0, 500);
    chat_loop_set_budget(loop, 0, 10);
    (void)chat_loop_step(loop, 0);
    chat_conn_free(conns[0]);
    conns[0] = NULL;
    ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
    ck_assert_int_eq(chat_loop_get_timeout_ms(loop), -1);
}
END_TEST

START_TEST(a_transport_that_cannot_pause_is_not_pumped_while_very_much_waits)
{
    uint32_t seen;

    p.transport.pause = NULL;
    chat_loop_set_budget(loop, 0, 1);
    for (int i = 0; i < 12; i++)
        pipe_post(&p, 0, 4096);
    (void)chat_loop_step(loop, 0); /* takes all of them: more than may wait */
    seen = p.delivered;
    pipe_post(&p, 0, 1);
    for (int i = 0; i < 20; i++)
        (void)chat_loop_step(loop, 0);
    ck_assert_uint_eq(p.delivered, seen);
    ck_assert_int_eq(chat_loop_get_timeout_ms(loop), 0);
}
END_TEST

START_TEST(empty_messages_count_as_what_they_take)
{
    uint32_t seen;

    p.transport.pause = NULL;
    chat_loop_set_budget(loop, 0, 1);
    pipe_post(&p, 0, 10);
    (void)chat_loop_step(loop, 0);
    for (int i = 0; i < 400000; i++)
        pipe_queue(&p, 0, NULL, 0);
    (void)chat_loop_step(loop, 0);
    seen = p.delivered;
    pipe_queue(&p, 0, NULL, 0);
    (void)chat_loop_step(loop, 0);
    ck_assert_uint_eq(p.delivered, seen);
}
END_TEST

START_TEST(a_call_says_once_that_a_step_is_wanted)
{
    chat_loop_set_budget(loop, 0, 0);
    (void)chat_loop_step(loop, 0);
    told = 0;
    chat_conn_set_active(conns[0]);
    chat_conn_set_active(conns[0]);
    ck_assert_uint_eq(told, 1);
    (void)chat_loop_step(loop, 0);
    chat_conn_set_active(conns[0]);
    ck_assert_uint_eq(told, 2);
    (void)chat_loop_step(loop, 0);
    p.sink.on_ready(p.sink.user); /* the transport has work, says a thread of its own */
    chat_loop_wake(loop);
    ck_assert_uint_eq(told, 3);
    ck_assert_uint_ge(p.wakes, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_budget");
    TCase *tc = tcase_create("budget");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_step_takes_at_most_twice_its_time_and_the_rest_comes_later);
    tcase_add_test(tc, a_step_handles_as_many_events_as_it_may);
    tcase_add_loop_test(tc, a_page_of_history_is_applied_in_pieces_that_are_whole, 0, 40);
    tcase_add_test(tc, a_link_that_ends_in_the_middle_of_a_page_loses_nothing);
    tcase_add_test(tc, an_end_is_told_after_what_came_before_it);
    tcase_add_test(tc, conns_with_much_and_conns_with_little_take_turns);
    tcase_add_test(tc, who_waits_gets_on_while_another_one_takes_all_that_a_step_may);
    tcase_add_test(tc, a_conn_is_freed_while_messages_wait);
    tcase_add_test(tc, a_transport_that_cannot_pause_is_not_pumped_while_very_much_waits);
    tcase_add_test(tc, empty_messages_count_as_what_they_take);
    tcase_add_test(tc, a_call_says_once_that_a_step_is_wanted);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
