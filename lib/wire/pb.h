/*
 * pb: raw Protobuf bytes, one field at a time. Every call checks what it reads: numbers
 * are at most ten bytes, lengths stay inside, groups and unknown wire types are refused.
 */
#ifndef CHAT_WIRE_PB_H
#define CHAT_WIRE_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PB_VARINT_MAX 10u /* bytes of a 64-bit number */

enum pb_type {
    PB_VARINT = 0,
    PB_FIXED64 = 1,
    PB_BYTES = 2, /* length first: strings, bytes, messages, packed lists */
    PB_FIXED32 = 5,
};

struct pb_cursor {
    const uint8_t *at, *end;
};

static inline struct pb_cursor pb_cursor_at(const uint8_t *bytes, size_t len)
{
    static const uint8_t nothing[1];
    struct pb_cursor c = {.at = len ? bytes : nothing, .end = len ? bytes + len : nothing};
    return c;
}

static inline size_t pb_left(const struct pb_cursor *c) { return (size_t)(c->end - c->at); }

static inline bool pb_varint(struct pb_cursor *c, uint64_t *out_value)
{
    uint64_t value = 0;
    const uint8_t *at = c->at;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (at == c->end)
            return false;
        byte = *at++;
        if (shift == 63 && byte > 1)
            return false; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            c->at = at;
            *out_value = value;
            return true;
        }
    }
    return false;
}

static inline bool pb_fixed32(struct pb_cursor *c, uint32_t *out_value)
{
    const uint8_t *b = c->at;

    if (pb_left(c) < 4)
        return false;
    *out_value = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    c->at += 4;
    return true;
}

static inline bool pb_fixed64(struct pb_cursor *c, uint64_t *out_value)
{
    uint32_t low, high;

    if (pb_left(c) < 8 || !pb_fixed32(c, &low) || !pb_fixed32(c, &high))
        return false;
    *out_value = (uint64_t)high << 32 | low;
    return true;
}

/* A length and that many bytes; *out_bytes walks them. */
static inline bool pb_bytes(struct pb_cursor *c, struct pb_cursor *out_bytes)
{
    struct pb_cursor next = *c;
    uint64_t len;

    if (!pb_varint(&next, &len) || len > pb_left(&next))
        return false;
    out_bytes->at = next.at;
    out_bytes->end = next.at + len;
    c->at = out_bytes->end;
    return true;
}

/* The start of a field. False for number 0, numbers past 2^29 - 1, groups and the like. */
static inline bool pb_tag(struct pb_cursor *c, uint32_t *out_number, enum pb_type *out_type)
{
    uint64_t tag;
    uint32_t type;

    if (!pb_varint(c, &tag) || tag > UINT32_MAX || tag < 8)
        return false;
    type = (uint32_t)tag & 7;
    if (type != PB_VARINT && type != PB_FIXED64 && type != PB_BYTES && type != PB_FIXED32)
        return false;
    *out_number = (uint32_t)tag >> 3;
    *out_type = (enum pb_type)type;
    return true;
}

static inline bool pb_skip(struct pb_cursor *c, enum pb_type type)
{
    struct pb_cursor bytes;
    uint64_t number;
    uint32_t half;

    switch (type) {
    case PB_VARINT: return pb_varint(c, &number);
    case PB_FIXED64: return pb_fixed64(c, &number);
    case PB_BYTES: return pb_bytes(c, &bytes);
    case PB_FIXED32: return pb_fixed32(c, &half);
    }
    return false;
}

/* How many bytes pb_put_varint() writes. */
static inline size_t pb_varint_len(uint64_t value)
{
    size_t len = 1;

    while (value >= 0x80) {
        value >>= 7;
        len++;
    }
    return len;
}

/* Returns the end of what it wrote. */
static inline uint8_t *pb_put_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

#endif
