/* What a dialer does: names, addresses, TLS, the upgrade; and how each of them fails. */
#include "rig.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libchat/close.h>

#include "transport/dev_cert.h"
#include "transport/url.h"

static struct rig rig;

static void setup(void) { memset(&rig, 0, sizeof(rig)); }
static void teardown(void) { rig_stop(&rig); }

static bool client_is_open(struct rig *r, void *user)
{
    (void)user;
    return r->client.opened > 0 || r->client.closed > 0;
}

static bool client_is_closed(struct rig *r, void *user)
{
    (void)user;
    return r->client.closed > 0;
}

static bool client_has_message(struct rig *r, void *user)
{
    (void)user;
    return r->client.messages > 0;
}

static void expect_open(void)
{
    rig_until(&rig, client_is_open, NULL);
    ck_assert_msg(rig.client.opened == 1, "%s: %s", chat_status_name(rig.client.status),
                  rig.client.reason);
    ck_assert_int_eq(rig.client.kind, LINK_DIALED);
}

static void expect_failure(chat_status status, const char *reason)
{
    rig_until(&rig, client_is_closed, NULL);
    ck_assert_uint_eq(rig.client.opened, 0);
    ck_assert_msg(rig.client.status == status && strstr(rig.client.reason, reason), "%s: %s",
                  chat_status_name(rig.client.status), rig.client.reason);
    ck_assert_uint_eq(rig.client.code, CHAT_CLOSE_ABNORMAL);
}

static void start_tls(const char *ca_file)
{
    struct listener_config config = rig_config(&rig);

    config.cert_file = rig_certs("cert.pem");
    config.key_file = rig_certs("key.pem");
    rig_start(&rig, &config, ca_file);
}

START_TEST(a_plain_link_opens_and_echoes)
{
    static const char hello[] = "hello";
    const struct chat_buffer parts[] = {{(const uint8_t *)hello, 2},
                                        {(const uint8_t *)hello + 2, 3}};
    struct ws_conn *conn;
    bool blocked = true;

    rig_start_plain(&rig);
    rig.server.echo = true;
    conn =
        rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_LINK, "Bearer " RIG_SECRET);
    expect_open();
    ck_assert_str_eq(rig.client.address, "127.0.0.1");
    ck_assert_int_eq(rig.server.kind, LINK_PEER);
    ck_assert_int_eq(ws_conn_send(conn, parts, 2, &blocked), CHAT_OK);
    ck_assert(!blocked);
    rig_until(&rig, client_has_message, NULL);
    ck_assert_mem_eq(rig.client.last, hello, 5);

    carrier_close(&conn->carrier, 4100, "later", 5);
    ck_assert_int_eq(ws_conn_send(conn, parts, 2, &blocked), CHAT_E_STATE);
    rig_until(&rig, client_is_closed, NULL);
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.client.status, CHAT_OK);
    ck_assert_uint_eq(rig.server.code, 4100);
    ck_assert_str_eq(rig.server.reason, "later");
}
END_TEST

START_TEST(the_server_may_close_too)
{
    rig_start_plain(&rig);
    (void)rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_CLIENT, NULL);
    rig_until_opened(&rig, 1);
    carrier_close(rig.server.carrier, CHAT_CLOSE_DRAINING, "drain", 5);
    rig_until(&rig, client_is_closed, NULL);
    ck_assert_int_eq(rig.client.status, CHAT_OK);
    ck_assert_uint_eq(rig.client.code, CHAT_CLOSE_DRAINING);
    ck_assert_str_eq(rig.client.reason, "drain");
    rig_until_closed(&rig, 1);
    ck_assert_int_eq(rig.server.status, CHAT_OK);
}
END_TEST

START_TEST(tls_by_name_and_by_address)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};

    start_tls(rig_certs("ca.pem"));
    (void)rig_dial(&rig, rig_url(&rig, "wss", hosts[_i]), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_open();
}
END_TEST

START_TEST(tls_over_ipv6)
{
    struct listener_config config = rig_config(&rig);
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool here = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;

    if (probe >= 0)
        (void)close(probe);
    config.address = here ? "::1" : "127.0.0.1";
    config.cert_file = rig_certs("cert.pem");
    config.key_file = rig_certs("key.pem");
    rig_start(&rig, &config, rig_certs("ca.pem"));
    (void)rig_dial(&rig, rig_url(&rig, "wss", here ? "[::1]" : "127.0.0.1"), WS_SUBPROTOCOL_CLIENT,
                   NULL);
    expect_open();
    ck_assert_str_eq(rig.client.address, here ? "::1" : "127.0.0.1");
}
END_TEST

START_TEST(tls_carries_a_megabyte_both_ways)
{
    const size_t len = 1000000;
    uint8_t *bytes = malloc(len);
    struct chat_buffer buffer = {bytes, len};
    struct ws_conn *conn;
    bool blocked;

    memset(bytes, 'x', len);
    start_tls(rig_certs("ca.pem"));
    rig.server.echo = true;
    conn = rig_dial(&rig, rig_url(&rig, "wss", "localhost"), WS_SUBPROTOCOL_LINK,
                    "Bearer " RIG_SECRET);
    expect_open();
    ck_assert_int_eq(ws_conn_send(conn, &buffer, 1, &blocked), CHAT_OK);
    rig_until(&rig, client_has_message, NULL);
    ck_assert_uint_eq(rig.client.bytes, len);
    ck_assert_uint_eq(rig.server.bytes, len);
    ck_assert_mem_eq(rig.client.last, bytes, sizeof(rig.client.last));
    free(bytes);
}
END_TEST

START_TEST(a_foreign_authority_is_refused)
{
    char folder[] = "/tmp/libchat-other-XXXXXX", path[64];
    struct dev_cert_config other = {.folder = folder};
    static const char *const files[] = {"ca.pem", "ca-key.pem", "cert.pem", "key.pem"};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(dev_cert_make(&other), CHAT_OK);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", folder);
    start_tls(path);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    (void)rig_dial(&rig, rig_url(&rig, "wss", "localhost"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_failure(CHAT_E_AUTH, "certificate");
    ck_assert_uint_eq(rig.server.opened, 0);
}
END_TEST

/* One that the certificate does not have, though it leads to the right place. */
START_TEST(a_foreign_name_is_refused)
{
    struct listener_config config = rig_config(&rig);

    config.address = "127.0.0.2";
    config.cert_file = rig_certs("cert.pem");
    config.key_file = rig_certs("key.pem");
    rig_start(&rig, &config, rig_certs("ca.pem"));
    (void)rig_dial(&rig, rig_url(&rig, "wss", "127.0.0.2"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_failure(CHAT_E_AUTH, "mismatch");
}
END_TEST

START_TEST(the_system_does_not_trust_our_authority)
{
    start_tls(NULL);
    (void)rig_dial(&rig, rig_url(&rig, "wss", "localhost"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_failure(CHAT_E_AUTH, "certificate");
}
END_TEST

START_TEST(a_missing_authority_file_is_told_at_once)
{
    struct net_config config = {.ca_file = "/nonexistent/ca.pem"};
    struct net *net;

    rig_start_plain(&rig);
    config.loop = &rig.loop;
    ck_assert_int_eq(net_new(&config, &net), CHAT_E_AUTH);
}
END_TEST

/* A TLS client in small: the handshake and nothing else. */
static int tls_handshake(int version, SSL **out_ssl, SSL_CTX **out_ctx, const char *alpn)
{
    int fd = raw_connect(&rig), n;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;

    (void)SSL_CTX_set_max_proto_version(ctx, version);
    ssl = SSL_new(ctx);
    (void)SSL_set_fd(ssl, fd);
    if (alpn)
        (void)SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    while ((n = SSL_connect(ssl)) != 1) {
        int error = SSL_get_error(ssl, n);

        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            break;
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
    }
    *out_ssl = ssl;
    *out_ctx = ctx;
    return n == 1 ? fd : (close(fd), -1);
}

START_TEST(tls_1_2_is_refused)
{
    SSL *ssl;
    SSL_CTX *ctx;
    int fd;

    start_tls(NULL);
    ck_assert_int_eq(tls_handshake(TLS1_2_VERSION, &ssl, &ctx, NULL), -1);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    fd = tls_handshake(TLS1_3_VERSION, &ssl, &ctx, NULL);
    ck_assert_int_ge(fd, 0);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
}
END_TEST

START_TEST(http2_is_never_agreed_on)
{
    const unsigned char *chosen;
    unsigned len = 0;
    SSL *ssl;
    SSL_CTX *ctx;
    int fd;

    start_tls(NULL);
    fd = tls_handshake(TLS1_3_VERSION, &ssl, &ctx, "\x02h2\x08http/1.1");
    ck_assert_int_ge(fd, 0);
    SSL_get0_alpn_selected(ssl, &chosen, &len);
    ck_assert_uint_eq(len, 8);
    ck_assert_mem_eq(chosen, "http/1.1", 8);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);

    fd = tls_handshake(TLS1_3_VERSION, &ssl, &ctx, "\x02h2");
    if (fd >= 0) {
        SSL_get0_alpn_selected(ssl, &chosen, &len);
        ck_assert_uint_eq(len, 0);
        (void)close(fd);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(a_slow_tls_handshake_is_dropped)
{
    struct listener_config config = rig_config(&rig);
    struct ws_limits limits = ws_limits_client;
    char byte;
    int fd;

    limits.handshake_ms = 100;
    config.client_limits = &limits;
    config.cert_file = rig_certs("cert.pem");
    config.key_file = rig_certs("key.pem");
    rig_start(&rig, &config, NULL);
    fd = raw_connect(&rig);
    raw_send(&rig, fd, "\x16\x03\x01\x02", 4); /* the beginning of a ClientHello */
    while (raw_read(&rig, fd, &byte, 1) == 1)
        ;
    ck_assert_uint_eq(listener_get_stats(rig.listener)->slow, 1);
    (void)close(fd);
}
END_TEST

/* With several listeners libwebsockets would choose the certificate by the SNI name. */
START_TEST(each_listener_shows_its_own_certificate)
{
    char folder[] = "/tmp/libchat-second-XXXXXX", cert[64], key[64], path[64], url[64];
    static const char *const names[] = {"127.0.0.1"};
    static const char *const files[] = {"ca.pem", "ca-key.pem", "cert.pem", "key.pem"};
    struct dev_cert_config second = {.folder = folder, .names = names, .name_count = 1};
    struct listener_config config = rig_config(&rig);
    struct ws_listener *other;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(dev_cert_make(&second), CHAT_OK);
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
    (void)snprintf(key, sizeof(key), "%s/key.pem", folder);
    start_tls(rig_certs("ca.pem"));
    config.cert_file = cert;
    config.key_file = key;
    ck_assert_int_eq(listener_new(rig.net, &config, &other), CHAT_OK);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);

    (void)rig_dial(&rig, rig_url(&rig, "wss", "localhost"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_open();
    (void)snprintf(url, sizeof(url), "wss://localhost:%u/", (unsigned)listener_get_port(other));
    (void)rig_dial(&rig, url, WS_SUBPROTOCOL_CLIENT, NULL);
    rig_until(&rig, client_is_closed, NULL);
    ck_assert_int_eq(rig.client.status, CHAT_E_AUTH);
}
END_TEST

START_TEST(certificates_are_read_again_and_bad_ones_are_not_taken)
{
    char folder[] = "/tmp/libchat-reload-XXXXXX", cert[64], key[64], ca[64], path[64];
    static const char *const wrong[] = {"wrong.example"};
    static const char *const files[] = {"ca.pem", "ca-key.pem", "cert.pem", "key.pem"};
    struct dev_cert_config made = {.folder = folder, .names = wrong, .name_count = 1};
    struct listener_config config = rig_config(&rig);
    FILE *file;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(dev_cert_make(&made), CHAT_OK);
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
    (void)snprintf(key, sizeof(key), "%s/key.pem", folder);
    (void)snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
    config.cert_file = cert;
    config.key_file = key;
    rig_start(&rig, &config, ca);
    (void)rig_dial(&rig, rig_url(&rig, "wss", "localhost"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_failure(CHAT_E_AUTH, "mismatch");

    made.name_count = 0; /* the usual names, by the same authority */
    ck_assert_int_eq(dev_cert_make(&made), CHAT_OK);
    ck_assert_int_eq(listener_reload(rig.listener), CHAT_OK);
    memset(&rig.client, 0, sizeof(rig.client));
    (void)rig_dial(&rig, rig_url(&rig, "wss", "localhost"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_open();

    file = fopen(cert, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("no certificate", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(listener_reload(rig.listener), CHAT_E_AUTH);
    memset(&rig.client, 0, sizeof(rig.client));
    (void)rig_dial(&rig, rig_url(&rig, "wss", "localhost"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_open();
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}
END_TEST

START_TEST(a_bad_certificate_file_refuses_the_listener)
{
    struct listener_config config = rig_config(&rig);
    struct ws_listener *listener;

    rig_start_plain(&rig);
    config.cert_file = rig_certs("cert.pem");
    config.key_file = rig_certs("ca-key.pem"); /* not its key */
    ck_assert_int_eq(listener_new(rig.net, &config, &listener), CHAT_E_AUTH);
    config.cert_file = "/nonexistent";
    ck_assert_int_eq(listener_new(rig.net, &config, &listener), CHAT_E_AUTH);
    config.key_file = NULL;
    ck_assert_int_eq(listener_new(rig.net, &config, &listener), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_development_certificate_is_for_names_only)
{
    static const char *const bad[] = {"a,DNS:b", "", "a b", "a\nb", "h\xc3\xb6st"};
    static const char *many[DEV_CERT_NAMES_MAX + 1];
    struct dev_cert_config config = {.folder = "/nonexistent", .name_count = 1};

    rig_start(&rig, NULL, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config.names = &bad[i];
        ck_assert_msg(dev_cert_make(&config) == CHAT_E_INVALID, "\"%s\"", bad[i]);
    }
    for (size_t i = 0; i <= DEV_CERT_NAMES_MAX; i++)
        many[i] = "host.example";
    config.names = many;
    config.name_count = DEV_CERT_NAMES_MAX + 1;
    ck_assert_int_eq(dev_cert_make(&config), CHAT_E_INVALID);
    config.name_count = DEV_CERT_NAMES_MAX;
    ck_assert_int_eq(dev_cert_make(&config), CHAT_E_IO); /* there is no such folder */
}
END_TEST

START_TEST(a_taken_port_is_a_conflict)
{
    struct listener_config config = rig_config(&rig);
    struct ws_listener *listener;

    rig_start_plain(&rig);
    config.port = rig.port;
    ck_assert_int_eq(listener_new(rig.net, &config, &listener), CHAT_E_CONFLICT);
    config.address = "not an address";
    ck_assert_int_eq(listener_new(rig.net, &config, &listener), CHAT_E_INVALID);
}
END_TEST

START_TEST(two_listeners_share_a_port_when_both_want_to)
{
    struct listener_config config = rig_config(&rig);
    struct ws_listener *second;

    config.share_port = true;
    rig_start(&rig, &config, NULL);
    config.port = rig.port;
    ck_assert_int_eq(listener_new(rig.net, &config, &second), CHAT_OK);
    ck_assert_uint_eq(listener_get_port(second), rig.port);
}
END_TEST

START_TEST(a_wrong_secret_is_told_as_such)
{
    rig_start_plain(&rig);
    (void)rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_LINK, "Bearer wrong");
    expect_failure(CHAT_E_AUTH, "401");
    ck_assert_uint_eq(rig.server.opened, 0);
}
END_TEST

START_TEST(a_foreign_subprotocol_is_told_as_such)
{
    rig_start_plain(&rig);
    (void)rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), "dial", NULL);
    expect_failure(CHAT_E_PROTOCOL, "400");
}
END_TEST

START_TEST(a_refused_connection_is_told)
{
    struct listener_config config = rig_config(&rig);

    rig_start(&rig, &config, NULL);
    listener_stop(rig.listener);
    (void)rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_failure(CHAT_E_NETWORK, "");
}
END_TEST

START_TEST(a_proxy_of_the_environment_is_not_used)
{
    ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
    rig_start_plain(&rig);
    (void)rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_CLIENT, NULL);
    expect_open();
    (void)unsetenv("http_proxy");
}
END_TEST

static const char redirect[] = "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n"
                               "Content-Length: 0\r\n\r\n";
static const char *const answers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    redirect,
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
    "Sec-WebSocket-Protocol: libchat.v1\r\n\r\n",
    "\x16\x03\x03 nonsense\r\n\r\n",
    "",
};

/* A server that gives one of these answers to whatever comes. */
START_TEST(strange_answers_are_told)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
    char request[2048];

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    rig_start(&rig, NULL, NULL);
    rig.port = ntohs(at.sin_port);
    (void)rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_CLIENT, NULL);
    rig_idle(&rig, 20);
    fd = accept(listener, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    rig_idle(&rig, 20);
    ck_assert_int_gt(recv(fd, request, sizeof(request), 0), 0);
    raw_send_text(&rig, fd, answers[_i]);
    (void)shutdown(fd, SHUT_WR);
    rig_until(&rig, client_is_closed, NULL);
    ck_assert_uint_eq(rig.client.opened, 0);
    ck_assert_int_ne(rig.client.status, CHAT_OK);
    (void)close(fd);
    (void)close(listener);
}
END_TEST

START_TEST(a_peer_that_never_answers_runs_into_the_time_limit)
{
    struct ws_limits limits = ws_limits_client;
    struct ws_dial_config config = {.subprotocol = WS_SUBPROTOCOL_CLIENT,
                                    .limits = &limits,
                                    .events = &rig_events,
                                    .user = &rig.client};
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct ws_conn *conn;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    rig_start(&rig, NULL, NULL);
    rig.port = ntohs(at.sin_port);
    limits.handshake_ms = 100;
    config.url = rig_url(&rig, _i ? "wss" : "ws", "127.0.0.1");
    ck_assert_int_eq(ws_client_dial(rig.net, &config, &conn), CHAT_OK);
    expect_failure(CHAT_E_TIMEOUT, "too long");
    (void)close(listener);
}
END_TEST

START_TEST(closing_while_dialing_is_told_from_the_loop)
{
    struct ws_conn *conn;

    rig_start_plain(&rig);
    conn = rig_dial(&rig, rig_url(&rig, "ws", "127.0.0.1"), WS_SUBPROTOCOL_CLIENT, NULL);
    for (int i = 0; i < _i; i++)
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
    if (rig.client.opened)
        return;
    carrier_close(&conn->carrier, CHAT_CLOSE_NORMAL, NULL, 0);
    ck_assert_uint_eq(rig.client.closed, 0);
    rig_until(&rig, client_is_closed, NULL);
    ck_assert_int_eq(rig.client.status, CHAT_OK);
    ck_assert_uint_eq(rig.client.opened, 0);
    rig_idle(&rig, 30);
}
END_TEST

START_TEST(stopping_while_dialing_leaks_nothing)
{
    rig_start_plain(&rig);
    (void)rig_dial(&rig, rig_url(&rig, "ws", "localhost"), WS_SUBPROTOCOL_CLIENT, NULL);
    for (int i = 0; i < _i; i++)
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
}
END_TEST

START_TEST(bad_urls_are_refused_with_a_reason)
{
    static const char *const bad[] = {
        "http://localhost/",  "localhost:1",     "ws://",
        "ws://:80/",          "ws://host:0/",    "ws://host:65536/",
        "ws://host:x/",       "ws://user@host/", "ws://user:pw@host/",
        "ws://[::1/",         "ws://[::g]/",     "ws://host/with space",
        "ws://host/#part",    "ws://host?query", "ws://host/\r\nX: y",
        "wss://h\xc3\xb6st/",
    };
    struct url url;

    rig_start(&rig, NULL, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(url_parse(bad[i], &url) != NULL, "%s", bad[i]);
    ck_assert_ptr_null(url_parse("WSS://Host.example:8443/a/b?c=d", &url));
    ck_assert(url.tls);
    ck_assert_uint_eq(url.port, 8443);
    ck_assert_str_eq(url.host, "Host.example");
    ck_assert_str_eq(url.authority, "Host.example:8443");
    ck_assert_str_eq(url.path, "/a/b?c=d");
    ck_assert_ptr_null(url_parse("ws://[2001:db8::1]", &url));
    ck_assert_uint_eq(url.port, 80);
    ck_assert(url.is_address);
    ck_assert_str_eq(url.authority, "[2001:db8::1]");
    ck_assert_str_eq(url.path, "/");
}
END_TEST

START_TEST(what_does_not_fit_a_header_is_not_dialed)
{
    struct ws_dial_config config = {.url = "ws://127.0.0.1/",
                                    .subprotocol = WS_SUBPROTOCOL_LINK,
                                    .authorization = "Bearer a\r\nX-Injected: b",
                                    .limits = &ws_limits_link};
    struct ws_conn *conn;

    rig_start(&rig, NULL, NULL);
    ck_assert_int_eq(ws_client_dial(rig.net, &config, &conn), CHAT_E_INVALID);
    config.authorization = NULL;
    config.subprotocol = "";
    ck_assert_int_eq(ws_client_dial(rig.net, &config, &conn), CHAT_E_INVALID);
}
END_TEST

static void add_tls(TCase *tc)
{
    tcase_add_loop_test(tc, tls_by_name_and_by_address, 0, 2);
    tcase_add_test(tc, tls_over_ipv6);
    tcase_add_test(tc, tls_carries_a_megabyte_both_ways);
    tcase_add_test(tc, a_foreign_authority_is_refused);
    tcase_add_test(tc, a_foreign_name_is_refused);
    tcase_add_test(tc, the_system_does_not_trust_our_authority);
    tcase_add_test(tc, a_missing_authority_file_is_told_at_once);
    tcase_add_test(tc, tls_1_2_is_refused);
    tcase_add_test(tc, http2_is_never_agreed_on);
    tcase_add_test(tc, a_slow_tls_handshake_is_dropped);
    tcase_add_test(tc, each_listener_shows_its_own_certificate);
    tcase_add_test(tc, certificates_are_read_again_and_bad_ones_are_not_taken);
    tcase_add_test(tc, a_bad_certificate_file_refuses_the_listener);
}

int main(void)
{
    Suite *suite = suite_create("dial");
    TCase *tc = tcase_create("dial");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_plain_link_opens_and_echoes);
    tcase_add_test(tc, the_server_may_close_too);
    add_tls(tc);
    tcase_add_test(tc, a_development_certificate_is_for_names_only);
    tcase_add_test(tc, a_taken_port_is_a_conflict);
    tcase_add_test(tc, two_listeners_share_a_port_when_both_want_to);
    tcase_add_test(tc, a_wrong_secret_is_told_as_such);
    tcase_add_test(tc, a_foreign_subprotocol_is_told_as_such);
    tcase_add_test(tc, a_refused_connection_is_told);
    tcase_add_test(tc, a_proxy_of_the_environment_is_not_used);
    tcase_add_loop_test(tc, strange_answers_are_told, 0, sizeof(answers) / sizeof(answers[0]));
    tcase_add_loop_test(tc, a_peer_that_never_answers_runs_into_the_time_limit, 0, 2);
    tcase_add_loop_test(tc, closing_while_dialing_is_told_from_the_loop, 0, 6);
    tcase_add_loop_test(tc, stopping_while_dialing_leaks_nothing, 0, 8);
    tcase_add_test(tc, bad_urls_are_refused_with_a_reason);
    tcase_add_test(tc, what_does_not_fit_a_header_is_not_dialed);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
