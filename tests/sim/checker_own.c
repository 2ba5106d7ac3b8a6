/* What belongs to a user: receipts, mutes, drafts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "checker_inner.h"

/* --- receipts --- */

static void rise(struct checker *c, struct receipt *r, const char *where, uint64_t channel_id,
                 uint64_t user_id, uint64_t delivered_seq, uint64_t read_seq)
{
    const uint64_t head = checker_logged_head(c, channel_id);

    if (delivered_seq < r->delivered_seq || read_seq < r->read_seq || delivered_seq > head ||
        read_seq > delivered_seq)
        checker_violation(c, CHECK_RECEIPTS,
                          "%s: receipt of %" PRIx64 " in %" PRIx64 " went from %" PRIu64 "/%" PRIu64
                          " to %" PRIu64 "/%" PRIu64 ", the head is %" PRIu64,
                          where, user_id, channel_id, r->delivered_seq, r->read_seq, delivered_seq,
                          read_seq, head);
    *r = (struct receipt){delivered_seq, read_seq};
}

void checker_logged_receipt(struct checker *c, uint64_t home_id, uint64_t user_id,
                            uint64_t delivered_seq, uint64_t read_seq)
{
    rise(c, index_make(&c->receipts, &(struct index_key){{home_id, user_id, 0, 0}}), "log", home_id,
         user_id, delivered_seq, read_seq);
    checker_logged_author(c, home_id, user_id, 1); /* VIEW */
}

void checker_saw_receipt(struct checker *c, uint32_t reader, uint64_t own_id, uint64_t channel_id,
                         uint32_t epoch, uint64_t user_id, uint64_t delivered_seq,
                         uint64_t read_seq)
{
    struct receipt first = {0}, *seen = &first;

    /* Who was removed may have started over without a word of it having been told yet. */
    if (!checker_was_removed(c, channel_id, own_id))
        seen = index_make(&c->seen_receipts, &(struct index_key){{(uint64_t)reader << 32 | epoch,
                                                                  channel_id, user_id, 0}});
    rise(c, seen, "reader", channel_id, user_id, delivered_seq, read_seq);
}

void checker_logged_cursor(struct checker *c, uint64_t user_id, uint64_t channel_id,
                           uint64_t read_seq)
{
    uint64_t *last =
        index_make(&c->logged_cursors, &(struct index_key){{user_id, channel_id, 0, 0}});

    /* Who comes back after a removal begins anew. */
    if (read_seq < *last && !checker_was_removed(c, channel_id, user_id))
        checker_violation(c, CHECK_CURSOR_MONOTONE,
                          "log: read cursor of %" PRIx64 " in %" PRIx64 " went from %" PRIu64
                          " to %" PRIu64,
                          user_id, channel_id, *last, read_seq);
    *last = read_seq;
}

/* --- mutes and drafts --- */

static uint64_t hash_draft(const char *text)
{
    static const uint64_t key[2] = {17, 19};

    return text[0] ? hash_bytes(key, text, strlen(text)) | 1 : 0;
}

static struct own *own_of(struct checker *c, uint64_t user_id, uint64_t channel_id)
{
    struct own *own = index_make(&c->own, &(struct index_key){{user_id, channel_id, 0, 0}});

    own->user_id = user_id;
    own->channel_id = channel_id;
    return own;
}

void checker_logged_mute(struct checker *c, uint64_t user_id, uint64_t channel_id,
                         int64_t muted_until_ms)
{
    own_of(c, user_id, channel_id)->muted_until_ms = muted_until_ms;
}

void checker_logged_draft(struct checker *c, uint64_t user_id, uint64_t channel_id,
                          const char *text)
{
    own_of(c, user_id, channel_id)->draft = hash_draft(text);
}

void checker_typed_word(struct checker *c, uint64_t word, uint64_t user_id, uint64_t channel_id,
                        uint32_t cache)
{
    *(struct word *)index_make(&c->words, &(struct index_key){{word, 0, 0, 0}}) =
        (struct word){.word = word,
                      .user_id = user_id,
                      .channel_id = channel_id,
                      .cache = cache,
                      .order = c->attempt_order};
}

void checker_retired_word(struct checker *c, uint64_t word)
{
    struct word *w = index_find(&c->words, &(struct index_key){{word, 0, 0, 0}});

    if (w)
        w->retired = true;
}

/* "<12>" for each word. */
static void keep_words(struct checker *c, const char *draft)
{
    const char *at = draft;
    uint64_t word;

    while ((at = strchr(at, '<')) != NULL) {
        if (sscanf(at++, "<%" SCNu64 ">", &word) == 1) {
            struct word *w = index_find(&c->words, &(struct index_key){{word, 0, 0, 0}});
            if (w)
                w->kept = true;
        }
    }
}

void checker_own_final(struct checker *c, const char *who, uint64_t user_id, uint64_t channel_id,
                       int64_t muted_until_ms, const char *draft)
{
    const struct own *own = own_of(c, user_id, channel_id);

    if (own->muted_until_ms != muted_until_ms)
        checker_violation(c, CHECK_OWN_CONVERGED,
                          "%s: %" PRIx64 " is muted until %" PRId64 ", not %" PRId64, who,
                          channel_id, muted_until_ms, own->muted_until_ms);
    if (own->draft != hash_draft(draft))
        checker_violation(c, CHECK_OWN_CONVERGED, "%s: the draft of %" PRIx64 " is \"%s\"", who,
                          channel_id, draft);
    keep_words(c, draft);
}

void checker_judge_own(struct checker *c)
{
    const struct word *w;
    size_t cursor = 0;

    while ((w = index_next(&c->words, &cursor)) != NULL) {
        if (w->retired || w->kept || w->undone ||
            checker_was_removed(c, w->channel_id, w->user_id) ||
            index_find(&c->lost_caches, &(struct index_key){{w->cache, 0, 0, 0}}))
            continue;
        checker_violation(c, CHECK_DRAFT_KEPT,
                          "word %" PRIu64 " of user %" PRIx64 " in %" PRIx64 " is lost", w->word,
                          w->user_id, w->channel_id);
    }
}
