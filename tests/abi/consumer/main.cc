// The same from C++11, with what C++ has for ownership.
#include <cstdio>
#include <memory>

#include <libchat/libchat.h>

namespace
{

struct LoopEnd {
    void operator()(chat_loop *loop) const { chat_loop_free(loop); }
};

struct ConnEnd {
    void operator()(chat_conn *conn) const { chat_conn_free(conn); }
};

int failed(const char *what, chat_status status)
{
    std::fprintf(stderr, "%s: %s\n", what, chat_status_name(status));
    return 1;
}

} // namespace

int main()
{
    chat_loop_config loop_config;
    chat_loop_config_init(&loop_config);
    chat_loop *new_loop = nullptr;
    chat_status status = chat_loop_new(&loop_config, &new_loop);
    if (status == CHAT_E_UNSUPPORTED)
        return 0;
    if (status != CHAT_OK)
        return failed("chat_loop_new", status);
    std::unique_ptr<chat_loop, LoopEnd> loop(new_loop);

    chat_conn_config conn_config;
    chat_conn_config_init(&conn_config);
    conn_config.url = "wss://localhost:1/";
    chat_conn *new_conn = nullptr;
    status = chat_conn_new(loop.get(), &conn_config, &new_conn);
    if (status != CHAT_OK)
        return failed("chat_conn_new", status);
    std::unique_ptr<chat_conn, ConnEnd> conn(new_conn);

    if (chat_conn_get_state(conn.get()) != CHAT_CONN_OFFLINE)
        return failed("chat_conn_get_state", CHAT_E_STATE);
    status = chat_conn_start(conn.get());
    if (status != CHAT_OK)
        return failed("chat_conn_start", status);
    chat_event event = CHAT_EVENT_INIT;
    while (chat_conn_next_event(conn.get(), &event)) {
        if (event.type == CHAT_EVENT_CACHE)
            return failed("a cache in memory", event.status);
    }
    return 0;
}
