/*
 * Live views: what an application shows, kept right for it. A view is a list of rows, and
 * tells step by step how to turn the list that was shown into the one that is true now.
 *
 *   chat_view_open_channels(conn, NULL, &list);
 *   chat_view_open_messages(conn, channel_id, NULL, &window);
 *   ... on CHAT_EVENT_VIEW:
 *   struct chat_diff diff = CHAT_DIFF_INIT;
 *   while (chat_view_next_diff(event.view, &diff))
 *       apply(&diff);              // to your own list of widgets
 *
 * Gaps, pages, echoes of what is being sent, rewritten history, reconnects: all are nothing
 * but diffs. Whoever shows only views needs no other event about channels and messages, but for
 * who types and what others have read.
 *
 * The channel list has one row per channel, the latest activity first. A message window has
 * a stretch of one channel: its messages in order, a row for each gap in what is held here,
 * and behind the newest message what this device has not got in yet. An own message has one
 * row from the keystroke on, under one key, whatever becomes of it. What the user does to a
 * message, edits, deletions, reactions, shows on its row at once, be it in or on its way itself.
 *
 * An open window drives: what is missing in it is fetched before anything else, the one
 * nearest to what is visible first; names and presence of who is visible are asked for. Without a
 * link it waits: everything that is held can be scrolled through, gaps stay rows.
 *
 * Diffs are worked out when they are pulled, from what was shown and what is true then. Ten
 * edits of one message are one update, and an application that pulls once an hour costs
 * no more memory than one that pulls each frame.
 *
 * Threads: as the conn. All calls may be made at any time between calls of the conn, also
 * while an event or a diff is at hand.
 * Lifetime: a view ends with chat_view_free(), at the latest with its conn. Rows are
 * borrowed until the next call that hands out a row, a diff or a status, of any view of the conn.
 * Since: 0.1
 */
#ifndef LIBCHAT_VIEW_H
#define LIBCHAT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/conn.h>
#include <libchat/event.h>
#include <libchat/export.h>
#include <libchat/message.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

#define CHAT_VIEWS_MAX 16u       /* open at a time, of one conn */
#define CHAT_VIEW_ROWS_MAX 1000u /* messages and gaps of a window */

typedef enum chat_row_kind {
    CHAT_ROW_CHANNEL = 1,
    CHAT_ROW_MESSAGE = 2,
    CHAT_ROW_GAP = 3, /* from_seq to_seq exist, or may, and are not held here */
} chat_row_kind;

/* One row as it is to be shown now. Fields that a kind does not name are zero. */
struct chat_row {
    chat_row_kind kind;
    /* Unique in its view and the same as long as the row is in it: the key for a widget.
     * Of a channel it is the channel_id. */
    uint64_t key;

    /* CHANNEL: the one. */
    const struct chat_channel *channel;
    /* CHANNEL: the name of a group, of a direct the peer's; "" while that is not known. */
    const char *title;
    size_t title_len;
    int64_t active_at_ms; /* CHANNEL: when the last thing happened in it, wall clock */

    /* MESSAGE: as it is to be shown. Not yet in, its seq and message_id are 0. An own edit,
     * deletion or reaction that is queued shows already.
     * CHANNEL: the newest one known here, queued or held; NULL when there is none. */
    const struct chat_message *message;
    const char *author_name; /* of `message`; "" while it is not known. Never NULL */
    size_t author_name_len;
    /* Of the author, in a list of a direct's peer; 0 while nobody has said. */
    chat_presence_state presence;

    /* Of `message`: QUEUED, REFUSED (`status` says why; chat_conn_resend() or
     * chat_conn_discard() it by message->nonce), or DONE: it is in the history. */
    chat_outgoing_state state;
    chat_status status;

    /* MESSAGE: an own operation on it that is not in: its kind (EDIT, DELETE) or 0; QUEUED or
     * REFUSED; why; its name. One that was refused does not show. */
    chat_outgoing_kind change;
    chat_outgoing_state change_state;
    chat_status change_status;
    struct chat_nonce change_nonce;

    /* GAP */
    uint64_t from_seq, to_seq;
    bool loading; /* being fetched: there is a link */

    /* MESSAGE: own reactions, or their taking back, that show in message->reactions and are not in
     * yet. One that is refused is an event, and shows no more. */
    uint32_t reactions_waiting;
};

/* What is to be known of a view besides its rows. */
struct chat_view_status {
    /* Of a window: the channel, NULL while this user has none of that id; its title. */
    const struct chat_channel *channel;
    const char *title;
    size_t title_len;
    chat_presence_state presence; /* of a direct's peer */
    bool can_load_older, can_load_newer;
    bool at_latest; /* the window ends at the newest message, and follows it */
    /* Of a window: some gap of it is being fetched. Of a list: the server has not told all
     * channels on this link yet. */
    bool loading;
    /* Of a list: messages not read yet, and channels that have some; over all channels. */
    uint64_t unread;
    uint32_t unread_channels;
};

typedef enum chat_diff_type {
    CHAT_DIFF_INSERT = 1, /* `row` comes to stand at `index` */
    CHAT_DIFF_UPDATE = 2, /* the row at `index` is `row` now, its key is the same */
    CHAT_DIFF_REMOVE = 3, /* the row at `index` goes; `key` was its key */
    CHAT_DIFF_MOVE = 4,   /* the row at `index` goes and comes to stand at `to_index`, as it was */
    CHAT_DIFF_RESET = 5,  /* all rows go; those that follow are another list */
    CHAT_DIFF_STATUS = 6, /* `status` */
} chat_diff_type;

/*
 * One step. `size` is set by CHAT_DIFF_INIT and kept. To a list of which the earlier steps were
 * applied, `index` is never beyond its end.
 */
struct chat_diff {
    size_t size;
    chat_diff_type type;
    uint32_t index;
    uint32_t to_index;
    uint64_t key;
    const struct chat_row *row;
    const struct chat_view_status *status;
};

/* struct chat_diff diff = CHAT_DIFF_INIT; */
#ifdef __cplusplus
#define CHAT_DIFF_INIT                                                                             \
    ([] {                                                                                          \
        chat_diff diff_ = chat_diff();                                                             \
        diff_.size = sizeof(diff_);                                                                \
        return diff_;                                                                              \
    }())
#else
#define CHAT_DIFF_INIT                                                                             \
    {                                                                                              \
        .size = sizeof(struct chat_diff)                                                           \
    }
#endif

/* How to open a view. Start from chat_view_config_init(), then set fields. */
struct chat_view_config {
    size_t size;
    void *user;          /* yours: chat_view_get_user() */
    bool only_unread;    /* a list: only channels with unread messages */
    uint32_t rows;       /* a window: messages at first, default 50 */
    uint32_t rows_max;   /* a window: then the far end is dropped, default CHAT_VIEW_ROWS_MAX */
    uint64_t around_seq; /* a window: shows this message; 0, the default: the newest ones */
};

/* Sets `size` and all fields to their defaults. Applications call the second one, which tells the
 * first how large the struct is that they were compiled with. */
CHAT_API void chat_view_config_init_sized(struct chat_view_config *config, size_t size);
static inline void chat_view_config_init(struct chat_view_config *config)
{
    chat_view_config_init_sized(config, sizeof(*config));
}

/*
 * Opens a view. It has no rows yet: the first diffs bring them, and are there to be
 * pulled at once. `config` NULL: all defaults. A window of a channel that is not there is empty,
 * and comes to life with it.
 *
 * Owner:  the caller, who ends it with chat_view_free().
 * Errors: CHAT_E_INVALID (rows is 1 to rows_max, rows_max at most CHAT_VIEW_ROWS_MAX),
 *         CHAT_E_FULL (CHAT_VIEWS_MAX are open), CHAT_E_NOMEM.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_view_open_channels(chat_conn *conn,
                                                             const struct chat_view_config *config,
                                                             chat_view **out_view);
CHAT_API CHAT_USE_RESULT chat_status chat_view_open_messages(chat_conn *conn, uint64_t channel_id,
                                                             const struct chat_view_config *config,
                                                             chat_view **out_view);
/* Safe between any two calls, of this conn or another view. NULL is fine. */
CHAT_API void chat_view_free(chat_view *view);

/*
 * The next step from what was shown to what is true now. False: there is no difference, or
 * the cache cannot be read, or there is no memory (CHAT_EVENT_CACHE says so; CHAT_EVENT_VIEW
 * comes again after a second).
 * `out_diff` keeps its size.
 */
CHAT_API bool chat_view_next_diff(chat_view *view, struct chat_diff *out_diff);
/* True when there may be a difference. CHAT_EVENT_VIEW tells the same, once per view until
 * its diffs were pulled. */
CHAT_API bool chat_view_is_ready(const chat_view *view);

/* How many rows the diffs pulled so far make, and one of them as it is now: for lists that
 * draw only what is visible and keep no copy. False past the end, and for a row that is about
 * to be removed. */
CHAT_API uint32_t chat_view_get_count(const chat_view *view);
CHAT_API bool chat_view_get_row(chat_view *view, uint32_t index, const struct chat_row **out_row);
/* The status as of the last CHAT_DIFF_STATUS pulled or now: the same fields. */
CHAT_API const struct chat_view_status *chat_view_get_status(chat_view *view);

/* What the config said. */
CHAT_API void *chat_view_get_user(const chat_view *view);
/* Of a window; 0 for a list. */
CHAT_API uint64_t chat_view_get_channel_id(const chat_view *view);

/*
 * Moving a window. What comes of it are diffs; what is not held is a gap at first, and is
 * fetched. More rows than rows_max drop the end that is farther from what is visible.
 *
 * Errors: CHAT_E_INVALID (a list; n is 1 to rows_max; seq 0), CHAT_E_NOT_FOUND: nothing
 *         there, the beginning or the newest message is shown already.
 */

/* `n` messages more. With no link gaps are jumped over, as far as there is something held
 * behind them. */
CHAT_API chat_status chat_view_load_older(chat_view *view, uint32_t n);
CHAT_API chat_status chat_view_load_newer(chat_view *view, uint32_t n);
/* Puts `seq` into the middle of the window; beyond the newest means the newest. */
CHAT_API chat_status chat_view_jump_to(chat_view *view, uint64_t seq);
CHAT_API chat_status chat_view_jump_to_latest(chat_view *view);

/*
 * What is on screen: rows first to last, by index. Says which end of a window is far, what is
 * fetched first, and whose presence is watched. Who never says is taken to see the end that was
 * moved last, at first the newest. Errors: CHAT_E_INVALID (first > last, or past the end).
 */
CHAT_API chat_status chat_view_set_visible(chat_view *view, uint32_t first, uint32_t last);
/* Marks a window's channel as read up to the newest visible message. Errors: of
 * chat_conn_mark_read(). */
CHAT_API chat_status chat_view_mark_read(chat_view *view);

/* "insert", "reset". Never NULL. */
CHAT_API const char *chat_diff_type_name(chat_diff_type type);

CHAT_END_DECLS

#endif
