/*
 * What goes out: one write per message, straight to the socket. A message that does not fit
 * is kept, by libwebsockets the part of it that it has begun, by us a whole one that came
 * meanwhile; WRITABLE callbacks serve only these.
 */
#include <libwebsockets.h>
#include <string.h>

#include <libchat/close.h>

#include "base/alloc.h"
#include "transport/ws_client.h"
#include "transport/ws_conn.h"

/* A frame's headroom is where libwebsockets writes the WebSocket header. */
_Static_assert(FRAME_HEADROOM >= LWS_PRE, "frame.h: headroom is too small");

#define CLOSE_MASK_BYTES 4u

static bool is_dialed(const struct ws_conn *conn) { return !conn->listener; }

static void block(struct ws_conn *conn)
{
    conn->drain_by_ms = net_now_ms(conn->net) + conn->limits->drain_ms;
    ws_conn_rearm(conn);
}

/* `bytes` has LWS_PRE bytes of headroom. */
static chat_status write_now(struct ws_conn *conn, uint8_t *bytes, size_t len, bool *out_blocked)
{
    if (lws_write(conn->wsi, bytes, len, LWS_WRITE_BINARY) < 0) {
        ws_conn_kill(conn);
        return CHAT_E_NETWORK;
    }
    *out_blocked = lws_partial_buffered(conn->wsi);
    if (*out_blocked)
        block(conn);
    return CHAT_OK;
}

/* Something of libwebsockets' own (a pong) is half out: nothing may be written before it is
 * through. `message` has LWS_PRE bytes of headroom and may be a loan. */
static chat_status keep(struct ws_conn *conn, const uint8_t *message, size_t len, bool *out_blocked)
{
    conn->pending = alloc_bytes(conn->net->allocator, LWS_PRE + len);
    if (!conn->pending)
        return CHAT_E_NOMEM;
    memcpy(conn->pending + LWS_PRE, message, len);
    conn->pending_len = (uint32_t)len;
    *out_blocked = true;
    block(conn);
    lws_callback_on_writable(conn->wsi);
    return CHAT_OK;
}

static chat_status check(const struct ws_conn *conn, size_t bytes)
{
    if (conn->state != WS_OPEN || !conn->wsi || conn->drain_by_ms)
        return CHAT_E_STATE;
    return bytes > NET_MESSAGE_MAX ? CHAT_E_TOO_LARGE : CHAT_OK;
}

static chat_status put_out(struct ws_conn *conn, uint8_t *message, size_t len, bool *out_blocked)
{
    *out_blocked = false;
    if (lws_partial_buffered(conn->wsi))
        return keep(conn, message, len, out_blocked);
    return write_now(conn, message, len, out_blocked);
}

/* Room for `len` bytes in the scratch buffer, after the headroom. NULL: no memory. */
static uint8_t *scratch_for(struct net *net, size_t len)
{
    uint8_t *room;

    buf_clear(&net->scratch);
    if (buf_reserve(&net->scratch, LWS_PRE + len, &room) != CHAT_OK)
        return NULL;
    return room + LWS_PRE;
}

static chat_status send_frames(struct carrier *carrier, struct frame *const *frames, size_t count,
                               size_t bytes, bool *out_blocked)
{
    struct ws_conn *conn = (struct ws_conn *)carrier;
    chat_status status = check(conn, bytes);
    uint8_t *joined;
    size_t at = 0;

    if (status != CHAT_OK)
        return status;
    /* A shared frame is written where it lies. A dialer's bytes are masked in place, so
     * those are copied first. */
    if (count == 1 && !is_dialed(conn))
        return put_out(conn, frames[0]->bytes, frames[0]->len, out_blocked);
    joined = scratch_for(conn->net, bytes);
    if (!joined)
        return CHAT_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        memcpy(joined + at, frames[i]->bytes, frames[i]->len);
        at += frames[i]->len;
    }
    return put_out(conn, joined, at, out_blocked);
}

chat_status ws_conn_send(struct ws_conn *conn, const struct chat_buffer *buffers, size_t count,
                         bool *out_blocked)
{
    size_t bytes = 0, at = 0;
    chat_status status;
    uint8_t *joined;

    for (size_t i = 0; i < count; i++) {
        if (buffers[i].len > NET_MESSAGE_MAX)
            return CHAT_E_TOO_LARGE;
        bytes += buffers[i].len;
    }
    status = check(conn, bytes);
    if (status != CHAT_OK)
        return status;
    joined = scratch_for(conn->net, bytes);
    if (!joined)
        return CHAT_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].len)
            memcpy(joined + at, buffers[i].bytes, buffers[i].len);
        at += buffers[i].len;
    }
    return put_out(conn, joined, at, out_blocked);
}

/* libwebsockets sends a close frame only from its RECEIVE callback; anywhere else it is
 * written byte for byte. */
bool ws_conn_write_close(struct ws_conn *conn, uint16_t code, const char *reason, size_t reason_len)
{
    uint8_t frame[LWS_PRE + 2 + CLOSE_MASK_BYTES + 2 + CARRIER_REASON_MAX];
    uint8_t *at = frame + LWS_PRE, *mask = NULL;
    size_t head = 2;

    if (!conn->wsi || lws_partial_buffered(conn->wsi))
        return false;
    at[0] = 0x88; /* final, close */
    at[1] = (uint8_t)(2 + reason_len);
    if (is_dialed(conn)) {
        at[1] |= 0x80;
        mask = at + 2;
        head += CLOSE_MASK_BYTES;
        if (lws_get_random(conn->net->lws, mask, CLOSE_MASK_BYTES) != CLOSE_MASK_BYTES)
            return false;
    }
    at[head] = (uint8_t)(code >> 8);
    at[head + 1] = (uint8_t)(code & 0xff);
    if (reason_len)
        memcpy(at + head + 2, reason, reason_len);
    for (size_t i = 0; mask && i < 2 + reason_len; i++)
        at[head + i] ^= mask[i % CLOSE_MASK_BYTES];
    conn->close_sent = true;
    return lws_write(conn->wsi, at, head + 2 + reason_len, LWS_WRITE_RAW) >= 0;
}

static void write_close_or_kill(struct ws_conn *conn)
{
    if (ws_conn_write_close(conn, conn->code, conn->reason, conn->reason_len))
        return;
    conn->close_sent = false;
    ws_conn_kill(conn); /* the owner is told from the loop */
}

static void end_dialing(struct net_work *work)
{
    struct ws_conn *conn = LIST_ENTRY(work, struct ws_conn, work);

    ws_conn_end(conn, CHAT_OK, conn->code, conn->reason, conn->reason_len);
}

static void close_carrier(struct carrier *carrier, uint16_t code, const char *reason,
                          size_t reason_len)
{
    struct ws_conn *conn = (struct ws_conn *)carrier;
    bool dialing = conn->state == WS_DIALING;

    if (!dialing && conn->state != WS_OPEN)
        return;
    if (reason_len > CARRIER_REASON_MAX)
        reason_len = CARRIER_REASON_MAX;
    conn->state = WS_CLOSING;
    conn->code = code;
    conn->message_by_ms = 0;
    /* Without memory the close goes out without its reason. */
    conn->reason = reason ? alloc_text(conn->net->allocator, reason, reason_len) : NULL;
    conn->reason_len = conn->reason ? (uint8_t)reason_len : 0;
    ws_conn_set_phase(conn, net_now_ms(conn->net) + conn->limits->close_ms);
    if (dialing) {
        ws_conn_abandon_dial(conn);
        conn->work.run = end_dialing;
        net_work_add(conn->net, &conn->work);
    } else if (conn->pending || lws_partial_buffered(conn->wsi)) {
        lws_callback_on_writable(conn->wsi); /* what was sent leaves first */
    } else {
        write_close_or_kill(conn);
    }
}

int ws_conn_on_writable(struct ws_conn *conn)
{
    bool blocked = false;

    if (conn->state != WS_OPEN && conn->state != WS_CLOSING)
        return 0;
    if (lws_partial_buffered(conn->wsi)) {
        lws_callback_on_writable(conn->wsi);
        return 0;
    }
    if (conn->pending) {
        uint8_t *message = conn->pending;

        conn->pending = NULL;
        if (write_now(conn, message + LWS_PRE, conn->pending_len, &blocked) != CHAT_OK)
            blocked = true; /* it dies in the next turn */
        alloc_free(conn->net->allocator, message);
    }
    if (blocked)
        return 0;
    if (conn->state == WS_CLOSING) {
        if (!conn->close_sent)
            write_close_or_kill(conn);
    } else if (conn->drain_by_ms) {
        conn->drain_by_ms = 0;
        if (conn->carrier.events)
            conn->carrier.events->on_drained(&conn->carrier, conn->carrier.user);
    }
    return 0;
}

const struct carrier_ops ws_conn_carrier_ops = {.send = send_frames, .close = close_carrier};
