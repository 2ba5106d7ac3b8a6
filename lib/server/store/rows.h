/* rows: the keys of a store's rows, and their values to bytes and back. */
#ifndef CHAT_SERVER_STORE_ROWS_H
#define CHAT_SERVER_STORE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/snowflake.h"
#include "server/store/engine.h"
#include "wire/wire.h"

#define ROWS_VERSION 1u /* of records and rows */

/* k1 of META. */
#define META_DEPLOYMENT 1u
#define META_MINT 2u
/* k2 of HOME. */
#define HOME_INFO 0u
#define HOME_LSN 1u

static inline struct engine_key row_key(uint64_t k1, uint64_t k2, uint64_t k3)
{
    return (struct engine_key){k1, k2, k3};
}

static inline struct engine_query query_one(uint32_t table, struct engine_key key)
{
    return (struct engine_query){.table = table, .from = key, .to = key};
}

/* Ids of devices have all 64 bits. */
static inline struct engine_key device_row_key(uint64_t user, uint64_t device)
{
    return row_key(user, device & (uint64_t)INT64_MAX, device >> 63);
}

/* All rows of `table` with this k1, ascending. */
static inline struct engine_query query_under(uint32_t table, uint64_t k1, uint32_t limit)
{
    return (struct engine_query){.table = table,
                                 .from = row_key(k1, 0, 0),
                                 .to = row_key(k1, UINT64_MAX, UINT64_MAX),
                                 .limit = limit};
}

/* The home in which a shard creates homes. It exists by itself, and no minted id is it. */
static inline uint64_t root_home_id(uint32_t shard)
{
    return ((uint64_t)shard << SNOWFLAKE_COUNTER_BITS) | 1u;
}

static inline size_t row_size(const void *message)
{
    return protobuf_c_message_get_packed_size((const ProtobufCMessage *)message);
}

static inline void row_pack(const void *message, uint8_t *out)
{
    protobuf_c_message_pack((const ProtobufCMessage *)message, out);
}

/* Decodes what the engine gave back; NULL when it is not that, or there is no memory. */
void *row_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
                 struct arena *arena);
/* The same for the row of an exact query: NULL also when it is absent. */
void *row_of_result(const ProtobufCMessageDescriptor *descriptor,
                    const struct engine_result *result, struct arena *arena);

/* Why they gave nothing for bytes that are there. */
static inline chat_status row_trouble(const struct arena *arena)
{
    return arena->starved ? CHAT_E_NOMEM : CHAT_E_CORRUPT;
}

/* The new message that a record makes, which is its end; NULL when it makes none. */
static inline const WireMessage *row_new_message(const WireRecord *record)
{
    if (record->body_case == WIRE_RECORD__BODY_MENTIONING)
        return record->mentioning->message;
    return record->body_case == WIRE_RECORD__BODY_MESSAGE ? record->message : NULL;
}

/* Of an operation on a channel, for its nonce: kind, target and content. Stable for ever. */
enum body_kind { BODY_SEND = 1, BODY_EDIT = 2, BODY_DELETE = 3, BODY_REACT = 4 };
struct body {
    enum body_kind kind;
    uint64_t seq; /* replied to, or altered */
    const char *text;
    const uint8_t *extra;
    size_t extra_len;
    const uint64_t *mention_ids;
    size_t mention_count;
};
uint64_t body_hash(const struct body *body);
uint64_t body_hash_reaction(uint64_t seq, const char *emoji, bool remove);

#endif
