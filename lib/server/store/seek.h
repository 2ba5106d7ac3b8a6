/*
 * seek: which seq the message of an id has. Ids rise with seqs, so it is bisected, many probes
 * a read.
 */
#ifndef CHAT_SERVER_STORE_SEEK_H
#define CHAT_SERVER_STORE_SEEK_H

#include "server/store/page.h"

/* With the seq, on the same job, which may be started again. Not called when the request was
 * answered: there is no such message, or its home went away. */
typedef void (*seek_found)(struct shard *s, struct read_job *job, uint64_t seq);

/* `job` has page and home, and was not started yet. */
void seek_start(struct shard *s, struct read_job *job, uint64_t message_id, seek_found then);

#endif
