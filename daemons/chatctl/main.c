/* chatctl: tokens, keys, conversations, metrics and replays from the command line. */
#include "chatctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"

static const struct ctl_command *const commands[] = {
    &token_command, &secret_command, &ticket_key_command, &cert_command,   &direct_command,
    &group_command, &stats_command,  &drain_command,      &replay_command,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

void ctl_say(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "chatctl %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void ctl_print_help(const struct ctl_command *command, FILE *out)
{
    fprintf(out, "usage: chatctl %s %s\n\n%s\n\n%s", command->name, command->arguments,
            command->summary, command->help);
}

int ctl_usage(const struct ctl_command *command)
{
    fprintf(stderr, "usage: chatctl %s %s\nchatctl %s --help says more.\n", command->name,
            command->arguments, command->name);
    return CTL_WRONG;
}

bool ctl_number(const char *command, const char *option, const char *text, uint64_t min,
                uint64_t max, uint64_t *out)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < min || value > max) {
        ctl_say(command, "%s: \"%.40s\" is not a number of %llu to %llu", option, text,
                (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *out = value;
    return true;
}

static void print_help(FILE *out)
{
    fputs("usage: chatctl COMMAND [options]\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof(left), "%s %s", commands[i]->name, commands[i]->arguments);
        fprintf(out, "  %-34s %s\n", left, commands[i]->summary);
    }
    fputs("\nchatctl COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 wrong options or\n"
          "files, 3 no answer in time, 4 a promise does not hold (replay --verify).\n",
          out);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return CTL_OK;
    }
    if (strcmp(name, "--version") == 0) {
        puts("chatctl " CHAT_VERSION);
        return CTL_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) != 0)
            continue;
        for (int a = 2; a < argc; a++) {
            if (strcmp(argv[a], "--help") == 0 || strcmp(argv[a], "-h") == 0) {
                ctl_print_help(commands[i], stdout);
                return CTL_OK;
            }
        }
        return commands[i]->run(argc - 1, argv + 1);
    }
    if (*name)
        fprintf(stderr, "chatctl: no such command: %.40s\n", name);
    print_help(stderr);
    return CTL_WRONG;
}
