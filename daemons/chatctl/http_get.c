#include "http_get.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct target {
    char host[256], port[8], path[256];
};

static bool parse(const char *url, const char *path, struct target *out)
{
    const char *at = url, *end, *colon = NULL;
    size_t host_len;

    if (strncmp(at, "http://", 7) == 0)
        at += 7;
    end = at + strcspn(at, "/");
    for (const char *c = at; c < end; c++) {
        if (*c == ':')
            colon = c;
    }
    if (colon && memchr(at, ']', (size_t)(end - at)) > (const void *)colon)
        colon = NULL; /* within [::1] */
    snprintf(out->port, sizeof(out->port), "%.*s", colon ? (int)(end - colon - 1) : 2,
             colon ? colon + 1 : "80");
    host_len = (size_t)((colon ? colon : end) - at);
    if (host_len >= 2 && at[0] == '[' && at[host_len - 1] == ']') {
        at++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len >= sizeof(out->host))
        return false;
    snprintf(out->host, sizeof(out->host), "%.*s", (int)host_len, at);
    snprintf(out->path, sizeof(out->path), "%s", end[0] == '/' && end[1] != '\0' ? end : path);
    return true;
}

static int dial(const struct target *target, struct http_answer *answer)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    struct timeval limit = {.tv_sec = HTTP_TIMEOUT_S};
    int error = getaddrinfo(target->host, target->port, &hints, &list);
    int fd = -1;

    if (error != 0) {
        snprintf(answer->error, sizeof(answer->error), "%s", gai_strerror(error));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            error = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        snprintf(answer->error, sizeof(answer->error), "%s", strerror(error ? error : errno));
    return fd;
}

static bool exchange(int fd, const struct target *target, struct http_answer *answer)
{
    char request[768];
    size_t len = 0, room = 65536;
    int n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target->path,
                     target->host);

    answer->bytes = malloc(room);
    if (!answer->bytes || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
        snprintf(answer->error, sizeof(answer->error), "%s", strerror(errno));
        return false;
    }
    for (;;) {
        ssize_t got = recv(fd, answer->bytes + len, room - len - 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            answer->bytes[len] = '\0';
            answer->body_len = len;
            return got == 0 || len > 0;
        }
        len += (size_t)got;
        if (room - len < 2) {
            char *more = room < HTTP_ANSWER_MAX ? realloc(answer->bytes, room * 2) : NULL;
            if (!more) {
                snprintf(answer->error, sizeof(answer->error), "the answer is too long");
                return false;
            }
            answer->bytes = more;
            room *= 2;
        }
    }
}

bool http_get(const char *url, const char *path, struct http_answer *answer)
{
    struct target target;
    char *body;
    int fd;
    bool done;

    *answer = (struct http_answer){.status = 0};
    if (!parse(url, path, &target)) {
        snprintf(answer->error, sizeof(answer->error), "is not http://HOST:PORT");
        return false;
    }
    fd = dial(&target, answer);
    if (fd < 0)
        return false;
    done = exchange(fd, &target, answer);
    close(fd);
    body = done ? strstr(answer->bytes, "\r\n\r\n") : NULL;
    if (!body || strncmp(answer->bytes, "HTTP/1.", 7) != 0) {
        if (answer->error[0] == '\0')
            snprintf(answer->error, sizeof(answer->error), "no HTTP answer");
        http_answer_fini(answer);
        return false;
    }
    answer->status = (int)strtol(answer->bytes + 9, NULL, 10);
    answer->body = body + 4;
    answer->body_len -= (size_t)(answer->body - answer->bytes);
    return true;
}

void http_answer_fini(struct http_answer *answer)
{
    free(answer->bytes);
    answer->bytes = answer->body = NULL;
}
