/* What a listener does with peers that do not play by the rules. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libchat/close.h>
#include <libchat/limits.h>

static struct rig rig;
static struct ws_limits limits;

static void setup(void)
{
    memset(&rig, 0, sizeof(rig));
    limits = ws_limits_client;
}

/* With the fixture's `limits` for clients. */
static void start(void)
{
    struct listener_config config = rig_config(&rig);

    config.client_limits = &limits;
    rig_start(&rig, &config, NULL);
}

static unsigned long cuts(enum listener_cut rule)
{
    return (unsigned long)listener_get_stats(rig.listener)->cuts[rule];
}

static void teardown(void) { rig_stop(&rig); }

/* The server stays well: somebody else can still talk. */
static void expect_service(void)
{
    uint8_t hello[11];
    unsigned messages = rig.server.messages;
    int fd = raw_upgrade(&rig);
    size_t at = raw_header(hello, 0x82, 5, 7);

    memcpy(hello + at, "hello", 5);
    raw_send(&rig, fd, hello, at + 5);
    rig_until_messages(&rig, messages + 1);
    ck_assert_mem_eq(rig.server.last, "hello", 5);
    (void)close(fd);
}

START_TEST(a_message_of_the_limit_is_taken_and_one_byte_more_is_not)
{
    uint8_t *bytes = calloc(1, CHAT_CLIENT_MESSAGE_MAX + 32);
    size_t head;
    int fd;

    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x82, CHAT_CLIENT_MESSAGE_MAX, 64);
    raw_send(&rig, fd, bytes, head + CHAT_CLIENT_MESSAGE_MAX);
    rig_until_messages(&rig, 1);
    ck_assert_uint_eq(rig.server.last_len, CHAT_CLIENT_MESSAGE_MAX);

    head = raw_header(bytes, 0x82, CHAT_CLIENT_MESSAGE_MAX + 1, 64);
    raw_send(&rig, fd, bytes, head + 1);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_E_TOO_LARGE);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_TOO_LARGE);
    ck_assert_uint_eq(raw_read_close(&rig, fd), CHAT_CLOSE_TOO_LARGE);
    (void)close(fd);
    free(bytes);
}
END_TEST

START_TEST(an_announced_giant_is_refused_at_its_first_byte)
{
    uint8_t bytes[16];
    size_t head;
    int fd;

    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x82, UINT64_C(1) << 62, 64);
    bytes[head] = 'x';
    raw_send(&rig, fd, bytes, head + 1);
    rig_until_closed(&rig, 1);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_TOO_LARGE);
    ck_assert_str_eq(rig.server.reason, "message_max");
    ck_assert_uint_eq(cuts(CUT_MESSAGE_MAX), 1);
    ck_assert_uint_eq(raw_read_close(&rig, fd), CHAT_CLOSE_TOO_LARGE);
    (void)close(fd);
    expect_service();
}
END_TEST

START_TEST(a_length_with_the_top_bit_is_refused)
{
    uint8_t bytes[16];
    size_t head;
    int fd;

    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x82, UINT64_MAX, 64);
    raw_send(&rig, fd, bytes, head);
    rig_until_closed(&rig, 1);
    (void)close(fd);
    expect_service();
}
END_TEST

START_TEST(fragments_add_up_to_the_same_limit)
{
    uint8_t bytes[1024 + 8];
    size_t head;
    int fd;

    limits.message_max = 4096;
    start();
    fd = raw_upgrade(&rig);
    memset(bytes, 0, sizeof(bytes));
    for (int i = 0; i < 5; i++) {
        head = raw_header(bytes, i ? 0x00 : 0x02, 1024, 16);
        raw_send(&rig, fd, bytes, head + 1024);
    }
    rig_until_closed(&rig, 1);
    ck_assert_uint_eq(rig.server.messages, 0);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_TOO_LARGE);
    (void)close(fd);
}
END_TEST

START_TEST(fragments_are_joined)
{
    uint8_t bytes[16];
    size_t head;
    int fd;

    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x02, 2, 7);
    memcpy(bytes + head, "ab", 2);
    raw_send(&rig, fd, bytes, head + 2);
    head = raw_header(bytes, 0x89, 1, 7); /* a ping in between */
    raw_send(&rig, fd, bytes, head + 1);
    head = raw_header(bytes, 0x00, 0, 7); /* an empty one */
    raw_send(&rig, fd, bytes, head);
    head = raw_header(bytes, 0x80, 2, 7);
    memcpy(bytes + head, "cd", 2);
    raw_send(&rig, fd, bytes, head + 2);
    rig_until_messages(&rig, 1);
    ck_assert_uint_eq(rig.server.last_len, 4);
    ck_assert_mem_eq(rig.server.last, "abcd", 4);
    (void)close(fd);
}
END_TEST

START_TEST(endless_empty_fragments_end_at_fragments_max)
{
    uint8_t bytes[8];
    size_t head;
    int fd;

    start();
    fd = raw_upgrade(&rig);
    for (unsigned i = 0; i < limits.fragments_max; i++) {
        head = raw_header(bytes, i ? 0x00 : 0x02, 0, 7);
        raw_send(&rig, fd, bytes, head);
    }
    rig_until_closed(&rig, 1);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_POLICY);
    ck_assert_str_eq(rig.server.reason, "fragments_max");
    ck_assert_uint_eq(cuts(CUT_FRAGMENTS_MAX), 1);
    ck_assert_uint_eq(raw_read_close(&rig, fd), CHAT_CLOSE_POLICY);
    (void)close(fd);
}
END_TEST

START_TEST(an_unfinished_message_ends_in_message_ms)
{
    uint8_t bytes[16];
    size_t head;
    int fd;

    limits.message_ms = 100;
    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x02, 1, 7);
    raw_send(&rig, fd, bytes, head + 1);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_E_TIMEOUT);
    ck_assert_str_eq(rig.server.reason, "message_ms");
    ck_assert_uint_eq(cuts(CUT_MESSAGE_MS), 1);
    ck_assert_uint_eq(raw_read_close(&rig, fd), CHAT_CLOSE_POLICY);
    (void)close(fd);
}
END_TEST

START_TEST(a_header_without_payload_ends_in_idle_ms)
{
    uint8_t bytes[16];
    size_t head;
    int fd;

    limits.idle_ms = 100;
    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x82, 60000, 16);
    raw_send(&rig, fd, bytes, head);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_E_TIMEOUT);
    ck_assert_str_eq(rig.server.reason, "idle_ms");
    ck_assert_uint_eq(raw_read_close(&rig, fd), CHAT_CLOSE_SILENT);
    (void)close(fd);
}
END_TEST

START_TEST(a_silent_peer_ends_in_idle_ms_and_its_socket_too)
{
    int fd;

    limits.idle_ms = 50;
    limits.close_ms = 50;
    start();
    fd = raw_upgrade(&rig);
    rig_until_closed(&rig, 1);
    ck_assert_str_eq(rig.server.reason, "idle_ms");
    ck_assert_uint_eq(cuts(CUT_IDLE_MS), 1);
    /* It never answers the close: the socket goes all the same. */
    while (listener_get_stats(rig.listener)->connections)
        rig_idle(&rig, 10);
    (void)close(fd);
}
END_TEST

START_TEST(text_is_refused)
{
    uint8_t bytes[16];
    size_t head;
    int fd;

    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x81, 2, 7);
    memcpy(bytes + head, "hi", 2);
    raw_send(&rig, fd, bytes, head + 2);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_E_PROTOCOL);
    ck_assert_uint_eq(rig.server.code, 1003);
    ck_assert_uint_eq(cuts(CUT_TEXT), 1);
    ck_assert_uint_eq(raw_read_close(&rig, fd), 1003);
    ck_assert_uint_eq(rig.server.messages, 0);
    (void)close(fd);
}
END_TEST

/* RFC 6455 wants it refused; libwebsockets takes it. Masking protects caches on the way, not
 * us: the content is checked like any other. */
START_TEST(an_unmasked_message_is_read_as_what_it_says)
{
    int fd;

    start();
    fd = raw_upgrade(&rig);
    raw_send(&rig, fd, "\x82\x02hi", 4);
    rig_until_messages(&rig, 1);
    ck_assert_mem_eq(rig.server.last, "hi", 2);
    (void)close(fd);
}
END_TEST

START_TEST(foreign_opcodes_and_reserved_bits_end_the_connection)
{
    static const uint8_t firsts[] = {0x83, 0x8b, 0xc2, 0x92, 0x80, 0x09};
    uint8_t bytes[16];
    size_t head;
    int fd;

    start();
    for (unsigned i = 0; i < sizeof(firsts); i++) {
        fd = raw_upgrade(&rig);
        head = raw_header(bytes, firsts[i], 1, 7);
        raw_send(&rig, fd, bytes, head + 1);
        if (i < 5)
            ck_assert_uint_eq(raw_read_close(&rig, fd), CHAT_CLOSE_PROTOCOL);
        (void)close(fd);
        rig_until_closed(&rig, i + 1);
    }
    ck_assert_uint_eq(rig.server.messages, 0);
    expect_service();
}
END_TEST

START_TEST(a_flood_of_pings_costs_nothing_lasting_and_is_no_sign_of_life)
{
    uint8_t *flood = calloc(4096, 131);
    size_t len = 0;
    int fd;

    limits.idle_ms = 200;
    start();
    fd = raw_upgrade(&rig);
    for (int i = 0; i < 4096; i++) {
        len += raw_header(flood + len, 0x89, 125, 7);
        len += 125;
    }
    while (!rig.server.closed)
        raw_send(&rig, fd, flood, len);
    ck_assert_str_eq(rig.server.reason, "idle_ms");
    (void)close(fd);
    free(flood);
    expect_service();
}
END_TEST

START_TEST(a_handshake_that_does_not_come_is_dropped)
{
    char byte;
    int fd;

    limits.handshake_ms = 100;
    start();
    fd = raw_connect(&rig);
    ck_assert_uint_eq(raw_read_all(&rig, fd, &byte, 1), 0);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->slow, 1);
    ck_assert_uint_eq(rig.server.opened, 0);
    (void)close(fd);
}
END_TEST

START_TEST(a_handshake_that_trickles_is_dropped)
{
    const char *request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nX-A: aaaaaaaaaaaa";
    size_t at = 0;
    char byte;
    int fd;

    limits.handshake_ms = 200;
    start();
    fd = raw_connect(&rig);
    while (!listener_get_stats(rig.listener)->slow) {
        raw_send(&rig, fd, request + at, 1);
        at = at + 1 < strlen(request) ? at + 1 : at;
        rig_idle(&rig, 10);
    }
    ck_assert_uint_eq(raw_read_all(&rig, fd, &byte, 1), 0);
    ck_assert_uint_eq(rig.server.opened, 0);
    (void)close(fd);
}
END_TEST

START_TEST(too_many_handshakes_push_out_the_oldest)
{
    struct listener_config config = rig_config(&rig);
    int held[8], fd;

    config.handshakes_max = 8;
    rig_start(&rig, &config, NULL);
    for (int i = 0; i < 8; i++)
        held[i] = raw_connect(&rig);
    fd = raw_upgrade(&rig);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->slow, 1);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->handshakes, 7);
    for (int i = 0; i < 8; i++)
        (void)close(held[i]);
    (void)close(fd);
}
END_TEST

START_TEST(headers_without_end_are_refused)
{
    char line[128], byte;
    int fd;

    start();
    fd = raw_connect(&rig);
    raw_send_text(&rig, fd, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(line, sizeof(line), "Cookie: %d-%060d\r\n", i, i);
        raw_send_text(&rig, fd, line);
    }
    ck_assert_uint_eq(raw_read_all(&rig, fd, &byte, 1), 0);
    ck_assert_uint_eq(rig.server.opened, 0);
    (void)close(fd);
    expect_service();
}
END_TEST

static void expect_refusal(const char *subprotocol, const char *headers, const char *status)
{
    char head[1024] = "";
    int fd = raw_connect(&rig);

    raw_upgrade_with(&rig, fd, subprotocol, headers);
    raw_read_head(&rig, fd, head, sizeof(head));
    ck_assert_msg(!strncmp(head, status, strlen(status)), "wanted %s, got \"%s\"", status, head);
    ck_assert_uint_eq(rig.server.opened, 0);
    (void)close(fd);
}

START_TEST(a_foreign_subprotocol_is_refused)
{
    start();
    expect_refusal(NULL, "", "HTTP/1.1 400 ");
    expect_refusal("http", "", "HTTP/1.1 400 ");
    expect_refusal("dial", "", "HTTP/1.1 400 ");
    expect_refusal("libchat.v9", "", "HTTP/1.1 400 ");
    expect_refusal("chat, libchat.v10", "", "HTTP/1.1 400 ");
    ck_assert_uint_eq(listener_get_stats(rig.listener)->refused_upgrade, 5);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->refused_broken, 0);
}
END_TEST

START_TEST(a_link_without_the_secret_is_refused)
{
    start();
    expect_refusal(WS_SUBPROTOCOL_LINK, "", "HTTP/1.1 401 ");
    expect_refusal(WS_SUBPROTOCOL_LINK, "Authorization: Bearer wrong\r\n", "HTTP/1.1 401 ");
    expect_refusal(WS_SUBPROTOCOL_LINK, "Authorization: Bearer " RIG_SECRET "x\r\n",
                   "HTTP/1.1 401 ");
    expect_refusal(WS_SUBPROTOCOL_LINK, "Authorization: Basic " RIG_SECRET "\r\n", "HTTP/1.1 401 ");
    expect_refusal(WS_SUBPROTOCOL_LINK, "Authorization: Bearer \r\n", "HTTP/1.1 401 ");
    ck_assert_uint_eq(listener_get_stats(rig.listener)->refused_secret, 5);
}
END_TEST

START_TEST(a_link_with_the_secret_is_a_peer)
{
    char head[1024];
    int fd;

    start();
    fd = raw_connect(&rig);
    raw_upgrade_with(&rig, fd, WS_SUBPROTOCOL_LINK, "Authorization: Bearer " RIG_SECRET "\r\n");
    raw_read_head(&rig, fd, head, sizeof(head));
    ck_assert_ptr_nonnull(strstr(head, "Sec-WebSocket-Protocol: libchat.link.v1\r\n"));
    rig_until_opened(&rig, 1);
    ck_assert_int_eq(rig.server.kind, LINK_PEER);
    ck_assert_str_eq(rig.server.address, "127.0.0.1");
    (void)close(fd);
}
END_TEST

START_TEST(a_listener_serves_only_what_it_is_for)
{
    struct listener_config config = rig_config(&rig);

    config.serves = LISTENER_CLIENTS;
    rig_start(&rig, &config, NULL);
    expect_refusal(WS_SUBPROTOCOL_LINK, "Authorization: Bearer " RIG_SECRET "\r\n",
                   "HTTP/1.1 400 ");
}
END_TEST

/* libwebsockets would pick a "vhost" by the Host header, across listeners. */
START_TEST(the_host_header_does_not_lead_to_another_listener)
{
    struct listener_config links = rig_config(&rig), clients = rig_config(&rig);
    struct ws_listener *other;
    char host[128];

    links.serves = LISTENER_LINKS;
    clients.serves = LISTENER_CLIENTS;
    rig_start(&rig, &clients, NULL);
    ck_assert_int_eq(listener_new(rig.net, &links, &other), CHAT_OK);
    (void)snprintf(host, sizeof(host),
                   "Authorization: Bearer " RIG_SECRET "\r\nHost: listener-%u\r\n",
                   (unsigned)listener_get_port(other));
    expect_refusal(WS_SUBPROTOCOL_LINK, host, "HTTP/1.1 400 ");
}
END_TEST

START_TEST(a_browser_must_come_from_an_allowed_origin)
{
    static const char *const origins[] = {"https://chat.example", "http://localhost:8080"};
    struct listener_config config = rig_config(&rig);
    char head[1024];
    int fd;

    config.origins = origins;
    config.origin_count = 2;
    rig_start(&rig, &config, NULL);
    expect_refusal(WS_SUBPROTOCOL_CLIENT, "Origin: https://evil.example\r\n", "HTTP/1.1 403 ");
    expect_refusal(WS_SUBPROTOCOL_CLIENT, "Origin: https://chat.example.evil.example\r\n",
                   "HTTP/1.1 403 ");
    expect_refusal(WS_SUBPROTOCOL_CLIENT, "Origin: null\r\n", "HTTP/1.1 403 ");
    expect_refusal(WS_SUBPROTOCOL_LINK,
                   "Origin: https://chat.example\r\nAuthorization: Bearer " RIG_SECRET "\r\n",
                   "HTTP/1.1 403 ");
    ck_assert_uint_eq(listener_get_stats(rig.listener)->refused_origin, 4);

    fd = raw_connect(&rig);
    raw_upgrade_with(&rig, fd, WS_SUBPROTOCOL_CLIENT, "Origin: https://chat.example\r\n");
    raw_read_head(&rig, fd, head, sizeof(head));
    ck_assert_msg(!strncmp(head, "HTTP/1.1 101 ", 13), "%s", head);
    (void)close(fd);
}
END_TEST

START_TEST(without_a_list_no_origin_is_allowed_but_none)
{
    start();
    expect_refusal(WS_SUBPROTOCOL_CLIENT, "Origin: https://chat.example\r\n", "HTTP/1.1 403 ");
    expect_service();
}
END_TEST

START_TEST(extensions_are_never_agreed_on)
{
    char head[1024];
    int fd;

    start();
    fd = raw_connect(&rig);
    raw_upgrade_with(&rig, fd, WS_SUBPROTOCOL_CLIENT,
                     "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    raw_read_head(&rig, fd, head, sizeof(head));
    ck_assert_msg(!strncmp(head, "HTTP/1.1 101 ", 13), "%s", head);
    ck_assert_ptr_null(strstr(head, "deflate"));
    (void)close(fd);
}
END_TEST

START_TEST(http2_is_refused)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    char bytes[512];
    size_t len;
    int fd;

    start();
    fd = raw_connect(&rig);
    raw_send_text(&rig, fd, preface);
    len = raw_read_all(&rig, fd, bytes, sizeof(bytes) - 1);
    bytes[len] = '\0';
    ck_assert_msg(len == 0 || !strncmp(bytes, "HTTP/1.0 403 ", 13), "%s", bytes);
    (void)close(fd);

    fd = raw_connect(&rig);
    raw_send_text(&rig, fd,
                  "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    ck_assert_uint_eq(raw_read_all(&rig, fd, bytes, sizeof(bytes)), 0);
    (void)close(fd);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->refused_upgrade, 1);
    expect_service();
}
END_TEST

/* CVE-2025-11677: a foreign upgrade in a later request of one connection. */
START_TEST(there_is_no_second_request_on_a_connection)
{
    char answer[4096];
    size_t len;
    int fd;

    start();
    for (int i = 0; i < 20; i++) {
        fd = raw_connect(&rig);
        raw_send_text(&rig, fd,
                      "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
                      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"
                      "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        len = raw_read_all(&rig, fd, answer, sizeof(answer) - 1);
        answer[len] = '\0';
        if (len) { /* unread requests may reset the connection before we have read */
            ck_assert_msg(!strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), "%s", answer);
            ck_assert_ptr_null(strstr(answer + 1, "HTTP/1.1 "));
            ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
        }
        (void)close(fd);

        fd = raw_connect(&rig);
        raw_send_text(&rig, fd,
                      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"
                      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: bar\r\n\r\n");
        (void)raw_read_all(&rig, fd, answer, sizeof(answer));
        (void)close(fd);
    }
    expect_service();
}
END_TEST

static size_t http_get(const char *request, char *out_answer, size_t max)
{
    int fd = raw_connect(&rig);
    size_t len;

    raw_send_text(&rig, fd, request);
    len = raw_read_all(&rig, fd, out_answer, max - 1);
    out_answer[len] = '\0';
    (void)close(fd);
    return len;
}

START_TEST(plain_requests_are_answered)
{
    static char answer[1100000];

    start();
    (void)http_get("GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
    ck_assert_msg(!strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\nwell\n"));
    (void)http_get("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
    ck_assert_msg(!strncmp(answer, "HTTP/1.1 404 Not Found\r\n", 24), "%s", answer);
    (void)http_get("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", answer,
                   sizeof(answer));
    ck_assert_msg(!strncmp(answer, "HTTP/1.1 405 ", 13), "%s", answer);
    (void)http_get("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
    ck_assert_msg(!strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), "%s", answer);
    ck_assert_ptr_null(strstr(answer, "well"));
}
END_TEST

START_TEST(a_large_answer_arrives_whole)
{
    static char answer[1100000];
    size_t len;

    start();
    len = http_get("GET /large HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof(answer));
    ck_assert_uint_gt(len, 240 * 4096);
    ck_assert_uint_eq(len - 240 * 4096, (size_t)(strstr(answer, "\r\n\r\n") + 4 - answer));
}
END_TEST

START_TEST(more_than_connections_max_are_turned_away)
{
    struct listener_config config = rig_config(&rig);
    int first, second;
    char byte;

    config.connections_max = 1;
    rig_start(&rig, &config, NULL);
    first = raw_upgrade(&rig);
    second = raw_connect(&rig);
    ck_assert_uint_eq(raw_read_all(&rig, second, &byte, 1), 0);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->refused_full, 1);
    (void)close(second);
    (void)close(first);
    rig_until_closed(&rig, 1);
    while (listener_get_stats(rig.listener)->connections)
        rig_idle(&rig, 1);
    expect_service();
}
END_TEST

START_TEST(who_asks_for_nothing_is_counted)
{
    uint8_t bytes[512];
    int fd;

    start();
    fd = raw_connect(&rig);
    raw_send_text(&rig, fd, "\x16\x03\x01 is no request\r\n\r\n");
    (void)raw_read_all(&rig, fd, bytes, sizeof(bytes));
    (void)close(fd);
    fd = raw_connect(&rig); /* and one that only looks whether the port is open */
    (void)close(fd);
    while (listener_get_stats(rig.listener)->accepted < 2 ||
           listener_get_stats(rig.listener)->connections)
        rig_idle(&rig, 10);
    ck_assert_uint_eq(listener_get_stats(rig.listener)->refused_broken, 2);
    expect_service();
}
END_TEST

START_TEST(a_reset_is_told_as_lost)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    int fd;

    start();
    fd = raw_upgrade(&rig);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    (void)close(fd);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_E_NETWORK);
    ck_assert_uint_eq(rig.server.code, CHAT_CLOSE_ABNORMAL);
}
END_TEST

START_TEST(a_close_frame_is_told_and_answered)
{
    uint8_t bytes[16];
    size_t head;
    int fd;

    start();
    fd = raw_upgrade(&rig);
    head = raw_header(bytes, 0x88, 5, 7);
    memcpy(bytes + head,
           "\x03\xe9"
           "bye",
           5);
    raw_send(&rig, fd, bytes, head + 5);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_OK);
    ck_assert_uint_eq(rig.server.code, 1001);
    ck_assert_str_eq(rig.server.reason, "bye");
    ck_assert_uint_eq(raw_read_close(&rig, fd), 1001);
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attacks");
    TCase *tc = tcase_create("attacks");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_message_of_the_limit_is_taken_and_one_byte_more_is_not);
    tcase_add_test(tc, an_announced_giant_is_refused_at_its_first_byte);
    tcase_add_test(tc, a_length_with_the_top_bit_is_refused);
    tcase_add_test(tc, fragments_add_up_to_the_same_limit);
    tcase_add_test(tc, fragments_are_joined);
    tcase_add_test(tc, endless_empty_fragments_end_at_fragments_max);
    tcase_add_test(tc, an_unfinished_message_ends_in_message_ms);
    tcase_add_test(tc, a_header_without_payload_ends_in_idle_ms);
    tcase_add_test(tc, a_silent_peer_ends_in_idle_ms_and_its_socket_too);
    tcase_add_test(tc, text_is_refused);
    tcase_add_test(tc, an_unmasked_message_is_read_as_what_it_says);
    tcase_add_test(tc, foreign_opcodes_and_reserved_bits_end_the_connection);
    tcase_add_test(tc, a_flood_of_pings_costs_nothing_lasting_and_is_no_sign_of_life);
    tcase_add_test(tc, a_handshake_that_does_not_come_is_dropped);
    tcase_add_test(tc, a_handshake_that_trickles_is_dropped);
    tcase_add_test(tc, too_many_handshakes_push_out_the_oldest);
    tcase_add_test(tc, headers_without_end_are_refused);
    tcase_add_test(tc, a_foreign_subprotocol_is_refused);
    tcase_add_test(tc, a_link_without_the_secret_is_refused);
    tcase_add_test(tc, a_link_with_the_secret_is_a_peer);
    tcase_add_test(tc, a_listener_serves_only_what_it_is_for);
    tcase_add_test(tc, the_host_header_does_not_lead_to_another_listener);
    tcase_add_test(tc, a_browser_must_come_from_an_allowed_origin);
    tcase_add_test(tc, without_a_list_no_origin_is_allowed_but_none);
    tcase_add_test(tc, extensions_are_never_agreed_on);
    tcase_add_test(tc, http2_is_refused);
    tcase_add_test(tc, there_is_no_second_request_on_a_connection);
    tcase_add_test(tc, plain_requests_are_answered);
    tcase_add_test(tc, a_large_answer_arrives_whole);
    tcase_add_test(tc, more_than_connections_max_are_turned_away);
    tcase_add_test(tc, who_asks_for_nothing_is_counted);
    tcase_add_test(tc, a_reset_is_told_as_lost);
    tcase_add_test(tc, a_close_frame_is_told_and_answered);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
