/* Messages from the wire's shape into the application's, and from one arena to another. */
#include <string.h>

#include "client/inner.h"

static bool ids_are_sane(const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == 0)
            return false;
    return true;
}

static bool reactions_are_sane(const WireMessage *m)
{
    size_t users = 0;

    for (size_t i = 0; i < m->n_reactions; i++) {
        const WireReaction *r = m->reactions[i];

        users += r->n_user_ids;
        if (!r->emoji || r->emoji[0] == '\0' || r->n_user_ids == 0 ||
            !ids_are_sane(r->user_ids, r->n_user_ids))
            return false;
    }
    return users <= CHAT_REACTIONS_MAX;
}

bool message_is_sane(const WireMessage *m)
{
    if (!m->seq || m->seq > RANGES_SEQ_MAX || m->rev > RANGES_SEQ_MAX || !m->message_id ||
        !m->author_id || m->reply_to_seq > RANGES_SEQ_MAX ||
        (m->nonce && m->nonce->counter > (uint64_t)INT64_MAX))
        return false;
    return ids_are_sane(m->mention_ids, m->n_mention_ids) && reactions_are_sane(m);
}

/* Borrows the emoji and ids. */
static chat_status reactions_of_wire(struct arena *arena, const WireMessage *m,
                                     struct chat_message *out)
{
    const struct chat_reaction **list;
    struct chat_reaction *reactions;

    if (m->n_reactions == 0)
        return CHAT_OK;
    list = arena_alloc(arena, m->n_reactions * sizeof(*list));
    reactions = arena_alloc(arena, m->n_reactions * sizeof(*reactions));
    if (!list || !reactions)
        return CHAT_E_NOMEM;
    for (size_t i = 0; i < m->n_reactions; i++) {
        reactions[i] = (struct chat_reaction){.emoji = m->reactions[i]->emoji,
                                              .emoji_len = strlen(m->reactions[i]->emoji),
                                              .count = m->reactions[i]->n_user_ids,
                                              .user_ids = m->reactions[i]->user_ids};
        list[i] = &reactions[i];
    }
    out->reactions = list;
    out->reactions_count = m->n_reactions;
    return CHAT_OK;
}

chat_status message_of_wire(struct arena *arena, const WireMessage *m, struct chat_message *out)
{
    *out = (struct chat_message){
        .channel_id = m->channel_id,
        .seq = m->seq,
        .message_id = m->message_id,
        .author_id = m->author_id,
        .sent_at_ms = m->sent_at_ms,
        .edited_at_ms = m->edited_at_ms,
        .reply_to_seq = m->reply_to_seq,
        .rev = m->rev,
        .text = m->text ? m->text : "",
        .extra = m->extra.data,
        .extra_len = m->extra.len,
        .deleted = m->deleted,
        .mention_ids = m->mention_ids,
        .mentions_count = m->n_mention_ids,
    };
    out->text_len = strlen(out->text);
    if (m->nonce) {
        out->nonce.device_id = m->nonce->device_id;
        out->nonce.counter = m->nonce->counter;
    }
    return reactions_of_wire(arena, m, out);
}

static bool copy_reaction(struct arena *arena, const struct chat_reaction *from,
                          struct chat_reaction *to)
{
    *to = *from;
    to->emoji = arena_copy_text(arena, from->emoji, from->emoji_len);
    to->user_ids = arena_copy(arena, from->user_ids, from->count * sizeof(from->user_ids[0]));
    return to->emoji && to->user_ids;
}

static bool copy_reactions(struct arena *arena, const struct chat_message *from,
                           struct chat_message *to)
{
    const size_t count = from->reactions_count;
    const struct chat_reaction **list;
    struct chat_reaction *reactions;

    to->reactions = NULL;
    if (count == 0)
        return true;
    list = arena_alloc(arena, count * sizeof(*list));
    reactions = arena_alloc(arena, count * sizeof(*reactions));
    if (!list || !reactions)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!copy_reaction(arena, from->reactions[i], &reactions[i]))
            return false;
        list[i] = &reactions[i];
    }
    to->reactions = list;
    return true;
}

chat_status message_copy(struct arena *arena, const struct chat_message *from,
                         struct chat_message *to)
{
    *to = *from;
    to->text = arena_copy_text(arena, from->text, from->text_len);
    to->extra = from->extra_len ? arena_copy(arena, from->extra, from->extra_len) : NULL;
    to->mention_ids = from->mentions_count ? arena_copy(arena, from->mention_ids,
                                                        from->mentions_count * sizeof(uint64_t))
                                           : NULL;
    if (!to->text || (from->extra_len && !to->extra) || (from->mentions_count && !to->mention_ids))
        return CHAT_E_NOMEM;
    return copy_reactions(arena, from, to) ? CHAT_OK : CHAT_E_NOMEM;
}
