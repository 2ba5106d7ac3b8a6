/*
 * What a client's cache costs: a file of 1,000,000 messages in 1,000 channels is opened, read
 * and searched; a week is caught up; messages come one by one.
 *
 *     bench_cache FOLDER [MESSAGES] [CHANNELS]                       1000000 1000
 *
 * Everything goes through the client core, as in an application; the server is a few prepared
 * frames, and making them is not counted. Texts are 4 to 16 words of a vocabulary of 50,000,
 * frequent as words are (the n-th one 1/n as often as the first).
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/snowflake.h"
#include "bench.h"
#include "cache/search.h"
#include "client/core.h"
#include "wire/wire.h"

#define WORDS 50000u
#define DAYS 365u
#define NOW_MS INT64_C(1760000000000)
#define USER UINT64_C(1001)
#define CATCH_UP_CHANNELS 300u
#define CATCH_UP_MESSAGES 100000u
#define SINGLES 20000u
#define PAGES 5000u
#define SEARCHES 2000u
#define OPENS 20u

static struct rng rng;
static double cumulated[WORDS];
static char path[300];

static void must(chat_status status, const char *what)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "bench_cache: %s: %s\n", what, chat_status_text(status));
    exit(EXIT_FAILURE);
}

/* --- texts --- */

static void make_words(void)
{
    double sum = 0;

    for (uint32_t i = 0; i < WORDS; i++)
        cumulated[i] = sum += 1.0 / (i + 1);
}

static uint32_t pick_word(void)
{
    double wanted = (double)(rng_u64(&rng) >> 11) / 9007199254740992.0 * cumulated[WORDS - 1];
    uint32_t low = 0, high = WORDS - 1;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (cumulated[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* "ka", "tonubi": pronounceable, 2 to 8 letters, no two alike. */
static size_t write_word(uint32_t n, char *out)
{
    static const char consonants[] = "bcdfghjklmnprstvwz", vowels[] = "aeiou";
    size_t len = 0;

    do {
        out[len++] = consonants[n % 18];
        out[len++] = vowels[n / 18 % 5];
        n /= 90;
    } while (n);
    return len;
}

static size_t write_text(char *out)
{
    uint64_t words = 4 + rng_below(&rng, 13);
    size_t len = 0;

    for (uint64_t i = 0; i < words; i++) {
        if (i > 0)
            out[len++] = ' ';
        len += write_word(pick_word(), out + len);
    }
    out[len] = '\0';
    return len;
}

/* --- the file --- */

static uint64_t message_id(int64_t at_ms, uint64_t number)
{
    return (uint64_t)(at_ms - SNOWFLAKE_EPOCH_MS) << 22 | (number & 0x3fffff);
}

static void fill_channel(struct cache *c, uint64_t id, uint64_t count)
{
    struct cache_channel channel = {.channel_id = id,
                                    .home_id = id,
                                    .kind = CHAT_HOME_GROUP,
                                    .permissions = 3,
                                    .epoch = 1,
                                    .head_seq = count,
                                    .first_seq = 1,
                                    .stream_seq = count,
                                    .name = "a channel",
                                    .name_len = 9};
    char text[256];

    for (uint64_t seq = 1; seq <= count; seq++) {
        int64_t at_ms =
            NOW_MS - INT64_C(86400000) * DAYS + (int64_t)(seq * DAYS * 86400000 / count);
        struct chat_message m = {.channel_id = id,
                                 .seq = seq,
                                 .message_id = message_id(at_ms, id * 4096 + seq),
                                 .author_id = USER + seq % 5,
                                 .nonce = {77, seq},
                                 .sent_at_ms = at_ms,
                                 .text = text};
        cache_put put;

        m.text_len = write_text(text);
        channel.head_message_id = m.message_id;
        must(cache_message_put(c, &m, &put), "message");
    }
    must(ranges_add(&channel.ranges, NULL, 1, count, 0), "range");
    must(cache_channel_save(c, &channel), "channel");
    ranges_fini(&channel.ranges, NULL);
    must(cache_commit(c), "commit");
}

static uint64_t file_bytes(void)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void fill_file(uint64_t messages, uint64_t channels)
{
    const struct cache_config config = {.path = path, .device_id = 1};
    struct bench_samples pieces;
    struct cache *c = NULL;
    uint64_t begun, plain;

    must(cache_open(&config, &c), "open");
    must(cache_bind(c, 7, USER), "bind");
    for (uint64_t i = 0; i < channels; i++) {
        fill_channel(c, 1000 + i, messages / channels);
        if (i % 20 == 19)
            must(cache_checkpoint(c), "checkpoint");
    }
    must(cache_checkpoint(c), "checkpoint");
    plain = file_bytes();
    bench_samples_init(&pieces, messages / 64 + 2);
    begun = bench_cpu_ns();
    while (!cache_index_is_done(c)) {
        uint64_t piece = bench_cpu_ns();

        must(cache_index_step(c, 64), "index");
        must(cache_commit(c), "commit");
        bench_sample(&pieces, bench_cpu_ns() - piece);
        if (cache_wal_pages(c) > 4000)
            must(cache_checkpoint(c), "checkpoint");
    }
    begun = bench_cpu_ns() - begun;
    must(cache_checkpoint(c), "checkpoint");
    BENCH_REPORT("cache", "the index of words, in turns of 64",
                 {"messages_per_cpu_s", (double)messages * 1e9 / (double)begun},
                 {"turn_p99_cpu_ms", (double)bench_percentile(&pieces, 99) / 1e6},
                 {"turn_max_cpu_ms", (double)bench_percentile(&pieces, 100) / 1e6},
                 {"bytes_a_message", (double)(file_bytes() - plain) / (double)messages},
                 {"message_bytes", (double)plain / (double)messages});
    bench_samples_fini(&pieces);
    cache_close(c);
}

/* --- opening it --- */

static struct client_core *open_core(const char *file, uint32_t keep_max)
{
    struct client_config config;
    struct client_core *core = NULL;

    client_config_init(&config);
    config.cache_path = file;
    config.seed = 5;
    config.token = "token";
    config.keep_max = keep_max;
    must(client_new(&config, &core), "client");
    return core;
}

static uint64_t read_newest(struct client_core *core, uint64_t channel_id)
{
    uint64_t begun = bench_now_ns();
    chat_page *page = NULL;

    must(client_read(core, channel_id, 0, 50, true, &page), "page");
    begun = bench_now_ns() - begun;
    if (chat_page_get_count(page) != 50)
        must(CHAT_E_STATE, "a page of 50");
    chat_page_free(page);
    return begun;
}

/* The child of measure_open(): its end is the end of the time. */
static int open_and_read(const char *file, uint64_t channel_id)
{
    struct client_core *core = open_core(file, 200);
    char byte = 'x';

    (void)read_newest(core, channel_id);
    if (write(STDOUT_FILENO, &byte, 1) != 1)
        return EXIT_FAILURE;
    return EXIT_SUCCESS; /* as when the process is killed */
}

static void forget_file(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static uint64_t time_open(const char *self, uint64_t channel_id)
{
    char channel[32], byte;
    uint64_t begun;
    int ends[2], state;
    pid_t child;

    (void)snprintf(channel, sizeof(channel), "%" PRIu64, channel_id);
    if (pipe(ends) != 0)
        exit(EXIT_FAILURE);
    forget_file();
    begun = bench_now_ns();
    child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl(self, self, "--open", path, channel, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &byte, 1) != 1)
        must(CHAT_E_IO, "the opening process");
    begun = bench_now_ns() - begun;
    close(ends[0]);
    (void)waitpid(child, &state, 0);
    return begun;
}

static void measure_open(const char *self, uint64_t channels)
{
    struct bench_samples s;

    bench_samples_init(&s, OPENS);
    for (uint32_t i = 0; i < OPENS; i++)
        bench_sample(&s, time_open(self, 1000 + rng_below(&rng, channels)));
    BENCH_REPORT("cache", "process, open, newest page; file cold",
                 {"p50_ms <= 20", (double)bench_percentile(&s, 50) / 1e6},
                 {"max_ms", (double)bench_percentile(&s, 100) / 1e6});
    bench_samples_fini(&s);
}

/* First what the disk has to bring, then from the system's memory. */
static void measure_pages(uint64_t channels)
{
    struct client_core *core = open_core(path, 200);
    struct bench_samples first, s;

    bench_samples_init(&first, channels);
    forget_file();
    for (uint64_t i = 0; i < channels; i++)
        bench_sample(&first, read_newest(core, 1000 + i));
    bench_samples_init(&s, PAGES);
    for (uint32_t i = 0; i < PAGES; i++)
        bench_sample(&s, read_newest(core, 1000 + rng_below(&rng, channels)));
    BENCH_REPORT("cache", "page of 50, from disk",
                 {"p50_us", (double)bench_percentile(&first, 50) / 1e3},
                 {"p99_us", (double)bench_percentile(&first, 99) / 1e3});
    BENCH_REPORT("cache", "page of 50, any channel",
                 {"p50_us", (double)bench_percentile(&s, 50) / 1e3},
                 {"p99_us <= 200", (double)bench_percentile(&s, 99) / 1e3});
    bench_samples_fini(&first);
    bench_samples_fini(&s);
    client_free(core);
}

/* --- searching --- */

static struct moment now = {.mono_ms = 1000, .wall_ms = NOW_MS};

static void tick(struct client_core *core, int64_t ms)
{
    struct event event = {.kind = EVENT_TIMER};
    struct effect effect;

    now.mono_ms += ms;
    now.wall_ms += ms;
    event.now = now;
    machine_feed(client_machine(core), &event);
    while (machine_poll(client_machine(core), &effect))
        ;
}

static uint64_t time_search(struct client_core *core, const char *query, uint64_t *longest_ns)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t begun = bench_now_ns(), ticket = 0;

    must(client_search(core, query, strlen(query), 0, 0, 20, &ticket), "search");
    for (;;) {
        uint64_t step = bench_cpu_ns();

        tick(core, 0);
        step = bench_cpu_ns() - step;
        *longest_ns = step > *longest_ns ? step : *longest_ns;
        while (client_next_event(core, &event)) {
            if (event.type == CHAT_EVENT_SEARCH) {
                must(event.status, "search");
                return bench_now_ns() - begun;
            }
        }
    }
}

static void measure_search(const char *name, bool beginning)
{
    struct client_core *core = open_core(path, 200);
    struct bench_samples s, cpu;
    uint64_t longest_ns = 0;
    char query[64];

    bench_samples_init(&s, SEARCHES);
    bench_samples_init(&cpu, SEARCHES);
    for (uint32_t i = 0; i < SEARCHES; i++) {
        size_t len = write_word(pick_word(), query);
        uint64_t begun;

        query[len++] = ' ';
        len += write_word(pick_word(), query + len);
        if (beginning && len > 5)
            len -= 1;
        else if (!beginning)
            query[len++] = ' '; /* the last word as it is */
        query[len] = '\0';
        begun = bench_cpu_ns();
        bench_sample(&s, time_search(core, query, &longest_ns));
        bench_sample(&cpu, bench_cpu_ns() - begun);
    }
    BENCH_REPORT("cache", name, {"p50_ms", (double)bench_percentile(&s, 50) / 1e6},
                 {"p99_ms <= 20", (double)bench_percentile(&s, 99) / 1e6},
                 {"max_ms", (double)bench_percentile(&s, 100) / 1e6},
                 {"p99_cpu_ms", (double)bench_percentile(&cpu, 99) / 1e6},
                 {"longest_turn_cpu_ms", (double)longest_ns / 1e6});
    bench_samples_fini(&s);
    bench_samples_fini(&cpu);
    client_free(core);
}

/* --- a server of prepared frames --- */

struct session {
    struct client_core *core;
    struct arena arena;
    link_id link;
    uint64_t channels, messages; /* of each channel */
    uint64_t core_ns;            /* CPU within the core */
    uint64_t delivered;
};

static void feed(struct session *s, struct event event)
{
    uint64_t begun = bench_cpu_ns();

    event.now = now;
    machine_feed(client_machine(s->core), &event);
    s->core_ns += bench_cpu_ns() - begun;
}

static void say_bytes(struct session *s, const uint8_t *bytes, size_t len)
{
    struct event event = {.kind = EVENT_LINK_MESSAGE, .link = s->link};

    event.message.bytes = bytes;
    event.message.len = len;
    feed(s, event);
}

static void say(struct session *s, uint32_t request_id, WireServerFrame *frame)
{
    struct frame *encoded;

    frame->request_id = request_id;
    encoded = wire_encode_server(NULL, frame);
    say_bytes(s, encoded->bytes, encoded->len);
    frame_unref(encoded);
}

static void fill_message(WireMessage *m, WireNonce *n, char *text, uint64_t channel_id,
                         uint64_t seq)
{
    wire_message__init(m);
    wire_nonce__init(n);
    n->device_id = 9;
    n->counter = seq;
    (void)write_text(text);
    m->channel_id = channel_id;
    m->seq = seq;
    m->message_id = message_id(NOW_MS - 604800000 + (int64_t)seq * 1000, channel_id * 4096 + seq);
    m->author_id = USER + 1;
    m->sent_at_ms = NOW_MS;
    m->nonce = n;
    m->text = text;
}

static WirePosition head_of(const struct session *s, uint64_t channel_id)
{
    WirePosition head = WIRE_POSITION__INIT;

    head.channel_id = channel_id;
    head.epoch = 1;
    head.seq = s->messages;
    head.message_id = message_id(NOW_MS - 604800000 + (int64_t)s->messages * 1000,
                                 channel_id * 4096 + s->messages);
    return head;
}

static void welcome(struct session *s, uint32_t request_id)
{
    static WireChannel channels[CATCH_UP_CHANNELS], *pointers[CATCH_UP_CHANNELS];
    static WirePosition heads[CATCH_UP_CHANNELS];
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireWelcome w = WIRE_WELCOME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;

    w.service_id = 7;
    w.user_id = USER;
    w.session_no = 1;
    w.server_time_ms = NOW_MS;
    frame.body_case = WIRE_SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &w;
    say(s, request_id, &frame);
    for (uint64_t i = 0; i < s->channels; i++) {
        wire_channel__init(&channels[i]);
        heads[i] = head_of(s, 1000 + i);
        channels[i].head = &heads[i];
        channels[i].home_id = 1000 + i;
        channels[i].kind = WIRE_HOME_KIND__HOME_KIND_GROUP;
        channels[i].permissions = 3;
        channels[i].first_seq = 1;
        pointers[i] = &channels[i];
    }
    list.channels = pointers;
    list.n_channels = s->channels;
    list.complete = true;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    say(s, 0, &frame);
}

static void answer_page(struct session *s, const WireClientFrame *f)
{
    static WireMessage messages[CHAT_HISTORY_PAGE_MAX], *pointers[CHAT_HISTORY_PAGE_MAX];
    static WireNonce nonces[CHAT_HISTORY_PAGE_MAX];
    static char texts[CHAT_HISTORY_PAGE_MAX][256];
    const WireFetchHistory *ask = f->fetch_history;
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WireRange covered = WIRE_RANGE__INIT;
    WirePosition head = head_of(s, ask->channel_id);

    covered.from_seq = ask->start_seq;
    covered.to_seq = ask->start_seq + ask->limit - 1;
    if (covered.to_seq > s->messages)
        covered.to_seq = s->messages;
    for (uint64_t seq = covered.from_seq; seq <= covered.to_seq; seq++) {
        fill_message(&messages[page.n_messages], &nonces[page.n_messages], texts[page.n_messages],
                     ask->channel_id, seq);
        pointers[page.n_messages] = &messages[page.n_messages];
        page.n_messages++;
    }
    page.head = &head;
    page.covered = &covered;
    page.first_seq = 1;
    page.messages = pointers;
    frame.body_case = WIRE_SERVER_FRAME__BODY_HISTORY_PAGE;
    frame.history_page = &page;
    say(s, f->request_id, &frame);
}

static void answer(struct session *s, const struct effect *effect)
{
    static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX];
    WireClientBatch *batch;
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireUsers users = WIRE_USERS__INIT;
    WireOk ok = WIRE_OK__INIT;
    struct wire_fault fault;
    size_t len = 0;

    for (size_t i = 0; i < effect->send.count; i++) {
        memcpy(bytes + len, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        len += effect->send.frames[i]->len;
    }
    must(wire_decode_client(bytes, len, &s->arena, &batch, &fault), "decode");
    for (size_t i = 0; i < batch->n_frames; i++) {
        const WireClientFrame *f = batch->frames[i];

        if (f->body_case == WIRE_CLIENT_FRAME__BODY_HELLO) {
            welcome(s, f->request_id);
        } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY) {
            answer_page(s, f);
        } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_USERS) {
            frame.body_case = WIRE_SERVER_FRAME__BODY_USERS;
            frame.users = &users;
            say(s, f->request_id, &frame);
        } else {
            frame.body_case = WIRE_SERVER_FRAME__BODY_OK;
            frame.ok = &ok;
            say(s, f->request_id, &frame);
        }
    }
    arena_reset(&s->arena);
}

/* What the core wants, and then what it has to tell. False: nothing happened. */
static bool turn(struct session *s)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct effect effect;
    bool any = false;

    for (;;) {
        uint64_t begun = bench_cpu_ns();
        bool more = machine_poll(client_machine(s->core), &effect);

        s->core_ns += bench_cpu_ns() - begun;
        if (!more)
            break;
        any = true;
        if (effect.kind == EFFECT_SEND) {
            answer(s, &effect);
        } else if (effect.kind == EFFECT_DIAL) {
            struct event opened = {.kind = EVENT_LINK_OPENED, .link = ++s->link};

            opened.opened.kind = LINK_DIALED;
            feed(s, opened);
        }
    }
    for (;;) {
        uint64_t begun = bench_cpu_ns();
        bool more = client_next_event(s->core, &event);

        s->core_ns += bench_cpu_ns() - begun;
        if (!more)
            break;
        s->delivered += event.type == CHAT_EVENT_MESSAGE;
    }
    return any;
}

static void sign_in(struct session *s, const char *file, uint64_t channels, uint64_t messages)
{
    *s = (struct session){.channels = channels, .messages = messages};
    arena_init(&s->arena, NULL, 64u << 20);
    s->core = open_core(file, 0);
    tick(s->core, 0);
    must(client_start(s->core), "start");
    while (turn(s))
        ;
    if (client_state(s->core) != CHAT_CONN_LIVE || s->delivered != channels * messages)
        must(CHAT_E_STATE, "catching up");
}

static void sign_out(struct session *s)
{
    client_free(s->core);
    arena_fini(&s->arena);
}

static void measure_catch_up(const char *file)
{
    const uint64_t each = CATCH_UP_MESSAGES / CATCH_UP_CHANNELS;
    struct session s;
    uint64_t begun;
    double all = (double)(CATCH_UP_CHANNELS * each);

    sign_in(&s, file, CATCH_UP_CHANNELS, each);
    begun = bench_cpu_ns();
    must(client_flush(s.core), "flush");
    begun = bench_cpu_ns() - begun;
    BENCH_REPORT("cache", "catch-up, 300 channels, all",
                 {"messages_per_cpu_s >= 100000", all * 1e9 / (double)(s.core_ns + begun)},
                 {"cpu_us_a_message", (double)s.core_ns / all / 1e3},
                 {"write_back_cpu_ms", (double)begun / 1e6});
    sign_out(&s);
}

/* --- one by one --- */

static void post(struct session *s, uint32_t count)
{
    WireMessage messages[32];
    WireNonce nonces[32];
    char texts[32][256];
    static uint8_t bytes[65536];
    size_t len = 0;

    s->messages += count;
    for (uint32_t i = 0; i < count; i++) {
        WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
        struct frame *encoded;

        fill_message(&messages[i], &nonces[i], texts[i], 1000, s->messages - count + 1 + i);
        frame.body_case = WIRE_SERVER_FRAME__BODY_MESSAGE;
        frame.message = &messages[i];
        encoded = wire_encode_server(NULL, &frame);
        memcpy(bytes + len, encoded->bytes, encoded->len);
        len += encoded->len;
        frame_unref(encoded);
    }
    say_bytes(s, bytes, len);
}

static void measure_receive(const char *name, const char *file, uint32_t batch)
{
    struct session s;

    sign_in(&s, file, 1, 10);
    s.core_ns = s.delivered = 0;
    for (uint32_t i = 0; i < SINGLES; i += batch) {
        post(&s, batch);
        (void)turn(&s);
        if (i % 4096 < batch)
            must(client_flush(s.core), "flush"); /* as in idle time, not counted */
    }
    if (s.delivered < SINGLES)
        must(CHAT_E_STATE, "receiving");
    BENCH_REPORT("cache", name,
                 {"cpu_us_a_message", (double)s.core_ns / (double)s.delivered / 1e3});
    sign_out(&s);
}

int main(int argc, char **argv)
{
    uint64_t messages = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    uint64_t channels = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000;
    char file[320];

    if (argc == 4 && strcmp(argv[1], "--open") == 0)
        return open_and_read(argv[2], strtoull(argv[3], NULL, 10));
    if (argc < 2 || argv[1][0] == '-' || channels == 0 || messages / channels < 50) {
        fprintf(stderr, "usage: bench_cache FOLDER [MESSAGES [CHANNELS]]\n");
        return 2;
    }
    rng_seed(&rng, 11);
    make_words();
    (void)mkdir(argv[1], 0700);
    (void)snprintf(path, sizeof(path), "%s/cache.db", argv[1]);
    (void)snprintf(file, sizeof(file), "%s/week.db", argv[1]);
    measure_catch_up(file);
    (void)snprintf(file, sizeof(file), "%s/single.db", argv[1]);
    measure_receive("receive, one a turn", file, 1);
    (void)snprintf(file, sizeof(file), "%s/batch.db", argv[1]);
    measure_receive("receive, 32 a turn", file, 32);
    fill_file(messages, channels);
    measure_open(argv[0], channels);
    measure_pages(channels);
    measure_search("search, two words", false);
    measure_search("search, a word and a beginning", true);
    return EXIT_SUCCESS;
}
