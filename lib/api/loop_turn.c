/*
 * A step of the loop: what was asked for, what came, what is due, and what follows from it,
 * within the budget.
 *
 * Work on messages is done in pieces, a look at the clock between two. It ends when half of
 * what was left is used, for the commit that follows costs about as much; then the rest is
 * halved again. Conns whose messages wait have their turns one after the other.
 */
#include <string.h>

#include "api/loop.h"

#define PIECE 16u /* units between two looks at the clock */
/* A share smaller than this part of the budget is not worth a commit. */
#define SHARE_MIN_DIVISOR 8

_Static_assert(CHAT_CLIENT_FRAMES_MAX == 64, "a buffer per frame");

/* --- the budget --- */

static int64_t clock_us(const struct chat_loop *loop)
{
    const struct chat_transport *t = loop->transport;

    return LOOP_HAS(t, now_us) ? t->now_us(t->self) : loop_now(loop).mono_ms * 1000;
}

static void begin_share(struct chat_loop *loop, int64_t now_us)
{
    loop->budget.share_us = now_us + (loop->budget.until_us - now_us) / 2;
}

static void begin_budget(struct chat_loop *loop)
{
    struct loop_budget *b = &loop->budget;

    b->events_left = b->events ? b->events : UINT32_MAX;
    b->asleep = false;
    if (!b->us)
        return;
    b->until_us = clock_us(loop) + b->us;
    begin_share(loop, b->until_us - b->us);
}

/* Waiting is not working: the time runs from the first thing that happened. */
static void wake_up(struct chat_loop *loop)
{
    struct loop_budget *b = &loop->budget;
    int64_t left_us = b->until_us;

    if (!b->asleep)
        return;
    b->asleep = false;
    b->until_us = clock_us(loop) + left_us;
    begin_share(loop, b->until_us - left_us);
}

static void fall_asleep(struct chat_loop *loop)
{
    struct loop_budget *b = &loop->budget;

    if (!b->us)
        return;
    b->until_us -= clock_us(loop);
    b->asleep = true;
}

bool loop_is_spent(struct chat_loop *loop)
{
    struct loop_budget *b = &loop->budget;

    if (!b->events_left)
        return true;
    if (!b->us)
        return false;
    wake_up(loop);
    return clock_us(loop) >= b->share_us;
}

/* Nothing more of any kind. */
static bool is_over(struct chat_loop *loop)
{
    return loop->budget.us && clock_us(loop) >= loop->budget.until_us;
}

static uint32_t piece_of(const struct chat_loop *loop)
{
    const struct loop_budget *b = &loop->budget;

    if ((b->us || b->events) && b->events_left > PIECE)
        return PIECE;
    return b->events_left;
}

bool loop_handle_piece(struct loop_link *link, const uint8_t *bytes, size_t len, size_t *at)
{
    struct chat_loop *loop = link->conn->loop;
    uint32_t given = piece_of(loop), units = given;
    bool done;

    link->conn->memory.modest = false;
    done = client_receive(link->conn->core, link->number, bytes, len, at, &units);
    if (loop->budget.events)
        loop->budget.events_left -= given - units;
    return done;
}

bool loop_handle(struct loop_link *link, const uint8_t *bytes, size_t len, size_t *at)
{
    while (!loop_is_spent(link->conn->loop))
        if (loop_handle_piece(link, bytes, len, at))
            return true;
    return false;
}

/* --- what the machines want --- */

static void dial(struct chat_conn *conn)
{
    struct event failed = {.kind = EVENT_LINK_CLOSED};
    chat_status status = loop_dial(conn);

    if (status == CHAT_OK)
        return;
    client_link_problem(conn->core, status, "", 0);
    failed.closed.code = CHAT_CLOSE_ABNORMAL;
    loop_feed(conn, failed);
}

static void send_frames(struct chat_conn *conn, const struct effect *effect)
{
    struct chat_transport *t = conn->loop->transport;
    struct chat_buffer buffers[CHAT_CLIENT_FRAMES_MAX];
    bool blocked = false;
    chat_status status;

    for (size_t i = 0; i < effect->send.count; i++)
        buffers[i] =
            (struct chat_buffer){effect->send.frames[i]->bytes, effect->send.frames[i]->len};
    status = t->send(t->self, effect->link, buffers, effect->send.count, &blocked);
    if (status != CHAT_OK) { /* it is breaking or broken: on_closed follows */
        t->close(t->self, effect->link, CHAT_CLOSE_GOING_AWAY, NULL, 0);
        blocked = true;
    }
    if (blocked)
        loop_feed(conn, (struct event){.kind = EVENT_LINK_BLOCKED, .link = effect->link});
}

static void perform(struct chat_conn *conn, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND: send_frames(conn, effect); break;
    case EFFECT_CLOSE:
        if (effect->link)
            loop_hang_up(conn->loop, effect->link, effect->close.code, effect->close.reason);
        else
            loop_drop_dial(conn);
        break;
    case EFFECT_DIAL: dial(conn); break;
    case EFFECT_ENGINE:
    case EFFECT_STOPPED: break;
    }
}

/* Lets a conn's machine do what it can; false: the budget is over, it may want more. */
static bool run(struct chat_conn *conn)
{
    struct chat_loop *loop = conn->loop;
    struct machine *m = client_machine(conn->core);
    struct effect effect;
    int64_t deadline_ms;

    conn->memory.modest = false;
    while (machine_poll(m, &effect)) {
        perform(conn, &effect);
        if (is_over(loop))
            return false;
    }
    list_remove(&conn->in_ready);
    deadline_ms = machine_deadline(m);
    if (deadline_ms == MOMENT_NEVER)
        wheel_cancel(&loop->wheel, &conn->timer);
    else
        wheel_set(&loop->wheel, &conn->timer, deadline_ms);
    loop_note_events(conn);
    return true;
}

void loop_mark(struct chat_conn *conn)
{
    if (!list_node_is_linked(&conn->in_ready))
        list_push_back(&conn->loop->ready, &conn->in_ready);
}

/* In turn, at least one, so that everybody moves on however small the budget. */
static void run_ready(struct chat_loop *loop)
{
    struct list now;
    struct list_node *node;

    list_init(&now);
    while ((node = list_pop_front(&loop->ready)) != NULL)
        list_push_back(&now, node);
    while ((node = list_first(&now)) != NULL) {
        struct chat_conn *conn = LIST_ENTRY(node, struct chat_conn, in_ready);

        if (run(conn) && !is_over(loop))
            continue;
        if (list_node_is_linked(&conn->in_ready)) { /* it goes on in its next turn */
            list_remove(&conn->in_ready);
            list_push_back(&now, &conn->in_ready);
        }
        break;
    }
    /* Who had no turn comes first in the next step. */
    while (!list_is_empty(&now)) {
        node = now.head.prev;
        list_remove(node);
        list_push_front(&loop->ready, node);
    }
}

/* --- the step --- */

static void tell_time(struct chat_loop *loop)
{
    struct wheel_timer *due;

    wheel_advance(&loop->wheel, loop_now(loop).mono_ms);
    while ((due = wheel_pop(&loop->wheel)) != NULL) {
        loop_feed(LIST_ENTRY(due, struct chat_conn, timer), (struct event){.kind = EVENT_TIMER});
        if (is_over(loop))
            break; /* the others stay due */
    }
}

/* One piece of each conn that has messages waiting, in turn, while the share lasts. */
static void serve_resting(struct chat_loop *loop)
{
    struct list_node *node;

    while ((node = list_pop_front(&loop->resting)) != NULL) {
        struct chat_conn *conn = LIST_ENTRY(node, struct chat_conn, in_resting);

        if (loop_serve(conn))
            list_push_back(&loop->resting, &conn->in_resting);
        if (loop_is_spent(loop))
            break;
    }
}

static bool goes_on(struct chat_loop *loop)
{
    struct loop_budget *b = &loop->budget;
    int64_t now_us;

    if (list_is_empty(&loop->resting) || !b->events_left)
        return false;
    if (!b->us)
        return true;
    now_us = clock_us(loop);
    if (b->until_us - now_us < (int64_t)b->us / SHARE_MIN_DIVISOR)
        return false;
    begin_share(loop, now_us);
    return true;
}

int64_t chat_loop_get_timeout_ms(chat_loop *loop)
{
    int64_t at_ms, now_ms, conn_ms;

    if (!list_is_empty(&loop->ready) || !list_is_empty(&loop->resting))
        return 0;
    at_ms = loop->transport->get_deadline_ms(loop->transport->self);
    conn_ms = wheel_next_ms(&loop->wheel);
    at_ms = conn_ms < at_ms ? conn_ms : at_ms;
    if (at_ms == MOMENT_NEVER)
        return -1;
    now_ms = loop_now(loop).mono_ms;
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

static chat_status pump(struct chat_loop *loop, int64_t timeout_ms)
{
    struct chat_transport *t = loop->transport;
    int64_t wanted_ms = chat_loop_get_timeout_ms(loop);
    chat_status status;

    if (loop->full_links)
        return CHAT_OK; /* first what is here */
    if (!list_is_empty(&loop->eventful))
        timeout_ms = 0;
    if (timeout_ms < 0 || (wanted_ms >= 0 && wanted_ms < timeout_ms))
        timeout_ms = wanted_ms;
    if (timeout_ms != 0)
        fall_asleep(loop);
    status = t->pump(t->self, timeout_ms);
    wake_up(loop);
    return status;
}

chat_status chat_loop_step(chat_loop *loop, int64_t timeout_ms)
{
    chat_status status;

    atomic_store(&loop->told, false);
    begin_budget(loop);
    run_ready(loop);
    if (loop->budget.events) /* before what is new, which may use them up each time */
        serve_resting(loop);
    status = pump(loop, timeout_ms);
    tell_time(loop);
    /* However little time the pump left, those that wait move on by a piece. */
    if (!list_is_empty(&loop->resting))
        serve_resting(loop);
    run_ready(loop);
    while (goes_on(loop)) {
        serve_resting(loop);
        run_ready(loop);
    }
    if (!list_is_empty(&loop->ready) || !list_is_empty(&loop->resting))
        loop_tell_ready(loop);
    return status;
}

void chat_loop_set_budget(chat_loop *loop, uint32_t us, uint32_t events)
{
    loop->budget.us = us;
    loop->budget.events = events;
}
