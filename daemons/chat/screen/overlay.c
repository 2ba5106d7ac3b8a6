/* What lies over the panes: help, what a command says, search, reactions, a question. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "scene.h"
#include "wrap.h"

static const char help[] =
    "WRITING\n"
    "  Enter            send              Ctrl-J, Alt-Enter   a new line\n"
    "  Up               to the messages   Tab                 to the conversations\n"
    "  Ctrl-N, Ctrl-P   next, previous conversation\n"
    "  Ctrl-A, Ctrl-E   begin, end        Ctrl-W, Ctrl-U      delete a word, to the begin\n"
    "  PgUp, PgDn       scroll            Ctrl-F, F3          search\n"
    "  Esc              leaves a reply or an edit\n"
    "  /help            lists the commands: /direct NAME, /group TITLE NAME..., /presence, ...\n"
    "  //               begins a message with a slash\n"
    "\n"
    "MESSAGES\n"
    "  Up, Down, Home, End                choose; Esc, i: back to writing\n"
    "  r   reply                          e   edit an own one\n"
    "  d   delete                         +   react, or take a reaction back; also :\n"
    "  t   take back what waits or was refused, to write it anew\n"
    "  a   send again what was refused    Enter   go to what it answers\n"
    "  /   search                         m   mute the conversation, or not\n"
    "\n"
    "CONVERSATIONS\n"
    "  Up, Down         choose            Enter   open\n"
    "  m                mute, or not      n       a new one\n"
    "\n"
    "ANYWHERE\n"
    "  F1   this help                     Ctrl-R   connect now\n"
    "  Ctrl-L   paint anew                Ctrl-C, F10, /quit   leave\n"
    "\n"
    "MARKS\n"
    "  \u2026waiting   not sent yet          \u2713   sent   \u2713\u2713   delivered   "
    "\u2713\u2713 seen\n"
    "  \u270e   a draft   \u2298   muted   @2   mentions of you   5   unread\n"
    "  \u25cf   online    \u25d0   idle    \u25c9   do not disturb      \u25cb   offline\n";

/* A box that covers `where` with a title; returns what is inside. */
static struct rect paint_box(struct canvas *canvas, struct rect where, const char *title)
{
    canvas_fill(canvas, where, STYLE_PLAIN);
    canvas_rule(canvas, where.x, where.y, where.width, STYLE_BOLD, title);
    canvas_rule(canvas, where.x, where.y + where.height - 1, where.width, STYLE_BOLD, "");
    return (struct rect){where.x + 1, where.y + 1, where.width - 2, where.height - 2};
}

static void paint_text(struct scene *scene, struct canvas *canvas, struct rect where,
                       const char *title, const char *text, size_t len)
{
    const int lines = wrap_measure(text, len, where.width - 2, NULL);
    const struct rect in = paint_box(canvas, where, title);
    struct wrap wrap;
    struct wrap_line line;

    if (scene->overlay_top > lines - in.height)
        scene->overlay_top = lines - in.height;
    if (scene->overlay_top < 0)
        scene->overlay_top = 0;
    wrap_init(&wrap, text, len, in.width);
    for (int i = -scene->overlay_top; i < in.height && wrap_next(&wrap, &line); i++)
        if (i >= 0)
            canvas_put(canvas, in.x, in.y + i, in.width, STYLE_PLAIN, text + line.from,
                       line.to - line.from);
}

static void paint_prompt(const struct scene *scene, struct canvas *canvas, struct rect where,
                         const char *label, struct scene_shown *out)
{
    const int label_width = canvas_puts(canvas, where.x, where.y, where.width, STYLE_BOLD, label);
    const struct rect field = {where.x + label_width, where.y, where.width - label_width, 1};

    composer_paint(&scene->prompt, canvas, field, &out->cursor_x, &out->cursor_y);
    out->has_cursor = true;
}

static void paint_hit(const struct scene_hit *hit, struct canvas *canvas, struct rect where,
                      bool selected)
{
    const time_t seconds = (time_t)(hit->sent_at_ms / 1000);
    struct tm tm;
    char when[32] = "", text[2 * CHAT_NAME_MAX + SCENE_QUOTE_MAX + 64];

    if (localtime_r(&seconds, &tm))
        strftime(when, sizeof(when), "%d %b %H:%M", &tm);
    snprintf(text, sizeof(text), "%s  %s  %s: %s", when, hit->channel, hit->quote.name,
             hit->quote.text);
    canvas_puts(canvas, where.x, where.y, 1, STYLE_SELECTED, selected ? "\u25b6" : " ");
    canvas_puts(canvas, where.x + 2, where.y, where.width - 2, selected ? STYLE_BOLD : STYLE_PLAIN,
                text);
}

static void paint_search(struct scene *scene, struct canvas *canvas, struct rect where,
                         struct scene_shown *out)
{
    const struct rect in = paint_box(canvas, where, "search: Enter finds, then goes there; Esc");
    const uint32_t rows = in.height > 2 ? (uint32_t)in.height - 2 : 1;

    paint_prompt(scene, canvas, (struct rect){in.x, in.y, in.width, 1}, "words: ", out);
    if (scene->hit < scene->hits_top)
        scene->hits_top = scene->hit;
    if (scene->hit >= scene->hits_top + rows)
        scene->hits_top = scene->hit - rows + 1;
    if (scene->searching || (scene->searched && scene->hits_count == 0))
        canvas_puts(canvas, in.x, in.y + 2, in.width, STYLE_DIM,
                    scene->searching ? "searching" : "nothing found in what is kept here");
    if (scene->more_hits && scene->hits_count > 0)
        canvas_puts(canvas, in.x, in.y + 1, in.width, STYLE_DIM,
                    "the newest of many; one more word makes them fewer");
    for (uint32_t i = 0; i < rows && scene->hits_top + i < scene->hits_count; i++)
        paint_hit(&scene->hits[scene->hits_top + i], canvas,
                  (struct rect){in.x, in.y + 2 + (int)i, in.width, 1},
                  scene->hit == scene->hits_top + i);
}

/* A box of few lines at the bottom. */
static struct rect at_bottom(struct rect where, int lines)
{
    const int height = lines + 2 < where.height ? lines + 2 : where.height;

    return (struct rect){where.x, where.y + where.height - height, where.width, height};
}

void overlay_paint(struct scene *scene, struct canvas *canvas, struct rect where,
                   struct scene_shown *out)
{
    struct rect in;

    switch (scene->overlay) {
    case OVERLAY_NONE: return;
    case OVERLAY_HELP:
        paint_text(scene, canvas, where, "help: Up, Down; Esc closes", help, sizeof(help) - 1);
        return;
    case OVERLAY_TEXT:
        paint_text(scene, canvas, where, "Up, Down; Esc closes", scene->text, scene->text_len);
        return;
    case OVERLAY_SEARCH: paint_search(scene, canvas, where, out); return;
    case OVERLAY_REACT:
        in = paint_box(canvas, at_bottom(where, 2), "react: Enter; Esc");
        canvas_puts(canvas, in.x, in.y, in.width, STYLE_PLAIN,
                    "1 \U0001f44d  2 \u2764  3 \U0001f602  4 \U0001f62e  5 \U0001f622  "
                    "6 \U0001f389  or an emoji, or its name such as :rocket");
        paint_prompt(scene, canvas, (struct rect){in.x, in.y + 1, in.width, 1}, "with: ", out);
        return;
    case OVERLAY_DELETE:
        in = paint_box(canvas, at_bottom(where, 2), "delete this message for everybody?");
        canvas_puts(canvas, in.x, in.y, in.width, STYLE_PLAIN, scene->question.text);
        canvas_puts(canvas, in.x, in.y + 1, in.width, STYLE_BOLD,
                    "y deletes it, any other key not");
        return;
    }
}
