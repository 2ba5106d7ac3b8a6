/*
 * Lines of a text that fit a width: broken after spaces, between wide characters, and inside a
 * word only where it does not fit a line. No storage: lines are walked one by one.
 */
#ifndef CHAT_SCREEN_WRAP_H
#define CHAT_SCREEN_WRAP_H

#include <stdbool.h>
#include <stddef.h>

struct wrap {
    const char *text;
    size_t len;
    int width; /* columns, 2 at least */
    size_t at;
    bool done;
};

struct wrap_line {
    size_t from, to; /* what is seen of it: without the spaces it was broken at, or a newline */
    size_t next;     /* where the following line begins */
    int columns;     /* of from to to */
};

void wrap_init(struct wrap *wrap, const char *text, size_t len, int width);
/* False after the last line. Every text has a line, and one more after a newline at its end. */
bool wrap_next(struct wrap *wrap, struct wrap_line *out);
/* How many lines, and the columns of the last one. */
int wrap_measure(const char *text, size_t len, int width, int *out_last_columns);

#endif
