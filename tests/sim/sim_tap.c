#include "sim_tap.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "server/store/rows.h"

#define VIEW WIRE_PERMISSION__PERMISSION_VIEW
#define SEND WIRE_PERMISSION__PERMISSION_SEND
#define ARENA_MAX (16u << 20)

static const uint64_t body_key[2] = {11, 13};

uint64_t sim_tap_body(const char *text, size_t text_len, const uint8_t *extra, size_t extra_len,
                      const uint64_t *mention_ids, size_t mentions_count)
{
    uint64_t h =
        hash_pair(hash_bytes(body_key, text, text_len), hash_bytes(body_key, extra, extra_len));

    for (size_t i = 0; i < mentions_count; i++)
        h = hash_pair(h, mention_ids[i]);
    return h | 1;
}

uint64_t sim_tap_mark(uint64_t marks, const char *emoji, size_t len, const uint64_t *user_ids,
                      size_t count)
{
    marks = hash_pair(marks, hash_bytes(body_key, emoji, len));
    for (size_t i = 0; i < count; i++)
        marks = hash_pair(marks, user_ids[i]);
    return marks;
}

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
        out.body = sim_tap_body(text, strlen(text), m->extra.data, m->extra.len, m->mention_ids,
                                m->n_mention_ids);
    for (size_t i = 0; i < m->n_reactions; i++) {
        const WireReaction *r = m->reactions[i];

        out.marks = sim_tap_mark(out.marks, r->emoji, strlen(r->emoji), r->user_ids, r->n_user_ids);
        out.marks_count += r->n_user_ids;
    }
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

static void tell_altered(struct checker *checker, const WireRecord *record,
                         const struct check_message *m)
{
    const WireAlteredRecord *a = record->altered;
    const size_t len = strlen(a->emoji);

    checker_logged_author(checker, record->home_id, a->actor_id, len ? VIEW | SEND : VIEW);
    if (len)
        checker_logged_reaction(checker, m, a->actor_id, a->emoji, a->removed);
    else
        checker_logged_change(checker, m);
}

static void tell(struct checker *checker, const WireRecord *record)
{
    struct check_message m;

    switch ((int)record->body_case) {
    case WIRE_RECORD__BODY_MESSAGE:
    case WIRE_RECORD__BODY_MENTIONING:
        m = sim_tap_message(row_new_message(record));
        checker_logged_author(checker, record->home_id, m.author_id, VIEW | SEND);
        checker_logged_message(checker, record->home_id, record->lsn, &m);
        break;
    case WIRE_RECORD__BODY_ALTERED:
        m = sim_tap_message(record->altered->message);
        tell_altered(checker, record, &m);
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
    case WIRE_RECORD__BODY_CURSOR:
        checker_logged_cursor(checker, record->home_id, record->cursor->channel_id,
                              record->cursor->read_seq);
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

static void tell_listed(struct checker *checker, uint32_t device, const WireChannelList *list)
{
    for (size_t i = 0; i < list->n_channels; i++) {
        const WireChannel *channel = list->channels[i];

        if (channel->head)
            checker_told_cursor(checker, device, channel->head->channel_id, channel->read_seq);
        if (channel->head && channel->settings && !channel->unavailable)
            checker_told_deleted(checker, device, channel->head->channel_id, channel->read_seq,
                                 channel->head->rev, channel->deleted_unread);
        if (channel->mentions)
            checker_told_mentions(checker, device, channel->mentions->channel_id,
                                  channel->mentions->count);
    }
}

void sim_tap_delivered(struct checker *checker, uint64_t user_id, uint32_t device,
                       const uint8_t *bytes, size_t len)
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
        else if (f->body_case == WIRE_SERVER_FRAME__BODY_MENTIONS)
            checker_told_mentions(checker, device, f->mentions->channel_id, f->mentions->count);
        else if (f->body_case == WIRE_SERVER_FRAME__BODY_CURSOR)
            checker_told_cursor(checker, device, f->cursor->channel_id, f->cursor->read_seq);
        else if (f->body_case == WIRE_SERVER_FRAME__BODY_CHANNEL_LIST)
            tell_listed(checker, device, f->channel_list);
        else if (f->body_case == WIRE_SERVER_FRAME__BODY_HISTORY_PAGE)
            tell_delivered(checker, user_id, f->history_page->messages,
                           f->history_page->n_messages);
        else if (f->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM &&
                 f->problem->code == WIRE_PROBLEM_CODE__PROBLEM_INTERNAL)
            checker_violation(checker, CHECK_NO_INTERNAL, "a server answers: internal (%s; %s)",
                              f->problem->detail, f->problem->limit);
    }
    arena_fini(&arena);
}
