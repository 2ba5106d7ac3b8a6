/* What a peer must show before anybody hears of it, and the plain answers. */
#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/log.h"
#include "transport/http.h"
#include "transport/listener_inner.h"
#include "transport/socket.h"

#define ORIGIN_MAX 512u
#define AUTHORIZATION_MAX 8192u
#define PATH_MAX_BYTES 256u
#define SCHEME "Bearer "

static int refuse(struct ws_conn *conn, uint64_t *counter, uint16_t status, const char *headers)
{
    const struct http_answer answer = {.status = status, .headers = headers};

    ++*counter;
    conn->counted = true;
    http_write(conn->net, conn->wsi, &answer);
    return -1;
}

/* Equal in constant time, whatever the lengths. */
static bool same_secret(const char *given, const char *expected)
{
    uint8_t a[EVP_MAX_MD_SIZE], b[EVP_MAX_MD_SIZE];
    unsigned a_len = 0, b_len = 0;

    return EVP_Digest(given, strlen(given), a, &a_len, EVP_sha256(), NULL) == 1 &&
           EVP_Digest(expected, strlen(expected), b, &b_len, EVP_sha256(), NULL) == 1 &&
           a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

static bool knows_secret(struct ws_conn *conn)
{
    char given[AUTHORIZATION_MAX + sizeof(SCHEME)];
    size_t scheme_len = strlen(SCHEME);
    bool same;

    if (lws_hdr_copy(conn->wsi, given, sizeof(given), WSI_TOKEN_HTTP_AUTHORIZATION) <= 0 ||
        strncasecmp(given, SCHEME, scheme_len) != 0)
        return false;
    same = same_secret(given + scheme_len, conn->listener->config.link_secret);
    OPENSSL_cleanse(given, sizeof(given));
    return same;
}

/* Browsers always send an Origin and let no script change it; nothing else has one. */
static bool may_come_from_here(struct ws_conn *conn, bool links)
{
    const struct listener_config *config = &conn->listener->config;
    char origin[ORIGIN_MAX];

    if (lws_hdr_total_length(conn->wsi, WSI_TOKEN_ORIGIN) == 0)
        return true;
    if (links || lws_hdr_copy(conn->wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN) <= 0)
        return false;
    for (size_t i = 0; i < config->origin_count; i++)
        if (!strcmp(config->origins[i], "*") || !strcasecmp(config->origins[i], origin))
            return true;
    return false;
}

static bool is_version_13(struct ws_conn *conn)
{
    char version[8];

    return lws_hdr_copy(conn->wsi, version, sizeof(version), WSI_TOKEN_VERSION) > 0 &&
           !strcmp(version, "13");
}

/* Is one of the subprotocols it offers ours? libwebsockets would close on others without a
 * word. */
static bool offers_ours(struct ws_conn *conn)
{
    char offered[PATH_MAX_BYTES];
    char *rest = NULL;

    if (lws_hdr_total_length(conn->wsi, WSI_TOKEN_PROTOCOL) == 0)
        return true; /* judged with the rest */
    if (lws_hdr_copy(conn->wsi, offered, sizeof(offered), WSI_TOKEN_PROTOCOL) <= 0)
        return false;
    for (const char *name = strtok_r(offered, ", \t", &rest); name;
         name = strtok_r(NULL, ", \t", &rest))
        if (!strcmp(name, WS_SUBPROTOCOL_CLIENT) || !strcmp(name, WS_SUBPROTOCOL_LINK))
            return true;
    return false;
}

int listener_on_upgrade_wish(struct ws_conn *conn, const char *upgrade)
{
    bool websocket = upgrade && !strcasecmp(upgrade, "websocket");

    if (websocket && offers_ours(conn))
        return 0;
    if (websocket)
        return refuse(conn, &conn->listener->stats.refused_upgrade, 400, NULL);
    conn->listener->stats.refused_upgrade++;
    conn->counted = true;
    return -1;
}

int listener_on_upgrade(struct ws_conn *conn, const char *subprotocol)
{
    struct ws_listener *l = conn->listener;
    bool links = !strcmp(subprotocol, WS_SUBPROTOCOL_LINK);
    bool clients = !strcmp(subprotocol, WS_SUBPROTOCOL_CLIENT);

    /* libwebsockets takes its first protocol when the peer names none: that is none of
     * these two. */
    if (!(clients && (l->config.serves & LISTENER_CLIENTS)) &&
        !(links && (l->config.serves & LISTENER_LINKS)))
        return refuse(conn, &l->stats.refused_upgrade, 400, NULL);
    if (lws_hdr_total_length(conn->wsi, WSI_TOKEN_GET_URI) == 0)
        return refuse(conn, &l->stats.refused_upgrade, 405, "Allow: GET\r\n");
    if (!is_version_13(conn))
        return refuse(conn, &l->stats.refused_upgrade, 426, "Sec-WebSocket-Version: 13\r\n");
    if (!may_come_from_here(conn, links))
        return refuse(conn, &l->stats.refused_origin, 403, NULL);
    if (links && !knows_secret(conn))
        return refuse(conn, &l->stats.refused_secret, 401, "WWW-Authenticate: Bearer\r\n");
    if (l->draining)
        return refuse(conn, &l->stats.refused_full, 503, "Retry-After: 5\r\n");
    conn->links = links;
    if (links)
        conn->limits = l->config.link_limits;
    return 0;
}

static void address_of(int fd, char out_text[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    out_text[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return;
    if (peer.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, &peer, sizeof(in6));
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
            (void)inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], out_text, INET6_ADDRSTRLEN);
        else
            (void)inet_ntop(AF_INET6, &in6.sin6_addr, out_text, INET6_ADDRSTRLEN);
    } else {
        struct sockaddr_in in4;

        memcpy(&in4, &peer, sizeof(in4));
        (void)inet_ntop(AF_INET, &in4.sin_addr, out_text, INET6_ADDRSTRLEN);
    }
}

void listener_on_established(struct ws_conn *conn)
{
    char address[INET6_ADDRSTRLEN];

    address_of(lws_get_socket_fd(conn->wsi), address);
    ws_conn_open(conn, conn->links ? LINK_PEER : LINK_CLIENT, address);
}

int listener_on_http(struct ws_conn *conn, const char *path)
{
    struct ws_listener *l = conn->listener;
    struct listener_reply reply = {.status = 404};
    struct http_answer answer = {.status = 404};
    bool head = lws_hdr_total_length(conn->wsi, WSI_TOKEN_HEAD_URI) > 0;

    l->stats.http_requests++;
    conn->counted = true;
    if (!head && lws_hdr_total_length(conn->wsi, WSI_TOKEN_GET_URI) == 0) {
        answer.status = 405;
        answer.headers = "Allow: GET, HEAD\r\n";
        http_write(conn->net, conn->wsi, &answer);
        return -1;
    }
    buf_init(&reply.body, conn->net->allocator, LISTENER_HTTP_BODY_MAX);
    if ((l->config.serves & LISTENER_HTTP) && strlen(path) <= PATH_MAX_BYTES)
        l->config.http(path, &reply, l->config.http_user);
    answer.status = reply.status;
    answer.content_type = reply.content_type;
    answer.head_only = head;
    if (reply.body.len) {
        answer.body = reply.body.bytes;
        answer.body_len = reply.body.len;
    }
    http_write(conn->net, conn->wsi, &answer);
    buf_fini(&reply.body);
    return -1;
}
