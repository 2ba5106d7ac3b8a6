/* Events of the account: what views do not show. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ui_inner.h"

#define QUIET_MS 3000 /* after a connection came up */

bool ui_failed(struct ui *ui, const char *what, chat_status status)
{
    if (status == CHAT_OK)
        return false;
    scene_note(&ui->scene, true, "%s: %s", what, chat_status_text(status));
    ui->dirty = true;
    return true;
}

void ui_connect_now(struct ui *ui)
{
    ui->token_problem[0] = '\0';
    if (chat_conn_get_state(ui->app->conn) == CHAT_CONN_CLOSED)
        ui_failed(ui, "cannot connect", chat_conn_start(ui->app->conn));
    else if (chat_conn_get_state(ui->app->conn) == CHAT_CONN_OFFLINE)
        token_begin(ui->app);
    else
        chat_conn_network_changed(ui->app->conn);
    ui->dirty = true;
}

/* --- the link --- */

/* The problem without the general words it may begin with: the line is short. */
static const char *short_problem(struct ui *ui, chat_status status)
{
    const char *problem = app_problem(ui->app, status);
    const char *general = chat_status_text(status);
    const size_t len = strlen(general);

    return strncmp(problem, general, len) == 0 && strncmp(problem + len, ": ", 2) == 0
               ? problem + len + 2
               : problem;
}

static void on_state(struct ui *ui, const struct chat_event *event)
{
    struct scene_link *link = &ui->scene.link;
    struct app *app = ui->app;

    link->state = event->state;
    link->retry_at_ms = event->retry_after_ms ? app_now_ms() + event->retry_after_ms : 0;
    if (event->state == CHAT_CONN_LIVE || event->state == CHAT_CONN_SYNCING) {
        link->reason[0] = '\0';
        ui->token_problem[0] = '\0';
    } else if (ui->token_problem[0]) {
        snprintf(link->reason, sizeof(link->reason), "%s", ui->token_problem);
    } else if (event->status != CHAT_OK) {
        snprintf(link->reason, sizeof(link->reason), "%s", short_problem(ui, event->status));
    }
    if (event->state != CHAT_CONN_LIVE)
        return;
    snprintf(ui->scene.own_name, sizeof(ui->scene.own_name), "%s",
             chat_conn_get_user_name(app->conn));
    ui->quiet_until_ms = app_now_ms() + QUIET_MS;
    if (ui->live_at_ms == 0)
        ui->live_at_ms = app_now_ms();
    (void)app_ask_members(app);
}

static void on_need_token(struct ui *ui, const struct chat_event *event)
{
    const char *why = "a token is wanted";

    if (token_begin(ui->app)) {
        snprintf(ui->scene.link.reason, sizeof(ui->scene.link.reason), "asking for a token");
        return;
    }
    if (event->status == CHAT_E_EXPIRED)
        why = "the token has expired";
    else if (event->status != CHAT_OK)
        why = "sign-in refused";
    snprintf(ui->token_problem, sizeof(ui->token_problem),
             "%s. Start chat again with a new token, or with --token-command", why);
    if (ui->scene.link.state == CHAT_CONN_OFFLINE)
        snprintf(ui->scene.link.reason, sizeof(ui->scene.link.reason), "%s", ui->token_problem);
}

/* --- who types --- */

static void show_typists(struct ui *ui)
{
    char *out = ui->scene.typing;
    const size_t size = sizeof(ui->scene.typing);
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < ui->typist_count; i++) {
        char name[CHAT_NAME_MAX + 1];

        ui_print_name(ui, ui->typist_ids[i], name, sizeof(name));
        if (len + strlen(name) + 32 > size)
            break;
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "", name);
    }
    if (len > 0)
        snprintf(out + len, size - len, ui->typist_count > 1 ? " are typing" : " is typing");
}

static void on_typing(struct ui *ui, const struct chat_event *event)
{
    size_t at = 0;

    if (event->channel_id != ui->scene.channel_id)
        return;
    while (at < ui->typist_count && ui->typist_ids[at] != event->user_id)
        at++;
    if (event->typing && at == ui->typist_count && at < UI_TYPISTS_MAX)
        ui->typist_ids[ui->typist_count++] = event->user_id;
    else if (!event->typing && at < ui->typist_count)
        ui->typist_ids[at] = ui->typist_ids[--ui->typist_count];
    show_typists(ui);
}

/* --- the rest --- */

static void on_outgoing(struct ui *ui, const struct chat_event *event)
{
    const struct chat_outgoing *o = event->outgoing;
    const char *what = o->kind == CHAT_OUTGOING_SEND     ? "not sent"
                       : o->kind == CHAT_OUTGOING_EDIT   ? "edit refused"
                       : o->kind == CHAT_OUTGOING_DELETE ? "deletion refused"
                                                         : "reaction refused";

    if (o->state != CHAT_OUTGOING_REFUSED)
        return;
    scene_note(&ui->scene, true, "%s: %s%s%s%s", what, chat_status_text(event->status),
               event->rule ? " (" : "", event->rule ? event->rule : "", event->rule ? ")" : "");
    if (o->kind == CHAT_OUTGOING_REACT) /* shown nowhere: nothing to keep */
        (void)chat_conn_discard(ui->app->conn, &o->nonce);
}

static void on_removed(struct ui *ui, const struct chat_event *event)
{
    if (event->channel_id != ui->scene.channel_id)
        return;
    scene_note(&ui->scene, false, "you are no longer in this conversation");
    ui_open_channel(ui, 0, 0);
}

static void on_cache(struct ui *ui, const struct chat_event *event)
{
    scene_note(&ui->scene, true, "the cache refuses: %s",
               event->status == CHAT_E_CONFLICT ? "it is another user's, or another service's"
                                                : chat_status_text(event->status));
}

static void on_draft(struct ui *ui, const struct chat_event *event)
{
    if (event->channel->channel_id == ui->scene.channel_id && !ui->written && !ui->unkept)
        ui_load_draft(ui);
}

/* Somebody speaks to us, where we do not look. What was missed rings no bell. */
static void on_message(struct ui *ui, const struct chat_event *event)
{
    const struct chat_message *m = event->message;
    const struct chat_channel *channel = chat_conn_get_channel(ui->app->conn, m->channel_id);
    const int64_t now_ms = (int64_t)time(NULL) * 1000;

    if (ui->scene.link.state != CHAT_CONN_LIVE || !channel || m->own ||
        channel->muted_until_ms > now_ms || app_now_ms() < ui->quiet_until_ms ||
        (channel->kind != CHAT_HOME_DIRECT && !m->mentions_me))
        return;
    ui->rings |= channel->channel_id != ui->scene.channel_id || !ui->scene.following;
}

static void handle(struct ui *ui, const struct chat_event *event)
{
    if (app_take_members(ui->app, event))
        return;
    if (event->type == CHAT_EVENT_STATE)
        on_state(ui, event);
    else if (event->type == CHAT_EVENT_NEED_TOKEN)
        on_need_token(ui, event);
    else if (event->type == CHAT_EVENT_TYPING)
        on_typing(ui, event);
    else if (event->type == CHAT_EVENT_OUTGOING)
        on_outgoing(ui, event);
    else if (event->type == CHAT_EVENT_CHANNEL_REMOVED)
        on_removed(ui, event);
    else if (event->type == CHAT_EVENT_MESSAGE)
        on_message(ui, event);
    else if (event->type == CHAT_EVENT_CACHE)
        on_cache(ui, event);
    else if (event->type == CHAT_EVENT_DRAFT)
        on_draft(ui, event);
    else if (event->type == CHAT_EVENT_REREAD && event->channel_id == 0)
        ui->typist_count = 0;
    else if (event->type == CHAT_EVENT_SEARCH && event->ticket == ui->search_ticket)
        ui_take_hits(ui, event);
    else
        command_answer(ui->app, event);
    if (event->type == CHAT_EVENT_USERS || event->type == CHAT_EVENT_REREAD)
        show_typists(ui);
}

void ui_pull_events(struct ui *ui)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (chat_conn_next_event(ui->app->conn, &event)) {
        handle(ui, &event);
        ui->dirty = true;
    }
    ui->scene.link.unsent = chat_conn_get_outgoing_count(ui->app->conn);
}
