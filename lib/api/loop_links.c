/*
 * What the transport tells a loop about its links. A message is handled at once while the
 * step's budget lasts; then it waits in its link's inbox, and the link is not read from.
 */
#include <string.h>

#include <libchat/limits.h>

#include "api/loop.h"
#include "base/alloc.h"

#define SUBPROTOCOL "libchat.v1"
/* Of one link, with what holds a message. A transport that cannot pause a link is not pumped beyond
 * this. */
#define INBOX_BYTES_MAX (4u * CHAT_SERVER_MESSAGE_MAX)

struct loop_message {
    struct list_node link;
    size_t len, at;
    uint8_t bytes[];
};

static struct loop_link *find(struct chat_loop *loop, uint64_t number)
{
    return map_get(&loop->links, number);
}

/* --- the inbox --- */

static void set_paused(struct loop_link *link, bool paused)
{
    struct chat_transport *t = link->conn->loop->transport;

    if (link->paused == paused)
        return;
    link->paused = paused;
    if (!link->ended && LOOP_HAS(t, pause))
        t->pause(t->self, link->number, paused);
}

static void count_inbox(struct chat_loop *loop, struct loop_link *link, size_t bytes)
{
    bool was_full = link->inbox_bytes > INBOX_BYTES_MAX, is_full;

    link->inbox_bytes = bytes;
    is_full = bytes > INBOX_BYTES_MAX;
    loop->full_links = loop->full_links + is_full - was_full;
}

static void pop(struct chat_loop *loop, struct loop_link *link)
{
    struct loop_message *m = LIST_ENTRY(list_pop_front(&link->inbox), struct loop_message, link);

    count_inbox(loop, link, link->inbox_bytes - sizeof(*m) - m->len);
    alloc_free(loop->allocator, m);
}

static bool keep(struct loop_link *link, const uint8_t *bytes, size_t len)
{
    struct chat_conn *conn = link->conn;
    struct loop_message *m = alloc_bytes(conn->loop->allocator, sizeof(*m) + len);

    if (!m)
        return false;
    *m = (struct loop_message){.len = len};
    if (len) /* an empty one may come without bytes */
        memcpy(m->bytes, bytes, len);
    list_push_back(&link->inbox, &m->link);
    count_inbox(conn->loop, link, link->inbox_bytes + sizeof(*m) + len);
    set_paused(link, true);
    if (!list_node_is_linked(&conn->in_resting))
        list_push_back(&conn->loop->resting, &conn->in_resting);
    return true;
}

static void empty_inbox(struct chat_loop *loop, struct loop_link *link)
{
    while (!list_is_empty(&link->inbox))
        pop(loop, link);
}

static void free_link(struct chat_loop *loop, struct loop_link *link)
{
    empty_inbox(loop, link);
    list_remove(&link->in_conn);
    alloc_free(loop->allocator, link);
}

/* --- the end of a link --- */

static void tell_closed(struct loop_link *link, chat_status status, uint16_t code,
                        const char *reason, size_t reason_len)
{
    struct event event = {.kind = EVENT_LINK_CLOSED, .link = link->opened ? link->number : 0};

    event.closed.code = code;
    if (status != CHAT_OK && !link->dropped)
        client_link_problem(link->conn->core, status, reason, reason_len);
    loop_feed(link->conn, event);
}

/* Nothing that waits counts any more; the peer's goodbye must be read. */
static void hang_up(struct chat_loop *loop, struct loop_link *link, uint16_t code,
                    const char *reason)
{
    link->dropped = true;
    empty_inbox(loop, link);
    if (link->conn)
        set_paused(link, false);
    loop->transport->close(loop->transport->self, link->number, code, reason,
                           reason ? strlen(reason) : 0);
}

void loop_hang_up(struct chat_loop *loop, uint64_t number, uint16_t code, const char *reason)
{
    struct loop_link *link = find(loop, number);

    if (link) /* else its end is told after its messages */
        hang_up(loop, link, code, reason);
}

void loop_drop_dial(struct chat_conn *conn)
{
    LIST_EACH(node, &conn->links)
    {
        struct loop_link *link = LIST_ENTRY(node, struct loop_link, in_conn);

        if (!link->opened)
            hang_up(conn->loop, link, CHAT_CLOSE_NORMAL, NULL);
    }
}

/* A message is lost, so the link must not go on as if it were not. */
static void give_up(struct loop_link *link)
{
    struct chat_loop *loop = link->conn->loop;

    tell_closed(link, CHAT_E_NOMEM, CHAT_CLOSE_ABNORMAL, "", 0);
    hang_up(loop, link, CHAT_CLOSE_GOING_AWAY, NULL);
    list_remove(&link->in_conn);
    link->conn = NULL;
}

/* --- the sink --- */

static void on_opened(uint64_t number, void *user)
{
    struct loop_link *link = find(user, number);

    if (!link)
        return;
    link->opened = true;
    if (link->conn) {
        struct event event = {.kind = EVENT_LINK_OPENED, .link = number};

        event.opened.kind = LINK_DIALED;
        event.opened.address = "";
        loop_feed(link->conn, event);
    }
}

static void on_message(uint64_t number, const uint8_t *bytes, size_t len, void *user)
{
    struct loop_link *link = find(user, number);
    size_t at = 0;

    if (!link || !link->conn || link->dropped)
        return;
    client_received(link->conn->core, loop_now(user));
    loop_mark(link->conn);
    if (list_is_empty(&link->inbox) && loop_handle(link, bytes, len, &at))
        return;
    if (!keep(link, at ? bytes + at : bytes, len - at))
        give_up(link);
}

static void on_drained(uint64_t number, void *user)
{
    struct loop_link *link = find(user, number);

    if (link && link->conn)
        loop_feed(link->conn, (struct event){.kind = EVENT_LINK_DRAINED, .link = number});
}

static void on_closed(uint64_t number, chat_status status, uint16_t code, const char *reason,
                      size_t reason_len, void *user)
{
    struct chat_loop *loop = user;
    struct loop_link *link = map_take(&loop->links, number);

    if (!link)
        return;
    if (link->conn && !list_is_empty(&link->inbox)) { /* after what came before it */
        link->ended = true;
        link->end_status = status;
        link->end_code = code;
        link->end_reason_len =
            reason_len < sizeof(link->end_reason) ? reason_len : sizeof(link->end_reason);
        memcpy(link->end_reason, reason, link->end_reason_len);
        return;
    }
    if (link->conn)
        tell_closed(link, status, code, reason, reason_len);
    free_link(loop, link);
}

static bool is_tired(void *user) { return loop_is_spent(user); }

static void on_ready(void *user) { loop_tell_ready(user); }

struct chat_transport_sink loop_sink(struct chat_loop *loop)
{
    return (struct chat_transport_sink){
        .size = sizeof(struct chat_transport_sink),
        .user = loop,
        .on_opened = on_opened,
        .on_message = on_message,
        .on_drained = on_drained,
        .on_closed = on_closed,
        .is_tired = is_tired,
        .on_ready = on_ready,
    };
}

/* --- serving what waits --- */

static void finish(struct chat_loop *loop, struct loop_link *link)
{
    if (!link->ended) {
        set_paused(link, false);
        return;
    }
    tell_closed(link, link->end_status, link->end_code, link->end_reason, link->end_reason_len);
    free_link(loop, link);
}

bool loop_serve(struct chat_conn *conn)
{
    bool served = false;

    LIST_EACH(node, &conn->links)
    {
        struct loop_link *link = LIST_ENTRY(node, struct loop_link, in_conn);
        struct list_node *first = list_first(&link->inbox);
        struct loop_message *m = first ? LIST_ENTRY(first, struct loop_message, link) : NULL;

        if (!m)
            continue;
        if (served)
            return true; /* another link has some, too */
        served = true;
        loop_mark(conn);
        if (loop_handle_piece(link, m->bytes, m->len, &m->at))
            pop(conn->loop, link);
        if (!list_is_empty(&link->inbox))
            return true;
        finish(conn->loop, link);
    }
    return false;
}

/* --- links come and go --- */

chat_status loop_dial(struct chat_conn *conn)
{
    struct chat_loop *loop = conn->loop;
    const struct chat_connect to = {
        .size = sizeof(to),
        .url = conn->url,
        .subprotocol = SUBPROTOCOL,
        .message_max = CHAT_SERVER_MESSAGE_MAX,
        .timeout_ms = conn->connect_timeout_ms,
    };
    struct loop_link *link = alloc_zeroed(loop->allocator, sizeof(*link));
    chat_status status;

    if (!link)
        return CHAT_E_NOMEM;
    link->conn = conn;
    link->number = ++loop->last_link;
    list_init(&link->inbox);
    list_push_back(&conn->links, &link->in_conn);
    status = map_put(&loop->links, link->number, link);
    if (status == CHAT_OK) {
        status = loop->transport->connect(loop->transport->self, link->number, &to);
        if (status != CHAT_OK)
            (void)map_take(&loop->links, link->number);
    }
    if (status != CHAT_OK)
        free_link(loop, link);
    return status;
}

void loop_drop_links(struct chat_conn *conn)
{
    struct chat_loop *loop = conn->loop;
    struct list_node *node;

    while ((node = list_pop_front(&conn->links)) != NULL) {
        struct loop_link *link = LIST_ENTRY(node, struct loop_link, in_conn);

        if (link->ended) { /* the transport has forgotten it already */
            free_link(loop, link);
            continue;
        }
        hang_up(loop, link, CHAT_CLOSE_NORMAL, NULL);
        link->conn = NULL;
    }
}

void loop_free_links(struct chat_loop *loop)
{
    size_t cursor = 0;
    uint64_t number;
    void *link;

    while (map_next(&loop->links, &cursor, &number, &link))
        free_link(loop, link);
    map_fini(&loop->links);
}
