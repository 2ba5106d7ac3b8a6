/* The inside of a client core, shared by the files of this folder. */
#ifndef CHAT_CLIENT_INNER_H
#define CHAT_CLIENT_INNER_H

#include <libchat/limits.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/table.h"
#include "cache/cache.h"
#include "cache/search.h"
#include "client/core.h"
#include "client/view.h"
#include "wire/outq.h"
#include "wire/wire.h"

#define CLIENT_ARENA_MAX (16u << 20)  /* one decoded WebSocket message */
#define CLIENT_REQUESTS_MAX 512u      /* unanswered, of all kinds */
#define CLIENT_OPS_IN_FLIGHT_MAX 256u /* over all channels */
#define CLIENT_SLOT_MAX_MS 600000u    /* a longer wait asked for by a server is cut */
#define CLIENT_ODDITIES_MAX 64u       /* contradictions of one link before it is dropped */
#define CLIENT_UNKNOWN_USERS_MAX 100u
#define CLIENT_KNOWN_USERS_MAX 4096u
#define DRAFT_SENT_MAX 4u         /* last words said, of which an answer may be on its way */
#define CLIENT_BATCH_BYTES 49152u /* frames are gathered up to about this */
#define CLIENT_CLOSES_MAX 4u
#define CLIENT_PROBLEM_MAX 384u
/* A message with all it points to, at most. */
#define CLIENT_MESSAGE_BYTES_MAX                                                                   \
    (CHAT_TEXT_MAX + CHAT_EXTRA_MAX + 8u * (CHAT_MENTIONS_MAX + CHAT_REACTIONS_MAX) +              \
     CHAT_REACTION_KINDS_MAX * (CHAT_EMOJI_MAX + 96u) + 1024u)
#define CLIENT_TYPISTS_MAX 64u /* who types, over all channels, as far as it is told */
#define CLIENT_TYPING_MAX 8u   /* channels in which our own user types at once */

struct channel;
struct ask;

/* --- outbox --- */

struct out_op {
    struct table_node named; /* in core->ops */
    struct list_node link;   /* in channel->ops while QUEUED */
    struct channel *channel; /* NULL when REFUSED */
    int64_t row;
    uint64_t device_id, counter;
    uint64_t channel_id;
    /* Of the message that is altered; 0 while that is still in the outbox itself: it waits for
     * this one, which is NULL once it left the outbox without a seq. */
    uint64_t seq;
    struct out_op *parent;
    int64_t parent_row;  /* as the file had it when this was loaded or made */
    uint32_t dependents; /* that have it as their parent */
    uint64_t base_seq;
    uint64_t acked_rev; /* Altered came; done when the cache has caught up with it */
    uint64_t old_device_id, old_counter;
    uint64_t sent_after; /* the predecessor it named when it was last sent */
    int64_t created_at_ms;
    uint64_t reply_to_seq;
    uint32_t kind, state;
    uint32_t request_id; /* 0: not in flight */
    bool was_sent;       /* perhaps in: sent once, or for all an earlier opening knew */
    bool marked;         /* its row says that it may have been sent */
    bool removes;        /* a reaction */
    uint32_t edits;      /* how often what it says was changed where it waits */
    bool stale;          /* the store does not know its nonce any more: looked for in history */
};

/* By rising row, items[first] to items[first + count - 1]; and by nonce. */
struct ops {
    struct out_op **items;
    uint32_t first, count, room;
    struct table named;
};

/* --- channels --- */

/* What its user has set for a channel, and what of that the server still has to hear. */
struct own_settings {
    int64_t muted_until_ms;
    uint64_t version;
    uint64_t shown_seq; /* read up to here, and others may know */
    uint64_t draft_version;
    uint64_t draft_sent[DRAFT_SENT_MAX]; /* hashes; the newest first */
    int64_t settings_wait_until_ms, draft_wait_until_ms;
    uint32_t settings_request, draft_request;
    bool mute_dirty;
    bool has_draft;
    bool draft_dirty; /* perhaps cleared */
    bool draft_pull;  /* the server's is newer, and was not told */
};

/* Receipts of a channel. */
struct receipt_state {
    uint64_t listed_delivered, listed_read; /* our own, as the server has them */
    uint64_t said_delivered, said_read;     /* as we told it; it may not be there yet */
    uint64_t foreign_seq;                   /* the newest message of somebody else that is stored */
    uint64_t peer_delivered, peer_read;     /* of a direct */
    bool wanted;                            /* the application looks at them */
    bool raised;                            /* some were, since those of all were asked for */
};

struct channel {
    struct cache_channel c;
    struct list_node dirty;    /* in core->dirty: to be saved at the commit */
    struct list_node lagging;  /* in core->lagging: a lane has something to ask */
    struct list_node sending;  /* in core->sending: ops or a mark to send */
    struct list_node gone;     /* in core->gone: removed, but some of its ops may be in */
    struct list_node telling;  /* in core->telling: receipts to say */
    struct list_node settling; /* in core->settling: settings or a draft to say or to ask for */
    struct list_node stale;    /* in core->stale_receipts: those of all members to ask for */
    struct own_settings own;
    struct receipt_state receipts;
    struct list ops;                           /* struct out_op, QUEUED, in order */
    struct pending *last_news;                 /* the MESSAGE event that may still grow */
    struct pending *last_info;                 /* a CHANNEL event that waits */
    struct pending *last_read;                 /* a READ event that waits */
    struct pending *last_receipt, *last_draft; /* the same */
    uint64_t news_from; /* the oldest message that waits to be pulled; set by events_find_news() */
    uint64_t snap_seq;  /* head of the newest snapshot: live messages up to it are old news */
    /* Our own message acknowledged last: the history it is in, and the last request made
     * before we heard. */
    uint64_t told_seq, told_id;
    uint32_t told_epoch, told_request;
    uint64_t counted_rev; /* deletions up to it are in deleted_unread, as far as it is known */
    uint64_t expect_rev;  /* an own alteration is in; its publication should come by */
    int64_t expect_at_ms; /* then, else it is pulled */
    uint64_t scan_at;     /* NONCE_STALE: next seq to look at; 0: not looking */
    int64_t out_wait_until_ms;
    int64_t lane_wait_until_ms;
    uint32_t in_flight;    /* ops */
    uint32_t acked;        /* ops with an acked_rev */
    uint32_t out_failures; /* in a row, temporary */
    uint32_t events;       /* discrete ones that wait */
    uint32_t listed;       /* core->list_round that named it */
    uint32_t lane_request; /* in flight; 0: none */
    uint32_t mark_request;
    bool lane_failed;  /* the last page asked for was a problem */
    bool out_stalled;  /* nothing is sent until all in flight are answered */
    bool out_careful;  /* the last one did not get in: one at a time until one does */
    bool verify;       /* the server's head contradicts ours: ask the store */
    bool reread;       /* a REREAD event waits: no others until it is pulled */
    bool unread_stale; /* deleted_unread and mentions are to be counted again */
    bool counted_part; /* they were, of what is held: again once that is all */
    /* view_list.c: its row in a list; nothing is known while row_fresh is false. */
    bool row_fresh;
    uint64_t row_version, row_author, row_unread;
    uint32_t row_names; /* how often the name of somebody in it was told */
    int64_t row_active_ms;
};

/* --- requests on the wire --- */

enum request_kind {
    REQ_HELLO,
    REQ_OP,
    REQ_MARK,
    REQ_HISTORY, /* the lane of new messages, a verification, or a scan */
    REQ_CHANGES,
    REQ_ASK, /* of the application */
    REQ_HEARTBEAT,
    REQ_REFRESH,
    REQ_USERS,
    REQ_WATCH,
    REQ_PRESENCE,
    REQ_MARK_RECEIPTS,
    REQ_RECEIPTS,
    REQ_SETTINGS,
    REQ_DRAFT,
};

/* What the server counts apart: what changes something, and what only asks. */
enum budget_kind { BUDGET_OPERATIONS, BUDGET_READS, BUDGETS };

struct budget {
    uint32_t per_second; /* 0: no limit was named */
    int64_t left;        /* thousandths of a request that may be sent */
    int64_t at_ms;
};

struct request {
    struct list_node link; /* in core->requests, oldest first */
    uint32_t id;
    enum request_kind kind;
    int64_t deadline_ms;
    struct channel *channel; /* NULL also when it went away meanwhile */
    struct out_op *op;
    struct ask *ask;
    /* History and changes: what was asked, and what we held then. */
    uint64_t start_seq;
    uint64_t top_seq, top_rev;   /* held */
    uint64_t head_seq, head_rev; /* believed */
    uint64_t since_rev;
    uint32_t limit;
    bool backwards, around, verify, scan;
    uint64_t message_id; /* in place of start_seq; else 0 */
    uint32_t range_count;
    struct range *ranges; /* owned */
};

/* Where a page lies to the message it was asked by. */
enum page_way { PAGE_FORWARDS, PAGE_BACKWARDS, PAGE_AROUND };

/* --- asks of the application --- */

enum ask_kind {
    ASK_HISTORY,
    ASK_USERS,
    ASK_FIND,
    ASK_MEMBERS,
    ASK_RECEIPTS,
    ASK_DEVICES,
    ASK_DIRECT, /* from here on: what changes something */
    ASK_GROUP,
    ASK_SET_MEMBER,
    ASK_SIGN_OUT,
    ASK_SIGN_OUT_ALL,
};

struct ask {
    struct list_node link; /* in core->asks: waiting or sent */
    enum ask_kind kind;
    struct pending *answer; /* made in advance: an answer never fails */
    uint64_t ticket;
    int64_t deadline_ms;
    int64_t wait_until_ms;
    uint32_t request_id; /* 0: to be sent */
    uint64_t id, second_id;
    uint32_t number; /* limit or permissions */
    /* History: as it was asked for, and the next page to be asked for. */
    enum page_way way, next_way;
    uint64_t message_id; /* whose seq is not known yet; else 0 */
    uint64_t at_seq;     /* the next page starts here */
    uint32_t left;       /* messages still wanted */
    size_t count;        /* of ids */
    uint64_t *ids;       /* in the same block */
    size_t text_len;
    char *text; /* in the same block */
};

/* --- events that wait --- */

/* What an answer carries; everything in it is one arena. */
struct reply {
    struct arena arena;
    const struct chat_user **users;
    size_t users_count;
    const struct chat_member **members;
    size_t members_count;
    const struct chat_receipt **receipts;
    size_t receipts_count;
    const struct chat_device **devices;
    size_t devices_count;
    bool more;
    chat_page *page;
    uint64_t centre_seq; /* of the page; 0 for none */
    const char *rule;
    const struct chat_message *const *hits;
    size_t hits_count;
    uint64_t next_before;
};

struct pending {
    struct list_node link;
    chat_event_type type;
    chat_status status;
    chat_conn_state state;
    uint32_t retry_after_ms;
    uint64_t ticket, channel_id, home_id, from_seq, to_seq;
    struct channel *channel; /* NULL when there is none any more */
    int64_t row;             /* outgoing: where the text is */
    struct chat_outgoing outgoing;
    struct reply *reply; /* owned; NULL for none */
    bool was_last;       /* news, taken: they may grow when put back */
};

/* Somebody else who types, or did until just now. */
struct typist {
    uint64_t channel_id, user_id;
    int64_t until_ms; /* 0: has stopped */
    bool is_news;     /* the application is to be told */
};

/* Our own user types there. */
struct typing {
    uint64_t channel_id;
    int64_t until_ms;  /* 0: stopped, to be said */
    int64_t say_at_ms; /* not before */
    bool said;         /* since it began */
};

/* A frame that was begun and not finished: its arena stays as it is. */
struct half_frame {
    const WireServerFrame *frame; /* NULL: there is none */
    struct request *request;      /* that it answers; owned; NULL: none */
};

/* A link to be closed, perhaps after a goodbye. */
struct closing {
    link_id link;
    uint16_t code;
    const char *reason;
    bool goodbye;
};

struct client_core {
    struct machine machine;
    struct client_config cfg;
    const struct chat_allocator *allocator;
    struct rng rng;
    struct cache *cache;
    struct moment now;
    struct arena arena; /* the frame being handled */
    /* receive.c */
    struct half_frame half;
    uint32_t units;      /* of work that the host can afford yet */
    size_t item;         /* of the frame being handled: so many are done */
    bool unfinished;     /* units ran out in the middle of it */
    chat_status trouble; /* this turn cannot be kept: why */
    bool turn_wanted;    /* poll() has to see to something that no event or deadline tells of */
    bool is_loaded;      /* memory holds what the cache holds */
    bool sync_wanted;    /* this turn is to survive power loss before it is acted on */
    int64_t wake_at_ms;  /* something to send waits for this time */
    int64_t fed_at_ms;   /* the last event that was no timer */
    char *client;
    char *cache_path, *cache_vfs;

    /* session.c */
    chat_conn_state state;
    chat_status reason;
    bool started, suspended, stopping, stopped_told;
    bool dial_wanted, dial_out;
    bool dial_dropped, drop_wanted; /* the one that is out: not waited for; the host is to end it */
    bool token_asked;               /* NEED_TOKEN waits for an answer */
    bool by_ticket;                 /* the hello under way bears the ticket */
    bool hello_out;                 /* no answer to it yet */
    int64_t ghost_until_ms; /* an unanswered hello of ours may still make a session; 0: not set */
    bool list_complete;
    bool refresh_wanted, watch_wanted, presence_wanted, active;
    link_id link;
    bool blocked;
    int64_t blocked_until_ms; /* then the peer reads nothing any more */
    struct closing closings[CLIENT_CLOSES_MAX];
    uint32_t closings_count;
    int64_t state_deadline_ms;
    int64_t heartbeat_at_ms;
    int64_t refresh_at_ms;
    int64_t live_at_ms;       /* when this link became LIVE; MOMENT_NEVER before */
    int64_t server_offset_ms; /* server's wall clock less our monotonic one */
    uint32_t failures;
    uint32_t tokens_refused; /* in a row */
    uint32_t slot_ms;        /* when to come back, said by the server; 0: it did not */
    bool wait_is_slot;       /* the server said how long: nothing cuts it short */
    chat_status verdict;     /* why this link ends, if we know */
    bool verdict_final, verdict_auth;
    uint32_t oddities;
    char *token;
    size_t token_len;
    bool token_shown; /* in a hello */
    struct cache_ticket ticket;
    uint64_t proven_hash;  /* of the token that this session signed in with, or renewed last */
    uint64_t offered_hash; /* of the one that is being looked at */
    uint32_t heartbeat_ms;
    uint32_t in_flight_max, page_max, message_bytes;
    struct budget budgets[BUDGETS];
    uint64_t heartbeat_after; /* channel the last heartbeat ended at */
    char name[CHAT_NAME_MAX + 1];
    char problem[CLIENT_PROBLEM_MAX];

    /* request.c */
    struct map requests_by_id;
    struct list requests;
    uint32_t last_request_id;

    struct outq out;
    uint32_t out_handed; /* frames of the last SEND effect */
    struct frame *goodbye;

    /* channel.c */
    struct channel **channels; /* by rising id */
    uint32_t channel_count, channel_cap;
    uint32_t list_round;
    struct list dirty, lagging, sending, gone;
    uint32_t lanes; /* pages asked for */

    /* outbox.c */
    struct ops ops;
    uint32_t ops_in_flight;
    uint32_t low_counter;

    /* ask.c */
    struct list asks;
    uint32_t ask_count; /* with those whose event waits */
    uint64_t last_ticket;

    /* search.c, keep.c */
    struct list searches;
    int64_t index_at_ms;  /* the last piece was taken into the index */
    int64_t chores_at_ms; /* nothing of the kind before */
    uint32_t stored;      /* messages, since the cache's size was looked at */
    bool evicting;

    /* users.c, presence.c */
    struct map known_users;
    uint64_t unknown_users[CLIENT_UNKNOWN_USERS_MAX];
    uint32_t unknown_count, users_request;
    int64_t aside_wait_until_ms;        /* names, presence, new tokens: the server said later */
    uint64_t watch_ids[CHAT_WATCH_MAX]; /* those the application named */
    uint32_t watch_id_count;
    bool look_wanted; /* whom the views show is to be found out */
    int64_t look_at_ms;
    struct chat_presence watched[CHAT_WATCH_MAX]; /* and those its views show */
    bool watched_dirty[CHAT_WATCH_MAX];
    uint32_t watched_count, watched_dirty_count;

    /* receipts.c */
    struct list telling, stale_receipts;
    bool hides_reads;           /* others are not told what was read */
    struct map receipts_wanted; /* channels: what the cache does not know of them */
    int64_t tell_at_ms;
    uint32_t tell_request, receipts_request;

    /* settings.c */
    struct list settling;

    /* typing.c */
    struct typist typists[CLIENT_TYPISTS_MAX];
    uint32_t typists_count, typing_news;
    struct typing typing[CLIENT_TYPING_MAX];
    uint32_t typing_count;

    /* events.c */
    struct list events;
    uint32_t event_count; /* discrete ones */
    uint32_t states_waiting;
    bool reread_all;       /* a REREAD of everything waits */
    bool events_lost;      /* for want of memory: everything is to be read again */
    struct pending *shown; /* the event last handed out, with what it borrows */
    struct arena shown_arena;
    struct chat_channel shown_channel;
    struct chat_message shown_message;
    struct chat_presence shown_presence;
    struct chat_channel view_channel;
    struct chat_user view_user;
    char view_name[CHAT_NAME_MAX + 1];
    struct chat_outgoing view_outgoing;
    struct chat_draft view_draft;
    struct reply *view_reply; /* receipts that the application looks at */
    struct arena view_arena, draft_arena;

    /* view.c */
    struct list views;
    uint32_t view_count;
    struct arena row_arena; /* of the row handed out last */
    struct chat_row row;
    struct chat_channel row_channel;
    struct chat_message row_message;
    struct chat_view_status row_status;
};

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
void keep_stored(struct client_core *core); /* a message more */
void keep_loaded(struct client_core *core);
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
