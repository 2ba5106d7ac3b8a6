#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"

#define HOURS_MAX 100000u /* of a mute */
#define HITS_MAX 20u

static bool failed(struct app *app, const char *what, chat_status status)
{
    if (status == CHAT_OK)
        return false;
    print_note(app, "%s: %s", what, chat_status_text(status));
    return true;
}

/* Splits the first word off; *rest points at what follows it. */
static char *first_word(char *text, char **rest)
{
    char *end;

    text += strspn(text, " ");
    end = text + strcspn(text, " ");
    *rest = end + strspn(end, " ");
    *end = '\0';
    return text;
}

static bool begin_wait(struct app *app, enum app_wait wait, const char *text)
{
    size_t len = strlen(text);

    if (app->wait != WAIT_NONE) {
        print_note(app, "still waiting for the last answer");
        return false;
    }
    if (len > APP_LINE_MAX)
        len = APP_LINE_MAX;
    memmove(app->wait_text, text, len);
    app->wait_text[len] = '\0';
    app->wait = wait;
    return true;
}

static void end_wait(struct app *app)
{
    app->wait = WAIT_NONE;
    app->ticket = 0;
}

static void say(struct app *app, const char *text, uint64_t reply_to_seq)
{
    struct chat_content content = CHAT_CONTENT_INIT;
    uint64_t mention_ids[CHAT_MENTIONS_MAX];
    chat_status status;

    if (app->options.listen_only) {
        print_note(app, "listening only");
        return;
    }
    if (app->channel_id == 0) {
        print_note(app, "no conversation yet: /direct NAME or /group TITLE NAME...");
        return;
    }
    content.text = text;
    content.text_len = strlen(text);
    content.reply_to_seq = reply_to_seq;
    content.mentions_count = find_mentions(app, text, mention_ids);
    content.mention_ids = mention_ids;
    status = chat_conn_send(app->conn, app->channel_id, &content, NULL);
    if (!failed(app, "not sent", status) && chat_conn_get_state(app->conn) != CHAT_CONN_LIVE)
        print_note(app, "queued: it is sent when the connection is back");
}

static void run_help(struct app *app, char *rest)
{
    (void)rest;
    fputs("what you type is sent to the current conversation; commands:\n"
          "  /list                      your conversations\n"
          "  /join NUMBER or NAME       talk there\n"
          "  /direct NAME               talk with one person\n"
          "  /group TITLE NAME...       make a group with these people\n"
          "  /add NAME, /remove NAME    members of the current group\n"
          "  /leave                     leave the current group\n"
          "  /who                       members of the current conversation\n"
          "  /history [COUNT]           the latest messages\n"
          "  /edit SEQ TEXT             /delete SEQ\n"
          "  /reply SEQ TEXT            @NAME in a text mentions who you have a direct with\n"
          "  /react SEQ EMOJI           /unreact SEQ EMOJI\n"
          "  /outbox                    what is still on its way\n"
          "  /state                     the connection\n"
          "  /mute [HOURS], /unmute     the current conversation\n"
          "  /find WORDS                search what is kept here\n"
          "  /presence STATE            to others: online, idle, dnd (do not disturb), invisible\n"
          "  /quit\n",
          app->out);
}

static void run_list(struct app *app, char *rest)
{
    (void)rest;
    print_channels(app);
}

static void run_join(struct app *app, char *rest)
{
    uint64_t channel_id = find_channel(app, rest);

    if (channel_id == 0)
        print_note(app, "no such conversation: %s", rest);
    else
        app->face.enter(app, channel_id);
}

static void find_next(struct app *app)
{
    char *rest;
    char *name = first_word(app->wait_text, &rest);
    size_t name_len = strlen(name);
    chat_status status = chat_conn_find_user(app->conn, name, name_len, &app->ticket);

    if (failed(app, name, status)) {
        end_wait(app);
        return;
    }
    memmove(app->wait_text, rest, strlen(rest) + 1);
}

static void run_direct(struct app *app, char *rest)
{
    if (*rest == '\0')
        print_note(app, "usage: /direct NAME");
    else if (begin_wait(app, WAIT_DIRECT_PEER, rest))
        find_next(app);
}

/* wait_text keeps "TITLE\0" apart: the title goes behind the names, after a newline. */
static void run_group(struct app *app, char *rest)
{
    char names[APP_LINE_MAX + 1];
    char *title = first_word(rest, &rest);

    if (*title == '\0' || *rest == '\0') {
        print_note(app, "usage: /group TITLE NAME...");
        return;
    }
    snprintf(names, sizeof(names), "%s \n%s", rest, title);
    app->group_count = 0;
    if (begin_wait(app, WAIT_GROUP_PEERS, names))
        find_next(app);
}

static void run_member(struct app *app, char *rest, const char *how)
{
    char text[APP_LINE_MAX + 1];

    snprintf(text, sizeof(text), "%s %s", rest, how);
    if (*rest == '\0' || app->channel_id == 0)
        print_note(app, "usage: /add NAME or /remove NAME, in a group");
    else if (begin_wait(app, WAIT_MEMBER_PEER, text))
        find_next(app);
}

static void run_add(struct app *app, char *rest) { run_member(app, rest, "add"); }
static void run_remove(struct app *app, char *rest) { run_member(app, rest, "remove"); }

static uint64_t home_of(struct app *app)
{
    const struct chat_channel *channel = chat_conn_get_channel(app->conn, app->channel_id);
    return channel ? channel->home_id : 0;
}

static void run_leave(struct app *app, char *rest)
{
    uint64_t ticket;

    (void)rest;
    failed(app, "/leave",
           chat_conn_set_member(app->conn, home_of(app), chat_conn_get_user_id(app->conn), 0,
                                &ticket));
}

static void run_who(struct app *app, char *rest)
{
    (void)rest;
    if (!begin_wait(app, WAIT_MEMBERS, ""))
        return;
    if (failed(app, "/who",
               chat_conn_fetch_members(app->conn, home_of(app), 0, CHAT_GROUP_MEMBERS_MAX,
                                       &app->ticket)))
        end_wait(app);
}

static void run_history(struct app *app, char *rest)
{
    unsigned long limit = strtoul(rest, NULL, 10);

    if (limit == 0)
        limit = APP_HISTORY_DEFAULT;
    if (limit > CHAT_HISTORY_PAGE_MAX)
        limit = CHAT_HISTORY_PAGE_MAX;
    if (!begin_wait(app, WAIT_HISTORY, ""))
        return;
    if (failed(app, "/history",
               chat_conn_fetch_history(app->conn, app->channel_id, 0, (uint32_t)limit, true,
                                       &app->ticket)))
        end_wait(app);
}

static void run_edit(struct app *app, char *rest)
{
    char *text;
    uint64_t seq = strtoull(first_word(rest, &text), NULL, 10);
    struct chat_content content = CHAT_CONTENT_INIT;

    content.text = text;
    content.text_len = strlen(text);
    if (seq == 0 || *text == '\0')
        print_note(app, "usage: /edit SEQ TEXT");
    else
        failed(app, "/edit", chat_conn_edit(app->conn, app->channel_id, seq, &content, NULL));
}

static void run_delete(struct app *app, char *rest)
{
    uint64_t seq = strtoull(rest, NULL, 10);

    if (seq == 0)
        print_note(app, "usage: /delete SEQ");
    else
        failed(app, "/delete", chat_conn_delete(app->conn, app->channel_id, seq, NULL));
}

static void run_reply(struct app *app, char *rest)
{
    char *text;
    uint64_t seq = strtoull(first_word(rest, &text), NULL, 10);

    if (seq == 0 || *text == '\0')
        print_note(app, "usage: /reply SEQ TEXT");
    else
        say(app, text, seq);
}

static void react(struct app *app, char *rest, bool remove)
{
    const char *name = remove ? "/unreact" : "/react";
    char *emoji;
    uint64_t seq = strtoull(first_word(rest, &emoji), NULL, 10);

    if (seq == 0 || *emoji == '\0')
        print_note(app, "usage: %s SEQ EMOJI", name);
    else
        failed(
            app, name,
            chat_conn_react(app->conn, app->channel_id, seq, emoji, strlen(emoji), remove, NULL));
}

static void run_react(struct app *app, char *rest) { react(app, rest, false); }
static void run_unreact(struct app *app, char *rest) { react(app, rest, true); }

static void run_outbox(struct app *app, char *rest)
{
    const struct chat_outgoing *outgoing;
    uint32_t i = 0;

    (void)rest;
    for (; chat_conn_get_outgoing(app->conn, i, &outgoing); i++) {
        fputs(outgoing->state == CHAT_OUTGOING_REFUSED ? "refused  " : "waiting  ", app->out);
        print_text(app->out, outgoing->text, outgoing->text_len);
        fputc('\n', app->out);
    }
    if (i == 0)
        print_note(app, "everything is sent");
}

static void run_state(struct app *app, char *rest)
{
    (void)rest;
    print_note(app, "%s as %s (%" PRIu64 "), %" PRIu32 " waiting to be sent %s",
               chat_conn_state_name(chat_conn_get_state(app->conn)),
               chat_conn_get_user_name(app->conn), chat_conn_get_user_id(app->conn),
               chat_conn_get_outgoing_count(app->conn), chat_conn_last_problem(app->conn));
}

static void mute(struct app *app, int64_t until_ms)
{
    failed(app, until_ms ? "/mute" : "/unmute",
           chat_conn_set_muted(app->conn, app->channel_id, until_ms));
}

static void run_mute(struct app *app, char *rest)
{
    const unsigned long hours = strtoul(rest, NULL, 10);

    if (*rest == '\0')
        mute(app, INT64_MAX);
    else if (hours == 0 || hours > HOURS_MAX)
        print_note(app, "usage: /mute [HOURS]");
    else
        mute(app, ((int64_t)time(NULL) + (int64_t)hours * 3600) * 1000);
}

static void run_unmute(struct app *app, char *rest)
{
    (void)rest;
    mute(app, 0);
}

static void run_presence(struct app *app, char *rest)
{
    static const struct {
        const char *name;
        chat_presence_state state;
    } states[] = {{"online", CHAT_PRESENCE_ONLINE},
                  {"idle", CHAT_PRESENCE_IDLE},
                  {"dnd", CHAT_PRESENCE_DND},
                  {"invisible", CHAT_PRESENCE_INVISIBLE}};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(rest, states[i].name) != 0)
            continue;
        if (!failed(app, "/presence", chat_conn_set_presence(app->conn, states[i].state)))
            print_note(app, "others see you as %s",
                       states[i].state == CHAT_PRESENCE_INVISIBLE ? "offline" : rest);
        return;
    }
    print_note(app, "usage: /presence online, idle, dnd or invisible");
}

static void run_find(struct app *app, char *rest)
{
    if (*rest == '\0')
        print_note(app, "usage: /find WORDS");
    else if (begin_wait(app, WAIT_SEARCH, "") &&
             failed(app, "/find",
                    chat_conn_search(app->conn, rest, strlen(rest), 0, 0, HITS_MAX, &app->ticket)))
        end_wait(app);
}

static void run_quit(struct app *app, char *rest)
{
    (void)rest;
    app->quit = true;
}

static const struct {
    const char *name;
    void (*run)(struct app *app, char *rest);
} commands[] = {
    {"help", run_help},         {"list", run_list},     {"join", run_join},
    {"direct", run_direct},     {"group", run_group},   {"add", run_add},
    {"remove", run_remove},     {"leave", run_leave},   {"who", run_who},
    {"history", run_history},   {"edit", run_edit},     {"delete", run_delete},
    {"outbox", run_outbox},     {"state", run_state},   {"quit", run_quit},
    {"reply", run_reply},       {"react", run_react},   {"unreact", run_unreact},
    {"mute", run_mute},         {"unmute", run_unmute}, {"find", run_find},
    {"presence", run_presence},
};

void command_run(struct app *app, const char *line)
{
    char copy[APP_LINE_MAX + 1];
    char *rest, *name;
    size_t len = strlen(line);

    if (len == 0 || len > APP_LINE_MAX)
        return;
    if (line[0] != '/' || line[1] == '/') {
        say(app, line[0] == '/' ? line + 1 : line, 0);
        return;
    }
    memcpy(copy, line + 1, len);
    name = first_word(copy, &rest);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(app, rest);
            return;
        }
    }
    print_note(app, "no such command: /%s (/help lists them; // sends a line that starts with /)",
               name);
}

static void answer_group(struct app *app, uint64_t user_id)
{
    char *title;

    if (app->group_count < CHAT_GROUP_MEMBERS_MAX - 1)
        app->group_ids[app->group_count++] = user_id;
    if (app->wait_text[0] != '\n') {
        find_next(app);
        return;
    }
    title = app->wait_text + 1;
    app->wait = WAIT_OPENED;
    if (failed(app, "/group",
               chat_conn_create_group(app->conn, title, strlen(title), app->group_ids,
                                      app->group_count, &app->ticket)))
        end_wait(app);
}

static void answer_user(struct app *app, const struct chat_event *event)
{
    uint64_t user_id, ticket;

    if (event->users_count == 0) {
        print_note(app, "nobody of that name has signed in yet");
        end_wait(app);
        return;
    }
    user_id = event->users[0]->user_id;
    if (app->wait == WAIT_GROUP_PEERS) {
        answer_group(app, user_id);
    } else if (app->wait == WAIT_MEMBER_PEER) {
        uint32_t permissions =
            strcmp(app->wait_text, "add") == 0 ? CHAT_PERMISSION_VIEW | CHAT_PERMISSION_SEND : 0;
        end_wait(app);
        failed(app, "/add",
               chat_conn_set_member(app->conn, home_of(app), user_id, permissions, &ticket));
    } else {
        app->wait = WAIT_OPENED;
        if (failed(app, "/direct", chat_conn_open_direct(app->conn, user_id, &app->ticket)))
            end_wait(app);
    }
}

static void answer_members(struct app *app, const struct chat_event *event)
{
    for (size_t i = 0; i < event->members_count; i++) {
        const struct chat_member *m = event->members[i];
        fputs("  ", app->out);
        print_user(app, app->out, m->user_id);
        fputs(m->permissions & CHAT_PERMISSION_MANAGE ? " (manages)\n" : "\n", app->out);
    }
}

static void answer_history(struct app *app, const struct chat_event *event)
{
    if (!event->page)
        return;
    for (size_t i = 0; i < chat_page_get_count(event->page); i++)
        print_message(app, chat_page_get_message(event->page, i), NULL);
}

/* The newest last, next to where the eye is. */
static void answer_search(struct app *app, const struct chat_event *event)
{
    if (event->hits_count == 0)
        print_note(app, "nothing found in what is kept here");
    for (size_t i = event->hits_count; i > 0; i--)
        print_message(app, event->hits[i - 1], NULL);
}

void command_answer(struct app *app, const struct chat_event *event)
{
    enum app_wait wait = app->wait;

    if (wait == WAIT_NONE || event->ticket == 0 || event->ticket != app->ticket)
        return;
    if (event->status != CHAT_OK) {
        print_note(app, "refused: %s%s%s", chat_status_text(event->status), event->rule ? ", " : "",
                   event->rule ? event->rule : "");
        end_wait(app);
        return;
    }
    if (event->type == CHAT_EVENT_USERS) {
        answer_user(app, event);
        return;
    }
    end_wait(app);
    if (event->type == CHAT_EVENT_OPENED)
        app->face.enter(app, event->channel_id);
    else if (event->type == CHAT_EVENT_MEMBERS)
        answer_members(app, event);
    else if (event->type == CHAT_EVENT_HISTORY)
        answer_history(app, event);
    else if (event->type == CHAT_EVENT_SEARCH)
        answer_search(app, event);
}
