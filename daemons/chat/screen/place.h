/* A row of a live view that is kept in sight while rows come and go around it. */
#ifndef CHAT_SCREEN_PLACE_H
#define CHAT_SCREEN_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/view.h>

struct place {
    bool set;
    uint32_t index;
};

/* After a diff was pulled. A row that goes leaves its place to the one that follows it; a reset
 * unsets it. */
void place_follow(struct place *place, const struct chat_diff *diff);
/* Within count rows; without any it is not set. */
void place_clamp(struct place *place, uint32_t count);

#endif
