#include "bench_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "bench_process.h"

#define FILL_BYTES (1u << 20)

static int make_file(const char *path, const uint8_t *bytes)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        bench_die(path);
    for (size_t at = 0; at < BENCH_DISK_FILE_BYTES; at += FILL_BYTES) {
        if (pwrite(fd, bytes, FILL_BYTES, (off_t)at) != (ssize_t)FILL_BYTES)
            bench_die(path);
    }
    if (fdatasync(fd) != 0)
        bench_die(path);
    return fd;
}

static void wait_until(uint64_t at_ns)
{
    const struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000),
                                .tv_nsec = (long)(at_ns % 1000000000)};

    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

uint64_t bench_disk_sync(const struct bench_disk_run *run, struct bench_samples *samples)
{
    char path[300];
    uint8_t *bytes = calloc(1, run->len > FILL_BYTES ? run->len : FILL_BYTES);
    uint64_t begun, took;
    size_t at = 0;
    int fd;

    if (!bytes)
        bench_die("memory");
    (void)snprintf(path, sizeof(path), "%s/bare", run->folder);
    fd = make_file(path, bytes);
    begun = bench_now_ns();
    for (uint64_t i = 0; run->count_max == 0 || i < run->count_max; i++) {
        uint64_t from;

        if (run->pace_ns)
            wait_until(begun + i * run->pace_ns);
        from = bench_now_ns();
        if (run->time_ns && from - begun >= run->time_ns)
            break;
        at = at + run->len > BENCH_DISK_FILE_BYTES ? 0 : at;
        if (pwrite(fd, bytes, run->len, (off_t)at) != (ssize_t)run->len || fdatasync(fd) != 0)
            bench_die(path);
        at += run->len;
        bench_sample(samples, bench_now_ns() - from);
    }
    took = bench_now_ns() - begun;
    close(fd);
    unlink(path);
    free(bytes);
    return took;
}
