#include "golden_fill.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "wire/scalar.h"

#define FIRST_OF_2024_MS INT64_C(1704067200000)
#define FILL_TEXT_MAX 64u

static void *take(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);

    if (!memory)
        abort();
    memset(memory, 0, size);
    return memory;
}

static uint64_t number_for(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f,
                           size_t index)
{
    static const uint64_t key[2] = {1, 2};
    uint64_t h = hash_pair(hash_bytes(key, m->short_name, strlen(m->short_name)),
                           hash_bytes(key, f->name, strlen(f->name)) + index);

    return h | 1; /* never the default */
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_len = strlen(text), end_len = strlen(end);

    return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

static void fill_scalar(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f,
                        size_t index, char *at)
{
    uint64_t n = number_for(m, f, index);
    uint32_t narrow = (uint32_t)n >> (n >> 32) % 24 | 1;

    if (f->type == PROTOBUF_C_TYPE_BOOL) {
        narrow = 1;
    } else if (f->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *e = f->descriptor;
        narrow = (uint32_t)e->values[1 + index % (e->n_values - 1)].value;
    } else if (f->type == PROTOBUF_C_TYPE_INT64 && ends_with(f->name, "_at_ms")) {
        n = (uint64_t)(FIRST_OF_2024_MS + (int64_t)(n % UINT64_C(100000000000)));
    } else if (f->type == PROTOBUF_C_TYPE_INT64 || f->type == PROTOBUF_C_TYPE_UINT64) {
        n = n >> n % 60 | 1;
    } else {
        n >>= 1; /* ids have 63 bits */
    }
    if (scalar_size(f->type) == 8)
        memcpy(at, &n, sizeof(n));
    else
        memcpy(at, &narrow, sizeof(narrow));
}

static void fill_value(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f,
                       size_t index, uint32_t choice, char *at, struct arena *arena)
{
    static uint8_t bytes[] = {0x00, 0xff, 'b', 'y', 't', 'e', 's', 0x80, 0x0a};
    ProtobufCBinaryData data = {.len = sizeof(bytes), .data = bytes};

    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage *message = golden_fill(f->descriptor, choice, arena);
        memcpy(at, &message, sizeof(message));
    } else if (f->type == PROTOBUF_C_TYPE_STRING) {
        char *text = take(arena, FILL_TEXT_MAX);
        snprintf(text, FILL_TEXT_MAX, "%.16s %zu \xc3\xa9\xe2\x98\x83", f->name, index);
        memcpy(at, &text, sizeof(text));
    } else if (f->type == PROTOBUF_C_TYPE_BYTES) {
        memcpy(at, &data, sizeof(data));
    } else {
        fill_scalar(m, f, index, at);
    }
}

static bool is_chosen(const ProtobufCFieldDescriptor *f)
{
    return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* The field number of the index-th member of a message's oneof; 0 when there is none. */
static uint32_t member_of(const ProtobufCMessageDescriptor *m, size_t index)
{
    for (unsigned i = 0; i < m->n_fields; i++) {
        if (is_chosen(&m->fields[i]) && index-- == 0)
            return m->fields[i].id;
    }
    return 0;
}

static void fill_list(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f,
                      char *base, struct arena *arena)
{
    size_t count = 2, size = scalar_size(f->type);
    bool varied = f->type == PROTOBUF_C_TYPE_MESSAGE && member_of(f->descriptor, 0);
    char *list;

    if (varied) {
        for (count = 0; member_of(f->descriptor, count);)
            count++;
    }
    list = take(arena, count * size);
    for (size_t i = 0; i < count; i++)
        fill_value(m, f, i, varied ? member_of(f->descriptor, i) : 0, list + i * size, arena);
    memcpy(base + f->quantifier_offset, &count, sizeof(count));
    memcpy(base + f->offset, &list, sizeof(list));
}

ProtobufCMessage *golden_fill(const ProtobufCMessageDescriptor *descriptor, uint32_t choice,
                              struct arena *arena)
{
    char *base = take(arena, descriptor->sizeof_message);

    descriptor->message_init((ProtobufCMessage *)(void *)base);
    if (!choice)
        choice = member_of(descriptor, 0);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &descriptor->fields[i];

        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            fill_list(descriptor, f, base, arena);
            continue;
        }
        if (is_chosen(f) && f->id != choice)
            continue;
        if (is_chosen(f))
            memcpy(base + f->quantifier_offset, &f->id, sizeof(f->id));
        fill_value(descriptor, f, 0, 0, base + f->offset, arena);
    }
    return (ProtobufCMessage *)(void *)base;
}
