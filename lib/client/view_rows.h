/*
 * view rows: a list of what is shown, a list of what is true, and the steps from one to the
 * other. Nothing here knows a cache or a conn.
 */
#ifndef CHAT_CLIENT_VIEW_ROWS_H
#define CHAT_CLIENT_VIEW_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>
#include <libchat/view.h>

/* What a row is, and in which version; not what it says. A window has three lists of them. */
struct view_row {
    uint64_t key; /* of a row that is shown */
    /* A channel's id; a message's seq, 0 in the outbox; a gap's first and last seq. */
    uint64_t from, to;
    struct chat_nonce nonce; /* of an own message, else zeros */
    uint64_t author_id;
    uint64_t content;   /* a hash: of a message in the history, what and in which alteration */
    int64_t row;        /* of a message in the outbox; 0: it is in the history */
    uint64_t version;   /* differs when there is something else to show; never 0 */
    int64_t change_row; /* in the outbox, of an own edit or deletion of it; see change */
    uint32_t reactions; /* own ones to it that are on their way */
    uint32_t reacted;   /* a hash: which */
    uint8_t kind;       /* chat_row_kind */
    uint8_t state;      /* chat_outgoing_state of the message */
    uint8_t change, change_state; /* chat_outgoing_kind and _state; 0: none */
    bool loading;                 /* a gap */
};

struct view_rows {
    struct view_row *items;
    uint32_t count, cap;
};

/* Room for `count`. Errors: CHAT_E_NOMEM, unchanged then. */
chat_status view_rows_reserve(struct view_rows *rows, const struct chat_allocator *allocator,
                              uint32_t count);
void view_rows_fini(struct view_rows *rows, const struct chat_allocator *allocator);

/* The same thing, perhaps in another version. */
bool view_rows_same(const struct view_row *shown, const struct view_row *wanted);

/* One step, to be told. */
struct view_step {
    chat_diff_type type; /* INSERT, UPDATE, REMOVE or MOVE */
    uint32_t index, to_index;
    uint64_t key;
};

/*
 * Makes one step from `shown` towards `wanted` and says which. False: they are equal.
 * Rows before *at are equal already: start with 0, and again when `wanted` has changed.
 * `shown` has room for one more row; *last_key is the last key given.
 *
 * Finite: each step removes a row, or makes the row at *at right.
 */
bool view_rows_step(struct view_rows *shown, const struct view_rows *wanted, uint32_t *at,
                    uint64_t *last_key, struct view_step *out);

#endif
