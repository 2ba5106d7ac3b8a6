#include "wire/codec_view.h"

#include <string.h>

static bool view_list(const struct codec_field *field, const ProtobufCFieldDescriptor *f,
                      const char *from, char *to, struct arena *arena)
{
    size_t count;
    char *list;

    memcpy(&count, from + f->quantifier_offset, sizeof(count));
    memcpy(&list, from + f->offset, sizeof(list));
    if (field->map && count > 0) {
        const void **views = arena_alloc(arena, count * sizeof(*views));

        if (!views)
            return false;
        for (size_t i = 0; i < count; i++) {
            const ProtobufCMessage *message;

            memcpy(&message, list + i * sizeof(message), sizeof(message));
            views[i] = codec_view(field->map, message, arena);
            if (!views[i])
                return false;
        }
        list = (char *)views;
    }
    memcpy(to + field->offset, &list, sizeof(list));
    memcpy(to + field->len_offset, &count, sizeof(count));
    return true;
}

static void view_text(const struct codec_field *field, const ProtobufCFieldDescriptor *f,
                      const char *from, char *to)
{
    ProtobufCBinaryData data;

    if (f->type == PROTOBUF_C_TYPE_STRING) {
        memcpy(&data.data, from + f->offset, sizeof(data.data));
        data.len = strlen((const char *)data.data);
    } else {
        memcpy(&data, from + f->offset, sizeof(data));
    }
    memcpy(to + field->offset, &data.data, sizeof(data.data));
    memcpy(to + field->len_offset, &data.len, sizeof(data.len));
}

static bool view_message(const struct codec_field *field, const ProtobufCFieldDescriptor *f,
                         const char *from, char *to, struct arena *arena)
{
    const ProtobufCMessage *message;
    const void *view = NULL;

    memcpy(&message, from + f->offset, sizeof(message));
    if (message) {
        view = codec_view(field->map, message, arena);
        if (!view)
            return false;
    }
    memcpy(to + field->offset, &view, sizeof(view));
    return true;
}

static void view_number(const struct codec_field *field, const ProtobufCFieldDescriptor *f,
                        const char *from, char *to)
{
    if (f->type == PROTOBUF_C_TYPE_BOOL) {
        protobuf_c_boolean number;
        bool truth;

        memcpy(&number, from + f->offset, sizeof(number));
        truth = number != 0;
        memcpy(to + field->offset, &truth, sizeof(truth));
    } else {
        memcpy(to + field->offset, from + f->offset, field->size);
    }
}

const void *codec_view(const struct codec_map *map, const ProtobufCMessage *message,
                       struct arena *arena)
{
    const char *from = (const char *)message;
    char *to = arena_alloc(arena, map->size);

    if (!to)
        return NULL;
    memset(to, 0, map->size);
    memcpy(to, &map->size, sizeof(map->size));
    for (size_t i = 0; i < map->field_count; i++) {
        const struct codec_field *field = &map->fields[i];
        const ProtobufCFieldDescriptor *f = codec_descriptor(map, field);
        bool done = true;

        if (f->label == PROTOBUF_C_LABEL_REPEATED)
            done = view_list(field, f, from, to, arena);
        else if (field->map)
            done = view_message(field, f, from, to, arena);
        else if (field->len_offset)
            view_text(field, f, from, to);
        else
            view_number(field, f, from, to);
        if (!done)
            return NULL;
    }
    return to;
}
