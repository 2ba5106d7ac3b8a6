/* What must hold for any bytes that lib/wire decodes. */
#ifndef CHAT_TESTS_FUZZ_WIRE_H
#define CHAT_TESTS_FUZZ_WIRE_H

#include <string.h>

#include "fuzz.h"
#include "wire/wire.h"

/* A refusal names its rule. */
static inline void fuzz_refused(chat_status status, const struct wire_fault *fault)
{
    FUZZ_CHECK(status == CHAT_E_PROTOCOL || status == CHAT_E_TOO_LARGE || status == CHAT_E_NOMEM);
    FUZZ_CHECK(fault->rule && fault->rule[0]);
}

/*
 * What was decoded keeps every limit, is written without loss (a second reading writes the
 * same bytes), and protobuf-c's own reader reads these bytes as we do.
 */
static inline void fuzz_accepted(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *first = malloc(len + 1), *second = malloc(len + 1);
    struct wire_fault fault;
    struct arena arena;
    ProtobufCMessage *again = NULL;

    FUZZ_CHECK(first && second);
    FUZZ_CHECK(wire_check(message, &fault) == CHAT_OK);
    FUZZ_CHECK(protobuf_c_message_pack(message, first) == len);

    arena_init(&arena, NULL, SIZE_MAX / 2);
    FUZZ_CHECK(wire_decode(type, first, len, &arena, &again, &fault) == CHAT_OK);
    FUZZ_CHECK(protobuf_c_message_get_packed_size(again) == len);
    FUZZ_CHECK(protobuf_c_message_pack(again, second) == len);
    FUZZ_CHECK(memcmp(first, second, len) == 0);
    arena_fini(&arena);

    again = protobuf_c_message_unpack(type, NULL, len, first);
    FUZZ_CHECK(again);
    FUZZ_CHECK(protobuf_c_message_get_packed_size(again) == len);
    FUZZ_CHECK(protobuf_c_message_pack(again, second) == len);
    FUZZ_CHECK(memcmp(first, second, len) == 0);
    protobuf_c_message_free_unpacked(again, NULL);
    free(first);
    free(second);
}

/* One target for each of the three kinds of batches. */
#define FUZZ_BATCH(decode, type, memory_max)                                                       \
    int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)                                   \
    {                                                                                              \
        struct wire_fault fault;                                                                   \
        struct arena arena;                                                                        \
        type *batch = NULL;                                                                        \
        chat_status status;                                                                        \
                                                                                                   \
        arena_init(&arena, NULL, memory_max);                                                      \
        status = decode(bytes, len, &arena, &batch, &fault);                                       \
        FUZZ_CHECK(arena.used <= arena.max);                                                       \
        if (status == CHAT_OK)                                                                     \
            fuzz_accepted(&batch->base);                                                           \
        else                                                                                       \
            fuzz_refused(status, &fault);                                                          \
        arena_fini(&arena);                                                                        \
        return 0;                                                                                  \
    }

#endif
