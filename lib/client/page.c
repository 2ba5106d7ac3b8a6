/* Pages of history: from the server into the cache, from the cache to the application. */
#include <string.h>

#include "base/plant.h"
#include "client/inner.h"

#define PAGE_BYTES_MAX (CHAT_HISTORY_PAGE_MAX * CLIENT_MESSAGE_BYTES_MAX)

/* What retention removed is not held any more, whoever told. */
static void forget_removed(struct client_core *core, struct channel *ch, uint64_t first_seq)
{
    if (first_seq <= ch->c.first_seq || first_seq > RANGES_SEQ_MAX)
        return;
    ch->c.first_seq = first_seq;
    if (first_seq > 1 && ch->c.ranges.count && ch->c.ranges.items[0].from < first_seq) {
        (void)core_ok(core, ranges_remove(&ch->c.ranges, core->allocator, 1, first_seq - 1));
        (void)core_ok(core, cache_messages_drop(core->cache, ch->c.channel_id, 0, first_seq - 1));
        outbox_settle_altered(core, ch);
    }
    channel_touch(core, ch);
}

/* The message that a page around it was asked by. */
static bool holds_centre(const struct request *r, const WireHistoryPage *p)
{
    uint64_t centre = most_u64(least_u64(r->start_seq, p->head->seq), p->first_seq);

    for (size_t i = 0; i < p->n_messages; i++)
        if (r->message_id ? p->messages[i]->message_id == r->message_id
                          : p->messages[i]->seq == centre)
            return true;
    return false;
}

static bool is_fairly_empty(const struct request *r, const WireHistoryPage *p)
{
    if (r->around)
        return p->head->seq < most_u64(p->first_seq, 1);
    return r->backwards ? (p->head->seq == 0 || (r->start_seq && r->start_seq < p->first_seq))
                        : r->start_seq > p->head->seq;
}

/* Does the page cover what was asked, and hold each message of what it covers? */
static const char *find_fault(const struct channel *ch, const struct request *r,
                              const WireHistoryPage *p)
{
    uint64_t from = p->covered->from_seq, to = p->covered->to_seq, held;

    if (from > to)
        return p->n_messages ? "an empty page with messages"
                             : (is_fairly_empty(r, p) ? NULL : "an empty page where messages are");
    if (to > p->head->seq || from == 0)
        return "a page beyond the head";
    if (r->around && !holds_centre(r, p))
        return "a page around something else";
    if (r->backwards && to != (r->start_seq ? least_u64(r->start_seq, p->head->seq) : p->head->seq))
        return "a page that ends elsewhere";
    if (!r->backwards && !r->around && from != r->start_seq &&
        !(from > r->start_seq && from <= p->first_seq))
        return "a page that begins elsewhere";
    held = most_u64(from, p->first_seq);
    if (p->n_messages > r->limit || p->n_messages != (held > to ? 0 : to - held + 1))
        return "a page with holes";
    for (size_t i = 0; i < p->n_messages; i++) {
        const WireMessage *m = p->messages[i];

        if (m->channel_id != ch->c.channel_id || m->seq != held + i || !message_is_sane(m))
            return "a page with a message that does not belong there";
    }
    return NULL;
}

/* Is this page to be believed? If so, what it says beside its messages is done. */
static bool begin(struct client_core *core, struct channel *ch, const struct request *r,
                  const WireHistoryPage *p)
{
    const char *fault = NULL;

    if (!p->head || !p->covered)
        fault = "a page without head or range";
    else if (!head_proven(core, ch, p->head, r))
        return false;
    else
        fault = find_fault(ch, r, p);
    if (fault) {
        session_protocol_error(core, fault);
        return false;
    }
    forget_removed(core, ch, p->first_seq);
    return true;
}

bool page_apply(struct client_core *core, struct channel *ch, const struct request *r,
                const WireHistoryPage *p)
{
    size_t from = core->item, to;

    if (from == 0 && !begin(core, ch, r, p))
        return false;
    while (core->item < p->n_messages && receive_one(core)) {
        if (!apply_store(core, ch, p->messages[core->item - 1])) {
            if (core->trouble == CHAT_OK)
                head_rebuild(core, ch, p->head, r);
            return false;
        }
    }
    to = core->item; /* so far, the page is without holes */
    if (to > from)
        apply_hold(core, ch, p->messages[from]->seq, p->messages[to - 1]->seq, p->head->rev);
    for (size_t i = from; i < to; i++)
        outbox_seen(core, ch, p->messages[i]);
    if (!core->unfinished)
        outbox_settle_altered(core, ch);
    apply_stream(core, ch);
    return !core->unfinished;
}

/* --- to the application --- */

struct chat_page {
    const struct chat_allocator *allocator;
    struct arena arena;
    struct chat_message *messages;
    uint64_t channel_id, user_id;
    uint64_t from_seq, to_seq;
    size_t count, room;
    bool complete, reached_start, reached_end;
};

static chat_status add(const struct chat_message *m, void *user)
{
    chat_page *page = user;
    struct chat_message *copy = &page->messages[page->count];

    if (page->count == page->room || message_copy(&page->arena, m, copy) != CHAT_OK)
        return CHAT_E_NOMEM;
    copy->own = m->author_id == page->user_id;
    page->count++;
    return CHAT_OK;
}

uint64_t page_window(const struct channel *ch, uint64_t seq, uint32_t limit, uint64_t *out_from,
                     uint64_t *out_to)
{
    uint64_t first = most_u64(ch->c.first_seq, 1), head = ch->c.head_seq;
    uint64_t centre = most_u64(least_u64(seq, head), first);

    *out_from = centre >= first + limit / 2 ? centre - limit / 2 : first;
    *out_to = *out_from + limit - 1;
    if (*out_to > head) {
        *out_to = head;
        *out_from = head >= first + limit - 1 ? head - limit + 1 : first;
    }
    return centre;
}

/* What is wanted, and what of it is held without a jump from where it is asked by. */
struct plan {
    uint64_t from, to;  /* wanted; from > to: nothing */
    uint64_t low, high; /* held; low > high: nothing */
};

static struct plan make_plan(const struct channel *ch, uint64_t start, uint32_t limit,
                             enum page_way way)
{
    const struct ranges *held = &ch->c.ranges;
    uint64_t first = most_u64(ch->c.first_seq, 1), head = ch->c.head_seq, anchor;
    struct plan p = {0};

    if (way == PAGE_AROUND) {
        anchor = page_window(ch, start, limit, &p.from, &p.to);
    } else if (way == PAGE_BACKWARDS) {
        anchor = p.to = start ? least_u64(start, head) : head;
        p.from = p.to >= first + limit ? p.to - limit + 1 : first;
    } else {
        anchor = p.from = most_u64(start, first);
        p.to = p.from <= head && head - p.from >= limit ? p.from + limit - 1 : head;
    }
    p.low = 1;
    if (p.from <= p.to && ranges_holds(held, anchor, anchor)) {
        p.low = most_u64(p.from, ranges_run_start(held, anchor));
        p.high = least_u64(p.to, ranges_run_end(held, anchor));
    }
    return p;
}

static void plan_page(const struct channel *ch, uint64_t start, uint32_t limit, enum page_way way,
                      chat_page *page)
{
    const struct plan p = make_plan(ch, start, limit - (PLANTED(PAGE_SHORT) && limit > 1), way);
    uint64_t first = most_u64(ch->c.first_seq, 1), head = ch->c.head_seq;

    page->complete = p.from > p.to || (p.low == p.from && p.high == p.to);
    page->from_seq = p.low;
    page->to_seq = p.high;
    if (p.low <= p.high) {
        page->reached_start = p.low <= first;
        page->reached_end = p.high >= head;
    } else if (page->complete) { /* nothing is there */
        page->reached_start = p.from <= first || p.to < first;
        page->reached_end = p.to >= head;
    }
}

chat_status page_read(struct client_core *core, struct channel *ch, uint64_t start_seq,
                      uint32_t limit, enum page_way way, chat_page **out_page)
{
    /* It may outlive the core. */
    const struct chat_allocator *allocator =
        core->cfg.page_allocator ? core->cfg.page_allocator : core->allocator;
    chat_page *page = alloc_zeroed(allocator, sizeof(*page));
    chat_status status = CHAT_OK;

    if (!page)
        return CHAT_E_NOMEM;
    page->allocator = allocator;
    page->channel_id = ch->c.channel_id;
    page->user_id = client_user_id(core);
    arena_init(&page->arena, allocator, PAGE_BYTES_MAX);
    plan_page(ch, start_seq, limit, way, page);
    if (page->from_seq <= page->to_seq) {
        page->room = (size_t)(page->to_seq - page->from_seq + 1);
        page->messages = arena_alloc(&page->arena, page->room * sizeof(*page->messages));
        status = page->messages ? cache_messages_read(core->cache, ch->c.channel_id, page->from_seq,
                                                      page->to_seq, limit, add, page)
                                : CHAT_E_NOMEM;
        if (status == CHAT_OK && page->count != page->room) {
            log_write(core->cfg.logger, CHAT_LOG_ERROR, "client",
                      "channel %llu: the cache lacks what it says it holds",
                      (unsigned long long)ch->c.channel_id);
            status = CHAT_E_CORRUPT;
        }
    }
    if (status != CHAT_OK) {
        chat_page_free(page);
        return status;
    }
    *out_page = page;
    return CHAT_OK;
}

chat_status client_read(struct client_core *core, uint64_t channel_id, uint64_t start_seq,
                        uint32_t limit, bool backwards, chat_page **out_page)
{
    struct channel *ch;
    chat_status status;

    if (limit == 0 || limit > CHAT_HISTORY_PAGE_MAX || start_seq > RANGES_SEQ_MAX)
        return CHAT_E_INVALID;
    status = core_commit(core);
    if (status != CHAT_OK)
        return status;
    ch = channel_find(core, channel_id);
    if (!ch)
        return CHAT_E_NOT_FOUND;
    keep_shown(core, ch);
    return page_read(core, ch, start_seq, limit, backwards ? PAGE_BACKWARDS : PAGE_FORWARDS,
                     out_page);
}

const struct chat_message *page_find(const chat_page *page, uint64_t seq)
{
    for (size_t i = 0; i < page->count; i++)
        if (page->messages[i].seq == seq)
            return &page->messages[i];
    return NULL;
}

size_t chat_page_get_count(const chat_page *page) { return page->count; }
const struct chat_message *chat_page_get_message(const chat_page *page, size_t index)
{
    return index < page->count ? &page->messages[index] : NULL;
}
uint64_t chat_page_get_channel_id(const chat_page *page) { return page->channel_id; }
uint64_t chat_page_get_from_seq(const chat_page *page) { return page->from_seq; }
uint64_t chat_page_get_to_seq(const chat_page *page) { return page->to_seq; }
bool chat_page_is_complete(const chat_page *page) { return page->complete; }
bool chat_page_reached_start(const chat_page *page) { return page->reached_start; }
bool chat_page_reached_end(const chat_page *page) { return page->reached_end; }

void chat_page_free(chat_page *page)
{
    if (!page)
        return;
    arena_fini(&page->arena);
    alloc_free(page->allocator, page);
}
