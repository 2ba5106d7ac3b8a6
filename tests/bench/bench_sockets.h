/*
 * bench_sockets: thousands of WebSocket clients of one process, as raw sockets. What comes
 * is taken apart just far enough to count it, so that the receivers cost little beside the
 * server that is measured.
 */
#ifndef CHAT_TESTS_BENCH_SOCKETS_H
#define CHAT_TESTS_BENCH_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_socket {
    int fd;
    uint32_t rest_len;
    uint8_t *rest; /* the beginning of a message that is not whole yet */
};

struct bench_sockets {
    int epoll;
    int count, cap;
    struct bench_socket *all;
    uint64_t messages;   /* whole WebSocket messages that came */
    uint64_t deliveries; /* chat messages within: batch elements that are a Message */
    /* Sees each WebSocket message; NULL: nobody. */
    void (*on_message)(struct bench_sockets *sockets, int index, const uint8_t *bytes, size_t len);
    void *user;
};

void bench_sockets_init(struct bench_sockets *s, int cap);
/* Closes all. */
void bench_sockets_fini(struct bench_sockets *s);
/* `count` more, up to the answered upgrade. */
void bench_sockets_connect(struct bench_sockets *s, uint16_t port, int count);
/* One message. */
void bench_sockets_send(struct bench_sockets *s, int index, const uint8_t *bytes, size_t len);
/* Waits at most so long, then reads what there is. */
void bench_sockets_turn(struct bench_sockets *s, int timeout_ms);

/* Makes socket 0 ask its server for one fan-out to all: one message, or BENCH_BURST. */
typedef void bench_ask(struct bench_sockets *s, unsigned burst);
#define BENCH_BURST 10u

/* CPU ns of `server` per delivery, over so many rounds; each waits until all have all. */
double bench_sockets_fan_out(struct bench_sockets *s, pid_t server, bench_ask *ask, int rounds,
                             unsigned burst);

#endif
