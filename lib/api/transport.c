/* The part of <libchat/transport.h> that is there with or without libchat's own transport. */
#include <libchat/transport.h>

#include <string.h>

#ifdef CHAT_WITH_TRANSPORT
#include "transport/ws_transport.h"
#endif

#define CONFIG_SIZE_V1 (offsetof(struct chat_transport_ws_config, dns_servers) + sizeof(char *))

#define LINKS_MAX_DEFAULT 64
#define LINKS_MAX 65536
#define CLOSE_MS_DEFAULT 3000

void chat_transport_free(struct chat_transport *transport)
{
    if (transport && transport->size > offsetof(struct chat_transport, free) && transport->free)
        transport->free(transport->self);
}

void chat_transport_ws_config_init_sized(struct chat_transport_ws_config *config, size_t size)
{
    const struct chat_transport_ws_config defaults = {
        .size = size,
        .links_max = LINKS_MAX_DEFAULT,
        .close_timeout_ms = CLOSE_MS_DEFAULT,
    };
    memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

chat_status chat_transport_ws_new(const struct chat_transport_ws_config *given,
                                  struct chat_transport **out_transport)
{
    struct chat_transport_ws_config config;

    if (!given || given->size < CONFIG_SIZE_V1 || given->size > sizeof(config))
        return CHAT_E_INVALID;
    chat_transport_ws_config_init(&config);
    memcpy(&config, given, given->size);
    if (!config.links_max || config.links_max > LINKS_MAX || !config.close_timeout_ms)
        return CHAT_E_INVALID;
#ifdef CHAT_WITH_TRANSPORT
    return ws_transport_new(&config, out_transport);
#else
    (void)out_transport;
    return CHAT_E_UNSUPPORTED;
#endif
}
