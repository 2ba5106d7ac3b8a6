#include "api/loop.h"

#include <string.h>

#include <libchat/limits.h>

#include "base/alloc.h"
#include "base/log.h"

#define CONFIG_SIZE_V1 (offsetof(struct chat_loop_config, ca_file) + sizeof(char *))
#define SUBPROTOCOL "libchat.v1"
#define BUFFERS_MAX 64u /* of one message: as many as frames in a client's */

_Static_assert(BUFFERS_MAX == CHAT_CLIENT_FRAMES_MAX, "a buffer per frame");

static struct moment now(const struct chat_loop *loop)
{
    struct moment m;

    loop->transport->now(loop->transport->self, &m.mono_ms, &m.wall_ms);
    return m;
}

static void feed(struct chat_conn *conn, struct event event)
{
    event.now = now(conn->loop);
    machine_feed(client_machine(conn->core), &event);
}

void loop_touch(struct chat_conn *conn)
{
    conn->touched = true;
    feed(conn, (struct event){.kind = EVENT_TIMER});
}

/* --- what the transport tells --- */

static struct loop_link *find(struct chat_loop *loop, uint64_t number)
{
    return map_get(&loop->links, number);
}

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
        feed(link->conn, event);
    }
}

static void on_message(uint64_t number, const uint8_t *bytes, size_t len, void *user)
{
    struct loop_link *link = find(user, number);

    if (link && link->conn) {
        struct event event = {.kind = EVENT_LINK_MESSAGE, .link = number};

        event.message.bytes = bytes;
        event.message.len = len;
        feed(link->conn, event);
    }
}

static void on_drained(uint64_t number, void *user)
{
    struct loop_link *link = find(user, number);

    if (link && link->conn)
        feed(link->conn, (struct event){.kind = EVENT_LINK_DRAINED, .link = number});
}

static void on_closed(uint64_t number, chat_status status, uint16_t code, const char *reason,
                      size_t reason_len, void *user)
{
    struct chat_loop *loop = user;
    struct loop_link *link = map_take(&loop->links, number);

    if (!link)
        return;
    if (link->conn) {
        struct event event = {.kind = EVENT_LINK_CLOSED, .link = link->opened ? number : 0};

        event.closed.code = code;
        if (status != CHAT_OK)
            client_link_problem(link->conn->core, status, reason, reason_len);
        feed(link->conn, event);
    }
    alloc_free(loop->allocator, link);
}

/* --- what the machines want --- */

static void dial(struct chat_conn *conn)
{
    struct chat_loop *loop = conn->loop;
    const struct chat_connect to = {
        .size = sizeof(to),
        .url = conn->url,
        .subprotocol = SUBPROTOCOL,
        .message_max = CHAT_SERVER_MESSAGE_MAX,
        .timeout_ms = conn->connect_timeout_ms,
    };
    struct event failed = {.kind = EVENT_LINK_CLOSED};
    struct loop_link *link = alloc_zeroed(loop->allocator, sizeof(*link));
    uint64_t number = ++loop->last_link;
    chat_status status = CHAT_E_NOMEM;

    if (link) {
        link->conn = conn;
        status = map_put(&loop->links, number, link);
        if (status == CHAT_OK) {
            status = loop->transport->connect(loop->transport->self, number, &to);
            if (status == CHAT_OK)
                return;
            (void)map_take(&loop->links, number);
        }
        alloc_free(loop->allocator, link);
    }
    client_link_problem(conn->core, status, "", 0);
    failed.closed.code = CHAT_CLOSE_ABNORMAL;
    feed(conn, failed);
}

static void send_frames(struct chat_conn *conn, const struct effect *effect)
{
    struct chat_transport *t = conn->loop->transport;
    struct chat_buffer buffers[BUFFERS_MAX];
    bool blocked = false;
    chat_status status;

    for (size_t i = 0; i < effect->send.count; i++)
        buffers[i] =
            (struct chat_buffer){effect->send.frames[i]->bytes, effect->send.frames[i]->len};
    status = t->send(t->self, effect->link, buffers, effect->send.count, &blocked);
    if (status != CHAT_OK) { /* it is breaking or broken: on_closed follows */
        t->close(t->self, effect->link, CHAT_CLOSE_GOING_AWAY, NULL, 0);
        blocked = true;
    }
    if (blocked)
        feed(conn, (struct event){.kind = EVENT_LINK_BLOCKED, .link = effect->link});
}

/* Lets a conn's machine do all it can. */
static void run(struct chat_conn *conn)
{
    struct chat_transport *t = conn->loop->transport;
    struct machine *m = client_machine(conn->core);
    struct effect effect;

    conn->touched = false;
    while (machine_poll(m, &effect)) {
        switch (effect.kind) {
        case EFFECT_SEND: send_frames(conn, &effect); break;
        case EFFECT_CLOSE:
            t->close(t->self, effect.link, effect.close.code, effect.close.reason,
                     effect.close.reason ? strlen(effect.close.reason) : 0);
            break;
        case EFFECT_DIAL: dial(conn); break;
        case EFFECT_ENGINE:
        case EFFECT_STOPPED: break;
        }
    }
}

static void run_all(struct chat_loop *loop)
{
    struct moment at = now(loop);

    LIST_EACH(node, &loop->conns)
    {
        struct chat_conn *conn = LIST_ENTRY(node, struct chat_conn, link);

        if (machine_deadline(client_machine(conn->core)) <= at.mono_ms)
            feed(conn, (struct event){.kind = EVENT_TIMER});
        run(conn);
    }
}

static bool any_event(const struct chat_loop *loop)
{
    LIST_EACH(node, &loop->conns)
    {
        if (client_has_event(LIST_ENTRY(node, struct chat_conn, link)->core))
            return true;
    }
    return false;
}

int64_t chat_loop_get_timeout_ms(chat_loop *loop)
{
    int64_t at_ms = loop->transport->get_deadline_ms(loop->transport->self);
    int64_t now_ms = now(loop).mono_ms;

    LIST_EACH(node, &loop->conns)
    {
        struct chat_conn *conn = LIST_ENTRY(node, struct chat_conn, link);
        int64_t conn_ms = machine_deadline(client_machine(conn->core));

        if (conn->touched)
            return 0;
        at_ms = conn_ms < at_ms ? conn_ms : at_ms;
    }
    if (at_ms == MOMENT_NEVER)
        return -1;
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

chat_status chat_loop_step(chat_loop *loop, int64_t timeout_ms)
{
    struct chat_transport *t = loop->transport;
    int64_t wanted_ms;
    chat_status status;

    run_all(loop);
    wanted_ms = chat_loop_get_timeout_ms(loop);
    if (any_event(loop))
        timeout_ms = 0;
    if (timeout_ms < 0 || (wanted_ms >= 0 && wanted_ms < timeout_ms))
        timeout_ms = wanted_ms;
    status = t->pump(t->self, timeout_ms);
    run_all(loop);
    return status;
}

int chat_loop_get_fd(chat_loop *loop) { return loop->transport->get_fd(loop->transport->self); }

void chat_loop_wake(chat_loop *loop) { loop->transport->wake(loop->transport->self); }

/* --- conns --- */

void loop_attach(struct chat_loop *loop, struct chat_conn *conn)
{
    conn->loop = loop;
    list_push_back(&loop->conns, &conn->link);
}

void loop_detach(struct chat_conn *conn)
{
    struct chat_loop *loop = conn->loop;
    uint64_t number;
    size_t cursor = 0;
    void *value;

    if (!loop)
        return;
    while (map_next(&loop->links, &cursor, &number, &value)) {
        struct loop_link *link = value;

        if (link->conn != conn)
            continue;
        link->conn = NULL;
        loop->transport->close(loop->transport->self, number, CHAT_CLOSE_NORMAL, NULL, 0);
    }
    list_remove(&conn->link);
}

/* --- life --- */

void chat_loop_config_init_sized(struct chat_loop_config *config, size_t size)
{
    const struct chat_loop_config defaults = {.size = size};

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
    status = chat_transport_ws_new(&ws, &loop->own);
    loop->transport = loop->own;
    return status;
}

chat_status chat_loop_new(const struct chat_loop_config *given, chat_loop **out_loop)
{
    const struct chat_transport_sink sink_functions = {
        .size = sizeof(sink_functions),
        .on_opened = on_opened,
        .on_message = on_message,
        .on_drained = on_drained,
        .on_closed = on_closed,
    };
    struct chat_transport_sink sink = sink_functions;
    struct chat_loop_config config;
    struct chat_loop *loop;
    chat_status status = CHAT_OK;

    if (!given || given->size < CONFIG_SIZE_V1 || given->size > sizeof(config))
        return CHAT_E_INVALID;
    chat_loop_config_init(&config);
    memcpy(&config, given, given->size);
    if (config.transport && !is_whole(config.transport))
        return CHAT_E_INVALID;
    loop = alloc_zeroed(alloc_or_default(config.allocator), sizeof(*loop));
    if (!loop)
        return CHAT_E_NOMEM;
    loop->allocator = alloc_or_default(config.allocator);
    loop->logger = config.logger;
    loop->transport = config.transport;
    list_init(&loop->conns);
    map_init(&loop->links, loop->allocator);
    if (!loop->transport)
        status = make_transport(loop, &config);
    sink.user = loop;
    if (status == CHAT_OK)
        status = loop->transport->start(loop->transport->self, &sink);
    if (status != CHAT_OK) {
        chat_loop_free(loop);
        return status;
    }
    *out_loop = loop;
    return CHAT_OK;
}

void chat_loop_free(chat_loop *loop)
{
    size_t cursor = 0;
    uint64_t number;
    void *link;

    if (!loop)
        return;
    chat_transport_free(loop->own);
    while (map_next(&loop->links, &cursor, &number, &link))
        alloc_free(loop->allocator, link);
    map_fini(&loop->links);
    alloc_free(loop->allocator, loop);
}
