#include "server/store/apply.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/store/reads.h"
#include "server/store/rings.h"
#include "server/store/role.h"
#include "server/store/rows.h"

#define SWEEP_MAX 512u /* rows freed at once: the loop must not stall */
#define APPLY_RETRY_MS 500
#define APPLY_FRESH_MAX (ENGINE_APPLY_ROWS_MAX / 4) /* rows that make it time */

uint64_t apply_rows(const struct shard *s)
{
    return s->overlay.fresh_count + s->rings.dirty_count + 1;
}

bool apply_is_pending(const struct shard *s)
{
    return s->applier.records > 0 || s->applier.lane.busy || s->applier.retry_at_ms != MOMENT_NEVER;
}

static bool is_time(const struct shard *s)
{
    const struct applier *a = &s->applier;

    return a->records >= s->limits->apply_records ||
           s->overlay.fresh_bytes >= s->limits->apply_bytes ||
           s->overlay.fresh_count >= APPLY_FRESH_MAX ||
           s->store->now.mono_ms - a->oldest_at_ms >= s->limits->apply_ms ||
           (a->log_bytes_max > 0 && a->record_bytes >= a->log_bytes_max / 4);
}

/* Each dirty ring as a row; its slot is clean then. */
static chat_status capture_rings(struct shard *s, struct engine_row *rows, size_t *count)
{
    LIST_EACH(node, &s->rings.dirty)
    {
        struct ring_slot *slot = LIST_ENTRY(node, struct ring_slot, dirty);
        WireRingRow *row;
        uint8_t *bytes;
        size_t len;

        arena_reset(&s->scratch);
        row = ring_to_row(&slot->ring, &s->scratch);
        len = row ? row_size(row) : 0;
        bytes = row ? arena_alloc(&s->applier.arena, len + 1) : NULL;
        if (!bytes)
            return CHAT_E_NOMEM;
        row_pack(row, bytes);
        rows[(*count)++] =
            (struct engine_row){.table = TABLE_RING,
                                .key = row_key(slot->channel, slot->user, slot->device),
                                .value = bytes,
                                .value_len = len};
    }
    return CHAT_OK;
}

static chat_status capture_mint(struct shard *s, struct engine_row *rows, size_t *count)
{
    WireMintRow row = WIRE_MINT_ROW__INIT;
    uint8_t *bytes;

    row.last_id = s->last_id;
    bytes = arena_alloc(&s->applier.arena, row_size(&row) + 1);
    if (!bytes)
        return CHAT_E_NOMEM;
    row_pack(&row, bytes);
    rows[(*count)++] = (struct engine_row){.table = TABLE_META,
                                           .key = row_key(META_MINT, 0, 0),
                                           .value = bytes,
                                           .value_len = row_size(&row)};
    return CHAT_OK;
}

static chat_status reserve_rows(struct shard *s, size_t count)
{
    struct applier *a = &s->applier;
    struct engine_row *rows;

    if (count <= a->rows_room)
        return CHAT_OK;
    count += count / 2;
    rows = alloc_array(s->allocator, count, sizeof(*rows));
    if (!rows)
        return CHAT_E_NOMEM;
    alloc_free(s->allocator, a->rows);
    a->rows = rows;
    a->rows_room = count;
    return CHAT_OK;
}

static chat_status capture(struct shard *s, size_t *out_count)
{
    struct applier *a = &s->applier;
    size_t count = 0;

    assert(apply_rows(s) <= ENGINE_APPLY_ROWS_MAX);
    arena_reset(&a->arena);
    if (reserve_rows(s, apply_rows(s)) != CHAT_OK || capture_rings(s, a->rows, &count) != CHAT_OK ||
        capture_mint(s, a->rows, &count) != CHAT_OK)
        return CHAT_E_NOMEM;
    *out_count = count + s->overlay.fresh_count;
    overlay_capture(&s->overlay, a->rows + count);
    rings_captured(s);
    a->position = s->synced > s->applied ? s->synced : s->applied;
    a->records = 0;
    a->record_bytes = 0;
    return CHAT_OK;
}

static void issue(struct shard *s)
{
    s->applier.retry_at_ms = MOMENT_NEVER;
    shard_issue(s, &s->applier.lane);
}

void apply_start(struct shard *s, bool now)
{
    struct applier *a = &s->applier;
    size_t count;

    if (a->lane.busy)
        return;
    if (a->retry_at_ms != MOMENT_NEVER) {
        if (now || a->retry_at_ms <= s->store->now.mono_ms)
            issue(s);
        return;
    }
    if (a->records == 0 || !(now || is_time(s)))
        return;
    if (capture(s, &count) != CHAT_OK) {
        a->oldest_at_ms = s->store->now.mono_ms; /* again after apply_ms */
        return;
    }
    a->lane.request.op = ENGINE_APPLY;
    a->lane.request.apply.rows = a->rows;
    a->lane.request.apply.count = count;
    a->lane.request.apply.applied_position = a->position;
    issue(s);
}

void apply_hasten(struct shard *s)
{
    s->applier.oldest_at_ms = s->store->now.mono_ms - s->limits->apply_ms;
    shard_mark(s);
}

int64_t apply_deadline(const struct shard *s)
{
    const struct applier *a = &s->applier;

    if (a->lane.busy)
        return MOMENT_NEVER;
    if (a->retry_at_ms != MOMENT_NEVER)
        return a->retry_at_ms;
    return a->records > 0 ? a->oldest_at_ms + s->limits->apply_ms : MOMENT_NEVER;
}

bool apply_sweep(struct shard *s) { return overlay_sweep(&s->overlay, reads_floor(s), SWEEP_MAX); }

void apply_done(struct shard *s, struct lane *lane)
{
    struct applier *a = &s->applier;
    const chat_status status = lane->request.status;

    if (status == CHAT_OK) {
        overlay_returned(&s->overlay);
        s->applied = a->position;
        s->stats->applies++;
        s->stats->applied_rows += lane->request.apply.count;
        a->log_bytes = 0; /* until the next append says */
        return;
    }
    s->stats->apply_failures++;
    log_write(s->store->config.logger, CHAT_LOG_WARN, "store", "shard %u: apply failed: %s", s->id,
              chat_status_text(status));
    if (status == CHAT_E_CONFLICT) {
        shard_give_up(s, AFTER_FENCED, status, "apply");
    } else if (status == CHAT_E_FULL || status == CHAT_E_NOMEM || status == CHAT_E_UNAVAILABLE) {
        /* The same rows again: they are still lent. */
        a->retry_at_ms = s->store->now.mono_ms + APPLY_RETRY_MS;
    } else {
        shard_give_up(s, status == CHAT_E_CORRUPT ? AFTER_REFUSED : AFTER_REOPEN, status, "apply");
    }
}
