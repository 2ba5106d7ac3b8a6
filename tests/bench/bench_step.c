/*
 * What one chat_loop_step() takes at most, with a budget of 2 ms, while everything comes at once.
 *
 *     bench_step [MESSAGES]        10000
 *
 * The server's end is a pipe in this process, so nothing is waited for: the messages are there
 * before the first step, as pushes in few large WebSocket messages, or as pages of history after
 * a time away. The cache is in memory, or a file. Wall time counts what else the machine does;
 * CPU time is this thread's own.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "../support/pipe.h"
#include "bench.h"

#define BUDGET_US 2000u
#define STEPS_MAX 1000000u
#define FRAMES_PER_MESSAGE 3000u

static struct pipe p;
static uint32_t messages = 10000;

static void real_now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    (void)self;
    *out_mono_ms = (int64_t)(bench_now_ns() / 1000000);
    *out_wall_ms = INT64_C(1700000000000) + *out_mono_ms;
}

static int64_t real_now_us(void *self)
{
    (void)self;
    return (int64_t)(bench_now_ns() / 1000);
}

static void must(chat_status status, const char *what)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "bench_step: %s: %s\n", what, chat_status_text(status));
    exit(EXIT_FAILURE);
}

static void go_live(chat_loop *loop, chat_conn *conn)
{
    struct chat_event event = CHAT_EVENT_INIT;

    must(chat_conn_start(conn), "start");
    for (int i = 0; i < 1000 && chat_conn_get_state(conn) != CHAT_CONN_LIVE; i++)
        must(chat_loop_step(loop, 10), "step");
    while (chat_conn_next_event(conn, &event))
        ;
}

static void post_all(void)
{
    for (uint32_t left = messages; left > 0;) {
        uint32_t count = left < FRAMES_PER_MESSAGE ? left : FRAMES_PER_MESSAGE;

        pipe_post(&p, p.link_count - 1, count);
        p.head_seq += count;
        left -= count;
    }
}

/* Steps until the application has them all. */
static void measure(const char *subject, chat_loop *loop, chat_conn *conn)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct bench_samples wall, cpu;
    uint64_t got = 0, spent = 0;

    bench_samples_init(&wall, STEPS_MAX);
    bench_samples_init(&cpu, STEPS_MAX);
    chat_loop_set_budget(loop, BUDGET_US, 0);
    while (got < messages && wall.count < STEPS_MAX) {
        uint64_t wall_ns = bench_now_ns(), cpu_ns = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);

        must(chat_loop_step(loop, 0), "step");
        bench_sample(&cpu, bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns);
        wall_ns = bench_now_ns() - wall_ns;
        bench_sample(&wall, wall_ns);
        spent += wall_ns;
        while (chat_conn_next_event(conn, &event))
            got += event.type == CHAT_EVENT_MESSAGE;
    }
    if (got < messages)
        must(CHAT_E_TIMEOUT, "messages are missing");
    BENCH_REPORT("step", subject, {"messages", messages}, {"steps", (double)wall.count},
                 {"step_max_ms <= 4", (double)bench_percentile(&wall, 100) / 1e6},
                 {"step_max_cpu_ms", (double)bench_percentile(&cpu, 100) / 1e6},
                 {"step_p50_ms", (double)bench_percentile(&wall, 50) / 1e6},
                 {"messages_per_s", (double)messages * 1e9 / (double)spent});
    bench_samples_fini(&wall);
    bench_samples_fini(&cpu);
}

static void run(const char *path, const char *pushed, const char *fetched)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    chat_loop *loop = NULL;
    chat_conn *conn = NULL;

    pipe_init(&p);
    p.transport.now = real_now;
    p.transport.now_us = real_now_us;
    chat_loop_config_init(&loop_config);
    loop_config.transport = &p.transport;
    must(chat_loop_new(&loop_config, &loop), "loop");
    chat_conn_config_init(&config);
    config.url = "pipe:";
    config.token = "token";
    config.cache_path = path;
    config.keep_max = 0; /* all that was missed is fetched */
    must(chat_conn_new(loop, &config, &conn), "conn");
    go_live(loop, conn);
    post_all();
    measure(pushed, loop, conn);

    chat_loop_set_budget(loop, 0, 0);
    chat_conn_suspend(conn);
    must(chat_loop_step(loop, 0), "step");
    p.head_seq += messages; /* while we were away */
    chat_conn_resume(conn);
    measure(fetched, loop, conn);
    chat_conn_free(conn);
    chat_loop_free(loop);
    pipe_fini(&p);
}

int main(int argc, char **argv)
{
    const char *folder = getenv("TMPDIR");
    char place[400], path[420];

    if (argc > 1)
        messages = (uint32_t)strtoul(argv[1], NULL, 10);
    if (argc > 2 || messages == 0 || messages > STEPS_MAX) {
        fputs("usage: bench_step [MESSAGES]\n", stderr);
        return 2;
    }
    (void)snprintf(place, sizeof(place), "%s/libchat-step-XXXXXX", folder ? folder : "/var/tmp");
    if (!mkdtemp(place)) {
        perror(place);
        return EXIT_FAILURE;
    }
    (void)snprintf(path, sizeof(path), "%s/cache.db", place);
    run(NULL, "pushed, in memory", "fetched, in memory");
    run(path, "pushed, in a file", "fetched, in a file");
    (void)unlink(path);
    (void)rmdir(place);
    return EXIT_SUCCESS;
}
