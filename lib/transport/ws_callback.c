#include "transport/ws_callback.h"

#include <libwebsockets.h>
#include <string.h>

#include "transport/listener.h"
#include "transport/net.h"
#include "transport/socket.h"
#include "transport/ws_client.h"
#include "transport/ws_conn.h"

/* Bytes read per turn and kept per connection. Clients send little and are many; links are
 * few and busy. */
#define RX_CLIENT 512
#define RX_DIAL 4096
#define RX_LINK 16384

/* Handshakes have our own deadline; this only backs it up. */
#define HEADERS_IDLE_SECS 15

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len);

/* A write longer than tx_packet_size would be cut in pieces even when the socket has room,
 * and a TLS write repeated in other pieces fails. */
#define PROTOCOL(name_, rx_)                                                                       \
    {                                                                                              \
        .name = (name_), .callback = on_event, .rx_buffer_size = (rx_),                            \
        .tx_packet_size = NET_MESSAGE_MAX                                                          \
    }

static const struct lws_protocols protocols[] = {
    PROTOCOL("http", RX_CLIENT), /* what is no WebSocket yet */
    PROTOCOL(WS_SUBPROTOCOL_CLIENT, RX_CLIENT),
    PROTOCOL(WS_SUBPROTOCOL_LINK, RX_LINK),
    PROTOCOL(WS_LOCAL_DIAL, RX_DIAL),
    PROTOCOL(WS_LOCAL_DIAL_LINK, RX_LINK),
    {.name = NULL},
};

static const lws_retry_bo_t no_validity_checks = {0};

void ws_callback_fill_vhost(struct lws_context_creation_info *info)
{
    info->protocols = protocols;
    info->retry_and_idle_policy = &no_validity_checks;
    info->timeout_secs_ah_idle = HEADERS_IDLE_SECS;
    info->alpn = "http/1.1";
    info->http_proxy_address = ""; /* else the environment's http_proxy would be used */
}

/* CVE-2025-11677: libwebsockets may use freed memory when a request after the first, on one
 * connection, wants a foreign upgrade. So there is no request after the first: all plain
 * ones are answered here and closed. */
static int on_http(struct ws_conn *conn, const char *path, size_t len)
{
    char copy[512];

    if (len >= sizeof(copy))
        len = sizeof(copy) - 1;
    memcpy(copy, path, len);
    copy[len] = '\0';
    return listener_on_http(conn, copy);
}

static int on_server_event(struct ws_conn *conn, enum lws_callback_reasons reason, void *in,
                           size_t len)
{
    /* NOLINTNEXTLINE: a hundred other reasons */
    if (reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE)
        return listener_on_upgrade_wish(conn, in);
    if (reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION)
        return listener_on_upgrade(conn, lws_get_protocol(conn->wsi)->name);
    if (reason == LWS_CALLBACK_FILTER_HTTP_CONNECTION)
        return on_http(conn, in, len);
    if (reason == LWS_CALLBACK_HTTP)
        return -1;
    if (reason == LWS_CALLBACK_ESTABLISHED)
        listener_on_established(conn);
    return 0;
}

static int on_dial_event(struct ws_conn *conn, struct lws *wsi, enum lws_callback_reasons reason,
                         void *in, size_t len)
{
    if (reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER)
        return ws_dial_on_headers(conn, in, *(char **)in + len);
    if (reason == LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH)
        return ws_dial_on_answer(conn);
    if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED) {
        socket_tune(lws_get_socket_fd(wsi));
        ws_dial_on_open(conn);
    }
    return 0;
}

static bool is_end(enum lws_callback_reasons reason)
{
    return reason == LWS_CALLBACK_CLOSED || reason == LWS_CALLBACK_CLIENT_CLOSED ||
           reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR || reason == LWS_CALLBACK_WSI_DESTROY;
}

static void on_end(struct ws_conn *conn, struct lws *wsi, enum lws_callback_reasons reason,
                   const char *text, size_t len)
{
    if (conn->dial) {
        ws_dial_on_error(conn, wsi, reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR ? text : NULL,
                         len);
        return;
    }
    lws_set_opaque_user_data(wsi, NULL);
    ws_conn_on_gone(conn);
}

/* Of all reasons there are, those that concern an open connection. */
static int on_open_event(struct ws_conn *conn, enum lws_callback_reasons reason, void *in,
                         size_t len)
{
    if (reason == LWS_CALLBACK_RECEIVE || reason == LWS_CALLBACK_CLIENT_RECEIVE)
        return ws_conn_on_bytes(conn, in, len);
    if (reason == LWS_CALLBACK_SERVER_WRITEABLE || reason == LWS_CALLBACK_CLIENT_WRITEABLE)
        return ws_conn_on_writable(conn);
    if (reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE)
        return ws_conn_on_peer_close(conn, in, len);
    return 0;
}

/* These come without a connection, or before it has an owner. */
static bool is_ours(enum lws_callback_reasons reason)
{
    return is_end(reason) || reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE ||
           reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION ||
           reason == LWS_CALLBACK_FILTER_HTTP_CONNECTION || reason == LWS_CALLBACK_HTTP ||
           reason == LWS_CALLBACK_ESTABLISHED ||
           reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER ||
           reason == LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH ||
           reason == LWS_CALLBACK_CLIENT_ESTABLISHED || reason == LWS_CALLBACK_RECEIVE ||
           reason == LWS_CALLBACK_CLIENT_RECEIVE || reason == LWS_CALLBACK_SERVER_WRITEABLE ||
           reason == LWS_CALLBACK_CLIENT_WRITEABLE ||
           reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct ws_conn *conn;

    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS)
        return listener_load_tls(lws_vhost_user(in), user);
    if (!is_ours(reason))
        return 0;
    conn = lws_get_opaque_user_data(wsi);
    if (!conn)
        return is_end(reason) ? 0 : -1; /* given up */
    if (!conn->wsi && conn->state != WS_ENDED)
        conn->wsi = wsi;
    if (is_end(reason)) {
        on_end(conn, wsi, reason, in, len);
        return 0;
    }
    if (conn->dial)
        return on_dial_event(conn, wsi, reason, in, len);
    if (conn->state == WS_HANDSHAKE)
        return on_server_event(conn, reason, in, len);
    return on_open_event(conn, reason, in, len);
}
