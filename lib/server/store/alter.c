/* Edits, deletions and reactions: operations that need the message they alter. */
#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/mentions.h"
#include "server/store/messages.h"
#include "server/store/notes.h"
#include "server/store/page.h"
#include "server/store/reactions.h"
#include "server/store/reads.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "server/store/tombstones.h"

static void alter(struct shard *s, const struct request *req, const struct engine_result *found);

static enum body_kind kind_of(const struct request *req)
{
    switch ((int)req->frame->body_case) {
    case WIRE_LINK_FRAME__BODY_DELETE_MESSAGE: return BODY_DELETE;
    case WIRE_LINK_FRAME__BODY_REACT: return BODY_REACT;
    default: return BODY_EDIT;
    }
}

static uint64_t target_seq(const struct request *req)
{
    switch ((int)req->frame->body_case) {
    case WIRE_LINK_FRAME__BODY_DELETE_MESSAGE: return req->frame->delete_message->seq;
    case WIRE_LINK_FRAME__BODY_REACT: return req->frame->react->seq;
    default: return req->frame->edit_message->seq;
    }
}

static void fill_edit(const WireEditMessage *m, struct operation *op)
{
    *op = (struct operation){.kind = BODY_EDIT, .channel_id = m->channel_id, .nonce = m->nonce};
    op->body_hash = body_hash(&(struct body){.kind = BODY_EDIT,
                                             .seq = m->seq,
                                             .text = m->text,
                                             .extra = m->extra.data,
                                             .extra_len = m->extra.len,
                                             .mention_ids = m->mention_ids,
                                             .mention_count = m->n_mention_ids});
}

static void fill_operation(const struct request *req, struct operation *op)
{
    const WireDeleteMessage *d = req->frame->delete_message;
    const WireReact *r = req->frame->react;

    switch (kind_of(req)) {
    case BODY_DELETE:
        *op =
            (struct operation){.kind = BODY_DELETE, .channel_id = d->channel_id, .nonce = d->nonce};
        op->body_hash = body_hash(&(struct body){.kind = BODY_DELETE, .seq = d->seq, .text = ""});
        break;
    case BODY_REACT:
        *op =
            (struct operation){.kind = BODY_REACT, .channel_id = r->channel_id, .nonce = r->nonce};
        op->body_hash = body_hash_reaction(r->seq, r->emoji, r->remove);
        break;
    case BODY_SEND:
    case BODY_EDIT: fill_edit(req->frame->edit_message, op); break;
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
    struct read_job *job = page_read_new(s, req, found);

    if (!job)
        return;
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
    if (!message && s->scratch.starved)
        answer_no_memory(s, req);
    else if (!message)
        answer_problem(s, op->home, req, PROBLEM(NOT_FOUND), "message");
    return message;
}

/* --- deciding --- */

static const char *const kind_names[] = {
    [BODY_EDIT] = "edit", [BODY_DELETE] = "delete", [BODY_REACT] = "react"};

/* Which rule the request breaks in itself; NULL for none. */
static const char *fault_of(const struct request *req, const WireMessage *message)
{
    const enum body_kind kind = kind_of(req);
    const WireEditMessage *edit = req->frame->edit_message;

    if (kind != BODY_DELETE && message->deleted)
        return "deleted";
    if (kind == BODY_REACT)
        return req->frame->react->emoji[0] == '\0' ? "React.emoji" : NULL;
    if (kind == BODY_EDIT && edit->text[0] == '\0' && edit->extra.len == 0)
        return "EditMessage.text";
    if (kind == BODY_EDIT && !mentions_are_sane(edit->mention_ids, edit->n_mention_ids))
        return "EditMessage.mention_ids";
    return NULL;
}

static bool may_alter(struct shard *s, const struct request *req, const struct operation *op,
                      const WireMessage *message)
{
    const uint32_t permissions = home_permissions(op->home, req->frame->user_id);
    const enum body_kind kind = kind_of(req);
    const bool allowed =
        kind == BODY_REACT || message->author_id == req->frame->user_id ||
        (kind == BODY_DELETE && (permissions & WIRE_PERMISSION__PERMISSION_MANAGE));
    const char *fault;

    if (!(permissions & WIRE_PERMISSION__PERMISSION_VIEW) || !allowed) {
        answer_problem(s, op->home, req, PROBLEM(FORBIDDEN), kind_names[kind]);
        return false;
    }
    fault = fault_of(req, message);
    if (fault)
        answer_problem(s, op->home, req, PROBLEM(INVALID), fault);
    return !fault;
}

static enum reactions_result react(struct shard *s, const struct request *req, WireMessage *message)
{
    const WireReact *r = req->frame->react;

    return r->remove ? reactions_remove(message, &s->scratch, r->emoji, req->frame->user_id)
                     : reactions_add(message, &s->scratch, r->emoji, req->frame->user_id);
}

/* The message as the operation leaves it. Only a reaction may fail; it, or the deletion of what
 * is deleted, may change nothing. */
static enum reactions_result new_state(struct shard *s, const struct request *req,
                                       WireMessage *message)
{
    const WireEditMessage *edit = req->frame->edit_message;

    switch (kind_of(req)) {
    case BODY_REACT: return react(s, req, message);
    case BODY_DELETE:
        if (message->deleted)
            return REACTIONS_SAME;
        message->deleted = true;
        message->text = (char *)(uintptr_t) "";
        message->extra = (ProtobufCBinaryData){0, NULL};
        message->n_mention_ids = 0;
        message->n_reactions = 0;
        break;
    case BODY_SEND:
    case BODY_EDIT:
        message->text = edit->text;
        message->extra = edit->extra;
        message->mention_ids = edit->mention_ids;
        message->n_mention_ids = edit->n_mention_ids;
        message->edited_at_ms = s->store->now.wall_ms;
        break;
    }
    return REACTIONS_CHANGED;
}

static void fill_answer(const struct shard *s, const struct operation *op, uint64_t seq,
                        uint64_t rev, WireLinkFrame *frame, WireAltered *altered)
{
    wire_link_frame__init(frame);
    wire_altered__init(altered);
    altered->channel_id = op->channel_id;
    altered->seq = seq;
    altered->rev = rev;
    altered->durability = s->store->config.durability;
    frame->body_case = WIRE_LINK_FRAME__BODY_ALTERED;
    frame->altered = altered;
}

/* Nothing changes, but the nonce is in: operations behind it name it. */
static void decide_passed(struct shard *s, const struct request *req, const struct operation *op,
                          const WireMessage *message)
{
    WireRecord record = WIRE_RECORD__INIT;
    WirePassedRecord passed = WIRE_PASSED_RECORD__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    WireLinkFrame frame;
    WireAltered altered;

    nonce.device_id = op->nonce->device_id;
    nonce.counter = op->nonce->counter;
    passed.channel_id = op->channel_id;
    passed.actor_id = req->frame->user_id;
    passed.nonce = &nonce;
    passed.body_hash = op->body_hash;
    passed.seq = message->seq;
    passed.rev = message->rev;
    record.body_case = WIRE_RECORD__BODY_PASSED;
    record.passed = &passed;
    fill_answer(s, op, message->seq, message->rev, &frame, &altered);
    (void)operation_decide(s, req, op, &record, &frame,
                           &(struct ring_nonce){.seq = message->seq, .rev = message->rev});
}

/* Who is told of a mention that came, or went. False: refused, there is no room for notes. */
static bool pick_told(struct shard *s, const struct request *req, const struct home *home,
                      const WireMessage *old, const WireMessage *message, WireAlteredRecord *body)
{
    body->n_mentioned =
        mentions_pick(home, message->author_id, message->mention_ids, message->n_mention_ids,
                      old->mention_ids, old->n_mention_ids, body->mentioned);
    body->n_unmentioned =
        mentions_pick(home, message->author_id, old->mention_ids, old->n_mention_ids,
                      message->mention_ids, message->n_mention_ids, body->unmentioned);
    return notes_have_room_for_mentions(s, (uint32_t)(body->n_mentioned + body->n_unmentioned),
                                        req);
}

static void decide_altered(struct shard *s, const struct request *req, const struct operation *op,
                           const WireMessage *old, WireMessage *message)
{
    struct home *home = op->home;
    WireRecord record = WIRE_RECORD__INIT;
    WireAlteredRecord body = WIRE_ALTERED_RECORD__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    WireLinkFrame frame;
    WireAltered altered;
    uint64_t mentioned[CHAT_MENTIONS_MAX], unmentioned[CHAT_MENTIONS_MAX];

    body.mentioned = mentioned;
    body.unmentioned = unmentioned;
    if (message->deleted && tombstones_reserve(home, s->allocator) != CHAT_OK) {
        answer_no_memory(s, req);
        return;
    }
    if (!pick_told(s, req, home, old, message, &body))
        return;
    message->rev = record.rev = home->head.rev + 1;
    nonce.device_id = op->nonce->device_id;
    nonce.counter = op->nonce->counter;
    body.message = message;
    body.prev_rev = old->rev;
    body.actor_id = req->frame->user_id;
    body.nonce = &nonce;
    body.head_seq = home->head.seq;
    body.head_message_id = home->head.message_id;
    if (op->kind == BODY_REACT) {
        body.emoji = req->frame->react->emoji;
        body.removed = req->frame->react->remove;
    }
    record.epoch = home->head.epoch;
    record.first_seq = home->head.first_seq;
    record.body_case = WIRE_RECORD__BODY_ALTERED;
    record.altered = &body;
    fill_answer(s, op, message->seq, message->rev, &frame, &altered);
    if (operation_decide(s, req, op, &record, &frame,
                         &(struct ring_nonce){.seq = message->seq, .rev = message->rev}) != CHAT_OK)
        return;
    notes_reserve(s, (uint32_t)(body.n_mentioned + body.n_unmentioned));
    if (message->deleted && !PLANTED(TOMBSTONE_FORGOTTEN))
        tombstones_put(home, message->seq);
    home->head.rev = message->rev;
    *home_altering(home, message->seq, s->synced) =
        (struct altering){.seq = message->seq, .position = s->decided};
    s->stats->altered++;
}

static void decide(struct shard *s, const struct request *req, const struct operation *op,
                   const WireMessage *old)
{
    WireMessage message = *old;

    switch (new_state(s, req, &message)) {
    case REACTIONS_CHANGED: decide_altered(s, req, op, old, &message); break;
    case REACTIONS_SAME: decide_passed(s, req, op, old); break;
    case REACTIONS_TOO_MANY: answer_problem(s, op->home, req, PROBLEM(LIMIT), "reactions"); break;
    case REACTIONS_TOO_MIXED:
        answer_problem(s, op->home, req, PROBLEM(LIMIT), "reaction_kinds");
        break;
    case REACTIONS_NO_MEMORY: answer_no_memory(s, req); break;
    }
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
        decide(s, req, &op, message);
}

void messages_edit(struct shard *s, const struct request *req) { alter(s, req, NULL); }

void messages_delete(struct shard *s, const struct request *req) { alter(s, req, NULL); }

void messages_react(struct shard *s, const struct request *req) { alter(s, req, NULL); }
