/* Engines of every kind under one roof, for the tests that all of them must pass. */
#ifndef CHAT_CONFORMANCE_ENGINE_KIT_H
#define CHAT_CONFORMANCE_ENGINE_KIT_H

#include "base/arena.h"
#include "server/store/engine_embedded.h"
#include "server/store/engine_memory.h"
#include "testkit/sim_disk.h"

#define KIT_SHARD 3u
#define KIT_TEXT_MAX 64u

enum engine_kind {
    KIND_MEMORY,
    KIND_EMBEDDED_SIM,  /* on the simulated disk */
    KIND_EMBEDDED_REAL, /* in a folder of this machine */
    KIND_COUNT,
};

struct engine_kit {
    enum engine_kind kind;
    struct engine_memory_cluster *cluster;
    struct sim_disk *storage;
    struct disk *disk;
    char folder[64];
    struct engine_embedded_config config; /* of the embedded ones, for the next start */
    struct store_engine *engine;          /* the owner's */
    struct arena arena;                   /* of answers, reset by each request */
};

/* An engine of this kind with small limits; its shard is not open. */
void engine_kit_init(struct engine_kit *kit, enum engine_kind kind);
void engine_kit_fini(struct engine_kit *kit);
/* The process ends in peace or dies; a new one starts. */
void engine_kit_restart(struct engine_kit *kit, bool in_peace);
/* Another process on the same data; freed by the caller (ops->free). */
struct store_engine *engine_kit_rival(struct engine_kit *kit);
bool engine_kit_is_shared(const struct engine_kit *kit); /* a rival may open, too */

chat_status kit_engine_open(struct engine_kit *kit, struct store_engine *engine,
                            struct engine_request *out_request);
chat_status kit_engine_close(struct store_engine *engine);
/* Appends `count` records of home `home` from this lsn and position on. */
chat_status kit_engine_append(struct store_engine *engine, uint64_t home, uint64_t lsn,
                              uint64_t position, size_t count);
chat_status kit_engine_append_bytes(struct store_engine *engine, struct engine_record *record);
/* A text of the kind that appended records hold. */
size_t kit_record_text(uint64_t position, char out[KIT_TEXT_MAX]);
/* Reads one chunk of the log; records are in the kit's arena. */
chat_status kit_engine_log(struct engine_kit *kit, struct store_engine *engine, uint64_t from,
                           size_t bytes_max, struct engine_record **out, size_t *out_count);

struct engine_row kit_row(uint32_t table, uint64_t k1, uint64_t k2, uint64_t k3,
                          const char *value); /* NULL: deleted */
chat_status kit_engine_apply(struct store_engine *engine, struct engine_row *rows, size_t count,
                             uint64_t position);
/* One query; *out_position may be NULL. */
chat_status kit_engine_read(struct engine_kit *kit, struct store_engine *engine,
                            const struct engine_query *query, struct engine_result *out,
                            uint64_t *out_position);
/* The value of one row as text, "" when it is empty, NULL when there is none. */
const char *kit_engine_get(struct engine_kit *kit, uint32_t table, uint64_t k1, uint64_t k2,
                           uint64_t k3);

#endif
