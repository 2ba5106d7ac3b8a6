/*
 * wire: bytes to frames and back, with every limit of the protocol.
 *
 * The structs are protobuf-c's for proto/libchat/v1, their names shortened at build
 * time: libchat.v1.SendMessage is WireSendMessage, wire_send_message__init() and
 * WIRE_SEND_MESSAGE__INIT.
 *
 * Decoding checks the raw bytes first (wire types, UTF-8 without NUL, every length and
 * count, unknown fields are skipped and never stored), so what a caller sees keeps all
 * limits, and memory used is bounded by the arena.
 */
#ifndef CHAT_WIRE_WIRE_H
#define CHAT_WIRE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/arena.h"
#include "libchat/v1/client.pb-c.h"
#include "libchat/v1/link.pb-c.h"
#include "libchat/v1/record.pb-c.h"
#include "libchat/v1/types.pb-c.h"
#include "wire/frame.h"

#define WIRE_LINK_MESSAGE_MAX 1048576u /* bytes of a WebSocket message between daemons */
#define WIRE_LINK_FRAMES_MAX 4096u
/* An arena of so many times a message's maximum holds whatever a peer sends in earnest. */
#define WIRE_MEMORY_FACTOR 8u

/* Which rule a refused message broke. Borrowed constant strings, never NULL. */
struct wire_fault {
    /* "malformed", "utf8", "frames", "message_bytes", "memory", or the field whose limit was
     * passed: "SendMessage.text". "" when nothing was refused. */
    const char *rule;
    uint32_t frame;      /* index of the frame in its batch */
    uint32_t request_id; /* of that frame when it could be read (in 32 bits), else 0 */
};

/*
 * Decodes one WebSocket message into `arena`. The frames live until the arena is reset.
 * Unknown bodies decode as body_case NOT_SET.
 * Errors: CHAT_E_PROTOCOL (malformed), CHAT_E_TOO_LARGE (a limit), CHAT_E_NOMEM (the
 *         arena's max counts as a limit: CHAT_E_TOO_LARGE). *out_fault says which.
 */
chat_status wire_decode_client(const uint8_t *bytes, size_t len, struct arena *arena,
                               WireClientBatch **out_batch, struct wire_fault *out_fault);
chat_status wire_decode_server(const uint8_t *bytes, size_t len, struct arena *arena,
                               WireServerBatch **out_batch, struct wire_fault *out_fault);
chat_status wire_decode_link(const uint8_t *bytes, size_t len, struct arena *arena,
                             WireLinkBatch **out_batch, struct wire_fault *out_fault);

/*
 * The same message frame by frame, for who cannot spend the time of a whole one at once.
 * wire_check_server() looks at all of it, but into no frame: its length, its form, how many
 * frames it has. Then wire_next_server() decodes the frame at *at and moves on behind it;
 * *out_frame is NULL when only unknown fields were left.
 * Errors: as above.
 */
chat_status wire_check_server(const uint8_t *bytes, size_t len, struct wire_fault *out_fault);
chat_status wire_next_server(const uint8_t *bytes, size_t len, size_t *at, struct arena *arena,
                             WireServerFrame **out_frame, struct wire_fault *out_fault);

/* Decodes any single message that is not a batch (journal records, row values), with the
 * same checks. `descriptor` is the generated one. */
chat_status wire_decode(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                        size_t len, struct arena *arena, ProtobufCMessage **out_message,
                        struct wire_fault *out_fault);

/* Checks limits of a message we are about to send (the same table). */
chat_status wire_check(const ProtobufCMessage *message, struct wire_fault *out_fault);

/* Encodes one frame as a batch element. NULL: no memory. */
struct frame *wire_encode_client(const struct chat_allocator *allocator,
                                 const WireClientFrame *frame);
struct frame *wire_encode_server(const struct chat_allocator *allocator,
                                 const WireServerFrame *frame);
struct frame *wire_encode_link(const struct chat_allocator *allocator, const WireLinkFrame *frame);
/* Several frames in one buffer: one publication of many messages. */
struct frame *wire_encode_server_many(const struct chat_allocator *allocator,
                                      const WireServerFrame *const *frames, size_t count);

#endif
