#include "transport/sigpipe.h"

#include <errno.h>
#include <time.h>

static bool is_pending(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void only_sigpipe(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGPIPE);
}

void sigpipe_hold(struct sigpipe *guard)
{
    sigset_t set;

    only_sigpipe(&set);
    guard->pending = is_pending();
    (void)pthread_sigmask(SIG_BLOCK, &set, &guard->before);
}

void sigpipe_release(const struct sigpipe *guard)
{
    const struct timespec now = {0};
    int error = errno;
    sigset_t set;

    only_sigpipe(&set);
    if (!guard->pending && is_pending())
        while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
            ;
    (void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
    errno = error;
}
