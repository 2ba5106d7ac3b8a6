/*
 * How many messages of a channel are unread: those above the read cursor but for the deleted
 * ones. What is held here says that exactly. Of the rest the server has told how many are deleted
 * when it listed the channel, and each deletion since came by; where that is not known, as behind
 * a cursor that another device moved, they count as unread until the channel is listed again.
 */
#include "client/inner.h"

uint64_t unread_from(const struct channel *ch) { return most_u64(ch->c.read_seq, ch->c.mark_seq); }

/* All of from..to is held, with every alteration that the server's count knew of. */
static bool is_current(const struct channel *ch, uint64_t from, uint64_t to)
{
    if (!ranges_holds(&ch->c.ranges, from, to))
        return false;
    for (uint32_t i = 0; i < ch->c.ranges.count; i++) {
        const struct range *range = &ch->c.ranges.items[i];

        if (range->from <= to && range->to >= from && range->rev < ch->counted_rev)
            return false;
    }
    return true;
}

/* Of `count` deleted ones above `from`, those above `to`; the least it can be. */
static uint64_t count_above(struct client_core *core, struct channel *ch, uint64_t count,
                            uint64_t from, uint64_t to)
{
    uint64_t passed = 0;

    if (count == 0 || from >= to)
        return count;
    if (!is_current(ch, most_u64(from + 1, ch->c.first_seq), to) ||
        cache_messages_count_deleted(core->cache, ch->c.channel_id, from + 1, to, &passed) !=
            CHAT_OK)
        return 0;
    return count - least_u64(passed, count);
}

void unread_moved(struct client_core *core, struct channel *ch, uint64_t from)
{
    ch->c.deleted_unread = count_above(core, ch, ch->c.deleted_unread, from, unread_from(ch));
    ch->unread_stale = true;
}

void unread_listed(struct client_core *core, struct channel *ch, const WireChannel *w)
{
    ch->unread_stale = true;
    if (!w->settings) /* nothing of the user's own is said here */
        return;
    ch->counted_rev = w->head->rev;
    ch->c.deleted_unread = count_above(core, ch, w->deleted_unread, w->read_seq, unread_from(ch));
}

void unread_changed(struct channel *ch, const WireMessage *m)
{
    if (m->rev <= ch->counted_rev)
        return; /* it is in what was told, or came before */
    ch->counted_rev = m->rev;
    if (m->deleted && m->seq > unread_from(ch))
        ch->c.deleted_unread++;
}

/* What is held here from read + 1 to the head says more exactly than the server what of it
 * counts. */
static void recount(struct client_core *core, struct channel *ch, uint64_t read)
{
    uint64_t head = ch->c.head_seq, deleted = 0, mentions = 0;
    bool held = ranges_holds(&ch->c.ranges, most_u64(read + 1, ch->c.first_seq), head);

    if ((!ch->unread_stale && !(held && ch->counted_part)) ||
        cache_messages_count_deleted(core->cache, ch->c.channel_id, read + 1, head, &deleted) !=
            CHAT_OK ||
        (held && cache_messages_count_mentions(core->cache, ch->c.channel_id, read + 1, head,
                                               &mentions) != CHAT_OK))
        return;
    /* Of what is not held the server may know more. */
    ch->c.deleted_unread = held ? deleted : most_u64(deleted, ch->c.deleted_unread);
    if (held)
        ch->c.mentions = least_u64(mentions, CHAT_MENTIONS_COUNT_MAX);
    ch->unread_stale = false;
    ch->counted_part = !held;
}

void unread_count(struct client_core *core, struct channel *ch, struct chat_channel *out)
{
    uint64_t head = ch->c.head_seq, read = unread_from(ch);

    out->unread = 0;
    out->mentions = 0;
    if (read >= head)
        return;
    recount(core, ch, read);
    out->unread = head - read - least_u64(ch->c.deleted_unread, head - read);
    out->mentions = (uint32_t)least_u64(ch->c.mentions, head - read);
}
