/*
 * Joins a chat_loop to a libuv loop: it is stepped when it wants to be, and a callback pulls
 * the events. Nothing of it is in the library: the functions are these lines.
 *
 *   static void on_events(struct chat_uv *uv) { ... chat_conn_next_event() ... }
 *
 *   struct chat_uv uv;
 *   if (chat_uv_start(&uv, uv_default_loop(), loop, on_events, user) == 0) ...
 *   uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *   ...
 *   chat_uv_stop(&uv, NULL);   // then uv_run() once more, before chat_loop_free()
 *
 * Threads: the one that runs the libuv loop; the chat_loop belongs to it, too.
 */
#ifndef LIBCHAT_ADAPTERS_LIBUV_H
#define LIBCHAT_ADAPTERS_LIBUV_H

#include <stddef.h>

#include <uv.h>

#include <libchat/loop.h>

CHAT_BEGIN_DECLS

/* The caller's memory, untouched by it from start until `on_closed` of the stop. */
struct chat_uv {
    chat_loop *loop;
    /* After each step; conns may be called, started and freed in it, the loop not. */
    void (*on_events)(struct chat_uv *uv);
    void *user;

    uv_poll_t poll;
    uv_timer_t timer;
    uv_prepare_t prepare;
    int open; /* handles that libuv has not closed */
    void (*on_closed)(struct chat_uv *uv);
};

static inline void chat_uv_step_(struct chat_uv *uv)
{
    (void)chat_loop_step(uv->loop, 0);
    uv->on_events(uv);
}

static inline void chat_uv_on_poll_(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    chat_uv_step_((struct chat_uv *)poll->data);
}

static inline void chat_uv_on_timer_(uv_timer_t *timer)
{
    chat_uv_step_((struct chat_uv *)timer->data);
}

/* Right before libuv waits: whatever was called since, this is when a step is wanted. */
static inline void chat_uv_on_prepare_(uv_prepare_t *prepare)
{
    struct chat_uv *uv = (struct chat_uv *)prepare->data;
    int64_t wait_ms = chat_loop_get_timeout_ms(uv->loop);

    if (wait_ms < 0)
        (void)uv_timer_stop(&uv->timer);
    else
        (void)uv_timer_start(&uv->timer, chat_uv_on_timer_, (uint64_t)wait_ms, 0);
}

static inline void chat_uv_on_close_(uv_handle_t *handle)
{
    struct chat_uv *uv = (struct chat_uv *)handle->data;

    if (--uv->open == 0 && uv->on_closed)
        uv->on_closed(uv);
}

/* 0, or libuv's error, e.g. UV_EBADF when the transport has no descriptor: nothing is left
 * open then. */
static inline int chat_uv_start(struct chat_uv *uv, uv_loop_t *on, chat_loop *loop,
                                void (*on_events)(struct chat_uv *uv), void *user)
{
    int error;

    uv->loop = loop;
    uv->on_events = on_events;
    uv->user = user;
    uv->open = 0;
    uv->on_closed = NULL;
    uv->poll.data = uv->timer.data = uv->prepare.data = uv;
    error =
        chat_loop_get_fd(loop) < 0 ? UV_EBADF : uv_poll_init(on, &uv->poll, chat_loop_get_fd(loop));
    if (error != 0)
        return error;
    (void)uv_timer_init(on, &uv->timer); /* these two always work */
    (void)uv_prepare_init(on, &uv->prepare);
    uv->poll.data = uv->timer.data = uv->prepare.data = uv;
    uv->open = 3;
    (void)uv_prepare_start(&uv->prepare, chat_uv_on_prepare_);
    (void)uv_poll_start(&uv->poll, UV_READABLE, chat_uv_on_poll_);
    return 0;
}

/* Steps no more. Once libuv has run again the memory is free, and `on_closed`, which may be
 * NULL, is called. */
static inline void chat_uv_stop(struct chat_uv *uv, void (*on_closed)(struct chat_uv *uv))
{
    uv->on_closed = on_closed;
    uv_close((uv_handle_t *)&uv->prepare, chat_uv_on_close_);
    uv_close((uv_handle_t *)&uv->timer, chat_uv_on_close_);
    uv_close((uv_handle_t *)&uv->poll, chat_uv_on_close_);
}

CHAT_END_DECLS

#endif
