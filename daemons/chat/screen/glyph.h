/*
 * Text as a terminal shows it: glyphs, each a character with the marks that combine with it, and
 * how many columns it takes.
 *
 * Text comes from others, so nothing of it may reach the terminal as more than a picture: what
 * controls a terminal or turns the direction of a line becomes U+FFFD, what is invisible goes.
 * Terminals do not agree on what joins emoji, so that goes too: its parts stand side by side.
 *
 * Widths are those of the C library in the current locale, which must have UTF-8.
 */
#ifndef CHAT_SCREEN_GLYPH_H
#define CHAT_SCREEN_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#define GLYPH_CHARS_MAX 5u /* a character and four marks, what curses takes; more marks go */

struct glyph {
    wchar_t chars[GLYPH_CHARS_MAX];
    uint8_t count; /* of chars; 0: nothing to see */
    uint8_t width; /* columns: 0, 1 or 2 */
    bool newline;  /* then there are no chars */
    size_t len;    /* bytes of the text it stands for, never 0 */
};

/* The glyph at the beginning of text, which has 1 byte at least. Never reads beyond len. */
void glyph_next(const char *text, size_t len, struct glyph *out);

/* Where the glyph before `at` begins; 0 at the beginning. */
size_t glyph_before(const char *text, size_t at);

/* Columns of text on one line; a newline counts as a space. */
int glyph_columns(const char *text, size_t len);

/* A character's UTF-8 at out, which has room for 4 bytes. Returns its length. */
size_t glyph_encode(wchar_t character, char *out);

#endif
