/* Pages of history, both ways and around a message, from the table and the overlay. */
#include "base/log.h"
#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/homes.h"
#include "server/store/page.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "server/store/seek.h"

enum { Q_CHANNEL, Q_MESSAGES, Q_COUNT };

/* The page being put together. */
struct span {
    uint64_t low, high; /* wanted; low > high: nothing */
    uint64_t centre;    /* of a page around it; else 0 */
    bool backwards;
};

/* Half before the centre, half from there on; what one side lacks the other gets. */
static struct span span_around(uint64_t start, uint32_t limit, uint64_t first_seq,
                               uint64_t head_seq)
{
    struct span span = {.centre = start < head_seq ? start : head_seq};

    if (span.centre < first_seq)
        span.centre = first_seq;
    span.low = span.centre >= first_seq + limit / 2 ? span.centre - limit / 2 : first_seq;
    span.high = span.low + limit - 1;
    if (span.high > head_seq) {
        span.high = head_seq;
        span.low = head_seq >= first_seq + limit - 1 ? head_seq - limit + 1 : first_seq;
    }
    return span;
}

static struct span span_of(const WireFetchHistory *f, uint64_t start_seq, uint64_t first_seq,
                           uint64_t head_seq)
{
    struct span span = {.backwards = f->backwards};

    if (f->around)
        return span_around(start_seq, f->limit, first_seq, head_seq);
    if (f->backwards) {
        span.high = start_seq == 0 || start_seq > head_seq ? head_seq : start_seq;
        span.low = span.high >= f->limit ? span.high - f->limit + 1 : 1;
        if (span.low < first_seq)
            span.low = first_seq;
    } else {
        span.low = start_seq > first_seq ? start_seq : first_seq;
        span.high = span.low + f->limit - 1;
        if (span.high > head_seq)
            span.high = head_seq;
    }
    return span;
}

/* The found row of this seq; rows lie in the order of the walk. */
static const struct engine_row *row_for(const struct engine_result *found, size_t *next,
                                        uint64_t seq, bool backwards)
{
    if (!found)
        return NULL;
    while (*next < found->count &&
           (backwards ? found->rows[*next].key.k2 > seq : found->rows[*next].key.k2 < seq))
        (*next)++;
    return *next < found->count && found->rows[*next].key.k2 == seq ? &found->rows[*next] : NULL;
}

/*
 * Fills the page from the overlay and what was found, up to page_bytes.
 * Errors: CHAT_E_NOT_FOUND: a message is in neither.
 */
static chat_status fill(struct shard *s, uint64_t channel_id, const struct span *span,
                        const struct engine_result *found, struct arena *arena,
                        WireHistoryPage *page, WireRange *covered)
{
    const size_t count = span->low <= span->high ? (size_t)(span->high - span->low + 1) : 0;
    WireMessage **list = arena_alloc(arena, (count + 1) * sizeof(WireMessage *));
    size_t bytes = 0, next = 0, i = 0, len = 0;

    if (!list)
        return CHAT_E_NOMEM;
    for (; i < count; i++) {
        const uint64_t seq = span->backwards ? span->high - i : span->low + i;
        const WireMessage *m = page_message(
            s, channel_id, seq, row_for(found, &next, seq, span->backwards), arena, &len);

        if (!m)
            return arena->starved ? CHAT_E_NOMEM : CHAT_E_NOT_FOUND;
        if (i > 0 && bytes + len > s->limits->page_bytes) {
            page->partial = true;
            break;
        }
        bytes += len;
        list[span->backwards ? count - 1 - i : i] = (WireMessage *)(uintptr_t)m;
    }
    wire_range__init(covered);
    covered->from_seq = span->backwards ? span->high - i + 1 : span->low;
    covered->to_seq = span->backwards ? span->high : span->low + i - 1;
    page->covered = covered;
    page->messages = span->backwards ? list + (count - i) : list;
    page->n_messages = i;
    return CHAT_OK;
}

/*
 * The same for a page around a message. What page_bytes leaves no room for is cut where it is
 * farthest from there.
 */
static chat_status fill_around(struct shard *s, uint64_t channel_id, const struct span *span,
                               const struct engine_result *found, struct arena *arena,
                               WireHistoryPage *page, WireRange *covered)
{
    const size_t count = span->low <= span->high ? (size_t)(span->high - span->low + 1) : 0;
    WireMessage **list = arena_alloc(arena, (count + 1) * sizeof(WireMessage *));
    size_t *lens = arena_alloc(arena, (count + 1) * sizeof(*lens));
    uint64_t low = span->low, high = span->high;
    size_t bytes = 0, next = 0;

    if (!list || !lens)
        return CHAT_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        list[i] = (WireMessage *)(uintptr_t)page_message(
            s, channel_id, low + i, row_for(found, &next, low + i, false), arena, &lens[i]);
        if (!list[i])
            return arena->starved ? CHAT_E_NOMEM : CHAT_E_NOT_FOUND;
        bytes += lens[i];
    }
    while (low < high && bytes > s->limits->page_bytes) {
        page->partial = true;
        if (high - span->centre >= span->centre - low)
            bytes -= lens[high-- - span->low];
        else
            bytes -= lens[low++ - span->low];
    }
    wire_range__init(covered);
    covered->from_seq = low;
    covered->to_seq = high;
    page->covered = covered;
    page->messages = list + (low - span->low);
    page->n_messages = count > 0 ? (size_t)(high - low + 1) : 0;
    return CHAT_OK;
}

static chat_status answer_page(struct shard *s, struct home *home, const struct request *req,
                               uint64_t start_seq, const WireChannelRow *channel,
                               const struct engine_result *found, struct arena *arena)
{
    const WireFetchHistory *f = req->frame->fetch_history;
    const struct span span = span_of(f, start_seq, channel->first_seq, channel->seq);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WirePosition head;
    WireRange covered;
    chat_status status;

    /* All or nothing from the overlay: try its oldest first. */
    if (!found && span.low <= span.high &&
        !overlay_find(&s->overlay, TABLE_MESSAGE, row_key(home->id, span.low, 0)))
        return CHAT_E_NOT_FOUND;
    status = f->around ? fill_around(s, home->id, &span, found, arena, &page, &covered)
                       : fill(s, home->id, &span, found, arena, &page, &covered);
    if (status != CHAT_OK)
        return status;
    page_position(channel, home->id, &head);
    page.head = &head;
    page.first_seq = channel->first_seq;
    frame.body_case = WIRE_LINK_FRAME__BODY_HISTORY_PAGE;
    frame.history_page = &page;
    answer(s, page_barrier(s, home), req, &frame);
    return CHAT_OK;
}

static void read_page(struct shard *s, struct read_job *job, const WireFetchHistory *f,
                      uint64_t start_seq);

/* Around what is decided but not synced yet the page ends earlier, and so begins before what was
 * read for it. */
static bool begins_before(const struct read_job *job, const WireChannelRow *channel)
{
    const WireFetchHistory *f = job->page->request->fetch_history;
    const struct span span = span_of(f, job->page->start_seq, channel->first_seq, channel->seq);

    return f->around && span.low <= span.high && span.low < job->queries[Q_MESSAGES].from.k2;
}

static void found(struct shard *s, struct read_job *job)
{
    struct arena *arena = &job->page->arena;
    const WireChannelRow *channel;
    struct request req;
    chat_status status;

    if (!job->page->request && !page_decode(s, job->page))
        return;
    req = page_request(job->page);
    if (!page_still_allowed(s, job->home, &req))
        return;
    channel = page_channel(s, job->home->id, &job->results[Q_CHANNEL], arena);
    if (channel && !page_is_ours(s, job->home, channel, &req))
        return;
    if (channel && begins_before(job, channel)) {
        read_page(s, job, req.frame->fetch_history, channel->seq);
        return;
    }
    if (channel)
        status = answer_page(s, job->home, &req, job->page->start_seq, channel,
                             &job->results[Q_MESSAGES], arena);
    else
        status = arena->starved ? CHAT_E_NOMEM : CHAT_E_NOT_FOUND;
    if (status == CHAT_E_NOT_FOUND) {
        log_write(s->store->config.logger, CHAT_LOG_ERROR, "store",
                  "shard %u: a message of channel %016llx is missing", s->id,
                  (unsigned long long)job->home->id);
        answer_problem(s, NULL, &req, PROBLEM(INTERNAL), "history");
    } else if (status != CHAT_OK) {
        answer_no_memory(s, &req);
    }
}

/* From memory alone, when the newest page has not reached the table. */
static bool from_overlay(struct shard *s, struct home *home, const struct request *req)
{
    const WireChannelRow *channel;

    if (PLANTED(OVERLAY_DROPPED_EARLY))
        return false;
    arena_reset(&s->scratch);
    channel = page_channel(s, home->id, NULL, &s->scratch);
    return channel && answer_page(s, home, req, req->frame->fetch_history->start_seq, channel, NULL,
                                  &s->scratch) == CHAT_OK;
}

/* What may be wanted when the answer is put together: the head of now bounds nothing, it
 * moves while the read waits for its turn. What is newer then is in the overlay. */
static struct engine_query messages_of(const struct home *home, const WireFetchHistory *f,
                                       uint64_t start_seq)
{
    const uint64_t start = start_seq < (uint64_t)INT64_MAX ? start_seq : (uint64_t)INT64_MAX;
    const uint64_t first_seq = home->head.first_seq;
    const uint64_t centre = start < home->head.seq ? start : home->head.seq;
    struct engine_query query = {
        .table = TABLE_MESSAGE, .limit = f->limit, .descending = f->backwards && !f->around};

    if (f->around) {
        query.limit = 2 * f->limit;
        query.from = row_key(home->id,
                             centre >= first_seq + f->limit ? centre - f->limit + 1 : first_seq, 0);
        query.to = row_key(home->id, UINT64_MAX, UINT64_MAX);
    } else if (f->backwards) {
        query.from = row_key(home->id, first_seq, 0);
        query.to = row_key(home->id, start == 0 ? UINT64_MAX : start, UINT64_MAX);
    } else {
        query.from = row_key(home->id, start > first_seq ? start : first_seq, 0);
        query.to = row_key(home->id, UINT64_MAX, UINT64_MAX);
    }
    return query;
}

static void read_page(struct shard *s, struct read_job *job, const WireFetchHistory *f,
                      uint64_t start_seq)
{
    const struct home *home = job->home;

    job->page->start_seq = start_seq;
    job->queries[Q_CHANNEL] = query_one(TABLE_CHANNEL, row_key(home->id, home->id, 0));
    job->queries[Q_MESSAGES] = messages_of(home, f, start_seq);
    job->query_count = Q_COUNT;
    job->found = found;
    reads_start(s, job);
}

static void read_from_message(struct shard *s, struct read_job *job, uint64_t seq)
{
    read_page(s, job, job->page->request->fetch_history, seq);
}

void history_fetch(struct shard *s, const struct request *req)
{
    const WireFetchHistory *f = req->frame->fetch_history;
    struct read_job *job;
    struct home *home;

    if (f->limit == 0 || f->limit > CHAT_HISTORY_PAGE_MAX) {
        answer_problem(s, NULL, req, PROBLEM(LIMIT), "FetchHistory.limit");
        return;
    }
    home = page_home(s, f->channel_id, req);
    if (!home || (f->message_id == 0 && from_overlay(s, home, req)))
        return;
    job = page_read_new(s, req, found);
    if (!job)
        return;
    reads_pin(job, home);
    if (f->message_id != 0)
        seek_start(s, job, f->message_id, read_from_message);
    else
        read_page(s, job, f, f->start_seq);
}
