/* Two lanes per channel pull what is missing: new messages by seq, alterations by rev. */
#include "base/plant.h"
#include "client/inner.h"

#define CHANGES_RANGES_MAX 64u /* in one request */
#define REFRESH_LEN_MAX 32u    /* so few messages are cheaper to fetch than their changes */
#define PROBLEM_WAIT_MS 1000   /* before a lane asks again, doubled by jitter */
#define REFUSED_WAIT_MS 60000  /* when the server says it never will */

static bool revs_lag(const struct channel *ch)
{
    return ch->c.ranges.count && ranges_min_rev(&ch->c.ranges) < ch->c.head_rev &&
           !PLANTED(CHANGES_NOT_FETCHED);
}

/* What is on screen lacks something. */
static bool is_wanted(struct client_core *core, struct channel *ch)
{
    uint64_t start;
    uint32_t limit;
    bool backwards;

    return view_wants(core, ch, &start, &limit, &backwards);
}

void lane_check(struct client_core *core, struct channel *ch)
{
    bool wanted = is_wanted(core, ch);
    bool lags =
        wanted || ch->verify || ch->scan_at || ch->c.stream_seq < ch->c.head_seq || revs_lag(ch);

    if (lags && !list_node_is_linked(&ch->lagging))
        list_push_back(&core->lagging, &ch->lagging);
    else if (!lags)
        list_remove(&ch->lagging);
}

static struct request *begin(struct client_core *core, struct channel *ch, enum request_kind kind)
{
    struct request *r = request_new(core, kind);

    if (!r)
        return NULL;
    r->channel = ch;
    r->top_seq = ranges_top(&ch->c.ranges);
    r->top_rev = ranges_max_rev(&ch->c.ranges);
    r->head_seq = ch->c.head_seq;
    r->head_rev = ch->c.head_rev;
    return r;
}

static bool sent(struct client_core *core, struct channel *ch, struct request *r,
                 WireClientFrame *frame)
{
    uint32_t id = r->id;

    if (!request_send(core, r, frame))
        return false;
    ch->lane_request = id;
    core->lanes++;
    request_spend(core, BUDGET_READS);
    return true;
}

/* Why a page is asked for. */
enum page_why {
    PAGE_HOLE,
    PAGE_VERIFY,
    PAGE_SCAN,
};

static bool ask_history(struct client_core *core, struct channel *ch, uint64_t start,
                        uint64_t limit, bool backwards, enum page_why why)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchHistory body = WIRE_FETCH_HISTORY__INIT;
    struct request *r = begin(core, ch, REQ_HISTORY);

    if (!r)
        return false;
    r->start_seq = start;
    r->limit = (uint32_t)least_u64(limit, core->page_max);
    r->backwards = backwards;
    r->verify = why == PAGE_VERIFY;
    r->scan = why == PAGE_SCAN;
    body.channel_id = ch->c.channel_id;
    body.start_seq = start;
    body.limit = r->limit;
    body.backwards = r->backwards;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &body;
    return sent(core, ch, r, &frame);
}

/* Alterations of the ranges that lag most, all current to the same rev. */
static bool ask_changes(struct client_core *core, struct channel *ch)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchChanges body = WIRE_FETCH_CHANGES__INIT;
    WireRange wire[CHANGES_RANGES_MAX], *pointers[CHANGES_RANGES_MAX];
    struct range ranges[CHANGES_RANGES_MAX];
    uint64_t since = ranges_min_rev(&ch->c.ranges);
    uint32_t count = 0;
    struct request *r;

    for (uint32_t i = 0; i < ch->c.ranges.count && count < CHANGES_RANGES_MAX; i++)
        if (ch->c.ranges.items[i].rev == since)
            ranges[count++] = ch->c.ranges.items[i];
    if (count == 1 && ranges[0].to - ranges[0].from < REFRESH_LEN_MAX)
        return ask_history(core, ch, ranges[0].from, ranges[0].to - ranges[0].from + 1, false,
                           PAGE_HOLE);
    r = begin(core, ch, REQ_CHANGES);
    if (!r)
        return false;
    r->since_rev = since;
    r->range_count = count;
    r->ranges = alloc_copy(core->allocator, ranges, count * sizeof(ranges[0]));
    if (!r->ranges) {
        request_free(core, r);
        return core_ok(core, CHAT_E_NOMEM);
    }
    for (uint32_t i = 0; i < count; i++) {
        wire_range__init(&wire[i]);
        wire[i].from_seq = ranges[i].from;
        wire[i].to_seq = ranges[i].to;
        pointers[i] = &wire[i];
    }
    body.channel_id = ch->c.channel_id;
    body.since_rev = since;
    body.ranges = pointers;
    body.n_ranges = count;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES;
    frame.fetch_changes = &body;
    return sent(core, ch, r, &frame);
}

static bool ask_next(struct client_core *core, struct channel *ch)
{
    uint64_t head = ch->c.head_seq, from, to;
    uint32_t limit;
    bool backwards;

    if (ch->verify)
        return ask_history(core, ch, 0, 1, true, PAGE_VERIFY);
    if (view_wants(core, ch, &from, &limit, &backwards))
        return ask_history(core, ch, from, limit, backwards, PAGE_HOLE);
    if (core->cfg.keep_max && head - least_u64(ch->c.stream_seq, head) > core->cfg.keep_max)
        apply_gap(core, ch, head - core->cfg.keep_max);
    if (ch->c.stream_seq < head &&
        ranges_next_hole(&ch->c.ranges, ch->c.stream_seq + 1, head, &from, &to))
        return ask_history(core, ch, from, to - from + 1, false, PAGE_HOLE);
    if (revs_lag(ch))
        return ask_changes(core, ch);
    if (ch->scan_at && ch->in_flight == 0)
        return ask_history(core, ch, ch->scan_at, core->page_max, false, PAGE_SCAN);
    return false;
}

/* False: nothing more can be asked for now. */
static bool ask_for(struct client_core *core, struct channel *ch)
{
    if (ch->lane_request || (!core->list_complete && ch->listed != core->list_round))
        return true;
    if (ch->lane_wait_until_ms > core->now.mono_ms) {
        core_wake_at(core, ch->lane_wait_until_ms);
        return true;
    }
    if (!request_may_send(core, BUDGET_READS))
        return false;
    if (!ask_next(core, ch))
        lane_check(core, ch);
    return true;
}

/* Channels with a gap on screen first, even when all lanes are taken. */
static void pump(struct client_core *core, bool wanted)
{
    LIST_EACH(node, &core->lagging)
    {
        struct channel *ch = LIST_ENTRY(node, struct channel, lagging);

        if (!wanted && core->lanes >= core->cfg.lanes_max)
            return;
        if (wanted && !is_wanted(core, ch))
            continue;
        if (!ask_for(core, ch))
            return;
    }
}

void lane_pump(struct client_core *core)
{
    if (!list_is_empty(&core->views))
        pump(core, true);
    pump(core, false);
}

/* --- answers --- */

static void end(struct client_core *core, struct channel *ch)
{
    ch->lane_failed = false;
    ch->lane_request = 0;
    core->lanes--;
    /* To the end of the line: every channel has its turn. */
    if (list_node_is_linked(&ch->lagging)) {
        list_remove(&ch->lagging);
        list_push_back(&core->lagging, &ch->lagging);
    }
}

static void wait_after(struct client_core *core, struct channel *ch, const WireProblem *p)
{
    uint64_t wait_ms = PROBLEM_WAIT_MS + rng_below(&core->rng, PROBLEM_WAIT_MS);
    const char *detail = p->detail ? p->detail : "";

    if (!dispatch_is_temporary(p)) {
        log_write(core->cfg.logger, CHAT_LOG_WARN, "client", "channel %llu: not to be fetched: %s",
                  (unsigned long long)ch->c.channel_id, detail);
        session_odd(core, "a page refused for good");
        wait_ms = REFUSED_WAIT_MS;
    }
    wait_ms = most_u64(wait_ms, least_u64(p->retry_after_ms, CLIENT_SLOT_MAX_MS));
    ch->lane_wait_until_ms = core->now.mono_ms + (int64_t)wait_ms;
    ch->lane_failed = true;
}

void lane_history(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    struct channel *ch = r->channel;

    if (!ch)
        return;
    if (core->item == 0)
        end(core, ch);
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM) {
        wait_after(core, ch, frame->problem);
        return;
    }
    if (frame->body_case != WIRE_SERVER_FRAME__BODY_HISTORY_PAGE) {
        session_protocol_error(core, "a history request answered by something else");
        return;
    }
    if (!page_apply(core, ch, r, frame->history_page))
        return;
    if (r->scan)
        stale_scanned(core, ch,
                      frame->history_page->covered->from_seq > frame->history_page->covered->to_seq
                          ? frame->history_page->head->seq
                          : frame->history_page->covered->to_seq,
                      frame->history_page->head->seq);
    lane_check(core, ch);
}

static void drop_ranges(struct client_core *core, struct channel *ch, const struct request *r)
{
    for (uint32_t i = 0; i < r->range_count; i++)
        if (!keep_drop(core, ch, r->ranges[i].from, r->ranges[i].to))
            return;
}

static const char *changes_fault(const struct channel *ch, const struct request *r,
                                 const WireChangesPage *p)
{
    uint64_t rev = r->since_rev;

    if (p->too_many)
        return NULL;
    if (p->covered_to_rev > p->head->rev ||
        (p->covered_to_rev <= r->since_rev && p->head->rev > r->since_rev))
        return "changes that lead nowhere";
    for (size_t i = 0; i < p->n_messages; i++) {
        const WireMessage *m = p->messages[i];

        if (m->channel_id != ch->c.channel_id || !message_is_sane(m) || m->rev <= rev ||
            m->rev > p->covered_to_rev)
            return "changes that do not belong there";
        rev = m->rev;
    }
    return NULL;
}

static void take_changes(struct client_core *core, struct channel *ch, const struct request *r,
                         const WireChangesPage *p)
{
    while (core->item < p->n_messages && receive_one(core)) {
        const WireMessage *m = p->messages[core->item - 1];

        if (ranges_holds(&ch->c.ranges, m->seq, m->seq) && !apply_store(core, ch, m)) {
            if (core->trouble == CHAT_OK)
                head_rebuild(core, ch, p->head, r);
            return;
        }
    }
    if (core->unfinished)
        return;
    for (uint32_t i = 0; i < r->range_count; i++)
        if (ranges_holds(&ch->c.ranges, r->ranges[i].from, r->ranges[i].to))
            apply_hold(core, ch, r->ranges[i].from, r->ranges[i].to, p->covered_to_rev);
}

/* Is this page to be believed? */
static bool changes_begin(struct client_core *core, struct channel *ch, const struct request *r,
                          const WireServerFrame *frame)
{
    const WireChangesPage *p = frame->changes_page;
    const char *fault;

    end(core, ch);
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM) {
        wait_after(core, ch, frame->problem);
        return false;
    }
    if (frame->body_case != WIRE_SERVER_FRAME__BODY_CHANGES_PAGE) {
        session_protocol_error(core, "a changes request answered by something else");
        return false;
    }
    if (!p->head) {
        session_protocol_error(core, "changes without a head");
        return false;
    }
    if (!head_proven(core, ch, p->head, r))
        return false;
    fault = changes_fault(ch, r, p);
    if (fault)
        session_protocol_error(core, fault);
    return !fault;
}

void lane_changes(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    const WireChangesPage *p = frame->changes_page;
    struct channel *ch = r->channel;

    if (!ch || (core->item == 0 && !changes_begin(core, ch, r, frame)))
        return;
    if (p->too_many)
        drop_ranges(core, ch, r);
    else
        take_changes(core, ch, r, p);
    if (core->unfinished)
        return;
    outbox_settle_altered(core, ch);
    lane_check(core, ch);
}
