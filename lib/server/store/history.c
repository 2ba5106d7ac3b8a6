/* Pages of history, both ways, from the table and the overlay. */
#include "base/log.h"
#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/homes.h"
#include "server/store/page.h"
#include "server/store/role.h"
#include "server/store/rows.h"

enum { Q_CHANNEL, Q_MESSAGES, Q_COUNT };

/* The page being put together. */
struct span {
    uint64_t low, high; /* wanted; low > high: nothing */
    bool backwards;
};

static struct span span_of(const WireFetchHistory *f, uint64_t first_seq, uint64_t head_seq)
{
    struct span span = {.backwards = f->backwards};

    if (f->backwards) {
        span.high = f->start_seq == 0 || f->start_seq > head_seq ? head_seq : f->start_seq;
        span.low = span.high >= f->limit ? span.high - f->limit + 1 : 1;
        if (span.low < first_seq)
            span.low = first_seq;
    } else {
        span.low = f->start_seq > first_seq ? f->start_seq : first_seq;
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
            return CHAT_E_NOT_FOUND;
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

static chat_status answer_page(struct shard *s, struct home *home, const struct request *req,
                               const WireChannelRow *channel, const struct engine_result *found,
                               struct arena *arena)
{
    const struct span span = span_of(req->frame->fetch_history, channel->first_seq, channel->seq);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WirePosition head;
    WireRange covered;
    chat_status status;

    /* All or nothing from the overlay: try its oldest first. */
    if (!found && span.low <= span.high &&
        !overlay_find(&s->overlay, TABLE_MESSAGE, row_key(home->id, span.low, 0)))
        return CHAT_E_NOT_FOUND;
    status = fill(s, home->id, &span, found, arena, &page, &covered);
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

static void found(struct shard *s, struct read_job *job)
{
    struct arena *arena = &job->page->arena;
    const WireChannelRow *channel;
    struct request req;
    chat_status status = CHAT_E_NOT_FOUND;

    if (!page_decode(s, job->page))
        return;
    req = page_request(job->page);
    if (!page_still_allowed(s, job->home, &req))
        return;
    channel = page_channel(s, job->home->id, &job->results[Q_CHANNEL], arena);
    if (channel && !page_is_ours(s, job->home, channel, &req))
        return;
    if (channel)
        status = answer_page(s, job->home, &req, channel, &job->results[Q_MESSAGES], arena);
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
    return channel && answer_page(s, home, req, channel, NULL, &s->scratch) == CHAT_OK;
}

/* What may be wanted when the answer is put together: the head of now bounds nothing, it
 * moves while the read waits for its turn. */
static struct engine_query messages_of(const struct home *home, const WireFetchHistory *f)
{
    const uint64_t start = f->start_seq < (uint64_t)INT64_MAX ? f->start_seq : (uint64_t)INT64_MAX;
    const uint64_t first_seq = home->head.first_seq;
    struct engine_query query = {
        .table = TABLE_MESSAGE, .limit = f->limit, .descending = f->backwards};

    if (f->backwards) {
        query.from = row_key(home->id, first_seq, 0);
        query.to = row_key(home->id, start == 0 ? UINT64_MAX : start, UINT64_MAX);
    } else {
        query.from = row_key(home->id, start > first_seq ? start : first_seq, 0);
        query.to = row_key(home->id, UINT64_MAX, UINT64_MAX);
    }
    return query;
}

static void read_page(struct shard *s, struct home *home, const struct request *req)
{
    struct read_job *job = reads_new(s, found);

    if (job)
        job->page = page_new(s, req);
    if (!job || !job->page) {
        if (job)
            reads_drop(s, job);
        answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "reads");
        return;
    }
    reads_pin(job, home);
    job->queries[Q_CHANNEL] = query_one(TABLE_CHANNEL, row_key(home->id, home->id, 0));
    job->queries[Q_MESSAGES] = messages_of(home, req->frame->fetch_history);
    job->query_count = Q_COUNT;
    reads_start(s, job);
}

void history_fetch(struct shard *s, const struct request *req)
{
    const WireFetchHistory *f = req->frame->fetch_history;
    struct home *home;

    if (f->limit == 0 || f->limit > CHAT_HISTORY_PAGE_MAX) {
        answer_problem(s, NULL, req, PROBLEM(LIMIT), "FetchHistory.limit");
        return;
    }
    home = page_home(s, f->channel_id, req);
    if (home && !from_overlay(s, home, req))
        read_page(s, home, req);
}
