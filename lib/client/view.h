/*
 * The views of a core: see <libchat/view.h> for what they promise.
 *
 * Whatever changes in a core is told here by one line where it happens. That costs a few
 * comparisons and says only where to look again: a view finds out by itself what is
 * different, when its diffs are pulled.
 */
#ifndef CHAT_CLIENT_VIEW_H
#define CHAT_CLIENT_VIEW_H

#include <libchat/view.h>

#include "base/list.h"

struct client_core;
struct channel;
struct out_op;

/* --- told by the rest of the core --- */

/* Something of the channel: what chat_channel says of it, its ranges, its operations. */
void view_touch_channel(struct client_core *core, struct channel *ch);
/* The same by id: operations outlive their channel. */
void view_touch_outbox(struct client_core *core, uint64_t channel_id);
/* An operation took another nonce: it is the same row. */
void view_renamed(struct client_core *core, const struct out_op *op);
/* Messages from..to were stored, altered or dropped. */
void view_touch_messages(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to);
/* The channel's history is another one. */
void view_reset(struct client_core *core, struct channel *ch);
/* A name or a presence. */
void view_touch_user(struct client_core *core, uint64_t user_id);
/* The link came or went: gaps are fetched, or wait. */
void view_touch_link(struct client_core *core);
/* Memory was read back from the cache: everything. */
void view_touch_all(struct client_core *core);

/* --- asked by the rest of the core --- */

/* A view that waits to be pulled and was not told of. */
bool view_is_due(const struct client_core *core);
/* The same; it is told of then. NULL: none. */
chat_view *view_take_due(struct client_core *core);
/* When a view that could not be read is to be told of again. */
int64_t view_deadline(const struct client_core *core);
/* The page that open windows of the channel want most. False: nothing is missing in them. */
bool view_wants(struct client_core *core, struct channel *ch, uint64_t *out_start,
                uint32_t *out_limit, bool *out_backwards);
/* Some window of the channel is open: its position goes into every heartbeat. */
bool view_is_open(const struct client_core *core, uint64_t channel_id);
/* A window that shows some of low..high, and what it shows: not to be evicted. False: none. */
bool view_shows(const struct client_core *core, uint64_t channel_id, uint64_t low, uint64_t high,
                uint64_t *out_from, uint64_t *out_to);
/* Users who are visible, besides those in `ids`: appended up to `max`. */
uint32_t view_people(struct client_core *core, uint64_t *ids, uint32_t count, uint32_t max);

void view_free_all(struct client_core *core);

/* --- calls for the application --- */

chat_status view_open_channels(struct client_core *core, const struct chat_view_config *config,
                               void *owner, chat_view **out_view);
chat_status view_open_messages(struct client_core *core, uint64_t channel_id,
                               const struct chat_view_config *config, void *owner,
                               chat_view **out_view);
void view_free(chat_view *view);
/* Who opened it: the conn. */
void *view_owner(const chat_view *view);
/* May there be a difference, as far as is known now? */
bool view_has_news(const chat_view *view);
bool view_next_diff(chat_view *view, struct chat_diff *out);
bool view_get_row(chat_view *view, uint32_t index, const struct chat_row **out);
const struct chat_view_status *view_get_status(chat_view *view);
chat_status view_load_older(chat_view *view, uint32_t n);
chat_status view_load_newer(chat_view *view, uint32_t n);
chat_status view_jump_to(chat_view *view, uint64_t seq);
chat_status view_jump_to_latest(chat_view *view);
chat_status view_set_visible(chat_view *view, uint32_t first, uint32_t last);
chat_status view_mark_read(chat_view *view);

#endif
