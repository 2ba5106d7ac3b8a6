/* access: who may come in: token keys, ticket keys and the link secret, read from files. */
#ifndef CHAT_DAEMONS_ACCESS_H
#define CHAT_DAEMONS_ACCESS_H

#include <stdint.h>

#include <libchat/status.h>

#include "server/auth.h"
#include "server/router/router.h"
#include "server/ticket.h"

#include "dev_keys.h"
#include "settings.h"

struct access {
    struct auth *auth;
    struct ticket_keys tickets;
    struct router_keys keys; /* what the router holds on to: changes in place on a reload */
    const char *issuers[AUTH_ISSUERS_MAX];
    uint32_t issuer_count;
    char *link_secret; /* NULL: none is configured */
};

/*
 * Reads what the settings name; `dev` (NULL: none) is used for what they leave out.
 * Errors: said in `settings->error`, with the line of the key that named the file.
 */
chat_status access_load(struct access *access, struct settings *settings,
                        const struct dev_keys *dev);
/* Takes token and ticket keys of newly read settings, all or nothing. Issuers that were not
 * there at the start stay out: they need a restart. */
chat_status access_reload(struct access *access, struct settings *settings,
                          const struct dev_keys *dev);
void access_fini(struct access *access); /* wipes what is secret */

#endif
