#include "golden_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/scalar.h"

static void put_quoted(const uint8_t *bytes, size_t len, FILE *out)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        switch (bytes[i]) {
        case '\n': fputs("\\n", out); break;
        case '\r': fputs("\\r", out); break;
        case '\t': fputs("\\t", out); break;
        case '"': fputs("\\\"", out); break;
        case '\'': fputs("\\'", out); break;
        case '\\': fputs("\\\\", out); break;
        default:
            if (bytes[i] >= 0x20 && bytes[i] < 0x7f)
                fputc(bytes[i], out);
            else
                fprintf(out, "\\%03o", bytes[i]);
        }
    }
    fputc('"', out);
}

static void put_enum(const ProtobufCFieldDescriptor *f, int32_t number, FILE *out)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(f->descriptor, number);

    if (value)
        fputs(value->name, out);
    else
        fprintf(out, "%" PRId32, number);
}

/* The types that the schema uses; a new one ends the program, to be added here. */
static void put_scalar(const ProtobufCFieldDescriptor *f, const char *at, FILE *out)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;

    if (scalar_size(f->type) == 8)
        memcpy(&wide, at, sizeof(wide));
    else
        memcpy(&narrow, at, sizeof(narrow));
    if (f->type == PROTOBUF_C_TYPE_BOOL)
        fputs(narrow ? "true" : "false", out);
    else if (f->type == PROTOBUF_C_TYPE_ENUM)
        put_enum(f, (int32_t)narrow, out);
    else if (f->type == PROTOBUF_C_TYPE_UINT32)
        fprintf(out, "%" PRIu32, narrow);
    else if (f->type == PROTOBUF_C_TYPE_INT64)
        fprintf(out, "%" PRId64, (int64_t)wide);
    else if (f->type == PROTOBUF_C_TYPE_UINT64 || f->type == PROTOBUF_C_TYPE_FIXED64)
        fprintf(out, "%" PRIu64, wide);
    else
        abort();
}

static bool is_default(const ProtobufCFieldDescriptor *f, const char *at)
{
    static const char zeros[sizeof(uint64_t)];
    ProtobufCBinaryData data;
    const char *text;

    if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE) {
        memcpy(&text, at, sizeof(text));
        return !text || (f->type == PROTOBUF_C_TYPE_STRING && !*text);
    }
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        memcpy(&data, at, sizeof(data));
        return data.len == 0;
    }
    return memcmp(at, zeros, scalar_size(f->type)) == 0;
}

static void put_value(const ProtobufCFieldDescriptor *f, const char *at, unsigned indent, FILE *out)
{
    fprintf(out, "%*s%s", (int)indent, "", f->name);
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *message;

        memcpy(&message, at, sizeof(message));
        fputs(" {\n", out);
        golden_text(message, indent + 2, out);
        fprintf(out, "%*s}\n", (int)indent, "");
        return;
    }
    fputs(": ", out);
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        const char *text;

        memcpy(&text, at, sizeof(text));
        put_quoted((const uint8_t *)text, strlen(text), out);
    } else if (f->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData data;

        memcpy(&data, at, sizeof(data));
        put_quoted(data.data, data.len, out);
    } else {
        put_scalar(f, at, out);
    }
    fputc('\n', out);
}

void golden_text(const ProtobufCMessage *message, unsigned indent, FILE *out)
{
    const char *base = (const char *)message;

    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &message->descriptor->fields[i];

        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count;
            const char *list;

            memcpy(&count, base + f->quantifier_offset, sizeof(count));
            memcpy(&list, base + f->offset, sizeof(list));
            for (size_t k = 0; k < count; k++)
                put_value(f, list + k * scalar_size(f->type), indent, out);
        } else if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t chosen;

            memcpy(&chosen, base + f->quantifier_offset, sizeof(chosen));
            if (chosen == f->id)
                put_value(f, base + f->offset, indent, out);
        } else if (!is_default(f, base + f->offset)) {
            put_value(f, base + f->offset, indent, out);
        }
    }
}
