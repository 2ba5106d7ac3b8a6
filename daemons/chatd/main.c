/* chatd: router, presence and store in one process, joined in memory. One command, one
 * data folder; at its first start it makes itself the keys it was not given. */
#include "program.h"

static const char *const sections[] = {"service",         "log",     "router", "limits",
                                       "issuer",          "tickets", "store",  "store_limits",
                                       "presence_limits", "link",    NULL};

static const struct settings_program chatd = {
    .name = "chatd",
    .purpose = "A whole chat service in one process: chatd --data FOLDER",
    .sections = sections,
    .router = true,
    .presence = true,
    .store = true,
    .own_links = true,
};

int main(int argc, char **argv) { return program_main(&chatd, argc, argv); }
