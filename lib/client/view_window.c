/* The rows of a message window: what is held of a stretch, its gaps, and the outbox. */
#include "base/hash.h"
#include "base/plant.h"
#include "client/view_inner.h"

static bool is_in(struct stretch s, uint64_t seq) { return seq >= s.from && seq <= s.to; }

static void seal(struct view_row *row)
{
    const uint64_t values[] = {
        row->kind,
        row->from,
        row->to,
        row->nonce.device_id,
        row->nonce.counter,
        row->content,
        (uint64_t)row->row,
        row->state,
        row->change,
        (uint64_t)row->change_row,
        row->change_state,
        row->reacted,
        row->loading,
    };
    uint64_t hash = 1;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        hash = hash_pair(hash, values[i]);
    row->version = hash | 1;
}

static struct view_row *append(struct view_rows *rows, const struct chat_allocator *allocator)
{
    struct view_row *row;

    if (view_rows_reserve(rows, allocator, rows->count + 1) != CHAT_OK)
        return NULL;
    row = &rows->items[rows->count++];
    *row = (struct view_row){0};
    return row;
}

/* --- the history --- */

struct reading {
    chat_view *view;
    struct view_rows *rows;
};

static chat_status take_message(const struct chat_message *m, void *user)
{
    struct reading *reading = user;
    struct client_core *core = reading->view->core;
    struct view_row *row = append(reading->rows, core->allocator);

    if (!row)
        return CHAT_E_NOMEM;
    row->kind = CHAT_ROW_MESSAGE;
    row->from = m->seq;
    row->author_id = m->author_id;
    row->content = hash_pair(m->message_id, m->rev);
    row->state = CHAT_OUTGOING_DONE;
    if (m->author_id == client_user_id(core))
        row->nonce = m->nonce;
    return CHAT_OK;
}

static chat_status read_part(chat_view *view, struct view_rows *rows, uint64_t from, uint64_t to)
{
    struct reading reading = {view, rows};

    return cache_messages_read(view->core->cache, view->channel_id, from, to,
                               (uint32_t)(to - from + 1), take_message, &reading);
}

/* The row made of the message last time, when it is not stale. `*at` goes along `before`. */
static const struct view_row *find_known(const chat_view *view, const struct view_rows *before,
                                         uint32_t *at, uint64_t seq)
{
    const struct view_row *row;

    if (is_in(view->stale, seq))
        return NULL;
    /* Those of the outbox stand at the end, without a seq. */
    while (*at < before->count && before->items[*at].from && before->items[*at].from < seq)
        ++*at;
    row = *at < before->count ? &before->items[*at] : NULL;
    return row && row->from == seq && row->kind == CHAT_ROW_MESSAGE ? row : NULL;
}

/* A held run: what was known of it is taken over, the rest is read. */
static chat_status add_held(chat_view *view, struct view_rows *rows, const struct view_rows *before,
                            uint32_t *at, struct stretch run)
{
    uint64_t unknown = 0; /* the first one not read yet */
    chat_status status = CHAT_OK;

    for (uint64_t seq = run.from; seq <= run.to && status == CHAT_OK; seq++) {
        const struct view_row *known = find_known(view, before, at, seq);
        struct view_row *row;

        if (!known) {
            unknown = unknown ? unknown : seq;
            continue;
        }
        if (unknown)
            status = read_part(view, rows, unknown, seq - 1);
        unknown = 0;
        row = status == CHAT_OK ? append(rows, view->core->allocator) : NULL;
        if (!row)
            return status == CHAT_OK ? CHAT_E_NOMEM : status;
        *row = *known;
        row->change = 0;
        row->change_state = 0;
        row->change_row = 0;
        row->reactions = 0;
        row->reacted = 0;
    }
    return unknown && status == CHAT_OK ? read_part(view, rows, unknown, run.to) : status;
}

static chat_status add_gap(chat_view *view, struct view_rows *rows, struct stretch gap)
{
    struct view_row *row = append(rows, view->core->allocator);

    if (!row)
        return CHAT_E_NOMEM;
    row->kind = CHAT_ROW_GAP;
    row->from = gap.from;
    row->to = gap.to;
    row->loading = session_is_signed_in(view->core);
    return CHAT_OK;
}

static chat_status add_history(chat_view *view, const struct channel *ch, struct view_rows *rows,
                               const struct view_rows *before)
{
    struct stretch s = view->at_seq, gap = {0, 0};
    uint32_t at = 0;
    chat_status status = CHAT_OK;

    while (status == CHAT_OK && !stretch_is_empty(s)) {
        bool any = ranges_next_hole(&ch->c.ranges, s.from, s.to, &gap.from, &gap.to);
        struct stretch run = {s.from, any ? gap.from - 1 : s.to};

        if (!stretch_is_empty(run))
            status = add_held(view, rows, before, &at, run);
        if (status == CHAT_OK && any && !PLANTED(VIEW_GAP_SKIPPED))
            status = add_gap(view, rows, gap);
        s.from = any ? gap.to + 1 : s.to + 1;
    }
    return status;
}

/* --- the outbox --- */

static struct view_row *find_seq(struct view_rows *rows, uint32_t count, uint64_t seq)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (rows->items[middle].from < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && rows->items[low].from == seq && rows->items[low].kind == CHAT_ROW_MESSAGE
               ? &rows->items[low]
               : NULL;
}

/* Behind the first `history` rows, by rising row of the outbox. */
static struct view_row *find_sending(struct view_rows *rows, uint32_t history, int64_t row)
{
    uint32_t low = history, high = rows->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (rows->items[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < rows->count && rows->items[low].row == row ? &rows->items[low] : NULL;
}

/* What changes a message shows on its row, wherever that is; of edits and deletions the newest
 * one counts. A reaction that was refused is none. */
static void mark_change(struct view_row *row, const struct out_op *op)
{
    if (op->kind != CHAT_OUTGOING_REACT) {
        row->change = (uint8_t)op->kind;
        row->change_row = op->row;
        row->change_state = (uint8_t)op->state;
    } else if (op->state == CHAT_OUTGOING_QUEUED && !PLANTED(VIEW_REACTION_MISSED)) {
        row->reactions++;
        row->reacted = (uint32_t)hash_pair(row->reacted, (uint64_t)op->row);
    }
}

static chat_status add_outgoing(chat_view *view, struct view_rows *rows, const struct out_op *op)
{
    struct view_row *row = append(rows, view->core->allocator);

    if (!row)
        return CHAT_E_NOMEM;
    row->kind = CHAT_ROW_MESSAGE;
    row->nonce = (struct chat_nonce){op->device_id, op->counter};
    row->author_id = client_user_id(view->core);
    row->row = op->row;
    row->content = op->edits;
    row->state = (uint8_t)op->state;
    return CHAT_OK;
}

/* Sends go behind the newest message; the history is all of `rows` so far. */
static chat_status add_outbox(chat_view *view, struct view_rows *rows)
{
    const uint32_t history = rows->count;
    chat_status status = CHAT_OK;
    const struct out_op *op;

    for (uint32_t i = 0; view->latest && status == CHAT_OK && (op = ops_at(view->core, i)); i++)
        if (op->channel_id == view->channel_id && op->kind == CHAT_OUTGOING_SEND)
            status = add_outgoing(view, rows, op);
    for (uint32_t i = 0; status == CHAT_OK && (op = ops_at(view->core, i)) != NULL; i++) {
        struct view_row *row = NULL;

        if (op->channel_id != view->channel_id || op->kind == CHAT_OUTGOING_SEND)
            continue;
        if (op->seq)
            row = find_seq(rows, history, op->seq);
        else if (op->parent)
            row = find_sending(rows, history, op->parent->row);
        if (row)
            mark_change(row, op);
    }
    return status;
}

/* --- all of it --- */

chat_status view_window_build(chat_view *view)
{
    struct channel *ch = channel_find(view->core, view->channel_id);
    struct view_rows *rows = &view->spare;
    struct view_rows swap;
    chat_status status = CHAT_OK;

    rows->count = 0;
    if (ch) {
        view_place(view, ch);
        status = add_history(view, ch, rows, &view->wanted);
    } else { /* not this user's, or not yet */
        view->placed = false;
        view->at_seq = (struct stretch){1, 0};
        view->latest = true;
    }
    if (status == CHAT_OK)
        status = add_outbox(view, rows);
    if (status != CHAT_OK)
        return status;
    for (uint32_t i = 0; i < rows->count; i++)
        seal(&rows->items[i]);
    swap = view->wanted;
    view->wanted = view->spare;
    view->spare = swap;
    view->stale = (struct stretch){1, 0};
    return CHAT_OK;
}
