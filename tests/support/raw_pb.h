/* Writes raw Protobuf bytes for tests, right and wrong ones. */
#ifndef CHAT_TESTS_RAW_PB_H
#define CHAT_TESTS_RAW_PB_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RAW_PB_MAX (2u * 1024 * 1024)

struct raw_pb {
    uint8_t *bytes; /* RAW_PB_MAX of them */
    size_t len;
};

static inline void raw_pb_init(struct raw_pb *r)
{
    r->bytes = malloc(RAW_PB_MAX);
    r->len = 0;
    if (!r->bytes)
        abort();
}

static inline void raw_pb_fini(struct raw_pb *r)
{
    free(r->bytes);
    r->bytes = NULL;
}

static inline void raw_pb_byte(struct raw_pb *r, unsigned byte)
{
    if (r->len == RAW_PB_MAX)
        abort();
    r->bytes[r->len++] = (uint8_t)byte;
}

static inline void raw_pb_copy(struct raw_pb *r, const void *bytes, size_t len)
{
    if (len > RAW_PB_MAX - r->len)
        abort();
    if (len > 0)
        memcpy(r->bytes + r->len, bytes, len);
    r->len += len;
}

static inline void raw_pb_fill(struct raw_pb *r, int byte, size_t len)
{
    if (len > RAW_PB_MAX - r->len)
        abort();
    memset(r->bytes + r->len, byte, len);
    r->len += len;
}

static inline void raw_pb_varint(struct raw_pb *r, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        raw_pb_byte(r, (unsigned)(value & 0x7f) | 0x80);
    raw_pb_byte(r, (unsigned)value);
}

static inline void raw_pb_tag(struct raw_pb *r, uint32_t number, unsigned type)
{
    raw_pb_varint(r, (uint64_t)number << 3 | type);
}

static inline void raw_pb_number(struct raw_pb *r, uint32_t number, uint64_t value)
{
    raw_pb_tag(r, number, 0);
    raw_pb_varint(r, value);
}

static inline void raw_pb_fixed64(struct raw_pb *r, uint32_t number, uint64_t value)
{
    raw_pb_tag(r, number, 1);
    for (int i = 0; i < 8; i++)
        raw_pb_byte(r, (unsigned)(value >> 8 * i) & 0xff);
}

static inline void raw_pb_bytes(struct raw_pb *r, uint32_t number, const void *bytes, size_t len)
{
    raw_pb_tag(r, number, 2);
    raw_pb_varint(r, len);
    raw_pb_copy(r, bytes, len);
}

static inline void raw_pb_text(struct raw_pb *r, uint32_t number, const char *text)
{
    raw_pb_bytes(r, number, text, strlen(text));
}

/* A message of `len` bytes, written elsewhere. */
static inline void raw_pb_message(struct raw_pb *r, uint32_t number, const struct raw_pb *message)
{
    raw_pb_bytes(r, number, message->bytes, message->len);
}

#endif
