/* logger: one line per event on stderr, with the time:
 *   2026-11-22T20:33:01.123Z info  router: ready */
#ifndef CHAT_DAEMONS_LOGGER_H
#define CHAT_DAEMONS_LOGGER_H

#include <libchat/log.h>

/* Threads: any. */
void logger_init(struct chat_logger *logger, chat_log_level level);
/* The level of "error", "warn", "info" or "debug"; info for anything else. */
chat_log_level logger_level(const char *name);

#endif
