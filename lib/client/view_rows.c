#include "client/view_rows.h"

#include <string.h>

#include "base/alloc.h"

chat_status view_rows_reserve(struct view_rows *rows, const struct chat_allocator *allocator,
                              uint32_t count)
{
    uint32_t cap = rows->cap ? rows->cap : 32;
    struct view_row *grown;

    if (count <= rows->cap)
        return CHAT_OK;
    while (cap < count)
        cap *= 2;
    grown = alloc_resize(allocator, rows->items, rows->cap * sizeof(*grown), cap * sizeof(*grown));
    if (!grown)
        return CHAT_E_NOMEM;
    rows->items = grown;
    rows->cap = cap;
    return CHAT_OK;
}

void view_rows_fini(struct view_rows *rows, const struct chat_allocator *allocator)
{
    alloc_free(allocator, rows->items);
    *rows = (struct view_rows){0};
}

static bool nonces_equal(const struct chat_nonce *a, const struct chat_nonce *b)
{
    return a->device_id && a->device_id == b->device_id && a->counter == b->counter;
}

/*
 * Others' messages go by seq: nobody can make two of them look like one. Own ones go by
 * nonce, from before they have a seq. A gap that is filled from one end is still the same.
 */
bool view_rows_same(const struct view_row *shown, const struct view_row *wanted)
{
    if (shown->kind != wanted->kind)
        return false;
    if (shown->kind == CHAT_ROW_GAP)
        return shown->from == wanted->from || shown->to == wanted->to;
    if (shown->kind == CHAT_ROW_MESSAGE && (shown->nonce.device_id || wanted->nonce.device_id))
        return nonces_equal(&shown->nonce, &wanted->nonce);
    return shown->from == wanted->from;
}

/* Where `row` is wanted, from `at` on; wanted->count when it is not. */
static uint32_t find_wanted(const struct view_rows *wanted, uint32_t at, const struct view_row *row)
{
    while (at < wanted->count && !view_rows_same(row, &wanted->items[at]))
        at++;
    return at;
}

static uint32_t find_shown(const struct view_rows *shown, uint32_t at, const struct view_row *row)
{
    while (at < shown->count && !view_rows_same(&shown->items[at], row))
        at++;
    return at;
}

static void take_out(struct view_rows *rows, uint32_t at)
{
    rows->count--;
    memmove(&rows->items[at], &rows->items[at + 1], (rows->count - at) * sizeof(rows->items[0]));
}

static void put_in(struct view_rows *rows, uint32_t at, const struct view_row *row)
{
    memmove(&rows->items[at + 1], &rows->items[at], (rows->count - at) * sizeof(rows->items[0]));
    rows->items[at] = *row;
    rows->count++;
}

static void update(struct view_row *shown, const struct view_row *wanted)
{
    uint64_t key = shown->key;

    *shown = *wanted;
    shown->key = key;
}

static void insert(struct view_rows *shown, const struct view_row *wanted, uint64_t *last_key,
                   struct view_step *out)
{
    struct view_row row = *wanted;

    row.key = row.kind == CHAT_ROW_CHANNEL ? row.from : ++*last_key;
    out->type = CHAT_DIFF_INSERT;
    out->key = row.key;
    put_in(shown, out->index, &row);
}

static void move(struct view_rows *shown, uint32_t from, uint32_t to, struct view_step *out)
{
    struct view_row row = shown->items[from];

    out->type = CHAT_DIFF_MOVE;
    out->index = from;
    out->to_index = to;
    out->key = row.key;
    take_out(shown, from);
    put_in(shown, to, &row);
}

/* The row at `at` is not the one that is wanted there. */
static void correct(struct view_rows *shown, const struct view_rows *wanted, uint32_t at,
                    uint64_t *last_key, struct view_step *out)
{
    uint32_t place = wanted->count, found;

    *out = (struct view_step){.index = at};
    if (at < shown->count)
        place = find_wanted(wanted, at, &shown->items[at]);
    if (at < shown->count && place == wanted->count) {
        out->type = CHAT_DIFF_REMOVE;
        out->key = shown->items[at].key;
        take_out(shown, at);
        return;
    }
    found = find_shown(shown, at, &wanted->items[at]);
    if (found == shown->count)
        insert(shown, &wanted->items[at], last_key, out);
    else if (found == at + 1) /* it is the row at `at` that left its place: to where it belongs */
        move(shown, at, place < shown->count ? place : shown->count - 1, out);
    else
        move(shown, found, at, out);
}

bool view_rows_step(struct view_rows *shown, const struct view_rows *wanted, uint32_t *at,
                    uint64_t *last_key, struct view_step *out)
{
    for (; *at < shown->count && *at < wanted->count; ++*at) {
        struct view_row *row = &shown->items[*at];
        const struct view_row *want = &wanted->items[*at];

        if (!view_rows_same(row, want))
            break;
        if (row->version == want->version)
            continue;
        update(row, want);
        *out = (struct view_step){.type = CHAT_DIFF_UPDATE, .index = *at, .key = row->key};
        return true;
    }
    if (*at == shown->count && *at == wanted->count)
        return false;
    correct(shown, wanted, *at, last_key, out);
    return true;
}
