/*
 * engine_embedded: a journal and a SQLite file per shard, in one folder each.
 *
 *   <root>/shard-0003/lock              held while the shard is open: one owner
 *                     journal-0000.seg  the log, a ring of such files (engine_segment.h)
 *                     table.db          the rows (engine_table.h)
 *                     table.db-wal      SQLite's own log of them
 *
 * A shard moves by moving its folder while it is closed. Formats are versioned where they
 * are described; data of a newer version is refused, never touched.
 *
 * An append is durable when it returns. An apply is not, unless it leaves the applied
 * position where it is: it becomes so with a checkpoint, which apply itself runs when
 * SQLite's log is large or the journal runs out of segments; only then segments are used
 * again. An apply without rows is a chance for one.
 *
 * Threads: the lanes of engine.h; everything also works on one thread.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_EMBEDDED_H
#define CHAT_SERVER_STORE_ENGINE_EMBEDDED_H

#include <libchat/log.h>

#include "server/store/disk.h"
#include "server/store/engine.h"

struct engine_embedded_config {
    const struct chat_allocator *allocator; /* NULL: malloc */
    const struct chat_logger *logger;       /* NULL: silent */
    struct disk *disk;                      /* required; outlives the engine */
    const char *root;                       /* required: the folder of all shards; copied */
    uint64_t seed;                          /* required: not known outside, not the same twice */

    uint64_t segment_bytes;      /* of a journal file; default 64 MB */
    uint64_t log_bytes_max;      /* of all of a shard; default 1 GB, at least 3 segments */
    uint64_t checkpoint_bytes;   /* of SQLite's log before a checkpoint; default 64 MB */
    uint64_t free_bytes_min;     /* left on the disk by the journal; default 64 MB */
    uint64_t cache_bytes;        /* of pages, for the writer of a shard; default 64 MB */
    uint64_t reader_cache_bytes; /* for each of its readers; default 8 MB */
    uint32_t readers_max;        /* of a shard at a time; default 8 */

    /* Checkpoints and new journal files are written at this pace, by pausing, unless half
     * the journal is full; NULL or 0: at full speed. Default 100 MB/s. */
    uint64_t checkpoint_bytes_per_s;
    void (*pause)(void *user, uint32_t micros);
    void *pause_user;
};

void engine_embedded_config_init(struct engine_embedded_config *config);

/*
 * Touches no file; opening a shard does that.
 *
 * Errors: CHAT_E_INVALID for a config that cannot work, CHAT_E_NOMEM.
 * Owner:  the caller, who ends it with ops->free; shards that are still open are closed.
 */
chat_status engine_embedded_new(const struct engine_embedded_config *config,
                                struct store_engine **out_engine);

/*
 * Makes the folders of these shards, unless some shard of the root has data already: then
 * one without a folder was lost, not mounted, or moved without it, and an empty one in its
 * place would pass for it. From here on such a shard is not opened. Before the first opening.
 *
 * Errors: CHAT_E_IO, CHAT_E_FULL, CHAT_E_FORBIDDEN: what the disk says.
 */
chat_status engine_embedded_make_folders(struct store_engine *engine, const uint32_t *shards,
                                         uint32_t count);

/*
 * Looks at every page of an open shard's table, beside the lanes; slow.
 *
 * Errors: CHAT_E_CORRUPT, said in the log; CHAT_E_STATE when the shard is not open;
 *         CHAT_E_IO, CHAT_E_NOMEM.
 */
chat_status engine_embedded_check(struct store_engine *engine, uint32_t shard);

#endif
