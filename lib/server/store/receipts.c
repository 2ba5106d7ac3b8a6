#include "server/store/receipts.h"

#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/page.h"
#include "server/store/role.h"

void receipts_init(struct shard *s)
{
    s->receipts.waiting = 0;
    wheel_init(&s->receipts.wheel, s->store->now.mono_ms);
}

static bool is_waiting(const struct home *home)
{
    return wheel_timer_is_set(&home->receipts_timer);
}

static void wait_until(struct shard *s, struct home *home, int64_t at_ms, bool pinned)
{
    home->receipts_pinned = pinned;
    home->pins += pinned;
    s->receipts.waiting++;
    wheel_set(&s->receipts.wheel, &home->receipts_timer, at_ms);
    shard_mark(s);
}

static void done(struct shard *s, struct home *home)
{
    home->pins -= home->receipts_pinned;
    home->receipts_pinned = false;
    s->receipts.waiting--;
}

void receipts_forget(struct shard *s, struct home *home)
{
    if (!is_waiting(home))
        return;
    wheel_cancel(&s->receipts.wheel, &home->receipts_timer);
    done(s, home);
}

/* --- what members say --- */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static bool raise(uint64_t *seq, uint64_t said)
{
    if (said <= *seq && !(PLANTED(RECEIPT_FALLS) && said != 0))
        return false;
    *seq = said;
    return true;
}

void receipts_mark(struct shard *s, const struct request *req)
{
    const WireReceiptMark *m = req->frame->receipt_mark;
    struct home *home = homes_need(s, m->channel_id, req);
    struct member *member;
    bool rose;

    if (!home || home->kind == WIRE_HOME_KIND__HOME_KIND_USER || s->stopping)
        return;
    s->stats->receipt_marks++;
    member = home_find_member(home, req->frame->user_id);
    if (!member || !(member->permissions & WIRE_PERMISSION__PERMISSION_VIEW))
        return;
    rose = raise(&member->marked.delivered_seq, least(m->delivered_seq, home->head.seq));
    rose |= raise(&member->marked.read_seq, least(m->read_seq, home->head.seq));
    /* Who has read it has it. */
    rose |= raise(&member->marked.delivered_seq, member->marked.read_seq);
    if (rose && !is_waiting(home))
        wait_until(s, home, home->receipts_at_ms, true);
}

/* --- journaling --- */

static void fill(WireReceipt *out, uint64_t user_id, const struct receipt *receipt, uint64_t head)
{
    wire_receipt__init(out);
    out->user_id = user_id;
    /* Where history was restored the head may have gone back. */
    out->delivered_seq = least(receipt->delivered_seq, head);
    out->read_seq = least(receipt->read_seq, head);
}

static bool is_news(const struct member *member)
{
    if (PLANTED(RECEIPT_FALLS) && member->marked.delivered_seq != member->receipt.delivered_seq)
        return true;
    return member->marked.delivered_seq > member->receipt.delivered_seq ||
           member->marked.read_seq > member->receipt.read_seq;
}

/* Those of `home` that are news, or all that say something. False: no memory. */
static bool gather(struct shard *s, const struct home *home, bool news, WireReceipts *out)
{
    WireReceipt *bodies;

    arena_reset(&s->scratch);
    bodies = arena_alloc(&s->scratch, (home->member_count + 1) * sizeof(*bodies));
    out->receipts = arena_alloc(&s->scratch, (home->member_count + 1) * sizeof(WireReceipt *));
    if (!bodies || !out->receipts)
        return false;
    out->channel_id = home->id;
    for (uint32_t i = 0; i < home->member_count; i++) {
        const struct member *member = &home->members[i];
        const struct receipt *receipt = news ? &member->marked : &member->receipt;

        if (news ? !is_news(member) : receipt->delivered_seq == 0)
            continue;
        fill(&bodies[out->n_receipts], member->user_id, receipt, home->head.seq);
        out->receipts[out->n_receipts] = &bodies[out->n_receipts];
        out->n_receipts++;
    }
    return true;
}

/* False: not now. */
static bool journal(struct shard *s, struct home *home)
{
    WireRecord record = WIRE_RECORD__INIT;
    WireReceipts receipts = WIRE_RECEIPTS__INIT;

    if (shard_full(s) || !gather(s, home, true, &receipts))
        return false;
    if (receipts.n_receipts == 0)
        return true; /* who had said something is a member no more */
    record.body_case = WIRE_RECORD__BODY_RECEIPTS;
    record.receipts = &receipts;
    if (batch_decide(s, home, &record, NULL, NULL, NULL) != CHAT_OK)
        return false;
    for (uint32_t i = 0; i < home->member_count; i++)
        home->members[i].receipt = home->members[i].marked;
    home->receipts_position = s->decided;
    s->stats->receipts += receipts.n_receipts;
    return true;
}

static int64_t pause_ms(const struct shard *s, const struct home *home)
{
    return s->limits->receipts_ms * (1 + home->member_count / RECEIPTS_STEP);
}

/* Before the end: all that wait, as far as there is room. */
static void journal_rest(struct shard *s)
{
    LIST_EACH(node, &s->home_lru)
    {
        struct home *home = LIST_ENTRY(node, struct home, lru);

        if (s->receipts.waiting == 0 || shard_full(s))
            return;
        if (!is_waiting(home))
            continue;
        receipts_forget(s, home);
        (void)journal(s, home);
    }
}

void receipts_pump(struct shard *s)
{
    struct wheel_timer *timer;

    if (s->receipts.waiting == 0)
        return;
    if (s->stopping) {
        journal_rest(s);
        return;
    }
    wheel_advance(&s->receipts.wheel, s->store->now.mono_ms);
    while ((timer = wheel_pop(&s->receipts.wheel)) != NULL) {
        struct home *home =
            (struct home *)(void *)((char *)timer - offsetof(struct home, receipts_timer));

        done(s, home);
        home->receipts_at_ms = s->store->now.mono_ms + pause_ms(s, home);
        /* A shard that may not decide for long must not be filled with homes that wait for it. */
        if (!journal(s, home))
            wait_until(s, home, home->receipts_at_ms, false);
    }
}

int64_t receipts_deadline(const struct shard *s)
{
    return s->receipts.waiting > 0 && !s->stopping ? wheel_next_ms(&s->receipts.wheel)
                                                   : MOMENT_NEVER;
}

/* --- telling --- */

void receipts_fetch(struct shard *s, const struct request *req)
{
    struct home *home = page_home(s, req->frame->fetch_receipts->channel_id, req);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireReceipts receipts = WIRE_RECEIPTS__INIT;

    if (!home)
        return;
    if (!gather(s, home, false, &receipts)) {
        answer_no_memory(s, req);
        return;
    }
    frame.body_case = WIRE_LINK_FRAME__BODY_RECEIPTS;
    frame.receipts = &receipts;
    answer(s, home->receipts_position > s->synced ? home : page_barrier(s, home), req, &frame);
}

static bool is_told(const struct home *home, const WireSubscribed *said, uint64_t user_id)
{
    if (home->kind == WIRE_HOME_KIND__HOME_KIND_DIRECT)
        return true;
    for (size_t i = 0; i < said->n_members; i++)
        if (said->members[i]->user_id == user_id)
            return true;
    return false;
}

bool receipts_fill(struct shard *s, const struct home *home, WireSubscribed *said)
{
    WireChannelState *state = said->channels[0];
    size_t count = home->kind == WIRE_HOME_KIND__HOME_KIND_DIRECT ? 2 : said->n_members;
    WireReceipt *bodies;

    bodies = arena_alloc(&s->scratch, (count + 1) * sizeof(*bodies));
    state->receipts = arena_alloc(&s->scratch, (count + 1) * sizeof(WireReceipt *));
    if (!bodies || !state->receipts)
        return false;
    for (uint32_t i = 0; i < home->member_count && state->n_receipts < count; i++) {
        const struct member *member = &home->members[i];

        if (member->receipt.delivered_seq == 0 || !is_told(home, said, member->user_id))
            continue;
        fill(&bodies[state->n_receipts], member->user_id, &member->receipt, home->head.seq);
        state->receipts[state->n_receipts] = &bodies[state->n_receipts];
        state->n_receipts++;
    }
    return true;
}
