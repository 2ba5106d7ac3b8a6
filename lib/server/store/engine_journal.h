/*
 * engine_journal: the log of one shard, as a ring of preallocated segment files in the
 * shard's folder (engine_segment.h has their bytes).
 *
 * An append is one write and one sync. A segment that is full stays until its records
 * are in the table and the table is synced; then its file is used again. Recovery reads
 * from the segment that holds the first record not in the table. A batch that fails its
 * check is cut off when nothing valid follows it: then it was never acknowledged. Else
 * the journal is corrupt and stays closed. After a crash the last batch and its header
 * are written again before they are synced: a sync that failed may have left them in
 * memory only, where a second sync finds nothing to do.
 *
 * Threads: append and read on one thread at a time; prepare and release on another.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_JOURNAL_H
#define CHAT_SERVER_STORE_ENGINE_JOURNAL_H

#include <libchat/log.h>

#include "server/store/disk.h"
#include "server/store/engine.h"

#define JOURNAL_SEGMENTS_MIN 3u
#define JOURNAL_SEGMENTS_MAX 1024u

struct journal_config {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    struct disk *disk;
    const char *folder; /* exists, ours alone; copied */
    uint32_t shard;
    uint64_t segment_bytes;  /* of new segments; a batch fits in one or is too large */
    uint32_t segments_max;   /* of files; all held: appends answer CHAT_E_FULL */
    uint64_t free_bytes_min; /* left on the disk for the table when a file is made */
    uint64_t seed;           /* for salts: not known outside */
    void (*pause)(void *user, uint32_t micros); /* may be NULL; while files are made */
    void *pause_user;
};

struct journal_found {
    uint64_t oldest_position; /* of the first record that can be read */
    uint64_t synced_position; /* of the last; oldest - 1 when there is none */
    bool created;             /* there was no journal */
    bool tail_cut;            /* an unfinished batch was dropped */
};

struct engine_journal;

/*
 * Recovers, or makes the first segment. Rows are in the table up to applied_position.
 * Errors: CHAT_E_CORRUPT (also: the log does not reach the table's position),
 * CHAT_E_UNSUPPORTED, CHAT_E_FULL, CHAT_E_IO, CHAT_E_NOMEM.
 */
chat_status engine_journal_open(const struct journal_config *config, uint64_t applied_position,
                                struct engine_journal **out_journal,
                                struct journal_found *out_found);
/* NULL is fine. */
void engine_journal_close(struct engine_journal *journal);

/* As ENGINE_APPEND. Errors: also CHAT_E_TOO_LARGE for more than a segment holds. */
chat_status engine_journal_append(struct engine_journal *journal,
                                  const struct engine_record *records, size_t count);
/* The last position that is in the log. Any thread. */
uint64_t engine_journal_synced(struct engine_journal *journal);
/* As ENGINE_LOG_READ. */
chat_status engine_journal_read(struct engine_journal *journal, uint64_t from_position,
                                size_t bytes_max, struct arena *arena,
                                struct engine_record **out_records, size_t *out_count);

/* Rows up to here are durable without the log: whole segments below may be used again. */
void engine_journal_release(struct engine_journal *journal, uint64_t durable_position);
/* Makes a segment ready before it is needed, when none is and a quarter of the active one
 * is used. Slow; fails silently. */
void engine_journal_prepare(struct engine_journal *journal);

struct journal_usage {
    uint64_t bytes;     /* that cannot be used again yet */
    uint64_t bytes_max; /* at this much, appends answer CHAT_E_FULL */
};
struct journal_usage engine_journal_usage(struct engine_journal *journal);
/* More than half of the segments are held, and a release up to this position would free
 * one. */
bool engine_journal_wants_release(struct engine_journal *journal, uint64_t position);

#endif
