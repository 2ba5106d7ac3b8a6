#include "block.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "wrap.h"

/* Where the parts of a line stand. */
struct columns {
    int time, dot, name, text; /* from x on */
    int name_width, text_width;
};

static struct columns columns_of(int width)
{
    struct columns c = {.time = 1, .dot = 7, .name = 8};

    c.name_width = width / 6;
    if (c.name_width > 14)
        c.name_width = 14;
    if (c.name_width < 5)
        c.name_width = 5;
    c.text = c.name + c.name_width + 1;
    c.text_width = width - c.text;
    if (c.text_width < 4)
        c.text_width = 4;
    return c;
}

static void print_time(int64_t at_ms, char *out, size_t out_size)
{
    const time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || strftime(out, out_size, "%H:%M", &tm) == 0)
        out[0] = '\0';
}

static void print_day(int64_t at_ms, char *out, size_t out_size)
{
    const time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || strftime(out, out_size, "%a %e %B %Y", &tm) == 0)
        out[0] = '\0';
}

enum style scene_presence_dot(chat_presence_state presence, const char **out_dot)
{
    *out_dot = "\u25cf"; /* a full circle */
    switch (presence) {
    case CHAT_PRESENCE_ONLINE: return STYLE_ONLINE;
    case CHAT_PRESENCE_IDLE: *out_dot = "\u25d0"; return STYLE_IDLE;
    case CHAT_PRESENCE_DND: *out_dot = "\u25c9"; return STYLE_DND;
    case CHAT_PRESENCE_OFFLINE:
    case CHAT_PRESENCE_INVISIBLE: *out_dot = "\u25cb"; return STYLE_DIM;
    }
    *out_dot = " ";
    return STYLE_PLAIN;
}

static enum style name_style(const struct chat_message *m)
{
    const unsigned names = STYLE_NAME_LAST - STYLE_NAME_FIRST + 1;

    if (m->own)
        return STYLE_OWN;
    return (enum style)(STYLE_NAME_FIRST + (unsigned)(m->author_id % names));
}

static void paint_head(const struct block *b, struct canvas *canvas, int x, int y,
                       const struct columns *c)
{
    const struct chat_message *m = b->row->message;
    const char *dot, *name = b->row->author_name;
    size_t name_len = b->row->author_name_len;
    char text[32];
    enum style style = scene_presence_dot(b->row->presence, &dot);

    if (!canvas)
        return;
    canvas_puts(canvas, x, y, 1, STYLE_SELECTED, b->selected ? "\u25b6" : "");
    print_time(m->sent_at_ms, text, sizeof(text));
    canvas_puts(canvas, x + c->time, y, 5, STYLE_DIM, text);
    if (!m->own && b->shows_presence)
        canvas_puts(canvas, x + c->dot, y, 1, style, dot);
    if (name_len == 0) {
        snprintf(text, sizeof(text), "%" PRIu64, m->author_id);
        name = text;
        name_len = strlen(text);
    }
    canvas_put(canvas, x + c->name, y, c->name_width, name_style(m), name, name_len);
}

/* The words behind the text: on its way, in, got, seen, edited. */
static void print_marks(const struct block *b, char *out, size_t out_size)
{
    const struct chat_row *row = b->row;
    const struct chat_message *m = row->message;
    const bool edited = m->edited_at_ms != 0 && !m->deleted;
    const char *mark = "";

    if (row->state == CHAT_OUTGOING_DONE && row->change_state == CHAT_OUTGOING_QUEUED) {
        snprintf(out, out_size, "(%s waits)",
                 row->change == CHAT_OUTGOING_EDIT ? "edit" : "deletion");
        return;
    }
    if (row->state == CHAT_OUTGOING_DONE && row->reactions_waiting > 0) {
        snprintf(out, out_size, "(reaction waits)");
        return;
    }
    if (row->state == CHAT_OUTGOING_QUEUED)
        mark = "\u2026waiting";
    else if (m->own && row->state == CHAT_OUTGOING_DONE && !m->deleted)
        mark = b->is_direct && m->seq <= b->read_seq        ? "\u2713\u2713 seen"
               : b->is_direct && m->seq <= b->delivered_seq ? "\u2713\u2713"
                                                            : "\u2713";
    snprintf(out, out_size, "%s%s%s", edited ? "(edited)" : "", edited && mark[0] ? " " : "", mark);
}

static enum style text_style(const struct block *b)
{
    if (b->row->message->deleted || b->row->state == CHAT_OUTGOING_QUEUED)
        return STYLE_DIM;
    return b->row->message->mentions_me ? STYLE_MENTION : STYLE_PLAIN;
}

/* The text with the marks behind it. Returns its lines. */
static int paint_text(const struct block *b, struct canvas *canvas, int x, int y, int width)
{
    const struct chat_message *m = b->row->message;
    const char *text = m->deleted ? "(deleted)" : m->text;
    size_t len = m->deleted ? strlen(text) : m->text_len;
    struct wrap_line line = {0};
    struct wrap wrap;
    char marks[64];
    int lines = 0, marks_width;

    if (len == 0) {
        text = "(nothing to read)"; /* of another application, with `extra` alone */
        len = strlen(text);
    }
    wrap_init(&wrap, text, len, width);
    while (wrap_next(&wrap, &line)) {
        if (lines == BLOCK_TEXT_LINES_MAX) {
            canvas_puts(canvas, x, y + lines++, width, STYLE_DIM, "(and more lines)");
            line.columns = width;
            break;
        }
        canvas_put(canvas, x, y + lines++, width, text_style(b), text + line.from,
                   line.to - line.from);
    }
    print_marks(b, marks, sizeof(marks));
    marks_width = glyph_columns(marks, strlen(marks));
    if (marks_width == 0)
        return lines;
    if (line.columns + 1 + marks_width <= width)
        canvas_puts(canvas, x + line.columns + 1, y + lines - 1, marks_width, STYLE_DIM, marks);
    else
        canvas_puts(canvas, x, y + lines++, width, STYLE_DIM, marks);
    return lines;
}

static int paint_quote(const struct block *b, struct canvas *canvas, int x, int y, int width)
{
    char line[CHAT_NAME_MAX + SCENE_QUOTE_MAX + 8];

    if (!b->quote)
        return 0;
    if (b->quote->known)
        snprintf(line, sizeof(line), "\u2502 %s: %s", b->quote->name, b->quote->text);
    else
        snprintf(line, sizeof(line), "\u2502 a message that is not here");
    canvas_puts(canvas, x, y, width, STYLE_DIM, line);
    return 1;
}

static int paint_reactions(const struct block *b, struct canvas *canvas, int x, int y, int width)
{
    const struct chat_message *m = b->row->message;
    int lines = m->reactions_count ? 1 : 0, at = 0;

    for (size_t i = 0; i < m->reactions_count; i++) {
        const struct chat_reaction *r = m->reactions[i];
        char text[CHAT_EMOJI_MAX + 32];
        int columns;

        snprintf(text, sizeof(text), "%s%.*s %zu%s", r->mine ? "[" : " ", (int)r->emoji_len,
                 r->emoji, r->count, r->mine ? "]" : " ");
        columns = glyph_columns(text, strlen(text));
        if (at > 0 && at + columns > width) {
            at = 0;
            lines++;
        }
        canvas_puts(canvas, x + at, y + lines - 1, width - at, r->mine ? STYLE_BOLD : STYLE_PLAIN,
                    text);
        at += columns;
    }
    return lines;
}

/* What was refused, and what can be done about it. */
static int paint_refusal(const struct block *b, struct canvas *canvas, int x, int y, int width)
{
    const struct chat_row *row = b->row;
    char text[160];
    int lines = 0;
    struct wrap wrap;
    struct wrap_line line;

    if (row->state == CHAT_OUTGOING_REFUSED)
        snprintf(text, sizeof(text), "\u2717 not sent: %s. t takes it back, a sends it again",
                 chat_status_text(row->status));
    else if (row->change_state == CHAT_OUTGOING_REFUSED)
        snprintf(text, sizeof(text), "\u2717 %s refused: %s. t takes it back, a tries again",
                 row->change == CHAT_OUTGOING_DELETE ? "deletion" : "edit",
                 chat_status_text(row->change_status));
    else
        return 0;
    wrap_init(&wrap, text, strlen(text), width);
    while (wrap_next(&wrap, &line))
        canvas_put(canvas, x, y + lines++, width, STYLE_ERROR, text + line.from,
                   line.to - line.from);
    return lines;
}

static int paint_gap(const struct chat_row *row, struct canvas *canvas, int x, int y, int width)
{
    char text[96];

    snprintf(text, sizeof(text), "%" PRIu64 " messages %s", row->to_seq - row->from_seq + 1,
             row->loading ? "are being fetched" : "are not here; fetched when online");
    canvas_rule(canvas, x + 1, y, width - 1, STYLE_DIM, text);
    return 1;
}

int block_paint(const struct block *b, struct canvas *canvas, int x, int y, int width)
{
    const struct columns c = columns_of(width);
    const int top = y;

    if (b->row->kind == CHAT_ROW_GAP)
        return paint_gap(b->row, canvas, x, y, width);
    if (b->new_day) {
        char day[48];

        print_day(b->row->message->sent_at_ms, day, sizeof(day));
        canvas_rule(canvas, x + 1, y++, width - 1, STYLE_DIM, day);
    }
    if (b->first_new)
        canvas_rule(canvas, x + 1, y++, width - 1, STYLE_NEW, "new messages");
    y += paint_quote(b, canvas, x + c.text, y, c.text_width);
    paint_head(b, canvas, x, y, &c);
    y += paint_text(b, canvas, x + c.text, y, c.text_width);
    y += paint_reactions(b, canvas, x + c.text, y, c.text_width);
    y += paint_refusal(b, canvas, x + c.text, y, c.text_width);
    if (b->seen_by && b->seen_by[0]) {
        char text[SCENE_NAMES_MAX + 16];

        snprintf(text, sizeof(text), "seen by %s", b->seen_by);
        canvas_puts(canvas, x + c.text, y++, c.text_width, STYLE_DIM, text);
    }
    return y - top;
}
