/*
 * words: what is searched for in a text. Case and accents do not count, full-width forms are
 * their plain ones, and everything but letters, digits and marks parts words.
 *
 * A text is *folded*: its words with one space before each and one behind the last,
 * " naive 北京 cafe ". Scripts that leave no spaces between words stand as runs of their own,
 * and are found by any part of them.
 *
 * From a folded text come the *terms* that the index keeps for it: its words, and of a run each
 * character and each pair; and the *match*, the index's query that finds it. Terms are made of
 * ASCII letters, digits and bytes above 0x7f alone: nothing of a user's text can be an operator.
 */
#ifndef CHAT_CACHE_WORDS_H
#define CHAT_CACHE_WORDS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/buf.h"

#define WORDS_TEXT_MAX 16384u /* bytes of a text that are looked at */
#define WORD_MAX 64u          /* bytes of a word that count */
#define WORD_PREFIX_MIN 2u    /* bytes; a shorter beginning of a word finds only that word */
/* The most that folding and making terms or a match may give. */
#define WORDS_FOLDED_MAX (WORDS_TEXT_MAX * 4)
#define WORDS_TERMS_MAX (WORDS_FOLDED_MAX * 8)

/* SQLite's own splitter of words, with its tables of Unicode. */
struct words {
    fts5_tokenizer functions;
    Fts5Tokenizer *tokenizer;
};

/* Errors: SQLite's; SQLITE_ERROR when it was built without FTS5. */
int words_init(struct words *w, sqlite3 *db);
void words_fini(struct words *w);

/* `out` is written anew; empty when there is no word. Errors: CHAT_E_NOMEM. */
chat_status words_fold(const struct words *w, const char *text, size_t len, struct buf *out);
/* Of a folded text, and one for its channel (0: none). Errors: CHAT_E_NOMEM. */
chat_status words_terms(const struct buf *folded, uint64_t channel_id, struct buf *out);

/*
 * FTS5's query for all words of `folded`, in one channel or (0) in all; ends in NUL.
 * With `open_end` the last word may be the beginning of one. Errors: CHAT_E_NOMEM.
 */
chat_status words_match(const struct buf *folded, bool open_end, uint64_t channel_id,
                        struct buf *out);
/* Are all of them in this text, as they stand? */
bool words_are_in(const struct buf *folded, bool open_end, const struct buf *text);

#endif
