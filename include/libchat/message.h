/*
 * The nouns of a conversation, as the client shows them: messages, channels, users,
 * what is still on its way, and pages of history.
 *
 * Threads: as the conn that handed them out; a page that the caller owns may go to another.
 *
 * All structs here are made by libchat and read through a pointer, so fields may be
 * appended without breaking anybody. Bytes and text are borrowed as stated by the call
 * that handed them out; text is UTF-8 and also ends in a NUL that its length leaves out.
 */
#ifndef LIBCHAT_MESSAGE_H
#define LIBCHAT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/export.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

/*
 * The identity of a message from the keystroke on: it is known before the message is
 * sent, stays the same afterwards, and every reader sees it. Use it as the key of a view.
 */
struct chat_nonce {
    uint64_t device_id; /* never 0 */
    uint64_t counter;   /* rises with each operation of the device */
};

/* All of one emoji that people reacted with. */
struct chat_reaction {
    const char *emoji; /* 1 to CHAT_EMOJI_MAX bytes */
    size_t emoji_len;
    size_t count;             /* of user_ids; never 0 */
    const uint64_t *user_ids; /* in the order they came */
    bool mine;                /* this user is among them */
};

/* One message in its latest known state. */
struct chat_message {
    uint64_t channel_id;
    uint64_t seq; /* dense in its channel, from 1: order and arithmetic go by it */
    uint64_t message_id;
    uint64_t author_id;
    struct chat_nonce nonce;
    int64_t sent_at_ms;    /* the server's wall clock: to show, not to sort by */
    int64_t edited_at_ms;  /* 0 when never edited */
    uint64_t reply_to_seq; /* 0 when it is no reply */
    uint64_t rev;          /* of its latest alteration; 0 when never altered */
    const char *text;      /* empty when deleted */
    size_t text_len;
    const uint8_t *extra;
    size_t extra_len;
    bool deleted;
    bool own; /* by this user, from whatever device */
    bool mentions_me;
    const uint64_t *mention_ids; /* as the author named them */
    size_t mentions_count;
    const struct chat_reaction *const *reactions; /* in the order the emoji came */
    size_t reactions_count;
};

/*
 * What a message is made of, to send it or to put it in place of what was there. Start from
 * CHAT_CONTENT_INIT, then set fields; they are only ever appended, and `size` tells which ones
 * the caller was compiled with. Everything is copied.
 *
 *   struct chat_content content = CHAT_CONTENT_INIT;
 *   content.text = "hello";
 *   content.text_len = 5;
 */
struct chat_content {
    size_t size; /* sizeof(struct chat_content) */

    const char *text; /* UTF-8, at most CHAT_TEXT_MAX bytes */
    size_t text_len;
    const uint8_t *extra; /* the application's own, at most CHAT_EXTRA_MAX bytes */
    size_t extra_len;
    uint64_t reply_to_seq;       /* 0: no reply; not looked at in an edit */
    const uint64_t *mention_ids; /* users, at most CHAT_MENTIONS_MAX, none twice */
    size_t mentions_count;
};

#ifdef __cplusplus
#define CHAT_CONTENT_INIT                                                                          \
    ([] {                                                                                          \
        chat_content content_ = chat_content();                                                    \
        content_.size = sizeof(content_);                                                          \
        return content_;                                                                           \
    }())
#else
#define CHAT_CONTENT_INIT                                                                          \
    {                                                                                              \
        .size = sizeof(struct chat_content)                                                        \
    }
#endif

typedef enum chat_home_kind {
    CHAT_HOME_DIRECT = 2, /* two members, for good */
    CHAT_HOME_GROUP = 3,
    CHAT_HOME_GUILD = 4,
} chat_home_kind;

/* Bits of `permissions`. New ones may appear: leave unknown bits alone. */
#define CHAT_PERMISSION_VIEW 1u
#define CHAT_PERMISSION_SEND 2u
#define CHAT_PERMISSION_MANAGE 4u /* adds and removes members, deletes any message */

/* A channel of this user, and how much of it is held here. */
struct chat_channel {
    uint64_t channel_id;
    uint64_t home_id;
    chat_home_kind kind;
    uint32_t permissions;
    uint32_t epoch;      /* changes when its history was restored or rewritten */
    uint64_t head_seq;   /* of the newest message known to exist; 0 when empty */
    uint64_t stream_seq; /* all up to here was told as messages or gaps */
    uint64_t first_seq;  /* older ones were removed by retention */
    uint64_t read_seq;   /* this user has read up to here */
    uint64_t unread;     /* head_seq - read_seq, less what is known to be deleted between */
    uint64_t peer_id;    /* a direct's other member, else 0 */
    const char *name;    /* empty for a direct */
    size_t name_len;
    uint32_t
        mentions; /* unread messages that mention this user; CHAT_MENTIONS_COUNT_MAX: or more */
    int64_t muted_until_ms; /* wall clock; 0: not muted. Since 0.2 */
    bool has_draft;         /* chat_conn_get_draft() has it. Since 0.2 */
    /* Of a direct: what has arrived at the other's device and what he has read, as far as he
     * lets know; the two ticks of each own message up to there. Since 0.2. */
    uint64_t peer_delivered_seq;
    uint64_t peer_read_seq;
};

/* How far a member has the channel and has read it. Both numbers only rise. Since 0.2. */
struct chat_receipt {
    uint64_t user_id;
    uint64_t delivered_seq;
    uint64_t read_seq; /* 0: nothing, or the user does not let others know */
};

/* What is written in a channel and not sent yet. Since 0.2. */
struct chat_draft {
    uint64_t channel_id;
    const char *text;
    size_t text_len;
    uint64_t reply_to_seq; /* 0 when it is no reply */
    int64_t updated_at_ms; /* by the clock of the device that wrote it: to show */
    bool pending;          /* the server does not have it yet */
};

/* A device of this user. Since 0.2. */
struct chat_device {
    uint64_t device_id;
    const char *client; /* "name/version", as it signed in last */
    size_t client_len;
    int64_t first_seen_at_ms;
    int64_t last_seen_at_ms; /* signed in; noted once an hour */
    bool own;                /* this one */
};

struct chat_user {
    uint64_t user_id;
    const char *name;
    size_t name_len;
};

struct chat_member {
    uint64_t home_id;
    uint64_t user_id;
    uint32_t permissions; /* 0: removed */
    int64_t joined_at_ms;
};

typedef enum chat_presence_state {
    CHAT_PRESENCE_OFFLINE = 1, /* only ever said of others: see INVISIBLE */
    CHAT_PRESENCE_IDLE = 2,
    CHAT_PRESENCE_DND = 3,
    CHAT_PRESENCE_ONLINE = 4,
    CHAT_PRESENCE_INVISIBLE = 5, /* only ever said of oneself: others see OFFLINE */
} chat_presence_state;

struct chat_presence {
    uint64_t user_id;
    chat_presence_state state;
    int64_t last_active_at_ms; /* 0 when not known */
};

typedef enum chat_outgoing_kind {
    CHAT_OUTGOING_SEND = 1,
    CHAT_OUTGOING_EDIT = 2,
    CHAT_OUTGOING_DELETE = 3,
    CHAT_OUTGOING_REACT = 4, /* the emoji is the text */
} chat_outgoing_kind;

typedef enum chat_outgoing_state {
    CHAT_OUTGOING_QUEUED = 1, /* kept here until the server has it, over restarts too */
    /* For good: chat_conn_resend() or chat_conn_discard() it. With CHAT_E_UNKNOWN: it may be
     * in, but its channel was removed before that could be found out. */
    CHAT_OUTGOING_REFUSED = 2,
    CHAT_OUTGOING_DONE = 3,      /* committed and synced by the server; gone from the outbox */
    CHAT_OUTGOING_DISCARDED = 4, /* by chat_conn_discard(), or with the message it was about */
} chat_outgoing_state;

/* An operation on its way to the server. */
struct chat_outgoing {
    struct chat_nonce nonce;
    struct chat_nonce old_nonce; /* set once when it had to take a new nonce, else zeros */
    uint64_t channel_id;
    chat_outgoing_kind kind;
    chat_outgoing_state state;
    uint64_t seq; /* of the message: edits, deletes, reactions (see message_nonce), every DONE */
    uint64_t reply_to_seq;
    int64_t created_at_ms; /* this device's wall clock */
    const char *text;
    size_t text_len;
    const uint8_t *extra;
    size_t extra_len;
    chat_status status; /* why it was REFUSED, else CHAT_OK */
    const uint64_t *mention_ids;
    size_t mentions_count;
    bool removes; /* a reaction: takes it back */
    /* Of the message to be edited, deleted or reacted to, while that is in the outbox itself and
     * has no seq; else zeros. */
    struct chat_nonce message_nonce;
};

/*
 * A page of history, as of one moment. It holds every message from from_seq to to_seq
 * that still exists, ascending, and never leaves out one silently: where something is
 * not held here the page ends, and is not complete.
 */
typedef struct chat_page chat_page;

/* How many messages it has, deleted ones among them: they are there, without text. */
CHAT_API size_t chat_page_get_count(const chat_page *page);
/* Borrowed from the page. NULL past the end. */
CHAT_API const struct chat_message *chat_page_get_message(const chat_page *page, size_t index);
/* The channel it is of. */
CHAT_API uint64_t chat_page_get_channel_id(const chat_page *page);
/* What the page covers; from > to when it covers nothing. */
CHAT_API uint64_t chat_page_get_from_seq(const chat_page *page);
CHAT_API uint64_t chat_page_get_to_seq(const chat_page *page);
/* True when it has all that was asked for, or all there is in that direction. */
CHAT_API bool chat_page_is_complete(const chat_page *page);
/* True when nothing older exists. */
CHAT_API bool chat_page_reached_start(const chat_page *page);
/* True when nothing newer was known to exist. */
CHAT_API bool chat_page_reached_end(const chat_page *page);
/* For pages that the caller owns. NULL is fine. */
CHAT_API void chat_page_free(chat_page *page);

CHAT_END_DECLS

#endif
