/*
 * lanes: threads that execute a store's engine requests (server/store/engine.h), so that
 * the loop never waits for a disk.
 *
 * Three pools, one per lane: LOG (open, append, log read, close), APPLY and READ. The
 * store has at most one request per shard on LOG and one on APPLY, so a pool never runs
 * two of them for one shard. Completions gather until the loop takes them; `wake` is
 * called once per gathering.
 *
 * Threads: lanes_submit(), lanes_take() and lanes_free() on the loop's thread; `wake` is
 * called on a lane's.
 */
#ifndef CHAT_API_LANES_H
#define CHAT_API_LANES_H

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "server/store/engine.h"

#define LANES_THREADS_MAX 16u     /* of one pool */
#define LANES_REQUESTS_MAX 65536u /* submitted and not yet taken, at most */

struct lanes;

struct lanes_config {
    const struct chat_allocator *allocator; /* NULL: malloc */
    struct store_engine *engine;            /* outlives the lanes */
    uint32_t log_threads;                   /* one per shard is best; 1 to LANES_THREADS_MAX */
    uint32_t apply_threads;
    uint32_t read_threads;
    uint32_t requests_max;    /* at most LANES_REQUESTS_MAX */
    void (*wake)(void *user); /* any thread: make the loop call lanes_take() */
    void *user;
};

/* Errors: CHAT_E_INVALID, CHAT_E_NOMEM, CHAT_E_IO (no thread could be started). */
chat_status lanes_new(const struct lanes_config *config, struct lanes **out_lanes);
/* Executes what was submitted, ends the threads, drops completions. NULL is fine. */
void lanes_free(struct lanes *lanes);

/* Errors: CHAT_E_FULL: requests_max are under way; the request was not taken. */
chat_status lanes_submit(struct lanes *lanes, struct engine_request *request);
/* The next request that came back, its status set; NULL when there is none. */
struct engine_request *lanes_take(struct lanes *lanes);

#endif
