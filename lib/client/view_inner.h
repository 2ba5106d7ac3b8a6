/* What the files of the views share. */
#ifndef CHAT_CLIENT_VIEW_INNER_H
#define CHAT_CLIENT_VIEW_INNER_H

#include "client/inner.h"
#include "client/view_rows.h"

#define VIEW_PEOPLE_MAX 64u        /* of one view, whose presence is watched */
#define VIEW_RETRY_MS 1000         /* before a view that could not be read is told of again */
#define VIEW_EYE_LATEST UINT64_MAX /* visible is whatever is the newest */

#define VIEW_EACH(view, core)                                                                      \
    LIST_EACH(view##_node, &(core)->views)                                                         \
    for (chat_view *view = LIST_ENTRY(view##_node, chat_view, link); view; view = NULL)

/* A stretch of a channel; from > to: nothing. */
struct stretch {
    uint64_t from, to;
};

struct chat_view {
    struct list_node link; /* in core->views */
    struct client_core *core;
    void *owner, *user;
    uint64_t channel_id; /* 0: the list of channels */
    bool only_unread;

    /* What the application has, and what it should have. */
    struct view_rows shown, wanted, spare;
    uint32_t at; /* rows before it are equal */
    uint64_t last_key;
    bool reset; /* shown goes as a whole */
    bool dirty; /* wanted is to be made again */
    bool told;  /* by an event, and not pulled since */
    bool more;  /* the last pull gave a diff: there may be another */
    int64_t retry_at_ms;
    uint64_t status_version; /* of the status told last */

    /* Visible rows; last < first: not said. */
    uint32_t first_visible, last_visible;

    /* A list: what is sorted, only while it is built. */
    struct channel **order;
    uint32_t order_cap;

    /* A window. */
    uint32_t rows, rows_max;
    struct stretch at_seq; /* what it spans */
    struct stretch stale;  /* messages in here are to be looked at again */
    uint64_t eye;          /* about the middle of what is visible */
    uint64_t around;       /* where to begin, not placed yet; 0: at the newest */
    bool placed;           /* at_seq says something */
    bool latest;           /* it ends at the newest message, and follows */
};

static inline bool view_is_list(const chat_view *view) { return view->channel_id == 0; }
static inline bool stretch_is_empty(struct stretch s) { return s.from > s.to || s.to == 0; }

/* view_list.c */
chat_status view_list_build(chat_view *view);
/* The send that waits last; NULL: none. */
const struct out_op *view_list_sending(const struct channel *ch);

/* view_window.c */
chat_status view_window_build(chat_view *view);

/* view_place.c: where a window is */

/* Brings at_seq up to what the channel is now. */
void view_place(chat_view *view, const struct channel *ch);
/* The gap of the window that is nearest to the eye. */
bool view_place_gap(const chat_view *view, const struct channel *ch, struct stretch *out);
uint64_t view_first_seq(const struct channel *ch);

/* view_react.c: lays own reactions that are not in over the message shown */
chat_status view_react_show(chat_view *view, const struct view_row *row);

/* view_row.c: rows and status as the application gets them */
chat_status view_row_show(chat_view *view, const struct view_row *row);
void view_status_make(chat_view *view, struct chat_view_status *out);
uint64_t view_status_hash(const struct chat_view_status *status);
uint64_t view_channel_hash(const struct chat_channel *channel);
chat_presence_state view_presence(const struct client_core *core, uint64_t user_id);

#endif
