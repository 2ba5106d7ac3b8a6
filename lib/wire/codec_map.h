/*
 * codec_map: which field of a public frame struct is which field of the protocol. Reading
 * and writing are driven by it and by the generated descriptors, so that each frame is
 * described once. tests/unit/test_codec.c proves that nothing is left out.
 */
#ifndef CHAT_WIRE_CODEC_MAP_H
#define CHAT_WIRE_CODEC_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/codec.h>
#include <protobuf-c/protobuf-c.h>

struct codec_map;

struct codec_field {
    uint32_t number;
    uint32_t offset;             /* in the public struct; every member is a value or pointer */
    uint32_t size;               /* of that member */
    uint32_t len_offset;         /* of the size_t beside it: a length or a count; 0 for none */
    const struct codec_map *map; /* of a message or of a list's messages, else NULL */
};

struct codec_map {
    const ProtobufCMessageDescriptor *descriptor;
    size_t size;                      /* of the public struct, whose first member is its size */
    const struct codec_field *fields; /* exactly the descriptor's, in its order */
    size_t field_count;
};

static inline const ProtobufCFieldDescriptor *codec_descriptor(const struct codec_map *map,
                                                               const struct codec_field *field)
{
    return &map->descriptor->fields[field - map->fields];
}

/* A kind of frame. */
struct codec_kind {
    chat_frame_kind kind;
    const struct codec_map *map;
};

#define CODEC_SERVER_KINDS 256u /* what a server's kind adds to its field number */

/* NULL: there is none. */
const struct codec_map *codec_map_of(chat_frame_kind kind);
/* All kinds, by rising number. */
const struct codec_kind *codec_kinds(size_t *out_count);

#endif
