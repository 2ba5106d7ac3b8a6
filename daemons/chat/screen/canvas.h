/*
 * A picture of the screen: cells with a glyph and a style, painted by the model and put on the
 * terminal by somebody else. Painting outside of the clip does nothing, so that whoever paints
 * need not care what is visible.
 */
#ifndef CHAT_SCREEN_CANVAS_H
#define CHAT_SCREEN_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "glyph.h"

/* Of a larger terminal the upper left part is used. */
#define CANVAS_COLUMNS_MAX 400
#define CANVAS_ROWS_MAX 200

enum style {
    STYLE_PLAIN,
    STYLE_DIM,
    STYLE_BOLD,
    STYLE_BAR,    /* title and status */
    STYLE_BANNER, /* something is wrong with the connection */
    STYLE_OWN,    /* this user's name */
    STYLE_NAME_FIRST,
    STYLE_NAME_LAST = STYLE_NAME_FIRST + 5, /* names of others */
    STYLE_MENTION,
    STYLE_NEW, /* unread */
    STYLE_ERROR,
    STYLE_ONLINE,
    STYLE_IDLE,
    STYLE_DND,
    STYLE_SELECTED,
    STYLE_COUNT
};

struct cell {
    wchar_t chars[GLYPH_CHARS_MAX];
    uint8_t count; /* 0: a space, or the right half of the wide glyph before it */
    uint8_t width; /* of the glyph; 0: the right half */
    uint8_t style;
};

struct rect {
    int x, y, width, height;
};

struct canvas {
    struct cell *cells;
    int columns, rows;
    struct rect clip;
};

/* False: no memory. Any size becomes one that is allowed. */
bool canvas_init(struct canvas *canvas, int columns, int rows);
void canvas_fini(struct canvas *canvas);

/* All of it is blank, and nothing is clipped. */
void canvas_clear(struct canvas *canvas);
void canvas_set_clip(struct canvas *canvas, struct rect clip);
/* Spaces of a style. */
void canvas_fill(struct canvas *canvas, struct rect where, enum style style);
/* A line of text from x on, at most `width` columns; what is longer ends in an ellipsis.
 * Returns the columns it took. A newline is shown as a space. `canvas` NULL only measures. */
int canvas_put(struct canvas *canvas, int x, int y, int width, enum style style, const char *text,
               size_t text_len);
/* The same for a string. */
int canvas_puts(struct canvas *canvas, int x, int y, int width, enum style style,
                const char *string);
/* A line across, with words in it if there are any. */
void canvas_rule(struct canvas *canvas, int x, int y, int width, enum style style,
                 const char *words);

const struct cell *canvas_get(const struct canvas *canvas, int x, int y);
/* A row as text, without the spaces at its end; cut to fit. Returns its length. */
size_t canvas_read_row(const struct canvas *canvas, int y, char *out, size_t out_size);

#endif
