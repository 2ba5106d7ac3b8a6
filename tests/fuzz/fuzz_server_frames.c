/* What a router sends to a client: the whole message, and the same frame by frame. */
#include <libchat/limits.h>

#include "fuzz_wire.h"

#define MEMORY_MAX (8u * CHAT_SERVER_MESSAGE_MAX)

static void same(const ProtobufCMessage *one, const ProtobufCMessage *other)
{
    size_t len = protobuf_c_message_get_packed_size(one);
    uint8_t *first = malloc(len + 1), *second = malloc(len + 1);

    FUZZ_CHECK(first && second);
    FUZZ_CHECK(protobuf_c_message_get_packed_size(other) == len);
    FUZZ_CHECK(protobuf_c_message_pack(one, first) == len);
    FUZZ_CHECK(protobuf_c_message_pack(other, second) == len);
    FUZZ_CHECK(memcmp(first, second, len) == 0);
    free(first);
    free(second);
}

/* Both ways refuse the same bytes, and find the same frames in others. */
static void by_frames(const uint8_t *bytes, size_t len, const WireServerBatch *whole, bool memory)
{
    struct wire_fault fault;
    struct arena arena;
    size_t at = 0, count = 0;
    chat_status status = wire_check_server(bytes, len, &fault);

    arena_init(&arena, NULL, MEMORY_MAX);
    while (status == CHAT_OK && at < len) {
        WireServerFrame *frame = NULL;
        size_t before = at;

        status = wire_next_server(bytes, len, &at, &arena, &frame, &fault);
        FUZZ_CHECK(at > before && at <= len);
        if (status != CHAT_OK || !frame)
            continue;
        if (whole) {
            FUZZ_CHECK(count < whole->n_frames);
            same(&frame->base, &whole->frames[count]->base);
        }
        count++;
        arena_reset(&arena);
    }
    if (whole)
        FUZZ_CHECK(status == CHAT_OK && count == whole->n_frames);
    else if (!memory) /* frame by frame needs less */
        fuzz_refused(status, &fault);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wire_fault fault;
    struct arena arena;
    WireServerBatch *batch = NULL;
    chat_status status;

    arena_init(&arena, NULL, MEMORY_MAX);
    status = wire_decode_server(bytes, len, &arena, &batch, &fault);
    FUZZ_CHECK(arena.used <= arena.max);
    if (status == CHAT_OK)
        fuzz_accepted(&batch->base);
    else
        fuzz_refused(status, &fault);
    by_frames(bytes, len, batch, status != CHAT_OK && strcmp(fault.rule, "memory") == 0);
    arena_fini(&arena);
    return 0;
}
