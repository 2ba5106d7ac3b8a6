// The same from C++11.
#include <cstdio>
#include <memory>

#include <libchat/libchat.h>
#include <libchat/testkit.h>

namespace
{

struct KitEnd {
    void operator()(chat_testkit *kit) const { chat_testkit_free(kit); }
};

} // namespace

int main()
{
    chat_testkit_config config;
    chat_testkit_config_init(&config);
    chat_testkit *new_kit = nullptr;
    if (chat_testkit_new(&config, &new_kit) != CHAT_OK)
        return 1;
    std::unique_ptr<chat_testkit, KitEnd> kit(new_kit);

    uint64_t channel = 0, count = 0;
    if (chat_testkit_open_direct(kit.get(), "bob", "alice", &channel) != CHAT_OK ||
        chat_testkit_drop_links(kit.get(), CHAT_TESTKIT_ALL) != CHAT_OK ||
        chat_testkit_post(kit.get(), channel, "bob", "hello", nullptr) != CHAT_OK ||
        chat_testkit_count_messages(kit.get(), channel, &count) != CHAT_OK || count != 1) {
        std::fprintf(stderr, "no chat\n");
        return 1;
    }
    return 0;
}
