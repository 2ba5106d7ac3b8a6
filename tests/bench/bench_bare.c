#include "bench_bare.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_process.h"
#include "transport/fd_limit.h"

#define RECEIVERS_MAX 65536

struct server {
    int epoll, count;
    int fds[RECEIVERS_MAX];
    uint8_t single[BENCH_PAYLOAD_MAX + 4], burst[BENCH_PAYLOAD_MAX + 4];
    size_t single_len, burst_len;
};

void bench_payloads_fill(struct bench_payloads *p, size_t each)
{
    const size_t inner = each - 3; /* lengths of two bytes: 128 to 16,383 */

    if (inner < 128 || each * BENCH_BURST > BENCH_PAYLOAD_MAX)
        bench_fail("a payload is too small or too large");
    p->single_len = each;
    p->burst_len = each * BENCH_BURST;
    memset(p->single, 'x', each);
    p->single[0] = 0x0a;
    p->single[1] = (uint8_t)(0x80 | (inner & 0x7f));
    p->single[2] = (uint8_t)(inner >> 7);
    p->single[3] = 0x52;
    for (unsigned i = 0; i < BENCH_BURST; i++)
        memcpy(p->burst + i * each, p->single, each);
}

/* --- the server --- */

static size_t put_frame(uint8_t *out, const uint8_t *payload, size_t len)
{
    out[0] = 0x82;
    out[1] = 126;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    memcpy(out + 4, payload, len);
    return len + 4;
}

static void watch(struct server *server, int fd, uint32_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = index}};

    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        bench_die("epoll_ctl");
}

static void fan_out(const struct server *server, const uint8_t *bytes, size_t len)
{
    for (int i = 0; i < server->count; i++) {
        if (send(server->fds[i], bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
            bench_die("send");
    }
}

static void serve_socket(struct server *server, int fd)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n\r\n";
    uint8_t bytes[2048];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    if (n <= 0)
        _exit(0); /* the receivers are done */
    if (bytes[0] == 'G') {
        if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
            bench_die("send");
    } else if (bytes[n - 1] == 1) {
        fan_out(server, server->single, server->single_len);
    } else {
        fan_out(server, server->burst, server->burst_len);
    }
}

static void take_one(struct server *server, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        bench_die("accept4");
    server->fds[server->count] = fd;
    watch(server, fd, (uint32_t)server->count++);
}

static _Noreturn void serve(int listener, const struct bench_payloads *p)
{
    struct server *server = calloc(1, sizeof(*server));
    struct epoll_event events[256];

    if (!server)
        bench_die("memory");
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->single_len = put_frame(server->single, p->single, p->single_len);
    server->burst_len = put_frame(server->burst, p->burst, p->burst_len);
    watch(server, listener, UINT32_MAX);
    for (;;) {
        int n = epoll_wait(server->epoll, events, 256, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == UINT32_MAX)
                take_one(server, listener);
            else
                serve_socket(server, server->fds[events[i].data.u32]);
        }
    }
}

pid_t bench_bare_serve(const struct bench_payloads *p, uint16_t *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t child;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        bench_die("listen");
    *out_port = ntohs(at.sin_port);
    child = bench_fork();
    if (child == 0)
        serve(fd, p);
    close(fd);
    return child;
}

void bench_bare_ask(struct bench_sockets *s, unsigned burst)
{
    const uint8_t count = (uint8_t)burst;

    bench_sockets_send(s, 0, &count, 1);
}

/* --- with receivers of its own --- */

struct order {
    int rounds;
    unsigned burst;
};

static _Noreturn void drive(const struct bench_payloads *p, int receivers, int orders, int answers)
{
    struct bench_sockets sockets;
    struct order order;
    uint16_t port;
    pid_t server = bench_bare_serve(p, &port);
    double ns;

    bench_sockets_init(&sockets, receivers);
    bench_sockets_connect(&sockets, port, receivers);
    while (read(orders, &order, sizeof(order)) == sizeof(order)) {
        ns = bench_sockets_fan_out(&sockets, server, bench_bare_ask, order.rounds, order.burst);
        if (write(answers, &ns, sizeof(ns)) != sizeof(ns))
            break;
    }
    bench_end(server);
    _exit(0);
}

void bench_bare_start(struct bench_bare *b, const struct bench_payloads *p, int receivers)
{
    int orders[2], answers[2];

    if (pipe(orders) != 0 || pipe(answers) != 0)
        bench_die("pipe");
    b->driver = bench_fork();
    if (b->driver == 0) {
        /* The parent's sockets are not for us to hold. */
        for (int fd = 3; fd < (int)fd_limit_get(); fd++) {
            if (fd != orders[0] && fd != answers[1])
                close(fd);
        }
        drive(p, receivers, orders[0], answers[1]);
    }
    close(orders[0]);
    close(answers[1]);
    b->ask = orders[1];
    b->answer = answers[0];
}

double bench_bare_fan_out(struct bench_bare *b, int rounds, unsigned burst)
{
    const struct order order = {rounds, burst};
    double ns;

    if (write(b->ask, &order, sizeof(order)) != sizeof(order) ||
        read(b->answer, &ns, sizeof(ns)) != sizeof(ns))
        bench_fail("the bare server's receivers are gone");
    return ns;
}

void bench_bare_stop(struct bench_bare *b)
{
    close(b->ask);
    close(b->answer);
    bench_end(b->driver);
}
