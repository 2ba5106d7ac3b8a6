/*
 * A thread that steps a loop. It holds the lock while it works and waits for the descriptor
 * without it. Two mutexes, so that nobody has to win a race against it: whoever wants the
 * lock holds `next` meanwhile, and the thread passes `next` before it locks again.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "api/loop.h"
#include "base/alloc.h"

struct loop_thread {
    struct chat_loop *loop;
    pthread_t thread;
    pthread_mutex_t lock; /* recursive */
    pthread_mutex_t next;
    pthread_cond_t told; /* events are there, or it ends */
    pthread_cond_t left; /* nobody waits for events any more */
    unsigned waiters;
    bool running, ending;
};

static void wait_for_work(int fd, int64_t timeout_ms)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};

    if (timeout_ms > INT32_MAX)
        timeout_ms = INT32_MAX;
    (void)poll(&entry, 1, (int)timeout_ms);
}

static void *pump(void *user)
{
    struct loop_thread *t = user;
    struct chat_loop *loop = t->loop;
    int fd;

    (void)pthread_mutex_lock(&t->lock);
    fd = chat_loop_get_fd(loop);
    while (!t->ending) {
        int64_t timeout_ms;

        (void)chat_loop_step(loop, 0);
        if (!list_is_empty(&loop->eventful))
            (void)pthread_cond_broadcast(&t->told);
        timeout_ms = chat_loop_get_timeout_ms(loop);
        (void)pthread_mutex_unlock(&t->lock);
        wait_for_work(fd, timeout_ms);
        (void)pthread_mutex_lock(&t->next);
        (void)pthread_mutex_lock(&t->lock);
        (void)pthread_mutex_unlock(&t->next);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return NULL;
}

static bool make_locks(struct loop_thread *t)
{
    pthread_mutexattr_t recursive;
    pthread_condattr_t monotonic;
    bool good;

    if (pthread_mutexattr_init(&recursive) != 0)
        return false;
    if (pthread_condattr_init(&monotonic) != 0) {
        (void)pthread_mutexattr_destroy(&recursive);
        return false;
    }
    good = pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE) == 0 &&
           pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
           pthread_mutex_init(&t->lock, &recursive) == 0;
    if (good) {
        (void)pthread_mutex_init(&t->next, NULL);
        (void)pthread_cond_init(&t->told, &monotonic);
        (void)pthread_cond_init(&t->left, NULL);
    }
    (void)pthread_mutexattr_destroy(&recursive);
    (void)pthread_condattr_destroy(&monotonic);
    return good;
}

static void drop_locks(struct loop_thread *t)
{
    (void)pthread_cond_destroy(&t->told);
    (void)pthread_cond_destroy(&t->left);
    (void)pthread_mutex_destroy(&t->next);
    (void)pthread_mutex_destroy(&t->lock);
}

/* Signals are the application's: its own threads get them. But a fault of this thread is told
 * to the application's handler, which would not run if it were blocked. */
static int start(struct loop_thread *t)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t others, before;
    int error;

    (void)sigfillset(&others);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        (void)sigdelset(&others, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &others, &before);
    error = pthread_create(&t->thread, NULL, pump, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* It lasts as long as the loop: who waits may come late. */
static chat_status make(struct chat_loop *loop)
{
    struct loop_thread *t = alloc_zeroed(loop->allocator, sizeof(*t));

    if (!t)
        return CHAT_E_NOMEM;
    t->loop = loop;
    if (!make_locks(t)) {
        alloc_free(loop->allocator, t);
        return CHAT_E_IO;
    }
    loop->thread = t;
    return CHAT_OK;
}

chat_status chat_loop_thread_start(chat_loop *loop)
{
    chat_status status = CHAT_OK;
    struct loop_thread *t;

    if (chat_loop_get_fd(loop) < 0)
        return CHAT_E_UNSUPPORTED;
    if (!loop->thread)
        status = make(loop);
    if (status != CHAT_OK)
        return status;
    t = loop->thread;
    chat_loop_lock(loop);
    if (t->running)
        status = CHAT_E_STATE;
    else if (start(t) == 0)
        t->running = true;
    else
        status = CHAT_E_IO;
    chat_loop_unlock(loop);
    return status;
}

void chat_loop_thread_stop(chat_loop *loop)
{
    struct loop_thread *t = loop->thread;

    if (!t || !t->running)
        return;
    chat_loop_lock(loop);
    t->ending = true;
    (void)pthread_cond_broadcast(&t->told);
    while (t->waiters)
        (void)pthread_cond_wait(&t->left, &t->lock);
    chat_loop_unlock(loop);
    loop->transport->wake(loop->transport->self);
    (void)pthread_join(t->thread, NULL);
    chat_loop_lock(loop);
    t->running = t->ending = false;
    chat_loop_unlock(loop);
}

void loop_thread_free(struct chat_loop *loop)
{
    if (!loop->thread)
        return;
    chat_loop_thread_stop(loop);
    drop_locks(loop->thread);
    alloc_free(loop->allocator, loop->thread);
}

void chat_loop_lock(chat_loop *loop)
{
    struct loop_thread *t = loop->thread;

    if (!t || pthread_mutex_trylock(&t->lock) == 0) /* it is ours already, or nobody's */
        return;
    (void)pthread_mutex_lock(&t->next);
    (void)pthread_mutex_lock(&t->lock);
    (void)pthread_mutex_unlock(&t->next);
}

void chat_loop_unlock(chat_loop *loop)
{
    if (loop->thread)
        (void)pthread_mutex_unlock(&loop->thread->lock);
}

static struct timespec time_in(int64_t ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool chat_loop_wait(chat_loop *loop, int64_t timeout_ms)
{
    struct loop_thread *t = loop->thread;
    struct timespec until;
    bool any;
    int error = 0;

    if (!t)
        return false;
    if (timeout_ms >= 0)
        until = time_in(timeout_ms);
    chat_loop_lock(loop);
    t->waiters++;
    while (list_is_empty(&loop->eventful) && t->running && !t->ending && error != ETIMEDOUT) {
        if (timeout_ms < 0)
            (void)pthread_cond_wait(&t->told, &t->lock);
        else
            error = pthread_cond_timedwait(&t->told, &t->lock, &until);
    }
    any = !list_is_empty(&loop->eventful) && t->running && !t->ending;
    if (--t->waiters == 0)
        (void)pthread_cond_broadcast(&t->left);
    chat_loop_unlock(loop);
    return any;
}
