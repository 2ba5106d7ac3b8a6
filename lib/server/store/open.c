/* open: from a closed shard to one that serves. */
#include "base/log.h"
#include "base/plant.h"
#include "server/store/absorb.h"
#include "server/store/apply.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/notes.h"
#include "server/store/reads.h"
#include "server/store/role.h"
#include "server/store/rows.h"

#define NOTES_PAGE 256u

enum { Q_DEPLOYMENT, Q_MINT, Q_COUNT };

static void refuse(struct shard *s, chat_status why, const char *doing)
{
    shard_give_up(s, AFTER_REFUSED, why, doing);
}

/* What is there was not decoded. */
static void give_up_unreadable(struct shard *s, const struct arena *arena, const char *doing)
{
    const chat_status why = row_trouble(arena);

    shard_give_up(s, why == CHAT_E_NOMEM ? AFTER_REOPEN : AFTER_REFUSED, why, doing);
}

/* --- serving at last --- */

static void root_found(struct shard *s, struct read_job *job)
{
    const WireLsnRow *row = row_of_result(&wire_lsn_row__descriptor, &job->results[0], &job->arena);

    if (!row && job->results[0].count > 0) {
        give_up_unreadable(s, &job->arena, "read of the root");
        return;
    }
    if (homes_set_root(s, row ? row->lsn : 0) != CHAT_OK) {
        shard_give_up(s, AFTER_REOPEN, CHAT_E_NOMEM, "opening");
        return;
    }
    s->state = SHARD_SERVING;
    log_write(s->store->config.logger, CHAT_LOG_INFO, "store", "shard %u serves from position %llu",
              s->id, (unsigned long long)s->synced);
    store_shard_changed(s->store);
}

static void find_root(struct shard *s)
{
    struct read_job *job = reads_new(s, root_found);

    if (!job) {
        shard_give_up(s, AFTER_REOPEN, CHAT_E_NOMEM, "opening");
        return;
    }
    job->queries[0] = query_one(TABLE_HOME, row_key(root_home_id(s->id), HOME_LSN, 0));
    job->query_count = 1;
    reads_start(s, job);
}

/* Outstanding notes, a page at a time; the overlay is empty now. */
static void notes_found(struct shard *s, struct read_job *job)
{
    const struct engine_result *found = &job->results[0];

    for (size_t i = 0; i < found->count; i++) {
        const struct engine_row *row = &found->rows[i];
        const WireNote *note =
            row_unpack(&wire_note__descriptor, row->value, row->value_len, &job->arena);
        chat_status status;

        if (!note) {
            give_up_unreadable(s, &job->arena, "read of a note");
            return;
        }
        status = notes_add(s, note, false);
        if (status != CHAT_OK) {
            shard_give_up(s, AFTER_REOPEN, status, "opening");
            return;
        }
    }
    if (found->count < NOTES_PAGE) {
        find_root(s);
        return;
    }
    job->queries[0].from = found->rows[found->count - 1].key;
    job->queries[0].from.k3++;
    reads_start(s, job);
}

static void find_notes(struct shard *s)
{
    struct read_job *job = reads_new(s, notes_found);

    if (!job) {
        shard_give_up(s, AFTER_REOPEN, CHAT_E_NOMEM, "opening");
        return;
    }
    job->queries[0] = (struct engine_query){.table = TABLE_NOTE_OUT,
                                            .to = row_key(UINT64_MAX, UINT64_MAX, UINT64_MAX),
                                            .limit = NOTES_PAGE};
    job->query_count = 1;
    reads_start(s, job);
}

/* --- replay --- */

static const WireRecord *record_at(struct shard *s, size_t i)
{
    const struct engine_record *r = &s->log.request.log_read.records[i];

    arena_reset(&s->scratch);
    return row_unpack(&wire_record__descriptor, r->bytes, r->len, &s->scratch);
}

static void log_found(struct shard *s, struct lane *lane)
{
    const chat_status status = lane->request.status;

    if (s->state != SHARD_REPLAYING)
        return;
    if (status == CHAT_E_CORRUPT || status == CHAT_E_NOT_FOUND || status == CHAT_E_INVALID) {
        refuse(s, status, "log read");
    } else if (status != CHAT_OK) {
        shard_give_up(s, AFTER_REOPEN, status, "log read");
    } else {
        s->replay.count = s->replay.position < s->replay.stop ? lane->request.log_read.count : 0;
        s->replay.next = s->replay.slice_end = 0;
        s->replay.step = s->replay.count > 0 ? REPLAY_PREPARE : REPLAY_FINISH;
    }
}

static void read_log(struct shard *s)
{
    arena_reset(&s->log_arena);
    s->log.request.op = ENGINE_LOG_READ;
    s->log.request.arena = &s->log_arena;
    s->log.request.log_read.from_position = s->replay.position + 1;
    s->log.request.log_read.bytes_max = s->limits->replay_bytes;
    s->log.done = log_found;
    s->replay.step = REPLAY_READING;
    shard_issue(s, &s->log);
}

/* Has the rings of the next slice loaded. False: the shard gave up. */
static bool prepare_slice(struct shard *s)
{
    uint64_t extra_rows = 0;
    size_t i = s->replay.next;

    rings_trim(s);
    for (; i < s->replay.count && i - s->replay.next < SLICE_RECORDS_MAX; i++) {
        const WireRecord *record = record_at(s, i);
        struct nonce_of nonce;

        if (!record) {
            give_up_unreadable(s, &s->scratch, "replay");
            return false;
        }
        extra_rows += batch_extra_rows(record);
        if (extra_rows > BATCH_EXTRA_ROWS_MAX && i > s->replay.next)
            break;
        if (absorb_nonce_of(record, &nonce) &&
            !rings_prepare(s, nonce.channel, nonce.user, nonce.device)) {
            shard_give_up(s, AFTER_REOPEN, CHAT_E_NOMEM, "replay");
            return false;
        }
    }
    s->replay.slice_end = i;
    s->replay.step = REPLAY_ABSORB;
    return true;
}

static chat_status replay_nonce(struct shard *s, const WireRecord *record,
                                struct ring_slot **out_ring)
{
    const struct ring_nonce *known;
    struct nonce_of found;
    struct ring_slot *ring;

    *out_ring = NULL;
    if (!absorb_nonce_of(record, &found))
        return CHAT_OK;
    ring = rings_prepare(s, found.channel, found.user, found.device);
    if (!ring || ring_reserve(&ring->ring, s->allocator) != CHAT_OK)
        return CHAT_E_NOMEM;
    /* Rows and position are one transaction, so a nonce is never in twice; a row that has
     * it all the same is left as it is. */
    if (ring_judge(&ring->ring, found.nonce.counter, 0, found.nonce.body_hash, &known) != RING_NEW)
        return CHAT_OK;
    ring_add(&ring->ring, &found.nonce);
    *out_ring = ring;
    return CHAT_OK;
}

static void absorb_slice(struct shard *s)
{
    for (; s->replay.next < s->replay.slice_end; s->replay.next++) {
        const struct engine_record *r = &s->log.request.log_read.records[s->replay.next];
        const WireRecord *record = record_at(s, s->replay.next);
        struct ring_slot *ring;
        chat_status status = record ? replay_nonce(s, record, &ring) : row_trouble(&s->scratch);

        if (status == CHAT_OK)
            status = absorb(s, record, r, ring, false);
        if (status == CHAT_E_NOMEM) {
            shard_give_up(s, AFTER_REOPEN, status, "replay");
            return;
        }
        if (status != CHAT_OK) {
            refuse(s, status, "replay");
            return;
        }
        s->replay.position = r->position;
        if (r->position > s->synced)
            s->synced = s->decided = r->position;
        s->applier.records++;
        s->stats->replayed++;
    }
    s->replay.step = REPLAY_APPLY;
}

/* A planted fault: what the rows had long since is applied once more, over what is newer. */
static bool replay_again(struct shard *s)
{
    if (!PLANTED(REPLAY_FROM_OLDEST) || s->replay.stop != UINT64_MAX ||
        s->replay.oldest > s->replay.applied)
        return false;
    s->replay.stop = s->replay.applied;
    s->replay.position = s->replay.oldest - 1;
    s->replay.step = REPLAY_READ;
    return true;
}

static void next_step(struct shard *s)
{
    switch (s->replay.step) {
    case REPLAY_READ: read_log(s); break;
    case REPLAY_READING: break;
    case REPLAY_PREPARE: (void)prepare_slice(s); break;
    case REPLAY_ABSORB:
        if (s->reads_count == 0)
            absorb_slice(s);
        break;
    case REPLAY_APPLY:
        apply_start(s, s->applier.retry_at_ms == MOMENT_NEVER);
        if (apply_is_pending(s))
            break;
        while (apply_sweep(s))
            ;
        s->replay.step = s->replay.next < s->replay.count ? REPLAY_PREPARE : REPLAY_READ;
        break;
    case REPLAY_FINISH:
        if (replay_again(s))
            break;
        s->replay.step = REPLAY_NOTES;
        find_notes(s);
        break;
    case REPLAY_NOTES: break;
    }
}

void shard_replay(struct shard *s)
{
    enum replay_step before;

    do {
        before = s->replay.step;
        next_step(s);
    } while (s->state == SHARD_REPLAYING && s->replay.step != before);
}

static void start_replay(struct shard *s)
{
    s->state = SHARD_REPLAYING;
    s->replay.step = REPLAY_READ;
    shard_mark(s);
}

/* --- identity --- */

static void named(struct shard *s, struct lane *lane)
{
    lane->done = apply_done;
    if (s->state != SHARD_NAMING)
        return;
    if (lane->request.status != CHAT_OK)
        shard_give_up(s, lane->request.status == CHAT_E_CONFLICT ? AFTER_FENCED : AFTER_REOPEN,
                      lane->request.status, "naming a new shard");
    else
        start_replay(s);
}

void shard_name(struct shard *s)
{
    WireDeploymentRow row = WIRE_DEPLOYMENT_ROW__INIT;
    struct lane *lane = &s->applier.lane;
    uint8_t *bytes;

    if (s->state != SHARD_NAMING || lane->busy)
        return;
    row.version = ROWS_VERSION;
    row.service_id = s->store->service_id;
    row.shard_count = s->store->config.shard_count;
    row.shard = s->id;
    arena_reset(&s->applier.arena);
    bytes = arena_alloc(&s->applier.arena, row_size(&row) + sizeof(struct engine_row));
    if (!bytes) {
        shard_give_up(s, AFTER_REOPEN, CHAT_E_NOMEM, "naming a new shard");
        return;
    }
    s->naming = (struct engine_row){.table = TABLE_META,
                                    .key = row_key(META_DEPLOYMENT, 0, 0),
                                    .value = bytes,
                                    .value_len = row_size(&row)};
    row_pack(&row, bytes);
    lane->request.op = ENGINE_APPLY;
    lane->request.apply.rows = &s->naming;
    lane->request.apply.count = 1;
    lane->request.apply.applied_position = s->applied;
    lane->done = named;
    shard_issue(s, lane);
}

/* Why this data is not ours; NULL when it is. */
static const char *foreign(const struct shard *s, const WireDeploymentRow *row)
{
    if (row->version > ROWS_VERSION)
        return "reading data of a newer version";
    if (row->shard_count != s->store->config.shard_count)
        return "finding another number of shards";
    if (row->shard != s->id)
        return "finding another shard's data";
    if (s->store->service_id != 0 && row->service_id != s->store->service_id)
        return "finding another deployment's data";
    return NULL;
}

static void identity_found(struct shard *s, struct read_job *job)
{
    const WireDeploymentRow *row =
        row_of_result(&wire_deployment_row__descriptor, &job->results[Q_DEPLOYMENT], &job->arena);
    const WireMintRow *mint =
        row_of_result(&wire_mint_row__descriptor, &job->results[Q_MINT], &job->arena);
    const char *why;

    if ((!row && job->results[Q_DEPLOYMENT].count > 0) ||
        (!mint && job->results[Q_MINT].count > 0)) {
        give_up_unreadable(s, &job->arena, "finding its deployment");
        return;
    }
    if (mint) {
        s->last_id = mint->last_id;
        snowflake_mint_saw(&s->mint, mint->last_id);
    }
    if (!row) {
        if (s->log.request.open.synced_position > 0) {
            refuse(s, CHAT_E_CORRUPT, "finding data of no deployment");
            return;
        }
        s->state = SHARD_NAMING;
        store_settle_service(s->store);
        return;
    }
    why = foreign(s, row);
    if (why) {
        refuse(s, row->version > ROWS_VERSION ? CHAT_E_UNSUPPORTED : CHAT_E_INVALID, why);
        return;
    }
    s->store->service_id = row->service_id;
    start_replay(s);
    store_settle_service(s->store);
}

static void opened(struct shard *s, struct lane *lane)
{
    const struct engine_request *r = &lane->request;
    struct read_job *job;

    if (r->status == CHAT_E_CORRUPT || r->status == CHAT_E_UNSUPPORTED ||
        r->status == CHAT_E_INVALID) {
        s->state = SHARD_IDENTIFYING;
        refuse(s, r->status, "opening");
        return;
    }
    s->state = SHARD_IDENTIFYING;
    if (r->status != CHAT_OK) {
        /* Held by another one, too: it may be on its way out. */
        shard_give_up(s, AFTER_REOPEN, r->status, "opening");
        return;
    }
    if (s->stopping) {
        shard_give_up(s, AFTER_STOPPED, CHAT_OK, "stop");
        return;
    }
    if (r->open.tail_cut)
        log_write(s->store->config.logger, CHAT_LOG_WARN, "store",
                  "shard %u: an unfinished append at the end of the log was cut off", s->id);
    s->applied = r->open.applied_position;
    s->synced = s->decided = s->applied;
    s->replay = (struct replay){.position = s->applied, .stop = UINT64_MAX};
    s->replay.oldest = r->open.oldest_position;
    s->replay.applied = s->applied;
    job = reads_new(s, identity_found);
    if (!job) {
        shard_give_up(s, AFTER_REOPEN, CHAT_E_NOMEM, "opening");
        return;
    }
    job->queries[Q_DEPLOYMENT] = query_one(TABLE_META, row_key(META_DEPLOYMENT, 0, 0));
    job->queries[Q_MINT] = query_one(TABLE_META, row_key(META_MINT, 0, 0));
    job->query_count = Q_COUNT;
    reads_start(s, job);
}

void shard_open(struct shard *s)
{
    s->state = SHARD_OPENING;
    s->log.request.op = ENGINE_OPEN;
    s->log.done = opened;
    shard_issue(s, &s->log);
}
