/*
 * engine_table: the rows of one shard, in one SQLite file.
 *
 * One SQL table per engine_table, (k1, k2, k3) -> value, and `state`: format version,
 * shard, applied position. Rows and position change in one transaction. Commits are not
 * synced: what a crash takes is replayed from the log. A complete checkpoint syncs, and
 * tells up to where the log is not needed any more.
 *
 * Format 1 is the first. A later one adds tables or columns and raises `format`; this
 * code refuses a number above its own and migrates those below.
 *
 * Threads: apply and checkpoint on one thread at a time; any number of reads beside.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_TABLE_H
#define CHAT_SERVER_STORE_ENGINE_TABLE_H

#include <libchat/log.h>

#include "server/store/disk.h"
#include "server/store/engine.h"

#define TABLE_FORMAT 1
#define TABLE_READERS_MAX 64u

struct table_config {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    struct disk *disk;
    const char *vfs;  /* name of the VFS over `disk`, outlives the table */
    const char *path; /* of the file; copied */
    uint32_t shard;
    uint32_t readers_max;        /* connections; more reads than that wait */
    uint64_t cache_bytes;        /* of the writer */
    uint64_t reader_cache_bytes; /* of each reader */
};

struct engine_table_file;

/*
 * Opens or makes the file; what is in it is durable when this returns.
 * Errors: CHAT_E_CORRUPT, CHAT_E_UNSUPPORTED, CHAT_E_FULL, CHAT_E_IO, CHAT_E_NOMEM,
 * CHAT_E_INVALID.
 */
chat_status engine_table_open(const struct table_config *config,
                              struct engine_table_file **out_table);
/* Checkpoints first, unless something failed before. NULL is fine. */
void engine_table_close(struct engine_table_file *table);

uint64_t engine_table_applied(const struct engine_table_file *table);
/* As ENGINE_APPLY. After CHAT_E_IO nothing works but reads and close. */
chat_status engine_table_apply(struct engine_table_file *table, struct engine_row *rows,
                               size_t count, uint64_t applied_position);
/* As ENGINE_READ. */
chat_status engine_table_read(struct engine_table_file *table, struct engine_request *request);

/* SQLite's quick check of the whole file: slow. Any thread. CHAT_E_CORRUPT: what it found
 * was logged. */
chat_status engine_table_check(struct engine_table_file *table);

/* Bytes in the write-ahead log since the last complete checkpoint. */
uint64_t engine_table_wal_bytes(const struct engine_table_file *table);
/* Moves the write-ahead log into the file, at the VFS's pace or as fast as it goes, and
 * syncs it. *out_complete: all of it is durable. Waits for the reads under way.
 * Errors: CHAT_E_FULL, CHAT_E_IO. */
chat_status engine_table_checkpoint(struct engine_table_file *table, bool paced,
                                    bool *out_complete);

#endif
