#include "server/router/core.h"
#include "server/router/presence_report.h"

static uint64_t queued_bytes(const struct router *r)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < r->sessions.made; i++) {
        const struct session *s = router_session(r, i);

        if (slab_is_taken(&s->item))
            bytes += s->out.bytes;
    }
    return bytes;
}

static uint32_t ready_links(const struct router *r, WireLinkRole role)
{
    uint32_t count = 0;

    for (uint32_t peer = 0; peer < r->links.peer_count; peer++) {
        const struct link *link = links_peer(&r->links, peer);

        count += link->role == role && link_is_ready(link);
    }
    return count;
}

void router_get_stats(const struct router *r, struct router_stats *out)
{
    *out = r->stats;
    out->links = r->links.stats;
    out->sessions = r->sessions.taken;
    out->signing_in = r->in_state[SESSION_OPENING];
    out->preauth = r->in_state[SESSION_GREETING] + out->signing_in;
    out->syncing = r->in_state[SESSION_SYNCING];
    out->live = r->in_state[SESSION_LIVE];
    out->leaving = r->in_state[SESSION_LEAVING];
    out->users = (uint32_t)r->by_user.count;
    out->homes = r->homes.taken;
    out->watched = (uint32_t)r->watched.count;
    out->buckets = r->buckets.count;
    out->requests = r->asks.taken;
    out->homes_lost = r->lost_homes;
    out->stores_ready = ready_links(r, WIRE_LINK_ROLE__LINK_ROLE_STORE);
    out->presence_ready = ready_links(r, WIRE_LINK_ROLE__LINK_ROLE_PRESENCE);
    out->shards = r->shards.shard_count;
    out->shards_served = shard_map_served(&r->shards);
    out->queued_bytes = queued_bytes(r);
}

#define GAUGE(field, name, help) METRIC_FIELD(struct router_stats, field, name, METRIC_GAUGE, help)
#define COUNTER(field, name, help)                                                                 \
    METRIC_FIELD(struct router_stats, field, name, METRIC_COUNTER, help)

static const struct metric_field fields[] = {
    GAUGE(sessions, "chat_router_links", "Client links, in all states."),
    GAUGE(preauth, "chat_router_preauth_links", "Client links not signed in."),
    GAUGE(signing_in, "chat_router_signing_in", "Sessions waiting for their user."),
    GAUGE(syncing, "chat_router_syncing", "Sessions whose list is not complete."),
    GAUGE(live, "chat_router_live", "Sessions signed in and complete."),
    GAUGE(leaving, "chat_router_leaving", "Sessions told to go."),
    GAUGE(blocked, "chat_router_blocked", "Sessions that do not take what is sent."),
    GAUGE(users, "chat_router_users", "Users with a session."),
    GAUGE(homes, "chat_router_homes", "Conversations subscribed to."),
    GAUGE(edges, "chat_router_memberships", "Sessions times their conversations."),
    GAUGE(homes_lost, "chat_router_homes_lost", "Conversations being asked anew after a hole."),
    GAUGE(watched, "chat_router_watched_users", "Users whose presence is watched."),
    GAUGE(watches, "chat_router_watches", "Sessions times whom they watch."),
    GAUGE(buckets, "chat_router_rate_buckets", "Users whose rate limit is in use."),
    GAUGE(requests, "chat_router_requests_open", "Requests to stores without an answer."),
    GAUGE(requests_waiting, "chat_router_requests_waiting", "Requests waiting for credit."),
    GAUGE(stores_ready, "chat_router_stores_ready", "Store links ready."),
    GAUGE(presence_ready, "chat_router_presence_ready", "Presence links ready."),
    GAUGE(shards, "chat_router_shards", "Shards of the deployment."),
    GAUGE(shards_served, "chat_router_shards_served", "Shards that a store serves."),
    GAUGE(queued_bytes, "chat_router_queued_bytes", "Bytes waiting for clients."),
    COUNTER(opened, "chat_router_links_opened_total", "Client links opened."),
    COUNTER(closed, "chat_router_links_closed_total", "Client links closed."),
    COUNTER(signed_in, "chat_router_sign_ins_total", "Sessions signed in."),
    COUNTER(resumed, "chat_router_resumes_total", "Of those, by ticket."),
    COUNTER(refused_auth, "chat_router_auth_refused_total",
            "Tokens, tickets and unauthenticated requests refused."),
    COUNTER(refused_admission, "chat_router_admission_refused_total",
            "Links and handshakes refused for load."),
    COUNTER(hello_timeouts, "chat_router_hello_timeouts_total",
            "Links closed without a Hello in time."),
    COUNTER(superseded, "chat_router_superseded_total",
            "Sessions ended by a newer one of their device."),
    COUNTER(revoked, "chat_router_revoked_total",
            "Sessions ended because their user was signed out."),
    COUNTER(expired, "chat_router_expired_total", "Sessions ended with their token."),
    COUNTER(silent, "chat_router_silent_total", "Sessions ended for silence."),
    COUNTER(slow, "chat_router_slow_consumers_total", "Sessions ended for not reading."),
    COUNTER(drained, "chat_router_drained_total", "Sessions sent away."),
    COUNTER(messages_in, "chat_router_messages_in_total", "WebSocket messages from clients."),
    COUNTER(frames_in, "chat_router_frames_in_total", "Frames from clients."),
    COUNTER(bytes_in, "chat_router_bytes_in_total", "Bytes from clients."),
    COUNTER(messages_out, "chat_router_messages_out_total", "WebSocket messages to clients."),
    COUNTER(frames_out, "chat_router_frames_out_total", "Shared frames to clients."),
    COUNTER(bytes_out, "chat_router_bytes_out_total", "Bytes to clients."),
    COUNTER(publications, "chat_router_publications_total", "Publications taken."),
    COUNTER(events, "chat_router_events_total", "Events in publications."),
    COUNTER(deliveries, "chat_router_deliveries_total", "Frames given to sessions by fan-out."),
    COUNTER(duplicates, "chat_router_duplicates_total", "Publications and messages seen before."),
    COUNTER(holes, "chat_router_holes_total", "Publications that did not continue their home."),
    COUNTER(missed, "chat_router_missed_total", "Homes found behind their store without a hole."),
    COUNTER(rechecks, "chat_router_rechecks_total", "Homes and users asked anew."),
    COUNTER(removals, "chat_router_removals_total", "Channels taken from sessions."),
    COUNTER(ephemera_dropped, "chat_router_ephemera_dropped_total",
            "Presence and typing not sent to slow clients."),
    COUNTER(presence_batches, "chat_router_presence_batches_total", "Presence frames to sessions."),
    COUNTER(presence_changes, "chat_router_presence_changes_total",
            "Watched users whose state changed."),
    COUNTER(typing, "chat_router_typing_total", "Typing passed on."),
    COUNTER(typing_dropped, "chat_router_typing_dropped_total",
            "Typing that came too soon, or from nobody who may write."),
    COUNTER(receipt_marks, "chat_router_receipt_marks_total", "Receipts passed on."),
    COUNTER(rate_limited, "chat_router_rate_limited_total", "Requests refused by rate."),
    COUNTER(requests_lost, "chat_router_requests_lost_total", "Client requests without an answer."),
    COUNTER(requests_late, "chat_router_requests_late_total",
            "Requests given up after request_ms."),
    COUNTER(no_memory, "chat_router_no_memory_total", "Allocations that failed."),
    COUNTER(faults_malformed, "chat_router_faults_malformed_total",
            "Messages that broke the schema."),
    COUNTER(faults_limit, "chat_router_faults_limit_total", "Messages that broke a limit."),
    COUNTER(contested, "chat_router_contested_total",
            "Claims of a store to a shard that another one serves by the same map_version."),
    COUNTER(links.dials, "chat_router_daemon_links_dials_total", "Links to daemons: dials."),
    COUNTER(links.ready, "chat_router_daemon_links_ready_total", "Links to daemons: ready."),
    COUNTER(links.closed, "chat_router_daemon_links_closed_total", "Links to daemons: closed."),
    COUNTER(links.refused, "chat_router_daemon_links_refused_total", "Links to daemons: refused."),
    COUNTER(links.dead, "chat_router_daemon_links_dead_total", "Links to daemons: dead."),
    COUNTER(links.faults, "chat_router_daemon_links_faults_total", "Links to daemons: faults."),
    COUNTER(links.full, "chat_router_daemon_links_full_total", "Links to daemons: full."),
    COUNTER(links.no_credit, "chat_router_daemon_links_no_credit_total",
            "Links to daemons: no credit."),
    COUNTER(links.frames_in, "chat_router_daemon_links_frames_in_total",
            "Links to daemons: frames in."),
    COUNTER(links.frames_out, "chat_router_daemon_links_frames_out_total",
            "Links to daemons: frames out."),
    COUNTER(links.bytes_in, "chat_router_daemon_links_bytes_in_total",
            "Links to daemons: bytes in."),
    COUNTER(links.bytes_out, "chat_router_daemon_links_bytes_out_total",
            "Links to daemons: bytes out."),
};

/* Names as in client.proto and types.proto. */
static const char *const bodies[ROUTER_BODIES] = {
    [0] = "body=\"unknown\"",
    [10] = "body=\"send_message\"",
    [11] = "body=\"mark_read\"",
    [12] = "body=\"heartbeat\"",
    [13] = "body=\"fetch_history\"",
    [14] = "body=\"typing\"",
    [16] = "body=\"hello\"",
    [17] = "body=\"edit_message\"",
    [18] = "body=\"delete_message\"",
    [19] = "body=\"fetch_changes\"",
    [20] = "body=\"fetch_members\"",
    [21] = "body=\"fetch_users\"",
    [22] = "body=\"find_user\"",
    [23] = "body=\"open_direct\"",
    [24] = "body=\"create_group\"",
    [25] = "body=\"set_member\"",
    [26] = "body=\"watch_presence\"",
    [27] = "body=\"set_presence\"",
    [28] = "body=\"refresh_token\"",
    [29] = "body=\"goodbye\"",
    [30] = "body=\"react\"",
    [31] = "body=\"mark_receipts\"",
    [32] = "body=\"set_channel_settings\"",
    [33] = "body=\"set_draft\"",
    [34] = "body=\"fetch_receipts\"",
    [35] = "body=\"fetch_devices\"",
    [36] = "body=\"sign_out_device\"",
    [37] = "body=\"sign_out_everywhere\"",
};

static const char *const problems[ROUTER_PROBLEM_CODES] = {
    [1] = "code=\"malformed\"",        [2] = "code=\"limit\"",
    [3] = "code=\"unsupported\"",      [4] = "code=\"unauthenticated\"",
    [5] = "code=\"token_expired\"",    [6] = "code=\"forbidden\"",
    [7] = "code=\"not_found\"",        [8] = "code=\"invalid\"",
    [9] = "code=\"out_of_order\"",     [10] = "code=\"nonce_stale\"",
    [11] = "code=\"rate_limited\"",    [12] = "code=\"unavailable\"",
    [13] = "code=\"unknown_outcome\"", [14] = "code=\"storage_full\"",
    [15] = "code=\"superseded\"",      [16] = "code=\"slow_consumer\"",
    [17] = "code=\"draining\"",        [18] = "code=\"overloaded\"",
    [19] = "code=\"internal\"",        [20] = "code=\"wrong_shard\"",
};

void router_write_metrics(const struct router *r, struct metrics *out)
{
    struct router_stats stats;

    router_get_stats(r, &stats);
    metrics_table(out, fields, sizeof(fields) / sizeof(fields[0]), &stats);
    metrics_family(out, "chat_router_requests_total", "Client frames by body.", METRIC_COUNTER);
    for (uint32_t i = 0; i < ROUTER_BODIES; i++)
        if (bodies[i])
            metrics_u64(out, bodies[i], stats.requests_by_body[i]);
    metrics_family(out, "chat_router_problems_total", "Problems sent by code.", METRIC_COUNTER);
    for (uint32_t i = 0; i < ROUTER_PROBLEM_CODES; i++)
        if (problems[i])
            metrics_u64(out, problems[i], stats.problems[i]);
}
