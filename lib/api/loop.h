/* The inside of a chat_loop and its conns: a machine per conn on one transport. */
#ifndef CHAT_API_LOOP_H
#define CHAT_API_LOOP_H

#include <stdatomic.h>

#include <libchat/conn.h>
#include <libchat/loop.h>
#include <libchat/transport.h>

#include "base/list.h"
#include "base/map.h"
#include "base/moment.h"
#include "base/wheel.h"
#include "client/core.h"

struct loop_thread;

/* What a step may spend, and what of it is left. */
struct loop_budget {
    uint32_t us, events; /* 0: no limit */
    int64_t until_us;    /* of the step under way */
    int64_t share_us;    /* work on messages ends here: the rest is for what follows from it */
    uint32_t events_left;
    bool asleep; /* the step waits: its time has not begun */
};

struct chat_loop {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    struct chat_transport *transport;
    struct chat_transport *own; /* to be freed with the loop; NULL when it was given */
    struct map links;           /* number -> struct loop_link */
    uint64_t last_link;
    uint32_t full_links; /* whose inbox is past its limit: nothing is read before it is not */
    struct loop_budget budget;

    struct list conns;    /* all */
    struct list ready;    /* conns that were told something: to be run */
    struct list resting;  /* conns with messages that wait, each in its turn */
    struct list eventful; /* conns with events to pull */
    struct wheel wheel;   /* when conns want to be told the time */

    void (*on_ready)(void *user);
    void *ready_user;
    atomic_bool told; /* on_ready was called since the last step */
    bool fd_is_used;  /* somebody polls the descriptor */
    struct loop_thread *thread;
};

#define CONN_MEMORY_SIZES 16u

struct memory_head;

/* Counts what a conn holds, says no beyond its limit, and keeps some for the next use. */
struct conn_memory {
    struct chat_allocator face;
    const struct chat_allocator *parent;
    size_t used, max; /* with what is kept; max 0: no limit */
    bool modest;      /* for a call: the conn's own work needs some, too, or it never ends */
    struct memory_kept {
        struct memory_head *first;
        uint32_t count;
    } kept[CONN_MEMORY_SIZES]; /* by size */
};

struct chat_conn {
    struct conn_memory memory;
    struct list_node in_loop, in_ready, in_resting, in_eventful;
    struct wheel_timer timer;
    struct list links; /* struct loop_link */
    struct chat_loop *loop;
    const struct chat_allocator *allocator;
    struct client_core *core;
    char *url;
    void *context;
    uint32_t connect_timeout_ms;
};

/* A link of the transport; opened or not. */
struct loop_link {
    struct list_node in_conn;
    struct chat_conn *conn; /* NULL: it is gone, the link is being closed */
    uint64_t number;
    bool opened;
    bool paused;
    bool dropped;      /* it was us: why is known, how it ends is no news */
    struct list inbox; /* struct loop_message: came when the budget was spent */
    size_t inbox_bytes;
    /* The transport's last word, when it came before the inbox was empty. */
    bool ended;
    chat_status end_status;
    uint16_t end_code;
    size_t end_reason_len;
    char end_reason[CHAT_CLOSE_REASON_MAX];
};

/* Appended to the seam later than its first version: is it there? */
#define LOOP_HAS(transport, field)                                                                 \
    ((transport)->size >= offsetof(struct chat_transport, field) + sizeof((transport)->field) &&   \
     (transport)->field)

/* loop.c */

/* Now, to the conn's machine; before each call on it. What a call takes leaves the conn some of
 * its memory: touch; one that works on what the conn has, or ends it, may use all: enter. */
void loop_touch(struct chat_conn *conn);
void loop_enter(struct chat_conn *conn);
/* After a call that only reads: a suspended conn closes its file again, and a step is wanted
 * when there was trouble. Else not, or who reads after each step is kept busy by that. */
void loop_leave(struct chat_conn *conn);
void loop_attach(struct chat_loop *loop, struct chat_conn *conn);
/* Closes the conn's links and forgets it. */
void loop_detach(struct chat_conn *conn);
struct moment loop_now(const struct chat_loop *loop);
void loop_feed(struct chat_conn *conn, struct event event);
/* Has the conn events to pull, or none any more? */
void loop_note_events(struct chat_conn *conn);
/* A step is wanted soon, whatever was said of the deadline. Any thread. */
void loop_tell_ready(struct chat_loop *loop);

/* loop_thread.c: ends it, too */
void loop_thread_free(struct chat_loop *loop);

/* conn_memory.c */
void conn_memory_init(struct conn_memory *memory, const struct chat_allocator *parent, size_t max);
/* All of it has come back. */
void conn_memory_fini(struct conn_memory *memory);

/* loop_turn.c: what a step does */
void loop_mark(struct chat_conn *conn); /* to be run in the next step */
/* No more work on messages in this step. */
bool loop_is_spent(struct chat_loop *loop);
/* Handles a message from *at on; false: the budget was spent before its end. */
bool loop_handle(struct loop_link *link, const uint8_t *bytes, size_t len, size_t *at);
/* The same, one piece of it, whatever is left of the time. */
bool loop_handle_piece(struct loop_link *link, const uint8_t *bytes, size_t len, size_t *at);

/* loop_links.c: what the transport tells */
struct chat_transport_sink loop_sink(struct chat_loop *loop);
chat_status loop_dial(struct chat_conn *conn);
/* Closes it; what of it waits is dropped. */
void loop_hang_up(struct chat_loop *loop, uint64_t number, uint16_t code, const char *reason);
/* Ends the one that is not open yet. */
void loop_drop_dial(struct chat_conn *conn);
/* One piece of what waits on the conn's links; false: nothing does any more. */
bool loop_serve(struct chat_conn *conn);
/* Of a conn that goes away. */
void loop_drop_links(struct chat_conn *conn);
void loop_free_links(struct chat_loop *loop);

#endif
