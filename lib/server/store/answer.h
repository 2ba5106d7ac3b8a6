/* answer: what goes back to who asked, at the right moment. */
#ifndef CHAT_SERVER_STORE_ANSWER_H
#define CHAT_SERVER_STORE_ANSWER_H

#include "server/store/shard.h"

#define RETRY_SOON_MS 250u
#define RETRY_LATER_MS 1000u

#define PROBLEM(name) WIRE_PROBLEM_CODE__PROBLEM_##name

/*
 * Answers with `body`. Where the answer rests on the state of `home` it waits until all
 * that was decided there is synced, and becomes a problem if it never will be. NULL: at
 * once. Nothing is sent when the request wanted no answer.
 */
void answer(struct shard *s, struct home *home, const struct request *req, WireLinkFrame *body);
/* The same with a problem; `limit` may be NULL. How to retry follows from the code. */
void answer_problem(struct shard *s, struct home *home, const struct request *req,
                    WireProblemCode code, const char *limit);
/* At once, to a request whose frame is gone. */
void answer_problem_to(struct shard *s, link_id link, uint64_t request_id, WireProblemCode code,
                       const char *limit);
/* No memory to do it now. */
void answer_no_memory(struct shard *s, const struct request *req);

/* The encoded answer; NULL: no memory. */
struct frame *answer_encode(struct shard *s, const struct request *req, WireLinkFrame *body);

#endif
