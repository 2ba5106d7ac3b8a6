#include "bench_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_process.h"

#define LUMP 200 /* handshakes at once */
#define MESSAGE_MAX (1u << 20)
#define READ_BYTES 65536u
#define ROUND_TIMEOUT_MS 20000

#define ELEMENT_TAG 0x0a /* ServerBatch.frames */
#define MESSAGE_TAG 0x52 /* ServerFrame.message; no request id stands before it */

static const char upgrade[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: libchat.v1\r\n\r\n";

void bench_sockets_init(struct bench_sockets *s, int cap)
{
    *s = (struct bench_sockets){.cap = cap};
    s->all = calloc((size_t)cap, sizeof(*s->all));
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!s->all || s->epoll < 0)
        bench_die("sockets");
}

void bench_sockets_fini(struct bench_sockets *s)
{
    for (int i = 0; i < s->count; i++) {
        close(s->all[i].fd);
        free(s->all[i].rest);
    }
    close(s->epoll);
    free(s->all);
    *s = (struct bench_sockets){.epoll = -1};
}

/* --- connecting --- */

static void await_upgrade(int fd)
{
    char answer[1024];
    size_t have = 0;

    do {
        ssize_t n = recv(fd, answer + have, sizeof(answer) - 1 - have, 0);

        if (n <= 0)
            bench_die("no answer to the upgrade");
        have += (size_t)n;
        answer[have] = '\0';
    } while (!strstr(answer, "\r\n\r\n"));
    if (!strstr(answer, " 101 "))
        bench_fail("the upgrade was refused");
}

static void connect_lump(struct bench_sockets *s, uint16_t port, int count)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int first = s->count;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = first; i < first + count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
            bench_die("connect");
        if (send(fd, upgrade, sizeof(upgrade) - 1, MSG_NOSIGNAL) < 0)
            bench_die("send");
        s->all[s->count++].fd = fd;
    }
    for (int i = first; i < first + count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = (uint32_t)i}};

        await_upgrade(s->all[i].fd);
        (void)fcntl(s->all[i].fd, F_SETFL, O_NONBLOCK);
        if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->all[i].fd, &event) != 0)
            bench_die("epoll_ctl");
    }
}

void bench_sockets_connect(struct bench_sockets *s, uint16_t port, int count)
{
    if (count > s->cap - s->count)
        bench_fail("more sockets than were planned for");
    for (int left = count; left > 0; left -= LUMP)
        connect_lump(s, port, left < LUMP ? left : LUMP);
}

void bench_sockets_send(struct bench_sockets *s, int index, const uint8_t *bytes, size_t len)
{
    uint8_t frame[READ_BYTES + 8] = {0x82}; /* the mask is zero: bytes stay as they are */
    size_t head = len < 126 ? 2 : 4;

    if (len > READ_BYTES)
        bench_fail("a client's message is too long");
    frame[1] = (uint8_t)(0x80 | (len < 126 ? len : 126));
    if (head == 4) {
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
    }
    memcpy(frame + head + 4, bytes, len);
    len += head + 4;
    if (send(s->all[index].fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len)
        bench_die("send");
}

/* --- reading --- */

static size_t read_varint(const uint8_t *bytes, size_t len, size_t *out_value)
{
    size_t value = 0, i = 0;

    while (i < len && i < 9) {
        value |= (size_t)(bytes[i] & 0x7f) << (7 * i);
        if (!(bytes[i++] & 0x80)) {
            *out_value = value;
            return i;
        }
    }
    return 0;
}

static uint64_t count_deliveries(const uint8_t *bytes, size_t len)
{
    uint64_t count = 0;
    size_t at = 0;

    while (at < len) {
        size_t element = 0, used = read_varint(bytes + at + 1, len - at - 1, &element);

        if (bytes[at] != ELEMENT_TAG || used == 0 || element > len - at - 1 - used)
            bench_fail("what the server sent is no batch");
        at += 1 + used;
        count += element > 0 && bytes[at] == MESSAGE_TAG;
        at += element;
    }
    return count;
}

/* Length of the header, 0 when it is not whole. */
static size_t read_header(const uint8_t *bytes, size_t have, size_t *out_len)
{
    size_t head = 2;

    if (have < 2)
        return 0;
    *out_len = bytes[1] & 0x7f;
    if (*out_len == 126)
        head = 4;
    else if (*out_len == 127)
        head = 10;
    if (have < head)
        return 0;
    if (head > 2)
        *out_len = 0;
    for (size_t i = 2; i < head; i++)
        *out_len = *out_len << 8 | bytes[i];
    return head;
}

static void refuse_close(const uint8_t *payload, size_t len)
{
    fprintf(stderr, "bench: the server closed with %d %.*s\n",
            len >= 2 ? payload[0] << 8 | payload[1] : 0, len > 2 ? (int)len - 2 : 0,
            len > 2 ? (const char *)payload + 2 : "");
    exit(EXIT_FAILURE);
}

/* Returns how many bytes of whole messages there were. */
static size_t take_messages(struct bench_sockets *s, int index, const uint8_t *bytes, size_t have)
{
    size_t at = 0, len = 0, head;

    while ((head = read_header(bytes + at, have - at, &len)) != 0 && len <= have - at - head) {
        const uint8_t *payload = bytes + at + head;

        if (bytes[at] == 0x88)
            refuse_close(payload, len);
        if (bytes[at] == 0x82) {
            s->messages++;
            s->deliveries += count_deliveries(payload, len);
            if (s->on_message)
                s->on_message(s, index, payload, len);
        }
        at += head + len;
    }
    return at;
}

static void read_socket(struct bench_sockets *s, int index)
{
    static uint8_t bytes[MESSAGE_MAX + READ_BYTES];
    struct bench_socket *socket = &s->all[index];
    size_t have = socket->rest_len, used;
    ssize_t n;

    if (have)
        memcpy(bytes, socket->rest, have);
    n = recv(socket->fd, bytes + have, READ_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        bench_fail("the server ended a connection");
    have += (size_t)n;
    used = take_messages(s, index, bytes, have);
    have -= used;
    if (have > MESSAGE_MAX)
        bench_fail("a message without end");
    if (have > socket->rest_len || (have && !socket->rest)) {
        free(socket->rest);
        socket->rest = malloc(have);
        if (!socket->rest)
            bench_die("memory");
    }
    if (have)
        memcpy(socket->rest, bytes + used, have);
    socket->rest_len = (uint32_t)have;
    if (!have) {
        free(socket->rest);
        socket->rest = NULL;
    }
}

void bench_sockets_turn(struct bench_sockets *s, int timeout_ms)
{
    struct epoll_event events[512];
    int n = epoll_wait(s->epoll, events, 512, timeout_ms);

    for (int i = 0; i < n; i++)
        read_socket(s, (int)events[i].data.u32);
}

/* --- a fan-out --- */

static void go_round(struct bench_sockets *s, bench_ask *ask, unsigned burst)
{
    const uint64_t wanted = s->deliveries + (uint64_t)s->count * burst;

    ask(s, burst);
    while (s->deliveries < wanted) {
        uint64_t before = s->messages;

        bench_sockets_turn(s, ROUND_TIMEOUT_MS);
        if (s->messages == before && s->deliveries < wanted) {
            bench_sockets_turn(s, ROUND_TIMEOUT_MS);
            if (s->messages == before)
                bench_fail("not all was delivered");
        }
    }
}

double bench_sockets_fan_out(struct bench_sockets *s, pid_t server, bench_ask *ask, int rounds,
                             unsigned burst)
{
    uint64_t begun;

    go_round(s, ask, burst); /* warm */
    begun = bench_cpu_of(server);
    for (int i = 0; i < rounds; i++)
        go_round(s, ask, burst);
    return (double)(bench_cpu_of(server) - begun) / ((double)s->count * rounds * burst);
}
