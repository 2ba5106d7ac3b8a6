/*
 * bench_service: chat-store (memory engine), chat-presence and chat-router as processes of
 * their own, without TLS, in a folder that goes with the bench. Rate limits are out of the
 * way: what is measured is what things cost.
 */
#ifndef CHAT_TESTS_BENCH_SERVICE_H
#define CHAT_TESTS_BENCH_SERVICE_H

#include <stdint.h>
#include <sys/types.h>

#include <libchat/limits.h>

struct bench_service {
    const char *programs; /* folder of the daemons */
    char folder[256];
    pid_t store, presence, router;
    uint16_t store_port, presence_port, router_port;
};

/* Store and presence; returns when they are ready. */
void bench_service_start(struct bench_service *s, const char *programs);
void bench_service_stop(struct bench_service *s);
/* A new one, with nobody in it; the one before ends. */
void bench_service_start_router(struct bench_service *s);
void bench_service_token(const char *subject, char out[CHAT_TOKEN_MAX + 1]);

#endif
