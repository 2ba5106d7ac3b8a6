/* url: the WebSocket addresses that a dialer takes: "wss://host[:port][/path][?query]". */
#ifndef CHAT_TRANSPORT_URL_H
#define CHAT_TRANSPORT_URL_H

#include <stdbool.h>
#include <stdint.h>

#define URL_HOST_MAX 253u /* bytes, as DNS has it */
#define URL_PATH_MAX 1024u

struct url {
    bool tls;        /* wss */
    bool is_address; /* host is an IPv4 or IPv6 address, without brackets */
    uint16_t port;
    char host[URL_HOST_MAX + 1];
    char authority[URL_HOST_MAX + 9]; /* for the Host header: brackets, and a port that is not
                                         the scheme's own */
    char path[URL_PATH_MAX + 1];      /* with the query; "/" when there was none */
};

/* NULL on success, else what is wrong with it, for people: "the port must be 1 to 65535". */
const char *url_parse(const char *text, struct url *out_url);

#endif
