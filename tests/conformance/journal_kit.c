#include "journal_kit.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"

void kit_init(struct journal_kit *kit, uint64_t seed)
{
    *kit = (struct journal_kit){.storage = sim_disk_new(NULL, seed), .next = 1};
    kit->config = (struct journal_config){
        .allocator = &alloc_default,
        .folder = KIT_FOLDER,
        .shard = 3,
        .segment_bytes = KIT_SEGMENT,
        .segments_max = 4,
        .seed = seed,
    };
}

void kit_fini(struct journal_kit *kit)
{
    kit_close(kit);
    sim_disk_free(kit->storage);
}

void kit_close(struct journal_kit *kit)
{
    engine_journal_close(kit->journal);
    kit->journal = NULL;
    if (kit->disk)
        sim_disk_unmount(kit->disk);
    kit->disk = NULL;
}

chat_status kit_open(struct journal_kit *kit, uint64_t applied_position)
{
    chat_status status;

    if (kit->disk)
        sim_disk_kill(kit->disk);
    kit_close(kit);
    kit->disk = sim_disk_mount(kit->storage);
    kit->config.disk = kit->disk;
    status = disk_make_dir(kit->disk, KIT_FOLDER);
    if (status == CHAT_OK)
        status = disk_sync_dir(kit->disk, "root");
    if (status == CHAT_OK)
        status = engine_journal_open(&kit->config, applied_position, &kit->journal, &kit->found);
    if (status == CHAT_OK)
        kit->next = kit->found.synced_position + 1;
    return status;
}

size_t kit_record_len(uint64_t position) { return 1 + hash_u64(position) % KIT_RECORD_MAX; }

void kit_record_bytes(uint64_t position, uint8_t *out)
{
    const size_t len = kit_record_len(position);

    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)hash_pair(position, i / 8);
}

chat_status kit_append(struct journal_kit *kit, size_t count)
{
    struct engine_record *records = calloc(count, sizeof(*records));
    uint8_t *bytes = malloc(count * KIT_RECORD_MAX);
    chat_status status;

    if (!records || !bytes)
        abort();
    for (size_t i = 0; i < count; i++) {
        const uint64_t position = kit->next + i;
        records[i] = (struct engine_record){
            .home_id = 1 + position % KIT_HOMES,
            .lsn = 1 + position / KIT_HOMES,
            .position = position,
            .bytes = bytes + i * KIT_RECORD_MAX,
            .len = kit_record_len(position),
        };
        kit_record_bytes(position, bytes + i * KIT_RECORD_MAX);
    }
    status = engine_journal_append(kit->journal, records, count);
    if (status == CHAT_OK)
        kit->next += count;
    free(records);
    free(bytes);
    return status;
}

static bool is_ours(const struct engine_record *record, uint64_t position)
{
    uint8_t bytes[KIT_RECORD_MAX];

    kit_record_bytes(position, bytes);
    return record->position == position && record->home_id == 1 + position % KIT_HOMES &&
           record->lsn == 1 + position / KIT_HOMES && record->len == kit_record_len(position) &&
           memcmp(record->bytes, bytes, record->len) == 0;
}

chat_status kit_check(struct journal_kit *kit, uint64_t from, uint64_t *out_last)
{
    struct arena arena;
    chat_status status;

    arena_init(&arena, &alloc_default, 1u << 20);
    for (;;) {
        struct engine_record *records = NULL;
        size_t count = 0;

        arena_reset(&arena);
        status = engine_journal_read(kit->journal, from, 20000, &arena, &records, &count);
        if (status != CHAT_OK || count == 0)
            break;
        for (size_t i = 0; i < count; i++, from++) {
            if (!is_ours(&records[i], from)) {
                status = CHAT_E_CORRUPT;
                goto done;
            }
        }
    }
    *out_last = from - 1;
done:
    arena_fini(&arena);
    return status;
}
