/*
 * Reading a fuzzer's bytes as choices: numbers of all sizes, and whole protocol messages
 * whose every field is chosen by the input. Past its end everything is 0.
 */
#ifndef CHAT_TESTS_FUZZ_INPUT_H
#define CHAT_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "fuzz.h"
#include "wire/scalar.h"

struct input {
    const uint8_t *bytes;
    size_t len, at;
};

static inline bool input_ended(const struct input *in) { return in->at >= in->len; }

static inline uint8_t input_byte(struct input *in)
{
    return in->at < in->len ? in->bytes[in->at++] : 0;
}

static inline uint64_t input_below(struct input *in, uint64_t limit)
{
    return input_byte(in) % limit;
}

/* Small ones mostly; the ends of every range; now and then any 64 bits. */
static inline uint64_t input_number(struct input *in)
{
    static const uint64_t ends[] = {
        INT8_MAX,   UINT8_MAX,      1000,           UINT16_MAX,    100000,        INT32_MAX,
        UINT32_MAX, 1ull << 32,     INT64_MAX / 4,  INT64_MAX / 2, INT64_MAX - 1, INT64_MAX,
        1ull << 63, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX,
    };
    uint8_t first = input_byte(in);
    uint64_t number = 0;

    if (first < 200)
        return first;
    if (first < 255)
        return ends[first % (sizeof(ends) / sizeof(ends[0]))];
    for (size_t i = 0; i < sizeof(number); i++)
        number = number << 8 | input_byte(in);
    return number;
}

static inline void *input_take(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size ? size : 1);

    FUZZ_CHECK(memory);
    memset(memory, 0, size ? size : 1);
    return memory;
}

/* Text of printable bytes, with a NUL; sometimes long, sometimes not UTF-8. */
static inline char *input_text(struct input *in, struct arena *arena, size_t *out_len)
{
    uint8_t shape = input_byte(in);
    size_t len = shape < 240 ? shape % 12u : (size_t)(shape - 239u) * 700u;
    char *text = input_take(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + (i < 4 ? input_byte(in) : i) % 26u);
    if (shape >= 232 && shape < 240 && len)
        text[0] = (char)0xff;
    *out_len = len;
    return text;
}

static inline ProtobufCMessage *input_message(struct input *in,
                                              const ProtobufCMessageDescriptor *type,
                                              uint32_t member, struct arena *arena);

static inline void input_value(struct input *in, const ProtobufCFieldDescriptor *f, char *at,
                               struct arena *arena)
{
    ProtobufCBinaryData data = {0};
    ProtobufCMessage *message;
    char *text;
    uint64_t number;

    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        message = input_message(in, f->descriptor, 0, arena);
        memcpy(at, &message, sizeof(message));
    } else if (f->type == PROTOBUF_C_TYPE_STRING) {
        text = input_text(in, arena, &data.len);
        memcpy(at, &text, sizeof(text));
    } else if (f->type == PROTOBUF_C_TYPE_BYTES) {
        data.data = (uint8_t *)input_text(in, arena, &data.len);
        memcpy(at, &data, sizeof(data));
    } else {
        number = input_number(in);
        if (f->type == PROTOBUF_C_TYPE_BOOL)
            number &= 1;
        memcpy(at, &number, scalar_size(f->type)); /* little endian, as all we test on */
    }
}

/*
 * A message of that type: a byte says which fields are set, in groups of eight, then come
 * their values. Of a oneof only `member` is set, by field number.
 */
static inline ProtobufCMessage *input_message(struct input *in,
                                              const ProtobufCMessageDescriptor *type,
                                              uint32_t member, struct arena *arena)
{
    char *base = input_take(arena, type->sizeof_message);
    uint8_t unset = 0;

    type->message_init((ProtobufCMessage *)(void *)base);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &type->fields[i];

        if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            if (f->id != member)
                continue;
            memcpy(base + f->quantifier_offset, &f->id, sizeof(f->id));
            input_value(in, f, base + f->offset, arena);
            continue;
        }
        if (i % 8 == 0)
            unset = input_byte(in);
        if (unset & 1u << i % 8)
            continue;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = (size_t)input_below(in, 4), size = scalar_size(f->type);
            char *list = input_take(arena, count * size);

            for (size_t n = 0; n < count; n++)
                input_value(in, f, list + n * size, arena);
            memcpy(base + f->quantifier_offset, &count, sizeof(count));
            memcpy(base + f->offset, &list, sizeof(list));
        } else {
            input_value(in, f, base + f->offset, arena);
        }
    }
    return (ProtobufCMessage *)(void *)base;
}

/* Another field number of the type's oneof; 0 when it has none. */
static inline uint32_t input_member(struct input *in, const ProtobufCMessageDescriptor *type)
{
    uint32_t members[64], count = 0;

    for (unsigned i = 0; i < type->n_fields && count < 64; i++)
        if (type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            members[count++] = type->fields[i].id;
    return count ? members[input_below(in, count)] : 0;
}

#endif
