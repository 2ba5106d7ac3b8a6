/* A host runs machines: links of every kind, time, engines, and an orderly end. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <libchat/close.h>

#include "api/host.h"
#include "base/alloc.h"
#include "rig.h"
#include "server/store/engine.h"

#define SENDS_MAX 64

/* A machine that does what a test tells it, and writes down what it is told. */
struct puppet {
    struct machine machine; /* first */
    bool echo;
    bool stop_at_once; /* EFFECT_STOPPED on EVENT_STOP */

    unsigned opened, messages, blocked, drained, closed, timers, stops, engine_done;
    link_id link; /* the newest */
    enum link_kind kind;
    uint32_t peer;
    uint16_t code;
    char address[64];
    uint8_t last[256];
    size_t last_len;
    chat_status engine_status;
    struct moment now;

    int64_t deadline_ms;
    uint32_t dial_peer;
    bool dial;
    bool stopped;
    struct engine_request *request;
    link_id close_link;
    struct {
        link_id link;
        struct frame *frame;
    } sends[SENDS_MAX];
    size_t send_count, send_at;
    struct frame *sending;
};

static void queue(struct puppet *p, link_id link, const void *bytes, size_t len)
{
    struct frame *frame = frame_new(&alloc_default, len);

    ck_assert_uint_lt(p->send_count, SENDS_MAX);
    memcpy(frame->bytes, bytes, len);
    p->sends[p->send_count].link = link;
    p->sends[p->send_count++].frame = frame;
}

static void puppet_feed(struct machine *m, const struct event *event)
{
    struct puppet *p = (struct puppet *)m;

    p->now = event->now;
    switch (event->kind) {
    case EVENT_LINK_OPENED:
        p->opened++;
        p->link = event->link;
        p->kind = event->opened.kind;
        p->peer = event->opened.peer;
        (void)snprintf(p->address, sizeof(p->address), "%s", event->opened.address);
        break;
    case EVENT_LINK_MESSAGE:
        p->messages++;
        p->last_len = event->message.len < sizeof(p->last) ? event->message.len : sizeof(p->last);
        memcpy(p->last, event->message.bytes, p->last_len);
        if (p->echo)
            queue(p, event->link, event->message.bytes, event->message.len);
        break;
    case EVENT_LINK_BLOCKED: p->blocked++; break;
    case EVENT_LINK_DRAINED: p->drained++; break;
    case EVENT_LINK_CLOSED:
        p->closed++;
        p->code = event->closed.code;
        p->peer = event->closed.peer;
        break;
    case EVENT_TIMER:
        p->timers++;
        if (event->now.mono_ms >= p->deadline_ms)
            p->deadline_ms = MOMENT_NEVER;
        break;
    case EVENT_ENGINE_DONE:
        p->engine_done++;
        p->engine_status = event->engine->status;
        break;
    case EVENT_STOP:
        p->stops++;
        p->stopped = p->stop_at_once;
        break;
    }
}

static bool puppet_poll(struct machine *m, struct effect *out)
{
    struct puppet *p = (struct puppet *)m;

    frame_unref(p->sending);
    p->sending = NULL;
    if (p->dial) {
        p->dial = false;
        *out = (struct effect){.kind = EFFECT_DIAL, .dial = {.peer = p->dial_peer}};
    } else if (p->request) {
        *out = (struct effect){.kind = EFFECT_ENGINE, .engine = p->request};
        p->request = NULL;
    } else if (p->send_at < p->send_count) {
        p->sending = p->sends[p->send_at].frame;
        *out =
            (struct effect){.kind = EFFECT_SEND,
                            .link = p->sends[p->send_at++].link,
                            .send = {.frames = &p->sending, .count = 1, .bytes = p->sending->len}};
        if (p->send_at == p->send_count)
            p->send_at = p->send_count = 0;
    } else if (p->close_link) {
        *out = (struct effect){.kind = EFFECT_CLOSE,
                               .link = p->close_link,
                               .close = {.code = CHAT_CLOSE_POLICY, .reason = "puppet"}};
        p->close_link = 0;
    } else if (p->stopped) {
        p->stopped = false;
        *out = (struct effect){.kind = EFFECT_STOPPED};
    } else {
        return false;
    }
    return true;
}

static int64_t puppet_deadline(const struct machine *m)
{
    return ((const struct puppet *)m)->deadline_ms;
}

static const struct machine_ops puppet_ops = {
    .name = "puppet", .feed = puppet_feed, .poll = puppet_poll, .deadline = puppet_deadline};

static struct puppet a, b;
static struct host *host;
static struct host_role *role_a, *role_b;

static void puppet_init(struct puppet *p)
{
    *p = (struct puppet){
        .machine = {.ops = &puppet_ops}, .deadline_ms = MOMENT_NEVER, .stop_at_once = true};
}

static void add(struct puppet *p, uint32_t stage, struct store_engine *engine,
                struct host_role **out_role)
{
    const struct host_role_config config = {
        .machine = &p->machine, .stop_stage = stage, .engine = engine};

    ck_assert_int_eq(host_add_role(host, &config, out_role), CHAT_OK);
}

static void setup_with(const char *ca_file, struct store_engine *engine)
{
    struct host_config config;

    host_config_init(&config);
    config.ca_file = ca_file;
    config.link_secret = RIG_SECRET;
    config.close_grace_ms = 200;
    config.signals = true;
    ck_assert_int_eq(host_new(&config, &host), CHAT_OK);
    puppet_init(&a);
    puppet_init(&b);
    add(&a, 0, engine, &role_a);
    add(&b, 1, NULL, &role_b);
}

static void setup(void) { setup_with(NULL, NULL); }

static void teardown(void)
{
    host_free(host);
    host = NULL;
    frame_unref(a.sending);
    frame_unref(b.sending);
}

static uint16_t listen_plain(struct host_role *role)
{
    const struct listener_config config = {
        .address = "127.0.0.1",
        .serves = LISTENER_CLIENTS | LISTENER_LINKS | LISTENER_HTTP,
        .link_secret = RIG_SECRET,
    };
    struct ws_listener *listener;

    ck_assert_int_eq(host_listen(host, role, &config, &listener), CHAT_OK);
    return listener_get_port(listener);
}

#define STEP_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t end_ms_ = (int64_t)(uv_hrtime() / 1000000) + RIG_PATIENCE_MS;                      \
        while (!(condition)) {                                                                     \
            ck_assert_msg((int64_t)(uv_hrtime() / 1000000) < end_ms_, "not in time: " #condition); \
            (void)host_step(host, 10);                                                             \
        }                                                                                          \
    } while (0)

static void dial(struct puppet *p, uint32_t peer)
{
    p->dial = true;
    p->dial_peer = peer;
    p->deadline_ms = 0; /* so that the host looks */
}

START_TEST(roles_of_one_host_talk_through_memory)
{
    const struct host_peer peers[] = {{.role = role_b}};

    ck_assert_int_eq(host_set_peers(role_a, peers, 1), CHAT_OK);
    b.echo = true;
    dial(&a, 0);
    STEP_UNTIL(a.opened && b.opened);
    ck_assert_int_eq(a.kind, LINK_DIALED);
    ck_assert_int_eq(b.kind, LINK_PEER);
    ck_assert_uint_ne(a.link, b.link);
    queue(&a, a.link, "hello", 5);
    a.deadline_ms = 0;
    STEP_UNTIL(a.messages);
    ck_assert_mem_eq(a.last, "hello", 5);
    a.close_link = a.link;
    a.deadline_ms = 0;
    STEP_UNTIL(a.closed && b.closed);
    ck_assert_uint_eq(b.code, CHAT_CLOSE_POLICY);
    ck_assert_uint_eq(host_get_links(host), 0);
}
END_TEST

START_TEST(daemons_talk_over_tls)
{
    struct listener_config config = {.address = "127.0.0.1",
                                     .serves = LISTENER_LINKS,
                                     .link_secret = RIG_SECRET,
                                     .cert_file = rig_certs("cert.pem"),
                                     .key_file = rig_certs("key.pem")};
    struct ws_listener *listener;
    struct host_peer peers[1] = {0};
    char url[64];

    teardown();
    setup_with(rig_certs("ca.pem"), NULL);
    ck_assert_int_eq(host_listen(host, role_b, &config, &listener), CHAT_OK);
    (void)snprintf(url, sizeof(url), "wss://127.0.0.1:%u/", (unsigned)listener_get_port(listener));
    peers[0].url = url;
    ck_assert_int_eq(host_set_peers(role_a, peers, 1), CHAT_OK);
    b.echo = true;
    dial(&a, 0);
    STEP_UNTIL(a.opened);
    ck_assert_int_eq(b.kind, LINK_PEER);
    ck_assert_str_eq(b.address, "127.0.0.1");
    queue(&a, a.link, "secret", 6);
    a.deadline_ms = 0;
    STEP_UNTIL(a.messages);
    ck_assert_mem_eq(a.last, "secret", 6);
}
END_TEST

START_TEST(a_dial_that_fails_is_told_with_its_peer)
{
    const struct host_peer peers[] = {{.role = role_b}, {.url = "ws://127.0.0.1:1/"}};

    ck_assert_int_eq(host_set_peers(role_a, peers, 2), CHAT_OK);
    dial(&a, 1);
    STEP_UNTIL(a.closed);
    ck_assert_uint_eq(a.peer, 1);
    ck_assert_uint_eq(a.code, CHAT_CLOSE_ABNORMAL);
    ck_assert_uint_eq(a.opened, 0);
    a.peer = 0;
    dial(&a, 7); /* there is no such peer */
    STEP_UNTIL(a.closed == 2);
    ck_assert_uint_eq(a.peer, 7);
}
END_TEST

START_TEST(peers_are_checked)
{
    const struct host_peer bad_url[] = {{.url = "http://x/"}}, neither[] = {{0}};

    ck_assert_int_eq(host_set_peers(role_a, bad_url, 1), CHAT_E_INVALID);
    ck_assert_int_eq(host_set_peers(role_a, neither, 1), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_deadline_is_kept_and_not_early)
{
    int64_t begin_ms = host_now(host).mono_ms;

    a.deadline_ms = begin_ms + 50;
    STEP_UNTIL(a.timers);
    ck_assert_int_ge(a.now.mono_ms, begin_ms + 50);
    ck_assert_uint_eq(a.timers, 1);
    ck_assert_uint_eq(b.timers, 0);
    ck_assert_int_gt(a.now.wall_ms, INT64_C(1500000000000));
}
END_TEST

/* ---- engines ---- */

static void execute(struct store_engine *engine, struct engine_request *request)
{
    (void)engine;
    request->status = request->shard == 3 ? CHAT_E_CONFLICT : CHAT_OK;
}

static const struct store_engine_ops engine_ops = {.name = "test", .execute = execute};

START_TEST(engine_requests_come_back)
{
    struct store_engine engine = {.ops = &engine_ops};
    struct engine_request request = {.op = ENGINE_APPEND, .shard = 3};

    teardown();
    setup_with(NULL, &engine);
    a.request = &request;
    a.deadline_ms = 0;
    STEP_UNTIL(a.engine_done);
    ck_assert_int_eq(a.engine_status, CHAT_E_CONFLICT);
    teardown();
    setup();
}
END_TEST

START_TEST(without_an_engine_a_request_is_refused)
{
    struct engine_request request = {.op = ENGINE_OPEN};

    b.request = &request;
    b.deadline_ms = 0;
    STEP_UNTIL(b.engine_done);
    ck_assert_int_eq(b.engine_status, CHAT_E_UNSUPPORTED);
}
END_TEST

START_TEST(freeing_waits_for_engines)
{
    struct store_engine engine = {.ops = &engine_ops};
    struct engine_request requests[8] = {0};

    teardown();
    setup_with(NULL, &engine);
    for (int i = 0; i < 8; i++) {
        requests[i].op = ENGINE_READ;
        a.request = &requests[i];
        a.deadline_ms = 0;
        (void)host_step(host, 0);
    }
    teardown();
    setup();
}
END_TEST

/* ---- HTTP ---- */

static char answer[65536];

static void get(uint16_t port, const char *path)
{
    struct rig raw = {.port = port};
    char request[256];
    size_t have = 0;
    int fd = raw_connect(&raw), len;

    len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    ck_assert_int_eq(write(fd, request, (size_t)len), len);
    for (;;) {
        ssize_t n = read(fd, answer + have, sizeof(answer) - 1 - have);

        if (n == 0)
            break;
        if (n > 0)
            have += (size_t)n;
        (void)host_step(host, 1);
    }
    answer[have] = '\0';
    (void)close(fd);
}

START_TEST(health_and_metrics_are_told)
{
    uint16_t port = listen_plain(role_a);

    get(port, "/healthz");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 200 OK"));
    ck_assert_ptr_nonnull(strstr(answer, "alive"));
    get(port, "/readyz");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 200 OK"));
    get(port, "/metrics");
    ck_assert_ptr_nonnull(strstr(answer, METRICS_CONTENT_TYPE));
    ck_assert_ptr_nonnull(strstr(answer, "chat_http_requests_total 3\n"));
    get(port, "/else");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 404"));
    a.stop_at_once = false;
    host_stop(host);
    get(port, "/readyz");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 503"));
    get(port, "/healthz");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 200 OK"));
}
END_TEST

/* ---- stopping ---- */

START_TEST(roles_stop_stage_by_stage)
{
    a.stop_at_once = false;
    host_stop(host);
    for (int i = 0; i < 5; i++)
        (void)host_step(host, 1);
    ck_assert_uint_eq(a.stops, 1);
    ck_assert_uint_eq(b.stops, 0);
    a.stopped = true;
    a.deadline_ms = 0;
    STEP_UNTIL(b.stops);
    ck_assert_int_eq(host_run(host), CHAT_OK);
    ck_assert_uint_eq(a.stops, 1);
}
END_TEST

START_TEST(links_are_closed_before_the_end)
{
    const struct host_peer peers[] = {{.role = role_b}};

    ck_assert_int_eq(host_set_peers(role_a, peers, 1), CHAT_OK);
    dial(&a, 0);
    STEP_UNTIL(a.opened && b.opened);
    host_stop(host);
    ck_assert_int_eq(host_run(host), CHAT_OK);
    ck_assert_uint_eq(a.closed, 1);
    ck_assert_uint_eq(b.closed, 1);
    ck_assert_uint_eq(b.code, CHAT_CLOSE_GOING_AWAY);
    ck_assert(!host_step(host, 0));
}
END_TEST

START_TEST(a_second_stop_does_not_wait_for_roles)
{
    a.stop_at_once = b.stop_at_once = false;
    host_stop(host);
    (void)host_step(host, 1);
    host_stop(host);
    ck_assert_int_eq(host_run(host), CHAT_OK);
    ck_assert_uint_eq(a.stops, 1);
    ck_assert_uint_eq(b.stops, 0);
}
END_TEST

START_TEST(a_silent_client_does_not_hold_up_the_end)
{
    struct rig raw = {.port = listen_plain(role_a)};
    int fd = raw_connect(&raw);
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: libchat.v1\r\n\r\n";

    ck_assert_int_eq(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
    STEP_UNTIL(a.opened);
    ck_assert_int_eq(a.kind, LINK_CLIENT);
    host_stop(host);
    ck_assert_int_eq(host_run(host), CHAT_OK);
    (void)close(fd);
}
END_TEST

START_TEST(sigterm_stops)
{
    ck_assert_int_eq(raise(SIGTERM), 0);
    ck_assert_int_eq(host_run(host), CHAT_OK);
    ck_assert_uint_eq(a.stops, 1);
    ck_assert_uint_eq(b.stops, 1);
}
END_TEST

static void *stop_from_elsewhere(void *user)
{
    host_request_stop(user);
    return NULL;
}

START_TEST(any_thread_may_ask_to_stop)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, stop_from_elsewhere, host), 0);
    ck_assert_int_eq(host_run(host), CHAT_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(b.stops, 1);
}
END_TEST

/* Two that never stop talking: sockets and signals still have their turn. */
START_TEST(an_endless_talk_in_memory_does_not_starve_the_rest)
{
    const struct host_peer peers[] = {{.role = role_b}};
    uint16_t port = listen_plain(role_a);

    ck_assert_int_eq(host_set_peers(role_a, peers, 1), CHAT_OK);
    dial(&a, 0);
    STEP_UNTIL(a.opened && b.opened);
    a.echo = b.echo = true;
    queue(&a, a.link, "x", 1);
    a.deadline_ms = 0;
    STEP_UNTIL(a.messages > 1000);
    get(port, "/healthz");
    ck_assert_ptr_nonnull(strstr(answer, "alive"));
    a.echo = b.echo = false;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host");
    TCase *tc = tcase_create("host");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, roles_of_one_host_talk_through_memory);
    tcase_add_test(tc, daemons_talk_over_tls);
    tcase_add_test(tc, a_dial_that_fails_is_told_with_its_peer);
    tcase_add_test(tc, peers_are_checked);
    tcase_add_test(tc, a_deadline_is_kept_and_not_early);
    tcase_add_test(tc, engine_requests_come_back);
    tcase_add_test(tc, without_an_engine_a_request_is_refused);
    tcase_add_test(tc, freeing_waits_for_engines);
    tcase_add_test(tc, health_and_metrics_are_told);
    tcase_add_test(tc, roles_stop_stage_by_stage);
    tcase_add_test(tc, links_are_closed_before_the_end);
    tcase_add_test(tc, a_second_stop_does_not_wait_for_roles);
    tcase_add_test(tc, a_silent_client_does_not_hold_up_the_end);
    tcase_add_test(tc, sigterm_stops);
    tcase_add_test(tc, any_thread_may_ask_to_stop);
    tcase_add_test(tc, an_endless_talk_in_memory_does_not_starve_the_rest);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
