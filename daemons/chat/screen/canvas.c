#include "canvas.h"

#include <stdlib.h>
#include <string.h>

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

bool canvas_init(struct canvas *canvas, int columns, int rows)
{
    *canvas = (struct canvas){
        .columns = clamp(columns, 1, CANVAS_COLUMNS_MAX),
        .rows = clamp(rows, 1, CANVAS_ROWS_MAX),
    };
    canvas->cells = calloc((size_t)canvas->columns * (size_t)canvas->rows, sizeof(struct cell));
    if (!canvas->cells)
        return false;
    canvas_clear(canvas);
    return true;
}

void canvas_fini(struct canvas *canvas)
{
    free(canvas->cells);
    *canvas = (struct canvas){0};
}

void canvas_set_clip(struct canvas *canvas, struct rect clip)
{
    const int right = clamp(clip.x + clip.width, 0, canvas->columns);
    const int bottom = clamp(clip.y + clip.height, 0, canvas->rows);

    canvas->clip.x = clamp(clip.x, 0, canvas->columns);
    canvas->clip.y = clamp(clip.y, 0, canvas->rows);
    canvas->clip.width = right > canvas->clip.x ? right - canvas->clip.x : 0;
    canvas->clip.height = bottom > canvas->clip.y ? bottom - canvas->clip.y : 0;
}

static struct cell *cell_at(const struct canvas *canvas, int x, int y)
{
    return &canvas->cells[(size_t)y * (size_t)canvas->columns + (size_t)x];
}

static void blank(struct cell *cell, enum style style)
{
    *cell = (struct cell){.width = 1, .style = (uint8_t)style};
}

void canvas_clear(struct canvas *canvas)
{
    const size_t count = (size_t)canvas->columns * (size_t)canvas->rows;

    for (size_t i = 0; i < count; i++)
        blank(&canvas->cells[i], STYLE_PLAIN);
    canvas->clip = (struct rect){0, 0, canvas->columns, canvas->rows};
}

static bool is_visible(const struct canvas *canvas, int x, int y)
{
    const struct rect *c = &canvas->clip;

    return x >= c->x && x < c->x + c->width && y >= c->y && y < c->y + c->height;
}

/* What is left of a wide glyph of which one half is painted over becomes blank. */
static void split(struct canvas *canvas, int x, int y)
{
    struct cell *cell = cell_at(canvas, x, y);

    if (cell->width == 0 && x > 0)
        blank(cell_at(canvas, x - 1, y), (enum style)cell->style);
    if (cell->width == 2 && x + 1 < canvas->columns)
        blank(cell_at(canvas, x + 1, y), (enum style)cell->style);
}

static void put_glyph(struct canvas *canvas, int x, int y, enum style style,
                      const struct glyph *glyph)
{
    struct cell *cell;

    if (!is_visible(canvas, x, y) || (glyph->width == 2 && !is_visible(canvas, x + 1, y)))
        return;
    split(canvas, x, y);
    cell = cell_at(canvas, x, y);
    blank(cell, style);
    memcpy(cell->chars, glyph->chars, sizeof(cell->chars));
    cell->count = glyph->count;
    if (glyph->width < 2)
        return;
    split(canvas, x + 1, y);
    cell->width = 2;
    blank(cell + 1, style);
    cell[1].width = 0;
}

void canvas_fill(struct canvas *canvas, struct rect where, enum style style)
{
    const struct glyph space = {.chars = {L' '}, .count = 1, .width = 1};

    for (int y = where.y; y < where.y + where.height; y++)
        for (int x = where.x; x < where.x + where.width; x++)
            put_glyph(canvas, x, y, style, &space);
}

int canvas_put(struct canvas *canvas, int x, int y, int width, enum style style, const char *text,
               size_t text_len)
{
    const struct glyph ellipsis = {.chars = {0x2026}, .count = 1, .width = 1};
    const struct glyph space = {.chars = {L' '}, .count = 1, .width = 1};
    const bool cut = glyph_columns(text, text_len) > width;
    int used = 0;

    if (width <= 0)
        return 0;
    for (size_t at = 0; at < text_len;) {
        struct glyph glyph;
        size_t len;

        glyph_next(text + at, text_len - at, &glyph);
        len = glyph.len;
        if (glyph.newline)
            glyph = space;
        if (used + glyph.width > width - (cut ? 1 : 0))
            break;
        if (canvas && glyph.count)
            put_glyph(canvas, x + used, y, style, &glyph);
        used += glyph.width;
        at += len;
    }
    if (cut) {
        if (canvas)
            put_glyph(canvas, x + used, y, style, &ellipsis);
        used++;
    }
    return used;
}

int canvas_puts(struct canvas *canvas, int x, int y, int width, enum style style,
                const char *string)
{
    return canvas_put(canvas, x, y, width, style, string, strlen(string));
}

void canvas_rule(struct canvas *canvas, int x, int y, int width, enum style style,
                 const char *words)
{
    const struct glyph dash = {.chars = {0x2500}, .count = 1, .width = 1};
    const int inner = width > 6 ? width - 6 : 0;
    int columns;

    if (!canvas)
        return;
    for (int i = 0; i < width; i++)
        put_glyph(canvas, x + i, y, style, &dash);
    if (!words[0] || !inner)
        return;
    columns = canvas_puts(NULL, 0, 0, inner, style, words);
    canvas_fill(canvas, (struct rect){x + 2, y, columns + 2, 1}, style);
    canvas_puts(canvas, x + 3, y, inner, style, words);
}

const struct cell *canvas_get(const struct canvas *canvas, int x, int y)
{
    return cell_at(canvas, x, y);
}

size_t canvas_read_row(const struct canvas *canvas, int y, char *out, size_t out_size)
{
    size_t len = 0, end = 0;

    for (int x = 0; x < canvas->columns; x++) {
        const struct cell *cell = cell_at(canvas, x, y);

        if (cell->width == 0)
            continue;
        if (len + 4 * GLYPH_CHARS_MAX + 1 > out_size)
            break;
        if (cell->count == 0)
            out[len++] = ' ';
        for (unsigned i = 0; i < cell->count; i++)
            len += glyph_encode(cell->chars[i], out + len);
        if (cell->count > 1 || (cell->count == 1 && cell->chars[0] != L' '))
            end = len;
    }
    out[end] = '\0';
    return end;
}
