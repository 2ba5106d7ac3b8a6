/*
 * The whole shard path under load: the store machine, its lanes of threads and the embedded
 * engine on a real disk. Messages arrive as link frames from several routers, are decided,
 * journaled, synced, acknowledged and published, while another reader pages history.
 *
 * Reports acknowledgement times at a steady rate, how they change as the tables grow, and
 * the most that goes through. Beside it the journal alone, fed with records of that size.
 *
 *   bench_store DIR [--rate N] [--seconds N] [--preload N] [--channels N] [--shards N]
 */
#include <getopt.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libchat/limits.h>

#include "api/lanes.h"
#include "base/alloc.h"
#include "base/map.h"
#include "base/rng.h"
#include "bench.h"
#include "server/store/disk.h"
#include "server/store/engine_embedded.h"
#include "server/store/store.h"
#include "wire/wire.h"

#define ROUTERS 8u
#define CREDIT 4000u /* of one router, below what a store grants */
#define CHANNELS_MAX 4096u
#define FRAMES_PER_MESSAGE 64u
#define TEXT_BYTES 200u
#define SAMPLES_MAX (16u << 20)

struct options {
    const char *folder;
    uint64_t rate, preload;
    uint32_t seconds, channels, shards;
};

struct channel {
    uint64_t id, user_id, device_id, counter, head;
    uint64_t acked;     /* the newest counter that is in */
    uint32_t in_flight; /* at most CHAT_IN_FLIGHT_MAX, as every client keeps */
};

struct asked {
    uint64_t at_ns, counter;
    uint32_t channel;
    bool history;
};

struct router {
    link_id link;
    uint64_t requests;
    uint32_t in_flight;
    struct asked asked[8192]; /* by request id, modulo */
    struct buf out;
    uint32_t out_frames;
};

struct bench {
    struct options o;
    struct store *store;
    struct machine *machine;
    struct store_engine *engine;
    struct lanes *lanes;
    int wake_fd;
    struct router routers[ROUTERS];
    struct channel channels[CHANNELS_MAX];
    struct arena arena;
    struct rng rng;
    struct bench_samples acks, pages;
    bool measuring;
    uint64_t acked, failed, published, opened, last_id, now_ns;
    char text[TEXT_BYTES + 1];
};

static void die(const char *what, chat_status status)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, chat_status_name(status));
    exit(1);
}

static struct moment now(const struct bench *b)
{
    return (struct moment){.mono_ms = (int64_t)(b->now_ns / 1000000),
                           .wall_ms = (int64_t)(bench_clock_ns(CLOCK_REALTIME) / 1000000)};
}

/* --- frames in --- */

static void flush_router(struct bench *b, struct router *r)
{
    struct event event = {.kind = EVENT_LINK_MESSAGE, .now = now(b), .link = r->link};

    if (r->out.len == 0)
        return;
    event.message.bytes = r->out.bytes;
    event.message.len = r->out.len;
    machine_feed(b->machine, &event);
    buf_clear(&r->out);
    r->out_frames = 0;
}

static void push_frame(struct bench *b, struct router *r, const WireLinkFrame *frame)
{
    struct frame *encoded = wire_encode_link(NULL, frame);

    if (!encoded || buf_append(&r->out, encoded->bytes, encoded->len) != CHAT_OK)
        die("frame", CHAT_E_NOMEM);
    frame_unref(encoded);
    if (++r->out_frames == FRAMES_PER_MESSAGE)
        flush_router(b, r);
}

static uint64_t ask(struct bench *b, struct router *r, WireLinkFrame *frame, uint32_t channel,
                    bool history)
{
    frame->request_id = ++r->requests;
    r->asked[r->requests % 8192] =
        (struct asked){b->now_ns, b->channels[channel].counter, channel, history};
    r->in_flight++;
    push_frame(b, r, frame);
    return r->requests;
}

static void send_message(struct bench *b, uint32_t channel)
{
    struct channel *c = &b->channels[channel];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = c->device_id;
    nonce.after = c->in_flight > 0 ? c->counter : c->acked;
    nonce.counter = ++c->counter;
    c->in_flight++;
    send.channel_id = c->id;
    send.nonce = &nonce;
    send.text = b->text;
    frame.user_id = c->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    ask(b, &b->routers[channel % ROUTERS], &frame, channel, false);
}

static void fetch_page(struct bench *b, uint32_t channel)
{
    struct channel *c = &b->channels[channel];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;

    fetch.channel_id = c->id;
    fetch.limit = 50;
    fetch.backwards = 1;
    if (c->head > 0 && rng_below(&b->rng, 2))
        fetch.start_seq = 1 + rng_below(&b->rng, c->head);
    frame.user_id = c->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &fetch;
    ask(b, &b->routers[channel % ROUTERS], &frame, channel, true);
}

/* --- frames out --- */

static uint64_t read_varint(const uint8_t *at, size_t *used)
{
    uint64_t value = 0;
    size_t i = 0;

    for (; i < 10; i++) {
        value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (!(at[i] & 0x80))
            break;
    }
    *used = i + 1;
    return value;
}

static void answered(struct bench *b, struct router *r, const struct frame *frame)
{
    size_t used;
    uint64_t request_id;
    const uint8_t *at = frame->bytes + 1;
    struct asked *asked;
    struct channel *c;

    read_varint(at, &used); /* the element's length */
    at += used;
    if (*at != 0x08)
        return; /* no request id */
    request_id = read_varint(at + 1, &used);
    asked = &r->asked[request_id % 8192];
    r->in_flight--;
    c = &b->channels[asked->channel];
    if (frame->kind == WIRE_LINK_FRAME__BODY_PROBLEM)
        b->failed++;
    else if (frame->kind == WIRE_LINK_FRAME__BODY_SENT)
        b->acked++;
    else
        b->opened++;
    if (c->in_flight > 0 && !asked->history)
        c->in_flight--;
    if (frame->kind == WIRE_LINK_FRAME__BODY_SENT) {
        c->head++;
        c->acked = asked->counter;
    }
    if (b->measuring)
        bench_sample(asked->history ? &b->pages : &b->acks, b->now_ns - asked->at_ns);
}

/* Setting up reads ids from answers: slowly, with the real decoder. */
static uint64_t id_in(struct bench *b, const struct frame *frame)
{
    WireLinkBatch *batch;
    struct wire_fault fault;
    uint64_t id = 0;

    arena_reset(&b->arena);
    if (wire_decode_link(frame->bytes, frame->len, &b->arena, &batch, &fault) != CHAT_OK)
        return 0;
    if (batch->frames[0]->body_case == WIRE_LINK_FRAME__BODY_SESSION_OPENED)
        id = batch->frames[0]->session_opened->user_id;
    else if (batch->frames[0]->body_case == WIRE_LINK_FRAME__BODY_OPENED)
        id = batch->frames[0]->opened->channel_id;
    return id;
}

static void took(struct bench *b, struct router *r, const struct frame *frame)
{
    if (frame->kind == WIRE_LINK_FRAME__BODY_PUBLICATION)
        b->published++;
    else if (frame->kind == WIRE_LINK_FRAME__BODY_SESSION_OPENED ||
             frame->kind == WIRE_LINK_FRAME__BODY_OPENED)
        b->last_id = id_in(b, frame);
    answered(b, r, frame);
}

static void carry_out(struct bench *b, const struct effect *effect)
{
    if (effect->kind == EFFECT_SEND) {
        struct router *r = &b->routers[effect->link - 1];
        for (size_t i = 0; i < effect->send.count; i++)
            took(b, r, effect->send.frames[i]);
    } else if (effect->kind == EFFECT_ENGINE) {
        if (lanes_submit(b->lanes, effect->engine) != CHAT_OK)
            die("lanes", CHAT_E_FULL);
    } else if (effect->kind == EFFECT_CLOSE) {
        fprintf(stderr, "bench_store: the store closed a link: %s\n", effect->close.reason);
        exit(1);
    }
}

static void on_wake(void *user)
{
    uint64_t one = 1;
    if (write(((struct bench *)user)->wake_fd, &one, sizeof(one)) < 0)
        abort();
}

/* One turn: completions, timers, effects; then waits for the disk or at most 1 ms. */
static void turn(struct bench *b, bool wait)
{
    struct event event;
    struct effect effect;
    struct engine_request *request;
    struct pollfd fd = {.fd = b->wake_fd, .events = POLLIN};
    uint64_t count;

    for (uint32_t i = 0; i < ROUTERS; i++)
        flush_router(b, &b->routers[i]);
    b->now_ns = bench_now_ns();
    while ((request = lanes_take(b->lanes))) {
        event = (struct event){.kind = EVENT_ENGINE_DONE, .now = now(b), .engine = request};
        machine_feed(b->machine, &event);
    }
    if (machine_deadline(b->machine) <= now(b).mono_ms) {
        event = (struct event){.kind = EVENT_TIMER, .now = now(b)};
        machine_feed(b->machine, &event);
    }
    while (machine_poll(b->machine, &effect))
        carry_out(b, &effect);
    if (wait && poll(&fd, 1, 1) > 0 && read(b->wake_fd, &count, sizeof(count)) < 0)
        abort();
    b->now_ns = bench_now_ns();
}

/* --- setting up --- */

static void until_answered(struct bench *b, const struct router *r)
{
    uint64_t end = bench_now_ns() + 30000000000u;

    while (r->in_flight > 0) {
        turn(b, true);
        if (bench_now_ns() > end)
            die("no answer", CHAT_E_TIMEOUT);
    }
}

static void connect_routers(struct bench *b)
{
    for (uint32_t i = 0; i < ROUTERS; i++) {
        struct router *r = &b->routers[i];
        struct event event = {.kind = EVENT_LINK_OPENED, .now = now(b), .link = i + 1};
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
        WireLinkHello hello = WIRE_LINK_HELLO__INIT;

        r->link = i + 1;
        buf_init(&r->out, NULL, WIRE_LINK_MESSAGE_MAX);
        event.opened.kind = LINK_PEER;
        event.opened.address = "127.0.0.1";
        machine_feed(b->machine, &event);
        hello.version = LINK_VERSION;
        hello.role = WIRE_LINK_ROLE__LINK_ROLE_ROUTER;
        hello.node_id = 100 + i;
        frame.body_case = WIRE_LINK_FRAME__BODY_LINK_HELLO;
        frame.link_hello = &hello;
        push_frame(b, r, &frame);
        turn(b, false);
    }
}

static void stay_alive(struct bench *b)
{
    static uint64_t last_ns;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkPing ping = WIRE_LINK_PING__INIT;

    if (b->now_ns - last_ns < 2000000000u)
        return;
    last_ns = b->now_ns;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_PING;
    frame.link_ping = &ping;
    for (uint32_t i = 0; i < ROUTERS; i++)
        push_frame(b, &b->routers[i], &frame);
}

static uint64_t sign_in(struct bench *b, struct router *r, uint32_t number)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    char subject[32];

    snprintf(subject, sizeof(subject), "bench-%u", number);
    open.issuer = "bench";
    open.subject = subject;
    open.name = subject;
    open.device_id = 1000 + number;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
    frame.open_session = &open;
    ask(b, r, &frame, 0, false);
    until_answered(b, r);
    return b->last_id;
}

static void create_channel(struct bench *b, uint32_t number)
{
    struct channel *c = &b->channels[number];
    struct router *r = &b->routers[number % ROUTERS];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireCreateGroup create = WIRE_CREATE_GROUP__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    c->user_id = sign_in(b, r, number);
    c->device_id = 1000 + number;
    nonce.device_id = c->device_id;
    nonce.counter = 1;
    create.nonce = &nonce;
    create.name = "bench";
    frame.user_id = c->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_CREATE_GROUP;
    frame.create_group = &create;
    ask(b, r, &frame, 0, false);
    until_answered(b, r);
    c->id = b->last_id;
    subscribe.home_id = c->id;
    subscribe.user_id = c->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &subscribe;
    ask(b, r, &frame, 0, false);
    until_answered(b, r);
    if (c->user_id == 0 || c->id == 0)
        die("set-up", CHAT_E_STATE);
}

/* --- load --- */

static bool has_room(const struct bench *b, uint32_t channel)
{
    return b->routers[channel % ROUTERS].in_flight < CREDIT &&
           b->channels[channel].in_flight < CHAT_IN_FLIGHT_MAX;
}

struct measure {
    uint64_t acked, failed, skipped;
    double seconds, cpu_seconds;
};

/* Sends `rate` a second for a time (0: as fast as `window` in flight allow), a page every 5 ms. */
static struct measure load(struct bench *b, uint64_t rate, double seconds, uint64_t count_max,
                           uint32_t window, bool pages)
{
    uint64_t begin = bench_now_ns(), cpu = bench_cpu_ns(), sent = 0, next_page = begin;
    uint64_t acked = b->acked, failed = b->failed, skipped = 0;
    uint32_t channel = 0;

    for (;;) {
        uint64_t passed, due;

        b->now_ns = bench_now_ns();
        passed = b->now_ns - begin;
        if ((seconds > 0 && (double)passed > seconds * 1e9) || (count_max && sent >= count_max))
            break;
        due = rate ? passed * rate / 1000000000u : sent + 4096;
        while (sent < due) {
            channel = (channel + 1) % b->o.channels;
            if (!has_room(b, channel) ||
                (!rate && b->routers[channel % ROUTERS].in_flight >= window / ROUTERS)) {
                skipped++;
                break;
            }
            send_message(b, channel);
            sent++;
        }
        if (pages && b->now_ns >= next_page) {
            fetch_page(b, (uint32_t)rng_below(&b->rng, b->o.channels));
            next_page = b->now_ns + 5000000;
        }
        stay_alive(b);
        turn(b, true);
    }
    for (uint32_t i = 0; i < ROUTERS; i++)
        until_answered(b, &b->routers[i]);
    return (struct measure){
        .acked = b->acked - acked,
        .failed = b->failed - failed,
        .skipped = skipped,
        .seconds = (double)(bench_now_ns() - begin) / 1e9,
        .cpu_seconds = (double)(bench_cpu_ns() - cpu) / 1e9,
    };
}

static void measure_at(struct bench *b, const char *name, uint64_t rate, uint32_t window)
{
    struct measure m;

    b->acks.count = b->pages.count = 0;
    b->measuring = true;
    m = load(b, rate, b->o.seconds, 0, window, true);
    b->measuring = false;
    BENCH_REPORT("store", name, {"messages_per_s", (double)m.acked / m.seconds},
                 {"ack_p50_ms", (double)bench_percentile(&b->acks, 50) / 1e6},
                 {"ack_p99_ms", (double)bench_percentile(&b->acks, 99) / 1e6},
                 {"ack_max_ms", (double)bench_percentile(&b->acks, 100) / 1e6},
                 {"page_p50_ms", (double)bench_percentile(&b->pages, 50) / 1e6},
                 {"page_p99_ms", (double)bench_percentile(&b->pages, 99) / 1e6},
                 {"refused", (double)m.failed}, {"cpus", m.cpu_seconds / m.seconds});
}

/* Paces what goes to the disk in the background, as the daemons do. */
static void pause_lane(void *user, uint32_t micros)
{
    (void)user;
    usleep(micros);
}

static void log_line(chat_log_level level, const char *component, const char *text, void *user)
{
    (void)user;
    fprintf(stderr, "%s %s: %s\n", chat_log_level_name(level), component, text);
}

static void start(struct bench *b)
{
    static const struct chat_logger logger = {.write = log_line, .level = CHAT_LOG_WARN};
    struct engine_embedded_config engine;
    struct lanes_config lanes = {.wake = on_wake, .user = b};
    struct store_config config;
    uint32_t shards[64];
    chat_status status;

    engine_embedded_config_init(&engine);
    engine.disk = disk_posix_new(NULL);
    engine.root = b->o.folder;
    engine.seed = bench_now_ns();
    engine.logger = &logger;
    engine.pause = pause_lane;
    status = engine_embedded_new(&engine, &b->engine);
    if (status != CHAT_OK)
        die("engine", status);
    lanes.engine = b->engine;
    lanes.log_threads = b->o.shards;
    lanes.apply_threads = b->o.shards; /* all as in the daemons */
    lanes.read_threads = 4;
    lanes.requests_max = 4096;
    b->wake_fd = eventfd(0, EFD_NONBLOCK);
    status = lanes_new(&lanes, &b->lanes);
    if (status != CHAT_OK)
        die("lanes", status);
    store_config_init(&config);
    config.seed = 1;
    config.logger = &logger;
    config.service_id = 1;
    config.shard_count = b->o.shards;
    for (uint32_t i = 0; i < b->o.shards; i++)
        shards[i] = i;
    config.shards = shards;
    config.shards_held = b->o.shards;
    config.map_version = 1;
    config.durability = b->engine->ops->durability;
    status = store_new(&config, &b->store);
    if (status != CHAT_OK)
        die("store", status);
    b->machine = store_machine(b->store);
    b->now_ns = bench_now_ns();
    machine_feed(b->machine, &(struct event){.kind = EVENT_TIMER, .now = now(b)});
    while (!store_is_ready(b->store))
        turn(b, true);
}

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"rate", required_argument, NULL, 'r'},    {"seconds", required_argument, NULL, 's'},
        {"preload", required_argument, NULL, 'p'}, {"channels", required_argument, NULL, 'c'},
        {"shards", required_argument, NULL, 'n'},  {NULL, 0, NULL, 0},
    };
    int option;

    *o = (struct options){
        .rate = 100000, .preload = 5000000, .seconds = 60, .channels = 1000, .shards = 2};
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (option) {
        case 'r': o->rate = strtoull(optarg, NULL, 10); break;
        case 's': o->seconds = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'p': o->preload = strtoull(optarg, NULL, 10); break;
        case 'c': o->channels = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'n': o->shards = (uint32_t)strtoul(optarg, NULL, 10); break;
        default: return 2;
        }
    }
    if (optind != argc - 1 || o->channels == 0 || o->channels > CHANNELS_MAX || o->shards == 0 ||
        o->shards > LANES_THREADS_MAX) {
        fputs("usage: bench_store NEW-FOLDER [--rate N] [--seconds N] [--preload N] "
              "[--channels N] [--shards N]\n",
              stderr);
        return 2;
    }
    o->folder = argv[optind];
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench b;

    if (read_options(argc, argv, &b.o) != 0)
        return 2;
    if (mkdir(b.o.folder, 0700) != 0) {
        perror(b.o.folder);
        return 1;
    }
    rng_seed(&b.rng, 1);
    memset(b.text, 'm', TEXT_BYTES);
    arena_init(&b.arena, NULL, 1u << 20);
    bench_samples_init(&b.acks, SAMPLES_MAX);
    bench_samples_init(&b.pages, SAMPLES_MAX);
    start(&b);
    connect_routers(&b);
    for (uint32_t i = 0; i < b.o.channels; i++)
        create_channel(&b, i);

    measure_at(&b, "steady, empty at first", b.o.rate, 0);
    if (b.o.preload > b.acked) {
        struct measure m = load(&b, 0, 0, b.o.preload - b.acked, 16384, false);
        BENCH_REPORT("store", "as fast as it goes", {"messages_per_s", (double)m.acked / m.seconds},
                     {"refused", (double)m.failed}, {"cpus", m.cpu_seconds / m.seconds});
    }
    measure_at(&b, "steady, after the preload", b.o.rate, 0);
    printf("%" PRIu64 " messages acknowledged, %" PRIu64 " refused, %" PRIu64 " publications\n",
           b.acked, b.failed, b.published);
    lanes_free(b.lanes);
    store_free(b.store);
    b.engine->ops->free(b.engine);
    return b.failed > 0;
}
