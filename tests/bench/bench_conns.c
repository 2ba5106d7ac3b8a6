/*
 * Many accounts in one process on one loop, with caches in memory, and what a step of that
 * loop takes.
 *
 *     bench_conns [--conns N] [--messages N] [--tls]        1000 10000
 *
 * Two processes: the server, and this one with its clients. Four figures:
 *   memory   heap per idle connected account: all of it, SQLite's part, libchat's part
 *   idle     a step when none of them has anything to do
 *   live     the longest step with a budget of 2 ms while another account sends MESSAGES
 *   catchup  the same while MESSAGES come as pages of history
 */
#include <getopt.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sqlite3.h>

#include <libchat/libchat.h>
#include <libchat/server.h>

#include "bench.h"
#include "bench_process.h"
#include "transport/dev_cert.h"

#define CONNS_MAX 20000u
#define AT_ONCE 60u /* sign in together: the server takes 64 of one address */
#define BUDGET_US 2000u
#define IDLE_STEPS 2000u
#define PATIENCE_NS UINT64_C(180000000000)

static const char usage[] = "usage: bench_conns [--conns N] [--messages N] [--tls]\n";

struct shared {
    _Atomic int ready;
    char url[64];
    char tokens[CONNS_MAX][512];
};

static struct shared *shared;
static uint32_t conns_count = 1000, messages = 10000;
static bool tls;
static char folder[256];
static chat_conn *conns[CONNS_MAX];

static void must(chat_status status, const char *what)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "bench_conns: %s: %s\n", what, chat_status_text(status));
    exit(EXIT_FAILURE);
}

/* --- the server --- */

static _Noreturn void serve(void)
{
    struct chat_server_config config;
    char cert[300], key[300], name[32];
    chat_server *server;

    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
    (void)snprintf(key, sizeof(key), "%s/key.pem", folder);
    chat_server_config_init(&config);
    config.operations_per_second = 100000;
    config.sessions_max = CONNS_MAX + 100;
    if (tls) {
        config.cert_file = cert;
        config.key_file = key;
    }
    must(chat_server_new(&config, &server), "chat_server_new");
    for (uint32_t i = 0; i < conns_count; i++) {
        (void)snprintf(name, sizeof(name), "account-%u", i);
        must(chat_server_mint_token(server, name, NULL, 86400, shared->tokens[i],
                                    sizeof(shared->tokens[i])),
             "token");
    }
    (void)snprintf(shared->url, sizeof(shared->url), "%s://localhost:%u/", tls ? "wss" : "ws",
                   chat_server_get_port(server));
    while (chat_server_step(server, -1) == CHAT_OK)
        if (chat_server_is_ready(server))
            atomic_store(&shared->ready, 1);
    _exit(EXIT_FAILURE);
}

/* --- the clients --- */

static chat_loop *loop_new(void)
{
    struct chat_loop_config config;
    chat_loop *loop = NULL;
    char ca[300];

    (void)snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
    chat_loop_config_init(&config);
    config.links_max = conns_count;
    config.ca_file = tls ? ca : NULL;
    must(chat_loop_new(&config, &loop), "chat_loop_new");
    return loop;
}

static void open_conn(chat_loop *loop, uint32_t i)
{
    struct chat_conn_config config;

    chat_conn_config_init(&config);
    config.url = shared->url;
    config.token = shared->tokens[i];
    config.connect_timeout_ms = 60000;
    config.request_timeout_ms = 60000;
    config.outbox_max = messages + 1;
    config.keep_max = 0; /* all that was missed is fetched */
    must(chat_conn_new(loop, &config, &conns[i]), "chat_conn_new");
    must(chat_conn_start(conns[i]), "chat_conn_start");
}

static uint64_t pull(chat_conn *conn, uint64_t *out_peer, uint64_t *out_channel)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t count = 0;

    while (chat_conn_next_event(conn, &event)) {
        count += event.type == CHAT_EVENT_MESSAGE;
        if (event.type == CHAT_EVENT_USERS && event.ticket && event.users_count && out_peer)
            *out_peer = event.users[0]->user_id;
        if (event.type == CHAT_EVENT_OPENED && out_channel)
            *out_channel = event.channel_id;
    }
    return count;
}

static void pull_all(chat_loop *loop)
{
    chat_conn *conn;

    while ((conn = chat_loop_next_conn(loop)) != NULL)
        (void)pull(conn, NULL, NULL);
}

static void until_live(chat_loop *loop, uint32_t from, uint32_t to)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;

    for (uint32_t i = from; i < to;) {
        (void)chat_loop_step(loop, 10);
        pull_all(loop);
        while (i < to && chat_conn_get_state(conns[i]) == CHAT_CONN_LIVE)
            i++;
        if (bench_now_ns() > end)
            bench_fail("not all came live");
    }
}

static double heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return (double)info.uordblks + (double)info.hblkhd;
}

static void measure_memory(chat_loop *loop)
{
    double heap = heap_bytes(), sqlite = (double)sqlite3_memory_used(), own = 0;
    const uint64_t began = bench_now_ns();
    double per = 1024.0 * conns_count;

    for (uint32_t i = 2; i < conns_count; i += AT_ONCE) {
        uint32_t to = i + AT_ONCE < conns_count ? i + AT_ONCE : conns_count;

        for (uint32_t at = i; at < to; at++)
            open_conn(loop, at);
        until_live(loop, i, to);
    }
    for (uint32_t i = 2; i < conns_count; i++)
        own += (double)chat_conn_get_memory(conns[i]);
    BENCH_REPORT("conns", "memory", {"accounts", conns_count},
                 {"heap_kb <= 1024", (heap_bytes() - heap) / per},
                 {"sqlite_kb", ((double)sqlite3_memory_used() - sqlite) / per},
                 {"libchat_kb", own / per}, {"connect_s", (double)(bench_now_ns() - began) / 1e9});
}

static void measure_idle(chat_loop *loop)
{
    struct bench_samples steps;

    bench_samples_init(&steps, IDLE_STEPS);
    for (uint32_t i = 0; i < IDLE_STEPS; i++) {
        const uint64_t before = bench_now_ns();

        (void)chat_loop_step(loop, 0);
        bench_sample(&steps, bench_now_ns() - before);
        pull_all(loop);
    }
    BENCH_REPORT("conns", "idle", {"accounts", conns_count},
                 {"step_p50_us", (double)bench_percentile(&steps, 50) / 1e3},
                 {"step_p99_us", (double)bench_percentile(&steps, 99) / 1e3});
    bench_samples_fini(&steps);
}

/* Steps with the budget until the receiver has them all; beside it the sender's own loop. */
static void measure_flood(const char *subject, chat_loop *loop, chat_loop *sender, uint64_t wanted)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;
    struct bench_samples steps, cpu;
    uint64_t got = 0, spent = 0;

    bench_samples_init(&steps, 1000000);
    bench_samples_init(&cpu, 1000000);
    chat_loop_set_budget(loop, BUDGET_US, 0);
    while (got < wanted && bench_now_ns() < end) {
        uint64_t wall_ns = bench_now_ns(), cpu_ns = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);

        (void)chat_loop_step(loop, 0);
        wall_ns = bench_now_ns() - wall_ns;
        bench_sample(&steps, wall_ns);
        bench_sample(&cpu, bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns);
        spent += wall_ns;
        got += pull(conns[0], NULL, NULL);
        pull_all(loop);
        (void)chat_loop_step(sender, 0);
        pull_all(sender);
    }
    chat_loop_set_budget(loop, 0, 0);
    if (got < wanted)
        bench_fail("messages are missing");
    BENCH_REPORT("conns", subject, {"messages", (double)wanted}, {"steps", (double)steps.count},
                 {"step_max_ms <= 4", (double)bench_percentile(&steps, 100) / 1e6},
                 {"step_p99_ms", (double)bench_percentile(&steps, 99) / 1e6},
                 {"step_max_cpu_ms", (double)bench_percentile(&cpu, 100) / 1e6},
                 {"messages_per_s", (double)wanted * 1e9 / (double)spent});
    bench_samples_fini(&steps);
    bench_samples_fini(&cpu);
}

static uint64_t open_direct(chat_loop *sender)
{
    uint64_t peer = 0, channel = 0, ticket;

    must(chat_conn_find_user(conns[1], "account-0", 9, &ticket), "find");
    for (int i = 0; i < 10000 && !peer; i++) {
        (void)chat_loop_step(sender, 10);
        (void)pull(conns[1], &peer, &channel);
    }
    must(chat_conn_open_direct(conns[1], peer, &ticket), "open");
    for (int i = 0; i < 10000 && (!channel || !chat_conn_get_channel(conns[1], channel)); i++) {
        (void)chat_loop_step(sender, 10);
        (void)pull(conns[1], &peer, &channel);
    }
    return channel;
}

static void send_all(uint64_t channel)
{
    static const char text[] = "a message of the usual length, give or take a few words";

    for (uint32_t i = 0; i < messages; i++)
        must(chat_conn_send_text(conns[1], channel, text, sizeof(text) - 1, NULL), "send");
}

static void until_sent(chat_loop *sender)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;

    while (chat_conn_get_outgoing_count(conns[1]) && bench_now_ns() < end) {
        (void)chat_loop_step(sender, 10);
        (void)pull(conns[1], NULL, NULL);
    }
}

static void measure(void)
{
    chat_loop *loop = loop_new(), *sender = loop_new();
    uint64_t channel;

    open_conn(loop, 0);
    open_conn(sender, 1);
    until_live(loop, 0, 1);
    until_live(sender, 1, 2);
    measure_memory(loop);
    measure_idle(loop);
    channel = open_direct(sender);
    send_all(channel);
    measure_flood("live", loop, sender, messages);
    chat_conn_suspend(conns[0]);
    send_all(channel);
    until_sent(sender);
    chat_conn_resume(conns[0]);
    measure_flood("catchup", loop, sender, messages);
    for (uint32_t i = 0; i < conns_count; i++)
        chat_conn_free(conns[i]);
    chat_loop_free(loop);
    chat_loop_free(sender);
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"conns", required_argument, NULL, 'c'},
                                            {"messages", required_argument, NULL, 'm'},
                                            {"tls", no_argument, NULL, 't'},
                                            {0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            conns_count = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'm')
            messages = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 't')
            tls = true;
        else
            conns_count = 0;
    }
    if (conns_count >= 3 && conns_count <= CONNS_MAX && messages >= 1 && messages <= 1000000)
        return;
    fputs(usage, stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    uint64_t end = bench_now_ns() + PATIENCE_NS;
    pid_t server;

    read_options(argc, argv);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        bench_fail("no shared memory");
    bench_folder_make(NULL, "libchat-bench", folder, sizeof(folder));
    if (tls)
        must(dev_cert_make(&(struct dev_cert_config){.folder = folder}), "certificate");
    server = bench_fork();
    if (server == 0)
        serve();
    while (!atomic_load(&shared->ready) && bench_now_ns() < end)
        (void)usleep(1000);
    measure();
    bench_end(server);
    bench_folder_remove(folder);
    return EXIT_SUCCESS;
}
