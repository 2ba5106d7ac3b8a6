/* A search, step by step. */
#include "cache/search.h"

#include <string.h>

#include "base/alloc.h"
#include "cache/inner.h"

struct hit {
    uint64_t message_id, channel_id, seq;
};

struct cache_search {
    struct cache *c;
    struct buf folded, match, text;
    uint64_t channel_id, before;
    int64_t high; /* documents up to here are not looked at yet; 0: none */
    bool open_end, counted;
    size_t rare_at, rare_len; /* the one term of `match` to look up; len 0: all */
    uint32_t limit, count;
    struct hit hits[]; /* by falling message id; room for one more than limit */
};

/* --- life --- */

static bool is_open_end(const char *text, size_t len)
{
    unsigned char last = (unsigned char)text[len - 1];

    return last >= 0x80 || (last >= '0' && last <= '9') || (last >= 'A' && last <= 'Z') ||
           (last >= 'a' && last <= 'z');
}

chat_status cache_search_new(struct cache *c, const char *text, size_t text_len,
                             uint64_t channel_id, uint64_t before, uint32_t limit,
                             struct cache_search **out_search)
{
    chat_status status = cache_index_open(c);
    struct cache_search *s;

    if (text_len == 0 || limit == 0)
        return CHAT_E_INVALID;
    if (status != CHAT_OK)
        return status;
    s = alloc_zeroed(c->allocator, sizeof(*s) + (limit + 1) * sizeof(s->hits[0]));
    if (!s)
        return CHAT_E_NOMEM;
    s->c = c;
    s->channel_id = channel_id;
    s->before = before;
    s->limit = limit;
    s->open_end = is_open_end(text, text_len);
    buf_init(&s->folded, c->allocator, WORDS_FOLDED_MAX);
    buf_init(&s->match, c->allocator, WORDS_TERMS_MAX);
    buf_init(&s->text, c->allocator, WORDS_FOLDED_MAX);
    status = words_fold(&c->words, text, text_len, &s->folded);
    if (status == CHAT_OK)
        status = words_match(&s->folded, s->open_end, channel_id, &s->match);
    if (status != CHAT_OK) {
        cache_search_free(s);
        return status;
    }
    s->high = INT64_MAX;
    if (before)
        s->high = (int64_t)((cache_index_day(before) + 1) << INDEX_DAY_BITS) - 1;
    if (s->folded.len == 0) /* no words: nothing has them */
        s->high = 0;
    *out_search = s;
    return CHAT_OK;
}

void cache_search_free(struct cache_search *s)
{
    if (!s)
        return;
    buf_fini(&s->folded);
    buf_fini(&s->match);
    buf_fini(&s->text);
    alloc_free(s->c->allocator, s);
}

/* --- what a step looks through --- */

/* The documents of the next step: whole days, or a part of one that is too large. */
static chat_status next_slice(struct cache_search *s, int64_t *out_low)
{
    const int64_t most = s->rare_len ? SEARCH_RARE_DOCUMENTS : SEARCH_STEP_DOCUMENTS;
    int64_t at = s->high, low = 1, total = 0;

    while (total < most) {
        int64_t last, of_day;
        chat_status status = cache_index_last(s->c, at, &last);

        if (status != CHAT_OK)
            return status;
        if (!last) {
            if (total == 0)
                s->high = 0;
            low = 1;
            break;
        }
        of_day = last & INDEX_DAY_MASK;
        if (total == 0) {
            s->high = last;
            if (of_day > most) {
                low = last - most + 1;
                break;
            }
        }
        total += of_day;
        low = last - of_day;
        at = low - 1;
    }
    *out_low = low;
    return CHAT_OK;
}

/* All that can still come is older than the page. */
static bool is_full(const struct cache_search *s, int64_t doc)
{
    return s->count > s->limit &&
           doc >> INDEX_DAY_BITS < (int64_t)cache_index_day(s->hits[s->count - 1].message_id);
}

static void keep_hit(struct cache_search *s, const struct hit *hit)
{
    uint32_t at = s->count;

    while (at > 0 && s->hits[at - 1].message_id < hit->message_id)
        at--;
    if (at > s->limit)
        return;
    if (s->count <= s->limit)
        s->count++;
    memmove(&s->hits[at + 1], &s->hits[at], (s->count - 1 - at) * sizeof(s->hits[0]));
    s->hits[at] = *hit;
}

/* Columns: message_id, channel_id, seq, text. */
static chat_status consider(struct cache_search *s, sqlite3_stmt *st)
{
    const struct hit hit = {cache_u64(st, 1), cache_u64(st, 2), cache_u64(st, 3)};
    const char *text = (const char *)sqlite3_column_text(st, 4);
    size_t len = (size_t)sqlite3_column_bytes(st, 4);
    chat_status status;

    bool gone;

    if ((s->before && hit.message_id >= s->before) || !text ||
        (s->channel_id && hit.channel_id != s->channel_id))
        return CHAT_OK;
    status = cache_remains_are(s->c, hit.channel_id, &gone);
    if (status != CHAT_OK || gone)
        return status;
    status = words_fold(&s->c->words, text, len, &s->text);
    if (status == CHAT_OK && words_are_in(&s->folded, s->open_end, &s->text))
        keep_hit(s, &hit);
    return status;
}

/* --- the rarest term alone --- */

/* Documents of the slice that have it, at most one more than are rare. */
static chat_status count_term(struct cache_search *s, const char *term, size_t len, int64_t low,
                              uint32_t *out_count)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(s->c, ST_SEARCH_COUNT, &status);

    if (!st)
        return status;
    cache_bind_text(st, 1, term, len);
    sqlite3_bind_int64(st, 2, low);
    sqlite3_bind_int64(st, 3, s->high);
    sqlite3_bind_int64(st, 4, SEARCH_RARE + 1);
    status = cache_only(s->c, st);
    *out_count = status == CHAT_OK ? (uint32_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return status;
}

static chat_status find_rare(struct cache_search *s, int64_t low)
{
    const char *match = (const char *)s->match.bytes;
    const size_t len = s->match.len - 1;
    uint32_t fewest = SEARCH_RARE + 1, count = 0;
    size_t at = 0, next;

    s->counted = true;
    for (uint32_t i = 0; i < SEARCH_TERMS_COUNTED && at < len; i++, at = next) {
        chat_status status;

        /* "one" "two" "beginn"* */
        next = (size_t)((const char *)memchr(match + at + 1, '"', len - at - 1) - match) + 1;
        while (next < len && match[next] != '"')
            next++;
        if (at == 0 && next == len)
            return CHAT_OK; /* it is alone anyway */
        status = count_term(s, match + at, next - at, low, &count);
        if (status != CHAT_OK)
            return status;
        if (count < fewest) {
            fewest = count;
            s->rare_at = at;
            s->rare_len = next - at;
        }
    }
    return CHAT_OK;
}

static chat_status look_through(struct cache_search *s, int64_t low)
{
    const uint32_t most = s->rare_len ? SEARCH_RARE_CANDIDATES : SEARCH_STEP_CANDIDATES;
    const size_t len = s->rare_len ? s->rare_len : s->match.len - 1;
    chat_status status;
    sqlite3_stmt *st = cache_statement(s->c, ST_SEARCH, &status);
    int64_t next = low - 1;
    uint32_t candidates = 0;

    if (!st)
        return status;
    cache_bind_text(st, 1, (const char *)s->match.bytes + s->rare_at, len);
    sqlite3_bind_int64(st, 2, low);
    sqlite3_bind_int64(st, 3, s->high);
    while (cache_next(s->c, st, &status)) {
        const int64_t doc = sqlite3_column_int64(st, 0);

        if (is_full(s, doc)) {
            next = 0;
            break;
        }
        status = consider(s, st);
        if (++candidates == most) {
            next = doc - 1;
            s->rare_at = s->rare_len = 0;
            break;
        }
    }
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    s->high = next;
    return status;
}

chat_status cache_search_step(struct cache_search *s, bool *out_done)
{
    chat_status status = cache_index_open(s->c); /* it may have been released since */
    int64_t low = 0;

    if (status == CHAT_OK && s->high > 0)
        status = next_slice(s, &low);
    if (status == CHAT_OK && s->high > 0 && is_full(s, s->high))
        s->high = 0;
    if (status == CHAT_OK && s->high > 0)
        status = s->counted ? look_through(s, low) : find_rare(s, low);
    *out_done = s->high <= 0;
    return status;
}

/* --- the page --- */

struct reading {
    struct cache *c;
    cache_message_fn fn;
    void *user;
};

/* It may have been deleted since it was found, or its channel removed. */
static chat_status hand_on(const struct chat_message *m, void *user)
{
    const struct reading *r = user;
    bool gone;
    chat_status status = cache_remains_are(r->c, m->channel_id, &gone);

    return status != CHAT_OK || gone || m->deleted ? status : r->fn(m, r->user);
}

chat_status cache_search_read(struct cache_search *s, cache_message_fn fn, void *user)
{
    struct reading r = {s->c, fn, user};
    chat_status status = CHAT_OK;

    for (uint32_t i = 0; i < s->count && i < s->limit && status == CHAT_OK; i++)
        status = cache_messages_read(s->c, s->hits[i].channel_id, s->hits[i].seq, s->hits[i].seq, 1,
                                     hand_on, &r);
    return status;
}

uint64_t cache_search_next(const struct cache_search *s)
{
    return s->count > s->limit ? s->hits[s->limit - 1].message_id : 0;
}
