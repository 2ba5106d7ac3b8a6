/*
 * One call per frame for a game: what came is done within a budget of time, and the events
 * are handed out, so many as a frame may show. Nothing of it is in the library: the function
 * is these lines.
 *
 *   struct chat_game game = {loop, 2000, 64, on_event, user};
 *   for (;;) { input(); chat_game_frame(&game); draw(); }
 *
 * Threads: the loop's; that of the frames.
 */
#ifndef LIBCHAT_ADAPTERS_GAME_H
#define LIBCHAT_ADAPTERS_GAME_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/conn.h>
#include <libchat/event.h>
#include <libchat/loop.h>

CHAT_BEGIN_DECLS

struct chat_game {
    chat_loop *loop;
    uint32_t budget_us;  /* of a frame, for libchat's own work; 0: no limit */
    uint32_t events_max; /* handed out per frame, of all conns; what is left waits */
    /* `event` as from chat_conn_next_event(). The conn may be called, but not freed. */
    void (*on_event)(chat_conn *conn, const struct chat_event *event, void *user);
    void *user;
};

/* How many events it handed out: events_max says that more may wait. */
static inline uint32_t chat_game_frame(const struct chat_game *game)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint32_t count = 0, turns = 0;
    chat_conn *conn;

    chat_loop_set_budget(game->loop, game->budget_us, 0);
    (void)chat_loop_step(game->loop, 0);
    /* One of each in turn: a busy account does not hide the others. */
    while (turns++ < game->events_max && (conn = chat_loop_next_conn(game->loop)) != NULL) {
        if (!chat_conn_next_event(conn, &event))
            continue; /* it had none any more */
        game->on_event(conn, &event, game->user);
        count++;
    }
    return count;
}

CHAT_END_DECLS

#endif
