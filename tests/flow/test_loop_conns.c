/* Many accounts on one loop: who has nothing to do costs nothing, who has news is found. */
#include <check.h>

#include "../support/faulty_alloc.h"
#include "../support/pipe.h"

#define MANY 300

static struct pipe p;
static chat_loop *loop;
static chat_conn *conns[MANY];

static void open_conn(uint32_t at, size_t memory_max)
{
    struct chat_conn_config config;

    chat_conn_config_init(&config);
    config.url = "pipe:";
    config.token = "token";
    config.context = &conns[at];
    config.seed = at + 1;
    config.memory_max = memory_max;
    ck_assert_int_eq(chat_conn_new(loop, &config, &conns[at]), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(conns[at]), CHAT_OK);
}

static void setup(void)
{
    struct chat_loop_config config;

    pipe_init(&p);
    memset(conns, 0, sizeof(conns));
    chat_loop_config_init(&config);
    config.transport = &p.transport;
    ck_assert_int_eq(chat_loop_new(&config, &loop), CHAT_OK);
}

static void teardown(void)
{
    for (int i = 0; i < MANY; i++)
        chat_conn_free(conns[i]);
    chat_loop_free(loop);
    pipe_fini(&p);
}

static void pull_all(void)
{
    struct chat_event event = CHAT_EVENT_INIT;
    chat_conn *conn;

    while ((conn = chat_loop_next_conn(loop)) != NULL)
        while (chat_conn_next_event(conn, &event))
            ;
}

static void go_live(uint32_t count)
{
    uint32_t live = 0;

    for (int i = 0; i < 200 && live < count; i++) {
        ck_assert_int_eq(chat_loop_step(loop, 100), CHAT_OK);
        pull_all();
        live = 0;
        for (uint32_t c = 0; c < count; c++)
            live += chat_conn_get_state(conns[c]) == CHAT_CONN_LIVE;
    }
    ck_assert_uint_eq(live, count);
}

START_TEST(a_step_over_idle_conns_looks_at_none_of_them)
{
    for (uint32_t i = 0; i < MANY; i++)
        open_conn(i, 0);
    go_live(MANY);
    (void)chat_loop_step(loop, 0);
    p.looks = 0;
    (void)chat_loop_step(loop, 0);
    (void)chat_loop_get_timeout_ms(loop);
    ck_assert_uint_le(p.looks, 6);
}
END_TEST

START_TEST(each_conn_gets_its_heartbeat_in_its_time)
{
    for (uint32_t i = 0; i < MANY; i++)
        open_conn(i, 0);
    go_live(MANY);
    for (int i = 0; i < 20000 && p.clock_us < 70000000; i++) {
        ck_assert_int_eq(chat_loop_step(loop, 1000), CHAT_OK);
        pull_all();
    }
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert_uint_ge(p.links[i].heard[WIRE_CLIENT_FRAME__BODY_HEARTBEAT], 2);
        ck_assert_uint_le(p.links[i].heard[WIRE_CLIENT_FRAME__BODY_HEARTBEAT], 4);
    }
}
END_TEST

START_TEST(who_has_news_is_found_without_asking_everybody)
{
    struct chat_event event = CHAT_EVENT_INIT;
    chat_conn *first, *second;

    for (uint32_t i = 0; i < MANY; i++)
        open_conn(i, 0);
    go_live(MANY);
    ck_assert_ptr_null(chat_loop_next_conn(loop));
    pipe_post(&p, 7, 2);
    pipe_post(&p, 200, 2);
    (void)chat_loop_step(loop, 0);
    first = chat_loop_next_conn(loop);
    second = chat_loop_next_conn(loop);
    ck_assert_ptr_ne(first, second); /* in turn */
    ck_assert_ptr_eq(first, chat_loop_next_conn(loop));
    ck_assert(first == conns[7] || first == conns[200]);
    ck_assert(second == conns[7] || second == conns[200]);
    ck_assert_ptr_eq(*(chat_conn **)chat_conn_get_context(first), first);
    while (chat_conn_next_event(first, &event))
        ;
    ck_assert_ptr_eq(chat_loop_next_conn(loop), second);
    chat_conn_free(conns[200]);
    conns[200] = NULL;
    while (second == conns[7] && chat_conn_next_event(second, &event))
        ;
    ck_assert_ptr_null(chat_loop_next_conn(loop));
}
END_TEST

START_TEST(an_idle_account_holds_little_memory)
{
    open_conn(0, 0);
    go_live(1);
    ck_assert_uint_gt(chat_conn_get_memory(conns[0]), 0);
    ck_assert_uint_lt(chat_conn_get_memory(conns[0]), 64 << 10);
}
END_TEST

START_TEST(memory_stays_under_its_cap_and_what_does_not_fit_harms_nothing)
{
    chat_status status = CHAT_OK;
    uint32_t accepted = 0;
    size_t cap;

    open_conn(0, 0);
    go_live(1);
    cap = chat_conn_get_memory(conns[0]) + 40000;
    chat_conn_free(conns[0]);
    open_conn(0, cap);
    go_live(1);
    for (int round = 0; round < 20; round++) {
        /* As much as a call gets, and as much as the server has to tell. */
        while ((status = chat_conn_send_text(conns[0], PIPE_CHANNEL, "hello", 5, NULL)) == CHAT_OK)
            accepted++;
        ck_assert_int_eq(status, CHAT_E_NOMEM);
        if (p.links[p.link_count - 1].number)
            pipe_post(&p, p.link_count - 1, 300);
        p.head_seq += 300;
        (void)chat_loop_step(loop, 10);
        ck_assert_uint_le(chat_conn_get_memory(conns[0]), cap);
    }
    ck_assert_uint_gt(accepted, 100);
    /* With time, all that was accepted is sent, and all that was told is here. */
    for (int i = 0; i < 2000 && chat_conn_get_outgoing_count(conns[0]); i++) {
        (void)chat_loop_step(loop, 1000);
        pull_all();
        ck_assert_uint_le(chat_conn_get_memory(conns[0]), cap);
    }
    ck_assert_uint_eq(chat_conn_get_outgoing_count(conns[0]), 0);
    for (int i = 0; i < 100; i++)
        (void)chat_loop_step(loop, 1000);
    ck_assert_uint_eq(chat_conn_get_channel(conns[0], PIPE_CHANNEL)->stream_seq, p.head_seq);
}
END_TEST

START_TEST(a_view_that_does_not_fit_is_told_of_and_keeps_nobody_busy)
{
    struct chat_view_config config;
    struct chat_event event = CHAT_EVENT_INIT;
    struct chat_diff diff = CHAT_DIFF_INIT;
    uint32_t told = 0, looks = 0;
    chat_view *view = NULL;
    size_t cap;

    open_conn(0, 0);
    go_live(1);
    cap = chat_conn_get_memory(conns[0]) + 45000;
    chat_conn_free(conns[0]);
    open_conn(0, cap);
    go_live(1);
    for (int i = 0; i < 40; i++) {
        pipe_post(&p, p.link_count - 1, 10);
        p.head_seq += 10;
        (void)chat_loop_step(loop, 0);
        pull_all();
    }
    chat_view_config_init(&config);
    config.rows = config.rows_max = 400;
    ck_assert_int_eq(chat_view_open_messages(conns[0], PIPE_CHANNEL, &config, &view), CHAT_OK);
    for (int64_t end_us = p.clock_us + 10000000; p.clock_us < end_us; looks++) {
        (void)chat_loop_step(loop, 1000);
        while (chat_conn_next_event(conns[0], &event))
            told += event.type == CHAT_EVENT_CACHE && event.status == CHAT_E_NOMEM;
        ck_assert(!chat_view_next_diff(view, &diff));
        ck_assert_uint_lt(looks, 200);
    }
    ck_assert_uint_ge(told, 1);
    ck_assert_uint_le(told, 12); /* each second it is tried again */
    chat_view_free(view);
    config.rows = config.rows_max = 10;
    ck_assert_int_eq(chat_view_open_messages(conns[0], PIPE_CHANNEL, &config, &view), CHAT_OK);
    while (chat_view_next_diff(view, &diff))
        ;
    ck_assert_uint_eq(chat_view_get_count(view), 10);
}
END_TEST

START_TEST(steady_traffic_allocates_nothing)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct chat_conn_config config;
    struct faulty_alloc memory;
    uint64_t got = 0;

    faulty_alloc_init(&memory);
    chat_conn_config_init(&config);
    config.url = "pipe:";
    config.token = "token";
    config.allocator = &memory.allocator;
    ck_assert_int_eq(chat_conn_new(loop, &config, &conns[0]), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(conns[0]), CHAT_OK);
    go_live(1);
    for (int i = 0; i < 400; i++) {
        if (i == 200) /* all buffers have the size that they need by now */
            memory.calls = 0;
        pipe_post(&p, 0, 10);
        p.head_seq += 10;
        (void)chat_loop_step(loop, 0);
        ck_assert_int_eq(chat_conn_send_text(conns[0], PIPE_CHANNEL, "hello", 5, NULL), CHAT_OK);
        (void)chat_loop_step(loop, 0);
        (void)chat_loop_step(loop, 0);
        while (chat_conn_next_event(conns[0], &event))
            got += event.type == CHAT_EVENT_MESSAGE;
    }
    ck_assert_uint_eq(got, 400 * 11);
    ck_assert_uint_eq(memory.calls, 0);
    chat_conn_free(conns[0]);
    conns[0] = NULL;
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(a_page_outlives_the_conn_it_was_read_from)
{
    chat_page *page = NULL;

    open_conn(0, 0);
    go_live(1);
    pipe_post(&p, 0, 10);
    (void)chat_loop_step(loop, 0);
    ck_assert_int_eq(chat_conn_read_messages(conns[0], PIPE_CHANNEL, 0, 10, true, &page), CHAT_OK);
    chat_conn_free(conns[0]);
    conns[0] = NULL;
    ck_assert_uint_eq(chat_page_get_count(page), 10);
    ck_assert_uint_eq(chat_page_get_message(page, 9)->seq, 10);
    chat_page_free(page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_conns");
    TCase *tc = tcase_create("conns");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_step_over_idle_conns_looks_at_none_of_them);
    tcase_add_test(tc, each_conn_gets_its_heartbeat_in_its_time);
    tcase_add_test(tc, who_has_news_is_found_without_asking_everybody);
    tcase_add_test(tc, an_idle_account_holds_little_memory);
    tcase_add_test(tc, memory_stays_under_its_cap_and_what_does_not_fit_harms_nothing);
    tcase_add_test(tc, a_view_that_does_not_fit_is_told_of_and_keeps_nobody_busy);
    tcase_add_test(tc, steady_traffic_allocates_nothing);
    tcase_add_test(tc, a_page_outlives_the_conn_it_was_read_from);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
