/* What comes in: fragments to whole messages, each limit checked before the bytes it is about. */
#include <libwebsockets.h>
#include <string.h>

#include <libchat/close.h>

#include "base/alloc.h"
#include "transport/listener.h"
#include "transport/ws_conn.h"

#define FIRST_BYTES 1024u /* of an incomplete message's buffer; it doubles as bytes come */

/* From RECEIVE a close reason is sent by libwebsockets itself when we return nonzero. */
static int refuse(struct ws_conn *conn, chat_status status, uint16_t code, const char *reason)
{
    size_t len = strlen(reason);
    uint8_t text[CARRIER_REASON_MAX];

    memcpy(text, reason, len);
    lws_close_reason(conn->wsi, (enum lws_close_status)code, text, len);
    ws_conn_end(conn, status, code, reason, len);
    return -1;
}

static int cut(struct ws_conn *conn, enum listener_cut rule, chat_status status, uint16_t code,
               const char *reason)
{
    listener_on_cut(conn, rule);
    return refuse(conn, status, code, reason);
}

/* A length that was only announced allocates nothing: the buffer follows what has come. */
static bool collect(struct ws_conn *conn, const uint8_t *bytes, size_t len)
{
    size_t need = conn->rx_len + len;

    if (need > conn->rx_cap) {
        size_t cap = conn->rx_cap ? conn->rx_cap : FIRST_BYTES;
        uint8_t *grown;

        while (cap < need)
            cap *= 2;
        if (cap > conn->limits->message_max)
            cap = conn->limits->message_max;
        grown = alloc_resize(conn->net->allocator, conn->rx, conn->rx_len, cap);
        if (!grown)
            return false;
        conn->rx = grown;
        conn->rx_cap = (uint32_t)cap;
    }
    if (len)
        memcpy(conn->rx + conn->rx_len, bytes, len);
    conn->rx_len = (uint32_t)need;
    return true;
}

static void deliver(struct ws_conn *conn, const uint8_t *bytes, size_t len)
{
    conn->message_by_ms = 0;
    conn->fragments = 0;
    if (conn->carrier.events)
        conn->carrier.events->on_message(&conn->carrier, bytes, len, conn->carrier.user);
}

static void deliver_collected(struct ws_conn *conn)
{
    uint8_t *message = conn->rx;
    uint32_t len = conn->rx_len;

    conn->rx = NULL;
    conn->rx_len = conn->rx_cap = 0;
    deliver(conn, message, len);
    alloc_free(conn->net->allocator, message);
}

int ws_conn_on_bytes(struct ws_conn *conn, uint8_t *bytes, size_t len)
{
    const struct ws_limits *limits = conn->limits;
    size_t rest = lws_remaining_packet_payload(conn->wsi); /* of this frame, still to come */
    bool last = lws_is_final_fragment(conn->wsi) && rest == 0;

    if (conn->state != WS_OPEN)
        return 0; /* what crosses our close is dropped */
    conn->heard_at_ms = net_now_ms(conn->net);
    conn->net->heard = true;
    if (!lws_frame_is_binary(conn->wsi))
        return cut(conn, CUT_TEXT, CHAT_E_PROTOCOL, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE,
                   "binary messages only");
    if (rest > limits->message_max || conn->rx_len + len > limits->message_max - rest)
        return cut(conn, CUT_MESSAGE_MAX, CHAT_E_TOO_LARGE, CHAT_CLOSE_TOO_LARGE, "message_max");
    if (last && conn->rx_len == 0) {
        deliver(conn, bytes, len);
        return 0;
    }
    if (rest == 0 && !last && ++conn->fragments >= limits->fragments_max)
        return cut(conn, CUT_FRAGMENTS_MAX, CHAT_E_PROTOCOL, CHAT_CLOSE_POLICY, "fragments_max");
    if (!collect(conn, bytes, len))
        return refuse(conn, CHAT_E_NOMEM, CHAT_CLOSE_INTERNAL, "no memory");
    if (last) {
        deliver_collected(conn);
    } else if (!conn->message_by_ms) {
        conn->message_by_ms = conn->heard_at_ms + limits->message_ms;
        ws_conn_rearm(conn);
    }
    return 0;
}

void ws_conn_pause(struct ws_conn *conn, bool paused)
{
    if (!conn->wsi || conn->state != WS_OPEN)
        return;
    (void)lws_rx_flow_control(conn->wsi, paused ? 0 : 1);
    /* The time a message may take, and the silence that ends a link, are the peer's. */
    conn->heard_at_ms = net_now_ms(conn->net);
    if (!paused && conn->message_by_ms)
        conn->message_by_ms = conn->heard_at_ms + conn->limits->message_ms;
    ws_conn_rearm(conn);
    if (!paused) /* what libwebsockets has read already is not announced by the socket */
        net_poke(conn->net);
}

int ws_conn_on_peer_close(struct ws_conn *conn, const uint8_t *bytes, size_t len)
{
    uint16_t code = CHAT_CLOSE_NORMAL;

    if (conn->state == WS_CLOSING) {
        ws_conn_end(conn, CHAT_OK, conn->code, "closed", 6);
        return conn->close_sent ? -1 : 0;
    }
    if (conn->state == WS_ENDED)
        return -1;
    if (len >= 2)
        code = (uint16_t)(bytes[0] << 8 | bytes[1]);
    ws_conn_end(conn, CHAT_OK, code, len > 2 ? (const char *)bytes + 2 : "", len > 2 ? len - 2 : 0);
    return 0; /* libwebsockets answers */
}
