#include "server/store/publish.h"

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
    event->body_case = WIRE_HOME_EVENT__BODY_CHANNEL_ADDED;
    event->channel_added = channel;
    return true;
}

/* False: no memory. A record that subscribers need not see leaves the body unset. */
static bool event_of(WireHomeEvent *event, const WireRecord *record, struct arena *arena)
{
    wire_home_event__init(event);
    if (!record)
        return false;
    switch ((int)record->body_case) {
    case WIRE_RECORD__BODY_MESSAGE:
        event->body_case = WIRE_HOME_EVENT__BODY_MESSAGE;
        event->message = record->message;
        return true;
    case WIRE_RECORD__BODY_ALTERED: event_of_altered(event, record); return true;
    case WIRE_RECORD__BODY_MEMBER: return event_of_member(event, record, arena);
    case WIRE_RECORD__BODY_CURSOR:
        event->body_case = WIRE_HOME_EVENT__BODY_CURSOR;
        event->cursor = record->cursor;
        return true;
    case WIRE_RECORD__BODY_LISTED: return event_of_listed(event, record, arena);
    default: return true;
    }
}

/* Planted faults publish before it was decoded. */
static const WireRecord *record_of(const struct decision *d, struct arena *arena)
{
    return d->record ? d->record : row_unpack(&wire_record__descriptor, d->bytes, d->len, arena);
}

static bool fill_events(struct shard *s, const struct group *group, WirePublication *publication)
{
    struct arena *arena = &s->scratch;
    WireHomeEvent *events = arena_alloc(arena, group->count * sizeof(*events));
    WireHomeEvent **list = arena_alloc(arena, group->count * sizeof(WireHomeEvent *));
    size_t count = 0;

    if (!events || !list)
        return false;
    for (const struct list_node *node = group->decisions.head.next; node != &group->decisions.head;
         node = node->next) {
        const struct decision *decision =
            LIST_ENTRY((struct list_node *)(uintptr_t)node, struct decision, in_group);

        if (!event_of(&events[count], record_of(decision, arena), arena))
            return false;
        if (events[count].body_case != WIRE_HOME_EVENT__BODY__NOT_SET) {
            list[count] = &events[count];
            count++;
        }
    }
    publication->events = list;
    publication->n_events = count;
    return true;
}

static struct frame *encode(struct shard *s, WirePublication *publication)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_PUBLICATION;
    frame.publication = publication;
    return wire_encode_link(s->allocator, &frame);
}

void publish_group(struct shard *s, struct group *group)
{
    WirePublication publication = WIRE_PUBLICATION__INIT;
    struct frame *frame = NULL;

    s->stats->events += group->count;
    if (group->count == 0 || list_is_empty(&group->home->subscriptions))
        return;
    s->stats->publications++;
    publication.home_id = group->home->id;
    publication.prev_lsn = group->prev_lsn;
    publication.lsn = group->lsn;
    arena_reset(&s->scratch);
    if (fill_events(s, group, &publication))
        frame = encode(s, &publication);
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
    WirePublication publication = WIRE_PUBLICATION__INIT;

    publication.home_id = home_id;
    publication.n_events = 1;
    publication.events = &event;
    return encode(s, &publication);
}
