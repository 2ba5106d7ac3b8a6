/* chatctl stats, drain: what a running daemon's admin listener answers. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "chatctl.h"
#include "http_get.h"

#define DRAIN_TIMEOUT_S 120u
#define LOOK_EVERY_MS 100

/* A sample line "name{labels} value" as columns. */
static void print_sample(const char *line, size_t len)
{
    const char *brace = memchr(line, '{', len);
    const char *space = NULL;
    size_t name_len, labels_len = 0;

    for (size_t i = len; i-- > 0 && !space;) {
        if (line[i] == ' ')
            space = line + i;
    }
    if (!space)
        return;
    name_len = (size_t)((brace && brace < space ? brace : space) - line);
    if (brace && brace < space)
        labels_len = (size_t)(space - brace);
    printf("  %-44.*s %-40.*s %16.*s\n", (int)name_len, line, (int)labels_len, brace ? brace : "",
           (int)(len - (size_t)(space + 1 - line)), space + 1);
}

static bool is_bucket(const char *line, size_t len)
{
    const char *brace = memchr(line, '{', len);

    return brace && brace - line > 7 && memcmp(brace - 7, "_bucket", 7) == 0;
}

/* Metrics of Prometheus' text format; zeros and buckets are left out unless wanted. */
static void print_metrics(const char *text, size_t len, bool all)
{
    const char *at = text, *end = text + len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)((newline ? newline : end) - at);
        bool zero = line_len > 2 && memcmp(at + line_len - 2, " 0", 2) == 0;
        if (line_len > 7 && memcmp(at, "# HELP ", 7) == 0 && all)
            printf("%.*s\n", (int)(line_len - 7), at + 7);
        else if (line_len > 0 && at[0] != '#' && (all || (!zero && !is_bucket(at, line_len))))
            print_sample(at, line_len);
        at += line_len + 1;
    }
}

static int run_stats(int argc, char **argv)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'}, {"raw", no_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    struct http_answer answer;
    bool all = false, raw = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'a' && option != 'r')
            return ctl_usage(&stats_command);
        all |= option == 'a';
        raw |= option == 'r';
    }
    if (argc - optind != 1)
        return ctl_usage(&stats_command);
    if (!http_get(argv[optind], "/metrics", &answer)) {
        ctl_say("stats", "%s: %s", argv[optind], answer.error);
        return CTL_FAILED;
    }
    if (answer.status != 200) {
        ctl_say("stats", "%s: answered %d", argv[optind], answer.status);
        http_answer_fini(&answer);
        return CTL_FAILED;
    }
    if (raw)
        fwrite(answer.body, 1, answer.body_len, stdout);
    else
        print_metrics(answer.body, answer.body_len, all);
    http_answer_fini(&answer);
    return CTL_OK;
}

/* The value of a label, up to its closing quote. False: it has none, or a longer one. */
static bool find_label(const char *line, const char *name, char *out, size_t out_size)
{
    const char *at = strstr(line, name), *end;

    if (!at)
        return false;
    at += strlen(name);
    end = strchr(at, '"');
    if (!end || (size_t)(end - at) >= out_size)
        return false;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

/* The pid that its metrics say; 0: none, or another machine's. */
static pid_t ask_pid(const char *url)
{
    struct http_answer answer;
    char own[256] = "", host[256], pid[32];
    const char *line;
    long found = 0;

    if (!http_get(url, "/metrics", &answer)) {
        ctl_say("drain", "%s: %s", url, answer.error);
        return 0;
    }
    (void)gethostname(own, sizeof(own) - 1);
    line = strstr(answer.body, "\nchat_process_info{");
    if (!line || !find_label(line, ",pid=\"", pid, sizeof(pid)) ||
        !find_label(line, ",host=\"", host, sizeof(host)))
        ctl_say("drain", "%s: does not say which process it is", url);
    else if (strcmp(host, own) != 0)
        ctl_say("drain", "%s: runs on another machine, %s: drain it there", url, host);
    else
        found = strtol(pid, NULL, 10);
    http_answer_fini(&answer);
    return (pid_t)(found > 1 ? found : 0);
}

static int drain(pid_t pid, uint64_t timeout_s)
{
    struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    uint64_t looks = timeout_s * 1000 / LOOK_EVERY_MS;

    if (kill(pid, SIGTERM) != 0) {
        ctl_say("drain", "process %ld cannot be signalled: it is gone, or another user's",
                (long)pid);
        return CTL_FAILED;
    }
    for (uint64_t i = 0; i < looks; i++) {
        if (kill(pid, 0) != 0) {
            printf("process %ld has drained and ended\n", (long)pid);
            return CTL_OK;
        }
        nanosleep(&pause, NULL);
    }
    ctl_say("drain", "process %ld still drains after %llu s", (long)pid,
            (unsigned long long)timeout_s);
    return CTL_TIMEOUT;
}

static int run_drain(int argc, char **argv)
{
    static const struct option options[] = {{"pid", required_argument, NULL, 'p'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    uint64_t pid = 0, timeout_s = DRAIN_TIMEOUT_S;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool right = option == 'p' ? ctl_number("drain", "--pid", optarg, 2, INT32_MAX, &pid)
                     : option == 't'
                         ? ctl_number("drain", "--timeout", optarg, 1, 86400, &timeout_s)
                         : false;
        if (!right)
            return ctl_usage(&drain_command);
    }
    if (argc - optind != (pid ? 0 : 1))
        return ctl_usage(&drain_command);
    if (pid == 0)
        pid = (uint64_t)ask_pid(argv[optind]);
    return pid ? drain((pid_t)pid, timeout_s) : CTL_FAILED;
}

const struct ctl_command stats_command = {
    .name = "stats",
    .arguments = "URL [--all] [--raw]",
    .summary = "Shows a daemon's metrics.",
    .help = "URL is that of its admin listener, such as http://127.0.0.1:8444.\n"
            "  --all   zeros, buckets and explanations, too\n"
            "  --raw   as Prometheus reads them\n",
    .run = run_stats,
};

const struct ctl_command drain_command = {
    .name = "drain",
    .arguments = "URL | --pid PID [--timeout SECONDS]",
    .summary = "Stops a daemon gently and waits for it.",
    .help = "Clients are sent elsewhere, what is under way is finished, then the process ends.\n"
            "URL is that of its admin listener, on this machine. It is the same as SIGTERM.\n"
            "  --timeout SECONDS   how long to wait for the end; default 120\n",
    .run = run_drain,
};
