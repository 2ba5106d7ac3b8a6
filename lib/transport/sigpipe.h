/*
 * sigpipe: writing to a socket that the peer has reset raises SIGPIPE, and OpenSSL's writes
 * cannot be told not to. The disposition is the application's, so the signal is held back
 * in this thread while a loop works, and taken if it came.
 *
 * Threads: any; a guard is the calling thread's.
 */
#ifndef CHAT_TRANSPORT_SIGPIPE_H
#define CHAT_TRANSPORT_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct sigpipe {
    sigset_t before;
    bool pending; /* it was before: not ours to take */
};

void sigpipe_hold(struct sigpipe *guard);
void sigpipe_release(const struct sigpipe *guard);

#endif
