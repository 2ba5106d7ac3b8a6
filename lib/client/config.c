/* How a core is to be: defaults and what is allowed. */
#include <string.h>

#include "client/inner.h"

void client_config_init(struct client_config *config)
{
    *config = (struct client_config){
        .client = "libchat/0.1",
        .outbox_max = 1000,
        .events_max = 1024,
        .requests_max = 64,
        .keep_max = 200,
        .cache_bytes_max = UINT64_C(1) << 30,
        .lanes_max = 8,
        .gap_grace_ms = 250,
        .hello_timeout_ms = 10000,
        .request_timeout_ms = 15000,
        .backoff_base_ms = 500,
        .backoff_max_ms = 60000,
        .wal_pages_max = 1000,
        .presence = CHAT_PRESENCE_ONLINE,
    };
}

bool client_config_is_sane(const struct client_config *cfg)
{
    return cfg->client && strlen(cfg->client) <= 64 && cfg->outbox_max && cfg->events_max &&
           cfg->requests_max && cfg->requests_max <= CLIENT_REQUESTS_MAX / 2 && cfg->lanes_max &&
           cfg->lanes_max <= 32 && cfg->hello_timeout_ms && cfg->request_timeout_ms &&
           cfg->presence >= CHAT_PRESENCE_IDLE && cfg->presence <= CHAT_PRESENCE_INVISIBLE &&
           cfg->backoff_base_ms && cfg->backoff_max_ms >= cfg->backoff_base_ms &&
           (!cfg->token || strlen(cfg->token) <= CHAT_TOKEN_MAX);
}
