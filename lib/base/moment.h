/* Time as numbers: nobody above the hosts reads a clock. */
#ifndef CHAT_BASE_MOMENT_H
#define CHAT_BASE_MOMENT_H

#include <stdint.h>

#define MOMENT_NEVER INT64_MAX

/* Now, on both clocks. Deadlines use mono_ms; wall_ms is for people and ids. */
struct moment {
    int64_t mono_ms; /* never steps back */
    int64_t wall_ms; /* since 1970, UTC; may jump either way */
};

#endif
