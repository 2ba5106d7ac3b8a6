#include <libchat/conn.h>

#include <string.h>

#include "api/loop.h"
#include "base/alloc.h"

/* Appending a field to the public struct never moves this line. */
#define CONFIG_SIZE_V1 (offsetof(struct chat_conn_config, presence) + sizeof(chat_presence_state))

void chat_conn_config_init_sized(struct chat_conn_config *config, size_t size)
{
    struct client_config core;
    struct chat_conn_config defaults = {.size = size};

    client_config_init(&core);
    defaults.client = core.client;
    defaults.outbox_max = core.outbox_max;
    defaults.events_max = core.events_max;
    defaults.requests_max = core.requests_max;
    defaults.keep_max = core.keep_max;
    defaults.connect_timeout_ms = core.hello_timeout_ms;
    defaults.request_timeout_ms = core.request_timeout_ms;
    defaults.backoff_base_ms = core.backoff_base_ms;
    defaults.backoff_max_ms = core.backoff_max_ms;
    defaults.presence = core.presence;
    defaults.cache_bytes_max = core.cache_bytes_max;
    memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static chat_status read_config(const struct chat_conn_config *given, struct chat_conn_config *out)
{
    if (!given || given->size < CONFIG_SIZE_V1 || given->size > sizeof(*out))
        return CHAT_E_INVALID;
    chat_conn_config_init(out);
    memcpy(out, given, given->size);
    if (!out->url || !out->url[0] || !out->client || !out->connect_timeout_ms)
        return CHAT_E_INVALID;
    return CHAT_OK;
}

static chat_status check_url(struct chat_loop *loop, const char *url)
{
    const struct chat_transport *t = loop->transport;

    return LOOP_HAS(t, check_url) ? t->check_url(t->self, url) : CHAT_OK;
}

static chat_status pick_seed(struct chat_loop *loop, uint64_t given, uint64_t *out_seed)
{
    uint8_t bytes[sizeof(uint64_t)];
    chat_status status;

    *out_seed = given;
    if (given)
        return CHAT_OK;
    status = loop->transport->random(loop->transport->self, bytes, sizeof(bytes));
    if (status == CHAT_OK)
        memcpy(out_seed, bytes, sizeof(bytes));
    return status;
}

static chat_status make_core(struct chat_conn *conn, struct chat_loop *loop,
                             const struct chat_conn_config *config)
{
    struct client_config core;
    uint64_t seed;
    chat_status status = pick_seed(loop, config->seed, &seed);

    if (status != CHAT_OK)
        return status;
    client_config_init(&core);
    core.allocator = conn->allocator;
    core.page_allocator = conn->memory.parent;
    core.logger = config->logger;
    core.seed = seed;
    core.cache_path = config->cache_path;
    core.cache_vfs = config->cache_vfs;
    core.token = config->token;
    core.client = config->client;
    core.outbox_max = config->outbox_max;
    core.events_max = config->events_max;
    core.requests_max = config->requests_max;
    core.keep_max = config->keep_max;
    core.hello_timeout_ms = config->connect_timeout_ms;
    core.request_timeout_ms = config->request_timeout_ms;
    core.backoff_base_ms = config->backoff_base_ms;
    core.backoff_max_ms = config->backoff_max_ms;
    core.presence = config->presence;
    core.cache_bytes_max = config->cache_bytes_max;
    return client_new(&core, &conn->core);
}

chat_status chat_conn_new(chat_loop *loop, const struct chat_conn_config *given,
                          chat_conn **out_conn)
{
    struct chat_conn_config config;
    struct chat_conn *conn;
    chat_status status = loop ? read_config(given, &config) : CHAT_E_INVALID;

    if (status == CHAT_OK)
        status = check_url(loop, config.url);
    if (status != CHAT_OK)
        return status;
    conn = alloc_zeroed(alloc_or_default(config.allocator), sizeof(*conn));
    if (!conn)
        return CHAT_E_NOMEM;
    conn_memory_init(&conn->memory, config.allocator, config.memory_max);
    conn->allocator = &conn->memory.face;
    conn->context = config.context;
    conn->connect_timeout_ms = config.connect_timeout_ms;
    conn->url = alloc_strdup(conn->allocator, config.url);
    status = conn->url ? make_core(conn, loop, &config) : CHAT_E_NOMEM;
    if (status != CHAT_OK) {
        chat_conn_free(conn);
        return status;
    }
    loop_attach(loop, conn);
    loop_enter(conn);
    *out_conn = conn;
    return CHAT_OK;
}

void chat_conn_free(chat_conn *conn)
{
    if (!conn)
        return;
    loop_detach(conn);
    client_free(conn->core);
    alloc_free(conn->allocator, conn->url);
    conn_memory_fini(&conn->memory);
    alloc_free(conn->memory.parent, conn);
}

chat_status chat_conn_start(chat_conn *conn)
{
    loop_enter(conn);
    return client_start(conn->core);
}

void chat_conn_stop(chat_conn *conn)
{
    loop_enter(conn);
    client_stop(conn->core);
}

void chat_conn_suspend(chat_conn *conn)
{
    loop_enter(conn);
    client_suspend(conn->core);
}

void chat_conn_resume(chat_conn *conn)
{
    loop_enter(conn);
    client_resume(conn->core);
}

void chat_conn_network_changed(chat_conn *conn)
{
    loop_enter(conn);
    client_network_changed(conn->core);
}

bool chat_conn_next_event(chat_conn *conn, struct chat_event *out_event)
{
    bool any;

    conn->memory.modest = false;
    any = client_next_event(conn->core, out_event);
    loop_note_events(conn);
    loop_leave(conn);
    return any;
}

void *chat_conn_get_context(const chat_conn *conn) { return conn->context; }

chat_conn_state chat_conn_get_state(const chat_conn *conn) { return client_state(conn->core); }
uint64_t chat_conn_get_user_id(const chat_conn *conn) { return client_user_id(conn->core); }
const char *chat_conn_get_user_name(const chat_conn *conn) { return client_user_name(conn->core); }
const char *chat_conn_last_problem(const chat_conn *conn)
{
    return client_last_problem(conn->core);
}

chat_status chat_conn_set_token(chat_conn *conn, const char *token, size_t token_len)
{
    loop_touch(conn);
    return client_set_token(conn->core, token, token_len);
}

chat_status chat_conn_send(chat_conn *conn, uint64_t channel_id, const struct chat_content *content,
                           struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_send(conn->core, channel_id, content, out_nonce);
}

chat_status chat_conn_edit(chat_conn *conn, uint64_t channel_id, uint64_t seq,
                           const struct chat_content *content, struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_edit(conn->core, channel_id, seq, content, out_nonce);
}

chat_status chat_conn_delete(chat_conn *conn, uint64_t channel_id, uint64_t seq,
                             struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_delete(conn->core, channel_id, seq, out_nonce);
}

chat_status chat_conn_react(chat_conn *conn, uint64_t channel_id, uint64_t seq, const char *emoji,
                            size_t emoji_len, bool remove, struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_react(conn->core, channel_id, seq, emoji, emoji_len, remove, out_nonce);
}

chat_status chat_conn_edit_outgoing(chat_conn *conn, const struct chat_nonce *nonce,
                                    const struct chat_content *content,
                                    struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_edit_outgoing(conn->core, nonce, content, out_nonce);
}

chat_status chat_conn_delete_outgoing(chat_conn *conn, const struct chat_nonce *nonce,
                                      struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_delete_outgoing(conn->core, nonce, out_nonce);
}

chat_status chat_conn_react_outgoing(chat_conn *conn, const struct chat_nonce *nonce,
                                     const char *emoji, size_t emoji_len, bool remove,
                                     struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_react_outgoing(conn->core, nonce, emoji, emoji_len, remove, out_nonce);
}

chat_status chat_conn_mark_read(chat_conn *conn, uint64_t channel_id, uint64_t seq)
{
    loop_touch(conn);
    return client_mark_read(conn->core, channel_id, seq);
}

uint32_t chat_conn_get_outgoing_count(const chat_conn *conn)
{
    return client_outgoing_count(conn->core);
}

bool chat_conn_get_outgoing(chat_conn *conn, uint32_t index, const struct chat_outgoing **out)
{
    bool any = client_outgoing(conn->core, index, out);

    loop_leave(conn);
    return any;
}

chat_status chat_conn_resend(chat_conn *conn, const struct chat_nonce *nonce,
                             struct chat_nonce *out_nonce)
{
    loop_touch(conn);
    return client_resend(conn->core, nonce, out_nonce);
}

chat_status chat_conn_discard(chat_conn *conn, const struct chat_nonce *nonce)
{
    loop_touch(conn);
    return client_discard(conn->core, nonce);
}

chat_status chat_conn_flush(chat_conn *conn)
{
    loop_enter(conn);
    return client_flush(conn->core);
}
