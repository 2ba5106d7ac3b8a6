#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* What a peer sent may end up in a line; it must not start another one or drive a
 * terminal. */
static void make_one_line(char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
            *text = ' ';
    }
}

void log_write(const struct chat_logger *logger, chat_log_level level, const char *component,
               const char *format, ...)
{
    char text[LOG_LINE_MAX + 2]; /* the byte after a cut tells whether it was inside a character */
    va_list args;
    int len;

    if (!logger || !logger->write || level > logger->level)
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0) {
        logger->write(level, component, "(a log line that could not be formatted)", logger->user);
        return;
    }
    if (len > LOG_LINE_MAX)
        text[utf8_cut(text, LOG_LINE_MAX + 1, LOG_LINE_MAX)] = '\0';
    make_one_line(text);
    logger->write(level, component, text, logger->user);
}
