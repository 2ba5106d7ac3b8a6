/*
 * ws_client: dials. A name is resolved, its addresses are tried in order until one answers
 * at all, then TLS, then the upgrade, which must agree on exactly our subprotocol.
 * Redirects and proxies are not followed.
 */
#ifndef CHAT_TRANSPORT_WS_CLIENT_H
#define CHAT_TRANSPORT_WS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/status.h>

#include "transport/ws_conn.h"

struct lws;

#define WS_ATTEMPT_MS 4000 /* for one address, when others are left to try */

struct ws_dial_config {
    const char *url;
    const char *subprotocol;
    const char *authorization; /* value of the header, or NULL */
    const struct ws_limits *limits;
    const struct carrier_events *events; /* on_opened with LINK_DIALED */
    void *user;
};

/*
 * Begins; events come from the loop, never from here. `events` outlives the connection,
 * the rest is copied.
 * Errors: CHAT_E_INVALID (url, subprotocol or authorization; the logger is told why),
 *         CHAT_E_NOMEM.
 */
chat_status ws_client_dial(struct net *net, const struct ws_dial_config *config,
                           struct ws_conn **out_conn);

/* Gives up, and says so to the owner. */
void ws_dial_fail(struct ws_conn *conn, chat_status status, const char *reason);
/* Gives up quietly: what of it is under way comes to nothing. */
void ws_conn_abandon_dial(struct ws_conn *conn);
void ws_dial_free(struct ws_dial *dial); /* NULL is fine */

/* From libwebsockets' callback: nonzero refuses. */
int ws_dial_on_headers(struct ws_conn *conn, char **at, char *end);
int ws_dial_on_answer(struct ws_conn *conn);
void ws_dial_on_open(struct ws_conn *conn);
void ws_dial_on_error(struct ws_conn *conn, struct lws *wsi, const char *text, size_t len);

#endif
