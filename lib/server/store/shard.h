/*
 * shard: one logical shard of a store. It decides in memory, appends, answers, and turns
 * what is synced into rows.
 *
 *   CLOSED -> OPENING -> IDENTIFYING -> (NAMING ->) REPLAYING -> SERVING
 *     ^                                                            | a failure, or stop
 *     |                                                            v
 *   REOPENING <----------------- CLOSING <-------------------- SETTLING
 *
 *   another owner: FENCED for good; corrupt, newer or foreign data: REFUSED for good.
 *
 * Three horizons: decided >= synced >= applied. Answers, publications and pages show
 * what is synced.
 */
#ifndef CHAT_SERVER_STORE_SHARD_H
#define CHAT_SERVER_STORE_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/snowflake.h"
#include "base/table.h"
#include "base/wheel.h"
#include "server/store/home.h"
#include "server/store/lane.h"
#include "server/store/overlay.h"
#include "server/store/store.h"
#include "server/store/wait.h"

struct batch;
struct read_job;
struct store;

enum shard_state {
    SHARD_CLOSED,
    SHARD_OPENING,     /* ENGINE_OPEN */
    SHARD_IDENTIFYING, /* reading which deployment it is of */
    SHARD_NAMING,      /* new: waits for a service id, then writes it */
    SHARD_REPLAYING,   /* log records past the applied position become rows */
    SHARD_SERVING,
    SHARD_SETTLING,  /* waits until nothing is at work in the engine */
    SHARD_CLOSING,   /* ENGINE_CLOSE */
    SHARD_REOPENING, /* closed, until reopen_at_ms */
    SHARD_FENCED,
    SHARD_REFUSED,
    SHARD_STOPPED,
};

/* What follows SETTLING and CLOSING. */
enum shard_after { AFTER_REOPEN, AFTER_FENCED, AFTER_REFUSED, AFTER_STOPPED };

/* The rows on their way into the table. */
struct applier {
    struct lane lane;
    struct arena arena; /* encoded rings */
    struct engine_row *rows;
    size_t rows_room;
    uint64_t position;     /* being applied */
    uint32_t records;      /* synced, not captured */
    uint64_t record_bytes; /* of them, in the log */
    int64_t oldest_at_ms;  /* mono_ms of the first of those */
    int64_t retry_at_ms;   /* MOMENT_NEVER: nothing to do again */
    uint64_t log_bytes, log_bytes_max;
};

#define SLICE_RECORDS_MAX 1024u /* of the log, whose rings are loaded at once in replay */

enum replay_step {
    REPLAY_READ,    /* ask for the next page of the log */
    REPLAY_READING, /* it is on its way */
    REPLAY_PREPARE, /* load the rings of the next slice of it */
    REPLAY_ABSORB,  /* when they are there */
    REPLAY_APPLY,   /* the slice's rows */
    REPLAY_FINISH,  /* the log is at its end */
    REPLAY_NOTES,   /* what must still be told */
};

struct replay {
    enum replay_step step;
    uint64_t position;             /* absorbed so far */
    uint64_t stop;                 /* nothing past it: planted faults only */
    uint64_t oldest, applied;      /* as the engine opened */
    size_t count, next, slice_end; /* of the page's records */
};

/* Creation keys and the homes they made. */
struct directory {
    struct table entries;
    struct list lru;
};

/* Nonce rings in memory. */
struct rings {
    struct table slots;
    struct list lru;
    struct list dirty; /* synced, not captured */
    uint32_t dirty_count;
};

/* What must reach other homes. */
struct notes {
    struct table lanes; /* by source and dest */
    struct wheel wheel; /* when to send again */
    uint32_t count;     /* outstanding */
    uint32_t reserved;  /* decided, not synced */
    struct list acked;  /* whose rows are to be deleted */
    uint32_t acked_count;
    uint32_t deleting; /* of them, by a record that is not synced yet */
    uint64_t deleting_position;
    int64_t flush_at_ms;
};

/* Own messages move the author's cursor. */
struct advances {
    struct table entries;
    struct list order;
    int64_t flush_at_ms;
};

/* What members say of themselves, until it is journaled. */
struct receipts {
    struct wheel wheel; /* of homes, by receipts_timer */
    uint32_t waiting;
};

struct shard {
    uint32_t id;
    enum shard_state state;
    enum shard_after after;
    struct store *store;
    const struct chat_allocator *allocator;
    const struct store_limits *limits;
    struct store_stats *stats;
    struct list_node ready; /* something to pump */
    struct list_node issuing;
    uint32_t failures; /* since it last served */
    int64_t reopen_at_ms;
    int64_t sweep_at_ms;
    bool stopping;

    struct lane log;
    struct arena log_arena;
    struct replay replay;
    struct engine_row naming; /* the first row of a new shard */
    struct list issue;        /* lanes the host was not asked for yet */
    struct arena scratch;     /* decoded records, answers being built */
    struct arena resumed;     /* a request that waited */
    struct arena decoded;     /* a batch's records */

    uint64_t decided, synced, applied;
    struct snowflake_mint mint;
    uint64_t last_id; /* greatest id in synced records */

    struct list batches; /* the first may be in flight; the last may be open */
    struct batch *open;
    uint32_t queued_records;
    size_t queued_bytes;
    uint64_t queued_rows; /* they make beyond the usual few */
    struct engine_record *records;
    size_t records_room;

    struct overlay overlay;
    struct applier applier;
    struct list reads_waiting, reads_at_work;
    uint32_t reads_count, reads_busy;

    struct map homes;
    struct list home_lru; /* loaded, longest unused first */
    uint32_t homes_loaded;
    struct home *root;
    uint64_t root_synced_lsn;
    uint32_t waiting; /* requests, all queues */
    uint32_t subscriptions;
    struct directory directory;
    struct rings rings;
    struct notes notes;
    struct advances advances;
    struct receipts receipts;
};

chat_status shard_init(struct shard *s, struct store *store, uint32_t id);
void shard_fini(struct shard *s);

/* A frame for a home or key of this shard. Every request is answered exactly once. */
void shard_take(struct shard *s, const struct request *req);

/* Runs what has become possible: appends, applies, reads, notes. */
void shard_pump(struct shard *s);
void shard_timer(struct shard *s);
int64_t shard_deadline(const struct shard *s);
void shard_lane_done(struct shard *s, struct lane *lane);
/* Has shard_pump() called before the next effect. */
void shard_mark(struct shard *s);
/* Hands the lane's request to the host. */
void shard_issue(struct shard *s, struct lane *lane);

/* Nothing that is undecided will be: drops memory, closes, and does `after`. */
void shard_give_up(struct shard *s, enum shard_after after, chat_status why, const char *doing);
/* Syncs and answers what was decided, applies, closes; then STOPPED. */
void shard_stop(struct shard *s);
static inline bool shard_is_over(const struct shard *s)
{
    return s->state == SHARD_FENCED || s->state == SHARD_REFUSED || s->state == SHARD_STOPPED;
}

/* Why no decision can be taken now; NULL when one can. */
const char *shard_limit(const struct shard *s);
/* The same, but for a stop: what ends by then is decided all the same. */
const char *shard_full(const struct shard *s);
/* A decision can be taken now: the queue has room and the applier keeps up. When not, `req`
 * was refused. */
bool shard_may_decide(struct shard *s, const struct request *req);

/* --- open.c --- */
void shard_open(struct shard *s);
/* The next steps of recovery. */
void shard_replay(struct shard *s);
/* The store knows its service id. */
void shard_name(struct shard *s);

#endif
