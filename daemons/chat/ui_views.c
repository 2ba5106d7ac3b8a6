/* The two live views: how their rows reach the scene, and moving the window. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ui_inner.h"

#define SEEN_NAMES_MAX 5u

void ui_print_name(struct ui *ui, uint64_t user_id, char *out, size_t out_size)
{
    const struct chat_user *user = chat_conn_get_user(ui->app->conn, user_id);

    if (user && user->name_len > 0) {
        snprintf(out, out_size, "%s", user->name);
    } else if (user_id != 0 && user_id == chat_conn_get_user_id(ui->app->conn)) {
        snprintf(out, out_size, "%s", chat_conn_get_user_name(ui->app->conn));
    } else {
        want_name(ui->app, user_id);
        snprintf(out, out_size, "%" PRIu64, user_id);
    }
}

/* --- the source of the scene --- */

static uint32_t count_channels(void *user)
{
    const struct ui *ui = user;

    return chat_view_get_count(ui->list);
}

static bool get_channel(void *user, uint32_t index, const struct chat_row **out)
{
    struct ui *ui = user;

    return chat_view_get_row(ui->list, index, out);
}

static uint32_t count_messages(void *user)
{
    const struct ui *ui = user;

    return ui->window ? chat_view_get_count(ui->window) : 0;
}

static bool get_message(void *user, uint32_t index, const struct chat_row **out)
{
    struct ui *ui = user;

    return ui->window && chat_view_get_row(ui->window, index, out);
}

static const struct chat_view_status *get_status(void *user)
{
    struct ui *ui = user;

    return ui->window ? chat_view_get_status(ui->window) : NULL;
}

static void get_quote(void *user, uint64_t seq, struct scene_quote *out)
{
    struct ui *ui = user;
    const struct chat_message *message;
    chat_page *page = NULL;
    char name[CHAT_NAME_MAX + 1];

    if (chat_conn_read_messages(ui->app->conn, ui->scene.channel_id, seq, 1, false, &page) !=
        CHAT_OK)
        return;
    message = chat_page_get_count(page) > 0 ? chat_page_get_message(page, 0) : NULL;
    if (message && message->seq == seq) {
        ui_print_name(ui, message->author_id, name, sizeof(name));
        if (message->deleted)
            scene_quote_set(out, name, strlen(name), "(deleted)", strlen("(deleted)"));
        else
            scene_quote_set(out, name, strlen(name), message->text, message->text_len);
    }
    chat_page_free(page);
}

static void get_seen_by(void *user, uint64_t seq, char *out, size_t out_size)
{
    struct ui *ui = user;
    const uint64_t own_id = chat_conn_get_user_id(ui->app->conn);
    const struct chat_receipt *const *receipts;
    size_t count, named = 0, more = 0, len = 0;

    if (chat_conn_get_receipts(ui->app->conn, ui->scene.channel_id, &receipts, &count) != CHAT_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        char name[CHAT_NAME_MAX + 1];

        if (receipts[i]->user_id == own_id || receipts[i]->read_seq < seq)
            continue;
        ui_print_name(ui, receipts[i]->user_id, name, sizeof(name));
        if (named == SEEN_NAMES_MAX || len + strlen(name) + 32 > out_size) {
            more++;
            continue;
        }
        len += (size_t)snprintf(out + len, out_size - len, "%s%s", named++ ? ", " : "", name);
    }
    if (more > 0)
        snprintf(out + len, out_size - len, " and %zu more", more);
}

/* --- opening --- */

bool ui_views_open(struct ui *ui)
{
    ui->source = (struct scene_source){
        .user = ui,
        .count_channels = count_channels,
        .get_channel = get_channel,
        .count_messages = count_messages,
        .get_message = get_message,
        .get_status = get_status,
        .get_quote = get_quote,
        .get_seen_by = get_seen_by,
    };
    if (chat_conn_get_user_id(ui->app->conn) != 0)
        ui_print_name(ui, chat_conn_get_user_id(ui->app->conn), ui->scene.own_name,
                      sizeof(ui->scene.own_name));
    return chat_view_open_channels(ui->app->conn, NULL, &ui->list) == CHAT_OK;
}

void ui_views_close(struct ui *ui)
{
    chat_view_free(ui->window);
    chat_view_free(ui->list);
    ui->window = ui->list = NULL;
}

/* All that was of the conversation before. */
static void forget_channel(struct ui *ui)
{
    struct scene *scene = &ui->scene;

    if (ui->written)
        ui_keep_draft(ui);
    chat_view_free(ui->window);
    ui->window = NULL;
    scene->channel_id = ui->app->channel_id = 0;
    scene->selected.set = scene->has_news = false;
    scene->typing[0] = '\0';
    scene->writing = WRITING_MESSAGE;
    ui->unkept = false;
    scene->focus = FOCUS_COMPOSER;
    composer_set(&scene->composer, "", 0);
    pane_follow(scene);
    ui->typist_count = 0;
    ui->app->member_count = 0;
    ui->want = WANT_NOTHING;
    ui->dirty = true;
}

/* Where to begin to read. Returns the message to open the window around; 0: the newest. */
static uint64_t begin_reading(struct ui *ui, const struct chat_channel *channel)
{
    if (!channel || channel->unread == 0)
        return 0;
    ui->scene.has_news = true;
    ui->scene.news_seq = channel->read_seq;
    ui->want = WANT_NEWS;
    return channel->unread > UI_NEWS_MAX ? channel->read_seq + 1 : 0;
}

void ui_open_channel(struct ui *ui, uint64_t channel_id, uint64_t around_seq)
{
    struct chat_view_config config;

    forget_channel(ui);
    if (channel_id == 0)
        return;
    chat_view_config_init(&config);
    config.around_seq = begin_reading(ui, chat_conn_get_channel(ui->app->conn, channel_id));
    if (around_seq != 0) {
        config.around_seq = around_seq;
        ui->want = WANT_SELECTED;
        ui->want_seq = around_seq;
        ui->want_asked = true;
    } else if (ui->scene.has_news) {
        config.rows = UI_NEWS_MAX + UI_LOAD;
    }
    if (ui_failed(ui, "cannot open it",
                  chat_view_open_messages(ui->app->conn, channel_id, &config, &ui->window)))
        return;
    ui->scene.channel_id = ui->app->channel_id = channel_id;
    ui->chose = true;
    ui_load_draft(ui);
    (void)app_ask_members(ui->app);
}

/* The first conversation: the one asked for, or the one on top. */
static void choose_channel(struct ui *ui)
{
    const char *asked = ui->chose ? NULL : ui->app->options.channel;
    const struct chat_row *row;
    uint64_t channel_id = asked ? find_channel(ui->app, asked) : 0;

    if (!asked && chat_view_get_count(ui->list) > 0 && chat_view_get_row(ui->list, 0, &row))
        channel_id = row->key;
    if (channel_id != 0) {
        ui_open_channel(ui, channel_id, 0);
    } else if (asked && ui->live_at_ms != 0 && app_now_ms() - ui->live_at_ms > APP_FIND_MS) {
        scene_note(&ui->scene, true, "there is no conversation %s", asked);
        ui->chose = true;
    }
}

bool ui_find_open(struct ui *ui, uint32_t *out_index)
{
    const uint32_t count = chat_view_get_count(ui->list);
    const struct chat_row *row;

    place_clamp(&ui->open, count);
    if (ui->open.set && chat_view_get_row(ui->list, ui->open.index, &row) &&
        row->key == ui->scene.channel_id) {
        *out_index = ui->open.index;
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!chat_view_get_row(ui->list, i, &row) || row->key != ui->scene.channel_id)
            continue;
        ui->open = (struct place){true, i};
        *out_index = i;
        return true;
    }
    return false;
}

void ui_step_channel(struct ui *ui, int by)
{
    const struct chat_row *row;
    uint32_t index;
    int64_t next;

    if (!ui_find_open(ui, &index))
        return;
    next = (int64_t)index + by;
    if (next < 0 || next >= (int64_t)chat_view_get_count(ui->list) ||
        !chat_view_get_row(ui->list, (uint32_t)next, &row))
        return;
    ui->open = (struct place){true, (uint32_t)next};
    ui_open_channel(ui, row->key, 0);
}

/* --- diffs --- */

static void pull_window(struct ui *ui)
{
    struct scene *scene = &ui->scene;
    struct chat_diff diff = CHAT_DIFF_INIT;
    const struct chat_view_status *status;

    while (ui->window && chat_view_next_diff(ui->window, &diff)) {
        place_follow(&scene->bottom, &diff);
        place_follow(&scene->selected, &diff);
        ui->dirty = true;
    }
    status = get_status(ui);
    if (!scene->following && !scene->has_news && status && status->channel &&
        status->channel->unread > 0) {
        scene->has_news = true; /* came while one was reading older ones */
        scene->news_seq = status->channel->read_seq;
    }
    if (scene->focus != FOCUS_MESSAGES || ui->want != WANT_NOTHING)
        return;
    place_clamp(&scene->selected, count_messages(ui));
    if (scene->selected.set)
        pane_reveal(scene, &ui->source, scene->selected.index);
    else if (!pane_select(scene, &ui->source, 0))
        scene->focus = FOCUS_COMPOSER;
}

void ui_pull_views(struct ui *ui)
{
    struct chat_diff diff = CHAT_DIFF_INIT;

    while (chat_view_next_diff(ui->list, &diff)) {
        place_follow(&ui->scene.channel, &diff);
        place_follow(&ui->open, &diff);
        ui->dirty = true;
    }
    if (ui->scene.channel_id == 0)
        choose_channel(ui);
    if (ui->window && chat_view_is_ready(ui->window))
        pull_window(ui);
}

/* --- moving --- */

const struct chat_row *ui_selected(struct ui *ui)
{
    const struct chat_row *row;

    if (!ui->scene.selected.set || !get_message(ui, ui->scene.selected.index, &row) ||
        row->kind != CHAT_ROW_MESSAGE)
        return NULL;
    return row;
}

void ui_jump_to_latest(struct ui *ui)
{
    ui->want = WANT_NOTHING;
    if (ui->window)
        (void)chat_view_jump_to_latest(ui->window); /* NOT_FOUND: it is shown */
    pane_follow(&ui->scene);
    ui->dirty = true;
}

void ui_jump_to(struct ui *ui, uint64_t seq)
{
    if (!ui->window)
        return;
    ui->want = WANT_SELECTED;
    ui->want_seq = seq;
    ui->want_asked = false;
    ui->scene.focus = FOCUS_MESSAGES;
    ui->dirty = true;
}

/* The row of the first message from `seq` on. */
static bool find_row(struct ui *ui, uint64_t seq, bool exactly, uint32_t *out)
{
    const struct chat_row *row;

    for (uint32_t i = 0; i < count_messages(ui); i++) {
        if (!get_message(ui, i, &row) || row->kind != CHAT_ROW_MESSAGE || row->message->seq < seq)
            continue;
        *out = i;
        return !exactly || row->message->seq == seq;
    }
    return false;
}

/* The window is moved to what is not in it, once. What is still not there when nothing is being
 * fetched any more does not come. */
static void ask_for_wanted(struct ui *ui)
{
    if (ui->want != WANT_SELECTED || get_status(ui)->loading)
        return;
    if (!ui->want_asked && chat_view_jump_to(ui->window, ui->want_seq) == CHAT_OK) {
        ui->want_asked = true;
        return;
    }
    ui->want = WANT_NOTHING;
    scene_note(&ui->scene, true, "that message is not here");
}

/* Goes to what is wanted, if it is there by now. */
static bool go_to_wanted(struct ui *ui)
{
    struct scene *scene = &ui->scene;
    const bool select = ui->want == WANT_SELECTED;
    uint32_t index;

    if (!ui->window || ui->want == WANT_NOTHING || count_messages(ui) == 0)
        return false;
    if (!find_row(ui, select ? ui->want_seq : scene->news_seq + 1, select, &index)) {
        ask_for_wanted(ui);
        return false;
    }
    ui->want = WANT_NOTHING;
    if (select) {
        scene->selected = (struct place){true, index};
        scene->focus = FOCUS_MESSAGES;
    }
    pane_reveal(scene, &ui->source, index);
    return true;
}

static void load_what_is_near(struct ui *ui)
{
    const struct chat_view_status *status = get_status(ui);
    const uint32_t count = count_messages(ui);
    const bool full = ui->scene.pane.height > 0 && !ui->shown.reached_top;

    if (!status || status->loading)
        return;
    if (status->can_load_older && (ui->shown.first < UI_LOAD_NEAR || !full))
        (void)chat_view_load_older(ui->window, UI_LOAD);
    else if (status->can_load_newer && ui->shown.last + UI_LOAD_NEAR >= count)
        (void)chat_view_load_newer(ui->window, UI_LOAD);
}

bool ui_look_around(struct ui *ui)
{
    const struct chat_view_status *status;

    if (!ui->window || !ui->shown.any)
        return false;
    if (go_to_wanted(ui))
        return true;
    (void)chat_view_set_visible(ui->window, ui->shown.first, ui->shown.last);
    load_what_is_near(ui);
    status = get_status(ui);
    if (status && status->channel && status->channel->unread > 0 && ui->want == WANT_NOTHING)
        (void)chat_view_mark_read(ui->window);
    return false;
}
