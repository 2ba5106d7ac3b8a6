#include "logger.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1280

/* One write() a line: lines of several threads and processes stay whole. */
static void write_line(chat_log_level level, const char *component, const char *text, void *user)
{
    char line[LINE_MAX_BYTES];
    struct timespec now;
    struct tm utc;
    size_t len;
    int n;

    (void)user;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
    n = snprintf(line + len, sizeof(line) - len, ".%03ldZ %-5s %s: %s", now.tv_nsec / 1000000,
                 chat_log_level_name(level), component, text);
    if (n < 0)
        return;
    len += (size_t)n;
    if (len > sizeof(line) - 1)
        len = sizeof(line) - 1;
    for (size_t i = 0; i < len; i++) {
        /* What others sent must not reach a terminal or fake a line. */
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nobody reads the log: not a reason to stop */
}

void logger_init(struct chat_logger *logger, chat_log_level level)
{
    *logger = (struct chat_logger){.write = write_line, .level = level};
}

chat_log_level logger_level(const char *name)
{
    static const chat_log_level levels[] = {CHAT_LOG_ERROR, CHAT_LOG_WARN, CHAT_LOG_INFO,
                                            CHAT_LOG_DEBUG};

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(name, chat_log_level_name(levels[i])) == 0)
            return levels[i];
    }
    return CHAT_LOG_INFO;
}
