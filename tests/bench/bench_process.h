/*
 * bench_process: what is measured runs in processes of its own, so that their CPU and memory
 * are theirs alone. They die with the bench, however that ends.
 */
#ifndef CHAT_TESTS_BENCH_PROCESS_H
#define CHAT_TESTS_BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Says what failed, with errno, and ends the bench. */
_Noreturn void bench_die(const char *what);
/* The same without errno. */
_Noreturn void bench_fail(const char *what);

/* As fork(); dies on failure. */
pid_t bench_fork(void);
/* At once. */
void bench_end(pid_t child);

/* User and system time so far, all threads. */
uint64_t bench_cpu_of(pid_t pid);
/* RssAnon: memory that is the process's own, no code and no files. */
double bench_rss_bytes(pid_t pid);

/* Makes NAME-XXXXXX in `base`; NULL: in $TMPDIR, or /var/tmp. */
void bench_folder_make(const char *base, const char *name, char *out, size_t out_size);
void bench_folder_remove(const char *folder);

#endif
