/*
 * Texts to search in and to search for. The first byte is the length of what is searched for,
 * the rest is the text of a message. Any bytes are an answer and nothing else; a message of
 * proper text is found by its own words, once, and leaves the index when it is dropped.
 */
#include <string.h>

#include "base/utf8.h"
#include "cache/search.h"
#include "fuzz.h"

#define CHANNEL 5

static struct cache *open_cache(void)
{
    const struct cache_config config = {.device_id = 1};
    struct cache *c;

    FUZZ_CHECK(cache_open(&config, &c) == CHAT_OK);
    return c;
}

static chat_status count(const struct chat_message *m, void *user)
{
    FUZZ_CHECK(m->channel_id == CHANNEL && m->seq == 1);
    ++*(uint32_t *)user;
    return CHAT_OK;
}

/* How often the message is found; UINT32_MAX when there is nothing to look for. */
static uint32_t search(struct cache *c, const char *text, size_t len, uint64_t channel_id)
{
    struct cache_search *s;
    uint32_t found = 0, steps = 0;
    bool done = false;

    if (len == 0)
        return UINT32_MAX;
    FUZZ_CHECK(cache_search_new(c, text, len, channel_id, 0, 10, &s) == CHAT_OK);
    for (; !done; steps++) {
        FUZZ_CHECK(steps < 10);
        FUZZ_CHECK(cache_search_step(s, &done) == CHAT_OK);
    }
    FUZZ_CHECK(cache_search_read(s, count, &found) == CHAT_OK);
    FUZZ_CHECK(found <= 1 && cache_search_next(s) == 0);
    cache_search_free(s);
    return found;
}

static void settle(struct cache *c)
{
    for (int i = 0; i < 100 && !cache_index_is_done(c); i++)
        FUZZ_CHECK(cache_index_step(c, 8) == CHAT_OK);
    FUZZ_CHECK(cache_index_is_done(c));
    FUZZ_CHECK(cache_commit(c) == CHAT_OK);
}

/* Does the text have a word at all? Its own fold says so. */
static bool has_words(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'z') ||
            (text[i] >= 'A' && text[i] <= 'Z'))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct cache *c;
    struct chat_message m = {.channel_id = CHANNEL, .seq = 1, .message_id = 77};
    const char *text = (const char *)bytes + 1;
    char copy[4096];
    cache_put put;
    size_t query;

    if (len == 0 || len > sizeof(copy))
        return 0;
    if (!c)
        c = open_cache();
    query = bytes[0] < len - 1 ? bytes[0] : len - 1;
    memcpy(copy, text, len - 1);
    copy[len - 1] = '\0';
    m.text = copy;
    m.text_len = len - 1;
    FUZZ_CHECK(cache_message_put(c, &m, &put) == CHAT_OK && put == CACHE_PUT_NEW);
    FUZZ_CHECK(search(c, "word", 4, 0) == 0); /* not indexed yet */
    settle(c);
    (void)search(c, copy, query, 0);
    (void)search(c, copy, query, CHANNEL);
    FUZZ_CHECK(search(c, "word", 4, CHANNEL + 1) == 0);
    if (utf8_is_valid((const uint8_t *)copy, len - 1) && has_words(copy, len - 1))
        FUZZ_CHECK(search(c, copy, len - 1, CHANNEL) == 1);
    FUZZ_CHECK(cache_messages_drop(c, CHANNEL, 1, 1) == CHAT_OK);
    if (len > 1)
        FUZZ_CHECK(search(c, copy, len - 1, 0) == 0);
    settle(c);
    return 0;
}
