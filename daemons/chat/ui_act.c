/* What is done to a message or a conversation, and search. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "screen/emoji.h"
#include "ui_inner.h"

static bool only_listens(struct ui *ui)
{
    if (ui->app->options.listen_only)
        scene_note(&ui->scene, true, "listening only");
    return ui->app->options.listen_only;
}

static void open_overlay(struct ui *ui, enum overlay overlay)
{
    ui->scene.overlay = overlay;
    ui->scene.overlay_top = 0;
    composer_set(&ui->scene.prompt, "", 0);
}

/* --- reactions --- */

void ui_begin_react(struct ui *ui)
{
    const struct chat_row *row = ui_selected(ui);

    if (!row || only_listens(ui))
        return;
    if (row->message->deleted || row->state == CHAT_OUTGOING_REFUSED) {
        scene_note(&ui->scene, true, "nothing to react to");
        return;
    }
    ui->acted = (struct ui_target){row->message->seq, row->message->nonce};
    open_overlay(ui, OVERLAY_REACT);
}

/* True when this user has reacted so already: then it is taken back. */
static bool has_own_reaction(struct ui *ui, const char *emoji)
{
    const struct chat_row *row = ui_selected(ui);
    const size_t len = strlen(emoji);

    if (!row || row->message->seq != ui->acted.seq)
        return false;
    for (size_t i = 0; i < row->message->reactions_count; i++) {
        const struct chat_reaction *r = row->message->reactions[i];

        if (r->mine && r->emoji_len == len && memcmp(r->emoji, emoji, len) == 0)
            return true;
    }
    return false;
}

void ui_react(struct ui *ui)
{
    const char *emoji = emoji_find(ui->scene.prompt.text);
    chat_status status;
    bool remove;

    if (!emoji) {
        scene_note(&ui->scene, true, "no emoji of that name; one itself will do as well");
        return;
    }
    remove = has_own_reaction(ui, emoji);
    ui->scene.overlay = OVERLAY_NONE;
    if (ui->acted.seq != 0)
        status = chat_conn_react(ui->app->conn, ui->scene.channel_id, ui->acted.seq, emoji,
                                 strlen(emoji), remove, NULL);
    else
        status = chat_conn_react_outgoing(ui->app->conn, &ui->acted.nonce, emoji, strlen(emoji),
                                          remove, NULL);
    ui_failed(ui, "no reaction", status);
}

/* --- deletions --- */

static bool may_delete(struct ui *ui, const struct chat_row *row)
{
    const struct chat_channel *channel = chat_conn_get_channel(ui->app->conn, ui->scene.channel_id);

    return !row->message->deleted &&
           (row->message->own || (channel && (channel->permissions & CHAT_PERMISSION_MANAGE)));
}

void ui_begin_delete(struct ui *ui)
{
    const struct chat_row *row = ui_selected(ui);

    if (!row || only_listens(ui))
        return;
    if (!may_delete(ui, row)) {
        scene_note(&ui->scene, true, "only an own message can be deleted");
        return;
    }
    ui->acted = (struct ui_target){row->message->seq, row->message->nonce};
    open_overlay(ui, OVERLAY_DELETE);
    scene_quote_set(&ui->scene.question, "", 0, row->message->text, row->message->text_len);
}

void ui_delete(struct ui *ui)
{
    chat_conn *conn = ui->app->conn;
    chat_status status;

    ui->scene.overlay = OVERLAY_NONE;
    if (ui->acted.seq != 0) {
        status = chat_conn_delete(conn, ui->scene.channel_id, ui->acted.seq, NULL);
    } else {
        status = chat_conn_delete_outgoing(conn, &ui->acted.nonce, NULL);
        if (status == CHAT_E_STATE) /* it was refused: nobody else has it */
            status = chat_conn_discard(conn, &ui->acted.nonce);
    }
    ui_failed(ui, "not deleted", status);
}

/* --- others --- */

void ui_go_to_answered(struct ui *ui)
{
    const struct chat_row *row = ui_selected(ui);

    if (row && row->message->reply_to_seq != 0)
        ui_jump_to(ui, row->message->reply_to_seq);
    else
        scene_note(&ui->scene, false, "it answers no other message");
}

void ui_toggle_mute(struct ui *ui, uint64_t channel_id)
{
    const struct chat_channel *channel = chat_conn_get_channel(ui->app->conn, channel_id);
    const bool mute = channel && channel->muted_until_ms <= (int64_t)time(NULL) * 1000;

    if (channel && !ui_failed(ui, "not muted",
                              chat_conn_set_muted(ui->app->conn, channel_id, mute ? INT64_MAX : 0)))
        scene_note(&ui->scene, false, mute ? "muted" : "not muted any more");
}

/* --- search --- */

void ui_begin_search(struct ui *ui)
{
    open_overlay(ui, OVERLAY_SEARCH);
    composer_set(&ui->scene.prompt, ui->searched, strlen(ui->searched));
}

static void go_to_hit(struct ui *ui)
{
    const struct scene_hit *hit = &ui->scene.hits[ui->scene.hit];

    ui->scene.overlay = OVERLAY_NONE;
    if (hit->channel_id == ui->scene.channel_id)
        ui_jump_to(ui, hit->seq);
    else
        ui_open_channel(ui, hit->channel_id, hit->seq);
}

void ui_search(struct ui *ui)
{
    struct scene *scene = &ui->scene;
    const struct composer *words = &scene->prompt;

    if (scene->searching || words->len == 0 || words->len > CHAT_SEARCH_MAX)
        return;
    if (scene->searched && scene->hits_count > 0 && strcmp(words->text, ui->searched) == 0) {
        go_to_hit(ui);
        return;
    }
    scene->hits_count = scene->hit = scene->hits_top = 0;
    scene->searched = false;
    if (ui_failed(ui, "no search",
                  chat_conn_search(ui->app->conn, words->text, words->len, 0, 0, SCENE_HITS_MAX,
                                   &ui->search_ticket)))
        return;
    memcpy(ui->searched, words->text, words->len + 1); /* the prompt takes no more */
    scene->searching = true;
}

static void print_channel(struct ui *ui, uint64_t channel_id, char *out, size_t out_size)
{
    const struct chat_channel *channel = chat_conn_get_channel(ui->app->conn, channel_id);
    const uint64_t peer_id = channel ? channel->peer_id : 0;

    if (channel && channel->kind != CHAT_HOME_DIRECT)
        snprintf(out, out_size, "%s", channel->name);
    else
        ui_print_name(ui, peer_id, out, out_size);
}

void ui_take_hits(struct ui *ui, const struct chat_event *event)
{
    struct scene *scene = &ui->scene;

    ui->search_ticket = 0;
    scene->searching = false;
    scene->searched = true;
    scene->more_hits = event->more;
    if (ui_failed(ui, "no search", event->status))
        return;
    for (size_t i = 0; i < event->hits_count && i < SCENE_HITS_MAX; i++) {
        const struct chat_message *m = event->hits[i];
        struct scene_hit *hit = &scene->hits[scene->hits_count++];
        char name[CHAT_NAME_MAX + 1];

        *hit = (struct scene_hit){
            .channel_id = m->channel_id, .seq = m->seq, .sent_at_ms = m->sent_at_ms};
        ui_print_name(ui, m->author_id, name, sizeof(name));
        scene_quote_set(&hit->quote, name, strlen(name), m->text, m->text_len);
        print_channel(ui, hit->channel_id, hit->channel, sizeof(hit->channel));
    }
}
