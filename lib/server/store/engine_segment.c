#include "server/store/engine_segment.h"

#include <string.h>

#include "base/hash.h"

static const uint8_t segment_magic[8] = {'C', 'H', 'A', 'T', 'J', 'R', 'N', 'L'};
static const uint8_t batch_magic[4] = {'C', 'H', 'J', 'B'};

#define CHECKED_FROM 8u          /* of a batch header */
#define SEGMENT_CHECKED_FROM 16u /* of a segment header */

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static uint64_t get_u64(const uint8_t *in) { return get_u32(in) | (uint64_t)get_u32(in + 4) << 32; }

static size_t align_up(size_t len)
{
    return (len + SEGMENT_ALIGN - 1) & ~(size_t)(SEGMENT_ALIGN - 1);
}

void segment_header_encode(struct segment_header *header, uint8_t out[SEGMENT_HEADER_LEN])
{
    memset(out, 0, SEGMENT_HEADER_LEN);
    memcpy(out, segment_magic, sizeof(segment_magic));
    put_u32(out + 8, SEGMENT_VERSION);
    put_u64(out + 16, header->id);
    put_u64(out + 24, header->salt);
    put_u64(out + 32, header->first_position);
    put_u64(out + 40, header->bytes);
    put_u32(out + 48, header->shard);
    put_u32(out + 52, header->previous_crc);
    header->crc =
        hash_crc32c(0, out + SEGMENT_CHECKED_FROM, SEGMENT_HEADER_LEN - SEGMENT_CHECKED_FROM);
    put_u32(out + 12, header->crc);
}

chat_status segment_header_decode(const uint8_t bytes[SEGMENT_HEADER_LEN],
                                  struct segment_header *out)
{
    const uint32_t version = get_u32(bytes + 8);
    const uint32_t crc =
        hash_crc32c(0, bytes + SEGMENT_CHECKED_FROM, SEGMENT_HEADER_LEN - SEGMENT_CHECKED_FROM);

    if (memcmp(bytes, segment_magic, sizeof(segment_magic)) != 0 || version == 0 ||
        crc != get_u32(bytes + 12))
        return CHAT_E_CORRUPT;
    if (version > SEGMENT_VERSION)
        return CHAT_E_UNSUPPORTED;
    *out = (struct segment_header){
        .id = get_u64(bytes + 16),
        .salt = get_u64(bytes + 24),
        .first_position = get_u64(bytes + 32),
        .bytes = get_u64(bytes + 40),
        .shard = get_u32(bytes + 48),
        .previous_crc = get_u32(bytes + 52),
        .crc = crc,
    };
    return CHAT_OK;
}

size_t segment_batch_size(const struct engine_record *records, size_t count)
{
    size_t len = SEGMENT_BATCH_HEADER_LEN;

    for (size_t i = 0; i < count; i++)
        len += SEGMENT_RECORD_LEN + records[i].len;
    return align_up(len);
}

chat_status segment_batch_encode(struct segment_batch *header, const struct engine_record *records,
                                 size_t count, struct buf *out)
{
    const size_t size = segment_batch_size(records, count);
    size_t used = SEGMENT_BATCH_HEADER_LEN;
    uint8_t *bytes;
    chat_status status;

    buf_clear(out);
    status = buf_reserve(out, size, &bytes);
    if (status != CHAT_OK)
        return status;

    for (size_t i = 0; i < count; i++) {
        put_u64(bytes + used, records[i].home_id);
        put_u64(bytes + used + 8, records[i].lsn);
        put_u32(bytes + used + 16, (uint32_t)records[i].len);
        memcpy(bytes + used + SEGMENT_RECORD_LEN, records[i].bytes, records[i].len);
        used += SEGMENT_RECORD_LEN + records[i].len;
    }
    memset(bytes + used, 0, size - used);

    header->first_position = records[0].position;
    header->count = (uint32_t)count;
    header->payload_len = (uint32_t)(used - SEGMENT_BATCH_HEADER_LEN);
    memcpy(bytes, batch_magic, sizeof(batch_magic));
    put_u64(bytes + 8, header->salt);
    put_u64(bytes + 16, header->segment_id);
    put_u64(bytes + 24, header->first_position);
    put_u32(bytes + 32, header->count);
    put_u32(bytes + 36, header->payload_len);
    put_u32(bytes + 40, header->previous_crc);
    put_u32(bytes + 44, 0);
    header->crc = hash_crc32c(0, bytes + CHECKED_FROM, used - CHECKED_FROM);
    put_u32(bytes + 4, header->crc);
    buf_commit(out, size);
    return CHAT_OK;
}

bool segment_batch_decode(const uint8_t bytes[SEGMENT_BATCH_HEADER_LEN], struct segment_batch *out)
{
    if (memcmp(bytes, batch_magic, sizeof(batch_magic)) != 0)
        return false;
    *out = (struct segment_batch){
        .crc = get_u32(bytes + 4),
        .salt = get_u64(bytes + 8),
        .segment_id = get_u64(bytes + 16),
        .first_position = get_u64(bytes + 24),
        .count = get_u32(bytes + 32),
        .payload_len = get_u32(bytes + 36),
        .previous_crc = get_u32(bytes + 40),
    };
    return out->count > 0 && out->count <= ENGINE_APPEND_RECORDS_MAX &&
           out->payload_len >= (size_t)out->count * SEGMENT_RECORD_LEN &&
           out->payload_len <= SEGMENT_BATCH_PAYLOAD_MAX && get_u32(bytes + 44) == 0;
}

bool segment_batch_is_whole(const uint8_t bytes[SEGMENT_BATCH_HEADER_LEN], const uint8_t *payload,
                            size_t len)
{
    uint32_t crc = hash_crc32c(0, bytes + CHECKED_FROM, SEGMENT_BATCH_HEADER_LEN - CHECKED_FROM);

    return hash_crc32c(crc, payload, len) == get_u32(bytes + 4);
}

size_t segment_batch_stride(const struct segment_batch *header)
{
    return align_up(SEGMENT_BATCH_HEADER_LEN + (size_t)header->payload_len);
}

bool segment_batch_next(const uint8_t *payload, size_t payload_len, size_t *cursor,
                        struct engine_record *record)
{
    size_t len;

    if (payload_len - *cursor < SEGMENT_RECORD_LEN)
        return false;
    len = get_u32(payload + *cursor + 16);
    if (len > payload_len - *cursor - SEGMENT_RECORD_LEN)
        return false;
    *record = (struct engine_record){
        .home_id = get_u64(payload + *cursor),
        .lsn = get_u64(payload + *cursor + 8),
        .bytes = payload + *cursor + SEGMENT_RECORD_LEN,
        .len = len,
    };
    *cursor += SEGMENT_RECORD_LEN + len;
    return true;
}
