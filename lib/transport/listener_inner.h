/* The inside of a listener, for listener.c and upgrade.c. */
#ifndef CHAT_TRANSPORT_LISTENER_INNER_H
#define CHAT_TRANSPORT_LISTENER_INNER_H

#include "transport/listener.h"

struct ws_listener {
    struct net *net;
    struct list_node in_net;
    struct lws_vhost *vhost;
    void *tls;        /* the vhost's SSL_CTX, or NULL */
    void *dials_none; /* an SSL_CTX as well, in place of one that libwebsockets would make */
    int fd;
    uv_poll_t poll;
    struct net_timer retry;        /* when accepting was put off */
    struct list handshakes;        /* oldest first */
    struct listener_config config; /* its strings are ours */
    struct listener_stats stats;
    char **origins;
    uint16_t port;
    char name[32]; /* the vhost's */
    bool polling;
    bool stopped;
    bool draining;
};

#endif
