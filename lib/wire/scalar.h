/* scalar: what each Protobuf type is on the wire and in the generated structs. */
#ifndef CHAT_WIRE_SCALAR_H
#define CHAT_WIRE_SCALAR_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "wire/pb.h"

/* No string, bytes or message: what may be packed. */
bool scalar_is_one(ProtobufCType type);
/* How a single value of the type is written. */
enum pb_type scalar_wire_type(ProtobufCType type);
/* Bytes of one value in the generated struct: of strings and messages the pointer. */
size_t scalar_size(ProtobufCType type);
/* Reads one scalar into scalar_size() bytes at `out`, cut to its width, zigzag undone. */
bool scalar_read(struct pb_cursor *c, ProtobufCType type, void *out);

#endif
