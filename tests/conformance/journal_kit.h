/* A journal on a simulated disk, for its tests. */
#ifndef CHAT_CONFORMANCE_JOURNAL_KIT_H
#define CHAT_CONFORMANCE_JOURNAL_KIT_H

#include "server/store/engine_journal.h"
#include "server/store/engine_segment.h"
#include "testkit/sim_disk.h"

#define KIT_FOLDER "root/shard"
#define KIT_SEGMENT (64u << 10)

struct journal_kit {
    struct sim_disk *storage;
    struct disk *disk;
    struct engine_journal *journal;
    struct journal_config config;
    struct journal_found found;
    uint64_t next; /* position of the next record that kit_append() makes */
};

void kit_init(struct journal_kit *kit, uint64_t seed);
void kit_fini(struct journal_kit *kit);
/* Opens on a fresh mount; what was open before died without a word. */
chat_status kit_open(struct journal_kit *kit, uint64_t applied_position);
/* The process ends here, in its own time. */
void kit_close(struct journal_kit *kit);

/* What record `position` holds: any test can tell from the position alone. */
size_t kit_record_len(uint64_t position);
void kit_record_bytes(uint64_t position, uint8_t *out);
#define KIT_RECORD_MAX 700u
#define KIT_HOMES 7u /* homes take turns: record p is of home 1 + p % 7, lsn 1 + p / 7 */

/* Appends `count` records from kit->next on, and moves it on CHAT_OK. */
chat_status kit_append(struct journal_kit *kit, size_t count);
/* Reads from `from` on to the end and checks every byte. CHAT_E_CORRUPT: not ours. */
chat_status kit_check(struct journal_kit *kit, uint64_t from, uint64_t *out_last);

#endif
