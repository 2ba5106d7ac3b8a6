/*
 * app: the terminal client's one account, the channel it talks in, and its output.
 *
 * Everything goes through libchat's public headers, so this is also an example of them.
 */
#ifndef CHAT_PROGRAM_APP_H
#define CHAT_PROGRAM_APP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <libchat/libchat.h>

#define APP_LINE_MAX (CHAT_TEXT_MAX + 64u) /* bytes of one typed line */
#define APP_NAMES_MAX 500u                 /* user ids to ask for, 100 at once */
#define APP_HISTORY_DEFAULT 20u
#define APP_ENTER_MS 1000 /* for the names of those who are in a conversation */
#define APP_FIND_MS 10000 /* for the conversation asked for to be there, without a terminal */

/* What the command line said. */
struct app_options {
    const char *url;
    const char *token;
    const char *token_command; /* prints a token; run whenever one is wanted */
    const char *ca_file;
    const char *cache_path;
    const char *channel; /* name, member or id to talk in; NULL: the latest */
    bool listen_only;
    bool quit_at_end; /* leave when stdin ends and the outbox is empty */
    bool show_ids;    /* channel id, seq and message id before each line */
    bool verbose;
};

/* A question whose answer a command waits for. */
enum app_wait {
    WAIT_NONE,
    WAIT_DIRECT_PEER,
    WAIT_OPENED,
    WAIT_MEMBERS,
    WAIT_GROUP_PEERS,
    WAIT_HISTORY,
    WAIT_MEMBER_PEER
};

struct app {
    struct app_options options;
    chat_loop *loop;
    chat_conn *conn;
    uint64_t channel_id; /* the current one; 0: none yet */
    int64_t live_at_ms;  /* monotonic, first time; 0: not yet */
    bool quit;
    bool stdin_ended;
    bool tty;
    int exit_code;

    enum app_wait wait; /* one command at a time may wait */
    uint64_t ticket;
    char wait_text[APP_LINE_MAX + 1]; /* what the waiting command goes on with */
    uint64_t group_ids[CHAT_GROUP_MEMBERS_MAX];
    size_t group_count;

    bool entering, entered;              /* channel_id: names are asked for; it is shown */
    int64_t enter_by_ms;                 /* monotonic */
    uint64_t names_ticket;               /* asks who is in a conversation, for their names */
    uint64_t unknown_ids[APP_NAMES_MAX]; /* names to ask for at the end of the turn */
    size_t unknown_count;

    char line[APP_LINE_MAX + 1]; /* typed so far */
    size_t line_len;
    bool line_too_long;
};

/* --- print.c: what a person sees --- */

/* Prints text from others: control characters cannot reach the terminal. */
void print_text(FILE *out, const char *text, size_t text_len);
/* Has the name asked for, if it is not known. */
void want_name(struct app *app, uint64_t user_id);
/* "alice", or the id until the name is known. */
void print_user(struct app *app, FILE *out, uint64_t user_id);
/* A group's name, or a direct's other member. */
void print_channel_name(struct app *app, FILE *out, const struct chat_channel *channel);
void print_message(struct app *app, const struct chat_message *message, const char *note);
void print_note(struct app *app, const char *format, ...) CHAT_PRINTF(2, 3);
/* The list for /list, numbered as /join takes them. */
void print_channels(struct app *app);
void print_history(struct app *app, uint32_t limit);
/* The channel a person means by a number of /list, an id, a name or a member. 0: none. */
uint64_t find_channel(struct app *app, const char *what);

/* --- command.c: what a person types --- */

/* One line without its newline. */
void command_run(struct app *app, const char *line);
/* An answer for the command that waits, if it is its ticket. */
void command_answer(struct app *app, const struct chat_event *event);

/* --- app.c --- */

/* Handles every event that waits. */
void app_events(struct app *app);
/* Enters a channel and shows its latest messages. */
void app_enter(struct app *app, uint64_t channel_id);
bool app_renew_token(struct app *app);
/* Waits for the conversation of --channel; after APP_FIND_MS it gives up and quits. */
bool app_waits_for_channel(struct app *app);

#endif
