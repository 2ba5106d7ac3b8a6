#include "server/store/engine_memory.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/plant.h"
#include "server/store/engine_request.h"
#include "server/store/engine_rows.h"

#define RECORD_OVERHEAD 24u /* what a record costs beside its bytes, as a journal counts */
#define OPS (ENGINE_CLOSE + 1)

/* What the fence knows of a home. */
struct memory_home {
    uint64_t lsn;     /* the last in the log */
    uint64_t pending; /* while an append is checked */
};

struct memory_shard {
    struct engine_rows rows;
    uint64_t applied_position;
    struct engine_record *log; /* log[0] has position log_first */
    size_t log_count, log_cap;
    uint64_t log_first;
    uint64_t log_bytes;
    struct map homes; /* home_id + 1 -> struct memory_home */
};

struct engine_memory_cluster {
    const struct chat_allocator *allocator;
    pthread_mutex_t mutex;
    uint64_t log_bytes_max;
    struct memory_shard *shards[ENGINE_SHARDS_MAX];
};

enum handle_state { HANDLE_CLOSED, HANDLE_OPEN, HANDLE_POISONED };

struct engine_memory {
    struct store_engine engine;
    const struct chat_allocator *allocator;
    struct engine_memory_cluster *cluster;
    uint8_t state[ENGINE_SHARDS_MAX]; /* enum handle_state */
    chat_status fail[OPS];            /* CHAT_OK: none planned */
    bool fail_done[OPS];
};

static uint64_t record_cost(const struct engine_record *record)
{
    return record->len + RECORD_OVERHEAD;
}

static uint64_t last_position(const struct memory_shard *shard)
{
    return shard->log_first + shard->log_count - 1;
}

/* --- cluster --- */

struct engine_memory_cluster *engine_memory_cluster_new(const struct chat_allocator *allocator)
{
    struct engine_memory_cluster *cluster;

    allocator = alloc_or_default(allocator);
    cluster = alloc_zeroed(allocator, sizeof(*cluster));
    if (!cluster)
        return NULL;
    if (pthread_mutex_init(&cluster->mutex, NULL) != 0) {
        alloc_free(allocator, cluster);
        return NULL;
    }
    cluster->allocator = allocator;
    cluster->log_bytes_max = ENGINE_MEMORY_LOG_BYTES_MAX;
    return cluster;
}

static void log_trim(struct engine_memory_cluster *cluster, struct memory_shard *shard,
                     uint64_t below)
{
    size_t drop = 0;

    while (drop < shard->log_count && shard->log[drop].position < below) {
        shard->log_bytes -= record_cost(&shard->log[drop]);
        alloc_free(cluster->allocator, (void *)(uintptr_t)shard->log[drop].bytes);
        drop++;
    }
    if (drop == 0)
        return;
    shard->log_count -= drop;
    shard->log_first += drop;
    memmove(shard->log, shard->log + drop, shard->log_count * sizeof(*shard->log));
}

static void shard_free(struct engine_memory_cluster *cluster, struct memory_shard *shard)
{
    size_t cursor = 0;
    uint64_t key;
    void *home;

    if (!shard)
        return;
    log_trim(cluster, shard, UINT64_MAX);
    alloc_free(cluster->allocator, shard->log);
    engine_rows_fini(&shard->rows);
    while (map_next(&shard->homes, &cursor, &key, &home))
        alloc_free(cluster->allocator, home);
    map_fini(&shard->homes);
    alloc_free(cluster->allocator, shard);
}

void engine_memory_cluster_free(struct engine_memory_cluster *cluster)
{
    if (!cluster)
        return;
    for (size_t i = 0; i < ENGINE_SHARDS_MAX; i++)
        shard_free(cluster, cluster->shards[i]);
    pthread_mutex_destroy(&cluster->mutex);
    alloc_free(cluster->allocator, cluster);
}

void engine_memory_cluster_set_log_max(struct engine_memory_cluster *cluster, uint64_t bytes)
{
    pthread_mutex_lock(&cluster->mutex);
    cluster->log_bytes_max = bytes;
    pthread_mutex_unlock(&cluster->mutex);
}

/* --- requests: the mutex is held --- */

static chat_status open_shard(struct engine_memory *memory, struct engine_request *request)
{
    struct engine_memory_cluster *cluster = memory->cluster;
    struct memory_shard *shard = cluster->shards[request->shard];
    const bool created = !shard;

    if (memory->state[request->shard] != HANDLE_CLOSED)
        return CHAT_E_STATE;
    if (created) {
        shard = alloc_zeroed(cluster->allocator, sizeof(*shard));
        if (!shard)
            return CHAT_E_NOMEM;
        engine_rows_init(&shard->rows, cluster->allocator);
        map_init(&shard->homes, cluster->allocator);
        shard->log_first = 1;
        cluster->shards[request->shard] = shard;
    }
    memory->state[request->shard] = HANDLE_OPEN;
    request->open.applied_position = shard->applied_position;
    request->open.synced_position = last_position(shard);
    request->open.oldest_position = shard->log_first;
    request->open.created = created;
    request->open.tail_cut = false;
    return CHAT_OK;
}

static chat_status read_log(struct memory_shard *shard, struct engine_request *request)
{
    const uint64_t from = request->log_read.from_position;
    size_t bytes = 0, count = 0, first;
    struct engine_record *records = NULL;

    if (from < shard->log_first)
        return CHAT_E_NOT_FOUND;
    first = from - shard->log_first < shard->log_count ? (size_t)(from - shard->log_first)
                                                       : shard->log_count;
    while (first + count < shard->log_count) {
        const size_t len = shard->log[first + count].len;
        if (count > 0 &&
            (len > request->log_read.bytes_max || bytes > request->log_read.bytes_max - len))
            break;
        bytes += len;
        count++;
    }
    if (count > 0) {
        records = arena_alloc(request->arena, count * sizeof(*records));
        if (!records)
            return CHAT_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = shard->log[first + i];
        records[i].bytes = arena_copy(request->arena, records[i].bytes, records[i].len);
        if (!records[i].bytes)
            return CHAT_E_NOMEM;
    }
    request->log_read.records = records;
    request->log_read.count = count;
    return CHAT_OK;
}

static struct memory_home *home_of(struct engine_memory_cluster *cluster,
                                   struct memory_shard *shard, uint64_t home_id)
{
    struct memory_home *home = map_get(&shard->homes, home_id + 1);

    if (home)
        return home;
    home = alloc_zeroed(cluster->allocator, sizeof(*home));
    if (home && map_put(&shard->homes, home_id + 1, home) != CHAT_OK) {
        alloc_free(cluster->allocator, home);
        return NULL;
    }
    return home;
}

/* Every (home, lsn) is the next free one, counting those before it in the batch. */
static chat_status check_lsns(struct engine_memory_cluster *cluster, struct memory_shard *shard,
                              const struct engine_record *records, size_t count)
{
    chat_status status = CHAT_OK;
    size_t seen = 0;

    for (; seen < count && status == CHAT_OK; seen++) {
        struct memory_home *home = home_of(cluster, shard, records[seen].home_id);
        if (!home)
            status = CHAT_E_NOMEM;
        else if (records[seen].lsn <= home->lsn)
            status = CHAT_E_CONFLICT;
        else if (records[seen].lsn != home->lsn + home->pending + 1)
            status = CHAT_E_INVALID;
        else
            home->pending++;
    }
    for (size_t i = 0; i < seen; i++) {
        struct memory_home *home = map_get(&shard->homes, records[i].home_id + 1);
        if (home)
            home->pending = 0;
    }
    return status;
}

static chat_status log_reserve(struct engine_memory_cluster *cluster, struct memory_shard *shard,
                               size_t extra)
{
    size_t cap = shard->log_cap ? shard->log_cap : 64;
    struct engine_record *log;

    while (cap - shard->log_count < extra)
        cap *= 2;
    if (cap == shard->log_cap)
        return CHAT_OK;
    log = alloc_resize(cluster->allocator, shard->log, shard->log_count * sizeof(*log),
                       cap * sizeof(*log));
    if (!log)
        return CHAT_E_NOMEM;
    shard->log = log;
    shard->log_cap = cap;
    return CHAT_OK;
}

/* Copies of the records behind the log's end; log_count is not moved yet. */
static chat_status log_copy(struct engine_memory_cluster *cluster, struct memory_shard *shard,
                            const struct engine_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct engine_record *copy = &shard->log[shard->log_count + i];
        uint8_t *bytes = alloc_bytes(cluster->allocator, records[i].len ? records[i].len : 1);
        if (!bytes) {
            while (i-- > 0)
                alloc_free(cluster->allocator,
                           (void *)(uintptr_t)shard->log[shard->log_count + i].bytes);
            return CHAT_E_NOMEM;
        }
        if (records[i].len > 0)
            memcpy(bytes, records[i].bytes, records[i].len);
        *copy = records[i];
        copy->bytes = bytes;
    }
    return CHAT_OK;
}

static chat_status append(struct engine_memory_cluster *cluster, struct memory_shard *shard,
                          struct engine_request *request)
{
    const struct engine_record *records = request->append.records;
    const size_t count = request->append.count;
    chat_status status;

    request->append.log_bytes = shard->log_bytes;
    request->append.log_bytes_max = cluster->log_bytes_max;
    if (PLANTED(APPEND_UNCONDITIONAL) && records[0].position <= last_position(shard))
        return CHAT_OK;
    if (records[0].position <= last_position(shard))
        return CHAT_E_CONFLICT;
    if (records[0].position != last_position(shard) + 1)
        return CHAT_E_INVALID;
    if (shard->log_bytes >= cluster->log_bytes_max)
        return CHAT_E_FULL;
    status = check_lsns(cluster, shard, records, count);
    if (status == CHAT_OK)
        status = log_reserve(cluster, shard, count);
    if (status == CHAT_OK)
        status = log_copy(cluster, shard, records, count);
    if (status != CHAT_OK)
        return status;

    shard->log_count += count;
    for (size_t i = 0; i < count; i++) {
        struct memory_home *home = map_get(&shard->homes, records[i].home_id + 1);
        home->lsn = records[i].lsn;
        shard->log_bytes += record_cost(&records[i]);
    }
    request->append.log_bytes = shard->log_bytes;
    return CHAT_OK;
}

static chat_status apply(struct engine_memory_cluster *cluster, struct memory_shard *shard,
                         const struct engine_request *request)
{
    chat_status status;

    if (request->apply.applied_position < shard->applied_position)
        return CHAT_E_CONFLICT;
    if (request->apply.applied_position > last_position(shard))
        return CHAT_E_INVALID;
    status = engine_rows_apply(&shard->rows, request->apply.rows, request->apply.count);
    if (status != CHAT_OK)
        return status;
    shard->applied_position = request->apply.applied_position;
    log_trim(cluster, shard, shard->applied_position + 1);
    return CHAT_OK;
}

static chat_status read_rows(const struct memory_shard *shard, struct engine_request *request)
{
    const size_t count = request->read.count;
    struct engine_result *results =
        arena_alloc(request->arena, (count ? count : 1) * sizeof(*results));

    if (!results)
        return CHAT_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        chat_status status =
            engine_rows_read(&shard->rows, &request->read.queries[i], request->arena, &results[i]);
        if (status != CHAT_OK)
            return status;
    }
    request->read.results = results;
    request->read.applied_position = shard->applied_position;
    return CHAT_OK;
}

static chat_status run(struct engine_memory *memory, struct engine_request *request)
{
    struct engine_memory_cluster *cluster = memory->cluster;
    const enum handle_state state = memory->state[request->shard];
    struct memory_shard *shard = cluster->shards[request->shard];

    if (request->op == ENGINE_OPEN)
        return open_shard(memory, request);
    if (state == HANDLE_CLOSED)
        return CHAT_E_STATE;
    if (request->op == ENGINE_CLOSE) {
        memory->state[request->shard] = HANDLE_CLOSED;
        return CHAT_OK;
    }
    if (state == HANDLE_POISONED)
        return CHAT_E_IO;
    switch (request->op) {
    case ENGINE_LOG_READ: return read_log(shard, request);
    case ENGINE_APPEND: return append(cluster, shard, request);
    case ENGINE_APPLY: return apply(cluster, shard, request);
    case ENGINE_READ: return read_rows(shard, request);
    case ENGINE_OPEN:
    case ENGINE_CLOSE: break;
    }
    return CHAT_E_INVALID;
}

/* The planned failure, if there is one: before the request, or over its success. */
static chat_status run_with_faults(struct engine_memory *memory, struct engine_request *request)
{
    const chat_status planned = memory->fail[request->op];
    const bool done = memory->fail_done[request->op];
    chat_status status;

    if (planned == CHAT_OK)
        return run(memory, request);

    memory->fail[request->op] = CHAT_OK;
    status = done ? run(memory, request) : planned;
    if (status != CHAT_OK && status != planned)
        return status;
    if (planned == CHAT_E_IO && memory->state[request->shard] == HANDLE_OPEN &&
        (request->op == ENGINE_APPEND || request->op == ENGINE_APPLY))
        memory->state[request->shard] = HANDLE_POISONED;
    return planned;
}

static void execute(struct store_engine *engine, struct engine_request *request)
{
    struct engine_memory *memory = (struct engine_memory *)(void *)engine;
    const chat_status status = engine_request_check(request);

    if (status != CHAT_OK) {
        request->status = status;
        return;
    }
    pthread_mutex_lock(&memory->cluster->mutex);
    request->status = run_with_faults(memory, request);
    pthread_mutex_unlock(&memory->cluster->mutex);
}

static void free_engine(struct store_engine *engine)
{
    struct engine_memory *memory = (struct engine_memory *)(void *)engine;

    if (memory)
        alloc_free(memory->allocator, memory);
}

static const struct store_engine_ops ops = {
    .name = "memory",
    .durability = WIRE_DURABILITY__DURABILITY_MEMORY,
    .execute = execute,
    .free = free_engine,
};

struct store_engine *engine_memory_new(struct engine_memory_cluster *cluster,
                                       const struct chat_allocator *allocator)
{
    struct engine_memory *memory;

    allocator = alloc_or_default(allocator);
    memory = alloc_zeroed(allocator, sizeof(*memory));
    if (!memory)
        return NULL;
    memory->engine.ops = &ops;
    memory->allocator = allocator;
    memory->cluster = cluster;
    return &memory->engine;
}

void engine_memory_fail_next(struct store_engine *engine, enum engine_op op, chat_status status,
                             bool done)
{
    struct engine_memory *memory = (struct engine_memory *)(void *)engine;

    pthread_mutex_lock(&memory->cluster->mutex);
    memory->fail[op] = status;
    memory->fail_done[op] = done;
    pthread_mutex_unlock(&memory->cluster->mutex);
}
