/*
 * What one message to N sockets costs a server, in CPU per delivery: a bare epoll server
 * that only writes prebuilt frames, and beside it our host with a machine that only fans
 * out. Single messages, and bursts of ten that leave as one WebSocket message. Also the
 * memory of an idle connection.
 *
 *     bench_fanout [connections] [rounds]        10000 30
 *
 * The server is a child process, so that its CPU clock is its own; the receivers are this
 * process. Loopback: the kernel's work for both ends is in the sender's figure, for both
 * servers alike.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/host.h"
#include "base/alloc.h"
#include "bench.h"
#include "transport/fd_limit.h"

#define PAYLOAD 200u
#define FRAME (PAYLOAD + 4u) /* with the WebSocket header of its length */
#define BURST 10u
#define BURST_FRAME (BURST * PAYLOAD + 4u)
#define REPEATS 3 /* of each measurement; the median is told */

static const char upgrade[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: libchat.v1\r\n\r\n";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- the bare server: no chat, no WebSocket beyond a header that was written before ---- */

struct bare {
    int epoll, listener, count;
    int fds[65536];
    uint8_t single[FRAME], burst[BURST_FRAME];
};

static struct bare bare;

static size_t put_header(uint8_t *out, size_t len)
{
    out[0] = 0x82;
    out[1] = 126;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    return 4;
}

static void bare_add(int fd, int index)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = (uint32_t)index}};

    if (epoll_ctl(bare.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void bare_fan_out(const uint8_t *bytes, size_t len)
{
    for (int i = 0; i < bare.count; i++)
        if (send(bare.fds[i], bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
            die("send");
}

static void bare_read(int fd)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n\r\n";
    uint8_t bytes[2048];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    if (n <= 0)
        _exit(0); /* the receivers are done */
    if (bytes[0] == 'G') {
        if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
            die("send");
    } else if (bytes[n - 1] == 's') {
        bare_fan_out(bare.single, FRAME);
    } else {
        bare_fan_out(bare.burst, BURST_FRAME);
    }
}

static void bare_run(int listener)
{
    struct epoll_event events[256];

    bare.epoll = epoll_create1(EPOLL_CLOEXEC);
    bare.listener = listener;
    (void)put_header(bare.single, PAYLOAD);
    (void)put_header(bare.burst, (size_t)BURST * PAYLOAD);
    bare_add(listener, -1);
    for (;;) {
        int n = epoll_wait(bare.epoll, events, 256, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 != UINT32_MAX) {
                bare_read(bare.fds[events[i].data.u32]);
                continue;
            }
            bare.fds[bare.count] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (bare.fds[bare.count] < 0)
                die("accept4");
            bare_add(bare.fds[bare.count], bare.count);
            bare.count++;
        }
    }
}

/* ---- our host, with a machine that fans out ---- */

struct fan {
    struct machine machine; /* first */
    link_id links[65536];
    size_t count, at;
    struct frame *frames[BURST];
    size_t frame_count;
    size_t closed;
    bool stopped;
};

static void fan_feed(struct machine *m, const struct event *event)
{
    struct fan *fan = (struct fan *)m;

    if (event->kind == EVENT_LINK_OPENED) {
        fan->links[fan->count++] = event->link;
        fan->at = fan->count;
    } else if (event->kind == EVENT_LINK_MESSAGE) {
        fan->frame_count = event->message.bytes[event->message.len - 1] == 's' ? 1 : BURST;
        for (size_t i = 0; i < fan->frame_count; i++) {
            fan->frames[i] = frame_new(&alloc_default, PAYLOAD);
            memset(fan->frames[i]->bytes, 'x', PAYLOAD);
        }
        fan->at = 0;
    } else if (event->kind == EVENT_LINK_CLOSED) {
        _exit(0);
    }
}

static bool fan_poll(struct machine *m, struct effect *out)
{
    struct fan *fan = (struct fan *)m;

    if (fan->at == fan->count) {
        for (; fan->frame_count; fan->frame_count--)
            frame_unref(fan->frames[fan->frame_count - 1]);
        return false;
    }
    *out = (struct effect){.kind = EFFECT_SEND,
                           .link = fan->links[fan->at++],
                           .send = {.frames = fan->frames,
                                    .count = fan->frame_count,
                                    .bytes = fan->frame_count * PAYLOAD}};
    return true;
}

static int64_t fan_deadline(const struct machine *m)
{
    (void)m;
    return MOMENT_NEVER;
}

static const struct machine_ops fan_ops = {
    .name = "fan", .feed = fan_feed, .poll = fan_poll, .deadline = fan_deadline};

static void host_serve(int port_pipe)
{
    static struct fan fan = {.machine = {.ops = &fan_ops}};
    const struct host_role_config role_config = {.machine = &fan.machine};
    const struct listener_config listen = {.address = "127.0.0.1", .serves = LISTENER_CLIENTS};
    struct host_config config;
    struct host *host;
    struct host_role *role;
    struct ws_listener *listener;
    uint16_t port;

    host_config_init(&config);
    if (host_new(&config, &host) != CHAT_OK ||
        host_add_role(host, &role_config, &role) != CHAT_OK ||
        host_listen(host, role, &listen, &listener) != CHAT_OK)
        die("host");
    port = listener_get_port(listener);
    if (write(port_pipe, &port, sizeof(port)) != sizeof(port))
        die("write");
    (void)host_run(host);
    _exit(0);
}

/* ---- a server as a child ---- */

static uint16_t listen_bare(int *out_fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *out_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(*out_fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(*out_fd, 4096) != 0 ||
        getsockname(*out_fd, (struct sockaddr *)&at, &len) != 0)
        die("listen");
    return ntohs(at.sin_port);
}

static pid_t start(bool ours, uint16_t *out_port)
{
    int ports[2], fd = -1;
    pid_t child;

    if (pipe(ports) != 0)
        die("pipe");
    if (!ours)
        *out_port = listen_bare(&fd);
    fflush(stdout);
    child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        close(ports[0]);
        if (ours)
            host_serve(ports[1]);
        bare_run(fd);
    }
    if (fd >= 0)
        close(fd);
    if (ours && read(ports[0], out_port, sizeof(*out_port)) != sizeof(*out_port))
        die("the host did not start");
    close(ports[0]);
    close(ports[1]);
    return child;
}

static uint64_t cpu_of(pid_t child)
{
    clockid_t clock;

    if (clock_getcpuclockid(child, &clock) != 0)
        die("clock_getcpuclockid");
    return bench_clock_ns(clock);
}

static double rss_kb(pid_t child)
{
    char path[64], line[256];
    unsigned long kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (!strncmp(line, "RssAnon:", 8))
            kb = strtoul(line + 8, NULL, 10);
    if (file)
        fclose(file);
    return (double)kb;
}

/* ---- the receivers ---- */

static int receivers[65536];

static void upgrade_all(int from, int to)
{
    char answer[512];

    for (int i = from; i < to; i++) {
        size_t have = 0;

        do {
            ssize_t n = recv(receivers[i], answer + have, sizeof(answer) - 1 - have, 0);

            if (n <= 0)
                die("no answer to the upgrade");
            have += (size_t)n;
            answer[have] = '\0';
        } while (!strstr(answer, "\r\n\r\n"));
    }
}

static void connect_all(uint16_t port, int count, int epoll)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; i++) {
        receivers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (receivers[i] < 0 || connect(receivers[i], (struct sockaddr *)&to, sizeof(to)) != 0)
            die("connect");
        if (send(receivers[i], upgrade, sizeof(upgrade) - 1, MSG_NOSIGNAL) < 0)
            die("send");
        if (i % 500 == 499 || i == count - 1)
            upgrade_all(i / 500 * 500, i + 1);
    }
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.fd = receivers[i]}};

        (void)fcntl(receivers[i], F_SETFL, O_NONBLOCK);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, receivers[i], &event) != 0)
            die("epoll_ctl");
    }
}

/* Asks for one fan-out and reads until everybody has it. */
static void round_of(int epoll, char kind, uint64_t expected)
{
    const uint8_t ask[] = {0x82, 0x81, 0, 0, 0, 0, (uint8_t)kind};
    struct epoll_event events[512];
    uint8_t bytes[8192];
    uint64_t have = 0;

    if (send(receivers[0], ask, sizeof(ask), MSG_NOSIGNAL) != sizeof(ask))
        die("send");
    while (have < expected) {
        int n = epoll_wait(epoll, events, 512, 20000);

        if (n <= 0)
            die("not all was delivered");
        for (int i = 0; i < n; i++) {
            ssize_t got = recv(events[i].data.fd, bytes, sizeof(bytes), 0);

            if (got > 0)
                have += (uint64_t)got;
        }
    }
}

/* CPU ns of the server for one delivery. */
static double measure(pid_t child, int epoll, int count, int rounds, char kind)
{
    uint64_t size = kind == 's' ? FRAME : BURST_FRAME, messages = kind == 's' ? 1 : BURST;
    uint64_t begin;

    round_of(epoll, kind, (uint64_t)count * size); /* warm */
    begin = cpu_of(child);
    for (int i = 0; i < rounds; i++)
        round_of(epoll, kind, (uint64_t)count * size);
    return (double)(cpu_of(child) - begin) / ((double)count * rounds * (double)messages);
}

struct outcome {
    struct bench_samples single, burst, kb;
};

static void run_once(bool ours, int count, int rounds, struct outcome *o)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint16_t port = 0;
    pid_t child = start(ours, &port);
    double before_kb = rss_kb(child), after_kb;

    connect_all(port, count, epoll);
    after_kb = rss_kb(child);
    bench_sample(&o->kb, (uint64_t)((after_kb - before_kb) * 1024 / count));
    bench_sample(&o->single, (uint64_t)measure(child, epoll, count, rounds, 's'));
    bench_sample(&o->burst, (uint64_t)measure(child, epoll, count, rounds, 'b'));
    for (int i = 0; i < count; i++)
        close(receivers[i]);
    close(epoll);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10000;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 30;
    struct outcome outcomes[2];
    double single[2];

    (void)signal(SIGPIPE, SIG_IGN);
    if (count < 1 || count > 65536 || (uint32_t)count + 64 > fd_limit_raise()) {
        fprintf(stderr, "bench_fanout: %d connections need more descriptors than there are\n",
                count);
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        bench_samples_init(&outcomes[i].single, REPEATS);
        bench_samples_init(&outcomes[i].burst, REPEATS);
        bench_samples_init(&outcomes[i].kb, REPEATS);
    }
    for (int repeat = 0; repeat < REPEATS; repeat++)
        for (int ours = 0; ours < 2; ours++)
            run_once(ours, count, rounds, &outcomes[ours]);
    for (int ours = 0; ours < 2; ours++) {
        double burst = (double)bench_percentile(&outcomes[ours].burst, 50);

        single[ours] = (double)bench_percentile(&outcomes[ours].single, 50);
        BENCH_REPORT("fanout", ours ? "host" : "bare epoll", {"ns_per_delivery", single[ours]},
                     {"ns_per_delivery_burst", burst}, {"deliveries_per_cpu_s", 1e9 / single[ours]},
                     {"burst_gain", single[ours] / burst},
                     {"bytes_per_connection", (double)bench_percentile(&outcomes[ours].kb, 50)});
        bench_samples_fini(&outcomes[ours].single);
        bench_samples_fini(&outcomes[ours].burst);
        bench_samples_fini(&outcomes[ours].kb);
    }
    BENCH_REPORT("fanout", "host beside bare", {"times_the_cpu", single[1] / single[0]});
    return 0;
}
