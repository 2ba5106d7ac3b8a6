/* chat: a terminal client to talk in, on a whole screen or line by line. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "lines.h"
#ifdef CHAT_WITH_SCREEN
#include "ui.h"
#endif

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
    "  --no-ui                  line by line, also in a terminal\n"
    "  --listen                 never send\n"
    "  --quit-at-end            leave when the input ends and all of it is sent\n"
    "  --ids                    show channel id, seq and message id before each line\n"
    "  --log FILE               write what the library says to FILE\n"
    "  --verbose                say more about the connection, log more\n"
    "  --help, --version\n"
    "\n"
    "In a terminal it shows conversations on the whole screen; F1 lists the keys. Without one, "
    "and\n"
    "with --no-ui, --quit-at-end or --ids, lines that come in are messages, and those of others "
    "are\n"
    "printed; /help lists the commands.\n";

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
    OPT_NO_UI,
    OPT_LOG,
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
    {"no-ui", no_argument, NULL, OPT_NO_UI},
    {"log", required_argument, NULL, OPT_LOG},
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
        case OPT_NO_UI: o->no_ui = true; break;
        case OPT_LOG: o->log_path = optarg; break;
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

/* On a screen, if there is one and nothing speaks against it. */
static bool run_on_screen(struct app *app)
{
#ifdef CHAT_WITH_SCREEN
    const struct app_options *o = &app->options;

    if (o->no_ui || o->quit_at_end || o->show_ids || !isatty(STDIN_FILENO) ||
        !isatty(STDOUT_FILENO))
        return false;
    return ui_run(app, &interrupted);
#else
    (void)app;
    return false;
#endif
}

int main(int argc, char **argv)
{
    static struct app app; /* large: kept off the stack */
    struct sigaction action = {.sa_handler = on_signal};
    int code = read_options(argc, argv, &app.options);

    if (code >= 0)
        return code;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) /* as nohup(1) wants it */
        sigaction(SIGHUP, &action, NULL);
    if (!app_open(&app))
        app.exit_code = 1;
    else if (!run_on_screen(&app))
        lines_run(&app, &interrupted);
    app_close(&app);
    return app.exit_code;
}
