#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/store/engine_journal_inner.h"

/* Where the walk along the chain of batches is. */
struct walk {
    uint64_t next_position;
    uint32_t crc;         /* of the last batch, or of the segment's header */
    uint64_t offset;      /* behind the last batch */
    uint64_t last_offset; /* of the last batch in this segment, 0: none */
};

struct listing {
    struct engine_journal *journal;
    chat_status status;
    uint32_t cap;
};

static chat_status refuse(const struct engine_journal *journal, const struct journal_slot *slot,
                          const char *why)
{
    log_write(journal->config.logger, CHAT_LOG_ERROR, "journal", "%s: file %u, segment %llu: %s",
              journal->folder, slot ? slot->number : 0,
              (unsigned long long)(slot ? slot->header.id : 0), why);
    return CHAT_E_CORRUPT;
}

static chat_status open_slot(struct engine_journal *journal, const struct journal_slot *slot,
                             struct disk_file **out_file)
{
    char path[DISK_PATH_MAX];
    chat_status status = journal_slot_path(journal, slot->number, path);

    return status == CHAT_OK ? disk_open(journal->config.disk, path, 0, out_file) : status;
}

/* --- finding the files --- */

static chat_status grow_slots(struct engine_journal *journal, uint32_t cap)
{
    struct journal_slot *slots =
        alloc_resize(journal->allocator, journal->slots, journal->slot_count * sizeof(*slots),
                     cap * sizeof(*slots));

    if (!slots)
        return CHAT_E_NOMEM;
    journal->slots = slots;
    journal->slot_cap = cap;
    return CHAT_OK;
}

static bool list_one(const char *name, void *user)
{
    struct listing *listing = user;
    struct engine_journal *journal = listing->journal;
    const uint32_t number = journal_slot_of_name(name);

    if (number == JOURNAL_NO_SLOT)
        return true;
    if (journal->slot_count >= 2 * JOURNAL_SEGMENTS_MAX) {
        listing->status = refuse(journal, NULL, "too many segment files");
        return false;
    }
    if (journal->slot_count == journal->slot_cap)
        listing->status = grow_slots(journal, journal->slot_cap * 2);
    if (listing->status != CHAT_OK)
        return false;
    journal->slots[journal->slot_count++] =
        (struct journal_slot){.state = SLOT_GONE, .number = number};
    return true;
}

/* Reads a slot's header. id 0 and salt 0 also mean: it is not one. */
static chat_status read_slot(struct engine_journal *journal, struct journal_slot *slot,
                             bool *out_valid)
{
    uint8_t bytes[SEGMENT_HEADER_LEN];
    struct disk_file *file = NULL;
    size_t got = 0;
    chat_status status = open_slot(journal, slot, &file);

    *out_valid = false;
    if (status == CHAT_OK)
        status = disk_size(file, &slot->file_bytes);
    if (status == CHAT_OK)
        status = disk_read(file, 0, bytes, sizeof(bytes), &got);
    disk_close(file);
    if (status != CHAT_OK || got < sizeof(bytes))
        return status;

    status = segment_header_decode(bytes, &slot->header);
    if (status == CHAT_E_CORRUPT)
        return CHAT_OK;
    if (status != CHAT_OK)
        return status;
    if (slot->header.shard != journal->config.shard)
        return refuse(journal, slot, "it belongs to another shard");
    if (slot->header.id > 0 &&
        (slot->header.bytes < SEGMENT_BYTES_MIN || slot->header.bytes > SEGMENT_BYTES_MAX))
        return refuse(journal, slot, "its size cannot be");
    *out_valid = true;
    return CHAT_OK;
}

/* A file with a broken header is one that was being made, unless it holds a batch of a
 * segment newer than all others. */
static chat_status look_for_batches(struct engine_journal *journal, const struct journal_slot *slot,
                                    uint64_t newest_id)
{
    struct journal_scan scan;
    struct disk_file *file = NULL;
    chat_status status = open_slot(journal, slot, &file);

    if (status != CHAT_OK)
        return status;
    journal_scan_init(&scan, journal->allocator);
    journal_scan_start(&scan, file);
    for (uint64_t at = SEGMENT_DATA_START;
         status == CHAT_OK && at + SEGMENT_BATCH_HEADER_LEN <= slot->file_bytes;
         at += SEGMENT_ALIGN) {
        const uint8_t *bytes;
        struct segment_batch batch;
        status = journal_scan_get(&scan, at, SEGMENT_BATCH_HEADER_LEN, &bytes);
        if (status != CHAT_OK || !segment_batch_decode(bytes, &batch) ||
            batch.segment_id <= newest_id)
            continue;
        struct segment_header claimed = {
            .id = batch.segment_id, .salt = batch.salt, .bytes = slot->file_bytes};
        status = journal_scan_batch(&scan, &claimed, at, &batch, &bytes);
        if (status == CHAT_OK)
            status = refuse(journal, slot, "its header is broken, its batches are not");
        else if (status == CHAT_E_NOT_FOUND)
            status = CHAT_OK;
    }
    disk_close(file);
    journal_scan_fini(&scan);
    return status;
}

static int by_id(const void *a, const void *b)
{
    const struct journal_slot *x = a, *y = b;

    if (x->header.id != y->header.id)
        return x->header.id < y->header.id ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Fills the slots with what the folder holds, ordered by segment id. */
static chat_status find_slots(struct engine_journal *journal)
{
    struct listing listing = {.journal = journal, .status = CHAT_OK};
    uint64_t newest_id = 0;
    chat_status status = grow_slots(journal, journal->config.segments_max + 1);

    if (status == CHAT_OK)
        status = disk_list(journal->config.disk, journal->folder, list_one, &listing);
    if (status == CHAT_OK)
        status = listing.status;
    for (uint32_t i = 0; i < journal->slot_count && status == CHAT_OK; i++) {
        bool valid;
        status = read_slot(journal, &journal->slots[i], &valid);
        if (status == CHAT_OK && valid) {
            journal->slots[i].state = SLOT_FREE;
            if (journal->slots[i].header.id > newest_id)
                newest_id = journal->slots[i].header.id;
        }
    }
    for (uint32_t i = 0; i < journal->slot_count && status == CHAT_OK; i++) {
        struct journal_slot *slot = &journal->slots[i];
        if (slot->state != SLOT_GONE)
            continue;
        slot->header = (struct segment_header){0};
        status = look_for_batches(journal, slot, newest_id);
        if (status == CHAT_OK)
            journal_slot_drop(journal, slot);
    }
    /* Room for as many as there may ever be; what was found in excess shrinks by itself. */
    if (status == CHAT_OK && journal->slot_cap < journal->slot_count + 1)
        status = grow_slots(journal, journal->slot_count + 1);
    if (status == CHAT_OK)
        qsort(journal->slots, journal->slot_count, sizeof(*journal->slots), by_id);
    return status;
}

/* The segment to start from: the last that begins at or before the first record that is
 * not in the table, in an unbroken run up to the newest. JOURNAL_NO_SLOT: none does. */
static uint32_t find_start(const struct engine_journal *journal, uint64_t applied_position)
{
    for (uint32_t i = journal->slot_count; i-- > 0;) {
        const struct journal_slot *slot = &journal->slots[i];
        if (slot->header.id == 0)
            break;
        if (i + 1 < journal->slot_count && journal->slots[i + 1].header.id != slot->header.id + 1)
            break;
        if (slot->header.first_position <= applied_position + 1)
            return i;
    }
    return JOURNAL_NO_SLOT;
}

/* --- walking the chain --- */

/* Takes the records of one whole batch. False: they are not what the header says. */
static bool take_batch(struct engine_journal *journal, const struct segment_batch *batch,
                       const uint8_t *payload)
{
    struct engine_record record;
    size_t at = 0;
    uint32_t count = 0;

    for (; segment_batch_next(payload, batch->payload_len, &at, &record); count++)
        engine_guard_saw(&journal->guard, &record, 1);
    return count == batch->count && at == batch->payload_len;
}

/* From the segment's first batch to its last good one. */
static chat_status walk_segment(struct engine_journal *journal, struct journal_scan *scan,
                                const struct journal_slot *slot, struct walk *walk)
{
    walk->offset = SEGMENT_DATA_START;
    walk->last_offset = 0;
    for (;;) {
        struct segment_batch batch;
        const uint8_t *payload;
        chat_status status =
            journal_scan_batch(scan, &slot->header, walk->offset, &batch, &payload);

        if (status == CHAT_E_NOT_FOUND)
            return CHAT_OK;
        if (status != CHAT_OK)
            return status;
        if (batch.previous_crc != walk->crc || batch.first_position != walk->next_position)
            return refuse(journal, slot, "a whole batch does not follow the one before");
        if (!take_batch(journal, &batch, payload))
            return refuse(journal, slot, "a whole batch holds something else than records");
        walk->last_offset = walk->offset;
        walk->offset += segment_batch_stride(&batch);
        walk->next_position += batch.count;
        walk->crc = batch.crc;
    }
}

/* Nothing whole may follow the end of the chain; *out_begun: something broken does. */
static chat_status check_tail(struct engine_journal *journal, struct journal_scan *scan,
                              const struct journal_slot *slot, uint64_t end, bool *out_begun)
{
    *out_begun = false;
    for (uint64_t at = end; at + SEGMENT_BATCH_HEADER_LEN <= slot->header.bytes;
         at += SEGMENT_ALIGN) {
        struct segment_batch batch;
        const uint8_t *bytes;
        chat_status status = journal_scan_get(scan, at, SEGMENT_BATCH_HEADER_LEN, &bytes);

        if (status != CHAT_OK)
            return status == CHAT_E_NOT_FOUND ? CHAT_OK : status;
        if (!segment_batch_decode(bytes, &batch) || batch.salt != slot->header.salt ||
            batch.segment_id != slot->header.id)
            continue;
        *out_begun = true;
        status = journal_scan_batch(scan, &slot->header, at, &batch, &bytes);
        if (status == CHAT_OK)
            return refuse(journal, slot, "a broken batch is followed by a whole one");
        if (status != CHAT_E_NOT_FOUND)
            return status;
    }
    return CHAT_OK;
}

/* Walks from slot `start` to the newest. `scan` is left on the newest's file, *out_file. */
static chat_status walk_all(struct engine_journal *journal, uint32_t start,
                            struct journal_scan *scan, struct walk *walk,
                            struct disk_file **out_file)
{
    chat_status status = CHAT_OK;

    for (uint32_t i = start; i < journal->slot_count && status == CHAT_OK; i++) {
        struct journal_slot *slot = &journal->slots[i];

        if (i == start)
            walk->next_position = slot->header.first_position;
        else if (slot->header.previous_crc != walk->crc ||
                 slot->header.first_position != walk->next_position)
            return refuse(journal, slot, "the segment before it ends too early");
        if (slot->file_bytes < slot->header.bytes)
            return refuse(journal, slot, "its file is too short");
        walk->crc = slot->header.crc;
        disk_close(*out_file);
        *out_file = NULL;
        status = open_slot(journal, slot, out_file);
        if (status == CHAT_OK) {
            journal_scan_start(scan, *out_file);
            status = walk_segment(journal, scan, slot, walk);
        }
        slot->state = i + 1 < journal->slot_count ? SLOT_HELD : SLOT_ACTIVE;
        slot->last_position = walk->next_position - 1;
    }
    return status;
}

/* --- mending the end --- */

static chat_status rewrite(struct engine_journal *journal, struct disk_file *file, uint64_t offset,
                           size_t len)
{
    uint8_t *room;
    size_t got;
    chat_status status;

    buf_clear(&journal->batch);
    status = buf_reserve(&journal->batch, len, &room);
    if (status == CHAT_OK)
        status = disk_read(file, offset, room, len, &got);
    if (status == CHAT_OK && got < len)
        status = CHAT_E_CORRUPT;
    return status == CHAT_OK ? disk_write(file, offset, room, len) : status;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* Zeros where a batch that was cut may have been, so that no later recovery can see it. */
static chat_status clear_tail(struct journal_scan *scan, uint64_t from, uint64_t segment_bytes)
{
    const uint64_t end =
        segment_bytes - from < SEGMENT_BATCH_LEN_MAX ? segment_bytes : from + SEGMENT_BATCH_LEN_MAX;
    const uint8_t *bytes;

    while (from < end) {
        const size_t part = end - from < JOURNAL_WINDOW ? (size_t)(end - from) : JOURNAL_WINDOW;
        chat_status status = journal_scan_get(scan, from, part, &bytes);
        if (status == CHAT_OK && !is_zero(bytes, part))
            status = disk_allocate(scan->file, from, part);
        if (status != CHAT_OK)
            return status == CHAT_E_NOT_FOUND ? CHAT_E_CORRUPT : status;
        from += part;
    }
    return CHAT_OK;
}

static chat_status mend(struct engine_journal *journal, struct journal_scan *scan,
                        const struct journal_slot *newest, const struct walk *walk)
{
    chat_status status = clear_tail(scan, walk->offset, newest->header.bytes);

    if (status == CHAT_OK)
        status = rewrite(journal, scan->file, 0, SEGMENT_HEADER_LEN);
    if (status == CHAT_OK && walk->last_offset > 0)
        status = rewrite(journal, scan->file, walk->last_offset,
                         (size_t)(walk->offset - walk->last_offset));
    if (status == CHAT_OK)
        status = disk_sync(scan->file);
    if (status == CHAT_OK)
        status = disk_sync_dir(journal->config.disk, journal->folder);
    return status;
}

/* --- all of it --- */

static chat_status start_new(struct engine_journal *journal, uint64_t applied_position,
                             struct journal_found *found)
{
    chat_status status = CHAT_OK;

    if (applied_position > 0)
        return refuse(journal, NULL, "the table has rows, the log is gone");
    /* Who made the files that are there may have been killed before their names would last. */
    if (journal->slot_count > 0)
        status = disk_sync_dir(journal->config.disk, journal->folder);
    if (status != CHAT_OK)
        return status;
    journal->next_position = 1;
    found->created = true;
    found->oldest_position = 1;
    return journal_roll(journal);
}

static chat_status recover_from(struct engine_journal *journal, uint32_t start,
                                uint64_t applied_position, struct journal_scan *scan,
                                struct journal_found *found)
{
    const uint32_t newest = journal->slot_count - 1;
    struct walk walk = {0};
    chat_status status = walk_all(journal, start, scan, &walk, &journal->active_file);

    if (status == CHAT_OK)
        status = check_tail(journal, scan, &journal->slots[newest], walk.offset, &found->tail_cut);
    if (status == CHAT_OK && walk.next_position <= applied_position)
        status = refuse(journal, &journal->slots[newest], "the log ends before the table's rows");
    if (status == CHAT_OK)
        status = mend(journal, scan, &journal->slots[newest], &walk);
    if (status != CHAT_OK)
        return status;

    journal->active = newest;
    journal->active_offset = walk.offset;
    journal->next_position = walk.next_position;
    journal->last_crc = walk.crc;
    found->oldest_position = journal->slots[start].header.first_position;
    if (found->tail_cut)
        log_write(journal->config.logger, CHAT_LOG_WARN, "journal",
                  "%s: an unfinished batch behind position %llu was dropped", journal->folder,
                  (unsigned long long)(walk.next_position - 1));
    return CHAT_OK;
}

chat_status journal_recover(struct engine_journal *journal, uint64_t applied_position,
                            struct journal_found *found)
{
    struct journal_scan scan;
    uint32_t start;
    chat_status status = find_slots(journal);

    if (status != CHAT_OK)
        return status;
    if (journal->slot_count == 0 || journal->slots[journal->slot_count - 1].header.id == 0) {
        status = start_new(journal, applied_position, found);
    } else {
        start = find_start(journal, applied_position);
        if (start == JOURNAL_NO_SLOT)
            return refuse(journal, &journal->slots[journal->slot_count - 1],
                          "segments before it are missing");
        journal_scan_init(&scan, journal->allocator);
        status = recover_from(journal, start, applied_position, &scan, found);
        journal_scan_fini(&scan);
    }
    if (status == CHAT_OK)
        found->synced_position = journal->next_position - 1;
    return status;
}
