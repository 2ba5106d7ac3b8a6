/*
 * The public calls over a host's own transport: two byte queues in memory. It links
 * neither libwebsockets nor libuv nor OpenSSL.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/libchat.h>

#include "../support/pipe.h"

static struct pipe p;
static chat_loop *loop;
static chat_conn *conn;

static void setup(void)
{
    struct chat_loop_config config;
    struct chat_conn_config conn_config;

    pipe_init(&p);
    chat_loop_config_init(&config);
    config.transport = &p.transport;
    ck_assert_int_eq(chat_loop_new(&config, &loop), CHAT_OK);
    chat_conn_config_init(&conn_config);
    conn_config.url = "pipe:";
    conn_config.token = "token";
    ck_assert_int_eq(chat_conn_new(loop, &conn_config, &conn), CHAT_OK);
}

static void teardown(void)
{
    chat_conn_free(conn);
    chat_loop_free(loop);
    pipe_fini(&p);
}

/* Steps and pulls; true when such an event came. It is in *out until the next call. */
static bool wait_for(chat_event_type type, struct chat_event *out)
{
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(chat_loop_step(loop, 100), CHAT_OK);
        while (chat_conn_next_event(conn, out))
            if (out->type == type)
                return true;
    }
    return false;
}

static void go_live(void)
{
    struct chat_event event = CHAT_EVENT_INIT;

    ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
    do
        ck_assert(wait_for(CHAT_EVENT_STATE, &event));
    while (event.state != CHAT_CONN_LIVE);
}

START_TEST(a_message_goes_all_the_way_over_a_pipe)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct chat_nonce nonce;

    go_live();
    ck_assert_str_eq(chat_conn_get_channel(conn, 500)->name, "room");
    ck_assert_int_eq(chat_conn_send_text(conn, 500, "hello", 5, &nonce), CHAT_OK);
    ck_assert_int_eq(chat_loop_get_timeout_ms(loop), 0);
    ck_assert(wait_for(CHAT_EVENT_MESSAGE, &event));
    ck_assert_uint_eq(event.message->nonce.counter, nonce.counter);
    ck_assert_uint_eq(event.message->nonce.device_id, nonce.device_id);
    ck_assert_str_eq(event.message->text, "hello");
    ck_assert(event.message->own);
    ck_assert_uint_eq(chat_conn_get_outgoing_count(conn), 0);
}
END_TEST

/* Before there is a link: what waits is changed, dropped, followed. */
START_TEST(what_is_typed_offline_can_still_be_changed)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct chat_content content = CHAT_CONTENT_INIT;
    struct chat_nonce hello, gone;
    uint64_t ticket;

    go_live();
    chat_conn_suspend(conn);
    ck_assert_int_eq(chat_conn_send_text(conn, 500, "helo", 4, &hello), CHAT_OK);
    ck_assert_int_eq(chat_conn_send_text(conn, 500, "gone", 4, &gone), CHAT_OK);
    content.text = "hello";
    content.text_len = 5;
    ck_assert_int_eq(chat_conn_edit_outgoing(conn, &hello, &content, NULL), CHAT_OK);
    ck_assert_int_eq(chat_conn_react_outgoing(conn, &gone, "+1", 2, false, NULL), CHAT_OK);
    ck_assert_uint_eq(chat_conn_get_outgoing_count(conn), 3);
    ck_assert_int_eq(chat_conn_delete_outgoing(conn, &gone, NULL), CHAT_OK);
    ck_assert_int_eq(chat_conn_discard(conn, &gone), CHAT_E_NOT_FOUND);
    ck_assert_uint_eq(chat_conn_get_outgoing_count(conn), 1);
    chat_conn_resume(conn);
    ck_assert(wait_for(CHAT_EVENT_MESSAGE, &event));
    ck_assert_str_eq(event.message->text, "hello");
    ck_assert_uint_eq(event.message->nonce.counter, hello.counter);

    ck_assert_int_eq(chat_conn_fetch_around(conn, 500, 1, 10, &ticket), CHAT_OK);
    ck_assert(wait_for(CHAT_EVENT_HISTORY, &event));
    ck_assert_uint_eq(event.message->seq, 1);
    ck_assert_int_eq(chat_conn_find_message(conn, 500, event.message->message_id, 1, &ticket),
                     CHAT_OK);
    ck_assert(wait_for(CHAT_EVENT_HISTORY, &event));
    ck_assert_uint_eq(event.ticket, ticket);
    ck_assert_uint_eq(event.message->seq, 1);
    ck_assert_int_eq(chat_conn_react(conn, 500, 1, "", 0, false, NULL), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_refused_connect_backs_off_and_tries_again)
{
    struct chat_event event = CHAT_EVENT_INIT;

    p.refuse = true;
    ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
    do
        ck_assert(wait_for(CHAT_EVENT_STATE, &event));
    while (event.state != CHAT_CONN_BACKING_OFF);
    p.refuse = false;
    do
        ck_assert(wait_for(CHAT_EVENT_STATE, &event));
    while (event.state != CHAT_CONN_LIVE);
    ck_assert_uint_ge(p.connects, 2);
}
END_TEST

START_TEST(a_conn_is_freed_with_its_link_open)
{
    go_live();
    chat_conn_free(conn);
    conn = NULL;
    ck_assert(p.links[0].closing);
    ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
    ck_assert_int_eq(chat_loop_get_timeout_ms(loop), -1);
}
END_TEST

START_TEST(stop_says_goodbye_and_start_comes_back)
{
    struct chat_event event = CHAT_EVENT_INIT;

    go_live();
    chat_conn_stop(conn);
    ck_assert_int_eq(chat_conn_get_state(conn), CHAT_CONN_CLOSED);
    ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
    while (chat_conn_next_event(conn, &event))
        ;
    go_live();
}
END_TEST

START_TEST(an_older_event_struct_is_filled_only_as_far_as_it_goes)
{
    union {
        struct chat_event event;
        uint8_t bytes[sizeof(struct chat_event)];
    } u;

    memset(u.bytes, 0xaa, sizeof(u.bytes));
    u.event.size = offsetof(struct chat_event, channel_id);
    ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
    ck_assert(chat_conn_next_event(conn, &u.event));
    ck_assert_int_eq(u.event.type, CHAT_EVENT_STATE);
    ck_assert_uint_eq(u.event.size, offsetof(struct chat_event, channel_id));
    ck_assert_uint_eq(u.bytes[offsetof(struct chat_event, channel_id)], 0xaa);
}
END_TEST

START_TEST(wrong_configs_are_refused)
{
    struct chat_conn_config config;
    struct chat_loop_config loop_config;
    chat_conn *none = NULL;
    chat_loop *no_loop = NULL;

    chat_conn_config_init(&config);
    ck_assert_int_eq(chat_conn_new(loop, &config, &none), CHAT_E_INVALID);
    config.url = "pipe:";
    config.size = 8;
    ck_assert_int_eq(chat_conn_new(loop, &config, &none), CHAT_E_INVALID);
    chat_loop_config_init(&loop_config);
    p.transport.send = NULL;
    loop_config.transport = &p.transport;
    ck_assert_int_eq(chat_loop_new(&loop_config, &no_loop), CHAT_E_INVALID);
    ck_assert(!none && !no_loop);
}
END_TEST

START_TEST(wake_reaches_the_transport)
{
    chat_loop_wake(loop);
    ck_assert_uint_eq(p.wakes, 1);
    ck_assert_int_eq(chat_loop_get_fd(loop), -1);
}
END_TEST

/* --- views --- */

/* All diffs of the view; the last message row's text and state. */
static uint32_t pull(chat_view *view, char *text, size_t size, chat_outgoing_state *out_state)
{
    struct chat_diff diff = CHAT_DIFF_INIT;
    uint32_t pulled = 0;

    for (; chat_view_next_diff(view, &diff); pulled++) {
        ck_assert_uint_eq(diff.size, sizeof(diff));
        if (!diff.row || !diff.row->message)
            continue;
        snprintf(text, size, "%s", diff.row->message->text);
        *out_state = diff.row->state;
    }
    return pulled;
}

static chat_view *wait_for_view(void)
{
    struct chat_event event = CHAT_EVENT_INIT;

    ck_assert(wait_for(CHAT_EVENT_VIEW, &event));
    return event.view;
}

START_TEST(an_own_message_is_shown_by_views_from_the_keystroke_on)
{
    chat_outgoing_state state = CHAT_OUTGOING_DONE;
    struct chat_view_config config;
    chat_view *list, *window;
    const struct chat_row *row;
    char text[32] = "";
    int mine = 0;

    chat_view_config_init(&config);
    config.user = &mine;
    ck_assert_int_eq(chat_view_open_channels(conn, NULL, &list), CHAT_OK);
    ck_assert_int_eq(chat_view_open_messages(conn, 500, &config, &window), CHAT_OK);
    ck_assert_ptr_eq(chat_view_get_user(window), &mine);
    ck_assert_uint_eq(chat_view_get_channel_id(window), 500);
    go_live();
    (void)pull(list, text, sizeof(text), &state);
    (void)pull(window, text, sizeof(text), &state);
    ck_assert_uint_eq(chat_view_get_count(list), 1);
    ck_assert_str_eq(chat_view_get_status(window)->title, "room");

    ck_assert_int_eq(chat_conn_send_text(conn, 500, "hello", 5, NULL), CHAT_OK);
    ck_assert(chat_view_is_ready(window));
    ck_assert_uint_ge(pull(window, text, sizeof(text), &state), 1);
    ck_assert_str_eq(text, "hello");
    ck_assert_int_eq(state, CHAT_OUTGOING_QUEUED);
    while (state != CHAT_OUTGOING_DONE)
        (void)pull(wait_for_view(), text, sizeof(text), &state);
    (void)pull(list, text, sizeof(text), &state);
    (void)pull(window, text, sizeof(text), &state);
    ck_assert(chat_view_get_row(window, 0, &row));
    ck_assert_uint_eq(row->message->seq, 1);
    ck_assert(!chat_view_is_ready(window));
    chat_view_free(list);
} /* the window goes with the conn */
END_TEST

START_TEST(a_view_is_freed_while_its_event_is_at_hand)
{
    chat_view *list, *window;

    go_live();
    ck_assert_int_eq(chat_view_open_channels(conn, NULL, &list), CHAT_OK);
    ck_assert_int_eq(chat_view_open_messages(conn, 500, NULL, &window), CHAT_OK);
    chat_view_free(wait_for_view());
    ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
    chat_view_free(wait_for_view());
    chat_view_free(NULL);
    ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK);
}
END_TEST

START_TEST(a_window_is_moved_by_public_calls)
{
    chat_view *window;

    go_live();
    ck_assert_int_eq(chat_view_open_messages(conn, 500, NULL, &window), CHAT_OK);
    ck_assert_int_eq(chat_view_load_older(window, 10), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(chat_view_load_newer(window, 10), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(chat_view_load_newer(window, 0), CHAT_E_INVALID);
    ck_assert_int_eq(chat_view_jump_to(window, 0), CHAT_E_INVALID);
    ck_assert_int_eq(chat_view_jump_to(window, 3), CHAT_OK);
    ck_assert_int_eq(chat_view_jump_to_latest(window), CHAT_OK);
    ck_assert_int_eq(chat_view_set_visible(window, 0, 0), CHAT_E_INVALID);
    ck_assert_int_eq(chat_view_mark_read(window), CHAT_E_NOT_FOUND);
    ck_assert_str_eq(chat_diff_type_name(CHAT_DIFF_MOVE), "move");
    ck_assert_str_eq(chat_diff_type_name((chat_diff_type)99), "unknown");
}
END_TEST

START_TEST(an_older_diff_struct_is_filled_only_as_far_as_it_goes)
{
    union {
        struct chat_diff diff;
        uint8_t bytes[sizeof(struct chat_diff)];
    } u;
    struct chat_view_config config;
    chat_view *list;

    chat_view_config_init(&config);
    config.size = 8;
    ck_assert_int_eq(chat_view_open_channels(conn, &config, &list), CHAT_E_INVALID);
    go_live();
    ck_assert_int_eq(chat_view_open_channels(conn, NULL, &list), CHAT_OK);
    memset(u.bytes, 0xaa, sizeof(u.bytes));
    u.diff.size = offsetof(struct chat_diff, row);
    ck_assert(chat_view_next_diff(list, &u.diff));
    ck_assert_int_eq(u.diff.type, CHAT_DIFF_INSERT);
    ck_assert_uint_eq(u.diff.key, 500);
    ck_assert_uint_eq(u.diff.size, offsetof(struct chat_diff, row));
    ck_assert_uint_eq(u.bytes[offsetof(struct chat_diff, row)], 0xaa);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_pipe");
    TCase *tc = tcase_create("pipe");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_message_goes_all_the_way_over_a_pipe);
    tcase_add_test(tc, what_is_typed_offline_can_still_be_changed);
    tcase_add_test(tc, a_refused_connect_backs_off_and_tries_again);
    tcase_add_test(tc, a_conn_is_freed_with_its_link_open);
    tcase_add_test(tc, stop_says_goodbye_and_start_comes_back);
    tcase_add_test(tc, an_older_event_struct_is_filled_only_as_far_as_it_goes);
    tcase_add_test(tc, wrong_configs_are_refused);
    tcase_add_test(tc, wake_reaches_the_transport);
    tcase_add_test(tc, an_own_message_is_shown_by_views_from_the_keystroke_on);
    tcase_add_test(tc, a_view_is_freed_while_its_event_is_at_hand);
    tcase_add_test(tc, a_window_is_moved_by_public_calls);
    tcase_add_test(tc, an_older_diff_struct_is_filled_only_as_far_as_it_goes);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
