#include "server/store/engine_embedded.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/plant.h"
#include "server/store/engine_journal.h"
#include "server/store/engine_request.h"
#include "server/store/engine_segment.h"
#include "server/store/engine_table.h"
#include "server/store/engine_vfs.h"

#define FOLDER_NAME_MAX 32u /* "/shard-0003", or "/table.db-wal" behind it */
#define ROOT_MAX (DISK_PATH_MAX - 2 * FOLDER_NAME_MAX)
#define MB (UINT64_C(1) << 20)

struct embedded_shard {
    struct engine_journal *journal;
    struct engine_table_file *table;
    struct disk_file *lock;
    uint32_t number;
    uint32_t busy;  /* requests under way */
    bool is_usable; /* opened, and not being closed */
    char folder[DISK_PATH_MAX];
};

struct engine_embedded {
    struct store_engine engine;
    struct engine_embedded_config config;
    const struct chat_allocator *allocator;
    char root[ROOT_MAX];
    struct engine_vfs *vfs;

    pthread_mutex_t mutex; /* the shards' array, busy and is_usable */
    pthread_cond_t idle;
    bool has_mutex, has_cond;
    bool folders_are_made; /* a missing one is told, not made */
    struct embedded_shard *shards[ENGINE_SHARDS_MAX];
};

static struct engine_embedded *embedded_of(struct store_engine *engine)
{
    return (struct engine_embedded *)(void *)engine;
}

/* --- opening a shard --- */

/* A folder that is there after a power loss, too. */
static chat_status make_folder(struct disk *disk, const char *path)
{
    char parent[DISK_PATH_MAX];
    const char *slash = strrchr(path, '/');
    bool exists = false;
    chat_status status = disk_exists(disk, path, &exists);

    if (status == CHAT_OK && !exists)
        status = disk_make_dir(disk, path);
    if (status != CHAT_OK)
        return status;
    if (slash == path)
        (void)snprintf(parent, sizeof(parent), "/");
    else
        (void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1,
                       slash ? path : ".");
    return disk_sync_dir(disk, parent);
}

static void write_folder(const struct engine_embedded *embedded, uint32_t number,
                         char out_path[DISK_PATH_MAX])
{
    (void)snprintf(out_path, DISK_PATH_MAX, "%s/shard-%04u", embedded->root, number);
}

static chat_status find_folder(struct engine_embedded *embedded, const char *path)
{
    bool exists = false;
    chat_status status;

    if (!embedded->folders_are_made)
        return make_folder(embedded->config.disk, path);
    status = disk_exists(embedded->config.disk, path, &exists);
    if (status != CHAT_OK || exists)
        return status;
    log_write(embedded->config.logger, CHAT_LOG_ERROR, "engine",
              "%s is not there, while other shards' folders are: bring it back, or make an empty "
              "folder for a shard that is new",
              path);
    return CHAT_E_CORRUPT;
}

static chat_status take_lock(struct engine_embedded *embedded, struct embedded_shard *shard)
{
    char path[DISK_PATH_MAX + FOLDER_NAME_MAX];
    chat_status status;

    (void)snprintf(path, sizeof(path), "%s/lock", shard->folder);
    status = disk_open(embedded->config.disk, path, DISK_CREATE, &shard->lock);
    return status == CHAT_OK ? disk_lock(shard->lock) : status;
}

static chat_status open_table(struct engine_embedded *embedded, struct embedded_shard *shard)
{
    char path[DISK_PATH_MAX + FOLDER_NAME_MAX];
    const struct table_config config = {
        .allocator = embedded->allocator,
        .logger = embedded->config.logger,
        .disk = embedded->config.disk,
        .vfs = engine_vfs_name(embedded->vfs),
        .path = path,
        .shard = shard->number,
        .readers_max = embedded->config.readers_max,
        .cache_bytes = embedded->config.cache_bytes,
        .reader_cache_bytes = embedded->config.reader_cache_bytes,
    };

    (void)snprintf(path, sizeof(path), "%s/table.db", shard->folder);
    return engine_table_open(&config, &shard->table);
}

static uint32_t segments_max(const struct engine_embedded_config *config)
{
    const uint64_t count = config->log_bytes_max / config->segment_bytes;

    if (count < JOURNAL_SEGMENTS_MIN)
        return JOURNAL_SEGMENTS_MIN;
    return count > JOURNAL_SEGMENTS_MAX ? JOURNAL_SEGMENTS_MAX : (uint32_t)count;
}

static chat_status open_journal(struct engine_embedded *embedded, struct embedded_shard *shard,
                                struct journal_found *found)
{
    const struct journal_config config = {
        .allocator = embedded->allocator,
        .logger = embedded->config.logger,
        .disk = embedded->config.disk,
        .folder = shard->folder,
        .shard = shard->number,
        .segment_bytes = embedded->config.segment_bytes,
        .segments_max = segments_max(&embedded->config),
        .free_bytes_min = embedded->config.free_bytes_min,
        .seed = embedded->config.seed,
        .pause = embedded->config.pause,
        .pause_user = embedded->config.pause_user,
    };

    return engine_journal_open(&config, engine_table_applied(shard->table), &shard->journal, found);
}

static void shard_free(struct engine_embedded *embedded, struct embedded_shard *shard)
{
    if (!shard)
        return;
    engine_journal_close(shard->journal);
    engine_table_close(shard->table);
    disk_close(shard->lock); /* the last: then another owner may look */
    alloc_free(embedded->allocator, shard);
}

static chat_status shard_open(struct engine_embedded *embedded, struct embedded_shard *shard,
                              struct engine_request *request)
{
    struct journal_found found = {0};
    chat_status status;

    write_folder(embedded, shard->number, shard->folder);
    status = make_folder(embedded->config.disk, embedded->root);
    if (status == CHAT_OK)
        status = find_folder(embedded, shard->folder);
    if (status == CHAT_OK)
        status = take_lock(embedded, shard);
    if (status == CHAT_OK)
        status = open_table(embedded, shard);
    if (status == CHAT_OK)
        status = open_journal(embedded, shard, &found);
    if (status != CHAT_OK) {
        log_write(embedded->config.logger, CHAT_LOG_ERROR, "engine", "%s: not opened: %s",
                  shard->folder, chat_status_text(status));
        return status;
    }
    request->open.applied_position = engine_table_applied(shard->table);
    request->open.synced_position = found.synced_position;
    request->open.oldest_position = found.oldest_position;
    request->open.created = found.created;
    request->open.tail_cut = found.tail_cut;
    return CHAT_OK;
}

static chat_status run_open(struct engine_embedded *embedded, struct engine_request *request)
{
    struct embedded_shard *shard = alloc_zeroed(embedded->allocator, sizeof(*shard));
    chat_status status;

    if (!shard)
        return CHAT_E_NOMEM;
    shard->number = request->shard;
    pthread_mutex_lock(&embedded->mutex);
    if (embedded->shards[request->shard]) {
        pthread_mutex_unlock(&embedded->mutex);
        alloc_free(embedded->allocator, shard);
        return CHAT_E_STATE;
    }
    embedded->shards[request->shard] = shard;
    pthread_mutex_unlock(&embedded->mutex);

    status = shard_open(embedded, shard, request);
    pthread_mutex_lock(&embedded->mutex);
    shard->is_usable = status == CHAT_OK;
    if (status != CHAT_OK)
        embedded->shards[request->shard] = NULL;
    pthread_mutex_unlock(&embedded->mutex);
    if (status != CHAT_OK)
        shard_free(embedded, shard);
    return status == CHAT_E_NOT_FOUND ? CHAT_E_IO : status;
}

/* Waits for what other lanes still do. */
static chat_status run_close(struct engine_embedded *embedded, uint32_t number)
{
    struct embedded_shard *shard;

    pthread_mutex_lock(&embedded->mutex);
    shard = embedded->shards[number];
    if (!shard || !shard->is_usable) {
        pthread_mutex_unlock(&embedded->mutex);
        return CHAT_E_STATE;
    }
    shard->is_usable = false;
    while (shard->busy > 0)
        pthread_cond_wait(&embedded->idle, &embedded->mutex);
    pthread_mutex_unlock(&embedded->mutex);
    shard_free(embedded, shard);
    pthread_mutex_lock(&embedded->mutex);
    embedded->shards[number] = NULL;
    pthread_mutex_unlock(&embedded->mutex);
    return CHAT_OK;
}

/* --- requests on an open shard --- */

static chat_status run_append(struct embedded_shard *shard, struct engine_request *request)
{
    const chat_status status =
        engine_journal_append(shard->journal, request->append.records, request->append.count);
    const struct journal_usage usage = engine_journal_usage(shard->journal);

    request->append.log_bytes = usage.bytes;
    request->append.log_bytes_max = usage.bytes_max;
    return status;
}

/* A checkpoint, and the journal's segments that it sets free. */
static chat_status checkpoint(struct embedded_shard *shard, bool paced)
{
    bool complete = false;
    chat_status status = engine_table_checkpoint(shard->table, paced, &complete);

    if (complete)
        engine_journal_release(shard->journal, engine_table_applied(shard->table));
    return status;
}

/* Rows that no record of the log would bring back: they are durable now or not at all. */
static chat_status apply_unlogged(struct embedded_shard *shard, struct engine_request *request)
{
    bool complete = false;
    chat_status status = engine_table_apply(shard->table, request->apply.rows, request->apply.count,
                                            request->apply.applied_position);

    if (status == CHAT_OK)
        status = engine_table_checkpoint(shard->table, false, &complete);
    return status == CHAT_OK && !complete ? CHAT_E_UNAVAILABLE : status;
}

static chat_status run_apply(struct engine_embedded *embedded, struct embedded_shard *shard,
                             struct engine_request *request)
{
    chat_status status, after = CHAT_OK;

    if (request->apply.count > 0 &&
        request->apply.applied_position == engine_table_applied(shard->table))
        return apply_unlogged(shard, request);
    if (request->apply.applied_position > engine_journal_synced(shard->journal))
        return CHAT_E_INVALID;
    status = engine_table_apply(shard->table, request->apply.rows, request->apply.count,
                                request->apply.applied_position);
    if (PLANTED(SEGMENT_FREED_EARLY))
        engine_journal_release(shard->journal, engine_table_applied(shard->table));
    /* With a journal that fills up there is no time for gentleness; without room a
     * checkpoint lets SQLite's log begin again where it is. */
    if (status == CHAT_E_FULL ||
        engine_journal_wants_release(shard->journal, engine_table_applied(shard->table)))
        after = checkpoint(shard, false);
    else if (engine_table_wal_bytes(shard->table) >= embedded->config.checkpoint_bytes)
        after = checkpoint(shard, true);
    if (status != CHAT_OK)
        return status;
    engine_journal_prepare(shard->journal);
    /* The rows are in: no room for the checkpoint is for the next one to say. */
    return after == CHAT_E_FULL || after == CHAT_E_NOMEM ? CHAT_OK : after;
}

static chat_status run(struct engine_embedded *embedded, struct embedded_shard *shard,
                       struct engine_request *request)
{
    switch (request->op) {
    case ENGINE_LOG_READ:
        return engine_journal_read(shard->journal, request->log_read.from_position,
                                   request->log_read.bytes_max, request->arena,
                                   &request->log_read.records, &request->log_read.count);
    case ENGINE_APPEND: return run_append(shard, request);
    case ENGINE_APPLY: return run_apply(embedded, shard, request);
    case ENGINE_READ: return engine_table_read(shard->table, request);
    case ENGINE_OPEN:
    case ENGINE_CLOSE: break;
    }
    return CHAT_E_INVALID;
}

/* NULL when the shard is not open; else leave() follows. */
static struct embedded_shard *enter(struct engine_embedded *embedded, uint32_t number)
{
    struct embedded_shard *shard;

    pthread_mutex_lock(&embedded->mutex);
    shard = embedded->shards[number];
    if (shard && !shard->is_usable)
        shard = NULL;
    if (shard)
        shard->busy++;
    pthread_mutex_unlock(&embedded->mutex);
    return shard;
}

static void leave(struct engine_embedded *embedded, struct embedded_shard *shard)
{
    pthread_mutex_lock(&embedded->mutex);
    if (--shard->busy == 0)
        pthread_cond_broadcast(&embedded->idle);
    pthread_mutex_unlock(&embedded->mutex);
}

static void execute(struct store_engine *engine, struct engine_request *request)
{
    struct engine_embedded *embedded = embedded_of(engine);
    struct embedded_shard *shard;

    request->status = engine_request_check(request);
    if (request->status != CHAT_OK)
        return;
    if (request->op == ENGINE_OPEN) {
        request->status = run_open(embedded, request);
        return;
    }
    if (request->op == ENGINE_CLOSE) {
        request->status = run_close(embedded, request->shard);
        return;
    }
    shard = enter(embedded, request->shard);
    if (!shard) {
        request->status = CHAT_E_STATE;
        return;
    }
    request->status = run(embedded, shard, request);
    leave(embedded, shard);
}

chat_status engine_embedded_check(struct store_engine *engine, uint32_t number)
{
    struct engine_embedded *embedded = embedded_of(engine);
    struct embedded_shard *shard = number < ENGINE_SHARDS_MAX ? enter(embedded, number) : NULL;
    chat_status status;

    if (!shard)
        return CHAT_E_STATE;
    status = engine_table_check(shard->table);
    leave(embedded, shard);
    return status;
}

/* --- the engine --- */

static void free_engine(struct store_engine *engine)
{
    struct engine_embedded *embedded = embedded_of(engine);

    if (!embedded)
        return;
    for (uint32_t i = 0; i < ENGINE_SHARDS_MAX; i++)
        shard_free(embedded, embedded->shards[i]);
    engine_vfs_free(embedded->vfs);
    if (embedded->has_cond)
        pthread_cond_destroy(&embedded->idle);
    if (embedded->has_mutex)
        pthread_mutex_destroy(&embedded->mutex);
    alloc_free(embedded->allocator, embedded);
}

static const struct store_engine_ops ops = {
    .name = "embedded",
    .durability = WIRE_DURABILITY__DURABILITY_LOCAL_DISK,
    .execute = execute,
    .free = free_engine,
};

void engine_embedded_config_init(struct engine_embedded_config *config)
{
    *config = (struct engine_embedded_config){
        .segment_bytes = 64 * MB,
        .log_bytes_max = 1024 * MB,
        .checkpoint_bytes = 64 * MB,
        .free_bytes_min = 64 * MB,
        .cache_bytes = 64 * MB,
        .reader_cache_bytes = 8 * MB,
        .readers_max = 8,
        .checkpoint_bytes_per_s = 100000000,
    };
}

static chat_status check_config(const struct engine_embedded_config *config)
{
    if (!config->disk || !config->root || config->root[0] == '\0' ||
        strlen(config->root) >= ROOT_MAX)
        return CHAT_E_INVALID;
    if (config->segment_bytes < SEGMENT_BYTES_MIN || config->segment_bytes > SEGMENT_BYTES_MAX ||
        config->segment_bytes % SEGMENT_ALIGN != 0)
        return CHAT_E_INVALID;
    return config->readers_max >= 1 && config->readers_max <= TABLE_READERS_MAX ? CHAT_OK
                                                                                : CHAT_E_INVALID;
}

chat_status engine_embedded_new(const struct engine_embedded_config *config,
                                struct store_engine **out_engine)
{
    struct engine_embedded *embedded;
    struct engine_vfs_config vfs = {
        .disk = config->disk,
        .seed = hash_pair(config->seed, 1),
        .checkpoint_bytes_per_s = config->checkpoint_bytes_per_s,
        .pause = config->pause,
        .pause_user = config->pause_user,
    };
    chat_status status = check_config(config);

    if (status != CHAT_OK)
        return status;
    vfs.allocator = alloc_or_default(config->allocator);
    embedded = alloc_zeroed(vfs.allocator, sizeof(*embedded));
    if (!embedded)
        return CHAT_E_NOMEM;
    embedded->engine.ops = &ops;
    embedded->config = *config;
    embedded->allocator = vfs.allocator;
    memcpy(embedded->root, config->root, strlen(config->root) + 1);
    embedded->config.root = embedded->root;
    embedded->has_mutex = pthread_mutex_init(&embedded->mutex, NULL) == 0;
    embedded->has_cond = pthread_cond_init(&embedded->idle, NULL) == 0;
    status = embedded->has_mutex && embedded->has_cond ? engine_vfs_new(&vfs, &embedded->vfs)
                                                       : CHAT_E_NOMEM;
    if (status != CHAT_OK) {
        free_engine(&embedded->engine);
        return status;
    }
    *out_engine = &embedded->engine;
    return CHAT_OK;
}

/* --- the folders of all --- */

struct search {
    const struct engine_embedded *embedded;
    bool found;
    chat_status status;
};

static bool look_for_table(const char *name, void *user)
{
    struct search *search = user;
    char path[DISK_PATH_MAX + FOLDER_NAME_MAX];
    int len;

    if (strncmp(name, "shard-", 6) != 0)
        return true;
    len = snprintf(path, sizeof(path), "%s/%s/table.db", search->embedded->root, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return true; /* not of our names */
    search->status = disk_exists(search->embedded->config.disk, path, &search->found);
    return search->status == CHAT_OK && !search->found;
}

chat_status engine_embedded_make_folders(struct store_engine *engine, const uint32_t *shards,
                                         uint32_t count)
{
    struct engine_embedded *embedded = embedded_of(engine);
    struct search search = {.embedded = embedded, .status = CHAT_OK};
    chat_status status = make_folder(embedded->config.disk, embedded->root);

    if (status == CHAT_OK)
        status = disk_list(embedded->config.disk, embedded->root, look_for_table, &search);
    if (status == CHAT_OK)
        status = search.status;
    for (uint32_t i = 0; i < count && status == CHAT_OK && !search.found; i++) {
        char path[DISK_PATH_MAX];

        write_folder(embedded, shards[i], path);
        status = make_folder(embedded->config.disk, path);
    }
    embedded->folders_are_made = status == CHAT_OK;
    return status;
}
