#include "glyph.h"

#define REPLACEMENT 0xfffd
#define DOTTED_CIRCLE 0x25cc /* carries a mark that has nothing to stand on */

enum kind { VISIBLE, MARK, INVISIBLE, HARMFUL, NEWLINE };

/* One character; what is not UTF-8 is one byte of U+FFFD. */
static wchar_t decode(const char *text, size_t len, size_t *out_len)
{
    const unsigned char *b = (const unsigned char *)text;
    const size_t want = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    uint32_t c = want < 2 ? b[0] : b[0] & (0xffu >> (want + 1));

    *out_len = 1;
    if (want == 0 || want > len || b[0] > 0xf4)
        return REPLACEMENT;
    for (size_t i = 1; i < want; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (b[i] & 0x3f);
    }
    if ((want == 3 && c < 0x800) || (want == 4 && c < 0x10000) || c > 0x10ffff ||
        (c >= 0xd800 && c <= 0xdfff))
        return REPLACEMENT;
    *out_len = want;
    return (wchar_t)c;
}

static bool is_in(wchar_t c, wchar_t first, wchar_t last) { return c >= first && c <= last; }

static enum kind kind_of(wchar_t c)
{
    if (c == '\n')
        return NEWLINE;
    if (c < 0x20 || is_in(c, 0x7f, 0x9f) || is_in(c, 0x2028, 0x202e) || is_in(c, 0x2066, 0x2069))
        return c == '\t' ? VISIBLE : HARMFUL;
    if (c == 0xad || c == 0x61c || is_in(c, 0x180b, 0x180e) || is_in(c, 0x200b, 0x200f) ||
        is_in(c, 0x2060, 0x2065) || is_in(c, 0x206a, 0x206f) || is_in(c, 0xfe00, 0xfe0f) ||
        c == 0xfeff || is_in(c, 0xfff9, 0xfffb) || is_in(c, 0x1f3fb, 0x1f3ff) ||
        is_in(c, 0xe0000, 0xe0fff))
        return INVISIBLE;
    switch (wcwidth(c)) {
    case 0: return MARK;
    case 1:
    case 2: return VISIBLE;
    default: return HARMFUL; /* nothing a terminal would know the width of */
    }
}

/* What follows a character and belongs to it. */
static void take_marks(const char *text, size_t len, struct glyph *out)
{
    while (out->len < len) {
        size_t c_len;
        wchar_t c = decode(text + out->len, len - out->len, &c_len);
        enum kind kind = kind_of(c);

        if (kind != MARK && kind != INVISIBLE)
            return;
        if (kind == MARK && out->count < GLYPH_CHARS_MAX)
            out->chars[out->count++] = c;
        out->len += c_len;
    }
}

void glyph_next(const char *text, size_t len, struct glyph *out)
{
    wchar_t c;

    *out = (struct glyph){0};
    c = decode(text, len, &out->len);
    switch (kind_of(c)) {
    case NEWLINE: out->newline = true; return;
    case INVISIBLE: return;
    case MARK:
        out->chars[0] = DOTTED_CIRCLE;
        out->chars[1] = c;
        out->count = 2;
        break;
    case HARMFUL:
        out->chars[0] = REPLACEMENT;
        out->count = 1;
        break;
    case VISIBLE:
        out->chars[0] = c == '\t' ? ' ' : c;
        out->count = 1;
        break;
    }
    out->width = wcwidth(out->chars[0]) == 2 ? 2 : 1;
    take_marks(text, len, out);
}

size_t glyph_before(const char *text, size_t at)
{
    size_t back = 0;

    /* The last place to which a glyph begins before `at`: a glyph is found by its first
     * character, and marks are stepped over. */
    while (at > 0) {
        struct glyph glyph;
        wchar_t c;
        size_t len;

        back = at - 1;
        while (back > 0 && at - back < 4 && ((unsigned char)text[back] & 0xc0) == 0x80)
            back--;
        c = decode(text + back, at - back, &len);
        if (len < at - back)
            return at - 1; /* stray bytes, one by one */
        at = back;
        if (kind_of(c) != MARK && kind_of(c) != INVISIBLE)
            break;
        if (back == 0)
            break;
        /* What stands before may not take marks: a newline does not. */
        glyph_next(text + back - 1, 1, &glyph);
        if (glyph.newline)
            break;
    }
    return at;
}

int glyph_columns(const char *text, size_t len)
{
    int columns = 0;

    for (size_t at = 0; at < len;) {
        struct glyph glyph;

        glyph_next(text + at, len - at, &glyph);
        columns += glyph.newline ? 1 : glyph.width;
        at += glyph.len;
    }
    return columns;
}

size_t glyph_encode(wchar_t character, char *out)
{
    const uint32_t c = (uint32_t)character;

    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18 & 0x07));
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}
