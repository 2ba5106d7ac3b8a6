/*
 * WebSocket close codes that a libchat router gives a client. The hundreds say what a
 * client does, so a code added later is understood by one written earlier:
 *
 *   4000-4099  sign in again, with a new token; nothing else helps
 *   4100-4199  come back, with a ticket if there is one: after the retry_after_ms or
 *              reconnect_after_ms said just before, else after a backoff with full jitter
 *   4200-4299  for good: connect no more until a person asks for it
 *
 * The standard ones: 1000, 1001, 1006, 1011, 1012, 1013 are like 4100-4199. 1002, 1003,
 * 1007, 1008 and 1009 mean that the client sent what it must not: a bug, like 4100-4199
 * with the longest backoff. A Problem frame before the close says more.
 */
#ifndef LIBCHAT_CLOSE_H
#define LIBCHAT_CLOSE_H

#include <libchat/export.h>

CHAT_BEGIN_DECLS

enum chat_close_code {
    CHAT_CLOSE_NORMAL = 1000,
    CHAT_CLOSE_GOING_AWAY = 1001,
    CHAT_CLOSE_PROTOCOL = 1002,  /* bytes that break the schema */
    CHAT_CLOSE_ABNORMAL = 1006,  /* never sent: the link just ended */
    CHAT_CLOSE_POLICY = 1008,    /* a named limit was exceeded */
    CHAT_CLOSE_TOO_LARGE = 1009, /* one message is too long */
    CHAT_CLOSE_INTERNAL = 1011,

    CHAT_CLOSE_UNAUTHENTICATED = 4000, /* no Hello first, or token and ticket are refused */
    CHAT_CLOSE_TOKEN_EXPIRED = 4001,
    CHAT_CLOSE_REVOKED = 4002, /* the user's sessions were ended */

    CHAT_CLOSE_SLOW_CONSUMER = 4100, /* too much waits for this client: catch up by pulling */
    CHAT_CLOSE_DRAINING = 4101,      /* this router stops */
    CHAT_CLOSE_OVERLOADED = 4102,    /* admission: the Problem has the slot */
    CHAT_CLOSE_SILENT = 4103,        /* no byte for 2.5 heartbeats */
    CHAT_CLOSE_UNAVAILABLE = 4104,   /* no store for this user now */
    CHAT_CLOSE_HELLO_TIMEOUT = 4105, /* not signed in in time */

    CHAT_CLOSE_SUPERSEDED = 4200, /* a newer session of this device took over */
};

CHAT_END_DECLS

#endif
