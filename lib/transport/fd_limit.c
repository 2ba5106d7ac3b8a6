#include "transport/fd_limit.h"

#include <sys/resource.h>

#define FALLBACK 1024u
#define SANE_MAX 1048576u /* "unlimited" would be a table of that size */

static uint32_t to_count(rlim_t limit)
{
    return limit == RLIM_INFINITY || limit > SANE_MAX ? SANE_MAX : (uint32_t)limit;
}

uint32_t fd_limit_get(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? to_count(limit.rlim_cur) : FALLBACK;
}

uint32_t fd_limit_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FALLBACK;
    limit.rlim_cur = to_count(limit.rlim_max);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return fd_limit_get();
}
