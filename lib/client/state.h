/* What a client core consists of: its channels, outbox, requests, asks and waiting events. */
#ifndef CHAT_CLIENT_STATE_H
#define CHAT_CLIENT_STATE_H

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
    /* A channel was opened, which the server has yet to tell of. */
    bool is_opened;
    uint64_t channel_id, home_id;
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
    bool opened_due; /* channels came: see ask_finish_opened() */

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

#endif
