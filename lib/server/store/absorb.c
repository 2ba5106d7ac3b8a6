#include "server/store/absorb.h"

#include "base/plant.h"
#include "server/store/directory.h"
#include "server/store/mentions.h"
#include "server/store/notes.h"
#include "server/store/role.h"
#include "server/store/rows.h"

static chat_status put(struct shard *s, uint32_t table, struct engine_key key, const void *message,
                       uint64_t position)
{
    return overlay_put_message(&s->overlay, table, key, message, position);
}

static void saw_id(struct shard *s, uint64_t id)
{
    if (snowflake_shard(id) == s->id && id > s->last_id)
        s->last_id = id;
    snowflake_mint_saw(&s->mint, id);
}

static chat_status put_lsn(struct shard *s, const WireRecord *record, uint64_t position)
{
    WireLsnRow row = WIRE_LSN_ROW__INIT;

    row.lsn = record->lsn;
    return put(s, TABLE_HOME, row_key(record->home_id, HOME_LSN, 0), &row, position);
}

static chat_status put_head(struct shard *s, const WireRecord *record, uint64_t channel,
                            uint64_t seq, uint64_t message_id, uint64_t position)
{
    WireChannelRow row = WIRE_CHANNEL_ROW__INIT;

    row.seq = seq;
    row.message_id = message_id;
    row.rev = record->rev;
    row.epoch = record->epoch;
    row.first_seq = record->first_seq;
    row.lsn = record->lsn;
    return put(s, TABLE_CHANNEL, row_key(record->home_id, channel, 0), &row, position);
}

/* A message is the last field of its record, and of what is around it there: its row is the
 * record's end. Not so when a newer version put something behind it. */
static bool ends_with_message(const WireRecord *record)
{
    return record->base.n_unknown_fields == 0 &&
           (record->body_case != WIRE_RECORD__BODY_MENTIONING ||
            record->mentioning->base.n_unknown_fields == 0);
}

static chat_status put_message(struct shard *s, const WireRecord *record, const WireMessage *m,
                               const struct engine_record *bytes)
{
    const struct engine_key key = row_key(m->channel_id, m->seq, 0);
    const size_t len = row_size(m);

    if (!ends_with_message(record) || len > bytes->len)
        return put(s, TABLE_MESSAGE, key, m, bytes->position);
    return overlay_put(&s->overlay, TABLE_MESSAGE, key, bytes->bytes + (bytes->len - len), len,
                       bytes->position);
}

static chat_status absorb_message(struct shard *s, const WireRecord *record,
                                  const struct engine_record *bytes)
{
    const WireMessage *m = row_new_message(record);
    const uint64_t position = bytes->position;
    chat_status status;

    if (!m)
        return CHAT_E_CORRUPT;
    saw_id(s, m->message_id);
    status = put_message(s, record, m, bytes);
    if (status != CHAT_OK)
        return status;
    return put_head(s, record, m->channel_id, m->seq, m->message_id, position);
}

static chat_status put_note(struct shard *s, const WireNote *note, uint64_t position, bool live)
{
    chat_status status =
        put(s, TABLE_NOTE_OUT, row_key(note->source_home, note->dest_home, note->number), note,
            position);

    if (status == CHAT_OK && live)
        status = notes_add(s, note, true);
    return status;
}

/* A note to each of `ids` that the message at seq mentions him, or does no more. */
static chat_status put_mentions(struct shard *s, const WireRecord *record, WireNote__BodyCase body,
                                uint64_t seq, const uint64_t *ids, size_t count, uint64_t position,
                                bool live)
{
    WireNote note = WIRE_NOTE__INIT;
    WireMention mention = WIRE_MENTION__INIT;
    chat_status status = CHAT_OK;

    mention.channel_id = record->home_id;
    mention.seq = seq;
    note.source_home = record->home_id;
    note.number = mentions_note_number(record->lsn);
    note.body_case = body;
    note.mentioned = &mention; /* both are of this type */
    for (size_t i = 0; i < count && status == CHAT_OK; i++) {
        note.dest_home = ids[i];
        status = put_note(s, &note, position, live);
    }
    return status;
}

static chat_status absorb_mentioning(struct shard *s, const WireRecord *record,
                                     const struct engine_record *bytes, bool live)
{
    const WireMentioningRecord *m = record->mentioning;
    chat_status status = absorb_message(s, record, bytes);

    if (status != CHAT_OK)
        return status;
    return put_mentions(s, record, WIRE_NOTE__BODY_MENTIONED, m->message->seq, m->told, m->n_told,
                        bytes->position, live);
}

static chat_status absorb_altered(struct shard *s, const WireRecord *record, uint64_t position,
                                  bool live)
{
    const WireAlteredRecord *a = record->altered;
    WireChangeRow change = WIRE_CHANGE_ROW__INIT;
    WireTombstoneRow tombstone = WIRE_TOMBSTONE_ROW__INIT;
    const WireMessage *m = a->message;
    chat_status status;

    if (!m)
        return CHAT_E_CORRUPT;
    change.seq = m->seq;
    tombstone.rev = m->rev;
    status = put(s, TABLE_MESSAGE, row_key(m->channel_id, m->seq, 0), m, position);
    if (status == CHAT_OK)
        status = put(s, TABLE_CHANGE, row_key(m->channel_id, m->rev, 0), &change, position);
    if (status == CHAT_OK && a->prev_rev != 0)
        status = overlay_put(&s->overlay, TABLE_CHANGE, row_key(m->channel_id, a->prev_rev, 0),
                             NULL, 0, position);
    if (status == CHAT_OK && m->deleted)
        status = put(s, TABLE_TOMBSTONE, row_key(m->channel_id, m->seq, 0), &tombstone, position);
    if (status == CHAT_OK)
        status = put_mentions(s, record, WIRE_NOTE__BODY_MENTIONED, m->seq, a->mentioned,
                              a->n_mentioned, position, live);
    if (status == CHAT_OK)
        status = put_mentions(s, record, WIRE_NOTE__BODY_UNMENTIONED, m->seq, a->unmentioned,
                              a->n_unmentioned, position, live);
    if (status != CHAT_OK)
        return status;
    return put_head(s, record, m->channel_id, a->head_seq, a->head_message_id, position);
}

static chat_status absorb_cursor(struct shard *s, const WireRecord *record, uint64_t position)
{
    WireCursorRow row = WIRE_CURSOR_ROW__INIT;

    row.read_seq = record->cursor->read_seq;
    row.read_message_id = record->cursor->read_message_id;
    return put(s, TABLE_CURSOR, row_key(record->home_id, record->cursor->channel_id, 0), &row,
               position);
}

static chat_status put_member(struct shard *s, uint64_t home_id, const WireMember *member,
                              uint64_t position)
{
    WireMemberRow row = WIRE_MEMBER_ROW__INIT;
    const struct engine_key key = row_key(home_id, member->user_id, 0);

    if (member->permissions == 0) {
        chat_status status = overlay_put(&s->overlay, TABLE_MEMBER, key, NULL, 0, position);

        if (status == CHAT_OK)
            status = overlay_put(&s->overlay, TABLE_RECEIPT, key, NULL, 0, position);
        return status;
    }
    row.permissions = member->permissions;
    row.joined_at_ms = member->joined_at_ms;
    return put(s, TABLE_MEMBER, key, &row, position);
}

static chat_status put_joined(struct shard *s, uint64_t home_id, WireHomeKind kind,
                              uint64_t user_id, uint64_t number, uint64_t position, bool live)
{
    WireNote note = WIRE_NOTE__INIT;
    WireUserChannel joined = WIRE_USER_CHANNEL__INIT;

    joined.home_id = home_id;
    joined.kind = kind;
    note.source_home = home_id;
    note.dest_home = user_id;
    note.number = number;
    note.body_case = WIRE_NOTE__BODY_JOINED;
    note.joined = &joined;
    return put_note(s, &note, position, live);
}

static chat_status put_left(struct shard *s, uint64_t home_id, uint64_t user_id, uint64_t number,
                            uint64_t position, bool live)
{
    WireNote note = WIRE_NOTE__INIT;

    note.source_home = home_id;
    note.dest_home = user_id;
    note.number = number;
    note.body_case = WIRE_NOTE__BODY_LEFT;
    note.left = home_id;
    return put_note(s, &note, position, live);
}

static chat_status absorb_member(struct shard *s, const WireRecord *record, uint64_t position,
                                 bool live)
{
    const WireMemberRecord *m = record->member;
    chat_status status;

    if (!m->member)
        return CHAT_E_CORRUPT;
    status = put_member(s, record->home_id, m->member, position);
    if (status != CHAT_OK || m->note_number == 0)
        return status;
    if (m->member->permissions == 0)
        return put_left(s, record->home_id, m->member->user_id, m->note_number, position, live);
    return put_joined(s, record->home_id, m->kind, m->member->user_id, m->note_number, position,
                      live);
}

static chat_status absorb_listed(struct shard *s, const WireRecord *record, uint64_t position)
{
    const WireListedRecord *l = record->listed;
    WireListRow row = WIRE_LIST_ROW__INIT;
    struct engine_key key;
    chat_status status;

    row.kind = l->kind;
    row.note_number = l->note_number;
    row.left = l->left;
    status = put(s, TABLE_LIST, row_key(record->home_id, l->source_home, 0), &row, position);
    if (status != CHAT_OK || l->forget_home == 0)
        return status;
    key = row_key(record->home_id, l->forget_home, 0);
    status = overlay_put(&s->overlay, TABLE_LIST, key, NULL, 0, position);
    if (status == CHAT_OK)
        status = overlay_put(&s->overlay, TABLE_CURSOR, key, NULL, 0, position);
    if (status == CHAT_OK)
        status = overlay_put(&s->overlay, TABLE_SETTING, key, NULL, 0, position);
    if (status == CHAT_OK)
        status = overlay_put(&s->overlay, TABLE_DRAFT, key, NULL, 0, position);
    return status;
}

static chat_status absorb_receipts(struct shard *s, const WireRecord *record, uint64_t position)
{
    const WireReceipts *r = record->receipts;
    chat_status status = CHAT_OK;

    for (size_t i = 0; i < r->n_receipts && status == CHAT_OK; i++) {
        WireReceiptRow row = WIRE_RECEIPT_ROW__INIT;

        row.delivered_seq = r->receipts[i]->delivered_seq;
        row.read_seq = r->receipts[i]->read_seq;
        status = put(s, TABLE_RECEIPT, row_key(r->channel_id, r->receipts[i]->user_id, 0), &row,
                     position);
    }
    return status;
}

static chat_status put_setting(struct shard *s, const WireRecord *record,
                               const WireChannelSettings *settings, uint64_t position)
{
    WireSettingRow row = WIRE_SETTING_ROW__INIT;

    if (!settings)
        return CHAT_E_CORRUPT;
    row.muted_until_ms = settings->muted_until_ms;
    row.version = settings->version;
    row.draft_version = settings->draft_version;
    row.has_draft = settings->has_draft;
    return put(s, TABLE_SETTING, row_key(record->home_id, settings->channel_id, 0), &row, position);
}

static chat_status absorb_draft(struct shard *s, const WireRecord *record, uint64_t position)
{
    const WireDraft *draft = record->draft->draft;
    chat_status status = put_setting(s, record, record->draft->settings, position);
    struct engine_key key;

    if (status != CHAT_OK || !draft)
        return status != CHAT_OK ? status : CHAT_E_CORRUPT;
    key = row_key(record->home_id, draft->channel_id, 0);
    if (!record->draft->settings->has_draft)
        return overlay_put(&s->overlay, TABLE_DRAFT, key, NULL, 0, position);
    return put(s, TABLE_DRAFT, key, draft, position);
}

static chat_status absorb_device(struct shard *s, const WireRecord *record, uint64_t position)
{
    const WireDeviceRow *device = record->device->device;
    chat_status status;

    if (!device)
        return CHAT_E_CORRUPT;
    /* Sessions opened after a restart have higher numbers than what was signed out before. */
    saw_id(s, device->session_no);
    saw_id(s, device->signed_out_no);
    status =
        put(s, TABLE_DEVICE, device_row_key(record->home_id, device->device_id), device, position);
    if (status == CHAT_OK && record->device->forget_device != 0)
        status = overlay_put(&s->overlay, TABLE_DEVICE,
                             device_row_key(record->home_id, record->device->forget_device), NULL,
                             0, position);
    return status;
}

static chat_status absorb_mentions(struct shard *s, const WireRecord *record, uint64_t position)
{
    const WireMentionsRecord *m = record->mentions;
    WireListRow row = WIRE_LIST_ROW__INIT;

    row.kind = m->kind;
    row.note_number = m->note_number;
    row.mention_seqs = m->seqs;
    row.n_mention_seqs = m->n_seqs;
    row.dropped_seq = m->dropped_seq;
    return put(s, TABLE_LIST, row_key(record->home_id, m->channel_id, 0), &row, position);
}

static chat_status put_channel(struct shard *s, const WireCreatedRecord *c, uint64_t position)
{
    WireChannelRow row = WIRE_CHANNEL_ROW__INIT;

    if (c->home->kind == WIRE_HOME_KIND__HOME_KIND_USER)
        return CHAT_OK;
    row.epoch = 1;
    row.first_seq = 1;
    return put(s, TABLE_CHANNEL, row_key(c->home_id, c->home_id, 0), &row, position);
}

static chat_status put_key(struct shard *s, const WireCreatedRecord *c, uint64_t position)
{
    WireDirectoryRow row = WIRE_DIRECTORY_ROW__INIT;

    row.key = c->key;
    row.home_id = c->home_id;
    return put(s, TABLE_DIRECTORY, directory_row_key(c->key.data, c->key.len), &row, position);
}

static chat_status absorb_created(struct shard *s, const WireRecord *record, uint64_t position,
                                  bool live)
{
    const WireCreatedRecord *c = record->created;
    chat_status status;

    if (!c->home)
        return CHAT_E_CORRUPT;
    saw_id(s, c->home_id);
    status = put(s, TABLE_HOME, row_key(c->home_id, HOME_INFO, 0), c->home, position);
    if (status == CHAT_OK)
        status = put_channel(s, c, position);
    if (status == CHAT_OK)
        status = put_key(s, c, position);
    for (size_t i = 0; i < c->n_members && status == CHAT_OK; i++) {
        status = put_member(s, c->home_id, c->members[i], position);
        if (status == CHAT_OK)
            status =
                put_joined(s, c->home_id, c->home->kind, c->members[i]->user_id, 1, position, live);
    }
    return status;
}

static chat_status absorb_acked(struct shard *s, const WireRecord *record, uint64_t position)
{
    const WireNotesAckedRecord *acked = record->notes_acked;
    chat_status status = CHAT_OK;

    for (size_t i = 0; i < acked->n_notes && status == CHAT_OK; i++) {
        const WireNoteKey *key = acked->notes[i];

        status =
            overlay_put(&s->overlay, TABLE_NOTE_OUT,
                        row_key(key->source_home, key->dest_home, key->number), NULL, 0, position);
    }
    return status;
}

static chat_status absorb_body(struct shard *s, const WireRecord *record,
                               const struct engine_record *bytes, bool live)
{
    const uint64_t position = bytes->position;

    switch ((int)record->body_case) {
    case WIRE_RECORD__BODY_MESSAGE: return absorb_message(s, record, bytes);
    case WIRE_RECORD__BODY_MENTIONING: return absorb_mentioning(s, record, bytes, live);
    case WIRE_RECORD__BODY_ALTERED: return absorb_altered(s, record, position, live);
    case WIRE_RECORD__BODY_CURSOR: return absorb_cursor(s, record, position);
    case WIRE_RECORD__BODY_MEMBER: return absorb_member(s, record, position, live);
    case WIRE_RECORD__BODY_LISTED: return absorb_listed(s, record, position);
    case WIRE_RECORD__BODY_CREATED: return absorb_created(s, record, position, live);
    case WIRE_RECORD__BODY_INFO:
        return put(s, TABLE_HOME, row_key(record->home_id, HOME_INFO, 0), record->info, position);
    case WIRE_RECORD__BODY_NOTES_ACKED: return absorb_acked(s, record, position);
    case WIRE_RECORD__BODY_MENTIONS: return absorb_mentions(s, record, position);
    case WIRE_RECORD__BODY_PASSED: return CHAT_OK; /* its nonce is all there is of it */
    case WIRE_RECORD__BODY_RECEIPTS: return absorb_receipts(s, record, position);
    case WIRE_RECORD__BODY_SETTINGS: return put_setting(s, record, record->settings, position);
    case WIRE_RECORD__BODY_DRAFT: return absorb_draft(s, record, position);
    case WIRE_RECORD__BODY_DEVICE: return absorb_device(s, record, position);
    default: return CHAT_E_UNSUPPORTED; /* of a newer version: rows would be missing */
    }
}

chat_status absorb(struct shard *s, const WireRecord *record, const struct engine_record *bytes,
                   struct ring_slot *ring, bool live)
{
    chat_status status = absorb_body(s, record, bytes, live);

    /* A channel's row has the lsn with it. */
    if (status == CHAT_OK && !row_new_message(record) &&
        record->body_case != WIRE_RECORD__BODY_ALTERED)
        status = put_lsn(s, record, bytes->position);
    if (status == CHAT_OK && ring)
        rings_synced(s, ring, bytes->position);
    return status;
}

static bool nonce_of_message(const WireMessage *m, struct nonce_of *out)
{
    if (!m || !m->nonce)
        return false;
    *out = (struct nonce_of){
        .channel = m->channel_id, .user = m->author_id, .device = m->nonce->device_id};
    out->nonce.counter = m->nonce->counter;
    out->nonce.seq = m->seq;
    out->nonce.message_id = m->message_id;
    out->nonce.sent_at_ms = m->sent_at_ms;
    out->nonce.body_hash = body_hash(&(struct body){.kind = BODY_SEND,
                                                    .seq = m->reply_to_seq,
                                                    .text = m->text,
                                                    .extra = m->extra.data,
                                                    .extra_len = m->extra.len,
                                                    .mention_ids = m->mention_ids,
                                                    .mention_count = m->n_mention_ids});
    return true;
}

static bool nonce_of_altered(const WireAlteredRecord *a, struct nonce_of *out)
{
    const WireMessage *m = a->message;

    if (!a->nonce || !m)
        return false;
    *out = (struct nonce_of){
        .channel = m->channel_id, .user = a->actor_id, .device = a->nonce->device_id};
    out->nonce.counter = a->nonce->counter;
    out->nonce.seq = m->seq;
    out->nonce.rev = m->rev;
    if (a->emoji[0] != '\0') {
        out->nonce.body_hash = body_hash_reaction(m->seq, a->emoji, a->removed);
        return true;
    }
    out->nonce.body_hash =
        body_hash(m->deleted ? &(struct body){.kind = BODY_DELETE, .seq = m->seq, .text = ""}
                             : &(struct body){.kind = BODY_EDIT,
                                              .seq = m->seq,
                                              .text = m->text,
                                              .extra = m->extra.data,
                                              .extra_len = m->extra.len,
                                              .mention_ids = m->mention_ids,
                                              .mention_count = m->n_mention_ids});
    return true;
}

static bool nonce_of_passed(const WirePassedRecord *p, struct nonce_of *out)
{
    if (!p->nonce)
        return false;
    *out = (struct nonce_of){
        .channel = p->channel_id, .user = p->actor_id, .device = p->nonce->device_id};
    out->nonce.counter = p->nonce->counter;
    out->nonce.seq = p->seq;
    out->nonce.rev = p->rev;
    out->nonce.body_hash = p->body_hash;
    return true;
}

bool absorb_nonce_of(const WireRecord *record, struct nonce_of *out_nonce)
{
    switch ((int)record->body_case) {
    case WIRE_RECORD__BODY_MESSAGE:
    case WIRE_RECORD__BODY_MENTIONING: return nonce_of_message(row_new_message(record), out_nonce);
    case WIRE_RECORD__BODY_ALTERED: return nonce_of_altered(record->altered, out_nonce);
    case WIRE_RECORD__BODY_PASSED: return nonce_of_passed(record->passed, out_nonce);
    default: return false;
    }
}
