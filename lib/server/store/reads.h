/*
 * reads: READ requests at the engine, a bounded number at a time.
 *
 * What a read finds is older than what the overlay holds: rows leave the overlay only
 * when no read in flight was started before they were applied.
 */
#ifndef CHAT_SERVER_STORE_READS_H
#define CHAT_SERVER_STORE_READS_H

#include "server/store/shard.h"

#define READ_ARENA_MAX (16u << 20) /* of what one read may find */

struct directory_entry;
struct page_job;
struct ring_slot;

struct read_job {
    struct lane lane;
    struct list_node node; /* waiting or at work */
    struct arena arena;    /* what was found; then also the caller's, until it is freed */
    uint64_t floor;        /* applied when it was started */
    struct engine_query queries[ENGINE_QUERIES_MAX];
    size_t query_count;
    const struct engine_result *results; /* query_count of them */
    /* Called with what was found, while the shard is not giving up. The job is freed
     * after it unless it was started again. */
    void (*found)(struct shard *s, struct read_job *job);
    bool started;

    /* Whose it is; one of them. */
    struct home *home; /* pinned while the job lives */
    struct ring_slot *ring;
    struct directory_entry *entry;
    struct page_job *page; /* freed with the job */
};

void reads_init(struct shard *s);
/* Frees what waits; nothing may be at work. */
void reads_fini(struct shard *s);

/* NULL: too many, or no memory. */
struct read_job *reads_new(struct shard *s, void (*found)(struct shard *s, struct read_job *job));
/* Queues it; fill in queries first. Also to go on with other queries from `found`. */
void reads_start(struct shard *s, struct read_job *job);
/* Gives a job back that was not started. */
void reads_drop(struct shard *s, struct read_job *job);
void reads_pin(struct read_job *job, struct home *home);

/* Hands waiting ones to the host. */
void reads_pump(struct shard *s);
/* No read in flight is older than this position. */
uint64_t reads_floor(const struct shard *s);

#endif
