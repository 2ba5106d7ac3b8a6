/* Edits and deletions: messages that need the message they alter. */
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/messages.h"
#include "server/store/page.h"
#include "server/store/reads.h"
#include "server/store/role.h"
#include "server/store/rows.h"

static void alter(struct shard *s, const struct request *req, const struct engine_result *found);

static bool is_delete(const struct request *req)
{
    return req->frame->body_case == WIRE_LINK_FRAME__BODY_DELETE_MESSAGE;
}

static uint64_t target_seq(const struct request *req)
{
    return is_delete(req) ? req->frame->delete_message->seq : req->frame->edit_message->seq;
}

static void fill_operation(const struct request *req, struct operation *op)
{
    if (is_delete(req)) {
        const WireDeleteMessage *m = req->frame->delete_message;

        *op =
            (struct operation){.kind = BODY_DELETE, .channel_id = m->channel_id, .nonce = m->nonce};
        op->body_hash = body_hash(BODY_DELETE, m->seq, "", NULL, 0);
    } else {
        const WireEditMessage *m = req->frame->edit_message;

        *op = (struct operation){.kind = BODY_EDIT, .channel_id = m->channel_id, .nonce = m->nonce};
        op->body_hash = body_hash(BODY_EDIT, m->seq, m->text, m->extra.data, m->extra.len);
    }
}

/* --- finding the message as decided --- */

static void found(struct shard *s, struct read_job *job)
{
    struct ring_slot *ring = job->ring;

    ring->resuming = true; /* this one goes before those that wait there */
    ring->busy = false;
    if (page_decode(s, job->page)) {
        const struct request req = page_request(job->page);

        alter(s, &req, &job->results[0]);
    }
    ring->resuming = false;
    if (!ring->busy)
        rings_unbusy(s, ring);
}

static void look_up(struct shard *s, const struct request *req, const struct operation *op)
{
    struct read_job *job = reads_new(s, found);

    if (job)
        job->page = page_new(s, req);
    if (!job || !job->page) {
        if (job)
            reads_drop(s, job);
        answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "reads");
        return;
    }
    job->ring = op->ring;
    job->queries[0] = query_one(TABLE_MESSAGE, row_key(op->channel_id, target_seq(req), 0));
    job->query_count = 1;
    rings_set_busy(op->ring);
    reads_start(s, job);
}

/* Something decided about messages here is not synced: look again after that. */
static void wait_for_sync(struct shard *s, const struct request *req, const struct operation *op)
{
    struct outcome *outcome = batch_outcome(s, OUTCOME_RESUME, 0);

    if (!outcome) {
        answer_no_memory(s, req);
        return;
    }
    outcome->ring = op->ring;
    rings_set_busy(op->ring);
    (void)wait_add_first(s, &op->ring->waiting, req);
}

/* The message as all that is decided left it; NULL: the request waits or was answered. */
static const WireMessage *message_of(struct shard *s, const struct request *req,
                                     const struct operation *op, const struct engine_result *result)
{
    const uint64_t seq = target_seq(req);
    const struct overlay_row *row;
    const WireMessage *message = NULL;

    if (!home_altering(op->home, seq, s->synced)) {
        wait_for_sync(s, req, op);
        return NULL;
    }
    arena_reset(&s->scratch);
    row = overlay_find(&s->overlay, TABLE_MESSAGE, row_key(op->channel_id, seq, 0));
    if (row) {
        message = row_unpack(&wire_message__descriptor, row->bytes, row->len, &s->scratch);
    } else if (result && result->count > 0) {
        message = row_of_result(&wire_message__descriptor, result, &s->scratch);
    } else if (!result) {
        look_up(s, req, op);
        return NULL;
    } else if (op->home->decided_position > s->synced) {
        wait_for_sync(s, req, op); /* it is among what is being synced */
        return NULL;
    }
    if (!message)
        answer_problem(s, op->home, req, PROBLEM(NOT_FOUND), "message");
    return message;
}

/* --- deciding --- */

static bool may_alter(struct shard *s, const struct request *req, const struct operation *op,
                      const WireMessage *message)
{
    const uint32_t permissions = home_permissions(op->home, req->frame->user_id);
    const bool author = message->author_id == req->frame->user_id;

    if (!(permissions & WIRE_PERMISSION__PERMISSION_VIEW) ||
        !(author || (is_delete(req) && (permissions & WIRE_PERMISSION__PERMISSION_MANAGE)))) {
        answer_problem(s, op->home, req, PROBLEM(FORBIDDEN), is_delete(req) ? "delete" : "edit");
        return false;
    }
    if (!is_delete(req) && message->deleted) {
        answer_problem(s, op->home, req, PROBLEM(INVALID), "deleted");
        return false;
    }
    if (!is_delete(req) && req->frame->edit_message->text[0] == '\0' &&
        req->frame->edit_message->extra.len == 0) {
        answer_problem(s, op->home, req, PROBLEM(INVALID), "EditMessage.text");
        return false;
    }
    return true;
}

static void new_state(struct shard *s, const struct request *req, WireMessage *message)
{
    if (is_delete(req)) {
        message->deleted = true;
        message->text = (char *)(uintptr_t) "";
        message->extra = (ProtobufCBinaryData){0, NULL};
    } else {
        message->text = req->frame->edit_message->text;
        message->extra = req->frame->edit_message->extra;
        message->edited_at_ms = s->store->now.wall_ms;
    }
}

static void decide_altered(struct shard *s, const struct request *req, const struct operation *op,
                           const WireMessage *old)
{
    struct home *home = op->home;
    WireRecord record = WIRE_RECORD__INIT;
    WireAlteredRecord record_body = WIRE_ALTERED_RECORD__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireAltered altered = WIRE_ALTERED__INIT;
    WireMessage message = *old;

    new_state(s, req, &message);
    message.rev = altered.rev = record.rev = home->head.rev + 1;
    nonce.device_id = op->nonce->device_id;
    nonce.counter = op->nonce->counter;
    record_body.message = &message;
    record_body.prev_rev = old->rev;
    record_body.actor_id = req->frame->user_id;
    record_body.nonce = &nonce;
    record_body.head_seq = home->head.seq;
    record_body.head_message_id = home->head.message_id;
    record.epoch = home->head.epoch;
    record.first_seq = home->head.first_seq;
    record.body_case = WIRE_RECORD__BODY_ALTERED;
    record.altered = &record_body;
    altered.channel_id = home->id;
    altered.seq = message.seq;
    altered.durability = s->store->config.durability;
    frame.body_case = WIRE_LINK_FRAME__BODY_ALTERED;
    frame.altered = &altered;
    if (operation_decide(s, req, op, &record, &frame,
                         &(struct ring_nonce){.seq = message.seq, .rev = message.rev}) != CHAT_OK)
        return;
    home->head.rev = message.rev;
    *home_altering(home, message.seq, s->synced) =
        (struct altering){.seq = message.seq, .position = s->decided};
    s->stats->altered++;
}

/* `found`: what the table has under the message's key; NULL: it was not asked yet. */
static void alter(struct shard *s, const struct request *req, const struct engine_result *result)
{
    struct operation op;
    const WireMessage *message;
    uint64_t seq;

    fill_operation(req, &op);
    if (!operation_admit(s, req, &op))
        return;
    seq = target_seq(req);
    if (seq == 0 || seq > op.home->head.seq || seq < op.home->head.first_seq) {
        answer_problem(s, op.home, req, PROBLEM(NOT_FOUND), "message");
        return;
    }
    message = message_of(s, req, &op, result);
    if (message && may_alter(s, req, &op, message))
        decide_altered(s, req, &op, message);
}

void messages_edit(struct shard *s, const struct request *req) { alter(s, req, NULL); }

void messages_delete(struct shard *s, const struct request *req) { alter(s, req, NULL); }
