#include "sim_plants.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/plant.h"
#include "sim_run.h"

#ifdef CHAT_PLANTS

#define RUN_SECONDS_MAX 20
#define CLEAN_MAX 4096u

enum plant plant_active = PLANT_NONE;

#define PLANT_NAME(name) [PLANT_##name] = #name
static const char *const names[PLANT_COUNT] = {
    PLANT_NAME(NONE),
    PLANT_NAME(ACK_BEFORE_SYNC),
    PLANT_NAME(PUBLISH_BEFORE_SYNC),
    PLANT_NAME(REPLAY_FROM_OLDEST),
    PLANT_NAME(RING_SKIPPED),
    PLANT_NAME(RING_NOT_PERSISTED),
    PLANT_NAME(AFTER_IGNORED),
    PLANT_NAME(OVERLAY_DROPPED_EARLY),
    PLANT_NAME(PERMISSION_NOT_CHECKED),
    PLANT_NAME(NOTE_ACK_BEFORE_SYNC),
    PLANT_NAME(SYNC_SKIPPED),
    PLANT_NAME(TORN_TAIL_ACCEPTED),
    PLANT_NAME(SEGMENT_FREED_EARLY),
    PLANT_NAME(FAILED_SYNC_RETRIED),
    PLANT_NAME(APPEND_UNCONDITIONAL),
    PLANT_NAME(HOLE_IGNORED),
    PLANT_NAME(REMOVED_STILL_SERVED),
    PLANT_NAME(GAP_IGNORED),
    PLANT_NAME(OUTBOX_DROPPED_ON_SEND),
    PLANT_NAME(CURSOR_BEFORE_MESSAGE),
    PLANT_NAME(EPOCH_IGNORED),
    PLANT_NAME(RESEND_NEW_NONCE),
    PLANT_NAME(CHANGES_NOT_FETCHED),
    PLANT_NAME(MENTION_NOT_TAKEN_BACK),
    PLANT_NAME(REACTION_TWICE),
    PLANT_NAME(SENT_IS_CANCELLED),
    PLANT_NAME(RECEIPT_FALLS),
    PLANT_NAME(DRAFT_OVERWRITTEN),
    PLANT_NAME(SETTINGS_NOT_LISTED),
    PLANT_NAME(VIEW_CHANGE_MISSED),
    PLANT_NAME(VIEW_GAP_SKIPPED),
    PLANT_NAME(TOMBSTONE_FORGOTTEN),
    PLANT_NAME(VIEW_REACTION_MISSED),
    PLANT_NAME(EVICTS_SHOWN),
    PLANT_NAME(EVICTION_NOT_TOLD),
    PLANT_NAME(INDEX_NOT_ALTERED),
    PLANT_NAME(LOCK_KEPT),
    PLANT_NAME(TAKEN_FORGOTTEN),
    PLANT_NAME(STALE_NOT_LOOKED_FOR),
    PLANT_NAME(PAGE_SHORT),
};

/* What one run showed, in a process of its own. */
struct outcome {
    bool crashed; /* or hung */
    uint64_t violations[CHECK_RULES];
    uint64_t total;
};

struct proof {
    const struct sim_plants_options *options;
    time_t began_at;
    uint64_t known[PLANT_COUNT];  /* 0: none */
    uint64_t caught[PLANT_COUNT]; /* the seed, 0: missed */
    int8_t clean[CLEAN_MAX];      /* by seed: 1 it is, -1 it is not, 0 not tried */
    bool refreshed;
};

bool sim_plants_choose(const char *name)
{
    for (int i = 0; i < PLANT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            plant_active = (enum plant)i;
            return true;
        }
    }
    return false;
}

/* A crash, an abort or a hang of the run is an outcome as well: a process of its own runs each. */
static struct outcome run(enum plant plant, uint64_t seed)
{
    struct outcome out = {.crashed = true};
    struct sim_result result;
    int fds[2], status = 0;
    pid_t pid;

    fflush(stdout);
    if (pipe(fds) != 0)
        exit(2);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        (void)!freopen("/dev/null", "w", stderr);
        plant_active = plant;
        alarm(RUN_SECONDS_MAX);
        sim_run(seed, true, &result);
        _exit(write(fds[1], &result, sizeof(result)) == (ssize_t)sizeof(result) ? 0 : 3);
    }
    close(fds[1]);
    if (pid > 0 && read(fds[0], &result, sizeof(result)) == (ssize_t)sizeof(result)) {
        out.crashed = false;
        out.total = result.total;
        memcpy(out.violations, result.violations, sizeof(out.violations));
    }
    close(fds[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    return out;
}

/* Without a planted fault the seed shows nothing: else it would prove nothing. */
static bool is_clean(struct proof *p, uint64_t seed)
{
    struct outcome out;

    if (seed < CLEAN_MAX && p->clean[seed] != 0)
        return p->clean[seed] > 0;
    out = run(PLANT_NONE, seed);
    if (seed < CLEAN_MAX)
        p->clean[seed] = out.crashed || out.total > 0 ? -1 : 1;
    return !out.crashed && out.total == 0;
}

static void tell(enum plant plant, uint64_t seed, const struct outcome *out, bool is_known)
{
    const char *separator = "";

    printf("planted %-24s caught at seed %-4" PRIu64 " by: ", names[plant], seed);
    if (out->crashed)
        fputs("a crash or a hang", stdout);
    for (unsigned i = 0; i < CHECK_RULES; i++) {
        if (out->violations[i] == 0)
            continue;
        printf("%s%s", separator, check_rule_name((enum check_rule)i));
        separator = ", ";
    }
    puts(is_known ? "" : " (found by search: refresh the file)");
}

static bool try_seed(struct proof *p, enum plant plant, uint64_t seed, bool wants_violation)
{
    struct outcome out = run(plant, seed);

    if ((out.crashed ? wants_violation : out.total == 0) || !is_clean(p, seed))
        return false;
    p->caught[plant] = seed;
    tell(plant, seed, &out, seed == p->known[plant]);
    return true;
}

static bool is_late(const struct proof *p)
{
    return p->options->seconds > 0 && time(NULL) - p->began_at >= p->options->seconds;
}

/* A violation says more than a crash, which is taken when nothing else is found. */
static void search(struct proof *p, enum plant plant)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t seed = 1; seed <= p->options->seeds && !is_late(p); seed++) {
            if (try_seed(p, plant, seed, pass == 0))
                return;
        }
    }
}

static void read_known(struct proof *p, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256], name[64];
    uint64_t seed;

    if (!file) {
        fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    while (fgets(line, sizeof(line), file)) {
        if (line[0] == '#' || sscanf(line, "PLANT_%63s %" SCNu64, name, &seed) != 2)
            continue;
        for (int i = PLANT_NONE + 1; i < PLANT_COUNT; i++) {
            if (strcmp(names[i], name) == 0)
                p->known[i] = seed;
        }
    }
    fclose(file);
}

static bool write_known(const struct proof *p, const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file) {
        fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
        return false;
    }
    fputs("# A seed that catches each planted fault of lib/base/plant.h, and is clean without it.\n"
          "# The harness may change what a seed does; new ones are found and written by\n"
          "#\n"
          "#   sim_planted --plants --known tests/sim/plants.txt --seeds 200 --refresh "
          "tests/sim/plants.txt\n",
          file);
    for (int i = PLANT_NONE + 1; i < PLANT_COUNT; i++) {
        if (p->caught[i])
            fprintf(file, "PLANT_%s %" PRIu64 "\n", names[i], p->caught[i]);
        else
            fprintf(file, "# PLANT_%s is caught by no seed\n", names[i]);
    }
    return fclose(file) == 0;
}

int sim_plants_prove(const struct sim_plants_options *options)
{
    struct proof *p = calloc(1, sizeof(*p));
    int caught = 0, code;

    if (!p)
        return 2;
    p->options = options;
    p->began_at = time(NULL);
    if (options->known)
        read_known(p, options->known);
    for (int i = PLANT_NONE + 1; i < PLANT_COUNT; i++) {
        if (p->known[i])
            (void)try_seed(p, (enum plant)i, p->known[i], false);
    }
    for (int i = PLANT_NONE + 1; i < PLANT_COUNT; i++) {
        if (!p->caught[i])
            search(p, (enum plant)i);
        if (!p->caught[i])
            printf("planted %-24s NOT CAUGHT\n", names[i]);
        caught += p->caught[i] != 0;
    }
    printf("%d of %d planted faults caught in %d s\n", caught, PLANT_COUNT - 1,
           (int)(time(NULL) - p->began_at));
    code = caught < PLANT_COUNT - 1 ? 1 : 0;
    if (options->refresh && !write_known(p, options->refresh))
        code = 2;
    free(p);
    return code;
}

#else

bool sim_plants_choose(const char *name)
{
    (void)name;
    fputs("sim: this build holds no planted faults\n", stderr);
    return false;
}

int sim_plants_prove(const struct sim_plants_options *options)
{
    (void)options;
    return sim_plants_choose("") ? 0 : 2;
}

#endif
