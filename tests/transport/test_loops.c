/*
 * One conversation, driven in every way that the headers promise: by chat_loop_step() alone,
 * by poll(), epoll and libuv through the descriptor and the deadline, by frames of a game,
 * by the helper thread. By the public calls alone, against a server with a thread of its own.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <libchat/adapters/game.h>
#include <libchat/adapters/libuv.h>
#include <libchat/adapters/poll.h>
#include <libchat/libchat.h>
#include <libchat/server.h>

#define PATIENCE_MS 60000
#define MESSAGES 120

/* --- the server --- */

static chat_server *server;
static pthread_t server_thread;
static atomic_bool server_ends;

static void *serve(void *user)
{
    (void)user;
    while (!atomic_load(&server_ends))
        (void)chat_server_step(server, 20);
    return NULL;
}

/* --- two people --- */

struct person {
    const char *name;
    chat_loop *loop;
    chat_conn *conn;
    uint64_t channel_id, peer_id;
    uint64_t last_seq;
    unsigned sent, done, lives;
    bool asked_peer, asked_channel, bounced, paged;
};

static struct person people[2];

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sign_in(struct person *p, const char *name)
{
    struct chat_conn_config config;
    struct chat_loop_config loop;
    char token[CHAT_TOKEN_MAX + 1], url[64];

    memset(p, 0, sizeof(*p));
    p->name = name;
    ck_assert_int_eq(chat_server_mint_token(server, name, NULL, 600, token, sizeof(token)),
                     CHAT_OK);
    snprintf(url, sizeof(url), "ws://localhost:%u/", chat_server_get_port(server));
    chat_loop_config_init(&loop);
    ck_assert_int_eq(chat_loop_new(&loop, &p->loop), CHAT_OK);
    chat_conn_config_init(&config);
    config.url = url;
    config.token = token;
    config.context = p;
    config.backoff_base_ms = 20;
    ck_assert_int_eq(chat_conn_new(p->loop, &config, &p->conn), CHAT_OK);
}

static void setup(void)
{
    struct chat_server_config config;

    chat_server_config_init(&config);
    config.operations_per_second = 1000;
    config.drain_ms = 0;
    ck_assert_int_eq(chat_server_new(&config, &server), CHAT_OK);
    while (!chat_server_is_ready(server))
        (void)chat_server_step(server, 10);
    sign_in(&people[0], "alice");
    sign_in(&people[1], "bob");
    atomic_store(&server_ends, false);
    ck_assert_int_eq(pthread_create(&server_thread, NULL, serve, NULL), 0);
}

static void teardown(void)
{
    for (int i = 0; i < 2; i++) {
        chat_loop_lock(people[i].loop); /* a thread may run; without one this does nothing */
        chat_conn_free(people[i].conn);
        chat_loop_unlock(people[i].loop);
        chat_loop_free(people[i].loop);
    }
    atomic_store(&server_ends, true);
    (void)pthread_join(server_thread, NULL);
    chat_server_free(server);
}

/* Alice opens a direct with Bob; then both talk; in the middle each loses its link once. */
static void go_on(struct person *p)
{
    uint64_t ticket;

    if (chat_conn_get_state(p->conn) != CHAT_CONN_LIVE)
        return;
    if (p == &people[0] && people[1].lives && !p->asked_peer) {
        p->asked_peer = true;
        ck_assert_int_eq(chat_conn_find_user(p->conn, "bob", 3, &ticket), CHAT_OK);
    }
    if (p->peer_id && !p->asked_channel) {
        p->asked_channel = true;
        ck_assert_int_eq(chat_conn_open_direct(p->conn, p->peer_id, &ticket), CHAT_OK);
    }
    if (!p->channel_id)
        return;
    while (p->sent < MESSAGES && p->sent < p->done + 16) {
        ck_assert_int_eq(
            chat_conn_send_text(p->conn, p->channel_id, p->name, strlen(p->name), NULL), CHAT_OK);
        p->sent++;
    }
    if (p->done >= MESSAGES / 2 && !p->bounced) {
        p->bounced = true;
        chat_conn_suspend(p->conn);
        chat_conn_resume(p->conn);
    }
}

static void on_event(struct person *p, const struct chat_event *event)
{
    if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_LIVE)
        p->lives++;
    if (event->type == CHAT_EVENT_USERS && event->ticket && event->users_count)
        p->peer_id = event->users[0]->user_id;
    if (event->type == CHAT_EVENT_CHANNEL)
        p->channel_id = event->channel->channel_id;
    if (event->type == CHAT_EVENT_OUTGOING && event->outgoing->state == CHAT_OUTGOING_DONE)
        p->done++;
    if (event->type == CHAT_EVENT_MESSAGE) {
        ck_assert_uint_eq(event->message->seq, p->last_seq + 1);
        p->last_seq++;
    }
    go_on(p);
}

static void pull(struct person *p)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (chat_conn_next_event(p->conn, &event))
        on_event(p, &event);
    go_on(p);
}

static bool is_over(void)
{
    return people[0].last_seq == 2 * MESSAGES && people[1].last_seq == 2 * MESSAGES &&
           people[0].done == MESSAGES && people[1].done == MESSAGES && people[0].lives >= 2 &&
           people[1].lives >= 2;
}

static void start_both(void)
{
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(chat_conn_start(people[i].conn), CHAT_OK);
}

/* --- the ways --- */

START_TEST(by_steps)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;

    start_both();
    while (!is_over() && now_ms() < end_ms) {
        for (int i = 0; i < 2; i++) {
            (void)chat_loop_step(people[i].loop, 5);
            pull(&people[i]);
        }
    }
    ck_assert(is_over());
}
END_TEST

START_TEST(by_poll)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;

    start_both();
    while (!is_over() && now_ms() < end_ms) {
        struct pollfd fds[2];
        int wait_ms = PATIENCE_MS; /* a step that is missed makes the test fail */

        for (int i = 0; i < 2; i++) {
            fds[i] = chat_poll_entry(people[i].loop);
            wait_ms = chat_poll_timeout(people[i].loop, wait_ms);
        }
        ck_assert_int_ge(poll(fds, 2, wait_ms), 0);
        for (int i = 0; i < 2; i++) {
            if (!chat_poll_is_due(people[i].loop, &fds[i]))
                continue;
            ck_assert_int_eq(chat_loop_step(people[i].loop, 0), CHAT_OK);
            pull(&people[i]);
        }
    }
    ck_assert(is_over());
}
END_TEST

START_TEST(by_epoll)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;
    int epoll = epoll_create1(0);

    for (uint32_t i = 0; i < 2; i++) {
        struct epoll_event interest = {.events = EPOLLIN, .data.u32 = i};

        ck_assert_int_eq(
            epoll_ctl(epoll, EPOLL_CTL_ADD, chat_loop_get_fd(people[i].loop), &interest), 0);
    }
    start_both();
    while (!is_over() && now_ms() < end_ms) {
        struct epoll_event ready[2];
        bool due[2] = {false, false};
        int wait_ms = PATIENCE_MS, count;

        for (int i = 0; i < 2; i++)
            wait_ms = chat_poll_timeout(people[i].loop, wait_ms);
        count = epoll_wait(epoll, ready, 2, wait_ms);
        for (int i = 0; i < count; i++)
            due[ready[i].data.u32] = true;
        for (int i = 0; i < 2; i++) {
            if (!due[i] && chat_loop_get_timeout_ms(people[i].loop) != 0)
                continue;
            (void)chat_loop_step(people[i].loop, 0);
            pull(&people[i]);
        }
    }
    (void)close(epoll);
    ck_assert(is_over());
}
END_TEST

static void on_uv_events(struct chat_uv *uv) { pull(uv->user); }

static void on_uv_late(uv_timer_t *timer) { *(bool *)timer->data = true; }

START_TEST(by_libuv)
{
    struct chat_uv uv[2];
    uv_timer_t patience;
    bool late = false;
    uv_loop_t on;

    ck_assert_int_eq(uv_loop_init(&on), 0);
    (void)uv_timer_init(&on, &patience);
    patience.data = &late;
    (void)uv_timer_start(&patience, on_uv_late, PATIENCE_MS, 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(chat_uv_start(&uv[i], &on, people[i].loop, on_uv_events, &people[i]), 0);
    start_both();
    while (!is_over() && !late)
        (void)uv_run(&on, UV_RUN_ONCE);
    ck_assert(is_over());
    for (int i = 0; i < 2; i++)
        chat_uv_stop(&uv[i], NULL);
    uv_close((uv_handle_t *)&patience, NULL);
    (void)uv_run(&on, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&on), 0);
}
END_TEST

static void on_frame_event(chat_conn *conn, const struct chat_event *event, void *user)
{
    (void)user;
    on_event(chat_conn_get_context(conn), event);
}

START_TEST(by_frames_of_a_game)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;
    struct chat_game games[2];

    for (int i = 0; i < 2; i++)
        games[i] = (struct chat_game){people[i].loop, 2000, 32, on_frame_event, NULL};
    start_both();
    while (!is_over() && now_ms() < end_ms) {
        for (int i = 0; i < 2; i++) {
            ck_assert_uint_le(chat_game_frame(&games[i]), 32);
            go_on(&people[i]);
        }
        (void)poll(NULL, 0, 1); /* the rest of the frame */
    }
    ck_assert(is_over());
}
END_TEST

START_TEST(by_the_helper_thread)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;
    bool over = false;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(chat_loop_thread_start(people[i].loop), CHAT_OK);
        ck_assert_int_eq(chat_loop_thread_start(people[i].loop), CHAT_E_STATE);
    }
    for (int i = 0; i < 2; i++) {
        chat_loop_lock(people[i].loop);
        ck_assert_int_eq(chat_conn_start(people[i].conn), CHAT_OK);
        chat_loop_unlock(people[i].loop);
    }
    while (!over && now_ms() < end_ms) {
        for (int i = 0; i < 2; i++) {
            (void)chat_loop_wait(people[i].loop, 5);
            chat_loop_lock(people[i].loop);
            chat_loop_lock(people[i].loop); /* who holds it may take it again */
            pull(&people[i]);
            chat_loop_unlock(people[i].loop);
            chat_loop_unlock(people[i].loop);
        }
        over = is_over();
    }
    ck_assert(over);
    chat_loop_thread_stop(people[0].loop); /* the other one by chat_loop_free() */
}
END_TEST

/* C6: threads and event loops clash, deadlock in a callback. */
static void *call_all_the_time(void *user)
{
    atomic_bool *ends = user;

    while (!atomic_load(ends)) {
        chat_loop_lock(people[0].loop);
        go_on(&people[0]);
        (void)chat_conn_get_outgoing_count(people[0].conn);
        chat_loop_unlock(people[0].loop);
        chat_loop_wake(people[0].loop); /* needs no lock */
    }
    return NULL;
}

START_TEST(c6_threads_that_call_at_once_neither_clash_nor_starve)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;
    atomic_bool ends;
    pthread_t callers[3];
    bool over = false;

    atomic_init(&ends, false);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(chat_loop_thread_start(people[i].loop), CHAT_OK);
    for (int i = 0; i < 2; i++) {
        chat_loop_lock(people[i].loop);
        ck_assert_int_eq(chat_conn_start(people[i].conn), CHAT_OK);
        chat_loop_unlock(people[i].loop);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&callers[i], NULL, call_all_the_time, &ends), 0);
    while (!over && now_ms() < end_ms) {
        for (int i = 0; i < 2; i++) {
            (void)chat_loop_wait(people[i].loop, 5);
            /* people[] is the test's own: both locks, always in this order */
            chat_loop_lock(people[0].loop);
            chat_loop_lock(people[1].loop);
            pull(&people[i]);
            over = is_over();
            chat_loop_unlock(people[1].loop);
            chat_loop_unlock(people[0].loop);
        }
    }
    atomic_store(&ends, true);
    for (int i = 0; i < 3; i++)
        (void)pthread_join(callers[i], NULL);
    ck_assert(over);
    for (int i = 0; i < 2; i++)
        chat_loop_thread_stop(people[i].loop);
}
END_TEST

static void *wait_for_events(void *user)
{
    ck_assert(!chat_loop_wait(user, -1)); /* it was stopped */
    return NULL;
}

START_TEST(who_waits_for_events_is_let_go_when_the_thread_is_stopped)
{
    pthread_t waiter;

    ck_assert(!chat_loop_wait(people[0].loop, 0)); /* no thread: no waiting */
    ck_assert_int_eq(chat_loop_thread_start(people[0].loop), CHAT_OK);
    ck_assert_int_eq(pthread_create(&waiter, NULL, wait_for_events, people[0].loop), 0);
    chat_loop_lock(people[0].loop); /* whether it waits by now or not */
    chat_loop_unlock(people[0].loop);
    chat_loop_thread_stop(people[0].loop);
    (void)pthread_join(waiter, NULL);
}
END_TEST

/* --- what a guest must not do --- */

static atomic_uint looks, thefts, deaf;

/* Called by whichever thread works; here it is the helper. */
static void look_at_signals(chat_log_level level, const char *component, const char *text,
                            void *user)
{
    sigset_t blocked;

    (void)level, (void)component, (void)text, (void)user;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    atomic_fetch_add(&thefts, sigismember(&blocked, SIGTERM) != 1);
    atomic_fetch_add(&deaf, sigismember(&blocked, SIGSEGV) != 0);
    atomic_fetch_add(&looks, 1);
}

START_TEST(the_helper_thread_takes_no_signal_but_those_of_its_own_faults)
{
    const struct chat_logger logger = {.write = look_at_signals, .level = CHAT_LOG_DEBUG};
    int64_t end_ms = now_ms() + PATIENCE_MS;
    struct chat_conn_config config;
    chat_conn *conn;

    chat_conn_config_init(&config);
    config.url = "ws://localhost:1/"; /* nobody is there: that is logged */
    config.token = "token";
    config.logger = &logger;
    ck_assert_int_eq(chat_conn_new(people[0].loop, &config, &conn), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
    atomic_store(&looks, 0);
    atomic_store(&thefts, 0);
    atomic_store(&deaf, 0);
    ck_assert_int_eq(chat_loop_thread_start(people[0].loop), CHAT_OK);
    while (!atomic_load(&looks) && now_ms() < end_ms)
        (void)poll(NULL, 0, 1);
    chat_loop_thread_stop(people[0].loop);
    chat_conn_free(conn);
    ck_assert_uint_gt(atomic_load(&looks), 0);
    ck_assert_uint_eq(atomic_load(&thefts), 0);
    ck_assert_uint_eq(atomic_load(&deaf), 0);
}
END_TEST

/* _i: which. */
START_TEST(a_url_that_is_none_is_refused_at_once)
{
    static const char *const urls[] = {
        "https://localhost/",     "localhost",        "ws://", "wss:///path",
        "wss://localhost:99999/", "wss://local host/"};
    struct chat_conn_config config;
    chat_conn *conn = NULL;

    chat_conn_config_init(&config);
    config.url = urls[_i];
    ck_assert_int_eq(chat_conn_new(people[0].loop, &config, &conn), CHAT_E_INVALID);
    ck_assert_ptr_null(conn);
}
END_TEST

START_TEST(no_signal_disposition_is_changed)
{
    struct sigaction action;

    ck_assert_int_eq(sigaction(SIGPIPE, NULL, &action), 0);
    ck_assert(action.sa_handler == SIG_DFL); /* loops and a server are there */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loops");
    TCase *tc = tcase_create("loops");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, by_steps);
    tcase_add_test(tc, by_poll);
    tcase_add_test(tc, by_epoll);
    tcase_add_test(tc, by_libuv);
    tcase_add_test(tc, by_frames_of_a_game);
    tcase_add_test(tc, by_the_helper_thread);
    tcase_add_test(tc, c6_threads_that_call_at_once_neither_clash_nor_starve);
    tcase_add_test(tc, who_waits_for_events_is_let_go_when_the_thread_is_stopped);
    tcase_add_test(tc, the_helper_thread_takes_no_signal_but_those_of_its_own_faults);
    tcase_add_loop_test(tc, a_url_that_is_none_is_refused_at_once, 0, 6);
    tcase_add_test(tc, no_signal_disposition_is_changed);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
