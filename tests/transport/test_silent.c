/*
 * Nothing blocks: at every place where a peer may fall silent a step returns, and so does the
 * end of a conn and its loop. By the public calls alone; a call that waits makes the test hang.
 */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libchat/libchat.h>

enum silence {
    NO_NAME,      /* the name server takes the question */
    NO_HANDSHAKE, /* the peer takes the connection: TLS */
    NO_UPGRADE,   /* the same, of WebSocket */
    SILENCES
};

static int udp, listener, peer;
static struct chat_transport *transport;
static chat_loop *loop;
static chat_conn *conn;

static int bound(int type, unsigned *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

static void setup_with(enum silence silence)
{
    struct chat_transport_ws_config ws;
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    unsigned dns_port, port;
    char dns[40], url[64];

    peer = -1;
    udp = bound(SOCK_DGRAM, &dns_port);
    listener = bound(SOCK_STREAM, &port);
    ck_assert_int_eq(listen(listener, 4), 0);
    ck_assert_int_eq(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    (void)snprintf(dns, sizeof(dns), "127.0.0.1:%u", dns_port);
    (void)snprintf(url, sizeof(url), "%s://%s:%u/", silence == NO_HANDSHAKE ? "wss" : "ws",
                   silence == NO_NAME ? "silent.example" : "127.0.0.1", port);
    chat_transport_ws_config_init(&ws);
    ws.dns_servers = dns;
    ck_assert_int_eq(chat_transport_ws_new(&ws, &transport), CHAT_OK);
    chat_loop_config_init(&loop_config);
    loop_config.transport = transport;
    ck_assert_int_eq(chat_loop_new(&loop_config, &loop), CHAT_OK);
    chat_conn_config_init(&config);
    config.url = url;
    config.token = "token";
    ck_assert_int_eq(chat_conn_new(loop, &config, &conn), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(conn), CHAT_OK);
}

static void teardown(void)
{
    chat_conn_free(conn); /* none of the three waits for the peer */
    chat_loop_free(loop);
    chat_transport_free(transport);
    if (peer >= 0)
        (void)close(peer);
    (void)close(listener);
    (void)close(udp);
}

static void step(void) { ck_assert_int_eq(chat_loop_step(loop, 0), CHAT_OK); }

/* Steps until something is there to read. */
static size_t hear(int fd, char *bytes, size_t max)
{
    ssize_t len;

    do
        step();
    while ((len = recv(fd, bytes, max - 1, MSG_DONTWAIT)) <= 0);
    bytes[len] = '\0';
    return (size_t)len;
}

static void take_connection(void)
{
    do
        step();
    while ((peer = accept(listener, NULL, NULL)) < 0);
}

static void step_into(enum silence silence)
{
    char bytes[4096];

    setup_with(silence);
    if (silence == NO_NAME) {
        (void)hear(udp, bytes, sizeof(bytes));
        return;
    }
    take_connection();
    (void)hear(peer, bytes, sizeof(bytes)); /* a ClientHello, or the upgrade */
}

START_TEST(no_step_waits_for_a_silent_peer)
{
    step_into((enum silence)_i);
    for (int i = 0; i < 100; i++)
        step();
    ck_assert_int_eq(chat_conn_get_state(conn), CHAT_CONN_CONNECTING);
    ck_assert_int_ne(chat_loop_get_timeout_ms(loop), 0); /* nor is it busy waiting */
}
END_TEST

START_TEST(no_call_waits_for_a_silent_peer)
{
    step_into((enum silence)_i);
    chat_conn_network_changed(conn);
    step();
    chat_conn_suspend(conn);
    step();
    chat_conn_resume(conn);
    step();
    chat_conn_stop(conn);
    step();
    ck_assert_int_eq(chat_conn_get_state(conn), CHAT_CONN_CLOSED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("silent");
    TCase *tc = tcase_create("silent");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_loop_test(tc, no_step_waits_for_a_silent_peer, 0, SILENCES);
    tcase_add_loop_test(tc, no_call_waits_for_a_silent_peer, 0, SILENCES);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
