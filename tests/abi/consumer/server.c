/* An application with a chat service inside. */
#include <stdio.h>

#include <libchat/server.h>
#include <libchat/status.h>

int main(void)
{
    struct chat_server_config config;
    chat_server *server;
    chat_status status;

    chat_server_config_init(&config);
    status = chat_server_new(&config, &server);
    if (status != CHAT_OK) {
        fprintf(stderr, "no server: %s\n", chat_status_text(status));
        return 1;
    }
    for (int i = 0; i < 1000 && !chat_server_is_ready(server); i++)
        (void)chat_server_step(server, 10);
    printf("%s on port %u\n", chat_server_is_ready(server) ? "ready" : "not ready",
           (unsigned)chat_server_get_port(server));
    status = chat_server_is_ready(server) ? CHAT_OK : CHAT_E_TIMEOUT;
    chat_server_free(server);
    return status == CHAT_OK ? 0 : 1;
}
