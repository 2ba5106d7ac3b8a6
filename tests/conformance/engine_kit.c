#include "engine_kit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define ARENA_MAX (64u << 20)

/* CHAT_KIT_LOG=1 shows what the engine has to say. */
static void print_log(chat_log_level level, const char *component, const char *text, void *user)
{
    (void)level, (void)user;
    fprintf(stderr, "%s: %s\n", component, text);
}

static const struct chat_logger loud = {.write = print_log, .level = CHAT_LOG_DEBUG};

static struct store_engine *start(struct engine_kit *kit, struct disk *disk)
{
    struct store_engine *engine = NULL;
    struct engine_embedded_config config = kit->config;

    if (kit->kind == KIND_MEMORY)
        return engine_memory_new(kit->cluster, NULL);
    config.disk = disk;
    config.logger = getenv("CHAT_KIT_LOG") ? &loud : NULL;
    if (engine_embedded_new(&config, &engine) != CHAT_OK)
        abort();
    return engine;
}

static struct disk *new_disk(struct engine_kit *kit)
{
    if (kit->kind == KIND_EMBEDDED_SIM)
        return sim_disk_mount(kit->storage);
    return kit->kind == KIND_EMBEDDED_REAL ? disk_posix_new(NULL) : NULL;
}

static void free_disk(struct engine_kit *kit)
{
    if (kit->kind == KIND_EMBEDDED_SIM)
        sim_disk_unmount(kit->disk);
    else
        disk_posix_free(kit->disk);
    kit->disk = NULL;
}

void engine_kit_init(struct engine_kit *kit, enum engine_kind kind)
{
    *kit = (struct engine_kit){.kind = kind};
    arena_init(&kit->arena, &alloc_default, ARENA_MAX);
    engine_embedded_config_init(&kit->config);
    kit->config.seed = 5;
    kit->config.segment_bytes = 256u << 10;
    kit->config.log_bytes_max = 4 * kit->config.segment_bytes;
    kit->config.checkpoint_bytes = 512u << 10;
    kit->config.cache_bytes = 1u << 20;
    kit->config.free_bytes_min = 1u << 20;
    if (kind == KIND_MEMORY) {
        kit->cluster = engine_memory_cluster_new(NULL);
        engine_memory_cluster_set_log_max(kit->cluster, kit->config.log_bytes_max);
    } else if (kind == KIND_EMBEDDED_SIM) {
        kit->storage = sim_disk_new(NULL, 9);
        kit->config.root = "data";
    } else {
        const char *base = getenv("TMPDIR");
        (void)snprintf(kit->folder, sizeof(kit->folder), "%s/chat-engine-XXXXXX",
                       base && strlen(base) < 32 ? base : "/tmp");
        if (!mkdtemp(kit->folder))
            abort();
        kit->config.root = kit->folder;
    }
    kit->disk = new_disk(kit);
    kit->engine = start(kit, kit->disk);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

void engine_kit_fini(struct engine_kit *kit)
{
    if (kit->engine)
        kit->engine->ops->free(kit->engine);
    free_disk(kit);
    engine_memory_cluster_free(kit->cluster);
    sim_disk_free(kit->storage);
    if (kit->kind == KIND_EMBEDDED_REAL)
        (void)nftw(kit->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_fini(&kit->arena);
}

void engine_kit_restart(struct engine_kit *kit, bool in_peace)
{
    /* A real folder cannot be left in the middle of things from inside. */
    if (!in_peace && kit->kind == KIND_EMBEDDED_SIM)
        sim_disk_kill(kit->disk);
    kit->engine->ops->free(kit->engine);
    free_disk(kit);
    kit->disk = new_disk(kit);
    kit->engine = start(kit, kit->disk);
}

struct store_engine *engine_kit_rival(struct engine_kit *kit)
{
    return start(kit, kit->kind == KIND_EMBEDDED_SIM ? sim_disk_mount(kit->storage) : kit->disk);
}

bool engine_kit_is_shared(const struct engine_kit *kit) { return kit->kind == KIND_MEMORY; }

/* --- requests --- */

static chat_status execute(struct store_engine *engine, struct engine_request *request)
{
    request->shard = KIT_SHARD;
    engine->ops->execute(engine, request);
    return request->status;
}

chat_status kit_engine_open(struct engine_kit *kit, struct store_engine *engine,
                            struct engine_request *out_request)
{
    struct engine_request request = {.op = ENGINE_OPEN};
    const chat_status status = execute(engine ? engine : kit->engine, &request);

    if (out_request)
        *out_request = request;
    return status;
}

chat_status kit_engine_close(struct store_engine *engine)
{
    struct engine_request request = {.op = ENGINE_CLOSE};

    return execute(engine, &request);
}

size_t kit_record_text(uint64_t position, char out[KIT_TEXT_MAX])
{
    return (size_t)snprintf(out, KIT_TEXT_MAX, "record %llu", (unsigned long long)position);
}

chat_status kit_engine_append_bytes(struct store_engine *engine, struct engine_record *record)
{
    struct engine_request request = {.op = ENGINE_APPEND};

    request.append.records = record;
    request.append.count = 1;
    return execute(engine, &request);
}

chat_status kit_engine_append(struct store_engine *engine, uint64_t home, uint64_t lsn,
                              uint64_t position, size_t count)
{
    struct engine_request request = {.op = ENGINE_APPEND};
    struct engine_record *records = calloc(count, sizeof(*records));
    char *texts = malloc(count * KIT_TEXT_MAX);
    chat_status status;

    if (!records || !texts)
        abort();
    for (size_t i = 0; i < count; i++) {
        char *text = texts + i * KIT_TEXT_MAX;
        records[i] = (struct engine_record){
            .home_id = home,
            .lsn = lsn + i,
            .position = position + i,
            .len = kit_record_text(position + i, text),
            .bytes = (const uint8_t *)text,
        };
    }
    request.append.records = records;
    request.append.count = count;
    status = execute(engine, &request);
    free(records);
    free(texts);
    return status;
}

chat_status kit_engine_log(struct engine_kit *kit, struct store_engine *engine, uint64_t from,
                           size_t bytes_max, struct engine_record **out, size_t *out_count)
{
    struct engine_request request = {.op = ENGINE_LOG_READ, .arena = &kit->arena};
    chat_status status;

    arena_reset(&kit->arena);
    request.log_read.from_position = from;
    request.log_read.bytes_max = bytes_max;
    status = execute(engine, &request);
    *out = request.log_read.records;
    *out_count = request.log_read.count;
    return status;
}

struct engine_row kit_row(uint32_t table, uint64_t k1, uint64_t k2, uint64_t k3, const char *value)
{
    return (struct engine_row){
        .table = table,
        .key = {k1, k2, k3},
        .value = (const uint8_t *)value,
        .value_len = value ? strlen(value) : 0,
    };
}

chat_status kit_engine_apply(struct store_engine *engine, struct engine_row *rows, size_t count,
                             uint64_t position)
{
    struct engine_request request = {.op = ENGINE_APPLY};

    request.apply.rows = rows;
    request.apply.count = count;
    request.apply.applied_position = position;
    return execute(engine, &request);
}

chat_status kit_engine_read(struct engine_kit *kit, struct store_engine *engine,
                            const struct engine_query *query, struct engine_result *out,
                            uint64_t *out_position)
{
    struct engine_request request = {.op = ENGINE_READ, .arena = &kit->arena};
    chat_status status;

    arena_reset(&kit->arena);
    request.read.queries = query;
    request.read.count = 1;
    status = execute(engine, &request);
    if (status == CHAT_OK) {
        *out = request.read.results[0];
        if (out_position)
            *out_position = request.read.applied_position;
    }
    return status;
}

const char *kit_engine_get(struct engine_kit *kit, uint32_t table, uint64_t k1, uint64_t k2,
                           uint64_t k3)
{
    const struct engine_query query = {.table = table, .from = {k1, k2, k3}, .to = {k1, k2, k3}};
    struct engine_result result;
    char *text;

    if (kit_engine_read(kit, kit->engine, &query, &result, NULL) != CHAT_OK)
        abort();
    if (result.count == 0)
        return NULL;
    text = arena_alloc(&kit->arena, result.rows[0].value_len + 1);
    if (!text)
        abort();
    memcpy(text, result.rows[0].value, result.rows[0].value_len);
    text[result.rows[0].value_len] = '\0';
    return text;
}
