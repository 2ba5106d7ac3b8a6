/* The end of a run: the final history, the caches, and what became of every attempt. */
#include <inttypes.h>

#include <libchat/limits.h>

#include "checker_inner.h"

bool checker_wants_channel(struct checker *c, uint64_t channel_id)
{
    struct index_key key = {{channel_id, 0, 0, 0}};
    struct channel *ch = index_make(&c->channels, &key);

    if (ch->told)
        return false;
    ch->channel_id = channel_id;
    ch->told = true;
    return true;
}

void checker_stored(struct checker *c, const struct check_message *m)
{
    struct check_nonce nonce = {m->channel_id, m->author_id, m->device_id, m->counter};
    struct index_key key = {{m->channel_id, 0, 0, 0}};
    struct channel *ch = index_make(&c->channels, &key);
    struct slot *s = checker_slot(c, m->channel_id, m->seq, true);
    struct attempt *a = checker_attempt(c, &nonce, false);

    c->counts.stored++;
    ch->channel_id = m->channel_id;
    if (m->seq != ch->stored_head + 1)
        checker_violation(c, CHECK_DENSE_SEQ,
                          "final history of %" PRIx64 ": seq %" PRIu64 " follows %" PRIu64,
                          m->channel_id, m->seq, ch->stored_head);
    ch->stored_head = m->seq;
    if (!s->logged || !checker_same_identity(&s->first, m))
        checker_violation(c, CHECK_SAME_ORDER,
                          "final history of %" PRIx64 ": seq %" PRIu64 " is not what was logged",
                          m->channel_id, m->seq);
    s->stored = true;
    s->stored_rev = m->rev;
    s->stored_body = m->body;
    s->stored_marks = m->marks;
    if (m->marks_count != s->marks)
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "final history of %" PRIx64 ": seq %" PRIu64
                          " has %zu reactions, %" PRIu64 " were logged",
                          m->channel_id, m->seq, m->marks_count, s->marks);
    s->stored_deleted = m->deleted;
    if (!a) {
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "final history of %" PRIx64 ": seq %" PRIu64 " was never attempted",
                          m->channel_id, m->seq);
        return;
    }
    if (m->rev == 0 && s->first.body != m->body)
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "final history of %" PRIx64 ": seq %" PRIu64 " has other bytes",
                          m->channel_id, m->seq);
    if (a->stored)
        checker_violation(c, CHECK_ONCE_PER_NONCE,
                          "final history of %" PRIx64 ": nonce %" PRIx64 " twice", m->channel_id,
                          m->counter);
    a->stored = true;
}

/* Who wrote it may be answered again that it is in, after it was rewritten: his cache has what
 * he wrote. */
static bool is_own_original(struct checker *c, const struct slot *s, uint64_t user_id,
                            const struct check_message *m)
{
    struct check_nonce nonce = {m->channel_id, m->author_id, m->device_id, m->counter};
    const struct attempt *a = checker_attempt(c, &nonce, false);

    return s && s->rewritten && a && m->author_id == user_id && m->rev == 0 && m->body == a->body;
}

void checker_cached(struct checker *c, uint32_t reader, uint64_t user_id,
                    const struct check_message *m)
{
    struct slot *s = checker_slot(c, m->channel_id, m->seq, false);

    checker_reading(c, reader, m->channel_id)->cached_count++;
    checker_against_log(c, reader, m);
    if (is_own_original(c, s, user_id, m))
        return;
    if (!s || !s->stored || s->stored_rev != m->rev || s->stored_body != m->body ||
        s->stored_marks != m->marks || s->stored_deleted != m->deleted)
        checker_violation(c, CHECK_CONVERGED,
                          "reader %u: seq %" PRIu64 " of %" PRIx64 " rev %" PRIu64
                          " is not the stored rev %" PRIu64,
                          reader, m->seq, m->channel_id, m->rev, s ? s->stored_rev : 0);
}

static uint64_t at_most_counted(uint64_t mentions)
{
    return mentions < CHAT_MENTIONS_COUNT_MAX ? mentions : CHAT_MENTIONS_COUNT_MAX;
}

void checker_mentions(struct checker *c, uint32_t device, uint64_t channel_id, uint64_t above_read,
                      uint64_t cached, uint64_t above_told)
{
    const uint64_t *told =
        index_find(&c->mentions, &(struct index_key){{device, channel_id, 0, 0}});

    if (cached != at_most_counted(above_read))
        checker_violation(c, CHECK_MENTIONS,
                          "device %u: counts %" PRIu64 " mentions in %" PRIx64 ", not %" PRIu64,
                          device, cached, channel_id, above_read);
    /* Past the greatest number deletions do not show. */
    if (told && *told - 1 != at_most_counted(above_told) && *told - 1 != CHAT_MENTIONS_COUNT_MAX)
        checker_violation(c, CHECK_MENTIONS,
                          "device %u: was told %" PRIu64 " mentions in %" PRIx64 ", not %" PRIu64,
                          device, *told - 1, channel_id, above_told);
}

/* Tells losses as prefix, middle or tail: each points at another kind of bug. */
static const char *where_lost(const struct checker *c, const struct attempt *a)
{
    struct index_key key = {{a->channel_id, 0, 0, 0}};
    const struct channel *ch = index_find(&c->channels, &key);
    if (!ch || a->acked_seq > ch->stored_head)
        return "tail";
    return a->acked_seq == 1 ? "prefix" : "middle";
}

static void judge_attempt(struct checker *c, const struct attempt *a)
{
    struct slot *s;

    /* Nothing typed is lost without a word, as long as the disk it was typed to is there. */
    if (!a->acked_seq && !a->refused && !a->unknown && !a->renamed && !a->stored && !a->undone &&
        a->order && !index_find(&c->lost_caches, &(struct index_key){{a->cache, 0, 0, 0}}))
        checker_violation(c, CHECK_RESOLVED,
                          "channel %" PRIx64 " nonce %" PRIx64 " of cache %" PRIu32
                          " came to nothing, and nobody was told",
                          a->channel_id, a->counter, a->cache);
    if (!a->acked_seq)
        return;
    s = checker_slot(c, a->channel_id, a->acked_seq, false);
    if (!a->stored)
        checker_violation(c, CHECK_ACKED_STORED,
                          "lost (%s): channel %" PRIx64 " seq %" PRIu64 " was acknowledged",
                          where_lost(c, a), a->channel_id, a->acked_seq);
    else if (!s || (a->acked_id && s->first.message_id != a->acked_id))
        checker_violation(c, CHECK_SAME_ANSWER,
                          "channel %" PRIx64 " seq %" PRIu64 " was acknowledged with another id",
                          a->channel_id, a->acked_seq);
}

/* Walks each channel's history: what was typed into one cache stands in that order, whatever
 * names its messages had meanwhile. */
static void judge_sender_order(struct checker *c, const struct channel *ch)
{
    struct index last;

    index_init(&last, sizeof(uint64_t));
    for (uint64_t seq = 1; seq <= ch->stored_head; seq++) {
        struct slot *s = checker_slot(c, ch->channel_id, seq, false);
        struct check_nonce nonce;
        struct attempt *a;
        uint64_t *before;

        if (!s || !s->stored)
            continue;
        nonce = (struct check_nonce){ch->channel_id, s->first.author_id, s->first.device_id,
                                     s->first.counter};
        a = checker_attempt(c, &nonce, false);
        if (!a || a->rewritten || a->late)
            continue;
        struct index_key key = {{s->first.author_id, a->cache, 0, 0}};
        before = index_make(&last, &key);
        if (a->order < *before)
            checker_violation(c, CHECK_SENDER_ORDER,
                              "channel %" PRIx64 " seq %" PRIu64 " overtook an earlier message",
                              ch->channel_id, seq);
        *before = a->order;
    }
    index_fini(&last);
}

void checker_judge(struct checker *c)
{
    size_t cursor = 0;
    void *value;

    while ((value = index_next(&c->attempts, &cursor)))
        judge_attempt(c, value);
    cursor = 0;
    while ((value = index_next(&c->channels, &cursor))) {
        const struct channel *ch = value;
        if (ch->logged_head != ch->stored_head)
            checker_violation(c, CHECK_ACKED_STORED,
                              "channel %" PRIx64 ": %" PRIu64 " messages logged, %" PRIu64 " found",
                              ch->channel_id, ch->logged_head, ch->stored_head);
        judge_sender_order(c, ch);
    }
    checker_judge_own(c);
}
