#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "transport/dev_cert.h"

/* ---- what owners see ---- */

static void on_opened(struct carrier *carrier, enum link_kind kind, const char *address, void *user)
{
    struct seen *seen = user;

    seen->opened++;
    seen->kind = kind;
    seen->carrier = carrier;
    (void)snprintf(seen->address, sizeof(seen->address), "%s", address);
}

static void on_message(struct carrier *carrier, const uint8_t *bytes, size_t len, void *user)
{
    struct seen *seen = user;

    seen->messages++;
    seen->bytes += len;
    seen->last_len = len;
    memcpy(seen->last, bytes, len < sizeof(seen->last) ? len : sizeof(seen->last));
    if (seen->echo) {
        struct frame *frame = frame_new(&alloc_default, len);
        bool blocked;

        memcpy(frame->bytes, bytes, len);
        (void)carrier_send(carrier, &frame, 1, len, &blocked);
        frame_unref(frame);
    }
}

static void on_drained(struct carrier *carrier, void *user)
{
    (void)carrier;
    ((struct seen *)user)->drained++;
}

static void on_closed(struct carrier *carrier, const struct carrier_end *end, void *user)
{
    struct seen *seen = user;

    seen->closed++;
    seen->status = end->status;
    seen->code = end->code;
    memcpy(seen->reason, end->reason, end->reason_len);
    seen->reason[end->reason_len] = '\0';
    if (seen->carrier == carrier)
        seen->carrier = NULL;
}

const struct carrier_events rig_events = {
    .on_opened = on_opened,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

static void answer_http(const char *path, struct listener_reply *reply, void *user)
{
    (void)user;
    if (!strcmp(path, "/healthz")) {
        reply->status = 200;
        (void)buf_append(&reply->body, "well\n", 5);
    } else if (!strcmp(path, "/large")) {
        static const char block[4096] = "metrics";

        reply->status = 200;
        for (int i = 0; i < 240; i++)
            (void)buf_append(&reply->body, block, sizeof(block));
    }
}

/* ---- the rig ---- */

struct listener_config rig_config(struct rig *rig)
{
    return (struct listener_config){
        .address = "127.0.0.1",
        .serves = LISTENER_CLIENTS | LISTENER_LINKS | LISTENER_HTTP,
        .link_secret = RIG_SECRET,
        .events = &rig_events,
        .user = &rig->server,
        .http = answer_http,
    };
}

static void to_stderr(chat_log_level level, const char *component, const char *text, void *user)
{
    (void)level, (void)user;
    if (getenv("RIG_LOG"))
        fprintf(stderr, "%s: %s\n", component, text);
}

static const struct chat_logger logger = {.write = to_stderr, .level = CHAT_LOG_DEBUG};

void rig_start(struct rig *rig, const struct listener_config *config, const char *ca_file)
{
    struct net_config net = {
        .allocator = rig->allocator, .loop = &rig->loop, .ca_file = ca_file, .logger = &logger};

    ck_assert_int_eq(uv_loop_init(&rig->loop), 0);
    ck_assert_int_eq(uv_timer_init(&rig->loop, &rig->patience), 0);
    rig->patience.data = rig;
    ck_assert_int_eq(net_new(&net, &rig->net), CHAT_OK);
    if (!config)
        return;
    ck_assert_int_eq(listener_new(rig->net, config, &rig->listener), CHAT_OK);
    rig->port = listener_get_port(rig->listener);
}

void rig_start_plain(struct rig *rig)
{
    struct listener_config config = rig_config(rig);

    rig_start(rig, &config, NULL);
}

void rig_stop(struct rig *rig)
{
    net_shut(rig->net);
    if (!rig->patience.data)
        return; /* it was never started */
    uv_close((uv_handle_t *)&rig->patience, NULL);
    ck_assert_int_eq(uv_run(&rig->loop, UV_RUN_DEFAULT), 0);
    net_free(rig->net);
    ck_assert_int_eq(uv_loop_close(&rig->loop), 0);
}

static void on_out_of_patience(uv_timer_t *timer)
{
    ((struct rig *)timer->data)->out_of_patience = true;
}

static void on_tick(uv_timer_t *timer) { (void)timer; }

void rig_until(struct rig *rig, bool (*is_true)(struct rig *rig, void *user), void *user)
{
    rig->out_of_patience = false;
    uv_update_time(&rig->loop);
    (void)uv_timer_start(&rig->patience, on_out_of_patience, RIG_PATIENCE_MS, 0);
    while (!is_true(rig, user)) {
        ck_assert_msg(!rig->out_of_patience, "waited for %d ms in vain", RIG_PATIENCE_MS);
        (void)uv_run(&rig->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&rig->patience);
}

static bool closed_are(struct rig *rig, void *count)
{
    return rig->server.closed >= *(unsigned *)count;
}
static bool opened_are(struct rig *rig, void *count)
{
    return rig->server.opened >= *(unsigned *)count;
}
static bool messages_are(struct rig *rig, void *count)
{
    return rig->server.messages >= *(unsigned *)count;
}

void rig_until_closed(struct rig *rig, unsigned count) { rig_until(rig, closed_are, &count); }
void rig_until_opened(struct rig *rig, unsigned count) { rig_until(rig, opened_are, &count); }
void rig_until_messages(struct rig *rig, unsigned count) { rig_until(rig, messages_are, &count); }

static bool is_over(struct rig *rig, void *user)
{
    return (int64_t)uv_now(&rig->loop) >= *(int64_t *)user;
}

void rig_idle(struct rig *rig, int64_t ms)
{
    uv_timer_t tick;
    int64_t end_ms;

    uv_update_time(&rig->loop);
    end_ms = (int64_t)uv_now(&rig->loop) + ms;
    (void)uv_timer_init(&rig->loop, &tick);
    (void)uv_timer_start(&tick, on_tick, 1, 1);
    rig_until(rig, is_over, &end_ms);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&rig->loop, UV_RUN_NOWAIT);
}

/* ---- raw sockets ---- */

int raw_connect(const struct rig *rig)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(rig->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Turns until the socket is ready; the loop is at work meanwhile. */
static void wait_for(struct rig *rig, int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int64_t end_ms = (int64_t)(uv_hrtime() / 1000000) + RIG_PATIENCE_MS;

    while (poll(&ready, 1, 1) == 0) {
        ck_assert_msg((int64_t)(uv_hrtime() / 1000000) < end_ms, "socket not ready");
        (void)uv_run(&rig->loop, UV_RUN_NOWAIT);
    }
}

void raw_send(struct rig *rig, int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            wait_for(rig, fd, POLLOUT);
        } else {
            return; /* the other end has had enough, which is often the point */
        }
    }
}

void raw_send_text(struct rig *rig, int fd, const char *text)
{
    raw_send(rig, fd, text, strlen(text));
}

size_t raw_read(struct rig *rig, int fd, void *bytes, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = recv(fd, (uint8_t *)bytes + have, len - have, 0);

        if (n > 0)
            have += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            break;
        else
            wait_for(rig, fd, POLLIN);
    }
    return have;
}

size_t raw_read_all(struct rig *rig, int fd, void *bytes, size_t max)
{
    return raw_read(rig, fd, bytes, max);
}

void raw_read_head(struct rig *rig, int fd, char *text, size_t max)
{
    size_t have = 0;

    while (have + 1 < max && raw_read(rig, fd, text + have, 1) == 1) {
        text[++have] = '\0';
        if (have >= 4 && !strcmp(text + have - 4, "\r\n\r\n"))
            return;
    }
    text[have] = '\0';
}

void raw_upgrade_with(struct rig *rig, int fd, const char *subprotocol, const char *headers)
{
    char request[16384];

    (void)snprintf(request, sizeof(request),
                   "GET / HTTP/1.1\r\n%sUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n%s%s%s%s\r\n",
                   strstr(headers, "Host: ") ? "" : "Host: 127.0.0.1\r\n",
                   subprotocol ? "Sec-WebSocket-Protocol: " : "", subprotocol ? subprotocol : "",
                   subprotocol ? "\r\n" : "", headers);
    raw_send_text(rig, fd, request);
}

int raw_upgrade(struct rig *rig)
{
    unsigned before = rig->server.opened;
    int fd = raw_connect(rig);
    char head[1024];

    raw_upgrade_with(rig, fd, WS_SUBPROTOCOL_CLIENT, "");
    raw_read_head(rig, fd, head, sizeof(head));
    ck_assert_msg(!strncmp(head, "HTTP/1.1 101 ", 13), "%s", head);
    rig_until_opened(rig, before + 1);
    return fd;
}

size_t raw_header(uint8_t *out, uint8_t first, uint64_t len, int bits)
{
    size_t at = 0;

    out[at++] = first;
    out[at++] = (uint8_t)(0x80 | (bits == 7 ? len : bits == 16 ? 126u : 127u));
    for (int shift = bits == 16 ? 8 : bits == 64 ? 56 : -8; shift >= 0; shift -= 8)
        out[at++] = (uint8_t)(len >> shift);
    memset(out + at, 0, 4);
    return at + 4;
}

uint16_t raw_read_close(struct rig *rig, int fd)
{
    uint8_t head[2], body[125];

    if (raw_read(rig, fd, head, 2) != 2 || head[0] != 0x88)
        return 0;
    if (raw_read(rig, fd, body, head[1]) != head[1] || head[1] < 2)
        return 0;
    return (uint16_t)(body[0] << 8 | body[1]);
}

/* ---- the dialer ---- */

struct ws_conn *rig_dial(struct rig *rig, const char *url, const char *subprotocol,
                         const char *authorization)
{
    const struct ws_dial_config config = {
        .url = url,
        .subprotocol = subprotocol,
        .authorization = authorization,
        .limits = &ws_limits_link,
        .events = &rig_events,
        .user = &rig->client,
    };
    struct ws_conn *conn = NULL;

    uv_update_time(&rig->loop);
    ck_assert_int_eq(ws_client_dial(rig->net, &config, &conn), CHAT_OK);
    return conn;
}

const char *rig_url(const struct rig *rig, const char *scheme, const char *host)
{
    static char url[512];

    (void)snprintf(url, sizeof(url), "%s://%s:%u/", scheme, host, (unsigned)rig->port);
    return url;
}

static char cert_folder[] = "/tmp/libchat-certs-XXXXXX";

static void remove_certs(void)
{
    static const char *const files[] = {"ca.pem", "ca-key.pem", "cert.pem", "key.pem"};
    char path[256];

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", cert_folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(cert_folder);
}

const char *rig_certs(const char *file)
{
    static char paths[4][256];
    static unsigned next;
    static bool made;
    char *path = paths[next++ % 4];

    if (!made) {
        struct dev_cert_config config = {.folder = cert_folder};

        ck_assert_ptr_nonnull(mkdtemp(cert_folder));
        (void)atexit(remove_certs);
        ck_assert_int_eq(dev_cert_make(&config), CHAT_OK);
        made = true;
    }
    (void)snprintf(path, 256, "%s/%s", cert_folder, file);
    return path;
}

int rig_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    (void)signal(SIGPIPE, SIG_IGN);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
