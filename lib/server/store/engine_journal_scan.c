#include "base/plant.h"
#include "server/store/engine_journal_inner.h"

void journal_scan_init(struct journal_scan *scan, const struct chat_allocator *allocator)
{
    *scan = (struct journal_scan){0};
    buf_init(&scan->window, allocator, SEGMENT_BATCH_LEN_MAX + JOURNAL_WINDOW);
}

void journal_scan_start(struct journal_scan *scan, struct disk_file *file)
{
    scan->file = file;
    scan->offset = 0;
    buf_clear(&scan->window);
}

void journal_scan_fini(struct journal_scan *scan)
{
    buf_fini(&scan->window);
    scan->file = NULL;
}

chat_status journal_scan_get(struct journal_scan *scan, uint64_t offset, size_t len,
                             const uint8_t **out_bytes)
{
    const size_t want = len > JOURNAL_WINDOW ? len : JOURNAL_WINDOW;
    chat_status status;
    uint8_t *room;
    size_t got;

    if (offset >= scan->offset && offset - scan->offset <= scan->window.len &&
        scan->window.len - (size_t)(offset - scan->offset) >= len) {
        *out_bytes = scan->window.bytes + (offset - scan->offset);
        return CHAT_OK;
    }
    buf_clear(&scan->window);
    scan->offset = offset;
    status = buf_reserve(&scan->window, want, &room);
    if (status == CHAT_OK)
        status = disk_read(scan->file, offset, room, want, &got);
    if (status != CHAT_OK)
        return status;
    buf_commit(&scan->window, got);
    *out_bytes = scan->window.bytes;
    return got < len ? CHAT_E_NOT_FOUND : CHAT_OK;
}

chat_status journal_scan_batch(struct journal_scan *scan, const struct segment_header *segment,
                               uint64_t offset, struct segment_batch *out_batch,
                               const uint8_t **out_payload)
{
    const uint8_t *bytes;
    size_t size;
    chat_status status;

    if (offset > segment->bytes || segment->bytes - offset < SEGMENT_BATCH_HEADER_LEN)
        return CHAT_E_NOT_FOUND;
    status = journal_scan_get(scan, offset, SEGMENT_BATCH_HEADER_LEN, &bytes);
    if (status != CHAT_OK)
        return status;
    if (!segment_batch_decode(bytes, out_batch) || out_batch->salt != segment->salt ||
        out_batch->segment_id != segment->id)
        return CHAT_E_NOT_FOUND;
    size = SEGMENT_BATCH_HEADER_LEN + (size_t)out_batch->payload_len;
    if (size > segment->bytes - offset)
        return CHAT_E_NOT_FOUND;
    status = journal_scan_get(scan, offset, size, &bytes);
    if (status != CHAT_OK)
        return status;
    *out_payload = bytes + SEGMENT_BATCH_HEADER_LEN;
    if (!PLANTED(TORN_TAIL_ACCEPTED) &&
        !segment_batch_is_whole(bytes, *out_payload, out_batch->payload_len))
        return CHAT_E_NOT_FOUND;
    return CHAT_OK;
}
