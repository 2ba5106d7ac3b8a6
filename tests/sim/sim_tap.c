#include "sim_tap.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"

#define VIEW WIRE_PERMISSION__PERMISSION_VIEW
#define SEND WIRE_PERMISSION__PERMISSION_SEND
#define ARENA_MAX (16u << 20)

static const uint64_t body_key[2] = {11, 13};

struct check_message sim_tap_message(const WireMessage *m)
{
    const char *text = m->text ? m->text : "";
    struct check_message out = {
        .channel_id = m->channel_id,
        .seq = m->seq,
        .message_id = m->message_id,
        .author_id = m->author_id,
        .rev = m->rev,
        .deleted = m->deleted,
    };

    if (m->nonce) {
        out.device_id = m->nonce->device_id;
        out.counter = m->nonce->counter;
    }
    if (!m->deleted)
        out.body = hash_pair(hash_bytes(body_key, text, strlen(text)),
                             hash_bytes(body_key, m->extra.data, m->extra.len)) |
                   1;
    return out;
}

static void tell_member(struct checker *checker, const WireRecord *record)
{
    const WireMemberRecord *r = record->member;

    checker_logged_member(checker, record->home_id, record->lsn, r->member->user_id,
                          r->member->permissions);
    if (r->note_number && r->member->permissions)
        checker_logged_note(checker, record->home_id, r->member->user_id, r->note_number);
}

static void tell_created(struct checker *checker, const WireCreatedRecord *created)
{
    for (size_t i = 0; i < created->n_members; i++) {
        const WireMember *member = created->members[i];
        checker_logged_member(checker, created->home_id, 0, member->user_id, member->permissions);
        checker_logged_note(checker, created->home_id, member->user_id, 1);
    }
}

static void tell_acked(struct checker *checker, const WireNotesAckedRecord *acked)
{
    for (size_t i = 0; i < acked->n_notes; i++)
        checker_logged_note_acked(checker, acked->notes[i]->source_home, acked->notes[i]->dest_home,
                                  acked->notes[i]->number);
}

static void tell(struct checker *checker, const WireRecord *record)
{
    struct check_message m;

    switch ((int)record->body_case) {
    case WIRE_RECORD__BODY_MESSAGE:
        m = sim_tap_message(record->message);
        checker_logged_author(checker, record->home_id, m.author_id, VIEW | SEND);
        checker_logged_message(checker, record->home_id, record->lsn, &m);
        break;
    case WIRE_RECORD__BODY_ALTERED:
        m = sim_tap_message(record->altered->message);
        checker_logged_author(checker, record->home_id, record->altered->actor_id, VIEW);
        checker_logged_change(checker, &m);
        break;
    case WIRE_RECORD__BODY_MEMBER: tell_member(checker, record); break;
    case WIRE_RECORD__BODY_CREATED: tell_created(checker, record->created); break;
    case WIRE_RECORD__BODY_LISTED:
        checker_logged_listed(checker, record->listed->source_home, record->home_id,
                              record->listed->note_number);
        break;
    case WIRE_RECORD__BODY_NOTES_ACKED: tell_acked(checker, record->notes_acked); break;
    case WIRE_RECORD__BODY_RECEIPTS:
        for (size_t i = 0; i < record->receipts->n_receipts; i++) {
            const WireReceipt *r = record->receipts->receipts[i];
            checker_logged_receipt(checker, record->home_id, r->user_id, r->delivered_seq,
                                   r->read_seq);
        }
        break;
    case WIRE_RECORD__BODY_SETTINGS:
        checker_logged_mute(checker, record->home_id, record->settings->channel_id,
                            record->settings->muted_until_ms);
        break;
    case WIRE_RECORD__BODY_DRAFT:
        checker_logged_draft(checker, record->home_id, record->draft->draft->channel_id,
                             record->draft->draft->text);
        break;
    default: break;
    }
}

static void tap_record(struct checker *checker, uint32_t shard, const struct engine_record *r,
                       bool recovered)
{
    struct arena arena;
    struct wire_fault fault;
    ProtobufCMessage *message = NULL;
    uint64_t content = hash_bytes(body_key, r->bytes, r->len);
    bool fresh = recovered
                     ? checker_recovered(checker, shard, r->position, r->home_id, r->lsn, content)
                     : checker_logged(checker, shard, r->position, r->home_id, r->lsn, content);

    if (!fresh)
        return;
    arena_init(&arena, NULL, 1u << 20);
    if (wire_decode(&wire_record__descriptor, r->bytes, r->len, &arena, &message, &fault) !=
        CHAT_OK)
        checker_violation(checker, CHECK_STORED_ATTEMPTED,
                          "shard %u: position %" PRIu64 " does not decode: %s", shard, r->position,
                          fault.rule);
    else
        tell(checker, (const WireRecord *)(const void *)message);
    arena_fini(&arena);
}

void sim_tap(struct checker *checker, const struct engine_request *request)
{
    if (request->status != CHAT_OK)
        return;
    if (request->op == ENGINE_APPEND) {
        for (size_t i = 0; i < request->append.count; i++)
            tap_record(checker, request->shard, &request->append.records[i], false);
    } else if (request->op == ENGINE_LOG_READ) {
        for (size_t i = 0; i < request->log_read.count; i++)
            tap_record(checker, request->shard, &request->log_read.records[i], true);
    }
}

static void tell_delivered(struct checker *checker, uint64_t user_id, WireMessage *const *messages,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct check_message m = {.channel_id = messages[i]->channel_id, .seq = messages[i]->seq};
        checker_delivered(checker, user_id, &m);
    }
}

void sim_tap_delivered(struct checker *checker, uint64_t user_id, const uint8_t *bytes, size_t len)
{
    WireServerBatch *batch = NULL;
    struct wire_fault fault;
    struct arena arena;

    arena_init(&arena, NULL, ARENA_MAX);
    if (wire_decode_server(bytes, len, &arena, &batch, &fault) != CHAT_OK)
        checker_violation(checker, CHECK_NO_INTERNAL, "a frame does not decode: %s", fault.rule);
    for (size_t i = 0; batch && i < batch->n_frames; i++) {
        const WireServerFrame *f = batch->frames[i];

        if (f->body_case == WIRE_SERVER_FRAME__BODY_MESSAGE)
            tell_delivered(checker, user_id, &f->message, 1);
        else if (f->body_case == WIRE_SERVER_FRAME__BODY_HISTORY_PAGE)
            tell_delivered(checker, user_id, f->history_page->messages,
                           f->history_page->n_messages);
        else if (f->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM &&
                 f->problem->code == WIRE_PROBLEM_CODE__PROBLEM_INTERNAL)
            checker_violation(checker, CHECK_NO_INTERNAL, "a server answers: internal (%s)",
                              f->problem->detail);
    }
    arena_fini(&arena);
}
