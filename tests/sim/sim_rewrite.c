#include "sim_rewrite.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/store/rows.h"
#include "sim_tap.h"

#define ARENA_MAX (64u << 20)
#define CHANNELS_MAX 64u

struct rewrite {
    struct store_engine *engine;
    struct checker *checker;
    struct arena arena;
    uint32_t shard;
    uint64_t applied;
    struct engine_row rows[2 * CHANNELS_MAX];
    size_t count;
};

static bool execute(struct rewrite *r, struct engine_request *request)
{
    request->shard = r->shard;
    request->arena = &r->arena;
    r->engine->ops->execute(r->engine, request);
    return request->status == CHAT_OK;
}

static void add_row(struct rewrite *r, uint32_t table, struct engine_key key, const void *message)
{
    const size_t len = row_size(message);
    uint8_t *bytes = arena_alloc(&r->arena, len ? len : 1);

    if (!bytes)
        exit(2);
    row_pack(message, bytes);
    r->rows[r->count++] =
        (struct engine_row){.table = table, .key = key, .value = bytes, .value_len = len};
}

/* The newest message that nobody altered gets other words. */
static void rewrite_message(struct rewrite *r, uint64_t channel_id, uint64_t head)
{
    struct engine_query query = {.table = TABLE_MESSAGE,
                                 .from = {channel_id, 1, 0},
                                 .to = {channel_id, head, 0},
                                 .limit = 20,
                                 .descending = true};
    struct engine_request read = {.op = ENGINE_READ};

    read.read.queries = &query;
    read.read.count = 1;
    if (!execute(r, &read))
        return;
    for (size_t i = 0; i < read.read.results[0].count; i++) {
        const struct engine_row *row = &read.read.results[0].rows[i];
        WireMessage *m =
            row_unpack(&wire_message__descriptor, row->value, row->value_len, &r->arena);
        char text[64];
        struct check_message told;

        if (!m || m->rev != 0 || m->deleted)
            continue;
        snprintf(text, sizeof(text), "restored %llu", (unsigned long long)m->message_id);
        m->text = text;
        told = sim_tap_message(m);
        add_row(r, TABLE_MESSAGE, row->key, m);
        checker_rewritten(r->checker, channel_id, m->seq, told.body);
        return;
    }
}

static void rewrite_channels(struct rewrite *r)
{
    struct engine_query query = {
        .table = TABLE_CHANNEL, .to = {UINT64_MAX, UINT64_MAX, UINT64_MAX}, .limit = CHANNELS_MAX};
    struct engine_request read = {.op = ENGINE_READ}, apply = {.op = ENGINE_APPLY};

    read.read.queries = &query;
    read.read.count = 1;
    if (!execute(r, &read))
        return;
    for (size_t i = 0; i < read.read.results[0].count; i++) {
        const struct engine_row *row = &read.read.results[0].rows[i];
        WireChannelRow *channel =
            row_unpack(&wire_channel_row__descriptor, row->value, row->value_len, &r->arena);

        if (!channel || channel->seq == 0)
            continue;
        checker_rewritten_channel(r->checker, row->key.k2);
        rewrite_message(r, row->key.k2, channel->seq);
        channel->epoch++;
        add_row(r, TABLE_CHANNEL, row->key, channel);
    }
    apply.apply.rows = r->rows;
    apply.apply.count = r->count;
    apply.apply.applied_position = r->applied;
    if (r->count > 0 && !execute(r, &apply))
        exit(2);
}

static void rewrite_shard(struct rewrite *r)
{
    struct engine_request open = {.op = ENGINE_OPEN}, close = {.op = ENGINE_CLOSE};

    arena_init(&r->arena, NULL, ARENA_MAX);
    r->count = 0;
    if (execute(r, &open)) {
        r->applied = open.open.applied_position;
        if (open.open.synced_position == r->applied)
            rewrite_channels(r);
        (void)execute(r, &close);
    }
    arena_fini(&r->arena);
}

void sim_rewrite(struct sim_storage *storage, const uint32_t *shards, uint32_t count,
                 struct checker *checker)
{
    struct rewrite *r = calloc(1, sizeof(*r));

    if (!r)
        exit(2);
    sim_storage_set_full(storage, false);
    r->engine = sim_storage_engine(storage);
    r->checker = checker;
    for (uint32_t i = 0; i < count; i++) {
        r->shard = shards[i];
        rewrite_shard(r);
    }
    r->engine->ops->free(r->engine);
    sim_storage_crash(storage, false);
    free(r);
}
