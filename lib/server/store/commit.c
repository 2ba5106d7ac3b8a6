#include "server/store/commit.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/plant.h"
#include "server/store/absorb.h"
#include "server/store/advance.h"
#include "server/store/answer.h"
#include "server/store/apply.h"
#include "server/store/directory.h"
#include "server/store/homes.h"
#include "server/store/notes.h"
#include "server/store/publish.h"
#include "server/store/role.h"
#include "server/store/rows.h"

static struct batch *first_batch(struct shard *s)
{
    struct list_node *node = list_first(&s->batches);

    return node ? LIST_ENTRY(node, struct batch, node) : NULL;
}

static chat_status reserve_records(struct shard *s, size_t count)
{
    struct engine_record *records;
    size_t room = s->records_room ? s->records_room : 256;

    if (count <= s->records_room)
        return CHAT_OK;
    while (room < count)
        room *= 2;
    records = alloc_array(s->allocator, room, sizeof(*records));
    if (!records)
        return CHAT_E_NOMEM;
    alloc_free(s->allocator, s->records);
    s->records = records;
    s->records_room = room;
    return CHAT_OK;
}

static void publish(struct shard *s, struct batch *batch)
{
    LIST_EACH(node, &batch->groups)
    publish_group(s, LIST_ENTRY(node, struct group, node));
}

/* Undecides everything that is not synced. The log knows nothing of it. */
static void refuse_all(struct shard *s, WireProblemCode code, const char *limit)
{
    struct list resumes;
    struct batch *batch;

    batch_close(s);
    s->decided = s->synced;
    rings_refused(s);
    directory_refused(s);
    notes_refused(s);
    advance_refused(s);
    list_init(&resumes);
    while ((batch = first_batch(s)) != NULL) {
        list_remove(&batch->node);
        batch_refuse(s, batch, code, limit);
        list_push_back(&resumes, &batch->node);
    }
    s->queued_records = 0;
    s->queued_bytes = 0;
    s->queued_rows = 0;
    homes_refused(s);
    /* Last: what resumes decides anew. */
    LIST_EACH(node, &resumes)
    {
        batch = LIST_ENTRY(node, struct batch, node);
        batch_resume(s, batch);
        batch_free(s, batch);
    }
}

void commit_refuse(struct shard *s, WireProblemCode code, const char *limit)
{
    batch_close(s);
    LIST_EACH(node, &s->batches)
    batch_refuse(s, LIST_ENTRY(node, struct batch, node), code, limit);
}

void commit_drop(struct shard *s)
{
    struct batch *batch;

    while ((batch = first_batch(s)) != NULL)
        batch_free(s, batch);
}

/* An empty one: a decision that found no memory, but others hung on to it. */
static void finish_empty(struct shard *s, struct batch *batch)
{
    batch_close(s);
    list_remove(&batch->node);
    batch_release(s, batch);
    batch_resume(s, batch);
    batch_free(s, batch);
}

void commit_start(struct shard *s)
{
    struct batch *batch;
    size_t count = 0;

    if (s->log.busy)
        return;
    while ((batch = first_batch(s)) != NULL && batch->count == 0)
        finish_empty(s, batch);
    if (!batch)
        return;
    if (s->open == batch)
        batch_close(s);
    if (reserve_records(s, batch->count) != CHAT_OK) {
        refuse_all(s, PROBLEM(OVERLOADED), "memory");
        return;
    }
    LIST_EACH(node, &batch->decisions)
    {
        const struct decision *d = LIST_ENTRY(node, struct decision, in_batch);

        s->records[count++] = (struct engine_record){.home_id = d->group->home->id,
                                                     .lsn = d->lsn,
                                                     .position = d->position,
                                                     .bytes = d->bytes,
                                                     .len = d->len};
    }
    if (PLANTED(PUBLISH_BEFORE_SYNC))
        publish(s, batch);
    s->log.request.op = ENGINE_APPEND;
    s->log.request.append.records = s->records;
    s->log.request.append.count = count;
    s->log.done = commit_done;
    s->stats->appends++;
    shard_issue(s, &s->log);
}

/* Decodes and takes in each record; the decoded ones stand until the batch is published. */
static chat_status absorb_batch(struct shard *s, struct batch *batch)
{
    const struct engine_record *bytes = s->records;

    arena_reset(&s->decoded);
    LIST_EACH(node, &batch->decisions)
    {
        struct decision *d = LIST_ENTRY(node, struct decision, in_batch);
        chat_status status;

        d->record = row_unpack(&wire_record__descriptor, d->bytes, d->len, &s->decoded);
        status = d->record ? absorb(s, d->record, bytes++, d->ring, true) : CHAT_E_NOMEM;
        if (status != CHAT_OK)
            return status;
        if (d->group->home == s->root)
            s->root_synced_lsn = d->lsn;
    }
    return CHAT_OK;
}

static void count_batch(struct shard *s, const struct batch *batch)
{
    struct applier *a = &s->applier;

    if (a->records == 0)
        a->oldest_at_ms = s->store->now.mono_ms;
    a->records += batch->count;
    a->record_bytes += batch->bytes;
    s->queued_records -= batch->count;
    s->queued_bytes -= batch->bytes;
    s->queued_rows -= batch->extra_rows;
    s->stats->records += batch->count;
    s->stats->record_bytes += batch->bytes;
    histogram_add_ms(&s->stats->append_ms, s->store->now.mono_ms - batch->opened_at_ms);
}

static void synced(struct shard *s, struct batch *batch)
{
    chat_status status = absorb_batch(s, batch);

    if (status != CHAT_OK) {
        /* It is in the log: recovery brings it back. */
        shard_give_up(s, AFTER_REOPEN, status, "taking in of what was synced");
        return;
    }
    list_remove(&batch->node);
    if (s->open == batch)
        batch_close(s);
    s->synced = batch->last_position;
    s->failures = 0;
    count_batch(s, batch);
    batch_release(s, batch);
    if (!PLANTED(PUBLISH_BEFORE_SYNC))
        publish(s, batch);
    notes_synced(s);
    batch_resume(s, batch);
    batch_free(s, batch);
}

void commit_done(struct shard *s, struct lane *lane)
{
    const chat_status status = lane->request.status;

    s->applier.log_bytes = lane->request.append.log_bytes;
    s->applier.log_bytes_max = lane->request.append.log_bytes_max;
    if (s->state != SHARD_SERVING)
        return;
    if (status == CHAT_OK) {
        synced(s, first_batch(s));
        return;
    }
    s->stats->append_failures++;
    log_write(s->store->config.logger, CHAT_LOG_WARN, "store", "shard %u: append failed: %s", s->id,
              chat_status_text(status));
    if (status == CHAT_E_FULL) {
        refuse_all(s, PROBLEM(STORAGE_FULL), "log");
        apply_start(s, true);
    } else if (status == CHAT_E_NOMEM || status == CHAT_E_UNAVAILABLE) {
        refuse_all(s, PROBLEM(UNAVAILABLE), "engine");
    } else {
        shard_give_up(s, status == CHAT_E_CONFLICT ? AFTER_FENCED : AFTER_REOPEN, status, "append");
    }
}
