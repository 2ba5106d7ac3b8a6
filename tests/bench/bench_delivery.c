/*
 * From send to acknowledgement and from send to delivery, as an application sees them: the
 * public client with a cache file on both sides, TLS 1.3, and a server that syncs each
 * message to its disk before it acknowledges it.
 *
 *     bench_delivery [--folder FOLDER] [--messages N] [--every MS]        2000 5
 *     bench_delivery ... --url URL [--url URL] --ca FILE --token TOKEN --token TOKEN
 *
 * Three processes: the server (a chat_server on a folder made in FOLDER; with --url whatever
 * answers there), the sender and the receiver, so that none waits for another's work on the
 * same thread. CLOCK_MONOTONIC is the same in all of them: the text of a message carries
 * the moment before chat_conn_send(). One message is under way at a time. Beside it, in the
 * same folder and at the same pace, what the disk itself takes for a small write and a sync.
 */
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libchat/libchat.h>
#include <libchat/server.h>

#include "bench.h"
#include "bench_disk.h"
#include "bench_process.h"
#include "transport/dev_cert.h"

#define MESSAGES_MAX 100000u
#define WARM 50u /* messages before those that count */
#define TEXT_LEN 200u
#define RECORD_LEN 272u /* about what the journal writes for one */
#define PATIENCE_NS UINT64_C(30000000000)

static const char usage[] =
    "usage: bench_delivery [--folder FOLDER] [--messages N] [--every MS]\n"
    "       [--url URL [--url URL] --ca FILE --token TOKEN-OF-sender --token TOKEN-OF-receiver]\n";

enum side { SENDER, RECEIVER };
static const char *const subjects[] = {"sender", "receiver"};

struct options {
    const char *base, *ca;
    const char *urls[2], *tokens[2];
    uint32_t messages, every_ms;
    bool elsewhere; /* the server was there before */
};

/* What the processes tell each other, in memory they share. */
struct shared {
    _Atomic int server_ready, receiver_ready;
    _Atomic uint32_t delivered;
    char url[64];
    char tokens[2][CHAT_TOKEN_MAX + 1];
    uint64_t delivery_ns[MESSAGES_MAX + WARM];
};

static struct shared *shared;
static struct options options;
static char folder[256];

static void must(chat_status status, const char *what)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "bench_delivery: %s: %s\n", what, chat_status_text(status));
    exit(EXIT_FAILURE);
}

static void log_line(chat_log_level level, const char *area, const char *text, void *user)
{
    (void)user, (void)level;
    fprintf(stderr, "%s: %s\n", area, text);
}

static const struct chat_logger logger = {.write = log_line, .level = CHAT_LOG_WARN};

static void await(const _Atomic int *flag, const char *what)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;

    while (!atomic_load(flag)) {
        if (bench_now_ns() > end)
            bench_fail(what);
        (void)usleep(1000);
    }
}

/* --- the server --- */

static _Noreturn void serve(void)
{
    struct chat_server_config config;
    chat_server *server;
    char data[300], cert[300], key[300];

    (void)snprintf(data, sizeof(data), "%s/data", folder);
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
    (void)snprintf(key, sizeof(key), "%s/key.pem", folder);
    chat_server_config_init(&config);
    config.logger = &logger;
    config.data_folder = data;
    config.cert_file = cert;
    config.key_file = key;
    config.operations_per_second = 100000;
    must(chat_server_new(&config, &server), "chat_server_new");
    for (int i = 0; i < 2; i++)
        must(chat_server_mint_token(server, subjects[i], NULL, 86400, shared->tokens[i],
                                    sizeof(shared->tokens[i])),
             "token");
    (void)snprintf(shared->url, sizeof(shared->url), "wss://localhost:%u/",
                   chat_server_get_port(server));
    while (chat_server_step(server, -1) == CHAT_OK) {
        if (chat_server_is_ready(server))
            atomic_store(&shared->server_ready, 1);
    }
    _exit(EXIT_FAILURE);
}

/* --- a client --- */

struct client {
    chat_loop *loop;
    chat_conn *conn;
    bool live;
};

static void client_open(struct client *c, enum side side)
{
    struct chat_loop_config loop;
    struct chat_conn_config config;
    char cache[300];

    *c = (struct client){0};
    (void)snprintf(cache, sizeof(cache), "%s/%s.cache", folder, subjects[side]);
    chat_loop_config_init(&loop);
    loop.logger = &logger;
    loop.ca_file = options.ca;
    must(chat_loop_new(&loop, &c->loop), "chat_loop_new");
    chat_conn_config_init(&config);
    config.url = options.urls[side];
    config.token = options.tokens[side];
    config.cache_path = cache;
    config.logger = &logger;
    must(chat_conn_new(c->loop, &config, &c->conn), "chat_conn_new");
    must(chat_conn_start(c->conn), "chat_conn_start");
}

static void client_close(struct client *c)
{
    chat_conn_free(c->conn);
    chat_loop_free(c->loop);
}

/* The next event; waits at most so long. */
static bool next_event(struct client *c, int64_t timeout_ms, struct chat_event *out)
{
    if (!chat_conn_next_event(c->conn, out)) {
        must(chat_loop_step(c->loop, timeout_ms), "chat_loop_step");
        if (!chat_conn_next_event(c->conn, out))
            return false;
    }
    if (out->type == CHAT_EVENT_STATE) {
        c->live = out->state == CHAT_CONN_LIVE;
        if (out->state == CHAT_CONN_BACKING_OFF || out->state == CHAT_CONN_CLOSED)
            bench_fail(chat_conn_last_problem(c->conn));
    }
    return true;
}

static void until_live(struct client *c)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;
    struct chat_event event = CHAT_EVENT_INIT;

    while (!c->live) {
        if (bench_now_ns() > end)
            bench_fail("no connection");
        (void)next_event(c, 100, &event);
    }
}

/* Answers of the server bear the ticket of the call. */
static void until_answered(struct client *c, uint64_t ticket, struct chat_event *event)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;

    do {
        if (bench_now_ns() > end)
            bench_fail("no answer");
        event->ticket = 0;
        (void)next_event(c, 100, event);
    } while (event->ticket != ticket);
    must(event->status, "an answer");
}

/* --- the receiver --- */

static _Noreturn void receive(void)
{
    struct client client;
    struct chat_event event = CHAT_EVENT_INIT;
    uint32_t count = 0;

    client_open(&client, RECEIVER);
    until_live(&client);
    atomic_store(&shared->receiver_ready, 1);
    while (count < options.messages + WARM) {
        if (!next_event(&client, -1, &event) || event.type != CHAT_EVENT_MESSAGE)
            continue;
        shared->delivery_ns[count] = bench_now_ns() - strtoull(event.message->text, NULL, 10);
        atomic_store(&shared->delivered, ++count);
    }
    client_close(&client);
    _exit(0);
}

/* --- the sender --- */

static uint64_t open_direct(struct client *c)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t ticket, channel_id;

    must(chat_conn_find_user(c->conn, subjects[RECEIVER], strlen(subjects[RECEIVER]), &ticket),
         "find");
    until_answered(c, ticket, &event);
    if (event.users_count != 1)
        bench_fail("the receiver is not known");
    must(chat_conn_open_direct(c->conn, event.users[0]->user_id, &ticket), "open");
    until_answered(c, ticket, &event);
    channel_id = event.channel_id;
    while (!chat_conn_get_channel(c->conn, channel_id)) /* its home tells us that we belong to it */
        (void)next_event(c, 100, &event);
    return channel_id;
}

/* Returns the ns up to its acknowledgement. */
static uint64_t send_one(struct client *c, uint64_t channel_id)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct chat_nonce nonce;
    char text[TEXT_LEN + 1];
    uint64_t begun = bench_now_ns();

    (void)snprintf(text, sizeof(text), "%020" PRIu64 "%*s", begun, (int)TEXT_LEN - 20, "");
    must(chat_conn_send_text(c->conn, channel_id, text, TEXT_LEN, &nonce), "send");
    for (;;) {
        if (bench_now_ns() - begun > PATIENCE_NS)
            bench_fail("no acknowledgement");
        if (next_event(c, 1000, &event) && event.type == CHAT_EVENT_OUTGOING &&
            event.outgoing->nonce.counter == nonce.counter &&
            event.outgoing->state == CHAT_OUTGOING_DONE)
            return bench_now_ns() - begun;
    }
}

/* Moves the client until the time has come. */
static void rest_until(struct client *c, uint64_t at_ns)
{
    struct chat_event event = CHAT_EVENT_INIT;

    for (;;) {
        const uint64_t now_ns = bench_now_ns();

        if (now_ns >= at_ns)
            return;
        (void)next_event(c, (int64_t)((at_ns - now_ns + 999999) / 1000000), &event);
    }
}

static void send_all(struct bench_samples *acks)
{
    struct client client;
    uint64_t channel_id, begun, end;

    client_open(&client, SENDER);
    until_live(&client);
    channel_id = open_direct(&client);
    begun = bench_now_ns();
    for (uint32_t i = 0; i < options.messages + WARM; i++) {
        uint64_t ack_ns;

        rest_until(&client, begun + UINT64_C(1000000) * options.every_ms * i);
        ack_ns = send_one(&client, channel_id);
        if (i >= WARM)
            bench_sample(acks, ack_ns);
    }
    end = bench_now_ns() + PATIENCE_NS;
    while (atomic_load(&shared->delivered) < options.messages + WARM) {
        if (bench_now_ns() > end)
            bench_fail("not all was delivered");
        (void)usleep(1000);
    }
    client_close(&client);
}

/* --- all of it --- */

static void report(const char *subject, struct bench_samples *s, const char *p99_name)
{
    char name[96];

    (void)snprintf(name, sizeof(name), "%s%s", subject,
                   options.elsewhere ? ", through daemons" : ", chat_server");
    BENCH_REPORT("delivery", name, {"p50_ms", (double)bench_percentile(s, 50) / 1e6},
                 {p99_name, (double)bench_percentile(s, 99) / 1e6},
                 {"max_ms", (double)bench_percentile(s, 100) / 1e6});
}

static void measure_disk(struct bench_samples *syncs)
{
    const struct bench_disk_run run = {.folder = folder,
                                       .len = RECORD_LEN,
                                       .count_max = options.messages / 2,
                                       .pace_ns = UINT64_C(1000000) * options.every_ms};

    (void)bench_disk_sync(&run, syncs);
}

static bool read_options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"folder", required_argument, NULL, 'f'},
        {"messages", required_argument, NULL, 'm'},
        {"every", required_argument, NULL, 'e'},
        {"url", required_argument, NULL, 'u'},
        {"ca", required_argument, NULL, 'c'},
        {"token", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    int option, urls = 0, tokens = 0;

    options = (struct options){.messages = 2000, .every_ms = 5};
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (option) {
        case 'f': options.base = optarg; break;
        case 'm': options.messages = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'e': options.every_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'u': options.urls[urls++ & 1] = optarg; break;
        case 'c': options.ca = optarg; break;
        case 't': options.tokens[tokens++ & 1] = optarg; break;
        default: return false;
        }
    }
    options.elsewhere = urls > 0;
    if (urls == 1)
        options.urls[RECEIVER] = options.urls[SENDER];
    return optind == argc && options.messages >= 2 && options.messages <= MESSAGES_MAX &&
           options.every_ms >= 1 && urls <= 2 && (urls > 0 ? tokens == 2 && options.ca : !tokens);
}

/* A server of our own; afterwards the options say where it is. */
static pid_t start_server(char *ca, size_t ca_size)
{
    const struct dev_cert_config cert = {.folder = folder, .logger = &logger};
    pid_t server;

    must(dev_cert_make(&cert), "certificate");
    (void)snprintf(ca, ca_size, "%s/ca.pem", folder);
    server = bench_fork();
    if (server == 0)
        serve();
    await(&shared->server_ready, "the server is not ready");
    options.ca = ca;
    for (int i = 0; i < 2; i++) {
        options.urls[i] = shared->url;
        options.tokens[i] = shared->tokens[i];
    }
    return server;
}

static void remove_folder(void) { bench_folder_remove(folder); }

int main(int argc, char **argv)
{
    struct bench_samples acks, deliveries, syncs;
    char ca[300];
    pid_t server = 0, receiver;

    (void)signal(SIGPIPE, SIG_IGN);
    if (!read_options(argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        bench_die("memory");
    bench_folder_make(options.base, "bench-delivery", folder, sizeof(folder));
    (void)atexit(remove_folder);
    bench_samples_init(&acks, options.messages);
    bench_samples_init(&deliveries, options.messages);
    bench_samples_init(&syncs, options.messages);
    if (!options.elsewhere)
        server = start_server(ca, sizeof(ca));
    receiver = bench_fork();
    if (receiver == 0)
        receive();
    await(&shared->receiver_ready, "the receiver is not there");
    measure_disk(&syncs);
    send_all(&acks);
    measure_disk(&syncs);
    for (uint32_t i = 0; i < options.messages; i++)
        bench_sample(&deliveries, shared->delivery_ns[WARM + i]);
    bench_end(receiver);
    bench_end(server);
    BENCH_REPORT("delivery", "the disk: write and sync",
                 {"p50_ms", (double)bench_percentile(&syncs, 50) / 1e6},
                 {"p99_ms", (double)bench_percentile(&syncs, 99) / 1e6},
                 {"max_ms", (double)bench_percentile(&syncs, 100) / 1e6});
    report("send to ack", &acks, "p99_ms");
    report("send to delivery", &deliveries, "p99_ms <= 5");
    bench_samples_fini(&acks);
    bench_samples_fini(&deliveries);
    bench_samples_fini(&syncs);
    return 0;
}
