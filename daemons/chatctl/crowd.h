/*
 * crowd: many users of a service in one process, each a public chat_conn of its own on one
 * chat_loop, signed in with tokens made here.
 */
#ifndef CHAT_CHATCTL_CROWD_H
#define CHAT_CHATCTL_CROWD_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <libchat/libchat.h>

#include "mint.h"

#define CROWD_URLS_MAX 16u
#define CROWD_PEOPLE_MAX 4096u
#define CROWD_URL_DEFAULT "wss://localhost:8443/"

/* Where the service is, and how to get in: options that several commands share. */
struct crowd_options {
    const char *command;
    const char *urls[CROWD_URLS_MAX]; /* people are spread over them */
    uint32_t url_count;
    const char *ca, *data, *config;
    uint64_t timeout_s;
    bool verbose;
};

#define CROWD_OPTION_FIRST 1000
#define CROWD_OPTION_LAST 1005
#define CROWD_LONG_OPTIONS                                                                         \
    {"url", required_argument, NULL, 1000}, {"ca", required_argument, NULL, 1001},                 \
        {"data", required_argument, NULL, 1002}, {"config", required_argument, NULL, 1003},        \
        {"timeout", required_argument, NULL, 1004},                                                \
    {                                                                                              \
        "verbose", no_argument, NULL, 1005                                                         \
    }
#define CROWD_OPTIONS_HELP                                                                         \
    "  --url URL         of the service; default " CROWD_URL_DEFAULT "; said again:\n"             \
    "                    people are spread over all of them\n"                                     \
    "  --ca FILE         trust the certificates in FILE; default: FOLDER/keys/ca.pem of --data\n"  \
    "  --data FOLDER     of chatd: sign tokens with the secret it made for itself\n"               \
    "  --config FILE     of a router: sign tokens with its first issuer of format secret\n"        \
    "  --timeout SECONDS without any progress, then give up; default 60\n"                         \
    "  --verbose         log what the connections do\n"

void crowd_options_init(struct crowd_options *options, const char *command);
/* False when it is none of these options, or a wrong one. */
bool crowd_options_take(struct crowd_options *options, int option, const char *value);

struct crowd;

struct person {
    struct crowd *crowd;
    char subject[CHAT_SUBJECT_MAX + 1];
    const char *name; /* NULL: the subject */
    uint64_t user_id; /* 0 until the first welcome */
    chat_conn *conn;  /* NULL: not here */
    chat_conn_state state;
    bool leaving;
    int64_t leave_by_ms;
    uint32_t url;
    uint32_t keep_max; /* as chat_conn_config */
    uint64_t drops;    /* how often an established link ended */
    /* What happened to it. May make it leave. NULL: nobody wants to know. */
    void (*on_event)(struct person *person, const struct chat_event *event);
    void *user;
};

struct crowd {
    struct crowd_options options;
    struct mint mint;
    struct chat_logger logger;
    struct chat_transport *transport;
    chat_loop *loop;
    char ca[FILES_PATH_MAX];
    struct person *people[CROWD_PEOPLE_MAX]; /* those with a conn */
    uint32_t count;
    uint32_t next_url;
    char problem[256]; /* what went wrong last at any of them, for people */
};

/* CTL_OK, or the exit code; then it was said why. */
int crowd_open(struct crowd *crowd, const struct crowd_options *options);
void crowd_close(struct crowd *crowd);

/* `person` stays where it is until it has left. Errors: CHAT_E_FULL, CHAT_E_TOO_LARGE,
 * CHAT_E_NOMEM. */
chat_status crowd_arrive(struct crowd *crowd, struct person *person);
/* Says goodbye; the conn is freed soon. */
void crowd_leave(struct person *person);
/* At once. */
void crowd_drop(struct person *person);

/* Waits at most timeout_ms, moves all and hands out events. CTL_OK or CTL_FAILED. */
int crowd_step(struct crowd *crowd, int64_t timeout_ms);

/* Monotonic. */
int64_t crowd_now_ms(void);
/* SIGINT or SIGTERM came. */
bool crowd_interrupted(void);

#endif
