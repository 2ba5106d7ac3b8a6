/* chat: a terminal client to talk in, line by line. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"

static const char help[] =
    "usage: chat [options] URL\n"
    "\n"
    "Talks as one user through the libchat service at URL (wss://HOST:PORT/).\n"
    "\n"
    "  --token TOKEN            sign in with this token (or LIBCHAT_TOKEN)\n"
    "  --token-command COMMAND  run COMMAND for a token, now and when it expires\n"
    "  --ca FILE                trust the certificates in FILE, nothing else\n"
    "  --cache FILE             keep messages and what is unsent in FILE\n"
    "  --channel WHAT           talk in this group, with this person, or in this id\n"
    "  --listen                 never send\n"
    "  --quit-at-end            leave when the input ends and all of it is sent\n"
    "  --ids                    show channel id, seq and message id before each line\n"
    "  --verbose                say more about the connection\n"
    "  --help, --version\n"
    "\n"
    "Lines you type are messages; /help lists the commands.\n";

#define POLL_MS 250

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

enum {
    OPT_TOKEN = 1,
    OPT_COMMAND,
    OPT_CA,
    OPT_CACHE,
    OPT_CHANNEL,
    OPT_LISTEN,
    OPT_QUIT,
    OPT_IDS,
    OPT_VERBOSE,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"token", required_argument, NULL, OPT_TOKEN},
    {"token-command", required_argument, NULL, OPT_COMMAND},
    {"ca", required_argument, NULL, OPT_CA},
    {"cache", required_argument, NULL, OPT_CACHE},
    {"channel", required_argument, NULL, OPT_CHANNEL},
    {"listen", no_argument, NULL, OPT_LISTEN},
    {"quit-at-end", no_argument, NULL, OPT_QUIT},
    {"ids", no_argument, NULL, OPT_IDS},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct app_options *o)
{
    int option;

    o->token = getenv("LIBCHAT_TOKEN");
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case OPT_TOKEN: o->token = optarg; break;
        case OPT_COMMAND: o->token_command = optarg; break;
        case OPT_CA: o->ca_file = optarg; break;
        case OPT_CACHE: o->cache_path = optarg; break;
        case OPT_CHANNEL: o->channel = optarg; break;
        case OPT_LISTEN: o->listen_only = true; break;
        case OPT_QUIT: o->quit_at_end = true; break;
        case OPT_IDS: o->show_ids = true; break;
        case OPT_VERBOSE: o->verbose = true; break;
        case 'h':
        case OPT_HELP: fputs(help, stdout); return 0;
        case OPT_VERSION: puts("chat " CHAT_PROGRAM_VERSION); return 0;
        default: fputs("chat --help lists the options\n", stderr); return 2;
        }
    }
    if (optind != argc - 1) {
        fputs("chat: one URL is wanted, such as wss://localhost:8443/\n", stderr);
        return 2;
    }
    o->url = argv[optind];
    if (strncmp(o->url, "wss://", 6) != 0 && strncmp(o->url, "ws://", 5) != 0) {
        fprintf(stderr, "chat: %.80s: a URL begins with wss:// or ws://\n", o->url);
        return 2;
    }
    return -1;
}

static chat_status open_app(struct app *app)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config conn_config;
    chat_status status;

    chat_loop_config_init(&loop_config);
    loop_config.ca_file = app->options.ca_file;
    status = chat_loop_new(&loop_config, &app->loop);
    if (status != CHAT_OK)
        return status;
    chat_conn_config_init(&conn_config);
    conn_config.url = app->options.url;
    conn_config.token = app->options.token;
    conn_config.cache_path = app->options.cache_path;
    conn_config.client = "chat/" CHAT_PROGRAM_VERSION;
    status = chat_conn_new(app->loop, &conn_config, &app->conn);
    if (status != CHAT_OK)
        return status;
    if (!app->options.token)
        app_renew_token(app);
    return chat_conn_start(app->conn);
}

static void take_line(struct app *app)
{
    if (app->line_too_long)
        print_note(app, "that line is longer than %u bytes: not sent", CHAT_TEXT_MAX);
    else if (app->line_len > 0 && app->line[app->line_len - 1] == '\r')
        app->line[--app->line_len] = '\0';
    app->line[app->line_len] = '\0';
    if (!app->line_too_long)
        command_run(app, app->line);
    app->line_len = 0;
    app->line_too_long = false;
}

static void read_input(struct app *app)
{
    char bytes[4096];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        if (app->line_len > 0)
            take_line(app);
        app->stdin_ended = true;
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] == '\n')
            take_line(app);
        else if (app->line_len < APP_LINE_MAX)
            app->line[app->line_len++] = bytes[i];
        else
            app->line_too_long = true;
    }
}

/* Input is read only when it can be used: not before there is a conversation to talk in, and not
 * faster than the outbox takes it. */
static bool wants_input(struct app *app)
{
    if (app->stdin_ended)
        return false;
    if (app->tty)
        return true;
    if (app_waits_for_channel(app) || app->entering)
        return false;
    return app->wait == WAIT_NONE && chat_conn_get_user_id(app->conn) != 0 &&
           chat_conn_get_state(app->conn) == CHAT_CONN_LIVE &&
           (app->channel_id == 0 || chat_conn_get_channel(app->conn, app->channel_id)) &&
           chat_conn_get_outgoing_count(app->conn) < 500;
}

static bool is_finished(const struct app *app)
{
    return app->quit || interrupted ||
           (app->stdin_ended && !app->entering &&
            (app->tty || (app->options.quit_at_end && app->wait == WAIT_NONE &&
                          chat_conn_get_outgoing_count(app->conn) == 0)));
}

static void run(struct app *app)
{
    while (!is_finished(app)) {
        struct pollfd fds[2] = {
            {.fd = chat_loop_get_fd(app->loop), .events = POLLIN},
            {.fd = wants_input(app) ? STDIN_FILENO : -1, .events = POLLIN},
        };
        int64_t timeout_ms = chat_loop_get_timeout_ms(app->loop);

        if (timeout_ms < 0 || timeout_ms > POLL_MS)
            timeout_ms = POLL_MS;
        if (poll(fds, 2, (int)timeout_ms) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            read_input(app);
        if (chat_loop_step(app->loop, 0) != CHAT_OK)
            break;
        app_events(app);
    }
}

/* Says goodbye, for at most a second: what is unsent waits in the cache. */
static void close_app(struct app *app)
{
    if (app->conn) {
        uint32_t unsent = chat_conn_get_outgoing_count(app->conn);
        if (unsent > 0)
            print_note(app, "%u unsent%s", unsent,
                       app->options.cache_path ? ": they wait in the cache" : "");
        chat_conn_stop(app->conn);
        for (int i = 0; i < 10 && chat_conn_get_state(app->conn) != CHAT_CONN_CLOSED; i++)
            (void)chat_loop_step(app->loop, 20);
        chat_conn_flush(app->conn);
    }
    chat_conn_free(app->conn);
    chat_loop_free(app->loop);
}

int main(int argc, char **argv)
{
    static struct app app; /* large: kept off the stack */
    struct sigaction action = {.sa_handler = on_signal};
    chat_status status;
    int code = read_options(argc, argv, &app.options);

    if (code >= 0)
        return code;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    app.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    status = open_app(&app);
    if (status != CHAT_OK) {
        fprintf(stderr, "chat: %s: %s\n", app.options.url, chat_status_text(status));
        code = 1;
    } else {
        run(&app);
        code = app.exit_code;
    }
    close_app(&app);
    return code;
}
