#include "server/store/mentions.h"

#include <string.h>

#include "base/alloc.h"
#include "base/plant.h"
#include "server/store/batch.h"
#include "server/store/notes.h"
#include "server/store/role.h"

/* --- in the conversation's home --- */

static bool is_among(const uint64_t *ids, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

bool mentions_are_sane(const uint64_t *ids, size_t count)
{
    if (count > CHAT_MENTIONS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (ids[i] == 0 || is_among(ids, i, ids[i]))
            return false;
    return true;
}

size_t mentions_pick(const struct home *home, uint64_t author_id, const uint64_t *ids, size_t count,
                     const uint64_t *but, size_t but_count, uint64_t *out)
{
    size_t picked = 0;

    for (size_t i = 0; i < count && picked < CHAT_MENTIONS_MAX; i++) {
        const uint32_t permissions = home_permissions(home, ids[i]);

        if (ids[i] != author_id && (permissions & WIRE_PERMISSION__PERMISSION_VIEW) &&
            !is_among(but, but_count, ids[i]))
            out[picked++] = ids[i];
    }
    return picked;
}

/* --- in the user's home --- */

/* A listing's, being changed: it is kept only once that is decided. */
struct kept {
    uint64_t seqs[CHAT_MENTIONS_COUNT_MAX];
    uint32_t count;
    uint64_t dropped_seq;
};

uint32_t mentions_count(const struct listing *l)
{
    uint32_t read = 0;

    if (l->dropped_seq > l->read_seq)
        return CHAT_MENTIONS_COUNT_MAX;
    while (read < l->mention_count && l->mention_seqs[read] <= l->read_seq)
        read++;
    return l->mention_count - read;
}

uint32_t mentions_count_of(const WireMentionsRecord *record)
{
    return record->dropped_seq != 0 ? CHAT_MENTIONS_COUNT_MAX : (uint32_t)record->n_seqs;
}

static chat_status reserve(struct listing *l, const struct chat_allocator *allocator,
                           uint32_t count)
{
    uint32_t room = l->mention_room ? l->mention_room * 2 : 4;
    uint64_t *grown;

    if (count <= l->mention_room)
        return CHAT_OK;
    room = room < count ? count : room;
    grown = alloc_resize(allocator, l->mention_seqs, l->mention_room * sizeof(*grown),
                         room * sizeof(*grown));
    if (!grown)
        return CHAT_E_NOMEM;
    l->mention_seqs = grown;
    l->mention_room = (uint16_t)room;
    return CHAT_OK;
}

static void keep(struct listing *l, const struct kept *kept)
{
    if (kept->count > 0)
        memcpy(l->mention_seqs, kept->seqs, kept->count * sizeof(kept->seqs[0]));
    l->mention_count = (uint16_t)kept->count;
    l->dropped_seq = kept->dropped_seq;
}

chat_status mentions_load(struct listing *l, const struct chat_allocator *allocator,
                          const WireListRow *row)
{
    struct kept kept = {.dropped_seq = row->dropped_seq};

    if (row->n_mention_seqs > CHAT_MENTIONS_COUNT_MAX)
        return CHAT_E_CORRUPT;
    kept.count = (uint32_t)row->n_mention_seqs;
    if (kept.count > 0)
        memcpy(kept.seqs, row->mention_seqs, kept.count * sizeof(kept.seqs[0]));
    if (reserve(l, allocator, kept.count) != CHAT_OK)
        return CHAT_E_NOMEM;
    keep(l, &kept);
    return CHAT_OK;
}

/* Those that are not read yet. */
static void kept_of(const struct listing *l, struct kept *out)
{
    out->count = 0;
    out->dropped_seq = l->dropped_seq > l->read_seq ? l->dropped_seq : 0;
    for (uint32_t i = 0; i < l->mention_count; i++)
        if (l->mention_seqs[i] > l->read_seq)
            out->seqs[out->count++] = l->mention_seqs[i];
}

static uint32_t index_of(const struct kept *kept, uint64_t seq)
{
    uint32_t at = 0;

    while (at < kept->count && kept->seqs[at] < seq)
        at++;
    return at;
}

/* The oldest one makes room when there are too many. False: nothing changed. */
static bool add(struct kept *kept, uint64_t seq)
{
    uint32_t at = index_of(kept, seq);
    uint64_t dropped = seq;

    if (seq <= kept->dropped_seq || (at < kept->count && kept->seqs[at] == seq))
        return false;
    if (kept->count < CHAT_MENTIONS_COUNT_MAX) {
        memmove(&kept->seqs[at + 1], &kept->seqs[at], (kept->count - at) * sizeof(kept->seqs[0]));
        kept->seqs[at] = seq;
        kept->count++;
        return true;
    }
    if (at > 0) {
        dropped = kept->seqs[0];
        memmove(&kept->seqs[0], &kept->seqs[1], (at - 1) * sizeof(kept->seqs[0]));
        kept->seqs[at - 1] = seq;
    }
    kept->dropped_seq = dropped;
    return true;
}

static bool take_back(struct kept *kept, uint64_t seq)
{
    const uint32_t at = index_of(kept, seq);

    if (at == kept->count || kept->seqs[at] != seq)
        return false;
    kept->count--;
    memmove(&kept->seqs[at], &kept->seqs[at + 1], (kept->count - at) * sizeof(kept->seqs[0]));
    return true;
}

static chat_status decide(struct shard *s, struct home *home, struct listing *l, struct kept *kept,
                          uint64_t note_number)
{
    WireRecord record = WIRE_RECORD__INIT;
    WireMentionsRecord body = WIRE_MENTIONS_RECORD__INIT;

    body.channel_id = l->home_id; /* a conversation has one channel, named like its home */
    body.kind = l->kind;
    body.note_number = note_number;
    body.seqs = kept->seqs;
    body.n_seqs = kept->count;
    body.dropped_seq = kept->dropped_seq;
    record.body_case = WIRE_RECORD__BODY_MENTIONS;
    record.mentions = &body;
    if (reserve(l, s->allocator, kept->count) != CHAT_OK ||
        batch_decide(s, home, &record, NULL, NULL, NULL) != CHAT_OK)
        return CHAT_E_NOMEM;
    l->note_number = note_number;
    keep(l, kept);
    return CHAT_OK;
}

void mentions_read(struct shard *s, struct home *home, struct listing *l)
{
    struct kept kept;

    if (!l->listed || (l->mention_count == 0 && l->dropped_seq == 0))
        return;
    kept_of(l, &kept);
    if (kept.count != l->mention_count || kept.dropped_seq != l->dropped_seq)
        (void)decide(s, home, l, &kept, l->note_number);
}

void mentions_take_note(struct shard *s, struct home *home, const struct request *req)
{
    const WireNote *note = req->frame->note;
    const bool taken_back = note->body_case == WIRE_NOTE__BODY_UNMENTIONED;
    const uint64_t seq = taken_back ? note->unmentioned->seq : note->mentioned->seq;
    struct listing *l = home_find_listing(home, note->source_home);
    struct kept kept;

    /* What changes nothing is not written down: told again it changes nothing again. */
    if (!l || !l->listed || (PLANTED(MENTION_NOT_TAKEN_BACK) && taken_back) || seq <= l->read_seq ||
        seq > INT64_MAX) {
        notes_acknowledge(s, home, req);
        return;
    }
    kept_of(l, &kept);
    if (!(taken_back ? take_back(&kept, seq) : add(&kept, seq))) {
        notes_acknowledge(s, home, req);
        return;
    }
    if (!shard_may_decide(s, req) || decide(s, home, l, &kept, note->number) != CHAT_OK)
        return; /* it is sent again */
    s->stats->notes_applied++;
    notes_acknowledge(s, home, req);
}
