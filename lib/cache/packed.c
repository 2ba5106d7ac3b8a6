#include "cache/packed.h"

#include <string.h>

static uint8_t *put_u64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

static uint64_t get_u64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

size_t packed_put_ids(const uint64_t *ids, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out = put_u64(out, ids[i]);
    return 8 * count;
}

size_t packed_get_ids(const uint8_t *bytes, size_t len, uint64_t *out_ids)
{
    const size_t count = len / 8 < CHAT_MENTIONS_MAX ? len / 8 : CHAT_MENTIONS_MAX;

    for (size_t i = 0; i < count; i++)
        out_ids[i] = get_u64(bytes + 8 * i);
    return count;
}

size_t packed_put_reactions(const struct chat_message *m, uint8_t *out)
{
    uint8_t *at = out;

    for (size_t i = 0; i < m->reactions_count; i++) {
        const struct chat_reaction *r = m->reactions[i];

        *at++ = (uint8_t)r->emoji_len;
        memcpy(at, r->emoji, r->emoji_len);
        at += r->emoji_len;
        *at++ = (uint8_t)r->count;
        *at++ = (uint8_t)(r->count >> 8);
        for (size_t k = 0; k < r->count; k++)
            at = put_u64(at, r->user_ids[k]);
    }
    return (size_t)(at - out);
}

/* Takes one reaction off the front; its ids go to `ids`, of room for `room`. False: the bytes
 * are not ours. */
static bool get_one(const uint8_t **bytes, size_t *len, char *emoji, uint64_t *ids, size_t room,
                    uint64_t own_id, struct chat_reaction *out)
{
    const uint8_t *at = *bytes;
    size_t emoji_len, count;

    if (*len < 3 || at[0] == 0 || at[0] > CHAT_EMOJI_MAX || *len < 3u + at[0])
        return false;
    emoji_len = at[0];
    memcpy(emoji, at + 1, emoji_len);
    emoji[emoji_len] = '\0';
    at += 1 + emoji_len;
    count = (size_t)at[0] | (size_t)at[1] << 8;
    at += 2;
    if (count > room || *len - 3 - emoji_len < 8 * count)
        return false;
    *out = (struct chat_reaction){
        .emoji = emoji, .emoji_len = emoji_len, .count = count, .user_ids = ids};
    for (size_t i = 0; i < count; i++, at += 8) {
        ids[i] = get_u64(at);
        out->mine = out->mine || ids[i] == own_id;
    }
    *len -= (size_t)(at - *bytes);
    *bytes = at;
    return true;
}

void packed_get_reactions(const uint8_t *bytes, size_t len, uint64_t own_id,
                          struct packed_reactions *lists, struct chat_message *out)
{
    size_t used = 0, count = 0;

    while (len > 0 && count < CHAT_REACTION_KINDS_MAX &&
           get_one(&bytes, &len, lists->emoji[count], lists->user_ids + used,
                   CHAT_REACTIONS_MAX - used, own_id, &lists->reactions[count])) {
        used += lists->reactions[count].count;
        lists->pointers[count] = &lists->reactions[count];
        count++;
    }
    out->reactions = lists->pointers;
    out->reactions_count = count;
}
