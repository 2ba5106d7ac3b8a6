/* The inside of a chat_server: its roles, and what they run on. */
#ifndef CHAT_API_SERVER_ROLES_H
#define CHAT_API_SERVER_ROLES_H

#include <libchat/server.h>

#include "api/host.h"
#include "server/auth.h"
#include "server/presence/presence.h"
#include "server/router/router.h"
#include "server/store/disk.h"
#include "server/store/engine_memory.h"
#include "server/store/store.h"
#include "server/ticket.h"

struct chat_server {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    struct chat_logger logger_copy;
    char *issuer, *audience;
    uint8_t secret[AUTH_SECRET_MAX];
    size_t secret_len; /* 0: tokens are made elsewhere */
    struct auth *auth;
    struct ticket_keys tickets;
    struct router_keys keys;

    struct disk *disk; /* with a data folder */
    struct engine_memory_cluster *cluster;
    struct store_engine *engine;
    struct store *store;
    struct presence *presence;
    struct router *router;

    struct host *host;
    struct host_role *router_role;
    struct ws_listener *listener;
    bool stopped;
};

/* Makes engine and roles and joins them. What was made stands in `server`, also on an error. */
chat_status server_roles_make(struct chat_server *server, const struct chat_server_config *config);
/* After the host is gone. */
void server_roles_free(struct chat_server *server);

#endif
