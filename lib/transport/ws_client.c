#include "transport/ws_client.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include <libchat/close.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/moment.h"
#include "transport/resolver.h"
#include "transport/tls.h"
#include "transport/url.h"
#include "transport/ws_callback.h"

#define LOG "transport"
#define AUTHORIZATION_MAX 8192u
#define SUBPROTOCOL_MAX 64u

/* What a connection needs only until it is open. */
struct ws_dial {
    struct list_node in_net;
    struct ws_conn *conn;
    struct url url;
    char subprotocol[SUBPROTOCOL_MAX + 1];
    char *authorization;
    struct resolver_query *query; /* while the name is asked for */
    struct net_timer attempt;
    char (*addresses)[RESOLVER_ADDRESS_BYTES];
    size_t address_count;
    size_t next;
    bool answered;   /* somebody is there: no other address is tried */
    bool connecting; /* inside lws_client_connect_via_info() */
    chat_status failure;
    char cause[CARRIER_REASON_MAX + 1];
};

static void begin(struct net_work *work);
static void attempt(struct net_work *work);
static void on_attempt_over(struct net_timer *timer, int64_t now_ms);

static bool is_header_value(const char *text, size_t max)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return len > 0 && len <= max;
}

/* What libwebsockets says when nobody listens there, or when the peer hangs up at once. */
#define LWS_CLOSED "closed before established"
#define REFUSED "refused, or closed at once: is it running, and is this its port?"

#define NOT_PINNED "the peer's key is none of the pinned ones"

static void set_cause(struct ws_dial *dial, chat_status status, const char *cause, size_t len)
{
    dial->failure = status;
    (void)snprintf(dial->cause, sizeof(dial->cause), "%.*s", (int)(len > 123 ? 123 : len), cause);
}

/* ---- TLS: the name we dialed is the name we verify, whatever libwebsockets made of it ---- */

static struct ws_dial *dial_of(const SSL *ssl)
{
    struct net *net = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    LIST_EACH(node, &net->dials)
    {
        struct ws_dial *dial = LIST_ENTRY(node, struct ws_dial, in_net);
        if (dial->conn->wsi && lws_get_ssl(dial->conn->wsi) == ssl)
            return dial;
    }
    return NULL;
}

static void on_tls_info(const SSL *ssl, int where, int value)
{
    struct ws_dial *dial = dial_of(ssl);
    const char *alert;

    if (!dial)
        return;
    dial->answered = true;
    if (where & SSL_CB_HANDSHAKE_START)
        tls_client_set_name((SSL *)(uintptr_t)ssl, dial->url.host);
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && dial->failure == CHAT_OK) {
        alert = SSL_alert_desc_string_long(value);
        set_cause(dial, CHAT_E_AUTH, alert, strlen(alert));
    }
}

static int on_tls_verify(X509_STORE_CTX *store, void *user)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct ws_dial *dial = dial_of(ssl);
    const char *cause;

    (void)user;
    if (!dial)
        return 0;
    if (tls_client_verify(store, dial->url.host)) {
        if (!dial->conn->net->pins || tls_pins_match(dial->conn->net->pins, store))
            return 1;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        set_cause(dial, CHAT_E_AUTH, NOT_PINNED, strlen(NOT_PINNED));
        return 0;
    }
    cause = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    set_cause(dial, CHAT_E_AUTH, cause, strlen(cause));
    return 0;
}

static chat_status make_tls(struct net *net)
{
    static const struct tls_trust the_systems = {0};
    chat_status status = CHAT_OK;

    if (!net->dial_tls)
        status = tls_client_new(&the_systems, net->logger, &net->dial_tls);
    if (status != CHAT_OK)
        return status;
    SSL_CTX_set_app_data(net->dial_tls, net);
    SSL_CTX_set_info_callback(net->dial_tls, on_tls_info);
    SSL_CTX_set_cert_verify_callback(net->dial_tls, on_tls_verify, NULL);
    return CHAT_OK;
}

/* libwebsockets keeps per-role settings in a "vhost": one for ws, one for wss. */
static chat_status vhost_for(struct net *net, bool tls, struct lws_vhost **out_vhost)
{
    struct lws_vhost **vhost = tls ? &net->dial_secure : &net->dial_plain;
    chat_status status;

    if (!*vhost) {
        struct lws_context_creation_info info = {0};

        status = tls ? make_tls(net) : CHAT_OK;
        if (status != CHAT_OK)
            return status;
        ws_callback_fill_vhost(&info);
        info.vhost_name = tls ? "dial-secure" : "dial-plain";
        info.port = CONTEXT_PORT_NO_LISTEN;
        info.options = tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0;
        info.provided_client_ssl_ctx = net->dial_tls;
        *vhost = lws_create_vhost(net->lws, &info);
        if (!*vhost)
            return CHAT_E_NOMEM;
    }
    *out_vhost = *vhost;
    return CHAT_OK;
}

/* ---- a dial ---- */

static struct ws_dial *dial_new(struct ws_conn *conn, const struct ws_dial_config *config,
                                const struct url *url)
{
    const struct chat_allocator *allocator = conn->net->allocator;
    struct ws_dial *dial = alloc_zeroed(allocator, sizeof(*dial));

    if (!dial)
        return NULL;
    dial->conn = conn;
    dial->url = *url;
    dial->attempt.on_due = on_attempt_over;
    memcpy(dial->subprotocol, config->subprotocol, strlen(config->subprotocol) + 1);
    list_push_back(&conn->net->dials, &dial->in_net);
    dial->authorization = alloc_strdup(allocator, config->authorization);
    dial->addresses = alloc_array(allocator, RESOLVER_ADDRESSES_MAX, RESOLVER_ADDRESS_BYTES);
    if ((config->authorization && !dial->authorization) || !dial->addresses) {
        ws_dial_free(dial);
        return NULL;
    }
    return dial;
}

void ws_dial_free(struct ws_dial *dial)
{
    struct net *net;

    if (!dial)
        return;
    net = dial->conn->net;
    resolver_cancel(dial->query);
    net_timer_cancel(net, &dial->attempt);
    list_remove(&dial->in_net);
    alloc_free(net->allocator, dial->authorization);
    alloc_free(net->allocator, dial->addresses);
    alloc_free(net->allocator, dial);
}

chat_status ws_client_dial(struct net *net, const struct ws_dial_config *config,
                           struct ws_conn **out_conn)
{
    struct ws_conn *conn;
    struct url url;
    const char *problem = url_parse(config->url, &url);

    if (!problem && !is_header_value(config->subprotocol, SUBPROTOCOL_MAX))
        problem = "the subprotocol is not one";
    if (!problem && config->authorization &&
        !is_header_value(config->authorization, AUTHORIZATION_MAX))
        problem = "the authorization does not fit a header";
    if (problem) {
        log_write(net->logger, CHAT_LOG_ERROR, LOG, "cannot dial: %s", problem);
        return CHAT_E_INVALID;
    }
    conn = ws_conn_new(net, config->limits, NULL);
    if (!conn)
        return CHAT_E_NOMEM;
    conn->own_limits = alloc_copy(net->allocator, config->limits, sizeof(*config->limits));
    conn->dial = dial_new(conn, config, &url);
    if (!conn->dial || !conn->own_limits) {
        ws_conn_free(conn);
        return CHAT_E_NOMEM;
    }
    conn->limits = conn->own_limits;
    conn->carrier.events = config->events;
    conn->carrier.user = config->user;
    conn->links = !strcmp(config->subprotocol, WS_SUBPROTOCOL_LINK);
    conn->work.run = begin;
    net_work_add(net, &conn->work);
    *out_conn = conn;
    return CHAT_OK;
}

static void on_answer(const struct resolver_answer *answer, void *user)
{
    struct ws_conn *conn = user;
    struct ws_dial *dial = conn->dial;

    dial->query = NULL;
    if (answer->status != CHAT_OK) {
        (void)snprintf(dial->cause, sizeof(dial->cause), "%.60s: %.60s", dial->url.host,
                       answer->cause);
        ws_dial_fail(conn, answer->status, dial->cause);
        return;
    }
    memcpy(dial->addresses, answer->addresses, sizeof(answer->addresses));
    dial->address_count = answer->count;
    attempt(&conn->work);
}

static void begin(struct net_work *work)
{
    struct ws_conn *conn = LIST_ENTRY(work, struct ws_conn, work);
    struct ws_dial *dial = conn->dial;
    chat_status status;

    if (dial->url.is_address) {
        (void)snprintf(dial->addresses[0], RESOLVER_ADDRESS_BYTES, "%.*s",
                       (int)RESOLVER_ADDRESS_BYTES - 1, dial->url.host);
        dial->address_count = 1;
        attempt(work);
        return;
    }
    status = resolver_lookup(conn->net, dial->url.host, on_answer, conn, &dial->query);
    if (status != CHAT_OK)
        ws_dial_fail(conn, status, "the resolver does not start");
}

static void connect_to(struct ws_conn *conn, struct lws_vhost *vhost, const char *address)
{
    struct lws_client_connect_info info = {0};
    struct ws_dial *dial = conn->dial;
    struct lws *wsi;

    info.context = conn->net->lws;
    info.vhost = vhost;
    info.address = address;
    info.port = dial->url.port;
    info.host = dial->url.authority;
    info.path = dial->url.path;
    info.protocol = dial->subprotocol;
    info.local_protocol_name = conn->links ? WS_LOCAL_DIAL_LINK : WS_LOCAL_DIAL;
    info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (dial->url.tls ? LCCSCF_USE_SSL : 0);
    info.alpn = "http/1.1";
    info.opaque_user_data = conn;
    info.pwsi = &conn->wsi;
    dial->connecting = true;
    wsi = lws_client_connect_via_info(&info);
    dial->connecting = false;
    if (wsi)
        return;
    conn->wsi = NULL;
    if (dial->failure == CHAT_OK)
        set_cause(dial, CHAT_E_NETWORK, "cannot connect", 14);
    conn->work.run = attempt;
    net_work_add(conn->net, &conn->work);
}

static void attempt(struct net_work *work)
{
    struct ws_conn *conn = LIST_ENTRY(work, struct ws_conn, work);
    struct ws_dial *dial = conn->dial;
    struct lws_vhost *vhost;
    chat_status status;

    if (dial->next == dial->address_count || dial->answered) {
        ws_dial_fail(conn, dial->failure, dial->cause);
        return;
    }
    status = vhost_for(conn->net, dial->url.tls, &vhost);
    if (status != CHAT_OK) {
        ws_dial_fail(conn, status, "TLS cannot be set up");
        return;
    }
    dial->failure = CHAT_OK;
    net_timer_set(conn->net, &dial->attempt,
                  dial->next + 1 < dial->address_count ? net_now_ms(conn->net) + WS_ATTEMPT_MS
                                                       : MOMENT_NEVER);
    connect_to(conn, vhost, dial->addresses[dial->next++]);
}

static void drop_socket(struct ws_conn *conn)
{
    if (!conn->wsi)
        return;
    lws_set_opaque_user_data(conn->wsi, NULL);
    ws_conn_kill(conn);
    conn->wsi = NULL;
}

static void on_attempt_over(struct net_timer *timer, int64_t now_ms)
{
    struct ws_dial *dial = LIST_ENTRY(timer, struct ws_dial, attempt);
    struct ws_conn *conn = dial->conn;

    (void)now_ms;
    if (dial->answered)
        return;
    drop_socket(conn);
    set_cause(dial, CHAT_E_TIMEOUT, "no answer", 9);
    conn->work.run = attempt;
    net_work_add(conn->net, &conn->work);
}

void ws_conn_abandon_dial(struct ws_conn *conn)
{
    drop_socket(conn);
    net_work_cancel(&conn->work);
    ws_dial_free(conn->dial);
    conn->dial = NULL;
}

void ws_dial_fail(struct ws_conn *conn, chat_status status, const char *reason)
{
    char text[CARRIER_REASON_MAX + 1];

    (void)snprintf(text, sizeof(text), "%s", reason);
    ws_conn_abandon_dial(conn);
    ws_conn_end(conn, status, CHAT_CLOSE_ABNORMAL, text, strlen(text));
}

/* ---- from libwebsockets' callback ---- */

int ws_dial_on_headers(struct ws_conn *conn, char **at, char *end)
{
    struct ws_dial *dial = conn->dial;

    dial->answered = true;
    if (!dial->authorization)
        return 0;
    return lws_add_http_header_by_token(
        conn->wsi, WSI_TOKEN_HTTP_AUTHORIZATION, (unsigned char *)dial->authorization,
        (int)strlen(dial->authorization), (unsigned char **)at, (unsigned char *)end);
}

int ws_dial_on_answer(struct ws_conn *conn)
{
    char agreed[SUBPROTOCOL_MAX + 1];

    if (lws_hdr_copy(conn->wsi, agreed, sizeof(agreed), WSI_TOKEN_PROTOCOL) > 0 &&
        !strcmp(agreed, conn->dial->subprotocol))
        return 0;
    set_cause(conn->dial, CHAT_E_PROTOCOL, "the peer did not agree on the subprotocol", 41);
    return -1;
}

void ws_dial_on_open(struct ws_conn *conn)
{
    char address[RESOLVER_ADDRESS_BYTES];

    memcpy(address, conn->dial->addresses[conn->dial->next - 1], sizeof(address));
    ws_dial_free(conn->dial);
    conn->dial = NULL;
    ws_conn_open(conn, LINK_DIALED, address);
}

/* What an HTTP answer other than 101 means. */
static void judge_answer(struct ws_dial *dial, unsigned http)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "the peer answered HTTP %u", http);

    set_cause(dial,
              http == 401 || http == 403 ? CHAT_E_AUTH
              : http >= 500              ? CHAT_E_NETWORK
                                         : CHAT_E_PROTOCOL,
              text, (size_t)len);
}

void ws_dial_on_error(struct ws_conn *conn, struct lws *wsi, const char *text, size_t len)
{
    struct ws_dial *dial = conn->dial;
    unsigned http = lws_http_client_http_response(wsi);

    if (dial->failure == CHAT_OK) {
        if (http && http != 101)
            judge_answer(dial, http);
        else if (text && len && !strncmp(text, LWS_CLOSED, len))
            set_cause(dial, CHAT_E_NETWORK, REFUSED, strlen(REFUSED));
        else if (text && len)
            set_cause(dial, CHAT_E_NETWORK, text, strnlen(text, len));
        else
            set_cause(dial, CHAT_E_NETWORK, "connection lost", 15);
    }
    lws_set_opaque_user_data(wsi, NULL);
    conn->wsi = NULL;
    if (dial->connecting)
        return; /* connect_to() goes on */
    conn->work.run = attempt;
    net_work_add(conn->net, &conn->work);
}
