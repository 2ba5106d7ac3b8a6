/*
 * Drafts: no typed word is lost. The server takes one only from who knew the present one. Where
 * another device has written meanwhile both are kept: the longer one if it holds the other,
 * else first the other device's, then ours, and that is told as the next version.
 */
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "client/inner.h"

#define DRAFT_PUSH_MS 1000 /* between two versions of one draft */

static uint64_t text_hash(const char *text, size_t len)
{
    static const uint64_t key[2] = {UINT64_C(0x6472616674), UINT64_C(0x74657874)};

    return hash_bytes(key, text, len) | 1;
}

/* Said here in this opening? An answer that was lost may tell of one before the last. */
static bool was_sent(const struct channel *ch, const char *text)
{
    const uint64_t hash = text_hash(text, strlen(text));

    for (size_t i = 0; i < DRAFT_SENT_MAX; i++)
        if (ch->own.draft_sent[i] == hash)
            return true;
    return false;
}

static void note_sent(struct channel *ch, const char *text, size_t len)
{
    uint64_t *sent = ch->own.draft_sent;
    const uint64_t hash = text_hash(text, len);

    if (sent[0] == hash)
        return;
    memmove(&sent[1], &sent[0], sizeof(ch->own.draft_sent) - sizeof(sent[0]));
    sent[0] = hash;
}

/* --- writing --- */

static chat_status take_draft(const struct cache_draft *d, void *user)
{
    struct channel *ch = channel_find(user, d->channel_id);

    if (!ch)
        return CHAT_OK;
    ch->own.draft_version = d->version;
    ch->own.draft_dirty = d->dirty;
    ch->own.has_draft = d->text_len > 0 || d->reply_to_seq != 0;
    settings_check(user, ch);
    return CHAT_OK;
}

chat_status draft_load(struct client_core *core)
{
    return cache_drafts_load(core->cache, take_draft, core);
}

static void now_has(struct client_core *core, struct channel *ch, const struct cache_draft *d)
{
    ch->own.has_draft = d->text_len > 0 || d->reply_to_seq != 0;
    ch->own.draft_dirty = d->dirty;
    ch->own.draft_version = d->version;
    settings_check(core, ch);
}

struct local_draft {
    struct arena *arena; /* of its text */
    struct cache_draft d;
    bool found;
};

static chat_status copy_draft(const struct cache_draft *d, void *user)
{
    struct local_draft *local = user;
    char *text = arena_alloc(local->arena, d->text_len + 1);

    if (!text)
        return CHAT_E_NOMEM;
    memcpy(text, d->text, d->text_len);
    text[d->text_len] = '\0';
    local->d = *d;
    local->d.text = text;
    local->found = true;
    return CHAT_OK;
}

/* The draft as the cache has it, in `arena` alone; an empty one when there is none. */
static chat_status read_draft(struct client_core *core, const struct channel *ch,
                              struct arena *arena, struct local_draft *out)
{
    chat_status status;

    *out = (struct local_draft){.arena = arena, .d = {.channel_id = ch->c.channel_id, .text = ""}};
    arena_reset(arena);
    status = cache_draft_get(core->cache, ch->c.channel_id, copy_draft, out);
    return status == CHAT_E_NOT_FOUND ? CHAT_OK : status;
}

static bool is_same(const struct cache_draft *d, const char *text, size_t len, uint64_t reply_to)
{
    return d->text_len == len && (len == 0 || memcmp(d->text, text, len) == 0) &&
           d->reply_to_seq == reply_to;
}

chat_status client_set_draft(struct client_core *core, uint64_t channel_id, const char *text,
                             size_t len, uint64_t reply_to_seq)
{
    struct local_draft old;
    struct cache_draft next;
    struct channel *ch;
    bool had;
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    if (len > CHAT_DRAFT_MAX)
        return CHAT_E_TOO_LARGE;
    if ((len && (!text || memchr(text, '\0', len) || !utf8_is_valid((const uint8_t *)text, len))) ||
        reply_to_seq > RANGES_SEQ_MAX)
        return CHAT_E_INVALID;
    ch = channel_find(core, channel_id);
    if (!ch)
        return CHAT_E_NOT_FOUND;
    status = read_draft(core, ch, &core->draft_arena, &old);
    if (status != CHAT_OK || is_same(&old.d, text, len, reply_to_seq))
        return status;
    next = (struct cache_draft){channel_id,        ch->own.draft_version, true, reply_to_seq,
                                core->now.wall_ms, text ? text : "",      len};
    status = cache_draft_save(core->cache, &next);
    if (status == CHAT_OK)
        status = cache_commit(core->cache);
    if (status != CHAT_OK) {
        cache_rollback(core->cache);
        return status;
    }
    had = ch->own.has_draft;
    now_has(core, ch, &next);
    if (had != ch->own.has_draft)
        events_draft(core, ch);
    return CHAT_OK;
}

const struct chat_draft *client_draft(struct client_core *core, uint64_t channel_id)
{
    struct channel *ch = channel_find(core, channel_id);
    struct local_draft local;

    if (!ch || !ch->own.has_draft || read_draft(core, ch, &core->view_arena, &local) != CHAT_OK ||
        !local.found)
        return NULL;
    core->view_draft = (struct chat_draft){
        .channel_id = channel_id,
        .text = local.d.text,
        .text_len = local.d.text_len,
        .reply_to_seq = local.d.reply_to_seq,
        .updated_at_ms = local.d.updated_at_ms,
        .pending = local.d.dirty,
    };
    return &core->view_draft;
}

static struct cache_draft cleared(const struct client_core *core, const struct channel *ch)
{
    return (struct cache_draft){.channel_id = ch->c.channel_id,
                                .version = ch->own.draft_version,
                                .dirty = true,
                                .updated_at_ms = core->now.wall_ms,
                                .text = ""};
}

chat_status draft_clear_row(struct client_core *core, const struct channel *ch)
{
    const struct cache_draft none = cleared(core, ch);

    return ch->own.has_draft ? cache_draft_save(core->cache, &none) : CHAT_OK;
}

void draft_cleared(struct client_core *core, struct channel *ch)
{
    const struct cache_draft none = cleared(core, ch);

    if (!ch->own.has_draft)
        return;
    now_has(core, ch, &none);
    ch->own.draft_wait_until_ms = 0;
    events_draft(core, ch);
}

/* --- what the server has --- */

static const char *find_in(const char *text, size_t len, const char *part, size_t part_len)
{
    for (size_t i = 0; part_len <= len && i <= len - part_len; i++)
        if (memcmp(text + i, part, part_len) == 0)
            return text + i;
    return NULL;
}

/* Both were written apart: `next` is to hold the words of both. False: no memory. */
static bool merge(struct client_core *core, const struct cache_draft *mine, const WireDraft *theirs,
                  struct cache_draft *next)
{
    const size_t their_len = strlen(theirs->text);
    const bool they_cleared = their_len == 0 && theirs->reply_to_seq == 0;
    char *both;

    if (they_cleared || find_in(mine->text, mine->text_len, theirs->text, their_len)) {
        next->text = mine->text;
        next->text_len = mine->text_len;
        next->reply_to_seq = mine->reply_to_seq ? mine->reply_to_seq : theirs->reply_to_seq;
        /* Cleared here: what they wrote since is what there is. */
        if (mine->text_len == 0 && mine->reply_to_seq == 0)
            next->reply_to_seq = theirs->reply_to_seq;
        return true;
    }
    next->text = theirs->text;
    next->text_len = their_len;
    next->reply_to_seq = mine->reply_to_seq ? mine->reply_to_seq : theirs->reply_to_seq;
    if (mine->text_len == 0 || find_in(theirs->text, their_len, mine->text, mine->text_len))
        return true;
    if (their_len + 1 + mine->text_len > CHAT_DRAFT_MAX) { /* the later one */
        next->text = mine->text;
        next->text_len = mine->text_len;
        return true;
    }
    both = arena_alloc(&core->draft_arena, their_len + 1 + mine->text_len);
    if (!both)
        return false;
    memcpy(both, theirs->text, their_len);
    both[their_len] = '\n';
    memcpy(both + their_len + 1, mine->text, mine->text_len);
    next->text = both;
    next->text_len = their_len + 1 + mine->text_len;
    return true;
}

/* The server's draft is this. `asked`: it is an answer, and so what counts. */
static void learn_draft(struct client_core *core, struct channel *ch, const WireDraft *w,
                        bool asked)
{
    /* The device alone does not prove it: of a cache that was set back it knows more. */
    const bool ours =
        w->device_id == cache_identity(core->cache)->device_id && was_sent(ch, w->text);
    struct cache_draft next = {ch->c.channel_id, w->version, false,          w->reply_to_seq,
                               w->updated_at_ms, w->text,    strlen(w->text)};
    struct local_draft old;

    if (w->version > RANGES_SEQ_MAX || w->reply_to_seq > RANGES_SEQ_MAX ||
        next.text_len > CHAT_DRAFT_MAX) {
        session_odd(core, "a draft beyond all bounds");
        return;
    }
    if ((!asked && w->version <= ch->own.draft_version) ||
        !core_ok(core, read_draft(core, ch, &core->draft_arena, &old)))
        return;
    if (ch->own.draft_dirty && ours) { /* an earlier word of ours; the later ones stand */
        next.text = old.d.text;
        next.text_len = old.d.text_len;
        next.reply_to_seq = old.d.reply_to_seq;
    } else if (ch->own.draft_dirty && w->version > ch->own.draft_version) {
        if (!merge(core, &old.d, w, &next)) {
            (void)core_ok(core, CHAT_E_NOMEM);
            return;
        }
    } else if (ch->own.draft_dirty) { /* what we know of already */
        next.text = old.d.text;
        next.text_len = old.d.text_len;
        next.reply_to_seq = old.d.reply_to_seq;
    }
    next.dirty = !is_same(&next, w->text, strlen(w->text), w->reply_to_seq);
    if (next.dirty)
        next.updated_at_ms = old.d.updated_at_ms;
    if (!core_ok(core, cache_draft_save(core->cache, &next)))
        return;
    ch->own.draft_pull = false;
    now_has(core, ch, &next);
    if (!is_same(&old.d, next.text, next.text_len, next.reply_to_seq))
        events_draft(core, ch);
}

void draft_push(struct client_core *core, const WireDraft *draft)
{
    struct channel *ch = channel_find(core, draft->channel_id);

    if (ch)
        learn_draft(core, ch, draft, false);
}

void draft_forget(struct client_core *core, struct channel *ch, uint64_t version)
{
    WireDraft none = WIRE_DRAFT__INIT;

    none.channel_id = ch->c.channel_id;
    none.version = version;
    learn_draft(core, ch, &none, false);
}

/* --- onto the wire --- */

bool draft_send(struct client_core *core, struct channel *ch)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSetDraft body = WIRE_SET_DRAFT__INIT;
    struct local_draft local;
    struct request *r;
    uint32_t id;

    if (!core_ok(core, read_draft(core, ch, &core->draft_arena, &local)))
        return false;
    r = request_new(core, REQ_DRAFT);
    if (!r)
        return false;
    id = r->id;
    r->channel = ch;
    body.channel_id = ch->c.channel_id;
    if (ch->own.draft_dirty) { /* else it only asks */
        body.text = (char *)(uintptr_t)local.d.text;
        body.reply_to_seq = local.d.reply_to_seq;
        body.updated_at_ms = local.d.updated_at_ms;
        body.base_version = ch->own.draft_version;
        note_sent(ch, local.d.text, local.d.text_len);
    }
    frame.body_case = WIRE_CLIENT_FRAME__BODY_SET_DRAFT;
    frame.set_draft = &body;
    if (!request_send(core, r, &frame))
        return false;
    ch->own.draft_request = id;
    ch->own.draft_wait_until_ms = core->now.mono_ms + DRAFT_PUSH_MS;
    request_spend(core, BUDGET_OPERATIONS);
    return true;
}

void draft_answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    struct channel *ch = r->channel;

    if (!ch)
        return;
    ch->own.draft_request = 0;
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM) {
        ch->own.draft_wait_until_ms = settings_wait_after(core, frame->problem);
    } else if (frame->body_case != WIRE_SERVER_FRAME__BODY_DRAFT) {
        session_protocol_error(core, "a draft answered by something else");
    } else if (frame->draft->channel_id == ch->c.channel_id) {
        ch->own.draft_pull = false;
        learn_draft(core, ch, frame->draft, true);
        settings_check(core, ch);
    }
}
