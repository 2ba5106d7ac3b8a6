/* chat_codec_reader: messages in, frames out. */
#include <libchat/codec.h>

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "wire/codec_view.h"
#include "wire/wire.h"

/* Memory of one frame's public structs; a page of 500 changes, the largest, takes an eighth. */
#define VIEW_MAX 1048576u
#define CONFIG_SIZE_V1 (offsetof(struct chat_codec_reader_config, memory_max) + sizeof(size_t))

struct chat_codec_reader {
    struct chat_codec_reader_config config;
    struct arena message; /* the frames of the message under way */
    struct arena view;    /* the frame handed out last */
    const WireClientBatch *client;
    const WireServerBatch *server;
    size_t next;       /* index of the frame to come */
    struct buf stream; /* half a message and its prefix */
    bool broken;
    struct chat_frame frame;
    struct chat_codec_fault fault;
};

void chat_codec_reader_config_init_sized(struct chat_codec_reader_config *config, size_t size)
{
    const struct chat_codec_reader_config defaults = {
        .size = size,
        .side = CHAT_CODEC_FROM_SERVER,
    };
    memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static chat_status read_config(const struct chat_codec_reader_config *given,
                               struct chat_codec_reader_config *out)
{
    size_t most;

    if (!given || given->size < CONFIG_SIZE_V1 || given->size > sizeof(*out))
        return CHAT_E_INVALID;
    chat_codec_reader_config_init(out);
    memcpy(out, given, given->size);
    if (out->side != CHAT_CODEC_FROM_CLIENT && out->side != CHAT_CODEC_FROM_SERVER)
        return CHAT_E_INVALID;
    most = out->side == CHAT_CODEC_FROM_CLIENT ? CHAT_CLIENT_MESSAGE_MAX : CHAT_SERVER_MESSAGE_MAX;
    if (out->message_max == 0)
        out->message_max = most;
    if (out->message_max > most)
        return CHAT_E_INVALID;
    if (out->memory_max == 0)
        out->memory_max = WIRE_MEMORY_FACTOR * most;
    return CHAT_OK;
}

chat_status chat_codec_reader_new(const struct chat_codec_reader_config *given,
                                  chat_codec_reader **out_reader)
{
    struct chat_codec_reader_config config;
    chat_codec_reader *reader;
    chat_status status = read_config(given, &config);

    if (status != CHAT_OK)
        return status;
    reader = alloc_zeroed(config.allocator, sizeof(*reader));
    if (!reader)
        return CHAT_E_NOMEM;
    reader->config = config;
    reader->fault.rule = "";
    arena_init(&reader->message, config.allocator, config.memory_max);
    arena_init(&reader->view, config.allocator, VIEW_MAX);
    buf_init(&reader->stream, config.allocator, CHAT_CODEC_PREFIX_LEN + config.message_max);
    *out_reader = reader;
    return CHAT_OK;
}

void chat_codec_reader_free(chat_codec_reader *reader)
{
    if (!reader)
        return;
    buf_fini(&reader->stream);
    arena_fini(&reader->view);
    arena_fini(&reader->message);
    alloc_free(reader->config.allocator, reader);
}

static void forget_message(chat_codec_reader *reader)
{
    arena_reset(&reader->view);
    arena_reset(&reader->message);
    reader->client = NULL;
    reader->server = NULL;
    reader->next = 0;
}

void chat_codec_reader_reset(chat_codec_reader *reader)
{
    forget_message(reader);
    buf_clear(&reader->stream);
    reader->broken = false;
    reader->fault = (struct chat_codec_fault){.rule = ""};
}

const struct chat_codec_fault *chat_codec_reader_get_fault(const chat_codec_reader *reader)
{
    return &reader->fault;
}

static size_t frame_count(const chat_codec_reader *reader)
{
    if (reader->client)
        return reader->client->n_frames;
    return reader->server ? reader->server->n_frames : 0;
}

static chat_status refuse_length(chat_codec_reader *reader)
{
    reader->fault = (struct chat_codec_fault){.rule = "message_bytes"};
    return CHAT_E_TOO_LARGE;
}

static chat_status decode(chat_codec_reader *reader, const uint8_t *bytes, size_t len)
{
    struct wire_fault fault = {.rule = ""};
    WireClientBatch *client = NULL;
    WireServerBatch *server = NULL;
    chat_status status;

    forget_message(reader);
    reader->fault = (struct chat_codec_fault){.rule = ""};
    if (len > reader->config.message_max)
        return refuse_length(reader);
    if (reader->config.side == CHAT_CODEC_FROM_CLIENT)
        status = wire_decode_client(bytes, len, &reader->message, &client, &fault);
    else
        status = wire_decode_server(bytes, len, &reader->message, &server, &fault);
    reader->client = client;
    reader->server = server;
    reader->fault.rule = fault.rule;
    reader->fault.frame = fault.frame;
    reader->fault.request_id = fault.request_id;
    return status;
}

chat_status chat_codec_reader_feed_message(chat_codec_reader *reader, const uint8_t *bytes,
                                           size_t bytes_len)
{
    if (reader->broken || reader->stream.len > 0 || reader->next < frame_count(reader))
        return CHAT_E_STATE;
    return decode(reader, bytes, bytes_len);
}

/* Moves at most `wanted` bytes of *bytes to the half message. */
static chat_status collect(chat_codec_reader *reader, const uint8_t **bytes, size_t *len,
                           size_t wanted)
{
    size_t taken = wanted < *len ? wanted : *len;
    chat_status status = buf_append(&reader->stream, *bytes, taken);

    if (status != CHAT_OK) {
        reader->broken = true;
        return status;
    }
    *bytes += taken;
    *len -= taken;
    return CHAT_OK;
}

static size_t read_prefix(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

chat_status chat_codec_reader_feed_stream(chat_codec_reader *reader, const uint8_t *bytes,
                                          size_t bytes_len, size_t *out_used)
{
    struct buf *half = &reader->stream;
    const uint8_t *at = bytes;
    size_t left = bytes_len, len;
    chat_status status = CHAT_OK;

    *out_used = 0;
    if (reader->broken || reader->next < frame_count(reader))
        return CHAT_E_STATE;
    if (bytes_len == 0)
        return CHAT_OK;
    if (half->len < CHAT_CODEC_PREFIX_LEN)
        status = collect(reader, &at, &left, CHAT_CODEC_PREFIX_LEN - half->len);
    if (status != CHAT_OK || half->len < CHAT_CODEC_PREFIX_LEN) {
        *out_used = bytes_len - left;
        return status;
    }

    len = read_prefix(half->bytes);
    if (len > reader->config.message_max) {
        reader->broken = true;
        *out_used = bytes_len - left;
        return refuse_length(reader);
    }
    if (half->len == CHAT_CODEC_PREFIX_LEN && left >= len) { /* all of it is here: no copy */
        buf_clear(half);
        *out_used = bytes_len - left + len;
        return decode(reader, at, len);
    }
    status = collect(reader, &at, &left, CHAT_CODEC_PREFIX_LEN + len - half->len);
    *out_used = bytes_len - left;
    if (status != CHAT_OK || half->len < CHAT_CODEC_PREFIX_LEN + len)
        return status;
    status = decode(reader, half->bytes + CHAT_CODEC_PREFIX_LEN, len);
    buf_clear(half);
    return status;
}

chat_status chat_codec_reader_next(chat_codec_reader *reader, const struct chat_frame **out_frame)
{
    struct chat_frame *frame = &reader->frame;
    const ProtobufCMessage *body = NULL;
    const struct codec_map *map;
    uint32_t kind;

    arena_reset(&reader->view);
    *out_frame = NULL;
    if (reader->next >= frame_count(reader))
        return CHAT_OK;
    if (reader->client) {
        const WireClientFrame *f = reader->client->frames[reader->next];
        kind = (uint32_t)f->body_case;
        frame->request_id = f->request_id;
        body = kind ? &f->send_message->base : NULL; /* any member: all are messages */
    } else {
        const WireServerFrame *f = reader->server->frames[reader->next];
        kind = f->body_case ? CODEC_SERVER_KINDS + (uint32_t)f->body_case : 0;
        frame->request_id = f->request_id;
        body = kind ? &f->message->base : NULL;
    }
    frame->size = sizeof(*frame);
    frame->kind = CHAT_FRAME_UNKNOWN;
    frame->body = NULL;
    map = body ? codec_map_of((chat_frame_kind)kind) : NULL;
    if (map) {
        frame->body = codec_view(map, body, &reader->view);
        if (!frame->body)
            return CHAT_E_NOMEM;
        frame->kind = (chat_frame_kind)kind;
    }
    reader->next++;
    *out_frame = frame;
    return CHAT_OK;
}
