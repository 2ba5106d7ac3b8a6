#include "emoji.h"

#include <string.h>

static const struct {
    const char *name, *emoji;
} names[] = {
    {"thumbsup", "\U0001f44d"},
    {"heart", "\u2764"},
    {"joy", "\U0001f602"},
    {"astonished", "\U0001f62e"},
    {"cry", "\U0001f622"},
    {"tada", "\U0001f389"},
    {"+1", "\U0001f44d"},
    {"-1", "\U0001f44e"},
    {"thumbsdown", "\U0001f44e"},
    {"smile", "\U0001f604"},
    {"grin", "\U0001f601"},
    {"laughing", "\U0001f606"},
    {"wink", "\U0001f609"},
    {"blush", "\U0001f60a"},
    {"thinking", "\U0001f914"},
    {"neutral", "\U0001f610"},
    {"confused", "\U0001f615"},
    {"sob", "\U0001f62d"},
    {"angry", "\U0001f620"},
    {"scream", "\U0001f631"},
    {"sunglasses", "\U0001f60e"},
    {"clap", "\U0001f44f"},
    {"wave", "\U0001f44b"},
    {"pray", "\U0001f64f"},
    {"ok", "\U0001f44c"},
    {"muscle", "\U0001f4aa"},
    {"eyes", "\U0001f440"},
    {"fire", "\U0001f525"},
    {"rocket", "\U0001f680"},
    {"star", "\u2b50"},
    {"sparkles", "\u2728"},
    {"check", "\u2705"},
    {"cross", "\u274c"},
    {"question", "\u2753"},
    {"exclamation", "\u2757"},
    {"warning", "\u26a0"},
    {"bug", "\U0001f41b"},
    {"bulb", "\U0001f4a1"},
    {"beer", "\U0001f37a"},
    {"coffee", "\u2615"},
    {"cake", "\U0001f382"},
    {"pizza", "\U0001f355"},
    {"sun", "\u2600"},
    {"rainbow", "\U0001f308"},
    {"cat", "\U0001f431"},
    {"dog", "\U0001f436"},
    {"100", "\U0001f4af"},
    {"broken_heart", "\U0001f494"},
    {"skull", "\U0001f480"},
    {"ghost", "\U0001f47b"},
    {"poop", "\U0001f4a9"},
    {"hourglass", "\u231b"},
    {"lock", "\U0001f512"},
    {"key", "\U0001f511"},
};
#define OFFERED 6u

const char *emoji_find(const char *typed)
{
    const size_t count = sizeof(names) / sizeof(names[0]);
    const char *found = NULL;
    size_t len;

    if (typed[0] >= '1' && typed[0] < '1' + (int)OFFERED && typed[1] == '\0')
        return names[typed[0] - '1'].emoji;
    if ((unsigned char)typed[0] >= 0x80)
        return typed;
    typed += typed[0] == ':';
    len = strcspn(typed, ":");
    if (len == 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i].name) == len && memcmp(names[i].name, typed, len) == 0)
            return names[i].emoji;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i].name, typed, len) != 0)
            continue;
        if (found && strcmp(found, names[i].emoji) != 0)
            return NULL; /* the beginning of several */
        found = names[i].emoji;
    }
    return found;
}
