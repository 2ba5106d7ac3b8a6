#include "bench_service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench_process.h"
#include "server/auth.h"

#define ARGS_MAX 32

/* Nobody else can reach these daemons, and they end with the bench. */
static const char secret[] = "of-benches-only-and-long-enough-for-HS256";

static char remove_at_exit[256];

static void on_exit_remove(void)
{
    if (remove_at_exit[0])
        bench_folder_remove(remove_at_exit);
}

static void write_file(const struct bench_service *s, const char *name, const char *text)
{
    char path[300];
    FILE *file;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", s->folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        bench_die(path);
}

static _Noreturn void become(const struct bench_service *s, const char *program,
                             const char *const *flags, int out)
{
    const char *args[ARGS_MAX] = {program};
    char path[512];
    int count = 1;

    while (flags[count - 1] && count < ARGS_MAX - 1) {
        args[count] = flags[count - 1];
        count++;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", s->programs, program);
    (void)dup2(out, STDOUT_FILENO);
    (void)setenv("LIBCHAT_LOG_LEVEL", "warn", 0);
    /* Left to itself, glibc keeps up to 2 MB that are free at the end of the heap, as it happens.
     */
    (void)setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=131072", 0);
    if (chdir(s->folder) != 0)
        bench_die(s->folder);
    (void)execv(path, (char *const *)(uintptr_t)args);
    perror(path);
    _exit(EXIT_FAILURE);
}

static uint16_t port_in(const char *line, const char *name)
{
    const char *at = strstr(line, name);

    if (!strstr(line, " ready ") || !at)
        bench_fail("a daemon did not start");
    return (uint16_t)strtoul(at + strlen(name), NULL, 10);
}

/* Returns when it says that it runs, and on which ports. */
static pid_t start(const struct bench_service *s, const char *program, const char *const *flags,
                   uint16_t *out_port, uint16_t *out_admin_port)
{
    char line[256] = "";
    int out[2];
    pid_t child;
    FILE *file;

    if (pipe2(out, O_CLOEXEC) != 0)
        bench_die("pipe");
    child = bench_fork();
    if (child == 0)
        become(s, program, flags, out[1]);
    close(out[1]);
    file = fdopen(out[0], "r");
    if (!file || !fgets(line, sizeof(line), file))
        bench_fail("a daemon did not start");
    *out_port = port_in(line, "listen=");
    *out_admin_port = port_in(line, "admin=");
    fclose(file);
    return child;
}

static bool says_ready(uint16_t admin_port)
{
    static const char ask[] = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(admin_port)};
    char answer[256];
    ssize_t n = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
        send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) > 0)
        n = recv(fd, answer, sizeof(answer) - 1, 0);
    close(fd);
    answer[n > 0 ? n : 0] = '\0';
    return strstr(answer, " 200 ") != NULL;
}

void bench_service_start(struct bench_service *s, const char *programs)
{
    static const char *const store[] = {
        "--store.engine=memory",     "--store.listen=127.0.0.1:0", "--store.tls=no",
        "--store.admin_listen=none", "--link.secret_file=secret",  NULL};
    static const char *const presence[] = {"--presence.listen=127.0.0.1:0", "--presence.tls=no",
                                           "--presence.admin_listen=none",
                                           "--link.secret_file=secret", NULL};
    char config[512];
    uint16_t none;
    char *whole = realpath(programs, NULL);

    if (!whole)
        bench_die(programs);
    *s = (struct bench_service){.programs = whole};
    bench_folder_make(NULL, "bench-service", s->folder, sizeof(s->folder));
    (void)snprintf(remove_at_exit, sizeof(remove_at_exit), "%s", s->folder);
    (void)atexit(on_exit_remove);
    write_file(s, "secret", secret);
    (void)snprintf(config, sizeof(config),
                   "[issuer bench]\nissuer = bench\naudience = bench\nkeys = secret\n"
                   "format = secret\n");
    write_file(s, "router.conf", config);
    s->store = start(s, "chat-store", store, &s->store_port, &none);
    s->presence = start(s, "chat-presence", presence, &s->presence_port, &none);
}

void bench_service_start_router(struct bench_service *s)
{
    char stores[64], presence[64];
    uint16_t admin_port;
    const char *const flags[] = {"--config",
                                 "router.conf",
                                 "--router.listen=127.0.0.1:0",
                                 "--router.tls=no",
                                 "--router.admin_listen=127.0.0.1:0",
                                 "--link.secret_file=secret",
                                 stores,
                                 presence,
                                 "--limits.preauth_max=20000",
                                 "--limits.preauth_per_address=20000",
                                 "--limits.handshakes_per_second=1000000",
                                 "--limits.handshakes_burst=1000000",
                                 "--limits.operations_per_second=1000000",
                                 "--limits.operations_burst=1000000",
                                 NULL};

    bench_end(s->router);
    (void)snprintf(stores, sizeof(stores), "--peers.stores=ws://127.0.0.1:%u", s->store_port);
    (void)snprintf(presence, sizeof(presence), "--peers.presence=ws://127.0.0.1:%u",
                   s->presence_port);
    s->router = start(s, "chat-router", flags, &s->router_port, &admin_port);
    for (int tries = 0; !says_ready(admin_port); tries++) {
        if (tries == 1000)
            bench_fail("the router is not ready");
        (void)usleep(10000);
    }
}

void bench_service_stop(struct bench_service *s)
{
    bench_end(s->router);
    bench_end(s->presence);
    bench_end(s->store);
    bench_folder_remove(s->folder);
    remove_at_exit[0] = '\0';
    free((void *)(uintptr_t)s->programs);
}

void bench_service_token(const char *subject, char out[CHAT_TOKEN_MAX + 1])
{
    const int64_t now_s = (int64_t)time(NULL);
    const struct token_grant grant = {.issuer = "bench",
                                      .audience = "bench",
                                      .subject = subject,
                                      .issued_at_s = now_s,
                                      .expires_at_s = now_s + 86400};
    size_t len;

    if (auth_mint_hs256(&grant, (const uint8_t *)secret, strlen(secret), out, CHAT_TOKEN_MAX + 1,
                        &len) != CHAT_OK)
        bench_fail("no token");
}
