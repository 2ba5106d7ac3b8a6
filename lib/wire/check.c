/* wire_check(): the limits of the table, on a message that is still a struct. */
#include <string.h>

#include "base/utf8.h"
#include "wire/decode.h"
#include "wire/limits.h"
#include "wire/scalar.h"
#include "wire/wire.h"

static chat_status check_message(const ProtobufCMessage *message, unsigned depth,
                                 const char **out_rule);

static chat_status refuse(chat_status status, const char *rule, const char **out_rule)
{
    *out_rule = rule;
    return status;
}

static chat_status check_value(const ProtobufCMessage *owner, const ProtobufCFieldDescriptor *f,
                               const char *value, unsigned depth, const char **out_rule)
{
    const struct limits_field *limit;
    ProtobufCBinaryData data;
    size_t max;

    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *message;

        memcpy(&message, value, sizeof(message));
        return message ? check_message(message, depth + 1, out_rule) : CHAT_OK;
    }
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        memcpy(&data.data, value, sizeof(data.data));
        data.len = data.data ? strlen((const char *)data.data) : 0;
    } else {
        memcpy(&data, value, sizeof(data));
    }
    if (data.len == 0)
        return CHAT_OK;
    if (!data.data)
        return refuse(CHAT_E_INVALID, "malformed", out_rule);
    limit = limits_find(owner->descriptor, f->id);
    max = limit ? limit->bytes_max : LIMITS_DEFAULT_BYTES;
    if (data.len > max)
        return refuse(CHAT_E_TOO_LARGE, limit ? limit->rule : f->name, out_rule);
    if (f->type == PROTOBUF_C_TYPE_STRING && !utf8_is_valid(data.data, data.len))
        return refuse(CHAT_E_INVALID, "utf8", out_rule);
    return CHAT_OK;
}

static chat_status check_list(const ProtobufCMessage *owner, const ProtobufCFieldDescriptor *f,
                              unsigned depth, const char **out_rule)
{
    const char *base = (const char *)owner;
    const struct limits_field *limit = limits_find(owner->descriptor, f->id);
    const char *array;
    size_t count;

    memcpy(&count, base + f->quantifier_offset, sizeof(count));
    memcpy(&array, base + f->offset, sizeof(array));
    if (count > (limit ? limit->count_max : LIMITS_DEFAULT_COUNT))
        return refuse(CHAT_E_TOO_LARGE, limit ? limit->rule : f->name, out_rule);
    if (count > 0 && !array)
        return refuse(CHAT_E_INVALID, "malformed", out_rule);
    if (scalar_is_one(f->type))
        return CHAT_OK;
    for (size_t i = 0; i < count; i++) {
        chat_status status =
            check_value(owner, f, array + i * scalar_size(f->type), depth, out_rule);
        if (status != CHAT_OK)
            return status;
    }
    return CHAT_OK;
}

static chat_status check_message(const ProtobufCMessage *message, unsigned depth,
                                 const char **out_rule)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const char *base = (const char *)message;

    if (depth > DECODE_DEPTH_MAX)
        return refuse(CHAT_E_INVALID, "malformed", out_rule);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &descriptor->fields[i];
        chat_status status = CHAT_OK;

        if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t chosen;

            memcpy(&chosen, base + f->quantifier_offset, sizeof(chosen));
            if (chosen != f->id)
                continue;
        }
        if (f->label == PROTOBUF_C_LABEL_REPEATED)
            status = check_list(message, f, depth, out_rule);
        else if (!scalar_is_one(f->type))
            status = check_value(message, f, base + f->offset, depth, out_rule);
        if (status != CHAT_OK)
            return status;
    }
    return CHAT_OK;
}

chat_status wire_check(const ProtobufCMessage *message, struct wire_fault *out_fault)
{
    *out_fault = (struct wire_fault){.rule = ""};
    return check_message(message, 0, &out_fault->rule);
}
