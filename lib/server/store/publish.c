#include "server/store/publish.h"

#include <assert.h>
#include <string.h>

#include "server/store/mentions.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "server/store/subscriptions.h"
#include "wire/wire.h"

static void event_of_altered(WireHomeEvent *event, const WireRecord *record)
{
    event->body_case = WIRE_HOME_EVENT__BODY_CHANGED;
    event->changed = record->altered->message;
}

static bool event_of_member(WireHomeEvent *event, const WireRecord *record, struct arena *arena)
{
    WireMemberChanged *changed = arena_alloc(arena, sizeof(*changed));

    if (!changed)
        return false;
    wire_member_changed__init(changed);
    changed->home_id = record->home_id;
    changed->lsn = record->lsn;
    changed->member = record->member->member;
    event->body_case = WIRE_HOME_EVENT__BODY_MEMBER_CHANGED;
    event->member_changed = changed;
    return true;
}

static bool event_of_listed(WireHomeEvent *event, const WireRecord *record, struct arena *arena)
{
    const WireListedRecord *listed = record->listed;
    WireUserChannel *channel;

    if (listed->left) {
        event->body_case = WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED;
        event->channel_removed = listed->source_home;
        return true;
    }
    channel = arena_alloc(arena, sizeof(*channel));
    if (!channel)
        return false;
    wire_user_channel__init(channel);
    channel->home_id = listed->source_home;
    channel->kind = listed->kind;
    channel->read_seq = listed->read_seq;
    channel->read_message_id = listed->read_message_id;
    if (listed->settings) {
        channel->muted_until_ms = listed->settings->muted_until_ms;
        channel->settings_version = listed->settings->version;
        channel->draft_version = listed->settings->draft_version;
        channel->has_draft = listed->settings->has_draft;
    }
    event->body_case = WIRE_HOME_EVENT__BODY_CHANNEL_ADDED;
    event->channel_added = channel;
    return true;
}

static bool event_of_mentions(WireHomeEvent *event, const WireRecord *record, struct arena *arena)
{
    WireMentions *mentions = arena_alloc(arena, sizeof(*mentions));

    if (!mentions)
        return false;
    wire_mentions__init(mentions);
    mentions->channel_id = record->mentions->channel_id;
    mentions->count = mentions_count_of(record->mentions);
    event->body_case = WIRE_HOME_EVENT__BODY_MENTIONS;
    event->mentions = mentions;
    return true;
}

/* That a device has signed in is told by SessionStarted. */
static bool event_of_device(WireHomeEvent *event, const WireRecord *record, struct arena *arena)
{
    WireSignedOut *out;

    if (!record->device->signed_out)
        return true;
    out = arena_alloc(arena, sizeof(*out));
    if (!out)
        return false;
    wire_signed_out__init(out);
    out->device_id = record->device->device->device_id;
    out->session_no = record->device->device->signed_out_no;
    event->body_case = WIRE_HOME_EVENT__BODY_SIGNED_OUT;
    event->signed_out = out;
    return true;
}

/* False: no memory. A record that subscribers need not see leaves the body unset. */
static bool event_of(WireHomeEvent *event, const WireRecord *record, struct arena *arena)
{
    wire_home_event__init(event);
    switch ((int)record->body_case) {
    case WIRE_RECORD__BODY_ALTERED: event_of_altered(event, record); return true;
    case WIRE_RECORD__BODY_MEMBER: return event_of_member(event, record, arena);
    case WIRE_RECORD__BODY_CURSOR:
        event->body_case = WIRE_HOME_EVENT__BODY_CURSOR;
        event->cursor = record->cursor;
        return true;
    case WIRE_RECORD__BODY_LISTED: return event_of_listed(event, record, arena);
    case WIRE_RECORD__BODY_MENTIONS: return event_of_mentions(event, record, arena);
    case WIRE_RECORD__BODY_INFO:
        if (record->info->kind == WIRE_HOME_KIND__HOME_KIND_USER) {
            event->body_case = WIRE_HOME_EVENT__BODY_AUTH_EPOCH;
            event->auth_epoch = record->info->auth_epoch;
        }
        return true;
    case WIRE_RECORD__BODY_RECEIPTS:
        event->body_case = WIRE_HOME_EVENT__BODY_RECEIPTS;
        event->receipts = record->receipts;
        return true;
    case WIRE_RECORD__BODY_SETTINGS:
        event->body_case = WIRE_HOME_EVENT__BODY_CHANNEL_SETTINGS;
        event->channel_settings = record->settings;
        return true;
    case WIRE_RECORD__BODY_DRAFT:
        event->body_case = WIRE_HOME_EVENT__BODY_DRAFT;
        event->draft = record->draft->draft;
        return true;
    case WIRE_RECORD__BODY_DEVICE: return event_of_device(event, record, arena);
    default: return true;
    }
}

/* Planted faults publish before it was decoded. */
static const WireRecord *record_of(const struct decision *d, struct arena *arena)
{
    return d->record ? d->record : row_unpack(&wire_record__descriptor, d->bytes, d->len, arena);
}

/*
 * Encoding.
 *
 * A new message is the end of its record already, so its event is spliced from bytes;
 * everything around it is written here by hand. Field numbers are link.proto's.
 */
enum {
    TAG_FRAMES = 1 << 3 | 2,       /* LinkBatch.frames */
    TAG_PUBLICATION = 12 << 3 | 2, /* LinkFrame.publication */
    TAG_HOME_ID = 1 << 3 | 1,      /* Publication.home_id, fixed64 */
    TAG_PREV_LSN = 2 << 3 | 0,
    TAG_LSN = 3 << 3 | 0,
    TAG_EVENTS = 4 << 3 | 2,
    TAG_MESSAGE = 1 << 3 | 2, /* HomeEvent.message */
};

/* One event: bytes of a message, or a struct still to be packed. */
struct piece {
    const uint8_t *message;
    const WireHomeEvent *event;
    size_t len; /* of the message, or of the packed event */
};

static size_t varint_len(uint64_t value)
{
    size_t len = 1;

    while (value >>= 7)
        len++;
    return len;
}

/* Tag, length and content. */
static size_t field_len(size_t len) { return 1 + varint_len(len) + len; }

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

static uint8_t *put_head(uint8_t *out, uint8_t tag, size_t len)
{
    *out++ = tag;
    return put_varint(out, len);
}

static size_t event_len(const struct piece *piece)
{
    return piece->message ? field_len(piece->len) : piece->len;
}

static uint8_t *put_event(uint8_t *out, const struct piece *piece)
{
    out = put_head(out, TAG_EVENTS, event_len(piece));
    if (piece->message) {
        out = put_head(out, TAG_MESSAGE, piece->len);
        memcpy(out, piece->message, piece->len);
    } else {
        row_pack(piece->event, out);
    }
    return out + piece->len;
}

/* False: no memory. A record that subscribers need not see leaves an empty event out. */
static bool fill_piece(struct piece *piece, const struct decision *d, struct arena *arena)
{
    const WireRecord *record = record_of(d, arena);
    const WireMessage *message;
    WireHomeEvent *event;

    if (!record)
        return false;
    message = row_new_message(record);
    if (message) {
        piece->len = row_size(message);
        piece->message = d->bytes + (d->len - piece->len);
        return true;
    }
    event = arena_alloc(arena, sizeof(*event));
    if (!event || !event_of(event, record, arena))
        return false;
    piece->event = event->body_case != WIRE_HOME_EVENT__BODY__NOT_SET ? event : NULL;
    piece->len = piece->event ? row_size(event) : 0;
    return true;
}

/* Returns the number of pieces in *out_pieces; SIZE_MAX: no memory. */
static size_t gather(struct shard *s, const struct group *group, struct piece **out_pieces)
{
    struct piece *pieces = arena_alloc(&s->scratch, group->count * sizeof(*pieces));
    const struct list_node *head = &group->decisions.head;
    size_t count = 0;

    if (!pieces)
        return SIZE_MAX;
    for (struct list_node *node = head->next; node != head; node = node->next) {
        pieces[count] = (struct piece){0};
        if (!fill_piece(&pieces[count], LIST_ENTRY(node, struct decision, in_group), &s->scratch))
            return SIZE_MAX;
        if (pieces[count].message || pieces[count].event)
            count++;
    }
    *out_pieces = pieces;
    return count;
}

static struct frame *encode_group(struct shard *s, const struct group *group)
{
    struct piece *pieces = NULL;
    const size_t count = gather(s, group, &pieces);
    size_t len =
        9 + (group->prev_lsn ? 1 + varint_len(group->prev_lsn) : 0) + 1 + varint_len(group->lsn);
    struct frame *frame;
    uint8_t *out;

    if (count == SIZE_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++)
        len += field_len(event_len(&pieces[i]));
    frame = frame_new(s->allocator, field_len(field_len(len)));
    if (!frame)
        return NULL;
    frame->count = 1;
    frame->kind = WIRE_LINK_FRAME__BODY_PUBLICATION;
    out = put_head(frame->bytes, TAG_FRAMES, field_len(len));
    out = put_head(out, TAG_PUBLICATION, len);
    *out++ = TAG_HOME_ID;
    for (unsigned i = 0; i < 8; i++)
        *out++ = (uint8_t)(group->home->id >> (8 * i));
    if (group->prev_lsn) {
        *out++ = TAG_PREV_LSN;
        out = put_varint(out, group->prev_lsn);
    }
    *out++ = TAG_LSN;
    out = put_varint(out, group->lsn);
    for (size_t i = 0; i < count; i++)
        out = put_event(out, &pieces[i]);
    assert(out == frame->bytes + frame->len);
    return frame;
}

void publish_group(struct shard *s, struct group *group)
{
    struct frame *frame;

    s->stats->events += group->count;
    if (group->count == 0 || list_is_empty(&group->home->subscriptions))
        return;
    s->stats->publications++;
    arena_reset(&s->scratch);
    frame = encode_group(s, group);
    if (!frame) {
        /* Routers see the hole with the next one, and ask. */
        s->stats->publications_lost++;
        return;
    }
    subscriptions_publish(s, group->home, frame, group->prev_lsn);
    frame_unref(frame);
}

struct frame *publish_ephemeral(struct shard *s, uint64_t home_id, WireHomeEvent *event)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WirePublication publication = WIRE_PUBLICATION__INIT;

    publication.home_id = home_id;
    publication.n_events = 1;
    publication.events = &event;
    frame.body_case = WIRE_LINK_FRAME__BODY_PUBLICATION;
    frame.publication = &publication;
    return wire_encode_link(s->allocator, &frame);
}
