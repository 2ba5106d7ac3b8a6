/* http_get: one GET of a daemon's admin listener, without TLS, blocking. */
#ifndef CHAT_CHATCTL_HTTP_GET_H
#define CHAT_CHATCTL_HTTP_GET_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_ANSWER_MAX (4u << 20)
#define HTTP_TIMEOUT_S 10

struct http_answer {
    int status;
    char *body; /* NUL-terminated */
    size_t body_len;
    char *bytes;
    char error[256];
};

/* `url` is "http://host:port[/path]"; without a path `path` is taken. False: answer->error says
 * why, and there is nothing to end. */
bool http_get(const char *url, const char *path, struct http_answer *answer);
void http_answer_fini(struct http_answer *answer);

#endif
