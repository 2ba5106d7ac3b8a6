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
    /* Catching up after an absence: at most so many of the newest messages per channel, what
     * is older becomes a told gap. 0, the default: everything. */
    uint32_t catch_up_max;

    uint32_t connect_timeout_ms; /* default 10000; again as much for the welcome */
    uint32_t request_timeout_ms; /* default 15000 */
    uint32_t backoff_base_ms;    /* default 500: waits are random in 0..base * 2^n */
    uint32_t backoff_max_ms;     /* default 60000 */

    chat_presence_state presence; /* as which to appear at first; default ONLINE */

    void *context; /* the application's own, for chat_conn_get_context() */

    /*
     * Bytes that libchat itself may hold for this conn, at once; 0, the default: no limit.
     * SQLite's memory is not in it, nor the link's. What does not fit fails with CHAT_E_NOMEM
     * and changes nothing: a call returns it, and of what the server sent the turn is undone,
     * the link dropped and tried again after a wait, as when the system has no memory. A
     * quarter is for the conn's own work: what calls ask for must fit in the rest.
     */
    size_t memory_max;
};

CHAT_API void chat_conn_config_init_sized(struct chat_conn_config *config, size_t size);

static inline void chat_conn_config_init(struct chat_conn_config *config)
{
    chat_conn_config_init_sized(config, sizeof(*config));
}

/*
 * Opens the cache. Touches no network; chat_conn_start() does that.
 *
 * Owner:  the caller, who ends it with chat_conn_free() before the loop.
 * Errors: CHAT_E_INVALID, CHAT_E_NOMEM; of the cache file: CHAT_E_CORRUPT,
 *         CHAT_E_UNSUPPORTED (written by a newer libchat), CHAT_E_CONFLICT (another
 *         writer has it open), CHAT_E_FULL, CHAT_E_IO. The file is left as it is.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_new(chat_loop *loop,
                                                   const struct chat_conn_config *config,
                                                   chat_conn **out_conn);

/* Drops the link, closes the cache, frees everything. Safe between any two calls. NULL is
 * fine. */
CHAT_API void chat_conn_free(chat_conn *conn);

/* Connects and stays connected. Errors: CHAT_E_STATE when it is started. */
CHAT_API chat_status chat_conn_start(chat_conn *conn);

/* Says goodbye and closes; the outbox waits for the next start. */
CHAT_API void chat_conn_stop(chat_conn *conn);

/*
 * For mobile: suspend drops the link and writes the cache back, nothing happens until
 * resume, which connects at once. When suspend returns no lock on the cache file is held, and
 * each call until resume holds one only while it lasts: the system may stop the process, and
 * another one (a notification's) may open the same cache meanwhile. If one did, a call that
 * finds out returns CHAT_E_CONFLICT, and all is read anew and told by CHAT_EVENT_REREAD. If one
 * still has it, resume changes nothing but tells CHAT_EVENT_CACHE with CHAT_E_CONFLICT: resume
 * again later.
 */
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

CHAT_API chat_conn_state chat_conn_get_state(const chat_conn *conn);
/* 0 until the first welcome this cache has seen. */
CHAT_API uint64_t chat_conn_get_user_id(const chat_conn *conn);
/* The user's own name, NUL-terminated, borrowed until the next call. Never NULL. */
CHAT_API const char *chat_conn_get_user_name(const chat_conn *conn);

/* More than a status about what failed last: for logs and bug reports. Borrowed until the
 * next call, never NULL, "" when nothing failed. */
CHAT_API const char *chat_conn_last_problem(const chat_conn *conn);

/* A token to sign in with, or in place of one that ends soon. Errors: CHAT_E_TOO_LARGE,
 * CHAT_E_INVALID, CHAT_E_NOMEM. */
CHAT_API chat_status chat_conn_set_token(chat_conn *conn, const char *token, size_t token_len);

/* --- sending: queued at once, durable over the death of the process on return --- */

/*
 * Queues a message. `out_nonce` (may be NULL) is its identity from here on;
 * CHAT_EVENT_OUTGOING and CHAT_EVENT_MESSAGE bear it.
 *
 * Errors: CHAT_E_TOO_LARGE, CHAT_E_INVALID (neither text nor extra, not UTF-8),
 *         CHAT_E_NOT_FOUND (no such channel), CHAT_E_FULL (the outbox, or the disk),
 *         CHAT_E_IO, CHAT_E_NOMEM. Nothing is queued then.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_send(chat_conn *conn, uint64_t channel_id,
                                                    const char *text, size_t text_len,
                                                    const uint8_t *extra, size_t extra_len,
                                                    uint64_t reply_to_seq,
                                                    struct chat_nonce *out_nonce);
CHAT_API CHAT_USE_RESULT chat_status chat_conn_edit(chat_conn *conn, uint64_t channel_id,
                                                    uint64_t seq, const char *text, size_t text_len,
                                                    const uint8_t *extra, size_t extra_len,
                                                    struct chat_nonce *out_nonce);
CHAT_API CHAT_USE_RESULT chat_status chat_conn_delete(chat_conn *conn, uint64_t channel_id,
                                                      uint64_t seq, struct chat_nonce *out_nonce);

/* Moves the read position forward; a smaller seq changes nothing. */
CHAT_API chat_status chat_conn_mark_read(chat_conn *conn, uint64_t channel_id, uint64_t seq);

/* Operations in the outbox, oldest first, by index. False past the end. `*out` is borrowed
 * until the next call on the conn. */
CHAT_API uint32_t chat_conn_get_outgoing_count(const chat_conn *conn);
CHAT_API bool chat_conn_get_outgoing(chat_conn *conn, uint32_t index,
                                     const struct chat_outgoing **out);

/* A refused operation: queue it again under a new nonce, or drop it. Errors:
 * CHAT_E_NOT_FOUND, CHAT_E_STATE (not refused), CHAT_E_IO, CHAT_E_FULL. */
CHAT_API chat_status chat_conn_resend(chat_conn *conn, const struct chat_nonce *nonce,
                                      struct chat_nonce *out_nonce);
CHAT_API chat_status chat_conn_discard(chat_conn *conn, const struct chat_nonce *nonce);

/* Everything queued survives a power loss after this. Also writes the cache back
 * (a checkpoint), so it is worth calling in idle time. */
CHAT_API chat_status chat_conn_flush(chat_conn *conn);

/* --- reading the cache --- */

/* Walks channels by rising id: start with 0, go on with the last one's channel_id. NULL at
 * the end. Borrowed until the next call on the conn. */
CHAT_API const struct chat_channel *chat_conn_next_channel(chat_conn *conn,
                                                           uint64_t after_channel_id);
/* NULL: not a channel of this user. Borrowed until the next call on the conn. */
CHAT_API const struct chat_channel *chat_conn_get_channel(chat_conn *conn, uint64_t channel_id);

/* NULL: the name is not known here (chat_conn_fetch_users() asks). Borrowed until the next
 * call on the conn. */
CHAT_API const struct chat_user *chat_conn_get_user(chat_conn *conn, uint64_t user_id);

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

/* --- asking the server: answered by one event that bears the ticket --- */

/*
 * Without a link they wait for one, at most request_timeout_ms. `out_ticket` is never 0.
 * Errors: CHAT_E_FULL (requests_max are under way), CHAT_E_INVALID, CHAT_E_STATE (closed),
 *         CHAT_E_NOMEM.
 */

/* CHAT_EVENT_HISTORY. Answered from the cache when it holds all of it. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_history(chat_conn *conn, uint64_t channel_id,
                                                             uint64_t start_seq, uint32_t limit,
                                                             bool backwards, uint64_t *out_ticket);
/* CHAT_EVENT_USERS; at most 100 ids. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_users(chat_conn *conn,
                                                           const uint64_t *user_ids, size_t count,
                                                           uint64_t *out_ticket);
/* CHAT_EVENT_USERS, by the subject of the user's tokens. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_find_user(chat_conn *conn, const char *subject,
                                                         size_t subject_len, uint64_t *out_ticket);
/* CHAT_EVENT_MEMBERS, ascending by user_id, at most 500 a page. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_fetch_members(chat_conn *conn, uint64_t home_id,
                                                             uint64_t after_user_id, uint32_t limit,
                                                             uint64_t *out_ticket);
/* CHAT_EVENT_OPENED. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_open_direct(chat_conn *conn, uint64_t peer_id,
                                                           uint64_t *out_ticket);
/* CHAT_EVENT_OPENED; the creator is a member by itself. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_create_group(chat_conn *conn, const char *name,
                                                            size_t name_len,
                                                            const uint64_t *member_ids,
                                                            size_t count, uint64_t *out_ticket);
/* CHAT_EVENT_MEMBER_CHANGED; permissions 0 remove. */
CHAT_API CHAT_USE_RESULT chat_status chat_conn_set_member(chat_conn *conn, uint64_t home_id,
                                                          uint64_t user_id, uint32_t permissions,
                                                          uint64_t *out_ticket);

/* --- presence: best effort, kept over reconnects --- */

/* The whole set of users on screen, at most CHAT_WATCH_MAX. */
CHAT_API chat_status chat_conn_watch_presence(chat_conn *conn, const uint64_t *user_ids,
                                              size_t count);
CHAT_API chat_status chat_conn_set_presence(chat_conn *conn, chat_presence_state state);
/* The user did something: the next heartbeat says so. */
CHAT_API void chat_conn_set_active(chat_conn *conn);

CHAT_END_DECLS

#endif
