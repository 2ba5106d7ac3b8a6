/* Libraries return statuses; what else they have to say goes to this callback. */
#ifndef LIBCHAT_LOG_H
#define LIBCHAT_LOG_H

#include <libchat/export.h>

CHAT_BEGIN_DECLS

typedef enum chat_log_level {
    CHAT_LOG_ERROR = 0, /* something was refused or stopped; an operator should look */
    CHAT_LOG_WARN = 1,  /* handled, but not normal */
    CHAT_LOG_INFO = 2,  /* starts, stops, links */
    CHAT_LOG_DEBUG = 3, /* each decision; never message text or tokens */
} chat_log_level;

/*
 * One line of log, without a newline. `component` is a short word such as
 * "router". Both strings die when the callback returns. Called from the thread
 * that runs the object; it must not call back into libchat.
 */
typedef void (*chat_log_fn)(chat_log_level level, const char *component, const char *text,
                            void *user);

/* Where an object logs to. A NULL `write` is silent. Owner: the caller; it outlives every object
 * made with it. */
struct chat_logger {
    chat_log_fn write;
    chat_log_level level; /* lines above it are not formatted */
    void *user;
};

/* "error", "warn", "info", "debug". Never NULL, never freed. Any thread. */
CHAT_API const char *chat_log_level_name(chat_log_level level);

CHAT_END_DECLS

#endif
