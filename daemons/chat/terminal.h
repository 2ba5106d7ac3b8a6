/*
 * The terminal, by curses: a canvas goes out, keys come in. The only part that knows curses.
 *
 * Whatever ends the program, the terminal is put back: term_close() on the ways out, a handler
 * for the signals of a crash. While it is open, stderr goes to the log or nowhere, so that
 * nothing is drawn over the screen.
 */
#ifndef CHAT_PROGRAM_TERMINAL_H
#define CHAT_PROGRAM_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "screen/canvas.h"

/* Keys: a character is its code point, others follow behind all of those. */
enum term_code {
    TERM_UP = 0x110000,
    TERM_DOWN,
    TERM_LEFT,
    TERM_RIGHT,
    TERM_WORD_LEFT,
    TERM_WORD_RIGHT,
    TERM_HOME,
    TERM_END,
    TERM_PAGE_UP,
    TERM_PAGE_DOWN,
    TERM_BACKSPACE,
    TERM_DELETE,
    TERM_BACK_TAB,
    TERM_F1,
    TERM_F3,
    TERM_F10,
    TERM_PASTE_BEGIN, /* what follows up to the end was pasted */
    TERM_PASTE_END,
    TERM_OTHER, /* one that means nothing here */
};
#define TERM_CTRL(letter) ((letter)&0x1f)
#define TERM_ENTER '\r'
#define TERM_ESCAPE 0x1b

struct term_key {
    uint32_t code;
    bool alt; /* with Alt, or after Escape */
};

/* False: this terminal cannot be drawn on; nothing has changed. `log` may be NULL. */
bool term_open(FILE *log);
void term_close(void);
void term_get_size(int *out_columns, int *out_rows);
/* After the window changed its size, or chat was suspended. */
void term_resize(void);
/* False: no key waits. Never blocks. */
bool term_read(struct term_key *out);
/* The cursor is hidden when x is negative. */
void term_show(const struct canvas *canvas, int cursor_x, int cursor_y);
/* The bell. */
void term_ring(void);
/* Everything is drawn anew the next time. */
void term_redraw(void);

#endif
