/*
 * engine_segment: the bytes of the journal on disk. Everything is little-endian.
 *
 * A journal is a ring of segment files, zero-filled when they are made and then reused.
 * A segment begins with a header block; batches follow, each at a multiple of 8:
 *
 *   segment header, 512 bytes at 0         batch header, 48 bytes
 *     0  8  "CHATJRNL"                       0  4  "CHJB"
 *     8  4  format version                   4  4  CRC-32C of all that follows
 *    12  4  CRC-32C of all that follows      8  8  the segment's salt
 *    16  8  segment id, rising; 0: spare    16  8  the segment's id
 *    24  8  salt, random                    24  8  position of the first record
 *    32  8  position of its first record    32  4  records
 *    40  8  bytes of the file               36  4  payload bytes
 *    48  4  shard                           40  4  CRC of the batch before
 *    52  4  CRC of the batch before         44  4  zero
 *    56     zero
 *   first batch at 4096                    record: home 8, lsn 8, length 4, the bytes
 *
 * A batch's CRC covers the previous one's, so batches form a chain through all segments;
 * the first batch of a segment follows its header's CRC, and the header the last batch of
 * the segment before. What a reused file still holds from before has another id and
 * salt. Nobody outside knows the salt: a message cannot be made to look like a batch.
 *
 * Version 1 is the first. A later one raises the number and may change all that follows
 * byte 16 of the header; magic, version, and what the header's CRC covers stay. A reader
 * refuses versions above its own and keeps reading all below; bytes that are zero now are
 * written as zero and not looked at, except a batch's, which must be. tests/golden/journal
 * holds a segment of each version.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_SEGMENT_H
#define CHAT_SERVER_STORE_ENGINE_SEGMENT_H

#include "base/buf.h"
#include "server/store/engine.h"

#define SEGMENT_VERSION 1u
#define SEGMENT_HEADER_LEN 512u
#define SEGMENT_DATA_START 4096u
#define SEGMENT_ALIGN 8u
#define SEGMENT_BYTES_MIN (SEGMENT_DATA_START + 4096u)
#define SEGMENT_BYTES_MAX (UINT64_C(1) << 32)

#define SEGMENT_BATCH_HEADER_LEN 48u
#define SEGMENT_RECORD_LEN 20u /* before the bytes of each record */
#define SEGMENT_BATCH_PAYLOAD_MAX                                                                  \
    (ENGINE_APPEND_BYTES_MAX + (size_t)ENGINE_APPEND_RECORDS_MAX * SEGMENT_RECORD_LEN)
#define SEGMENT_BATCH_LEN_MAX (SEGMENT_BATCH_HEADER_LEN + SEGMENT_BATCH_PAYLOAD_MAX + SEGMENT_ALIGN)

struct segment_header {
    uint64_t id;
    uint64_t salt;
    uint64_t first_position;
    uint64_t bytes;
    uint32_t shard;
    uint32_t previous_crc;
    uint32_t crc; /* of this header; filled by both functions below */
};

struct segment_batch {
    uint64_t salt;
    uint64_t segment_id;
    uint64_t first_position;
    uint32_t count;
    uint32_t payload_len;
    uint32_t previous_crc;
    uint32_t crc; /* as stored */
};

void segment_header_encode(struct segment_header *header, uint8_t out[SEGMENT_HEADER_LEN]);
/* Errors: CHAT_E_CORRUPT, CHAT_E_UNSUPPORTED for a newer version. */
chat_status segment_header_decode(const uint8_t bytes[SEGMENT_HEADER_LEN],
                                  struct segment_header *out);

/* What a batch of these records takes in a segment, padding included. */
size_t segment_batch_size(const struct engine_record *records, size_t count);
/* Encodes into `out` (cleared first), padded. header->count, payload_len, first_position
 * and crc are filled in. Errors: CHAT_E_NOMEM, CHAT_E_TOO_LARGE. */
chat_status segment_batch_encode(struct segment_batch *header, const struct engine_record *records,
                                 size_t count, struct buf *out);

/* True when these bytes may begin a batch: the magic is there and the lengths are
 * possible. The CRC is not looked at. */
bool segment_batch_decode(const uint8_t bytes[SEGMENT_BATCH_HEADER_LEN], struct segment_batch *out);
/* True when header and payload match the CRC. */
bool segment_batch_is_whole(const uint8_t bytes[SEGMENT_BATCH_HEADER_LEN], const uint8_t *payload,
                            size_t len);
/* Bytes from this batch's start to where the next one may begin. */
size_t segment_batch_stride(const struct segment_batch *header);

/* Walks the records of a whole batch: start with *cursor = 0. False at the end, or when a
 * length does not fit: then *cursor is not payload_len. record->bytes points into payload;
 * the position is not set. */
bool segment_batch_next(const uint8_t *payload, size_t payload_len, size_t *cursor,
                        struct engine_record *record);

#endif
