#include "checker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "checker_index.h"

#define PRINTED_MAX 20u

/* Everything known of one attempted message, found by its nonce. */
struct attempt {
    uint64_t body;
    uint64_t acked_seq, acked_id; /* 0: not acknowledged */
    uint64_t logged_seq, logged_id;
    uint64_t order; /* of all attempts */
    uint64_t channel_id, counter;
    uint32_t cache;
    bool refused, stored, unknown, renamed;
    bool rewritten; /* its author may not know it for his own, and say it again */
};

/* A seq of a channel. */
struct slot {
    struct check_message first; /* as logged, seq and nonce are its identity */
    uint64_t home_id, lsn;
    uint64_t stored_rev, stored_body;
    bool logged, stored, stored_deleted;
    bool rewritten; /* its first bytes do not count any more */
};

struct channel {
    uint64_t channel_id, home_id;
    uint64_t logged_head, stored_head;
    bool told;
    bool rewritten;
};

struct home {
    uint64_t lsn;
};

struct membership {
    uint64_t removed_at, added_at; /* lsn; the later one counts */
    uint32_t permissions;
};

struct log_entry {
    uint64_t content;
};

struct reading {
    uint64_t head, cursor, saw_count, cached_count;
    uint64_t acked_head; /* of its own writes */
};

struct checker {
    struct index bodies; /* of new messages: each text is sent once */
    struct index attempts, slots, channels, homes, members, log, shards, readings, seen, changes;
    struct index lost_caches;
    struct index notes, listed; /* the first by number: joins; the second: the last number */
    uint64_t violations[CHECK_RULES];
    uint32_t printed;
    bool quiet, superseded;
    uint64_t attempt_order;
    struct checker_counts counts;
};

const char *check_rule_name(enum check_rule rule)
{
    static const char *const names[CHECK_RULES] = {
        [CHECK_ACKED_STORED] = "acked is stored",
        [CHECK_STORED_ATTEMPTED] = "stored was attempted",
        [CHECK_DENSE_SEQ] = "seq is dense",
        [CHECK_DENSE_LSN] = "lsn is dense",
        [CHECK_DENSE_POSITION] = "position is dense",
        [CHECK_SAME_ORDER] = "same order for all",
        [CHECK_SENDER_ORDER] = "per-sender order",
        [CHECK_ONCE_PER_NONCE] = "one message per nonce",
        [CHECK_SAME_ANSWER] = "a repeat gets the same answer",
        [CHECK_READ_YOUR_WRITES] = "read your writes",
        [CHECK_CURSOR_MONOTONE] = "cursors are monotone",
        [CHECK_STREAM_CONTIGUOUS] = "streams are contiguous or told",
        [CHECK_REMOVED_SILENT] = "nothing past removal",
        [CHECK_ONLY_MEMBERS] = "only members write",
        [CHECK_NEVER_REBUILT] = "never rebuilt without a reason",
        [CHECK_NO_INTERNAL] = "no internal error",
        [CHECK_NOTE_KEPT] = "notes are kept until applied",
        [CHECK_CACHE_WHOLE] = "caches hold what they say",
        [CHECK_CONVERGED] = "all converge",
        [CHECK_RESOLVED] = "unknowns resolve",
        [CHECK_LIVE] = "the run ends",
    };
    return names[rule];
}

struct checker *checker_new(void)
{
    struct checker *c = calloc(1, sizeof(*c));
    if (!c) {
        fprintf(stderr, "checker: out of memory\n");
        exit(2);
    }
    index_init(&c->attempts, sizeof(struct attempt));
    index_init(&c->bodies, sizeof(uint64_t));
    index_init(&c->slots, sizeof(struct slot));
    index_init(&c->channels, sizeof(struct channel));
    index_init(&c->homes, sizeof(struct home));
    index_init(&c->members, sizeof(struct membership));
    index_init(&c->log, sizeof(struct log_entry));
    index_init(&c->shards, sizeof(struct home));
    index_init(&c->readings, sizeof(struct reading));
    index_init(&c->seen, sizeof(uint64_t));
    index_init(&c->changes, sizeof(uint64_t));
    index_init(&c->lost_caches, sizeof(uint64_t));
    index_init(&c->notes, sizeof(uint64_t));
    index_init(&c->listed, sizeof(uint64_t));
    return c;
}

void checker_free(struct checker *c)
{
    if (!c)
        return;
    index_fini(&c->attempts);
    index_fini(&c->bodies);
    index_fini(&c->slots);
    index_fini(&c->channels);
    index_fini(&c->homes);
    index_fini(&c->members);
    index_fini(&c->log);
    index_fini(&c->shards);
    index_fini(&c->readings);
    index_fini(&c->seen);
    index_fini(&c->changes);
    index_fini(&c->lost_caches);
    index_fini(&c->notes);
    index_fini(&c->listed);
    free(c);
}

void checker_violation(struct checker *c, enum check_rule rule, const char *format, ...)
{
    va_list args;

    if (c->superseded && (rule == CHECK_NEVER_REBUILT || rule == CHECK_NO_INTERNAL))
        return;
    c->violations[rule]++;
    if (c->quiet || c->printed >= PRINTED_MAX)
        return;
    c->printed++;
    fprintf(stderr, "VIOLATION %s: ", check_rule_name(rule));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void checker_set_quiet(struct checker *c, bool quiet) { c->quiet = quiet; }

void checker_excuse_superseded(struct checker *c) { c->superseded = true; }

uint64_t checker_violations(const struct checker *c, enum check_rule rule)
{
    return c->violations[rule];
}

uint64_t checker_total(const struct checker *c)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < CHECK_RULES; i++)
        total += c->violations[i];
    return total;
}

const struct checker_counts *checker_get_counts(const struct checker *c) { return &c->counts; }

/* --- clients --- */

static struct attempt *attempt_of(struct checker *c, const struct check_nonce *n, bool make)
{
    struct index_key key = {{n->channel_id, n->device_id, n->counter, n->user_id}};
    return make ? index_make(&c->attempts, &key) : index_find(&c->attempts, &key);
}

void checker_attempted(struct checker *c, const struct check_nonce *n, uint64_t body,
                       uint32_t cache)
{
    struct attempt *a = attempt_of(c, n, true);
    if (a->order && a->body != body)
        checker_violation(c, CHECK_ONCE_PER_NONCE, "the client gave nonce %" PRIu64 " twice",
                          n->counter);
    if (!a->order)
        a->order = ++c->attempt_order;
    a->body = body;
    a->cache = cache;
    a->counter = n->counter;
    a->channel_id = n->channel_id;
    c->counts.attempted++;
}

void checker_cache_lost(struct checker *c, uint32_t cache)
{
    (void)index_make(&c->lost_caches, &(struct index_key){{cache, 0, 0, 0}});
}

void checker_attempted_change(struct checker *c, uint64_t channel_id, uint64_t seq, uint64_t body,
                              bool deleted)
{
    struct index_key key = {{channel_id, seq, deleted ? 0 : body, deleted}};
    index_make(&c->changes, &key);
    c->counts.changes++;
}

void checker_acked(struct checker *c, const struct check_nonce *n, uint64_t seq,
                   uint64_t message_id)
{
    struct attempt *a = attempt_of(c, n, false);
    if (!a) {
        checker_violation(c, CHECK_SAME_ANSWER, "an answer for nonce %" PRIu64 " nobody sent",
                          n->counter);
        return;
    }
    c->counts.acked++;
    if (a->acked_seq && (a->acked_seq != seq || (message_id && a->acked_id != message_id)))
        checker_violation(c, CHECK_SAME_ANSWER,
                          "nonce %" PRIu64 " was answered seq %" PRIu64 ", then %" PRIu64,
                          n->counter, a->acked_seq, seq);
    if (a->logged_seq && a->logged_seq != seq)
        checker_violation(c, CHECK_SAME_ANSWER,
                          "nonce %" PRIu64 " logged as seq %" PRIu64 ", answered %" PRIu64,
                          n->counter, a->logged_seq, seq);
    if (!a->logged_seq)
        checker_violation(c, CHECK_ACKED_STORED,
                          "channel %" PRIx64 " nonce %" PRIx64 " acknowledged as seq %" PRIu64
                          " before it was synced",
                          n->channel_id, n->counter, seq);
    a->acked_seq = seq;
    a->acked_id = message_id;
}

void checker_renamed(struct checker *c, const struct check_nonce *old_nonce,
                     const struct check_nonce *new_nonce)
{
    struct attempt *old = attempt_of(c, old_nonce, false);
    struct attempt copy, *a;

    if (!old) {
        checker_violation(c, CHECK_SAME_ANSWER, "nonce %" PRIx64 " renamed, but never attempted",
                          old_nonce->counter);
        return;
    }
    old->renamed = true;
    copy = *old;
    a = attempt_of(c, new_nonce, true);
    /* Every later event of the message tells its old nonce, too. */
    if (a->order == copy.order && a->body == copy.body)
        return;
    *a = (struct attempt){.body = copy.body,
                          .order = copy.order,
                          .cache = copy.cache,
                          .rewritten = copy.rewritten,
                          .counter = new_nonce->counter,
                          .channel_id = copy.channel_id};
}

void checker_left_unknown(struct checker *c, const struct check_nonce *n)
{
    attempt_of(c, n, true)->unknown = true;
}

void checker_refused(struct checker *c, const struct check_nonce *n)
{
    struct attempt *a = attempt_of(c, n, true);
    a->refused = true;
    c->counts.refused++;
    if (a->logged_seq)
        checker_violation(c, CHECK_SAME_ANSWER,
                          "nonce %" PRIx64 " was told refused, but is logged as seq %" PRIu64,
                          n->counter, a->logged_seq);
}

static struct slot *slot_of(struct checker *c, uint64_t channel_id, uint64_t seq, bool make)
{
    struct index_key key = {{channel_id, seq, 0, 0}};
    return make ? index_make(&c->slots, &key) : index_find(&c->slots, &key);
}

static struct reading *reading_of(struct checker *c, uint32_t reader, uint64_t channel_id)
{
    struct index_key key = {{reader, channel_id, 0, 0}};
    return index_make(&c->readings, &key);
}

static bool same_identity(const struct check_message *a, const struct check_message *b)
{
    return a->message_id == b->message_id && a->author_id == b->author_id &&
           a->device_id == b->device_id && a->counter == b->counter;
}

/* A message that a reader holds must be the logged one, in a state somebody made. */
static void check_against_log(struct checker *c, uint32_t reader, const struct check_message *m)
{
    struct slot *s = slot_of(c, m->channel_id, m->seq, false);

    if (!s || !s->logged) {
        checker_violation(c, CHECK_ACKED_STORED,
                          "reader %u got seq %" PRIu64 " of %" PRIx64 " before it was synced",
                          reader, m->seq, m->channel_id);
        return;
    }
    if (!same_identity(&s->first, m))
        checker_violation(c, CHECK_SAME_ORDER,
                          "reader %u has another message at seq %" PRIu64 " of %" PRIx64, reader,
                          m->seq, m->channel_id);
    if (m->rev == 0 && m->body != s->first.body && !s->rewritten)
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "reader %u has other bytes at seq %" PRIu64 " of %" PRIx64, reader,
                          m->seq, m->channel_id);
}

/* True for one that stands behind the removal of a user who did not come back. */
static bool is_past_removal(struct checker *c, uint64_t user_id, const struct check_message *m,
                            uint64_t *out_lsn, uint64_t *out_removed_at)
{
    struct slot *s = slot_of(c, m->channel_id, m->seq, false);
    struct index_key key;
    struct membership *member;

    if (!s || !s->logged)
        return false;
    key = (struct index_key){{s->home_id, user_id, 0, 0}};
    member = index_find(&c->members, &key);
    if (!member)
        return false;
    *out_lsn = s->lsn;
    *out_removed_at = member->removed_at;
    return member->removed_at > member->added_at && s->lsn > member->removed_at;
}

static void check_removal(struct checker *c, uint32_t reader, uint64_t user_id,
                          const struct check_message *m)
{
    uint64_t lsn, removed_at;

    if (is_past_removal(c, user_id, m, &lsn, &removed_at))
        checker_violation(c, CHECK_REMOVED_SILENT,
                          "reader %u got seq %" PRIu64 " (lsn %" PRIu64 ") of %" PRIx64
                          ", removed at lsn %" PRIu64,
                          reader, m->seq, lsn, m->channel_id, removed_at);
}

void checker_delivered(struct checker *c, uint64_t user_id, const struct check_message *m)
{
    uint64_t lsn, removed_at;

    if (is_past_removal(c, user_id, m, &lsn, &removed_at))
        checker_violation(c, CHECK_REMOVED_SILENT,
                          "user %" PRIx64 " was sent seq %" PRIu64 " (lsn %" PRIu64 ") of %" PRIx64
                          ", removed at lsn %" PRIu64,
                          user_id, m->seq, lsn, m->channel_id, removed_at);
}

void checker_saw(struct checker *c, uint32_t reader, uint64_t user_id,
                 const struct check_message *m)
{
    struct index_key key = {{reader, m->channel_id, m->seq, 0}};
    uint64_t *times = index_make(&c->seen, &key);

    c->counts.saw++;
    if (++*times > 1)
        checker_violation(c, CHECK_STREAM_CONTIGUOUS,
                          "reader %u got seq %" PRIu64 " of %" PRIx64 " as new twice", reader,
                          m->seq, m->channel_id);
    check_against_log(c, reader, m);
    check_removal(c, reader, user_id, m);
}

void checker_rebuilt(struct checker *c, const char *who, uint64_t channel_id)
{
    const struct channel *ch = index_find(&c->channels, &(struct index_key){{channel_id, 0, 0, 0}});

    if (!ch || !ch->rewritten)
        checker_violation(c, CHECK_NEVER_REBUILT, "%s: %" PRIx64 " starts over", who, channel_id);
}

void checker_cursor(struct checker *c, uint32_t reader, uint64_t channel_id, uint64_t read_seq)
{
    struct reading *r = reading_of(c, reader, channel_id);
    if (read_seq < r->cursor)
        checker_violation(c, CHECK_CURSOR_MONOTONE,
                          "reader %u: read cursor of %" PRIx64 " went from %" PRIu64 " to %" PRIu64,
                          reader, channel_id, r->cursor, read_seq);
    else
        r->cursor = read_seq;
}

void checker_head(struct checker *c, uint32_t reader, uint64_t channel_id, uint64_t seq)
{
    struct reading *r = reading_of(c, reader, channel_id);
    if (seq < r->head && !c->superseded) /* its head is of before, until it is fenced */
        checker_violation(c, CHECK_READ_YOUR_WRITES,
                          "reader %u: head of %" PRIx64 " went from %" PRIu64 " to %" PRIu64,
                          reader, channel_id, r->head, seq);
    else
        r->head = seq;
}

/* --- the tap --- */

static void log_one(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                    uint64_t lsn, uint64_t content)
{
    struct index_key shard_key = {{shard, 0, 0, 0}};
    struct index_key home_key = {{home_id, 0, 0, 0}};
    struct index_key key = {{shard, position, 0, 0}};
    struct home *s = index_make(&c->shards, &shard_key);
    struct home *h = index_make(&c->homes, &home_key);

    c->counts.logged++;
    if (position != s->lsn + 1)
        checker_violation(c, CHECK_DENSE_POSITION,
                          "shard %u: position %" PRIu64 " follows %" PRIu64, shard, position,
                          s->lsn);
    if (lsn != h->lsn + 1)
        checker_violation(c, CHECK_DENSE_LSN, "home %" PRIx64 ": lsn %" PRIu64 " follows %" PRIu64,
                          home_id, lsn, h->lsn);
    s->lsn = position;
    h->lsn = lsn;
    ((struct log_entry *)index_make(&c->log, &key))->content = content | 1;
}

bool checker_logged(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                    uint64_t lsn, uint64_t content)
{
    struct index_key key = {{shard, position, 0, 0}};

    if (index_find(&c->log, &key)) {
        checker_violation(c, CHECK_DENSE_POSITION,
                          "shard %u: position %" PRIu64 " was logged twice", shard, position);
        return false;
    }
    log_one(c, shard, position, home_id, lsn, content);
    return true;
}

bool checker_recovered(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                       uint64_t lsn, uint64_t content)
{
    struct index_key key = {{shard, position, 0, 0}};
    struct log_entry *entry = index_find(&c->log, &key);

    if (!entry) {
        log_one(c, shard, position, home_id, lsn, content);
        return true;
    }
    if (entry->content != (content | 1))
        checker_violation(c, CHECK_ACKED_STORED,
                          "shard %u: position %" PRIu64 " came back as another record", shard,
                          position);
    return false;
}

void checker_logged_message(struct checker *c, uint64_t home_id, uint64_t lsn,
                            const struct check_message *m)
{
    struct check_nonce nonce = {m->channel_id, m->author_id, m->device_id, m->counter};
    struct index_key key = {{m->channel_id, 0, 0, 0}};
    struct channel *ch = index_make(&c->channels, &key);
    struct slot *s = slot_of(c, m->channel_id, m->seq, true);
    struct attempt *a = attempt_of(c, &nonce, false);

    ch->channel_id = m->channel_id;
    ch->home_id = home_id;
    if (s->logged)
        checker_violation(c, CHECK_DENSE_SEQ, "seq %" PRIu64 " of %" PRIx64 " was given twice",
                          m->seq, m->channel_id);
    if (m->seq != ch->logged_head + 1)
        checker_violation(c, CHECK_DENSE_SEQ, "seq %" PRIu64 " of %" PRIx64 " follows %" PRIu64,
                          m->seq, m->channel_id, ch->logged_head);
    ch->logged_head = m->seq;
    *s = (struct slot){.first = *m, .home_id = home_id, .lsn = lsn, .logged = true};
    if (!a) {
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "seq %" PRIu64 " of %" PRIx64 " was never attempted", m->seq,
                          m->channel_id);
        return;
    }
    if (a->body != m->body)
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "seq %" PRIu64 " of %" PRIx64 " has other bytes than were sent", m->seq,
                          m->channel_id);
    uint64_t *times = index_make(&c->bodies, &(struct index_key){{m->body, 0, 0, 0}});
    if (++*times > 1 && !a->rewritten)
        checker_violation(c, CHECK_ONCE_PER_NONCE,
                          "seq %" PRIu64 " of %" PRIx64 " says again what was said before", m->seq,
                          m->channel_id);
    if (a->logged_seq)
        checker_violation(c, CHECK_ONCE_PER_NONCE,
                          "nonce %" PRIx64 " is seq %" PRIu64 " and %" PRIu64 " of %" PRIx64,
                          m->counter, a->logged_seq, m->seq, m->channel_id);
    if (a->refused)
        checker_violation(c, CHECK_SAME_ANSWER, "nonce %" PRIx64 " was refused, then logged",
                          m->counter);
    a->logged_seq = m->seq;
    a->logged_id = m->message_id;
}

void checker_logged_change(struct checker *c, const struct check_message *m)
{
    struct index_key key = {{m->channel_id, m->seq, m->deleted ? 0 : m->body, m->deleted}};
    struct slot *s = slot_of(c, m->channel_id, m->seq, false);

    if (!s || !s->logged || !same_identity(&s->first, m))
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "a change of seq %" PRIu64 " of %" PRIx64 ", which is not that message",
                          m->seq, m->channel_id);
    if (!index_find(&c->changes, &key))
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "seq %" PRIu64 " of %" PRIx64 " was altered as nobody asked", m->seq,
                          m->channel_id);
}

void checker_logged_member(struct checker *c, uint64_t home_id, uint64_t lsn, uint64_t user_id,
                           uint32_t permissions)
{
    struct index_key key = {{home_id, user_id, 0, 0}};
    struct membership *m = index_make(&c->members, &key);

    m->permissions = permissions;
    if (permissions) {
        m->added_at = lsn;
    } else {
        m->removed_at = lsn;
        c->counts.removals++;
    }
}

void checker_logged_note(struct checker *c, uint64_t home_id, uint64_t user_id, uint64_t number)
{
    (void)index_make(&c->notes, &(struct index_key){{home_id, user_id, number, 0}});
}

void checker_logged_listed(struct checker *c, uint64_t home_id, uint64_t user_id, uint64_t number)
{
    uint64_t *last = index_make(&c->listed, &(struct index_key){{home_id, user_id, 0, 0}});

    if (number > *last)
        *last = number;
}

void checker_logged_note_acked(struct checker *c, uint64_t home_id, uint64_t user_id,
                               uint64_t number)
{
    const uint64_t *last = index_find(&c->listed, &(struct index_key){{home_id, user_id, 0, 0}});

    /* Of one who left there is nothing to apply where nothing was listed. */
    if (!index_find(&c->notes, &(struct index_key){{home_id, user_id, number, 0}}))
        return;
    if (!last || *last < number)
        checker_violation(c, CHECK_NOTE_KEPT,
                          "home %" PRIx64 " forgets note %" PRIu64 " to %" PRIx64
                          ", which has applied %" PRIu64,
                          home_id, number, user_id, last ? *last : 0);
}

uint32_t checker_permissions(struct checker *c, uint64_t home_id, uint64_t user_id)
{
    const struct membership *m =
        index_find(&c->members, &(struct index_key){{home_id, user_id, 0, 0}});
    return m ? m->permissions : 0;
}

void checker_logged_author(struct checker *c, uint64_t home_id, uint64_t user_id, uint32_t needed)
{
    const uint32_t has = checker_permissions(c, home_id, user_id);

    if ((has & needed) != needed)
        checker_violation(c, CHECK_ONLY_MEMBERS,
                          "user %" PRIx64 " wrote to %" PRIx64 " with permissions %" PRIu32,
                          user_id, home_id, has);
}

void checker_rewritten_channel(struct checker *c, uint64_t channel_id)
{
    struct channel *ch = index_make(&c->channels, &(struct index_key){{channel_id, 0, 0, 0}});

    ch->channel_id = channel_id;
    ch->rewritten = true;
}

void checker_rewritten(struct checker *c, uint64_t channel_id, uint64_t seq, uint64_t body)
{
    struct slot *s = slot_of(c, channel_id, seq, true);
    struct check_nonce nonce = {channel_id, s->first.author_id, s->first.device_id,
                                s->first.counter};
    struct attempt *a = attempt_of(c, &nonce, false);

    s->first.body = body;
    s->rewritten = true;
    if (a)
        a->rewritten = true;
}

bool checker_was_removed(struct checker *c, uint64_t home_id, uint64_t user_id)
{
    struct index_key key = {{home_id, user_id, 0, 0}};
    const struct membership *m = index_find(&c->members, &key);
    return m && m->removed_at;
}

uint64_t checker_logged_head(struct checker *c, uint64_t channel_id)
{
    struct index_key key = {{channel_id, 0, 0, 0}};
    const struct channel *ch = index_find(&c->channels, &key);
    return ch ? ch->logged_head : 0;
}

/* --- the end --- */

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
    struct slot *s = slot_of(c, m->channel_id, m->seq, true);
    struct attempt *a = attempt_of(c, &nonce, false);

    c->counts.stored++;
    ch->channel_id = m->channel_id;
    if (m->seq != ch->stored_head + 1)
        checker_violation(c, CHECK_DENSE_SEQ,
                          "final history of %" PRIx64 ": seq %" PRIu64 " follows %" PRIu64,
                          m->channel_id, m->seq, ch->stored_head);
    ch->stored_head = m->seq;
    if (!s->logged || !same_identity(&s->first, m))
        checker_violation(c, CHECK_SAME_ORDER,
                          "final history of %" PRIx64 ": seq %" PRIu64 " is not what was logged",
                          m->channel_id, m->seq);
    s->stored = true;
    s->stored_rev = m->rev;
    s->stored_body = m->body;
    s->stored_deleted = m->deleted;
    if (!a) {
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "final history of %" PRIx64 ": seq %" PRIu64 " was never attempted",
                          m->channel_id, m->seq);
        return;
    }
    if (m->rev == 0 && (s->rewritten ? s->first.body : a->body) != m->body)
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
    const struct attempt *a = attempt_of(c, &nonce, false);

    return s && s->rewritten && a && m->author_id == user_id && m->rev == 0 && m->body == a->body;
}

void checker_cached(struct checker *c, uint32_t reader, uint64_t user_id,
                    const struct check_message *m)
{
    struct slot *s = slot_of(c, m->channel_id, m->seq, false);

    reading_of(c, reader, m->channel_id)->cached_count++;
    check_against_log(c, reader, m);
    if (is_own_original(c, s, user_id, m))
        return;
    if (!s || !s->stored || s->stored_rev != m->rev || s->stored_body != m->body ||
        s->stored_deleted != m->deleted)
        checker_violation(c, CHECK_CONVERGED,
                          "reader %u: seq %" PRIu64 " of %" PRIx64 " rev %" PRIu64
                          " is not the stored rev %" PRIu64,
                          reader, m->seq, m->channel_id, m->rev, s ? s->stored_rev : 0);
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
    if (!a->acked_seq && !a->refused && !a->unknown && !a->renamed && !a->stored && a->order &&
        !index_find(&c->lost_caches, &(struct index_key){{a->cache, 0, 0, 0}}))
        checker_violation(c, CHECK_RESOLVED,
                          "channel %" PRIx64 " nonce %" PRIx64 " of cache %" PRIu32
                          " came to nothing, and nobody was told",
                          a->channel_id, a->counter, a->cache);
    if (!a->acked_seq)
        return;
    s = slot_of(c, a->channel_id, a->acked_seq, false);
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
        struct slot *s = slot_of(c, ch->channel_id, seq, false);
        struct check_nonce nonce;
        struct attempt *a;
        uint64_t *before;

        if (!s || !s->stored)
            continue;
        nonce = (struct check_nonce){ch->channel_id, s->first.author_id, s->first.device_id,
                                     s->first.counter};
        a = attempt_of(c, &nonce, false);
        if (!a || a->rewritten)
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
}
