/* "@name" in what is written. */
#include <string.h>

#include "app.h"

static bool goes_on(const char *at)
{
    const unsigned char c = (unsigned char)*at;

    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 0x80;
}

/* Length of the user's name when the text begins with it, else 0. */
static size_t match(struct app *app, uint64_t user_id, const char *text)
{
    const struct chat_user *user = user_id ? chat_conn_get_user(app->conn, user_id) : NULL;

    if (!user || user->name_len == 0 || strncmp(text, user->name, user->name_len) != 0 ||
        goes_on(text + user->name_len))
        return 0;
    return user->name_len;
}

static uint64_t find_named(struct app *app, const char *text)
{
    const struct chat_channel *channel;
    uint64_t after = 0, best = 0;
    size_t best_len = 0, len;

    for (size_t i = 0; i < app->member_count; i++) {
        if ((len = match(app, app->member_ids[i], text)) > best_len) {
            best = app->member_ids[i];
            best_len = len;
        }
    }
    while ((channel = chat_conn_next_channel(app->conn, after))) {
        const uint64_t peer_id = channel->peer_id;

        after = channel->channel_id;
        if ((len = match(app, peer_id, text)) > best_len) {
            best = peer_id;
            best_len = len;
        }
    }
    return best;
}

size_t find_mentions(struct app *app, const char *text, uint64_t ids[CHAT_MENTIONS_MAX])
{
    size_t count = 0;

    for (const char *at = strchr(text, '@'); at && count < CHAT_MENTIONS_MAX;
         at = strchr(at + 1, '@')) {
        uint64_t user_id = find_named(app, at + 1);
        bool known = user_id == 0;

        for (size_t i = 0; i < count; i++)
            known = known || ids[i] == user_id;
        if (!known)
            ids[count++] = user_id;
    }
    return count;
}
