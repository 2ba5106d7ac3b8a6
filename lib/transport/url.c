#include "transport/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static const char *take_scheme(const char **text, struct url *url)
{
    if (!strncasecmp(*text, "wss://", 6)) {
        url->tls = true;
        *text += 6;
    } else if (!strncasecmp(*text, "ws://", 5)) {
        *text += 5;
    } else {
        return "a url must begin with ws:// or wss://";
    }
    url->port = url->tls ? 443 : 80;
    return NULL;
}

static const char *take_address6(const char **text, struct url *url)
{
    const char *end = strchr(*text, ']');
    struct in6_addr any;
    size_t len;

    if (!end || (len = (size_t)(end - *text - 1)) > URL_HOST_MAX)
        return "an IPv6 address must end in ]";
    memcpy(url->host, *text + 1, len);
    url->host[len] = '\0';
    if (inet_pton(AF_INET6, url->host, &any) != 1)
        return "not an IPv6 address between the brackets";
    url->is_address = true;
    *text = end + 1;
    return NULL;
}

static const char *take_host(const char **text, struct url *url)
{
    struct in_addr any;
    size_t len = 0;

    if (**text == '[')
        return take_address6(text, url);
    while (is_name_char((*text)[len]))
        len++;
    if (len == 0)
        return "the host is missing";
    if ((*text)[len] == '@' || strchr(*text, '@'))
        return "a url must not hold a user or a password";
    if (len > URL_HOST_MAX)
        return "the host is longer than 253 bytes";
    memcpy(url->host, *text, len);
    url->host[len] = '\0';
    url->is_address = inet_pton(AF_INET, url->host, &any) == 1;
    *text += len;
    return NULL;
}

static const char *take_port(const char **text, struct url *url)
{
    uint32_t port = 0;
    size_t digits = 0;

    if (**text != ':')
        return NULL;
    for ((*text)++; **text >= '0' && **text <= '9' && digits < 6; (*text)++, digits++)
        port = port * 10 + (uint32_t)(**text - '0');
    if (digits == 0 || port == 0 || port > 65535)
        return "the port must be 1 to 65535";
    url->port = (uint16_t)port;
    return NULL;
}

static const char *take_path(const char *text, struct url *url)
{
    size_t len = strlen(text);

    if (len == 0) {
        memcpy(url->path, "/", 2);
        return NULL;
    }
    if (*text != '/')
        return "after host and port only a path may follow";
    if (len > URL_PATH_MAX)
        return "the path is longer than 1024 bytes";
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == '#')
            return "the path holds a character that must be escaped, or a fragment";
    memcpy(url->path, text, len + 1);
    return NULL;
}

const char *url_parse(const char *text, struct url *out_url)
{
    struct url url = {0};
    const char *problem = take_scheme(&text, &url);
    bool own_port;

    if (!problem)
        problem = take_host(&text, &url);
    if (!problem)
        problem = take_port(&text, &url);
    if (!problem)
        problem = take_path(text, &url);
    if (problem)
        return problem;

    own_port = url.port == (url.tls ? 443 : 80);
    (void)snprintf(url.authority, sizeof(url.authority),
                   strchr(url.host, ':') ? (own_port ? "[%s]" : "[%s]:%u")
                                         : (own_port ? "%s" : "%s:%u"),
                   url.host, (unsigned)url.port);
    *out_url = url;
    return NULL;
}
