/* An application of the client library: it opens a conn, goes nowhere, and cleans up. */
#include <stdio.h>
#include <string.h>

#include <libchat/libchat.h>

static int failed(const char *what, chat_status status)
{
    fprintf(stderr, "%s: %s: %s\n", what, chat_status_name(status), chat_status_text(status));
    return 1;
}

int main(void)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config conn_config;
    chat_loop *loop = NULL;
    chat_conn *conn = NULL;
    chat_status status;

    chat_loop_config_init(&loop_config);
    status = chat_loop_new(&loop_config, &loop);
    if (status == CHAT_E_UNSUPPORTED)
        return 0; /* a libchat without a transport of its own: it linked, that is all */
    if (status != CHAT_OK)
        return failed("chat_loop_new", status);

    chat_conn_config_init(&conn_config);
    conn_config.url = "wss://localhost:1/";
    status = chat_conn_new(loop, &conn_config, &conn);
    if (status != CHAT_OK)
        return failed("chat_conn_new", status);
    status = chat_conn_start(conn);
    if (status != CHAT_OK)
        return failed("chat_conn_start", status);
    status = chat_loop_step(loop, 0);
    if (status != CHAT_OK)
        return failed("chat_loop_step", status);

    chat_conn_free(conn);
    chat_loop_free(loop);
    return 0;
}
