/* What the service's store has, read from its rows. */
#include <string.h>

#include "server/shards.h"
#include "server/store/rows.h"
#include "testkit/kit.h"

#define ARENA_MAX (64u << 20)
#define PAGE 200u

static void show(const WireMessage *m, uint64_t channel_id, chat_testkit_message_fn each,
                 void *user)
{
    const struct chat_message message = {
        .channel_id = channel_id,
        .seq = m->seq,
        .message_id = m->message_id,
        .author_id = m->author_id,
        .nonce = {.device_id = m->nonce ? m->nonce->device_id : 0,
                  .counter = m->nonce ? m->nonce->counter : 0},
        .sent_at_ms = m->sent_at_ms,
        .edited_at_ms = m->edited_at_ms,
        .reply_to_seq = m->reply_to_seq,
        .rev = m->rev,
        .text = m->text,
        .text_len = strlen(m->text),
        .extra = m->extra.data,
        .extra_len = m->extra.len,
        .deleted = m->deleted,
    };

    each(&message, user);
}

/* One page of rows; *from_seq moves behind it. */
static chat_status read_page(chat_testkit *kit, struct arena *arena, uint64_t channel_id,
                             uint64_t *from_seq, size_t *out_count, chat_testkit_message_fn each,
                             void *user)
{
    const struct engine_query query = {.table = TABLE_MESSAGE,
                                       .from = row_key(channel_id, *from_seq, 0),
                                       .to = row_key(channel_id, UINT64_MAX, UINT64_MAX),
                                       .limit = PAGE};
    struct engine_request read = {
        .op = ENGINE_READ, .shard = shard_of_id(channel_id, kit->shards), .arena = arena};

    read.read.queries = &query;
    read.read.count = 1;
    kit->server.engine->ops->execute(kit->server.engine, &read);
    if (read.status != CHAT_OK)
        return read.status;
    *out_count = read.read.results[0].count;
    for (size_t i = 0; i < *out_count; i++) {
        const struct engine_row *row = &read.read.results[0].rows[i];
        const WireMessage *m =
            row_unpack(&wire_message__descriptor, row->value, row->value_len, arena);

        if (!m)
            return CHAT_E_IO;
        show(m, channel_id, each, user);
        *from_seq = row->key.k2 + 1;
    }
    return CHAT_OK;
}

chat_status chat_testkit_read_history(chat_testkit *kit, uint64_t channel_id, uint64_t from_seq,
                                      chat_testkit_message_fn each, void *user)
{
    struct arena arena;
    size_t count = PAGE;
    chat_status status;

    if (!kit_may_run(kit, &status))
        return status;
    if (!each)
        return CHAT_E_INVALID;
    if (!kit->server.router)
        return CHAT_E_UNAVAILABLE;
    if (shard_of_id(channel_id, kit->shards) == SHARD_NONE)
        return CHAT_E_NOT_FOUND;
    status = kit_server_settle(kit);
    arena_init(&arena, kit->allocator, ARENA_MAX);
    while (status == CHAT_OK && count == PAGE) {
        status = read_page(kit, &arena, channel_id, &from_seq, &count, each, user);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    return status;
}

static void count_one(const struct chat_message *message, void *user)
{
    if (!message->deleted)
        ++*(uint64_t *)user;
}

chat_status chat_testkit_count_messages(chat_testkit *kit, uint64_t channel_id, uint64_t *out_count)
{
    uint64_t count = 0;
    chat_status status = out_count
                             ? chat_testkit_read_history(kit, channel_id, 0, count_one, &count)
                             : CHAT_E_INVALID;

    if (status == CHAT_OK)
        *out_count = count;
    return status;
}
