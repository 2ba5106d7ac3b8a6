/*
 * A chat_loop moves the bytes of any number of chat_conns. It has no thread of its own:
 * the application calls chat_loop_step(), once per frame with timeout 0, or in a loop
 * with a timeout, or whenever chat_loop_get_fd() is readable or the deadline has come.
 *
 * Threads: a loop and its conns belong to the thread that steps it. The only call
 * allowed from elsewhere is chat_loop_wake().
 */
#ifndef LIBCHAT_LOOP_H
#define LIBCHAT_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/export.h>
#include <libchat/log.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

typedef struct chat_loop chat_loop;
struct chat_transport;

/* How to build a loop. Start from chat_loop_config_init(). */
struct chat_loop_config {
    size_t size;

    /* NULL: WebSockets as libchat brings them, owned by the loop. One that is given stays
     * the caller's, serves this loop only, and outlives it. */
    struct chat_transport *transport;
    const struct chat_allocator *allocator; /* NULL means malloc; outlives the loop */
    const struct chat_logger *logger;       /* NULL is silent; outlives the loop */
    const char *ca_file; /* for the transport that libchat brings; NULL: the system's */
};

CHAT_API void chat_loop_config_init_sized(struct chat_loop_config *config, size_t size);

static inline void chat_loop_config_init(struct chat_loop_config *config)
{
    chat_loop_config_init_sized(config, sizeof(*config));
}

/*
 * Owner:  the caller, who ends it with chat_loop_free() after all of its conns.
 * Errors: CHAT_E_INVALID, CHAT_E_NOMEM, CHAT_E_UNSUPPORTED when no transport was given
 *         and libchat was built without one, and what the transport's start says.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_loop_new(const struct chat_loop_config *config,
                                                   chat_loop **out_loop);

/* Its conns must be gone. NULL is fine. */
CHAT_API void chat_loop_free(chat_loop *loop);

/*
 * Waits at most timeout_ms (0: not at all, < 0: no limit) until something happens, and
 * does what there is to do: reads, timers, one bounded transaction per conn, writes.
 * It also returns, at once, while any conn has events to pull.
 * Errors: CHAT_E_NETWORK when the system's polling itself failed.
 */
CHAT_API chat_status chat_loop_step(chat_loop *loop, int64_t timeout_ms);

/* A descriptor that polls readable when chat_loop_step(loop, 0) has work; -1 when the
 * transport has none. */
CHAT_API int chat_loop_get_fd(chat_loop *loop);

/* Milliseconds until a step is wanted even if the descriptor stays silent; 0: now; -1: no
 * time is known. */
CHAT_API int64_t chat_loop_get_timeout_ms(chat_loop *loop);

/* Any thread: a chat_loop_step() under way, or else the next one, returns at once. */
CHAT_API void chat_loop_wake(chat_loop *loop);

CHAT_END_DECLS

#endif
