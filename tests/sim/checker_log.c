/* What a tap on the engines tells the checker: every record that was logged as synced. */
#include <inttypes.h>
#include <string.h>

#include "checker_inner.h"

static void log_one(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                    uint64_t lsn, uint64_t content)
{
    struct index_key shard_key = {{shard, 0, 0, 0}};
    struct index_key home_key = {{home_id, 0, 0, 0}};
    struct index_key key = {{shard, position, 0, 0}};
    struct home *s = index_make(&c->shards, &shard_key);
    struct home *h = index_make(&c->homes, &home_key);

    c->counts.logged++;
    if (position != s->lsn + 1)
        checker_violation(c, CHECK_DENSE_POSITION,
                          "shard %u: position %" PRIu64 " follows %" PRIu64, shard, position,
                          s->lsn);
    if (lsn != h->lsn + 1)
        checker_violation(c, CHECK_DENSE_LSN, "home %" PRIx64 ": lsn %" PRIu64 " follows %" PRIu64,
                          home_id, lsn, h->lsn);
    s->lsn = position;
    h->lsn = lsn;
    ((struct log_entry *)index_make(&c->log, &key))->content = content | 1;
}

bool checker_logged(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                    uint64_t lsn, uint64_t content)
{
    struct index_key key = {{shard, position, 0, 0}};

    if (index_find(&c->log, &key)) {
        checker_violation(c, CHECK_DENSE_POSITION,
                          "shard %u: position %" PRIu64 " was logged twice", shard, position);
        return false;
    }
    log_one(c, shard, position, home_id, lsn, content);
    return true;
}

bool checker_recovered(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                       uint64_t lsn, uint64_t content)
{
    struct index_key key = {{shard, position, 0, 0}};
    struct log_entry *entry = index_find(&c->log, &key);

    if (!entry) {
        log_one(c, shard, position, home_id, lsn, content);
        return true;
    }
    if (entry->content != (content | 1))
        checker_violation(c, CHECK_ACKED_STORED,
                          "shard %u: position %" PRIu64 " came back as another record", shard,
                          position);
    return false;
}

void checker_logged_message(struct checker *c, uint64_t home_id, uint64_t lsn,
                            const struct check_message *m)
{
    struct check_nonce nonce = {m->channel_id, m->author_id, m->device_id, m->counter};
    struct index_key key = {{m->channel_id, 0, 0, 0}};
    struct channel *ch = index_make(&c->channels, &key);
    struct slot *s = checker_slot(c, m->channel_id, m->seq, true);
    struct attempt *a = checker_attempt(c, &nonce, false);

    ch->channel_id = m->channel_id;
    ch->home_id = home_id;
    if (s->logged)
        checker_violation(c, CHECK_DENSE_SEQ, "seq %" PRIu64 " of %" PRIx64 " was given twice",
                          m->seq, m->channel_id);
    if (m->seq != ch->logged_head + 1)
        checker_violation(c, CHECK_DENSE_SEQ, "seq %" PRIu64 " of %" PRIx64 " follows %" PRIu64,
                          m->seq, m->channel_id, ch->logged_head);
    ch->logged_head = m->seq;
    *s =
        (struct slot){.first = *m, .body = m->body, .home_id = home_id, .lsn = lsn, .logged = true};
    /* It may have a new nonce that its author did not tell of yet. Does he never, it is found in
     * the final history. */
    if (a)
        checker_judge_logged(c, a, m);
    else
        *(uint64_t *)index_make(
            &c->unheard,
            &(struct index_key){{m->channel_id, m->device_id, m->counter, m->author_id}}) = m->seq;
}

/*
 * A cache that twice became a copy of the time before the message got a new nonce: each time the
 * store has forgotten the first one, and nobody has the one it got in the future that was lost.
 */
static bool is_lost_name(struct checker *c, const struct attempt *a, const struct check_message *m)
{
    struct index_key key = {{m->channel_id, a->origin_device, a->origin_counter, m->author_id}};
    uint64_t *times;

    if (!a->origin_device)
        return false;
    times = index_make(&c->origins, &key);
    return ++*times > 1 && index_find(&c->rolled_caches, &(struct index_key){{a->cache, 0, 0, 0}});
}

void checker_judge_logged(struct checker *c, struct attempt *a, const struct check_message *m)
{
    const struct check_nonce nonce = {m->channel_id, m->author_id, m->device_id, m->counter};
    const bool lost_name = is_lost_name(c, a, m);

    /* Power loss, or an older copy, may take an edit back that was made before it went out. */
    if (a->body != m->body &&
        !(checker_has_text(c, &nonce, m->body) &&
          (a->revived || index_find(&c->lost_caches, &(struct index_key){{a->cache, 0, 0, 0}}))))
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "seq %" PRIu64 " of %" PRIx64 " has other bytes than were sent", m->seq,
                          m->channel_id);
    uint64_t *times = index_make(&c->bodies, &(struct index_key){{m->body, 0, 0, 0}});
    if (++*times > 1 && !a->rewritten && !lost_name)
        checker_violation(c, CHECK_ONCE_PER_NONCE,
                          "seq %" PRIu64 " of %" PRIx64 " says again what was said before", m->seq,
                          m->channel_id);
    if (a->logged_seq)
        checker_violation(c, CHECK_ONCE_PER_NONCE,
                          "nonce %" PRIx64 " is seq %" PRIu64 " and %" PRIu64 " of %" PRIx64,
                          m->counter, a->logged_seq, m->seq, m->channel_id);
    if (a->refused && !a->revived)
        checker_violation(c, CHECK_SAME_ANSWER, "nonce %" PRIx64 " was refused, then logged",
                          m->counter);
    a->logged_seq = m->seq;
    a->logged_id = m->message_id;
}

static struct slot *check_changed(struct checker *c, const struct check_message *m, uint64_t body)
{
    struct slot *s = checker_slot(c, m->channel_id, m->seq, false);

    if (!s || !s->logged || !checker_same_identity(&s->first, m)) {
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "a change of seq %" PRIu64 " of %" PRIx64 ", which is not that message",
                          m->seq, m->channel_id);
        return NULL;
    }
    if (!checker_has_change(c, m, body))
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "seq %" PRIu64 " of %" PRIx64 " was altered as nobody asked", m->seq,
                          m->channel_id);
    return s;
}

void checker_logged_change(struct checker *c, const struct check_message *m)
{
    struct slot *s = check_changed(c, m, m->body);

    if (!s)
        return;
    s->body = m->body;
    if (!m->deleted)
        return;
    s->marks = 0;
    checker_logged_deletion(c, m->channel_id, m->seq, m->rev);
}

void checker_logged_reaction(struct checker *c, const struct check_message *m, uint64_t user_id,
                             const char *emoji, bool removed)
{
    const size_t len = strlen(emoji);
    struct slot *s = check_changed(c, m, check_reaction(user_id, emoji, len, removed));
    struct index_key key = {
        {m->channel_id, m->seq, check_reaction(user_id, emoji, len, false), user_id}};
    uint64_t *there = index_make(&c->reacted, &key);

    if (!s)
        return;
    if ((*there != 0) != removed)
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "a reaction to seq %" PRIu64 " of %" PRIx64 " changed nothing", m->seq,
                          m->channel_id);
    *there = !removed;
    s->marks += removed ? UINT64_MAX : 1; /* + 1 or - 1 */
    if (m->deleted || (m->body != s->body && !s->rewritten) || m->marks_count != s->marks)
        checker_violation(c, CHECK_STORED_ATTEMPTED,
                          "a reaction to seq %" PRIu64 " of %" PRIx64 " altered more than that",
                          m->seq, m->channel_id);
}

void checker_logged_member(struct checker *c, uint64_t home_id, uint64_t lsn, uint64_t user_id,
                           uint32_t permissions)
{
    struct index_key key = {{home_id, user_id, 0, 0}};
    struct membership *m = index_make(&c->members, &key);

    m->permissions = permissions;
    if (permissions) {
        m->added_at = lsn;
    } else {
        struct receipt *r = index_find(&c->receipts, &(struct index_key){{home_id, user_id, 0, 0}});

        m->removed_at = lsn;
        c->counts.removals++;
        if (r)
            *r = (struct receipt){0}; /* it goes with the membership */
    }
}

void checker_logged_note(struct checker *c, uint64_t home_id, uint64_t user_id, uint64_t number)
{
    (void)index_make(&c->notes, &(struct index_key){{home_id, user_id, number, 0}});
}

void checker_logged_listed(struct checker *c, uint64_t home_id, uint64_t user_id, uint64_t number)
{
    uint64_t *last = index_make(&c->listed, &(struct index_key){{home_id, user_id, 0, 0}});

    if (number > *last)
        *last = number;
}

void checker_logged_note_acked(struct checker *c, uint64_t home_id, uint64_t user_id,
                               uint64_t number)
{
    const uint64_t *last = index_find(&c->listed, &(struct index_key){{home_id, user_id, 0, 0}});

    /* Of one who left there is nothing to apply where nothing was listed. */
    if (!index_find(&c->notes, &(struct index_key){{home_id, user_id, number, 0}}))
        return;
    if (!last || *last < number)
        checker_violation(c, CHECK_NOTE_KEPT,
                          "home %" PRIx64 " forgets note %" PRIu64 " to %" PRIx64
                          ", which has applied %" PRIu64,
                          home_id, number, user_id, last ? *last : 0);
}

uint32_t checker_permissions(struct checker *c, uint64_t home_id, uint64_t user_id)
{
    const struct membership *m =
        index_find(&c->members, &(struct index_key){{home_id, user_id, 0, 0}});
    return m ? m->permissions : 0;
}

void checker_logged_author(struct checker *c, uint64_t home_id, uint64_t user_id, uint32_t needed)
{
    const uint32_t has = checker_permissions(c, home_id, user_id);

    if ((has & needed) != needed)
        checker_violation(c, CHECK_ONLY_MEMBERS,
                          "user %" PRIx64 " wrote to %" PRIx64 " with permissions %" PRIu32,
                          user_id, home_id, has);
}

void checker_rewritten_channel(struct checker *c, uint64_t channel_id)
{
    struct channel *ch = index_make(&c->channels, &(struct index_key){{channel_id, 0, 0, 0}});

    ch->channel_id = channel_id;
    ch->rewritten = true;
}

void checker_rewritten(struct checker *c, uint64_t channel_id, uint64_t seq, uint64_t body)
{
    struct slot *s = checker_slot(c, channel_id, seq, true);
    struct check_nonce nonce = {channel_id, s->first.author_id, s->first.device_id,
                                s->first.counter};
    struct attempt *a = checker_attempt(c, &nonce, false);

    s->first.body = body;
    s->rewritten = true;
    if (a)
        a->rewritten = true;
}

bool checker_was_removed(struct checker *c, uint64_t home_id, uint64_t user_id)
{
    struct index_key key = {{home_id, user_id, 0, 0}};
    const struct membership *m = index_find(&c->members, &key);
    return m && m->removed_at;
}

bool checker_was_always_member(struct checker *c, uint64_t home_id, uint64_t user_id)
{
    struct index_key key = {{home_id, user_id, 0, 0}};
    const struct membership *m = index_find(&c->members, &key);
    return m && !m->removed_at && !m->added_at && m->permissions;
}

uint64_t checker_logged_head(struct checker *c, uint64_t channel_id)
{
    struct index_key key = {{channel_id, 0, 0, 0}};
    const struct channel *ch = index_find(&c->channels, &key);
    return ch ? ch->logged_head : 0;
}
