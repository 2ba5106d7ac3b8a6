#include "server/store/messages.h"

#include "base/plant.h"
#include "server/store/advance.h"
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/mentions.h"
#include "server/store/notes.h"
#include "server/store/role.h"
#include "server/store/rows.h"

#define OUTDATED_MS 120000 /* more than the 2.5 heartbeats after which a router ends a session */

/* The original answer; waits for the original's sync if that is still to come. */
static void repeat(struct shard *s, const struct request *req, const struct operation *op,
                   const struct ring_nonce *nonce)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSent sent = WIRE_SENT__INIT;
    WireAltered altered = WIRE_ALTERED__INIT;

    s->stats->repeats++;
    if (nonce->message_id != 0) {
        sent.channel_id = op->channel_id;
        sent.seq = nonce->seq;
        sent.message_id = nonce->message_id;
        sent.sent_at_ms = nonce->sent_at_ms;
        sent.durability = s->store->config.durability;
        frame.body_case = WIRE_LINK_FRAME__BODY_SENT;
        frame.sent = &sent;
    } else {
        altered.channel_id = op->channel_id;
        altered.seq = nonce->seq;
        altered.rev = nonce->rev;
        altered.durability = s->store->config.durability;
        frame.body_case = WIRE_LINK_FRAME__BODY_ALTERED;
        frame.altered = &altered;
    }
    answer(s, nonce->position > s->synced ? op->home : NULL, req, &frame);
}

static bool judge(struct shard *s, const struct request *req, struct operation *op)
{
    const struct ring_nonce *known = NULL;
    enum ring_verdict verdict =
        ring_judge(&op->ring->ring, op->nonce->counter, op->nonce->after, op->body_hash, &known);

    if (PLANTED(RING_SKIPPED) && verdict == RING_REPEAT && op->kind == BODY_SEND) {
        op->ring = NULL; /* it has the nonce */
        verdict = RING_NEW;
    }
    /* Only for what is not in: a repeat may name whatever its client knows by now. */
    if ((verdict == RING_NEW || verdict == RING_OUT_OF_ORDER) &&
        op->nonce->after >= op->nonce->counter) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "after");
        return false;
    }
    switch (verdict) {
    case RING_NEW: return true;
    case RING_REPEAT: repeat(s, req, op, known); break;
    case RING_STALE:
        s->stats->nonce_stale++;
        answer_problem(s, NULL, req, PROBLEM(NONCE_STALE), "nonce");
        break;
    case RING_OUT_OF_ORDER:
        s->stats->out_of_order++;
        answer_problem(s, NULL, req, PROBLEM(OUT_OF_ORDER), "after");
        break;
    case RING_BUSY: answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "in_flight"); break;
    }
    return false;
}

/*
 * Keeps the newest session of a device that asked, and says whether this one is outdated.
 * A copy that an older session of the device left behind in the network comes too late to be
 * new: its client has asked again by a newer one, and was perhaps refused for good. What is in
 * already is answered to anybody. Numbers of sessions may step back with a clock, so this holds
 * only as long as a link that is dead can go unnoticed.
 */
static bool fence_session(const struct shard *s, const struct request *req, struct ring_slot *ring)
{
    const uint64_t session_no = req->frame->session_no;

    if (session_no == 0 || session_no == ring->session_no)
        return false;
    if (session_no < ring->session_no && s->store->now.mono_ms < ring->outdated_until_ms)
        return true;
    ring->session_no = session_no;
    ring->outdated_until_ms = s->store->now.mono_ms + OUTDATED_MS;
    return false;
}

bool operation_admit(struct shard *s, const struct request *req, struct operation *op)
{
    const uint64_t user = req->frame->user_id;
    const uint32_t needed = WIRE_PERMISSION__PERMISSION_VIEW | WIRE_PERMISSION__PERMISSION_SEND;
    const WireNonce *nonce = op->nonce;
    bool outdated;

    if (user == 0 || !nonce || nonce->device_id == 0 || nonce->counter == 0) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "nonce");
        return false;
    }
    op->home = homes_need(s, op->channel_id, req);
    if (!op->home)
        return false;
    if (op->home->kind == WIRE_HOME_KIND__HOME_KIND_USER) {
        answer_problem(s, NULL, req, PROBLEM(NOT_FOUND), "channel");
        return false;
    }
    /* Nonces first: who was removed still learns what became of what he sent. */
    op->ring = rings_need(s, op->channel_id, user, nonce->device_id, req);
    if (!op->ring)
        return false;
    outdated = fence_session(s, req, op->ring);
    if (!judge(s, req, op))
        return false;
    if (outdated) {
        answer_problem(s, NULL, req, PROBLEM(UNAVAILABLE), "session");
        return false;
    }
    /* Deleting takes VIEW alone here: whose message it is decides on the rest. */
    if ((home_permissions(op->home, user) & needed) != needed && op->kind != BODY_DELETE &&
        !PLANTED(PERMISSION_NOT_CHECKED)) {
        answer_problem(s, op->home, req, PROBLEM(FORBIDDEN), "send");
        return false;
    }
    return shard_may_decide(s, req);
}

chat_status operation_decide(struct shard *s, const struct request *req, const struct operation *op,
                             WireRecord *record, WireLinkFrame *body, const struct ring_nonce *done)
{
    struct ring_nonce nonce = *done;

    if ((op->ring && ring_reserve(&op->ring->ring, s->allocator) != CHAT_OK) ||
        batch_decide(s, op->home, record, req, body, op->ring) != CHAT_OK) {
        answer_no_memory(s, req);
        return CHAT_E_NOMEM;
    }
    nonce.counter = op->nonce->counter;
    nonce.body_hash = op->body_hash;
    nonce.position = s->decided;
    if (op->ring)
        ring_add(&op->ring->ring, &nonce);
    return CHAT_OK;
}

static bool check_body(struct shard *s, const struct request *req, const struct operation *op)
{
    const WireSendMessage *m = req->frame->send_message;
    const char *limit = NULL;

    if (m->text[0] == '\0' && m->extra.len == 0)
        limit = "SendMessage.text";
    else if (m->reply_to_seq > op->home->head.seq)
        limit = "SendMessage.reply_to_seq";
    else if (!mentions_are_sane(m->mention_ids, m->n_mention_ids))
        limit = "SendMessage.mention_ids";
    if (limit)
        answer_problem(s, op->home, req, PROBLEM(INVALID), limit);
    return !limit;
}

static void decide_message(struct shard *s, const struct request *req, const struct operation *op)
{
    const WireSendMessage *m = req->frame->send_message;
    struct home *home = op->home;
    WireRecord record = WIRE_RECORD__INIT;
    WireMessage message = WIRE_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSent sent = WIRE_SENT__INIT;
    WireMentioningRecord mentioning = WIRE_MENTIONING_RECORD__INIT;
    uint64_t told[CHAT_MENTIONS_MAX];

    mentioning.n_told =
        mentions_pick(home, req->frame->user_id, m->mention_ids, m->n_mention_ids, NULL, 0, told);
    if (!notes_have_room_for_mentions(s, (uint32_t)mentioning.n_told, req))
        return;
    nonce.device_id = op->nonce->device_id;
    nonce.counter = op->nonce->counter;
    message.channel_id = sent.channel_id = home->id;
    message.seq = sent.seq = home->head.seq + 1;
    message.message_id = sent.message_id = snowflake_mint_next(&s->mint, s->store->now.wall_ms);
    message.author_id = req->frame->user_id;
    message.sent_at_ms = sent.sent_at_ms = s->store->now.wall_ms;
    message.nonce = &nonce;
    message.text = m->text;
    message.extra = m->extra;
    message.reply_to_seq = m->reply_to_seq;
    message.mention_ids = m->mention_ids;
    message.n_mention_ids = m->n_mention_ids;
    sent.durability = s->store->config.durability;
    sent.epoch = home->head.epoch;
    record.rev = home->head.rev;
    record.epoch = home->head.epoch;
    record.first_seq = home->head.first_seq;
    record.body_case = WIRE_RECORD__BODY_MESSAGE;
    record.message = &message;
    if (mentioning.n_told > 0) {
        mentioning.told = told;
        mentioning.message = &message;
        record.body_case = WIRE_RECORD__BODY_MENTIONING;
        record.mentioning = &mentioning;
    }
    frame.body_case = WIRE_LINK_FRAME__BODY_SENT;
    frame.sent = &sent;
    if (operation_decide(s, req, op, &record, &frame,
                         &(struct ring_nonce){.seq = message.seq,
                                              .message_id = message.message_id,
                                              .sent_at_ms = message.sent_at_ms}) != CHAT_OK)
        return;
    notes_reserve(s, (uint32_t)mentioning.n_told);
    home->head.seq = message.seq;
    home->head.message_id = message.message_id;
    s->stats->sent++;
    advance_note(s, home->id, message.author_id, message.seq, message.message_id);
}

void messages_send(struct shard *s, const struct request *req)
{
    const WireSendMessage *m = req->frame->send_message;
    struct operation op = {.kind = BODY_SEND, .channel_id = m->channel_id, .nonce = m->nonce};

    op.body_hash = body_hash(&(struct body){.kind = BODY_SEND,
                                            .seq = m->reply_to_seq,
                                            .text = m->text,
                                            .extra = m->extra.data,
                                            .extra_len = m->extra.len,
                                            .mention_ids = m->mention_ids,
                                            .mention_count = m->n_mention_ids});
    if (operation_admit(s, req, &op) && check_body(s, req, &op))
        decide_message(s, req, &op);
}
