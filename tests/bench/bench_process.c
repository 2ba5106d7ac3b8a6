#include "bench_process.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

void bench_die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

void bench_fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(EXIT_FAILURE);
}

pid_t bench_fork(void)
{
    pid_t parent = getpid(), child;

    fflush(stdout);
    child = fork();
    if (child < 0)
        bench_die("fork");
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_FAILURE); /* it ended in between */
    }
    return child;
}

void bench_end(pid_t child)
{
    if (child <= 0)
        return;
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

uint64_t bench_cpu_of(pid_t pid)
{
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0)
        bench_fail("a process to measure is gone");
    return bench_clock_ns(clock);
}

double bench_rss_bytes(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    if (!file)
        bench_die(path);
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtoul(line + 8, NULL, 10);
    }
    fclose(file);
    return (double)kb * 1024;
}

void bench_folder_make(const char *base, const char *name, char *out, size_t out_size)
{
    if (!base)
        base = getenv("TMPDIR");
    (void)snprintf(out, out_size, "%s/%s-XXXXXX", base ? base : "/var/tmp", name);
    if (!mkdtemp(out))
        bench_die(out);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

void bench_folder_remove(const char *folder)
{
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
