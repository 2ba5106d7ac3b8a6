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
 * the users as members. Both have a few sessions of other users before, with as many homes:
 * what a router has once, and the memory that signing in needs for a moment, is not counted
 * then, nor does the one kind of session settle in what the other kind left behind. In the second
 * one a device sends to one of the groups, single messages and ten at once, beside a bare epoll
 * server that writes the same bytes to as many sockets, the two in turns.
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
#define FIRST LUMP    /* sessions that come before those that count */
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

/* Sessions, and the users they are of: session i is of user i % users. */
struct crowd {
    const char *name; /* of its users, before their number */
    int users;
    struct bench_sockets sockets;
    struct session sessions[SESSIONS_MAX];
    int complete;
    uint64_t user_ids[USERS_MAX];
};

struct bench {
    struct options o;
    struct bench_service service;
    struct crowd crowd, first;
    struct arena arena;
    uint64_t channel_id; /* where it is sent to */
    uint64_t counter;    /* of the sender's operations */
    uint64_t after;      /* its last one in the channel */
    uint32_t answers;    /* Opened ones */
    uint64_t heartbeat_ns;
    bool capturing;
    struct bench_payloads payloads;
    char text[TEXT_LEN + 1];
};

static struct bench bench; /* the asks of fan-outs know only their sockets */

static void send_frame(struct crowd *c, int index, const WireClientFrame *frame)
{
    struct frame *encoded = wire_encode_client(NULL, frame);

    if (!encoded)
        bench_fail("memory");
    bench_sockets_send(&c->sockets, index, encoded->bytes, encoded->len);
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

static void take_frame(struct bench *b, struct crowd *c, int index, const WireServerFrame *frame)
{
    struct session *session = &c->sessions[index];

    switch ((int)frame->body_case) {
    case WIRE_SERVER_FRAME__BODY_WELCOME:
        c->user_ids[index % c->users] = frame->welcome->user_id;
        break;
    case WIRE_SERVER_FRAME__BODY_CHANNEL_LIST:
        session->channels += (uint32_t)frame->channel_list->n_channels;
        if (frame->channel_list->complete && !session->complete) {
            session->complete = true;
            c->complete++;
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
    struct bench *b = &bench;
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
        take_frame(b, s->user, index, batch->frames[i]);
}

/* --- signing in --- */

/* Who is silent for 75 s is sent away. */
static void stay_alive(struct bench *b)
{
    struct crowd *c = &b->crowd;
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHeartbeat heartbeat = WIRE_HEARTBEAT__INIT;

    if (bench_now_ns() - b->heartbeat_ns < HEARTBEAT_NS)
        return;
    b->heartbeat_ns = bench_now_ns();
    frame.body_case = WIRE_CLIENT_FRAME__BODY_HEARTBEAT;
    frame.heartbeat = &heartbeat;
    for (int i = 0; i < c->complete; i++)
        send_frame(c, i, &frame);
}

static void say_hello(struct crowd *c, int index)
{
    static char token[CHAT_TOKEN_MAX + 1];
    char subject[32];
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;

    (void)snprintf(subject, sizeof(subject), "%s-%d", c->name, index % c->users);
    bench_service_token(subject, token);
    hello.token = token;
    hello.device_id = (uint64_t)index + 1;
    hello.client = "bench/1";
    frame.request_id = 1;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_HELLO;
    frame.hello = &hello;
    send_frame(c, index, &frame);
}

static void await(struct crowd *c, bool (*done)(const struct crowd *c, int wanted), int wanted,
                  const char *what)
{
    const uint64_t end = bench_now_ns() + PATIENCE_NS;

    while (!done(c, wanted)) {
        if (bench_now_ns() > end)
            bench_fail(what);
        bench_sockets_turn(&c->sockets, 100);
    }
}

static bool are_complete(const struct crowd *c, int wanted) { return c->complete >= wanted; }

static bool have_channels(const struct crowd *c, int wanted)
{
    for (int i = 0; i < c->sockets.count; i++) {
        if (c->sessions[i].channels < (uint32_t)wanted)
            return false;
    }
    return true;
}

static bool has_opened(const struct crowd *c, int wanted)
{
    (void)c;
    return bench.answers >= (uint32_t)wanted;
}

static void settle(struct crowd *c)
{
    const uint64_t end = bench_now_ns() + UINT64_C(1000000) * SETTLE_MS;

    while (bench_now_ns() < end)
        bench_sockets_turn(&c->sockets, 50);
}

/* `count` sessions, in place of those before. */
static void sign_in(struct bench *b, struct crowd *c, int count)
{
    if (c->sockets.all)
        bench_sockets_fini(&c->sockets);
    bench_sockets_init(&c->sockets, count);
    c->sockets.on_message = on_message;
    c->sockets.user = c;
    memset(c->sessions, 0, sizeof(c->sessions));
    c->complete = 0;
    while (c->sockets.count < count) {
        const int first = c->sockets.count;

        bench_sockets_connect(&c->sockets, b->service.router_port,
                              count - first < LUMP ? count - first : LUMP);
        for (int i = first; i < c->sockets.count; i++)
            say_hello(c, i);
        await(c, are_complete, c->sockets.count, "a session was not signed in");
        stay_alive(b);
    }
}

static void leave(struct crowd *c)
{
    if (c->sockets.all)
        bench_sockets_fini(&c->sockets);
    c->complete = 0;
}

/* Sessions of others, of as many homes each, come first and are not counted: with them the router
 * has all that it has once, the buffers of its links above all. Returns what each of the rest adds.
 */
static double memory_of_sessions(struct bench *b, int homes)
{
    const int count = b->o.users * b->o.devices;
    double before, after;

    leave(&b->crowd);
    leave(&b->first);
    bench_service_start_router(&b->service);
    sign_in(b, &b->first, b->first.users);
    await(&b->first, have_channels, homes, "a session did not get all its channels");
    settle(&b->first);
    before = bench_rss_bytes(b->service.router);
    b->heartbeat_ns = bench_now_ns();
    sign_in(b, &b->crowd, count);
    await(&b->crowd, have_channels, homes, "a session did not get all its channels");
    settle(&b->crowd);
    after = bench_rss_bytes(b->service.router);
    leave(&b->first);
    return (after - before) / count;
}

/* All users of the crowd into as many groups, by the first of them; nobody else is there. */
static void create_groups(struct bench *b, struct crowd *c)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireCreateGroup create = WIRE_CREATE_GROUP__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    bench_service_start_router(&b->service);
    sign_in(b, c, c->users); /* to know who they are */
    leave(c);
    bench_service_start_router(&b->service);
    sign_in(b, c, 1);
    nonce.device_id = 1;
    create.nonce = &nonce;
    create.name = "bench";
    create.n_member_ids = (size_t)c->users - 1;
    create.member_ids = c->user_ids + 1;
    frame.request_id = 2;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_CREATE_GROUP;
    frame.create_group = &create;
    b->answers = 0;
    for (int i = 0; i < b->o.homes; i++) {
        nonce.counter = ++b->counter;
        frame.request_id++;
        send_frame(c, 0, &frame);
        await(c, has_opened, i + 1, "a group was not made");
    }
    settle(c); /* its members are told by their homes */
    leave(c);
}

/* --- fanning out --- */

/* Device 1 of the first user sends so many messages within one of WebSocket's. */
static void ask_router(struct bench_sockets *s, unsigned burst)
{
    struct bench *b = &bench;
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

    (void)bench_sockets_fan_out(&b->crowd.sockets, router, ask_router, 5, 1); /* warm */
    settle(&b->crowd);
    b->capturing = true;
    (void)bench_sockets_fan_out(&b->crowd.sockets, router, ask_router, 0, 1);
    (void)bench_sockets_fan_out(&b->crowd.sockets, router, ask_router, 0, BENCH_BURST);
    b->capturing = false;
    b->crowd.sockets.on_message = NULL;
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
    struct bench_sockets *s = &b->crowd.sockets;
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
        stay_alive(b);
    }
    bench_bare_stop(&bare);
    report_fan_out(outcomes,
                   (double)(s->deliveries - deliveries) / (double)(s->messages - messages));
}

static void measure_memory(struct bench *b)
{
    double idle, joined;

    idle = memory_of_sessions(b, 0);
    create_groups(b, &b->first);
    create_groups(b, &b->crowd);
    joined = memory_of_sessions(b, b->o.homes);
    BENCH_REPORT("sessions", "idle, signed in", {"sessions", (double)b->crowd.sockets.count},
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
    struct bench *b = &bench;

    (void)signal(SIGPIPE, SIG_IGN);
    if (!read_options(argc, argv, &b->o)) {
        fputs(usage, stderr);
        return 2;
    }
    if ((uint32_t)(b->o.users * b->o.devices) + FIRST + 100 > fd_limit_raise())
        bench_fail("so many sessions need more descriptors than there are");
    b->crowd.name = "user";
    b->crowd.users = b->o.users;
    b->first.name = "first";
    b->first.users = FIRST;
    arena_init(&b->arena, NULL, 8u << 20);
    memset(b->text, 'm', TEXT_LEN);
    bench_service_start(&b->service, argv[1]);
    measure_memory(b);
    measure_fan_out(b);
    leave(&b->crowd);
    bench_service_stop(&b->service);
    arena_fini(&b->arena);
    return 0;
}
