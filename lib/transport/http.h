/* http: one plain answer on a connection that is closed right after it. */
#ifndef CHAT_TRANSPORT_HTTP_H
#define CHAT_TRANSPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 512u /* bytes of an answer's head */

struct lws;
struct net;

struct http_answer {
    uint16_t status;
    const char *content_type; /* NULL: text/plain */
    const char *headers;      /* more of them, each ending in CR LF, or NULL */
    const void *body;         /* NULL: the status in words */
    size_t body_len;
    bool head_only;
};

/* Writes it. The caller closes the connection; what did not fit the socket at once leaves
 * before that happens. */
void http_write(struct net *net, struct lws *wsi, const struct http_answer *answer);

#endif
