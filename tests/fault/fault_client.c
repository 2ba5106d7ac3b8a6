/*
 * The whole client, every disk call and every allocation of it and of SQLite failing in turn,
 * over the scenarios of scenarios.c: once, and from then on for good. See stage.h for what is
 * checked.
 *
 *   fault_client [--unsampled | --memory-stride N] [--offset N] [--scenario NAME] [--place N]
 *
 * Disk calls are never sampled, nor the writes after which a disk is full. Of the allocations
 * each N-th is taken, beginning with the offset: another one in every run unless it is given;
 * or, unsampled, all of them.
 */
#include <getopt.h>
#include <time.h>

#include "client_stage.h"

enum ending {
    HEAL,  /* the process lives on, and nothing fails any more */
    REOPEN /* it dies while things fail, and comes again */
};

struct how {
    const struct scenario *scenario;
    enum fault_kind kind;
    size_t place;
    bool for_good;
    enum ending ending;
};

static struct options {
    size_t memory_stride, offset, place;
    const char *only;
} options = {.memory_stride = 97, .offset = SIZE_MAX, .place = SIZE_MAX};

static struct faults *faults;
static struct client_stage stage;
static struct how how; /* what is being tried, for the report */
static bool passed;
static bool broken;         /* the client that failed holds on to its file: no more after that */
static uint64_t untroubled; /* the fingerprint when nothing fails */
static size_t runs, all_runs;

/* True: something failed. */
static bool run_once(void)
{
    bool fired;

    runs++;
    client_stage_init(&stage, faults);
    how.scenario->prepare(&stage);
    stage.told = false;
    faults_arm(faults, how.kind, how.place, how.for_good);
    how.scenario->run(&stage);
    fired = faults_fired(faults, how.kind);
    if (how.ending == REOPEN) {
        client_stage_close(&stage);
        faults_disarm(faults);
        client_stage_check_file(&stage);
        client_stage_open(&stage);
        ck_assert_ptr_nonnull(stage.rig.core);
        client_stage_check_outbox(&stage);
    } else {
        faults_disarm(faults);
        client_stage_pull(&stage); /* what could not be told for want of memory */
        if (!fired)
            untroubled = client_stage_fingerprint(&stage);
        else
            ck_assert_msg(stage.told || client_stage_fingerprint(&stage) == untroubled,
                          "the application was not told");
    }
    client_stage_check_whole(&stage);
    client_stage_close(&stage);
    client_stage_check_file(&stage);
    client_stage_fini(&stage);
    return fired;
}

static bool run_all_ways(void)
{
    bool fired = false;

    how.for_good = false;
    how.ending = HEAL;
    if (how.kind != FAULT_FULL)
        fired |= run_once();
    how.for_good = true;
    fired |= run_once();
    how.ending = REOPEN;
    fired |= run_once();
    return fired;
}

/* How many places there were. */
static size_t scan(enum fault_kind kind, size_t first, size_t stride)
{
    how.kind = kind;
    how.place = MEMORY_VFS_NEVER;
    how.for_good = false;
    how.ending = HEAL;
    ck_assert(!run_once());
    if (options.place != SIZE_MAX) {
        how.place = options.place;
        (void)run_all_ways();
        return 1;
    }
    for (how.place = first; run_all_ways();)
        how.place += stride;
    return how.place;
}

START_TEST(scenario_survives_every_fault)
{
    size_t disk, writes, memory;

    if (broken)
        return;
    how = (struct how){.scenario = &scenarios[_i]};
    runs = 0;
    passed = false;
    if (!options.only || strcmp(options.only, how.scenario->name) == 0) {
        disk = scan(FAULT_DISK, 0, 1);
        writes = scan(FAULT_FULL, 0, 1);
        memory = scan(FAULT_MEMORY, options.offset, options.memory_stride);
        printf("%-26s %4zu disk calls, %4zu writes, %5zu allocations: %zu runs\n",
               how.scenario->name, disk, writes, memory, runs);
        all_runs += runs;
        fflush(stdout);
    }
    passed = true;
}
END_TEST

static void report(void)
{
    if (passed || broken)
        return;
    fprintf(stderr, "%s: %s call %zu failed %s, then %s\n", how.scenario->name,
            how.kind == FAULT_DISK   ? "disk"
            : how.kind == FAULT_FULL ? "write to a full disk,"
                                     : "memory",
            how.place, how.for_good ? "for good" : "once",
            how.ending == HEAL ? "all was well again" : "the process died");
    broken = true;
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"unsampled", 0, NULL, 'u'}, {"memory-stride", 1, NULL, 's'}, {"offset", 1, NULL, 'o'},
        {"scenario", 1, NULL, 'n'},  {"place", 1, NULL, 'p'},         {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'u')
            options.memory_stride = 1;
        else if (option == 's')
            options.memory_stride = strtoul(optarg, NULL, 10);
        else if (option == 'o')
            options.offset = strtoul(optarg, NULL, 10);
        else if (option == 'n')
            options.only = optarg;
        else if (option == 'p')
            options.place = strtoul(optarg, NULL, 10);
        else
            exit(2);
    }
    if (options.memory_stride == 0)
        exit(2);
    if (options.offset == SIZE_MAX)
        options.offset = (size_t)time(NULL);
    options.offset %= options.memory_stride;
}

int main(int argc, char **argv)
{
    Suite *suite = suite_create("fault_client");
    TCase *tc = tcase_create("scenarios");
    SRunner *runner;
    int failed, count = 0;

    read_options(argc, argv);
    faults = faults_init();
    printf("allocations: --memory-stride %zu --offset %zu\n", options.memory_stride,
           options.offset);
    while (scenarios[count].name)
        count++;
    tcase_set_timeout(tc, 0);
    tcase_add_checked_fixture(tc, NULL, report);
    tcase_add_loop_test(tc, scenario_survives_every_fault, 0, count);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    printf("%d scenarios, %zu runs\n", count, all_runs);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
