#include <assert.h>
#include <string.h>

#include "settings.h"

#define INTEGER(type, section_, field, fallback_, max_, help_)                                     \
    LIMIT(type, section_, field, CONFIG_INTEGER, fallback_, 1, max_, help_)
#define LIMIT(type_, section_, field, kind, fallback_, min_, max_, help_)                          \
    {                                                                                              \
        .key = {.section = (section_),                                                             \
                .name = #field,                                                                    \
                .type = (kind),                                                                    \
                .fallback = (fallback_),                                                           \
                .min = (min_),                                                                     \
                .max = (max_),                                                                     \
                .help = (help_)},                                                                  \
        .offset = offsetof(type_, field), .size = sizeof(((type_ *)0)->field)                      \
    }

#define R_NUMBER(field, fallback, max, help)                                                       \
    INTEGER(struct router_limits, "limits", field, fallback, max, help)
#define R_BYTES(field, fallback, max, help)                                                        \
    LIMIT(struct router_limits, "limits", field, CONFIG_SIZE, fallback, 1, max, help)
#define R_TIME(field, fallback, max, help)                                                         \
    LIMIT(struct router_limits, "limits", field, CONFIG_DURATION, fallback, 1, max, help)

#define DAY_MS INT64_C(86400000)
#define MEGABYTE (INT64_C(1) << 20)

static const struct settings_limit router_limits[] = {
    R_NUMBER(sessions_max, "20000", ROUTER_SESSIONS_MAX,
             "Connections of clients, signed in or not."),
    R_NUMBER(preauth_max, "2000", ROUTER_SESSIONS_MAX, "Connections not signed in yet."),
    R_NUMBER(preauth_per_address, "64", ROUTER_SESSIONS_MAX,
             "Those of one address; of IPv6, of one /64."),
    R_BYTES(preauth_bytes, "16 KiB", MEGABYTE, "Taken from a client before it is signed in."),
    R_NUMBER(preauth_frames, "1", 64, "Taken from a client before it is signed in."),
    R_NUMBER(handshakes_per_second, "500", 1000000, "Sign-ins taken; the rest get a slot later."),
    R_NUMBER(handshakes_burst, "1000", 1000000, "Sign-ins taken at once after a quiet while."),
    R_TIME(handshake_slot_max_ms, "60 s", DAY_MS, "The farthest slot given to who must wait."),
    R_TIME(preauth_ms, "5 s", DAY_MS, "For signing in, from connecting on."),

    LIMIT(struct router_limits, "limits", heartbeat_ms, CONFIG_DURATION, "30 s", 100, 3600000,
          "Between heartbeats; silent for 2.5 of them is dead."),
    R_TIME(token_grace_ms, "60 s", DAY_MS, "For a new token after the old one has ended."),
    R_TIME(ticket_ms, "10 min", 600000, "How long a resume ticket is good for."),
    R_BYTES(session_queue_max, "1 MiB", 63 * MEGABYTE, "Waiting for one client; then it is slow."),
    R_NUMBER(session_frames_max, "8192", 65536, "Frames waiting for one client."),
    R_NUMBER(session_requests, "128", 65535, "Requests of one client under way."),
    R_NUMBER(sync_in_flight, "16", 65536, "Conversations of one client being looked up."),
    R_TIME(sync_patience_ms, "5 s", DAY_MS, "A store that is away holds a sign-in back so long."),
    R_NUMBER(user_sessions, "64", 65535, "Connections of one user at this router."),

    R_NUMBER(requests_max, "65536", 16777216, "Requests under way, of all clients."),
    R_NUMBER(waiting_per_peer, "16384", 16777216, "Requests waiting for one busy store."),
    R_TIME(request_ms, "30 s", DAY_MS, "Until a store's answer is given up."),
    LIMIT(struct router_limits, "limits", sweep_ms, CONFIG_DURATION, "5 min", 1000, DAY_MS,
          "Each conversation is compared with its store once in this time."),
    R_NUMBER(operations_per_second, "20", 1000000, "Messages, edits and the like of one user."),
    R_NUMBER(operations_burst, "40", 1000000, "Those at once after a quiet while."),
    R_NUMBER(reads_per_second, "100", 1000000, "History pages and look-ups of one user."),
    R_NUMBER(reads_burst, "400", 1000000, "Those at once after a quiet while."),
    R_NUMBER(signals_per_second, "10", 1000000, "Typing and receipts of one user."),
    R_NUMBER(signals_burst, "40", 1000000, "Those at once after a quiet while."),
    R_NUMBER(buckets_max, "65536", 16777216, "Users whose rates are remembered."),

    R_NUMBER(watches_max, "200000", 16777216, "Users whose presence is watched."),
    R_TIME(lease_ms, "10 s", 30000, "Between renewals of the presence lease."),
    R_TIME(presence_lost_ms, "10 s", DAY_MS, "Without presence so long, all appear offline."),

    R_TIME(drain_ms, "30 s", DAY_MS, "SIGTERM: clients are sent away spread over this time."),
    R_TIME(drain_grace_ms, "2 s", DAY_MS, "Between saying so and the close."),
    R_TIME(drain_reconnect_ms, "2 s", 3600000, "Clients come back after a random part of it."),
};

#define S_NUMBER(field, fallback, help)                                                            \
    INTEGER(struct store_limits, "store_limits", field, fallback, 1 << 30, help)
#define S_BYTES(field, fallback, help)                                                             \
    LIMIT(struct store_limits, "store_limits", field, CONFIG_SIZE, fallback, 1, INT64_C(1) << 40,  \
          help)
#define S_TIME(field, fallback, help)                                                              \
    LIMIT(struct store_limits, "store_limits", field, CONFIG_DURATION, fallback, 1, DAY_MS, help)

#define READS_MIN 1024 /* what a slice of the log may need at once in recovery */

static const struct settings_limit store_limits[] = {
    S_NUMBER(homes_max, "16384", "Conversations and users kept in memory."),
    S_NUMBER(rings_max, "16384", "Senders whose last operations are kept in memory."),
    S_NUMBER(directory_max, "16384", "Names of things being found or made."),
    S_NUMBER(subscriptions_max, "1048576",
             "Conversations followed by routers, counted per router."),
    S_NUMBER(waiting_max, "16384", "Requests waiting for something to be read."),
    S_NUMBER(waiting_per_key, "256", "Of them for one thing."),
    S_NUMBER(reads_in_flight, "8", "Reads at the engine at once."),
    LIMIT(struct store_limits, "store_limits", reads_max, CONFIG_INTEGER, "4096", READS_MIN,
          1 << 30, "Those and the ones waiting for their turn."),
    S_NUMBER(notes_max, "65536", "Notes to other conversations, not acknowledged yet."),
    S_NUMBER(local_max, "65536", "Frames between shards of one store; for all shards."),

    S_NUMBER(queue_records, "65536", "Decided and not synced yet; then requests are refused."),
    S_BYTES(queue_bytes, "16 MiB", "The same, in bytes."),
    S_NUMBER(apply_records, "50000", "Synced records that are turned into rows together."),
    S_BYTES(apply_bytes, "32 MiB", "The same, in bytes of rows."),
    S_TIME(apply_ms, "1 s", "Or as soon as the oldest of them has waited so long."),
    S_NUMBER(unapplied_records, "150000", "Waiting to be rows; then requests are refused."),
    S_BYTES(unapplied_bytes, "256 MiB", "The same, in bytes."),
    S_BYTES(replay_bytes, "4 MiB", "Of the log, in one step of recovery."),

    LIMIT(struct store_limits, "store_limits", page_bytes, CONFIG_SIZE, "512 KiB", 1, 512 << 10,
          "Of messages in one page of history."),

    S_TIME(reopen_ms, "500 ms", "Until a failed shard is opened again; doubles."),
    S_TIME(reopen_max_ms, "30 s", "The most of it."),
    S_TIME(note_resend_ms, "1 s", "Until a note is sent again; doubles."),
    S_TIME(note_resend_max_ms, "30 s", "The most of it."),
    S_TIME(note_ack_ms, "200 ms", "Acknowledged notes are deleted together after this."),
    S_TIME(read_flush_ms, "2 s", "Own messages move the author's read position after this."),
    S_TIME(receipts_ms, "1 s", "Between receipts of one conversation; large ones: longer."),
    S_NUMBER(typing_per_second, "10", "Who types in one conversation; the rest is not told."),
};

#define P_NUMBER(field, fallback, help)                                                            \
    INTEGER(struct presence_config, "presence_limits", field, fallback, 1 << 30, help)
#define P_TIME(field, fallback, max, help)                                                         \
    LIMIT(struct presence_config, "presence_limits", field, CONFIG_DURATION, fallback, 1, max, help)

static const struct settings_limit presence_limits[] = {
    P_TIME(lease_ms, "40 s", 3600000, "A router that is silent for so long has nobody online."),
    P_TIME(batch_ms, "150 ms", 10000, "Who watches waits at most this long for a change."),
    P_NUMBER(routers_max, "1024", "Routers with a lease, or remembered."),
    P_NUMBER(sessions_max, "4000000", "Connections of all routers."),
    P_NUMBER(watches_max, "8000000", "Watched users, counted per router."),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct settings_limit *settings_router_limits(size_t *out_count)
{
    *out_count = COUNT(router_limits);
    return router_limits;
}

const struct settings_limit *settings_store_limits(size_t *out_count)
{
    *out_count = COUNT(store_limits);
    return store_limits;
}

const struct settings_limit *settings_presence_limits(size_t *out_count)
{
    *out_count = COUNT(presence_limits);
    return presence_limits;
}

static void fill(const struct settings *settings, const struct settings_limit *limits, size_t count,
                 void *out)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = config_number(settings->config, limits[i].key.section, limits[i].key.name);
        uint8_t *at = (uint8_t *)out + limits[i].offset;
        if (limits[i].size == sizeof(uint32_t)) {
            uint32_t narrow = (uint32_t)value;
            memcpy(at, &narrow, sizeof(narrow));
        } else {
            assert(limits[i].size == sizeof(value));
            memcpy(at, &value, sizeof(value));
        }
    }
}

void settings_fill_router(const struct settings *settings, struct router_limits *limits)
{
    fill(settings, router_limits, COUNT(router_limits), limits);
}

void settings_fill_store(const struct settings *settings, struct store_limits *limits)
{
    fill(settings, store_limits, COUNT(store_limits), limits);
}

void settings_fill_presence(const struct settings *settings, struct presence_config *config)
{
    fill(settings, presence_limits, COUNT(presence_limits), config);
}
