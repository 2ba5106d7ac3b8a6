/* chat-presence: remembers who is online and tells the routers; keeps nothing. */
#include "program.h"

static const char *const sections[] = {"log", "presence", "presence_limits", "link", NULL};

static const struct settings_program presence = {
    .name = "chat-presence",
    .purpose = "Knows who is online, as long as routers say so.",
    .sections = sections,
    .presence = true,
};

int main(int argc, char **argv) { return program_main(&presence, argc, argv); }
