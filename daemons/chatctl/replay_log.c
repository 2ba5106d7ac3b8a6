#include "replay_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "chatctl.h"
#include "files.h"

#define TABLE_SIZE 8192u /* a power of two, well above REPLAY_NICKS_MAX */
#define MADE_LINE_MAX 400u

static int no_memory(void)
{
    ctl_say("replay", "out of memory");
    return CTL_FAILED;
}

static bool begin(struct replay_log *log, uint32_t cap)
{
    *log = (struct replay_log){.cap = cap};
    log->lines = calloc(cap ? cap : 1, sizeof(*log->lines));
    log->nicks = calloc(REPLAY_NICKS_MAX, sizeof(*log->nicks));
    log->table = calloc(TABLE_SIZE, sizeof(*log->table));
    return log->lines && log->nicks && log->table;
}

void replay_log_fini(struct replay_log *log)
{
    for (uint32_t i = 0; i < log->nick_count; i++)
        free(log->nicks[i].name);
    for (uint32_t i = 0; i < log->channel_count; i++)
        free(log->channels[i]);
    free(log->nicks);
    free(log->lines);
    free(log->table);
    free(log->bytes);
    *log = (struct replay_log){.bytes = NULL};
}

/* REPLAY_END: too many, or no memory. */
static uint32_t find_nick(struct replay_log *log, const char *name, size_t len)
{
    static const uint64_t key[2] = {1, 2};
    uint64_t at = hash_bytes(key, name, len) % TABLE_SIZE;
    char *copy;

    for (; log->table[at] != 0; at = (at + 1) % TABLE_SIZE) {
        uint32_t nick = log->table[at] - 1;
        if (strlen(log->nicks[nick].name) == len && memcmp(log->nicks[nick].name, name, len) == 0)
            return nick;
    }
    copy = log->nick_count < REPLAY_NICKS_MAX ? strndup(name, len) : NULL;
    if (!copy)
        return REPLAY_END;
    log->nicks[log->nick_count] = (struct replay_nick){.name = copy, .first = REPLAY_END};
    log->table[at] = ++log->nick_count;
    return log->nick_count - 1;
}

static uint32_t find_channel(struct replay_log *log, const char *name, size_t len)
{
    char *copy;

    for (uint32_t i = 0; i < log->channel_count; i++) {
        if (strlen(log->channels[i]) == len && memcmp(log->channels[i], name, len) == 0)
            return i;
    }
    copy = log->channel_count < REPLAY_CHANNELS_MAX ? strndup(name, len) : NULL;
    if (!copy)
        return REPLAY_END;
    log->channels[log->channel_count] = copy;
    return log->channel_count++;
}

/* False: no room for its nick or channel. */
static bool add_line(struct replay_log *log, uint32_t channel, uint32_t nick, const char *text,
                     size_t text_len)
{
    struct replay_nick *who;
    uint32_t number = log->count;

    if (channel == REPLAY_END || nick == REPLAY_END)
        return false;
    who = &log->nicks[nick];
    log->lines[log->count++] = (struct replay_line){.text = text,
                                                    .text_len = (uint32_t)text_len,
                                                    .nick = nick,
                                                    .next = REPLAY_END,
                                                    .channel = (uint8_t)channel};
    if (who->first == REPLAY_END)
        who->first = number;
    else
        log->lines[who->last].next = number;
    who->last = number;
    who->count++;
    who->channels |= UINT64_C(1) << channel;
    return true;
}

/* A line's four fields. False: it has not got them, or no message can hold them. */
static bool split(const char *line, size_t len, const char *field[4], size_t field_len[4])
{
    const char *end = line + len;

    for (int i = 0; i < 4; i++) {
        const char *tab = i < 3 ? memchr(line, '\t', (size_t)(end - line)) : end;
        if (!tab)
            return false;
        field[i] = line;
        field_len[i] = (size_t)(tab - line);
        line = tab + 1;
    }
    return field_len[0] > 0 && field_len[0] <= CHAT_NAME_MAX && field_len[2] > 0 &&
           field_len[2] <= CHAT_NAME_MAX && field_len[3] > 0 && field_len[3] <= CHAT_TEXT_MAX &&
           utf8_is_valid((const uint8_t *)field[0], field_len[0]) &&
           utf8_is_valid((const uint8_t *)field[2], field_len[2]) &&
           utf8_is_valid((const uint8_t *)field[3], field_len[3]);
}

static int read_lines(struct replay_log *log, const char *path, size_t len)
{
    const char *at = log->bytes, *end = log->bytes + len;
    uint32_t number = 0;

    while (at < end && log->count < log->cap) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *field[4];
        size_t field_len[4];
        const char *stop = newline ? newline : end;
        number++;
        if (!split(at, (size_t)(stop - at), field, field_len)) {
            if (log->skipped++ == 0)
                log->skipped_first = number;
        } else if (!add_line(log, find_channel(log, field[0], field_len[0]),
                             find_nick(log, field[2], field_len[2]), field[3], field_len[3])) {
            ctl_say("replay", "%s:%u: more than %u nicks or %u channels", path, number,
                    REPLAY_NICKS_MAX, REPLAY_CHANNELS_MAX);
            return CTL_WRONG;
        }
        at = stop + 1;
    }
    if (log->count > 0)
        return CTL_OK;
    ctl_say("replay", "%s: no line of \"channel TAB time TAB nick TAB text\"", path);
    return CTL_WRONG;
}

int replay_log_read(struct replay_log *log, const char *path, uint32_t max)
{
    struct files_error error;
    uint8_t *bytes;
    size_t len;
    uint64_t lines = 1;

    *log = (struct replay_log){.bytes = NULL};
    if (files_read(path, REPLAY_BYTES_MAX, &bytes, &len, &error) != CHAT_OK) {
        ctl_say("replay", "%s", error.text);
        return CTL_WRONG;
    }
    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n';
    if (!begin(log, lines < max ? (uint32_t)lines : max)) {
        free(bytes);
        return no_memory();
    }
    log->bytes = (char *)bytes;
    return read_lines(log, path, len);
}

#define REGULARS_MIN 4u
#define GUESTS_AT_ONCE 16u

static const char *const words[] = {
    "the",     "build",    "works",   "now",    "again",     "on",     "my",    "machine", "but",
    "I",       "think",    "we",      "should", "look",      "at",     "that",  "commit",  "first",
    "maybe",   "it",       "is",      "a",      "race",      "in",     "audio", "thread",  "grüße",
    "naïve",   "密钥",     "спасибо", "🙂",   "let's",     "merge",  "tests", "fail",    "here",
    "later",   "ok",       "sure",    "crash",  "backtrace", "window", "list",  "friend",  "who",
    "reviews", "tomorrow", "done",    "pushed", "thanks",
};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static size_t make_text(struct rng *rng, uint32_t number, char *out)
{
    uint64_t count = 1 + rng_below(rng, 24);
    int n = snprintf(out, MADE_LINE_MAX, "%u:", number + 1);
    size_t len = n > 0 ? (size_t)n : 0;

    for (uint64_t i = 0; i < count; i++) {
        const char *word = words[rng_below(rng, WORD_COUNT)];
        size_t word_len = strlen(word);
        if (len + 1 + word_len >= MADE_LINE_MAX)
            break;
        out[len++] = ' ';
        memcpy(out + len, word, word_len);
        len += word_len;
    }
    return len;
}

/*
 * As in real conversations: some regulars say most of it, the others come by one after the
 * other, say a few things and are gone. Everybody says something, and few are there at once.
 */
static uint32_t choose_speaker(struct rng *rng, uint32_t people, uint32_t number, uint32_t count)
{
    const uint32_t regulars = people > 2 * REGULARS_MIN ? REGULARS_MIN + people / 16 : people;
    const uint32_t guests = people - regulars;
    const uint64_t newest = (uint64_t)number * guests / count;
    uint64_t a, b, c;

    if (number < regulars)
        return number;
    if (guests > 0 && (number == regulars || newest != (uint64_t)(number - 1) * guests / count))
        return regulars + (uint32_t)newest;
    if (guests > 0 && rng_below(rng, 4) == 0) {
        a = rng_below(rng, GUESTS_AT_ONCE);
        return regulars + (uint32_t)(newest > a ? newest - a : 0);
    }
    a = rng_below(rng, regulars);
    b = rng_below(rng, regulars);
    c = rng_below(rng, regulars);
    a = a < b ? a : b;
    return (uint32_t)(a < c ? a : c);
}

int replay_log_make(struct replay_log *log, uint32_t count, uint32_t people)
{
    struct rng rng;
    size_t used = 0;

    *log = (struct replay_log){.bytes = NULL};
    if (!begin(log, count))
        return no_memory();
    log->bytes = malloc((size_t)count * MADE_LINE_MAX + 1);
    if (!log->bytes)
        return no_memory();
    rng_seed(&rng, 2);
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        size_t len = make_text(&rng, i, log->bytes + used);
        int n =
            snprintf(name, sizeof(name), "person%u", choose_speaker(&rng, people, i, count) + 1);
        if (!add_line(log, find_channel(log, "made-up", 7),
                      find_nick(log, name, n > 0 ? (size_t)n : 0), log->bytes + used, len))
            return no_memory();
        used += len;
    }
    return CTL_OK;
}
