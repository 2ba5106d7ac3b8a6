/*
 * What every benchmark needs: clocks, percentiles, a counting allocator, and results as a
 * table row for people and a line of JSON for tools (appended to the file named by
 * BENCH_JSON, when it is set).
 */
#ifndef CHAT_TESTS_BENCH_H
#define CHAT_TESTS_BENCH_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libchat/alloc.h>

static inline uint64_t bench_clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t bench_now_ns(void) { return bench_clock_ns(CLOCK_MONOTONIC); }
/* CPU time of the whole process. */
static inline uint64_t bench_cpu_ns(void) { return bench_clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

/* --- percentiles --- */

struct bench_samples {
    uint64_t *values;
    size_t count;
    size_t cap;
};

static inline void bench_samples_init(struct bench_samples *s, size_t cap)
{
    *s = (struct bench_samples){.values = calloc(cap ? cap : 1, sizeof(*s->values)), .cap = cap};
    if (!s->values)
        abort();
}

static inline void bench_samples_fini(struct bench_samples *s) { free(s->values); }

/* Beyond cap they are dropped. */
static inline void bench_sample(struct bench_samples *s, uint64_t value)
{
    if (s->count < s->cap)
        s->values[s->count++] = value;
}

static inline int bench_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest sample that `percent` of them do not exceed; sorts. 0 without samples. */
static inline uint64_t bench_percentile(struct bench_samples *s, double percent)
{
    size_t rank;

    if (s->count == 0)
        return 0;
    qsort(s->values, s->count, sizeof(*s->values), bench_compare);
    rank = (size_t)(percent / 100.0 * (double)s->count);
    return s->values[rank < s->count ? rank : s->count - 1];
}

/* --- allocations --- */

struct bench_memory {
    struct chat_allocator allocator; /* hand this out */
    uint64_t allocations;
    uint64_t bytes; /* asked for, all in all */
};

static inline void *bench_memory_alloc(void *user, size_t size)
{
    struct bench_memory *m = user;

    m->allocations++;
    m->bytes += size;
    return malloc(size);
}

static inline void bench_memory_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static inline void bench_memory_init(struct bench_memory *m)
{
    *m = (struct bench_memory){
        .allocator = {.alloc = bench_memory_alloc, .free = bench_memory_free, .user = m}};
}

/* --- results --- */

struct bench_value {
    /* With its unit: "ns", "allocations", "p99_us"; and behind it what is wanted, if anything
     * is: "p99_ms <= 5", "burst_gain >= 6". */
    const char *name;
    double value;
};

/* `,"ns":285.000`, and for a figure with a limit also `,"ns_wanted":"<= 300","ns_met":true`. */
static inline void bench_write_value(FILE *json, const struct bench_value *v)
{
    const char *wanted = strchr(v->name, ' ');
    const int len = wanted ? (int)(wanted - v->name) : (int)strlen(v->name);
    const double limit = wanted ? strtod(wanted + 4, NULL) : 0;

    fprintf(json, ",\"%.*s\":%.3f", len, v->name, v->value);
    if (wanted)
        fprintf(json, ",\"%.*s_wanted\":\"%s\",\"%.*s_met\":%s", len, v->name, wanted + 1, len,
                v->name,
                (wanted[1] == '<' ? v->value <= limit : v->value >= limit) ? "true" : "false");
}

#define BENCH_REPORT(bench, subject, ...)                                                          \
    bench_report(bench, subject, (const struct bench_value[]){__VA_ARGS__},                        \
                 sizeof((const struct bench_value[]){__VA_ARGS__}) / sizeof(struct bench_value))

static inline void bench_report(const char *bench, const char *subject,
                                const struct bench_value *values, size_t count)
{
    const char *path = getenv("BENCH_JSON");
    FILE *json = path ? fopen(path, "a") : NULL;

    printf("%-10s %-34s", bench, subject);
    for (size_t i = 0; i < count; i++)
        printf("  %12.2f %s", values[i].value, values[i].name);
    printf("\n");
    fflush(stdout);
    if (!json)
        return;
    fprintf(json, "{\"bench\":\"%s\",\"subject\":\"%s\"", bench, subject);
    for (size_t i = 0; i < count; i++)
        bench_write_value(json, &values[i]);
    fprintf(json, "}\n");
    fclose(json);
}

#endif
