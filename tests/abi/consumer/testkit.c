/* An application's test with a chat service of its own. */
#include <stdio.h>

#include <libchat/libchat.h>
#include <libchat/testkit.h>

int main(void)
{
    struct chat_testkit_config config;
    chat_testkit_device *device;
    chat_testkit *kit;
    uint64_t channel = 0, count = 0;
    chat_status status;

    chat_testkit_config_init(&config);
    status = chat_testkit_new(&config, &kit);
    if (status == CHAT_OK)
        status = chat_testkit_device_new(kit, "phone", &device);
    if (status == CHAT_OK)
        status = chat_testkit_open_direct(kit, "bob", "alice", &channel);
    if (status == CHAT_OK)
        status = chat_testkit_post(kit, channel, "bob", "hello", NULL);
    if (status == CHAT_OK)
        status = chat_testkit_count_messages(kit, channel, &count);
    if (status != CHAT_OK || count != 1) {
        fprintf(stderr, "no chat: %s\n", chat_status_text(status));
        return 1;
    }
    chat_testkit_free(kit);
    return 0;
}
