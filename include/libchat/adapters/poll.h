/*
 * Joins a chat_loop to a loop of the application's own over poll() or epoll. Nothing of it
 * is in the library: the functions are these lines.
 *
 *   struct pollfd fds[2] = {mine, chat_poll_entry(loop)};
 *   while (running) {
 *       int timeout_ms = chat_poll_timeout(loop, my_timeout_ms);
 *       if (poll(fds, 2, timeout_ms) >= 0 && chat_poll_is_due(loop, &fds[1]))
 *           (void)chat_loop_step(loop, 0);
 *       ... pull events ...
 *   }
 *
 * With epoll: add chat_loop_get_fd() once, level-triggered, for EPOLLIN; ask
 * chat_poll_timeout() before each epoll_wait(), and step when the descriptor was reported or
 * chat_loop_get_timeout_ms() is 0.
 *
 * Threads: the loop's.
 */
#ifndef LIBCHAT_ADAPTERS_POLL_H
#define LIBCHAT_ADAPTERS_POLL_H

#include <limits.h>
#include <poll.h>
#include <stdbool.h>

#include <libchat/loop.h>

CHAT_BEGIN_DECLS

/* What to watch; the descriptor stays the same as long as the loop lives. Its own transport
 * may have none: then the entry is ignored by poll(), and the config's on_ready tells. */
static inline struct pollfd chat_poll_entry(chat_loop *loop)
{
    struct pollfd entry;

    entry.fd = chat_loop_get_fd(loop);
    entry.events = POLLIN;
    entry.revents = 0;
    return entry;
}

/* The smaller of what the application wants to wait (< 0: no limit) and what the loop wants.
 * Ask right before waiting: every call on a conn may change it. */
static inline int chat_poll_timeout(chat_loop *loop, int timeout_ms)
{
    int64_t wanted_ms = chat_loop_get_timeout_ms(loop);

    if (wanted_ms < 0 || (timeout_ms >= 0 && timeout_ms < wanted_ms))
        return timeout_ms;
    return wanted_ms > INT_MAX ? INT_MAX : (int)wanted_ms;
}

/* Is a step wanted, after poll() filled the entry in? */
static inline bool chat_poll_is_due(chat_loop *loop, const struct pollfd *entry)
{
    return entry->revents != 0 || chat_loop_get_timeout_ms(loop) == 0;
}

CHAT_END_DECLS

#endif
