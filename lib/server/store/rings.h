/*
 * rings: the nonce rings in memory, loaded when somebody sends, forgotten when nobody
 * did for long.
 *
 * Requests wait at a ring while it is loaded, or while one before them looks for the
 * message it alters (busy): what a device sends is decided in the order it came.
 */
#ifndef CHAT_SERVER_STORE_RINGS_H
#define CHAT_SERVER_STORE_RINGS_H

#include "server/store/ring.h"
#include "server/store/shard.h"

struct ring_slot {
    struct table_node node;
    struct list_node lru;
    struct list_node dirty;
    uint64_t channel, user, device;
    uint64_t session_no;       /* the newest that used it; not kept on disk */
    int64_t outdated_until_ms; /* mono: older ones are refused */
    uint64_t synced_position;  /* of its newest synced nonce; 0: as in the table */
    struct ring ring;
    struct wait_queue waiting;
    bool loaded;
    bool busy;
    bool resuming;
};

void rings_init(struct shard *s);
void rings_fini(struct shard *s);

/* The loaded ring, or NULL: then the request waits there, or was refused. */
struct ring_slot *rings_need(struct shard *s, uint64_t channel, uint64_t user, uint64_t device,
                             const struct request *req);
/* For replay: the slot, loaded or not, its load under way; it stays until rings_trim(). A
 * slice of the log bounds how far past the limit that goes. NULL: no memory. */
struct ring_slot *rings_prepare(struct shard *s, uint64_t channel, uint64_t user, uint64_t device);
/* Forgets down to the limit what can be read again. */
void rings_trim(struct shard *s);

/* Holds later requests of this ring back. */
void rings_set_busy(struct ring_slot *slot);
/* Lets them go on, in order, up to the next one that makes it busy again. */
void rings_unbusy(struct shard *s, struct ring_slot *slot);

/* Its oldest unsynced nonce is synced. */
void rings_synced(struct shard *s, struct ring_slot *slot, uint64_t position);
/* All dirty rings went into an apply. */
void rings_captured(struct shard *s);
/* Nothing unsynced will be synced. */
void rings_refused(struct shard *s);

#endif
