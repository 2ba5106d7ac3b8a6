/*
 * notes: what a home of this shard decided and another home must know.
 *
 * A note is a row from its decision on, until its receiver has it synced. Of one source
 * and destination only the oldest is under way; it is sent again until acknowledged.
 * Rows of acknowledged notes are deleted together by a record of the root home.
 */
#ifndef CHAT_SERVER_STORE_NOTES_H
#define CHAT_SERVER_STORE_NOTES_H

#include "server/store/shard.h"

#define NOTES_ACKED_MAX 1024u /* deleted by one record */

void notes_init(struct shard *s);
void notes_fini(struct shard *s);

/* Room for `count` more; when not, the request was refused. */
bool notes_have_room(struct shard *s, uint32_t count, const struct request *req);
/* The same for what tells of mentions: who comes or goes still finds room when these do not. */
bool notes_have_room_for_mentions(struct shard *s, uint32_t count, const struct request *req);
/* They were decided. */
void notes_reserve(struct shard *s, uint32_t count);
void notes_refused(struct shard *s);
/* One is synced (`live`), or was found in the table. Errors: CHAT_E_NOMEM. */
chat_status notes_add(struct shard *s, const WireNote *note, bool live);
/* A batch is synced. */
void notes_synced(struct shard *s);

void notes_pump(struct shard *s);
int64_t notes_deadline(const struct shard *s);
/* Other shards came within reach: all that wait are sent now. */
void notes_kick(struct shard *s);

/* Handlers of frames. */
void notes_take(struct shard *s, const struct request *req);
void notes_take_ack(struct shard *s, const struct request *req);
/* Acknowledges the Note in `req` once all that was decided in `home` is synced. */
void notes_acknowledge(struct shard *s, struct home *home, const struct request *req);

#endif
