#include "server/router/ask.h"

#include <string.h>

#include "base/alloc.h"
#include "server/router/answer.h"
#include "server/router/core.h"
#include "server/router/credentials.h"
#include "server/router/gather.h"
#include "server/router/handshake.h"
#include "server/router/recheck.h"
#include "server/router/sync.h"

static bool is_client(const struct ask *a)
{
    return a->kind == ASK_CLIENT || a->kind == ASK_GATHER || a->kind == ASK_REFRESH;
}

struct ask *ask_new(struct router *r, enum ask_kind kind, const struct session *s)
{
    struct ask *a = slab_take(&r->asks);

    if (!a)
        return NULL;
    a->kind = (uint8_t)kind;
    a->session = SLAB_NONE;
    if (s) {
        a->session = s->item.index;
        a->generation = s->item.generation;
        if (is_client(a))
            router_session(r, a->session)->asks++;
    }
    return a;
}

struct session *ask_session(struct router *r, const struct ask *a)
{
    struct session *s = slab_find(&r->sessions, a->session, a->generation);

    return s && s->state != SESSION_CLOSING ? s : NULL;
}

static void unlist(struct router *r, struct ask *a)
{
    struct ask_line *line = &r->lines[a->peer];

    if (!list_node_is_linked(&a->line))
        return;
    list_remove(&a->line);
    if (a->waiting) {
        line->waiting_count--;
        line->waiting_bytes -= a->waiting->len;
        r->stats.requests_waiting--;
        frame_unref(a->waiting);
        a->waiting = NULL;
    } else if (!is_client(a)) {
        line->own--;
    }
}

void ask_drop(struct router *r, struct ask *a)
{
    struct session *s = slab_find(&r->sessions, a->session, a->generation);

    unlist(r, a);
    if (s && is_client(a))
        s->asks--;
    slab_give(&r->asks, a);
}

/* --- out --- */

static bool may_ask(const struct ask_line *line, const struct link *link, bool client)
{
    uint32_t half = link->credit > 1 ? link->credit / 2 : 1;

    if (client)
        return link->in_flight < link->credit - link->credit / 8;
    return line->own < half;
}

static chat_status send_now(struct router *r, struct ask *a, struct link *link,
                            WireLinkFrame *frame)
{
    struct ask_line *line = &r->lines[a->peer];
    chat_status status;

    if (!may_ask(line, link, is_client(a)))
        return CHAT_E_LIMITED;
    status = links_request(&r->links, link, frame, a, &a->id);
    if (status != CHAT_OK)
        return status;
    a->sent = true;
    list_push_back(&line->in_flight, &a->line);
    if (!is_client(a))
        line->own++;
    return CHAT_OK;
}

static chat_status wait_in_line(struct router *r, struct ask *a, const WireLinkFrame *frame)
{
    struct ask_line *line = &r->lines[a->peer];

    if (line->waiting_count >= r->limits.waiting_per_peer ||
        line->waiting_bytes >= ASK_WAITING_BYTES_MAX)
        return CHAT_E_LIMITED;
    a->waiting = wire_encode_link(r->allocator, frame);
    if (!a->waiting)
        return CHAT_E_NOMEM;
    list_push_back(&line->waiting, &a->line);
    line->waiting_count++;
    line->waiting_bytes += a->waiting->len;
    r->stats.requests_waiting++;
    return CHAT_OK;
}

chat_status ask_send(struct router *r, struct ask *a, uint32_t shard, WireLinkFrame *frame)
{
    struct link *link = router_link(r, shard);
    chat_status status = CHAT_E_LIMITED;

    if (!link) {
        ask_drop(r, a);
        return CHAT_E_UNAVAILABLE;
    }
    a->peer = link->peer;
    a->asked_at_ms = r->now.mono_ms;
    /* Nobody overtakes who waits: a client's requests arrive in its order. */
    if (!is_client(a) || list_is_empty(&r->lines[a->peer].waiting))
        status = send_now(r, a, link, frame);
    if (status == CHAT_E_LIMITED && is_client(a))
        status = wait_in_line(r, a, frame);
    if (status != CHAT_OK)
        ask_drop(r, a);
    return status;
}

/* --- back --- */

bool ask_is_of_owner(const struct router *r, const struct ask *a, uint64_t id)
{
    return shard_map_peer(&r->shards, router_shard(r, id)) == a->peer;
}

static bool is_about_a_home(const struct ask *a)
{
    return a->kind == ASK_ANNOUNCE || a->kind == ASK_SUBSCRIBE || a->kind == ASK_RECHECK ||
           a->kind == ASK_SWEEP;
}

void ask_answered(struct router *r, struct ask *a, const WireLinkFrame *frame)
{
    if (frame && is_about_a_home(a) && !ask_is_of_owner(r, a, a->target))
        frame = NULL;
    switch ((enum ask_kind)a->kind) {
    case ASK_CLIENT: answer_client(r, a, frame); break;
    case ASK_GATHER: gather_answered(r, a, frame); break;
    case ASK_OPEN: handshake_opened(r, a, frame); break;
    case ASK_ANNOUNCE: recheck_announced(r, a, frame); break;
    case ASK_SUBSCRIBE: sync_answered(r, a, frame); break;
    case ASK_RECHECK: recheck_answered(r, a, frame); break;
    case ASK_REFRESH: credentials_refreshed(r, a, frame); break;
    case ASK_SWEEP: sweep_answered(r, a, frame); break;
    }
    ask_drop(r, a);
}

/* --- lines --- */

static struct ask *first_of(const struct list *list)
{
    struct list_node *node = list_first(list);

    return node ? LIST_ENTRY(node, struct ask, line) : NULL;
}

/* What waits was kept as its bytes: a batch of one frame. */
static chat_status send_waiting(struct router *r, struct ask *a, struct link *link)
{
    struct frame *bytes = frame_ref(a->waiting);
    WireLinkBatch *batch;
    struct wire_fault fault;
    chat_status status;

    arena_reset(&r->scratch);
    status = wire_decode_link(bytes->bytes, bytes->len, &r->scratch, &batch, &fault);
    if (status == CHAT_OK && batch->n_frames == 1) {
        unlist(r, a);
        status = send_now(r, a, link, batch->frames[0]);
    }
    frame_unref(bytes);
    return status;
}

static void pump_line(struct router *r, struct ask_line *line, struct link *link)
{
    struct ask *a;

    while ((a = first_of(&line->waiting)) != NULL && may_ask(line, link, true)) {
        if (send_waiting(r, a, link) != CHAT_OK)
            ask_answered(r, a, NULL);
    }
}

void asks_pump(struct router *r)
{
    if (r->stats.requests_waiting == 0)
        return;
    for (uint32_t peer = 0; peer < r->links.peer_count; peer++) {
        struct link *link = links_peer(&r->links, peer);

        if (link_is_ready(link))
            pump_line(r, &r->lines[peer], link);
    }
}

static void expire(struct router *r, struct list *list, int64_t before_ms)
{
    struct ask *a;

    while ((a = first_of(list)) != NULL && a->asked_at_ms <= before_ms) {
        if (a->sent)
            links_abandon(&r->links, links_peer(&r->links, a->peer), a->id);
        r->stats.requests_late++;
        ask_answered(r, a, NULL);
    }
}

void asks_expire(struct router *r)
{
    int64_t before_ms = r->now.mono_ms - r->limits.request_ms;

    for (uint32_t peer = 0; peer < r->links.peer_count; peer++) {
        expire(r, &r->lines[peer].in_flight, before_ms);
        expire(r, &r->lines[peer].waiting, before_ms);
    }
}

void asks_lost(struct router *r, uint32_t peer)
{
    struct ask *a;

    while ((a = first_of(&r->lines[peer].waiting)) != NULL)
        ask_answered(r, a, NULL);
}

void asks_fini(struct router *r)
{
    for (uint32_t i = 0; i < r->asks.made; i++) {
        struct ask *a = slab_at(&r->asks, i);

        if (!slab_is_taken(&a->item))
            continue;
        if (a->waiting)
            frame_unref(a->waiting);
        if (a->kind == ASK_GATHER)
            gather_dropped(r, a);
    }
}
