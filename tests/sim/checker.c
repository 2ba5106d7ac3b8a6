/* The checker itself, and what the applications of the clients tell it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "checker_inner.h"

#define PRINTED_MAX 20u

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
        [CHECK_HELD_TOLD] = "what is held was told",
        [CHECK_RECEIPTS] = "receipts rise, up to the head",
        [CHECK_OWN_CONVERGED] = "a user's devices agree",
        [CHECK_DRAFT_KEPT] = "no typed word is lost",
        [CHECK_VIEWS_EQUAL] = "views equal the cache",
        [CHECK_PAGES] = "pages are whole or say so",
        [CHECK_UNLOCKED] = "suspended apps lock nothing",
        [CHECK_SEARCH] = "searches find what is held",
        [CHECK_CONVERGED] = "all converge",
        [CHECK_MENTIONS] = "mentions are counted",
        [CHECK_UNREAD] = "unread messages are counted",
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
    index_init(&c->rolled_caches, sizeof(uint64_t));
    index_init(&c->came_from, sizeof(uint64_t));
    index_init(&c->unheard, sizeof(uint64_t));
    index_init(&c->origins, sizeof(uint64_t));
    index_init(&c->texts, sizeof(uint64_t));
    index_init(&c->reacted, sizeof(uint64_t));
    index_init(&c->mentions, sizeof(uint64_t));
    index_init(&c->tombstones, sizeof(struct tombstones));
    index_init(&c->cursors, sizeof(uint64_t));
    index_init(&c->receipts, sizeof(struct receipt));
    index_init(&c->seen_receipts, sizeof(struct receipt));
    index_init(&c->logged_cursors, sizeof(uint64_t));
    index_init(&c->own, sizeof(struct own));
    index_init(&c->words, sizeof(struct word));
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
    index_fini(&c->rolled_caches);
    index_fini(&c->came_from);
    index_fini(&c->unheard);
    index_fini(&c->origins);
    index_fini(&c->texts);
    index_fini(&c->reacted);
    index_fini(&c->mentions);
    index_fini(&c->tombstones);
    index_fini(&c->cursors);
    index_fini(&c->receipts);
    index_fini(&c->seen_receipts);
    index_fini(&c->logged_cursors);
    index_fini(&c->own);
    index_fini(&c->words);
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

struct attempt *checker_attempt(struct checker *c, const struct check_nonce *n, bool make)
{
    struct index_key key = {{n->channel_id, n->device_id, n->counter, n->user_id}};
    return make ? index_make(&c->attempts, &key) : index_find(&c->attempts, &key);
}

/* The first nonce of a message: what its text and changes are kept under. */
static struct index_key name_of(struct checker *c, const struct check_nonce *n, uint64_t body)
{
    const struct attempt *a = checker_attempt(c, n, false);

    if (a && a->origin_device)
        return (struct index_key){{n->channel_id, a->origin_device, a->origin_counter, body}};
    return (struct index_key){{n->channel_id, n->device_id, n->counter, body}};
}

bool checker_has_text(struct checker *c, const struct check_nonce *n, uint64_t body)
{
    struct index_key key = name_of(c, n, body);

    return index_find(&c->texts, &key) != NULL;
}

static uint64_t change_of(uint64_t body, bool deleted) { return deleted ? 2 : body ^ 4; }

bool checker_has_change(struct checker *c, const struct check_message *m, uint64_t body)
{
    const struct check_nonce nonce = {m->channel_id, m->author_id, m->device_id, m->counter};
    struct index_key by_seq = {{m->channel_id, m->seq, m->deleted ? 0 : body, m->deleted}};
    struct index_key by_nonce = name_of(c, &nonce, change_of(body, m->deleted));

    return index_find(&c->changes, &by_seq) || index_find(&c->texts, &by_nonce);
}

void checker_attempted_change_of(struct checker *c, const struct check_nonce *message,
                                 uint64_t body, bool deleted)
{
    struct index_key key = name_of(c, message, change_of(body, deleted));

    index_make(&c->texts, &key);
    c->counts.changes++;
}

void checker_changed_in_place(struct checker *c, const struct check_nonce *n, uint64_t body)
{
    struct attempt *a = checker_attempt(c, n, false);
    struct index_key key = name_of(c, n, body);

    if (!a) {
        checker_violation(c, CHECK_SAME_ANSWER, "nonce %" PRIx64 " changed, but never attempted",
                          n->counter);
        return;
    }
    if (a->logged_seq && !a->revived)
        checker_violation(c, CHECK_SAME_ANSWER,
                          "nonce %" PRIx64 " was changed in place, but is seq %" PRIu64, n->counter,
                          a->logged_seq);
    a->body = body;
    index_make(&c->texts, &key);
}

uint64_t check_reaction(uint64_t user_id, const char *emoji, size_t len, bool removed)
{
    static const uint64_t key[2] = {17, 19};

    return hash_pair(hash_bytes(key, emoji, len), hash_pair(user_id, removed)) | 1;
}

void checker_told_mentions(struct checker *c, uint32_t device, uint64_t channel_id, uint32_t count)
{
    *(uint64_t *)index_make(&c->mentions, &(struct index_key){{device, channel_id, 0, 0}}) =
        (uint64_t)count + 1;
}

void checker_told_cursor(struct checker *c, uint32_t device, uint64_t channel_id, uint64_t read_seq)
{
    uint64_t *told = index_make(&c->cursors, &(struct index_key){{device, channel_id, 0, 0}});

    if (read_seq > *told)
        *told = read_seq;
}

uint64_t checker_cursor_told(struct checker *c, uint32_t device, uint64_t channel_id)
{
    const uint64_t *told = index_find(&c->cursors, &(struct index_key){{device, channel_id, 0, 0}});

    return told ? *told : 0;
}

void checker_attempted(struct checker *c, const struct check_nonce *n, uint64_t body,
                       uint32_t cache)
{
    struct index_key text = {{n->channel_id, n->device_id, n->counter, body}};
    struct attempt *a = checker_attempt(c, n, true);
    if (a->order && a->body != body)
        checker_violation(c, CHECK_ONCE_PER_NONCE, "the client gave nonce %" PRIu64 " twice",
                          n->counter);
    if (!a->order)
        a->order = ++c->attempt_order;
    index_make(&c->texts, &text);
    a->body = body;
    a->cache = cache;
    a->counter = n->counter;
    a->channel_id = n->channel_id;
    c->counts.attempted++;
}

void checker_cache_lost(struct checker *c, uint32_t cache, uint32_t next)
{
    (void)index_make(&c->lost_caches, &(struct index_key){{cache, 0, 0, 0}});
    *(uint64_t *)index_make(&c->came_from, &(struct index_key){{next, 0, 0, 0}}) = cache;
}

uint64_t checker_mark(const struct checker *c) { return c->attempt_order; }

static void roll_back(struct checker *c, uint32_t cache, uint64_t mark)
{
    size_t cursor = 0;
    void *value;

    (void)index_make(&c->rolled_caches, &(struct index_key){{cache, 0, 0, 0}});
    while ((value = index_next(&c->attempts, &cursor))) {
        struct attempt *a = value;

        if (a->cache == cache) {
            a->undone |= a->order > mark;
            a->revived |= a->order <= mark;
            a->late |= a->order <= mark && (a->refused || a->unknown);
        }
    }
    cursor = 0;
    while ((value = index_next(&c->words, &cursor))) {
        struct word *w = value;

        if (w->cache == cache)
            w->undone |= w->order >= mark;
    }
}

void checker_cache_rolled_back(struct checker *c, uint32_t cache, uint64_t mark)
{
    const uint64_t *before;

    roll_back(c, cache, mark);
    while ((before = index_find(&c->came_from, &(struct index_key){{cache, 0, 0, 0}}))) {
        cache = (uint32_t)*before;
        roll_back(c, cache, mark);
    }
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
    struct attempt *a = checker_attempt(c, n, false);
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

/* It was logged already: it went out in the turn that gave it its new nonce. */
static void judge_unheard(struct checker *c, struct attempt *a, const struct check_nonce *n)
{
    struct index_key key = {{n->channel_id, n->device_id, n->counter, n->user_id}};
    uint64_t *seq = index_find(&c->unheard, &key);

    if (seq && *seq)
        checker_judge_logged(c, a, &checker_slot(c, n->channel_id, *seq, false)->first);
    if (seq)
        *seq = 0;
}

void checker_renamed(struct checker *c, const struct check_nonce *old_nonce,
                     const struct check_nonce *new_nonce)
{
    struct attempt *old = checker_attempt(c, old_nonce, false);
    struct attempt copy, *a;

    if (!old) {
        checker_violation(c, CHECK_SAME_ANSWER, "nonce %" PRIx64 " renamed, but never attempted",
                          old_nonce->counter);
        return;
    }
    old->renamed = true;
    copy = *old;
    a = checker_attempt(c, new_nonce, true);
    /* Every later event of the message tells its old nonce, too. */
    if (a->order == copy.order && a->body == copy.body)
        return;
    *a = (struct attempt){
        .body = copy.body,
        .order = copy.order,
        .cache = copy.cache,
        .rewritten = copy.rewritten,
        .undone = copy.undone,
        .revived = copy.revived,
        /* The nonces of such a cache may be below those of the future it lost, until it is opened
         * again: what was typed behind gets in while this one is looked for. */
        .late =
            copy.late || index_find(&c->rolled_caches, &(struct index_key){{copy.cache, 0, 0, 0}}),
        .origin_device = copy.origin_device ? copy.origin_device : old_nonce->device_id,
        .origin_counter = copy.origin_device ? copy.origin_counter : old_nonce->counter,
        .counter = new_nonce->counter,
        .channel_id = copy.channel_id};
    judge_unheard(c, a, new_nonce);
}

void checker_left_unknown(struct checker *c, const struct check_nonce *n)
{
    checker_attempt(c, n, true)->unknown = true;
}

void checker_refused(struct checker *c, const struct check_nonce *n)
{
    struct attempt *a = checker_attempt(c, n, true);
    a->refused = true;
    c->counts.refused++;
    if (a->logged_seq && !a->revived)
        checker_violation(c, CHECK_SAME_ANSWER,
                          "nonce %" PRIx64 " was told refused, but is logged as seq %" PRIu64,
                          n->counter, a->logged_seq);
}

struct slot *checker_slot(struct checker *c, uint64_t channel_id, uint64_t seq, bool make)
{
    struct index_key key = {{channel_id, seq, 0, 0}};
    return make ? index_make(&c->slots, &key) : index_find(&c->slots, &key);
}

struct reading *checker_reading(struct checker *c, uint32_t reader, uint64_t channel_id)
{
    struct index_key key = {{reader, channel_id, 0, 0}};
    return index_make(&c->readings, &key);
}

bool checker_same_identity(const struct check_message *a, const struct check_message *b)
{
    return a->message_id == b->message_id && a->author_id == b->author_id &&
           a->device_id == b->device_id && a->counter == b->counter;
}

void checker_against_log(struct checker *c, uint32_t reader, const struct check_message *m)
{
    struct slot *s = checker_slot(c, m->channel_id, m->seq, false);

    if (!s || !s->logged) {
        checker_violation(c, CHECK_ACKED_STORED,
                          "reader %u got seq %" PRIu64 " of %" PRIx64 " before it was synced",
                          reader, m->seq, m->channel_id);
        return;
    }
    if (!checker_same_identity(&s->first, m))
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
    struct slot *s = checker_slot(c, m->channel_id, m->seq, false);
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
    checker_against_log(c, reader, m);
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
    struct reading *r = checker_reading(c, reader, channel_id);
    if (read_seq < r->cursor)
        checker_violation(c, CHECK_CURSOR_MONOTONE,
                          "reader %u: read cursor of %" PRIx64 " went from %" PRIu64 " to %" PRIu64,
                          reader, channel_id, r->cursor, read_seq);
    else
        r->cursor = read_seq;
}

void checker_head(struct checker *c, uint32_t reader, uint64_t channel_id, uint64_t seq)
{
    struct reading *r = checker_reading(c, reader, channel_id);
    if (seq < r->head && !c->superseded) /* its head is of before, until it is fenced */
        checker_violation(c, CHECK_READ_YOUR_WRITES,
                          "reader %u: head of %" PRIx64 " went from %" PRIu64 " to %" PRIu64,
                          reader, channel_id, r->head, seq);
    else
        r->head = seq;
}
