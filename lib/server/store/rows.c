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

uint64_t body_hash(const struct body *b)
{
    uint64_t h = hash_pair(b->kind, b->seq);

    h = hash_pair(h, hash_bytes(text_key, b->text, strlen(b->text)));
    if (b->extra_len > 0)
        h = hash_pair(h, hash_bytes(extra_key, b->extra, b->extra_len));
    for (size_t i = 0; i < b->mention_count; i++)
        h = hash_pair(h, b->mention_ids[i]);
    return h;
}

uint64_t body_hash_reaction(uint64_t seq, const char *emoji, bool remove)
{
    return hash_pair(body_hash(&(struct body){.kind = BODY_REACT, .seq = seq, .text = emoji}),
                     remove);
}
