/*
 * bench_bare: the limit that fan-outs are compared with. An epoll server without any chat,
 * which writes bytes that were prepared before, WebSocket header included: one write per
 * receiver and turn. What it costs is what the kernel costs.
 */
#ifndef CHAT_TESTS_BENCH_BARE_H
#define CHAT_TESTS_BENCH_BARE_H

#include <stdint.h>
#include <sys/types.h>

#include "bench_sockets.h"

#define BENCH_PAYLOAD_MAX 16384u

/* What one receiver gets: a batch with one message, and one with BENCH_BURST. */
struct bench_payloads {
    uint8_t single[BENCH_PAYLOAD_MAX], burst[BENCH_PAYLOAD_MAX];
    size_t single_len, burst_len;
};

/* `each` bytes that count as one message, BENCH_BURST times for a burst. */
void bench_payloads_fill(struct bench_payloads *p, size_t each);

/* The server, a child process. */
pid_t bench_bare_serve(const struct bench_payloads *p, uint16_t *out_port);
/* Asks it for a fan-out. */
void bench_bare_ask(struct bench_sockets *s, unsigned burst);

/* The server with its receivers in processes of their own: beside other receivers of this
 * process, which has only so many descriptors. */
struct bench_bare {
    pid_t driver;
    int ask, answer; /* pipes */
};

void bench_bare_start(struct bench_bare *b, const struct bench_payloads *p, int receivers);
double bench_bare_fan_out(struct bench_bare *b, int rounds, unsigned burst);
void bench_bare_stop(struct bench_bare *b);

#endif
