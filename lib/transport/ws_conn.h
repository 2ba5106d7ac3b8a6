/*
 * ws_conn: one WebSocket connection, accepted or dialed, as a carrier.
 *
 *   dialed:   DIALING ----------> OPEN -> CLOSING -> ENDED
 *   accepted:         HANDSHAKE -> OPEN -> CLOSING -> ENDED
 *
 * An idle one costs this struct and what libwebsockets keeps: buffers exist only while a
 * message is incomplete or does not fit the socket. Each state has a deadline.
 */
#ifndef CHAT_TRANSPORT_WS_CONN_H
#define CHAT_TRANSPORT_WS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/transport.h>

#include "base/list.h"
#include "transport/carrier.h"
#include "transport/net.h"

struct lws;
struct ws_dial;
struct ws_listener;

#define WS_SUBPROTOCOL_CLIENT "libchat.v1"
#define WS_SUBPROTOCOL_LINK "libchat.link.v1"

/* What a connection may take, in bytes and ms; shared by all of a kind. */
struct ws_limits {
    uint32_t message_max;   /* incoming; at most NET_MESSAGE_MAX */
    uint32_t fragments_max; /* of one incoming message */
    int64_t handshake_ms;   /* from accept, or dial, to open */
    int64_t message_ms;     /* from the first byte of a message to its last */
    int64_t idle_ms;        /* without a byte of a message */
    int64_t drain_ms;       /* blocked: the peer does not read */
    int64_t close_ms;       /* for the close handshake */
};

/* The figures for clients (64 KiB a message) and for links between daemons (1 MiB). */
extern const struct ws_limits ws_limits_client;
extern const struct ws_limits ws_limits_link;

enum ws_state {
    WS_DIALING,
    WS_HANDSHAKE,
    WS_OPEN,
    WS_CLOSING, /* a close frame was asked for, and perhaps sent */
    WS_ENDED,   /* the owner was told; the socket may still linger */
};

struct ws_conn {
    struct carrier carrier; /* first */
    struct net *net;
    struct lws *wsi; /* NULL: none yet, or gone */
    const struct ws_limits *limits;
    struct ws_limits *own_limits; /* a dialed one's */
    struct ws_listener *listener; /* accepted by it */
    struct ws_dial *dial;         /* only while dialing */
    struct list_node in_net;
    struct list_node in_handshakes; /* the listener's, oldest first */
    struct net_work work;
    struct net_timer timer;

    int64_t heard_at_ms;   /* last byte of a message */
    int64_t phase_by_ms;   /* end of dialing, handshake or closing; 0: none */
    int64_t message_by_ms; /* end of the unfinished message; 0: none */
    int64_t drain_by_ms;   /* end of being blocked; 0: not blocked */

    uint8_t *rx; /* the unfinished message */
    uint32_t rx_len;
    uint32_t rx_cap;
    uint32_t fragments;

    uint32_t pending_len;
    uint8_t *pending; /* headroom, then a message that libwebsockets has not got yet */

    char *reason; /* of a close frame that waits */
    uint16_t code;
    uint8_t reason_len;
    uint8_t state; /* enum ws_state */
    bool close_sent;
    bool links;    /* the link subprotocol was agreed on */
    bool adopting; /* libwebsockets is taking the socket: freed by who gave it */
    bool gone;     /* it ended meanwhile */
    bool counted;  /* why it did not open */
};

/* In HANDSHAKE (with a listener) or DIALING. NULL: no memory. */
struct ws_conn *ws_conn_new(struct net *net, const struct ws_limits *limits,
                            struct ws_listener *listener);
void ws_conn_free(struct ws_conn *conn); /* its wsi is gone */

/* The handshake is done. */
void ws_conn_open(struct ws_conn *conn, enum link_kind kind, const char *address);
/* Sets the end of the present state; MOMENT_NEVER for none. */
void ws_conn_set_phase(struct ws_conn *conn, int64_t by_ms);
void ws_conn_rearm(struct ws_conn *conn);

/* Tells the owner, once. The socket may live on for a while, nobody hears of it. */
void ws_conn_end(struct ws_conn *conn, chat_status status, uint16_t code, const char *reason,
                 size_t reason_len);
/* Ends it with a close frame, if one can still be sent, then in close_ms for good. */
void ws_conn_fail(struct ws_conn *conn, chat_status status, uint16_t code, const char *reason);
/* The socket dies in the next turn, without ceremony. */
void ws_conn_kill(struct ws_conn *conn);
/* Nobody is told any more. */
void ws_conn_cut(struct ws_conn *conn);

/* Reads nothing more of an open one, or goes on. */
void ws_conn_pause(struct ws_conn *conn, bool paused);

/* Sends buffers joined, otherwise like carrier_send(). */
chat_status ws_conn_send(struct ws_conn *conn, const struct chat_buffer *buffers, size_t count,
                         bool *out_blocked);

/* From libwebsockets' callback: what it wants returned, nonzero to close. */
int ws_conn_on_bytes(struct ws_conn *conn, uint8_t *bytes, size_t len);
int ws_conn_on_writable(struct ws_conn *conn);
int ws_conn_on_peer_close(struct ws_conn *conn, const uint8_t *bytes, size_t len);
/* Frees it. */
void ws_conn_on_gone(struct ws_conn *conn);

/* Writes the close frame now; false: it cannot be written. */
bool ws_conn_write_close(struct ws_conn *conn, uint16_t code, const char *reason,
                         size_t reason_len);

extern const struct carrier_ops ws_conn_carrier_ops;

#endif
