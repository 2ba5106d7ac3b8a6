/*
 * A chat_loop moves the bytes of any number of chat_conns. It has no thread of its own:
 * the application calls chat_loop_step(), once per frame with timeout 0, or in a loop
 * with a timeout, or whenever chat_loop_get_fd() is readable or the deadline has come.
 *
 *   a program of its own      while (running) { chat_loop_step(loop, -1); pull events }
 *   a game                    each frame: chat_loop_step(loop, 0); pull events
 *   poll, epoll, libuv, ...   <libchat/adapters/...>: headers that join a loop to another one
 *   a thread                  chat_loop_thread_start(): the same, pumped for the application
 *
 * Threads: a loop and its conns belong to the thread that steps it. The only call allowed
 * from elsewhere is chat_loop_wake(); and while a helper thread runs, all calls between
 * chat_loop_lock() and chat_loop_unlock().
 */
#ifndef LIBCHAT_LOOP_H
#define LIBCHAT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/export.h>
#include <libchat/log.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

typedef struct chat_loop chat_loop;
struct chat_conn;
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

    /* Appended later. */

    /* What one step may spend: see chat_loop_set_budget(). Default 10000 and 0. */
    uint32_t budget_us;
    uint32_t budget_events;

    /*
     * A step is wanted although neither the descriptor nor the deadline told before last
     * says so: a conn was called, chat_loop_wake() was, or a transport without a descriptor
     * has work. Once between two steps. Any thread may call it, also from inside a call on
     * the loop or a conn: it must only pass the word on (write to a pipe, uv_async_send(),
     * PostMessage()), and calls nothing of libchat. May be NULL.
     */
    void (*on_ready)(void *user);
    void *ready_user;

    /* Whom the transport that libchat brings trusts: see <libchat/transport.h>. */
    const void *ca_pem;
    size_t ca_pem_len;
    const char *pinned_keys;

    uint32_t links_max; /* of the transport that libchat brings, at once; default 1024, at most
                         * 65,536. As many conns can be connected; others wait. */
};

/* Sets `size` and all fields to their defaults. Applications call the second one, which tells the
 * first how large the struct is that they were compiled with. */
CHAT_API void chat_loop_config_init_sized(struct chat_loop_config *config, size_t size);
static inline void chat_loop_config_init(struct chat_loop_config *config)
{
    chat_loop_config_init_sized(config, sizeof(*config));
}

/*
 * Touches no network; conns do that.
 *
 * Owner:  the caller, who ends it with chat_loop_free() after all of its conns.
 * Errors: CHAT_E_INVALID, CHAT_E_NOMEM, CHAT_E_UNSUPPORTED when no transport was given
 *         and libchat was built without one, and what the transport's start says.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_loop_new(const struct chat_loop_config *config,
                                                   chat_loop **out_loop);

/* Its conns must be gone; links that are not closed yet are cut. Ends a helper thread: not to be
 * called with its lock held. Returns at once. NULL is fine. */
CHAT_API void chat_loop_free(chat_loop *loop);

/*
 * Waits at most timeout_ms (0: not at all, < 0: no limit) until something happens, and
 * does what there is to do: reads, timers, bounded transactions, writes; all of it within
 * the budget. It also returns, at once, while any conn has events to pull.
 * Errors: CHAT_E_NETWORK when the system's polling itself failed.
 */
CHAT_API chat_status chat_loop_step(chat_loop *loop, int64_t timeout_ms);

/*
 * What one step may spend, waiting aside; 0 is no limit.
 *
 * `us`: microseconds. When they are over the step ends with the piece of work at hand, in at
 *       most twice the time; with less than 500 the piece itself counts. What is left waits,
 *       its links are not read from, and chat_loop_get_timeout_ms() is 0.
 * `events`: frames of the server, and messages and channels within them, of all conns
 *       together; for who wants the same amount of work each time.
 *
 * Conns that have work waiting take turns. Three things are not cut in pieces: a checkpoint
 * of a cache file, made when the conn was idle for two seconds or 64 MB wait to be written back
 * (chat_conn_flush() makes one when it suits the application); forgetting the messages that
 * are kept of a channel which was removed or began anew, about a millisecond for a thousand;
 * and reading from more than a thousand sockets at once.
 */
CHAT_API void chat_loop_set_budget(chat_loop *loop, uint32_t us, uint32_t events);

/* A conn that has events to pull, as of the last step; NULL when none has. Conns take turns:
 * with many of them only those with news need a look. Borrowed. */
CHAT_API struct chat_conn *chat_loop_next_conn(chat_loop *loop);

/* A descriptor that polls readable when chat_loop_step(loop, 0) has work; -1 when the
 * transport has none: then the config's on_ready says so. */
CHAT_API int chat_loop_get_fd(chat_loop *loop);

/* Milliseconds until a step is wanted even if the descriptor stays silent; 0: now; -1: no
 * time is known. Ask again after each step and each call on a conn. */
CHAT_API int64_t chat_loop_get_timeout_ms(chat_loop *loop);

/* Any thread: a chat_loop_step() under way, or else the next one, returns at once. */
CHAT_API void chat_loop_wake(chat_loop *loop);

/*
 * A helper thread that steps the loop, for an application that has no loop of its own.
 *
 *   chat_loop_thread_start(loop);
 *   while (chat_loop_wait(loop, -1)) {
 *       chat_loop_lock(loop);
 *       while (chat_conn_next_event(conn, &event)) ...
 *       chat_loop_unlock(loop);
 *   }
 *
 * The one rule: from start to stop, everything on the loop and its conns is called with the
 * lock held, from whatever thread; what a call lends is used before the unlock. The thread
 * holds the lock while it works, never while it waits, so a lock is had within the time of a
 * step. It may be taken again by who holds it. Callbacks (logger, allocator, on_ready) come
 * from any of these threads, with the lock held (on_ready of a chat_loop_wake() without), and
 * must call nothing of libchat; nothing else calls back, so there is no callback to be called
 * from.
 */

/* Errors: CHAT_E_STATE (it runs), CHAT_E_UNSUPPORTED (the transport has no descriptor),
 *         CHAT_E_NOMEM, CHAT_E_IO. */
CHAT_API CHAT_USE_RESULT chat_status chat_loop_thread_start(chat_loop *loop);
/* Ends it and waits until it has: a step's budget at most. Not to be called with the lock held.
 * Whoever waits in chat_loop_wait() returns first. No thread: nothing happens. */
CHAT_API void chat_loop_thread_stop(chat_loop *loop);
/* Takes the lock, waiting for it at most a step's budget; gives it back, once for each time it
 * was taken, from the same thread. Before the first start they do nothing. */
CHAT_API void chat_loop_lock(chat_loop *loop);
CHAT_API void chat_loop_unlock(chat_loop *loop);
/* Waits, without the lock, until a conn has events to pull, at most timeout_ms (< 0: no
 * limit). False: none has, the time is over or the thread was stopped. */
CHAT_API bool chat_loop_wait(chat_loop *loop, int64_t timeout_ms);

CHAT_END_DECLS

#endif
