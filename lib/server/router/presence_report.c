#include "server/router/presence_report.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

struct presence_peer *report_peer(struct router *r, uint64_t user_id)
{
    if (r->presence_count == 0)
        return NULL;
    return &r->presences[hash_u64(user_id) % r->presence_count];
}

struct presence_peer *report_peer_of_link(struct router *r, const struct link *link)
{
    for (uint32_t i = 0; i < r->presence_count; i++)
        if (r->presences[i].peer == link->peer)
            return &r->presences[i];
    return NULL;
}

static bool make_room(struct router *r, struct presence_peer *p)
{
    uint32_t cap = p->cap == 0 ? 64 : p->cap * 2;
    struct session_change *larger;

    if (p->count < p->cap)
        return true;
    if (p->count >= REPORT_PENDING_MAX)
        return false;
    larger =
        alloc_resize(r->allocator, p->changes, p->cap * sizeof(*larger), cap * sizeof(*larger));
    if (!larger)
        return false;
    p->changes = larger;
    p->cap = cap;
    return true;
}

void report_session(struct router *r, const struct session *s, WirePresenceState state)
{
    struct presence_peer *p = report_peer(r, s->user_id);

    if (!p || !p->ready || p->snapshot_due)
        return;
    if (!make_room(r, p)) {
        p->count = 0;
        p->snapshot_due = true;
        return;
    }
    p->changes[p->count++] = (struct session_change){
        .user_id = s->user_id,
        .session_no = s->session_no,
        .active_at_ms = s->active_at_ms,
        .state = state,
    };
}

static chat_status send_lease(struct router *r, const struct presence_peer *p, bool follows,
                              bool done)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLease lease = WIRE_LEASE__INIT;

    lease.router_id = r->node_id;
    lease.epoch = p->epoch;
    lease.snapshot_follows = follows;
    lease.snapshot_done = done;
    frame.body_case = WIRE_LINK_FRAME__BODY_LEASE;
    frame.lease = &lease;
    return links_send(&r->links, links_peer(&r->links, p->peer), &frame);
}

static chat_status send_changes(struct router *r, const struct presence_peer *p,
                                const struct session_change *changes, size_t count)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WirePresenceDelta delta = WIRE_PRESENCE_DELTA__INIT;
    WireSessionPresence list[REPORT_SESSIONS_MAX], *pointers[REPORT_SESSIONS_MAX];

    for (size_t i = 0; i < count; i++) {
        list[i] = (WireSessionPresence)WIRE_SESSION_PRESENCE__INIT;
        list[i].user_id = changes[i].user_id;
        list[i].session_no = changes[i].session_no;
        list[i].state = changes[i].state;
        list[i].last_active_at_ms = changes[i].active_at_ms;
        pointers[i] = &list[i];
    }
    delta.epoch = p->epoch;
    delta.n_sessions = count;
    delta.sessions = pointers;
    frame.body_case = WIRE_LINK_FRAME__BODY_PRESENCE_DELTA;
    frame.presence_delta = &delta;
    return links_send(&r->links, links_peer(&r->links, p->peer), &frame);
}

/* Everybody who is here, under a new epoch: what was said before is forgotten with its end. */
static chat_status send_snapshot(struct router *r, struct presence_peer *p)
{
    struct session_change part[REPORT_SESSIONS_MAX];
    chat_status status;
    size_t count = 0;

    p->epoch++;
    status = send_lease(r, p, true, false);
    for (uint32_t i = 0; i < r->sessions.made && status == CHAT_OK; i++) {
        const struct session *s = slab_at(&r->sessions, i);

        if (!slab_is_taken(&s->item) || !session_is_signed_in(s) || report_peer(r, s->user_id) != p)
            continue;
        part[count++] = (struct session_change){.user_id = s->user_id,
                                                .session_no = s->session_no,
                                                .active_at_ms = s->active_at_ms,
                                                .state = (WirePresenceState)s->presence};
        if (count == REPORT_SESSIONS_MAX) {
            status = send_changes(r, p, part, count);
            count = 0;
        }
    }
    if (status == CHAT_OK && count > 0)
        status = send_changes(r, p, part, count);
    return status == CHAT_OK ? send_lease(r, p, false, true) : status;
}

void report_up(struct router *r, const struct link *link)
{
    struct presence_peer *p = report_peer_of_link(r, link);

    if (!p)
        return;
    p->ready = true;
    p->snapshot_due = true;
    p->down_since_ms = MOMENT_NEVER;
    p->count = 0;
}

void report_down(struct router *r, const struct link *link)
{
    struct presence_peer *p = report_peer_of_link(r, link);

    if (!p)
        return;
    p->ready = false;
    p->count = 0;
    p->down_since_ms = r->now.mono_ms;
}

static void flush_peer(struct router *r, struct presence_peer *p)
{
    uint32_t done = 0;

    if (!p->ready)
        return;
    if (p->snapshot_due) {
        /* A full queue: tried again in a later turn, from its start. */
        p->count = 0;
        p->snapshot_due = send_snapshot(r, p) != CHAT_OK;
        return;
    }
    while (done < p->count) {
        uint32_t part = p->count - done;

        if (part > REPORT_SESSIONS_MAX)
            part = REPORT_SESSIONS_MAX;
        if (send_changes(r, p, p->changes + done, part) != CHAT_OK) {
            p->snapshot_due = true;
            break;
        }
        done += part;
    }
    p->count = 0;
}

void report_flush(struct router *r)
{
    for (uint32_t i = 0; i < r->presence_count; i++)
        flush_peer(r, &r->presences[i]);
}

void report_lease(struct router *r)
{
    for (uint32_t i = 0; i < r->presence_count; i++) {
        struct presence_peer *p = &r->presences[i];

        if (p->ready && !p->snapshot_due && send_lease(r, p, false, false) != CHAT_OK)
            p->snapshot_due = true;
    }
}

void report_fini(struct router *r)
{
    for (uint32_t i = 0; i < r->presence_count; i++)
        if (r->presences[i].changes)
            alloc_free(r->allocator, r->presences[i].changes);
    if (r->presences)
        alloc_free(r->allocator, r->presences);
}
