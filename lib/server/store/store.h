/*
 * store: the role that owns homes. It checks permission, orders, keeps and publishes.
 *
 *   router ══ requests ══▶ store ── engine requests ──▶ host, on lanes of threads
 *          ◀══ answers, publications ══  ◀── completions ──
 *   store  ══ notes ══▶ other stores      dialed peers
 *
 * A machine (wire/machine.h) holding one `struct shard` per logical shard it was given.
 * Routers and other stores come as LINK_PEER links; the other stores are also the peers
 * it dials, numbered from 0.
 *
 * Engine: EFFECT_ENGINE hands out a request that the host executes on its lane (LOG, APPLY
 * or READ of request->shard, see store/engine.h) and feeds back with EVENT_ENGINE_DONE.
 * Shards open by themselves after the first event. A shard that cannot serve is left out
 * of the LinkWelcome, and links hear a new one whenever that changes.
 *
 * EVENT_STOP: new requests are refused, what was decided is synced and answered, links
 * close, rows are applied, shards are closed; then EFFECT_STOPPED.
 *
 * Threads: one. Of an engine request in flight only the lane's thread touches the arena;
 * the allocator must stand that (malloc does).
 */
#ifndef CHAT_SERVER_STORE_STORE_H
#define CHAT_SERVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/log.h>
#include <libchat/status.h>

#include "libchat/v1/types.pb-c.h"
#include "server/link.h"
#include "server/metrics.h"
#include "wire/machine.h"

struct store;

/* Per shard, unless it says otherwise. */
struct store_limits {
    /* Memory. */
    uint32_t homes_max;         /* homes whose state is loaded; 16,384 */
    uint32_t rings_max;         /* nonce rings loaded; 16,384 */
    uint32_t directory_max;     /* creation keys remembered; 16,384 */
    uint32_t subscriptions_max; /* of homes by links; 1,048,576 */
    uint32_t waiting_max;       /* requests waiting for something to load; 16,384 */
    uint32_t waiting_per_key;   /* of them for one home, ring or key; 256 */
    uint32_t reads_in_flight;   /* READ requests at the engine; 8 */
    uint32_t reads_max;         /* those and the ones waiting for their turn; 4,096 */
    uint32_t notes_max;         /* notes not acknowledged yet, half of mentions; 65,536 */
    uint32_t local_max;         /* frames between shards of this store, all shards; 65,536 */

    /* The log and the applier. */
    uint32_t queue_records;     /* decided, not synced; 65,536 */
    size_t queue_bytes;         /* of their records; 16 MiB */
    uint32_t apply_records;     /* synced, not applied: apply; 50,000 */
    size_t apply_bytes;         /* of their rows: apply; 32 MiB */
    int64_t apply_ms;           /* age of the oldest of them: apply; 1,000 */
    uint32_t unapplied_records; /* refuse to decide more; 150,000 */
    size_t unapplied_bytes;     /* refuse to decide more; 256 MiB */
    size_t replay_bytes;        /* of records in one step of recovery; 4 MiB */

    /* Answers. */
    size_t page_bytes; /* of messages in one page; 512 KiB */

    /* Times. */
    int64_t reopen_ms;          /* after a failure, doubling; 500 */
    int64_t reopen_max_ms;      /* 30,000 */
    int64_t note_resend_ms;     /* doubling; 1,000 */
    int64_t note_resend_max_ms; /* 30,000 */
    int64_t note_ack_ms;        /* acknowledged notes are deleted together after; 200 */
    int64_t read_flush_ms;      /* own messages move the author's cursor after; 2,000 */
    int64_t receipts_ms;        /* between two journalings of a small home's receipts; 1,000 */

    /* What is only passed on. */
    uint32_t typing_per_second; /* told of one conversation; 10 */
};

struct store_config {
    const struct chat_allocator *allocator; /* NULL: malloc */
    const struct chat_logger *logger;       /* NULL: silent */
    uint64_t seed;                          /* of its random numbers */
    uint64_t node_id;                       /* random at each start; 0: made from the seed */
    uint64_t service_id;    /* of the deployment; 0: what the data says, random when new */
    uint32_t shard_count;   /* of the deployment, for good */
    const uint32_t *shards; /* held here; copied */
    uint32_t shards_held;
    uint64_t map_version;      /* of the shard map that gave them to us */
    uint32_t peer_count;       /* other stores, dialed by number */
    size_t link_queue_max;     /* bytes waiting for one link; LINK_QUEUE_MAX */
    WireDurability durability; /* the engine's, said in acknowledgements */
    struct store_limits limits;
};

#define STORE_PROBLEM_CODES 21u /* ProblemCode values, 0 included */
#define STORE_BODIES 64u        /* body numbers of LinkFrame that are requests */

struct store_stats {
    struct links_stats links;
    /* Gauges. */
    uint32_t shards, shards_serving, shards_fenced, shards_refused;
    uint32_t homes, rings, directory, subscriptions, waiting, reads, notes;
    uint64_t overlay_rows, overlay_bytes, queued_records, unapplied_records;
    uint64_t log_bytes; /* the fullest shard's, as of its last append */
    /* Counters. */
    uint64_t requests, requests_by_body[STORE_BODIES], problems[STORE_PROBLEM_CODES];
    uint64_t records, record_bytes, appends, append_failures, applies, applied_rows;
    uint64_t apply_failures, read_requests, read_failures, replayed, reopened;
    uint64_t sent, altered, repeats, out_of_order, nonce_stale;
    uint64_t publications, events, publication_sends, publications_lost;
    uint64_t home_loads, home_evictions, ring_loads, ring_evictions;
    uint64_t notes_sent, notes_applied, notes_acked, lists_full, cursors_told;
    uint64_t receipt_marks, receipts, typing_told, typing_dropped, devices_signed_out;
    struct histogram append_ms; /* from decision to answer, in whole milliseconds */
};

/* Fills in all limits; the rest is zero. */
void store_config_init(struct store_config *config);

/*
 * Errors: CHAT_E_NOMEM; CHAT_E_INVALID: no shard, a shard not below shard_count or named
 *         twice, shard_count 0 or above CHAT_SHARDS_MAX, a limit of 0.
 */
chat_status store_new(const struct store_config *config, struct store **out_store);
/* No engine request may be at work on any lane. NULL is fine. */
void store_free(struct store *store);
struct machine *store_machine(struct store *store);

/* Every shard held is serving. */
bool store_is_ready(const struct store *store);
/* Of the deployment: 0 until the data or the configuration said. */
uint64_t store_get_service_id(const struct store *store);
void store_get_stats(const struct store *store, struct store_stats *out_stats);
/* Writes the stats as metrics. */
void store_write_metrics(const struct store *store, struct metrics *out);

#endif
