/* The receiving side of notes: a user's home takes in what a conversation decided. */
#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/mentions.h"
#include "server/store/notes.h"
#include "server/store/role.h"
#include "server/store/settings.h"
#include "wire/wire.h"

static bool have_room(struct shard *s, uint32_t count, uint32_t most, const struct request *req)
{
    const uint64_t held = (uint64_t)s->notes.count + s->notes.acked_count + s->notes.reserved;

    if (held + count <= most)
        return true;
    answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "notes");
    return false;
}

bool notes_have_room(struct shard *s, uint32_t count, const struct request *req)
{
    return have_room(s, count, s->limits->notes_max, req);
}

bool notes_have_room_for_mentions(struct shard *s, uint32_t count, const struct request *req)
{
    return count == 0 || have_room(s, count, s->limits->notes_max / 2, req);
}

void notes_acknowledge(struct shard *s, struct home *home, const struct request *req)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireNoteAck ack = WIRE_NOTE_ACK__INIT;
    struct frame *encoded;

    ack.source_home = req->frame->note->source_home;
    ack.dest_home = req->frame->note->dest_home;
    ack.number = req->frame->note->number;
    frame.body_case = WIRE_LINK_FRAME__BODY_NOTE_ACK;
    frame.note_ack = &ack;
    encoded = wire_encode_link(s->allocator, &frame);
    if (!encoded)
        return; /* it is sent again */
    if (home && home->decided_position > s->synced && !PLANTED(NOTE_ACK_BEFORE_SYNC)) {
        struct outcome *outcome = batch_home_outcome(s, OUTCOME_PUSH, req->link, home);

        if (outcome)
            outcome->frame = encoded;
        else
            frame_unref(encoded);
        return;
    }
    (void)store_push(s->store, req->link, encoded);
    frame_unref(encoded);
}

/* The left conversation that has waited longest to be forgotten; 0: none. */
static uint64_t forgettable(const struct home *home)
{
    for (uint32_t i = 0; i < home->listing_count; i++)
        if (!home->listings[i].listed)
            return home->listings[i].home_id;
    return 0;
}

static void forget(struct shard *s, struct home *home, uint64_t home_id)
{
    struct listing *l = home_find_listing(home, home_id);

    if (l)
        home_remove_listing(home, s->allocator, l);
}

static void apply_note(struct shard *s, struct home *home, const struct request *req)
{
    const WireNote *note = req->frame->note;
    const bool left = note->body_case == WIRE_NOTE__BODY_LEFT;
    WireRecord record = WIRE_RECORD__INIT;
    WireListedRecord listed = WIRE_LISTED_RECORD__INIT;
    WireChannelSettings settings;
    struct listing *l = home_find_listing(home, note->source_home);

    if (!l && home->listing_count >= HOME_LISTINGS_MAX)
        listed.forget_home = forgettable(home);
    if (!l)
        l = home_put_listing(home, s->allocator, note->source_home);
    if (!l)
        return; /* it is sent again */
    listed.source_home = note->source_home;
    listed.note_number = note->number;
    listed.kind = left ? l->kind : note->joined->kind;
    listed.left = left;
    listed.read_seq = l->read_seq;
    listed.read_message_id = l->read_message_id;
    settings_fill(&settings, note->source_home, l);
    listed.settings = &settings;
    record.body_case = WIRE_RECORD__BODY_LISTED;
    record.listed = &listed;
    if (batch_decide(s, home, &record, NULL, NULL, NULL) != CHAT_OK)
        return;
    l->kind = listed.kind;
    l->note_number = note->number;
    home_set_listed(home, l, !left);
    l->mention_count = 0; /* as in the row */
    l->dropped_seq = 0;
    if (listed.forget_home != 0)
        forget(s, home, listed.forget_home);
    s->stats->notes_applied++;
    notes_acknowledge(s, home, req);
}

static bool is_about_mention(const WireNote *note)
{
    return note->body_case == WIRE_NOTE__BODY_MENTIONED ||
           note->body_case == WIRE_NOTE__BODY_UNMENTIONED;
}

void notes_take(struct shard *s, const struct request *req)
{
    const WireNote *note = req->frame->note;
    struct home *home = homes_need(s, note->dest_home, req);
    const struct listing *l;

    if (!home)
        return;
    l = home_find_listing(home, note->source_home);
    if (home->kind != WIRE_HOME_KIND__HOME_KIND_USER ||
        note->body_case == WIRE_NOTE__BODY__NOT_SET || note->source_home == 0 ||
        note->source_home > INT64_MAX || (l && note->number <= l->note_number) ||
        (!l && note->body_case == WIRE_NOTE__BODY_LEFT)) {
        notes_acknowledge(s, home, req); /* had before, or nothing to do */
        return;
    }
    if (is_about_mention(note)) {
        mentions_take_note(s, home, req);
        return;
    }
    if (note->body_case == WIRE_NOTE__BODY_JOINED && !(l && l->listed) &&
        home->listed_count >= CHAT_USER_CHANNELS_MAX) {
        s->stats->lists_full++;
        notes_acknowledge(s, home, req);
        return;
    }
    if (shard_may_decide(s, req))
        apply_note(s, home, req);
}
