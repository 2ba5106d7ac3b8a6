/*
 * app: the terminal client's one account, the conversation it talks in, and its commands. Two
 * faces show it: ui.h on a whole screen, lines.h line by line.
 *
 * Everything goes through libchat's public headers, so this is also an example of them.
 */
#ifndef CHAT_PROGRAM_APP_H
#define CHAT_PROGRAM_APP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <libchat/libchat.h>

#define APP_LINE_MAX (CHAT_TEXT_MAX + 64u) /* bytes of one typed line */
#define APP_NAMES_MAX 500u /* names to ask for, 100 at once, before it begins anew */
#define APP_HISTORY_DEFAULT 20u
#define APP_FIND_MS 10000 /* for the conversation of --channel to be there, once online */

/* What the command line said. */
struct app_options {
    const char *url;
    const char *token;
    const char *token_command; /* prints a token; run whenever one is wanted */
    const char *ca_file;
    const char *cache_path;
    const char *log_path;
    const char *channel; /* name, member or id to talk in; NULL: the latest */
    bool no_ui;
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
    WAIT_MEMBER_PEER,
    WAIT_SEARCH
};

struct app;

/* What commands need of the face that is shown. */
struct app_face {
    void (*note)(struct app *app, const char *text); /* a short word to the user */
    void (*enter)(struct app *app, uint64_t channel_id);
    void (*token_failed)(struct app *app, const char *why); /* there is none to sign in with */
    void *user;
};

/* The command that prints a token, while it runs. */
struct app_token {
    pid_t pid; /* 0: none runs */
    int fd;    /* its output; -1: read to the end */
    char text[CHAT_TOKEN_MAX + 2];
    size_t len;
};

struct app {
    struct app_options options;
    struct app_face face;
    FILE *out; /* what commands print to */
    FILE *log; /* NULL: nobody wants to know */
    struct chat_logger logger;
    chat_loop *loop;
    chat_conn *conn;
    struct app_token token;
    uint64_t channel_id; /* the current one; 0: none yet */
    bool quit;
    int exit_code;

    enum app_wait wait; /* one command at a time may wait */
    uint64_t ticket;
    char wait_text[APP_LINE_MAX + 1]; /* what the waiting command goes on with */
    uint64_t group_ids[CHAT_GROUP_MEMBERS_MAX];
    size_t group_count;

    uint64_t member_ids[CHAT_GROUP_MEMBERS_MAX]; /* of channel_id, once they are told */
    size_t member_count;
    uint64_t members_of;                /* the channel that is asked about by */
    uint64_t members_ticket;            /* asks for them */
    uint64_t wanted_ids[APP_NAMES_MAX]; /* users without a name here, each asked for once */
    size_t wanted_count, asked_count;   /* the first ones are asked for */
};

/* --- app.c --- */

/* Opens the log, the loop and the account, and connects. Says what is wrong on stderr. */
bool app_open(struct app *app);
/* Says goodbye, briefly: what is unsent waits in the cache. */
void app_close(struct app *app);
int64_t app_now_ms(void); /* monotonic */
/* The members of channel_id are wanted: for names, mentions, who has seen what. Errors:
 * CHAT_E_STATE (there is no link: ask again when there is), and of chat_conn_fetch_members(). */
chat_status app_ask_members(struct app *app);
/* True when the event answers that. */
bool app_take_members(struct app *app, const struct chat_event *event);
/* Asks for the names that are wanted, once there is a link. */
void app_ask_names(struct app *app);
/* Why there is no connection, for people. */
const char *app_problem(struct app *app, chat_status status);

/* --- token.c --- */

/* Has the token command run. False: there is none. */
bool token_begin(struct app *app);
/* To be polled for reading; -1: nothing to poll. */
int token_get_fd(const struct app *app);
/* True while it is wanted that token_turn() is called soon, whatever is polled. */
bool token_is_ending(const struct app *app);
/* Reads on, and signs in with what came. */
void token_turn(struct app *app);
void token_end(struct app *app);

/* --- mention.c --- */

/* Whom a text names as "@name": members of the conversation and others one has a direct with,
 * the longest name that fits, each once. Returns how many. */
size_t find_mentions(struct app *app, const char *text, uint64_t ids[CHAT_MENTIONS_MAX]);

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

/* One line without its newline: a command, or a message. */
void command_run(struct app *app, const char *line);
/* An answer for the command that waits, if it is its ticket. */
void command_answer(struct app *app, const struct chat_event *event);

#endif
