#include "transport/net.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/moment.h"
#include "transport/http.h"
#include "transport/listener_inner.h"
#include "transport/resolver.h"
#include "transport/tls.h"
#include "transport/ws_conn.h"

/* Read per turn and connection at most; a protocol's rx_buffer_size may say less. */
#define SERVICE_BUFFER_BYTES 20480
#define HEADERS_MAX 8192 /* bytes of a request's headers */

/* Ours come first; these only back them up. */
#define LWS_TIMEOUT_SECS 15

/* libwebsockets' own timers are a sorted list, walked at each insert: no liveness checks of
 * its own, the wheel does it. */
static const lws_retry_bo_t no_validity_checks = {0};

static void on_timer(uv_timer_t *handle);
static void on_idle(uv_idle_t *handle);

static chat_status make_context(struct net *net, uint32_t sockets_max)
{
    struct lws_context_creation_info info = {0};
    void *loops[1] = {net->loop};
    struct sigaction before;

    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME;
    info.foreign_loops = loops;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.pt_serv_buf_size = SERVICE_BUFFER_BYTES;
    info.max_http_header_data2 = HEADERS_MAX;
    info.max_http_header_pool2 = NET_HANDSHAKES_MAX;
    info.timeout_secs = LWS_TIMEOUT_SECS;
    info.connect_timeout_secs = LWS_TIMEOUT_SECS;
    info.retry_and_idle_policy = &no_validity_checks;
    info.pcontext = &net->lws;
    info.fd_limit_per_thread = sockets_max;

    lws_set_log_level(0, NULL);
    /* It sets SIGPIPE to be ignored, for the whole process. */
    (void)sigaction(SIGPIPE, NULL, &before);
    net->lws = lws_create_context(&info);
    (void)sigaction(SIGPIPE, &before, NULL);
    return net->lws ? CHAT_OK : CHAT_E_NOMEM;
}

/* What was given is read at once: a mistake in it is told here, not at some dial. */
static chat_status keep_trust(struct net *net, const struct net_config *config)
{
    const struct tls_trust trust = {
        .ca_file = config->ca_file, .ca_pem = config->ca_pem, .ca_pem_len = config->ca_pem_len};

    if (config->pinned_keys) {
        net->pins = alloc_zeroed(net->allocator, sizeof(*net->pins));
        if (!net->pins)
            return CHAT_E_NOMEM;
        if (!tls_pins_parse(config->pinned_keys, net->pins)) {
            log_write(net->logger, CHAT_LOG_ERROR, "transport",
                      "pinned_keys: not of the form sha256//BASE64;sha256//BASE64");
            return CHAT_E_INVALID;
        }
    }
    if (!config->ca_file && !config->ca_pem)
        return CHAT_OK;
    return tls_client_new(&trust, net->logger, &net->dial_tls);
}

chat_status net_new(const struct net_config *config, struct net **out_net)
{
    struct net *net = alloc_zeroed(config->allocator, sizeof(*net));
    chat_status status;

    if (!net)
        return CHAT_E_NOMEM;
    net->allocator = config->allocator;
    net->logger = config->logger;
    net->loop = config->loop;
    list_init(&net->work);
    list_init(&net->conns);
    list_init(&net->dials);
    list_init(&net->listeners);
    buf_init(&net->scratch, net->allocator, LWS_PRE + NET_MESSAGE_MAX + HTTP_HEAD_MAX);
    wheel_init(&net->wheel, net_now_ms(net));
    net->timer_at_ms = MOMENT_NEVER;

    status = CHAT_E_NOMEM;
    if (config->dns_servers) {
        net->dns_servers = alloc_strdup(net->allocator, config->dns_servers);
        if (!net->dns_servers)
            goto fail;
    }
    status = keep_trust(net, config);
    if (status != CHAT_OK)
        goto fail;
    status = make_context(net, config->sockets_max);
    if (status != CHAT_OK)
        goto fail;

    (void)uv_timer_init(net->loop, &net->timer);
    (void)uv_idle_init(net->loop, &net->idle);
    net->timer.data = net;
    net->idle.data = net;
    *out_net = net;
    return CHAT_OK;

fail:
    SSL_CTX_free(net->dial_tls);
    alloc_free(net->allocator, net->pins);
    alloc_free(net->allocator, net->dns_servers);
    alloc_free(net->allocator, net);
    return status;
}

/* Nobody is told any more: their owners have let go, or are being freed. */
static void cut_conns(struct net *net)
{
    LIST_EACH(node, &net->conns) { ws_conn_cut(LIST_ENTRY(node, struct ws_conn, in_net)); }
}

void net_shut(struct net *net)
{
    if (!net || net->shut)
        return;
    net->shut = true;
    LIST_EACH(node, &net->listeners)
    {
        listener_stop(LIST_ENTRY(node, struct ws_listener, in_net));
    }
    if (net->resolver)
        resolver_shut(net->resolver);
    cut_conns(net);
    while (list_pop_front(&net->work))
        ;
    uv_close((uv_handle_t *)&net->timer, NULL);
    uv_close((uv_handle_t *)&net->idle, NULL);
    lws_context_destroy(net->lws);
}

void net_free(struct net *net)
{
    if (!net)
        return;
    if (net->lws)
        lws_context_destroy(net->lws);
    LIST_EACH(node, &net->conns) { ws_conn_free(LIST_ENTRY(node, struct ws_conn, in_net)); }
    LIST_EACH(node, &net->listeners)
    {
        listener_free(LIST_ENTRY(node, struct ws_listener, in_net));
    }
    resolver_free(net->resolver);
    SSL_CTX_free(net->dial_tls);
    alloc_free(net->allocator, net->pins);
    alloc_free(net->allocator, net->dns_servers);
    buf_fini(&net->scratch);
    alloc_free(net->allocator, net);
}

int64_t net_now_ms(const struct net *net) { return (int64_t)uv_now(net->loop); }

static void rearm(struct net *net)
{
    int64_t next_ms = wheel_next_ms(&net->wheel);
    int64_t now_ms = net_now_ms(net);

    if (next_ms == net->timer_at_ms || net->shut)
        return;
    net->timer_at_ms = next_ms;
    if (next_ms == MOMENT_NEVER) {
        (void)uv_timer_stop(&net->timer);
        return;
    }
    (void)uv_timer_start(&net->timer, on_timer, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 0,
                         0);
}

static void on_timer(uv_timer_t *handle)
{
    struct net *net = handle->data;
    int64_t now_ms = net_now_ms(net);
    struct wheel_timer *due;

    net->timer_at_ms = MOMENT_NEVER;
    wheel_advance(&net->wheel, now_ms);
    while ((due = wheel_pop(&net->wheel)) != NULL) {
        struct net_timer *timer = LIST_ENTRY(due, struct net_timer, wheel);
        timer->on_due(timer, now_ms);
    }
    rearm(net);
}

void net_timer_set(struct net *net, struct net_timer *timer, int64_t deadline_ms)
{
    if (deadline_ms == MOMENT_NEVER) {
        wheel_cancel(&net->wheel, &timer->wheel);
        return;
    }
    wheel_set(&net->wheel, &timer->wheel, deadline_ms);
    /* Only what comes earlier moves the loop's timer: a late look costs nothing. */
    if (deadline_ms < net->timer_at_ms)
        rearm(net);
}

void net_timer_cancel(struct net *net, struct net_timer *timer)
{
    wheel_cancel(&net->wheel, &timer->wheel);
}

static void on_idle(uv_idle_t *handle)
{
    struct net *net = handle->data;
    struct list now;
    struct list_node *node;

    /* What is added meanwhile waits for the next turn. */
    list_init(&now);
    while ((node = list_pop_front(&net->work)) != NULL)
        list_push_back(&now, node);
    while (!net->shut && (node = list_pop_front(&now)) != NULL) {
        struct net_work *work = LIST_ENTRY(node, struct net_work, link);
        work->run(work);
    }
    if (net->shut)
        return;
    if (net->poke) {
        net->poke = false;
        lws_cancel_service(net->lws);
    }
    if (list_is_empty(&net->work))
        (void)uv_idle_stop(&net->idle);
}

void net_work_add(struct net *net, struct net_work *work)
{
    if (net->shut)
        return;
    if (!list_node_is_linked(&work->link))
        list_push_back(&net->work, &work->link);
    (void)uv_idle_start(&net->idle, on_idle);
}

void net_work_cancel(struct net_work *work) { list_remove(&work->link); }

void net_poke(struct net *net)
{
    if (net->shut)
        return;
    net->poke = true;
    (void)uv_idle_start(&net->idle, on_idle);
}
