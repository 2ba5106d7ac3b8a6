/* sim: runs seeds of the simulator, on several cores, and says what they showed. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim_plants.h"
#include "sim_run.h"

#define JOBS_MAX 64
#define LISTED_MAX 1024

static const char help[] =
    "usage: sim [options]\n"
    "\n"
    "  --seeds N      run N seeds (default 100)\n"
    "  --from SEED    the first one (default 1)\n"
    "  --list FILE    first those in the file: \"SEED what it found\", one a line\n"
    "  --seed SEED    run this one alone and print its violations\n"
    "  --jobs N       processes (default 2)\n"
    "  --seconds N    stop after N seconds, whatever is left\n"
    "  --again N      run every N-th seed twice and compare the traces (default 50)\n"
    "  --plants       prove the checker: planted faults must be caught (only in the build that\n"
    "                 has them), in --known seeds or in one of the first --seeds\n"
    "  --known FILE   \"PLANT SEED\", one a line\n"
    "  --refresh FILE write the seeds that caught them there\n"
    "  --plant NAME   with one planted fault\n"
    "  --require-all  fail when a kind of fault never happened\n";

struct options {
    uint64_t seeds, from, again;
    uint64_t listed[LISTED_MAX];
    uint64_t listed_count;
    int jobs, seconds;
    bool one, plants, require_all;
    const char *plant, *known, *refresh;
};

struct totals {
    struct sim_result sum;
    uint64_t seeds, failed, first_failed, shared_seeds, compared, differing;
};

/* --- seeds --- */

static void add_result(struct totals *t, const struct sim_result *r)
{
    struct sim_result *sum = &t->sum;

    t->seeds++;
    t->shared_seeds += r->shared;
    if (r->total > 0) {
        t->failed++;
        if (t->first_failed == 0 || r->seed < t->first_failed)
            t->first_failed = r->seed;
        printf("seed %" PRIu64 " FAILED: %" PRIu64 " violations\n", r->seed, r->total);
    }
    for (unsigned i = 0; i < CHECK_RULES; i++)
        sum->violations[i] += r->violations[i];
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        sum->faults[i] += r->faults[i];
    sum->total += r->total;
    sum->counts.attempted += r->counts.attempted;
    sum->counts.acked += r->counts.acked;
    sum->counts.refused += r->counts.refused;
    sum->counts.stored += r->counts.stored;
    sum->counts.saw += r->counts.saw;
    sum->counts.changes += r->counts.changes;
    sum->counts.removals += r->counts.removals;
    sum->world.events += r->world.events;
    sum->world.messages += r->world.messages;
    sum->world.engine_requests += r->world.engine_requests;
    sum->gaps += r->gaps;
    sum->evictions += r->evictions;
    sum->rereads += r->rereads;
    sum->resets += r->resets;
    sum->hits += r->hits;
    sum->shared_caches += r->shared_caches;
    sum->conflicts += r->conflicts;
    sum->virtual_ms += r->virtual_ms;
}

static uint64_t seed_at(const struct options *o, uint64_t i)
{
    return i < o->listed_count ? o->listed[i] : o->from + (i - o->listed_count);
}

/* One process: every jobs-th seed, results down the pipe. */
static void work(const struct options *o, int job, int out)
{
    time_t end = time(NULL) + o->seconds;

    for (uint64_t i = (uint64_t)job; i < o->listed_count + o->seeds; i += (uint64_t)o->jobs) {
        struct {
            struct sim_result result;
            uint64_t compared, differing;
        } record = {0};
        if (o->seconds && time(NULL) >= end)
            break;
        sim_run(seed_at(o, i), true, &record.result);
        if (o->again && i % o->again == 0) {
            struct sim_result twice;
            sim_run(seed_at(o, i), true, &twice);
            record.compared = 1;
            record.differing = twice.trace != record.result.trace;
        }
        if (write(out, &record, sizeof(record)) != (ssize_t)sizeof(record))
            _exit(3);
    }
    _exit(0);
}

static bool read_all(int fd, void *bytes, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, (char *)bytes + got, len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static bool run_jobs(const struct options *o, struct totals *t)
{
    int fds[2];
    bool crashed = false;

    if (pipe(fds) != 0)
        return false;
    fflush(stdout);
    for (int job = 0; job < o->jobs; job++) {
        if (fork() == 0) {
            close(fds[0]);
            work(o, job, fds[1]);
        }
    }
    close(fds[1]);
    for (;;) {
        struct {
            struct sim_result result;
            uint64_t compared, differing;
        } record;
        if (!read_all(fds[0], &record, sizeof(record)))
            break;
        add_result(t, &record.result);
        t->compared += record.compared;
        t->differing += record.differing;
        if (record.differing)
            printf("seed %" PRIu64 " FAILED: two runs differ\n", record.result.seed);
        if (t->seeds % 500 == 0)
            printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", t->seeds, t->failed);
        fflush(stdout);
    }
    for (int job = 0; job < o->jobs; job++) {
        int status = 0;
        wait(&status);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            crashed = true;
    }
    close(fds[0]);
    if (crashed)
        puts("FAILED: a simulator process crashed");
    return !crashed;
}

static bool report(const struct totals *t, bool require_all)
{
    const struct sim_result *s = &t->sum;
    bool ok = true;

    printf("\n%" PRIu64 " seeds (%" PRIu64 " on a shared engine), %" PRId64
           " virtual hours, %" PRIu64 " events\n",
           t->seeds, t->shared_seeds, s->virtual_ms / 3600000, s->world.events);
    printf("messages: %" PRIu64 " attempted, %" PRIu64 " acknowledged, %" PRIu64
           " refused, %" PRIu64 " stored, %" PRIu64 " delivered\n",
           s->counts.attempted, s->counts.acked, s->counts.refused, s->counts.stored,
           s->counts.saw);
    printf("alterations: %" PRIu64 ", removals: %" PRIu64 ", gaps told: %" PRIu64
           ", of them evicted: %" PRIu64 "\nrereads: %" PRIu64 ", resets: %" PRIu64
           ", search hits: %" PRIu64 ", caches opened by others: %" PRIu64 ", fenced: %" PRIu64
           "\n",
           s->counts.changes, s->counts.removals, s->gaps, s->evictions, s->rereads, s->resets,
           s->hits, s->shared_caches, s->conflicts);
    puts("\nfaults:");
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        printf("  %-24s %" PRIu64 "\n", sim_fault_name((enum sim_fault)i), s->faults[i]);
        if (s->faults[i] == 0 && require_all) {
            printf("  FAILED: it never happened\n");
            ok = false;
        }
    }
    puts("\nviolations:");
    for (unsigned i = 0; i < CHECK_RULES; i++)
        printf("  %-32s %" PRIu64 "\n", check_rule_name((enum check_rule)i), s->violations[i]);
    printf("\ntraces compared: %" PRIu64 ", differing: %" PRIu64 "\n", t->compared, t->differing);
    if (t->first_failed)
        printf("first failed seed: %" PRIu64 " (sim --seed %" PRIu64 ")\n", t->first_failed,
               t->first_failed);
    return ok && t->failed == 0 && t->differing == 0;
}

static int run_one(uint64_t seed)
{
    struct sim_result result;

    sim_run(seed, false, &result);
    printf("seed %" PRIu64 ": trace %016" PRIx64 ", %" PRIu64 " violations, %" PRIu64
           " messages stored\n",
           seed, result.trace, result.total, result.counts.stored);
    return result.total > 0;
}

enum {
    OPT_SEEDS = 1,
    OPT_FROM,
    OPT_SEED,
    OPT_LIST,
    OPT_JOBS,
    OPT_SECONDS,
    OPT_AGAIN,
    OPT_PLANTS,
    OPT_PLANT,
    OPT_KNOWN,
    OPT_REFRESH,
    OPT_ALL,
    OPT_HELP
};

static const struct option long_options[] = {
    {"seeds", required_argument, NULL, OPT_SEEDS},
    {"from", required_argument, NULL, OPT_FROM},
    {"seed", required_argument, NULL, OPT_SEED},
    {"list", required_argument, NULL, OPT_LIST},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"again", required_argument, NULL, OPT_AGAIN},
    {"plants", no_argument, NULL, OPT_PLANTS},
    {"plant", required_argument, NULL, OPT_PLANT},
    {"known", required_argument, NULL, OPT_KNOWN},
    {"refresh", required_argument, NULL, OPT_REFRESH},
    {"require-all", no_argument, NULL, OPT_ALL},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static bool read_list(const char *path, struct options *o)
{
    FILE *file = fopen(path, "r");
    char line[512];
    unsigned number = 0;
    bool fine = file != NULL;

    if (!file)
        fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
    while (fine && fgets(line, sizeof(line), file)) {
        char *end = NULL;
        uint64_t seed = strtoull(line, &end, 10);

        number++;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (end == line || *end != ' ' || o->listed_count == LISTED_MAX) {
            fprintf(stderr, "sim: %s:%u: not \"SEED what it found\", or too many\n", path, number);
            fine = false;
            break;
        }
        o->listed[o->listed_count++] = seed;
    }
    if (file)
        fclose(file);
    return fine;
}

static int read_options(int argc, char **argv, struct options *o)
{
    int option;

    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case OPT_SEEDS: o->seeds = strtoull(optarg, NULL, 10); break;
        case OPT_FROM: o->from = strtoull(optarg, NULL, 10); break;
        case OPT_SEED:
            o->from = strtoull(optarg, NULL, 10);
            o->one = true;
            break;
        case OPT_LIST:
            if (!read_list(optarg, o))
                return 2;
            break;
        case OPT_JOBS: o->jobs = (int)strtol(optarg, NULL, 10); break;
        case OPT_SECONDS: o->seconds = (int)strtol(optarg, NULL, 10); break;
        case OPT_AGAIN: o->again = strtoull(optarg, NULL, 10); break;
        case OPT_PLANTS: o->plants = true; break;
        case OPT_PLANT: o->plant = optarg; break;
        case OPT_KNOWN: o->known = optarg; break;
        case OPT_REFRESH: o->refresh = optarg; break;
        case OPT_ALL: o->require_all = true; break;
        case 'h':
        case OPT_HELP: fputs(help, stdout); return 0;
        default: return 2;
        }
    }
    if (o->jobs < 1 || o->jobs > JOBS_MAX) {
        fprintf(stderr, "sim: --jobs is 1 to %d\n", JOBS_MAX);
        return 2;
    }
    return -1;
}

/* One seed frees tens of megabytes and the next wants them again: they stay here. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    (void)mallopt(M_TOP_PAD, 64 << 20);
#endif
}

int main(int argc, char **argv)
{
    struct options o = {.seeds = 100, .from = 1, .again = 50, .jobs = 2};
    struct totals totals = {0};
    int code = read_options(argc, argv, &o);

    if (code >= 0)
        return code;
    keep_memory();
    if (o.plant && !sim_plants_choose(o.plant)) {
        fprintf(stderr, "sim: no planted fault is called %s\n", o.plant);
        return 2;
    }
    if (o.plants)
        return sim_plants_prove(&(struct sim_plants_options){
            .known = o.known, .refresh = o.refresh, .seeds = o.seeds, .seconds = o.seconds});
    if (o.one)
        return run_one(o.from);
    code = run_jobs(&o, &totals) ? 0 : 1;
    return report(&totals, o.require_all) ? code : 1;
}
