/* golden_fill: a message with a value in every field, the same on every machine. */
#ifndef CHAT_TESTS_GOLDEN_FILL_H
#define CHAT_TESTS_GOLDEN_FILL_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/*
 * Of a oneof, the member with field number `choice` is set, or the first one for 0. Lists
 * have two elements; of messages with a oneof, one for each member.
 */
ProtobufCMessage *golden_fill(const ProtobufCMessageDescriptor *descriptor, uint32_t choice,
                              struct arena *arena);

#endif
