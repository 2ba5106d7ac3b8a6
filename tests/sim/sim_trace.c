#include "sim_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testkit/sim_world.h"
#include "wire/wire.h"

#define ITEMS_MAX 6u /* of a repeated field */
#define TEXT_MAX 24

static void print_message(const ProtobufCMessage *message);

static void print_bytes(const uint8_t *bytes, size_t len)
{
    fprintf(stderr, "<%zu:", len);
    for (size_t i = 0; i < len && i < 8; i++)
        fprintf(stderr, "%02x", bytes[i]);
    fputc('>', stderr);
}

static void print_value(const ProtobufCFieldDescriptor *field, const void *at)
{
    const ProtobufCEnumValue *value;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: print_message(*(ProtobufCMessage *const *)at); break;
    case PROTOBUF_C_TYPE_STRING: fprintf(stderr, "\"%.*s\"", TEXT_MAX, *(char *const *)at); break;
    case PROTOBUF_C_TYPE_BYTES:
        print_bytes(((const ProtobufCBinaryData *)at)->data,
                    ((const ProtobufCBinaryData *)at)->len);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        value = protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        fputs(value ? value->name : "?", stderr);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fputs(*(const protobuf_c_boolean *)at ? "true" : "false", stderr);
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: fprintf(stderr, "%" PRIu32, *(const uint32_t *)at); break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        fprintf(stderr, *(const uint64_t *)at > 1u << 20 ? "%" PRIx64 : "%" PRIu64,
                *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE: break;
    }
}

/* Only what is set: proto3's zeros are not on the wire either. */
static bool is_set(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: return *(ProtobufCMessage *const *)at != NULL;
    case PROTOBUF_C_TYPE_STRING: return **(char *const *)at != '\0';
    case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)at)->len > 0;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: return *(const uint64_t *)at != 0;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE: return false;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL: break;
    }
    return *(const uint32_t *)at != 0;
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL: break;
    }
    return sizeof(uint32_t);
}

static void print_repeated(const ProtobufCFieldDescriptor *field, const char *base)
{
    size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
    const char *items = *(char *const *)(const void *)(base + field->offset);

    if (count == 0)
        return;
    fprintf(stderr, " %s=[", field->name);
    for (size_t i = 0; i < count && i < ITEMS_MAX; i++) {
        if (i > 0)
            fputc(' ', stderr);
        print_value(field, items + i * size_of(field));
    }
    fprintf(stderr, count > ITEMS_MAX ? " +%zu]" : "]", count - ITEMS_MAX);
}

static void print_message(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *d = message->descriptor;
    const char *base = (const char *)message;

    fprintf(stderr, "%s{", d->short_name);
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &d->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            print_repeated(field, base);
            continue;
        }
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id)
            continue;
        if (!is_set(field, base + field->offset))
            continue;
        fprintf(stderr, " %s=", field->name);
        print_value(field, base + field->offset);
    }
    fputc('}', stderr);
}

static bool is_wanted(const struct sim_node *from, const struct sim_node *to)
{
    const char *names = getenv("SIM_TRACE");
    char one[32];

    if (!names)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        const struct sim_node *node = i ? to : from;
        snprintf(one, sizeof(one), ",%s#%" PRIu32 ",", node->name, node->index);
        if (strcmp(names, "all") == 0 || strstr(names, one))
            return true;
    }
    return false;
}

void sim_trace(const struct sim_node *from, const struct sim_node *to, const uint8_t *bytes,
               size_t len)
{
    const ProtobufCMessageDescriptor *kinds[] = {&wire_link_batch__descriptor,
                                                 &wire_client_batch__descriptor,
                                                 &wire_server_batch__descriptor};
    unsigned kind = from->peer_is_client ? 1 : to->peer_is_client ? 2 : 0;
    ProtobufCMessage *message = NULL;
    struct wire_fault fault;
    struct arena arena;

    if (!is_wanted(from, to))
        return;
    arena_init(&arena, NULL, 16u << 20);
    fprintf(stderr, "%9.3f %s#%" PRIu32 " > %s#%" PRIu32 ": ",
            (double)sim_world_now_ms(from->world) / 1000, from->name, from->index, to->name,
            to->index);
    if (wire_decode(kinds[kind], bytes, len, &arena, &message, &fault) == CHAT_OK)
        print_message(message);
    else
        fprintf(stderr, "does not decode: %s", fault.rule);
    fputc('\n', stderr);
    arena_fini(&arena);
}

static void write_log(chat_log_level level, const char *component, const char *line, void *user)
{
    const struct sim_node *node = user;

    fprintf(stderr, "%9.3f %s#%" PRIu32 " %s %s: %s\n",
            (double)sim_world_now_ms(node->world) / 1000, node->name, node->index,
            chat_log_level_name(level), component, line);
}

const struct chat_logger *sim_trace_logger(struct sim_node *node, struct chat_logger *logger)
{
    const char *level = getenv("SIM_LOG");

    if (!level)
        return NULL;
    *logger = (struct chat_logger){
        .write = write_log,
        .level = strcmp(level, "debug") == 0 ? CHAT_LOG_DEBUG : CHAT_LOG_INFO,
        .user = node,
    };
    return logger;
}
