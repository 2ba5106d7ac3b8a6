/*
 * store_engine: how one database keeps what a shard decided.
 *
 * A shard's truth is a log of records. Each record belongs to a home and has the home's
 * next lsn; in the shard's log it has a position (dense, from 1). Records are also
 * turned into rows, final states under a key, for reading. An engine appends, applies,
 * and reads; it decides nothing.
 *
 * Requests are executed, blocking, by the host on one of three lanes per shard: LOG
 * (open, append, log read, close), APPLY, READ. One request at a time on LOG and on
 * APPLY, several on READ; lanes run beside each other.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_H
#define CHAT_SERVER_STORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/arena.h"
#include "libchat/v1/types.pb-c.h"

/* Kinds of rows. Numbers are on disk: never changed, never reused. */
enum engine_table {
    TABLE_META = 1,       /* (what, 0, 0): counters and versions of the shard */
    TABLE_HOME = 2,       /* (home, 0, 0): what it is; (home, 1, 0): its lsn */
    TABLE_MEMBER = 3,     /* (home, user, 0) */
    TABLE_CHANNEL = 4,    /* (home, channel, 0): head and first_seq */
    TABLE_MESSAGE = 5,    /* (channel, seq, 0): the latest state of a message */
    TABLE_CHANGE = 6,     /* (channel, rev, 0) -> seq: one per altered message */
    TABLE_RING = 7,       /* (channel, user, device): nonces */
    TABLE_DIRECTORY = 8,  /* (hash, hash, 0): creation key -> home */
    TABLE_CURSOR = 9,     /* (user, channel, 0): read state, in the user's home */
    TABLE_LIST = 10,      /* (user, home, 0): the user's conversations */
    TABLE_NOTE_OUT = 11,  /* (source home, dest home, number) */
    TABLE_NOTE_IN = 12,   /* kept free: LIST has the last number applied */
    TABLE_RECEIPT = 13,   /* (channel, user, 0): how far a member has it and has read */
    TABLE_SETTING = 14,   /* (user, channel, 0): what a user set for it */
    TABLE_DRAFT = 15,     /* (user, channel, 0) */
    TABLE_DEVICE = 16,    /* (user, device, device >> 63) */
    TABLE_TOMBSTONE = 17, /* (channel, seq, 0): a message that was deleted */
    TABLE_MAX = 17,
};

/* Keys order as unsigned numbers, k1 then k2 then k3; engines store values < 2^63 or
 * only ever look them up whole (TABLE_DIRECTORY, TABLE_RING). A bound of a range may be
 * UINT64_MAX: there it means "the greatest". */
struct engine_key {
    uint64_t k1, k2, k3;
};

struct engine_row {
    uint32_t table; /* enum engine_table */
    struct engine_key key;
    const uint8_t *value; /* NULL: the row is deleted; an empty value is not NULL */
    size_t value_len;
};

struct engine_record {
    uint64_t home_id;
    uint64_t lsn;         /* the home's: dense from 1 */
    uint64_t position;    /* the shard log's: dense from 1 */
    const uint8_t *bytes; /* an encoded libchat.v1.Record */
    size_t len;
};

/* One lookup. limit 0: exactly `from`. Else from <= key <= to within `table`. */
struct engine_query {
    uint32_t table;
    struct engine_key from, to;
    uint32_t limit;
    bool descending;
};

/* Answer to one query: rows in the order asked, in the request's arena. */
struct engine_result {
    struct engine_row *rows;
    size_t count;
};

enum engine_op {
    ENGINE_OPEN,     /* takes the shard; recovers */
    ENGINE_LOG_READ, /* records from a position on, for replay */
    ENGINE_APPEND,   /* durable when it returns */
    ENGINE_APPLY,    /* rows and applied position, in one transaction. Durable when it returns
                      * only where the position does not move: no log brings those rows back */
    ENGINE_READ,     /* several queries in one snapshot */
    ENGINE_CLOSE,    /* gives the shard up; syncs what is due */
};

#define ENGINE_APPEND_BYTES_MAX (4u << 20) /* of records in one append */
#define ENGINE_APPEND_RECORDS_MAX 16384u
#define ENGINE_APPLY_ROWS_MAX 262144u
#define ENGINE_QUERIES_MAX 64u
#define ENGINE_VALUE_MAX (4u << 20) /* of one row */

/*
 * A request. The shard fills it, the host executes it, the shard reads the answer.
 * Whatever it points at stays put until it comes back. Answers are in `arena`.
 *
 * Statuses: CHAT_OK
 *   CHAT_E_CONFLICT   another owner: OPEN finds the shard held, APPEND finds a
 *                     (home, lsn) or position taken, APPLY finds rows of a later
 *                     position. Nothing was written. Fenced: stop.
 *   CHAT_E_FULL       no room on disk, or in the log until the applier catches up.
 *                     Nothing was written; may be tried again.
 *   CHAT_E_IO         a write or sync failed; what was written is unknown. Close the
 *                     shard and open it again: recovery finds out.
 *   CHAT_E_CORRUPT    OPEN or a read found bytes that fail their checks: refuse to serve.
 *   CHAT_E_UNSUPPORTED the data is of a newer version.
 *   CHAT_E_UNAVAILABLE an external engine cannot be reached: try again.
 *   CHAT_E_INVALID    the request breaks this contract (an lsn or position that leaves a
 *                     hole, a limit exceeded, rows beyond the log's end): our bug.
 *   CHAT_E_STATE      the shard is not open here, or is already.
 *   CHAT_E_NOT_FOUND  LOG_READ below the oldest position.
 *   CHAT_E_NOMEM, CHAT_E_TOO_LARGE  no memory, or the arena is at its maximum.
 *                     Nothing was written.
 */
struct engine_request {
    enum engine_op op;
    uint32_t shard;
    chat_status status;
    struct arena *arena; /* LOG_READ and READ: answers are allocated here, on the lane */
    void *user;          /* the shard's own */
    union {
        struct {
            /* out */
            uint64_t applied_position; /* rows are complete up to here */
            uint64_t synced_position;  /* the log's last */
            uint64_t oldest_position;  /* the log's first still there, at most applied + 1 */
            bool created;              /* the shard did not exist before */
            bool tail_cut;             /* an unfinished batch at the end was dropped */
        } open;
        struct {
            uint64_t from_position;
            size_t bytes_max; /* of records; one is given even when it alone is larger */
            /* out */
            struct engine_record *records; /* dense from from_position */
            size_t count;                  /* 0 at the end of the log */
        } log_read;
        struct {
            const struct engine_record *records; /* positions ascending and dense */
            size_t count;
            /* out */
            uint64_t log_bytes;     /* held by the log now */
            uint64_t log_bytes_max; /* at this much, appends answer CHAT_E_FULL */
        } append;
        struct {
            struct engine_row *rows; /* distinct keys; the engine may reorder them */
            size_t count;
            uint64_t applied_position;
        } apply;
        struct {
            const struct engine_query *queries;
            size_t count;
            /* out */
            struct engine_result *results; /* `count` of them */
            uint64_t applied_position;     /* of the snapshot they were read from */
        } read;
    };
};

struct store_engine {
    const struct store_engine_ops *ops;
};

struct store_engine_ops {
    const char *name;
    WireDurability durability; /* what a successful append is worth */
    /* Executes and sets request->status. Any lane's thread; see above. */
    void (*execute)(struct store_engine *engine, struct engine_request *request);
    void (*free)(struct store_engine *engine);
};

#endif
