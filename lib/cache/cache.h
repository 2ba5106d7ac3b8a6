/*
 * cache: what a client remembers, in one SQLite file per account (or in memory).
 *
 * One writer: the file is locked while it is open. Writes gather in one transaction
 * that begins by itself; cache_commit() ends it. After any write failed the transaction
 * is spoilt: cache_commit() rolls back and says why, so a part of it is never kept.
 *
 * WAL with synchronous=NORMAL: a commit survives the death of the process, and power
 * loss after cache_checkpoint(). No checkpoint happens by itself.
 *
 * Errors of all calls: CHAT_E_FULL, CHAT_E_IO, CHAT_E_CORRUPT, CHAT_E_CONFLICT (another
 * writer), CHAT_E_NOMEM, CHAT_E_CACHE (anything else SQLite says).
 */
#ifndef CHAT_CACHE_CACHE_H
#define CHAT_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/limits.h>
#include <libchat/log.h>
#include <libchat/message.h>
#include <libchat/status.h>

#include "cache/ranges.h"

#define CACHE_SCHEMA_VERSION 3
#define CACHE_APPLICATION_ID 0x6c636861 /* "lcha": the file is ours */

struct cache;

struct cache_config {
    const char *path; /* NULL: in memory; outlives the cache, as does vfs */
    const char *vfs;  /* NULL: SQLite's default */
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    uint64_t device_id; /* random, for a new file; never 0 */
    uint32_t pages_max; /* of 4 KiB; more is CHAT_E_FULL. 0: no limit */
};

/*
 * Opens or creates, migrates, counts the opening up and syncs that.
 * Errors: also CHAT_E_UNSUPPORTED (a newer schema), CHAT_E_CORRUPT (not a cache). The file
 *         is left as it was.
 */
chat_status cache_open(const struct cache_config *config, struct cache **out_cache);
/* Rolls back what was not committed. NULL is fine. */
void cache_close(struct cache *c);

/* CHAT_OK when there was nothing to do, too. On an error everything since the last commit
 * is undone. */
chat_status cache_commit(struct cache *c);
void cache_rollback(struct cache *c);
/* What was committed survives power loss, too: one sync. Nothing may be uncommitted. */
chat_status cache_sync(struct cache *c);
/* Writes the WAL back and syncs both. Nothing may be uncommitted. */
chat_status cache_checkpoint(struct cache *c);
/*
 * Writes the WAL back and closes the file: nobody is locked out any more. The next call that
 * needs it opens it again. Had somebody else opened it meanwhile, that call and the next
 * cache_commit() say CHAT_E_CONFLICT: what was read before is to be read again.
 */
void cache_release(struct cache *c);
/* Pages in the WAL: how much a checkpoint would have to do. */
uint32_t cache_wal_pages(const struct cache *c);
/* Bytes that are in use, of the file and of what a checkpoint would add. */
chat_status cache_bytes_used(struct cache *c, uint64_t *out_bytes);

/* --- meta --- */

struct cache_identity {
    uint64_t device_id;
    uint32_t opens;      /* this opening's number: the high half of nonce counters */
    uint64_t service_id; /* 0: not bound yet */
    uint64_t user_id;
};

const struct cache_identity *cache_identity(const struct cache *c);
/* Binds a new cache; CHAT_E_CONFLICT when it belongs to somebody else. */
chat_status cache_bind(struct cache *c, uint64_t service_id, uint64_t user_id);
chat_status cache_set_device(struct cache *c, uint64_t device_id);

struct cache_ticket {
    uint8_t bytes[CHAT_TICKET_MAX];
    size_t len;            /* 0: none */
    int64_t expires_at_ms; /* by this device's wall clock */
    uint64_t token_hash;   /* of the token that earned it; 0: not known */
};

chat_status cache_get_ticket(struct cache *c, struct cache_ticket *out);
chat_status cache_set_ticket(struct cache *c, const struct cache_ticket *ticket);

/* --- channels --- */

struct cache_channel {
    uint64_t channel_id;
    uint64_t home_id;
    uint32_t kind;
    uint32_t permissions;
    uint32_t epoch;
    uint64_t head_seq; /* of the newest message known to exist */
    uint64_t head_message_id;
    uint64_t head_rev;
    uint64_t first_seq;
    uint64_t stream_seq; /* all up to here was told to the application */
    uint64_t read_seq;
    uint64_t read_message_id;
    uint64_t mark_seq; /* a MarkRead the server has not answered; 0: none */
    uint64_t deleted_unread;
    uint64_t peer_id;
    uint64_t last_counter; /* of last_device: its newest operation that is in; 0: none */
    uint64_t last_device;
    uint64_t mentions;   /* unread ones, as told or counted last */
    int64_t shown_at_ms; /* about when it was last on screen, by this device's wall clock */
    uint32_t name_len;
    char name[CHAT_NAME_MAX + 1];
    struct ranges ranges;
};

typedef chat_status (*cache_channel_fn)(const struct cache_channel *channel, void *user);

/* Every channel, by rising id. `fn` copies, and takes over `ranges`; an error ends it. */
chat_status cache_channels_load(struct cache *c, cache_channel_fn fn, void *user);
/* The row and its ranges. */
chat_status cache_channel_save(struct cache *c, const struct cache_channel *channel);
/* The row, ranges, receipts, settings and draft; the messages are remains then. The outbox keeps
 * what is queued. */
chat_status cache_channel_remove(struct cache *c, uint64_t channel_id);

/* Looks whether a file that was opened, or gone back from, has remains. */
chat_status cache_remains_look(struct cache *c);
bool cache_has_remains(const struct cache *c);
/* At most so many messages more are gone. */
chat_status cache_remains_step(struct cache *c, uint32_t count);
/* The channel comes back: all of them are gone. */
chat_status cache_remains_clear(struct cache *c, uint64_t channel_id);

/* --- messages --- */

typedef enum cache_put {
    CACHE_PUT_SAME, /* was there, as new or newer */
    CACHE_PUT_NEW,
    CACHE_PUT_ALTERED, /* an older state was there */
    CACHE_PUT_OTHER,   /* another message_id is there: nothing was done */
} cache_put;

chat_status cache_message_put(struct cache *c, const struct chat_message *message,
                              cache_put *out_put);
/* All of from..to. */
chat_status cache_messages_drop(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to);
chat_status cache_messages_count_deleted(struct cache *c, uint64_t channel_id, uint64_t from,
                                         uint64_t to, uint64_t *out_count);

/* By message_id, which rises with seq. CHAT_E_NOT_FOUND. */
chat_status cache_message_find(struct cache *c, uint64_t channel_id, uint64_t message_id,
                               uint64_t *out_seq);
/* Of from..to, those of others that mention this user. */
chat_status cache_messages_count_mentions(struct cache *c, uint64_t channel_id, uint64_t from,
                                          uint64_t to, uint64_t *out_count);

/* `message` and what it points to are borrowed for the call. */
typedef chat_status (*cache_message_fn)(const struct chat_message *message, void *user);

/* At most `limit` messages of from..to, ascending. An error of `fn` ends it. */
chat_status cache_messages_read(struct cache *c, uint64_t channel_id, uint64_t from, uint64_t to,
                                uint32_t limit, cache_message_fn fn, void *user);

/* --- outbox --- */

struct cache_outgoing {
    int64_t row; /* order of queueing; given by cache_outbox_add() */
    uint64_t device_id, counter;
    uint64_t old_device_id, old_counter;
    uint64_t channel_id;
    uint32_t kind;  /* chat_outgoing_kind */
    uint32_t state; /* chat_outgoing_state: QUEUED, REFUSED, or DONE for an acknowledged alteration
                     * that the cache does not show yet; base_seq is its rev then */
    int32_t status; /* chat_status: why it was refused */
    uint64_t seq;
    uint64_t reply_to_seq;
    uint64_t base_seq; /* the channel's head when it was queued */
    int64_t created_at_ms;
    const char *text;
    size_t text_len;
    const uint8_t *extra;
    size_t extra_len;
    const uint64_t *mention_ids;
    size_t mentions_count;
    bool removes;   /* a reaction */
    int64_t parent; /* row of the message it is about, which has no seq yet; 0: it has */
    bool sent;      /* it may have been */
};

typedef chat_status (*cache_outgoing_fn)(const struct cache_outgoing *outgoing, void *user);

chat_status cache_outbox_add(struct cache *c, const struct cache_outgoing *outgoing,
                             int64_t *out_row);
/* All, in order of queueing, without text, extra and mentions. */
chat_status cache_outbox_load(struct cache *c, cache_outgoing_fn fn, void *user);
/* One, whole. CHAT_E_NOT_FOUND. */
chat_status cache_outbox_get(struct cache *c, int64_t row, cache_outgoing_fn fn, void *user);
chat_status cache_outbox_set_state(struct cache *c, int64_t row, uint32_t state, int32_t status);
/* An alteration was acknowledged with this rev: it is not to be sent again. */
chat_status cache_outbox_set_acked(struct cache *c, int64_t row, uint64_t rev);
/* A new nonce; the present one becomes the old one. */
chat_status cache_outbox_rename(struct cache *c, int64_t row, uint64_t device_id, uint64_t counter,
                                uint64_t base_seq);
/* Other text, extra and mentions. */
chat_status cache_outbox_set_content(struct cache *c, int64_t row,
                                     const struct cache_outgoing *content);
/* The message it is about has this seq, and no parent. */
chat_status cache_outbox_set_seq(struct cache *c, int64_t row, uint64_t seq);
/* What waited for one row waits for another. */
chat_status cache_outbox_set_parent(struct cache *c, int64_t old_row, int64_t new_row);
/* All of them may have been sent. */
chat_status cache_outbox_mark_sent(struct cache *c);
chat_status cache_outbox_remove(struct cache *c, int64_t row);

/* --- what a user sets for a channel --- */

struct cache_settings {
    uint64_t channel_id;
    int64_t muted_until_ms;
    uint64_t version;   /* of the server's; 0: never set */
    bool dirty;         /* set here, the server has not answered */
    uint64_t shown_seq; /* read up to here, and others may know */
};

typedef chat_status (*cache_settings_fn)(const struct cache_settings *settings, void *user);

chat_status cache_settings_load(struct cache *c, cache_settings_fn fn, void *user);
chat_status cache_settings_save(struct cache *c, const struct cache_settings *settings);

struct cache_draft {
    uint64_t channel_id;
    uint64_t version; /* of the server's that it was made from, or is */
    bool dirty;       /* written here, the server has not answered */
    uint64_t reply_to_seq;
    int64_t updated_at_ms;
    const char *text;
    size_t text_len;
};

typedef chat_status (*cache_draft_fn)(const struct cache_draft *draft, void *user);

/* All; `text` is NULL, text_len is true. */
chat_status cache_drafts_load(struct cache *c, cache_draft_fn fn, void *user);
/* One, whole. CHAT_E_NOT_FOUND. */
chat_status cache_draft_get(struct cache *c, uint64_t channel_id, cache_draft_fn fn, void *user);
chat_status cache_draft_save(struct cache *c, const struct cache_draft *draft);

/* --- receipts of members --- */

struct cache_receipt {
    uint64_t channel_id, user_id, delivered_seq, read_seq;
};

typedef chat_status (*cache_receipt_fn)(const struct cache_receipt *receipt, void *user);

/* Both numbers only rise. *out_rose: one of them did. */
chat_status cache_receipt_put(struct cache *c, const struct cache_receipt *receipt, bool *out_rose);
/* Of a channel, ascending by user. */
chat_status cache_receipts_read(struct cache *c, uint64_t channel_id, cache_receipt_fn fn,
                                void *user);
/* Of all directs the other member's. */
chat_status cache_receipts_load_peers(struct cache *c, cache_receipt_fn fn, void *user);
/* Of one user. */
chat_status cache_receipt_drop(struct cache *c, uint64_t channel_id, uint64_t user_id);
/* Those that say least go, until `max` are left. *out_any: some went. */
chat_status cache_receipts_trim(struct cache *c, uint64_t channel_id, uint32_t max, bool *out_any);
chat_status cache_receipts_drop(struct cache *c, uint64_t channel_id);

/* --- users --- */

chat_status cache_user_put(struct cache *c, uint64_t user_id, const char *name, size_t name_len);
/* NUL-terminated into `name` (CHAT_NAME_MAX + 1 bytes). CHAT_E_NOT_FOUND. */
chat_status cache_user_get(struct cache *c, uint64_t user_id, char *name, size_t *out_len);

#endif
