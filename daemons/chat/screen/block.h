/* A message as it stands in the pane: the lines about it, its text, what is noted under it. */
#ifndef CHAT_SCREEN_BLOCK_H
#define CHAT_SCREEN_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/view.h>

#include "canvas.h"
#include "scene.h"

#define BLOCK_TEXT_LINES_MAX 500 /* what a message has more is cut, and said so */

struct block {
    const struct chat_row *row;
    bool new_day;   /* a line with the date stands before it */
    bool first_new; /* a line "new messages" stands before it */
    bool selected;
    bool is_direct;
    bool shows_presence;              /* it is known now */
    uint64_t delivered_seq, read_seq; /* by a direct's peer */
    const struct scene_quote *quote;  /* what it answers; NULL: nothing */
    const char *seen_by;              /* "" or names, under an own message */
};

/* Paints it with its first line at y and returns how many lines it has; NULL only measures. */
int block_paint(const struct block *block, struct canvas *canvas, int x, int y, int width);

#endif
