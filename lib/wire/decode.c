#include "wire/decode.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "wire/limits.h"
#include "wire/pb.h"
#include "wire/scalar.h"

#define ARENA_GRAIN 16u /* what the arena may add to a size */

/* One message being filled. */
struct place {
    struct decode *d;
    ProtobufCMessage *message;
    unsigned depth; /* 0: the outermost */
};

static chat_status decode_fields(const struct place *place, struct pb_cursor c);

static chat_status refuse(struct decode *d, chat_status status, const char *rule)
{
    d->rule = rule;
    return status;
}

static chat_status malformed(struct decode *d) { return refuse(d, CHAT_E_PROTOCOL, "malformed"); }

static chat_status take_memory(struct decode *d, size_t size, void *out_memory)
{
    struct arena *arena = d->arena;
    size_t left = arena->max > arena->used ? arena->max - arena->used : 0;
    void *memory = arena_alloc(arena, size);

    if (!memory && (left < ARENA_GRAIN || size > left - ARENA_GRAIN))
        return refuse(d, CHAT_E_TOO_LARGE, "memory");
    if (!memory)
        return refuse(d, CHAT_E_NOMEM, "memory");
    memcpy(out_memory, &memory, sizeof(memory));
    return CHAT_OK;
}

static size_t bytes_max(const struct limits_field *limit)
{
    return limit ? limit->bytes_max : LIMITS_DEFAULT_BYTES;
}

static chat_status read_text(struct decode *d, const struct pb_cursor *text, void *out)
{
    static const char nothing[1] = "";
    const char *kept = nothing; /* an empty string costs no memory */
    size_t len = pb_left(text);

    if (!utf8_is_valid(text->at, len))
        return refuse(d, CHAT_E_PROTOCOL, "utf8");
    if (len > 0) {
        char *copy;
        chat_status status = take_memory(d, len + 1, &copy);
        if (status != CHAT_OK)
            return status;
        memcpy(copy, text->at, len);
        copy[len] = '\0';
        kept = copy;
    }
    memcpy(out, &kept, sizeof(kept));
    return CHAT_OK;
}

static chat_status read_bytes(struct decode *d, const struct pb_cursor *bytes, void *out)
{
    ProtobufCBinaryData data = {.len = pb_left(bytes)};

    if (data.len > 0) {
        chat_status status = take_memory(d, data.len, &data.data);
        if (status != CHAT_OK)
            return status;
        memcpy(data.data, bytes->at, data.len);
    }
    memcpy(out, &data, sizeof(data));
    return CHAT_OK;
}

/* Every generated initialiser takes its own type, and is called by protobuf-c's pointer to one
 * that takes any message. Newer sanitizers object; all messages begin alike. */
#ifdef __clang__
__attribute__((no_sanitize("function")))
#endif
static void
init_message(const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage *message)
{
    descriptor->message_init(message);
}

static chat_status read_message(struct decode *d, const ProtobufCMessageDescriptor *descriptor,
                                struct pb_cursor c, unsigned depth, void *out)
{
    struct place place = {.d = d, .depth = depth};
    chat_status status;

    if (depth > DECODE_DEPTH_MAX)
        return malformed(d);
    status = take_memory(d, descriptor->sizeof_message, &place.message);
    if (status != CHAT_OK)
        return status;
    init_message(descriptor, place.message);
    status = decode_fields(&place, c);
    if (status == CHAT_OK)
        memcpy(out, &place.message, sizeof(place.message));
    return status;
}

/* One value of field `f` into `out`, its wire type checked already. */
static chat_status read_value(const struct place *place, const ProtobufCFieldDescriptor *f,
                              struct pb_cursor *c, void *out)
{
    struct decode *d = place->d;
    struct pb_cursor value;
    const struct limits_field *limit;

    if (scalar_is_one(f->type))
        return scalar_read(c, f->type, out) ? CHAT_OK : malformed(d);
    if (!pb_bytes(c, &value))
        return malformed(d);
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return read_message(d, f->descriptor, value, place->depth + 1, out);

    limit = limits_find(place->message->descriptor, f->id);
    if (pb_left(&value) > bytes_max(limit))
        return refuse(d, CHAT_E_TOO_LARGE, limit ? limit->rule : f->name);
    if (f->type == PROTOBUF_C_TYPE_STRING)
        return read_text(d, &value, out);
    return read_bytes(d, &value, out);
}

static chat_status decode_single(const struct place *place, const ProtobufCFieldDescriptor *f,
                                 enum pb_type type, struct pb_cursor *c)
{
    char *base = (char *)place->message;
    bool in_oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    uint32_t chosen = 0;
    chat_status status;

    if (type != scalar_wire_type(f->type))
        return malformed(place->d);
    if (in_oneof)
        memcpy(&chosen, base + f->quantifier_offset, sizeof(chosen));
    if (f->type == PROTOBUF_C_TYPE_MESSAGE && (!in_oneof || chosen == f->id)) {
        ProtobufCMessage *before;

        memcpy(&before, base + f->offset, sizeof(before));
        if (before)
            return malformed(place->d);
    }

    status = read_value(place, f, c, base + f->offset);
    if (status != CHAT_OK)
        return status;
    if (in_oneof)
        memcpy(base + f->quantifier_offset, &f->id, sizeof(f->id));
    else if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_STRING &&
             f->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)(void *)(base + f->quantifier_offset) = 1;
    return CHAT_OK;
}

/* How many values a packed list holds; false when it is no whole number of them. */
static bool count_packed(ProtobufCType type, const struct pb_cursor *list, size_t *out_count)
{
    size_t len = pb_left(list), count = 0;

    switch (scalar_wire_type(type)) {
    case PB_FIXED32: *out_count = len / 4; return len % 4 == 0;
    case PB_FIXED64: *out_count = len / 8; return len % 8 == 0;
    case PB_VARINT:
    case PB_BYTES: break;
    }
    for (const uint8_t *at = list->at; at < list->end; at++)
        count += *at < 0x80;
    *out_count = count;
    return len == 0 || list->end[-1] < 0x80;
}

static bool is_packed(const ProtobufCFieldDescriptor *f, enum pb_type type)
{
    return type == PB_BYTES && scalar_is_one(f->type);
}

/* Counts the values of list `f` from `c` (after a tag of it) to the message's end, so that
 * its array is allocated once. Stops counting past `max`. */
static bool count_list(const ProtobufCFieldDescriptor *f, enum pb_type type, struct pb_cursor c,
                       size_t max, size_t *out_count)
{
    size_t total = 0;
    uint32_t number = f->id;

    for (;;) {
        size_t count;
        struct pb_cursor list;

        if (number != f->id) {
            if (!pb_skip(&c, type))
                return false;
        } else if (is_packed(f, type)) {
            if (!pb_bytes(&c, &list) || !count_packed(f->type, &list, &count))
                return false;
            total += count;
        } else {
            if (type != scalar_wire_type(f->type) || !pb_skip(&c, type))
                return false;
            total++;
        }
        if (total > max || c.at == c.end)
            break;
        if (!pb_tag(&c, &number, &type))
            return false;
    }
    *out_count = total;
    return true;
}

/* The array of a list, when its first value is met. */
static chat_status make_list(const struct place *place, const ProtobufCFieldDescriptor *f,
                             enum pb_type type, struct pb_cursor c, char **out_array)
{
    struct decode *d = place->d;
    const struct limits_field *limit = limits_find(place->message->descriptor, f->id);
    size_t max = limit ? limit->count_max : LIMITS_DEFAULT_COUNT;
    size_t count;

    if (!count_list(f, type, c, max, &count))
        return malformed(d);
    if (count > max)
        return refuse(d, CHAT_E_TOO_LARGE, limit ? limit->rule : f->name);
    return take_memory(d, count * scalar_size(f->type), out_array);
}

/* Appends the values in `values` to the list's array, which has room for them. */
static chat_status fill_list(const struct place *place, const ProtobufCFieldDescriptor *f,
                             char *array, size_t *count, struct pb_cursor *values, bool packed)
{
    struct decode *d = place->d;
    size_t size = scalar_size(f->type);

    do {
        chat_status status;

        if (place->depth == 0 && f->type == PROTOBUF_C_TYPE_MESSAGE) {
            struct pb_cursor ahead = *values, element;

            if (!pb_bytes(&ahead, &element))
                return malformed(d);
            d->frame = element.at;
            d->frame_len = pb_left(&element);
            d->frame_index = (uint32_t)*count;
        }
        status = read_value(place, f, values, array + *count * size);
        if (status != CHAT_OK)
            return status;
        ++*count;
    } while (packed && values->at < values->end);
    return CHAT_OK;
}

static chat_status decode_list(const struct place *place, const ProtobufCFieldDescriptor *f,
                               enum pb_type type, struct pb_cursor *c)
{
    char *base = (char *)place->message;
    bool packed = is_packed(f, type);
    struct pb_cursor start = *c, list;
    size_t count;
    char *array;
    chat_status status;

    if (!packed && type != scalar_wire_type(f->type))
        return malformed(place->d);
    if (packed) {
        if (!pb_bytes(c, &list))
            return malformed(place->d);
        if (list.at == list.end)
            return CHAT_OK; /* must not count: empty ones by the thousand would be quadratic */
    }

    memcpy(&array, base + f->offset, sizeof(array));
    memcpy(&count, base + f->quantifier_offset, sizeof(count));
    if (!array) {
        status = make_list(place, f, type, start, &array);
        if (status != CHAT_OK)
            return status;
        memcpy(base + f->offset, &array, sizeof(array));
    }
    status = fill_list(place, f, array, &count, packed ? &list : c, packed);
    if (status == CHAT_OK)
        memcpy(base + f->quantifier_offset, &count, sizeof(count));
    return status;
}

/* Encoders write fields in ascending order, lists in a row: the next and the last are tried
 * first. */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *descriptor,
                                                  uint32_t number, unsigned *next)
{
    const ProtobufCFieldDescriptor *f;

    if (*next < descriptor->n_fields && descriptor->fields[*next].id == number)
        return &descriptor->fields[(*next)++];
    if (*next > 0 && descriptor->fields[*next - 1].id == number)
        return &descriptor->fields[*next - 1];
    f = protobuf_c_message_descriptor_get_field(descriptor, number);
    if (f)
        *next = (unsigned)(f - descriptor->fields) + 1;
    return f;
}

static chat_status decode_fields(const struct place *place, struct pb_cursor c)
{
    const ProtobufCMessageDescriptor *descriptor = place->message->descriptor;
    unsigned next = 0;

    while (c.at < c.end) {
        const ProtobufCFieldDescriptor *f;
        uint32_t number;
        enum pb_type type;
        chat_status status;

        if (!pb_tag(&c, &number, &type))
            return malformed(place->d);
        f = find_field(descriptor, number, &next);
        if (!f)
            status = pb_skip(&c, type) ? CHAT_OK : malformed(place->d);
        else if (f->label == PROTOBUF_C_LABEL_REPEATED)
            status = decode_list(place, f, type, &c);
        else
            status = decode_single(place, f, type, &c);
        if (status != CHAT_OK)
            return status;
    }
    return CHAT_OK;
}

chat_status decode_message(struct decode *d, const ProtobufCMessageDescriptor *descriptor,
                           const uint8_t *bytes, size_t len, ProtobufCMessage **out_message)
{
    d->rule = "";
    d->frame = NULL;
    d->frame_len = 0;
    d->frame_index = 0;
    return read_message(d, descriptor, pb_cursor_at(bytes, len), 0, out_message);
}
