/* The header, the library and the build speak of one version. */
#include <stdio.h>
#include <string.h>

#include <libchat/version.h>

int main(void)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%d.%d.%d", CHAT_VERSION_MAJOR, CHAT_VERSION_MINOR,
                   CHAT_VERSION_PATCH);
    if (strcmp(text, PROJECT_VERSION) != 0 || chat_version_number() != CHAT_VERSION_NUMBER ||
        chat_abi_version() != CHAT_ABI_VERSION || CHAT_ABI_VERSION != SOVERSION) {
        fprintf(stderr,
                "the header says %s, ABI %d; the library %u, ABI %u; the build " PROJECT_VERSION
                ", ABI %d\n",
                text, CHAT_ABI_VERSION, chat_version_number(), chat_abi_version(), SOVERSION);
        return 1;
    }
    return 0;
}
