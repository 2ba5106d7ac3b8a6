/* The inside of a chat_loop and its conns: a machine per conn on one transport. */
#ifndef CHAT_API_LOOP_H
#define CHAT_API_LOOP_H

#include <libchat/loop.h>
#include <libchat/transport.h>

#include "base/list.h"
#include "base/map.h"
#include "base/moment.h"
#include "client/core.h"

struct chat_loop {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    struct chat_transport *transport;
    struct chat_transport *own; /* to be freed with the loop; NULL when it was given */
    struct list conns;
    struct map links; /* number -> struct loop_link */
    uint64_t last_link;
};

struct chat_conn {
    struct list_node link; /* in loop->conns */
    struct chat_loop *loop;
    const struct chat_allocator *allocator;
    struct client_core *core;
    char *url;
    uint32_t connect_timeout_ms;
    bool touched; /* something was called: effects may wait */
};

/* A link of the transport; opened or not. */
struct loop_link {
    struct chat_conn *conn; /* NULL: it is gone, the link is being closed */
    bool opened;
};

/* Now, to the conn's machine; before each call on it. */
void loop_touch(struct chat_conn *conn);
void loop_attach(struct chat_loop *loop, struct chat_conn *conn);
/* Closes the conn's links and forgets it. */
void loop_detach(struct chat_conn *conn);

#endif
