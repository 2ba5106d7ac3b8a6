#include "transport/ws_transport.h"

#include <string.h>
#include <time.h>

#include <uv.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/map.h"
#include "transport/net.h"
#include "transport/sigpipe.h"
#include "transport/url.h"
#include "transport/ws_client.h"

/* The conn's heartbeats are quicker; this is for one that forgot. */
#define IDLE_MS 300000
#define CONNECT_MS_DEFAULT 10000

/* Reads within one pump, as long as something comes and the loop wants it. */
#define TURNS_MAX 64

/* Above this many links a socket is found at once, below by a walk over few. */
#define LINKS_FEW 1024

/* Ended ones may linger beside each link, and libwebsockets has a few of its own. */
#define SOCKETS_OF(links_max) ((links_max)*2 + 32)

#define CONNECT_SIZE_V1 (offsetof(struct chat_connect, timeout_ms) + sizeof(int64_t))
#define SINK_SIZE_V1 (offsetof(struct chat_transport_sink, on_closed) + sizeof(void (*)(void)))

struct ws_transport {
    struct chat_transport face; /* first */
    const struct chat_allocator *allocator;
    uv_loop_t loop;
    uv_timer_t wait; /* ends a pump */
    uv_async_t woken;
    struct net *net;
    struct map links; /* link -> struct ws_conn */
    uint32_t links_max;
    uint32_t close_ms;
    struct chat_transport_sink sink;
    bool started;
};

/* ---- what connections tell ---- */

static void on_opened(struct carrier *carrier, enum link_kind kind, const char *address, void *user)
{
    struct ws_transport *t = user;

    (void)kind, (void)address;
    t->sink.on_opened(carrier->id, t->sink.user);
}

static void on_message(struct carrier *carrier, const uint8_t *bytes, size_t len, void *user)
{
    struct ws_transport *t = user;

    t->sink.on_message(carrier->id, bytes, len, t->sink.user);
}

static void on_drained(struct carrier *carrier, void *user)
{
    struct ws_transport *t = user;

    t->sink.on_drained(carrier->id, t->sink.user);
}

static void on_closed(struct carrier *carrier, const struct carrier_end *end, void *user)
{
    struct ws_transport *t = user;

    (void)map_take(&t->links, carrier->id);
    t->sink.on_closed(carrier->id, end->status, end->code, end->reason ? end->reason : "",
                      end->reason_len, t->sink.user);
}

static const struct carrier_events conn_events = {
    .on_opened = on_opened,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* ---- the functions of the seam ---- */

static chat_status start(void *self, const struct chat_transport_sink *sink)
{
    struct ws_transport *t = self;

    if (t->started)
        return CHAT_E_STATE;
    if (sink->size < SINK_SIZE_V1 || !sink->on_opened || !sink->on_message || !sink->on_drained ||
        !sink->on_closed)
        return CHAT_E_INVALID;
    memcpy(&t->sink, sink, sink->size < sizeof(t->sink) ? sink->size : sizeof(t->sink));
    t->started = true;
    return CHAT_OK;
}

static chat_status connect_link(void *self, uint64_t link, const struct chat_connect *to)
{
    struct ws_transport *t = self;
    struct ws_limits limits = ws_limits_client;
    struct ws_dial_config config = {.limits = &limits, .events = &conn_events, .user = t};
    struct ws_conn *conn;
    chat_status status;

    if (!t->started)
        return CHAT_E_STATE;
    if (!link || to->size < CONNECT_SIZE_V1 || !to->url || !to->subprotocol ||
        map_get(&t->links, link))
        return CHAT_E_INVALID;
    if (t->links.count >= t->links_max)
        return CHAT_E_FULL;
    limits.message_max =
        to->message_max < NET_MESSAGE_MAX ? (uint32_t)to->message_max : NET_MESSAGE_MAX;
    limits.handshake_ms = to->timeout_ms > 0 ? to->timeout_ms : CONNECT_MS_DEFAULT;
    limits.idle_ms = IDLE_MS;
    limits.close_ms = t->close_ms;
    config.url = to->url;
    config.subprotocol = to->subprotocol;
    config.authorization = to->authorization;
    uv_update_time(&t->loop);
    status = ws_client_dial(t->net, &config, &conn);
    if (status != CHAT_OK)
        return status;
    conn->carrier.id = link;
    status = map_put(&t->links, link, conn);
    if (status != CHAT_OK)
        ws_conn_free(conn);
    return status;
}

static chat_status send_message(void *self, uint64_t link, const struct chat_buffer *buffers,
                                size_t count, bool *out_blocked)
{
    struct ws_transport *t = self;
    struct ws_conn *conn = map_get(&t->links, link);
    struct sigpipe guard;
    chat_status status;

    if (!conn)
        return CHAT_E_STATE;
    uv_update_time(&t->loop);
    sigpipe_hold(&guard);
    status = ws_conn_send(conn, buffers, count, out_blocked);
    sigpipe_release(&guard);
    return status;
}

static void close_link(void *self, uint64_t link, uint16_t code, const char *reason,
                       size_t reason_len)
{
    struct ws_transport *t = self;
    struct ws_conn *conn = map_get(&t->links, link);
    struct sigpipe guard;

    if (!conn)
        return;
    uv_update_time(&t->loop);
    sigpipe_hold(&guard);
    carrier_close(&conn->carrier, code, reason, reason_len);
    sigpipe_release(&guard);
}

static void on_wait_over(uv_timer_t *timer) { (void)timer; }
static void on_woken(uv_async_t *async) { (void)async; }

static bool is_tired(const struct ws_transport *t)
{
    return !t->sink.is_tired || t->sink.is_tired(t->sink.user);
}

static chat_status pump(void *self, int64_t timeout_ms)
{
    struct ws_transport *t = self;
    struct sigpipe guard;

    if (timeout_ms > 0) {
        uv_update_time(&t->loop);
        (void)uv_timer_start(&t->wait, on_wait_over, (uint64_t)timeout_ms, 0);
    }
    sigpipe_hold(&guard);
    t->net->heard = false;
    (void)uv_run(&t->loop, timeout_ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    (void)uv_timer_stop(&t->wait);
    for (int i = 0; i < TURNS_MAX && t->net->heard && !is_tired(t); i++) {
        t->net->heard = false;
        (void)uv_run(&t->loop, UV_RUN_NOWAIT);
    }
    sigpipe_release(&guard);
    return CHAT_OK;
}

static int get_fd(void *self)
{
    struct ws_transport *t = self;

    return uv_backend_fd(&t->loop);
}

static int64_t get_deadline_ms(void *self)
{
    struct ws_transport *t = self;
    int wait_ms = uv_backend_timeout(&t->loop);

    return wait_ms < 0 ? CHAT_DEADLINE_NEVER : (int64_t)uv_now(&t->loop) + wait_ms;
}

static void wake(void *self)
{
    struct ws_transport *t = self;

    (void)uv_async_send(&t->woken);
}

static void pause_link(void *self, uint64_t link, bool paused)
{
    struct ws_transport *t = self;
    struct ws_conn *conn = map_get(&t->links, link);

    if (conn)
        ws_conn_pause(conn, paused);
}

static int64_t now_us(void *self)
{
    (void)self;
    return (int64_t)(uv_hrtime() / 1000);
}

static chat_status check_url(void *self, const char *text)
{
    struct ws_transport *t = self;
    struct url url;
    const char *problem = url_parse(text, &url);

    if (!problem)
        return CHAT_OK;
    log_write(t->net->logger, CHAT_LOG_ERROR, "transport", "the url is not usable: %s", problem);
    return CHAT_E_INVALID;
}

static void now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    struct timespec wall;

    (void)self;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    *out_mono_ms = (int64_t)(uv_hrtime() / 1000000);
    *out_wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
}

static chat_status fill_random(void *self, uint8_t *bytes, size_t len)
{
    (void)self;
    return uv_random(NULL, NULL, bytes, len, 0, NULL) == 0 ? CHAT_OK : CHAT_E_IO;
}

static void transport_free(void *self)
{
    struct ws_transport *t = self;
    struct sigpipe guard;

    sigpipe_hold(&guard);
    net_shut(t->net);
    uv_close((uv_handle_t *)&t->wait, NULL);
    uv_close((uv_handle_t *)&t->woken, NULL);
    (void)uv_run(&t->loop, UV_RUN_DEFAULT);
    net_free(t->net);
    (void)uv_loop_close(&t->loop);
    sigpipe_release(&guard);
    map_fini(&t->links);
    alloc_free(t->allocator, t);
}

static const struct chat_transport functions = {
    .size = sizeof(struct chat_transport),
    .start = start,
    .connect = connect_link,
    .send = send_message,
    .close = close_link,
    .pump = pump,
    .get_fd = get_fd,
    .get_deadline_ms = get_deadline_ms,
    .wake = wake,
    .now = now,
    .random = fill_random,
    .free = transport_free,
    .pause = pause_link,
    .now_us = now_us,
    .check_url = check_url,
};

chat_status ws_transport_new(const struct chat_transport_ws_config *config,
                             struct chat_transport **out_transport)
{
    struct net_config net = {
        .allocator = config->allocator,
        .logger = config->logger,
        .ca_file = config->ca_file,
        .ca_pem = config->ca_pem,
        .ca_pem_len = config->ca_pem_len,
        .pinned_keys = config->pinned_keys,
        .dns_servers = config->dns_servers,
        .sockets_max = config->links_max <= LINKS_FEW ? SOCKETS_OF(config->links_max) : 0};
    struct ws_transport *t = alloc_zeroed(config->allocator, sizeof(*t));
    chat_status status;

    if (!t)
        return CHAT_E_NOMEM;
    t->face = functions;
    t->face.self = t;
    t->allocator = config->allocator;
    t->links_max = config->links_max;
    t->close_ms = config->close_timeout_ms;
    map_init(&t->links, config->allocator);
    if (uv_loop_init(&t->loop) != 0) {
        alloc_free(t->allocator, t);
        return CHAT_E_IO;
    }
    net.loop = &t->loop;
    status = net_new(&net, &t->net);
    if (status != CHAT_OK) {
        (void)uv_run(&t->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&t->loop);
        alloc_free(t->allocator, t);
        return status;
    }
    (void)uv_timer_init(&t->loop, &t->wait);
    (void)uv_async_init(&t->loop, &t->woken, on_woken);
    *out_transport = &t->face;
    return CHAT_OK;
}
