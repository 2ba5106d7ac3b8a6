/*
 * decode: Protobuf bytes to protobuf-c structs, driven by the generated descriptors, in one
 * pass that checks while it copies. Everything lands in the arena; nothing points into the
 * input.
 *
 * What it does where Protobuf leaves a choice:
 *   - unknown fields are checked for form, then dropped: they cost no memory;
 *   - a known field of the wrong wire type, a group, field number 0 and numbers of more than
 *     64 bits are malformed; packed and unpacked lists are both fine;
 *   - a scalar or string given twice: the last one counts; of a oneof's members too;
 *   - a message field that is no list given twice is malformed: merging is allowed by
 *     Protobuf, made by no encoder, and a way to slip content past a check;
 *   - enum values that are not known are kept as numbers.
 */
#ifndef CHAT_WIRE_DECODE_H
#define CHAT_WIRE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/status.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

#define DECODE_DEPTH_MAX 12u /* messages within messages; the schema needs 6 */

/* Where decoding is, for a fault. */
struct decode {
    struct arena *arena;
    const char *rule;     /* which one was broken */
    const uint8_t *frame; /* the element of the outermost list it was in, NULL before it */
    size_t frame_len;
    uint32_t frame_index;
};

/*
 * Errors: CHAT_E_PROTOCOL "malformed" or "utf8", CHAT_E_TOO_LARGE with the field's rule or
 *         "memory" for the arena's max, CHAT_E_NOMEM. *out_message is written on success.
 */
chat_status decode_message(struct decode *d, const ProtobufCMessageDescriptor *descriptor,
                           const uint8_t *bytes, size_t len, ProtobufCMessage **out_message);

#endif
