/* chat-store: owns conversations: checks, orders and keeps what is said in them. */
#include "program.h"

static const char *const sections[] = {"service", "log",   "store", "store_limits",
                                       "link",    "peers", NULL};

static const struct settings_program store = {
    .name = "chat-store",
    .purpose = "Keeps the messages of its shards on disk, in order.",
    .sections = sections,
    .store = true,
};

int main(int argc, char **argv) { return program_main(&store, argc, argv); }
