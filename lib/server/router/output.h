/*
 * output: what leaves for clients. A session keeps references to shared frames; those
 * with something to send stand in one list, and each is polled as one message a turn.
 *
 * The slow-consumer ladder: a client that is blocked is told no presence; when
 * session_queue_max bytes wait, presence among them is dropped; when that is not enough the
 * session ends as SLOW_CONSUMER. Nobody else waits for it.
 */
#ifndef CHAT_SERVER_ROUTER_OUTPUT_H
#define CHAT_SERVER_ROUTER_OUTPUT_H

#include <libchat/close.h>

#include "server/router/core.h"

/* Of session_queue_max, for a client that takes what it gets: what one turn may bring. */
#define OUTPUT_TURN_FACTOR 16u

/* Queues a reference. A session that cannot take it is doomed: it gets nothing more, and
 * ends with output_reap(), so that whoever walks over sessions may push to them. */
void output_push(struct router *r, struct session *s, struct frame *frame);
/* Encodes and queues one frame, in any state before CLOSING. */
void output_send(struct router *r, struct session *s, const WireServerFrame *frame);
/* A Problem; `limit` and `detail` may be NULL. */
void output_problem(struct router *r, struct session *s, uint32_t request_id, WireProblemCode code,
                    WireRetry retry, uint32_t retry_after_ms, const char *limit,
                    const char *detail);
/* The same, passed on from a store. */
void output_pass_problem(struct router *r, struct session *s, uint32_t request_id,
                         const WireProblem *problem);

/* Puts it into the list of those with something to do, unless it is blocked. */
void output_mark(struct router *r, struct session *s);
/* There is no memory to do right by this session: it is doomed. */
void output_starve(struct router *r, struct session *s);
/* Ends the sessions that could not take what was pushed. */
void output_reap(struct router *r);
/* What the last effect borrowed is out. */
void output_settle(struct router *r);
/* The next message or close of a client. */
bool output_poll(struct router *r, struct effect *out);

#endif
