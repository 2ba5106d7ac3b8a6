/* An application of the server library. */
#include <stdio.h>
#include <string.h>

#include <libchat/server.h>
#include <libchat/status.h>

int main(void)
{
    if (strcmp(chat_status_name(CHAT_OK), "CHAT_OK") != 0) {
        fprintf(stderr, "libchat-server does not answer\n");
        return 1;
    }
    return 0;
}
