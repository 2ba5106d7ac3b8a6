/*
 * The router itself with many clients: what an idle session that is signed in costs in user
 * memory, what each conversation it belongs to adds, and what a delivery costs in CPU.
 *
 *     bench_sessions DAEMONS [users] [devices] [homes] [rounds]        500 20 50 30
 *
 * chat-router runs in a process of its own, and so do the chat-store (memory engine) and
 * the chat-presence it talks to; no TLS. A group has at most 500 members, so 10,000 sessions
 * of one home are 500 users with 20 devices each. Two routers, one after the other, hold
 * those sessions: first without any conversation, then with `homes` groups that have all
 * the users as members. In the second one a device sends to one of the groups, single
 * messages and ten at once, beside a bare epoll server that writes the same bytes to as many
 * sockets, the two in turns.
 */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench_bare.h"
#include "bench_process.h"
#include "bench_service.h"
#include "bench_sockets.h"
#include "transport/fd_limit.h"
#include "wire/wire.h"

#define USERS_MAX CHAT_GROUP_MEMBERS_MAX
#define SESSIONS_MAX 20000
/* Sign-ins at once: each looks up 16 homes at a time, and a router refuses sign-ins while it has
 * 2,048 such questions of its own under way at a store. */
#define LUMP 64
#define REPEATS 5     /* of each fan-out; the median is told */
#define TEXT_LEN 200u /* of a message */
#define SETTLE_MS 1500
#define PATIENCE_NS UINT64_C(60000000000)
#define HEARTBEAT_NS UINT64_C(30000000000)

static const char usage[] =
    "usage: bench_sessions DAEMONS [users (500)] [devices (20)] [homes (50)] [rounds (30)]\n";

struct options {
    int users, devices, homes, rounds;
};

struct session {
    uint32_t channels;
    bool complete;
};

struct bench {
    struct options o;
    struct bench_service service;
    struct bench_sockets sockets;
    struct arena arena;
    struct session sessions[SESSIONS_MAX];
    int complete;
    uint64_t user_ids[USERS_MAX];
    uint64_t channel_id; /* where it is sent to */
    uint64_t counter;    /* of the sender's operations */
    uint64_t after;      /* its last one in the channel */
    uint32_t answers;    /* Opened ones */
    uint64_t heartbeat_ns;
    bool capturing;
    struct bench_payloads payloads;
    char text[TEXT_LEN + 1];
};

/* The asks of fan-outs know only their sockets. */
static struct bench *bench_of(struct bench_sockets *s) { return s->user; }

static void send_frame(struct bench *b, int index, const WireClientFrame *frame)
{
    struct frame *encoded = wire_encode_client(NULL, frame);

    if (!encoded)
        bench_fail("memory");
    bench_sockets_send(&b->sockets, index, encoded->bytes, encoded->len);
    frame_unref(encoded);
}

/* --- what comes --- */

static void capture(struct bench *b, const uint8_t *bytes, size_t len)
{
    struct bench_payloads *p = &b->payloads;

    if (len > BENCH_PAYLOAD_MAX)
        bench_fail("a delivery is too long");
    if (p->single_len == 0) {
        memcpy(p->single, bytes, len);
        p->single_len = len;
        return;
    }
    memcpy(p->burst, bytes, len);
    p->burst_len = len;
}

static void take_frame(struct bench *b, int index, const WireServerFrame *frame)
{
    struct session *session = &b->sessions[index];

    switch ((int)frame->body_case) {
    case WIRE_SERVER_FRAME__BODY_WELCOME:
        b->user_ids[index % b->o.users] = frame->welcome->user_id;
        break;
    case WIRE_SERVER_FRAME__BODY_CHANNEL_LIST:
        session->channels += (uint32_t)frame->channel_list->n_channels;
        if (frame->channel_list->complete && !session->complete) {
            session->complete = true;
            b->complete++;
        }
        break;
    case WIRE_SERVER_FRAME__BODY_OPENED:
        b->channel_id = frame->opened->channel_id;
        b->answers++;
        break;
    case WIRE_SERVER_FRAME__BODY_PROBLEM:
        fprintf(stderr, "bench: problem %d %s %s\n", (int)frame->problem->code,
                frame->problem->limit, frame->problem->detail);
        exit(EXIT_FAILURE);
    default: break;
    }
}

static void on_message(struct bench_sockets *s, int index, const uint8_t *bytes, size_t len)
{
    struct bench *b = bench_of(s);
    WireServerBatch *batch;
    struct wire_fault fault;

    if (b->capturing) { /* the last receiver: not the sender, nor another device of it */
        if (index == s->count - 1)
            capture(b, bytes, len);
        return;
    }
    arena_reset(&b->arena);
    if (wire_decode_server(bytes, len, &b->arena, &batch, &fault) != CHAT_OK)
        bench_fail(fault.rule);
    for (size_t i = 0; i < batch->n_frames; i++)
        take_frame(b, index, batch->frames[i]);
}

/* --- signing in --- */

/* Who is silent for 75 s is sent away. */
static void stay_alive(struct bench *b, int count)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHeartbeat heartbeat = WIRE_HEARTBEAT__INIT;

    if (bench_now_ns() - b->heartbeat_ns < HEARTBEAT_NS)
        return;
    b->heartbeat_ns = bench_now_ns();
    frame.body_case = WIRE_CLIENT_FRAME__BODY_HEARTBEAT;
    frame.heartbeat = &heartbeat;
    for (int i = 0; i < count; i++)
        send_frame(b, i, &frame);
}

static void say_hello(struct bench *b, int index)
{
    static char token[CHAT_TOKEN_MAX + 1];
    char subject[32];
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;

    (void)snprintf(subject, sizeof(subject), "user-%d", index % b->o.users);
    bench_service_token(subject, token);
    hello.token = token;
    hello.device_id = (uint64_t)index + 1;
    hello.client = "bench/1";
    frame.request_id = 1;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_HELLO;
    frame.hello = &hello;
    send_frame(b, index, &frame);
}

static void await(struct bench *b, bool (*done)(const struct bench *b, int wanted), int wanted,
                  const char *what)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;

    while (!done(b, wanted)) {
        if (bench_now_ns() > end)
            bench_fail(what);
        bench_sockets_turn(&b->sockets, 100);
        stay_alive(b, b->complete < b->sockets.count ? 0 : b->sockets.count);
    }
}

static bool are_complete(const struct bench *b, int wanted) { return b->complete >= wanted; }

static bool have_channels(const struct bench *b, int wanted)
{
    for (int i = 0; i < b->sockets.count; i++) {
        if (b->sessions[i].channels < (uint32_t)wanted)
            return false;
    }
    return true;
}

static bool has_opened(const struct bench *b, int wanted) { return b->answers >= (uint32_t)wanted; }

static void settle(struct bench *b)
{
    const uint64_t end = bench_now_ns() + UINT64_C(1000000) * SETTLE_MS;

    while (bench_now_ns() < end)
        bench_sockets_turn(&b->sockets, 50);
}

/* A new router, and `count` sessions in it: device d of user u is number d * users + u. */
static void sign_in(struct bench *b, int count)
{
    if (b->sockets.all)
        bench_sockets_fini(&b->sockets);
    bench_service_start_router(&b->service);
    bench_sockets_init(&b->sockets, count);
    b->sockets.on_message = on_message;
    b->sockets.user = b;
    memset(b->sessions, 0, sizeof(b->sessions));
    b->complete = 0;
    b->heartbeat_ns = bench_now_ns();
    while (b->sockets.count < count) {
        const int first = b->sockets.count;

        bench_sockets_connect(&b->sockets, b->service.router_port,
                              count - first < LUMP ? count - first : LUMP);
        for (int i = first; i < b->sockets.count; i++)
            say_hello(b, i);
        await(b, are_complete, b->sockets.count, "a session was not signed in");
        stay_alive(b, b->sockets.count);
    }
}

/* What a router's memory grew by, all sessions signed in and quiet. */
static double memory_of_sessions(struct bench *b, int homes)
{
    const int count = b->o.users * b->o.devices;
    double before;

    bench_service_start_router(&b->service);
    before = bench_rss_bytes(b->service.router);
    sign_in(b, count);
    await(b, have_channels, homes, "a session did not get all its channels");
    settle(b);
    return (bench_rss_bytes(b->service.router) - before) / count;
}

/* Everybody into all groups, by the first user, while nobody else is there. */
static void create_groups(struct bench *b)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireCreateGroup create = WIRE_CREATE_GROUP__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    sign_in(b, 1);
    nonce.device_id = 1;
    create.nonce = &nonce;
    create.name = "bench";
    create.n_member_ids = (size_t)b->o.users - 1;
    create.member_ids = b->user_ids + 1;
    frame.request_id = 2;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_CREATE_GROUP;
    frame.create_group = &create;
    for (int i = 0; i < b->o.homes; i++) {
        nonce.counter = ++b->counter;
        frame.request_id++;
        send_frame(b, 0, &frame);
        await(b, has_opened, i + 1, "a group was not made");
    }
    settle(b); /* its members are told by their homes */
}

/* --- fanning out --- */

/* Device 1 of the first user sends so many messages within one of WebSocket's. */
static void ask_router(struct bench_sockets *s, unsigned burst)
{
    struct bench *b = bench_of(s);
    uint8_t bytes[BENCH_PAYLOAD_MAX];
    size_t len = 0;

    for (unsigned i = 0; i < burst; i++) {
        WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
        WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
        WireNonce nonce = WIRE_NONCE__INIT;
        struct frame *encoded;

        nonce.device_id = 1;
        nonce.counter = ++b->counter;
        nonce.after = b->after;
        b->after = nonce.counter;
        send.channel_id = b->channel_id;
        send.nonce = &nonce;
        send.text = b->text;
        frame.request_id = (uint32_t)b->counter + 1000;
        frame.body_case = WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE;
        frame.send_message = &send;
        encoded = wire_encode_client(NULL, &frame);
        if (!encoded || encoded->len > sizeof(bytes) - len)
            bench_fail("memory");
        memcpy(bytes + len, encoded->bytes, encoded->len);
        len += encoded->len;
        frame_unref(encoded);
    }
    bench_sockets_send(s, 0, bytes, len);
}

/* What the router writes to a receiver is what the bare server will write. */
static void capture_payloads(struct bench *b)
{
    const pid_t router = b->service.router;

    (void)bench_sockets_fan_out(&b->sockets, router, ask_router, 5, 1); /* warm */
    settle(b);
    b->capturing = true;
    (void)bench_sockets_fan_out(&b->sockets, router, ask_router, 0, 1);
    (void)bench_sockets_fan_out(&b->sockets, router, ask_router, 0, BENCH_BURST);
    b->capturing = false;
    b->sockets.on_message = NULL;
    if (b->payloads.single_len == 0 || b->payloads.burst_len < 5 * b->payloads.single_len)
        bench_fail("a burst does not leave as one message");
}

struct outcome {
    struct bench_samples single, burst;
};

static void report_fan_out(struct outcome outcomes[2], double per_message)
{
    double single[2], burst[2];

    for (int i = 0; i < 2; i++) {
        single[i] = (double)bench_percentile(&outcomes[i].single, 50);
        burst[i] = (double)bench_percentile(&outcomes[i].burst, 50);
        bench_samples_fini(&outcomes[i].single);
        bench_samples_fini(&outcomes[i].burst);
    }
    BENCH_REPORT("sessions", "fan-out by a bare epoll server", {"ns_per_delivery", single[0]},
                 {"ns_per_delivery_burst", burst[0]}, {"burst_gain", single[0] / burst[0]});
    BENCH_REPORT("sessions", "fan-out by the router", {"ns_per_delivery", single[1]},
                 {"ns_per_delivery_burst", burst[1]}, {"messages_per_burst", per_message},
                 {"burst_gain >= 6", single[1] / burst[1]});
    BENCH_REPORT("sessions", "router beside bare", {"times_the_cpu <= 1.4", single[1] / single[0]},
                 {"times_the_cpu_burst", burst[1] / burst[0]});
}

static void measure_fan_out(struct bench *b)
{
    struct outcome outcomes[2];
    struct bench_bare bare;
    struct bench_sockets *s = &b->sockets;
    const pid_t router = b->service.router;
    uint64_t messages, deliveries;

    capture_payloads(b);
    bench_bare_start(&bare, &b->payloads, s->count);
    for (int i = 0; i < 2; i++) {
        bench_samples_init(&outcomes[i].single, REPEATS);
        bench_samples_init(&outcomes[i].burst, REPEATS);
    }
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        bench_sample(&outcomes[0].single, (uint64_t)bench_bare_fan_out(&bare, b->o.rounds, 1));
        bench_sample(&outcomes[1].single,
                     (uint64_t)bench_sockets_fan_out(s, router, ask_router, b->o.rounds, 1));
        bench_sample(&outcomes[0].burst,
                     (uint64_t)bench_bare_fan_out(&bare, b->o.rounds, BENCH_BURST));
        messages = s->messages;
        deliveries = s->deliveries;
        bench_sample(&outcomes[1].burst, (uint64_t)bench_sockets_fan_out(s, router, ask_router,
                                                                         b->o.rounds, BENCH_BURST));
        stay_alive(b, s->count);
    }
    bench_bare_stop(&bare);
    report_fan_out(outcomes,
                   (double)(s->deliveries - deliveries) / (double)(s->messages - messages));
}

static void measure_memory(struct bench *b)
{
    double idle, joined;

    idle = memory_of_sessions(b, 0);
    create_groups(b);
    joined = memory_of_sessions(b, b->o.homes);
    BENCH_REPORT("sessions", "idle, signed in", {"sessions", (double)b->sockets.count},
                 {"bytes <= 3072", idle});
    BENCH_REPORT("sessions", "each joined home", {"homes", b->o.homes},
                 {"bytes <= 16", (joined - idle) / b->o.homes});
}

static bool read_options(int argc, char **argv, struct options *o)
{
    int *const numbers[] = {&o->users, &o->devices, &o->homes, &o->rounds};

    *o = (struct options){.users = 500, .devices = 20, .homes = 50, .rounds = 30};
    if (argc < 2 || argc > 6)
        return false;
    for (int i = 2; i < argc; i++)
        *numbers[i - 2] = (int)strtol(argv[i], NULL, 10);
    return o->users >= 2 && o->users <= (int)USERS_MAX && o->devices >= 1 && o->devices <= 64 &&
           o->users * o->devices <= SESSIONS_MAX && o->homes >= 1 && o->homes <= 200 &&
           o->rounds >= 1;
}

int main(int argc, char **argv)
{
    static struct bench b;

    (void)signal(SIGPIPE, SIG_IGN);
    if (!read_options(argc, argv, &b.o)) {
        fputs(usage, stderr);
        return 2;
    }
    if ((uint32_t)(b.o.users * b.o.devices) + 100 > fd_limit_raise())
        bench_fail("so many sessions need more descriptors than there are");
    arena_init(&b.arena, NULL, 8u << 20);
    memset(b.text, 'm', TEXT_LEN);
    bench_service_start(&b.service, argv[1]);
    measure_memory(&b);
    measure_fan_out(&b);
    bench_sockets_fini(&b.sockets);
    bench_service_stop(&b.service);
    arena_fini(&b.arena);
    return 0;
}
