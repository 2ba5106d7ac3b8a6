/*
 * What a chat_conn tells the application: typed events, pulled one at a time with
 * chat_conn_next_event().
 *
 * Nothing is lost when the application is slow, and memory stays bounded: new messages
 * wait in the cache, not in the queue; and when too many other events of one channel
 * wait all that waits of it is replaced by one CHAT_EVENT_REREAD.
 *
 * What an application shows it gets in two ways that fit together: it reads the cache once,
 * then follows events. A channel as read has its messages up to chat_channel.stream_seq;
 * the next CHAT_EVENT_MESSAGE or CHAT_EVENT_GAP of it begins right behind. That moment is
 * the opening of the conn, or the pull of a CHAT_EVENT_REREAD.
 */
#ifndef LIBCHAT_EVENT_H
#define LIBCHAT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/export.h>
#include <libchat/message.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

typedef struct chat_view chat_view; /* <libchat/view.h> */

typedef enum chat_conn_state {
    CHAT_CONN_OFFLINE = 0, /* not started, suspended, or waiting for a token */
    CHAT_CONN_CONNECTING = 1,
    CHAT_CONN_AUTHENTICATING = 2, /* the link is up, the server has not said welcome */
    CHAT_CONN_SYNCING = 3,        /* catching up; what is queued is sent already */
    CHAT_CONN_LIVE = 4,
    CHAT_CONN_BACKING_OFF = 5, /* waits before it connects again */
    CHAT_CONN_CLOSED = 6,      /* does not come back by itself; chat_conn_start() may */
} chat_conn_state;

typedef enum chat_event_type {
    /* `state`; `status` and `retry_after_ms` say why and how long when it is BACKING_OFF,
     * OFFLINE or CLOSED. */
    CHAT_EVENT_STATE = 1,
    /* Answer, now or later, with chat_conn_set_token(). `status`: CHAT_OK for the first or
     * one that ends soon, CHAT_E_EXPIRED, CHAT_E_AUTH when the last one was refused. Then a
     * new one is due, not one that was kept: after the second in a row that is refused a wait
     * comes before the next is tried. */
    CHAT_EVENT_NEED_TOKEN = 2,
    /* The server said welcome: chat_conn_get_user_id() is known. */
    CHAT_EVENT_WELCOME = 3,

    /* `channel` is new, or its name, permissions, head, mentions or mute changed (not told for
     * each new message). */
    CHAT_EVENT_CHANNEL = 10,
    /* No longer a member: `channel_id` and what was cached of it is gone. */
    CHAT_EVENT_CHANNEL_REMOVED = 11,
    /* Its history was restored or rewritten: forget what was shown of `channel_id`, the
     * messages come again from the first. What is queued stays queued. */
    CHAT_EVENT_CHANNEL_RESET = 12,
    /* Too much happened to tell one by one: read `channel_id` again as after opening: the
     * channel, its messages up to stream_seq, its operations in the outbox, its members. All
     * that happened to it before this is pulled is in what is read then and does not come
     * any more; new messages go on behind that stream_seq.
     * 0: all of that, of all channels. One that is not listed any more is gone; one whose
     * stream_seq is smaller than what was shown is as after a CHAT_EVENT_CHANNEL_RESET. */
    CHAT_EVENT_REREAD = 13,

    /* A new `message`. Per channel they come in the order of seq, each once, and every seq
     * that is left out is within a CHAT_EVENT_GAP, or before a CHAT_EVENT_REREAD. A message
     * that comes later than its GAP was told is a CHAT_EVENT_GAP_FILLED, not this. */
    CHAT_EVENT_MESSAGE = 20,
    /* `message` was edited, deleted or reacted to. */
    CHAT_EVENT_MESSAGE_CHANGED = 21,
    /* from_seq to to_seq of `channel_id` are not held here. `status` CHAT_OK: fetch them
     * with chat_conn_fetch_history(); CHAT_E_NOT_FOUND: retention removed them. */
    CHAT_EVENT_GAP = 22,
    /* from_seq to to_seq, told as a gap before, are held now. */
    CHAT_EVENT_GAP_FILLED = 23,
    /* The read position of `channel`, moved here or on another device. */
    CHAT_EVENT_READ = 24,
    /* `typing` says whether `user_id` types in `channel_id`. It is false as soon as he stops,
     * writes, or says nothing for 6 s, and when the link is lost: no timer is needed. Best
     * effort; after a CHAT_EVENT_REREAD of everything nobody types. Since 0.2. */
    CHAT_EVENT_TYPING = 25,
    /* Somebody has got or read more of `channel`: its peer_*_seq, or what
     * chat_conn_get_receipts() gives. One event however many wait. Since 0.2. */
    CHAT_EVENT_RECEIPT = 26,
    /* The draft of `channel` was changed on another device, or one begins or ends here:
     * chat_conn_get_draft() has it. Since 0.2. */
    CHAT_EVENT_DRAFT = 28,

    /* `outgoing` was queued, committed, refused (`status`, `rule`), discarded, or queued
     * under a new nonce (its old_nonce is set). Without text when it is DONE: the message is
     * in the cache by then. */
    CHAT_EVENT_OUTGOING = 30,

    /* Answers, with the `ticket` of the call and a `status`. */
    CHAT_EVENT_HISTORY = 40,        /* `page`; around a message: `message`, of the page */
    CHAT_EVENT_USERS = 41,          /* `users`; ticket 0: names learned in passing */
    CHAT_EVENT_OPENED = 42,         /* `channel_id`, `home_id`; the channel came before it */
    CHAT_EVENT_MEMBERS = 43,        /* `members`; `more` when the list goes on */
    CHAT_EVENT_MEMBER_CHANGED = 44, /* `members`, one; ticket 0: told by the server */
    CHAT_EVENT_DEVICES = 45,        /* `devices`; none after signing out. Since 0.2 */
    CHAT_EVENT_RECEIPTS = 46,       /* `receipts` of `channel_id`. Since 0.2 */

    /* `hits`, from the newest on; `more` when older ones follow, below `next_before`. */
    CHAT_EVENT_SEARCH = 47,

    /* `presence` of a watched user. Only the latest state of each waits. */
    CHAT_EVENT_PRESENCE = 50,

    /* The cache refused: CHAT_E_FULL, CHAT_E_IO, CHAT_E_CORRUPT, CHAT_E_NOMEM, or
     * CHAT_E_CONFLICT when it belongs to another user or service. Nothing is wiped: the
     * application decides. */
    CHAT_EVENT_CACHE = 60,

    /* `view` has diffs: pull them with chat_view_next_diff(). Not told again before that. It is
     * the application's own, not borrowed. */
    CHAT_EVENT_VIEW = 70,
} chat_event_type;

/*
 * One event. Which fields mean something is said with its type, the others are zero.
 * Everything it points to is borrowed until the next call of chat_conn_next_event() or
 * chat_conn_free().
 */
struct chat_event {
    size_t size; /* sizeof(struct chat_event): set by CHAT_EVENT_INIT, kept by libchat */

    chat_event_type type;
    chat_status status;
    chat_conn_state state;
    uint32_t retry_after_ms;
    uint64_t ticket;
    uint64_t channel_id;
    uint64_t home_id;
    uint64_t from_seq;
    uint64_t to_seq;
    const struct chat_channel *channel;
    const struct chat_message *message;
    const struct chat_outgoing *outgoing;
    const chat_page *page;
    const struct chat_user *const *users;
    size_t users_count;
    const struct chat_member *const *members;
    size_t members_count;
    const struct chat_presence *presence;
    const char *rule; /* name of the limit or rule that refused, or NULL */
    bool more;
    bool typing;
    uint64_t user_id;
    const struct chat_receipt *const *receipts;
    size_t receipts_count;
    const struct chat_device *const *devices;
    size_t devices_count;
    const struct chat_message *const *hits; /* of several channels */
    size_t hits_count;
    uint64_t next_before;
    chat_view *view;
};

/* struct chat_event event = CHAT_EVENT_INIT; */
#ifdef __cplusplus
#define CHAT_EVENT_INIT                                                                            \
    ([] {                                                                                          \
        chat_event event_ = chat_event();                                                          \
        event_.size = sizeof(event_);                                                              \
        return event_;                                                                             \
    }())
#else
#define CHAT_EVENT_INIT                                                                            \
    {                                                                                              \
        .size = sizeof(struct chat_event)                                                          \
    }
#endif

/* "message", "need-token". Never NULL. */
CHAT_API const char *chat_event_type_name(chat_event_type type);
/* "live", "backing-off". Never NULL. */
CHAT_API const char *chat_conn_state_name(chat_conn_state state);

CHAT_END_DECLS

#endif
