#include "server/router/presence_watch.h"

#include <string.h>

#include "base/alloc.h"
#include "server/router/output.h"

#define OFFLINE WIRE_PRESENCE_STATE__PRESENCE_STATE_OFFLINE

/* --- edges: as those of homes, 8 bytes at the user, 16 at the session --- */

static void mark_change(struct router *r, struct watched *w)
{
    if (!list_node_is_linked(&w->change))
        list_push_back(&r->watch_changes, &w->change);
}

static struct watched *watched_new(struct router *r, uint64_t user_id)
{
    const struct presence_peer *peer = report_peer(r, user_id);
    struct watched *w = alloc_zeroed(r->allocator, sizeof(*w));

    if (!w)
        return NULL;
    w->user_id = user_id;
    /* Nobody to ask: offline, as far as anybody knows. */
    w->state = peer && peer->ready ? 0 : OFFLINE;
    if (map_put(&r->watched, user_id, w) != CHAT_OK) {
        alloc_free(r->allocator, w);
        return NULL;
    }
    mark_change(r, w);
    return w;
}

static void watched_free(struct router *r, struct watched *w)
{
    list_remove(&w->change);
    list_remove(&w->news);
    map_take(&r->watched, w->user_id);
    if (w->watchers)
        alloc_free(r->allocator, w->watchers);
    alloc_free(r->allocator, w);
}

static bool add_watcher(struct router *r, struct watched *w, struct session *s, uint32_t slot)
{
    if (w->count == w->cap) {
        uint32_t cap = w->cap < 8 ? w->cap + 2 : w->cap + w->cap / 2;
        struct watcher *larger = alloc_resize(r->allocator, w->watchers, w->cap * sizeof(*larger),
                                              cap * sizeof(*larger));
        if (!larger)
            return false;
        w->watchers = larger;
        w->cap = cap;
    }
    w->watchers[w->count] = (struct watcher){.session = s->item.index, .slot = slot};
    s->watches[slot] = (struct session_watch){.watched = w, .watcher = w->count};
    w->count++;
    r->stats.watches++;
    return true;
}

static void drop_watcher(struct router *r, struct session *s, uint32_t slot)
{
    struct watched *w = s->watches[slot].watched;
    uint32_t at = s->watches[slot].watcher;

    w->watchers[at] = w->watchers[--w->count];
    if (at < w->count) {
        const struct watcher *moved = &w->watchers[at];

        router_session(r, moved->session)->watches[moved->slot].watcher = at;
    }
    r->stats.watches--;
    if (w->count == 0)
        mark_change(r, w); /* freed when that is flushed, unless somebody looks again */
}

void watch_clear(struct router *r, struct session *s)
{
    for (uint32_t slot = 0; slot < s->watch_count; slot++)
        drop_watcher(r, s, slot);
    s->watch_count = 0;
    if (s->watches)
        alloc_free(r->allocator, s->watches);
    s->watches = NULL;
}

/* --- what sessions are told --- */

static void mark_due(struct router *r, struct session *s)
{
    if (s->presence_due)
        return;
    if (r->presence_due_count == r->presence_due_cap) {
        uint32_t cap = r->presence_due_cap == 0 ? 64 : r->presence_due_cap * 2;
        uint32_t *larger =
            alloc_resize(r->allocator, r->presence_due, r->presence_due_cap * sizeof(*larger),
                         cap * sizeof(*larger));
        if (!larger) {
            s->presence_stale = true; /* best effort: told with the next news */
            return;
        }
        r->presence_due = larger;
        r->presence_due_cap = cap;
    }
    s->presence_due = true;
    r->presence_due[r->presence_due_count++] = s->item.index;
}

/* The users that `s` watches and whose state is known: all, or only the fresh ones. */
static void tell(struct router *r, struct session *s, bool all)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WirePresenceBatch batch = WIRE_PRESENCE_BATCH__INIT;
    WirePresence list[CHAT_WATCH_MAX], *pointers[CHAT_WATCH_MAX];

    for (uint32_t slot = 0; slot < s->watch_count; slot++) {
        const struct watched *w = s->watches[slot].watched;
        WirePresence *one = &list[batch.n_users];

        if (w->state == 0 || (!all && !w->fresh))
            continue;
        *one = (WirePresence)WIRE_PRESENCE__INIT;
        one->user_id = w->user_id;
        one->state = (WirePresenceState)w->state;
        one->last_active_at_ms = w->last_active_at_ms;
        pointers[batch.n_users++] = one;
    }
    if (batch.n_users == 0)
        return;
    batch.users = pointers;
    frame.body_case = WIRE_SERVER_FRAME__BODY_PRESENCE;
    frame.presence = &batch;
    output_send(r, s, &frame);
    r->stats.presence_batches++;
}

void watch_resend(struct router *r, struct session *s)
{
    if (!s->presence_stale)
        return;
    s->presence_stale = false;
    tell(r, s, true);
}

static void set_state(struct router *r, struct watched *w, WirePresenceState state,
                      int64_t last_active_at_ms)
{
    w->last_active_at_ms = last_active_at_ms;
    if (w->state == state)
        return;
    w->state = (uint8_t)state;
    w->fresh = true;
    r->stats.presence_changes++;
    if (!list_node_is_linked(&w->news))
        list_push_back(&r->presence_news, &w->news);
}

void watch_batch(struct router *r, const WirePresenceBatch *batch)
{
    for (size_t i = 0; i < batch->n_users; i++) {
        const WirePresence *one = batch->users[i];
        struct watched *w = map_get(&r->watched, one->user_id);

        if (w)
            set_state(r, w, one->state, one->last_active_at_ms);
    }
}

/* --- a session's set --- */

/* Makes sure that all of them are known, before anything is given up for them. */
static const char *prepare(struct router *r, const uint64_t *user_ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (user_ids[i] == 0 || map_get(&r->watched, user_ids[i]))
            continue;
        if (r->watched.count >= r->limits.watches_max)
            return "watches_max";
        if (!watched_new(r, user_ids[i]))
            return "memory";
    }
    return NULL;
}

const char *watch_set(struct router *r, struct session *s, const uint64_t *user_ids, size_t count)
{
    struct session_watch *fresh = NULL;
    const char *limit;

    if (count > CHAT_WATCH_MAX)
        return "WatchPresence.user_ids";
    limit = prepare(r, user_ids, count);
    if (limit)
        return limit; /* who was made known in vain is forgotten at the end of the turn */
    if (count > 0 && !(fresh = alloc_array(r->allocator, count, sizeof(*fresh))))
        return "memory";
    watch_clear(r, s);
    s->watches = fresh;
    for (size_t i = 0; i < count; i++) {
        if (user_ids[i] == 0)
            continue;
        if (!add_watcher(r, map_get(&r->watched, user_ids[i]), s, s->watch_count)) {
            watch_clear(r, s);
            return "memory";
        }
        s->watch_count++;
    }
    s->presence_stale = true;
    mark_due(r, s);
    return NULL;
}

/* --- once a turn --- */

static void send_watch(struct router *r, const struct presence_peer *p, WireWatch *watch)
{
    struct link *link = links_peer(&r->links, p->peer);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_WATCH;
    frame.watch = watch;
    /* What could not be said is said again, all of it, on a new link. */
    if (links_send(&r->links, link, &frame) != CHAT_OK)
        links_close(&r->links, link, LINK_CLOSE_TRY_LATER, "too much waits");
    watch->n_add = watch->n_remove = 0;
}

/* What one daemon is told: whom to watch, whom no more. */
static void announce_to(struct router *r, const struct presence_peer *p)
{
    uint64_t add[WATCH_BATCH_MAX], gone[WATCH_BATCH_MAX];
    WireWatch watch = WIRE_WATCH__INIT;

    watch.add = add;
    watch.remove = gone;
    LIST_EACH(node, &r->watch_changes)
    {
        struct watched *w = LIST_ENTRY(node, struct watched, change);

        if (report_peer(r, w->user_id) != p || !p->ready)
            continue;
        if (w->count > 0 && !w->announced)
            add[watch.n_add++] = w->user_id;
        else if (w->count == 0 && w->announced)
            gone[watch.n_remove++] = w->user_id;
        w->announced = w->count > 0;
        if (watch.n_add == WATCH_BATCH_MAX || watch.n_remove == WATCH_BATCH_MAX)
            send_watch(r, p, &watch);
    }
    if (watch.n_add > 0 || watch.n_remove > 0)
        send_watch(r, p, &watch);
}

static void flush_changes(struct router *r)
{
    struct list_node *node;

    if (list_is_empty(&r->watch_changes))
        return;
    for (uint32_t i = 0; i < r->presence_count; i++)
        announce_to(r, &r->presences[i]);
    while ((node = list_pop_front(&r->watch_changes)) != NULL) {
        struct watched *w = LIST_ENTRY(node, struct watched, change);

        if (w->count == 0)
            watched_free(r, w);
    }
}

static void flush_news(struct router *r)
{
    LIST_EACH(node, &r->presence_news)
    {
        const struct watched *w = LIST_ENTRY(node, struct watched, news);

        for (uint32_t i = 0; i < w->count; i++)
            mark_due(r, router_session(r, w->watchers[i].session));
    }
    for (uint32_t i = 0; i < r->presence_due_count; i++) {
        struct session *s = router_session(r, r->presence_due[i]);
        bool all = s->presence_stale;

        if (!s->presence_due)
            continue; /* another session by now */
        s->presence_due = false;
        if (s->blocked) { /* the first rung: told as it stands once it is drained */
            s->presence_stale = true;
            r->stats.ephemera_dropped++;
            continue;
        }
        s->presence_stale = false;
        tell(r, s, all);
    }
    r->presence_due_count = 0;
    while (!list_is_empty(&r->presence_news))
        LIST_ENTRY(list_pop_front(&r->presence_news), struct watched, news)->fresh = false;
}

void watch_flush(struct router *r)
{
    flush_changes(r);
    if (r->presence_due_count > 0 || !list_is_empty(&r->presence_news))
        flush_news(r);
}

/* --- the daemon comes and goes --- */

void watch_up(struct router *r, const struct presence_peer *peer)
{
    size_t cursor = 0;
    uint64_t user_id;
    void *value;

    while (map_next(&r->watched, &cursor, &user_id, &value)) {
        struct watched *w = value;

        if (report_peer(r, user_id) != peer)
            continue;
        w->announced = false;
        mark_change(r, w);
    }
}

void watch_lost(struct router *r, const struct presence_peer *peer)
{
    size_t cursor = 0;
    uint64_t user_id;
    void *value;

    while (map_next(&r->watched, &cursor, &user_id, &value))
        if (report_peer(r, user_id) == peer)
            set_state(r, value, OFFLINE, ((struct watched *)value)->last_active_at_ms);
}

void watch_fini(struct router *r)
{
    size_t cursor = 0;
    uint64_t user_id;
    void *value;

    while (map_next(&r->watched, &cursor, &user_id, &value)) {
        struct watched *w = value;

        if (w->watchers)
            alloc_free(r->allocator, w->watchers);
        alloc_free(r->allocator, w);
    }
    map_fini(&r->watched);
    if (r->presence_due)
        alloc_free(r->allocator, r->presence_due);
}
