/*
 * What is being written: text with a cursor, in several lines where it does not fit one. The
 * cursor stands between glyphs, never inside one.
 */
#ifndef CHAT_SCREEN_COMPOSER_H
#define CHAT_SCREEN_COMPOSER_H

#include <stdbool.h>
#include <stddef.h>

#include <libchat/limits.h>

#include "canvas.h"

#define COMPOSER_MAX CHAT_TEXT_MAX /* bytes */

struct composer {
    char text[COMPOSER_MAX + 1]; /* with a NUL at its end */
    size_t len;
    size_t cursor; /* bytes before it */
    int column;    /* that going up and down keeps to; -1: none */
};

/* Replaces all of it, cut where it is too long; the cursor goes to the end. */
void composer_set(struct composer *composer, const char *text, size_t len);
/* At the cursor. False, and nothing is changed, when it does not fit. */
bool composer_insert(struct composer *composer, const char *text, size_t len);

enum composer_move {
    COMPOSER_LEFT,
    COMPOSER_RIGHT,
    COMPOSER_WORD_LEFT,
    COMPOSER_WORD_RIGHT,
    COMPOSER_HOME, /* of the line as typed */
    COMPOSER_END,
};
void composer_move(struct composer *composer, enum composer_move move);
/* Deletes from the cursor to where that move goes. */
void composer_delete(struct composer *composer, enum composer_move move);
/* One line up (-1) or down (1) as it is shown in `width` columns. False at the edge. */
bool composer_move_line(struct composer *composer, int by, int width);

/* Lines as shown, the cursor's among them. */
int composer_height(const struct composer *composer, int width);
/* Paints the lines around the cursor into `where`; tells where the cursor is. */
void composer_paint(const struct composer *composer, struct canvas *canvas, struct rect where,
                    int *out_x, int *out_y);

#endif
