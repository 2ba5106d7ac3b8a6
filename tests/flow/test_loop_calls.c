/* What a call leaves behind for the next step: all that is to be done, and nothing when there is
 * not. */
#include <check.h>

#include <libchat/close.h>

#include "../support/memory_vfs.h"
#include "../support/pipe.h"

static struct pipe p;
static struct memory_vfs disk;
static chat_loop *loop;
static chat_conn *conn;

static chat_status open_conn(const char *cache_path, chat_conn **out_conn)
{
    struct chat_conn_config config;

    chat_conn_config_init(&config);
    config.url = "pipe:";
    config.token = "token";
    config.cache_path = cache_path;
    config.cache_vfs = cache_path ? "memory" : NULL;
    return chat_conn_new(loop, &config, out_conn);
}

static void setup(void)
{
    struct chat_loop_config config;

    pipe_init(&p);
    conn = NULL;
    chat_loop_config_init(&config);
    config.transport = &p.transport;
    ck_assert_int_eq(chat_loop_new(&config, &loop), CHAT_OK);
}

static void teardown(void)
{
    memory_vfs_fail_after(&disk, MEMORY_VFS_NEVER, false);
    chat_conn_free(conn);
    chat_loop_free(loop);
    pipe_fini(&p);
    memory_vfs_erase(&disk);
}

static void pull_all(void)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (chat_conn_next_event(conn, &event))
        ;
}

/* Until nothing is wanted now. */
static void settle(void)
{
    int steps = 0;

    do {
        ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
        pull_all();
        ck_assert_int_lt(++steps, 1000);
    } while (chat_loop_get_timeout_ms(loop) == 0);
}

static void go_live(const char *cache_path)
{
    ck_assert_int_eq(open_conn(cache_path, &conn), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
    for (int i = 0; i < 50 && chat_conn_get_state(conn) != CHAT_CONN_LIVE; i++)
        ck_assert_int_eq(chat_loop_step(loop, 100), CHAT_OK);
    ck_assert_int_eq(chat_conn_get_state(conn), CHAT_CONN_LIVE);
    settle();
}

/* An application that looks at all it shows after each step is not kept busy by that. */
START_TEST(looking_at_things_without_news_wants_no_step)
{
    const struct chat_receipt *const *receipts;
    struct chat_diff diff = CHAT_DIFF_INIT;
    chat_view *views[2];
    size_t count;
    int steps = 0;

    go_live(NULL);
    pipe_post(&p, 0, 20);
    ck_assert_int_eq(chat_view_open_channels(conn, NULL, &views[0]), CHAT_OK);
    ck_assert_int_eq(chat_view_open_messages(conn, PIPE_CHANNEL, NULL, &views[1]), CHAT_OK);
    do {
        ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
        pull_all();
        for (int i = 0; i < 2; i++)
            while (chat_view_next_diff(views[i], &diff))
                ;
        for (int i = 0; i < 2; i++)
            (void)chat_view_get_status(views[i]);
        (void)chat_conn_get_channel(conn, PIPE_CHANNEL);
        (void)chat_conn_get_user(conn, PIPE_BOB);
        (void)chat_conn_get_draft(conn, PIPE_CHANNEL);
        (void)chat_conn_get_search_backlog(conn);
        ck_assert_int_eq(chat_conn_get_receipts(conn, PIPE_CHANNEL, &receipts, &count), CHAT_OK);
        ck_assert_int_lt(++steps, 200);
    } while (chat_loop_get_timeout_ms(loop) == 0);
    ck_assert_uint_eq(chat_view_get_count(views[1]), 20);
}
END_TEST

/* "Calls that need the file meanwhile open it for a turn." */
START_TEST(what_is_read_while_suspended_leaves_the_file_free)
{
    chat_conn *other = NULL;
    chat_page *page = NULL;

    go_live("cache");
    pipe_post(&p, 0, 5);
    settle();
    chat_conn_suspend(conn);
    settle();
    switch (_i) {
    case 0:
        ck_assert_int_eq(chat_conn_read_messages(conn, PIPE_CHANNEL, 0, 5, true, &page), CHAT_OK);
        chat_page_free(page);
        break;
    case 1: (void)chat_conn_get_user(conn, PIPE_BOB); break;
    default: (void)chat_conn_get_search_backlog(conn); break;
    }
    ck_assert_int_eq(open_conn("cache", &other), CHAT_OK);
    chat_conn_free(other);
}
END_TEST

/* Its turn is undone: the link is closed and dialed again in time, although nothing else comes. */
START_TEST(a_disk_that_fails_between_two_steps_is_seen_to_in_the_next)
{
    struct chat_event event = CHAT_EVENT_INIT;
    chat_page *page = NULL;

    go_live("cache");
    pipe_post(&p, 0, 5);
    settle();
    ck_assert_int_eq(chat_conn_read_messages(conn, PIPE_CHANNEL, 0, 5, true, &page), CHAT_OK);
    chat_page_free(page); /* that the channel was on screen is to be written down */
    memory_vfs_fail_after(&disk, 0, false);
    do
        ck_assert(chat_conn_next_event(conn, &event));
    while (event.type != CHAT_EVENT_CACHE);
    memory_vfs_fail_after(&disk, MEMORY_VFS_NEVER, false);
    ck_assert_int_eq(chat_loop_get_timeout_ms(loop), 0);
    for (int i = 0; i < 30 && chat_conn_get_state(conn) != CHAT_CONN_LIVE; i++) {
        ck_assert_int_eq(chat_loop_step(loop, 100), CHAT_OK);
        pull_all();
    }
    ck_assert_int_eq(chat_conn_get_state(conn), CHAT_CONN_LIVE);
}
END_TEST

static uint64_t stream(void) { return chat_conn_get_channel(conn, PIPE_CHANNEL)->stream_seq; }

static void disturb(int how)
{
    struct chat_event event = CHAT_EVENT_INIT;

    switch (how) {
    case 0:
        chat_conn_suspend(conn);
        settle();
        chat_conn_resume(conn);
        break;
    case 1:
        chat_conn_stop(conn);
        settle();
        ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
        break;
    case 2: /* its answer waits here, but the time of all requests is over */
        p.clock_us += 20000000;
        chat_conn_set_active(conn);
        break;
    case 3: chat_conn_network_changed(conn); break;
    case 4:
        chat_conn_suspend(conn);
        chat_conn_resume(conn); /* no step between */
        break;
    default: /* the next turn is undone, or that of this call */
        memory_vfs_fail_after(&disk, (size_t)how - 5, false);
        (void)chat_loop_step(loop, 0);
        (void)chat_conn_next_event(conn, &event);
        memory_vfs_fail_after(&disk, MEMORY_VFS_NEVER, false);
        break;
    }
}

START_TEST(half_a_page_that_is_disturbed_is_whole_in_the_end)
{
    chat_page *page = NULL;

    go_live("cache");
    p.head_seq = 180; /* missed: one arrives, the page before it is asked for */
    pipe_post(&p, 0, 1);
    p.head_seq = 181;
    chat_loop_set_budget(loop, 0, 20);
    for (int i = 0; i < 100 && stream() == 0; i++)
        (void)chat_loop_step(loop, 1000);
    ck_assert_uint_gt(stream(), 0);
    ck_assert_uint_lt(stream(), 180);
    disturb(_i);
    for (int i = 0; i < 5000 && stream() < 181; i++) {
        (void)chat_loop_step(loop, 1000);
        pull_all();
    }
    ck_assert_uint_eq(stream(), 181);
    ck_assert_int_eq(chat_conn_read_messages(conn, PIPE_CHANNEL, 0, 181, true, &page), CHAT_OK);
    ck_assert_uint_eq(chat_page_get_count(page), 181);
    chat_page_free(page);
}
END_TEST

/* Takes the close, and the peer never answers it. */
static void close_in_silence(void *self, uint64_t number, uint16_t code, const char *reason,
                             size_t len)
{
    struct pipe_link *l = pipe_find(self, number);

    (void)code, (void)reason, (void)len;
    if (l)
        pipe_drop_queue(l);
}

START_TEST(the_end_of_a_link_that_was_given_up_does_not_hide_why)
{
    static const uint8_t nonsense[] = "no frame at all";
    static const char late[] = "no answer to the close";
    uint64_t number;

    go_live(NULL);
    number = p.links[0].number;
    p.transport.close = close_in_silence;
    pipe_queue(&p, 0, nonsense, sizeof(nonsense));
    settle();
    ck_assert_int_eq(chat_conn_get_state(conn), CHAT_CONN_BACKING_OFF);
    ck_assert_ptr_nonnull(strstr(chat_conn_last_problem(conn), "protocol"));
    p.links[0].number = 0;
    p.sink.on_closed(number, CHAT_E_TIMEOUT, CHAT_CLOSE_ABNORMAL, late, strlen(late), p.sink.user);
    ck_assert_ptr_nonnull(strstr(chat_conn_last_problem(conn), "protocol"));
}
END_TEST

/* --- structs of programs that were built with other headers --- */

#define UP_TO(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

/* What is behind `size` is not the program's. */
START_TEST(a_config_of_an_older_program_is_taken_and_one_of_a_newer_is_not)
{
    struct chat_loop_config l;
    struct chat_conn_config c;
    struct chat_view_config v;
    const size_t loop_first = UP_TO(struct chat_loop_config, ca_file);
    const size_t conn_first = UP_TO(struct chat_conn_config, presence);
    const size_t view_first = UP_TO(struct chat_view_config, around_seq);
    const chat_status expected = _i == 0 ? CHAT_OK : CHAT_E_INVALID;
    chat_loop *other = NULL;
    chat_view *view = NULL;

    memset(&l, 0xa5, sizeof(l));
    memset(&c, 0xa5, sizeof(c));
    memset(&v, 0xa5, sizeof(v));
    chat_loop_config_init_sized(&l, loop_first);
    chat_conn_config_init_sized(&c, conn_first);
    chat_view_config_init_sized(&v, view_first);
    l.transport = &p.transport;
    c.url = "pipe:";
    if (_i == 1) { /* smaller than any that there was */
        l.size--;
        c.size--;
        v.size--;
    } else if (_i == 2) {
        l.size = sizeof(l) + 1;
        c.size = sizeof(c) + 1;
        v.size = sizeof(v) + 1;
    }
    ck_assert_int_eq(chat_loop_new(&l, &other), expected);
    ck_assert_int_eq(chat_conn_new(loop, &c, &conn), expected);
    if (conn)
        ck_assert_int_eq(chat_view_open_channels(conn, &v, &view), expected);
    chat_loop_free(other);
}
END_TEST

START_TEST(an_event_of_an_older_program_is_written_no_further_than_it_is)
{
    union {
        struct chat_event event;
        uint8_t bytes[sizeof(struct chat_event)];
    } out;
    const size_t size = offsetof(struct chat_event, ticket);

    ck_assert_int_eq(open_conn(NULL, &conn), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
    memset(&out, 0xa5, sizeof(out));
    out.event.size = size;
    ck_assert(chat_conn_next_event(conn, &out.event));
    ck_assert_int_eq(out.event.type, CHAT_EVENT_STATE);
    ck_assert_uint_eq(out.event.size, size);
    for (size_t i = size; i < sizeof(out); i++)
        ck_assert_uint_eq(out.bytes[i], 0xa5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_calls");
    TCase *tc = tcase_create("calls");
    SRunner *runner;
    int failed;

    memory_vfs_init(&disk, "memory");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, looking_at_things_without_news_wants_no_step);
    tcase_add_loop_test(tc, what_is_read_while_suspended_leaves_the_file_free, 0, 3);
    tcase_add_test(tc, a_disk_that_fails_between_two_steps_is_seen_to_in_the_next);
    tcase_add_loop_test(tc, half_a_page_that_is_disturbed_is_whole_in_the_end, 0, 12);
    tcase_add_loop_test(tc, a_config_of_an_older_program_is_taken_and_one_of_a_newer_is_not, 0, 3);
    tcase_add_test(tc, an_event_of_an_older_program_is_written_no_further_than_it_is);
    tcase_add_test(tc, the_end_of_a_link_that_was_given_up_does_not_hide_why);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
