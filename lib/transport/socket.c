#include "transport/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define LOG "transport"

union any_address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

static bool to_sockaddr(const char *text, uint16_t port, union any_address *out, socklen_t *out_len)
{
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, text, &out->in4.sin_addr) == 1) {
        out->in4.sin_family = AF_INET;
        out->in4.sin_port = htons(port);
        *out_len = sizeof(out->in4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) == 1) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        *out_len = sizeof(out->in6);
        return true;
    }
    return false;
}

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static chat_status status_of(int error)
{
    switch (error) {
    case EADDRINUSE: return CHAT_E_CONFLICT;
    case EACCES:
    case EPERM: return CHAT_E_FORBIDDEN;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: return CHAT_E_INVALID;
    default: return CHAT_E_IO;
    }
}

static uint16_t port_of(int fd)
{
    union any_address bound;
    socklen_t len = sizeof(bound);

    if (getsockname(fd, &bound.any, &len) != 0)
        return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.in6.sin6_port : bound.in4.sin_port);
}

static chat_status listen_on(const char *address, uint16_t port, bool share_port, int *out_fd)
{
    union any_address to;
    socklen_t len;
    int fd, error;

    if (!to_sockaddr(address, port, &to, &len))
        return CHAT_E_INVALID;
    fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return status_of(errno);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (share_port)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (to.any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, &to.any, len) != 0 || listen(fd, SOCKET_BACKLOG) != 0) {
        error = errno;
        (void)close(fd);
        return status_of(error);
    }
    *out_fd = fd;
    return CHAT_OK;
}

chat_status socket_listen(const char *address, uint16_t port, bool share_port,
                          const struct chat_logger *logger, int *out_fd, uint16_t *out_port)
{
    chat_status status = listen_on(address ? address : "::", port, share_port, out_fd);

    /* No IPv6 here: any address of IPv4 then. */
    if (!address && status == CHAT_E_INVALID)
        status = listen_on("0.0.0.0", port, share_port, out_fd);
    if (status != CHAT_OK) {
        log_write(logger, CHAT_LOG_ERROR, LOG, "cannot listen on %s port %u: %s",
                  address ? address : "any address", (unsigned)port, chat_status_text(status));
        return status;
    }
    *out_port = port_of(*out_fd);
    return CHAT_OK;
}

void socket_tune(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, SOCKET_UNACKED_MS);
}
