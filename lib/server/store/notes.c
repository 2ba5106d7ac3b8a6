/* The sending side; notes_in.c has the receiving one. */
#include "server/store/notes.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "server/store/batch.h"
#include "server/store/role.h"
#include "wire/wire.h"

struct note_out {
    struct list_node node; /* in its lane, then among the acknowledged */
    uint64_t source, dest, number;
    struct frame *frame;
};

struct note_lane {
    struct table_node node;
    struct wheel_timer timer; /* when the first is sent again */
    struct list notes;        /* ascending by number */
    uint64_t source, dest;
    int64_t wait_ms;
};

struct lane_name {
    uint64_t source, dest;
};

static bool matches(const struct table_node *node, const void *key)
{
    const struct note_lane *lane = (const struct note_lane *)(const void *)node;
    const struct lane_name *name = key;

    return lane->source == name->source && lane->dest == name->dest;
}

static struct note_lane *find_lane(struct shard *s, uint64_t source, uint64_t dest)
{
    const struct lane_name name = {source, dest};

    return (struct note_lane *)(void *)table_find(&s->notes.lanes, hash_pair(source, dest), &name);
}

static struct note_out *first_note(const struct note_lane *lane)
{
    struct list_node *node = list_first(&lane->notes);

    return node ? LIST_ENTRY(node, struct note_out, node) : NULL;
}

static void free_note(struct shard *s, struct note_out *note)
{
    list_remove(&note->node);
    frame_unref(note->frame);
    alloc_free(s->allocator, note);
}

static void free_lane(struct shard *s, struct note_lane *lane)
{
    struct note_out *note;

    while ((note = first_note(lane)) != NULL)
        free_note(s, note);
    wheel_cancel(&s->notes.wheel, &lane->timer);
    table_remove(&s->notes.lanes, &lane->node);
    alloc_free(s->allocator, lane);
}

void notes_init(struct shard *s)
{
    struct notes *n = &s->notes;

    *n = (struct notes){.flush_at_ms = MOMENT_NEVER};
    table_init(&n->lanes, s->allocator, matches);
    wheel_init(&n->wheel, s->store->now.mono_ms);
    list_init(&n->acked);
}

void notes_fini(struct shard *s)
{
    struct table_node *node;

    if (!s->notes.acked.head.next)
        return;
    while ((node = table_next(&s->notes.lanes, NULL)) != NULL)
        free_lane(s, (struct note_lane *)(void *)node);
    LIST_EACH(acked, &s->notes.acked)
    free_note(s, LIST_ENTRY(acked, struct note_out, node));
    table_fini(&s->notes.lanes);
}

void notes_reserve(struct shard *s, uint32_t count) { s->notes.reserved += count; }

void notes_refused(struct shard *s)
{
    s->notes.reserved = 0;
    s->notes.deleting = 0;
}

static struct note_lane *lane_for(struct shard *s, const WireNote *note)
{
    struct note_lane *lane = find_lane(s, note->source_home, note->dest_home);

    if (lane)
        return lane;
    lane = alloc_zeroed(s->allocator, sizeof(*lane));
    if (!lane)
        return NULL;
    lane->source = note->source_home;
    lane->dest = note->dest_home;
    list_init(&lane->notes);
    if (table_insert(&s->notes.lanes, &lane->node, hash_pair(lane->source, lane->dest)) !=
        CHAT_OK) {
        alloc_free(s->allocator, lane);
        return NULL;
    }
    return lane;
}

/* The lane's first note goes out at the next turn. */
static void send_soon(struct shard *s, struct note_lane *lane)
{
    lane->wait_ms = s->limits->note_resend_ms;
    wheel_set(&s->notes.wheel, &lane->timer, s->store->now.mono_ms);
    shard_mark(s);
}

chat_status notes_add(struct shard *s, const WireNote *note, bool live)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    struct note_lane *lane = lane_for(s, note);
    struct note_out *out = lane ? alloc_zeroed(s->allocator, sizeof(*out)) : NULL;

    if (!out)
        return CHAT_E_NOMEM; /* an empty lane is freed with the shard's memory */
    frame.body_case = WIRE_LINK_FRAME__BODY_NOTE;
    frame.note = (WireNote *)(uintptr_t)note;
    out->source = note->source_home;
    out->dest = note->dest_home;
    out->number = note->number;
    out->frame = wire_encode_link(s->allocator, &frame);
    if (!out->frame) {
        alloc_free(s->allocator, out);
        return CHAT_E_NOMEM;
    }
    list_push_back(&lane->notes, &out->node);
    s->notes.count++;
    if (live && s->notes.reserved > 0)
        s->notes.reserved--;
    if (first_note(lane) == out)
        send_soon(s, lane);
    return CHAT_OK;
}

static void send(struct shard *s, struct note_lane *lane)
{
    struct note_out *note = first_note(lane);
    const uint32_t shard = shard_of_id(lane->dest, s->store->config.shard_count);

    if (store_send_to_shard(s->store, shard, note->frame))
        s->stats->notes_sent++;
    wheel_set(&s->notes.wheel, &lane->timer, s->store->now.mono_ms + lane->wait_ms);
    lane->wait_ms *= 2;
    if (lane->wait_ms > s->limits->note_resend_max_ms)
        lane->wait_ms = s->limits->note_resend_max_ms;
}

void notes_kick(struct shard *s)
{
    for (struct table_node *node = NULL; (node = table_next(&s->notes.lanes, node)) != NULL;)
        send_soon(s, (struct note_lane *)(void *)node);
}

/* One record deletes what was acknowledged so far. */
static void flush(struct shard *s)
{
    WireRecord record = WIRE_RECORD__INIT;
    WireNotesAckedRecord acked = WIRE_NOTES_ACKED_RECORD__INIT;
    const uint32_t count =
        s->notes.acked_count < NOTES_ACKED_MAX ? s->notes.acked_count : NOTES_ACKED_MAX;
    WireNoteKey *keys;
    WireNoteKey **list;
    uint32_t i = 0;

    s->notes.flush_at_ms = s->store->now.mono_ms + s->limits->note_ack_ms;
    if (shard_limit(s))
        return;
    arena_reset(&s->scratch);
    keys = arena_alloc(&s->scratch, count * sizeof(*keys));
    list = arena_alloc(&s->scratch, count * sizeof(WireNoteKey *));
    if (!keys || !list)
        return;
    LIST_EACH(node, &s->notes.acked)
    {
        const struct note_out *note = LIST_ENTRY(node, struct note_out, node);

        if (i == count)
            break;
        wire_note_key__init(&keys[i]);
        keys[i].source_home = note->source;
        keys[i].dest_home = note->dest;
        keys[i].number = note->number;
        list[i] = &keys[i];
        i++;
    }
    acked.notes = list;
    acked.n_notes = count;
    record.body_case = WIRE_RECORD__BODY_NOTES_ACKED;
    record.notes_acked = &acked;
    if (batch_decide(s, s->root, &record, NULL, NULL, NULL) != CHAT_OK)
        return;
    s->notes.deleting = count;
    s->notes.deleting_position = s->decided;
}

void notes_synced(struct shard *s)
{
    struct notes *n = &s->notes;

    if (n->deleting == 0 || n->deleting_position > s->synced)
        return;
    for (; n->deleting > 0; n->deleting--, n->acked_count--)
        free_note(s, LIST_ENTRY(list_first(&n->acked), struct note_out, node));
    n->flush_at_ms =
        n->acked_count > 0 ? s->store->now.mono_ms + s->limits->note_ack_ms : MOMENT_NEVER;
}

void notes_pump(struct shard *s)
{
    struct notes *n = &s->notes;
    struct wheel_timer *timer;

    if (n->lanes.count > 0) {
        wheel_advance(&n->wheel, s->store->now.mono_ms);
        while ((timer = wheel_pop(&n->wheel)) != NULL) {
            struct note_lane *lane =
                (struct note_lane *)(void *)((char *)timer - offsetof(struct note_lane, timer));

            if (first_note(lane))
                send(s, lane);
        }
    }
    if (n->acked_count > 0 && n->deleting == 0 && !s->stopping &&
        (n->acked_count >= NOTES_ACKED_MAX || n->flush_at_ms <= s->store->now.mono_ms))
        flush(s);
}

int64_t notes_deadline(const struct shard *s)
{
    const struct notes *n = &s->notes;
    const int64_t next = n->lanes.count > 0 ? wheel_next_ms(&n->wheel) : MOMENT_NEVER;

    if (n->acked_count > 0 && n->deleting == 0 && n->flush_at_ms < next)
        return n->flush_at_ms;
    return next;
}

void notes_take_ack(struct shard *s, const struct request *req)
{
    const WireNoteAck *ack = req->frame->note_ack;
    struct note_lane *lane = find_lane(s, ack->source_home, ack->dest_home);
    struct note_out *note;
    bool moved = false;

    if (!lane)
        return;
    while ((note = first_note(lane)) != NULL && note->number <= ack->number) {
        list_remove(&note->node);
        list_push_back(&s->notes.acked, &note->node);
        s->notes.acked_count++;
        s->notes.count--;
        s->stats->notes_acked++;
        moved = true;
    }
    if (!moved)
        return;
    if (s->notes.flush_at_ms == MOMENT_NEVER)
        s->notes.flush_at_ms = s->store->now.mono_ms + s->limits->note_ack_ms;
    if (note)
        send_soon(s, lane);
    else
        free_lane(s, lane);
}
