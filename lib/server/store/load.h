/* load: a home's state from the table and the overlay. */
#ifndef CHAT_SERVER_STORE_LOAD_H
#define CHAT_SERVER_STORE_LOAD_H

#include "server/store/reads.h"

void load_queries(uint64_t home_id, struct read_job *job);
/* Fills an empty home from what the job found. *out_exists is false, and the home as it
 * was, when there is none. Errors: CHAT_E_NOMEM, CHAT_E_CORRUPT. */
chat_status load_home(struct shard *s, struct home *home, struct read_job *job, bool *out_exists);

#endif
