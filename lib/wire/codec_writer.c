/* chat_codec_write(): public frame structs straight to bytes, without memory of its own. */
#include <libchat/codec.h>

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "libchat/v1/client.pb-c.h"
#include "wire/codec_map.h"
#include "wire/limits.h"
#include "wire/pb.h"
#include "wire/scalar.h"

#define FRAMES_FIELD 1u     /* of a batch */
#define REQUEST_ID_FIELD 1u /* of a frame */
#define TAG_LEN(number) pb_varint_len((uint64_t)(number) << 3)

/*
 * What a body's field holds, taken out of the public struct: absent fields (beyond the
 * caller's size) and defaults have nothing to write.
 */
struct held {
    const ProtobufCFieldDescriptor *f;
    uint64_t number;     /* a scalar */
    const uint8_t *data; /* a text, a list or a message */
    size_t len;          /* of a text in bytes, of a list in elements */
};

static chat_status measure(const struct codec_map *map, const void *body, size_t *out_len);
static uint8_t *put(const struct codec_map *map, const void *body, uint8_t *out);

static size_t given_size(const void *body)
{
    size_t size;
    memcpy(&size, body, sizeof(size));
    return size;
}

/* A number as the 64 bits that its varint or fixed64 holds. */
static uint64_t load_number(const struct codec_field *field, const ProtobufCFieldDescriptor *f,
                            const char *at)
{
    int32_t i32;
    uint32_t u32;
    uint64_t u64;
    bool truth;

    if (f->type == PROTOBUF_C_TYPE_BOOL) {
        memcpy(&truth, at, sizeof(truth));
        return truth;
    }
    if (field->size == sizeof(u64)) {
        memcpy(&u64, at, sizeof(u64));
        return u64;
    }
    if (f->type == PROTOBUF_C_TYPE_UINT32) {
        memcpy(&u32, at, sizeof(u32));
        return u32;
    }
    memcpy(&i32, at, sizeof(i32));
    return (uint64_t)(int64_t)i32; /* enums: negative ones take ten bytes, as Protobuf says */
}

static struct held hold(const struct codec_map *map, const struct codec_field *field,
                        const void *body)
{
    const char *base = body;
    size_t size = given_size(body);
    struct held held = {.f = codec_descriptor(map, field)};
    bool pointer = field->map || field->len_offset;

    if (field->offset + field->size > size || field->len_offset + sizeof(size_t) > size)
        return held;
    if (pointer)
        memcpy(&held.data, base + field->offset, sizeof(held.data));
    else
        held.number = load_number(field, held.f, base + field->offset);
    if (field->len_offset)
        memcpy(&held.len, base + field->len_offset, sizeof(held.len));
    return held;
}

static bool is_fixed64(const ProtobufCFieldDescriptor *f)
{
    return scalar_wire_type(f->type) == PB_FIXED64;
}

static size_t delimited_len(uint32_t number, size_t len)
{
    return TAG_LEN(number) + pb_varint_len(len) + len;
}

/* --- measuring, which also checks --- */

static chat_status check_text(const ProtobufCFieldDescriptor *f, const uint8_t *text, size_t len,
                              const struct limits_field *limit)
{
    if (!text && len > 0)
        return CHAT_E_INVALID;
    if (len > (limit ? limit->bytes_max : LIMITS_DEFAULT_BYTES))
        return CHAT_E_TOO_LARGE;
    if (f->type == PROTOBUF_C_TYPE_STRING && !utf8_is_valid(text, len))
        return CHAT_E_INVALID;
    return CHAT_OK;
}

static const void *list_item(const struct held *held, size_t i)
{
    const void *item;

    memcpy(&item, held->data + i * sizeof(item), sizeof(item));
    return item;
}

static chat_status measure_list(const struct codec_map *map, const struct codec_field *field,
                                const struct held *held, size_t *len)
{
    const struct limits_field *limit = limits_find(map->descriptor, field->number);

    if (held->len == 0)
        return CHAT_OK;
    if (held->len > (limit ? limit->count_max : LIMITS_DEFAULT_COUNT))
        return CHAT_E_TOO_LARGE;
    if (!held->data)
        return CHAT_E_INVALID;
    if (is_fixed64(held->f)) {
        *len += delimited_len(field->number, held->len * 8);
        return CHAT_OK;
    }
    for (size_t i = 0; i < held->len; i++) {
        const void *item = list_item(held, i);
        size_t item_len = 0;
        chat_status status = CHAT_E_INVALID;

        if (item && field->map) {
            status = measure(field->map, item, &item_len);
        } else if (item) {
            item_len = strlen(item);
            status = check_text(held->f, item, item_len, limit);
        }
        if (status != CHAT_OK)
            return status;
        *len += delimited_len(field->number, item_len);
    }
    return CHAT_OK;
}

static chat_status measure_field(const struct codec_map *map, const struct codec_field *field,
                                 const struct held *held, size_t *len)
{
    chat_status status = CHAT_OK;
    size_t inner = 0;

    if (held->f->label == PROTOBUF_C_LABEL_REPEATED)
        return measure_list(map, field, held, len);
    if (field->map) {
        if (!held->data)
            return CHAT_OK;
        status = measure(field->map, held->data, &inner);
        *len += delimited_len(field->number, inner);
    } else if (field->len_offset) {
        status =
            check_text(held->f, held->data, held->len, limits_find(map->descriptor, field->number));
        if (held->len > 0)
            *len += delimited_len(field->number, held->len);
    } else if (held->number) {
        *len += TAG_LEN(field->number);
        *len += is_fixed64(held->f) ? 8 : pb_varint_len(held->number);
    }
    return status;
}

/* The bytes of a body without tag and length. */
static chat_status measure(const struct codec_map *map, const void *body, size_t *out_len)
{
    size_t size = given_size(body), len = 0;

    if (size < sizeof(size) || size > map->size)
        return CHAT_E_INVALID;
    for (size_t i = 0; i < map->field_count; i++) {
        struct held held = hold(map, &map->fields[i], body);
        chat_status status = measure_field(map, &map->fields[i], &held, &len);

        if (status != CHAT_OK)
            return status;
    }
    *out_len = len;
    return CHAT_OK;
}

/* --- writing what was measured --- */

static uint8_t *put_tag(uint8_t *out, uint32_t number, enum pb_type type)
{
    return pb_put_varint(out, (uint64_t)number << 3 | type);
}

static uint8_t *put_fixed64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

static uint8_t *put_text(uint8_t *out, uint32_t number, const void *text, size_t len)
{
    out = pb_put_varint(put_tag(out, number, PB_BYTES), len);
    if (len > 0)
        memcpy(out, text, len);
    return out + len;
}

static uint8_t *put_message(uint8_t *out, uint32_t number, const struct codec_map *map,
                            const void *body)
{
    size_t len = 0;
    chat_status status = measure(map, body, &len);

    assert(status == CHAT_OK); /* measured before */
    (void)status;
    return put(map, body, pb_put_varint(put_tag(out, number, PB_BYTES), len));
}

static uint8_t *put_list(uint8_t *out, const struct codec_field *field, const struct held *held)
{
    if (held->len == 0)
        return out;
    if (is_fixed64(held->f)) {
        out = pb_put_varint(put_tag(out, field->number, PB_BYTES), held->len * 8);
        for (size_t i = 0; i < held->len; i++) {
            uint64_t number;

            memcpy(&number, held->data + i * sizeof(number), sizeof(number));
            out = put_fixed64(out, number);
        }
        return out;
    }
    for (size_t i = 0; i < held->len; i++) {
        const void *item = list_item(held, i);

        out = field->map ? put_message(out, field->number, field->map, item)
                         : put_text(out, field->number, item, strlen(item));
    }
    return out;
}

static uint8_t *put(const struct codec_map *map, const void *body, uint8_t *out)
{
    for (size_t i = 0; i < map->field_count; i++) {
        const struct codec_field *field = &map->fields[i];
        struct held held = hold(map, field, body);

        if (held.f->label == PROTOBUF_C_LABEL_REPEATED)
            out = put_list(out, field, &held);
        else if (field->map && held.data)
            out = put_message(out, field->number, field->map, held.data);
        else if (held.len > 0)
            out = put_text(out, field->number, held.data, held.len);
        else if (held.number && is_fixed64(held.f))
            out = put_fixed64(put_tag(out, field->number, PB_FIXED64), held.number);
        else if (held.number)
            out = pb_put_varint(put_tag(out, field->number, PB_VARINT), held.number);
    }
    return out;
}

/* --- the envelope --- */

static chat_status write_frame(chat_frame_kind kind, const void *body, uint32_t request_id,
                               uint8_t *bytes, size_t cap, size_t *out_len)
{
    const struct codec_map *map = codec_map_of(kind);
    uint32_t number = (uint32_t)kind % CODEC_SERVER_KINDS;
    size_t body_len = 0, frame_len = 0, most, len;
    uint8_t *out = bytes;
    chat_status status;

    *out_len = 0;
    if (!map || !body)
        return CHAT_E_INVALID;
    status = measure(map, body, &body_len);
    if (status != CHAT_OK)
        return status;
    if (request_id)
        frame_len = TAG_LEN(REQUEST_ID_FIELD) + pb_varint_len(request_id);
    frame_len += delimited_len(number, body_len);
    len = delimited_len(FRAMES_FIELD, frame_len);
    most = kind < CODEC_SERVER_KINDS ? CHAT_CLIENT_MESSAGE_MAX : CHAT_SERVER_MESSAGE_MAX;
    if (len > most)
        return CHAT_E_TOO_LARGE;
    *out_len = len;
    if (len > cap)
        return CHAT_E_TOO_LARGE;

    out = pb_put_varint(put_tag(out, FRAMES_FIELD, PB_BYTES), frame_len);
    if (request_id)
        out = pb_put_varint(put_tag(out, REQUEST_ID_FIELD, PB_VARINT), request_id);
    out = pb_put_varint(put_tag(out, number, PB_BYTES), body_len);
    out = put(map, body, out);
    assert(out == bytes + len);
    return CHAT_OK;
}

chat_status chat_codec_write(const struct chat_frame *frame, uint8_t *bytes, size_t cap,
                             size_t *out_len)
{
    *out_len = 0;
    if (frame->size != sizeof(*frame))
        return CHAT_E_INVALID;
    return write_frame(frame->kind, frame->body, frame->request_id, bytes, cap, out_len);
}

void chat_codec_write_prefix(uint32_t message_len, uint8_t out_bytes[4])
{
    for (unsigned i = 0; i < 4; i++)
        out_bytes[i] = (uint8_t)(message_len >> (24 - 8 * i));
}

#define WRITE(name, body_struct, kind)                                                             \
    chat_status chat_codec_write_##name(const struct body_struct *body, uint32_t request_id,       \
                                        uint8_t *bytes, size_t cap, size_t *out_len)               \
    {                                                                                              \
        return write_frame(kind, body, request_id, bytes, cap, out_len);                           \
    }

WRITE(send_message, chat_frame_send_message, CHAT_FRAME_SEND_MESSAGE)
WRITE(mark_read, chat_frame_mark_read, CHAT_FRAME_MARK_READ)
WRITE(heartbeat, chat_frame_heartbeat, CHAT_FRAME_HEARTBEAT)
WRITE(fetch_history, chat_frame_fetch_history, CHAT_FRAME_FETCH_HISTORY)
WRITE(hello, chat_frame_hello, CHAT_FRAME_HELLO)
WRITE(edit_message, chat_frame_edit_message, CHAT_FRAME_EDIT_MESSAGE)
WRITE(delete_message, chat_frame_delete_message, CHAT_FRAME_DELETE_MESSAGE)
WRITE(fetch_changes, chat_frame_fetch_changes, CHAT_FRAME_FETCH_CHANGES)
WRITE(fetch_members, chat_frame_fetch_members, CHAT_FRAME_FETCH_MEMBERS)
WRITE(fetch_users, chat_frame_fetch_users, CHAT_FRAME_FETCH_USERS)
WRITE(find_user, chat_frame_find_user, CHAT_FRAME_FIND_USER)
WRITE(open_direct, chat_frame_open_direct, CHAT_FRAME_OPEN_DIRECT)
WRITE(create_group, chat_frame_create_group, CHAT_FRAME_CREATE_GROUP)
WRITE(set_member, chat_frame_set_member, CHAT_FRAME_SET_MEMBER)
WRITE(watch_presence, chat_frame_watch_presence, CHAT_FRAME_WATCH_PRESENCE)
WRITE(set_presence, chat_frame_set_presence, CHAT_FRAME_SET_PRESENCE)
WRITE(refresh_token, chat_frame_refresh_token, CHAT_FRAME_REFRESH_TOKEN)
WRITE(goodbye, chat_frame_goodbye, CHAT_FRAME_GOODBYE)
WRITE(react, chat_frame_react, CHAT_FRAME_REACT)
WRITE(typing, chat_frame_typing, CHAT_FRAME_TYPING)
WRITE(mark_receipts, chat_frame_mark_receipts, CHAT_FRAME_MARK_RECEIPTS)
WRITE(set_channel_settings, chat_frame_set_channel_settings, CHAT_FRAME_SET_CHANNEL_SETTINGS)
WRITE(set_draft, chat_frame_set_draft, CHAT_FRAME_SET_DRAFT)
WRITE(fetch_receipts, chat_frame_fetch_receipts, CHAT_FRAME_FETCH_RECEIPTS)
WRITE(fetch_devices, chat_frame_fetch_devices, CHAT_FRAME_FETCH_DEVICES)
WRITE(sign_out_device, chat_frame_sign_out_device, CHAT_FRAME_SIGN_OUT_DEVICE)
WRITE(sign_out_everywhere, chat_frame_sign_out_everywhere, CHAT_FRAME_SIGN_OUT_EVERYWHERE)
WRITE(message, chat_frame_message, CHAT_FRAME_MESSAGE)
WRITE(sent, chat_frame_sent, CHAT_FRAME_SENT)
WRITE(changed, chat_frame_message, CHAT_FRAME_CHANGED)
WRITE(cursor, chat_frame_cursor, CHAT_FRAME_CURSOR)
WRITE(heartbeat_ack, chat_frame_heartbeat_ack, CHAT_FRAME_HEARTBEAT_ACK)
WRITE(presence, chat_frame_presence_batch, CHAT_FRAME_PRESENCE)
WRITE(welcome, chat_frame_welcome, CHAT_FRAME_WELCOME)
WRITE(problem, chat_frame_problem, CHAT_FRAME_PROBLEM)
WRITE(channel_list, chat_frame_channel_list, CHAT_FRAME_CHANNEL_LIST)
WRITE(history_page, chat_frame_history_page, CHAT_FRAME_HISTORY_PAGE)
WRITE(changes_page, chat_frame_changes_page, CHAT_FRAME_CHANGES_PAGE)
WRITE(altered, chat_frame_altered, CHAT_FRAME_ALTERED)
WRITE(members, chat_frame_members, CHAT_FRAME_MEMBERS)
WRITE(users, chat_frame_users, CHAT_FRAME_USERS)
WRITE(opened, chat_frame_opened, CHAT_FRAME_OPENED)
WRITE(member_changed, chat_frame_member_changed, CHAT_FRAME_MEMBER_CHANGED)
WRITE(channel_removed, chat_frame_channel_removed, CHAT_FRAME_CHANNEL_REMOVED)
WRITE(going_away, chat_frame_going_away, CHAT_FRAME_GOING_AWAY)
WRITE(ticket, chat_frame_ticket, CHAT_FRAME_TICKET)
WRITE(ok, chat_frame_ok, CHAT_FRAME_OK)
WRITE(mentions, chat_frame_mentions, CHAT_FRAME_MENTIONS)
WRITE(typing_now, chat_frame_typing, CHAT_FRAME_TYPING_NOW)
WRITE(receipts, chat_frame_receipts, CHAT_FRAME_RECEIPTS)
WRITE(channel_settings, chat_frame_channel_settings, CHAT_FRAME_CHANNEL_SETTINGS)
WRITE(draft, chat_frame_draft, CHAT_FRAME_DRAFT)
WRITE(devices, chat_frame_devices, CHAT_FRAME_DEVICES)
