/* Prints what is said, and says hello in the first conversation there is.
 *   cc hello.c $(pkg-config --cflags --libs libchat) -o hello */
#include <libchat/libchat.h>
#include <stdio.h>
#include <stdlib.h>

static void on_event(chat_conn *conn, const struct chat_event *event)
{
    const struct chat_channel *first = chat_conn_next_channel(conn, 0);

    if (event->type == CHAT_EVENT_MESSAGE)
        printf("%.*s\n", (int)event->message->text_len, event->message->text);
    if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_LIVE && first &&
        chat_conn_send_text(conn, first->channel_id, "hello", 5, NULL) != CHAT_OK)
        puts("not queued: the disk or the outbox is full"); /* else it leaves, now or later */
}

int main(void)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    struct chat_event event = CHAT_EVENT_INIT;
    chat_loop *loop = NULL;
    chat_conn *conn = NULL;

    chat_loop_config_init(&loop_config);
    loop_config.ca_file = getenv("CHAT_CA");
    chat_conn_config_init(&config);
    config.url = getenv("CHAT_URL"); /* wss://localhost:8443/ */
    config.token = getenv("CHAT_TOKEN");
    config.cache_path = "account.db"; /* history, and what is not sent yet */
    if (chat_loop_new(&loop_config, &loop) == CHAT_OK &&
        chat_conn_new(loop, &config, &conn) == CHAT_OK && chat_conn_start(conn) == CHAT_OK) {
        while (chat_loop_step(loop, 1000) == CHAT_OK) {
            while (chat_conn_next_event(conn, &event))
                on_event(conn, &event);
        }
    }
    chat_conn_free(conn);
    chat_loop_free(loop);
    return 1;
}
