/* chat-router: holds the clients; keeps nothing. Run as many as you like. */
#include "program.h"

static const char *const sections[] = {"log",     "router", "limits", "issuer",
                                       "tickets", "link",   "peers",  NULL};

static const struct settings_program router = {
    .name = "chat-router",
    .purpose = "Holds clients, and talks to stores and presence for them.",
    .sections = sections,
    .router = true,
};

int main(int argc, char **argv) { return program_main(&router, argc, argv); }
