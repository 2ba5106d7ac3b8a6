#include "api/loop.h"

#include <string.h>

#include <libchat/limits.h>

#include "base/alloc.h"
#include "base/log.h"

#define CONFIG_SIZE_V1 (offsetof(struct chat_loop_config, ca_file) + sizeof(char *))

#define BUDGET_US_DEFAULT 10000u
#define LINKS_MAX_DEFAULT 1024u

struct moment loop_now(const struct chat_loop *loop)
{
    struct moment m;

    loop->transport->now(loop->transport->self, &m.mono_ms, &m.wall_ms);
    return m;
}

void loop_feed(struct chat_conn *conn, struct event event)
{
    event.now = loop_now(conn->loop);
    conn->memory.modest = false;
    machine_feed(client_machine(conn->core), &event);
    loop_mark(conn);
}

/* --- is a step wanted? --- */

void loop_tell_ready(struct chat_loop *loop)
{
    if (loop->on_ready && !atomic_exchange(&loop->told, true))
        loop->on_ready(loop->ready_user);
}

void loop_touch(struct chat_conn *conn)
{
    loop_enter(conn);
    conn->memory.modest = true;
}

static void want_step(struct chat_conn *conn)
{
    struct chat_loop *loop = conn->loop;
    bool first = list_is_empty(&loop->ready);

    loop_mark(conn);
    if (!first)
        return;
    if (loop->fd_is_used) /* whoever polls it may know an older deadline */
        loop->transport->wake(loop->transport->self);
    loop_tell_ready(loop);
}

void loop_enter(struct chat_conn *conn)
{
    want_step(conn);
    loop_feed(conn, (struct event){.kind = EVENT_TIMER});
}

void loop_leave(struct chat_conn *conn)
{
    bool is_news;

    client_let_go(conn->core);
    is_news = client_has_event(conn->core) && !list_node_is_linked(&conn->in_eventful);
    if (is_news || client_wants_turn(conn->core))
        want_step(conn);
}

void loop_note_events(struct chat_conn *conn)
{
    if (!client_has_event(conn->core))
        list_remove(&conn->in_eventful);
    else if (!list_node_is_linked(&conn->in_eventful))
        list_push_back(&conn->loop->eventful, &conn->in_eventful);
}

chat_conn *chat_loop_next_conn(chat_loop *loop)
{
    struct list_node *node = list_pop_front(&loop->eventful);

    if (!node)
        return NULL;
    list_push_back(&loop->eventful, node);
    return LIST_ENTRY(node, struct chat_conn, in_eventful);
}

int chat_loop_get_fd(chat_loop *loop)
{
    loop->fd_is_used = true;
    return loop->transport->get_fd(loop->transport->self);
}

void chat_loop_wake(chat_loop *loop)
{
    loop->transport->wake(loop->transport->self);
    loop_tell_ready(loop);
}

/* --- conns --- */

void loop_attach(struct chat_loop *loop, struct chat_conn *conn)
{
    conn->loop = loop;
    list_init(&conn->links);
    list_push_back(&loop->conns, &conn->in_loop);
}

void loop_detach(struct chat_conn *conn)
{
    struct chat_loop *loop = conn->loop;

    if (!loop)
        return;
    loop_drop_links(conn);
    wheel_cancel(&loop->wheel, &conn->timer);
    list_remove(&conn->in_ready);
    list_remove(&conn->in_resting);
    list_remove(&conn->in_eventful);
    list_remove(&conn->in_loop);
}

/* --- life --- */

void chat_loop_config_init_sized(struct chat_loop_config *config, size_t size)
{
    const struct chat_loop_config defaults = {
        .size = size,
        .budget_us = BUDGET_US_DEFAULT,
        .links_max = LINKS_MAX_DEFAULT,
    };

    memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static bool is_whole(const struct chat_transport *t)
{
    return t->size >= offsetof(struct chat_transport, free) && t->start && t->connect && t->send &&
           t->close && t->pump && t->get_fd && t->get_deadline_ms && t->wake && t->now && t->random;
}

static chat_status make_transport(struct chat_loop *loop, const struct chat_loop_config *config)
{
    struct chat_transport_ws_config ws;
    chat_status status;

    chat_transport_ws_config_init(&ws);
    ws.allocator = config->allocator;
    ws.logger = config->logger;
    ws.ca_file = config->ca_file;
    ws.ca_pem = config->ca_pem;
    ws.ca_pem_len = config->ca_pem_len;
    ws.pinned_keys = config->pinned_keys;
    ws.links_max = config->links_max;
    status = chat_transport_ws_new(&ws, &loop->own);
    loop->transport = loop->own;
    return status;
}

static chat_status read_config(const struct chat_loop_config *given, struct chat_loop_config *out)
{
    if (!given || given->size < CONFIG_SIZE_V1 || given->size > sizeof(*out))
        return CHAT_E_INVALID;
    chat_loop_config_init(out);
    memcpy(out, given, given->size);
    if (out->transport && !is_whole(out->transport))
        return CHAT_E_INVALID;
    return CHAT_OK;
}

static struct chat_loop *loop_alloc(const struct chat_loop_config *config)
{
    struct chat_loop *loop = alloc_zeroed(alloc_or_default(config->allocator), sizeof(*loop));

    if (!loop)
        return NULL;
    loop->allocator = alloc_or_default(config->allocator);
    loop->logger = config->logger;
    loop->transport = config->transport;
    loop->on_ready = config->on_ready;
    loop->ready_user = config->ready_user;
    loop->budget.us = config->budget_us;
    loop->budget.events = config->budget_events;
    list_init(&loop->conns);
    list_init(&loop->ready);
    list_init(&loop->resting);
    list_init(&loop->eventful);
    map_init(&loop->links, loop->allocator);
    return loop;
}

chat_status chat_loop_new(const struct chat_loop_config *given, chat_loop **out_loop)
{
    struct chat_transport_sink sink;
    struct chat_loop_config config;
    struct chat_loop *loop;
    chat_status status = read_config(given, &config);

    if (status != CHAT_OK)
        return status;
    loop = loop_alloc(&config);
    if (!loop)
        return CHAT_E_NOMEM;
    if (!loop->transport)
        status = make_transport(loop, &config);
    sink = loop_sink(loop);
    if (status == CHAT_OK)
        status = loop->transport->start(loop->transport->self, &sink);
    if (status != CHAT_OK) {
        chat_loop_free(loop);
        return status;
    }
    wheel_init(&loop->wheel, loop_now(loop).mono_ms);
    *out_loop = loop;
    return CHAT_OK;
}

void chat_loop_free(chat_loop *loop)
{
    if (!loop)
        return;
    loop_thread_free(loop);
    chat_transport_free(loop->own);
    loop_free_links(loop);
    alloc_free(loop->allocator, loop);
}
