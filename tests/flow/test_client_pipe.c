/*
 * The public calls over a host's own transport: two byte queues in memory. It links
 * neither libwebsockets nor libuv nor OpenSSL.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/libchat.h>

#include "base/buf.h"
#include "wire/wire.h"

/* --- a pipe: the service answers within pump() --- */

struct pipe {
    struct chat_transport transport;
    struct chat_transport_sink sink;
    uint64_t link;
    bool opening, closing, refuse;
    int64_t now_ms;
    struct buf inbox[64]; /* messages for the client */
    size_t inbox_count;
    uint32_t sent, connects, wakes;
    uint64_t seq;
};

static struct pipe p;
static chat_loop *loop;
static chat_conn *conn;

static void reply(uint32_t request_id, WireServerFrame *frame)
{
    struct frame *encoded;

    frame->request_id = request_id;
    encoded = wire_encode_server(NULL, frame);
    buf_init(&p.inbox[p.inbox_count], NULL, CHAT_SERVER_MESSAGE_MAX);
    ck_assert_int_eq(buf_append(&p.inbox[p.inbox_count++], encoded->bytes, encoded->len), CHAT_OK);
    frame_unref(encoded);
}

static void welcome(uint32_t request_id)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireWelcome w = WIRE_WELCOME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannel channel = WIRE_CHANNEL__INIT, *pointer = &channel;
    WirePosition head = WIRE_POSITION__INIT;

    w.service_id = 7;
    w.user_id = 1001;
    w.heartbeat_ms = 30000;
    frame.body_case = WIRE_SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &w;
    reply(request_id, &frame);
    head.channel_id = 500;
    head.epoch = 1;
    channel.head = &head;
    channel.home_id = 500;
    channel.kind = WIRE_HOME_KIND__HOME_KIND_GROUP;
    channel.name = (char *)"room";
    channel.permissions = 3;
    list.channels = &pointer;
    list.n_channels = 1;
    list.complete = true;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    reply(0, &frame);
}

static void serve(const WireClientFrame *f)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireSent sent = WIRE_SENT__INIT;

    if (f->body_case == WIRE_CLIENT_FRAME__BODY_HELLO) {
        welcome(f->request_id);
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE) {
        sent.channel_id = f->send_message->channel_id;
        sent.seq = ++p.seq;
        sent.message_id = p.seq * 10;
        frame.body_case = WIRE_SERVER_FRAME__BODY_SENT;
        frame.sent = &sent;
        reply(f->request_id, &frame);
    }
}

static chat_status pipe_start(void *self, const struct chat_transport_sink *sink)
{
    (void)self;
    p.sink = *sink;
    return CHAT_OK;
}

static chat_status pipe_connect(void *self, uint64_t link, const struct chat_connect *to)
{
    (void)self;
    ck_assert_str_eq(to->subprotocol, "libchat.v1");
    p.connects++;
    if (p.refuse)
        return CHAT_E_FULL;
    p.link = link;
    p.opening = true;
    return CHAT_OK;
}

static chat_status pipe_send(void *self, uint64_t link, const struct chat_buffer *buffers,
                             size_t count, bool *out_blocked)
{
    static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX];
    WireClientBatch *batch;
    struct wire_fault fault;
    struct arena arena;
    size_t len = 0;

    (void)self;
    ck_assert_uint_eq(link, p.link);
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + len, buffers[i].bytes, buffers[i].len);
        len += buffers[i].len;
    }
    arena_init(&arena, NULL, 1u << 20);
    ck_assert_int_eq(wire_decode_client(bytes, len, &arena, &batch, &fault), CHAT_OK);
    for (size_t i = 0; i < batch->n_frames; i++)
        serve(batch->frames[i]);
    arena_fini(&arena);
    p.sent++;
    *out_blocked = false;
    return CHAT_OK;
}

static void pipe_close(void *self, uint64_t link, uint16_t code, const char *reason, size_t len)
{
    (void)self, (void)code, (void)reason, (void)len;
    p.closing = link == p.link;
}

static chat_status pipe_pump(void *self, int64_t timeout_ms)
{
    (void)self;
    if (p.opening) {
        p.opening = false;
        p.sink.on_opened(p.link, p.sink.user);
    } else if (p.inbox_count == 0 && !p.closing && timeout_ms > 0) {
        p.now_ms += timeout_ms; /* nothing happens: time passes */
    }
    for (size_t i = 0; i < p.inbox_count; i++) {
        p.sink.on_message(p.link, p.inbox[i].bytes, p.inbox[i].len, p.sink.user);
        buf_fini(&p.inbox[i]);
    }
    p.inbox_count = 0;
    if (p.closing) {
        p.closing = false;
        p.sink.on_closed(p.link, CHAT_OK, 1000, "", 0, p.sink.user);
    }
    return CHAT_OK;
}

static int pipe_fd(void *self)
{
    (void)self;
    return -1;
}

static int64_t pipe_deadline(void *self)
{
    (void)self;
    return p.inbox_count || p.opening || p.closing ? p.now_ms : CHAT_DEADLINE_NEVER;
}

static void pipe_wake(void *self)
{
    (void)self;
    p.wakes++;
}

static void pipe_now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    (void)self;
    *out_mono_ms = p.now_ms;
    *out_wall_ms = INT64_C(1700000000000) + p.now_ms;
}

static chat_status pipe_random(void *self, uint8_t *bytes, size_t len)
{
    (void)self;
    memset(bytes, 5, len);
    return CHAT_OK;
}

/* --- tests --- */

static void setup(void)
{
    struct chat_loop_config config;
    struct chat_conn_config conn_config;

    memset(&p, 0, sizeof(p));
    p.now_ms = 1000;
    p.transport = (struct chat_transport){
        .size = sizeof(p.transport),
        .start = pipe_start,
        .connect = pipe_connect,
        .send = pipe_send,
        .close = pipe_close,
        .pump = pipe_pump,
        .get_fd = pipe_fd,
        .get_deadline_ms = pipe_deadline,
        .wake = pipe_wake,
        .now = pipe_now,
        .random = pipe_random,
    };
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
    for (size_t i = 0; i < p.inbox_count; i++)
        buf_fini(&p.inbox[i]);
    chat_loop_free(loop);
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
    ck_assert(p.closing);
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
