/*
 * Own reactions that are not in yet, laid over the message as it is held. Only what is shown
 * is changed: the cache learns of them when the server has them, and one that was refused
 * was never there.
 */
#include <string.h>

#include "client/view_inner.h"

/* Those that are taken back stand with a count of 0 until the end. */
#define KINDS_MAX (2u * CHAT_REACTION_KINDS_MAX)

struct overlay {
    struct arena *arena;
    uint64_t user_id;
    size_t kinds, users;
    struct chat_reaction *items;
    uint64_t **ids; /* of each item, with room for one more */
};

static bool add_kind(struct overlay *o, const char *emoji, size_t len,
                     const struct chat_reaction *of)
{
    const size_t count = of ? of->count : 0;
    const char *copy = arena_copy_text(o->arena, emoji, len);
    uint64_t *ids = arena_alloc(o->arena, (count + 1) * sizeof(*ids));

    if (!copy || !ids)
        return false;
    if (count)
        memcpy(ids, of->user_ids, count * sizeof(*ids));
    o->ids[o->kinds] = ids;
    o->items[o->kinds++] = (struct chat_reaction){
        .emoji = copy, .emoji_len = len, .count = count, .mine = of && of->mine};
    o->users += count;
    return true;
}

static bool begin(struct overlay *o, const struct chat_message *m)
{
    o->items = arena_alloc(o->arena, KINDS_MAX * sizeof(*o->items));
    o->ids = arena_alloc(o->arena, KINDS_MAX * sizeof(*o->ids));
    for (size_t i = 0; o->items && o->ids && i < m->reactions_count; i++) {
        const struct chat_reaction *r = m->reactions[i];

        if (!add_kind(o, r->emoji, r->emoji_len, r))
            return false;
    }
    return o->items && o->ids;
}

static size_t find_kind(const struct overlay *o, const char *emoji, size_t len)
{
    size_t i = 0;

    while (i < o->kinds &&
           (o->items[i].emoji_len != len || memcmp(o->items[i].emoji, emoji, len) != 0))
        i++;
    return i;
}

static size_t count_shown(const struct overlay *o)
{
    size_t shown = 0;

    for (size_t i = 0; i < o->kinds; i++)
        shown += o->items[i].count > 0;
    return shown;
}

/* What is beyond the limits will be refused, and does not show. */
static chat_status add_own(struct overlay *o, const char *emoji, size_t len)
{
    const size_t at = find_kind(o, emoji, len);
    struct chat_reaction *r;

    if (o->users == CHAT_REACTIONS_MAX || (at == o->kinds && o->kinds == KINDS_MAX) ||
        ((at == o->kinds || !o->items[at].count) && count_shown(o) == CHAT_REACTION_KINDS_MAX))
        return CHAT_OK;
    if (at == o->kinds && !add_kind(o, emoji, len, NULL))
        return CHAT_E_NOMEM;
    r = &o->items[at];
    if (r->mine)
        return CHAT_OK;
    o->ids[at][r->count++] = o->user_id;
    o->users++;
    r->mine = true;
    return CHAT_OK;
}

static void remove_own(struct overlay *o, const char *emoji, size_t len)
{
    const size_t at = find_kind(o, emoji, len);
    struct chat_reaction *r = &o->items[at];
    size_t i = 0;

    if (at == o->kinds || !r->mine)
        return;
    while (i < r->count && o->ids[at][i] != o->user_id)
        i++;
    r->mine = false;
    if (i == r->count)
        return;
    r->count--;
    o->users--;
    memmove(&o->ids[at][i], &o->ids[at][i + 1], (r->count - i) * sizeof(o->ids[at][0]));
}

static chat_status take_op(const struct cache_outgoing *out, void *user)
{
    struct overlay *o = user;

    if (!out->removes)
        return add_own(o, out->text, out->text_len);
    remove_own(o, out->text, out->text_len);
    return CHAT_OK;
}

static chat_status end(struct overlay *o, struct chat_message *m)
{
    const struct chat_reaction **list = arena_alloc(o->arena, (o->kinds + 1) * sizeof(*list));

    if (!list)
        return CHAT_E_NOMEM;
    m->reactions = list;
    m->reactions_count = 0;
    for (size_t i = 0; i < o->kinds; i++) {
        o->items[i].user_ids = o->ids[i];
        if (o->items[i].count)
            list[m->reactions_count++] = &o->items[i];
    }
    return CHAT_OK;
}

static bool is_about(const struct out_op *op, const struct view_row *row)
{
    if (op->kind != CHAT_OUTGOING_REACT || op->state != CHAT_OUTGOING_QUEUED)
        return false;
    return row->from ? op->seq == row->from : op->parent && op->parent->row == row->row;
}

chat_status view_react_show(chat_view *view, const struct view_row *row)
{
    struct client_core *core = view->core;
    struct overlay o = {.arena = &core->row_arena, .user_id = client_user_id(core)};
    chat_status status = begin(&o, &core->row_message) ? CHAT_OK : CHAT_E_NOMEM;
    const struct out_op *op;

    for (uint32_t i = 0; status == CHAT_OK && (op = ops_at(core, i)) != NULL; i++)
        if (op->channel_id == view->channel_id && is_about(op, row))
            status = cache_outbox_get(core->cache, op->row, take_op, &o);
    return status == CHAT_OK ? end(&o, &core->row_message) : status;
}
