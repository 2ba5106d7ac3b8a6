/*
 * mentions: who is told that a message mentions him, and what a user's home keeps of it.
 *
 * The home of a conversation decides who is told, by notes, in the order of its messages. The
 * user's home keeps of each conversation the newest CHAT_MENTIONS_COUNT_MAX messages above the
 * read cursor that mention him. An edit or deletion takes one back, the cursor passes over
 * what was read.
 */
#ifndef CHAT_SERVER_STORE_MENTIONS_H
#define CHAT_SERVER_STORE_MENTIONS_H

#include "server/store/home.h"
#include "server/store/shard.h"

/* --- in the conversation's home --- */

/* At most CHAT_MENTIONS_MAX, none 0, none twice. */
bool mentions_are_sane(const uint64_t *ids, size_t count);
/* Of `ids` those who are told: members that may view, but for the author and who is among
 * `but`. Returns how many; `out` has room for CHAT_MENTIONS_MAX. */
size_t mentions_pick(const struct home *home, uint64_t author_id, const uint64_t *ids, size_t count,
                     const uint64_t *but, size_t but_count, uint64_t *out);
/* Of a note that a record of this lsn makes: above 1, the number of a creation's. */
static inline uint64_t mentions_note_number(uint64_t lsn) { return lsn + 1; }

/* --- in the user's home --- */

/* Unread ones; CHAT_MENTIONS_COUNT_MAX: or more. */
uint32_t mentions_count(const struct listing *l);
/* What a record says of it, likewise. */
uint32_t mentions_count_of(const WireMentionsRecord *record);
/* Fills in what the row had. Errors: CHAT_E_NOMEM. */
chat_status mentions_load(struct listing *l, const struct chat_allocator *allocator,
                          const WireListRow *row);
/* The cursor moved: tells the user's sessions, if that changed the count. Best effort: what is
 * read does not count in any case. */
void mentions_read(struct shard *s, struct home *home, struct listing *l);
/* A note about a mention; acknowledges it. */
void mentions_take_note(struct shard *s, struct home *home, const struct request *req);

#endif
