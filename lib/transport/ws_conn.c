#include "transport/ws_conn.h"

#include <libwebsockets.h>
#include <string.h>

#include <libchat/close.h>
#include <libchat/limits.h>

#include "base/alloc.h"
#include "base/moment.h"
#include "transport/listener.h"
#include "transport/ws_client.h"

const struct ws_limits ws_limits_client = {
    .message_max = CHAT_CLIENT_MESSAGE_MAX,
    .fragments_max = 64,
    .handshake_ms = 10000,
    .message_ms = 30000,
    .idle_ms = 90000,
    .drain_ms = 60000,
    .close_ms = 3000,
};

const struct ws_limits ws_limits_link = {
    .message_max = CHAT_SERVER_MESSAGE_MAX,
    .fragments_max = 64,
    .handshake_ms = 10000,
    .message_ms = 30000,
    .idle_ms = 30000,
    .drain_ms = 30000,
    .close_ms = 3000,
};

static void on_due(struct net_timer *timer, int64_t now_ms);

struct ws_conn *ws_conn_new(struct net *net, const struct ws_limits *limits,
                            struct ws_listener *listener)
{
    struct ws_conn *conn = alloc_zeroed(net->allocator, sizeof(*conn));

    if (!conn)
        return NULL;
    conn->carrier.ops = &ws_conn_carrier_ops;
    conn->net = net;
    conn->limits = limits;
    conn->listener = listener;
    conn->state = listener ? WS_HANDSHAKE : WS_DIALING;
    conn->timer.on_due = on_due;
    list_push_back(&net->conns, &conn->in_net);
    net->conn_count++;
    ws_conn_set_phase(conn, net_now_ms(net) + limits->handshake_ms);
    return conn;
}

static void drop_buffers(struct ws_conn *conn)
{
    const struct chat_allocator *allocator = conn->net->allocator;

    alloc_free(allocator, conn->rx);
    alloc_free(allocator, conn->pending);
    alloc_free(allocator, conn->reason);
    conn->rx = conn->pending = NULL;
    conn->reason = NULL;
    conn->rx_len = conn->rx_cap = conn->pending_len = 0;
}

void ws_conn_free(struct ws_conn *conn)
{
    struct net *net = conn->net;

    if (conn->state != WS_ENDED)
        net->conn_count--;
    if (conn->listener)
        listener_on_gone(conn->listener, conn);
    ws_dial_free(conn->dial);
    drop_buffers(conn);
    alloc_free(net->allocator, conn->own_limits);
    net_timer_cancel(net, &conn->timer);
    net_work_cancel(&conn->work);
    list_remove(&conn->in_net);
    alloc_free(net->allocator, conn);
}

void ws_conn_rearm(struct ws_conn *conn)
{
    const int64_t ends_ms[] = {conn->phase_by_ms, conn->message_by_ms, conn->drain_by_ms,
                               conn->state == WS_OPEN ? conn->heard_at_ms + conn->limits->idle_ms
                                                      : 0};
    int64_t first_ms = MOMENT_NEVER;

    for (size_t i = 0; i < sizeof(ends_ms) / sizeof(ends_ms[0]); i++)
        if (ends_ms[i] && ends_ms[i] < first_ms)
            first_ms = ends_ms[i];
    /* heard_at_ms moves with every message; the timer is moved only when it comes too late. */
    if (wheel_timer_is_set(&conn->timer.wheel) && conn->timer.wheel.deadline_ms <= first_ms)
        return;
    net_timer_set(conn->net, &conn->timer, first_ms);
}

void ws_conn_set_phase(struct ws_conn *conn, int64_t by_ms)
{
    conn->phase_by_ms = by_ms == MOMENT_NEVER ? 0 : by_ms;
    ws_conn_rearm(conn);
}

static void phase_is_over(struct ws_conn *conn, int64_t now_ms)
{
    conn->phase_by_ms = now_ms + conn->limits->close_ms;
    switch ((enum ws_state)conn->state) {
    case WS_DIALING: ws_dial_fail(conn, CHAT_E_TIMEOUT, "connecting took too long"); break;
    case WS_CLOSING:
        ws_conn_end(conn, conn->close_sent ? CHAT_OK : CHAT_E_TIMEOUT, conn->code,
                    "no answer to the close", 22);
        break;
    case WS_HANDSHAKE:
        conn->counted = true;
        listener_on_slow(conn->listener);
        break;
    case WS_OPEN:
    case WS_ENDED: break;
    }
    if (conn->wsi)
        ws_conn_kill(conn);
    else if (conn->state == WS_HANDSHAKE) /* a socket that was never taken over */
        ws_conn_end(conn, CHAT_E_NETWORK, CHAT_CLOSE_ABNORMAL, "", 0);
}

static void on_due(struct net_timer *timer, int64_t now_ms)
{
    struct ws_conn *conn = LIST_ENTRY(timer, struct ws_conn, timer);

    if (conn->phase_by_ms && now_ms >= conn->phase_by_ms) {
        phase_is_over(conn, now_ms);
    } else if (conn->state != WS_OPEN) {
        /* only the phase counts */
    } else if (conn->message_by_ms && now_ms >= conn->message_by_ms) {
        listener_on_cut(conn, CUT_MESSAGE_MS);
        ws_conn_fail(conn, CHAT_E_TIMEOUT, CHAT_CLOSE_POLICY, "message_ms");
    } else if (conn->drain_by_ms && now_ms >= conn->drain_by_ms) {
        listener_on_cut(conn, CUT_DRAIN_MS);
        ws_conn_end(conn, CHAT_E_TIMEOUT, CHAT_CLOSE_ABNORMAL, "the peer does not read", 22);
        ws_conn_kill(conn);
    } else if (now_ms >= conn->heard_at_ms + conn->limits->idle_ms) {
        listener_on_cut(conn, CUT_IDLE_MS);
        ws_conn_fail(conn, CHAT_E_TIMEOUT, CHAT_CLOSE_SILENT, "idle_ms");
    }
    ws_conn_rearm(conn);
}

void ws_conn_open(struct ws_conn *conn, enum link_kind kind, const char *address)
{
    conn->state = WS_OPEN;
    conn->heard_at_ms = net_now_ms(conn->net);
    conn->phase_by_ms = 0;
    if (conn->listener)
        listener_on_open(conn->listener, conn);
    ws_conn_rearm(conn);
    if (conn->carrier.events)
        conn->carrier.events->on_opened(&conn->carrier, kind, address, conn->carrier.user);
}

static void free_later(struct net_work *work)
{
    ws_conn_free(LIST_ENTRY(work, struct ws_conn, work));
}

void ws_conn_end(struct ws_conn *conn, chat_status status, uint16_t code, const char *reason,
                 size_t reason_len)
{
    const struct carrier_events *events = conn->carrier.events;
    const struct carrier_end end = {status, code, reason ? reason : "", reason_len};
    bool known = conn->state != WS_HANDSHAKE;

    if (conn->state == WS_ENDED)
        return;
    conn->state = WS_ENDED;
    conn->carrier.events = NULL;
    conn->net->conn_count--;
    conn->message_by_ms = conn->drain_by_ms = 0;
    ws_conn_set_phase(conn, net_now_ms(conn->net) + conn->limits->close_ms);
    if (!conn->wsi) {
        conn->work.run = free_later;
        net_work_add(conn->net, &conn->work);
    }
    if (events && known)
        events->on_closed(&conn->carrier, &end, conn->carrier.user);
    drop_buffers(conn);
}

void ws_conn_fail(struct ws_conn *conn, chat_status status, uint16_t code, const char *reason)
{
    bool told = conn->state == WS_OPEN && ws_conn_write_close(conn, code, reason, strlen(reason));

    ws_conn_end(conn, status, code, reason, strlen(reason));
    if (!told)
        ws_conn_kill(conn);
}

void ws_conn_kill(struct ws_conn *conn)
{
    if (!conn->wsi || conn->net->shut)
        return;
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    net_poke(conn->net);
}

void ws_conn_cut(struct ws_conn *conn)
{
    conn->carrier.events = NULL;
    net_timer_cancel(conn->net, &conn->timer);
    net_work_cancel(&conn->work);
    ws_dial_free(conn->dial);
    conn->dial = NULL;
}

void ws_conn_on_gone(struct ws_conn *conn)
{
    if (conn->state == WS_CLOSING && conn->close_sent)
        ws_conn_end(conn, CHAT_OK, conn->code, "closed", 6);
    else
        ws_conn_end(conn, CHAT_E_NETWORK, CHAT_CLOSE_ABNORMAL, "connection lost", 15);
    conn->wsi = NULL;
    conn->gone = true;
    if (!conn->adopting)
        ws_conn_free(conn);
}
