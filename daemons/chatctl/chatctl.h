/* chatctl: the operator's tool. One subcommand a file. */
#ifndef CHAT_CHATCTL_H
#define CHAT_CHATCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <libchat/export.h>

/* Exit codes. */
enum {
    CTL_OK = 0,
    CTL_FAILED = 1,  /* asked for, and it did not come to pass */
    CTL_WRONG = 2,   /* options or files */
    CTL_TIMEOUT = 3, /* the service did not answer in time */
    CTL_BROKEN = 4,  /* replay --verify: a promise does not hold */
};

struct ctl_command {
    const char *name;
    const char *arguments;             /* "SUBJECT" */
    const char *summary;               /* for the list of commands */
    const char *help;                  /* options and more */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct ctl_command token_command, secret_command, ticket_key_command, cert_command;
extern const struct ctl_command direct_command, group_command;
extern const struct ctl_command stats_command, drain_command;
extern const struct ctl_command replay_command;

/* "chatctl token: ..." on stderr. */
void ctl_say(const char *command, const char *format, ...) CHAT_PRINTF(2, 3);
void ctl_print_help(const struct ctl_command *command, FILE *out);
/* The usage on stderr; CTL_WRONG. */
int ctl_usage(const struct ctl_command *command);

/* A whole number within min..max. False, and says so, when it is none. */
bool ctl_number(const char *command, const char *option, const char *text, uint64_t min,
                uint64_t max, uint64_t *out);

#endif
