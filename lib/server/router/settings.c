#include "base/alloc.h"
#include "server/router/core.h"
#include "server/router/router.h"

void router_config_init(struct router_config *config)
{
    *config = (struct router_config){
        .limits =
            {
                .sessions_max = 20000,
                .preauth_max = 2000,
                .preauth_per_address = 64,
                .preauth_bytes = 16384,
                .preauth_frames = 1,
                .handshakes_per_second = 500,
                .handshakes_burst = 1000,
                .handshake_slot_max_ms = 60000,
                .preauth_ms = 5000,
                .heartbeat_ms = 30000,
                .token_grace_ms = 60000,
                .ticket_ms = TICKET_LIFE_MAX_MS,
                .session_queue_max = 1u << 20,
                .session_frames_max = 8192,
                .session_requests = 128,
                .sync_patience_ms = 5000,
                .sync_in_flight = 16,
                .user_sessions = 64,
                .requests_max = 65536,
                .waiting_per_peer = 16384,
                .request_ms = 30000,
                .sweep_ms = 300000,
                .operations_per_second = 20,
                .operations_burst = 40,
                .reads_per_second = 100,
                .reads_burst = 400,
                .signals_per_second = 10,
                .signals_burst = 40,
                .buckets_max = 65536,
                .watches_max = 200000,
                .lease_ms = 10000,
                .presence_lost_ms = 10000,
                .drain_ms = 30000,
                .drain_grace_ms = 2000,
                .drain_reconnect_ms = 2000,
            },
    };
}

static bool counts_are_sane(const struct router_limits *l)
{
    const uint32_t counts[] = {
        l->sessions_max,      l->preauth_max,           l->preauth_per_address, l->preauth_bytes,
        l->preauth_frames,    l->handshakes_per_second, l->handshakes_burst,    l->heartbeat_ms,
        l->session_queue_max, l->session_frames_max,    l->session_requests,    l->sync_in_flight,
        l->user_sessions,     l->requests_max,          l->waiting_per_peer,    l->operations_burst,
        l->reads_per_second,  l->operations_per_second, l->reads_burst,         l->buckets_max,
        l->watches_max,       l->signals_per_second,    l->signals_burst,
    };

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (counts[i] == 0)
            return false;
    return l->sessions_max <= ROUTER_SESSIONS_MAX && l->requests_max < UINT32_MAX &&
           l->handshakes_per_second <= 1000000 && l->session_requests <= UINT16_MAX &&
           l->session_queue_max <= UINT32_MAX / 64 && l->session_frames_max <= 65536 &&
           l->user_sessions <= UINT16_MAX;
}

static bool times_are_sane(const struct router_limits *l)
{
    return l->handshake_slot_max_ms > 0 && l->preauth_ms > 0 && l->token_grace_ms >= 0 &&
           l->ticket_ms > 0 && l->ticket_ms <= TICKET_LIFE_MAX_MS && l->request_ms > 0 &&
           l->lease_ms > 0 && l->sync_patience_ms > 0 && l->presence_lost_ms > 0 &&
           l->sweep_ms >= SWEEP_STEP_MS && l->drain_ms >= 0 && l->drain_grace_ms >= 0;
}

chat_status router_config_check(const struct router_config *config)
{
    bool has_store = false;

    if (config->peer_count == 0 || config->peer_count > LINK_PEERS_MAX ||
        config->issuer_count > ROUTER_ISSUERS_MAX || !config->auth.verify)
        return CHAT_E_INVALID;
    for (uint32_t i = 0; i < config->peer_count; i++) {
        if (config->peers[i] == WIRE_LINK_ROLE__LINK_ROLE_STORE)
            has_store = true;
        else if (config->peers[i] != WIRE_LINK_ROLE__LINK_ROLE_PRESENCE)
            return CHAT_E_INVALID;
    }
    if (!has_store || !counts_are_sane(&config->limits) || !times_are_sane(&config->limits))
        return CHAT_E_INVALID;
    return CHAT_OK;
}

/* --- real keys --- */

static chat_status verify(void *user, const char *token, size_t token_len, int64_t wall_ms,
                          struct token_claims *out_claims, const char **out_reason)
{
    const struct router_keys *keys = user;

    return auth_verify(keys->auth, token, token_len, wall_ms, out_claims, out_reason);
}

static chat_status seal(void *user, struct ticket *ticket, uint8_t *out_bytes, size_t *out_len)
{
    const struct router_keys *keys = user;
    chat_status status = ticket_seal(keys->tickets, ticket, out_bytes);

    if (status == CHAT_OK)
        *out_len = TICKET_SIZE;
    return status;
}

static chat_status open_ticket(void *user, const uint8_t *bytes, size_t bytes_len,
                               uint64_t device_id, int64_t wall_ms, struct ticket *out_ticket)
{
    const struct router_keys *keys = user;

    return ticket_open(keys->tickets, bytes, bytes_len, device_id, wall_ms, out_ticket);
}

struct router_auth router_auth_from_keys(struct router_keys *keys)
{
    struct router_auth auth = {.verify = verify, .user = keys};

    if (keys->tickets) {
        auth.seal = seal;
        auth.open = open_ticket;
    }
    return auth;
}
