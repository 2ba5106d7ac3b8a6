/*
 * receipts: how far each member of a conversation has it and has read it.
 *
 * Members say so (ReceiptMark), nobody waits for it: what was said is kept in the home's
 * memory, and what rose is journaled and published together, once in receipts_ms at most; the
 * larger the home the rarer, for each publication goes to all of its members. A crash, or the
 * room of a home that could not journal them when it was time, loses what was said since;
 * devices say it again. A stop journals it first.
 */
#ifndef CHAT_SERVER_STORE_RECEIPTS_H
#define CHAT_SERVER_STORE_RECEIPTS_H

#include "server/store/shard.h"

#define RECEIPTS_STEP 50u /* each so many members make it rarer by another receipts_ms */

void receipts_init(struct shard *s);
/* Journals those whose time has come. */
void receipts_pump(struct shard *s);
int64_t receipts_deadline(const struct shard *s);
/* The home's state goes: what waits with it. */
void receipts_forget(struct shard *s, struct home *home);

/* Into the first channel of the answer: those of its members and, of a direct, of both. False:
 * no memory. */
bool receipts_fill(struct shard *s, const struct home *home, WireSubscribed *said);

/* Handlers of frames. */
void receipts_mark(struct shard *s, const struct request *req);
void receipts_fetch(struct shard *s, const struct request *req);

#endif
