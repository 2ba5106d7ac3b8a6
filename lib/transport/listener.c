#include "transport/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/moment.h"
#include "transport/fd_limit.h"
#include "transport/listener_inner.h"
#include "transport/socket.h"
#include "transport/tls.h"
#include "transport/ws_callback.h"

#define LOG "transport"
#define ACCEPTS_PER_TURN 64
#define FD_RESERVE 64u /* for files, links and accepted sockets that are only refused */
#define RETRY_MS 50    /* out of descriptors, or too many handshakes */

static void on_ready(uv_poll_t *poll, int status, int events);

/* ---- accepting ---- */

static void set_polling(struct ws_listener *l, bool on)
{
    if (l->stopped || l->polling == on)
        return;
    l->polling = on;
    if (on)
        (void)uv_poll_start(&l->poll, UV_READABLE, on_ready);
    else
        (void)uv_poll_stop(&l->poll);
}

static void put_off(struct ws_listener *l)
{
    set_polling(l, false);
    net_timer_set(l->net, &l->retry, net_now_ms(l->net) + RETRY_MS);
}

static void on_retry(struct net_timer *timer, int64_t now_ms)
{
    (void)now_ms;
    set_polling(LIST_ENTRY(timer, struct ws_listener, retry), true);
}

/* A flood must not lock out everybody for the whole handshake time: who has had a second
 * makes room for the next one, if there is one. NULL: there is room. */
static struct ws_conn *who_must_go(struct ws_listener *l)
{
    if (l->stats.handshakes < l->config.handshakes_max)
        return NULL;
    return LIST_ENTRY(list_first(&l->handshakes), struct ws_conn, in_handshakes);
}

static bool has_had_its_time(struct ws_conn *conn)
{
    int64_t begun_ms = conn->phase_by_ms - conn->limits->handshake_ms;

    return net_now_ms(conn->net) - begun_ms >= LISTENER_GRACE_MS;
}

static void push_out(struct ws_listener *l, struct ws_conn *conn)
{
    list_remove(&conn->in_handshakes);
    l->stats.handshakes--;
    conn->counted = true;
    listener_on_slow(l);
    ws_conn_kill(conn);
}

static void take(struct ws_listener *l, int fd)
{
    lws_adopt_desc_t how = {0};
    struct ws_conn *conn;

    l->stats.accepted++;
    if (l->stats.connections >= l->config.connections_max) {
        l->stats.refused_full++;
        (void)close(fd);
        return;
    }
    conn = ws_conn_new(l->net, l->config.client_limits, l);
    if (!conn) {
        l->stats.refused_full++;
        (void)close(fd);
        return;
    }
    conn->carrier.events = l->config.events;
    conn->carrier.user = l->config.user;
    l->stats.connections++;
    l->stats.handshakes++;
    list_push_back(&l->handshakes, &conn->in_handshakes);
    socket_tune(fd);
    how.vh = l->vhost;
    how.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL;
    how.fd.sockfd = fd;
    how.opaque = conn;
    conn->adopting = true;
    /* It closes fd when it fails, and may tell of the end later, or not at all: then the
     * handshake's deadline frees conn. */
    conn->wsi = lws_adopt_descriptor_vhost_via_info(&how);
    conn->adopting = false;
    if (conn->gone)
        ws_conn_free(conn);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct ws_listener *l = poll->data;

    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && !l->stopped; i++) {
        struct ws_conn *oldest = who_must_go(l);
        int fd;

        if (oldest && !has_had_its_time(oldest)) {
            put_off(l);
            return;
        }
        fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (oldest)
                push_out(l, oldest);
            take(l, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            log_write(l->net->logger, CHAT_LOG_WARN, LOG, "accept on port %u: %s",
                      (unsigned)l->port, strerror(errno));
            put_off(l);
            return;
        }
    }
}

/* ---- making one ---- */

static char **copy_origins(const struct chat_allocator *allocator,
                           const struct listener_config *config)
{
    char **list = alloc_array(allocator, config->origin_count + 1, sizeof(*list));

    if (!list)
        return NULL;
    memset(list, 0, (config->origin_count + 1) * sizeof(*list));
    for (size_t i = 0; i < config->origin_count; i++) {
        list[i] = alloc_strdup(allocator, config->origins[i]);
        if (!list[i])
            break; /* the caller sees the hole */
    }
    return list;
}

static chat_status copy_config(struct ws_listener *l, const struct listener_config *given)
{
    const struct chat_allocator *a = l->net->allocator;
    struct listener_config *c = &l->config;

    *c = *given;
    c->address = alloc_strdup(a, given->address);
    c->cert_file = alloc_strdup(a, given->cert_file);
    c->key_file = alloc_strdup(a, given->key_file);
    c->link_secret = alloc_strdup(a, given->link_secret);
    l->origins = copy_origins(a, given);
    c->origins = (const char *const *)l->origins;
    if ((given->address && !c->address) || (given->cert_file && !c->cert_file) ||
        (given->key_file && !c->key_file) || (given->link_secret && !c->link_secret) ||
        !l->origins || (given->origin_count && !l->origins[given->origin_count - 1]))
        return CHAT_E_NOMEM;
    if (!c->client_limits)
        c->client_limits = &ws_limits_client;
    if (!c->link_limits)
        c->link_limits = &ws_limits_link;
    if (!c->handshakes_max || c->handshakes_max > NET_HANDSHAKES_MAX)
        c->handshakes_max = LISTENER_HANDSHAKES;
    if (!c->connections_max)
        c->connections_max = fd_limit_get() - FD_RESERVE;
    return CHAT_OK;
}

static bool is_sound(const struct listener_config *c)
{
    return c->serves && c->origin_count <= LISTENER_ORIGINS_MAX && !c->cert_file == !c->key_file &&
           (!(c->serves & LISTENER_LINKS) || (c->link_secret && *c->link_secret)) &&
           (!(c->serves & (LISTENER_CLIENTS | LISTENER_LINKS)) || c->events) &&
           (!(c->serves & LISTENER_HTTP) || c->http);
}

static chat_status make_vhost(struct ws_listener *l)
{
    struct lws_context_creation_info info = {0};

    (void)snprintf(l->name, sizeof(l->name), "listener-%u", (unsigned)l->port);
    ws_callback_fill_vhost(&info);
    info.vhost_name = l->name; /* kept, not copied */
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.user = l;
    if (l->config.cert_file) {
        /* Else it makes one with all that the system trusts, and never frees it. */
        l->dials_none = SSL_CTX_new(TLS_client_method());
        if (!l->dials_none)
            return CHAT_E_NOMEM;
        info.provided_client_ssl_ctx = l->dials_none;
        info.options =
            LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    }
    l->vhost = lws_create_vhost(l->net->lws, &info);
    if (l->vhost && (!l->config.cert_file || l->tls))
        return CHAT_OK;
    return l->config.cert_file ? CHAT_E_AUTH : CHAT_E_NOMEM;
}

chat_status listener_new(struct net *net, const struct listener_config *config,
                         struct ws_listener **out_listener)
{
    struct ws_listener *l;
    chat_status status;

    if (!is_sound(config))
        return CHAT_E_INVALID;
    l = alloc_zeroed(net->allocator, sizeof(*l));
    if (!l)
        return CHAT_E_NOMEM;
    l->net = net;
    l->fd = -1;
    l->retry.on_due = on_retry;
    list_init(&l->handshakes);
    status = copy_config(l, config);
    if (status == CHAT_OK)
        status = socket_listen(config->address, config->port, config->share_port, net->logger,
                               &l->fd, &l->port);
    if (status == CHAT_OK)
        status = make_vhost(l);
    /* From here on the vhost points at it: it stays with the net even when it failed. */
    if (!l->vhost) {
        listener_free(l);
        return status;
    }
    list_push_back(&net->listeners, &l->in_net);
    if (status != CHAT_OK || uv_poll_init(net->loop, &l->poll, l->fd) != 0) {
        l->stopped = true;
        return status != CHAT_OK ? status : CHAT_E_IO;
    }
    l->poll.data = l;
    set_polling(l, true);
    log_write(net->logger, CHAT_LOG_INFO, LOG, "listening on %s port %u%s",
              config->address ? config->address : "any address", (unsigned)l->port,
              config->cert_file ? ", TLS" : "");
    *out_listener = l;
    return CHAT_OK;
}

void listener_free(struct ws_listener *l)
{
    const struct chat_allocator *a = l->net->allocator;

    if (l->fd >= 0)
        (void)close(l->fd);
    for (size_t i = 0; l->origins && l->origins[i]; i++)
        alloc_free(a, l->origins[i]);
    alloc_free(a, l->origins);
    alloc_free(a, (char *)(uintptr_t)l->config.address);
    alloc_free(a, (char *)(uintptr_t)l->config.cert_file);
    alloc_free(a, (char *)(uintptr_t)l->config.key_file);
    alloc_free(a, (char *)(uintptr_t)l->config.link_secret);
    list_remove(&l->in_net);
    SSL_CTX_free(l->dials_none);
    alloc_free(a, l);
}

/* ---- afterwards ---- */

uint16_t listener_get_port(const struct ws_listener *l) { return l->port; }
const struct listener_stats *listener_get_stats(const struct ws_listener *l) { return &l->stats; }

void listener_stop(struct ws_listener *l)
{
    if (l->stopped)
        return;
    set_polling(l, false);
    l->stopped = true;
    net_timer_cancel(l->net, &l->retry);
    uv_close((uv_handle_t *)&l->poll, NULL);
    (void)close(l->fd);
    l->fd = -1;
}

void listener_drain(struct ws_listener *l, bool keep_http)
{
    l->draining = true;
    if (!keep_http || !(l->config.serves & LISTENER_HTTP))
        listener_stop(l);
}

int listener_load_tls(struct ws_listener *l, void *ssl_ctx)
{
    SSL_CTX *ctx = ssl_ctx;

    if (tls_server_load(ctx, l->config.cert_file, l->config.key_file, l->net->logger) != CHAT_OK)
        return -1;
    /* libwebsockets would look for a vhost of the client's SNI name among all listeners and
     * serve that one's certificate. */
    SSL_CTX_set_tlsext_servername_callback(ctx, NULL);
    l->tls = ctx;
    return 0;
}

chat_status listener_reload(struct ws_listener *l)
{
    if (!l->tls)
        return CHAT_OK;
    return tls_server_load(l->tls, l->config.cert_file, l->config.key_file, l->net->logger);
}

void listener_on_open(struct ws_listener *l, struct ws_conn *conn)
{
    l->stats.opened++;
    if (list_node_is_linked(&conn->in_handshakes)) {
        list_remove(&conn->in_handshakes);
        l->stats.handshakes--;
    }
}

void listener_on_slow(struct ws_listener *l) { l->stats.slow++; }

const char *listener_cut_name(enum listener_cut cut)
{
    static const char *const names[LISTENER_CUTS] = {
        [CUT_MESSAGE_MAX] = "message_max",
        [CUT_FRAGMENTS_MAX] = "fragments_max",
        [CUT_TEXT] = "text",
        [CUT_MESSAGE_MS] = "message_ms",
        [CUT_IDLE_MS] = "idle_ms",
        [CUT_DRAIN_MS] = "drain_ms",
    };
    return names[cut];
}

void listener_on_cut(struct ws_conn *conn, enum listener_cut cut)
{
    if (conn->listener)
        conn->listener->stats.cuts[cut]++;
}

void listener_on_gone(struct ws_listener *l, struct ws_conn *conn)
{
    if (list_node_is_linked(&conn->in_handshakes)) {
        list_remove(&conn->in_handshakes);
        l->stats.handshakes--;
        l->stats.refused_broken += !conn->counted;
    }
    l->stats.connections--;
}
