/* chat_transport_ws: the seam of <libchat/transport.h>, as an application's loop uses it. */
#include "rig.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libchat/close.h>
#include <libchat/transport.h>

#include "transport/ws_transport.h"

static struct rig rig;
static struct chat_transport *transport;

static struct told {
    unsigned opened, messages, drained, closed;
    uint64_t link;
    chat_status status;
    uint16_t code;
    char reason[CHAT_CLOSE_REASON_MAX + 1];
    uint8_t last[64];
    size_t last_len;
    size_t bytes;
    bool in_pump;
} told;

static void on_opened(uint64_t link, void *user)
{
    ck_assert_ptr_eq(user, &told);
    ck_assert(told.in_pump);
    told.opened++;
    told.link = link;
}

static void on_message(uint64_t link, const uint8_t *bytes, size_t len, void *user)
{
    (void)user;
    ck_assert(told.in_pump);
    told.link = link;
    told.messages++;
    told.bytes += len;
    told.last_len = len < sizeof(told.last) ? len : sizeof(told.last);
    memcpy(told.last, bytes, told.last_len);
}

static void on_drained(uint64_t link, void *user)
{
    (void)link, (void)user;
    ck_assert(told.in_pump);
    told.drained++;
}

static void on_closed(uint64_t link, chat_status status, uint16_t code, const char *reason,
                      size_t reason_len, void *user)
{
    (void)user;
    ck_assert(told.in_pump);
    told.closed++;
    told.link = link;
    told.status = status;
    told.code = code;
    memcpy(told.reason, reason, reason_len);
    told.reason[reason_len] = '\0';
}

static const struct chat_transport_sink sink = {
    .size = sizeof(sink),
    .user = &told,
    .on_opened = on_opened,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

static void make(const char *ca_file, const char *dns_servers, uint32_t links_max)
{
    const struct chat_transport_ws_config config = {
        .size = sizeof(config),
        .ca_file = ca_file,
        .dns_servers = dns_servers,
        .links_max = links_max,
        .close_timeout_ms = 500,
    };

    ck_assert_int_eq(ws_transport_new(&config, &transport), CHAT_OK);
    ck_assert_int_eq(transport->start(transport->self, &sink), CHAT_OK);
}

static void setup(void)
{
    memset(&rig, 0, sizeof(rig));
    memset(&told, 0, sizeof(told));
}

static void teardown(void)
{
    if (transport)
        transport->free(transport->self);
    transport = NULL;
    rig_stop(&rig);
}

static chat_status connect_to(uint64_t link, const char *url)
{
    const struct chat_connect to = {
        .size = sizeof(to),
        .url = url,
        .subprotocol = "libchat.v1",
        .message_max = 4096,
        .timeout_ms = 5000,
    };

    return transport->connect(transport->self, link, &to);
}

static void pump(void)
{
    told.in_pump = true;
    ck_assert_int_eq(transport->pump(transport->self, 0), CHAT_OK);
    told.in_pump = false;
}

/* Both loops, until it is so. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t end_ms_ = (int64_t)(uv_hrtime() / 1000000) + RIG_PATIENCE_MS;                      \
        while (!(condition)) {                                                                     \
            ck_assert_msg((int64_t)(uv_hrtime() / 1000000) < end_ms_, "not in time: " #condition); \
            if (rig.net)                                                                           \
                rig_idle(&rig, 1);                                                                 \
            pump();                                                                                \
        }                                                                                          \
    } while (0)

static chat_status send_text(uint64_t link, const char *text, bool *out_blocked)
{
    const struct chat_buffer buffers[] = {{(const uint8_t *)text, strlen(text)}, {NULL, 0}};

    return transport->send(transport->self, link, buffers, 2, out_blocked);
}

START_TEST(a_link_lives_from_connect_to_closed)
{
    bool blocked = true;

    rig_start_plain(&rig);
    rig.server.echo = true;
    make(NULL, NULL, 4);
    ck_assert_int_eq(connect_to(7, rig_url(&rig, "ws", "localhost")), CHAT_OK);
    ck_assert_int_eq(send_text(7, "early", &blocked), CHAT_E_STATE);
    UNTIL(told.opened);
    ck_assert_uint_eq(told.link, 7);
    ck_assert_int_eq(send_text(7, "hello", &blocked), CHAT_OK);
    ck_assert(!blocked);
    UNTIL(told.messages);
    ck_assert_mem_eq(told.last, "hello", 5);
    transport->close(transport->self, 7, CHAT_CLOSE_NORMAL, "bye", 3);
    ck_assert_uint_eq(told.closed, 0);
    ck_assert_int_eq(send_text(7, "late", &blocked), CHAT_E_STATE);
    UNTIL(told.closed);
    ck_assert_int_eq(told.status, CHAT_OK);
    ck_assert_uint_eq(told.code, CHAT_CLOSE_NORMAL);
    rig_until_closed(&rig, 1);
    ck_assert_str_eq(rig.server.reason, "bye");
    ck_assert_int_eq(send_text(7, "dead", &blocked), CHAT_E_STATE);
    transport->close(transport->self, 7, CHAT_CLOSE_NORMAL, NULL, 0);
}
END_TEST

START_TEST(arguments_are_checked)
{
    rig_start_plain(&rig);
    make(NULL, NULL, 1);
    ck_assert_int_eq(transport->start(transport->self, &sink), CHAT_E_STATE);
    ck_assert_int_eq(connect_to(0, "ws://localhost/"), CHAT_E_INVALID);
    ck_assert_int_eq(connect_to(1, "gopher://localhost/"), CHAT_E_INVALID);
    ck_assert_int_eq(connect_to(1, "ws://127.0.0.1:1/"), CHAT_OK);
    ck_assert_int_eq(connect_to(1, "ws://127.0.0.1:1/"), CHAT_E_INVALID);
    ck_assert_int_eq(connect_to(2, "ws://127.0.0.1:1/"), CHAT_E_FULL);
    UNTIL(told.closed);
    ck_assert_int_eq(told.status, CHAT_E_NETWORK);
    ck_assert_int_eq(connect_to(2, "ws://127.0.0.1:1/"), CHAT_OK);
}
END_TEST

START_TEST(a_message_over_message_max_ends_the_link)
{
    struct frame *frame;
    bool blocked;

    rig_start_plain(&rig);
    make(NULL, NULL, 1);
    ck_assert_int_eq(connect_to(1, rig_url(&rig, "ws", "127.0.0.1")), CHAT_OK);
    UNTIL(told.opened && rig.server.opened);
    frame = frame_new(NULL, 4097);
    memset(frame->bytes, 0, 4097);
    frame->len = 4096;
    ck_assert_int_eq(carrier_send(rig.server.carrier, &frame, 1, 4096, &blocked), CHAT_OK);
    UNTIL(told.messages);
    frame->len = 4097;
    ck_assert_int_eq(carrier_send(rig.server.carrier, &frame, 1, 4097, &blocked), CHAT_OK);
    UNTIL(told.closed);
    ck_assert_int_eq(told.status, CHAT_E_TOO_LARGE);
    ck_assert_uint_eq(told.messages, 1);
    UNTIL(rig.server.closed);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_TOO_LARGE);
    frame_unref(frame);
}
END_TEST

START_TEST(a_reader_that_stops_blocks_and_drains)
{
    uint8_t *bytes = calloc(1, 60000);
    const struct chat_buffer buffer = {bytes, 60000};
    uint64_t sent = 0;
    bool blocked = false;

    rig_start_plain(&rig);
    make(NULL, NULL, 1);
    ck_assert_int_eq(connect_to(1, rig_url(&rig, "ws", "127.0.0.1")), CHAT_OK);
    UNTIL(told.opened && rig.server.opened);
    for (; !blocked; sent += buffer.len) /* only we pump: the server does not read */
        ck_assert_int_eq(transport->send(transport->self, 1, &buffer, 1, &blocked), CHAT_OK);
    ck_assert_int_eq(transport->send(transport->self, 1, &buffer, 1, &blocked), CHAT_E_STATE);
    ck_assert_uint_eq(told.drained, 0);
    UNTIL(told.drained && rig.server.bytes == sent);
    ck_assert_uint_eq(told.drained, 1);
    ck_assert_int_eq(transport->send(transport->self, 1, &buffer, 1, &blocked), CHAT_OK);
    free(bytes);
}
END_TEST

START_TEST(another_loop_can_wait_for_the_descriptor_and_the_deadline)
{
    int64_t mono_ms, wall_ms;
    struct pollfd ready;

    rig_start_plain(&rig);
    rig.server.echo = true;
    make(NULL, NULL, 1);
    ready = (struct pollfd){.fd = transport->get_fd(transport->self), .events = POLLIN};
    ck_assert_int_ge(ready.fd, 0);
    ck_assert_int_eq(connect_to(1, rig_url(&rig, "ws", "127.0.0.1")), CHAT_OK);
    transport->now(transport->self, &mono_ms, &wall_ms);
    ck_assert_int_le(transport->get_deadline_ms(transport->self), mono_ms);
    for (int i = 0; i < 10000 && !told.opened; i++) {
        transport->now(transport->self, &mono_ms, &wall_ms);
        if (transport->get_deadline_ms(transport->self) <= mono_ms || poll(&ready, 1, 1) > 0)
            pump();
        rig_idle(&rig, 1);
    }
    ck_assert_uint_eq(told.opened, 1);
    while (poll(&ready, 1, 0) > 0 || (transport->now(transport->self, &mono_ms, &wall_ms),
                                      transport->get_deadline_ms(transport->self) <= mono_ms))
        pump();
    carrier_close(rig.server.carrier, CHAT_CLOSE_DRAINING, NULL, 0);
    rig_idle(&rig, 20);
    ck_assert_int_eq(poll(&ready, 1, RIG_PATIENCE_MS), 1);
    UNTIL(told.closed);
}
END_TEST

static void *wake_from_elsewhere(void *user)
{
    struct chat_transport *t = user;

    t->wake(t->self);
    return NULL;
}

START_TEST(wake_ends_a_pump_from_any_thread)
{
    pthread_t thread;

    rig_start(&rig, NULL, NULL);
    make(NULL, NULL, 1);
    for (int i = 0; i < 5; i++)
        pump();
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_from_elsewhere, transport), 0);
    ck_assert_int_eq(transport->pump(transport->self, -1), CHAT_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(a_pump_waits_no_longer_than_asked)
{
    int64_t begin_ms, end_ms, wall_ms;

    rig_start(&rig, NULL, NULL);
    make(NULL, NULL, 1);
    for (int i = 0; i < 5; i++)
        pump();
    transport->now(transport->self, &begin_ms, &wall_ms);
    end_ms = begin_ms;
    while (end_ms - begin_ms < 30) {
        ck_assert_int_eq(transport->pump(transport->self, 30), CHAT_OK);
        transport->now(transport->self, &end_ms, &wall_ms);
    }
    ck_assert_int_gt(wall_ms, INT64_C(1500000000000));
}
END_TEST

START_TEST(randomness_differs)
{
    uint8_t one[32] = {0}, two[32] = {0};

    rig_start(&rig, NULL, NULL);
    make(NULL, NULL, 1);
    ck_assert_int_eq(transport->random(transport->self, one, sizeof(one)), CHAT_OK);
    ck_assert_int_eq(transport->random(transport->self, two, sizeof(two)), CHAT_OK);
    ck_assert_mem_ne(one, two, sizeof(one));
}
END_TEST

START_TEST(freeing_in_any_state_leaks_nothing_and_says_nothing)
{
    bool blocked;

    rig_start_plain(&rig);
    make(NULL, NULL, 8);
    for (uint64_t link = 1; link <= 4; link++)
        ck_assert_int_eq(
            connect_to(link, rig_url(&rig, "ws", link % 2 ? "localhost" : "127.0.0.1")), CHAT_OK);
    for (int i = 0; i < _i; i++) {
        rig_idle(&rig, 1);
        pump();
        (void)send_text(1, "hello", &blocked);
    }
    transport->close(transport->self, 2, CHAT_CLOSE_NORMAL, "x", 1);
    transport->free(transport->self);
    transport = NULL;
}
END_TEST

/* ---- names ---- */

#define DNS_HEADER 12

/* A name server in small: answers each question for A with 127.0.0.1, or with "no such name". */
struct name_server {
    int fd;
    bool knows;
    bool decoy; /* an address where nobody listens comes first */
    unsigned asked;
    char address[32];
};

static void serve_names(struct name_server *ns)
{
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    uint8_t packet[512];
    ssize_t n =
        recvfrom(ns->fd, packet, sizeof(packet) - 64, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
    size_t end = DNS_HEADER;

    if (n < DNS_HEADER + 5)
        return;
    ns->asked++;
    while (packet[end])
        end += packet[end] + 1u;
    end += 5; /* the root label, type and class */
    packet[2] = 0x81;
    packet[3] = ns->knows ? 0x80 : 0x83; /* 3: no such name */
    memset(packet + 6, 0, 6);
    if (ns->knows && packet[end - 3] == 1) { /* type A */
        static const uint8_t record[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1};

        for (int i = ns->decoy ? 0 : 1; i < 2; i++) {
            packet[7]++;
            memcpy(packet + end, record, sizeof(record));
            end += sizeof(record);
            packet[end - 1] = i ? 1 : 9;
        }
    }
    (void)sendto(ns->fd, packet, end, 0, (struct sockaddr *)&from, len);
}

static void name_server_start(struct name_server *ns, bool knows)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *ns = (struct name_server){.fd = socket(AF_INET, SOCK_DGRAM, 0), .knows = knows};
    ck_assert_int_eq(bind(ns->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(getsockname(ns->fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(ns->address, sizeof(ns->address), "127.0.0.1:%u", ntohs(at.sin_port));
}

START_TEST(a_name_is_asked_for_without_blocking)
{
    struct name_server ns;

    rig_start_plain(&rig);
    name_server_start(&ns, true);
    make(NULL, ns.address, 1);
    ck_assert_int_eq(connect_to(1, rig_url(&rig, "ws", "chat.example")), CHAT_OK);
    UNTIL((serve_names(&ns), told.opened || told.closed));
    ck_assert_msg(told.opened == 1, "%s", told.reason);
    ck_assert_uint_gt(ns.asked, 0);
    (void)close(ns.fd);
}
END_TEST

START_TEST(the_next_address_is_tried_when_one_does_not_answer)
{
    struct name_server ns;

    rig_start_plain(&rig);
    name_server_start(&ns, true);
    ns.decoy = true;
    make(NULL, ns.address, 1);
    ck_assert_int_eq(connect_to(1, rig_url(&rig, "ws", "chat.example")), CHAT_OK);
    UNTIL((serve_names(&ns), told.opened || told.closed));
    ck_assert_msg(told.opened == 1, "%s", told.reason);
    (void)close(ns.fd);
}
END_TEST

START_TEST(an_unknown_name_is_told)
{
    struct name_server ns;

    rig_start_plain(&rig);
    name_server_start(&ns, false);
    make(NULL, ns.address, 1);
    ck_assert_int_eq(connect_to(1, rig_url(&rig, "ws", "nowhere.example")), CHAT_OK);
    UNTIL((serve_names(&ns), told.closed));
    ck_assert_int_eq(told.status, CHAT_E_NETWORK);
    ck_assert_ptr_nonnull(strstr(told.reason, "nowhere.example"));
    (void)close(ns.fd);
}
END_TEST

START_TEST(a_silent_name_server_runs_into_the_time_limit)
{
    const struct chat_connect to = {.size = sizeof(to),
                                    .url = "ws://chat.example/",
                                    .subprotocol = "libchat.v1",
                                    .message_max = 4096,
                                    .timeout_ms = 100};
    struct name_server ns;

    rig_start_plain(&rig);
    name_server_start(&ns, false);
    make(NULL, ns.address, 1);
    ck_assert_int_eq(transport->connect(transport->self, 1, &to), CHAT_OK);
    UNTIL(told.closed);
    ck_assert_int_eq(told.status, CHAT_E_TIMEOUT);
    ck_assert_uint_eq(told.opened, 0);
    (void)close(ns.fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transport");
    TCase *tc = tcase_create("transport");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_link_lives_from_connect_to_closed);
    tcase_add_test(tc, arguments_are_checked);
    tcase_add_test(tc, a_message_over_message_max_ends_the_link);
    tcase_add_test(tc, a_reader_that_stops_blocks_and_drains);
    tcase_add_test(tc, another_loop_can_wait_for_the_descriptor_and_the_deadline);
    tcase_add_test(tc, wake_ends_a_pump_from_any_thread);
    tcase_add_test(tc, a_pump_waits_no_longer_than_asked);
    tcase_add_test(tc, randomness_differs);
    tcase_add_loop_test(tc, freeing_in_any_state_leaks_nothing_and_says_nothing, 0, 10);
    tcase_add_test(tc, a_name_is_asked_for_without_blocking);
    tcase_add_test(tc, the_next_address_is_tried_when_one_does_not_answer);
    tcase_add_test(tc, an_unknown_name_is_told);
    tcase_add_test(tc, a_silent_name_server_runs_into_the_time_limit);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
