#include "composer.h"

#include <string.h>

#include "wrap.h"

/* The greatest length up to max that does not cut a character. */
static size_t cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

void composer_set(struct composer *composer, const char *text, size_t len)
{
    len = cut(text, len, COMPOSER_MAX);
    memmove(composer->text, text, len);
    composer->text[len] = '\0';
    composer->len = composer->cursor = len;
    composer->column = -1;
}

bool composer_insert(struct composer *composer, const char *text, size_t len)
{
    char *at = composer->text + composer->cursor;

    if (len > COMPOSER_MAX - composer->len)
        return false;
    memmove(at + len, at, composer->len - composer->cursor + 1);
    memcpy(at, text, len);
    composer->len += len;
    composer->cursor += len;
    composer->column = -1;
    return true;
}

static size_t after(const struct composer *c, size_t at)
{
    struct glyph glyph;

    if (at >= c->len)
        return c->len;
    do {
        glyph_next(c->text + at, c->len - at, &glyph);
        at += glyph.len;
    } while (at < c->len && !glyph.newline && glyph.count == 0);
    return at;
}

static bool is_space_at(const struct composer *c, size_t at)
{
    return c->text[at] == ' ' || c->text[at] == '\n';
}

static size_t target(const struct composer *c, enum composer_move move)
{
    size_t at = c->cursor;

    switch (move) {
    case COMPOSER_LEFT: return glyph_before(c->text, at);
    case COMPOSER_RIGHT: return after(c, at);
    case COMPOSER_WORD_LEFT:
        while (at > 0 && is_space_at(c, at - 1))
            at--;
        while (at > 0 && !is_space_at(c, at - 1))
            at = glyph_before(c->text, at);
        return at;
    case COMPOSER_WORD_RIGHT:
        while (at < c->len && is_space_at(c, at))
            at++;
        while (at < c->len && !is_space_at(c, at))
            at = after(c, at);
        return at;
    case COMPOSER_HOME:
        while (at > 0 && c->text[at - 1] != '\n')
            at--;
        return at;
    case COMPOSER_END:
        while (at < c->len && c->text[at] != '\n')
            at++;
        return at;
    }
    return at;
}

void composer_move(struct composer *composer, enum composer_move move)
{
    composer->cursor = target(composer, move);
    composer->column = -1;
}

void composer_delete(struct composer *composer, enum composer_move move)
{
    const size_t to = target(composer, move);
    const size_t from = to < composer->cursor ? to : composer->cursor;
    const size_t end = to < composer->cursor ? composer->cursor : to;

    memmove(composer->text + from, composer->text + end, composer->len - end + 1);
    composer->len -= end - from;
    composer->cursor = from;
    composer->column = -1;
}

/* The line that the cursor is in, its number, and the column. */
static int find_cursor(const struct composer *c, int width, struct wrap_line *out, int *out_column)
{
    struct wrap wrap;
    struct wrap_line line;
    int number = -1;

    wrap_init(&wrap, c->text, c->len, width);
    while (wrap_next(&wrap, &line)) {
        number++;
        *out = line;
        if (c->cursor < line.next)
            break;
    }
    *out_column = glyph_columns(c->text + out->from, c->cursor - out->from);
    if (*out_column >= width)
        *out_column = width - 1; /* spaces that hang over the edge */
    return number;
}

bool composer_move_line(struct composer *composer, int by, int width)
{
    struct wrap wrap;
    struct wrap_line line;
    int column, number = find_cursor(composer, width, &line, &column);
    size_t at;

    if (composer->column < 0)
        composer->column = column;
    number += by;
    if (number < 0)
        return false;
    wrap_init(&wrap, composer->text, composer->len, width);
    for (int i = 0; i <= number; i++)
        if (!wrap_next(&wrap, &line))
            return false;
    for (at = line.from, column = 0; at < line.to;) {
        struct glyph glyph;

        glyph_next(composer->text + at, line.to - at, &glyph);
        if (column + glyph.width > composer->column)
            break;
        column += glyph.width;
        at += glyph.len;
    }
    composer->cursor = at;
    return true;
}

int composer_height(const struct composer *composer, int width)
{
    return wrap_measure(composer->text, composer->len, width, NULL);
}

void composer_paint(const struct composer *composer, struct canvas *canvas, struct rect where,
                    int *out_x, int *out_y)
{
    struct wrap wrap;
    struct wrap_line line;
    int column, cursor_line = find_cursor(composer, where.width, &line, &column);
    int top = cursor_line >= where.height ? cursor_line - where.height + 1 : 0;

    wrap_init(&wrap, composer->text, composer->len, where.width);
    for (int i = 0; wrap_next(&wrap, &line) && i < top + where.height; i++)
        if (i >= top)
            canvas_put(canvas, where.x, where.y + i - top, where.width, STYLE_PLAIN,
                       composer->text + line.from, line.to - line.from);
    *out_x = where.x + column;
    *out_y = where.y + cursor_line - top;
}
