#include "server/router/credentials.h"

#include <string.h>

#include "server/router/answer.h"
#include "server/router/output.h"
#include "server/router/request.h"

uint16_t credentials_issuer_by_name(const struct router *r, const char *issuer)
{
    for (uint32_t i = 0; i < r->issuer_count; i++)
        if (strcmp(r->issuers[i], issuer) == 0)
            return (uint16_t)(i + 1);
    return 0;
}

uint16_t credentials_issuer_by_hash(const struct router *r, uint64_t hash)
{
    for (uint32_t i = 0; i < r->issuer_count; i++)
        if (ticket_issuer_hash(r->issuers[i]) == hash)
            return (uint16_t)(i + 1);
    return 0;
}

/* --- tickets --- */

size_t credentials_seal(struct router *r, struct session *s, uint8_t out[CHAT_TICKET_MAX],
                        int64_t *out_ends_at_ms)
{
    struct ticket ticket = {
        .user_id = s->user_id,
        .device_id = s->device_id,
        .auth_epoch = s->auth_epoch,
        .session_no = s->session_no,
        .issued_at_ms = r->now.wall_ms,
        .expires_at_ms = r->now.wall_ms + r->limits.ticket_ms,
        .token_expires_at_ms = s->token_expires_at_ms,
        .issuer_hash = s->issuer != 0 ? ticket_issuer_hash(r->issuers[s->issuer - 1]) : 0,
    };
    int64_t life_ms;
    size_t len = 0;

    s->turn_at_ms = MOMENT_NEVER;
    if (!r->auth.seal || r->auth.seal(r->auth.user, &ticket, out, &len) != CHAT_OK)
        return 0;
    *out_ends_at_ms = ticket.expires_at_ms;
    life_ms = ticket.expires_at_ms - r->now.wall_ms;
    /* The next one well before this one ends; none when the token's end comes with it. */
    if (ticket.expires_at_ms < s->token_expires_at_ms)
        s->turn_at_ms = r->now.mono_ms + life_ms - life_ms / 4;
    return len;
}

static void send_ticket(struct router *r, struct session *s, uint32_t request_id)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireTicket ticket = WIRE_TICKET__INIT;
    uint8_t bytes[CHAT_TICKET_MAX];

    ticket.ticket.len = credentials_seal(r, s, bytes, &ticket.ticket_expires_at_ms);
    ticket.ticket.data = bytes;
    ticket.token_expires_at_ms = s->token_expires_at_ms;
    frame.request_id = request_id;
    frame.body_case = WIRE_SERVER_FRAME__BODY_TICKET;
    frame.ticket = &ticket;
    if (ticket.ticket.len > 0 || request_id != 0)
        output_send(r, s, &frame);
}

void credentials_renew(struct router *r, struct session *s) { send_ticket(r, s, 0); }

/* --- a new token --- */

static void refuse_token(struct router *r, struct session *s, uint32_t request_id, const char *rule,
                         bool expired)
{
    r->stats.refused_auth++;
    router_log(r, CHAT_LOG_DEBUG, "a new token was refused: %s%s", rule,
               expired ? ", expired" : "");
    output_problem(r, s, request_id,
                   expired ? WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED
                           : WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                   WIRE_RETRY__RETRY_REAUTH, 0, rule, NULL);
}

void credentials_refresh(struct router *r, struct session *s, uint32_t request_id,
                         const WireRefreshToken *refresh)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFindUserIn find = WIRE_FIND_USER_IN__INIT;
    struct token_claims claims;
    const char *reason = "token";
    struct ask *a;
    chat_status status = r->auth.verify(r->auth.user, refresh->token, strlen(refresh->token),
                                        r->now.wall_ms, &claims, &reason);

    if (status != CHAT_OK) {
        refuse_token(r, s, request_id, reason, status == CHAT_E_EXPIRED);
        return;
    }
    a = ask_new(r, ASK_REFRESH, s);
    if (!a) {
        request_refused(r, s, request_id, CHAT_E_LIMITED);
        return;
    }
    a->request_id = request_id;
    a->target = (uint64_t)claims.expires_at_ms;
    a->number = credentials_issuer_by_name(r, claims.issuer);
    find.issuer = claims.issuer;
    find.subject = claims.subject;
    frame.user_id = s->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_FIND_USER;
    frame.find_user = &find;
    status = ask_send(r, a, shard_of_subject(claims.issuer, claims.subject, r->shards.shard_count),
                      &frame);
    if (status != CHAT_OK)
        request_refused(r, s, request_id, status);
}

void credentials_refreshed(struct router *r, struct ask *a, const WireLinkFrame *frame)
{
    struct session *s = ask_session(r, a);
    const WireUsers *found;

    if (!s)
        return;
    if (!frame) {
        request_refused(r, s, a->request_id, CHAT_E_UNAVAILABLE);
        return;
    }
    if (frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM &&
        frame->problem->code != WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND) {
        answer_with_problem(r, s, a->request_id, frame->problem);
        return;
    }
    found = frame->body_case == WIRE_LINK_FRAME__BODY_USERS ? frame->users : NULL;
    if (!found || found->n_users != 1 || found->users[0]->user_id != s->user_id) {
        refuse_token(r, s, a->request_id, "another user", false);
        return;
    }
    s->token_expires_at_ms = (int64_t)a->target;
    s->issuer = (uint16_t)a->number;
    s->warned = false;
    send_ticket(r, s, a->request_id);
    session_arm(r, s);
}
