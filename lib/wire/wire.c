#include "wire/wire.h"

#include <assert.h>
#include <string.h>

#include <libchat/limits.h>

#include "wire/decode.h"
#include "wire/pb.h"

#define FRAME_TAG 0x0a      /* field 1 of a batch, length first */
#define FRAMES_FIELD 1u     /* of every batch */
#define REQUEST_ID_FIELD 1u /* of every frame */

/* The request id of a frame that is refused: what of it can be read, and 0 else. */
static uint32_t peek_request_id(const uint8_t *frame, size_t len)
{
    struct pb_cursor c = pb_cursor_at(frame, len);
    uint64_t id = 0;

    while (c.at < c.end) {
        uint32_t number;
        enum pb_type type;
        bool is_id;

        if (!pb_tag(&c, &number, &type))
            break;
        is_id = number == REQUEST_ID_FIELD && type == PB_VARINT;
        if (is_id ? !pb_varint(&c, &id) : !pb_skip(&c, type))
            break;
    }
    return id <= UINT32_MAX ? (uint32_t)id : 0;
}

static chat_status decode_batch(const ProtobufCMessageDescriptor *descriptor, size_t max,
                                const uint8_t *bytes, size_t len, struct arena *arena,
                                void *out_batch, struct wire_fault *out_fault)
{
    struct decode d = {.arena = arena};
    ProtobufCMessage *batch;
    chat_status status;

    *out_fault = (struct wire_fault){.rule = ""};
    if (len > max) {
        out_fault->rule = "message_bytes";
        return CHAT_E_TOO_LARGE;
    }
    status = decode_message(&d, descriptor, bytes, len, &batch);
    if (status == CHAT_OK) {
        memcpy(out_batch, &batch, sizeof(batch));
        return CHAT_OK;
    }
    out_fault->rule = d.rule;
    out_fault->frame = d.frame_index;
    if (d.frame)
        out_fault->request_id = peek_request_id(d.frame, d.frame_len);
    return status;
}

chat_status wire_decode_client(const uint8_t *bytes, size_t len, struct arena *arena,
                               WireClientBatch **out_batch, struct wire_fault *out_fault)
{
    return decode_batch(&wire_client_batch__descriptor, CHAT_CLIENT_MESSAGE_MAX, bytes, len, arena,
                        out_batch, out_fault);
}

chat_status wire_decode_server(const uint8_t *bytes, size_t len, struct arena *arena,
                               WireServerBatch **out_batch, struct wire_fault *out_fault)
{
    return decode_batch(&wire_server_batch__descriptor, CHAT_SERVER_MESSAGE_MAX, bytes, len, arena,
                        out_batch, out_fault);
}

/* The next element of a batch; false: none is left, or (*out_good false) it has no form. */
static bool next_element(struct pb_cursor *c, struct pb_cursor *out_frame, bool *out_good)
{
    while (c->at < c->end) {
        uint32_t number;
        enum pb_type type;

        *out_good = pb_tag(c, &number, &type);
        if (!*out_good)
            return false;
        if (number == FRAMES_FIELD) {
            *out_good = type == PB_BYTES && pb_bytes(c, out_frame);
            return *out_good;
        }
        *out_good = pb_skip(c, type);
        if (!*out_good)
            return false;
    }
    *out_good = true;
    return false;
}

chat_status wire_check_server(const uint8_t *bytes, size_t len, struct wire_fault *out_fault)
{
    struct pb_cursor c = pb_cursor_at(bytes, len), frame;
    uint32_t count = 0;
    bool good = true;

    *out_fault = (struct wire_fault){.rule = ""};
    if (len > CHAT_SERVER_MESSAGE_MAX) {
        out_fault->rule = "message_bytes";
        return CHAT_E_TOO_LARGE;
    }
    while (next_element(&c, &frame, &good)) {
        if (++count > CHAT_SERVER_FRAMES_MAX) {
            out_fault->rule = "frames";
            return CHAT_E_TOO_LARGE;
        }
    }
    if (good)
        return CHAT_OK;
    out_fault->rule = "malformed";
    return CHAT_E_PROTOCOL;
}

chat_status wire_next_server(const uint8_t *bytes, size_t len, size_t *at, struct arena *arena,
                             WireServerFrame **out_frame, struct wire_fault *out_fault)
{
    struct pb_cursor c = pb_cursor_at(bytes + *at, len - *at), frame;
    struct decode d = {.arena = arena};
    ProtobufCMessage *message;
    bool good, any = next_element(&c, &frame, &good);
    chat_status status;

    *out_fault = (struct wire_fault){.rule = good ? "" : "malformed"};
    *out_frame = NULL;
    if (!any) {
        *at = len;
        return good ? CHAT_OK : CHAT_E_PROTOCOL;
    }
    *at = (size_t)(c.at - bytes);
    status =
        decode_message(&d, &wire_server_frame__descriptor, frame.at, pb_left(&frame), &message);
    if (status == CHAT_OK) {
        memcpy(out_frame, &message, sizeof(message));
        return CHAT_OK;
    }
    out_fault->rule = d.rule;
    out_fault->request_id = peek_request_id(frame.at, pb_left(&frame));
    return status;
}

chat_status wire_decode_link(const uint8_t *bytes, size_t len, struct arena *arena,
                             WireLinkBatch **out_batch, struct wire_fault *out_fault)
{
    return decode_batch(&wire_link_batch__descriptor, WIRE_LINK_MESSAGE_MAX, bytes, len, arena,
                        out_batch, out_fault);
}

chat_status wire_decode(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                        size_t len, struct arena *arena, ProtobufCMessage **out_message,
                        struct wire_fault *out_fault)
{
    struct decode d = {.arena = arena};
    chat_status status = decode_message(&d, descriptor, bytes, len, out_message);

    *out_fault = (struct wire_fault){.rule = d.rule};
    return status;
}

/* Bytes of a message of `size` bytes as an element of a batch. */
static size_t element_len(size_t size) { return 1 + pb_varint_len(size) + size; }

static uint8_t *put_element(uint8_t *out, const ProtobufCMessage *message, size_t size)
{
    *out++ = FRAME_TAG;
    out = pb_put_varint(out, size);
    return out + protobuf_c_message_pack(message, out);
}

static struct frame *encode_one(const struct chat_allocator *allocator,
                                const ProtobufCMessage *message, uint32_t kind)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    struct frame *frame = frame_new(allocator, element_len(size));

    if (!frame)
        return NULL;
    frame->kind = kind;
    put_element(frame->bytes, message, size);
    return frame;
}

struct frame *wire_encode_client(const struct chat_allocator *allocator,
                                 const WireClientFrame *frame)
{
    return encode_one(allocator, &frame->base, (uint32_t)frame->body_case);
}

struct frame *wire_encode_server(const struct chat_allocator *allocator,
                                 const WireServerFrame *frame)
{
    return encode_one(allocator, &frame->base, (uint32_t)frame->body_case);
}

struct frame *wire_encode_link(const struct chat_allocator *allocator, const WireLinkFrame *frame)
{
    return encode_one(allocator, &frame->base, (uint32_t)frame->body_case);
}

struct frame *wire_encode_server_many(const struct chat_allocator *allocator,
                                      const WireServerFrame *const *frames, size_t count)
{
    struct frame *joined;
    size_t len = 0;
    uint8_t *out;

    assert(count > 0 && count <= CHAT_SERVER_FRAMES_MAX);
    for (size_t i = 0; i < count; i++)
        len += element_len(protobuf_c_message_get_packed_size(&frames[i]->base));
    joined = frame_new(allocator, len);
    if (!joined)
        return NULL;
    joined->count = (uint32_t)count;
    joined->kind = (uint32_t)frames[0]->body_case;
    out = joined->bytes;
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessage *message = &frames[i]->base;
        out = put_element(out, message, protobuf_c_message_get_packed_size(message));
    }
    assert(out == joined->bytes + len);
    return joined;
}
