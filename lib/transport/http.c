#include "transport/http.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#include "transport/net.h"

static const char *words(uint16_t status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 426: return "Upgrade Required";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return status < 400 ? "OK" : "Error";
    }
}

void http_write(struct net *net, struct lws *wsi, const struct http_answer *a)
{
    const char *body = a->body ? a->body : words(a->status);
    size_t body_len = a->body ? a->body_len : strlen(body);
    uint8_t *room;
    int head;

    buf_clear(&net->scratch);
    if (buf_reserve(&net->scratch, LWS_PRE + HTTP_HEAD_MAX + body_len, &room) != CHAT_OK)
        return; /* the peer sees a closed connection */
    room += LWS_PRE;
    head = snprintf((char *)room, HTTP_HEAD_MAX,
                    "HTTP/1.1 %u %s\r\n"
                    "Content-Type: %s\r\n"
                    "Content-Length: %zu\r\n"
                    "Cache-Control: no-store\r\n"
                    "Connection: close\r\n"
                    "%s\r\n",
                    (unsigned)a->status, words(a->status),
                    a->content_type ? a->content_type : "text/plain; charset=utf-8", body_len,
                    a->headers ? a->headers : "");
    if (head < 0 || (size_t)head >= HTTP_HEAD_MAX)
        return;
    if (a->head_only)
        body_len = 0;
    memcpy(room + head, body, body_len);
    (void)lws_write(wsi, room, (size_t)head + body_len, LWS_WRITE_HTTP_HEADERS);
}
