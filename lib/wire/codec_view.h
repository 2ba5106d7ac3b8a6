/* codec_view: a decoded message of the protocol as the public struct of its frame. */
#ifndef CHAT_WIRE_CODEC_VIEW_H
#define CHAT_WIRE_CODEC_VIEW_H

#include "base/arena.h"
#include "wire/codec_map.h"

/* Texts and numbers stay where `message` has them; the structs around them come from
 * `arena`. NULL: no memory. */
const void *codec_view(const struct codec_map *map, const ProtobufCMessage *message,
                       struct arena *arena);

#endif
