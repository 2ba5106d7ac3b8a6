/*
 * limits: how long each string and how many elements each list of the protocol may be.
 * One table for decoding and for what we send; tests/unit/test_limits.c holds it against
 * the comments of proto/libchat/v1.
 */
#ifndef CHAT_WIRE_LIMITS_H
#define CHAT_WIRE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct limits_field {
    uint32_t number;
    uint32_t count_max; /* elements; 0 for what is no list */
    uint32_t bytes_max; /* of the string or bytes, each one in a list; 0 for other types */
    const char *rule;   /* what a refusal says: "SendMessage.text" */
};

struct limits_message {
    const ProtobufCMessageDescriptor *descriptor;
    const struct limits_field *fields;
    size_t field_count;
};

/* For fields without a line in the table: only messages that never meet a network (a
 * store's rows and records) may have those. */
#define LIMITS_DEFAULT_COUNT 65536u
#define LIMITS_DEFAULT_BYTES 1048576u

/* NULL when there is no line for it. */
const struct limits_field *limits_find(const ProtobufCMessageDescriptor *descriptor,
                                       uint32_t number);

/* The whole table. */
const struct limits_message *limits_table(size_t *out_count);

#endif
