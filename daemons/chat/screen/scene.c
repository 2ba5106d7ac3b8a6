#include "scene.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    scene->following = true;
    scene->pane = (struct rect){0, 0, 60, 16};
    composer_set(&scene->composer, "", 0);
    composer_set(&scene->prompt, "", 0);
}

void scene_note(struct scene *scene, bool is_error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(scene->notice, sizeof(scene->notice), format, args);
    va_end(args);
    scene->notice_is_error = is_error;
}

/* What fits, without cutting a character. */
static void copy_text(char *out, size_t out_size, const char *text, size_t len)
{
    if (len >= out_size) {
        len = out_size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

void scene_quote_set(struct scene_quote *quote, const char *name, size_t name_len, const char *text,
                     size_t text_len)
{
    quote->known = true;
    copy_text(quote->name, sizeof(quote->name), name, name_len);
    copy_text(quote->text, sizeof(quote->text), text, text_len);
}

static const char *words_of(chat_conn_state state)
{
    switch (state) {
    case CHAT_CONN_OFFLINE: return "offline";
    case CHAT_CONN_CONNECTING: return "connecting";
    case CHAT_CONN_AUTHENTICATING: return "signing in";
    case CHAT_CONN_SYNCING: return "catching up";
    case CHAT_CONN_LIVE: return "online";
    case CHAT_CONN_BACKING_OFF: return "offline";
    case CHAT_CONN_CLOSED: return "closed";
    }
    return "";
}

bool scene_is_live(const struct scene *scene)
{
    return scene->link.state == CHAT_CONN_LIVE || scene->link.state == CHAT_CONN_SYNCING;
}

bool scene_banner(const struct scene *scene, int64_t now_ms, char *out, size_t out_size)
{
    const struct scene_link *link = &scene->link;
    const int64_t left_ms = link->retry_at_ms > now_ms ? link->retry_at_ms - now_ms : 0;
    const char *what = "OFFLINE";
    char then[48] = "", unsent[48] = "";

    if (scene_is_live(scene))
        return false;
    if (link->unsent > 0)
        snprintf(unsent, sizeof(unsent), ", %" PRIu32 " waiting to be sent", link->unsent);
    if (link->state == CHAT_CONN_BACKING_OFF) {
        snprintf(then, sizeof(then), ", next try in %" PRId64 " s", (left_ms + 999) / 1000);
    } else if (link->state == CHAT_CONN_CLOSED) {
        what = "CLOSED";
        snprintf(then, sizeof(then), ", Ctrl-R connects again");
    } else if (link->state != CHAT_CONN_OFFLINE) {
        if (!link->reason[0])
            return false; /* the first time: nothing is wrong */
        snprintf(then, sizeof(then), ", trying now");
    }
    snprintf(out, out_size, "%s%s%s%s%s", what, then, unsent, link->reason[0] ? ": " : "",
             link->reason);
    return true;
}

/* --- layout --- */

struct layout {
    struct rect title, banner, list, pane, line, context, composer;
    int bar_x; /* the line between list and pane; -1: none */
};

static struct layout lay_out(const struct scene *scene, const struct canvas *canvas, bool banner)
{
    const int width = canvas->columns;
    const int most = canvas->rows / 3 > 1 ? canvas->rows / 3 : 1;
    const bool narrow = width < 60;
    struct layout l = {.bar_x = -1};
    int height = composer_height(&scene->composer, width - 3), top = 1, bottom = canvas->rows;

    l.title = (struct rect){0, 0, width, 1};
    if (banner)
        l.banner = (struct rect){0, top++, width, 1};
    if (height > most)
        height = most;
    bottom -= height;
    l.composer = (struct rect){2, bottom, width - 3, height};
    if (scene->writing != WRITING_MESSAGE)
        l.context = (struct rect){0, --bottom, width, 1};
    l.line = (struct rect){0, --bottom, width, 1};
    if (narrow && scene->focus != FOCUS_CHANNELS) {
        l.pane = (struct rect){0, top, width, bottom - top};
    } else if (narrow) {
        l.list = (struct rect){0, top, width, bottom - top};
    } else {
        int list_width = width / 4 > 30 ? 30 : width / 4;

        l.list = (struct rect){0, top, list_width, bottom - top};
        l.bar_x = list_width;
        l.pane = (struct rect){list_width + 1, top, width - list_width - 1, bottom - top};
    }
    return l;
}

/* --- the parts --- */

static void paint_title(const struct scene *scene, const struct scene_source *source,
                        struct canvas *canvas, struct rect where)
{
    const struct chat_view_status *status = source->get_status(source->user);
    char right[CHAT_NAME_MAX + 32];
    int used = 0, right_width;

    canvas_fill(canvas, where, STYLE_BAR);
    snprintf(right, sizeof(right), "%s%s%s", scene->own_name, scene->own_name[0] ? ", " : "",
             words_of(scene->link.state));
    right_width = glyph_columns(right, strlen(right));
    if (right_width > where.width / 2)
        right_width = where.width / 2;
    canvas_puts(canvas, where.width - right_width - 1, where.y, right_width, STYLE_BAR, right);
    if (!status || !status->channel) {
        canvas_puts(canvas, 1, where.y, where.width - right_width - 3, STYLE_BAR, "chat");
        return;
    }
    if (status->channel->kind == CHAT_HOME_DIRECT) {
        const char *dot;
        enum style style = scene_presence_dot(
            scene_is_live(scene) ? status->presence : (chat_presence_state)0, &dot);

        canvas_puts(canvas, 1, where.y, 1, style == STYLE_PLAIN ? STYLE_BAR : style, dot);
        used = 2;
    }
    if (status->channel->kind != CHAT_HOME_DIRECT)
        used += canvas_puts(canvas, 1, where.y, 1, STYLE_BAR, "#");
    used += canvas_put(canvas, 1 + used, where.y, where.width - right_width - 4 - used, STYLE_BAR,
                       status->title, status->title_len);
    if (status->loading)
        canvas_puts(canvas, 2 + used, where.y, where.width - right_width - 5 - used, STYLE_BAR,
                    "(loading)");
}

/* What stands at the right of a channel: draft, muted, mentions, unread. */
static void print_counts(const struct chat_channel *channel, int64_t wall_ms, char *out,
                         size_t out_size)
{
    char mentions[32] = "", unread[32] = "";

    if (channel->mentions > 0)
        snprintf(mentions, sizeof(mentions), " @%" PRIu32 "%s", channel->mentions,
                 channel->mentions >= CHAT_MENTIONS_COUNT_MAX ? "+" : "");
    if (channel->unread > 0)
        snprintf(unread, sizeof(unread), " %" PRIu64, channel->unread);
    snprintf(out, out_size, "%s%s%s%s", channel->has_draft ? " \u270e" : "",
             channel->muted_until_ms > wall_ms ? " \u2298" : "", mentions, unread);
}

static void paint_channel(const struct scene *scene, const struct chat_row *row,
                          struct canvas *canvas, struct rect where, int64_t wall_ms, bool selected)
{
    const struct chat_channel *channel = row->channel;
    const bool is_open = channel->channel_id == scene->channel_id;
    const bool muted = channel->muted_until_ms > wall_ms;
    enum style style = channel->unread > 0 && !muted ? STYLE_BOLD : muted ? STYLE_DIM : STYLE_PLAIN;
    enum style dot_style = STYLE_DIM;
    const char *dot = "#";
    char counts[96];
    int counts_width;

    if (is_open)
        style = STYLE_BAR;
    if (is_open)
        canvas_fill(canvas, where, STYLE_BAR);
    if (selected)
        canvas_puts(canvas, where.x, where.y, 1, STYLE_SELECTED, "\u25b6");
    if (channel->kind == CHAT_HOME_DIRECT)
        dot_style =
            scene_presence_dot(scene_is_live(scene) ? row->presence : (chat_presence_state)0, &dot);
    canvas_puts(canvas, where.x + 1, where.y, 1, dot_style, dot);
    print_counts(channel, wall_ms, counts, sizeof(counts));
    counts_width = glyph_columns(counts, strlen(counts));
    canvas_puts(canvas, where.x + where.width - counts_width, where.y, counts_width,
                is_open                 ? STYLE_BAR
                : channel->mentions > 0 ? STYLE_MENTION
                                        : style,
                counts);
    if (row->title_len == 0)
        canvas_puts(canvas, where.x + 3, where.y, where.width - 3 - counts_width, STYLE_DIM,
                    "(name not known yet)");
    else
        canvas_put(canvas, where.x + 3, where.y, where.width - 3 - counts_width, style, row->title,
                   row->title_len);
}

static void paint_list(struct scene *scene, const struct scene_source *source,
                       struct canvas *canvas, struct rect where, int64_t wall_ms)
{
    const uint32_t count = source->count_channels(source->user);
    const uint32_t rows = where.height > 0 ? (uint32_t)where.height : 0;
    const struct chat_row *row;

    if (where.width < 6 || rows == 0)
        return;
    place_clamp(&scene->channel, count);
    if (scene->focus == FOCUS_CHANNELS && scene->channel.set) {
        if (scene->channel.index < scene->channels_top)
            scene->channels_top = scene->channel.index;
        if (scene->channel.index >= scene->channels_top + rows)
            scene->channels_top = scene->channel.index - rows + 1;
    }
    if (scene->channels_top + rows > count)
        scene->channels_top = count > rows ? count - rows : 0;
    if (count == 0)
        canvas_puts(canvas, where.x + 1, where.y, where.width - 1, STYLE_DIM, "(no conversations)");
    for (uint32_t i = 0; i < rows && scene->channels_top + i < count; i++) {
        const uint32_t index = scene->channels_top + i;

        if (source->get_channel(source->user, index, &row))
            paint_channel(scene, row, canvas,
                          (struct rect){where.x, where.y + (int)i, where.width, 1}, wall_ms,
                          scene->focus == FOCUS_CHANNELS && scene->channel.set &&
                              scene->channel.index == index);
    }
}

static void paint_line(const struct scene *scene, const struct scene_source *source,
                       struct canvas *canvas, struct rect where)
{
    const struct chat_view_status *status = source->get_status(source->user);
    const bool below = status && status->channel && (!status->at_latest || !scene->following);

    if (scene->notice[0])
        canvas_puts(canvas, 1, where.y, where.width - 1,
                    scene->notice_is_error ? STYLE_ERROR : STYLE_BOLD, scene->notice);
    else if (scene->typing[0])
        canvas_puts(canvas, 1, where.y, where.width - 1, STYLE_DIM, scene->typing);
    else if (below)
        canvas_puts(canvas, 1, where.y, where.width - 1, STYLE_NEW,
                    "\u2193 newer messages below: End goes to the newest");
    else if (scene->focus == FOCUS_MESSAGES)
        canvas_puts(canvas, 1, where.y, where.width - 1, STYLE_DIM,
                    "r reply  e edit  d delete  + react  / search  ? help  Esc back to writing");
    else if (scene->focus == FOCUS_CHANNELS)
        canvas_puts(canvas, 1, where.y, where.width - 1, STYLE_DIM,
                    "Enter open  m mute  n new  / search  ? help  Esc back to writing");
}

static void paint_context(const struct scene *scene, struct canvas *canvas, struct rect where)
{
    char text[CHAT_NAME_MAX + SCENE_QUOTE_MAX + 64];

    if (scene->writing == WRITING_REPLY && !scene->answered.known)
        snprintf(text, sizeof(text), "answers a message that is not here");
    else if (scene->writing == WRITING_REPLY)
        snprintf(text, sizeof(text), "answers %s: %s", scene->answered.name, scene->answered.text);
    else
        snprintf(text, sizeof(text), "edits: %s", scene->answered.text);
    canvas_rule(canvas, where.x, where.y, where.width, STYLE_DIM, text);
}

void scene_paint(struct scene *scene, const struct scene_source *source, struct canvas *canvas,
                 int64_t now_ms, int64_t wall_ms, struct scene_shown *out)
{
    char banner[SCENE_NOTICE_MAX + 96];
    const bool has_banner = scene_banner(scene, now_ms, banner, sizeof(banner));
    struct layout l;

    *out = (struct scene_shown){0};
    canvas_clear(canvas);
    if (canvas->columns < SCENE_COLUMNS_MIN || canvas->rows < SCENE_ROWS_MIN) {
        canvas_puts(canvas, 0, 0, canvas->columns, STYLE_PLAIN, "too small");
        return;
    }
    l = lay_out(scene, canvas, has_banner);
    paint_title(scene, source, canvas, l.title);
    if (has_banner) {
        canvas_fill(canvas, l.banner, STYLE_BANNER);
        canvas_puts(canvas, 1, l.banner.y, l.banner.width - 1, STYLE_BANNER, banner);
    }
    paint_list(scene, source, canvas, l.list, wall_ms);
    for (int i = 0; l.bar_x >= 0 && i < l.list.height; i++)
        canvas_puts(canvas, l.bar_x, l.list.y + i, 1, STYLE_DIM, "\u2502");
    pane_paint(scene, source, canvas, l.pane, out);
    paint_line(scene, source, canvas, l.line);
    if (scene->writing != WRITING_MESSAGE)
        paint_context(scene, canvas, l.context);
    canvas_puts(canvas, 0, l.composer.y, 1, scene->focus == FOCUS_COMPOSER ? STYLE_BOLD : STYLE_DIM,
                ">");
    composer_paint(&scene->composer, canvas, l.composer, &out->cursor_x, &out->cursor_y);
    out->has_cursor = scene->focus == FOCUS_COMPOSER && scene->overlay == OVERLAY_NONE;
    if (scene->overlay != OVERLAY_NONE)
        overlay_paint(scene, canvas, (struct rect){0, 1, canvas->columns, l.line.y - 1}, out);
}
