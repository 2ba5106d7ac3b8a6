#include "server/store/shard.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/store/advance.h"
#include "server/store/answer.h"
#include "server/store/apply.h"
#include "server/store/batch.h"
#include "server/store/commit.h"
#include "server/store/directory.h"
#include "server/store/homes.h"
#include "server/store/notes.h"
#include "server/store/reads.h"
#include "server/store/receipts.h"
#include "server/store/role.h"
#include "server/store/rows.h"

#define SCRATCH_MAX (16u << 20) /* a publication's records, decoded */
#define DECODED_MAX (64u << 20) /* an append's records, decoded */
#define RING_ROW_MAX 2048u      /* bytes of a full ring, encoded */
#define APPLY_SPARE (1u << 20)  /* what else an apply encodes */

/* What recovery brings back, and nothing else. */
static void init_memory(struct shard *s)
{
    s->decided = s->synced = s->applied = s->last_id = 0;
    snowflake_mint_init(&s->mint, s->id);
    snowflake_mint_saw(&s->mint, root_home_id(s->id));
    s->queued_records = 0;
    s->queued_bytes = 0;
    s->queued_rows = 0;
    s->waiting = 0;
    list_init(&s->batches);
    overlay_init(&s->overlay, s->allocator);
    s->applier.records = 0;
    s->applier.record_bytes = 0;
    s->applier.log_bytes = s->applier.log_bytes_max = 0;
    s->applier.retry_at_ms = MOMENT_NEVER;
    reads_init(s);
    homes_init(s);
    directory_init(s);
    rings_init(s);
    notes_init(s);
    advance_init(s);
    receipts_init(s);
}

static void fini_memory(struct shard *s)
{
    if (s->batches.head.next) {
        commit_drop(s);
        reads_fini(s);
    }
    advance_fini(s);
    notes_fini(s);
    rings_fini(s);
    directory_fini(s);
    homes_fini(s);
    overlay_fini(&s->overlay);
}

/* An apply has room for every ring there can be: one that never finds enough is never done. */
static size_t apply_arena_max(const struct store_limits *limits)
{
    const uint64_t rings = (uint64_t)limits->rings_max + SLICE_RECORDS_MAX;
    const uint64_t bytes = rings * RING_ROW_MAX + APPLY_SPARE;

    return bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}

chat_status shard_init(struct shard *s, struct store *store, uint32_t id)
{
    *s = (struct shard){.id = id, .store = store};
    s->allocator = store->config.allocator;
    s->limits = &store->config.limits;
    s->stats = &store->stats;
    list_init(&s->issue);
    s->log.shard = s;
    s->applier.lane.shard = s;
    s->applier.lane.done = apply_done;
    arena_init(&s->log_arena, s->allocator, 4 * s->limits->replay_bytes + ENGINE_APPEND_BYTES_MAX);
    arena_init(&s->applier.arena, s->allocator, apply_arena_max(s->limits));
    arena_init(&s->scratch, s->allocator, SCRATCH_MAX);
    arena_init(&s->decoded, s->allocator, DECODED_MAX);
    arena_init(&s->resumed, s->allocator, LINK_ARENA_MAX);
    init_memory(s);
    return CHAT_OK;
}

void shard_fini(struct shard *s)
{
    if (!s->store)
        return;
    fini_memory(s);
    arena_fini(&s->log_arena);
    arena_fini(&s->applier.arena);
    arena_fini(&s->scratch);
    arena_fini(&s->resumed);
    arena_fini(&s->decoded);
    alloc_free(s->allocator, s->records);
    alloc_free(s->allocator, s->applier.rows);
    *s = (struct shard){0};
}

void shard_mark(struct shard *s)
{
    if (!list_node_is_linked(&s->ready))
        list_push_back(&s->store->ready, &s->ready);
}

void shard_issue(struct shard *s, struct lane *lane)
{
    assert(!lane->busy);
    lane->busy = true;
    lane->request.shard = s->id;
    lane->request.status = CHAT_OK;
    lane->request.user = lane;
    list_push_back(&s->issue, &lane->issue);
    shard_mark(s);
}

void shard_lane_done(struct shard *s, struct lane *lane)
{
    assert(lane->busy);
    lane->busy = false;
    shard_mark(s);
    lane->done(s, lane);
}

const char *shard_full(const struct shard *s)
{
    const struct store_limits *limits = s->limits;
    const struct applier *a = &s->applier;
    const uint64_t rows = apply_rows(s) + (uint64_t)s->queued_records * RECORD_ROWS_MAX +
                          s->queued_rows + DECISION_ROWS_MAX;

    if (s->queued_records >= limits->queue_records || s->queued_bytes >= limits->queue_bytes)
        return "queue";
    if (a->records + s->queued_records >= limits->unapplied_records ||
        s->overlay.bytes >= limits->unapplied_bytes || rows > ENGINE_APPLY_ROWS_MAX)
        return "unapplied";
    if (a->log_bytes_max > 0 && a->log_bytes >= a->log_bytes_max - a->log_bytes_max / 8 &&
        apply_is_pending(s))
        return "log";
    return NULL;
}

const char *shard_limit(const struct shard *s) { return s->stopping ? "stopping" : shard_full(s); }

bool shard_may_decide(struct shard *s, const struct request *req)
{
    const char *limit = shard_limit(s);

    if (!limit)
        return true;
    if (s->applier.records > 0 && s->queued_records < s->limits->queue_records)
        apply_hasten(s);
    answer_problem(s, NULL, req, s->stopping ? PROBLEM(UNAVAILABLE) : PROBLEM(OVERLOADED), limit);
    return false;
}

/* --- the end of serving --- */

void shard_give_up(struct shard *s, enum shard_after after, chat_status why, const char *doing)
{
    const bool served = s->state == SHARD_SERVING;

    if (s->state == SHARD_SETTLING || s->state == SHARD_CLOSING) {
        if (s->after == AFTER_REOPEN)
            s->after = after;
        return;
    }
    log_write(s->store->config.logger, after == AFTER_STOPPED ? CHAT_LOG_INFO : CHAT_LOG_ERROR,
              "store", "shard %u stops serving after %s: %s%s", s->id, doing, chat_status_text(why),
              after == AFTER_FENCED    ? "; it has another owner"
              : after == AFTER_REFUSED ? "; it stays closed"
                                       : "");
    /* An append at work may still succeed. */
    commit_refuse(
        s, after == AFTER_FENCED && !s->log.busy ? PROBLEM(UNAVAILABLE) : PROBLEM(UNKNOWN_OUTCOME),
        "shard");
    s->state = SHARD_SETTLING;
    s->after = after;
    store_shard_changed(s->store);
    /* What routers know of the homes here may be ahead of what recovery finds. */
    if (served && after != AFTER_STOPPED)
        store_close_routers(s->store);
    shard_mark(s);
}

static void closed(struct shard *s, struct lane *lane)
{
    int64_t wait_ms = s->limits->reopen_ms;

    (void)lane;
    switch (s->after) {
    case AFTER_FENCED: s->state = SHARD_FENCED; break;
    case AFTER_REFUSED: s->state = SHARD_REFUSED; break;
    case AFTER_STOPPED: s->state = SHARD_STOPPED; break;
    case AFTER_REOPEN:
        if (s->stopping) {
            s->state = SHARD_STOPPED;
            break;
        }
        for (uint32_t i = 0; i < s->failures && wait_ms < s->limits->reopen_max_ms; i++)
            wait_ms *= 2;
        s->failures++;
        s->stats->reopened++;
        s->state = SHARD_REOPENING;
        s->reopen_at_ms = s->store->now.mono_ms +
                          (wait_ms < s->limits->reopen_max_ms ? wait_ms : s->limits->reopen_max_ms);
        break;
    }
    store_shard_changed(s->store);
    store_settle_service(s->store);
}

/* Nothing is at work any more: memory can go, and the engine be closed. */
static void settle(struct shard *s)
{
    if (s->log.busy || s->applier.lane.busy || s->reads_busy > 0)
        return;
    fini_memory(s);
    init_memory(s);
    s->state = SHARD_CLOSING;
    s->log.request.op = ENGINE_CLOSE;
    s->log.done = closed;
    shard_issue(s, &s->log);
}

void shard_stop(struct shard *s)
{
    s->stopping = true;
    switch (s->state) {
    case SHARD_CLOSED:
    case SHARD_REOPENING: s->state = SHARD_STOPPED; break;
    case SHARD_OPENING: s->after = AFTER_STOPPED; break; /* closed when it is open */
    case SHARD_IDENTIFYING:
    case SHARD_NAMING:
    case SHARD_REPLAYING: shard_give_up(s, AFTER_STOPPED, CHAT_OK, "stop"); break;
    case SHARD_SETTLING:
    case SHARD_CLOSING:
        if (s->after == AFTER_REOPEN)
            s->after = AFTER_STOPPED;
        break;
    case SHARD_SERVING:
    case SHARD_FENCED:
    case SHARD_REFUSED:
    case SHARD_STOPPED: break;
    }
    shard_mark(s);
}

/* Serving, but about to stop: first all that was decided, then its rows. */
static void wind_up(struct shard *s)
{
    if (s->log.busy || !list_is_empty(&s->batches) || s->reads_count > 0)
        return;
    /* Rows that found no room stay in the log. */
    if (s->applier.retry_at_ms == MOMENT_NEVER)
        apply_start(s, true);
    if (!s->applier.lane.busy)
        shard_give_up(s, AFTER_STOPPED, CHAT_OK, "stop");
}

/* --- time and turns --- */

void shard_pump(struct shard *s)
{
    switch (s->state) {
    case SHARD_CLOSED:
        if (!s->stopping)
            shard_open(s);
        break;
    case SHARD_IDENTIFYING: reads_pump(s); break;
    case SHARD_REPLAYING:
        reads_pump(s);
        shard_replay(s);
        reads_pump(s);
        break;
    case SHARD_SERVING:
        notes_pump(s);
        receipts_pump(s);
        commit_start(s);
        if (s->stopping)
            wind_up(s);
        else
            apply_start(s, false);
        reads_pump(s);
        if (apply_sweep(s))
            s->sweep_at_ms = s->store->now.mono_ms;
        else
            s->sweep_at_ms = MOMENT_NEVER;
        break;
    case SHARD_SETTLING: settle(s); break;
    case SHARD_OPENING:
    case SHARD_NAMING:
    case SHARD_CLOSING:
    case SHARD_REOPENING:
    case SHARD_FENCED:
    case SHARD_REFUSED:
    case SHARD_STOPPED: break;
    }
}

void shard_timer(struct shard *s)
{
    if (s->state == SHARD_REOPENING && s->reopen_at_ms <= s->store->now.mono_ms)
        shard_open(s);
    if (s->state == SHARD_SERVING && !s->stopping)
        advance_timer(s);
    shard_mark(s);
}

int64_t shard_deadline(const struct shard *s)
{
    int64_t deadline = MOMENT_NEVER;
    int64_t times[5];

    if (s->state == SHARD_REOPENING)
        return s->reopen_at_ms;
    if (s->state != SHARD_SERVING)
        return s->state == SHARD_REPLAYING ? s->applier.retry_at_ms : MOMENT_NEVER;
    times[0] = apply_deadline(s);
    times[1] = notes_deadline(s);
    times[2] = advance_deadline(s);
    times[3] = s->sweep_at_ms;
    times[4] = receipts_deadline(s);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i] < deadline)
            deadline = times[i];
    return deadline;
}
