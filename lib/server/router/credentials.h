/* credentials: what keeps a sign-in valid: tickets, given and renewed, and new tokens. */
#ifndef CHAT_SERVER_ROUTER_CREDENTIALS_H
#define CHAT_SERVER_ROUTER_CREDENTIALS_H

#include "server/router/core.h"

/* Number of an issuer in router.issuers, + 1; 0: not known here. */
uint16_t credentials_issuer_by_name(const struct router *r, const char *issuer);
uint16_t credentials_issuer_by_hash(const struct router *r, uint64_t hash);

/* Makes a ticket for the session and plans the next one. 0 bytes when none can be given;
 * *out_ends_at_ms is wall time. */
size_t credentials_seal(struct router *r, struct session *s, uint8_t out[CHAT_TICKET_MAX],
                        int64_t *out_ends_at_ms);
/* The ticket ends soon: gives a new one. */
void credentials_renew(struct router *r, struct session *s);

/* RefreshToken, and the user that its token belongs to; NULL: the store went away. */
void credentials_refresh(struct router *r, struct session *s, uint32_t request_id,
                         const WireRefreshToken *refresh);
void credentials_refreshed(struct router *r, struct ask *a, const WireLinkFrame *frame);

#endif
