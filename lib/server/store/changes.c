/*
 * Pages of alterations: first which messages were altered (rows of CHANGE, by rev), then
 * those messages as they are now, 64 at a time.
 */
#include "server/store/answer.h"
#include "server/store/homes.h"
#include "server/store/page.h"
#include "server/store/role.h"
#include "server/store/rows.h"

enum { Q_CHANNEL, Q_CHANGES, Q_COUNT };

static void answer_changes(struct shard *s, struct read_job *job, bool too_many)
{
    struct page_job *page = job->page;
    const struct request req = page_request(page);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireChangesPage changes = WIRE_CHANGES_PAGE__INIT;

    changes.head = &page->head;
    changes.covered_to_rev = page->covered_to_rev;
    changes.too_many = too_many;
    changes.messages = page->messages;
    changes.n_messages = page->found_count;
    frame.body_case = WIRE_LINK_FRAME__BODY_CHANGES_PAGE;
    frame.changes_page = &changes;
    answer(s, page_barrier(s, job->home), &req, &frame);
}

/* Takes one message; false when the page is full. */
static bool take_message(struct shard *s, struct page_job *page, const struct page_change *change,
                         const WireMessage *m, size_t len)
{
    /* Altered once more since: it comes with its new rev. */
    if (m->rev > page->covered_to_rev)
        return true;
    if (page->found_count > 0 && page->bytes + len > s->limits->page_bytes) {
        page->covered_to_rev = change->rev - 1;
        return false;
    }
    page->bytes += len;
    page->messages[page->found_count++] = (WireMessage *)(uintptr_t)m;
    return true;
}

static void next_messages(struct shard *s, struct read_job *job);

static void messages_found(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    const struct request req = page_request(page);

    if (!page_still_allowed(s, job->home, &req))
        return;
    for (uint32_t i = 0; i < page->asked; i++) {
        const struct page_change *change = &page->changes[page->change_next];
        const struct engine_result *result = &job->results[i];
        size_t len = 0;
        const WireMessage *m =
            page_message(s, job->home->id, change->seq, result->count > 0 ? &result->rows[0] : NULL,
                         &page->arena, &len);

        if (!m && page->arena.starved) {
            answer_no_memory(s, &req);
            return;
        }
        if (!m) {
            answer_problem(s, NULL, &req, PROBLEM(INTERNAL), "changes");
            return;
        }
        page->change_next++;
        if (!take_message(s, page, change, m, len)) {
            answer_changes(s, job, false);
            return;
        }
    }
    next_messages(s, job);
}

static void next_messages(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    const uint32_t left = page->change_count - page->change_next;

    if (left == 0) {
        answer_changes(s, job, false);
        return;
    }
    page->asked = left < ENGINE_QUERIES_MAX ? left : ENGINE_QUERIES_MAX;
    for (uint32_t i = 0; i < page->asked; i++)
        job->queries[i] = query_one(
            TABLE_MESSAGE, row_key(job->home->id, page->changes[page->change_next + i].seq, 0));
    job->query_count = page->asked;
    job->found = messages_found;
    reads_start(s, job);
}

static bool is_in_ranges(const WireFetchChanges *f, uint64_t seq)
{
    for (size_t i = 0; i < f->n_ranges; i++)
        if (seq >= f->ranges[i]->from_seq && seq <= f->ranges[i]->to_seq)
            return true;
    return false;
}

/* The seq altered at this rev, 0 for none: the overlay's word, else the table's. */
static uint64_t changed_at(struct shard *s, struct read_job *job, uint64_t rev, size_t *next)
{
    const struct engine_result *found = &job->results[Q_CHANGES];
    const struct overlay_row *row =
        overlay_find(&s->overlay, TABLE_CHANGE, row_key(job->home->id, rev, 0));
    const uint8_t *bytes = NULL;
    size_t len = 0;
    const WireChangeRow *change;

    while (*next < found->count && found->rows[*next].key.k2 < rev)
        (*next)++;
    if (row) {
        bytes = row->deleted ? NULL : row->bytes;
        len = row->len;
    } else if (*next < found->count && found->rows[*next].key.k2 == rev) {
        bytes = found->rows[*next].value;
        len = found->rows[*next].value_len;
    }
    if (!bytes)
        return 0;
    change = row_unpack(&wire_change_row__descriptor, bytes, len, &job->arena);
    return change ? change->seq : 0;
}

/* False: no memory. */
static bool collect(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    const WireFetchChanges *f = page->request->fetch_changes;
    const uint64_t last = page->head.rev - f->since_rev > CHANGES_WINDOW
                              ? f->since_rev + CHANGES_WINDOW
                              : page->head.rev;
    size_t next = 0;

    page->covered_to_rev = last;
    for (uint64_t rev = f->since_rev + 1; rev <= last; rev++) {
        const uint64_t seq = changed_at(s, job, rev, &next);

        if (seq == 0 || !is_in_ranges(f, seq))
            continue;
        if (page->change_count == CHAT_CHANGES_PAGE_MAX) {
            page->covered_to_rev = rev - 1;
            break;
        }
        page->changes[page->change_count++] = (struct page_change){.rev = rev, .seq = seq};
    }
    return !job->arena.starved;
}

static void changes_found(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    const WireChannelRow *channel;
    struct request req;

    if (!page_decode(s, page))
        return;
    req = page_request(page);
    if (!page_still_allowed(s, job->home, &req))
        return;
    channel = page_channel(s, job->home->id, &job->results[Q_CHANNEL], &page->arena);
    if (channel && !page_is_ours(s, job->home, channel, &req))
        return;
    page->changes = arena_alloc(&page->arena, CHAT_CHANGES_PAGE_MAX * sizeof(*page->changes));
    page->messages = arena_alloc(&page->arena, CHAT_CHANGES_PAGE_MAX * sizeof(WireMessage *));
    if (!channel || !page->changes || !page->messages) {
        answer_no_memory(s, &req);
        return;
    }
    page_position(channel, job->home->id, &page->head);
    page->covered_to_rev = page->head.rev;
    if (page->request->fetch_changes->since_rev >= page->head.rev) {
        answer_changes(s, job, false);
        return;
    }
    if (page->head.rev - page->request->fetch_changes->since_rev > CHANGES_TOO_MANY) {
        answer_changes(s, job, true);
        return;
    }
    if (collect(s, job))
        next_messages(s, job);
    else
        answer_no_memory(s, &req);
}

static const char *ranges_fault(const WireFetchChanges *f)
{
    uint64_t last = 0;

    for (size_t i = 0; i < f->n_ranges; i++) {
        if (f->ranges[i]->from_seq <= last || f->ranges[i]->to_seq < f->ranges[i]->from_seq)
            return "FetchChanges.ranges";
        last = f->ranges[i]->to_seq;
    }
    return f->since_rev > UINT64_MAX / 4 ? "FetchChanges.since_rev" : NULL;
}

void changes_fetch(struct shard *s, const struct request *req)
{
    const WireFetchChanges *f = req->frame->fetch_changes;
    const char *fault = ranges_fault(f);
    struct read_job *job;
    struct home *home;

    if (fault) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), fault);
        return;
    }
    home = page_home(s, f->channel_id, req);
    if (!home)
        return;
    job = page_read_new(s, req, changes_found);
    if (!job)
        return;
    reads_pin(job, home);
    job->queries[Q_CHANNEL] = query_one(TABLE_CHANNEL, row_key(home->id, home->id, 0));
    job->queries[Q_CHANGES] =
        (struct engine_query){.table = TABLE_CHANGE,
                              .from = row_key(home->id, f->since_rev + 1, 0),
                              .to = row_key(home->id, f->since_rev + CHANGES_WINDOW, UINT64_MAX),
                              .limit = CHANGES_WINDOW};
    job->query_count = Q_COUNT;
    reads_start(s, job);
}
