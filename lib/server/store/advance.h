/*
 * advance: who sends has read up to there. Own messages move their author's cursor, all
 * those of a while together, by a MarkRead that nobody waits for. Losing one costs a
 * number on a badge until the next.
 */
#ifndef CHAT_SERVER_STORE_ADVANCE_H
#define CHAT_SERVER_STORE_ADVANCE_H

#include "server/store/shard.h"

#define ADVANCE_MAX 16384u /* authors remembered at once, per channel */

void advance_init(struct shard *s);
void advance_fini(struct shard *s);
/* A message was just decided. */
void advance_note(struct shard *s, uint64_t channel, uint64_t author, uint64_t seq,
                  uint64_t message_id);
void advance_refused(struct shard *s);
void advance_timer(struct shard *s);
int64_t advance_deadline(const struct shard *s);

#endif
