/* A link that is not read from: what the peer says waits, and comes whole when it goes on. */
#include "rig.h"

#include <string.h>

#include <libchat/transport.h>

#include "base/alloc.h"
#include "transport/ws_transport.h"
#include "wire/frame.h"

#define MESSAGES 200u
#define BYTES 500u

static struct rig rig;
static struct chat_transport *transport;

static struct told {
    unsigned opened, messages, closed;
    bool pause_each, paused;
} told;

static void on_opened(uint64_t link, void *user)
{
    (void)link, (void)user;
    told.opened++;
}

static void on_message(uint64_t link, const uint8_t *bytes, size_t len, void *user)
{
    uint32_t number;

    (void)user;
    ck_assert_uint_eq(len, BYTES);
    memcpy(&number, bytes, sizeof(number));
    ck_assert_uint_eq(number, told.messages); /* none is lost, none comes twice */
    told.messages++;
    if (told.pause_each && !told.paused) {
        told.paused = true;
        transport->pause(transport->self, link, true);
    }
}

static void on_drained(uint64_t link, void *user) { (void)link, (void)user; }

static void on_closed(uint64_t link, chat_status status, uint16_t code, const char *reason,
                      size_t reason_len, void *user)
{
    (void)link, (void)status, (void)code, (void)reason, (void)reason_len, (void)user;
    told.closed++;
}

static void setup_with(bool tls)
{
    static const struct chat_transport_sink sink = {.size = sizeof(sink),
                                                    .on_opened = on_opened,
                                                    .on_message = on_message,
                                                    .on_drained = on_drained,
                                                    .on_closed = on_closed};
    struct listener_config listener;
    struct chat_transport_ws_config config = {
        .size = sizeof(config), .links_max = 4, .close_timeout_ms = 500};

    memset(&rig, 0, sizeof(rig));
    memset(&told, 0, sizeof(told));
    listener = rig_config(&rig);
    if (tls) {
        listener.cert_file = rig_certs("cert.pem");
        listener.key_file = rig_certs("key.pem");
        config.ca_file = rig_certs("ca.pem");
    }
    rig_start(&rig, &listener, NULL);
    ck_assert_int_eq(ws_transport_new(&config, &transport), CHAT_OK);
    ck_assert_int_eq(transport->start(transport->self, &sink), CHAT_OK);
}

static void teardown(void)
{
    if (transport)
        transport->free(transport->self);
    transport = NULL;
    rig_stop(&rig);
}

static void turn(void)
{
    rig_idle(&rig, 1);
    ck_assert_int_eq(transport->pump(transport->self, 0), CHAT_OK);
}

static void until(unsigned *counter, unsigned wanted)
{
    int64_t end_ms = (int64_t)(uv_hrtime() / 1000000) + RIG_PATIENCE_MS;

    while (*counter < wanted) {
        ck_assert_msg((int64_t)(uv_hrtime() / 1000000) < end_ms, "%u of %u", *counter, wanted);
        if (told.paused) {
            told.paused = false;
            transport->pause(transport->self, 1, false);
        }
        turn();
    }
}

static void dial(bool tls)
{
    struct chat_connect to = {
        .size = sizeof(to), .subprotocol = "libchat.v1", .message_max = 4096, .timeout_ms = 5000};

    setup_with(tls);
    to.url = rig_url(&rig, tls ? "wss" : "ws", "localhost");
    ck_assert_int_eq(transport->connect(transport->self, 1, &to), CHAT_OK);
    until(&told.opened, 1);
}

/* The sockets between take all of it, whoever reads. */
static void say(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct frame *frame = frame_new(&alloc_default, BYTES);
        bool blocked = false;

        ck_assert_ptr_nonnull(frame);
        memset(frame->bytes, 0, BYTES);
        memcpy(frame->bytes, &i, sizeof(i));
        ck_assert_int_eq(carrier_send(rig.server.carrier, &frame, 1, BYTES, &blocked), CHAT_OK);
        ck_assert(!blocked);
        frame_unref(frame);
    }
}

START_TEST(a_link_that_is_paused_after_each_message_loses_none)
{
    dial(_i);
    told.pause_each = true;
    say(MESSAGES);
    until(&told.messages, MESSAGES);
    ck_assert_uint_eq(told.closed, 0);
}
END_TEST

START_TEST(nothing_is_read_of_a_paused_link)
{
    unsigned before;

    dial(_i);
    transport->pause(transport->self, 1, true);
    say(MESSAGES);
    for (int i = 0; i < 50; i++)
        turn();
    before = told.messages; /* what had been read already */
    ck_assert_uint_eq(before, 0);
    told.paused = true;
    until(&told.messages, MESSAGES);
}
END_TEST

START_TEST(what_was_read_before_the_pause_waits_too)
{
    unsigned at;

    dial(_i);
    told.pause_each = true;
    say(MESSAGES); /* many in one read */
    while (!told.paused)
        turn();
    at = told.messages;
    for (int i = 0; i < 50; i++)
        turn();
    ck_assert_uint_le(told.messages, at + MESSAGES / 4); /* a read's worth, not all */
    until(&told.messages, MESSAGES);
}
END_TEST

START_TEST(a_paused_link_is_closed_at_once_when_asked)
{
    dial(_i);
    transport->pause(transport->self, 1, true);
    say(MESSAGES);
    turn();
    transport->pause(transport->self, 1, false);
    transport->close(transport->self, 1, 1000, NULL, 0);
    until(&told.closed, 1);
}
END_TEST

START_TEST(what_a_peer_said_before_it_closed_is_read_after_the_pause)
{
    dial(_i);
    transport->pause(transport->self, 1, true);
    say(MESSAGES);
    carrier_close(rig.server.carrier, 1000, NULL, 0);
    for (int i = 0; i < 20; i++)
        turn();
    told.paused = true;
    until(&told.closed, 1);
    ck_assert_uint_eq(told.messages, MESSAGES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pause");
    TCase *tc = tcase_create("pause");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_loop_test(tc, a_link_that_is_paused_after_each_message_loses_none, 0, 2);
    tcase_add_loop_test(tc, nothing_is_read_of_a_paused_link, 0, 2);
    tcase_add_loop_test(tc, what_was_read_before_the_pause_waits_too, 0, 2);
    tcase_add_loop_test(tc, a_paused_link_is_closed_at_once_when_asked, 0, 2);
    tcase_add_loop_test(tc, what_a_peer_said_before_it_closed_is_read_after_the_pause, 0, 2);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
