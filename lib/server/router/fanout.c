#include "server/router/fanout.h"

#include <string.h>

#include "base/alloc.h"
#include "base/plant.h"
#include "server/router/output.h"
#include "server/router/sync.h"

/* Bytes of text and such that go into one shared frame; a session's message holds several. */
#define RUN_BYTES_MAX (256u << 10)

/* Events in a row that every member gets alike. */
struct run {
    WireServerFrame frames[ROUTER_EVENTS_MAX];
    const WireServerFrame *pointers[ROUTER_EVENTS_MAX];
    size_t count;
    size_t bytes; /* about */
};

/* `typing`: what is pushed, NULL for all else. Who types does not hear it, nor who reads
 * nothing now: it would be over by then. */
static void push_to_members(struct router *r, const struct home *h, struct frame *frame,
                            const WireTyping *typing)
{
    const uint32_t count = h->members.count;

    /* Nothing in output_push() changes members: a session that cannot take more is ended
     * later (output_reap). */
    for (uint32_t i = 0; i < count; i++) {
        const struct home_member member = members_get(&h->members, i);
        struct session *s = router_session(r, member.session);

        if (!(member.permissions & WIRE_PERMISSION__PERMISSION_VIEW))
            continue;
        if (typing && (s->blocked || s->session_no == typing->session_no)) {
            r->stats.ephemera_dropped += s->blocked;
            continue;
        }
        output_push(r, s, frame);
        r->stats.deliveries += frame->count;
    }
}

static void flush_run(struct router *r, struct home *h, struct run *run)
{
    struct frame *frame;

    if (run->count == 0)
        return;
    frame = run->count == 1 ? wire_encode_server(r->allocator, run->pointers[0])
                            : wire_encode_server_many(r->allocator, run->pointers, run->count);
    run->count = 0;
    run->bytes = 0;
    if (!frame) { /* not delivered: as a hole, so that clients are told to pull */
        r->stats.no_memory++;
        home_lose(r, h);
        return;
    }
    push_to_members(r, h, frame, NULL);
    frame_unref(frame);
}

static void add_message(struct router *r, struct home *h, struct run *run, WireMessage *message,
                        bool changed)
{
    WireServerFrame *frame = &run->frames[run->count];

    *frame = (WireServerFrame)WIRE_SERVER_FRAME__INIT;
    frame->body_case = changed ? WIRE_SERVER_FRAME__BODY_CHANGED : WIRE_SERVER_FRAME__BODY_MESSAGE;
    frame->message = message;
    run->pointers[run->count++] = frame;
    run->bytes += message->extra.len + strlen(message->text) + 8 * message->n_mention_ids + 64;
    for (size_t i = 0; i < message->n_reactions; i++)
        run->bytes += 8 * message->reactions[i]->n_user_ids + CHAT_EMOJI_MAX;
    if (run->bytes >= RUN_BYTES_MAX)
        flush_run(r, h, run);
}

static void take_message(struct router *r, struct home *h, struct run *run, WireMessage *message)
{
    if (message->seq <= h->head_seq) {
        r->stats.duplicates++;
        return;
    }
    h->head_seq = message->seq;
    h->head_message_id = message->message_id;
    add_message(r, h, run, message, false);
}

static void take_changed(struct router *r, struct home *h, struct run *run, WireMessage *message)
{
    if (message->rev <= h->head_rev) {
        r->stats.duplicates++;
        return;
    }
    h->head_rev = message->rev;
    add_message(r, h, run, message, true);
}

/* --- members --- */

static void send_member_changed(struct router *r, const struct home *h, WireMemberChanged *changed)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    struct frame *encoded;

    frame.body_case = WIRE_SERVER_FRAME__BODY_MEMBER_CHANGED;
    frame.member_changed = changed;
    encoded = wire_encode_server(r->allocator, &frame);
    if (!encoded) {
        r->stats.no_memory++; /* clients fetch members when they show them */
        return;
    }
    push_to_members(r, h, encoded, NULL);
    frame_unref(encoded);
}

static void remove_user(struct router *r, struct home *h, const struct user *u, uint64_t lsn)
{
    USER_EACH_SESSION(s, u)
    {
        uint32_t slot = home_slot(h, s);

        if (slot == SLAB_NONE)
            continue;
        if (!PLANTED(REMOVED_STILL_SERVED))
            home_leave(r, s, slot);
        home_send_removed(r, h->home_id, lsn, s);
    }
}

static void admit_user(struct router *r, struct home *h, const struct user *u, uint32_t permissions)
{
    USER_EACH_SESSION(s, u)
    {
        struct home_member member;
        const bool known = home_member_of(h, s, &member);
        bool saw = known && (member.permissions & WIRE_PERMISSION__PERMISSION_VIEW);

        if (s->state == SESSION_LEAVING && !known)
            continue;
        if (home_join(r, h, s, permissions) != CHAT_OK)
            output_starve(r, s);
        else if (!saw && (permissions & WIRE_PERMISSION__PERMISSION_VIEW))
            home_send_channel(r, h, s, permissions, NULL);
    }
}

static void take_member_changed(struct router *r, struct home *h, WireMemberChanged *changed,
                                uint64_t known_lsn)
{
    struct user *u = changed->member ? user_find(r, changed->member->user_id) : NULL;

    if (!changed->member || (changed->lsn != 0 && changed->lsn <= known_lsn))
        return;
    if (changed->member->permissions == WIRE_PERMISSION__PERMISSION_NONE) {
        if (u)
            remove_user(r, h, u, changed->lsn);
        send_member_changed(r, h, changed);
    } else {
        if (u)
            admit_user(r, h, u, changed->member->permissions);
        send_member_changed(r, h, changed);
    }
}

/* --- receipts and typing --- */

static void take_receipts(struct router *r, const struct home *h, WireReceipts *receipts)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    struct frame *encoded;

    frame.body_case = WIRE_SERVER_FRAME__BODY_RECEIPTS;
    frame.receipts = receipts;
    encoded = wire_encode_server(r->allocator, &frame);
    if (!encoded) {
        r->stats.no_memory++; /* the next ones are higher */
        return;
    }
    push_to_members(r, h, encoded, NULL);
    frame_unref(encoded);
}

static void take_typing(struct router *r, const struct home *h, const WireTyping *said)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireTyping typing = *said;
    struct frame *encoded;

    typing.session_no = 0;
    frame.body_case = WIRE_SERVER_FRAME__BODY_TYPING;
    frame.typing = &typing;
    encoded = wire_encode_server(r->allocator, &frame);
    if (!encoded)
        return;
    push_to_members(r, h, encoded, said);
    frame_unref(encoded);
}

/* --- one publication --- */

static void take_events(struct router *r, struct home *h, const WirePublication *p,
                        uint64_t known_lsn, struct run *run)
{
    for (size_t i = 0; i < p->n_events && i < ROUTER_EVENTS_MAX; i++) {
        const WireHomeEvent *event = p->events[i];

        r->stats.events++;
        switch ((int)event->body_case) {
        case WIRE_HOME_EVENT__BODY_MESSAGE: take_message(r, h, run, event->message); break;
        case WIRE_HOME_EVENT__BODY_CHANGED: take_changed(r, h, run, event->changed); break;
        case WIRE_HOME_EVENT__BODY_MEMBER_CHANGED:
            flush_run(r, h, run);
            take_member_changed(r, h, event->member_changed, known_lsn);
            break;
        case WIRE_HOME_EVENT__BODY_RECEIPTS:
            flush_run(r, h, run);
            take_receipts(r, h, event->receipts);
            break;
        case WIRE_HOME_EVENT__BODY_TYPING: take_typing(r, h, event->typing); break;
        default: break; /* of users' homes, or unknown */
        }
    }
    flush_run(r, h, run);
}

/* True when the publication goes on from what the router knows. */
static bool continues(struct router *r, struct home *h, const WirePublication *p)
{
    if (h->state != HOME_LIVE)
        return false;
    if (p->lsn == 0)
        return true; /* ephemeral: in no order */
    if (p->lsn <= h->lsn) {
        r->stats.duplicates++;
        return false;
    }
    if (p->prev_lsn > h->lsn && !PLANTED(HOLE_IGNORED)) {
        r->stats.holes++;
        home_lose(r, h);
        return false;
    }
    return true;
}

void fanout_publication(struct router *r, const WirePublication *p)
{
    struct home *h = home_find(r, p->home_id);
    struct run *run;
    uint64_t known_lsn;

    if (!h) {
        struct user *u = user_find(r, p->home_id);

        if (u)
            user_publication(r, u, p);
        return;
    }
    r->stats.publications++;
    if (!continues(r, h, p))
        return;
    known_lsn = h->lsn;
    if (p->lsn != 0)
        h->lsn = p->lsn;
    run = r->run;
    run->count = 0;
    run->bytes = 0;
    take_events(r, h, p, known_lsn, run);
    home_release(r, h);
}

struct run *fanout_new_run(const struct chat_allocator *allocator)
{
    return alloc_zeroed(allocator, sizeof(struct run));
}
