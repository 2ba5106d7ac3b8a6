/* What is written: sending, replies, edits, drafts, and what is taken back. */
#include <stdlib.h>
#include <string.h>

#include "ui_inner.h"

static void to_composer(struct ui *ui)
{
    ui->scene.focus = FOCUS_COMPOSER;
    ui->scene.selected.set = false;
}

/* A message as it is in the cache; the caller frees the page. */
static const struct chat_message *read_message(struct ui *ui, uint64_t seq, chat_page **out_page)
{
    const struct chat_message *m;

    if (seq == 0 || chat_conn_read_messages(ui->app->conn, ui->scene.channel_id, seq, 1, false,
                                            out_page) != CHAT_OK)
        return NULL;
    m = chat_page_get_count(*out_page) > 0 ? chat_page_get_message(*out_page, 0) : NULL;
    return m && m->seq == seq ? m : NULL;
}

/* --- drafts --- */

/* A line that begins with one slash is for chat itself. */
static bool is_command(const struct composer *composer)
{
    return composer->text[0] == '/' && composer->text[1] != '/';
}

void ui_keep_draft(struct ui *ui)
{
    const struct composer *c = &ui->scene.composer;

    ui->written = false;
    if (ui->scene.channel_id == 0 || is_command(c))
        return;
    (void)chat_conn_set_typing(ui->app->conn, ui->scene.channel_id, c->len > 0);
    if (ui->scene.writing == WRITING_EDIT)
        return;
    ui->unkept =
        ui_failed(ui, "the draft is not kept",
                  chat_conn_set_draft(ui->app->conn, ui->scene.channel_id, c->text, c->len,
                                      ui->scene.writing == WRITING_REPLY ? ui->reply_to_seq : 0));
}

static void quote_answered(struct ui *ui, uint64_t seq)
{
    ui->scene.answered = (struct scene_quote){0};
    ui->source.get_quote(ui, seq, &ui->scene.answered);
}

void ui_load_draft(struct ui *ui)
{
    struct scene *scene = &ui->scene;
    const struct chat_draft *draft;

    if (scene->channel_id == 0 || scene->writing == WRITING_EDIT || is_command(&scene->composer))
        return;
    draft = chat_conn_get_draft(ui->app->conn, scene->channel_id);
    ui->dirty = true;
    ui->reply_to_seq = draft ? draft->reply_to_seq : 0;
    if (!draft)
        composer_set(&scene->composer, "", 0);
    else if (draft->text_len != scene->composer.len ||
             memcmp(draft->text, scene->composer.text, draft->text_len) != 0)
        composer_set(&scene->composer, draft->text, draft->text_len);
    scene->writing = ui->reply_to_seq ? WRITING_REPLY : WRITING_MESSAGE;
    if (ui->reply_to_seq)
        quote_answered(ui, ui->reply_to_seq);
}

/* --- sending --- */

static bool is_blank(const struct composer *c) { return strspn(c->text, " \n") == c->len; }

static void run_command(struct ui *ui)
{
    char line[COMPOSER_MAX + 1];

    memcpy(line, ui->scene.composer.text, ui->scene.composer.len + 1);
    composer_set(&ui->scene.composer, "", 0);
    ui_load_draft(ui);
    command_run(ui->app, line);
    ui_show_output(ui);
}

static void fill_content(struct ui *ui, struct chat_content *content,
                         uint64_t mention_ids[CHAT_MENTIONS_MAX])
{
    const struct composer *c = &ui->scene.composer;
    const size_t skip = c->text[0] == '/' && c->text[1] == '/' ? 1 : 0;

    content->text = c->text + skip;
    content->text_len = c->len - skip;
    content->mentions_count = find_mentions(ui->app, content->text, mention_ids);
    content->mention_ids = mention_ids;
}

static void send_message(struct ui *ui)
{
    struct chat_content content = CHAT_CONTENT_INIT;
    uint64_t mention_ids[CHAT_MENTIONS_MAX];

    fill_content(ui, &content, mention_ids);
    if (ui->scene.writing == WRITING_REPLY)
        content.reply_to_seq = ui->reply_to_seq;
    if (ui_failed(ui, "not sent",
                  chat_conn_send(ui->app->conn, ui->scene.channel_id, &content, NULL)))
        return;
    composer_set(&ui->scene.composer, "", 0);
    ui->scene.writing = WRITING_MESSAGE;
    ui->reply_to_seq = 0;
    ui->scene.has_news = false;
    ui->written = ui->unkept = false; /* sending cleared the draft */
    ui_jump_to_latest(ui);
}

/* What an edit does not touch stays: `extra` of an application that has some. */
static void send_edit(struct ui *ui)
{
    struct chat_content content = CHAT_CONTENT_INIT;
    uint64_t mention_ids[CHAT_MENTIONS_MAX];
    const struct ui_target *target = &ui->edited;
    chat_page *page = NULL;
    const struct chat_message *m = read_message(ui, target->seq, &page);
    chat_status status;

    fill_content(ui, &content, mention_ids);
    if (m) {
        content.extra = m->extra;
        content.extra_len = m->extra_len;
    }
    if (target->seq != 0)
        status = chat_conn_edit(ui->app->conn, ui->scene.channel_id, target->seq, &content, NULL);
    else
        status = chat_conn_edit_outgoing(ui->app->conn, &target->nonce, &content, NULL);
    chat_page_free(page);
    if (!ui_failed(ui, "not edited", status))
        ui_leave_writing(ui);
}

void ui_send(struct ui *ui)
{
    const struct composer *c = &ui->scene.composer;

    if (is_blank(c))
        return;
    if (is_command(c))
        run_command(ui);
    else if (ui->app->options.listen_only)
        scene_note(&ui->scene, true, "listening only");
    else if (ui->scene.channel_id == 0)
        scene_note(&ui->scene, true,
                   "no conversation yet: /direct NAME or /group TITLE NAME... begins one");
    else if (ui->scene.writing == WRITING_EDIT)
        send_edit(ui);
    else
        send_message(ui);
    ui->dirty = true;
}

/* --- replies and edits --- */

void ui_begin_reply(struct ui *ui)
{
    const struct chat_row *row = ui_selected(ui);

    if (!row)
        return;
    if (row->message->seq == 0 || row->message->deleted) {
        scene_note(&ui->scene, true, "only what is sent and not deleted can be answered");
        return;
    }
    if (ui->scene.writing == WRITING_EDIT)
        ui_leave_writing(ui);
    row = ui_selected(ui);
    ui->reply_to_seq = row ? row->message->seq : 0;
    ui->scene.writing = ui->reply_to_seq ? WRITING_REPLY : WRITING_MESSAGE;
    quote_answered(ui, ui->reply_to_seq);
    to_composer(ui);
    ui->written = true;
}

/* At the beginning of what is written: a slash there is doubled, or it would be a command. */
static bool insert_text(struct composer *c, const char *text, size_t len)
{
    c->cursor = 0;
    if (!composer_insert(c, text, len))
        return false;
    c->cursor = 0;
    if (text[0] == '/')
        (void)composer_insert(c, "/", 1);
    c->cursor = c->len;
    return true;
}

static void edit_text(struct ui *ui, struct ui_target target, const char *text, size_t len)
{
    if (ui->written)
        ui_keep_draft(ui);
    ui->edited = target;
    ui->scene.answered = (struct scene_quote){0};
    scene_quote_set(&ui->scene.answered, "", 0, text, len);
    ui->scene.writing = WRITING_EDIT;
    composer_set(&ui->scene.composer, "", 0);
    (void)insert_text(&ui->scene.composer, text, len); /* it was a message: it fits */
    to_composer(ui);
}

void ui_begin_edit(struct ui *ui)
{
    const struct chat_row *row = ui_selected(ui);

    if (!row)
        return;
    if (row->state == CHAT_OUTGOING_REFUSED)
        ui_take_back(ui);
    else if (!row->message->own || row->message->deleted)
        scene_note(&ui->scene, true, "only an own message can be edited");
    else
        edit_text(ui, (struct ui_target){row->message->seq, row->message->nonce},
                  row->message->text, row->message->text_len);
}

bool ui_leave_writing(struct ui *ui)
{
    if (ui->scene.writing == WRITING_MESSAGE)
        return false;
    if (ui->scene.writing == WRITING_REPLY) {
        ui->scene.writing = WRITING_MESSAGE;
        ui->reply_to_seq = 0;
        ui->written = true;
        return true;
    }
    (void)chat_conn_set_typing(ui->app->conn, ui->scene.channel_id, false);
    ui->scene.writing = WRITING_MESSAGE;
    ui->written = false;
    composer_set(&ui->scene.composer, "", 0);
    ui_load_draft(ui);
    return true;
}

/* --- taking back --- */

/* NULL: no memory. */
static char *copy_text(const char *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

/* A copy of the operation's text; NULL: it is not there any more. */
static char *copy_outgoing(struct ui *ui, const struct chat_nonce *nonce, size_t *out_len)
{
    const struct chat_outgoing *o;

    for (uint32_t i = 0; chat_conn_get_outgoing(ui->app->conn, i, &o); i++) {
        if (o->nonce.device_id != nonce->device_id || o->nonce.counter != nonce->counter)
            continue;
        *out_len = o->text_len;
        return copy_text(o->text, o->text_len);
    }
    return NULL;
}

/* With a newline between, and a slash that may have to be doubled. */
static bool fits_before(const struct composer *c, size_t len)
{
    return is_blank(c) || c->len + len + 2 <= COMPOSER_MAX;
}

/* Before what is being written, if there is anything. */
static void put_before(struct ui *ui, const char *text, size_t len, uint64_t reply_to_seq)
{
    struct composer *c = &ui->scene.composer;
    const bool blank = is_blank(c);

    if (blank)
        composer_set(c, "", 0);
    c->cursor = 0;
    if (!blank)
        (void)composer_insert(c, "\n", 1);
    (void)insert_text(c, text, len); /* fits_before() has been asked */
    if (reply_to_seq != 0) {
        ui->reply_to_seq = reply_to_seq;
        ui->scene.writing = WRITING_REPLY;
        quote_answered(ui, reply_to_seq);
    }
    to_composer(ui);
    ui->written = true;
}

void ui_take_back(struct ui *ui)
{
    const struct chat_row *row = ui_selected(ui);
    const bool is_change = row && row->state == CHAT_OUTGOING_DONE;
    struct chat_nonce nonce;
    struct ui_target target;
    chat_outgoing_kind change;
    uint64_t reply_to_seq;
    size_t len = 0;
    char *text;
    chat_status status;

    if (!row || (is_change && row->change == (chat_outgoing_kind)0)) {
        scene_note(&ui->scene, true, "it is sent: d deletes it, e edits it");
        return;
    }
    nonce = is_change ? row->change_nonce : row->message->nonce;
    target = (struct ui_target){row->message->seq, row->message->nonce};
    change = row->change;
    reply_to_seq = row->message->reply_to_seq;
    if (!is_change) { /* as it is shown: edits of it that wait go with it */
        len = row->message->text_len;
        text = copy_text(row->message->text, len);
    } else {
        text = copy_outgoing(ui, &nonce, &len);
    }
    if (ui->scene.writing == WRITING_EDIT)
        ui_leave_writing(ui);
    if (text && !is_change && !fits_before(&ui->scene.composer, len)) {
        scene_note(&ui->scene, true, "no room for it beside what is being written");
        free(text);
        return;
    }
    status = text ? chat_conn_discard(ui->app->conn, &nonce) : CHAT_E_NOT_FOUND;
    if (status == CHAT_E_STATE || status == CHAT_E_NOT_FOUND)
        scene_note(&ui->scene, true, "too late: it may be sent already");
    else if (!ui_failed(ui, "not taken back", status) && !is_change)
        put_before(ui, text, len, reply_to_seq);
    else if (status == CHAT_OK && change == CHAT_OUTGOING_EDIT)
        edit_text(ui, target, text, len);
    free(text);
    ui->dirty = true;
}

void ui_send_again(struct ui *ui)
{
    const struct chat_row *row = ui_selected(ui);
    struct chat_nonce nonce;

    if (!row)
        return;
    if (row->state == CHAT_OUTGOING_REFUSED) {
        nonce = row->message->nonce;
    } else if (row->change_state == CHAT_OUTGOING_REFUSED) {
        nonce = row->change_nonce;
    } else {
        scene_note(&ui->scene, true, "it was not refused");
        return;
    }
    ui_failed(ui, "not sent again", chat_conn_resend(ui->app->conn, &nonce, NULL));
}

/* --- what commands print --- */

void ui_show_output(struct ui *ui)
{
    char *copy;
    size_t len;

    fflush(ui->app->out);
    len = ui->out_len < UI_TEXT_MAX ? ui->out_len : UI_TEXT_MAX;
    if (len == 0)
        return;
    copy = malloc(len);
    if (copy) {
        memcpy(copy, ui->out_text, len);
        free(ui->text);
        ui->text = copy;
        ui->scene.text = copy;
        ui->scene.text_len = len;
        ui->scene.overlay = OVERLAY_TEXT;
        ui->scene.overlay_top = 0;
    }
    rewind(ui->app->out);
    ui->dirty = true;
}
