/* The inside of a client core: what the files of this folder call of each other. */
#ifndef CHAT_CLIENT_INNER_H
#define CHAT_CLIENT_INNER_H

#include "client/state.h"

static inline uint64_t least_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t most_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* config.c */
bool client_config_is_sane(const struct client_config *cfg);

/* core.c */

/* True for CHAT_OK; anything else spoils the turn: it will be undone as a whole. */
bool core_ok(struct client_core *core, chat_status status);
/* Saves what is dirty and commits. On an error the turn was undone and told. */
chat_status core_commit(struct client_core *core);
/* After a reload that failed. */
chat_status core_reload(struct client_core *core);
/* Something waits to be sent until then. */
void core_wake_at(struct client_core *core, int64_t at_ms);

/* session.c: one state, one link */
void client_session_enter(struct client_core *core, chat_conn_state state, chat_status reason);
void session_connect(struct client_core *core);
/* The same after a wait, the longer the more often it failed. */
void session_back_off(struct client_core *core, chat_status status);
/* Ends the link for a reason of ours and backs off. */
void session_drop(struct client_core *core, uint16_t code, const char *reason, chat_status status);
/* Closes the link, then goes on as if the server had, by what its problem said. */
void client_session_end(struct client_core *core, uint16_t code, const char *reason);
void session_protocol_error(struct client_core *core, const char *what);
/* Something that does not fit; too many of them are a protocol error. */
void session_odd(struct client_core *core, const char *what);
void session_opened(struct client_core *core, link_id link);
void client_session_closed(struct client_core *core, link_id link, uint16_t code);
void session_timer(struct client_core *core);
void session_settle(struct client_core *core);
int64_t session_deadline(const struct client_core *core);
void session_problem_text(struct client_core *core, const char *what, const char *text, size_t len);
bool session_is_signed_in(const struct client_core *core);
/* A session of ours that was superseded is over for good, unless an earlier try did it. */
bool session_is_superseded(const struct client_core *core);

/* signin.c: hello, welcome, tokens, heartbeats */
void signin_hello(struct client_core *core);
void signin_welcome(struct client_core *core, const WireWelcome *welcome);
void signin_ticket(struct client_core *core, const WireTicket *ticket);
void signin_renewed(struct client_core *core);
void signin_refused(struct client_core *core, chat_status status);
/* The user was signed out here: the credentials that are kept will not do any more. */
void signin_revoked(struct client_core *core);
bool signin_has_credentials(const struct client_core *core);
void signin_need_token(struct client_core *core, chat_status why);
void signin_link_problem(struct client_core *core, const WireProblem *problem, bool for_hello);
void signin_pump(struct client_core *core);
void signin_heartbeat_ack(struct client_core *core, const WireHeartbeatAck *ack);

/* receive.c: one WebSocket message */

/* May the next item of this frame be handled? False: units ran out, the handler leaves what
 * it did in order and is called again, with core->item as it is now. */
bool receive_one(struct client_core *core);
/* The link is gone, and with it the rest of a frame. */
void receive_drop(struct client_core *core);

/* dispatch.c: one frame */

/* The request that the frame answers, out of all tables and the caller's now, or NULL. */
struct request *dispatch_request(struct client_core *core, const WireServerFrame *frame);
void dispatch_frame(struct client_core *core, struct request *r, const WireServerFrame *frame);
chat_status dispatch_status(WireProblemCode code);
bool dispatch_is_temporary(const WireProblem *problem);
/* Should what nobody waits for be asked again? If so, request_may_aside() says when. */
bool dispatch_aside_later(struct client_core *core, const WireServerFrame *frame);

/* request.c */
struct request *request_new(struct client_core *core, enum request_kind kind);
/* Encodes and queues; the request takes the frame's id. False: no memory, it is gone. */
bool request_send(struct client_core *core, struct request *r, WireClientFrame *frame);
bool request_say(struct client_core *core, WireClientFrame *frame); /* no answer wanted */
struct request *client_request_take(struct client_core *core, uint32_t id);
void request_free(struct client_core *core, struct request *r);
/* The link is gone: everything unanswered is to be asked again. */
void requests_lost(struct client_core *core);
/* True when an answer is missing for too long. */
bool requests_overdue(struct client_core *core);
/* Pages of this channel, asked for before it was rebuilt, say nothing any more. */
void request_forget_lanes(struct client_core *core, struct channel *ch);
void request_forget_channel(struct client_core *core, struct channel *ch);
void request_forget_op(struct client_core *core, uint32_t id);
/* Room and budget for one more; if not, it wakes when there is. */
bool request_may_send(struct client_core *core, enum budget_kind kind);
/* Room alone, for what has a rate of its own. */
bool request_has_room(const struct client_core *core);
/* The same, for what nobody waits for. */
bool request_may_aside(struct client_core *core, enum budget_kind kind);
void request_spend(struct client_core *core, enum budget_kind kind);

/* channel.c */
struct channel *channel_find(const struct client_core *core, uint64_t id);
struct channel *channel_find_home(const struct client_core *core, uint64_t home_id);
uint32_t channel_index_after(const struct client_core *core, uint64_t id);
void channel_touch(struct client_core *core, struct channel *ch); /* to be saved */
chat_status channel_save_dirty(struct client_core *core);
chat_status channel_load_all(struct client_core *core);
void channel_free_all(struct client_core *core);
/* In no list any more; of its operations nothing is left. */
void channel_free(struct client_core *core, struct channel *ch);
void channel_list(struct client_core *core, const WireChannelList *list);
void channel_removed(struct client_core *core, uint64_t channel_id);
void channel_view(struct client_core *core, struct channel *ch, struct chat_channel *out);
void channel_read_moved(struct client_core *core, struct channel *ch, uint64_t seq, uint64_t id);
/* The server counted. */
void channel_mentions(struct client_core *core, const WireMentions *mentions);

/* unread.c */
/* Up to here nothing is unread: as the server says, or as it will be told. */
uint64_t unread_from(const struct channel *ch);
/* It was `from`. */
void unread_moved(struct client_core *core, struct channel *ch, uint64_t from);
void unread_listed(struct client_core *core, struct channel *ch, const WireChannel *w);
/* An alteration came by. */
void unread_changed(struct channel *ch, const WireMessage *m);
void unread_count(struct client_core *core, struct channel *ch, struct chat_channel *out);

/* head.c: what the server says about where a channel stands */
void head_hint(struct client_core *core, struct channel *ch, const WirePosition *head);
/* Of a page: it comes from the store. False: the channel was rebuilt, or the page lies. */
bool head_proven(struct client_core *core, struct channel *ch, const WirePosition *head,
                 const struct request *r);
/* Starts the channel over as the answer of `r` says it is. */
void head_rebuild(struct client_core *core, struct channel *ch, const WirePosition *head,
                  const struct request *r);

/* message.c */
bool message_is_sane(const WireMessage *m);
/* Borrows all that `m` has; what else it needs lies in `arena`. Errors: CHAT_E_NOMEM. */
chat_status message_of_wire(struct arena *arena, const WireMessage *m, struct chat_message *out);
/* With all it points to. Errors: CHAT_E_NOMEM. */
chat_status message_copy(struct arena *arena, const struct chat_message *from,
                         struct chat_message *to);

/* apply.c: messages into the cache, the stream to the application */
void apply_live(struct client_core *core, const WireMessage *m);
void apply_changed(struct client_core *core, const WireMessage *m);
/* One message of a page, or an own one: into the cache, no range. */
bool apply_store(struct client_core *core, struct channel *ch, const WireMessage *m);
/* Our own message, from its acknowledgement. The caller lets the stream go on. */
void apply_own(struct client_core *core, struct channel *ch, const WireMessage *m);
void apply_hold(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to,
                uint64_t rev);
void apply_stream(struct client_core *core, struct channel *ch);
void apply_gap(struct client_core *core, struct channel *ch, uint64_t up_to);

/* lane.c: pulling what is missing */
void lane_check(struct client_core *core, struct channel *ch);
void lane_pump(struct client_core *core);
void lane_history(struct client_core *core, struct request *r, const WireServerFrame *frame);
void lane_changes(struct client_core *core, struct request *r, const WireServerFrame *frame);

/* keep.c: what the cache keeps */

/* Holds from..to no more; what the stream told of it is told as gaps. False: trouble. */
bool keep_drop(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to);
/* The lowest island goes that from..to does not touch. False: there is none, or trouble. */
bool keep_drop_island(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to);
/* Somebody looks at it now. */
void keep_shown(struct client_core *core, struct channel *ch);
void keep_stored(struct client_core *core);      /* a message more */
chat_status keep_look(struct client_core *core); /* is there too much? */
/* A piece of what is too much. False: nothing is. */
bool keep_turn(struct client_core *core);

/* search.c */

/* A piece of the first search. False: there is none. */
bool search_turn(struct client_core *core);
void search_free_all(struct client_core *core);
/* A piece into the index of words, when it is time: see index_deadline(). */
void index_turn(struct client_core *core);
int64_t index_deadline(const struct client_core *core);

/* page.c */
/* Checks and applies a history page. False: it lies, the channel was rebuilt, or units ran
 * out before its end. */
bool page_apply(struct client_core *core, struct channel *ch, const struct request *r,
                const WireHistoryPage *page);
chat_status page_read(struct client_core *core, struct channel *ch, uint64_t start_seq,
                      uint32_t limit, enum page_way way, chat_page **out_page);
/* NULL: it is not in the page. */
const struct chat_message *page_find(const chat_page *page, uint64_t seq);
/* Half before the message, half from there on; what one side lacks the other gets. `out_from` >
 * `out_to`: the channel is empty. Returns the message that is there. */
uint64_t page_window(const struct channel *ch, uint64_t seq, uint32_t limit, uint64_t *out_from,
                     uint64_t *out_to);

/* ask.c */
void ask_pump(struct client_core *core);
void ask_answer(struct client_core *core, struct request *r, const WireServerFrame *frame);
void ask_timer(struct client_core *core);
/* Whoever opened a channel that the cache has hears so: he may write to it at once. */
void ask_finish_opened(struct client_core *core);
/* Answers from the cache: with all that was asked, or with what there is. */
void ask_finish_history(struct client_core *core, struct ask *ask, chat_status status);
void ask_free_all(struct client_core *core);
int64_t ask_deadline(const struct client_core *core);

/* users.c */
void users_saw(struct client_core *core, uint64_t user_id);
void users_pump(struct client_core *core);
void users_answer(struct client_core *core, struct request *r, const WireServerFrame *frame);
struct reply *users_keep(struct client_core *core, const WireUsers *users);

struct reply *members_keep(struct client_core *core, uint64_t home_id, WireMember *const *members,
                           size_t count);

/* receipts.c */
chat_status receipts_load(struct client_core *core);
/* How far the channel is held, or read, has changed: is something to be said? */
void receipts_check(struct client_core *core, struct channel *ch);
/* Read here: others may know, unless the user does not want it. */
void receipts_read_here(struct client_core *core, struct channel *ch, uint64_t seq);
/* Of the list: the own one and, of a direct, the other's. */
void receipts_listed(struct client_core *core, struct channel *ch, const WireChannel *w);
void receipts_push(struct client_core *core, const WireReceipts *receipts);
void receipts_rebuilt(struct client_core *core, struct channel *ch);
/* The application looks at them: they are kept current from here on. */
void receipts_want(struct client_core *core, struct channel *ch);
/* The channel was removed. */
void receipts_gone(struct client_core *core, const struct channel *ch);
void client_receipts_pump(struct client_core *core);
void receipts_marked(struct client_core *core, const WireServerFrame *frame);
void receipts_answer(struct client_core *core, struct request *r, const WireServerFrame *frame);
/* What the cache has of them, taking in an answer first (may be NULL). NULL: no memory. */
struct reply *receipts_keep(struct client_core *core, struct channel *ch,
                            const WireReceipts *receipts);

/* settings.c */
chat_status settings_load(struct client_core *core);
void settings_save(struct client_core *core, struct channel *ch);
void settings_listed(struct client_core *core, struct channel *ch,
                     const WireChannelSettings *settings);
void settings_push(struct client_core *core, const WireChannelSettings *settings);
void settings_pump(struct client_core *core);
void settings_answer(struct client_core *core, struct request *r, const WireServerFrame *frame);
/* Is something to be said, or to be asked for? */
void settings_check(struct client_core *core, struct channel *ch);
/* When to try again after a problem. */
int64_t settings_wait_after(struct client_core *core, const WireProblem *problem);

/* draft.c */
chat_status draft_load(struct client_core *core);
void draft_push(struct client_core *core, const WireDraft *draft);
/* There is none any more, since that version. */
void draft_forget(struct client_core *core, struct channel *ch, uint64_t version);
/* Says it, or asks for it. False: it cannot be sent now. */
bool draft_send(struct client_core *core, struct channel *ch);
void draft_answer(struct client_core *core, struct request *r, const WireServerFrame *frame);
/* A message was sent: the row, in the caller's transaction; then what memory has. */
chat_status draft_clear_row(struct client_core *core, const struct channel *ch);
void draft_cleared(struct client_core *core, struct channel *ch);

/* typing.c */
void typing_heard(struct client_core *core, const WireTyping *typing);
/* A message of theirs came: that is what they typed. */
void typing_over(struct client_core *core, uint64_t channel_id, uint64_t user_id);
void typing_sent(struct client_core *core, uint64_t channel_id);
void typing_lost(struct client_core *core); /* with the link */
void typing_timer(struct client_core *core);
int64_t typing_deadline(const struct client_core *core);
void typing_pump(struct client_core *core);
bool typing_show(struct client_core *core, struct chat_event *out);

struct reply *devices_keep(struct client_core *core, const WireDevices *devices);

/* presence.c */

/* Views may look at other people now: they are watched soon. */
void presence_look(struct client_core *core);
void presence_pump(struct client_core *core);
void presence_batch(struct client_core *core, const WirePresenceBatch *batch);

/* events.c */
struct pending *events_add(struct client_core *core, chat_event_type type, struct channel *ch);
void events_news(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to);
void events_channel(struct client_core *core, struct channel *ch);
void events_read(struct client_core *core, struct channel *ch);
void events_receipt(struct client_core *core, struct channel *ch);
void events_draft(struct client_core *core, struct channel *ch);
void events_changed(struct client_core *core, struct channel *ch, uint64_t seq);
void events_reset(struct client_core *core, struct channel *ch);
void events_gone(struct client_core *core, struct channel *ch);
void events_member(struct client_core *core, struct channel *ch, const WireMemberChanged *changed);
void events_outgoing(struct client_core *core, const struct out_op *op, chat_outgoing_state state,
                     chat_status status, uint64_t seq, const char *rule);
/* The message of this nonce, which is in, as long as the application was not told; else NULL. */
const struct chat_outgoing *events_find_done(const struct client_core *core,
                                             const struct chat_nonce *nonce);
/* The answer to an ask; `reply` (may be NULL) is taken over. */
void events_answer(struct client_core *core, struct ask *ask, chat_event_type type,
                   chat_status status, uint64_t channel_id, uint64_t home_id, struct reply *reply);
void events_names(struct client_core *core, struct reply *reply);
void events_gap(struct client_core *core, struct channel *ch, chat_event_type type, uint64_t from,
                uint64_t to, chat_status status);
void events_state(struct client_core *core);
void events_need_token(struct client_core *core, chat_status why);
void events_cache(struct client_core *core, chat_status why);
/* After an undone turn: only answers and states are kept; read everything again. */
void events_reread_all(struct client_core *core);
void events_free_all(struct client_core *core);
void events_welcome(struct client_core *core);
/* The next entry, now the caller's; NULL when none waits. */
struct pending *events_take(struct client_core *core);
/* News that go on: first in the queue again. */
void events_put_back(struct client_core *core, struct pending *p);
void events_release(struct client_core *core, struct pending *p);
/* Brings every channel's news_from up to date; UINT64_MAX: none waits. */
void events_find_news(struct client_core *core);
struct reply *reply_new(struct client_core *core, size_t max);
void reply_free(struct client_core *core, struct reply *reply);

#include "client/outbox.h"

#endif
