/* The calls of a conn about what is the user's own: receipts, typing, mute, drafts, devices. */
#include <libchat/conn.h>

#include "api/loop.h"

void chat_conn_set_read_receipts(chat_conn *conn, bool tell)
{
    loop_touch(conn);
    client_set_read_receipts(conn->core, tell);
}

chat_status chat_conn_set_typing(chat_conn *conn, uint64_t channel_id, bool typing)
{
    loop_touch(conn);
    return client_set_typing(conn->core, channel_id, typing);
}

chat_status chat_conn_set_muted(chat_conn *conn, uint64_t channel_id, int64_t muted_until_ms)
{
    loop_touch(conn);
    return client_set_muted(conn->core, channel_id, muted_until_ms);
}

chat_status chat_conn_set_draft(chat_conn *conn, uint64_t channel_id, const char *text,
                                size_t text_len, uint64_t reply_to_seq)
{
    loop_touch(conn);
    return client_set_draft(conn->core, channel_id, text, text_len, reply_to_seq);
}

const struct chat_draft *chat_conn_get_draft(chat_conn *conn, uint64_t channel_id)
{
    const struct chat_draft *draft = client_draft(conn->core, channel_id);

    loop_leave(conn);
    return draft;
}

chat_status chat_conn_get_receipts(chat_conn *conn, uint64_t channel_id,
                                   const struct chat_receipt *const **out_receipts,
                                   size_t *out_count)
{
    chat_status status;

    conn->memory.modest = true;
    status = client_receipts(conn->core, channel_id, out_receipts, out_count);
    loop_leave(conn);
    return status;
}

chat_status chat_conn_fetch_receipts(chat_conn *conn, uint64_t channel_id, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_fetch_receipts(conn->core, channel_id, out_ticket);
}

chat_status chat_conn_fetch_devices(chat_conn *conn, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_fetch_devices(conn->core, out_ticket);
}

chat_status chat_conn_sign_out_device(chat_conn *conn, uint64_t device_id, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_sign_out_device(conn->core, device_id, out_ticket);
}

chat_status chat_conn_sign_out_everywhere(chat_conn *conn, uint64_t *out_ticket)
{
    loop_touch(conn);
    return client_sign_out_everywhere(conn->core, out_ticket);
}
