/*
 * What one message to N sockets costs a server, in CPU per delivery: the bare epoll server,
 * and beside it our host with a machine that only fans out. Single messages, and bursts of
 * ten that leave as one WebSocket message. Also the memory of an idle connection.
 * bench_sessions does the same with the router.
 *
 *     bench_fanout [connections] [rounds]        10000 30
 *
 * The server is a child process, so that its CPU clock is its own; the receivers are this
 * process. Loopback: the kernel's work for both ends is in the sender's figure, for both
 * servers alike.
 */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "api/host.h"
#include "base/alloc.h"
#include "bench.h"
#include "bench_bare.h"
#include "bench_process.h"
#include "transport/fd_limit.h"

#define PAYLOAD 200u
#define REPEATS 3 /* of each measurement; the median is told */

static struct bench_payloads payloads;

/* ---- our host, with a machine that fans out ---- */

struct fan {
    struct machine machine; /* first */
    link_id links[65536];
    size_t count, at;
    struct frame *frames[BENCH_BURST];
    size_t frame_count;
};

static void fan_feed(struct machine *m, const struct event *event)
{
    struct fan *fan = (struct fan *)m;

    if (event->kind == EVENT_LINK_OPENED) {
        fan->links[fan->count++] = event->link;
        fan->at = fan->count;
    } else if (event->kind == EVENT_LINK_MESSAGE) {
        fan->frame_count = event->message.bytes[0];
        for (size_t i = 0; i < fan->frame_count; i++) {
            fan->frames[i] = frame_new(&alloc_default, PAYLOAD);
            memcpy(fan->frames[i]->bytes, payloads.single, PAYLOAD);
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

static _Noreturn void host_serve(int port_pipe)
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
        bench_fail("the host does not start");
    port = listener_get_port(listener);
    if (write(port_pipe, &port, sizeof(port)) != sizeof(port))
        bench_die("write");
    (void)host_run(host);
    _exit(0);
}

static pid_t start_host(uint16_t *out_port)
{
    int ports[2];
    pid_t child;

    if (pipe(ports) != 0)
        bench_die("pipe");
    child = bench_fork();
    if (child == 0) {
        close(ports[0]);
        host_serve(ports[1]);
    }
    close(ports[1]);
    if (read(ports[0], out_port, sizeof(*out_port)) != sizeof(*out_port))
        bench_die("the host did not start");
    close(ports[0]);
    return child;
}

/* ---- measuring ---- */

struct outcome {
    struct bench_samples single, burst, bytes;
};

static void run_once(bool ours, int count, int rounds, struct outcome *o)
{
    struct bench_sockets sockets;
    uint16_t port = 0;
    pid_t child = ours ? start_host(&port) : bench_bare_serve(&payloads, &port);
    double before = bench_rss_bytes(child);

    bench_sockets_init(&sockets, count);
    bench_sockets_connect(&sockets, port, count);
    bench_sample(&o->bytes, (uint64_t)((bench_rss_bytes(child) - before) / count));
    bench_sample(&o->single,
                 (uint64_t)bench_sockets_fan_out(&sockets, child, bench_bare_ask, rounds, 1));
    bench_sample(&o->burst, (uint64_t)bench_sockets_fan_out(&sockets, child, bench_bare_ask, rounds,
                                                            BENCH_BURST));
    bench_sockets_fini(&sockets);
    bench_end(child);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10000;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 30;
    struct outcome outcomes[2];
    double single[2];

    (void)signal(SIGPIPE, SIG_IGN);
    if (count < 1 || rounds < 1 || count > 65536 || (uint32_t)count + 64 > fd_limit_raise()) {
        fprintf(stderr, "bench_fanout: %d connections need more descriptors than there are\n",
                count);
        return 1;
    }
    bench_payloads_fill(&payloads, PAYLOAD);
    for (int i = 0; i < 2; i++) {
        bench_samples_init(&outcomes[i].single, REPEATS);
        bench_samples_init(&outcomes[i].burst, REPEATS);
        bench_samples_init(&outcomes[i].bytes, REPEATS);
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
                     {"bytes_per_connection", (double)bench_percentile(&outcomes[ours].bytes, 50)});
        bench_samples_fini(&outcomes[ours].single);
        bench_samples_fini(&outcomes[ours].burst);
        bench_samples_fini(&outcomes[ours].bytes);
    }
    BENCH_REPORT("fanout", "host beside bare", {"times_the_cpu", single[1] / single[0]});
    return 0;
}
