#include "server/store/reactions.h"

#include <string.h>

#include "base/plant.h"

/* The index; n_reactions when it is not there. */
static size_t find_emoji(const WireMessage *message, const char *emoji)
{
    size_t i = 0;

    while (i < message->n_reactions && strcmp(message->reactions[i]->emoji, emoji) != 0)
        i++;
    return i;
}

static size_t find_user(const WireReaction *reaction, uint64_t user_id)
{
    size_t i = 0;

    while (i < reaction->n_user_ids && reaction->user_ids[i] != user_id)
        i++;
    return i;
}

static size_t count_users(const WireMessage *message)
{
    size_t count = 0;

    for (size_t i = 0; i < message->n_reactions; i++)
        count += message->reactions[i]->n_user_ids;
    return count;
}

/* The list with room for one more. */
static WireReaction **copy_list(const WireMessage *message, struct arena *arena)
{
    WireReaction **list = arena_alloc(arena, (message->n_reactions + 1) * sizeof(WireReaction *));

    if (list && message->n_reactions > 0)
        memcpy(list, message->reactions, message->n_reactions * sizeof(WireReaction *));
    return list;
}

/* The reaction (NULL: none yet) with room for one more user. */
static WireReaction *copy_reaction(const WireReaction *reaction, struct arena *arena,
                                   const char *emoji)
{
    const size_t count = reaction ? reaction->n_user_ids : 0;
    WireReaction *copy = arena_alloc(arena, sizeof(*copy));
    uint64_t *ids = arena_alloc(arena, (count + 1) * sizeof(*ids));

    if (!copy || !ids)
        return NULL;
    if (count > 0)
        memcpy(ids, reaction->user_ids, count * sizeof(*ids));
    wire_reaction__init(copy);
    copy->emoji = (char *)(uintptr_t)emoji;
    copy->user_ids = ids;
    copy->n_user_ids = count;
    return copy;
}

enum reactions_result reactions_add(WireMessage *message, struct arena *arena, const char *emoji,
                                    uint64_t user_id)
{
    const size_t at = find_emoji(message, emoji);
    const WireReaction *old = at < message->n_reactions ? message->reactions[at] : NULL;
    WireReaction **list;
    WireReaction *reaction;

    if (old && find_user(old, user_id) < old->n_user_ids && !PLANTED(REACTION_TWICE))
        return REACTIONS_SAME;
    if (!old && message->n_reactions >= CHAT_REACTION_KINDS_MAX)
        return REACTIONS_TOO_MIXED;
    if (count_users(message) >= CHAT_REACTIONS_MAX)
        return REACTIONS_TOO_MANY;
    list = copy_list(message, arena);
    reaction = copy_reaction(old, arena, emoji);
    if (!list || !reaction)
        return REACTIONS_NO_MEMORY;
    reaction->user_ids[reaction->n_user_ids++] = user_id;
    list[at] = reaction;
    message->reactions = list;
    message->n_reactions += old ? 0 : 1;
    return REACTIONS_CHANGED;
}

enum reactions_result reactions_remove(WireMessage *message, struct arena *arena, const char *emoji,
                                       uint64_t user_id)
{
    const size_t at = find_emoji(message, emoji);
    WireReaction **list;
    WireReaction *reaction;
    size_t who;

    if (at == message->n_reactions)
        return REACTIONS_SAME;
    who = find_user(message->reactions[at], user_id);
    if (who == message->reactions[at]->n_user_ids)
        return REACTIONS_SAME;
    list = copy_list(message, arena);
    reaction = copy_reaction(message->reactions[at], arena, emoji);
    if (!list || !reaction)
        return REACTIONS_NO_MEMORY;
    reaction->n_user_ids--;
    memmove(&reaction->user_ids[who], &reaction->user_ids[who + 1],
            (reaction->n_user_ids - who) * sizeof(reaction->user_ids[0]));
    list[at] = reaction;
    if (reaction->n_user_ids == 0) {
        message->n_reactions--;
        memmove(&list[at], &list[at + 1], (message->n_reactions - at) * sizeof(WireReaction *));
    }
    message->reactions = list;
    return REACTIONS_CHANGED;
}
