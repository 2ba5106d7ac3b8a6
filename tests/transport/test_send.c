/* Sending: peers that do not read, many at once, and stopping in the middle of it. */
#include "rig.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libchat/close.h>

#include "base/alloc.h"
#include "transport/fd_limit.h"

#define MANY 1000
#define BIG 100000

static struct rig rig;

static void setup(void) { memset(&rig, 0, sizeof(rig)); }
static void teardown(void) { rig_stop(&rig); }

static struct frame *frame_of(size_t len, uint8_t fill)
{
    struct frame *frame = frame_new(&alloc_default, len);

    memset(frame->bytes, fill, len);
    return frame;
}

static void read_frame(int fd, uint8_t *bytes, size_t len)
{
    uint8_t head[10];
    size_t got, extra;

    ck_assert_uint_eq(raw_read(&rig, fd, head, 2), 2);
    ck_assert_uint_eq(head[0], 0x82);
    got = head[1];
    if (got >= 126) {
        extra = got == 126 ? 2 : 8;
        ck_assert_uint_eq(raw_read(&rig, fd, head + 2, extra), extra);
        got = 0;
        for (size_t i = 0; i < extra; i++)
            got = got << 8 | head[2 + i];
    }
    ck_assert_uint_eq(got, len);
    ck_assert_uint_eq(raw_read(&rig, fd, bytes, len), len);
}

START_TEST(one_frame_serves_many_connections_in_one_message_each)
{
    static const size_t lens[] = {1, 125, 126, 65535, 65536, 1048576};
    struct frame *frame = frame_of(lens[_i], 'f');
    uint8_t *bytes = malloc(lens[_i]);
    struct carrier *carriers[3];
    int fds[3];
    bool blocked;

    rig_start_plain(&rig);
    for (int i = 0; i < 3; i++) {
        fds[i] = raw_upgrade(&rig);
        carriers[i] = rig.server.carrier;
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(carrier_send(carriers[i], &frame, 1, frame->len, &blocked), CHAT_OK);
        read_frame(fds[i], bytes, lens[_i]);
        ck_assert_uint_eq(bytes[0], 'f');
        ck_assert_uint_eq(bytes[lens[_i] - 1], 'f');
        (void)close(fds[i]);
    }
    ck_assert_uint_eq(frame->refs, 1);
    frame_unref(frame);
    free(bytes);
}
END_TEST

START_TEST(several_frames_are_one_message)
{
    struct frame *frames[] = {frame_of(3, 'a'), frame_of(200, 'b'), frame_of(1, 'c')};
    uint8_t bytes[204];
    bool blocked;
    int fd;

    rig_start_plain(&rig);
    fd = raw_upgrade(&rig);
    ck_assert_int_eq(carrier_send(rig.server.carrier, frames, 3, 204, &blocked), CHAT_OK);
    ck_assert(!blocked);
    read_frame(fd, bytes, 204);
    ck_assert_mem_eq(bytes, "aaab", 4);
    ck_assert_mem_eq(bytes + 202, "bc", 2);
    for (int i = 0; i < 3; i++)
        frame_unref(frames[i]);
    (void)close(fd);
}
END_TEST

/* Fills the socket until the carrier says so; returns how many messages it took. */
static unsigned fill(struct carrier *carrier)
{
    struct frame *frame = frame_of(BIG, 0);
    unsigned count = 0;
    bool blocked = false;

    for (; !blocked; count++) {
        memset(frame->bytes, (int)count, BIG);
        ck_assert_int_eq(carrier_send(carrier, &frame, 1, BIG, &blocked), CHAT_OK);
        ck_assert_uint_lt(count, 1000);
    }
    ck_assert_int_eq(carrier_send(carrier, &frame, 1, BIG, &blocked), CHAT_E_STATE);
    frame_unref(frame);
    return count;
}

START_TEST(who_does_not_read_blocks_and_loses_nothing_when_he_does)
{
    uint8_t *bytes = malloc(BIG);
    unsigned count;
    int fd;

    rig_start_plain(&rig);
    fd = raw_upgrade(&rig);
    count = fill(rig.server.carrier);
    ck_assert_uint_eq(rig.server.drained, 0);
    for (unsigned i = 0; i < count; i++) {
        read_frame(fd, bytes, BIG);
        ck_assert_uint_eq(bytes[0], i & 0xff);
        ck_assert_uint_eq(bytes[BIG - 1], i & 0xff);
    }
    while (!rig.server.drained)
        rig_idle(&rig, 1);
    ck_assert_uint_eq(rig.server.drained, 1);
    ck_assert_uint_gt(fill(rig.server.carrier), 0);
    (void)close(fd);
    free(bytes);
}
END_TEST

START_TEST(who_never_reads_is_cut_in_drain_ms)
{
    struct listener_config config = rig_config(&rig);
    struct ws_limits limits = ws_limits_client;
    int fd;

    limits.drain_ms = 100;
    config.client_limits = &limits;
    rig_start(&rig, &config, NULL);
    fd = raw_upgrade(&rig);
    (void)fill(rig.server.carrier);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_E_TIMEOUT);
    while (listener_get_stats(rig.listener)->connections)
        rig_idle(&rig, 1);
    (void)close(fd);
}
END_TEST

/* A pong that is half out belongs to libwebsockets: what comes meanwhile waits with us. */
START_TEST(a_message_never_gets_into_the_middle_of_a_pong)
{
    uint8_t ping[131] = {0}, *bytes = malloc(BIG), head[2], pong[125];
    struct frame *frame = frame_of(5, 'm');
    size_t len;
    unsigned count, pongs = 0;
    bool blocked;
    int fd;

    rig_start_plain(&rig);
    fd = raw_upgrade(&rig);
    count = fill(rig.server.carrier);
    len = raw_header(ping, 0x89, 125, 7) + 125;
    raw_send(&rig, fd, ping, len);
    rig_idle(&rig, 20);
    for (unsigned i = 0; i < count; i++)
        read_frame(fd, bytes, BIG);
    while (!rig.server.drained)
        rig_idle(&rig, 1);
    ck_assert_int_eq(carrier_send(rig.server.carrier, &frame, 1, 5, &blocked), CHAT_OK);
    for (;;) {
        ck_assert_uint_eq(raw_read(&rig, fd, head, 2), 2);
        if (head[0] == 0x82)
            break;
        ck_assert_uint_eq(head[0], 0x8a);
        ck_assert_uint_eq(raw_read(&rig, fd, pong, head[1]), 125);
        pongs++;
    }
    ck_assert_uint_eq(head[1], 5);
    ck_assert_uint_eq(raw_read(&rig, fd, bytes, 5), 5);
    ck_assert_mem_eq(bytes, "mmmmm", 5);
    ck_assert_uint_le(pongs, 1);
    frame_unref(frame);
    (void)close(fd);
    free(bytes);
}
END_TEST

START_TEST(what_was_sent_leaves_before_the_close)
{
    uint8_t *bytes = malloc(BIG);
    unsigned count;
    int fd;

    rig_start_plain(&rig);
    fd = raw_upgrade(&rig);
    count = fill(rig.server.carrier);
    carrier_close(rig.server.carrier, CHAT_CLOSE_SLOW_CONSUMER, "slow_consumer", 13);
    for (unsigned i = 0; i < count; i++)
        read_frame(fd, bytes, BIG);
    ck_assert_uint_eq(raw_read_close(&rig, fd), CHAT_CLOSE_SLOW_CONSUMER);
    (void)close(fd);
    rig_until_closed(&rig, 1);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_SLOW_CONSUMER);
    free(bytes);
}
END_TEST

START_TEST(a_close_that_is_never_read_ends_in_close_ms)
{
    struct listener_config config = rig_config(&rig);
    struct ws_limits limits = ws_limits_client;
    int fd;

    limits.close_ms = 100;
    config.client_limits = &limits;
    rig_start(&rig, &config, NULL);
    fd = raw_upgrade(&rig);
    if (_i)
        (void)fill(rig.server.carrier);
    carrier_close(rig.server.carrier, CHAT_CLOSE_DRAINING, NULL, 0);
    rig_until_closed(&rig, 1);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_DRAINING);
    while (listener_get_stats(rig.listener)->connections)
        rig_idle(&rig, 1);
    (void)close(fd);
}
END_TEST

START_TEST(a_message_over_the_limit_is_not_sent)
{
    struct frame *frame = frame_of(NET_MESSAGE_MAX + 1, 0);
    bool blocked;
    int fd;

    rig_start_plain(&rig);
    fd = raw_upgrade(&rig);
    ck_assert_int_eq(carrier_send(rig.server.carrier, &frame, 1, frame->len, &blocked),
                     CHAT_E_TOO_LARGE);
    frame_unref(frame);
    (void)close(fd);
}
END_TEST

static bool all_have_come(struct rig *r, void *user)
{
    (void)user;
    return r->server.messages >= MANY;
}

/* A thousand dialers on the same loop, each with one message; then everything stops. */
START_TEST(a_thousand_connections_talk_and_stop)
{
    static const struct chat_buffer hello = {(const uint8_t *)"hello", 5};
    static struct ws_conn *conns[MANY];
    bool blocked;

    rig_start_plain(&rig);
    for (int i = 0; i < MANY; i++)
        conns[i] = rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_CLIENT, NULL);
    rig_until_opened(&rig, MANY);
    while (rig.client.opened < MANY)
        rig_idle(&rig, 1);
    ck_assert_uint_eq(rig.net->conn_count, 2 * MANY);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(ws_conn_send(conns[i], &hello, 1, &blocked), CHAT_OK);
    rig_until(&rig, all_have_come, NULL);
    ck_assert_uint_eq(rig.server.bytes, MANY * 5);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->handshakes, 0);
}
END_TEST

START_TEST(all_say_goodbye)
{
    static struct ws_conn *conns[MANY];

    rig_start_plain(&rig);
    for (int i = 0; i < 100; i++)
        conns[i] = rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_CLIENT, NULL);
    while (rig.client.opened < 100 || rig.server.opened < 100)
        rig_idle(&rig, 1);
    for (int i = 0; i < 100; i++)
        carrier_close(&conns[i]->carrier, CHAT_CLOSE_GOING_AWAY, "stop", 4);
    rig_until_closed(&rig, 100);
    while (rig.net->conn_count)
        rig_idle(&rig, 1);
    ck_assert_uint_eq(rig.client.closed, 100);
    ck_assert_int_eq(rig.client.status, CHAT_OK);
}
END_TEST

/* Everything is in the air: handshakes, messages, blocked writes, closes. */
START_TEST(stopping_under_load_leaks_nothing)
{
    struct listener_config config = rig_config(&rig);
    struct ws_conn *conn;
    struct chat_buffer buffer;
    uint8_t *bytes = calloc(1, BIG);
    int fds[4];
    bool blocked;

    buffer = (struct chat_buffer){bytes, BIG};
    config.cert_file = _i % 2 ? rig_certs("cert.pem") : NULL;
    config.key_file = _i % 2 ? rig_certs("key.pem") : NULL;
    rig_start(&rig, &config, _i % 2 ? rig_certs("ca.pem") : NULL);
    rig.server.echo = true;
    for (int i = 0; i < 50; i++)
        (void)rig_dial(&rig, rig_url(&rig, _i % 2 ? "wss" : "ws", "127.0.0.1"), WS_SUBPROTOCOL_LINK,
                       "Bearer " RIG_SECRET);
    for (int i = 0; i < 4; i++)
        fds[i] = raw_connect(&rig);
    for (int turns = 0; turns < _i * 10; turns++) {
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
        if (rig.client.carrier && turns % 2) {
            conn = (struct ws_conn *)rig.client.carrier;
            (void)ws_conn_send(conn, &buffer, 1, &blocked);
        }
        if (rig.server.carrier && turns % 7 == 0)
            carrier_close(rig.server.carrier, 1001, "x", 1);
    }
    net_shut(rig.net);
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
    free(bytes);
}
END_TEST

START_TEST(a_draining_listener_answers_health_and_refuses_the_rest)
{
    char answer[1024] = "";
    int fd;

    rig_start_plain(&rig);
    listener_drain(rig.listener, true);
    fd = raw_connect(&rig);
    raw_upgrade_with(&rig, fd, WS_SUBPROTOCOL_CLIENT, "");
    raw_read_head(&rig, fd, answer, sizeof(answer));
    ck_assert_msg(!strncmp(answer, "HTTP/1.1 503 ", 13), "%s", answer);
    (void)close(fd);
    fd = raw_connect(&rig);
    raw_send_text(&rig, fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    raw_read_head(&rig, fd, answer, sizeof(answer));
    ck_assert_msg(!strncmp(answer, "HTTP/1.1 200 ", 13), "%s", answer);
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("send");
    TCase *tc = tcase_create("send");

    (void)fd_limit_raise();
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, one_frame_serves_many_connections_in_one_message_each, 0, 6);
    tcase_add_test(tc, several_frames_are_one_message);
    tcase_add_test(tc, who_does_not_read_blocks_and_loses_nothing_when_he_does);
    tcase_add_test(tc, who_never_reads_is_cut_in_drain_ms);
    tcase_add_test(tc, a_message_never_gets_into_the_middle_of_a_pong);
    tcase_add_test(tc, what_was_sent_leaves_before_the_close);
    tcase_add_loop_test(tc, a_close_that_is_never_read_ends_in_close_ms, 0, 2);
    tcase_add_test(tc, a_message_over_the_limit_is_not_sent);
    tcase_add_test(tc, a_thousand_connections_talk_and_stop);
    tcase_add_test(tc, all_say_goodbye);
    tcase_add_loop_test(tc, stopping_under_load_leaks_nothing, 0, 12);
    tcase_add_test(tc, a_draining_listener_answers_health_and_refuses_the_rest);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
