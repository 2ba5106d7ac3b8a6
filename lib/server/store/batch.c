#include "server/store/batch.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "server/store/subscriptions.h"

static struct batch *last_batch(struct shard *s)
{
    return list_is_empty(&s->batches) ? NULL : LIST_ENTRY(s->batches.head.prev, struct batch, node);
}

/* Where the home's last decision is: what waits for that waits for nothing later, or it
 * would come after what is asked once that is synced. */
static struct batch *batch_of(struct shard *s, const struct home *home)
{
    LIST_EACH(node, &s->batches)
    {
        struct batch *batch = LIST_ENTRY(node, struct batch, node);

        if (batch->last_position >= home->decided_position)
            return batch;
    }
    return NULL;
}

void batch_split(struct home *home) { home->group = NULL; }

void batch_close(struct shard *s)
{
    if (!s->open)
        return;
    LIST_EACH(node, &s->open->groups)
    {
        struct group *group = LIST_ENTRY(node, struct group, node);

        if (group->home->group == group)
            group->home->group = NULL;
    }
    s->open = NULL;
}

static struct batch *open_batch(struct shard *s, size_t len, uint64_t extra_rows)
{
    struct batch *batch = s->open;

    if (batch && batch->count < ENGINE_APPEND_RECORDS_MAX &&
        batch->bytes + len <= ENGINE_APPEND_BYTES_MAX &&
        batch->extra_rows + extra_rows <= BATCH_EXTRA_ROWS_MAX)
        return batch;
    batch = alloc_zeroed(s->allocator, sizeof(*batch));
    if (!batch)
        return NULL;
    batch_close(s);
    list_init(&batch->decisions);
    list_init(&batch->groups);
    list_init(&batch->outcomes);
    list_init(&batch->resumes);
    batch->opened_at_ms = s->store->now.mono_ms;
    batch->last_position = s->decided;
    list_push_back(&s->batches, &batch->node);
    s->open = batch;
    return batch;
}

static struct group *group_for(struct shard *s, struct batch *batch, struct home *home, size_t len)
{
    struct group *group = home->group;

    if (group && group->count < GROUP_EVENTS_MAX && group->bytes + len <= GROUP_BYTES_MAX)
        return group;
    group = alloc_zeroed(s->allocator, sizeof(*group));
    if (!group)
        return NULL;
    list_init(&group->decisions);
    group->home = home;
    group->prev_lsn = group->lsn = home->lsn;
    list_push_back(&batch->groups, &group->node);
    home->group = group;
    return group;
}

static void forget_empty(struct shard *s, struct group *group)
{
    if (!group || group->count > 0)
        return;
    group->home->group = NULL;
    list_remove(&group->node);
    alloc_free(s->allocator, group);
}

uint64_t batch_extra_rows(const WireRecord *record)
{
    switch ((int)record->body_case) {
    case WIRE_RECORD__BODY_CREATED: return 4 + 2 * record->created->n_members;
    case WIRE_RECORD__BODY_NOTES_ACKED: return record->notes_acked->n_notes;
    case WIRE_RECORD__BODY_MENTIONING: return record->mentioning->n_told;
    case WIRE_RECORD__BODY_ALTERED:
        return record->altered->n_mentioned + record->altered->n_unmentioned;
    case WIRE_RECORD__BODY_RECEIPTS: return record->receipts->n_receipts;
    default: return 0;
    }
}

static struct decision *new_decision(struct shard *s, const WireRecord *record, size_t len)
{
    struct decision *decision = alloc_bytes(s->allocator, sizeof(*decision) + len);

    if (!decision)
        return NULL;
    *decision = (struct decision){.lsn = record->lsn, .position = s->decided + 1, .len = len};
    row_pack(record, decision->bytes);
    return decision;
}

static void enqueue(struct shard *s, struct batch *batch, struct group *group,
                    struct decision *decision, uint64_t extra_rows)
{
    struct home *home = group->home;

    decision->group = group;
    list_push_back(&batch->decisions, &decision->in_batch);
    list_push_back(&group->decisions, &decision->in_group);
    group->lsn = decision->lsn;
    group->count++;
    group->bytes += decision->len;
    batch->count++;
    batch->bytes += decision->len;
    batch->extra_rows += extra_rows;
    batch->last_position = decision->position;
    s->queued_records++;
    s->queued_bytes += decision->len;
    s->queued_rows += extra_rows;
    s->decided = decision->position;
    home->lsn = decision->lsn;
    home->decided_position = decision->position;
    shard_mark(s);
}

chat_status batch_decide(struct shard *s, struct home *home, WireRecord *record,
                         const struct request *req, WireLinkFrame *body, struct ring_slot *ring)
{
    const bool asked = body && req && req->link != 0 && req->frame->request_id != 0;
    struct frame *frame = NULL;
    struct outcome *outcome = NULL;
    struct decision *decision;
    struct batch *batch;
    struct group *group;
    size_t len;

    record->home_id = home->id;
    record->lsn = home->lsn + 1;
    record->at_ms = s->store->now.wall_ms;
    len = row_size(record);
    decision = new_decision(s, record, len);
    if (!decision)
        return CHAT_E_NOMEM;
    batch = open_batch(s, len, batch_extra_rows(record));
    group = batch ? group_for(s, batch, home, len) : NULL;
    if (group && asked)
        frame = answer_encode(s, req, body);
    if (frame)
        outcome = batch_outcome(s, OUTCOME_ANSWER, req->link);
    /* An empty batch that stays behind does no harm. */
    if (!group || (asked && !outcome)) {
        forget_empty(s, group);
        frame_unref(frame);
        alloc_free(s->allocator, decision);
        return CHAT_E_NOMEM;
    }
    if (outcome) {
        outcome->request_id = req->frame->request_id;
        outcome->frame = frame;
        if (PLANTED(ACK_BEFORE_SYNC)) {
            store_reply(s->store, outcome->link, frame);
            outcome->link = 0;
        }
    }
    decision->ring = ring;
    enqueue(s, batch, group, decision, batch_extra_rows(record));
    return CHAT_OK;
}

static struct outcome *add_outcome(struct shard *s, struct batch *batch, enum outcome_kind kind,
                                   link_id link)
{
    struct outcome *outcome;

    assert(batch);
    outcome = alloc_zeroed(s->allocator, sizeof(*outcome));
    if (!outcome)
        return NULL;
    outcome->kind = kind;
    outcome->link = link;
    list_push_back(kind == OUTCOME_RESUME ? &batch->resumes : &batch->outcomes, &outcome->node);
    return outcome;
}

struct outcome *batch_outcome(struct shard *s, enum outcome_kind kind, link_id link)
{
    return add_outcome(s, last_batch(s), kind, link);
}

struct outcome *batch_home_outcome(struct shard *s, enum outcome_kind kind, link_id link,
                                   struct home *home)
{
    struct outcome *outcome = add_outcome(s, batch_of(s, home), kind, link);

    if (outcome) {
        outcome->home = home;
        home->pins++;
    }
    return outcome;
}

static struct outcome *take_outcome(struct list *list)
{
    struct list_node *node = list_pop_front(list);

    return node ? LIST_ENTRY(node, struct outcome, node) : NULL;
}

static void free_outcome(struct shard *s, struct outcome *outcome)
{
    frame_unref(outcome->frame);
    if (outcome->home)
        outcome->home->pins--;
    alloc_free(s->allocator, outcome);
}

static void release(struct shard *s, struct outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_ANSWER:
        if (outcome->link != 0)
            store_reply(s->store, outcome->link, outcome->frame);
        break;
    case OUTCOME_PUSH: (void)store_push(s->store, outcome->link, outcome->frame); break;
    case OUTCOME_SUBSCRIBE: subscribe(s, outcome->home, outcome->link, outcome->lsn); break;
    case OUTCOME_UNSUBSCRIBE: unsubscribe(s, outcome->home, outcome->link); break;
    case OUTCOME_EPHEMERAL: subscriptions_send(s, outcome->home, outcome->frame); break;
    case OUTCOME_ROUTERS: subscriptions_tell_routers(s, outcome->home); break;
    case OUTCOME_RESUME: break;
    }
}

void batch_release(struct shard *s, struct batch *batch)
{
    struct outcome *outcome;

    while ((outcome = take_outcome(&batch->outcomes)) != NULL) {
        release(s, outcome);
        free_outcome(s, outcome);
    }
}

void batch_resume(struct shard *s, struct batch *batch)
{
    struct outcome *outcome;

    while ((outcome = take_outcome(&batch->resumes)) != NULL) {
        struct ring_slot *ring = outcome->ring;

        free_outcome(s, outcome);
        rings_unbusy(s, ring);
    }
}

void batch_refuse(struct shard *s, struct batch *batch, WireProblemCode code, const char *limit)
{
    struct outcome *outcome;

    while ((outcome = take_outcome(&batch->outcomes)) != NULL) {
        if (outcome->kind == OUTCOME_ANSWER)
            answer_problem_to(s, outcome->link, outcome->request_id, code, limit);
        else if (outcome->kind == OUTCOME_UNSUBSCRIBE)
            unsubscribe(s, outcome->home, outcome->link);
        free_outcome(s, outcome);
    }
}

void batch_free(struct shard *s, struct batch *batch)
{
    struct outcome *outcome;

    if (!batch)
        return;
    if (s->open == batch)
        batch_close(s);
    list_remove(&batch->node);
    while ((outcome = take_outcome(&batch->outcomes)) != NULL)
        free_outcome(s, outcome);
    while ((outcome = take_outcome(&batch->resumes)) != NULL)
        free_outcome(s, outcome);
    LIST_EACH(node, &batch->decisions)
    alloc_free(s->allocator, LIST_ENTRY(node, struct decision, in_batch));
    LIST_EACH(group_node, &batch->groups)
    alloc_free(s->allocator, LIST_ENTRY(group_node, struct group, node));
    alloc_free(s->allocator, batch);
}
