#include "server/store/engine_journal_inner.h"

/* The segment that holds a position; id 0 when it is gone. */
static struct journal_slot find_segment(struct engine_journal *journal, uint64_t position)
{
    struct journal_slot found = {0};

    pthread_mutex_lock(&journal->mutex);
    for (uint32_t i = 0; i < journal->slot_count; i++) {
        const struct journal_slot *slot = &journal->slots[i];
        const bool holds =
            slot->state == SLOT_HELD ? position <= slot->last_position : slot->state == SLOT_ACTIVE;
        if (holds && position >= slot->header.first_position)
            found = *slot;
    }
    pthread_mutex_unlock(&journal->mutex);
    return found;
}

/* Puts the cursor on the batch that holds `position`, or on one before it. */
static chat_status seek(struct engine_journal *journal, uint64_t position,
                        struct segment_header *out_segment)
{
    const struct journal_slot slot = find_segment(journal, position);
    struct disk_file *file = NULL;
    char path[DISK_PATH_MAX];
    chat_status status;

    if (slot.header.id == 0)
        return CHAT_E_NOT_FOUND;
    *out_segment = slot.header;
    if (journal->cursor.segment_id == slot.header.id && journal->cursor.position <= position)
        return CHAT_OK;

    status = journal_slot_path(journal, slot.number, path);
    if (status == CHAT_OK)
        status = disk_open(journal->config.disk, path, 0, &file);
    if (status != CHAT_OK)
        return status;
    disk_close(journal->cursor.scan.file);
    journal_scan_start(&journal->cursor.scan, file);
    journal->cursor.segment_id = slot.header.id;
    journal->cursor.position = slot.header.first_position;
    journal->cursor.offset = SEGMENT_DATA_START;
    return CHAT_OK;
}

struct gathered {
    struct arena *arena;
    struct engine_record *records;
    size_t count, cap;
    size_t bytes, bytes_max;
};

static bool has_room(const struct gathered *into, size_t len)
{
    return into->count == 0 || (len <= into->bytes_max && into->bytes <= into->bytes_max - len);
}

static chat_status gather(struct gathered *into, const struct engine_record *record)
{
    uint8_t *bytes;

    if (into->count == into->cap) {
        const size_t cap = into->cap ? into->cap * 2 : 64;
        struct engine_record *records = arena_alloc(into->arena, cap * sizeof(*records));
        if (!records)
            return CHAT_E_NOMEM;
        for (size_t i = 0; i < into->count; i++)
            records[i] = into->records[i];
        into->records = records;
        into->cap = cap;
    }
    bytes = arena_copy(into->arena, record->bytes, record->len);
    if (!bytes)
        return CHAT_E_NOMEM;
    into->records[into->count] = *record;
    into->records[into->count++].bytes = bytes;
    into->bytes += record->len;
    return CHAT_OK;
}

/* Takes what fits of the batch under the cursor; *out_full when something did not. */
static chat_status gather_batch(struct engine_journal *journal,
                                const struct segment_header *segment, uint64_t from,
                                struct gathered *into, bool *out_full)
{
    struct segment_batch batch;
    struct engine_record record;
    const uint8_t *payload;
    uint64_t position = journal->cursor.position;
    size_t at = 0;
    chat_status status = journal_scan_batch(&journal->cursor.scan, segment, journal->cursor.offset,
                                            &batch, &payload);

    /* Recovery saw it whole, or we wrote it: now it is not there. */
    if (status == CHAT_E_NOT_FOUND || (status == CHAT_OK && batch.first_position != position))
        return CHAT_E_CORRUPT;
    if (status != CHAT_OK)
        return status;
    for (; segment_batch_next(payload, batch.payload_len, &at, &record); position++) {
        if (position < from)
            continue;
        if (!has_room(into, record.len)) {
            *out_full = true;
            return CHAT_OK;
        }
        record.position = position;
        status = gather(into, &record);
        if (status != CHAT_OK)
            return status;
    }
    journal->cursor.position = position;
    journal->cursor.offset += segment_batch_stride(&batch);
    return CHAT_OK;
}

chat_status engine_journal_read(struct engine_journal *journal, uint64_t from_position,
                                size_t bytes_max, struct arena *arena,
                                struct engine_record **out_records, size_t *out_count)
{
    struct gathered into = {.arena = arena, .bytes_max = bytes_max};
    bool full = false;
    chat_status status = CHAT_OK;

    if (journal->poisoned)
        return CHAT_E_IO;
    /* The window may be from before a batch was appended. */
    journal_scan_start(&journal->cursor.scan, journal->cursor.scan.file);
    while (!full && from_position + into.count < journal->next_position) {
        struct segment_header segment;
        const uint64_t next = from_position + into.count;

        status = seek(journal, next, &segment);
        if (status == CHAT_OK)
            status = gather_batch(journal, &segment, next, &into, &full);
        if (status != CHAT_OK)
            return status;
    }
    *out_records = into.records;
    *out_count = into.count;
    return CHAT_OK;
}
