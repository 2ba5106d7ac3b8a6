/* packed: the lists of a message as the bytes of a column, little endian, and back. */
#ifndef CHAT_CACHE_PACKED_H
#define CHAT_CACHE_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/limits.h>
#include <libchat/message.h>

#define PACKED_IDS_MAX (8u * CHAT_MENTIONS_MAX)
/* Of each emoji its length, it, and how many; then who. */
#define PACKED_REACTIONS_MAX                                                                       \
    ((1u + CHAT_EMOJI_MAX + 2u) * CHAT_REACTION_KINDS_MAX + 8u * CHAT_REACTIONS_MAX)

/* Where the reactions to one message lie while they are read or written. Large, and most
 * messages have none: who has one makes it when it is needed. */
struct packed_reactions {
    uint8_t bytes[PACKED_REACTIONS_MAX];
    uint64_t user_ids[CHAT_REACTIONS_MAX];
    struct chat_reaction reactions[CHAT_REACTION_KINDS_MAX];
    const struct chat_reaction *pointers[CHAT_REACTION_KINDS_MAX];
    char emoji[CHAT_REACTION_KINDS_MAX][CHAT_EMOJI_MAX + 1];
};

/* At most PACKED_IDS_MAX bytes to `out`; returns how many. `count` is at most CHAT_MENTIONS_MAX. */
size_t packed_put_ids(const uint64_t *ids, size_t count, uint8_t *out);
/* Returns how many ids; what does not fit the limits is left out. */
size_t packed_get_ids(const uint8_t *bytes, size_t len, uint64_t *out_ids);

/* At most PACKED_REACTIONS_MAX bytes; the message keeps the limits. */
size_t packed_put_reactions(const struct chat_message *message, uint8_t *out);
/* Fills in `reactions` of the message, lying in `lists`. */
void packed_get_reactions(const uint8_t *bytes, size_t len, uint64_t own_id,
                          struct packed_reactions *lists, struct chat_message *out);

#endif
