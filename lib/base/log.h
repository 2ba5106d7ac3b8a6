/* Formatting for struct chat_logger. */
#ifndef CHAT_BASE_LOG_H
#define CHAT_BASE_LOG_H

#include <libchat/export.h>
#include <libchat/log.h>

#define LOG_LINE_MAX 1024 /* longer lines are cut */

/* A NULL logger is silent. */
void log_write(const struct chat_logger *logger, chat_log_level level, const char *component,
               const char *format, ...) CHAT_PRINTF(4, 5);

#endif
