/*
 * The engine's limits on this disk, with no chat in it: what a bare file, the journal and
 * the table do with records of 272 bytes.
 *
 *   bench_journal [FOLDER [quick]]   a folder is made inside, and removed; default $TMPDIR
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "bench.h"
#include "bench_disk.h"
#include "bench_process.h"
#include "server/store/engine_embedded.h"

#define RECORD_LEN 272u
#define CHANNELS 1000u
#define SAMPLES_MAX 200000u

/* How long things are measured. */
struct spans {
    uint64_t part_ns; /* of writing and syncing */
    uint64_t run_ns;  /* of all at once */
    uint64_t rows;    /* applied */
};

static struct spans spans = {
    .part_ns = UINT64_C(2000000000), .run_ns = UINT64_C(20000000000), .rows = 500000};
static const struct spans quick_spans = {
    .part_ns = UINT64_C(200000000), .run_ns = UINT64_C(2000000000), .rows = 100000};

static char folder[256];
static uint8_t content[RECORD_LEN];

static void must(int truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "bench_journal: %s failed\n", what);
        exit(EXIT_FAILURE);
    }
}

static void pause_for(void *user, uint32_t micros)
{
    const struct timespec t = {micros / 1000000, (long)(micros % 1000000) * 1000};

    (void)user;
    nanosleep(&t, NULL);
}

static chat_status execute(struct store_engine *engine, struct engine_request *request)
{
    engine->ops->execute(engine, request);
    return request->status;
}

static struct store_engine *start(struct disk *disk, const char *name, uint64_t segment_bytes)
{
    static char root[300];
    struct engine_embedded_config config;
    struct engine_request open = {.op = ENGINE_OPEN};
    struct store_engine *engine;

    (void)snprintf(root, sizeof(root), "%s/%s", folder, name);
    engine_embedded_config_init(&config);
    config.disk = disk;
    config.root = root;
    config.seed = 1;
    config.segment_bytes = segment_bytes;
    config.log_bytes_max = 1u << 30;
    config.pause = pause_for;
    must(engine_embedded_new(&config, &engine) == CHAT_OK, "engine");
    must(execute(engine, &open) == CHAT_OK, "open");
    return engine;
}

static void stop(struct store_engine *engine)
{
    struct engine_request close = {.op = ENGINE_CLOSE};

    must(execute(engine, &close) == CHAT_OK, "close");
    engine->ops->free(engine);
}

static void report_syncs(const char *what, size_t batch, struct bench_samples *syncs,
                         uint64_t took_ns)
{
    char subject[64];
    const double seconds = (double)took_ns / 1e9;

    (void)snprintf(subject, sizeof(subject), "%s, batches of %zu", what, batch);
    BENCH_REPORT("journal", subject, {"records/s", (double)(syncs->count * batch) / seconds},
                 {"p50_us", (double)bench_percentile(syncs, 50) / 1000},
                 {"p99_us", (double)bench_percentile(syncs, 99) / 1000},
                 {"max_us", (double)bench_percentile(syncs, 100) / 1000});
}

/* --- a bare file: write and sync, nothing else --- */

static void bench_bare(size_t batch)
{
    const struct bench_disk_run run = {
        .folder = folder, .len = batch * RECORD_LEN, .time_ns = spans.part_ns};
    struct bench_samples syncs;
    uint64_t took;

    bench_samples_init(&syncs, SAMPLES_MAX);
    took = bench_disk_sync(&run, &syncs);
    report_syncs("bare file", batch, &syncs, took);
    bench_samples_fini(&syncs);
}

/* --- the journal through the engine --- */

static void fill_records(struct engine_record *records, size_t count, uint64_t position)
{
    for (size_t i = 0; i < count; i++) {
        records[i] = (struct engine_record){
            .home_id = (position + i) % CHANNELS + 1,
            .lsn = (position + i - 1) / CHANNELS + 1,
            .position = position + i,
            .bytes = content,
            .len = RECORD_LEN,
        };
        /* Homes are numbered from 1: the first record of home 1 is at CHANNELS. */
        if (records[i].home_id == 1)
            records[i].lsn = (position + i) / CHANNELS;
    }
}

static chat_status append(struct store_engine *engine, struct engine_record *records, size_t count)
{
    struct engine_request request = {.op = ENGINE_APPEND};

    request.append.records = records;
    request.append.count = count;
    return execute(engine, &request);
}

static chat_status apply(struct store_engine *engine, struct engine_row *rows, size_t count,
                         uint64_t position)
{
    struct engine_request request = {.op = ENGINE_APPLY};

    request.apply.rows = rows;
    request.apply.count = count;
    request.apply.applied_position = position;
    return execute(engine, &request);
}

static void bench_append(struct disk *disk, size_t batch)
{
    struct store_engine *engine = start(disk, "append", 64u << 20);
    struct engine_record *records = calloc(batch, sizeof(*records));
    struct bench_samples syncs;
    uint64_t position = 1, begun;

    must(records != NULL, "memory");
    bench_samples_init(&syncs, SAMPLES_MAX);
    begun = bench_now_ns();
    while (bench_now_ns() - begun < spans.part_ns) {
        const uint64_t from = bench_now_ns();
        chat_status status;

        fill_records(records, batch, position);
        status = append(engine, records, batch);
        if (status == CHAT_E_FULL)
            break;
        must(status == CHAT_OK, "append");
        position += batch;
        bench_sample(&syncs, bench_now_ns() - from);
    }
    report_syncs("append", batch, &syncs, bench_now_ns() - begun);
    bench_samples_fini(&syncs);
    free(records);
    stop(engine);
}

/* Opening a shard whose log holds 200,000 records that are not in the table yet. */
static void bench_recovery(struct disk *disk)
{
    const uint64_t records_total = 200000, batch = 100;
    struct store_engine *engine = start(disk, "recovery", 64u << 20);
    struct engine_record *records = calloc(batch, sizeof(*records));
    uint64_t begun, open_ns, read = 0;
    struct arena arena;

    must(records != NULL, "memory");
    for (uint64_t position = 1; position <= records_total; position += batch) {
        fill_records(records, batch, position);
        must(append(engine, records, batch) == CHAT_OK, "append");
    }
    free(records);
    stop(engine);

    begun = bench_now_ns();
    engine = start(disk, "recovery", 64u << 20);
    open_ns = bench_now_ns() - begun;
    arena_init(&arena, NULL, 64u << 20);
    while (read < records_total) {
        struct engine_request request = {.op = ENGINE_LOG_READ, .arena = &arena};
        arena_reset(&arena);
        request.log_read.from_position = read + 1;
        request.log_read.bytes_max = 4u << 20;
        must(execute(engine, &request) == CHAT_OK && request.log_read.count > 0, "log read");
        read += request.log_read.count;
    }
    arena_fini(&arena);
    BENCH_REPORT("journal", "recovery of 200,000 records", {"open_ms", (double)open_ns / 1e6},
                 {"open_and_read_ms", (double)(bench_now_ns() - begun) / 1e6});
    stop(engine);
}

/* --- the table --- */

/* The rows of `count` messages from `position` on, as a shard would hand them over. */
static void fill_rows(struct engine_row *rows, size_t count, uint64_t position, uint32_t channels)
{
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct engine_row){
            .table = TABLE_MESSAGE,
            .key = {hash_u64((position + i) % channels) >> 2, (position + i) / channels, 0},
            .value = content,
            .value_len = RECORD_LEN,
        };
    }
}

static void bench_apply(struct disk *disk, size_t batch)
{
    struct store_engine *engine = start(disk, "apply", 64u << 20);
    struct engine_row *rows = calloc(batch, sizeof(*rows));
    struct engine_record *records = calloc(5000, sizeof(*records));
    struct bench_samples each;
    uint64_t position = 1, applied = 0, spent = 0;
    char subject[64];

    must(rows && records, "memory");
    bench_samples_init(&each, SAMPLES_MAX);
    while (applied < spans.rows) {
        uint64_t from;
        while (position <= applied + batch) {
            const size_t count = batch < 5000 ? batch : 5000;
            fill_records(records, count, position);
            must(append(engine, records, count) == CHAT_OK, "append");
            position += count;
        }
        fill_rows(rows, batch, applied + 1, CHANNELS);
        from = bench_now_ns();
        must(apply(engine, rows, batch, applied + batch) == CHAT_OK, "apply");
        bench_sample(&each, bench_now_ns() - from);
        spent += bench_now_ns() - from;
        applied += batch;
    }
    (void)snprintf(subject, sizeof(subject), "apply, batches of %zu", batch);
    BENCH_REPORT("journal", subject, {"rows/s", (double)applied * 1e9 / (double)spent},
                 {"p50_us", (double)bench_percentile(&each, 50) / 1000},
                 {"max_us", (double)bench_percentile(&each, 100) / 1000});
    bench_samples_fini(&each);
    free(rows);
    free(records);
    stop(engine);
}

/* --- all at once: 100,000 records a second over some shards, applied beside, pages read --- */

#define RATE 100000u
#define TURN_NS UINT64_C(1000000)
#define APPLY_BATCH 50000u
#define PAGE 50u
#define SHARDS_MAX 4u

struct lane {
    struct store_engine *engine;
    uint32_t shard, channels;
    uint64_t rate;
    _Atomic uint64_t synced, applied;
    _Atomic int done;
    struct bench_samples acks, pages;
};

static chat_status on_shard(struct lane *lane, struct engine_request *request)
{
    request->shard = lane->shard;
    return execute(lane->engine, request);
}

static void *append_lane(void *user)
{
    struct lane *lane = user;
    struct engine_record *records = calloc(ENGINE_APPEND_RECORDS_MAX, sizeof(*records));
    const uint64_t each_ns = 1000000000u / lane->rate;
    uint64_t due = bench_now_ns();

    must(records != NULL, "memory");
    while (!lane->done) {
        struct engine_request request = {.op = ENGINE_APPEND};
        const uint64_t now = bench_now_ns();
        size_t count = now < due ? 0 : (size_t)((now - due) / each_ns);

        if (count == 0) {
            pause_for(NULL, (uint32_t)(TURN_NS / 1000));
            continue;
        }
        count = count > ENGINE_APPEND_BYTES_MAX / RECORD_LEN ? ENGINE_APPEND_BYTES_MAX / RECORD_LEN
                                                             : count;
        fill_records(records, count, lane->synced + 1);
        request.append.records = records;
        request.append.count = count;
        if (on_shard(lane, &request) == CHAT_E_FULL) {
            pause_for(NULL, 1000);
            continue;
        }
        must(request.status == CHAT_OK, "append");
        lane->synced += count;
        /* The oldest of the batch has waited longest. */
        bench_sample(&lane->acks, bench_now_ns() - due);
        due += count * each_ns;
    }
    free(records);
    return NULL;
}

static void *apply_lane(void *user)
{
    struct lane *lane = user;
    struct engine_row *rows = calloc(APPLY_BATCH, sizeof(*rows));

    must(rows != NULL, "memory");
    while (!lane->done) {
        struct engine_request request = {.op = ENGINE_APPLY};

        if (lane->synced - lane->applied < APPLY_BATCH) {
            pause_for(NULL, 2000);
            continue;
        }
        fill_rows(rows, APPLY_BATCH, lane->applied + 1, lane->channels);
        request.apply.rows = rows;
        request.apply.count = APPLY_BATCH;
        request.apply.applied_position = lane->applied + APPLY_BATCH;
        must(on_shard(lane, &request) == CHAT_OK, "apply");
        lane->applied += APPLY_BATCH;
    }
    free(rows);
    return NULL;
}

static void *read_lane(void *user)
{
    struct lane *lane = user;
    struct arena arena;

    arena_init(&arena, NULL, 1u << 20);
    while (!lane->done) {
        const uint64_t channel = hash_u64(hash_u64(bench_now_ns()) % lane->channels) >> 2;
        const struct engine_query query = {.table = TABLE_MESSAGE,
                                           .from = {channel, 0, 0},
                                           .to = {channel, UINT64_MAX, 0},
                                           .limit = PAGE,
                                           .descending = true};
        struct engine_request request = {.op = ENGINE_READ, .arena = &arena};
        const uint64_t from = bench_now_ns();
        arena_reset(&arena);
        request.read.queries = &query;
        request.read.count = 1;
        must(on_shard(lane, &request) == CHAT_OK, "read");
        bench_sample(&lane->pages, bench_now_ns() - from);
        pause_for(NULL, 5000);
    }
    arena_fini(&arena);
    return NULL;
}

static void lane_open(struct lane *lane, struct store_engine *engine, uint32_t shard,
                      uint32_t shards)
{
    struct engine_request request = {.op = ENGINE_OPEN};

    *lane = (struct lane){.engine = engine, .shard = shard};
    lane->channels = CHANNELS / shards;
    lane->rate = RATE / shards;
    bench_samples_init(&lane->acks, SAMPLES_MAX);
    bench_samples_init(&lane->pages, SAMPLES_MAX);
    if (shard > 0)
        must(on_shard(lane, &request) == CHAT_OK, "open");
}

static void join_samples(struct bench_samples *into, struct bench_samples *from)
{
    for (size_t i = 0; i < from->count; i++)
        bench_sample(into, from->values[i]);
    bench_samples_fini(from);
}

static void bench_together(struct disk *disk, uint32_t shards)
{
    struct store_engine *engine = start(disk, "together", 64u << 20);
    static struct lane lanes[SHARDS_MAX];
    struct bench_samples acks, pages;
    pthread_t threads[SHARDS_MAX][3];
    uint64_t begun, took, cpu = bench_cpu_ns(), synced = 0, applied = 0;
    char subject[64];

    bench_samples_init(&acks, SAMPLES_MAX);
    bench_samples_init(&pages, SAMPLES_MAX);
    for (uint32_t i = 0; i < shards; i++)
        lane_open(&lanes[i], engine, i, shards);
    begun = bench_now_ns();
    for (uint32_t i = 0; i < shards; i++) {
        must(pthread_create(&threads[i][0], NULL, append_lane, &lanes[i]) == 0, "thread");
        must(pthread_create(&threads[i][1], NULL, apply_lane, &lanes[i]) == 0, "thread");
        must(pthread_create(&threads[i][2], NULL, read_lane, &lanes[i]) == 0, "thread");
    }
    pause_for(NULL, (uint32_t)(spans.run_ns / 1000));
    took = bench_now_ns() - begun;
    for (uint32_t i = 0; i < shards; i++) {
        synced += lanes[i].synced;
        applied += lanes[i].applied;
        lanes[i].done = 1;
    }
    cpu = bench_cpu_ns() - cpu;
    for (uint32_t i = 0; i < shards; i++) {
        for (int t = 0; t < 3; t++)
            pthread_join(threads[i][t], NULL);
        join_samples(&acks, &lanes[i].acks);
        join_samples(&pages, &lanes[i].pages);
    }
    (void)snprintf(subject, sizeof(subject), "100k/s asked, %u shards", shards);
    BENCH_REPORT("journal", subject, {"records/s", (double)synced * 1e9 / (double)took},
                 {"applied/s", (double)applied * 1e9 / (double)took},
                 {"ack_p50_us", (double)bench_percentile(&acks, 50) / 1000},
                 {"ack_p99_us", (double)bench_percentile(&acks, 99) / 1000},
                 {"ack_max_us", (double)bench_percentile(&acks, 100) / 1000},
                 {"page_p50_us", (double)bench_percentile(&pages, 50) / 1000},
                 {"page_p99_us", (double)bench_percentile(&pages, 99) / 1000},
                 {"cpus", (double)cpu / (double)took});
    bench_samples_fini(&acks);
    bench_samples_fini(&pages);
    stop(engine);
}

static void clear_folder(void)
{
    bench_folder_remove(folder);
    must(mkdir(folder, 0700) == 0, "folder");
}

int main(int argc, char **argv)
{
    static const size_t batches[] = {1, 10, 100, 1000};
    struct disk *disk = disk_posix_new(NULL);

    must(disk != NULL, "memory");
    if (argc > 2 && strcmp(argv[2], "quick") == 0)
        spans = quick_spans;
    bench_folder_make(argc > 1 ? argv[1] : NULL, "bench-journal", folder, sizeof(folder));
    for (size_t i = 0; i < RECORD_LEN; i++)
        content[i] = (uint8_t)(hash_u64(i) >> 8);
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        bench_bare(batches[i]);
        bench_append(disk, batches[i]);
        clear_folder();
    }
    bench_recovery(disk);
    clear_folder();
    bench_apply(disk, 1000);
    clear_folder();
    bench_apply(disk, 50000);
    clear_folder();
    bench_together(disk, 1);
    clear_folder();
    bench_together(disk, 4);
    bench_folder_remove(folder);
    disk_posix_free(disk);
    return EXIT_SUCCESS;
}
