/* What keys do: a table, and typing. */
#include <string.h>

#include "ui_inner.h"

/* Where keys go. */
enum {
    IN_COMPOSER = 1,
    IN_MESSAGES = 2,
    IN_CHANNELS = 4,
    IN_PANES = IN_COMPOSER | IN_MESSAGES | IN_CHANNELS,
    IN_TEXT = 8, /* the help, what a command printed */
    IN_SEARCH = 16,
    IN_REACT = 32,
    IN_DELETE = 64,
    IN_OVERLAYS = IN_TEXT | IN_SEARCH | IN_REACT | IN_DELETE,
    IN_ALL = IN_PANES | IN_OVERLAYS,
};

static unsigned where_is(const struct ui *ui)
{
    switch (ui->scene.overlay) {
    case OVERLAY_HELP:
    case OVERLAY_TEXT: return IN_TEXT;
    case OVERLAY_SEARCH: return IN_SEARCH;
    case OVERLAY_REACT: return IN_REACT;
    case OVERLAY_DELETE: return IN_DELETE;
    case OVERLAY_NONE: break;
    }
    switch (ui->scene.focus) {
    case FOCUS_COMPOSER: return IN_COMPOSER;
    case FOCUS_MESSAGES: return IN_MESSAGES;
    case FOCUS_CHANNELS: return IN_CHANNELS;
    }
    return IN_COMPOSER;
}

/* --- anywhere --- */

static void quit(struct ui *ui) { ui->app->quit = true; }

static void redraw(struct ui *ui)
{
    (void)ui;
    term_redraw();
}

static void open_help(struct ui *ui)
{
    ui->scene.overlay = OVERLAY_HELP;
    ui->scene.overlay_top = 0;
}

static void close_overlay(struct ui *ui) { ui->scene.overlay = OVERLAY_NONE; }

static void text_up(struct ui *ui) { ui->scene.overlay_top--; }
static void text_down(struct ui *ui) { ui->scene.overlay_top++; }
static void text_page_up(struct ui *ui) { ui->scene.overlay_top -= ui->canvas.rows / 2; }
static void text_page_down(struct ui *ui) { ui->scene.overlay_top += ui->canvas.rows / 2; }

static void next_channel(struct ui *ui) { ui_step_channel(ui, 1); }
static void previous_channel(struct ui *ui) { ui_step_channel(ui, -1); }

static void to_composer(struct ui *ui)
{
    ui->scene.focus = FOCUS_COMPOSER;
    ui->scene.selected.set = false;
}

/* --- messages --- */

static int page_lines(const struct ui *ui)
{
    return ui->scene.pane.height > 2 ? ui->scene.pane.height - 2 : 1;
}

static void scroll_up(struct ui *ui)
{
    ui->want = WANT_NOTHING;
    pane_scroll(&ui->scene, &ui->source, page_lines(ui));
}

static void scroll_down(struct ui *ui)
{
    ui->want = WANT_NOTHING;
    pane_scroll(&ui->scene, &ui->source, -page_lines(ui));
}

static void select_by(struct ui *ui, int by)
{
    ui->want = WANT_NOTHING;
    if (!pane_select(&ui->scene, &ui->source, by) && by > 0)
        pane_scroll(&ui->scene, &ui->source, -1); /* the rest of a long one */
}

static void select_older(struct ui *ui) { select_by(ui, -1); }
static void select_newer(struct ui *ui) { select_by(ui, 1); }

static void select_page(struct ui *ui, int direction)
{
    const uint32_t count = ui->source.count_messages(ui);
    const int page = ui->shown.last > ui->shown.first ? (int)(ui->shown.last - ui->shown.first) : 1;
    int by = page * direction;

    if (count == 0 || !ui->scene.selected.set)
        return;
    if (by < 0 && (uint32_t)-by > ui->scene.selected.index)
        by = -(int)ui->scene.selected.index;
    if (by > 0 && ui->scene.selected.index + (uint32_t)by >= count)
        by = (int)(count - 1 - ui->scene.selected.index);
    select_by(ui, by);
}

static void select_page_older(struct ui *ui) { select_page(ui, -1); }
static void select_page_newer(struct ui *ui) { select_page(ui, 1); }

static void select_first(struct ui *ui)
{
    if (ui->scene.selected.set)
        select_by(ui, -(int)ui->scene.selected.index);
}

static void select_newest(struct ui *ui)
{
    ui_jump_to_latest(ui);
    ui->scene.selected.set = false;
    pane_select(&ui->scene, &ui->source, 0);
}

static void to_messages(struct ui *ui)
{
    if (pane_select(&ui->scene, &ui->source, 0))
        ui->scene.focus = FOCUS_MESSAGES;
}

static void mute_open(struct ui *ui) { ui_toggle_mute(ui, ui->scene.channel_id); }

/* --- channels --- */

static void to_channels(struct ui *ui)
{
    uint32_t index = 0;

    (void)ui_find_open(ui, &index);
    ui->scene.channel = (struct place){ui->source.count_channels(ui) > 0, index};
    ui->scene.selected.set = false;
    ui->scene.focus = FOCUS_CHANNELS;
}

static void channel_by(struct ui *ui, int64_t by)
{
    const int64_t count = ui->source.count_channels(ui);
    int64_t index = (int64_t)ui->scene.channel.index + by;

    if (count == 0)
        return;
    index = index < 0 ? 0 : index >= count ? count - 1 : index;
    ui->scene.channel = (struct place){true, (uint32_t)index};
}

static void channel_up(struct ui *ui) { channel_by(ui, -1); }
static void channel_down(struct ui *ui) { channel_by(ui, 1); }
static void channel_page_up(struct ui *ui) { channel_by(ui, -page_lines(ui)); }
static void channel_page_down(struct ui *ui) { channel_by(ui, page_lines(ui)); }
static void channel_first(struct ui *ui) { channel_by(ui, -INT32_MAX); }
static void channel_last(struct ui *ui) { channel_by(ui, INT32_MAX); }

static uint64_t chosen_channel(struct ui *ui)
{
    const struct chat_row *row;

    if (!ui->scene.channel.set || !ui->source.get_channel(ui, ui->scene.channel.index, &row))
        return 0;
    return row->key;
}

static void open_chosen(struct ui *ui)
{
    const uint64_t channel_id = chosen_channel(ui);

    if (channel_id == ui->scene.channel_id)
        to_composer(ui);
    else if (channel_id != 0)
        ui_open_channel(ui, channel_id, 0);
}

static void mute_chosen(struct ui *ui) { ui_toggle_mute(ui, chosen_channel(ui)); }

static void new_channel(struct ui *ui)
{
    to_composer(ui);
    if (ui->scene.writing != WRITING_MESSAGE)
        return;
    composer_set(&ui->scene.composer, "/direct ", strlen("/direct "));
    scene_note(&ui->scene, false, "/direct NAME, or /group TITLE NAME...; then Enter");
}

/* --- the composer --- */

static int composer_width(const struct ui *ui) { return ui->canvas.columns - 3; }

static void composer_up(struct ui *ui)
{
    if (!composer_move_line(&ui->scene.composer, -1, composer_width(ui)))
        to_messages(ui);
}

static void composer_down(struct ui *ui)
{
    composer_move_line(&ui->scene.composer, 1, composer_width(ui));
}

/* At the end already it is the end of the conversation. */
static void composer_end(struct ui *ui)
{
    const size_t before = ui->scene.composer.cursor;

    composer_move(&ui->scene.composer, COMPOSER_END);
    if (ui->scene.composer.cursor == before)
        ui_jump_to_latest(ui);
}

static void composer_newline(struct ui *ui)
{
    ui->written = composer_insert(&ui->scene.composer, "\n", 1) || ui->written;
}

static void composer_escape(struct ui *ui)
{
    if (!ui_leave_writing(ui))
        ui_jump_to_latest(ui);
}

/* --- search --- */

static void hit_up(struct ui *ui) { ui->scene.hit -= ui->scene.hit > 0; }
static void hit_down(struct ui *ui) { ui->scene.hit += ui->scene.hit + 1 < ui->scene.hits_count; }

static const struct {
    unsigned where;
    uint32_t code;
    bool alt;
    void (*run)(struct ui *ui);
} keys[] = {
    {IN_ALL, TERM_F10, false, quit},
    {IN_ALL, TERM_CTRL('C'), false, quit},
    {IN_ALL, TERM_CTRL('L'), false, redraw},
    {IN_PANES, TERM_CTRL('R'), false, ui_connect_now},
    {IN_PANES, TERM_F1, false, open_help},
    {IN_PANES, TERM_CTRL('F'), false, ui_begin_search},
    {IN_PANES, TERM_F3, false, ui_begin_search},
    {IN_PANES, TERM_CTRL('N'), false, next_channel},
    {IN_PANES, TERM_CTRL('P'), false, previous_channel},
    {IN_OVERLAYS, TERM_ESCAPE, false, close_overlay},

    {IN_COMPOSER, TERM_ENTER, false, ui_send},
    {IN_COMPOSER, TERM_ENTER, true, composer_newline},
    {IN_COMPOSER, '\n', false, composer_newline},
    {IN_COMPOSER, TERM_ESCAPE, false, composer_escape},
    {IN_COMPOSER, TERM_UP, false, composer_up},
    {IN_COMPOSER, TERM_DOWN, false, composer_down},
    {IN_COMPOSER, TERM_END, false, composer_end},
    {IN_COMPOSER, TERM_PAGE_UP, false, scroll_up},
    {IN_COMPOSER, TERM_PAGE_DOWN, false, scroll_down},
    {IN_COMPOSER, '\t', false, to_channels},
    {IN_COMPOSER, TERM_BACK_TAB, false, to_messages},

    {IN_MESSAGES, TERM_UP, false, select_older},
    {IN_MESSAGES, TERM_DOWN, false, select_newer},
    {IN_MESSAGES, 'k', false, select_older},
    {IN_MESSAGES, 'j', false, select_newer},
    {IN_MESSAGES, TERM_PAGE_UP, false, select_page_older},
    {IN_MESSAGES, TERM_PAGE_DOWN, false, select_page_newer},
    {IN_MESSAGES, TERM_HOME, false, select_first},
    {IN_MESSAGES, TERM_END, false, select_newest},
    {IN_MESSAGES, 'g', false, select_first},
    {IN_MESSAGES, 'G', false, select_newest},
    {IN_MESSAGES, 'r', false, ui_begin_reply},
    {IN_MESSAGES, 'e', false, ui_begin_edit},
    {IN_MESSAGES, 'd', false, ui_begin_delete},
    {IN_MESSAGES, '+', false, ui_begin_react},
    {IN_MESSAGES, ':', false, ui_begin_react},
    {IN_MESSAGES, 't', false, ui_take_back},
    {IN_MESSAGES, 'a', false, ui_send_again},
    {IN_MESSAGES, TERM_ENTER, false, ui_go_to_answered},
    {IN_MESSAGES, 'm', false, mute_open},
    {IN_MESSAGES, '\t', false, to_channels},
    {IN_MESSAGES, 'i', false, to_composer},

    {IN_CHANNELS, TERM_UP, false, channel_up},
    {IN_CHANNELS, TERM_DOWN, false, channel_down},
    {IN_CHANNELS, 'k', false, channel_up},
    {IN_CHANNELS, 'j', false, channel_down},
    {IN_CHANNELS, TERM_PAGE_UP, false, channel_page_up},
    {IN_CHANNELS, TERM_PAGE_DOWN, false, channel_page_down},
    {IN_CHANNELS, TERM_HOME, false, channel_first},
    {IN_CHANNELS, TERM_END, false, channel_last},
    {IN_CHANNELS, TERM_ENTER, false, open_chosen},
    {IN_CHANNELS, 'm', false, mute_chosen},
    {IN_CHANNELS, 'n', false, new_channel},

    {IN_MESSAGES | IN_CHANNELS, TERM_ESCAPE, false, to_composer},
    {IN_CHANNELS, '\t', false, to_composer},
    {IN_MESSAGES | IN_CHANNELS, '/', false, ui_begin_search},
    {IN_MESSAGES | IN_CHANNELS, '?', false, open_help},

    {IN_TEXT, TERM_UP, false, text_up},
    {IN_TEXT, TERM_DOWN, false, text_down},
    {IN_TEXT, TERM_PAGE_UP, false, text_page_up},
    {IN_TEXT, TERM_PAGE_DOWN, false, text_page_down},
    {IN_TEXT, 'q', false, close_overlay},
    {IN_TEXT, TERM_ENTER, false, close_overlay},
    {IN_TEXT, TERM_F1, false, close_overlay},

    {IN_SEARCH, TERM_ENTER, false, ui_search},
    {IN_SEARCH, TERM_UP, false, hit_up},
    {IN_SEARCH, TERM_DOWN, false, hit_down},

    {IN_REACT, TERM_ENTER, false, ui_react},

    {IN_DELETE, 'y', false, ui_delete},
};

/* Moves and deletions in what is written. True: it was one. */
static bool edit_line(struct composer *c, uint32_t code, bool *out_changed)
{
    const size_t before = c->len;

    switch (code) {
    case TERM_LEFT: composer_move(c, COMPOSER_LEFT); break;
    case TERM_RIGHT: composer_move(c, COMPOSER_RIGHT); break;
    case TERM_WORD_LEFT: composer_move(c, COMPOSER_WORD_LEFT); break;
    case TERM_WORD_RIGHT: composer_move(c, COMPOSER_WORD_RIGHT); break;
    case TERM_CTRL('A'):
    case TERM_HOME: composer_move(c, COMPOSER_HOME); break;
    case TERM_CTRL('E'):
    case TERM_END: composer_move(c, COMPOSER_END); break;
    case TERM_BACKSPACE: composer_delete(c, COMPOSER_LEFT); break;
    case TERM_CTRL('D'):
    case TERM_DELETE: composer_delete(c, COMPOSER_RIGHT); break;
    case TERM_CTRL('W'): composer_delete(c, COMPOSER_WORD_LEFT); break;
    case TERM_CTRL('U'): composer_delete(c, COMPOSER_HOME); break;
    case TERM_CTRL('K'): composer_delete(c, COMPOSER_END); break;
    default: return false;
    }
    *out_changed = c->len != before;
    return true;
}

/* A character, typed or pasted. */
static bool insert_character(struct ui *ui, struct composer *c, uint32_t code, size_t most)
{
    char bytes[4];
    size_t len;

    if (code == '\r')
        code = '\n';
    if (code >= TERM_UP || (code < 0x20 && code != '\n' && code != '\t') ||
        (code >= 0x7f && code < 0xa0))
        return false;
    len = glyph_encode((wchar_t)code, bytes);
    if (c->len + len <= most && composer_insert(c, bytes, len))
        return true;
    scene_note(&ui->scene, true, "it is as long as it may be");
    return false;
}

static void type(struct ui *ui, const struct term_key *key, unsigned where)
{
    const bool prompt = where == IN_SEARCH || where == IN_REACT;
    struct composer *c = prompt ? &ui->scene.prompt : &ui->scene.composer;
    const size_t most = where == IN_SEARCH  ? CHAT_SEARCH_MAX
                        : where == IN_REACT ? CHAT_EMOJI_MAX
                                            : COMPOSER_MAX;
    bool changed = false;

    if (key->alt || !(where & (IN_COMPOSER | IN_SEARCH | IN_REACT)))
        return;
    if (!edit_line(c, key->code, &changed) && (key->code >= 0x20 || ui->pasting))
        changed = insert_character(ui, c, prompt && key->code == '\r' ? ' ' : key->code, most);
    if (changed && !prompt)
        ui->written = true;
}

void ui_key(struct ui *ui, const struct term_key *key)
{
    const unsigned where = where_is(ui);

    ui->dirty = true;
    chat_conn_set_active(ui->app->conn);
    if (key->code == TERM_PASTE_BEGIN || key->code == TERM_PASTE_END) {
        ui->pasting = key->code == TERM_PASTE_BEGIN;
        return;
    }
    ui->scene.notice[0] = '\0';
    for (size_t i = 0; !ui->pasting && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if ((keys[i].where & where) && keys[i].code == key->code && keys[i].alt == key->alt) {
            keys[i].run(ui);
            return;
        }
    }
    if (where == IN_DELETE)
        close_overlay(ui);
    else
        type(ui, key, where);
}
