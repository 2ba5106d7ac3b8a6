/* The calls of a conn that read the cache or ask the server. */
#include <libchat/conn.h>

#include "api/loop.h"

const struct chat_channel *chat_conn_next_channel(chat_conn *conn, uint64_t after_channel_id)
{
    const struct chat_channel *channel = client_next_channel(conn->core, after_channel_id);

    loop_leave(conn);
    return channel;
}

const struct chat_channel *chat_conn_get_channel(chat_conn *conn, uint64_t channel_id)
{
    const struct chat_channel *channel = client_channel(conn->core, channel_id);

    loop_leave(conn);
    return channel;
}

const struct chat_user *chat_conn_get_user(chat_conn *conn, uint64_t user_id)
{
    const struct chat_user *user = client_user(conn->core, user_id);

    loop_leave(conn);
    return user;
}

chat_status chat_conn_read_messages(chat_conn *conn, uint64_t channel_id, uint64_t start_seq,
                                    uint32_t limit, bool backwards, chat_page **out_page)
{
    chat_status status = client_read(conn->core, channel_id, start_seq, limit, backwards, out_page);

    loop_leave(conn);
    return status;
}

chat_status chat_conn_search(chat_conn *conn, const char *query, size_t query_len,
                             uint64_t channel_id, uint64_t before, uint32_t limit,
                             uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_search(conn->core, query, query_len, channel_id, before, limit, out_ticket);
}

uint64_t chat_conn_get_search_backlog(chat_conn *conn)
{
    uint64_t count = client_search_backlog(conn->core);

    loop_leave(conn);
    return count;
}

chat_status chat_conn_fetch_history(chat_conn *conn, uint64_t channel_id, uint64_t start_seq,
                                    uint32_t limit, bool backwards, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_fetch_history(conn->core, channel_id, start_seq, limit, backwards, out_ticket);
}

chat_status chat_conn_fetch_around(chat_conn *conn, uint64_t channel_id, uint64_t seq,
                                   uint32_t limit, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_fetch_around(conn->core, channel_id, seq, limit, out_ticket);
}

chat_status chat_conn_find_message(chat_conn *conn, uint64_t channel_id, uint64_t message_id,
                                   uint32_t limit, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_find_message(conn->core, channel_id, message_id, limit, out_ticket);
}

chat_status chat_conn_fetch_users(chat_conn *conn, const uint64_t *user_ids, size_t count,
                                  uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_fetch_users(conn->core, user_ids, count, out_ticket);
}

chat_status chat_conn_find_user(chat_conn *conn, const char *subject, size_t subject_len,
                                uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_find_user(conn->core, subject, subject_len, out_ticket);
}

chat_status chat_conn_fetch_members(chat_conn *conn, uint64_t home_id, uint64_t after_user_id,
                                    uint32_t limit, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_fetch_members(conn->core, home_id, after_user_id, limit, out_ticket);
}

chat_status chat_conn_open_direct(chat_conn *conn, uint64_t peer_id, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_open_direct(conn->core, peer_id, out_ticket);
}

chat_status chat_conn_create_group(chat_conn *conn, const char *name, size_t name_len,
                                   const uint64_t *member_ids, size_t count, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_create_group(conn->core, name, name_len, member_ids, count, out_ticket);
}

chat_status chat_conn_set_member(chat_conn *conn, uint64_t home_id, uint64_t user_id,
                                 uint32_t permissions, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_set_member(conn->core, home_id, user_id, permissions, out_ticket);
}

chat_status chat_conn_watch_presence(chat_conn *conn, const uint64_t *user_ids, size_t count)
{
    loop_touch(conn);
    return client_watch_presence(conn->core, user_ids, count);
}

chat_status chat_conn_set_presence(chat_conn *conn, chat_presence_state state)
{
    loop_touch(conn);
    return client_set_presence(conn->core, state);
}

void chat_conn_set_active(chat_conn *conn)
{
    loop_touch(conn);
    client_set_active(conn->core);
}
