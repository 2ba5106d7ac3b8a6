/*
 * bench_disk: the limit that durable writes are compared with. A file that was filled
 * before, small writes into it, fdatasync after each: what the disk itself takes.
 */
#ifndef CHAT_TESTS_BENCH_DISK_H
#define CHAT_TESTS_BENCH_DISK_H

#include <stddef.h>
#include <stdint.h>

struct bench_samples;

#define BENCH_DISK_FILE_BYTES (64u << 20)

struct bench_disk_run {
    const char *folder;
    size_t len;         /* of each write */
    uint64_t count_max; /* 0: until time is over */
    uint64_t time_ns;   /* 0: until there are so many */
    uint64_t pace_ns;   /* between the beginnings of two; 0: one after the other */
};

/* Adds the ns of each write and sync to `samples`; returns what all of it took. */
uint64_t bench_disk_sync(const struct bench_disk_run *run, struct bench_samples *samples);

#endif
