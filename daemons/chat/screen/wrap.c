#include "wrap.h"

#include "glyph.h"

void wrap_init(struct wrap *wrap, const char *text, size_t len, int width)
{
    *wrap = (struct wrap){.text = text, .len = len, .width = width < 2 ? 2 : width};
}

static bool is_space(const struct glyph *glyph)
{
    return glyph->count == 1 && glyph->chars[0] == L' ';
}

/* A place where the line may end: what is seen ends at `to`, the next one begins at `next`. */
struct place {
    size_t to, next;
    int columns;
    bool any;
};

static bool end_line(struct wrap *wrap, struct wrap_line *out, size_t to, size_t next, int columns)
{
    out->to = to;
    out->next = next;
    out->columns = columns;
    wrap->at = next;
    return true;
}

bool wrap_next(struct wrap *wrap, struct wrap_line *out)
{
    struct place place = {0};
    size_t at = wrap->at, seen_to = at;
    int columns = 0, seen_columns = 0;
    bool wide_before = false;

    if (wrap->done)
        return false;
    out->from = at;
    while (at < wrap->len) {
        struct glyph glyph;

        glyph_next(wrap->text + at, wrap->len - at, &glyph);
        if (glyph.newline)
            return end_line(wrap, out, seen_to, at + glyph.len, seen_columns);
        if (is_space(&glyph)) {
            /* Spaces hang over the edge. */
            place = (struct place){seen_to, at + glyph.len, seen_columns, true};
            columns += 1;
            at += glyph.len;
            wide_before = false;
            continue;
        }
        if (seen_to > out->from && at == seen_to && (wide_before || glyph.width == 2))
            place = (struct place){at, at, columns, true};
        if (columns + glyph.width > wrap->width && at > out->from) {
            if (place.any)
                return end_line(wrap, out, place.to, place.next, place.columns);
            return end_line(wrap, out, at, at, columns);
        }
        wide_before = glyph.width == 2;
        columns += glyph.width;
        at += glyph.len;
        seen_to = at;
        seen_columns = columns;
    }
    wrap->done = true;
    return end_line(wrap, out, seen_to, at, seen_columns);
}

int wrap_measure(const char *text, size_t len, int width, int *out_last_columns)
{
    struct wrap wrap;
    struct wrap_line line = {0};
    int lines = 0;

    wrap_init(&wrap, text, len, width);
    while (wrap_next(&wrap, &line))
        lines++;
    if (out_last_columns)
        *out_last_columns = line.columns;
    return lines;
}
