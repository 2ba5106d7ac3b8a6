/*
 * listener: an address on which clients, daemons and operators come in, and what each of
 * them must show before a machine hears of it: an Origin that is allowed, the secret.
 *
 * It accepts by itself and hands the sockets to libwebsockets. A handshake that is not
 * done in time is dropped; when too many are under way the oldest makes room.
 *
 * Plain HTTP requests get one answer and the connection is closed after it.
 */
#ifndef CHAT_TRANSPORT_LISTENER_H
#define CHAT_TRANSPORT_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "transport/ws_conn.h"

struct lws;

/* What it serves; any mix. */
#define LISTENER_CLIENTS 1u /* libchat.v1: on_opened with LINK_CLIENT */
#define LISTENER_LINKS 2u   /* libchat.link.v1, for who knows the secret: LINK_PEER */
#define LISTENER_HTTP 4u    /* GET: `http` answers */

#define LISTENER_HANDSHAKES 1024u /* default of handshakes_max */
#define LISTENER_GRACE_MS 1000    /* no handshake is pushed out earlier */
#define LISTENER_ORIGINS_MAX 64u
#define LISTENER_HTTP_BODY_MAX 1048576u

/* An HTTP answer, to be filled in. */
struct listener_reply {
    uint16_t status;          /* 404 to begin with */
    const char *content_type; /* text/plain to begin with */
    struct buf body;          /* at most LISTENER_HTTP_BODY_MAX */
};

/* `path` without the query. */
typedef void (*listener_http_fn)(const char *path, struct listener_reply *reply, void *user);

struct listener_config {
    const char *address; /* "0.0.0.0", "::", "127.0.0.1"; NULL: all of both families */
    uint16_t port;       /* 0: any free one */
    bool share_port;     /* SO_REUSEPORT: several processes on one port */
    uint32_t serves;     /* LISTENER_... */

    const char *cert_file; /* PEM chain and key; NULL: no TLS */
    const char *key_file;

    const char *link_secret;               /* required with LISTENER_LINKS */
    const char *const *origins;            /* browsers' Origin must be one of these; "*": any */
    size_t origin_count;                   /* without an Origin header it is no browser: allowed */
    uint32_t connections_max;              /* default: what the process may open */
    uint32_t handshakes_max;               /* default LISTENER_HANDSHAKES */
    const struct ws_limits *client_limits; /* default ws_limits_client */
    const struct ws_limits *link_limits;   /* default ws_limits_link */

    const struct carrier_events *events; /* required with clients or links */
    void *user;
    listener_http_fn http; /* required with LISTENER_HTTP */
    void *http_user;
};

/* The rules by which an open connection is ended, in the order of listener_cut_name(). */
enum listener_cut {
    CUT_MESSAGE_MAX,
    CUT_FRAGMENTS_MAX,
    CUT_TEXT, /* a text message */
    CUT_MESSAGE_MS,
    CUT_IDLE_MS,
    CUT_DRAIN_MS,
    LISTENER_CUTS,
};

struct listener_stats {
    uint64_t accepted; /* sockets */
    uint64_t opened;   /* WebSockets */
    uint64_t http_requests;
    uint64_t refused_full; /* connections_max */
    uint64_t slow;         /* handshakes not done in time, or pushed out */
    uint64_t refused_origin;
    uint64_t refused_secret;
    uint64_t refused_upgrade; /* no or foreign subprotocol, foreign Upgrade */
    uint64_t refused_broken;  /* no TLS or HTTP, or gone before it said what it wants */
    uint64_t cuts[LISTENER_CUTS];
    uint32_t connections; /* now */
    uint32_t handshakes;  /* now */
};

/*
 * Strings are copied; `events`, limits and functions outlive the net. It lives as long as
 * the net.
 * Errors: CHAT_E_INVALID (address, missing parts), CHAT_E_CONFLICT (the port is taken),
 *         CHAT_E_FORBIDDEN (a port that needs privileges), CHAT_E_AUTH (certificate or
 *         key), CHAT_E_NOMEM, CHAT_E_IO. The logger is told why.
 */
chat_status listener_new(struct net *net, const struct listener_config *config,
                         struct ws_listener **out_listener);

uint16_t listener_get_port(const struct ws_listener *listener);
const struct listener_stats *listener_get_stats(const struct ws_listener *listener);

/* "message_max" ... */
const char *listener_cut_name(enum listener_cut cut);

/* No new WebSockets; with `keep_http` plain requests are still answered. */
void listener_drain(struct ws_listener *listener, bool keep_http);
/* Accepts nothing any more. */
void listener_stop(struct ws_listener *listener);
/* Reads certificate and key again. Errors: as listener_new(); the old ones stay then. */
chat_status listener_reload(struct ws_listener *listener);

/* Its connections call these. */
void listener_on_open(struct ws_listener *listener, struct ws_conn *conn);
void listener_on_slow(struct ws_listener *listener);
void listener_on_cut(struct ws_conn *conn,
                     enum listener_cut cut); /* dialed ones too: not counted */
void listener_on_gone(struct ws_listener *listener, struct ws_conn *conn);

/* From libwebsockets' callback; nonzero refuses and closes. */
int listener_on_upgrade_wish(struct ws_conn *conn, const char *upgrade);
int listener_on_upgrade(struct ws_conn *conn, const char *subprotocol);
int listener_on_http(struct ws_conn *conn, const char *path);
/* The address of the other end, as text. */
void listener_on_established(struct ws_conn *conn);
int listener_load_tls(struct ws_listener *listener, void *ssl_ctx);

/* Net's: frees it. */
void listener_free(struct ws_listener *listener);

#endif
