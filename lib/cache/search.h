/*
 * search: which messages have which words, in the cache's file.
 *
 * A message that is new or was altered is taken into the index later, in pieces; what was
 * indexed and is dropped or altered leaves the results at once and the index later. What a
 * search finds it compares with the message as it is, so no leftover ever shows.
 *
 * An indexed message is a *document*: the day it was sent, and a number of that day. So
 * documents lie in the order of days, one after the other, and lists of them are small. A
 * search goes through them from the newest day on, in steps of bounded work, and sorts within
 * a day by message id.
 */
#ifndef CHAT_CACHE_SEARCH_H
#define CHAT_CACHE_SEARCH_H

#include "cache/cache.h"

#define SEARCH_STEP_DOCUMENTS 65536u /* looked through by one step */
#define SEARCH_STEP_CANDIDATES 512u  /* read and compared by one step */
/*
 * When one of the words is in so few of the newest documents, it alone is looked up, in larger
 * steps, and the others are looked for in what it finds: FTS5 would walk the long lists of the
 * others for each of its documents. Found to be in more further on, all are looked up again.
 */
#define SEARCH_RARE 32u
#define SEARCH_RARE_DOCUMENTS 524288u /* looked through by one step */
#define SEARCH_RARE_CANDIDATES 128u   /* of one step; more is not rare */
#define SEARCH_TERMS_COUNTED 8u       /* the first ones */

/* --- the index --- */

/* True when nothing waits to be taken in or out. */
bool cache_index_is_done(const struct cache *c);
/* What was dropped or altered takes its room in the index yet: more steps are to be done. */
chat_status cache_index_is_behind(struct cache *c, bool *out_behind);
/* One piece of work: takes up to `budget` messages in or out, or puts the index in order. */
chat_status cache_index_step(struct cache *c, uint32_t budget);
/* Messages that wait to be taken in. */
chat_status cache_index_count_waiting(struct cache *c, uint64_t *out_count);

/* --- searching --- */

struct cache_search;

/*
 * For all words of `text`, of which the last may be the beginning of one when nothing follows
 * it; in one channel or (0) in all; of messages with ids below `before` (0: all).
 */
chat_status cache_search_new(struct cache *c, const char *text, size_t text_len,
                             uint64_t channel_id, uint64_t before, uint32_t limit,
                             struct cache_search **out_search);
void cache_search_free(struct cache_search *s); /* NULL is fine */
/* One piece of the search; *out_done says whether it was the last. */
chat_status cache_search_step(struct cache_search *s, bool *out_done);
/* What was found, by falling message id, at most `limit`; an error of `fn` ends it. */
chat_status cache_search_read(struct cache_search *s, cache_message_fn fn, void *user);
/* Where the next page begins (its `before`); 0: this one is the last. */
uint64_t cache_search_next(const struct cache_search *s);

#endif
