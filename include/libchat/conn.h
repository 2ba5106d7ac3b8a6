/*
 * A chat_conn is one signed-in user on one device.
 *
 * It owns the network link, the outbox and the cache, and stays usable across
 * reconnects and without any network: every call returns at once, reads are answered by
 * the cache, and what is sent is queued, durably, until the server has it.
 *
 *   chat_conn_new -> chat_conn_start -> { chat_loop_step, chat_conn_next_event ... } ->
 * chat_conn_free
 *
 * Threads: a conn belongs to the thread that steps its loop.
 */
#ifndef LIBCHAT_CONN_H
#define LIBCHAT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/event.h>
#include <libchat/export.h>
#include <libchat/limits.h>
#include <libchat/log.h>
#include <libchat/loop.h>
#include <libchat/message.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

typedef struct chat_conn chat_conn;

/*
 * How to build a conn. Start from chat_conn_config_init(), then set fields. Fields are
 * only ever appended, and `size` tells which ones the caller was compiled with. Strings
 * are copied.
 */
struct chat_conn_config {
    size_t size;

    const char *url;        /* required: "wss://host/path" */
    const char *token;      /* NULL: CHAT_EVENT_NEED_TOKEN will ask, unless a ticket is kept. A
                             * kept ticket is used only with the token that earned it, or none */
    const char *cache_path; /* one file per account; NULL keeps the cache in memory */
    const char *cache_vfs;  /* name of a registered SQLite VFS; NULL: the default one */
    const char *client;     /* "name/version", for operators; default "libchat/0.1" */

    const struct chat_allocator *allocator; /* NULL means malloc; outlives the conn */
    const struct chat_logger *logger;       /* NULL is silent; outlives the conn */

    uint64_t seed; /* of ids and jitter; 0: from the transport's generator */

    uint32_t outbox_max;   /* operations queued, default 1000 */
    uint32_t events_max;   /* events waiting to be pulled, default 1024 */
    uint32_t requests_max; /* calls with a ticket that are not answered yet, default 64 */
    /* Messages per channel, the newest, that are caught up and kept; default 200, 0: all. See
     * "What the cache keeps" below. */
    uint32_t keep_max;

    uint32_t connect_timeout_ms; /* default 10000; again as much for the welcome */
    uint32_t request_timeout_ms; /* default 15000 */
    uint32_t backoff_base_ms;    /* default 500: waits are random in 0..base * 2^n */
    uint32_t backoff_max_ms;     /* default 60000 */

    chat_presence_state presence; /* as which to appear at first; default ONLINE */

    uint64_t cache_bytes_max; /* what is more is evicted; default 1 GiB, 0: no limit */
    void *context;            /* the application's own, for chat_conn_get_context() */

    /*
     * Bytes that libchat itself may hold for this conn, at once; 0, the default: no limit.
     * SQLite's memory is not in it, nor the link's. What does not fit fails with CHAT_E_NOMEM
     * and changes nothing: a call returns it, and of what the server sent the turn is undone,
     * the link dropped and tried again after a wait, as when the system has no memory. A
     * quarter is for the conn's own work: what calls ask for must fit in the rest.
     */
    size_t memory_max;
};

/*
 * What the cache keeps
 *
 * Of each channel the newest keep_max messages are caught up by themselves; what is older than
 * those becomes a told CHAT_EVENT_GAP. History that is fetched because somebody scrolls there
 * is kept beside them. When more than cache_bytes_max are in use, messages give way in small
 * pieces, in turns of the loop: of the channel that was on screen longest ago the oldest first,
 * and the newest keep_max (200, when all are kept) of any channel only when nothing else is
 * left. Each piece is told as a CHAT_EVENT_GAP and can be fetched again; messages whose events
 * wait to be pulled go after others. Never evicted: what is on screen in a window, the outbox,
 * names, read positions. The file does not shrink by it; room that became free is used again.
 *
 * The cache's file
 *
 * One conn has it open at a time, and locks it for as long as it does.
 *
 * - locked by another writer: chat_conn_new() says CHAT_E_CONFLICT, at once.
 * - written by a newer libchat: CHAT_E_UNSUPPORTED; not a byte of it changes. Of an older one:
 *   brought up to date as a whole, or not at all; history and outbox are kept.
 * - not a cache (foreign), or damaged where opening looks: CHAT_E_CORRUPT; it is left as it is.
 * - damaged elsewhere, or the disk fails or is full, while the conn lives: what the turn did is
 *   undone as a whole, CHAT_EVENT_CACHE says why, a CHAT_EVENT_REREAD follows, and the link is
 *   dialed again after a wait, until it works. Calls that promise durability return the error
 *   and queued nothing. When not even reading works the conn is CLOSED; chat_conn_start() tries
 *   again. Nothing is ever wiped.
 * - of another user or service: CHAT_EVENT_CACHE with CHAT_E_CONFLICT at the welcome, CLOSED.
 * - rolled back (an older copy of it was restored): what the server knows better is fetched
 *   again. Operations of the copy go out under the nonces they had, so none is done twice; new
 *   ones never use a nonce that the lost future used: should the server find one it knows with
 *   other content, or older than it can know, the device takes a new id and the operation a new
 *   nonce.
 */

/* Sets `size` and all fields to their defaults. Applications call the second one, which tells the
 * first how large the struct is that they were compiled with. */
CHAT_API void chat_conn_config_init_sized(struct chat_conn_config *config, size_t size);
static inline void chat_conn_config_init(struct chat_conn_config *config)
{
    chat_conn_config_init_sized(config, sizeof(*config));
}

/*
 * Opens the cache. Touches no network; chat_conn_start() does that.
 *
 * Owner:  the caller, who ends it with chat_conn_free() before the loop.
 * Errors: CHAT_E_INVALID (a field out of its bounds; a url that the loop's transport never takes,
 *         such as "https://host/"), CHAT_E_NOMEM; of the cache file: CHAT_E_CORRUPT,
 *         CHAT_E_UNSUPPORTED (written by a newer libchat), CHAT_E_CONFLICT (another
 *         writer has it open), CHAT_E_FULL, CHAT_E_IO. The file is left as it is.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_new(chat_loop *loop,
                                                   const struct chat_conn_config *config,
                                                   chat_conn **out_conn);

/* Drops the link, closes the cache, frees everything. Safe between any two calls. NULL is
 * fine. */
CHAT_API void chat_conn_free(chat_conn *conn);

/*
 * Connects and stays connected, whatever becomes of the network, until chat_conn_stop() or the
 * state is CLOSED. Without token and ticket CHAT_EVENT_NEED_TOKEN asks for one first.
 * Errors: CHAT_E_STATE when it is started; CHAT_E_IO, CHAT_E_CORRUPT, CHAT_E_NOMEM when the cache
 *         could not be read, which had closed it, and still cannot.
 */
CHAT_API chat_status chat_conn_start(chat_conn *conn);

/* Says goodbye and closes, in the background: the state is CLOSED at once, and the outbox waits
 * for the next start. Nothing happens when it is not started. */
CHAT_API void chat_conn_stop(chat_conn *conn);

/* For mobile: suspend drops the link, writes the cache back and closes its file, so that
 * nothing is locked when it returns; nothing happens until resume, which connects at once.
 * Calls that read the file meanwhile open it and close it again; those that write leave it open
 * until the loop's next step. Had another process opened it, what follows is as after a failure
 * of the cache: CHAT_EVENT_CACHE with CHAT_E_CONFLICT, and a CHAT_EVENT_REREAD. */
CHAT_API void chat_conn_suspend(chat_conn *conn);
CHAT_API void chat_conn_resume(chat_conn *conn);

/* The system's network changed: a wait to reconnect ends, connecting begins anew, a link that
 * is up is probed. */
CHAT_API void chat_conn_network_changed(chat_conn *conn);

/*
 * The next event. False when there is none. `out_event` keeps its size; see struct
 * chat_event for how long things live.
 */
CHAT_API bool chat_conn_next_event(chat_conn *conn, struct chat_event *out_event);

/* What the config said, for who has many conns: see chat_loop_next_conn(). */
CHAT_API void *chat_conn_get_context(const chat_conn *conn);

/* Bytes that libchat itself holds for the conn now: what memory_max limits. */
CHAT_API size_t chat_conn_get_memory(const chat_conn *conn);

/* Where it is now; CHAT_EVENT_STATE tells of each change, and why. */
CHAT_API chat_conn_state chat_conn_get_state(const chat_conn *conn);
/* The user who is signed in, from the cache, so also without a network; 0 until the first welcome
 * this cache has seen. */
CHAT_API uint64_t chat_conn_get_user_id(const chat_conn *conn);
/* The user's own name, NUL-terminated, borrowed until the next call. Never NULL; "" like the id. */
CHAT_API const char *chat_conn_get_user_name(const chat_conn *conn);

/* More than a status about what failed last: for logs and bug reports. Borrowed until the
 * next call, never NULL, "" when nothing failed. */
CHAT_API const char *chat_conn_last_problem(const chat_conn *conn);

/*
 * A token to sign in with, or in place of one that ends soon: the answer to
 * CHAT_EVENT_NEED_TOKEN, now or later, or unasked. A conn that waits for one connects; a session
 * that is up goes on and shows it to the server. Copied; only ever in memory.
 * Errors: CHAT_E_TOO_LARGE (over CHAT_TOKEN_MAX bytes), CHAT_E_INVALID (empty, not UTF-8),
 *         CHAT_E_NOMEM. Whether the server takes it is told by events.
 */
CHAT_API chat_status chat_conn_set_token(chat_conn *conn, const char *token, size_t token_len);

/* --- sending: queued at once, durable over the death of the process on return --- */

/*
 * Queues a message. `out_nonce` (may be NULL) is its identity from here on;
 * CHAT_EVENT_OUTGOING and CHAT_EVENT_MESSAGE bear it.
 *
 * Errors: CHAT_E_TOO_LARGE, CHAT_E_INVALID (neither text nor extra, not UTF-8, a user
 *         mentioned twice, a reply to what is not there), CHAT_E_NOT_FOUND (no such channel),
 *         CHAT_E_FULL (the outbox, or the disk), CHAT_E_IO, CHAT_E_NOMEM. Nothing is queued
 *         then.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_send(chat_conn *conn, uint64_t channel_id,
                                                    const struct chat_content *content,
                                                    struct chat_nonce *out_nonce);

/* The same for a message of nothing but text. */
CHAT_USE_RESULT static inline chat_status chat_conn_send_text(chat_conn *conn, uint64_t channel_id,
                                                              const char *text, size_t text_len,
                                                              struct chat_nonce *out_nonce)
{
    struct chat_content content = CHAT_CONTENT_INIT;

    content.text = text;
    content.text_len = text_len;
    return chat_conn_send(conn, channel_id, &content, out_nonce);
}

/* Text, extra and mentions of an own message become `content`. Errors: as chat_conn_send(). */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_edit(chat_conn *conn, uint64_t channel_id,
                                                    uint64_t seq,
                                                    const struct chat_content *content,
                                                    struct chat_nonce *out_nonce);
/* The same, to nothing but text: extra and mentions go. */
CHAT_USE_RESULT static inline chat_status chat_conn_edit_text(chat_conn *conn, uint64_t channel_id,
                                                              uint64_t seq, const char *text,
                                                              size_t text_len,
                                                              struct chat_nonce *out_nonce)
{
    struct chat_content content = CHAT_CONTENT_INIT;

    content.text = text;
    content.text_len = text_len;
    return chat_conn_edit(conn, channel_id, seq, &content, out_nonce);
}

/* A message of one's own, or any where one may manage (CHAT_PERMISSION_MANAGE). Errors: as
 * chat_conn_send(). */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_delete(chat_conn *conn, uint64_t channel_id,
                                                      uint64_t seq, struct chat_nonce *out_nonce);

/*
 * Adds this user's reaction to a message, or takes it back. What is there already, or is not,
 * is fine: then nothing changes. At most CHAT_REACTION_KINDS_MAX different emoji and
 * CHAT_REACTIONS_MAX reactions a message: one too many is refused by the server
 * (CHAT_E_TOO_LARGE in its CHAT_EVENT_OUTGOING).
 *
 * Errors: CHAT_E_TOO_LARGE (over CHAT_EMOJI_MAX bytes), CHAT_E_INVALID (empty, not UTF-8, no
 *         such message), and those of chat_conn_send().
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_react(chat_conn *conn, uint64_t channel_id,
                                                     uint64_t seq, const char *emoji,
                                                     size_t emoji_len, bool remove,
                                                     struct chat_nonce *out_nonce);

/*
 * The same with an own message that is still in the outbox and has no seq, by its nonce.
 *
 * Edit and delete change what never left this device at once: the message keeps its nonce, a
 * deleted one goes with all that waits for it (CHAT_OUTGOING_DISCARDED). `out_nonce` is then
 * the message's own. Where it may be on its way they, and reactions always, are queued behind
 * it as operations of their own, over restarts too, and go out once it is in. Is it refused, so
 * are they (CHAT_E_NOT_FOUND, rule "message"); after a chat_conn_resend() of it they can be
 * resent.
 *
 * A message that got in meanwhile is found by its nonce until that was told: until its DONE, or
 * the CHAT_EVENT_REREAD in its place, was pulled.
 *
 * Errors: CHAT_E_NOT_FOUND (it is not in the outbox, or not any more), CHAT_E_STATE (it was
 *         refused), CHAT_E_INVALID (not a message), and those of the calls above.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_edit_outgoing(chat_conn *conn,
                                                             const struct chat_nonce *nonce,
                                                             const struct chat_content *content,
                                                             struct chat_nonce *out_nonce);
CHAT_API CHAT_USE_RESULT chat_status chat_conn_delete_outgoing(chat_conn *conn,
                                                               const struct chat_nonce *nonce,
                                                               struct chat_nonce *out_nonce);
CHAT_API CHAT_USE_RESULT chat_status chat_conn_react_outgoing(chat_conn *conn,
                                                              const struct chat_nonce *nonce,
                                                              const char *emoji, size_t emoji_len,
                                                              bool remove,
                                                              struct chat_nonce *out_nonce);

/*
 * Moves the read position forward, in the cache on return and then on all of the user's devices;
 * a smaller seq changes nothing, one beyond the newest message means that.
 * Errors: CHAT_E_NOT_FOUND (no such channel), CHAT_E_FULL, CHAT_E_IO, CHAT_E_CORRUPT, CHAT_E_NOMEM.
 */
CHAT_API chat_status chat_conn_mark_read(chat_conn *conn, uint64_t channel_id, uint64_t seq);

/*
 * What others may know: by default they are told what has arrived here (at once, about once a
 * second, all channels together) and what was read, by chat_conn_mark_read() or by answering.
 * False hides the latter from here on, for this conn: call it right after chat_conn_new(). The
 * user's own read position goes on moving on all of his devices. Since 0.2.
 */
CHAT_API void chat_conn_set_read_receipts(chat_conn *conn, bool tell);

/*
 * The user types in the channel: call it with true at each keystroke. Others are told at once
 * and then every few seconds, until 10 s after the last call, until false, or until a message
 * is sent there. Nothing is told without a link. Errors: CHAT_E_NOT_FOUND. Since 0.2.
 */
CHAT_API chat_status chat_conn_set_typing(chat_conn *conn, uint64_t channel_id, bool typing);

/* --- what the user sets for himself: in the cache on return, then on all of his devices --- */

/*
 * Mutes until a wall clock time: 0 not at all, INT64_MAX for good. What that means is the
 * application's business: libchat tells it, by chat_channel.muted_until_ms. Of two devices the
 * later one wins, by the order in which the server heard of them; one set here while offline
 * gives way to what another device has set since.
 *
 * Errors: CHAT_E_NOT_FOUND, CHAT_E_INVALID (negative), CHAT_E_FULL, CHAT_E_IO. Since 0.2.
 */
CHAT_API chat_status chat_conn_set_muted(chat_conn *conn, uint64_t channel_id,
                                         int64_t muted_until_ms);

/*
 * What is typed and not sent, at most CHAT_DRAFT_MAX bytes; empty and no reply: there is none
 * any more. Call it as often as the text changes: each call is in the file when it returns,
 * other devices hear of it about once a second. Sending a message clears it.
 *
 * Written on two devices apart, nothing is lost: when they meet the draft is both texts, the
 * other device's first; or the longer one if it holds the other. CHAT_EVENT_DRAFT says so.
 *
 * Errors: CHAT_E_TOO_LARGE, CHAT_E_INVALID (not UTF-8, or a NUL in it), CHAT_E_NOT_FOUND,
 *         CHAT_E_FULL, CHAT_E_IO, CHAT_E_NOMEM: the draft is what it was. Since 0.2.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_set_draft(chat_conn *conn, uint64_t channel_id,
                                                         const char *text, size_t text_len,
                                                         uint64_t reply_to_seq);
/* NULL: there is none. Borrowed until the next call on the conn. Since 0.2. */
CHAT_API const struct chat_draft *chat_conn_get_draft(chat_conn *conn, uint64_t channel_id);

/* Operations in the outbox, oldest first, by index. False past the end, and when it cannot be
 * read: then CHAT_EVENT_CACHE says why. `*out` is borrowed until the next call on the conn. */
CHAT_API uint32_t chat_conn_get_outgoing_count(const chat_conn *conn);
CHAT_API bool chat_conn_get_outgoing(chat_conn *conn, uint32_t index,
                                     const struct chat_outgoing **out);

/* Queues a refused operation again under a new nonce. Errors: CHAT_E_NOT_FOUND, CHAT_E_STATE
 * (not refused, or the message it is about still is), CHAT_E_IO, CHAT_E_FULL. */
CHAT_API chat_status chat_conn_resend(chat_conn *conn, const struct chat_nonce *nonce,
                                      struct chat_nonce *out_nonce);
/* Drops a refused operation, or cancels a queued one that never left this device, together with
 * what waits for it. After CHAT_OK it is not sent, whatever happens to the process or the
 * power. Errors: CHAT_E_NOT_FOUND, CHAT_E_STATE (queued, and it may be in), CHAT_E_IO,
 * CHAT_E_FULL. */
CHAT_API chat_status chat_conn_discard(chat_conn *conn, const struct chat_nonce *nonce);

/* Everything queued survives a power loss after this. Also writes the cache back
 * (a checkpoint), so it is worth calling in idle time: it takes what the disk's syncs take.
 * Errors: CHAT_E_FULL, CHAT_E_IO, CHAT_E_CORRUPT, CHAT_E_NOMEM; what is queued stays so. */
CHAT_API chat_status chat_conn_flush(chat_conn *conn);

/* --- reading the cache --- */

/* Walks channels by rising id: start with 0, go on with the last one's channel_id. NULL at
 * the end. Borrowed until the next call on the conn. */
CHAT_API const struct chat_channel *chat_conn_next_channel(chat_conn *conn,
                                                           uint64_t after_channel_id);
/* NULL: not a channel of this user. Borrowed until the next call on the conn. */
CHAT_API const struct chat_channel *chat_conn_get_channel(chat_conn *conn, uint64_t channel_id);

/* NULL: the name is not known here (chat_conn_fetch_users() asks), or cannot be read
 * (CHAT_EVENT_CACHE). Borrowed until the next call on the conn. */
CHAT_API const struct chat_user *chat_conn_get_user(chat_conn *conn, uint64_t user_id);

/*
 * How far each member has the channel and has read it, as far as it is known here: those whose
 * read_seq is at least a message's seq have seen it. From the first call on libchat keeps them
 * current by itself while there is a link; CHAT_EVENT_RECEIPT tells of changes.
 *
 * Owner:  libchat; borrowed until the next call of this function, or chat_conn_free().
 * Errors: CHAT_E_NOT_FOUND, CHAT_E_CACHE, CHAT_E_NOMEM. Since 0.2.
 */
CHAT_API CHAT_USE_RESULT chat_status
chat_conn_get_receipts(chat_conn *conn, uint64_t channel_id,
                       const struct chat_receipt *const **out_receipts, size_t *out_count);

/*
 * What the cache has, nothing else. Forwards: from start_seq on. Backwards: the last `limit`
 * up to start_seq, 0 for the newest. A page never jumps over what is not held.
 *
 * Owner:  the caller, who ends the page with chat_page_free().
 * Errors: CHAT_E_INVALID (limit is 1 to CHAT_HISTORY_PAGE_MAX), CHAT_E_NOT_FOUND,
 *         CHAT_E_CACHE, CHAT_E_NOMEM.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_read_messages(chat_conn *conn, uint64_t channel_id,
                                                             uint64_t start_seq, uint32_t limit,
                                                             bool backwards, chat_page **out_page);

/*
 * Searches what the cache keeps, without the network: for all words of `query`, in any order,
 * without regard to case and accents; the last one may be the beginning of a word (of two
 * letters or more) when nothing follows it. Text of scripts without spaces is found by any part
 * of it. Nothing in the query is syntax. In one channel, or with channel_id 0 in all. Hits come
 * from the newest on, `limit` a page; `before` is 0 or the last page's next_before.
 *
 * Answered by CHAT_EVENT_SEARCH with the ticket, after some turns of the loop that each do a
 * bounded piece. It sees messages that are in the index: new ones are after a moment, many at
 * once after chat_conn_get_search_backlog() has come down.
 *
 * Errors: CHAT_E_INVALID (empty, longer than CHAT_SEARCH_MAX, not UTF-8 or with a NUL; limit
 *         is 1 to CHAT_SEARCH_PAGE_MAX), CHAT_E_NOT_FOUND (no such channel), CHAT_E_FULL
 *         (requests_max are under way), CHAT_E_NOMEM; of the cache: CHAT_E_CORRUPT, CHAT_E_IO.
 * Since:  0.1
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_search(chat_conn *conn, const char *query,
                                                      size_t query_len, uint64_t channel_id,
                                                      uint64_t before, uint32_t limit,
                                                      uint64_t *out_ticket);

/* Messages kept here that searches do not see yet; 0: none. Since 0.1. */
CHAT_API uint64_t chat_conn_get_search_backlog(chat_conn *conn);

/* --- asking the server: answered by one event that bears the ticket --- */

/*
 * Without a link they wait for one, and what the server cannot answer now is asked again; both at
 * most request_timeout_ms. `out_ticket` is never 0. Ids are never 0.
 *
 * The event's `status` is CHAT_OK, what the server said for good (CHAT_E_NOT_FOUND,
 * CHAT_E_FORBIDDEN, CHAT_E_INVALID, CHAT_E_TOO_LARGE, with `rule`), CHAT_E_TIMEOUT, or
 * CHAT_E_NOMEM. After CHAT_E_TIMEOUT what was to be changed may have been.
 *
 * Errors: CHAT_E_FULL (requests_max are under way), CHAT_E_INVALID, CHAT_E_STATE (closed),
 *         CHAT_E_NOMEM. No event comes then.
 */

/* CHAT_EVENT_HISTORY, with a page as of chat_conn_read_messages(), which says what start_seq, limit
 * and backwards mean; not complete, when not all could be had. Answered from the cache when it
 * holds all of it, and then without a link. Errors: also CHAT_E_NOT_FOUND (no such channel). */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_history(chat_conn *conn, uint64_t channel_id,
                                                             uint64_t start_seq, uint32_t limit,
                                                             bool backwards, uint64_t *out_ticket);
/*
 * CHAT_EVENT_HISTORY: `limit` messages, half of them before `seq` (at least 1), half from there
 * on; where the channel ends on one side the other gets more, so that the page is shorter than
 * the limit only when the channel is. `message` is the one at `seq`, or the nearest there is.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_around(chat_conn *conn, uint64_t channel_id,
                                                            uint64_t seq, uint32_t limit,
                                                            uint64_t *out_ticket);
/* The same around the message of that id; CHAT_E_NOT_FOUND in the event, without a page, when
 * the channel has none. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_find_message(chat_conn *conn, uint64_t channel_id,
                                                            uint64_t message_id, uint32_t limit,
                                                            uint64_t *out_ticket);
/* CHAT_EVENT_USERS; 1 to 100 ids. Unknown ones are left out of the answer. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_users(chat_conn *conn,
                                                           const uint64_t *user_ids, size_t count,
                                                           uint64_t *out_ticket);
/* CHAT_EVENT_USERS, by the subject of the user's tokens, 1 to CHAT_SUBJECT_MAX bytes; one user, or
 * none with CHAT_OK: who has never signed in is nobody yet. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_find_user(chat_conn *conn, const char *subject,
                                                         size_t subject_len, uint64_t *out_ticket);
/* CHAT_EVENT_MEMBERS of a group or direct, ascending by user_id, those behind after_user_id (0:
 * from the first), 1 to 500 a page. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_members(chat_conn *conn, uint64_t home_id,
                                                             uint64_t after_user_id, uint32_t limit,
                                                             uint64_t *out_ticket);
/* CHAT_EVENT_OPENED, with the id of the channel, new or the one that is there: two users have one
 * direct. A new channel has come by CHAT_EVENT_CHANNEL before, so it can be written to at once; but
 * when it does not come within request_timeout_ms, or has gone again, calls on it say
 * CHAT_E_NOT_FOUND. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_open_direct(chat_conn *conn, uint64_t peer_id,
                                                           uint64_t *out_ticket);
/* CHAT_EVENT_OPENED, as above; the creator is a member by itself and may manage. `name` is 1 to
 * CHAT_NAME_MAX bytes; fewer than CHAT_GROUP_MEMBERS_MAX others, 0 too. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_create_group(chat_conn *conn, const char *name,
                                                            size_t name_len,
                                                            const uint64_t *member_ids,
                                                            size_t count, uint64_t *out_ticket);
/* CHAT_EVENT_MEMBER_CHANGED; adds a member, changes what he may, or removes him (permissions 0).
 * Needs CHAT_PERMISSION_MANAGE, but for leaving, which everybody may. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_set_member(chat_conn *conn, uint64_t home_id,
                                                          uint64_t user_id, uint32_t permissions,
                                                          uint64_t *out_ticket);

/* CHAT_EVENT_RECEIPTS. Errors: also CHAT_E_NOT_FOUND. Since 0.2. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_receipts(chat_conn *conn, uint64_t channel_id,
                                                              uint64_t *out_ticket);
/* CHAT_EVENT_DEVICES: the devices this user has signed in with, the last one first, at most
 * CHAT_DEVICES_MAX. Since 0.2. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_devices(chat_conn *conn, uint64_t *out_ticket);
/* CHAT_EVENT_DEVICES. The device's session ends, and it asks for a new token: a token that its
 * issuer still gives out lets it in again. CHAT_E_NOT_FOUND: no such device. Since 0.2. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_sign_out_device(chat_conn *conn, uint64_t device_id,
                                                               uint64_t *out_ticket);
/* The same for all of them, this one too: after the answer it is OFFLINE and asks for a new
 * token. Since 0.2. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_sign_out_everywhere(chat_conn *conn,
                                                                   uint64_t *out_ticket);

/* --- presence: best effort, kept over reconnects --- */

/* The whole set of users on screen, at most CHAT_WATCH_MAX; whom open views show is watched
 * besides, as far as there is room. CHAT_EVENT_PRESENCE tells of each one's state and changes.
 * Errors: CHAT_E_TOO_LARGE, CHAT_E_INVALID; the set is what it was. */
CHAT_API chat_status chat_conn_watch_presence(chat_conn *conn, const uint64_t *user_ids,
                                              size_t count);
/* As which to appear, on this device, from now on. Errors: CHAT_E_INVALID (OFFLINE: use
 * CHAT_PRESENCE_INVISIBLE). */
CHAT_API chat_status chat_conn_set_presence(chat_conn *conn, chat_presence_state state);
/* The user did something: the next heartbeat says so. */
CHAT_API void chat_conn_set_active(chat_conn *conn);

CHAT_END_DECLS

#endif
