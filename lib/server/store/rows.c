#include "server/store/rows.h"

#include <string.h>

#include "base/hash.h"

/* The keys are part of what is stored. */
static const uint64_t text_key[2] = {UINT64_C(0x6c69626368617431), UINT64_C(0x626f64792e747874)};
static const uint64_t extra_key[2] = {UINT64_C(0x6c69626368617431), UINT64_C(0x626f64792e657874)};

void *row_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
                 struct arena *arena)
{
    /* struct chat_allocator has ProtobufCAllocator's shape. */
    return protobuf_c_message_unpack(descriptor, (ProtobufCAllocator *)(void *)&arena->as_allocator,
                                     len, bytes);
}

void *row_of_result(const ProtobufCMessageDescriptor *descriptor,
                    const struct engine_result *result, struct arena *arena)
{
    if (result->count == 0)
        return NULL;
    return row_unpack(descriptor, result->rows[0].value, result->rows[0].value_len, arena);
}

uint64_t body_hash(enum body_kind kind, uint64_t seq, const char *text, const uint8_t *extra,
                   size_t extra_len)
{
    uint64_t h = hash_pair(kind, seq);

    h = hash_pair(h, hash_bytes(text_key, text, strlen(text)));
    if (extra_len > 0)
        h = hash_pair(h, hash_bytes(extra_key, extra, extra_len));
    return h;
}
