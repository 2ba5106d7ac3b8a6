/* Messages into the index of words, and out of it. */
#include "base/log.h"
#include "base/snowflake.h"
#include "cache/inner.h"

#define NO_WORDS (-1)  /* in place of a document: there is nothing to find */
#define MERGE_PAGES 16 /* of the index, written by one step */

uint64_t cache_index_day(uint64_t message_id)
{
    const uint64_t ms = message_id >> (SNOWFLAKE_SHARD_BITS + SNOWFLAKE_COUNTER_BITS);

    return ms / 86400000u;
}

chat_status cache_index_open(struct cache *c)
{
    chat_status status;
    int rc;

    if (c->words.tokenizer)
        return CHAT_OK;
    if (!c->db && (status = cache_reopen(c)) != CHAT_OK)
        return status;
    buf_init(&c->folded, c->allocator, WORDS_FOLDED_MAX);
    buf_init(&c->terms, c->allocator, WORDS_TERMS_MAX);
    rc = words_init(&c->words, c->db);
    return rc == SQLITE_OK ? CHAT_OK : cache_failed(c, rc, "words");
}

void cache_index_close(struct cache *c)
{
    words_fini(&c->words);
    buf_fini(&c->folded);
    buf_fini(&c->terms);
    c->unsure = false; /* with the file goes what FTS5 has in memory */
}

bool cache_index_is_done(const struct cache *c) { return c->index_done; }

void cache_index_touch(struct cache *c, int64_t added)
{
    c->index_done = false;
    if (c->unindexed >= 0)
        c->unindexed += added;
}

/* --- statements --- */

static chat_status run_with(struct cache *c, enum statement which, int64_t doc,
                            const struct buf *terms)
{
    chat_status status;
    sqlite3_stmt *st = cache_writer(c, which, &status);

    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, doc);
    if (terms)
        cache_bind_text(st, 2, (const char *)terms->bytes, terms->len);
    return cache_run(c, st);
}

chat_status cache_index_sober(struct cache *c)
{
    chat_status status;
    sqlite3_stmt *begin, *touch, *rollback;

    if (!c->unsure)
        return CHAT_OK;
    begin = cache_statement(c, ST_BEGIN, &status);
    touch = begin ? cache_statement(c, ST_INDEX_MERGE, &status) : NULL;
    rollback = touch ? cache_statement(c, ST_ROLLBACK, &status) : NULL;
    if (rollback)
        status = cache_run(c, begin);
    if (status != CHAT_OK)
        return status;
    sqlite3_bind_int64(touch, 1, 0);
    status = cache_run(c, touch); /* what it begins is what the rollback tells it to forget */
    if (status == CHAT_OK)
        status = cache_run(c, rollback);
    c->unsure = status != CHAT_OK;
    return status;
}

/* The greatest document that is not above `doc`; 0 when there is none. */
chat_status cache_index_last(struct cache *c, int64_t doc, int64_t *out_doc)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_INDEX_LAST, &status);

    *out_doc = 0;
    if (!st)
        return status;
    sqlite3_bind_int64(st, 1, doc);
    status = cache_only(c, st);
    if (status != CHAT_OK)
        return status == CHAT_E_NOT_FOUND ? CHAT_OK : status;
    *out_doc = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return CHAT_OK;
}

/* --- out --- */

chat_status cache_index_forget(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to)
{
    return CACHE_WRITE(c, ST_INDEX_TRASH_ADD, channel_id, from, to);
}

chat_status cache_index_is_behind(struct cache *c, bool *out_behind)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_INDEX_TRASH_NEXT, &status);

    *out_behind = c->merging;
    if (!st || !cache_next(c, st, &status))
        return status;
    sqlite3_reset(st);
    *out_behind = true;
    return CHAT_OK;
}

/* A text as it was indexed leaves; *out_any: there was one. */
static chat_status take_out(struct cache *c, bool *out_any)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_INDEX_TRASH_NEXT, &status);
    int64_t doc = 0;

    *out_any = false;
    if (!st)
        return status;
    if (cache_next(c, st, &status)) {
        const char *text = (const char *)sqlite3_column_text(st, 2);
        size_t len = (size_t)sqlite3_column_bytes(st, 2);

        doc = sqlite3_column_int64(st, 0);
        status = words_fold(&c->words, text ? text : "", text ? len : 0, &c->folded);
        if (status == CHAT_OK)
            status = words_terms(&c->folded, cache_u64(st, 1), &c->terms);
        *out_any = true;
        sqlite3_reset(st);
    }
    if (!*out_any || status != CHAT_OK)
        return status;
    status = run_with(c, ST_INDEX_DELETE, doc, &c->terms);
    if (status == CHAT_OK)
        status = run_with(c, ST_INDEX_DOC_DROP, doc, NULL);
    return status == CHAT_OK ? run_with(c, ST_INDEX_TRASH_DROP, doc, NULL) : status;
}

/* --- in --- */

static chat_status add_document(struct cache *c, uint64_t channel_id, uint64_t seq, int64_t doc)
{
    chat_status status = run_with(c, ST_INDEX_ADD, doc, &c->terms);

    if (status != CHAT_OK)
        return status;
    return CACHE_WRITE(c, ST_INDEX_DOC_PUT, (uint64_t)doc, channel_id, seq);
}

/* Numbers of a day rise; one is used again only when nothing of it is left. */
static chat_status number_document(struct cache *c, uint64_t message_id, int64_t *out_doc)
{
    const int64_t first = (int64_t)(cache_index_day(message_id) << INDEX_DAY_BITS);
    const int64_t last = first + INDEX_DAY_MASK;
    int64_t doc;
    chat_status status = cache_index_last(c, last, &doc);

    if (status != CHAT_OK)
        return status;
    if (doc == last)
        *out_doc = NO_WORDS; /* as many as a day may have */
    else
        *out_doc = doc > first ? doc + 1 : first + 1;
    return CHAT_OK;
}

static chat_status take_in(struct cache *c, bool *out_any)
{
    chat_status status;
    sqlite3_stmt *st = cache_statement(c, ST_INDEX_NEXT, &status);
    uint64_t channel_id = 0, seq = 0, message_id = 0;
    int64_t doc = NO_WORDS;

    *out_any = false;
    if (!st)
        return status;
    if (cache_next(c, st, &status)) {
        const char *text = (const char *)sqlite3_column_text(st, 3);
        size_t len = (size_t)sqlite3_column_bytes(st, 3);

        channel_id = cache_u64(st, 0);
        seq = cache_u64(st, 1);
        message_id = cache_u64(st, 2);
        status = words_fold(&c->words, text ? text : "", text ? len : 0, &c->folded);
        *out_any = true;
        sqlite3_reset(st);
    }
    if (!*out_any || status != CHAT_OK)
        return status;
    if (c->folded.len)
        status = number_document(c, message_id, &doc);
    if (status == CHAT_OK && doc != NO_WORDS)
        status = words_terms(&c->folded, channel_id, &c->terms);
    if (status == CHAT_OK && doc != NO_WORDS)
        status = add_document(c, channel_id, seq, doc);
    if (status == CHAT_OK && c->unindexed > 0)
        c->unindexed--;
    if (status != CHAT_OK)
        return status;
    return CACHE_WRITE(c, ST_INDEX_SET, channel_id, seq, (uint64_t)doc);
}

/* A piece of what makes one part of several: each step leaves a part of its own. */
static chat_status merge(struct cache *c)
{
    const int before = sqlite3_total_changes(c->db);
    chat_status status = run_with(c, ST_INDEX_MERGE, MERGE_PAGES, NULL);

    c->merging = status == CHAT_OK && sqlite3_total_changes(c->db) - before >= 2;
    return status;
}

chat_status cache_index_step(struct cache *c, uint32_t budget)
{
    chat_status status = cache_index_open(c);
    bool any = true;

    if (status == CHAT_OK && c->merging)
        return merge(c);
    for (; budget > 0 && any && status == CHAT_OK; budget--) {
        /* First what leaves: a message that was altered has its old words there. */
        status = take_out(c, &any);
        if (!any && status == CHAT_OK)
            status = take_in(c, &any);
        c->merging |= any;
    }
    if (status == CHAT_OK && !any && !c->merging)
        c->index_done = true;
    return status;
}

chat_status cache_index_count_waiting(struct cache *c, uint64_t *out_count)
{
    chat_status status = CHAT_OK;
    sqlite3_stmt *st;

    if (c->unindexed < 0) {
        st = cache_statement(c, ST_INDEX_COUNT, &status);
        if (st)
            status = cache_only(c, st);
        if (status != CHAT_OK)
            return status;
        c->unindexed = sqlite3_column_int64(st, 0);
        sqlite3_reset(st);
    }
    *out_count = (uint64_t)c->unindexed;
    return CHAT_OK;
}
