/*
 * Recovery of a journal that somebody else wrote: it opens, or is corrupt or too new. What
 * opened can be read, appended to, and opened again with all that it had.
 *
 * The first byte says what the rest is: raw bytes of a segment file, edits of a good
 * journal, or segments and batches whose checksums are right and whose content is not.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "fuzz.h"
#include "server/store/engine_journal.h"
#include "server/store/engine_segment.h"
#include "testkit/sim_disk.h"

#define FOLDER "root/shard"
#define SEGMENT 16384u
#define FILES 3u

struct input {
    const uint8_t *bytes;
    size_t len;
};

static uint32_t take(struct input *in, size_t count)
{
    uint32_t value = 0;

    for (size_t i = 0; i < count; i++) {
        value <<= 8;
        if (in->len > 0) {
            value |= *in->bytes++;
            in->len--;
        }
    }
    return value;
}

static const char *path_of(uint32_t file)
{
    static const char *const paths[FILES] = {FOLDER "/journal-0000.seg", FOLDER "/journal-0001.seg",
                                             FOLDER "/journal-0002.seg"};
    return paths[file % FILES];
}

static chat_status open_journal(struct sim_disk *storage, struct disk **disk, uint64_t applied,
                                struct engine_journal **journal, struct journal_found *found)
{
    struct journal_config config = {.allocator = &alloc_default,
                                    .folder = FOLDER,
                                    .shard = 3,
                                    .segment_bytes = SEGMENT,
                                    .segments_max = 4,
                                    .seed = 1};

    *disk = sim_disk_mount(storage);
    config.disk = *disk;
    FUZZ_CHECK(disk_make_dir(*disk, FOLDER) == CHAT_OK);
    return engine_journal_open(&config, applied, journal, found);
}

static chat_status append_one(struct engine_journal *journal, uint64_t position, size_t len)
{
    static uint8_t bytes[SEGMENT];
    const struct engine_record record = {.home_id = hash_u64(position) >> 2,
                                         .lsn = 1,
                                         .position = position,
                                         .bytes = bytes,
                                         .len = len};

    return engine_journal_append(journal, &record, 1);
}

/* --- the three kinds of input --- */

static void put_raw(struct sim_disk *storage, struct input *in)
{
    const uint32_t file = take(in, 1);
    const size_t split = take(in, 2) % SEGMENT;
    const size_t first = in->len < split ? in->len : split;
    static const uint8_t zero[SEGMENT];

    sim_disk_poke(storage, path_of(file), 0, zero, SEGMENT);
    sim_disk_poke(storage, path_of(file), 0, in->bytes, first);
    sim_disk_poke(storage, path_of(file), SEGMENT_DATA_START, in->bytes + first,
                  in->len - first < SEGMENT ? in->len - first : SEGMENT);
}

static void put_edits(struct sim_disk *storage, struct input *in)
{
    struct journal_found found;
    struct engine_journal *journal;
    struct disk *disk;
    uint32_t count = take(in, 1) % 40;

    FUZZ_CHECK(open_journal(storage, &disk, 0, &journal, &found) == CHAT_OK);
    for (uint64_t position = 1; position <= count; position++)
        FUZZ_CHECK(append_one(journal, position, (size_t)(hash_u64(position) % 2000)) == CHAT_OK);
    engine_journal_close(journal);
    sim_disk_unmount(disk);
    while (in->len > 0) {
        const uint32_t file = take(in, 1);
        const uint32_t offset = take(in, 2) % SEGMENT;
        uint64_t size;
        const uint8_t *bytes = sim_disk_peek(storage, path_of(file), &size);
        uint8_t byte = (uint8_t)take(in, 1);
        if (bytes && offset < size) {
            byte ^= bytes[offset];
            sim_disk_poke(storage, path_of(file), offset, &byte, 1);
        }
    }
}

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* One batch whose CRC is right, whatever it says. Bytes used. */
static size_t put_batch(uint8_t *out, size_t room, const struct segment_header *header,
                        uint32_t *previous, struct input *in)
{
    const size_t payload = take(in, 2) % 600;
    const size_t size = (SEGMENT_BATCH_HEADER_LEN + payload + 7) & ~(size_t)7;
    struct engine_record record = {.home_id = 1,
                                   .lsn = 1,
                                   .position = header->first_position + take(in, 1),
                                   .bytes = in->bytes};
    struct segment_batch batch = {
        .salt = header->salt, .segment_id = header->id, .previous_crc = *previous};
    struct buf encoded;

    if (payload < SEGMENT_RECORD_LEN || size > room || in->len < payload)
        return 0;
    buf_init(&encoded, NULL, SEGMENT);
    record.len = payload - SEGMENT_RECORD_LEN;
    FUZZ_CHECK(segment_batch_encode(&batch, &record, 1, &encoded) == CHAT_OK);
    memcpy(encoded.bytes + SEGMENT_BATCH_HEADER_LEN, in->bytes, payload);
    put_u32(encoded.bytes + 32, take(in, 2));
    batch.crc = hash_crc32c(0, encoded.bytes + 8, SEGMENT_BATCH_HEADER_LEN - 8 + payload);
    put_u32(encoded.bytes + 4, batch.crc);
    memcpy(out, encoded.bytes, encoded.len);
    *previous = batch.crc;
    buf_fini(&encoded);
    return size;
}

static void put_forged(struct sim_disk *storage, struct input *in)
{
    uint32_t previous = 0;

    for (uint32_t file = 0; file < FILES && in->len > 0; file++) {
        static uint8_t bytes[SEGMENT];
        struct segment_header header = {.id = take(in, 1),
                                        .salt = 9,
                                        .first_position = take(in, 1),
                                        .bytes = (uint64_t)take(in, 2) << 4,
                                        .shard = 3,
                                        .previous_crc = previous};
        size_t at = SEGMENT_DATA_START, used = 1;

        memset(bytes, 0, sizeof(bytes));
        segment_header_encode(&header, bytes);
        previous = header.crc;
        while (used > 0 && take(in, 1) % 8 != 0) {
            used = put_batch(bytes + at, SEGMENT - at, &header, &previous, in);
            at += used;
        }
        sim_disk_poke(storage, path_of(file), 0, bytes, sizeof(bytes));
    }
}

/* --- what must hold --- */

static void read_all(struct engine_journal *journal, const struct journal_found *found)
{
    uint64_t from = found->oldest_position;
    struct arena arena;
    struct engine_record *records;
    size_t count;

    arena_init(&arena, NULL, 8u << 20);
    do {
        arena_reset(&arena);
        FUZZ_CHECK(engine_journal_read(journal, from, 3000, &arena, &records, &count) == CHAT_OK);
        for (size_t i = 0; i < count; i++)
            FUZZ_CHECK(records[i].position == from + i);
        from += count;
    } while (count > 0);
    FUZZ_CHECK(from == found->synced_position + 1);
    arena_fini(&arena);
}

static void check(struct sim_disk *storage, uint64_t applied)
{
    struct journal_found found = {0}, again = {0};
    struct engine_journal *journal = NULL;
    struct disk *disk = NULL;
    uint64_t last;
    chat_status status = open_journal(storage, &disk, applied, &journal, &found);

    FUZZ_CHECK(status == CHAT_OK || status == CHAT_E_CORRUPT || status == CHAT_E_UNSUPPORTED);
    if (status == CHAT_OK) {
        FUZZ_CHECK(found.oldest_position <= applied + 1 && found.synced_position >= applied);
        read_all(journal, &found);
        last = found.synced_position;
        status = append_one(journal, last + 1, 100);
        FUZZ_CHECK(status == CHAT_OK || status == CHAT_E_CONFLICT || status == CHAT_E_INVALID);
        last += status == CHAT_OK;
        engine_journal_close(journal);
        sim_disk_unmount(disk);
        FUZZ_CHECK(open_journal(storage, &disk, applied, &journal, &again) == CHAT_OK);
        FUZZ_CHECK(again.synced_position == last);
        read_all(journal, &again);
        engine_journal_close(journal);
    }
    sim_disk_unmount(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input in = {bytes, len};
    struct sim_disk *storage = sim_disk_new(NULL, 1);
    const uint32_t kind = take(&in, 1), applied = take(&in, 1) % 32;

    if (kind % 3 == 0)
        put_raw(storage, &in);
    else if (kind % 3 == 1)
        put_edits(storage, &in);
    else
        put_forged(storage, &in);
    check(storage, applied);
    sim_disk_free(storage);
    return 0;
}
