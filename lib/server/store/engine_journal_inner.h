/* What the parts of engine_journal share: journal, ring, recovery and read. */
#ifndef CHAT_SERVER_STORE_ENGINE_JOURNAL_INNER_H
#define CHAT_SERVER_STORE_ENGINE_JOURNAL_INNER_H

#include <pthread.h>

#include "base/buf.h"
#include "base/rng.h"
#include "server/store/engine_guard.h"
#include "server/store/engine_journal.h"
#include "server/store/engine_segment.h"

#define JOURNAL_NAME_MAX 32u
#define JOURNAL_WINDOW (256u << 10) /* bytes read at once while scanning */
#define JOURNAL_NO_SLOT UINT32_MAX

enum slot_state {
    SLOT_GONE,   /* no file */
    SLOT_MAKING, /* being zero-filled, by one thread */
    SLOT_FREE,   /* ready to become a segment */
    SLOT_HELD,   /* a full segment whose records are still needed */
    SLOT_ACTIVE, /* the segment being written */
};

struct journal_slot {
    enum slot_state state;
    uint32_t number;              /* of the file's name */
    struct segment_header header; /* id 0 when it was never used */
    uint64_t file_bytes;
    uint64_t last_position; /* of a held one */
};

/* A window on a file, for reading it from front to back. */
struct journal_scan {
    struct disk_file *file;
    struct buf window;
    uint64_t offset; /* of the window in the file */
};

struct engine_journal {
    struct journal_config config;
    const struct chat_allocator *allocator;
    char folder[DISK_PATH_MAX];

    pthread_mutex_t mutex; /* the slots */
    pthread_cond_t made;   /* no slot is SLOT_MAKING any more */
    bool has_mutex, has_cond;
    struct journal_slot *slots;
    uint32_t slot_count, slot_cap;
    bool hurry;          /* an append waits for a file */
    bool prepare_failed; /* said so already */

    /* The rest belongs to the thread that appends; these three it changes with the mutex. */
    uint32_t active;        /* a slot, or JOURNAL_NO_SLOT */
    uint64_t active_offset; /* where the next batch goes */
    uint64_t next_position;

    struct disk_file *active_file;
    uint32_t last_crc;
    bool poisoned;
    struct buf batch;
    struct rng rng;
    struct engine_guard guard;

    struct { /* where the last read stopped */
        uint64_t segment_id;
        uint64_t position; /* of the batch at `offset` */
        uint64_t offset;
        struct journal_scan scan;
    } cursor;
};

/* --- engine_journal_ring.c --- */

/* The path of a slot's file. Errors: CHAT_E_INVALID when too long. */
chat_status journal_slot_path(const struct engine_journal *journal, uint32_t number,
                              char out[DISK_PATH_MAX]);
/* A file name's slot number, or JOURNAL_NO_SLOT. */
uint32_t journal_slot_of_name(const char *name);
/* Drops the slot's file; the mutex is held. */
void journal_slot_drop(struct engine_journal *journal, struct journal_slot *slot);
/* Turns a free or new file into the next segment, synced, and writes there from now on. */
chat_status journal_roll(struct engine_journal *journal);

/* --- engine_journal_scan.c --- */

void journal_scan_init(struct journal_scan *scan, const struct chat_allocator *allocator);
/* Forgets the window and reads from `file` (borrowed). */
void journal_scan_start(struct journal_scan *scan, struct disk_file *file);
void journal_scan_fini(struct journal_scan *scan);
/* *out_bytes points at `len` bytes of the file at `offset`, good until the next call.
 * CHAT_E_NOT_FOUND: the file ends before. */
chat_status journal_scan_get(struct journal_scan *scan, uint64_t offset, size_t len,
                             const uint8_t **out_bytes);
/* The whole, checked batch at `offset`: of this segment, inside its bytes. *out_payload
 * as above. CHAT_E_NOT_FOUND: there is none. */
chat_status journal_scan_batch(struct journal_scan *scan, const struct segment_header *segment,
                               uint64_t offset, struct segment_batch *out_batch,
                               const uint8_t **out_payload);

/* --- engine_journal_recover.c --- */

chat_status journal_recover(struct engine_journal *journal, uint64_t applied_position,
                            struct journal_found *found);

#endif
